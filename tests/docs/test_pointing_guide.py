"""The examples of the guide to pointing run with the demo network as they are written."""

import re
import shutil
from pathlib import Path

import pytest
from families import demo
from test_command_examples import ROOT, commands

from sa2va_cli.commands.app import main

PAGE = (ROOT / "docs" / "guides" / "pointing.md").read_text(encoding="utf-8")


@pytest.fixture
def samples(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sample clip, of which every sixteenth frame is taken."""
    monkeypatch.setenv("SA2VA_EVERY", "16")
    monkeypatch.setenv("SA2VA_DEVICE", "cpu")
    (folder / "samples").mkdir()
    shutil.copy(ROOT / "samples" / "park.mp4", folder / "samples")
    return folder


def test_every_command_of_the_guide_runs_in_order(samples: Path) -> None:
    lines = [words[1:] for words in commands(PAGE) if words[0] == "sa2va" and "samples" in str(words)]
    lines += [words[1:] for words in commands(PAGE) if words[1:2] == ["correct"]]
    assert len(lines) >= 8
    for words in lines:
        assert main(words, load=lambda *_: demo()) == 0, words
    for name in ("park.overlay.mp4", "boxed", "masked", "mended", "better.tracks.sa2va", "best.tracks.sa2va"):
        assert (samples / name).exists(), name


def test_the_python_example_of_the_guide_runs(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "pointing.md", "exec"), {})
    assert re.fullmatch(r"0\.0 (True|False)\n", capsys.readouterr().out)
