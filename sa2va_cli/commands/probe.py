"""``sa2va probe``: what is seen in a video, a picture, a folder or a pattern."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.options import Talking, only
from sa2va_cli.commands.session import Session

if TYPE_CHECKING:
    from sa2va_cli.media.description import Description
    from sa2va_cli.media.source import SourceInfo
    from sa2va_cli.media.streams import StreamFacts

EPILOG = examples(
    "sa2va probe clip.mov", 'sa2va probe "plates/sh010.####.exr"', "sa2va probe clip.mp4 --json | jq .rate"
)

_UNSPECIFIED = 2

_MATRIX = {
    0: "rgb",
    1: "bt709",
    2: "unspecified",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020nc",
    10: "bt2020c",
}
_PRIMARIES = {
    1: "bt709",
    2: "unspecified",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
}
_TRANSFER = {
    1: "bt709",
    2: "unspecified",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    11: "iec61966-2-4",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
"""What FFmpeg calls the numbers of ITU-T H.273."""


def probe_command(
    *,
    session: Session,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="A video, an image, a folder or pattern of frames.", show_default=False
        ),
    ],
    stream: Annotated[
        int | None,
        typer.Option("--stream", metavar="N", min=0, help="Describe this video stream, not the main one."),
    ] = None,
    deinterlace: Annotated[
        bool, typer.Option("--deinterlace", help="As segment would read it with this option.", metavar="")
    ] = False,
    talking: Annotated[Talking, only("as_json", "debug")],
) -> None:
    """Show what is seen in an input: streams, rate, times, size, colour, sound, and what is wrong with it.

    All packets are read, so frames are counted and not taken from a header; the first one is decoded. No
    model is loaded.
    """
    from sa2va_cli.media.description import describe
    from sa2va_cli.parameters import expanded

    seen = describe(expanded(source), stream_index=stream, deinterlace=deinterlace)
    if talking.as_json:
        session.console.data(document(seen))
        return
    for heading, text in lines(seen):
        session.console.answer(f"{heading:<10} {text}")


def document(seen: "Description") -> dict[str, Any]:
    """The document of ``probe --json``; times in seconds, rates as fractions."""
    info, container = seen.info, seen.container
    video = info.kind == "video"
    return {
        "path": str(info.path),
        "kind": info.kind,
        "container": container.format if container else None,
        "bytes": container.bytes if container else None,
        "bit_rate": container.bit_rate if container else None,
        "stream": seen.stream,
        "codec": info.codec,
        "width": info.size[0],
        "height": info.size[1],
        "rotation": info.rotation,
        "sample_aspect_ratio": str(info.sample_aspect_ratio),
        "rate": f"{info.rate.numerator}/{info.rate.denominator}" if video else None,
        "constant_rate": info.constant_rate if video else None,
        "frames": info.frames,
        "seconds": info.duration_seconds if video else None,
        "start_seconds": float(info.start_seconds) if video else None,
        "timecode": info.metadata.timecode,
        "pixel_format": seen.pixel_format,
        "depth": info.depth if video else None,
        "colour": _colour_document(info),
        "hdr": info.colour.high_range if info.colour else None,
        "alpha": seen.alpha,
        "colour_profile": seen.profile,
        "interlaced": info.interlaced,
        "field_order": info.field_order,
        "streams": [_stream_document(one) for one in container.streams] if container else [],
        "first_number": info.first_number,
        "metadata": dict(info.metadata.texts),
        "chapters": [
            {"start": float(one.start), "end": float(one.end), "title": one.title}
            for one in info.metadata.chapters
        ],
        "warnings": list(seen.warnings),
    }


def _colour_document(info: "SourceInfo") -> dict[str, Any] | None:
    if info.colour is None:
        return None
    return {
        "matrix": _MATRIX.get(info.colour.matrix, str(info.colour.matrix)),
        "primaries": _PRIMARIES.get(info.colour.primaries, str(info.colour.primaries)),
        "transfer": _TRANSFER.get(info.colour.transfer, str(info.colour.transfer)),
        "range": "full" if info.colour.full_range else "limited",
    }


def _stream_document(one: "StreamFacts") -> dict[str, Any]:
    return {
        "index": one.index,
        "kind": one.kind,
        "codec": one.codec,
        "profile": one.profile,
        "language": one.language,
        "title": one.title,
        "seconds": one.seconds,
        "width": one.size[0] if one.size else None,
        "height": one.size[1] if one.size else None,
        "pixel_format": one.pixel_format,
        "rate": f"{one.rate.numerator}/{one.rate.denominator}" if one.rate else None,
        "matrix": None if one.matrix is None else _MATRIX.get(one.matrix, str(one.matrix)),
        "sample_rate": one.sample_rate,
        "channels": one.channels,
        "cover": one.cover,
    }


def lines(seen: "Description") -> list[tuple[str, str]]:
    """Headings, and what is shown beside them."""
    info = seen.info
    shown = [("input", f"{info.path}: {info.kind}"), *_container_lines(seen), ("size", _size(info))]
    if info.kind == "video":
        shown += _time_lines(info)
    else:
        numbered = f", numbered from {info.first_number}" if info.first_number is not None else ""
        shown.append(("frames", f"{info.frames}{numbered}"))
    if seen.pixel_format:
        depth = f", {info.depth} bits" if info.kind == "video" else ""
        shown.append(("pixels", f"{seen.pixel_format}{depth}"))
    shown += _colour_lines(seen)
    shown.append(("alpha", "yes" if seen.alpha else "no"))
    if info.kind == "video":
        first = f", {info.field_order} field first" if info.field_order else ""
        shown.append(("scan", f"interlaced{first}" if info.interlaced else "progressive"))
    shown += [
        ("chapter", f"{float(c.start):.3f} to {float(c.end):.3f} s {c.title}".rstrip())
        for c in info.metadata.chapters
    ]
    shown += [("metadata", f"{name}: {' '.join(text.split())}") for name, text in info.metadata.texts]
    shown += [("warning", text) for text in seen.warnings]
    return shown


def _size(info: "SourceInfo") -> str:
    turned = f", turned by {info.rotation} degrees" if info.rotation else ""
    aspect = info.sample_aspect_ratio
    pixels = f", pixels {aspect.numerator}:{aspect.denominator}" if aspect != 1 else ""
    return f"{info.size[0]}x{info.size[1]}{turned}{pixels}"


def _container_lines(seen: "Description") -> list[tuple[str, str]]:
    container = seen.container
    if container is None:
        return [("codec", seen.info.codec)] if seen.info.codec else []
    rate = f", {container.bit_rate / 1000:.0f} kb/s" if container.bit_rate else ""
    shown = [("container", f"{container.format}, {container.bytes / 1e6:.2f} MB{rate}")]
    for one in container.streams:
        mark = " (this one)" if one.index == seen.stream else ""
        shown.append((f"stream {one.index}", f"{_stream(one)}{mark}"))
    return shown


def _stream(one: "StreamFacts") -> str:
    named = f"{one.codec or 'unknown codec'}{f' ({one.profile})' if one.profile else ''}"
    parts = [f"{'cover picture' if one.cover else one.kind}: {named}"]
    parts += [f"{one.size[0]}x{one.size[1]}"] if one.size else []
    parts += [f"{one.sample_rate} Hz"] if one.sample_rate else []
    parts += [part for part in (one.pixel_format, one.channels, one.language, one.title) if part]
    parts += [f"{one.seconds:.3f} s"] if one.seconds is not None else []
    return ", ".join(parts)


def _time_lines(info: "SourceInfo") -> list[tuple[str, str]]:
    from sa2va_cli.media.rates import rate_text

    kind = "constant" if info.constant_rate else "variable"
    shown = [
        ("rate", f"{rate_text(info.rate)} frames per second, {kind}"),
        ("frames", f"{info.frames}, counted"),
        ("duration", f"{info.duration_seconds:.3f} s, from {float(info.start_seconds):.3f} s"),
    ]
    return [*shown, ("timecode", info.metadata.timecode)] if info.metadata.timecode else shown


def _colour_lines(seen: "Description") -> list[tuple[str, str]]:
    told = _colour_document(seen.info)
    shown = [("profile", "embedded")] if seen.profile else []
    if told is None or seen.info.colour is None:
        return shown
    streams = seen.container.streams if seen.container else ()
    is_tagged = all(one.matrix != _UNSPECIFIED for one in streams if one.index == seen.stream)
    guess = "" if is_tagged else " (not tagged, taken for it)"
    colours = f"primaries {told['primaries']}, transfer {told['transfer']}, {told['range']} range"
    shown.append(("colour", f"matrix {told['matrix']}{guess}, {colours}"))
    return [*shown, ("hdr", seen.info.colour.high_range or "no")]
