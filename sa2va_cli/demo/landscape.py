"""The park without its actors: sky, hills, meadow, and the landmarks that stand in it.

Landmarks are figures like actors are; those far away are painted into the background once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.demo.shapes import (
    Affine,
    Colour,
    Ids,
    Part,
    ellipse,
    limb,
    paint,
    paint_figure,
    polygon,
    shade,
)

LEFT, TOP, RIGHT, BOTTOM = -90.0, -30.0, 730.0, 390.0
"""The part of the plane that the background covers; no camera looks beyond."""

NEAR = 232.0
"""Landmarks whose feet are lower than this stand among the actors."""

SCENERY = ("sky", "cloud", "sun", "hill", "grass", "path", "tree", "house", "bench")
"""What a place of the picture shows where there is no actor."""


@dataclass(frozen=True)
class Palette:
    """Colours of one light: sky from top to bottom, hills, meadow from far to near, leaves."""

    zenith: Colour
    haze: Colour
    hills: Colour
    far: Colour
    near: Colour
    path: Colour
    leaves: Colour


PALETTES = (
    Palette((126, 190, 232), (218, 238, 246), (150, 190, 164), (176, 212, 132), (136, 188, 104),
            (228, 212, 172), (86, 150, 92)),
    Palette((246, 188, 150), (252, 232, 204), (184, 160, 160), (206, 200, 134), (172, 178, 104),
            (232, 208, 168), (134, 146, 80)),
    Palette((168, 206, 220), (232, 240, 238), (172, 196, 188), (196, 214, 160), (160, 194, 132),
            (222, 214, 190), (108, 162, 120)),
    Palette((150, 172, 220), (236, 222, 236), (160, 162, 190), (170, 200, 150), (130, 176, 126),
            (218, 206, 192), (84, 138, 112)),
    Palette((112, 204, 222), (230, 246, 236), (138, 200, 180), (204, 222, 128), (170, 202, 92),
            (238, 222, 176), (110, 170, 74)),
    Palette((190, 202, 212), (234, 234, 228), (176, 184, 176), (214, 204, 150), (190, 174, 112),
            (226, 214, 190), (176, 136, 70)),
)  # fmt: skip


@dataclass(frozen=True)
class Landmark:
    """A thing of the park that expressions may lean on.

    Attributes:
        kind: ``tree``, ``house`` or ``bench``.
        x: middle of its foot.
        y: its foot; larger is nearer.
        scale: pixels per unit.
        tone: colour of its leaves, walls or planks.
    """

    kind: str
    x: float
    y: float
    scale: float
    tone: Colour

    def figure(self) -> list[Part]:
        """Its polygons around (0, 0)."""
        return _FIGURES[self.kind](self.tone)

    @property
    def affine(self) -> Affine:
        """(2, 3) map from its own plane into the park's."""
        return np.array([[self.scale, 0, self.x], [0, self.scale, self.y]])


def _tree(tone: Colour) -> list[Part]:
    dark, light, bark = shade(tone, -0.15), shade(tone, 0.14), (122, 90, 66)
    return [
        Part(bark, polygon((-8, 0), (-5, -60), (5, -60), (8, 0))),
        Part(bark, limb((0, -48), (16, -74), 6, 4)),
        Part(dark, ellipse(-22, -84, 30, 27)),
        Part(dark, ellipse(24, -82, 28, 25)),
        Part(tone, ellipse(0, -106, 35, 34)),
        Part(tone, ellipse(-12, -82, 24, 20)),
        Part(light, ellipse(-9, -115, 19, 16)),
    ]


def _house(tone: Colour) -> list[Part]:
    pane, roof, frame = (190, 218, 228), (132, 104, 96), shade(tone, -0.25)
    panes = [Part(pane, polygon((x, -46), (x + 20, -46), (x + 20, -28), (x, -28))) for x in (-42, 22)]
    frames = [
        Part(frame, polygon((x - 2, -48), (x + 22, -48), (x + 22, -26), (x - 2, -26))) for x in (-42, 22)
    ]
    return [
        Part(shade(roof, -0.15), polygon((24, -104), (38, -104), (38, -76), (24, -76))),
        Part(tone, polygon((-54, 0), (-54, -62), (54, -62), (54, 0))),
        Part(roof, polygon((-66, -60), (-36, -98), (36, -98), (66, -60))),
        *frames,
        *panes,
        Part((116, 92, 80), polygon((-10, 0), (-10, -40), (10, -40), (10, 0))),
    ]


def _bench(tone: Colour) -> list[Part]:
    dark = shade(tone, -0.3)
    legs = [Part(dark, limb((x, -20), (x, -2), 5)) for x in (-34, 34)]
    return [*legs, *(Part(tone, limb((-44, y), (44, y), 6.5)) for y in (-44, -34)),
            Part(shade(tone, 0.12), limb((-47, -21), (47, -21), 8)),
            *(Part(dark, limb((x, -46), (x, -20), 4)) for x in (-34, 34))]  # fmt: skip


