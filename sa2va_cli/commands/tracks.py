"""``sa2va tracks``: what a tracks file holds, for people and for programs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.documents import correction_facts, prompt_facts, range_facts
from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, add_command, only
from sa2va_cli.commands.session import Session

if TYPE_CHECKING:
    from sa2va_cli.pipeline.inspecting import Sighting, TracksSummary

INFO_EPILOG = examples(
    "sa2va tracks info park.tracks.sa2va", "sa2va tracks info park.tracks.sa2va --json | jq .frames"
)
CAT_EPILOG = examples("sa2va tracks cat park.tracks.sa2va --rle | head -1")

TRACKS = typer.Argument(metavar="TRACKS", help="A tracks file.", show_default=False)


def info_command(
    *,
    session: Session,
    path: Annotated[Path, TRACKS],
    talking: Annotated[Talking, only("as_json", "debug")],
) -> None:
    """Tell what a tracks file holds, and whether all of it can be read."""
    from sa2va_cli.pipeline.inspecting import summarise

    summary = summarise(path)
    if talking.as_json:
        session.console.data(_document(summary))
    else:
        _show(summary, session.console)


def cat_command(
    *,
    session: Session,
    path: Annotated[Path, TRACKS],
    rle: Annotated[
        bool, typer.Option("--rle", help="Add each mask as COCO's compressed run lengths.")
    ] = False,
    talking: Annotated[Talking, only("quiet", "debug")],  # noqa: ARG001  (makes the console)
) -> None:
    """Write one line of JSON for each frame and object."""
    from sa2va_cli.pipeline.inspecting import sightings
    from sa2va_cli.tracks.log import Tracks

    console = session.console
    tracks = Tracks(path)
    for one in sightings(tracks):
        console.answer(json.dumps(_line(one, rle=rle), ensure_ascii=False))
    if tracks.condition.problem:
        console.note(f"{path}: {tracks.condition.problem}")


app = typer.Typer(
    help="Look into tracks files, which segment --save tracks writes.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_command(app, "tracks info", info_command, INFO_EPILOG)
add_command(app, "tracks cat", cat_command, CAT_EPILOG)


def _line(one: "Sighting", *, rle: bool) -> dict[str, Any]:
    line: dict[str, Any] = {
        "frame": one.frame,
        "source_frame": one.source_frame,
        "seconds": one.seconds,
        "object": one.found.id,
        "label": one.found.label,
        "score": round(one.score, 6),
        "predicted_iou": round(one.iou, 6),
        "agreement": round(one.agreement, 6),
        "confidence": round(one.confidence, 6),
        "area": one.area,
        "bbox": None if one.box is None else [one.box.x0, one.box.y0, *one.box.size],
    }
    if one.by_flow:
        line["by_flow"] = True
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
        "prompts": [prompt_facts(one) | {"answer": header.answers.get(one.id)} for one in header.prompts],
        "objects": [
            {
                "id": one.id,
                "prompt": one.prompt_id,
                "label": one.label,
                "frames_visible": one.frames_visible,
                "ranges": [list(span) for span in one.ranges],
                "share": one.share,
                "score": one.score,
                "confidence": one.confidence,
            }
            for one in summary.objects
        ],
        "look_at": [range_facts(one) for one in summary.look_at],
        "corrections": [correction_facts(one) for one in summary.corrections],
    }


def _show(summary: "TracksSummary", console: Console) -> None:
    header, condition = summary.header, summary.condition
    source = header.source
    console.answer(f"source     {source.path}: {source.kind}, {source.size[0]}x{source.size[1]}")
    console.answer(f"frames     {condition.frames} of {header.frames}")
    console.answer(f"size       {summary.size / 1e6:.2f} MB")
    console.answer(f"model      {header.model.name} ({header.model.device}, {header.model.dtype})")
    for prompt in header.prompts:
        said = [prompt.text or prompt.label, *map(str, prompt.visual)]
        console.answer(f"prompt {prompt.id:<3} {' '.join(said)}")
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
    labels = {one.id: one.label for one in header.objects}
    for correction in summary.corrections:
        what = " ".join(map(str, correction.prompts)) or "taken away"
        when = f" on frame {', '.join(map(str, correction.frames))}" if correction.frames else ""
        change = "added    " if correction.added else "corrected"
        console.answer(
            f"{change}  {labels.get(correction.object, correction.object)}: {what}{when}; "
            f"frames {correction.first}-{correction.last}"
        )
    console.look_at(summary.look_at)
    if condition.problem:
        console.line(f"warning: {condition.problem}", "yellow")


def _spans(ranges: tuple[tuple[int, int], ...], most: int = 4) -> str:
    """Ranges of source frames, the first few."""
    texts = [f"{first}-{last}" if last > first else str(first) for first, last in ranges[:most]]
    return " ".join(texts) + (f" and {len(ranges) - most} more" if len(ranges) > most else "")
