"""Several processes, connected by gloo on processors, learn what one does."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from sa2va_cli.errors import UsageError
from sa2va_cli.training.job import check_job
from sa2va_cli.training.parallel import Processes, asked_to_shard, joined
from sa2va_cli.training.recipe import Optimiser
from sa2va_cli.training.run_files import RunFiles

HERE = Path(__file__).parent
PATHS = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]

RUN = """
import sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]
import torch
from test_trainer import Line, Silent, trainer
from sa2va_cli.training.parallel import joined
from sa2va_cli.training.trainer import made_ahead
torch.set_num_threads(1)
processes, device = joined(torch.device("cpu"))
for until in (6, 12):
    one = trainer(Path(sys.argv[1]), Line())
    one._processes, one.ahead = processes, made_ahead(lambda n: n, 2, processes)
    one.resume(device)
    one.run(Silent(), until=until)
processes.leave()
"""


def together(arguments: list[str], count: int = 2) -> list[str]:
    """Starts processes as torchrun does; returns what each wrote, which must have succeeded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(count)
    ]
    told = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0] * count, told
    return told


def test_without_a_launcher_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    alone, device = joined(torch.device("cpu"))
    assert (alone, device) == (Processes(), torch.device("cpu"))
    assert alone.of_first(lambda: 3) == 3
    assert list(alone.share(3)) == [0, 1, 2]


def test_shares_cover_every_example_once() -> None:
    shares = [list(Processes(index, 3).share(7)) for index in range(3)]
    assert shares == [[0, 3, 6], [1, 4], [2, 5]]


def test_accelerate_launch_may_ask_for_weights_to_be_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCELERATE_USE_FSDP", raising=False)
    assert not asked_to_shard()
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert asked_to_shard()


