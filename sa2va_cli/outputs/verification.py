"""Proof: a finished output is opened again and compared with what was meant, before it gets its name.

There is a function for each family of files: videos, pictures, folders, JSON, XML. Of a video all packets are
read for their times, and a few pictures from its whole length are decoded. Knows nothing about who wrote it.
"""

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from PIL import Image, UnidentifiedImageError

from sa2va_cli.authorship import stranger_in
from sa2va_cli.errors import InputError, OutputError, parameter
from sa2va_cli.media.formats import SUFFIXES
from sa2va_cli.media.readback import ReadBack, SoundTrack, read_back
from sa2va_cli.outputs.kind import VIDEO_ENDINGS
from sa2va_cli.staging import discard
from sa2va_cli.written import Sample, Written, WrittenFiles, WrittenPictures, WrittenVideo

_LUMA, _ALPHA = 8 / 255, 4 / 255
"""By how much values of a decoded picture may differ from what was encoded, on average over its points."""

_SOUND = Fraction(1, 10)
"""Seconds by which sound may end earlier or later, beside two packets: encoders fill and prime them."""

_HEADER = Fraction(1, 1000)
"""Seconds to which an MP4's header rounds a track's length."""

_LARGEST_JSON = 256 << 20
"""Bytes up to which a JSON file is parsed as a whole; of larger ones only the end is looked at."""

_LOOKED_AT = 5
"""Files of a folder that are decoded."""


def verify(part: Path, path: Path, meant: Written | None, frames: int) -> None:
    """Removes an output that is not what was meant.

    Args:
        part: the finished file or folder, under the name it has now.
        path: what it will be called.
        meant: what its writer says; None where it says nothing.
        frames: how many frames it was given.

    Raises:
        OutputError: it differs; says in what.
    """
    try:
        found = next(differences(part, meant, frames), None)
    except (InputError, OSError) as error:
        found = f"it cannot be read again: {error}"
    if found is None:
        return
    discard(part)
    found = found.replace(str(part), str(path)).replace(part.name, path.name)
    raise OutputError(
        f"{path} did not become what was meant, and is removed: {found}; try another format, or keep it "
        f"with {parameter('verify', value=False, option='--no-verify')}"
    )


