"""Batches that are killed, interrupted or lose a worker, and what the same command does then."""

import os
import random
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import forked
import pytest
from batch.told import events, states
from clips import make_video
from fakes import RememberingSegmenter, load_mortal, load_remembering

from sa2va_cli.batch.listing import Request, listed
from sa2va_cli.batch.options import Options, SharedSearch
from sa2va_cli.batch.planning import Plan
from sa2va_cli.batch.progress import JobTold
from sa2va_cli.batch.running import Interrupts, run_batch
from sa2va_cli.batch.state import opened
from sa2va_cli.batch.state_format import NAME
from sa2va_cli.commands.console import Console
from sa2va_cli.commands.session import Interrupted
from sa2va_cli.events import Progress
from sa2va_cli.outputs.locks import locked
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.resuming import kept_log
from sa2va_cli.pipeline.tracks_file import checkpoint_of
from sa2va_cli.runtime.choice import ModelChoice

MODEL = ModelChoice("fake", "cpu", "fp32")
"""Where and how it runs is said: to choose that, each worker would import torch."""

ON = ("--model", MODEL.name, "--device", MODEL.device, "--dtype", MODEL.dtype)
COMMAND = (
    *("shots", "-p", "red", "--save", "mask,tracks", "-o", "out/", "--checkpoint", "4f"),
    *(*ON, "--quiet"),
)
PROGRAM = """
import sys
from fakes import RememberingSegmenter
from sa2va_cli.commands.app import main
segmenter = RememberingSegmenter(0, killed_after={after})
main(["batch", *sys.argv[1:]], load=lambda *_: segmenter)
"""


