"""Delivering what is seen: ``render`` or ``edit`` from the tracks, or from a log of the edits on them.

Knows nothing about how anything is drawn.
"""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sa2va_cli.editing.remarks import remarked_ranges
from sa2va_cli.errors import UsageError
from sa2va_cli.events import no_report
from sa2va_cli.pipeline.edit_job import EditJob
from sa2va_cli.pipeline.editing import edit, planned_from_tracks
from sa2va_cli.pipeline.rendering import RenderJob, draw_frames, planned_rendering, render, run_rendering
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.messages import line
from sa2va_cli.review.ordering import Order, Ordered, ordered, previewed
from sa2va_cli.review.work import Job, Steps

if TYPE_CHECKING:
    from sa2va_cli.pipeline.result import SegmentResult


def order_on(clip: OpenClip, order: Order, folder: Path, working: Sequence[str]) -> Ordered:
    """An order as a job on what is seen of a clip.

    Args:
        clip: which one.
        order: what is wanted.
        folder: what was opened.
        working: the commands whose work is being done; the logs that they name stay.

    Raises:
        UsageError: it cannot be meant, or speaks of an object that there is not.
    """
    known = [one.id for one in clip.edits.edited.header.objects]
    for number in order.objects or ():
        if number not in known:
            raise UsageError(line("no_object", object=number, known=", ".join(map(str, known))))
    chosen = order.objects if order.what != "effect" else None  # effects name their objects themselves
    tracks = clip.edits.materialised(chosen, working).absolute()
    source = str(Path(clip.source).absolute()) if clip.is_local else clip.source
    return ordered(order, tracks, source, folder, clip.clip.tracks.parent)


def delivered_steps(made: Ordered, tell: Callable[[Job], None], job: Job) -> Steps:
    """The work of an order: one long step.

    Args:
        made: what is done.
        tell: is called when there is news of the job.
        job: is told how far it is.

    Raises:
        Sa2VAError: of the kind that says what went wrong.
    """
    yield 0.0
    report = job.reporting(tell)
    if isinstance(made.job, EditJob):
        result: SegmentResult = edit(made.job, report=report)
    else:
        result = render(made.job, report=report)
    job.notes = (*result.warnings, *(one.text for one in remarked_ranges(result.remarks)))
    return result.files


def preview(made: Ordered, index: int) -> bytes:
    """One frame of what an order makes, as PNG.

    Raises:
        UsageError: it is made of no pictures.
        Sa2VAError: of the kind that says what else went wrong.
    """
    with tempfile.TemporaryDirectory(prefix="sa2va-review-") as folder:
        job = previewed(made, Path(folder))
        draw = partial(draw_frames, indices=[index])
        if isinstance(job, RenderJob):
            with planned_rendering(job, no_report) as plan:
                run_rendering(plan, no_report, draw)
        else:
            with planned_from_tracks(job, no_report) as plan:
                run_rendering(plan, no_report, draw)
        pictures = sorted(path for path in Path(folder).rglob("*.png") if path.is_file())
        if not pictures:
            raise UsageError(line("nothing_here"))
        return pictures[0].read_bytes()
