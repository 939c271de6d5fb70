"""Drawn clips whose alpha and foreground are known: hair, fur, motion blur and smoke over moving backgrounds.

Everything follows from a seed. Opaque shapes are drawn at four times the size and averaged down, so alpha is
the true coverage of each pixel; motion blur is the mean of several moments; smoke is drawn as alpha. The
picture is ``alpha * foreground + (1 - alpha) * background`` with a camera's grain, in the values of the file,
as matting papers compose their clips. Knows nothing about networks or refinement, except for the size of a
network's cells.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
Floats = NDArray[np.floating]

FRAMES = 8
WIDTH, HEIGHT = 480, 272
_OVER = 4  # shapes are drawn this many times larger
_GRAIN = 1.5  # standard deviation of the noise, of 255
_CELL = 4  # pixels in a cell of the network's masks: SAM 2 decodes at a quarter of its input
_BLUR = 1.0  # standard deviation of the network's edges, in cells
_BAND = 4  # pixels around soft ones that count as unknown, one cell


@dataclass(frozen=True, eq=False)
class AlphaClip:
    """A clip and what is true of it.

    Attributes:
        name: subject and background.
        images: (T, H, W, 3) uint8 RGB.
        alphas: (T, H, W) float32 in 0..1.
        foregrounds: (T, H, W, 3) uint8 RGB, the subject's own colours; black where alpha is 0.
    """

    name: str
    images: RGB = field(repr=False)
    alphas: Floats = field(repr=False)
    foregrounds: RGB = field(repr=False)

    @property
    def bands(self) -> NDArray[np.bool_]:
        """(T, H, W) bool, the unknown region: soft pixels and those up to four pixels away from one."""
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _BAND + 1,) * 2)
        soft = (self.alphas > 0.01) & (self.alphas < 0.99)
        # an edge that falls between two pixels has no soft one
        edge = np.stack([cv2.morphologyEx(k, cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0.5 for k in self.alphas])
        return np.stack([cv2.dilate(k.astype(np.uint8), around) > 0 for k in soft | edge])


def network_masks(alphas: Floats) -> Floats:
    """What a network of our precision says: truth at a quarter of the resolution, blurred.

    Args:
        alphas: (T, H, W) float32, the truth.

    Returns:
        (T, H, W) float32 soft masks in 0..1.
    """
    height, width = alphas.shape[1:]
    grid = -(-width // _CELL), -(-height // _CELL)
    coarse = (cv2.resize(alpha, grid, interpolation=cv2.INTER_AREA) for alpha in alphas)
    blurred = (cv2.GaussianBlur(k, (0, 0), _BLUR, borderType=cv2.BORDER_REPLICATE) for k in coarse)
    return np.stack([cv2.resize(k, (width, height), interpolation=cv2.INTER_LINEAR) for k in blurred])


def draw_clips(seed: int = 0) -> Iterator[AlphaClip]:
    """Draws each subject of ``SUBJECTS`` over each background of ``BACKGROUNDS``: 20 clips."""
    for i, subject in enumerate(SUBJECTS):
        for j, background in enumerate(BACKGROUNDS):
            yield draw_clip(subject, background, np.random.SeedSequence([seed, i, j]))


def draw_clip(subject: str, background: str, seed: np.random.SeedSequence) -> AlphaClip:
    """Draws one clip.

    Args:
        subject: one of ``SUBJECTS``.
        background: one of ``BACKGROUNDS``.
        seed: everything random follows from it.
    """
    rng = np.random.default_rng(seed)
    behind = _panned(BACKGROUNDS[background](rng), rng)
    subject_at = SUBJECTS[subject](rng)
    images, alphas, foregrounds = [], [], []
    for t in range(FRAMES):
        premultiplied, alpha = subject_at(t / (FRAMES - 1))
        own = premultiplied / np.maximum(alpha, 1e-3)[..., None]
        picture = premultiplied + (1 - alpha)[..., None] * behind[t]
        grain = rng.normal(0, _GRAIN, picture.shape).astype(np.float32)
        images.append(_to_bytes(picture + grain))
        alphas.append(alpha)
        foregrounds.append(_to_bytes(own))
    return AlphaClip(f"{subject}/{background}", np.stack(images), np.stack(alphas), np.stack(foregrounds))


def _to_bytes(values: Floats) -> RGB:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# Subjects: from a random generator to a function of time, 0..1, that gives the premultiplied colours (H, W,
# 3) and the alpha (H, W).

Moment = tuple[Floats, Floats]
Subject = Callable[[float], Moment]


class _Drawing:
    """Opaque shapes at ``_OVER`` times the size; coordinates are those of the clip's pixels."""

    def __init__(self) -> None:
        size = HEIGHT * _OVER, WIDTH * _OVER
        self._colours, self._mask = np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)

    def fill(self, outline: NDArray[np.floating], colour: NDArray[np.floating]) -> None:
        points = [_fixed(outline)]
        cv2.fillPoly(self._colours, points, colour.tolist(), cv2.LINE_8, 4)
        cv2.fillPoly(self._mask, points, 1, cv2.LINE_8, 4)

    def stroke(self, line: NDArray[np.floating], colour: NDArray[np.floating], width: float) -> None:
        """A strand, tapering to a third of its width."""
        along = np.gradient(line, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], 1)
        across /= np.maximum(np.hypot(*across.T)[:, None], 1e-6)
        half = across * np.linspace(width / 2, width / 6, len(line))[:, None]
        self.fill(np.concatenate([line + half, (line - half)[::-1]]), colour)

    def averaged(self) -> Moment:
        seen = cv2.resize(self._colours, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
        share = cv2.resize(self._mask * np.uint8(255), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        return seen, share.astype(np.float32) / 255


def _fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.asarray(np.rint(points * (_OVER * 16)), np.int32)


def _ellipse(x: float, y: float, rx: float, ry: float) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], 1)


