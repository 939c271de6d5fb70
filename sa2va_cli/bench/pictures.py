"""Something to work on: pictures of the little park with a camera's grain, and masks of a plausible size."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.demo.scene import Scene

FPS = 24
GRAIN = 2.0
"""Standard deviation, in steps of 255, of the grain that is laid over the drawn pictures.

Drawn pictures are flat, which makes them far cheaper to encode than what a camera sees.
"""
_PATTERNS = 5
_DRAWN = 48
_AREA = 0.07
"""The part of the picture that an object covers: that of the girl in the sample clip."""


def park_scene() -> Scene:
    """The scene that is drawn."""
    return Scene.sample(0, _DRAWN, FPS)


def park_pictures(frames: int, size: tuple[int, int], grain: float = GRAIN) -> Iterator[RGB]:
    """Draws pictures of a scene, 48 of them; a longer clip goes back and forth through those.

    Args:
        frames: how many.
        size: (width, height).
        grain: see ``GRAIN``.

    Yields:
        (H, W, 3) uint8 RGB, the same ones every time.
    """
    scene = park_scene()
    rng = np.random.default_rng(0)
    patterns = [rng.normal(0.0, grain, (size[1], size[0], 1)).astype(np.float32) for _ in range(_PATTERNS)]
    drawn: dict[int, RGB] = {}
    for number in range(frames):
        turn = number % (2 * _DRAWN - 2)
        t = min(turn, 2 * _DRAWN - 2 - turn)
        if t not in drawn:
            grainy = scene.draw(t, size)[0] + patterns[t % _PATTERNS]
            drawn[t] = np.clip(np.rint(grainy), 0, 255).astype(np.uint8)
        yield drawn[t]
        if frames <= _DRAWN:
            drawn.clear()


def disc_logits(objects: int, grid: int, phase: float = 0.0) -> NDArray[np.float32]:
    """Mask logits of discs, each seven hundredths of the picture, spread around its middle.

    Args:
        objects: how many, N.
        grid: side of the decoder's grid.
        phase: how far they have turned around the middle, in turns.

    Returns:
        (N, grid, grid) float32, positive inside.
    """
    y, x = np.mgrid[:grid, :grid].astype(np.float32) / grid - 0.5
    radius = math.sqrt(_AREA / math.pi)
    logits = np.empty((objects, grid, grid), np.float32)
    for k in range(objects):
        angle = 2 * math.pi * (k / objects + phase)
        distance = np.hypot(x - 0.28 * math.cos(angle), y - 0.28 * math.sin(angle))
        logits[k] = (radius - distance) * grid
    return logits
