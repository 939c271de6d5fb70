"""New files in a folder: taken once they are whole, and once."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from batch.told import states
from clips import make_video
from fakes import load_remembering

from sa2va_cli.batch import watching
from sa2va_cli.batch.listing import Request
from sa2va_cli.batch.options import Options, SharedSearch
from sa2va_cli.batch.planning import Plan
from sa2va_cli.batch.progress import JobEnded
from sa2va_cli.batch.running import Interrupts, run_batch
from sa2va_cli.batch.watching import Nursery
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.outputs.saving import Saving


def look(nursery, now, *paths):
    return nursery.look(iter(map(str, paths)), now)


def test_a_file_is_ready_once_it_has_stopped_growing_and_opens(folder):
    whole = make_video(folder / "whole.mp4", stamps=range(4)).read_bytes()
    growing = folder / "a.mp4"
    nursery = Nursery(settled_seconds=2, patience_seconds=60)
    growing.write_bytes(whole[:500])
    assert look(nursery, 0, growing) == []
    assert look(nursery, 3, growing) == []  # it does not open
    assert nursery.is_waiting
    growing.write_bytes(whole)
    assert look(nursery, 4, growing) == []
    assert look(nursery, 5, growing) == []
    assert look(nursery, 6.5, growing) == [str(growing)]
    assert look(nursery, 9, growing) == []
    assert not nursery.is_waiting


def test_a_file_that_never_opens_is_taken_at_last_so_that_it_is_told_of(folder):
    (folder / "a.mp4").write_bytes(b"nothing" * 99)
    nursery = Nursery(settled_seconds=2, patience_seconds=60)
    assert look(nursery, 0, folder / "a.mp4") == []
    assert look(nursery, 59, folder / "a.mp4") == []
    assert look(nursery, 61, folder / "a.mp4") == [str(folder / "a.mp4")]


def test_a_file_that_changes_later_is_ready_again_and_one_that_goes_is_forgotten(folder):
    path = make_video(folder / "a.mp4", stamps=range(4))
    nursery = Nursery(settled_seconds=0)
    assert [look(nursery, now, path) for now in (0, 1)] == [[], [str(path)]]
    make_video(path, stamps=range(5))
    assert [look(nursery, now, path) for now in (2, 3)] == [[], [str(path)]]
    path.unlink()
    assert look(nursery, 4, path) == []
    assert not nursery.is_waiting


@pytest.fixture
def impatient(monkeypatch):
    """Files are taken soon, and the folder is looked at often."""
    monkeypatch.setattr(watching, "SETTLED_SECONDS", 0.1)
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.2)


def run(expected, arrive=lambda: None):
    """Watches shots/ until so many jobs have ended."""
    interrupts, ended = Interrupts(), []

    def report(event):
        if isinstance(event, JobEnded):
            ended.append(event.source)
            interrupts.count = int(len(ended) >= expected)

    options = Options(SharedSearch(("red",)), Saving(("mask",), "out/"))
    plan = Plan(Request(options=options), watch=Path("shots"), load=load_remembering)
    thread = threading.Thread(target=arrive)
    thread.start()
    timer = threading.Timer(60, lambda: setattr(interrupts, "count", 1))
    timer.start()
    result = run_batch(plan, report, interrupts)
    timer.cancel()
    thread.join()
    return sorted(ended), result


def test_new_files_become_jobs_and_a_restart_does_none_again(clips, impatient):

    def arrive():
        make_video(Path("late.mp4"), stamps=range(4))
        Path("late.mp4").rename("shots/late.mp4")

    ended, _ = run(4, arrive)
    assert ended == ["shots/a.mp4", "shots/b.mp4", "shots/day2/c.mp4", "shots/late.mp4"]
    make_video(Path("shots/last.mp4"), stamps=range(4))
    ended, _ = run(1)
    assert ended == ["shots/last.mp4"]
    assert set(states().values()) == {"done"}


def test_a_folder_that_goes_and_comes_back_is_watched_again(clips, monkeypatch, impatient):
    shutil.rmtree("shots/day2")
    clips[1].unlink()
    gone = threading.Event()

    def report_first(watch=watching._place):
        seen = []

        def place(folder):
            found = watch(folder)
            seen.append(found)
            if len(seen) == 2:
                Path("shots").rename("elsewhere")
            elif found is None:
                gone.set()
            return found

        return place

    def come_back():
        assert gone.wait(30)
        Path("elsewhere").rename("shots.new")
        make_video(Path("shots.new/late.mp4"), stamps=range(4))
        Path("shots.new").rename("shots")

    monkeypatch.setattr(watching, "_place", report_first())
    ended, _ = run(2, come_back)
    assert ended == ["shots/a.mp4", "shots/late.mp4"]


def test_a_folder_that_the_system_refuses_to_watch_is_looked_at_now_and_then(clips, monkeypatch, impatient):
    looks = []

    def refused(*_, **__):
        looks.append(1)
        yield from ()
        raise PermissionError(13, "Permission denied about ['shots/lost+found']")

    monkeypatch.setattr("watchfiles.watch", refused)
    ended, _ = run(3)
    assert ended == ["shots/a.mp4", "shots/b.mp4", "shots/day2/c.mp4"]
    assert len(looks) < 100


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes_are_not_waited_for(folder, batch):
    (folder / "shots").mkdir()
    make_video(folder / "shots/a.mp4", stamps=range(4))
    os.mkfifo(folder / "shots/b.mp4")
    nursery = Nursery(settled_seconds=0, patience_seconds=0)
    assert [look(nursery, now, folder / "shots/b.mp4") for now in (0, 1)] == [[], []]
    assert batch(load=load_remembering).code == 8
    assert states() == {"shots/a.mp4": "done", "shots/b.mp4": "failed"}


def test_what_cannot_be_watched_is_told_at_once(folder):
    options = Options(SharedSearch(("red",)), Saving(("mask",), "out/{index}.mp4"))
    with pytest.raises(UsageError, match="index"):
        Plan(Request(options=options), watch=Path("shots"))
    options = Options(SharedSearch(("red",)), Saving(("mask",), "out/"))
    with pytest.raises(InputError, match="not a folder"):
        run_batch(Plan(Request(options=options), watch=Path("shots"), load=load_remembering), lambda _: None)
    with pytest.raises(UsageError, match="no prompt"):
        run_batch(Plan(Request(options=Options()), watch=Path("shots")), lambda _: None)
