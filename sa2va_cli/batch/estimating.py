"""How long what is due will take, and what storage will have to move: by what was done before.

The measure is bytes of input, as nothing is opened: clips of one kind of camera and codec take about as long
for each. Jobs that are done in the state file say how many were done in how much time, with all that went on
side by side. Knows nothing about models.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sa2va_cli.batch.job import BatchJob
from sa2va_cli.batch.sources import file_list
from sa2va_cli.batch.state_format import Row
from sa2va_cli.pipeline.storage import facts_of, is_stored


@dataclass(frozen=True)
class Rates:
    """What was measured.

    Attributes:
        clips: how many.
        bytes_per_second: of input, while any of them was at work.
        written: bytes of output for each byte of input.
    """

    clips: int
    bytes_per_second: float
    written: float


@dataclass(frozen=True)
class Estimate:
    """What jobs will need.

    Attributes:
        jobs: how many.
        read: bytes of their inputs, as far as these can be seen.
        hours: of work at the measured rate; None where nothing was measured.
        written: bytes of their outputs; likewise.
        clips: by how many clips that is known.
    """

    jobs: int
    read: int
    hours: float | None
    written: float | None
    clips: int


def measured(rows: Iterable[Row]) -> Rates | None:
    """Rates by the jobs that are done; None where none can tell."""
    done = [row for row in rows if row.state == "done" and row.frames and (row.mark or {}).get("size")]
    seconds = _covered([(row.started or 0.0, row.finished or 0.0) for row in done])
    read = sum(int((row.mark or {})["size"]) for row in done)
    if not done or seconds <= 0:
        return None
    written = sum(int(mark.get("size") or 0) for row in done for mark in row.outputs.values())
    return Rates(len(done), read / seconds, written / read)


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds in which at least one job was at work."""
    total, end = 0.0, float("-inf")
    for begin, stop in sorted(spans):
        total += max(0.0, stop - max(begin, end))
        end = max(end, stop)
    return total


def estimated(jobs: Sequence[BatchJob], rates: Rates | None) -> Estimate:
    """What jobs will need; opens nothing, and asks storage for sizes."""
    read = sum(_bytes_of(job.source) for job in jobs)
    if rates is None:
        return Estimate(len(jobs), read, None, None, 0)
    return Estimate(len(jobs), read, read / rates.bytes_per_second / 3600, read * rates.written, rates.clips)


def _bytes_of(source: str) -> int:
    if is_stored(source):
        facts = facts_of(source)
        return 0 if facts is None else facts.size
    try:
        return sum(file.stat().st_size for file in file_list(source))
    except OSError:
        return 0
