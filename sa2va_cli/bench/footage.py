"""The media path of a run, each stage by itself, as work that can be timed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.bench.work import DECODE, ENCODE_VIDEO, PROMPT, RENDER, Work
from sa2va_cli.datatypes import RGB, Frame, FrameMasks, Yuv420
from sa2va_cli.media.reader import Reader
from sa2va_cli.media.writer import VideoWriter
from sa2va_cli.render.overlay import draw_overlay
from sa2va_cli.render.palette import colour


def media_stages(
    reader: Reader, frames: Sequence[Frame], logits: NDArray[np.float32], scratch: Path
) -> dict[str, Work]:
    """Decoding, drawing and encoding.

    Args:
        reader: of the clip.
        frames: its first frames, which are drawn on and encoded.
        logits: (N, h, w) of the masks.
        scratch: a folder for a video.
    """
    scores = np.ones(len(logits), np.float32)
    labels, colours = [PROMPT] * len(logits), [colour(k) for k in range(len(logits))]
    info = reader.info

    def draw(frame: Frame) -> RGB | Yuv420:
        masks = FrameMasks(frame, logits, scores).masks
        return draw_overlay(frame.picture, masks, labels, colours)

    def encode() -> None:
        video = scratch / "encoded.mp4"
        with VideoWriter(video, size=info.size, rate=info.rate, time_base=info.time_base) as writer:
            for frame in frames:
                writer.write(frame.picture, frame.pts, frame.time_base)

    return {
        DECODE: Work(lambda: [frame.image.shape for frame in reader], reader.count_selected()),
        RENDER: Work(lambda: [draw(frame) for frame in frames], len(frames)),
        ENCODE_VIDEO: Work(encode, len(frames)),
    }
