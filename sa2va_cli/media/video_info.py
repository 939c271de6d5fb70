"""What is said of a video file once its first frame and its times are known: a description, and what is odd.

Knows nothing about how either was found.
"""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from sa2va_cli.datatypes import HIGH_RANGE
from sa2va_cli.media.conversion import colour_of, depth_of, display_matrix, transposes
from sa2va_cli.media.fields import field_order_of
from sa2va_cli.media.metadata import read_metadata
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.media.tail import has_second, missing_bytes
from sa2va_cli.media.timeline import Timeline


def describe(
    path: Path, container: Any, stream: Any, timeline: Timeline, frame: Any, *, deinterlace: bool
) -> SourceInfo:
    """The description of a video.

    Args:
        path: the file.
        container: of it, open.
        stream: its video stream.
        timeline: of the stream.
        frame: the first one, as it is stored.
        deinterlace: whether interlaced frames are made whole.
    """
    matrix = display_matrix(frame)
    # The container's, then the bitstream's (av_guess_sample_aspect_ratio), as players do.
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    if aspect <= 0:
        aspect = Fraction(1)
    turned = transposes(matrix)
    return SourceInfo(
        path=path,
        kind="image" if _is_still(container, timeline) else "video",
        size=(frame.height, frame.width) if turned else (frame.width, frame.height),
        frames=len(timeline),
        rate=timeline.rate,
        time_base=timeline.unit,
        duration_seconds=float(timeline.duration),
        rotation=0 if matrix is None else frame.rotation % 360,
        has_audio=any(s.codec_context is not None for s in container.streams.audio),
        codec=stream.codec_context.codec.canonical_name,
        sample_aspect_ratio=1 / aspect if turned else aspect,
        start_seconds=timeline.seconds(0),
        constant_rate=timeline.constant,
        clock_offsets=timeline.offsets,
        metadata=read_metadata(container, stream),
        subtitles=len(container.streams.subtitles),
        colour=colour_of(frame),
        depth=depth_of(frame),
        interlaced=frame.interlaced_frame,
        field_order=field_order_of(frame) if matrix is None and not deinterlace else None,
    )


def _is_still(container: Any, timeline: Timeline) -> bool:
    """Whether it is one picture in a format of pictures, of those that Pillow does not know."""
    pictures = container.format.name == "image2" or container.format.name.endswith("_pipe")
    return pictures and len(timeline) == 1


def remarks(
    path: Path, container: Any, timeline: Timeline, frame: Any, cut_off: int, *, deinterlace: bool
) -> list[str]:
    """What is odd about a video and no damage, one line each.

    Args:
        path: the file.
        container: of it, open.
        timeline: of its video.
        frame: the first one.
        cut_off: how many frames at the beginning refer to what is not there.
        deinterlace: whether interlaced frames are made whole.
    """
    notes = []
    for number, track in enumerate(container.streams.audio, 1):
        if track.codec_context is None or not track.codec_context.sample_rate:
            notes.append(f"sound track {number} is in a codec that cannot be read; it is left out")
    kind = HIGH_RANGE.get(int(frame.color_trc))
    if kind is not None:
        notes.append(
            f"high dynamic range ({kind}): the network sees a tone-mapped picture; "
            f"mattes and overlays keep {kind}, unless --tonemap is given"
        )
    if frame.interlaced_frame and not deinterlace:
        notes.append(
            "the video is interlaced and is not deinterlaced; outputs keep its fields, and edges that move "
            "will look combed on screens; --deinterlace makes whole frames"
        )
    if frame.rotation % 90:
        notes.append(f"a rotation by {frame.rotation} degrees is not a right angle and is rounded to one")
    if timeline.jumps:
        times = "once" if len(timeline.offsets) == 2 else f"{len(timeline.offsets) - 1} times"
        notes.append(f"the time stamps jump {times}, as in joined recordings; the pieces follow each other")
    if cut_off:
        frames = "frame refers" if cut_off == 1 else f"{cut_off} frames refer"
        notes.append(f"the first {frames} to what was cut off before the beginning, and cannot be shown")
    with suppress(OSError):
        if has_second(path):
            notes.append(
                "another recording is joined behind the first, and is not read; join them with ffmpeg"
            )
    return notes


def missing_end(path: Path) -> str:
    """Says that a file ends before its own structure does; nothing where it does not."""
    with suppress(OSError):
        missing = missing_bytes(path)
        if missing:
            return f"the file ends early: {missing} bytes of it are missing"
    return ""
