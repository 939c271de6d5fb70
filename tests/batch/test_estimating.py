"""``--dry-run`` says what is due, and what that reads, writes and takes by what was done before."""

import json
from pathlib import Path

import pytest

from sa2va_cli.batch.estimating import Estimate, Rates, estimated, measured
from sa2va_cli.batch.job import BatchJob
from sa2va_cli.batch.state_format import Row


def row(begin, end, size, written, **more):
    said = {"state": "done", "frames": 8, "started": begin, "finished": end} | more
    outputs = {"a": {"size": written}}
    return Row(str(begin), "segment", "a.mp4", mark={"size": size}, outputs=outputs, **said)


def test_rates_are_those_of_the_time_in_which_anything_was_at_work():
    rows = [row(0, 10, 300, 30), row(5, 20, 500, 50), row(100, 110, 100, 10)]
    assert measured(rows) == Rates(3, 900 / 30, 0.1)


def test_what_failed_or_was_not_followed_tells_nothing():
    assert measured([row(0, 10, 300, 30, state="failed"), row(0, 10, 300, 30, frames=0)]) is None
    assert measured([]) is None


def test_jobs_need_what_their_bytes_say(folder):
    (folder / "a.mp4").write_bytes(bytes(7200))
    jobs = [BatchJob("1", "segment", "a.mp4", None), BatchJob("2", "segment", "gone.mp4", None)]
    assert estimated(jobs, None) == Estimate(2, 7200, None, None, 0)
    found = estimated(jobs, Rates(3, 2.0, 0.5))
    assert found == Estimate(2, 7200, pytest.approx(1.0), 3600, 3)


def test_a_dry_run_tells_people_and_programs(batch, clips):
    before = batch("--dry-run")
    assert "3 of 3 would be done" in before.err
    assert "once one clip like these is done" in before.err
    assert batch(inputs=("shots/a.mp4",)).code == 0
    after = batch("--dry-run", inputs=("shots/a.mp4", "shots/b.mp4", "shots/day2/c.mp4"))
    assert "2 of 3 would be done" in after.err
    assert "by 1 clip that" in after.err
    needed = json.loads(batch("--dry-run", "--json").out)["estimate"]
    assert needed["jobs"] == 2
    assert needed["read"] == sum(path.stat().st_size for path in map(Path, clips[1:]))
    assert needed["hours"] > 0
