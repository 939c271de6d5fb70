"""The trainer, on a module of a few numbers: resuming, stopping, what is kept."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import forked
import pytest
import torch
from torch import Tensor, nn

from sa2va_cli.errors import InputError, OutputError
from sa2va_cli.training import run_files
from sa2va_cli.training.run_files import RunFiles
from sa2va_cli.training.trainer import EndedError, Plan, StoppedError, Trainer, made_ahead


class Line(nn.Module):
    """Learns a line; dropout makes it depend on torch's random numbers."""

    def __init__(self, worse_from: int | None = None, to: float = float("nan")) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layer = nn.Linear(4, 1)
        self.dropout = nn.Dropout(0.2)
        self.worse_from, self.to = worse_from, to

    def forward(self, number: int) -> dict[str, Tensor]:
        x = torch.linspace(0, 1, 4) * (number % 7)
        loss = (self.layer(self.dropout(x)) - x.sum()).square().mean()
        if self.worse_from is not None and number >= self.worse_from:
            loss = loss * self.to
        return {"total": loss}


class Silent:
    """Watches and may end the process after a step, as nothing else can."""

    def __init__(self, kill_after: int | None = None) -> None:
        self.kill_after = kill_after

    def stepped(self, line: Mapping[str, Any], done: int, steps: int) -> None:
        if done == self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    def saved(self, done: int) -> None: ...

    def ends(self) -> bool:
        return False


def trainer(folder: Path, module: nn.Module, steps: int = 12) -> Trainer[int]:
    plan = Plan(
        steps=steps,
        rate=lambda step: 0.05 * (1 - step / steps),
        max_norm=1.0,
        accumulate=2,
        save_every=3,
        seed=4,
        diverged=4.0,
    )
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.05)
    return Trainer(
        module,
        optimiser,
        made_ahead(lambda n: n, 2),
        plan,
        RunFiles(folder),
        lambda: dict(module.named_parameters()),
    )


def curve(folder: Path) -> list[tuple[int, float]]:
    return [(line["step"], line["total"]) for line in RunFiles(folder).lines()]


def test_a_run_that_was_killed_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = Line()
    trainer(tmp_path / "whole", whole).run(Silent())
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]\n"
        "from test_trainer import Line, Silent, trainer\n"
        "trainer(Path(sys.argv[1]), Line()).run(Silent(kill_after=8))\n"
    )
    here = Path(__file__).parent
    paths = [str(here), str(here.parent), str(here.parent.parent)]
    killed = forked.start(code, str(tmp_path / "killed"), *paths)
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert [step for step, _ in curve(tmp_path / "killed")] == list(range(1, 9))
    again = Line()
    going_on = trainer(tmp_path / "killed", again)
    assert going_on.resume(torch.device("cpu")) == 6
    going_on.run(Silent())
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")
    assert torch.equal(again.layer.weight, whole.layer.weight)


def test_a_line_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    first = trainer(tmp_path, Line())
    first.run(Silent(), until=3)
    with first.files.metrics.open("a") as file:
        file.write('{"step": 4, "tot')
    again = trainer(tmp_path, Line())
    again.resume(torch.device("cpu"))
    again.run(Silent(), until=5)
    assert [step for step, _ in curve(tmp_path)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_and_leaves_the_last_good_checkpoint(
    tmp_path: Path, bad: float
) -> None:
    module = Line(worse_from=10, to=bad)
    with pytest.raises(StoppedError, match=r"the loss became (nan|inf) at step 6"):
        trainer(tmp_path, module).run(Silent())
    state = RunFiles(tmp_path).load(torch.device("cpu"))
    assert state is not None
    assert state["step"] == 3
    assert all(torch.isfinite(tensor).all() for tensor in state["learned"].values())


def test_a_loss_that_grows_out_of_all_proportion_stops(tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match=r"the loss rose to .* after it was down to"):
        trainer(tmp_path, Line(worse_from=60, to=1e4), steps=60).run(Silent())


def test_a_run_that_someone_ends_keeps_the_step_that_was_being_made(tmp_path: Path) -> None:
    trainer(tmp_path / "whole", Line()).run(Silent())

    class Ending(Silent):
        done = 0

        def stepped(self, line: Mapping[str, Any], done: int, steps: int) -> None:
            self.done = done

        def ends(self) -> bool:
            return self.done == 5

    one = trainer(tmp_path / "ended", Line())
    with pytest.raises(EndedError):
        one.run(Ending())
    again = trainer(tmp_path / "ended", Line())
    assert again.resume(torch.device("cpu")) == 5
    again.run(Silent())
    assert curve(tmp_path / "ended") == curve(tmp_path / "whole")


@pytest.mark.parametrize("state", [{"step": 3}, [], {"learned": {}, "step": 1}])
def test_a_state_that_is_none_of_this_training_is_told(tmp_path: Path, state: Any) -> None:
    torch.save(state, tmp_path / "last.pt")
    with pytest.raises(InputError, match="is damaged, or no state of this training; remove it to begin anew"):
        trainer(tmp_path, Line()).resume(torch.device("cpu"))


def test_a_line_that_a_killed_run_has_left_is_replaced(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    for score in (0.1, 0.2):
        files.log({"step": 2, "total": 1.0})
        files.log_again({"step": 2, "validation": {"J": score}})
    assert [line.get("validation") for line in files.lines()] == [None, None, {"J": 0.2}]


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = trainer(tmp_path, Line())
    one.run(Silent(), until=3)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_files.torch, "save", full)
    with pytest.raises(OutputError, match="no space left on the disk"):
        one.run(Silent(), until=6)
    monkeypatch.undo()
    state = RunFiles(tmp_path).load(torch.device("cpu"))
    assert state is not None
    assert state["step"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.pt", "metrics.jsonl"]


def test_examples_that_cannot_be_made_are_told_as_they_are(tmp_path: Path) -> None:
    module = Line()
    one = trainer(tmp_path, module)

    def broken(number: int) -> int:
        if number == 5:
            raise OutputError("annotations.json: entry 5 is broken")
        return number

    one.ahead = made_ahead(broken, 2)
    with pytest.raises(OutputError, match="entry 5 is broken"):
        one.run(Silent())
