"""What a killed run leaves, and who removes it: the next run, or ``sa2va clean``."""

import itertools
import json
import os
import subprocess
from pathlib import Path

import forked
import pytest
from clips import make_folder, make_video

from sa2va_cli.outputs.kinds import KINDS

STUCK = """
import sys
from fakes import FakeSegmenter
from sa2va_cli.commands.app import main

class Stuck(FakeSegmenter):
    def step(self, index):
        if index == 5:
            print("ready", flush=True)
            sys.stdin.read()
        super().step(index)

main(sys.argv[1:], load=lambda *_: Stuck())
"""
PLAIN = [name for name, kind in KINDS.items() if not kind.needs_effects]
ALL = [word for kind in PLAIN for word in ("--save", kind)]


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory, monkeypatch):
    """A folder for temporary files of its own: in that of the computer, other tests have theirs meanwhile."""
    place = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


@pytest.fixture
def stuck():
    """Starts runs that stand still in the middle."""
    running, ends = [], []

    def start(*arguments: str) -> forked.Process:
        (waiting, _), (told, telling) = pipes = os.pipe(), os.pipe()
        ends.extend(pipes)
        running.append(forked.start(STUCK, *arguments, stdin=waiting, stdout=telling))
        assert os.read(told, 20) == b"ready\n"
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.join()
    for end in itertools.chain(*ends):
        os.close(end)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("make", [make_video, make_folder])
def test_after_a_kill_the_next_run_on_the_outputs_leaves_nothing_behind(make, sa2va, folder, stuck):
    source = "a.mp4" if make is make_video else "a"
    make(folder / source)
    arguments = ["segment", source, "red corner", *ALL]
    process = stuck(*arguments)
    names = set(hidden(folder))
    assert len(names) >= 2 * len(PLAIN) - 2  # locks and files; a crop waits, and tracks are not hidden

    refused = sa2va(*arguments)
    assert refused.code == 7
    assert f"process {process.pid} on" in refused.err
    cleaned = sa2va("clean", "--json")
    assert json.loads(cleaned.out)["removed"] == []
    assert set(hidden(folder)) == names

    process.kill()
    process.join()
    outcome = sa2va(*arguments)
    assert outcome.code == 0, outcome.err
    assert hidden(folder) == []


def test_clean_removes_what_a_killed_run_left_and_lists_it(sa2va, folder, stuck):
    make_video(folder / "a.mp4")
    process = stuck("segment", "a.mp4", "red corner", *ALL, "-o", "out/deep/")
    out = folder / "out" / "deep"
    process.kill()
    process.join()
    names = set(hidden(out))
    assert sa2va("clean", "out").out == ""

    dry = json.loads(sa2va("clean", "out", "--recursive", "--dry-run", "--json").out)
    assert {Path(entry["path"]).name for entry in dry["removed"]} == names
    assert dry["dry_run"] is True
    assert dry["bytes"] == sum(entry["bytes"] for entry in dry["removed"]) > 0
    assert set(hidden(out)) == names

    outcome = sa2va("clean", "out", "-r")
    assert outcome.code == 0
    assert all(any(name in line for name in names) for line in outcome.out.splitlines())
    assert len(outcome.out.splitlines()) == len(names)
    assert outcome.files == ["a.mp4", "out", "out/deep", "out/deep/a.tracks.sa2va.part"]


def test_clean_touches_nothing_else(sa2va, folder):
    (folder / ".a.tmp-12345678.mp4").write_text("of another program")
    (folder / ".git").mkdir()
    outcome = sa2va("clean", "-r")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.files == [".a.tmp-12345678.mp4", ".git"]


def test_clean_of_a_folder_that_is_not_there_is_one_line_and_exit_7(sa2va):
    outcome = sa2va("clean", "missing")
    assert outcome.code == 7
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("by", ["clean", "next run"])
def test_what_came_through_a_pipe_is_removed_after_a_kill(sa2va, folder, temporary, stuck, by):
    make_video(folder / "a.mp4")
    os.mkfifo(folder / "pipe")
    feeder = subprocess.Popen(["cp", "a.mp4", "pipe"])
    run = stuck("segment", "pipe", "red", "--save", "mask", "-o", "out/")
    feeder.wait()
    (left,) = temporary.iterdir()
    assert left.stat().st_size == (folder / "a.mp4").stat().st_size
    assert left.stat().st_mode & 0o077 == 0
    assert "its process runs" in sa2va("clean", "out").out
    assert left.exists()
    run.kill()
    run.join()
    if by == "clean":
        told = sa2va("clean", "out", "--json")
        assert str(left) in [one["path"] for one in json.loads(told.out)["removed"]]
    else:
        feeder = subprocess.Popen(["cp", "a.mp4", "pipe"])
        assert sa2va("segment", "pipe", "red", "--save", "mask", "-o", "out/").code == 0
        feeder.wait()
    assert not any(temporary.iterdir())


def test_what_others_keep_among_temporary_files_stays(sa2va, folder, temporary):
    for name in ("sa2va-abc.input", ".hidden", ".a.tmp-x.input"):
        (temporary / name).touch()
    assert sa2va("clean").code == 0
    assert len(list(temporary.iterdir())) == 3


def test_what_is_no_folder_is_told(sa2va, folder):
    (folder / "a.txt").write_text("mine")
    for name, told in (("a.txt", "a.txt is a file; name a folder"), ("none", "none is not there; name a")):
        outcome = sa2va("clean", name)
        assert (outcome.code, told in outcome.err) == (7, True)