def _hair(rng: np.random.Generator) -> Subject:
    """A head with long loose strands, turning a little in the wind."""
    skin, cloth = _between(rng, *_SKINS), rng.uniform(20, 220, 3)
    base = _between(rng, (25, 15, 10), (205, 155, 90))
    count = 420
    root = rng.uniform(-np.pi * 1.08, np.pi * 0.08, count)
    reach = np.where(rng.random(count) < 0.2, rng.uniform(1.3, 2.1, count), rng.uniform(0.9, 1.4, count)) * 48
    bend, width = rng.normal(0, 0.5, count), rng.uniform(0.5, 1.5, count)
    tints = base + rng.normal(0, 14, (count, 1)) + rng.normal(0, 4, (count, 3))
    x0, drift, sway = rng.uniform(170, 310), rng.uniform(-40, 40), rng.uniform(0.1, 0.35)

    def draw(time: float) -> Moment:
        drawing, x, y = _Drawing(), x0 + drift * time, 128 + 6 * np.sin(3 * time)
        drawing.fill(_ellipse(x, y + 175, 110, 105), cloth)
        drawing.fill(_ellipse(x, y + 62, 20, 34), skin * 0.8)
        drawing.fill(_ellipse(x, y - 3, 50, 58), np.clip(base, 0, 255))
        along = np.linspace(0, 1, 14)
        for k in range(count):
            turned = root[k] + bend[k] * along + sway * along**2 * np.sin(4 * time + 3 * root[k])
            out = 42 + reach[k] * along
            line = np.stack([x + np.cos(turned) * out, y + np.sin(turned) * out * 1.05 + 26 * along**2], 1)
            drawing.stroke(line, np.clip(tints[k], 0, 255), width[k])
        drawing.fill(_ellipse(x, y + 12, 36, 48), skin)
        return drawing.averaged()

    return draw


def _fur(rng: np.random.Generator) -> Subject:
    """A round animal with short dense fur, rolling along."""
    base = _between(rng, (45, 30, 20), (230, 205, 175))
    count = 2600
    place = rng.uniform(0, 2 * np.pi, count)
    depth = np.sqrt(rng.uniform(0.55, 1.0, count))
    length, lean, width = (
        rng.uniform(8, 20, count),
        rng.normal(0.5, 0.35, count),
        rng.uniform(0.5, 1.4, count),
    )
    tints = base * rng.uniform(0.7, 1.15, (count, 1)) + rng.normal(0, 5, (count, 3))
    x0, drift, turn = rng.uniform(150, 330), rng.uniform(-50, 50), rng.uniform(-0.5, 0.5)
    order = np.argsort(depth)[::-1]

    def draw(time: float) -> Moment:
        drawing, x, y = _Drawing(), x0 + drift * time, 142 + 8 * np.sin(5 * time)
        radii = np.array([92.0, 74.0])
        drawing.fill(_ellipse(x, y, 89, 72), np.clip(base * 0.85, 0, 255))
        along = np.linspace(0, 1, 5)[:, None]
        for k in order:
            angle = place[k] + turn * time
            start = np.array([x, y]) + radii * depth[k] * np.array([np.cos(angle), np.sin(angle)])
            leaning = angle + lean[k]
            line = start + length[k] * along * np.array([np.cos(leaning), np.sin(leaning)])
            drawing.stroke(line, np.clip(tints[k], 0, 255), width[k])
        for side in (-1, 1):
            drawing.fill(_ellipse(x + 30 * side, y - 16, 8, 9), np.array([15.0, 12, 12]))
        return drawing.averaged()

    return draw


