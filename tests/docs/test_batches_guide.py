"""The examples of the guide to batches run as they are written, with a network that needs no weights."""

import os
import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import forked
import pytest
from clips import make_video

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "batches.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}(\S.+)$", PAGE, re.MULTILINE)
PROGRAM = """
from fakes import FakeChat
from sa2va_cli.commands.app import main
raise SystemExit(main(load=lambda *_: FakeChat()))
"""


def block(language, number=0):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[number]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what the page speaks of, and a ``sa2va`` for the shell."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "bin").mkdir()
    (folder / "marker").touch()
    os.utime(folder / "marker", (0, 0))
    (folder / "incoming").mkdir()
    (folder / "shots").mkdir()
    for name in "ab":
        make_video(folder / "shots" / f"{name}.mp4", stamps=range(3))
    (folder / "jobs.jsonl").write_text(block("jsonl"))
    (folder / "questions.txt").write_text("What is red?\n")
    with forked.command(folder / "bin" / "sa2va", PROGRAM):
        yield folder


def shell(command, place):
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "XDG_CONFIG_HOME": str(place)}
    script = f"set -euo pipefail; {command}"
    return subprocess.run(
        ["bash", "-c", script], cwd=place, env=environment, check=False, capture_output=True, text=True
    )


def test_every_command_runs_in_the_order_of_the_page(place):
    for command in COMMANDS:
        if command.startswith("parallel") and not shutil.which("parallel"):
            continue
        if "--watch" in command:  # it would not end
            continue
        done = shell(command, place)
        none_failed = command.startswith("sa2va batch errors out/ |") and done.returncode == 2
        assert done.returncode == 0 or none_failed, f"{command}\n{done.stderr}"
    made = {str(path.relative_to(place)) for path in place.rglob("*.m*") if path.is_file()}
    assert {
        "out/a.mask.mp4",
        "masks/b.mask.mp4",
        "named/shots-001-a.mask.mp4",
        "own/a.mov",
        "drawn/b.overlay.mp4",
        "grey/a.edit.mp4",
        "one/a.mask.mp4",
        "found/a.mask.mp4",
        "xargs/b.mask.mp4",
    } <= made
    assert (place / "answers/b.answers.jsonl").is_file()
    assert (place / "log.txt").read_text() == "0 done\n"


def test_make_calls_the_batch_where_a_clip_is_newer(place):
    if not shutil.which("make"):
        pytest.skip("there is no make")
    (place / "Makefile").write_text(block("make"))
    assert shell("make", place).returncode == 0


def test_the_units_for_systemd_can_be_read_and_their_command_is_one_of_ours(place):
    for number, section in ((0, "Path"), (1, "Service")):
        unit = ConfigParser(interpolation=None)
        unit.optionxform = str
        unit.read_string(block("ini", number))
        assert section in unit
    command = unit["Service"]["ExecStart"].replace("%h", str(place)).replace("incoming", "shots")
    assert shell(f"{command} --dry-run", place).returncode == 0