_FIGURES: dict[str, Callable[[Colour], list[Part]]] = {"tree": _tree, "house": _house, "bench": _bench}


def sample_landmarks(rng: np.random.Generator, palette: Palette) -> tuple[Landmark, ...]:
    """A few trees, perhaps a house, perhaps a bench."""
    places = list(rng.permutation(np.linspace(30, 610, 6)) + rng.uniform(-30, 30, 6))
    marks = []
    if rng.random() < 0.45:
        tone = [(236, 224, 200), (226, 218, 214), (214, 222, 214), (240, 230, 214)][int(rng.integers(4))]
        marks.append(Landmark("house", float(places.pop()), float(rng.uniform(205, 222)), 1.0, tone))
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        front = rng.random() < 0.3
        y, scale = (rng.uniform(300, 345), rng.uniform(1.3, 1.6)) if front else (
            rng.uniform(208, 230), rng.uniform(0.85, 1.15))  # fmt: skip
        tone = shade(palette.leaves, float(rng.uniform(-0.12, 0.12)))
        marks.append(Landmark("tree", float(places.pop()), float(y), float(scale), tone))
    if rng.random() < 0.45:
        tone = [(170, 128, 88), (150, 116, 92), (184, 146, 104)][int(rng.integers(3))]
        y = rng.uniform(270, 325) if rng.random() < 0.4 else rng.uniform(226, 231)
        marks.append(Landmark("bench", float(places.pop()), float(y), float(rng.uniform(0.9, 1.15)), tone))
    return tuple(marks)


@lru_cache(maxsize=1)
def _grain() -> NDArray[np.int16]:
    return np.random.default_rng(7).normal(0, 2.6, (512, 1024)).astype(np.int16)


def paint_background(
    seed: int, palette: Palette, landmarks: tuple[Landmark, ...], scale: tuple[float, float]
) -> RGB:
    """Paints all that never moves, for a camera to look at.

    Args:
        seed: decides where clouds, hills and tufts are.
        palette: the light.
        landmarks: those far away are painted, the others left out.
        scale: pixels of the returned image per unit of the plane, in x and in y.
    """
    rng = np.random.default_rng(seed)
    sy = scale[1]
    width, height, plane = _canvas(scale)
    horizon = _horizon(rng)
    image = _gradients(palette, horizon, height, width, sy)
    paint(image, [part for _, part in _layers(rng, palette, horizon)], plane)
    for mark in _far(landmarks):
        shadow = Part(shade(palette.far, -0.14), ellipse(mark.x, mark.y, 30 * mark.scale, 5))
        paint(image, [shadow], plane)
        paint(image, mark.figure(), compose(plane, mark.affine))
    grain = _grain()
    rows, columns = np.arange(height) % grain.shape[0], np.arange(width) % grain.shape[1]
    return np.asarray(np.clip(image + grain[np.ix_(rows, columns)][..., None], 0, 255), np.uint8)


def label_background(
    seed: int, palette: Palette, landmarks: tuple[Landmark, ...], scale: tuple[float, float]
) -> Ids:
    """What ``paint_background`` paints at each pixel: its place in ``SCENERY``; arguments are the same."""
    rng = np.random.default_rng(seed)
    width, height, plane = _canvas(scale)
    horizon = _horizon(rng)
    labels = np.zeros((height, width), np.uint8)
    labels[np.arange(height) / scale[1] + TOP >= horizon] = SCENERY.index("grass")
    for name, part in _layers(rng, palette, horizon):
        paint_figure(None, labels, [part], plane, SCENERY.index(name))
    for mark in _far(landmarks):
        paint_figure(None, labels, mark.figure(), compose(plane, mark.affine), SCENERY.index(mark.kind))
    return labels


def _canvas(scale: tuple[float, float]) -> tuple[int, int, Affine]:
    """Width and height of the whole background in pixels, and the map from the plane into it."""
    sx, sy = scale
    plane = np.array([[sx, 0, -LEFT * sx], [0, sy, -TOP * sy]])
    return round((RIGHT - LEFT) * sx), round((BOTTOM - TOP) * sy), plane


def _horizon(rng: np.random.Generator) -> float:
    return float(rng.uniform(178, 200))


def _far(landmarks: tuple[Landmark, ...]) -> list[Landmark]:
    """Those that are part of the background, from back to front."""
    return [mark for mark in sorted(landmarks, key=lambda m: m.y) if mark.y < NEAR]