_SKINS = (120, 75, 55), (240, 195, 170)


def _between(
    rng: np.random.Generator, dark: tuple[float, ...], bright: tuple[float, ...]
) -> NDArray[np.float64]:
    """A colour between two, nearly on the straight line."""
    return np.array(dark) + rng.random() * np.subtract(bright, dark) + rng.normal(0, 4, 3)


_MOMENTS = 9  # of one exposure


def _motion_blur(rng: np.random.Generator) -> Subject:
    """A body whose arm and racket swing quickly under an open shutter."""
    cloth, skin = rng.uniform(20, 230, 3), _between(rng, *_SKINS)
    frame = rng.uniform(20, 230, 3)
    x0, drift = rng.uniform(170, 310), rng.uniform(-50, 50)
    start, swing = rng.uniform(-2.6, -0.6), rng.choice([-1.0, 1.0]) * rng.uniform(2.0, 3.2)

    def moment(time: float) -> Moment:
        drawing, x, y = _Drawing(), x0 + drift * time, 110.0
        drawing.fill(_ellipse(x, y + 100, 44, 90), cloth)
        drawing.fill(_ellipse(x, y - 10, 24, 30), skin)
        angle = start + swing * time
        way = np.array([np.cos(angle), np.sin(angle)])
        shoulder = np.array([x, y + 38])
        hand, head = shoulder + 70 * way, shoulder + 118 * way
        arm = np.linspace(shoulder, hand, 6)
        drawing.stroke(arm, skin, 20)
        drawing.stroke(np.linspace(hand, head, 6), frame, 7)
        drawing.fill(_ellipse(head[0], head[1], 24, 24), frame)
        return drawing.averaged()

    def draw(time: float) -> Moment:
        shutter = 0.5 / (FRAMES - 1)  # half a frame's time
        moments = [moment(time + shutter * (k / (_MOMENTS - 1) - 0.5)) for k in range(_MOMENTS)]
        seen, alpha = (np.mean(np.stack(k), axis=0) for k in zip(*moments, strict=True))
        return np.asarray(seen), np.asarray(alpha)

    return draw


def _smoke(rng: np.random.Generator) -> Subject:
    """A chimney with smoke that rises, widens and thins out."""
    brick, tone = rng.uniform(40, 170, 3), rng.uniform(120, 235) + rng.normal(0, 6, 3)
    billows = np.stack([_noise(rng, (HEIGHT * 2, WIDTH), scale) for scale in (64, 32, 16, 8)])
    billows = np.tensordot(np.array([0.5, 0.27, 0.15, 0.08]), billows, 1).astype(np.float32)
    x0, wind = rng.uniform(160, 320), rng.uniform(-70, 70)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    mouth = 190.0

    def draw(time: float) -> Moment:
        rise = np.clip((mouth - rows) / mouth, 0, 1)
        middle = x0 + wind * rise**1.5 + 14 * np.sin(5 * rise - 3 * time) * rise
        width = 15 + 62 * rise
        shape = np.exp(-(((columns - middle) / width) ** 2) * 1.6) * (rows < mouth) * (1 - 0.5 * rise)
        swirl = cv2.remap(billows, columns, rows + 60 * time + 60, cv2.INTER_LINEAR)
        smoke = np.clip((shape * (0.55 + swirl) - 0.18) * 1.5, 0, 0.97).astype(np.float32)
        shading = 1 + 0.25 * (swirl - swirl.mean())
        drawing = _Drawing()
        drawing.fill(
            np.array([[x0 - 19, mouth - 2], [x0 + 19, mouth - 2], [x0 + 24, 272], [x0 - 24, 272]]), brick
        )
        seen, alpha = drawing.averaged()
        veil = (1 - alpha) * smoke
        return seen + veil[..., None] * (tone * shading[..., None]).astype(np.float32), alpha + veil

    return draw


SUBJECTS: dict[str, Callable[[np.random.Generator], Subject]] = {
    "hair": _hair,
    "fur": _fur,
    "motion blur": _motion_blur,
    "smoke": _smoke,
}


# Backgrounds: from a random generator to a picture larger than the clip, over which the camera pans.

_MARGIN = 48