def results(folder=Path("out")):
    """The bytes of everything but the state."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if not path.name.startswith(("sa2va-batch.db", "."))
    }


def test_one_more_interrupt_while_the_last_words_are_said_is_no_error(six, sa2va, monkeypatch):
    def told(*_):
        raise Interrupted

    monkeypatch.setattr(Console, "line", told)
    assert sa2va("batch", "nothing", "-p", "red").code == 130


@pytest.fixture
def six(folder):
    """Six clips of 12 frames."""
    (folder / "shots").mkdir()
    for number in range(6):
        make_video(folder / f"shots/{number}.mp4", stamps=range(12), start_numbers=20 * number)
    return folder / "shots"


@pytest.fixture
def undisturbed(six, sa2va):
    """The bytes of every output of a batch that nobody disturbs, without checkpoints."""
    command = [*COMMAND]
    command[command.index("4f")], command[command.index("out/")] = "off", "whole/"
    assert sa2va("batch", *command, load=load_remembering).code == 0
    return results(Path("whole"))


def plan(**more):
    options = Options(SharedSearch(("red",)), Saving(("mask", "tracks"), "out/"), model=MODEL)
    return Plan(Request(("shots",), options=options), checkpoint="4f", **more)


def test_a_batch_that_is_killed_anywhere_is_gone_on_with_to_the_same_bytes(undisturbed, sa2va):
    for after in random.Random(7).sample(range(6, 66), 3):  # the full number of points: benchmarks/soak.py
        killed = forked.start(PROGRAM.format(after=after), *COMMAND)
        killed.join()
        if killed.exitcode == 0:
            break  # fewer frames were left
        assert killed.exitcode == -signal.SIGKILL
        assert "running" in states().values()
    assert sa2va("batch", *COMMAND, load=load_remembering).code == 0
    assert results() == undisturbed
    assert set(states().values()) == {"done"}
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]


def test_a_batch_that_was_killed_when_outputs_had_their_names_leaves_nothing(clips, sa2va):
    """Simulated: such a job counts as running, and its log and its checkpoint are still there."""
    sa2va("segment", "shots/a.mp4", "red", "--save", "mask", "-o", "out/")
    made = Path("out/a.mask.mp4").read_bytes()
    place = kept_log("a", [Path("out/a.mask.mp4")])
    for path in (place, checkpoint_of(place)):
        path.write_bytes(b"whatever was kept")
    options = Options(SharedSearch(("red",)), Saving(("mask",), "out/"))
    jobs = listed(Request(("shots",), options=options))
    with opened(Path("out") / NAME) as state:
        state.enter(jobs)
        state.begin(jobs[0].key)
    outcome = sa2va("batch", "shots", "-p", "red", "--save", "mask", "-o", "out/", load=load_remembering)
    assert (outcome.code, set(states().values())) == (0, {"done"})
    assert sorted(results()) == ["a.mask.mp4", "b.mask.mp4", "c.mask.mp4"]
    assert results()["a.mask.mp4"] == made


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_batch_ends_with_checkpoints_and_goes_on(undisturbed, sa2va, times):
    interrupts = Interrupts()

    def report(event):
        if isinstance(event, JobTold) and isinstance(event.event, Progress) and event.event.done >= 1:
            interrupts.count = times

    def slowly(_):
        threading.Event().wait(0.02)

    segmenter = RememberingSegmenter(0, hook=slowly)
    result = run_batch(plan(load=lambda *_: segmenter), report, interrupts)
    assert result.interrupted
    assert result.left + result.done == 6
    assert result.left > 0
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]
    assert sa2va("batch", *COMMAND, load=load_remembering).code == 0
    assert results() == undisturbed


def test_ctrl_c_ends_the_program_with_130(six, sa2va):
    program = PROGRAM.format(after=None).replace("killed_after=None", "hook=lambda _: time.sleep(0.05)")
    program = "import time\n" + program.replace("main(", "raise SystemExit(main(").rstrip() + ")"
    arguments = [one for one in COMMAND if one != "--quiet"]
    outlet, inlet = os.pipe()
    process = forked.start(program, *arguments, "--json", stdout=inlet)
    os.close(inlet)
    with open(outlet, encoding="utf-8") as out:  # noqa: PTH123
        for line in out:
            if '"progress"' in line and '"segmenting"' in line:
                os.kill(process.pid, signal.SIGINT)
                break
        told = events(out.read())
    process.join()
    assert process.exitcode == 130
    assert told[-1]["interrupted"]
    assert {"stopped"} <= {one["event"] for one in told}


def test_several_processes_share_the_jobs_and_do_each_once(undisturbed, sa2va):
    outcome = sa2va("batch", *COMMAND[:-1], "--jobs", "2", "--json", load=load_remembering)
    assert outcome.code == 0
    began = [one["input"] for one in events(outcome.out) if one["event"] == "began"]
    assert sorted(began) == sorted(set(began))
    assert results() == undisturbed


@pytest.fixture
def quick_workers(monkeypatch):
    """Workers begin with everything imported; those of the test of sharing do not."""
    monkeypatch.setattr("sa2va_cli.batch.pool.multiprocessing.get_context", lambda _: forked.context())


def test_the_jobs_of_a_worker_that_dies_are_done_by_another(undisturbed, sa2va, quick_workers):
    Path("mortal").write_text("once")
    outcome = sa2va("batch", *COMMAND[:-1], "--jobs", "2", load=load_mortal)
    assert "its worker died (signal 9); going on" in outcome.err
    assert (outcome.code, results()) == (0, undisturbed)


def test_a_job_that_kills_every_worker_fails_and_the_batch_ends(six, sa2va, quick_workers):
    for number in range(1, 6):
        (six / f"{number}.mp4").unlink()
    Path("mortal").write_text("always")
    outcome = sa2va("batch", *COMMAND, "--jobs", "2", load=load_mortal)
    assert outcome.code == 8
    assert set(states().values()) == {"failed"}


def test_a_second_batch_on_the_same_state_is_refused(six, sa2va):
    with locked(Path("out/sa2va-batch.db")):
        outcome = sa2va("batch", *COMMAND, load=load_remembering)
        assert (outcome.code, "is being written" in outcome.err) == (7, True)


def test_a_damaged_state_is_moved_aside_and_told_by_the_outputs(six, sa2va):
    sa2va("batch", *COMMAND, load=load_remembering)
    Path("out/3.mask.mp4").unlink()
    state = Path("out/sa2va-batch.db")
    data = bytearray(state.read_bytes())
    data[100:5000] = random.Random(1).randbytes(4900)
    state.write_bytes(data)
    outcome = sa2va("batch", *COMMAND[:-1], "--skip-existing", load=load_remembering)
    assert outcome.code == 0, outcome.err
    assert "was damaged and is out/sa2va-batch.db.damaged-1 now" in outcome.err
    assert "1 done, 5 skipped, 0 failed" in outcome.err


@pytest.mark.parametrize("kind", ["film", "database"])
def test_a_file_of_somebody_else_is_no_state_and_stays_as_it_is(six, sa2va, kind):
    place = Path("state")
    if kind == "film":
        place.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(5000))
    else:
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("CREATE TABLE songs (name)")
    data = place.read_bytes()
    outcome = sa2va("batch", *COMMAND, "--state", "state", load=load_remembering)
    assert (outcome.code, "state is no state of a batch" in outcome.err) == (7, True), outcome.err
    assert place.read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_what_is_no_state_is_never_lost(six, sa2va, data):
    Path("out").mkdir()
    Path("out/sa2va-batch.db").write_bytes(data)
    outcome = sa2va("batch", *COMMAND, load=load_remembering)
    assert outcome.code == 0, outcome.err
    if data:
        assert Path("out/sa2va-batch.db.damaged-1").read_bytes() == data
