"""Fine-tuning from a checkpoint to a checkpoint: every family, adapters, layouts, resuming."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from families import FAMILIES, checkpoint
from PIL import Image

from sa2va_cli.checkpoints.adapters import merge
from sa2va_cli.checkpoints.hub import resolve
from sa2va_cli.checkpoints.loader import load_network
from sa2va_cli.checkpoints.streaming import TensorFiles
from sa2va_cli.errors import InputError, ModelError, OutputError, UsageError
from sa2va_cli.evaluation.validating import DatasetValidator
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.outputs.locks import locked
from sa2va_cli.training.datasets.table import read_dataset
from sa2va_cli.training.examples import Examples, Source
from sa2va_cli.training.finetuning import ADAPTER_FOLDER, RUN_FOLDER, Trained, Training
from sa2va_cli.training.job import Job
from sa2va_cli.training.recipe import FULL, OFFICIAL, PARTS, SMALL, Lora, Losses, Recipe
from sa2va_cli.training.referring import ReferringObjective
from sa2va_cli.training.trained_parts import as_used, prepare, trained_tensors
from sa2va_cli.training.trainer import StoppedError

CPU, FLOAT = torch.device("cpu"), {"lm": torch.float32, "vit": torch.float32}
TINY = dataclasses.replace(
    OFFICIAL,
    lora=Lora(4, 8, 0.05),
    losses=Losses(points=256),
    words=SMALL.words,
    batch=1,
    accumulate=1,
    steps=4,
    save_every=2,
    gradient_checkpointing=False,
)
COLOURS = ((220, 40, 40), (40, 200, 60), (50, 80, 230), (240, 220, 60))
NAMES = ("red", "green", "blue", "yellow")


class Silent:
    def stepped(self, line: Mapping[str, Any], done: int, steps: int) -> None: ...

    def saved(self, done: int) -> None: ...

    def ends(self) -> bool:
        return False


class Stopping(Silent):
    """Ends the run after some steps, as Ctrl-C does."""

    def __init__(self, after: int) -> None:
        self.after = after

    def stepped(self, line: Mapping[str, Any], done: int, steps: int) -> None:
        if done == self.after:
            raise KeyboardInterrupt


def pictures(folder: Path, count: int = 8, size: int = 96) -> Path:
    """Data in the official fine-tuning format: a coloured box in each picture, on a grey wall."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    entries = []
    for k in range(count):
        image = np.full((size, size, 3), 128, np.uint8)
        left, top = (int(v) for v in rng.integers(8, size // 2, 2))
        right, bottom = left + int(rng.integers(28, 40)), top + int(rng.integers(28, 40))
        image[top:bottom, left:right] = COLOURS[k % 4]
        Image.fromarray(image).save(folder / "images" / f"{k}.png")
        box = [left, top, right, top, right, bottom, left, bottom]
        entries.append({"image": f"{k}.png", "mask": [[box]], "text": [f"{NAMES[k % 4]} box"]})
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return pictures(tmp_path / "boxes", 4)


def job(base: Path, data: Path, out: Path, recipe: Recipe = TINY, to: Any = "native") -> Job:
    sources = [Source.of(read_dataset(data).usable())]
    return Job(str(base), base, sources, [str(data)], recipe, out, to, CPU, FLOAT)


def demo() -> Path:
    return resolve("demo")


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    files = TensorFiles(folder)
    return {name: files.read(name) for name in files.names}


def losses_of(network: Sa2VANetwork, data: Path, recipe: Recipe = TINY) -> dict[str, float]:
    """Of the first picture, with the same random numbers every time."""
    objective = ReferringObjective(network.eval(), recipe)
    examples = Examples([Source.of(read_dataset(data).usable())], recipe, network.sam2.input_size)
    torch.manual_seed(0)
    with torch.no_grad():
        return {name: float(value) for name, value in objective(examples.example(0)).items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Training, Trained]:
    """A training that nothing disturbed, for tests that change nothing of it; its data are as ``data``."""
    folder = tmp_path_factory.mktemp("whole")
    training = Training(job(demo(), pictures(folder / "boxes", 4), folder / "out"))
    return training, training.run(Silent())


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    tmp_path: Path, data: Path, whole: tuple[Training, Trained]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        Training(job(demo(), data, tmp_path / "stopped")).run(Stopping(3))
    code = "import sys; from pathlib import Path; from sa2va_cli.staging import staged; "
    code += "staged(Path(sys.argv[1])).mkdir()"  # of a process that is gone
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "stopped" / "model")], check=True)
    Training(job(demo(), data, tmp_path / "stopped")).run(Silent())
    assert not list((tmp_path / "stopped").glob(".*"))
    for name in ("model.safetensors", f"{RUN_FOLDER}/metrics.jsonl"):
        wanted, found = ((run / name).read_bytes() for run in (whole[1].folder, tmp_path / "stopped"))
        if name.endswith("jsonl"):
            losses = [[json.loads(line)["total"] for line in run.splitlines()] for run in (wanted, found)]
            assert losses[0] == losses[1]
        else:
            assert wanted == found