def _panned(wide: Floats, rng: np.random.Generator) -> Floats:
    """(T, H, W, 3) float32: the background as the camera moves over it, to fractions of a pixel."""
    ends = rng.uniform(4, 2 * _MARGIN - 4, (2, 2))
    views = []
    for t in np.linspace(0, 1, FRAMES):
        x, y = ends[0] + t * (ends[1] - ends[0])
        shift = np.array([[1, 0, x], [0, 1, y]], np.float64)
        views.append(
            cv2.warpAffine(wide, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        )
    return np.stack(views)


_WIDE = (HEIGHT + 2 * _MARGIN, WIDTH + 2 * _MARGIN)


def _noise(rng: np.random.Generator, size: tuple[int, int], scale: int) -> Floats:
    """Smooth noise in 0..1, (H, W) float32, of a given wavelength in pixels."""
    cells = size[0] // scale + 3, size[1] // scale + 3
    coarse = rng.random(cells, dtype=np.float32)
    fine = cv2.resize(coarse, (cells[1] * scale, cells[0] * scale), interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine[scale : scale + size[0], scale : scale + size[1]])


def _sky(rng: np.random.Generator) -> Floats:
    """A gradient with soft clouds."""
    top, bottom = rng.uniform((40, 80, 140), (120, 170, 250)), rng.uniform(150, 240, 3)
    share = np.linspace(0, 1, _WIDE[0])[:, None, None]
    clouds = 0.6 * _noise(rng, _WIDE, 64) + 0.4 * _noise(rng, _WIDE, 24)
    light = np.clip(clouds - 0.45, 0, 1)[..., None] * 2
    return np.asarray((top + share * (bottom - top)) * (1 - light * 0.7) + 245 * light * 0.7, np.float32)


def _leaves(rng: np.random.Generator) -> Floats:
    """A hedge: many small leaves, half in focus."""
    picture = np.full((*_WIDE, 3), rng.uniform((15, 35, 10), (50, 80, 40)), np.float32)
    for _ in range(900):
        x, y = rng.uniform(0, _WIDE[1]), rng.uniform(0, _WIDE[0])
        colour = rng.uniform((20, 60, 10), (130, 180, 80))
        axes = rng.uniform(3, 11), rng.uniform(1.5, 5)
        cv2.ellipse(picture, ((x, y), (2 * axes[0], 2 * axes[1]), rng.uniform(0, 180)), colour.tolist(), -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.7, 1.6)))


def _bokeh(rng: np.random.Generator) -> Floats:
    """A night full of lights out of focus."""
    picture = np.full((*_WIDE, 3), rng.uniform(15, 50, 3), np.float32)
    for _ in range(70):
        light = np.zeros((*_WIDE, 3), np.float32)
        x, y = int(rng.uniform(0, _WIDE[1])), int(rng.uniform(0, _WIDE[0]))
        cv2.circle(light, (x, y), int(rng.uniform(6, 24)), rng.uniform(20, 130, 3).tolist(), -1, cv2.LINE_AA)
        picture += light
    return np.asarray(cv2.GaussianBlur(np.minimum(picture, 255), (0, 0), 2.5))


def _street(rng: np.random.Generator) -> Floats:
    """House fronts with windows: straight, hard edges."""
    picture = np.full((*_WIDE, 3), rng.uniform(90, 200, 3), np.float32)
    x = 0
    while x < _WIDE[1]:
        width, glass = int(rng.uniform(60, 130)), rng.uniform(20, 110, 3)
        wall = _between(rng, (80, 65, 60), (220, 200, 180)) + rng.normal(0, 16, 3)
        picture[:, x : x + width] = wall
        for y in range(int(rng.uniform(4, 30)), _WIDE[0], 46):
            for left in range(x + 10, x + width - 20, 30):
                picture[y : y + 26, left : left + 16] = glass + rng.normal(0, 12)
        x += width
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.7))


def _cloth(rng: np.random.Generator) -> Floats:
    """A woven pattern: fine, regular and of two colours."""
    first, second = rng.uniform(40, 220, 3), rng.uniform(40, 220, 3)
    rows, columns = np.mgrid[: _WIDE[0], : _WIDE[1]].astype(np.float32)
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(7, 16)
    along = np.cos(angle) * columns + np.sin(angle) * rows
    across = np.cos(angle) * rows - np.sin(angle) * columns
    weave = 0.5 + 0.25 * (np.sin(2 * np.pi * along / pitch) + np.sin(2 * np.pi * across / pitch))
    light = 0.75 + 0.5 * _noise(rng, _WIDE, 48)
    mixed = first + weave[..., None] * (second - first)
    return np.asarray(np.clip(mixed * light[..., None], 0, 255), np.float32)


BACKGROUNDS: dict[str, Callable[[np.random.Generator], Floats]] = {
    "sky": _sky,
    "leaves": _leaves,
    "bokeh": _bokeh,
    "street": _street,
    "cloth": _cloth,
}
