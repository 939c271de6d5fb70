"""``sa2va segment``: arguments into a job, one call, and what came of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.session import Interrupted, Session
from sa2va_cli.commands.startup import collector_paused
from sa2va_cli.errors import NothingFoundError, UsageError
from sa2va_cli.events import Event, Saved
from sa2va_cli.outputs.saving import Existing, Saving
from sa2va_cli.pipeline.job import Search, SegmentJob, numbered
from sa2va_cli.runtime.choice import ModelChoice

if TYPE_CHECKING:
    from pathlib import Path

    from sa2va_cli.datatypes import AnySegmenter
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

_WHAT, _WHERE, _HOW, _SAY = "Looking", "Saving", "Model", "Talking"


def _option(*names: str, panel: str, text: str, metavar: str = "") -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar)


def segment_command(
    context: typer.Context,
    *,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A video, an image, a folder or pattern of frames, or - for standard input.",
            show_default=False,
        ),
    ],
    prompts: Annotated[
        list[str],
        typer.Argument(
            metavar="PROMPT",
            help="What to look for, in words; each prompt finds objects of its own.",
            show_default=False,
        ),
    ],
    sampling: Annotated[
        str,
        _option(
            "--sampling",
            panel=_WHAT,
            metavar="HOW",
            text="Which frames the language model sees: uniform (spread over the clip) or first.",
        ),
    ] = "uniform",
    keyframes: Annotated[
        int,
        _option("--keyframes", panel=_WHAT, metavar="N", text="How many frames the language model sees."),
    ] = 5,
    threshold: Annotated[
        float,
        _option(
            "--threshold",
            panel=_WHAT,
            metavar="P",
            text="Probability, between 0 and 1, above which a pixel belongs to a mask.",
        ),
    ] = 0.5,
    verbatim: Annotated[
        bool,
        _option("--verbatim", panel=_WHAT, text='Send prompts as they are, not as "Please segment PROMPT."'),
    ] = False,
    start: Annotated[
        str | None,
        _option(
            "--start", panel=_WHAT, metavar="TIME", text="Begin here: seconds, HH:MM:SS.mmm or frame 123f."
        ),
    ] = None,
    end: Annotated[
        str | None,
        _option(
            "--end", panel=_WHAT, metavar="TIME", text="Stop before this: seconds, HH:MM:SS.mmm or 123f."
        ),
    ] = None,
    every: Annotated[
        int, _option("--every", panel=_WHAT, metavar="N", text="Take every N-th frame; time stamps are kept.")
    ] = 1,
    max_frames: Annotated[
        int | None, _option("--max-frames", panel=_WHAT, metavar="N", text="Stop after N frames.")
    ] = None,
    save: Annotated[
        list[str] | None,
        _option(
            "--save",
            panel=_WHERE,
            metavar="KIND",
            text="What to make; may be repeated. mask: white on black. overlay: tint, contour and label. "
            "matte: cut out with alpha (ProRes 4444 or PNG). crop: the overlay around the objects. "
            "coco: JSON with run lengths and track ids. davis: palette PNGs. "
            "[dim]\\[default: mask, overlay][/dim]",
        ),
    ] = None,
    output: Annotated[
        str | None,
        _option(
            "--output",
            "-o",
            panel=_WHERE,
            metavar="PATH",
            text="A file (for one kind), a folder, or a template of {stem} {kind} {prompt} {ext}. "
            "[dim]\\[default: {stem}.{kind}.{ext} in the current folder][/dim]",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        _option(
            "--overwrite", panel=_WHERE, text="Replace outputs that exist; without it they are an error."
        ),
    ] = False,
    skip_existing: Annotated[
        bool,
        _option("--skip-existing", panel=_WHERE, text="Keep outputs that exist and make only the others."),
    ] = False,
    allow_empty: Annotated[
        bool,
        _option("--allow-empty", panel=_WHERE, text="Where nothing matches, write empty masks; not exit 4."),
    ] = False,
    model: Annotated[
        str | None,
        _option(
            "--model",
            "-m",
            panel=_HOW,
            metavar="NAME",
            text="Alias (demo, 1b, 4b, ...), folder, or hub id. "
            "[dim]\\[default: ByteDance/Sa2VA-4B with a GPU, else ByteDance/Sa2VA-1B][/dim]",
        ),
    ] = None,
    device: Annotated[
        str, _option("--device", panel=_HOW, metavar="NAME", text="auto, cpu, cuda, cuda:N or mps.")
    ] = "auto",
    dtype: Annotated[
        str,
        _option(
            "--dtype",
            panel=_HOW,
            metavar="NAME",
            text="auto (what is fast here), bf16, fp16, fp32, or by parts: lm=bf16,vit=bf16,sam2=fp32.",
        ),
    ] = "auto",
    attention: Annotated[
        str,
        _option(
            "--attention",
            panel=_HOW,
            metavar="HOW",
            text="How the chat model computes it: sdpa, eager, or flash (needs the extra flash).",
        ),
    ] = "sdpa",
    quantize: Annotated[
        str | None,
        _option(
            "--quantize",
            panel=_HOW,
            metavar="BITS",
            text="8bit or 4bit for the language model alone, to save memory (needs the extra quant).",
        ),
    ] = None,
    device_map: Annotated[
        str,
        _option(
            "--device-map",
            panel=_HOW,
            metavar="HOW",
            text="none, or auto: spread a language model that is too big for one GPU over all of them and "
            "the computer's memory (needs the extra offload).",
        ),
    ] = "none",
    compile_: Annotated[
        str,
        _option(
            "--compile",
            panel=_HOW,
            metavar="WHEN",
            text="Compile what runs for every frame: on, off, or auto (on a GPU, for clips of minutes).",
        ),
    ] = "auto",
    as_json: Annotated[
        bool, _option("--json", panel=_SAY, text="Write the result to standard output as one JSON document.")
    ] = False,
    dry_run: Annotated[
        bool,
        _option("--dry-run", panel=_SAY, text="Show what would be done; load, download and make nothing."),
    ] = False,
    quiet: Annotated[bool, _option("--quiet", "-q", panel=_SAY, text="Say nothing but errors.")] = False,
    verbose: Annotated[
        bool,
        _option("--verbose", "-v", panel=_SAY, text="Say more: keyframes, answers, libraries' warnings."),
    ] = False,
    debug: Annotated[
        bool, _option("--debug", panel=_SAY, text="Like -v, and show a traceback when something fails.")
    ] = False,
) -> None:
    """Find what a sentence names in a video or an image, and write its masks."""
    session: Session = context.obj
    session.console = Console(quiet=quiet, verbose=verbose, debug=debug)
    job = SegmentJob(
        source=source,
        search=Search(
            prompts=numbered(prompts),
            sampling=sampling,
            keyframes=keyframes,
            threshold=threshold,
            start=start,
            end=end,
            every=every,
            max_frames=max_frames,
            verbatim=verbatim,
        ),
        model=ModelChoice(model, device, dtype, attention, quantize, device_map, compile_),
        saving=Saving(
            tuple(save or ("mask", "overlay")),
            output,
            _existing(overwrite=overwrite, skip=skip_existing),
            allow_empty=allow_empty,
        ),
    )
    session.console.hush_libraries()
    with collector_paused() as go_on:
        if dry_run:
            _show_plan(job, session, as_json=as_json)
        else:
            _run(job, session, go_on, as_json=as_json)


def _existing(*, overwrite: bool, skip: bool) -> Existing:
    if overwrite and skip:
        raise UsageError("--overwrite and --skip-existing contradict each other; give one of them")
    return "overwrite" if overwrite else "skip" if skip else "refuse"


def _run(job: SegmentJob, session: Session, imported: Callable[[], None], *, as_json: bool) -> None:
    console = session.console
    from sa2va_cli.commands.documents import nothing_document, result_document
    from sa2va_cli.pipeline.segmentation import segment
    from sa2va_cli.runtime.loading import import_network, load_segmenter
    from sa2va_cli.runtime.threads import divide_cores

    def load(choice: ModelChoice, placement: "Placement") -> "AnySegmenter":
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
            result = segment(job, load=load, report=report, threads=divide_cores)
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
    from sa2va_cli.checkpoints.hub import locate
    from sa2va_cli.commands.documents import plan_document
    from sa2va_cli.pipeline.segmentation import planned

    with session.console.reporting() as report, planned(job, report) as plan:
        if plan.placement.concern:
            session.console.note(plan.placement.concern)
        to_download = False
        if plan.outputs:  # a run that has nothing to make needs no model
            job.model.check(plan.placement)
            to_download = locate(plan.model) is None
    session.console.plan(plan, to_download=to_download)
    if as_json:
        session.console.data(plan_document(job, plan, to_download=to_download))
