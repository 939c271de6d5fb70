"""How a running batch is shown: lines for programs, bars for people, and a status that is followed."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.cells import cell_len

from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.progress import Counted, JobBegan, JobEnded, JobTold
from sa2va_cli.batch.state import opened
from sa2va_cli.batch.state_format import NAME
from sa2va_cli.batch.summary import read_state
from sa2va_cli.commands import batch_progress
from sa2va_cli.commands.batch_progress import Events, Rate, bars
from sa2va_cli.commands.console import Console
from sa2va_cli.events import LOOKING_FOR_CUTS, Progress


@pytest.fixture
def clock(monkeypatch):
    """The time as it is shown to what measures rates."""
    now = [100.0]
    monkeypatch.setattr(batch_progress.time, "monotonic", lambda: now[0])
    return now


def test_progress_of_each_clip_is_told_once_a_second_and_at_each_stage(clock, capsys):
    shown = Events(Console())
    shown.tell(Counted(2, 0, 2))
    for key in "ab":
        shown.tell(JobBegan(key, f"{key}.mp4", "segment", "new"))
    for step in range(30):
        clock[0] = 100 + step / 10
        for key in "ab":
            shown.tell(JobTold(key, f"{key}.mp4", Progress("segmenting", step, 30)))
    shown.tell(JobTold("a", "a.mp4", Progress("finishing the files")))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    of_a = [one for one in told if one["event"] == "progress" and one["input"] == "a.mp4"]
    assert [(one["stage"], one["done"]) for one in of_a] == [
        ("segmenting", 0),
        ("segmenting", 10),
        ("segmenting", 20),
        ("finishing the files", 0),
    ]
    assert of_a[2]["seconds_left"] == pytest.approx(2.0 * (2 - 4 / 3) / (4 / 3), abs=0.2)


def test_the_time_left_is_measured_by_what_was_done(clock):
    rate = Rate()
    assert rate.seconds_left is None
    rate.tell(Counted(10, 6, 4))
    rate.tell(JobBegan("a", "a.mp4", "segment", "new"))
    rate.tell(JobEnded("b", "b.mp4", Outcome("failed")))
    assert rate.seconds_left is None
    clock[0] += 30
    rate.tell(JobEnded("a", "a.mp4", Outcome("done")))
    assert rate.seconds_left == pytest.approx(60)


def test_looking_at_a_clip_before_it_is_followed_is_no_part_of_it_and_drawing_again_takes_nothing_back():
    rate = Rate()
    rate.tell(Counted(2, 0, 2))
    rate.tell(JobBegan("a", "a.mp4", "segment", "new"))
    for progress, done in (
        (Progress(LOOKING_FOR_CUTS, 9, 10), 0),
        (Progress("reading a.mp4", 5, 10, "MB"), 0),
        (Progress("segmenting", 5, 10), 0.5),
        (Progress("drawing what needs the whole clip", 1, 10), 0.5),
    ):
        rate.tell(JobTold("a", "a.mp4", progress))
        assert rate.done == done


@pytest.mark.parametrize(
    ("name", "part", "shown"),
    [
        ("a.mp4", "", "a.mp4"),
        ("a rather long name of a clip (2).mp4", "", "a rather long name…p (2).mp4"),
        ("日本語の映像が入っているとても長い名前.mp4", "part 2 of 3", "日本語の….mp4 (part 2 of 3)"),
    ],
)
def test_long_names_leave_room_for_how_far_a_clip_is(name, part, shown):
    with bars(Console(quiet=True)) as show:
        show.tell(JobBegan("a", f"shots/{name}", "segment", "new", part))
        assert show._bars.tasks[1].description == shown
        assert cell_len(shown) <= 28


def test_there_is_a_bar_for_the_whole_and_one_for_each_clip_at_work():
    with bars(Console(quiet=True)) as shown:
        shown.tell(Counted(3, 1, 2))
        for key in "ab":
            shown.tell(JobBegan(key, f"{key}.mp4", "segment", "new"))
        shown.tell(JobTold("a", "a.mp4", Progress("segmenting", 5, 10)))
        drawn = {task.description: task for task in shown._bars.tasks}
        assert drawn.keys() == {"jobs", "a.mp4", "b.mp4"}
        assert (drawn["a.mp4"].completed, drawn["jobs"].completed) == (5, 0.5)
        shown.tell(JobEnded("a", "a.mp4", Outcome("done")))
        assert {task.description for task in shown._bars.tasks} == {"jobs", "b.mp4"}


def test_a_status_is_followed_until_the_batch_ends(folder, sa2va, monkeypatch):
    job = BatchJob("key", "segment", "a.mp4", None)
    with ExitStack() as at_work:
        state = at_work.enter_context(opened(Path("out", NAME)))
        state.enter([job])
        naps = []

        def nap(_):
            naps.append(1)
            if len(naps) == 2:
                state.begin("key")
            if len(naps) == 3:
                state.end("key", Outcome("done", frames=8))
                at_work.close()

        monkeypatch.setattr("sa2va_cli.commands.batch_state.time.sleep", nap)
        told = sa2va("batch", "status", "out", "--follow").out
    assert len(naps) == 3
    assert [line for line in told.splitlines() if "sa2va-batch.db" in line] == [
        "out/sa2va-batch.db: 1 pending",
        "out/sa2va-batch.db: 1 running",
        "out/sa2va-batch.db: 1 done (not at work)",
    ]


def test_ten_thousand_jobs_are_counted_without_reading_each(folder):
    jobs = [BatchJob(str(number), "segment", f"{number}.mp4", None) for number in range(10_000)]
    with opened(Path(NAME)) as state:
        state.enter(jobs)
        state.end("7", Outcome("failed", error="gone"))
    summary = read_state(Path(NAME), ("running", "failed"))
    assert (summary.total, [row.source for row in summary.rows]) == (10_000, ["7.mp4"])