def _layers(rng: np.random.Generator, palette: Palette, horizon: float) -> list[tuple[str, Part]]:
    """All that never moves but landmarks, from back to front, with what it is."""
    return _sky(rng, palette) + _ground(rng, palette, horizon)


def compose(outer: Affine, inner: Affine) -> Affine:
    """The affine map that applies ``inner`` first and ``outer`` second."""
    return np.hstack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2:] + outer[:, 2:]])


def _gradients(palette: Palette, horizon: float, height: int, width: int, sy: float) -> RGB:
    y = np.arange(height) / sy + TOP
    sky = np.clip((y - TOP) / (horizon - TOP), 0, 1)[:, None]
    land = np.clip((y - horizon) / (BOTTOM - horizon), 0, 1)[:, None]
    above = np.array(palette.zenith) * (1 - sky) + np.array(palette.haze) * sky
    below = np.array(palette.far) * (1 - land) + np.array(palette.near) * land
    column = np.where((y < horizon)[:, None], above, below)
    return np.ascontiguousarray(np.broadcast_to(column[:, None], (height, width, 3)).astype(np.uint8))


def _sky(rng: np.random.Generator, palette: Palette) -> list[tuple[str, Part]]:
    x, y = rng.uniform(40, 600), rng.uniform(25, 60)
    parts = [("sun", Part(shade(palette.haze, 0.45), ellipse(x, y, 27, 27, corners=28)))]
    white = shade(palette.haze, 0.6)
    for _ in range(int(rng.integers(2, 5))):
        x, y, size = rng.uniform(-60, 700), rng.uniform(10, 110), rng.uniform(0.6, 1.3)
        puffs = ((-34, 4, 26, 11), (0, -6, 32, 19), (32, 3, 28, 12), (0, 8, 56, 8))
        parts += [
            ("cloud", Part(white, ellipse(x + size * a, y + size * b, size * c, size * d)))
            for a, b, c, d in puffs
        ]
    return parts


def _ground(rng: np.random.Generator, palette: Palette, horizon: float) -> list[tuple[str, Part]]:
    far = _ridge(rng, shade(palette.hills, 0.28), horizon, 46)
    near = _ridge(rng, palette.hills, horizon, 26)
    path, meadow = _footpath(rng, palette.path), _meadow(rng, palette, horizon + 22)
    return [("hill", far), ("hill", near), ("path", path), *(("grass", part) for part in meadow)]


def _ridge(rng: np.random.Generator, tone: Colour, horizon: float, height: float) -> Part:
    x = np.linspace(LEFT, RIGHT, 30)
    waves = np.sin(x / rng.uniform(60, 110) + rng.uniform(0, 6)) + 0.5 * np.sin(x / 31 + rng.uniform(0, 6))
    ridge = np.stack([x, horizon - height * (0.55 + 0.3 * waves)], 1)
    return Part(tone, np.vstack([ridge, [[RIGHT, horizon + 1], [LEFT, horizon + 1]]]))


def _footpath(rng: np.random.Generator, tone: Colour) -> Part:
    x = np.linspace(LEFT, RIGHT, 16)
    upper = rng.uniform(255, 330) + rng.uniform(-18, 18) * np.sin(x / 150)
    lower = upper + rng.uniform(22, 34)
    return Part(tone, np.vstack([np.stack([x, upper], 1), np.stack([x, lower], 1)[::-1]]))


def _meadow(rng: np.random.Generator, palette: Palette, top: float) -> list[Part]:
    tuft = polygon((-4, 0), (-5, -6), (-1, -2), (0, -8), (2, -2), (5, -6), (4, 0))
    green, white = shade(palette.near, -0.12), (244, 240, 226)
    places = rng.uniform((LEFT, top), (RIGHT, BOTTOM), (36, 2))
    parts = [Part(green, tuft + place) for place in places[:26]]
    return parts + [Part(white, ellipse(x, y, 2.2, 2.2, corners=8)) for x, y in places[26:].tolist()]


def look(background: RGB, plane_to_picture: Affine, size: tuple[int, int]) -> RGB:
    """The background as a camera sees it.

    Args:
        background: what ``paint_background`` or ``label_background`` returned.
        plane_to_picture: (2, 3) map from the plane into the picture.
        size: (width, height) of the picture.
    """
    height, width = background.shape[:2]
    sx, sy = (RIGHT - LEFT) / width, (BOTTOM - TOP) / height
    texture_to_plane = np.array([[sx, 0, LEFT], [0, sy, TOP]])
    affine = compose(plane_to_picture, texture_to_plane)
    affine[:, 2] += affine[:, :2].sum(1) * 0.5 - 0.5  # OpenCV counts from the centre of a pixel
    between = cv2.INTER_LINEAR if background.ndim > 2 else cv2.INTER_NEAREST
    looked = cv2.warpAffine(background, affine, size, flags=between, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(looked, np.uint8)
