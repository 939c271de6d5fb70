"""Every example in the guide to asking runs as it is written, with the demo model."""

import re
import shlex
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from families import demo

from sa2va_cli import api

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guides" / "asking.md"
LINES = [
    line.strip()
    for line in re.findall(r"^ {4}((?:sa2va|printf) .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.fixture
def samples(folder, monkeypatch):
    """A folder with what the examples name; every sixteenth frame of the clip is taken."""
    monkeypatch.setenv("SA2VA_EVERY", "16")
    (folder / "samples").mkdir()
    (folder / "samples" / "park.mp4").symlink_to(ROOT / "samples" / "park.mp4")
    return folder


def run(sa2va, line, monkeypatch):
    """Runs a line of shell: ``printf TEXT |`` or ``> FILE``, then ``sa2va ...``."""
    printed = None
    for part in re.split(r" \| ", line):
        words = shlex.split(part)
        if words[0] == "printf":
            printed = words[1].encode().decode("unicode_escape")
            if words[2:3] == [">"]:
                Path(words[3]).write_text(printed)
            continue
        lines = iter((printed or "").splitlines(keepends=True))
        stdin = SimpleNamespace(isatty=lambda: False, readline=lambda lines=lines: next(lines, ""))
        monkeypatch.setattr(sys, "stdin", stdin)
        outcome = sa2va(*words[1:], load=lambda *_: demo())
        assert outcome.code == 0, (line, outcome.err)
        assert outcome.out or "-o" in words or "-i" in words
        assert "Traceback" not in outcome.err


def test_there_are_examples():
    assert len(LINES) > 10
    assert all("--model demo" in line or line.startswith("printf") for line in LINES)


def test_every_line_runs_as_it_is_written(samples, sa2va, monkeypatch):
    for line in LINES:
        run(sa2va, line, monkeypatch)
    assert (samples / "out" / "park.overlay.mp4").exists()
    assert (samples / "dog.json").exists()
    assert len((samples / "answers.jsonl").read_text().splitlines()) == 2


def test_the_program_in_python_runs_as_it_is_written(samples, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.setattr(api.Sa2VA, "load", classmethod(lambda kind, _: kind(demo())))
    exec(code, {})
    assert "(1, 360, 640)" in capsys.readouterr().out
    shutil.rmtree(samples / "samples")
