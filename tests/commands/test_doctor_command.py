"""``sa2va doctor``: true on any machine, and never an error."""

import json
import re
import subprocess
import sys

import huggingface_hub
import pytest

from sa2va_cli.checkpoints import hub
from sa2va_cli.runtime import device, machine


@pytest.fixture(autouse=True)
def no_models(tmp_path_factory, monkeypatch):
    folder = str(tmp_path_factory.mktemp("cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", folder)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", folder)


def test_the_last_line_says_what_segment_would_do(sa2va):
    outcome = sa2va("doctor")
    assert (outcome.code, outcome.err, outcome.files) == (0, "", [])
    lines = outcome.out.splitlines()
    headings = [line.split()[0] for line in lines]
    for heading in (
        "python",
        "packages",
        "extras",
        "memory",
        "torch",
        "reads",
        "writes",
        "cache",
        "models",
        "fits",
    ):
        assert heading in headings
    assert lines[-1].startswith("segment would run ByteDance/Sa2VA-")
    assert "models     demo (" in outcome.out


def test_the_findings_are_a_document(sa2va):
    document = json.loads(sa2va("doctor", "--json").out)
    assert document["packages"]["torch"]
    assert document["extras"].keys() == {
        "bitsandbytes",
        "flash-attn",
        "accelerate",
        "diffusers",
        "watchfiles",
        "starlette",
        "peft",
        "tensorboard",
        "ray",
        "pillow-heif",
        "OpenEXR",
        "opentimelineio",
        "s3fs",
        "gcsfs",
    }
    assert document["encoders"]["libx264"] is True
    assert document["decoders"]["h264"] is True
    assert document["models"]["demo"] > 10_000_000
    assert "demo" in document["fits"]["fp32"]
    assert document["problems"] == []
    assert document["default"].startswith("segment would run")


def test_a_package_that_only_an_option_needs_is_told_with_how_to_get_it(sa2va, monkeypatch):
    monkeypatch.setattr(machine, "_version", lambda package: None if package == "flash-attn" else "1.2.3")
    outcome = sa2va("doctor")
    assert "extras     bitsandbytes 1.2.3, no flash-attn (pip install 'sa2va[flash]')" in outcome.out
    assert "problem" not in outcome.out


def test_gpus_are_told_with_what_they_compute_in(sa2va, monkeypatch):
    gpus = (
        machine.Gpu("cuda:0", "Tesla V100", 16_000_000_000, 15_000_000_000, bf16=False),
        machine.Gpu("cuda:1", "H100", 80_000_000_000, 79_000_000_000, bf16=True),
    )
    monkeypatch.setattr(machine, "_gpus", lambda: gpus)
    for module in (machine, device):
        monkeypatch.setattr(module, "cuda_problem", lambda: None)
    monkeypatch.setattr(device, "gpu_has_bf16", lambda _: False)
    monkeypatch.setattr(machine, "free_bytes", lambda _: 15_000_000_000)
    outcome = sa2va("doctor")
    assert outcome.code == 0, outcome.err
    assert "cuda:0     Tesla V100, 16 GB, 15 GB free, no bf16, so fp16" in outcome.out
    assert "cuda:1     H100, 80 GB, 79 GB free, bf16" in outcome.out
    last = outcome.out.splitlines()[-1]
    assert last.startswith("segment would run ByteDance/Sa2VA-4B on cuda in fp16; it is not here yet")


def test_a_gpu_that_cannot_be_used_is_a_problem_that_is_told(sa2va, monkeypatch):
    for module in (machine, device):
        monkeypatch.setattr(module, "cuda_problem", lambda: "the driver is too old")
    outcome = sa2va("doctor")
    assert outcome.code == 0
    assert "problem    a GPU is present but not used: the driver is too old" in outcome.out
    assert re.search(" on cpu in (bf16|fp32)", outcome.out.splitlines()[-1])


def test_an_apple_gpu_is_told_too(sa2va, monkeypatch):
    for module in (machine, device):
        monkeypatch.setattr(module, "cuda_problem", lambda: "")
        monkeypatch.setattr(module, "mps_problem", lambda: None)
        monkeypatch.setattr(module, "macos_has_bf16", lambda: True)
    outcome = sa2va("doctor")
    assert "mps        Apple GPU" in outcome.out
    assert " on mps in bf16" in outcome.out.splitlines()[-1]


def test_a_default_that_does_not_fit_is_told(sa2va, monkeypatch):
    monkeypatch.setattr(machine, "free_bytes", lambda _: 1_000_000_000)
    monkeypatch.setattr(device, "cpu_has_fast_bf16", lambda: False)
    outcome = sa2va("doctor")
    assert "it needs 4.65 GB, 1 GB are free" in outcome.out.splitlines()[-1]


@pytest.mark.parametrize("missing", ["torch", "av"])
def test_what_is_missing_is_said_and_is_no_error(missing):
    program = (
        "import sys; sys.modules[sys.argv[1]] = None\n"
        "from sa2va_cli.commands.app import main; sys.exit(main(['doctor']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, missing], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be imported" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last == "segment cannot run here" if missing == "torch" else last.startswith("segment would run")