def differences(path: Path, meant: Written | None, frames: int) -> Iterator[str]:
    """In what an output differs from what was meant, one line each.

    Raises:
        InputError: a video cannot be read.
        OSError: a file cannot be read.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        yield from folder_differences(path, None if isinstance(meant, WrittenVideo) else meant, frames)
    elif suffix == ".json":
        yield from json_differences(path, frames)
    elif suffix == ".xml":
        yield from xml_differences(path)
    elif isinstance(meant, WrittenVideo) or suffix in VIDEO_ENDINGS:
        yield from video_differences(path, meant if isinstance(meant, WrittenVideo) else None, frames)
    elif suffix in SUFFIXES:
        yield from picture_differences(path, meant if isinstance(meant, WrittenPictures) else None)


def video_differences(path: Path, meant: WrittenVideo | None, frames: int) -> Iterator[str]:
    """Compares frames, time stamps, size, pixels, tags, timecode and sound."""
    if meant is None:
        count = len(read_back(path).stamps)
        if count != frames:
            yield f"it holds {count} frames instead of {frames}"
        return
    stamps = sorted(meant.samples)
    got = read_back(path, [stamp * meant.time_base for stamp in stamps])
    yield from _shape_differences(got, meant)
    yield from _time_differences(got, meant)
    yield from _pixel_differences(got, [meant.samples[stamp] for stamp in stamps], meant.step / 2 / 255)
    yield from _sound_differences(got.sound, meant.sound)


def _shape_differences(got: ReadBack, meant: WrittenVideo) -> Iterator[str]:
    if got.size != meant.size:
        yield "it has {}x{} pixels instead of {}x{}".format(*got.size, *meant.size)
    # Matroska keeps an aspect as a size in whole pixels, which rounds it.
    if abs(got.aspect / meant.aspect - 1) > max(Fraction(1, 1000), Fraction(1, 2 * min(meant.size))):
        yield f"its pixels have the aspect {got.aspect} instead of {meant.aspect}"
    if meant.tags is not None and got.tags is not None:
        for name in ("matrix", "primaries", "transfer", "full_range"):
            wanted, found = getattr(meant.tags, name), getattr(got.tags, name)
            unspecified = name != "full_range" and wanted == 2
            if found != wanted and not unspecified:
                yield f"its colour is tagged {name} {found} instead of {wanted}"
    if meant.samples and got.field_order != meant.field_order:
        yield f"its field order is {got.field_order} instead of {meant.field_order}"
    if meant.timecode is not None and got.timecode != meant.timecode:
        yield f"its timecode is {got.timecode} instead of {meant.timecode}"


def _time_differences(got: ReadBack, meant: WrittenVideo) -> Iterator[str]:
    if len(got.stamps) != len(meant.stamps):
        yield f"it holds {len(got.stamps)} frames instead of {len(meant.stamps)}"
        return
    # A container's clock that is a whole part of the writer's rounds nothing.
    slack = Fraction(0) if (meant.time_base / got.unit).denominator == 1 else got.unit
    for number, (found, stamp) in enumerate(zip(got.stamps, meant.stamps, strict=True)):
        seconds, wanted = found * got.unit, stamp * meant.time_base
        if abs(seconds - wanted) > slack:
            yield f"frame {number} is shown at {float(seconds):.6f} s instead of {float(wanted):.6f} s"
            return
    end = meant.end * meant.time_base
    if got.end is not None and abs(got.end - end) > max(slack, meant.time_base, _HEADER):
        yield f"it ends at {float(got.end):.6f} s instead of {float(end):.6f} s"


def _pixel_differences(got: ReadBack, meant: Sequence[Sample], coarse: float) -> Iterator[str]:
    """Compares values; ``coarse`` is by how much more they may differ, as somebody asked for small files."""
    for place, wanted in enumerate(meant):
        found = got.samples.get(place)
        if found is None:
            yield f"key frame {place + 1} of {len(meant)} that were tried cannot be decoded"
            return
        if (found.alpha is None) != (wanted.alpha is None):
            yield "it has no alpha" if found.alpha is None else "it has an alpha that was not meant"
            return
        luma = float(np.abs(found.luma - wanted.luma).mean())
        if luma > _LUMA + coarse:
            yield f"its pixels differ from what was drawn by {255 * luma:.1f} of 255 on average"
            return
        if found.alpha is not None and wanted.alpha is not None:
            alpha = float(np.abs(found.alpha - wanted.alpha).mean())
            if alpha > _ALPHA + coarse:
                yield f"its alpha differs from what was drawn by {255 * alpha:.1f} of 255 on average"
                return


def _sound_differences(got: Sequence[SoundTrack], meant: Sequence[Fraction | None]) -> Iterator[str]:
    if len(got) != len(meant):
        yield f"it has {len(got)} sound tracks instead of {len(meant)}"
        return
    for number, (track, end) in enumerate(zip(got, meant, strict=True), 1):
        if end is None:
            continue
        if track.end is None:
            yield f"sound track {number} is empty; {float(end):.3f} s were written"
        elif abs(track.end - end) > _SOUND + 2 * track.packet:
            yield f"sound track {number} ends at {float(track.end):.3f} s instead of {float(end):.3f} s"


def picture_differences(path: Path, meant: WrittenPictures | None) -> Iterator[str]:
    """Decodes a picture and compares its size and whether it has alpha."""
    try:
        size, has_alpha = _shape_of_exr(path) if path.suffix.lower() == ".exr" else _shape_of(path)
    except (UnidentifiedImageError, SyntaxError, ValueError, OSError, RuntimeError) as error:
        yield f"{path.name} cannot be decoded: {error}"
        return
    if meant is None:
        return
    if size != meant.size:
        yield "{} has {}x{} pixels instead of {}x{}".format(path.name, *size, *meant.size)
    if has_alpha != meant.alpha:
        yield f"{path.name} has {'an' if has_alpha else 'no'} alpha"


def _shape_of(path: Path) -> tuple[tuple[int, int], bool]:
    """(width, height) of a picture that Pillow decodes, and whether it has alpha."""
    with Image.open(path) as image:
        image.load()
        return image.size, "A" in image.getbands() or "transparency" in image.info


def _shape_of_exr(path: Path) -> tuple[tuple[int, int], bool]:
    """The same of an OpenEXR file."""
    from sa2va_cli.media.exr import read_channels

    channels = read_channels(path)
    height, width = next(iter(channels.values())).shape
    return (width, height), "A" in channels


def folder_differences(
    folder: Path, meant: WrittenPictures | WrittenFiles | None, frames: int
) -> Iterator[str]:
    """Compares the names of the files; decodes a few of pictures, and reads all of others."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    if meant is None:
        if len(names) < frames:
            yield f"it holds {len(names)} files for {frames} frames"
        return
    wanted = sorted(meant.names)
    if names != wanted:
        missing = [name for name in wanted if name not in set(names)]
        more = [name for name in names if name not in set(wanted)]
        said = f"{missing[0]} is missing" if missing else f"{more[0]} is too many"
        yield f"it holds {len(names)} files instead of {len(wanted)}; {said}"
        return
    if isinstance(meant, WrittenFiles):
        changed = stranger_in(folder)
        if changed is not None:
            yield f"{changed.relative_to(folder)} does not hold what was written into it"
        return
    places = np.linspace(0, len(meant.names) - 1, min(_LOOKED_AT, len(meant.names))).round().astype(int)
    for place in dict.fromkeys(places.tolist()):
        yield from picture_differences(folder / meant.names[place], meant)


def json_differences(path: Path, frames: int) -> Iterator[str]:
    """Parses a JSON file; one that lists images, as COCO does, lists each frame."""
    if path.stat().st_size > _LARGEST_JSON:
        with path.open("rb") as file:
            file.seek(-16, 2)
            if not file.read().rstrip().endswith((b"}", b"]")):
                yield "its end is missing"
        return
    try:
        document: Any = json.loads(path.read_bytes())
    except ValueError as error:
        yield f"it is no JSON: {error}"
        return
    for name in ("images", "items"):
        listed = document.get(name) if isinstance(document, dict) else None
        if listed is not None and len(listed) != frames:
            yield f"it lists {len(listed)} {name} instead of {frames}"


def xml_differences(path: Path) -> Iterator[str]:
    """Reads an XML file to its end."""
    try:
        with path.open("rb") as file:
            expat.ParserCreate().ParseFile(file)
    except expat.ExpatError as error:
        yield f"it is no XML: {error}"
