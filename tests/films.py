"""Films of several shots with coloured squares, and a network that finds a colour only where it sees it."""

from functools import cache
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from fakes import FakeSession, RememberingSegmenter, RememberingSession

from sa2va_cli.datatypes import Grounding

LENGTH = 14
RED, GREEN, BLUE = (230, 30, 30), (30, 230, 30), (30, 30, 230)
GROUNDS = (70, 160, 110)


def write_film(path: Path, shots, length=LENGTH, flash=None) -> Path:
    """Shots on grounds of other grey; in each, squares of some colours move to the right, side by side."""
    path.write_bytes(_film(path.suffix, tuple(map(tuple, shots)), length, flash))
    return path


@cache
def _film(suffix: str, shots, length, flash) -> bytes:
    written = BytesIO()
    with av.open(written, "w", format={".mkv": "matroska"}.get(suffix, suffix[1:])) as container:
        video = container.add_stream("libx264", rate=25, options={"g": "9"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for t in range(length * len(shots)):
            number, k = divmod(t, length)
            image = np.full((48, 64, 3), GROUNDS[number % 3], np.uint8)
            for place, colour in enumerate(shots[number]):
                image[4 + 14 * place : 16 + 14 * place, 4 + k : 16 + k] = colour
            if t == flash:
                image[:] = 250
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
    return written.getvalue()


class SeeingSession(FakeSession):
    """Finds a colour only where the pictures that it was shown have it, every square of it by itself."""

    def look(self, images):
        self.shown = images
        return super().look(images)

    def ground(self, view, prompt):
        grounding, view = super().ground(view, prompt)
        there = [row for row in grounding.queries if self._has(int(row[0]))]
        answer = "Sure, [SEG]." if there else "It is not there."
        return Grounding(answer, np.array(there).reshape(-1, 1)), view

    def _has(self, channel):
        others = [c for c in range(3) if c != channel]
        return any(
            (image[..., channel].astype(int) > image[..., others].max(2).astype(int) + 60).any()
            for image in self.shown
        )


class RememberingSeeing(SeeingSession, RememberingSession):
    pass


class Seeing(RememberingSegmenter):
    session = SeeingSession

    def open(self, *, still=False):
        return self.session(self)


class SeeingAndRemembering(Seeing):
    session = RememberingSeeing
