"""Paper, grain and blotches: noise that repeats without seams, the same on every machine.

Each is (512, 512) float32 with a mean of 0 and most values between -1 and 1.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.render.effects.effect import Floats

SIDE = 512
"""Pixels of a tile's side."""


@lru_cache(maxsize=32)
def noise(sigma: float, seed: int = 0) -> Floats:
    """Smooth noise whose features are some ``sigma`` pixels wide."""
    rough = np.random.default_rng(seed).standard_normal((SIDE, SIDE))
    return _normalised(_filtered(rough, sigma, sigma))


@lru_cache(maxsize=8)
def paper(seed: int = 1) -> Floats:
    """The tooth of paper: grain, with fibres across."""
    rng = np.random.default_rng(seed)
    grain = _normalised(_filtered(rng.standard_normal((SIDE, SIDE)), 0.9, 0.9))
    clouds = _normalised(_filtered(rng.standard_normal((SIDE, SIDE)), 7, 7))
    fibres = _normalised(_filtered(rng.standard_normal((SIDE, SIDE)), 9, 0.8))
    upright = _normalised(_filtered(rng.standard_normal((SIDE, SIDE)), 0.8, 6))
    return _normalised(0.6 * grain + 0.3 * clouds + 0.4 * fibres + 0.3 * upright)


@lru_cache(maxsize=8)
def streaks(seed: int = 2, length: float = 14.0) -> Floats:
    """Lines of bristles or graphite along x."""
    rng = np.random.default_rng(seed)
    return _normalised(_filtered(rng.standard_normal((SIDE, SIDE)), length, 0.9))


def _filtered(rough: NDArray[np.float64], across: float, down: float) -> NDArray[np.float64]:
    """A Gaussian blur that goes around the edges."""
    fx, fy = np.fft.rfftfreq(SIDE)[None], np.fft.fftfreq(SIDE)[:, None]
    keep = np.exp(-2 * np.pi**2 * ((across * fx) ** 2 + (down * fy) ** 2))
    return np.asarray(np.fft.irfft2(np.fft.rfft2(rough) * keep, s=(SIDE, SIDE)))


def _normalised(values: NDArray[np.floating]) -> Floats:
    around = values - values.mean()
    return np.asarray(np.clip(around / (2 * around.std()), -1.5, 1.5), np.float32)


def sampled(
    tile: Floats, place: NDArray[np.float64], size: tuple[int, int], scale: float, *, turn: float = 0.0
) -> Floats:
    """A texture as it lies on a thing.

    Args:
        tile: (512, 512) of any of these.
        place: (2, 3) from pixels of the result to pixels of the thing.
        size: (width, height) of the result.
        scale: pixels of the thing for one of the tile.
        turn: radians by which the tile is turned.
    """
    cosine, sine = np.cos(turn) / scale, np.sin(turn) / scale
    turned = np.array([[cosine, sine], [-sine, cosine]]) @ place
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(tile, turned, size, flags=flags, borderMode=cv2.BORDER_WRAP))
