"""Markers for an editor's timeline: ranges worth a look, and where each object is seen.

An edit decision list (CMX 3600) holds marker comments as DaVinci Resolve writes and reads them; ``.csv`` is
for spreadsheets and scripts; ``.otio`` needs the extra ``otio``.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sa2va_cli.datatypes import FoundObject, FrameMasks
from sa2va_cli.errors import UsageError
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.media.timecode import Timecode, base_of
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.late_file import LateFileSink
from sa2va_cli.tracks.review import Review

_MOST_EVENTS = 999
"""Events of a CMX 3600 list: their numbers have three digits."""


@dataclass(frozen=True)
class Marker:
    """One stretch of the source.

    Attributes:
        object: the object's number.
        label: what it is called.
        reason: why it is worth a look; ``visible`` where the object is seen.
        first: number of the first frame in the source, from 0.
        last: number of the last frame, which belongs to it.
        start: seconds from the source's first frame to the first one.
        end: seconds to the last one.
        confidence: of the worst frame; None for ``visible``.
    """

    object: int
    label: str
    reason: str
    first: int
    last: int
    start: float
    end: float
    confidence: float | None = None

    @property
    def text(self) -> str:
        """What an editor reads."""
        return f"{self.label}: {self.reason}"


class SourceTimecodes:
    """Names frames of a source: from its own timecode, numbered files from their numbers, else from zero."""

    def __init__(self, info: SourceInfo) -> None:
        self._info = info
        first = Timecode(info.first_number or 0, base_of(info.rate))
        if info.metadata.timecode is not None:
            with suppress(UsageError):  # one that its own rate does not allow is no use to anybody
                first = Timecode.parse(info.metadata.timecode, info.rate)
        self.first = first

    def of(self, number: int, seconds: float) -> Timecode:
        """The name of a frame, by its number in the source and its time from the first one."""
        info = self._info
        if info.numbers:
            return self.first + (info.numbers[number] - info.numbers[0])
        return self.first + (number if info.constant_rate else round(seconds * info.rate))

    def span(self, marker: Marker) -> tuple[Timecode, int]:
        """Where a marker begins, and how many frames it takes."""
        begin, end = self.of(marker.first, marker.start), self.of(marker.last, marker.end)
        return begin, max(1, end.frames - begin.frames + 1)


class MarkersSink(LateFileSink):
    """Writes one file of markers, in the format that its ending names.

    Args:
        path: the final file.
        clip: the input.
        objects: what the rows of all masks are.

    Raises:
        UsageError: the format needs a package that is not installed.
    """

    def __init__(self, path: Path, clip: Clip, objects: tuple[FoundObject, ...]) -> None:
        super().__init__(path)
        self._ending = path.suffix.lower()
        if self._ending == ".otio" and find_spec("opentimelineio") is None:
            raise UsageError(
                f"{path.name}: OpenTimelineIO needs opentimelineio, which is not installed: pip install "
                "'sa2va[otio]'; .edl and .csv need nothing"
            )
        self._clip = clip
        self._objects = objects
        self._review = Review(objects, clip.info.start_seconds)
        self._seen: dict[int, Marker] = {}
        self._visible: list[Marker] = []

    def write(self, masks: FrameMasks) -> None:
        """Takes one frame."""
        self._review.add(masks)
        frame = masks.frame
        number = frame.index if frame.source_index is None else frame.source_index
        seconds = round(float(frame.pts * frame.time_base - self._clip.info.start_seconds), 3)
        for row, (found, mask) in enumerate(zip(self._objects, masks.masks, strict=True)):
            before = self._seen.pop(row, None)
            if mask.any():
                first, start = (before.first, before.start) if before else (number, seconds)
                self._seen[row] = Marker(found.id, found.label, "visible", first, number, start, seconds)
            elif before:
                self._visible.append(before)

    def markers(self) -> list[Marker]:
        """All markers by their beginning, what is worth a look before what is merely there."""
        doubtful = [
            Marker(one.object, one.label, one.reason, one.first, one.last, one.start, one.end, one.confidence)
            for one in self._review.ranges()
        ]
        found = [*doubtful, *self._visible, *self._seen.values()]
        return sorted(found, key=lambda one: (one.first, one.confidence is None, one.object))

    def finish(self, hidden: Path) -> None:
        """Writes the file."""
        markers, codes = self.markers(), SourceTimecodes(self._clip.info)
        if self._ending == ".edl" and len(markers) > _MOST_EVENTS:
            self._clip.reader.warn(
                f"{self.path.name}: the first {_MOST_EVENTS} of {len(markers)} markers; "
                "an edit decision list has no room for more, CSV has"
            )
        hidden.write_text(_FORMATS[self._ending](markers, codes, self._clip), encoding="utf-8", newline="")


def edl(markers: Sequence[Marker], codes: SourceTimecodes, clip: Clip) -> str:
    """An edit decision list: an event of one frame for each marker, with Resolve's marker comment below it.

    A timeline holds one marker on a frame; of several that begin together, later ones begin a frame later.
    """
    lines = [
        f"TITLE: {_on_one_line(clip.stem)}",
        f"FCM: {'DROP FRAME' if codes.first.drop else 'NON-DROP FRAME'}",
    ]
    taken: set[int] = set()
    for event, marker in enumerate(markers[:_MOST_EVENTS], 1):
        begin, count = codes.span(marker)
        while begin.frames in taken:
            begin, count = begin + 1, max(1, count - 1)
        taken.add(begin.frames)
        inside, outside = begin, begin + 1
        colour = "Green" if marker.confidence is None else "Red"
        lines += [
            "",
            f"{event:03}  001      V     C        {inside} {outside} {inside} {outside}",
            f" |C:ResolveColor{colour} |M:{_on_one_line(marker.text)} |D:{count}",
        ]
    return "\r\n".join([*lines, ""])


def _on_one_line(text: str) -> str:
    """A text without what ends a line or a field of a marker comment."""
    return " ".join(text.replace("|", "/").split())


COLUMNS = (
    "object", "label", "reason", "first_frame", "last_frame", "start_timecode", "end_timecode",
    "start_seconds", "end_seconds", "confidence",
)  # fmt: skip
"""Of the CSV; both ends are those of the last frame that belongs to the range."""


def comma_separated(markers: Sequence[Marker], codes: SourceTimecodes, _: Clip) -> str:
    """A table in UTF-8, as RFC 4180 has it."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for one in markers:
        begin, count = codes.span(one)
        confidence = "" if one.confidence is None else one.confidence
        ends = one.first, one.last, begin, begin + (count - 1), one.start, one.end
        table.writerow([one.object, one.label, one.reason, *ends, confidence])
    return text.getvalue()


