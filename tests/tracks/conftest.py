"""Headers and frames for logs."""

from fractions import Fraction

import numpy as np

from sa2va_cli.datatypes import FoundObject, Frame, ModelIdentity, Prompt
from sa2va_cli.tracks.fingerprint import Fingerprint
from sa2va_cli.tracks.header import Header, SourceFacts

PROMPTS = (Prompt(1, "girl in red"), Prompt(2, "穿红裙的女孩"), Prompt(3, "girl in red", "girl in red #2"))
OBJECTS = (FoundObject(1, PROMPTS[0], "girl in red"), FoundObject(2, PROMPTS[2], "girl in red #2"))


def make_header(frames: int = 12, objects: tuple[FoundObject, ...] = OBJECTS) -> Header:
    return Header(
        program="0.1.0",
        source=SourceFacts(
            path="clip.mp4",
            kind="video",
            size=(96, 64),
            frames=frames,
            rate=Fraction(30000, 1001),
            time_base=Fraction(1, 30000),
            duration_seconds=frames * 1001 / 30000,
            first_pts=(0, 1001),
            fingerprint=Fingerprint(1, 1000, "a" * 64, "b" * 64, "c" * 64),
        ),
        stem="clip",
        prompts=PROMPTS,
        objects=objects,
        answers={1: "Sure, [SEG].", 2: "No.", 3: "It is [SEG]."},
        threshold=0.5,
        frames=frames,
        model=ModelIdentity("demo", None, "d" * 64, "cpu", "bf16"),
        settings={"sampling": "uniform", "start": "1.5", "every": 2},
    )


def make_frame(index: int) -> Frame:
    image = np.broadcast_to(np.uint8(0), (64, 96, 3))
    return Frame(index, 1001 * index, Fraction(1, 30000), image, source_index=10 + 2 * index)


def make_logits(index: int, count: int = 2) -> np.ndarray:
    y, x = np.mgrid[:16, :16].astype(np.float32)
    rows = [5 - np.hypot(y - 8, x - 4 - 0.5 * index - k) for k in range(count)]
    return np.stack(rows).astype(np.float32) if rows else np.zeros((0, 16, 16), np.float32)
