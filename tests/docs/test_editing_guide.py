"""Every command of docs/guides/editing.md runs as it is written, on a sample of fewer and smaller frames."""

import re
import shlex
import stat
from contextlib import redirect_stdout
from fractions import Fraction
from pathlib import Path

import av
import pytest
from families import demo

from sa2va_cli.commands.app import main

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/editing.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}(sa2va .+)$", GUIDE, re.MULTILINE)
PROGRAM = re.search(r"```sh (\S+)\n(.*?)```", GUIDE, re.DOTALL)
EVERY = 12
SIZE = (320, 180)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample, as long as it is, at two frames a second, and the guide's own program."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "samples").mkdir()
    with (
        av.open(str(ROOT / "samples/park.mp4")) as source,
        av.open(str(folder / "samples/park.mp4"), "w") as made,
    ):
        frames = list(source.decode(video=0))[::EVERY]
        stream = made.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number, large in enumerate(frames):
            frame = large.reformat(*SIZE)
            frame.pts, frame.time_base = number, Fraction(1, 2)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    assert PROGRAM is not None
    program = folder / PROGRAM[1]
    program.write_text(PROGRAM[2])
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


def run(command: str) -> int:
    words, _, target = command.partition(" > ")
    arguments = shlex.split(words)[1:]
    if not target:
        return main(arguments, load=lambda *_: demo())
    with Path(target).open("w", encoding="utf-8") as file, redirect_stdout(file):
        return main(arguments, load=lambda *_: demo())


def test_the_commands_of_the_guide_run_in_their_order(place, monkeypatch):
    monkeypatch.chdir(place)
    assert len(COMMANDS) > 10
    for command in COMMANDS:
        before = set(place.rglob("*"))
        assert run(command) in (0, 9), command
        assert set(place.rglob("*")) - before, command
