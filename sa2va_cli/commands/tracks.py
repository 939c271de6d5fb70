"""``sa2va tracks``: what a tracks file holds, for people and for programs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.helptext import examples

if TYPE_CHECKING:
    from sa2va_cli.commands.session import Session
    from sa2va_cli.pipeline.inspecting import Sighting, TracksSummary

app = typer.Typer(
    help="Look into tracks files, which segment --save tracks writes.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INFO_EPILOG = examples(
    "sa2va tracks info park.tracks.sa2va", "sa2va tracks info park.tracks.sa2va --json | jq .frames"
)
CAT_EPILOG = examples("sa2va tracks cat park.tracks.sa2va --rle | head -1")

Path_ = Annotated[Path, typer.Argument(metavar="TRACKS", help="A tracks file.", show_default=False)]


@app.command("info", epilog=INFO_EPILOG)
def info_command(
    context: typer.Context,
    path: Path_,
    *,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Write one JSON document.")] = False,
) -> None:
    """Tell what a tracks file holds, and whether all of it can be read."""
    from sa2va_cli.pipeline.inspecting import summarise

    console = _console(context)
    summary = summarise(path)
    if as_json:
        console.data(_document(summary))
    else:
        _show(summary, console)


@app.command("cat", epilog=CAT_EPILOG)
def cat_command(
    context: typer.Context,
    path: Path_,
    *,
    rle: Annotated[
        bool, typer.Option("--rle", metavar="", help="Add each mask as COCO's compressed run lengths.")
    ] = False,
) -> None:
    """Write one line of JSON for each frame and object."""
    from sa2va_cli.pipeline.inspecting import sightings
    from sa2va_cli.tracks.log import Tracks

    console = _console(context)
    tracks = Tracks(path)
    for one in sightings(tracks):
        console.answer(json.dumps(_line(one, rle=rle), ensure_ascii=False))
    if tracks.condition.problem:
        console.note(f"{path}: {tracks.condition.problem}")


def _console(context: typer.Context) -> Console:
    session: Session = context.obj
    return session.console


def _line(one: "Sighting", *, rle: bool) -> dict[str, Any]:
    line: dict[str, Any] = {
        "frame": one.frame,
        "source_frame": one.source_frame,
        "seconds": one.seconds,
        "object": one.found.id,
        "label": one.found.label,
        "score": round(one.score, 6),
        "area": one.area,
        "bbox": None if one.box is None else [one.box.x0, one.box.y0, *one.box.size],
    }
    if rle:
        from sa2va_cli.export.coco import encode_mask

        line["segmentation"] = encode_mask(one.mask)
    return line


def _document(summary: "TracksSummary") -> dict[str, Any]:
    header, condition = summary.header, summary.condition
    source = header.source
    return {
        "path": str(summary.path),
        "bytes": summary.size,
        "frames": condition.frames,
        "frames_wanted": header.frames,
        "complete": condition.complete,
        "torn": condition.torn,
        "damaged": condition.damaged,
        "program": header.program,
        "source": {
            "path": source.path,
            "kind": source.kind,
            "width": source.size[0],
            "height": source.size[1],
            "frames": source.frames,
            "rate": str(source.rate),
        },
        "model": {
            "name": header.model.name,
            "revision": header.model.revision,
            "weights": header.model.weights,
            "device": header.model.device,
            "dtype": header.model.dtype,
        },
        "threshold": header.threshold,
        "settings": dict(header.settings),
        "prompts": [
            {"id": one.id, "text": one.text, "label": one.label, "answer": header.answers.get(one.id)}
            for one in header.prompts
        ],
        "objects": [
            {
                "id": one.id,
                "prompt": one.prompt_id,
                "label": one.label,
                "frames_visible": one.frames_visible,
                "ranges": [list(span) for span in one.ranges],
                "share": one.share,
                "score": one.score,
            }
            for one in summary.objects
        ],
    }


def _show(summary: "TracksSummary", console: Console) -> None:
    header, condition = summary.header, summary.condition
    source = header.source
    console.answer(f"source     {source.path}: {source.kind}, {source.size[0]}x{source.size[1]}")
    console.answer(f"frames     {condition.frames} of {header.frames}")
    console.answer(f"size       {summary.size / 1e6:.2f} MB")
    console.answer(f"model      {header.model.name} ({header.model.device}, {header.model.dtype})")
    for prompt in header.prompts:
        console.answer(f"prompt {prompt.id:<3} {prompt.text}")
    if summary.objects:
        rows = [
            [
                str(one.id),
                one.label,
                str(one.prompt_id),
                f"{one.frames_visible}/{condition.frames}",
                _spans(one.ranges),
                f"{one.share:.2%}",
                f"{one.score:.2f}",
            ]
            for one in summary.objects
        ]
        console.table(["object", "label", "prompt", "frames", "visible in", "share", "score"], rows)
    if condition.problem:
        console.line(f"warning: {condition.problem}", "yellow")


def _spans(ranges: tuple[tuple[int, int], ...], most: int = 4) -> str:
    """Ranges of source frames, the first few."""
    texts = [f"{first}-{last}" if last > first else str(first) for first, last in ranges[:most]]
    return " ".join(texts) + (f" and {len(ranges) - most} more" if len(ranges) > most else "")
