"""``sa2va train`` and ``sa2va models merge`` as people type them."""

import json

import pytest
from training.test_finetuning import pictures

from sa2va_cli.commands.training_progress import TrainingProgress
from sa2va_cli.runtime import extras
from sa2va_cli.training.run_files import RunFiles

FAST = ("--steps", "2", "--batch", "1", "--device", "cpu")


def test_a_model_is_trained_reported_used_and_merged(sa2va, folder):
    pictures(folder / "data", 2)
    (folder / "tiny.toml").write_text(
        'like = "small"\n[losses]\npoints = 64\n[parts]\nlanguage_model = "lora"\n'
    )
    recipe = ("--recipe", "tiny.toml", "--lora", "r=2", "--freeze", "projector")
    done = sa2va("train", "demo", "data:2", "--val", "data", "-o", "new", *recipe, *FAST, "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["folder"], said["adapter"], said["steps"]) == ("new", "new/adapter", 2)
    assert set(said["scores"]) == set(said["before"]) == {"cIoU", "J", "J&F"}
    page = (folder / "new/training/report.html").read_text()
    assert page.count("data:image/png") == 3
    assert "loss: dice" not in page  # curves are in the picture
    lines = [json.loads(line) for line in (folder / "new/training/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2, 2]
    assert {"total", "answer", "bce", "dice", "rate", "samples_per_second"} <= lines[1].keys()
    again = sa2va("train", "demo", "data:2", "--val", "data", "-o", "new", *recipe, *FAST, "--json")
    assert json.loads(again.out)["scores"] == said["scores"]  # it was done already
    merged = sa2va("models", "merge", "new/adapter", "merged", "--dtype", "bf16")
    assert merged.code == 0, merged.err
    info = sa2va("models", "info", "merged", "--json")
    assert json.loads(info.out)["layout"] == "native"


def test_a_dry_run_tells_parts_memory_steps_and_time(sa2va, folder):
    pictures(folder / "data", 2)
    told = sa2va(
        "train",
        "demo",
        "data",
        "-o",
        "new",
        "--recipe",
        "small",
        "--freeze",
        "embeddings",
        *FAST,
        "--dry-run",
    )
    assert told.code == 0, told.err
    rows = {line.split()[0]: line for line in told.out.splitlines() if line.strip()}
    assert rows["vision"].split()[1] == rows["embeddings"].split()[1] == "0"
    assert "on cpu: weights" in rows["memory"]
    assert "2, 1 epochs" in rows["steps"]
    assert "hours, from two steps" in rows["time"]
    assert not (folder / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--freeze", "eyes"), 2, "--freeze eyes: give one of language_model, embeddings"),
        (("--recipe", "mine"), 2, "--recipe mine: give one of official, small, or a .toml file"),
        (("--lora", "64"), 2, "--lora 64: write r=64, or r=64,alpha=128,dropout=0.1"),
        (("--lora", "rank=64"), 2, "lora.rank is not known; there are alpha, dropout, r"),
        (("--lora", "r=8", "--full"), 2, "--full trains without adapters; leave --lora out"),
        (("--lora", ""), 2, "write r=64, or r=64,alpha=128,dropout=0.1"),
        (("--lora", "r=8", "--freeze", "language_model"), 2, "--freeze language_model leaves it as it is"),
        (("--steps", "2", "--epochs", "1"), 2, "--steps and --epochs say the same; give one"),
        (("data:0",), 2, "data:0: a weight must be more than 0"),
        (("--lr", "0"), 2, "optimiser.rate is 0.0; it must be more than 0"),
        (("--to", "ours"), 2, "--to ours: give one of native, published"),
        (
            ("--dtype", "fp16", "--device", "cpu"),
            2,
            "training in fp16 is not supported; use --dtype bf16 or fp32",
        ),
        (
            ("--dtype", "lm=fp32,vit=bf16", "--device", "cpu"),
            2,
            "--dtype lm=fp32,vit=bf16: in training a language model in fp32 takes no pictures in bf16",
        ),
        (("--to", "published"), 5, "the published layout knows nothing but 12 tiles of 448 pixels"),
        (("--val-split", "val"), 2, "--val-split means nothing without --val; leave it out"),
        (("--validate-every", "2"), 2, "--validate-every means nothing without --val; leave it out"),
        (("--split", "train"), 2, "--split train: data is official fine-tuning format, which has no parts"),
        (("--val", "nothing"), 3, "nothing: there is no such file or folder"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_loaded(sa2va, folder, arguments, code, said):
    pictures(folder / "data", 1)
    told = sa2va("train", "demo", "data", "-o", "new", *arguments)
    assert told.code == code
    assert said in " ".join(told.err.split())
    assert not (folder / "new").exists()


def test_broken_data_are_named_by_file_and_index(sa2va, folder):
    data = pictures(folder / "data", 3)
    entries = json.loads((data / "annotations.json").read_text())
    entries[1]["text"] = [""]
    (data / "annotations.json").write_text(json.dumps(entries))
    told = sa2va("train", "demo", "data", "-o", "new", *FAST)
    assert told.code == 3
    assert "annotations.json: entry 1, text 0" in told.err
    assert "sa2va data check data" in told.err


def test_a_picture_that_cannot_be_read_is_named(sa2va, folder):
    data = pictures(folder / "data", 1)
    (data / "images/0.png").write_bytes(b"no picture")
    told = sa2va("train", "demo", "data", "-o", "new", *FAST)
    assert told.code == 3
    assert "data/images/0.png: cannot be read" in told.err
    assert "Traceback" not in told.err


def test_a_missing_extra_is_named(sa2va, folder, monkeypatch):
    pictures(folder / "data", 1)
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    told = sa2va("train", "demo", "data", "-o", "new", "--recipe", "official")
    assert told.code == 2
    assert "--lora needs peft, which is not installed: pip install 'sa2va[train]'" in told.err
    told = sa2va("train", "demo", "data", "-o", "new", "--tensorboard")
    assert "--tensorboard needs tensorboard, which is not installed: pip install 'sa2va[train]'" in told.err


def test_eight_bits_need_their_package_and_a_gpu(sa2va, folder, monkeypatch):
    pictures(folder / "data", 1)
    (folder / "eight.toml").write_text('like = "small"\n[optimiser]\neight_bit = true\n')
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    told = sa2va("train", "demo", "data", "-o", "new", "--recipe", "eight.toml", *FAST)
    assert told.code == 2
    assert "optimiser.eight_bit needs bitsandbytes, which is not installed" in told.err
    assert "pip install 'sa2va[quant]'" in told.err
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    told = sa2va("train", "demo", "data", "-o", "new", "--recipe", "eight.toml", *FAST)
    assert told.code == 2
    assert "optimiser.eight_bit works on a GPU (cuda), not on cpu" in told.err
    assert not (folder / "new").exists()


def test_tensorboard_reads_the_curves(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    files = RunFiles(tmp_path)
    line = {"total": 2.5, "answer": 1.0, "bce": 0.5, "dice": 1.0, "rate": 1e-4, "norm": 0.7}
    with TrainingProgress(lambda _: None, files, tensorboard=True) as watch:
        for step in (1, 2, 3):
            watch.stepped({**line, "total": 2.5 / step, "samples_per_second": 4.0}, step, 3)
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert set(found.Tags()["scalars"]) == {*line, "samples_per_second"}
    read = [(one.step, one.value) for one in found.Scalars("total")]
    assert read == [(step, pytest.approx(2.5 / step)) for step in (1, 2, 3)]


def test_an_adapter_is_no_checkpoint_to_convert(sa2va, folder):
    (folder / "adapter").mkdir()
    (folder / "adapter/adapter_config.json").write_text('{"base_model_name_or_path": "demo"}')
    (folder / "adapter/config.json").write_text("{}")
    told = sa2va("models", "convert", "./adapter", "new")
    assert told.code == 5
    assert "is an adapter; first make a model of it: sa2va models merge" in told.err
    told = sa2va("models", "merge", "absent", "new")
    assert told.code == 5
    assert "absent is no adapter" in told.err