def open_timeline(markers: Sequence[Marker], codes: SourceTimecodes, clip: Clip) -> str:
    """An OpenTimelineIO timeline of the source as one clip, with markers on it."""
    import opentimelineio as otio

    rate = float(clip.info.rate)

    def time(frames: int) -> "otio.opentime.RationalTime":
        return otio.opentime.RationalTime(frames, rate)

    def spread(begin: Timecode, count: int) -> "otio.opentime.TimeRange":
        return otio.opentime.TimeRange(time(begin.frames), time(count))

    whole = spread(codes.first, max(1, clip.info.frames))
    media = otio.schema.ExternalReference(str(clip.info.path), whole)
    shot = otio.schema.Clip(clip.stem, media, whole)
    for one in markers:
        shot.markers.append(
            otio.schema.Marker(
                one.text,
                spread(*codes.span(one)),
                otio.schema.MarkerColor.GREEN if one.confidence is None else otio.schema.MarkerColor.RED,
                {"sa2va": {"object": one.object, "reason": one.reason, "confidence": one.confidence}},
            )
        )
    timeline = otio.schema.Timeline(clip.stem, global_start_time=time(codes.first.frames))
    track = otio.schema.Track(clip.stem, kind=otio.schema.TrackKind.Video)
    track.append(shot)
    timeline.tracks.append(track)
    return json.dumps(json.loads(timeline.to_json_string()), ensure_ascii=False, indent=2) + "\n"


_FORMATS: dict[str, Callable[[Sequence[Marker], SourceTimecodes, Clip], str]] = {
    ".edl": edl,
    ".csv": comma_separated,
    ".otio": open_timeline,
}