@pytest.mark.parametrize(
    ("count", "changes", "told"),
    [
        (1, {}, "divides weights among processes, and there is one; start several with torchrun"),
        (2, {"batch": 3}, "as many samples of a step as the others, and 2 cannot share 3 so"),
        (2, {"batch": 2, "optimiser": Optimiser(eight_bit=True)}, "eight_bit does not work with --fsdp"),
        (4, {"batch": 2}, "4 cannot share 2 so"),
    ],
)
def test_what_cannot_be_divided_is_told(
    count: int, changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    from test_finetuning import TINY, job, pictures

    recipe = dataclasses.replace(TINY, **changes)
    one = job(tmp_path / "base", pictures(tmp_path / "boxes", 1), tmp_path / "out", recipe)
    with pytest.raises(UsageError) as error:
        check_job(dataclasses.replace(one, processes=Processes(0, count), sharded=True))
    assert told in error.value.command_line


def test_two_processes_have_the_losses_of_one_and_go_on_where_they_were_stopped(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    from test_trainer import Line, Silent, trainer

    whole = Line()
    trainer(tmp_path / "one", whole).run(Silent())
    together(["-c", RUN, str(tmp_path / "two"), *PATHS])
    one, two = ([line["total"] for line in lines_of(tmp_path / run)] for run in ("one", "two"))
    assert len(two) == 12
    assert two == pytest.approx(one, rel=1e-5)  # sums of two numbers in another order
    state = RunFiles(tmp_path / "two").load(torch.device("cpu"))
    assert state is not None
    torch.testing.assert_close(state["learned"]["layer.weight"], whole.layer.weight.detach())


TRAIN = """
import dataclasses, sys; from pathlib import Path; sys.path[:0] = sys.argv[3:]
import torch
from test_finetuning import TINY, Silent, demo, job
from sa2va_cli.training.finetuning import Training
from sa2va_cli.training.parallel import joined
torch.set_num_threads(1)
processes, device = joined(torch.device("cpu"))
recipe = dataclasses.replace(TINY, accumulate=2, steps=3)
one = job(demo(), Path(sys.argv[1]), Path(sys.argv[2]), recipe)
done = Training(dataclasses.replace(one, device=device, processes=processes)).run(Silent())
processes.leave()
print(done.folder.name, done.steps)
"""


def lines_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_training_in_two_processes_is_that_in_one(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    from test_finetuning import TINY, Silent, demo, job, pictures

    from sa2va_cli.training.finetuning import RUN_FOLDER, Training

    data = pictures(tmp_path / "boxes", 4)
    recipe = dataclasses.replace(TINY, accumulate=2, steps=3)
    Training(job(demo(), data, tmp_path / "one", recipe)).run(Silent())
    told = together(["-c", TRAIN, str(data), str(tmp_path / "two"), *PATHS])
    assert [one.split()[-2:] for one in told] == [["two", "3"]] * 2
    one, two = (lines_of(tmp_path / run / RUN_FOLDER) for run in ("one", "two"))
    assert two[0]["total"] == one[0]["total"]  # before anything was added up in another order
    for name, tolerance in (("total", 1e-4), ("norm", 1e-3)):
        assert [line[name] for line in two] == pytest.approx([line[name] for line in one], rel=tolerance)
    assert (tmp_path / "two" / "model.safetensors").is_file()


SHARD = """
import dataclasses, sys; from pathlib import Path; sys.path[:0] = sys.argv[4:]
import torch
from test_finetuning import TINY, Scores, Silent, Stopping, job
from sa2va_cli.training.finetuning import Training
from sa2va_cli.training.parallel import joined
from sa2va_cli.training.sharding import is_divided
torch.set_num_threads(1)
processes, device = joined(torch.device("cpu"))
recipe = dataclasses.replace(TINY, accumulate=2, gradient_checkpointing=True)
one = job(Path(sys.argv[3]), Path(sys.argv[1]), Path(sys.argv[2]), recipe)
one = dataclasses.replace(one, device=device, processes=processes, sharded=True)
try:
    Training(one, Scores([0.1])).run(Stopping(3))
except KeyboardInterrupt:
    again = Training(one, Scores([0.2]))
    named = dict(again.network.named_parameters())
    divided = sum(p.numel() for p in named.values() if is_divided(p))
    own = sum(p.to_local().numel() for p in named.values() if is_divided(p))
    print(again.run(Silent()).step, own / divided)
"""


@pytest.mark.slow
def test_a_divided_language_model_learns_what_a_whole_one_does(tmp_path: Path) -> None:
    """FSDP, stopped after three steps and begun again from the checkpoint of the second."""
    pytest.importorskip("accelerate")
    from families import checkpoint
    from test_finetuning import TINY, Scores, Silent, job, pictures, tensors

    from sa2va_cli.training.finetuning import RUN_FOLDER, Training

    data, base = pictures(tmp_path / "boxes", 4), checkpoint("internvl-qwen2")
    recipe = dataclasses.replace(TINY, accumulate=2, gradient_checkpointing=True)
    Training(job(base, data, tmp_path / "one", recipe), Scores([0.1, 0.2])).run(Silent())
    told = together(["-c", SHARD, str(data), str(tmp_path / "two"), str(base), *PATHS])
    for step, share in (one.split()[-2:] for one in told):
        assert int(step) == 4
        assert float(share) == pytest.approx(0.5, abs=0.02)
    one, two = (lines_of(tmp_path / run / RUN_FOLDER) for run in ("one", "two"))
    assert [line["step"] for line in two] == [line["step"] for line in one] == [0, 1, 2, 3, 4, 4]
    for name, tolerance in (("total", 1e-4), ("norm", 1e-3)):
        found, wanted = ([line[name] for line in run if name in line] for run in (two, one))
        assert found == pytest.approx(wanted, rel=tolerance)
    learned, wanted = tensors(tmp_path / "two"), tensors(tmp_path / "one")
    assert learned.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(learned[name], tensor, atol=2e-5, rtol=1e-3, msg=name)


@pytest.mark.slow
def test_the_command_is_launched_with_its_weights_divided_and_speaks_once(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    from test_finetuning import pictures

    pictures(tmp_path / "data", 2)
    options = ("--recipe", "small", "--lora", "r=2", "--steps", "1", "--batch", "2", "--device", "cpu")
    command = ["-m", "sa2va_cli", "train", "demo", str(tmp_path / "data"), "-o", str(tmp_path / "new")]
    first, second = together([*command, *options, "--fsdp", "--json"])
    assert json.loads(first[first.index("{") : first.rindex("}") + 1])["steps"] == 1
    assert "{" not in second
    assert (tmp_path / "new" / "adapter" / "adapter_model.safetensors").is_file()
