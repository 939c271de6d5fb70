"""One run for one output, whatever becomes of the others."""

import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from clips import make_video
from fakes import FakeSegmenter

from sa2va_cli.errors import OutputError
from sa2va_cli.outputs import locks
from sa2va_cli.outputs.locks import is_abandoned, lock_name, locked
from sa2va_cli.processes import Process

HOLD = (
    "import sys; from pathlib import Path; from sa2va_cli.outputs.locks import locked\n"
    "with locked(Path(sys.argv[1])): print('ready', flush=True); input()"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of ``a.mp4``."""
    program = [sys.executable, "-c", HOLD, str(tmp_path / "a.mp4")]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_which_the_first_one_is(holder, tmp_path):
    with (
        pytest.raises(OutputError, match=f"is being written by process {holder.pid} on "),
        locked(tmp_path / "a.mp4"),
    ):
        pass


def test_the_lock_of_a_killed_process_is_taken_over(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert is_abandoned(lock_name(tmp_path / "a.mp4"))
    with locked(tmp_path / "a.mp4"):
        assert json.loads(lock_name(tmp_path / "a.mp4").read_text())["id"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OutputError, SystemExit, MemoryError])
def test_it_is_released_in_every_ending(error, tmp_path):
    for _ in range(2):
        with pytest.raises(error), locked(tmp_path / "a.mp4"):
            raise error
        assert list(tmp_path.iterdir()) == []


def test_two_threads_are_kept_apart_as_well(tmp_path):
    refusals = []

    def second() -> None:
        try:
            with locked(tmp_path / "a.mp4"):
                pass
        except OutputError as error:
            refusals.append(str(error))

    with locked(tmp_path / "a.mp4"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(refusals) == 1


def test_other_outputs_of_the_folder_are_free(tmp_path):
    names = ["a.mp4", "b.mp4", "a.mov", "a", "é" * 100 + "1.mp4", "é" * 100 + "2.mp4", "n" * 251 + ".mp4"]
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(locked(tmp_path / name))
        assert len(list(tmp_path.iterdir())) == len(names)
    assert list(tmp_path.iterdir()) == []


def test_one_output_has_one_lock_however_it_is_spelt(tmp_path):
    (tmp_path / "link").symlink_to(".")
    with locked(tmp_path / "a.mp4"), pytest.raises(OutputError), locked(tmp_path / "link" / "a.mp4"):
        pass


def test_a_lock_that_somebody_removed_is_no_matter(tmp_path):
    with locked(tmp_path / "a.mp4"):
        lock_name(tmp_path / "a.mp4").unlink()
        with locked(tmp_path / "a.mp4"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_are_made(tmp_path):
    with locked(tmp_path / "new" / "deep" / "a.mp4"):
        assert (tmp_path / "new" / "deep").is_dir()


def test_a_folder_that_takes_nothing_is_an_output_error():
    with pytest.raises(OutputError, match="cannot write"), locked(Path("/proc/a.mp4")):
        pass


@pytest.fixture
def no_locks(monkeypatch):
    """As on a file system that has none."""
    monkeypatch.setattr(locks, "fcntl", None)


@pytest.mark.usefixtures("no_locks")
def test_where_there_are_no_locks_the_process_is_asked_after(tmp_path):
    place = lock_name(tmp_path / "a.mp4")
    with locked(tmp_path / "a.mp4"), pytest.raises(OutputError), locked(tmp_path / "a.mp4"):
        pass
    for process, free in (
        (replace(Process.current(), id=1, started=0), False),
        (replace(Process.current(), started=1), True),
        (replace(Process.current(), host="00000001"), False),
    ):
        place.write_text(json.dumps({"process": str(process), "id": process.id, "host": "there"}))
        assert is_abandoned(place) == free
    place.write_text("")
    with locked(tmp_path / "a.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


class Meanwhile(FakeSegmenter):
    """Does something else while a run is at work."""

    def __init__(self, action) -> None:
        super().__init__()
        self.action = action

    def step(self, index):
        if index == 5:
            self.action()
        super().step(index)


def test_a_second_run_is_refused_and_the_first_one_wins(sa2va, folder):
    make_video(folder / "a.mp4")
    outcomes = []

    def second() -> None:
        outcomes.append(sa2va("segment", "a.mp4", "red corner", "--save", "mask", "--overwrite"))
        outcomes.append(sa2va("segment", "a.mp4", "red corner", "--save", "davis", "-q"))

    outcome = sa2va("segment", "a.mp4", "red corner", "--save", "mask", load=lambda *_: Meanwhile(second))
    assert outcome.code == 0
    assert [other.code for other in outcomes] == [7, 0]
    assert "a.mask.mp4 is being written" in outcomes[0].err
    assert sorted(name for name in outcome.files if "/" not in name) == ["a.davis", "a.mask.mp4", "a.mp4"]


def test_what_another_run_wrote_before_this_one_began_is_not_replaced(sa2va, folder, monkeypatch):
    make_video(folder / "a.mp4")
    from sa2va_cli.outputs import existing

    taken = existing.locked

    def late(path):  # the other run ends between the look at the folder and the lock
        path.write_text("theirs")
        return taken(path)

    monkeypatch.setattr(existing, "locked", late)
    for more in ([], ["--skip-existing"]):
        (folder / "a.mask.mp4").unlink(missing_ok=True)
        outcome = sa2va("segment", "a.mp4", "red corner", "--save", "mask", *more)
        assert (outcome.code, (folder / "a.mask.mp4").read_text()) == (7, "theirs")
