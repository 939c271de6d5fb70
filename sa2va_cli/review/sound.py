"""The sound of a clip for a browser: one track, from the first frame that was looked at, as Ogg Opus.

Knows nothing about pictures but when the first one is shown.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from sa2va_cli.errors import InputError
from sa2va_cli.media.reader import Reader

RATE = 48_000
"""Samples a second; the one that Opus has."""

_BIT_RATE = 96_000


def write_sound(reader: Reader, path: Path) -> None:
    """Writes the first sound track.

    Args:
        reader: the open clip.
        path: of the new file.

    Raises:
        InputError: there is no sound, or it cannot be read.
    """
    if not reader.info.has_audio:
        raise InputError(f"{reader.info.path.name} has no sound")
    start, end = reader.audio_range
    try:
        with av.open(f"file:{reader.info.path}", metadata_errors="ignore") as source:
            stream = source.streams.audio[0]
            with av.open(str(path), "w", format="ogg") as target:
                track: Any = target.add_stream("libopus", rate=RATE, bit_rate=_BIT_RATE)
                for frame in _samples(source, stream, start, end):
                    target.mux(track.encode(frame))
                target.mux(track.encode(None))
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise InputError(f"{reader.info.path}: its sound cannot be read ({error})") from error


def _samples(source: Any, stream: Any, start: Fraction, end: Fraction | None) -> Any:
    """Frames of 16-bit stereo without a gap: silence where there is none, and nothing before the start."""
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=RATE)
    written = 0
    for frame in source.decode(stream):
        if frame.time is None:
            continue
        if end is not None and frame.time >= end:
            break
        place = round((Fraction(frame.time).limit_denominator(RATE) - start) * RATE)
        for part in resampler.resample(frame):
            samples = part.to_ndarray().reshape(-1, 2)
            missing = place - written
            if missing > 0:
                samples = np.concatenate([np.zeros((missing, 2), np.int16), samples])
            elif missing < -_SLACK:
                samples = samples[-missing:]
            if len(samples):
                yield _framed(samples, written)
            written += len(samples)
            place = written


_SLACK = RATE // 50
"""Samples by which sound may lie behind its time: resampling and rounded clocks hold some back."""


def _framed(samples: Any, written: int) -> Any:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), "s16", "stereo")
    frame.rate, frame.pts, frame.time_base = RATE, written, Fraction(1, RATE)
    return frame