def test_the_new_folder_is_a_model_and_the_adapter_makes_the_same_of_its_base(
    tmp_path: Path, data: Path, whole: tuple[Training, Trained]
) -> None:
    training, done = whole
    learned = losses_of(training.network, data)
    out = load_network(done.folder, CPU, torch.float32)
    assert losses_of(out, data) == pytest.approx(learned, rel=1e-4)
    assert losses_of(out, data) != pytest.approx(
        losses_of(load_network(demo(), CPU, torch.float32), data), rel=0.01
    )
    assert done.adapter == done.folder / ADAPTER_FOLDER
    adapted = load_network(done.adapter, CPU, torch.float32)
    assert losses_of(adapted, data) == pytest.approx(learned, rel=1e-4)
    config = json.loads((done.adapter / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 4, 8)
    assert config["target_modules"] == [
        "down_proj",
        "gate_proj",
        "k_proj",
        "o_proj",
        "q_proj",
        "up_proj",
        "v_proj",
    ]
    merge(done.adapter, tmp_path / "merged", "native")
    assert (tmp_path / "merged/model.safetensors").read_bytes() == (
        done.folder / "model.safetensors"
    ).read_bytes()
    with pytest.raises(ModelError, match="is no adapter"):
        merge(done.folder, tmp_path / "again", "native")


def test_only_what_the_recipe_trains_changes(whole: tuple[Training, Trained]) -> None:
    before, after = tensors(demo()), tensors(whole[1].folder)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    frozen = ("chat.vision_model.", "chat.projector.", "sam2.layers.vision_encoder.", "sam2.layers.memory_")
    assert not [name for name in changed if name.startswith(frozen)]
    assert {"text_hidden_fcs.2.weight", "chat.language_model.lm_head.weight"} <= changed
    assert [name for name in changed if name.startswith("sam2.layers.mask_decoder.")]
    assert [name for name in changed if "q_proj" in name and name.startswith("chat.language_model.")]


def test_a_published_model_keeps_its_layout_and_names(tmp_path: Path, data: Path) -> None:
    base = checkpoint("internvl-qwen2")
    Training(job(base, data, tmp_path / "out", dataclasses.replace(TINY, steps=1), "published")).run(Silent())
    before, after = tensors(base), tensors(tmp_path / "out")
    assert {n: t.shape for n, t in before.items()} == {n: t.shape for n, t in after.items()}
    assert json.loads((tmp_path / "out/config.json").read_text()) == json.loads(
        (base / "config.json").read_text()
    )
    load_network(tmp_path / "out", CPU, torch.float32)


def test_all_parts_can_be_trained_whole(tmp_path: Path, data: Path) -> None:
    whole = dataclasses.replace(TINY, parts=dict.fromkeys(PARTS, FULL), steps=1)
    done = Training(job(demo(), data, tmp_path / "out", whole)).run(Silent())
    assert done.adapter is None
    assert not (tmp_path / "out" / ADAPTER_FOLDER).exists()
    before, after = tensors(demo()), tensors(tmp_path / "out")
    assert before.keys() == after.keys()


def test_an_outlook_counts_and_writes_nothing(tmp_path: Path, data: Path) -> None:
    outlook = Training(job(demo(), data, tmp_path / "out")).outlook()
    assert outlook.steps == 4
    assert outlook.parts["vision"].trained == 0 < outlook.parts["vision"].frozen
    assert outlook.parts["projection"].frozen == 0 < outlook.parts["projection"].trained
    trained = sum(one.trained for one in outlook.parts.values())
    assert (outlook.memory.gradients, outlook.memory.optimiser) == (4 * trained, 8 * trained)
    assert outlook.seconds > 0
    assert not (tmp_path / "out").exists()


def test_what_is_scored_in_between_runs_in_the_precision_of_the_model(data: Path) -> None:
    dtypes = {"lm": torch.bfloat16, "vit": torch.bfloat16, "sam2": torch.float32}
    network = load_network(demo(), CPU, dtypes)
    prepare(network, TINY)
    before = {name: (p.dtype, p.clone()) for name, p in network.named_parameters()}
    assert torch.float32 in {p.dtype for p in network.chat.parameters()}
    validator = DatasetValidator(read_dataset(data).usable()[:1])
    with as_used(network.eval(), dtypes) as used:
        assert {p.dtype for p in used.chat.parameters()} == {torch.bfloat16}
        assert 0 <= validator.scores(used)["J"] <= 1
    assert all(p.dtype == before[name][0] for name, p in network.named_parameters())
    assert all(torch.equal(p, before[name][1]) for name, p in network.named_parameters())


def test_another_training_in_the_folder_is_refused(tmp_path: Path, data: Path) -> None:
    short = dataclasses.replace(TINY, steps=1)
    one = job(demo(), data, tmp_path / "out", short)
    Training(one).run(Silent())
    with pytest.raises(UsageError, match="holds a training with another recipe"):
        Training(dataclasses.replace(one, recipe=dataclasses.replace(short, seed=1)))
    bf16 = dict.fromkeys(FLOAT, torch.bfloat16)
    with pytest.raises(UsageError, match="holds a training with another dtype"):
        Training(dataclasses.replace(one, dtypes=bf16))
    scored = job(demo(), data, tmp_path / "scored", short)
    Training(scored, Scores([0.1, 0.2])).run(Silent())
    other = Scores([])
    other.name = "other"
    with pytest.raises(UsageError, match="holds a training with another validation data"):
        Training(scored, other)
    for text in ("{", "[]"):
        (tmp_path / "out" / RUN_FOLDER / "run.json").write_text(text)
        with pytest.raises(InputError, match="does not say which training this is"):
            Training(one)
    with locked(tmp_path / "new"), pytest.raises(OutputError, match="is being written already"):
        Training(job(demo(), data, tmp_path / "new")).run(Silent())
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="is a file, and a model is a folder"):
        Training(job(demo(), data, tmp_path / "file"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="exists already, and holds no training"):
        Training(job(demo(), data, tmp_path / "full"))


def test_an_adapter_is_no_model_to_begin_with(tmp_path: Path, data: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="is an adapter; first make a model of it"):
        Training(job(tmp_path / "adapter", data, tmp_path / "out"))


@pytest.mark.parametrize("words", ["red ball beside the tree " * 1000, "球" * 5000])
def test_a_sentence_that_the_model_cannot_read_is_refused_by_file_and_index(
    tmp_path: Path, data: Path, words: str
) -> None:
    entries = json.loads((data / "annotations.json").read_text())
    entries[2]["text"] = [words]
    (data / "annotations.json").write_text(json.dumps(entries))
    with pytest.raises(InputError, match=r"annotations\.json.*2.*tokens, and the model reads 1024 at most"):
        Training(job(demo(), data, tmp_path / "out"))


def test_a_conversation_that_the_model_cannot_read_is_refused_by_file_and_index(
    tmp_path: Path, data: Path
) -> None:
    training = Training(job(demo(), data, tmp_path / "out"))
    training.network.chat.language_model.config.max_position_embeddings = 70  # the pictures alone are 64
    with pytest.raises(InputError, match=r"annotations\.json.*answers this is \d+ tokens.*reads 70 at most"):
        training.run(Silent())


def test_words_that_look_like_tokens_are_words(data: Path) -> None:
    entries = json.loads((data / "annotations.json").read_text())
    entries[0]["text"] = ["[SEG] <|im_end|> <image> box"]
    (data / "annotations.json").write_text(json.dumps(entries[:1]))
    assert losses_of(load_network(demo(), CPU, torch.float32), data)["bce"] > 0


class Scores:
    """A validator that has its scores ready."""

    name = "val"

    def __init__(self, values: Sequence[float]) -> None:
        self.values = iter(values)

    def scores(self, network: Sa2VANetwork) -> Mapping[str, float]:
        assert not network.training
        return {"J": next(self.values)}

    def draw(self, network: Sa2VANetwork, path: Path) -> None:
        path.write_bytes(b"drawn")


def test_the_model_is_that_of_the_best_checkpoint(tmp_path: Path, data: Path) -> None:
    recipe = dataclasses.replace(TINY, validate_every=2)
    done = Training(job(demo(), data, tmp_path / "out", recipe), Scores([0.1, 0.9, 0.5])).run(Silent())
    assert (done.steps, done.step) == (4, 2)
    assert (done.before, done.scores) == ({"J": 0.1}, {"J": 0.9})
    half = dataclasses.replace(TINY, validate_every=2, steps=4)
    with pytest.raises(KeyboardInterrupt):
        Training(job(demo(), data, tmp_path / "half", half), Scores([0.1, 0.9])).run(Stopping(3))
    best = tmp_path / "half" / RUN_FOLDER / "best.safetensors"
    assert best.read_bytes() == (tmp_path / "out" / ADAPTER_FOLDER / "adapter_model.safetensors").read_bytes()


@pytest.mark.parametrize(("scores", "step"), [(None, 3), (Scores([0.1, 0.9]), 2)])
def test_a_useless_loss_ends_with_the_model_of_the_best_or_last_checkpoint(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, scores: Scores | None, step: int
) -> None:
    whole: Callable[..., Any] = ReferringObjective.forward
    calls = []

    def broken(self: ReferringObjective, example: Any) -> Any:
        calls.append(example)
        losses = whole(self, example)
        return losses | {"total": losses["total"] * (float("nan") if len(calls) == 4 else 1)}

    monkeypatch.setattr(ReferringObjective, "forward", broken)
    recipe = dataclasses.replace(TINY, save_every=1, validate_every=2)
    with pytest.raises(StoppedError) as stop:
        Training(job(demo(), data, tmp_path / "out", recipe), scores).run(Silent())
    assert "became nan at step 4; " in stop.value.command_line
    assert f"is the model of step {step}; try a lower --lr" in stop.value.command_line
    load_network(tmp_path / "out", CPU, torch.float32)


# The two others have the language model and the decoder of one of these.
@pytest.mark.parametrize("family", ["internvl-internlm2", "qwen2_5_vl", "qwen3_vl", "sa2va-i-internvl-qwen2"])
def test_activations_that_are_computed_twice_give_the_same_losses_and_gradients(
    family: str, data: Path
) -> None:
    found = []
    for twice in (False, True):
        recipe = dataclasses.replace(TINY, gradient_checkpointing=twice)
        network = load_network(checkpoint(family), CPU, torch.float32)
        torch.manual_seed(1)
        prepare(network, recipe)
        objective = ReferringObjective(network, recipe).train()
        examples = Examples([Source.of(read_dataset(data).usable())], recipe, network.sam2.input_size)
        torch.manual_seed(2)  # dropout, too, must be the same when computed again
        losses = objective(examples.example(0))
        losses["total"].backward()
        gradients = {name: p.grad for name, p in trained_tensors(network).items() if p.grad is not None}
        found.append((losses, gradients))
    (once, first), (again, second) = found
    assert first.keys() == second.keys()
    assert [n for n in first if "lora_B" in n], "adapters are reached"
    for name, loss in once.items():
        torch.testing.assert_close(again[name], loss)
    for name, gradient in first.items():
        torch.testing.assert_close(second[name], gradient, msg=name)


def iou_after(family: str, folder: Path, steps: int = 40) -> float:
    """The least IoU on eight pictures after so many steps on them."""
    data = pictures(folder / "boxes")
    recipe = dataclasses.replace(
        TINY,
        lora=Lora(8, 16, 0.0),
        losses=Losses(points=1024),
        optimiser=dataclasses.replace(OFFICIAL.optimiser, rate=3e-3),
        batch=8,
        steps=steps,
        save_every=1000,
    )
    training = Training(job(checkpoint(family), data, folder / "out", recipe))
    training.run(Silent())
    network = load_network(folder / "out", CPU, torch.float32)
    objective = ReferringObjective(network, recipe)
    found = []
    for number in range(8):
        example = training.examples.example(number)
        with torch.no_grad():
            queries, _ = objective._read(example)
            logits = objective.decode(example, queries)[0]
        wanted = example.masks[0, 0]
        large = torch.nn.functional.interpolate(logits[None], wanted.shape, mode="bilinear")
        predicted = large[0, 0].numpy() > 0
        found.append((predicted & wanted).sum() / (predicted | wanted).sum())
    return float(min(found))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_forty_steps_learn_eight_pictures_by_heart(family: str, tmp_path: Path) -> None:
    assert iou_after(family, tmp_path) > 0.9
