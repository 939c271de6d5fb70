"""``sa2va segment``: arguments into a job, one call, and what came of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from sa2va_cli.commands.idle import tell_idle_drawing, tell_idle_search
from sa2va_cli.commands.options import Talking, without
from sa2va_cli.commands.prompt_doubts import doubts
from sa2va_cli.commands.session import Interrupted, Session
from sa2va_cli.commands.standard_output import check_standard_output
from sa2va_cli.commands.startup import collector_paused
from sa2va_cli.errors import NothingFoundError
from sa2va_cli.events import Event, Saved
from sa2va_cli.pipeline.job import FirstLook, Resuming, SegmentJob

if TYPE_CHECKING:
    from pathlib import Path

    from sa2va_cli.datatypes import AnySegmenter
    from sa2va_cli.runtime.choice import ModelChoice
    from sa2va_cli.runtime.device import Placement

EPILOG = """
Exit codes: 0 done, 1 a bug of ours, 2 usage, 3 input cannot be read, 4 nothing matched the prompt, \
5 model not available, 6 out of memory, 7 output cannot be written, 130 interrupted.

[bold]Examples[/bold]

sa2va segment samples/park.mp4 "girl in red dress" --model demo

sa2va segment clip.mp4 "the dog" "the ball" --save overlay -o out/

sa2va segment clip.mp4 "the dancer" --save matte -o dancer.mov --start 2.5 --end 00:00:08

sa2va segment "shots/*.png" "the car" --save davis --save coco

cat clip.mp4 | sa2va segment - "the dog" --json > result.json
"""


def segment_command(
    *,
    session: Session,
    job: SegmentJob,
    first_look: FirstLook,
    resuming: Annotated[Resuming, without("stop")],
    talking: Talking,
) -> None:
    """Find what a sentence names in a video or an image, and write its masks."""
    for doubt in doubts([prompt.text for prompt in job.search.prompts if prompt.text]):
        session.console.warning(doubt)
    tell_idle_drawing(session, job.saving.kinds)
    tell_idle_search(session, has_words=job.search.has_words, resumes=resuming.resume)
    if not talking.dry_run:
        check_standard_output(job.saving, as_json=talking.as_json)
    with collector_paused() as go_on:
        if talking.dry_run:
            _show_plan(job, session, as_json=talking.as_json)
        else:
            _run(job, session, go_on, None if first_look.preview else resuming, as_json=talking.as_json)


def _run(
    job: SegmentJob,
    session: Session,
    imported: Callable[[], None],
    resuming: Resuming | None,
    *,
    as_json: bool,
) -> None:
    """Runs a job, or only previews it where there is nothing to resume."""
    console = session.console
    from sa2va_cli.commands.documents import nothing_document, result_document
    from sa2va_cli.pipeline.previewing import preview
    from sa2va_cli.pipeline.segmentation import segment
    from sa2va_cli.runtime.loading import import_network, load_segmenter
    from sa2va_cli.runtime.threads import divide_cores

    def load(choice: "ModelChoice", placement: "Placement") -> "AnySegmenter":
        if session.load is None:
            import_network()
        imported()
        return (session.load or load_segmenter)(choice, placement)

    finished: list[Path] = []
    with console.reporting() as show:

        def report(event: Event) -> None:
            if isinstance(event, Saved):
                finished.append(event.path)
            show(event)

        try:
            if resuming is None:
                result = preview(job, load=load, report=report)
            else:
                result = segment(job, load=load, report=report, threads=divide_cores, resuming=resuming)
        except (Interrupted, KeyboardInterrupt):
            kept = f"kept {', '.join(map(str, finished))}" if finished else "nothing was written"
            raise Interrupted(f"interrupted; {kept}") from None
        except NothingFoundError as error:
            if as_json:
                console.data(nothing_document(job, error))
            raise
    console.result(result)
    if as_json:
        console.data(result_document(result))


def _show_plan(job: SegmentJob, session: Session, *, as_json: bool) -> None:
    """Shows what a run would do, and fails where it would fail before anything is loaded or downloaded."""
    from sa2va_cli.checkpoints.hub import locate, locate_follower
    from sa2va_cli.commands.documents import plan_document
    from sa2va_cli.pipeline.planning import planned

    with session.console.reporting() as report, planned(job, report) as plan:
        if plan.placement.concern:
            session.console.note(plan.placement.concern)
        to_download = False
        if plan.outputs:  # a run that has nothing to make needs no model
            job.model.check(plan.placement)
            to_download = locate(plan.model, masks=True) is None
            if job.model.has_follower:
                locate_follower(job.model.follower)
    session.console.plan(job, plan, to_download=to_download)
    if as_json:
        session.console.data(plan_document(job, plan, to_download=to_download))
