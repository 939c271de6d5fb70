"""A little clip for tests of effects: a textured disc that walks over a textured background."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.drawing import Drawer, Drawn, Scene, Seen
from sa2va_cli.render.effects.reading import EffectUse, read_effect

SIZE = (97, 71)
"""Odd on purpose."""

EXAMPLES = {"recolour": "recolour=blue", "background": "background=green", "caption": "caption=Hello"}
"""What effects are called with that need a value."""


def example(name: str) -> EffectUse:
    return read_effect(EXAMPLES.get(name, name))


def ground(size: tuple[int, int] = SIZE, seed: int = 1, coarse: int = 8) -> NDArray[np.uint8]:
    """(H, W, 3) a smooth picture of many colours, with corners in it."""
    width, height = size
    rng = np.random.default_rng(seed)
    small = rng.integers(30, 226, (height // coarse + 2, width // coarse + 2, 3), dtype=np.uint8)
    large = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return np.clip(large + rng.integers(-3, 4, (height, width, 1)), 0, 255).astype(np.uint8)


def disc(x: float, y: float, radius: float, size: tuple[int, int] = SIZE) -> NDArray[np.float32]:
    """(H, W) alpha with an edge of two pixels."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    away = np.hypot(columns - x, rows - y)
    return np.clip((radius - away) / 2 + 0.5, 0, 1).astype(np.float32)


def over(
    picture: NDArray[np.uint8], alpha: NDArray[np.float32], above: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    share = alpha[..., None]
    return np.rint(picture + share * (above.astype(np.float32) - picture)).astype(np.uint8)


def clip(
    count: int = 4, *, deep: bool = False, alphas: NDArray[np.float32] | None = None, step: float = 3.0
) -> list[Scene]:
    """Frames of the disc on its way to the right; ``alphas`` (H, W) replaces its mask on all of them."""
    back, skin = ground(), ground(seed=2, coarse=5)
    scenes = []
    for index in range(count):
        alpha = disc(30 + step * index, 35, 17)
        picture = over(back, alpha, np.roll(skin, round(step * index), axis=1))
        pixels = picture.astype(np.uint16) * 257 if deep else picture
        seen = alpha if alphas is None else alphas
        scenes.append(Scene(index, index / 24, pixels, (Seen(1, 1, "disc", seen),), 24.0))
    return scenes


def drawn(scenes: list[Scene], *uses: EffectUse | str) -> tuple[list[Drawn], Drawer]:
    """What the driver does with a sink."""
    drawer = Drawer([read_effect(use) if isinstance(use, str) else use for use in uses])
    if drawer.surveys:
        for scene in scenes:
            drawer.survey(scene)
    found = []
    for place, scene in enumerate(scenes):
        near = scenes[max(0, place - drawer.reach) : place + drawer.reach + 1]
        found.append(drawer.draw(scene, [one for one in near if one is not scene]))
    return found, drawer
