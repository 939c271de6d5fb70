"""Between code values and light: curves, tables of them, and numbers from 0 to 1.

Code values of ordinary video are taken to follow sRGB's curve, those of high dynamic range their own.
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.colour import WHITE_NITS, in_high_range, nits, signal
from sa2va_cli.datatypes import HIGH_RANGE
from sa2va_cli.render.effects.effect import Floats, Moment, Pixels
from sa2va_cli.render.palette import Colour


def unit(pixels: Pixels) -> Floats:
    """Code values as numbers from 0 to 1."""
    return np.asarray(pixels.astype(np.float32) * np.float32(1 / np.iinfo(pixels.dtype).max))


def coded(values: NDArray[Any], dtype: Any) -> Pixels:
    """Numbers from 0 to 1 as code values of a type; what lies outside is cut off."""
    top = np.iinfo(dtype).max
    if dtype == np.uint8:
        return np.asarray(cv2.convertScaleAbs(np.maximum(values, 0), alpha=255.0))
    return np.clip(np.rint(values * np.float32(top)), 0, top).astype(dtype)


def eight(pixels: Pixels) -> NDArray[np.uint8]:
    """Code values with 8 bits."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    return np.asarray(cv2.convertScaleAbs(np.ascontiguousarray(pixels), alpha=1 / 257))


def like(pixels: NDArray[np.uint8], dtype: Any) -> Pixels:
    """8 bits as code values of a type."""
    return pixels if dtype == np.uint8 else pixels.astype(np.uint16) * np.uint16(257)


def to_light(share: NDArray[Any], transfer: int) -> NDArray[np.float64]:
    """Linear light of a signal 0..1; 1 is white, which high dynamic range goes above."""
    if transfer in HIGH_RANGE:
        return nits(share, transfer) / WHITE_NITS
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def to_signal(light: NDArray[Any], transfer: int) -> NDArray[np.float64]:
    """The signal 0..1 of linear light: the inverse of ``to_light``."""
    light = np.maximum(light, 0)
    if transfer in HIGH_RANGE:
        return np.asarray(np.clip(signal(np.minimum(light * WHITE_NITS, 10_000), transfer), 0, 1))
    bright = 1.055 * np.minimum(light, 1) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, bright)


@lru_cache(maxsize=8)
def _light_table(bits: int, transfer: int) -> Floats:
    return to_light(np.arange(2**bits) / (2**bits - 1), transfer).astype(np.float32)


_STEPS = 16384
"""Steps of the square root of light between which signals are looked up: finer than a code of 10 bits."""


@lru_cache(maxsize=8)
def _signal_table(transfer: int) -> Floats:
    most = 7.1 if transfer in HIGH_RANGE else 1.0  # the square root of 10,000 nits by white's 203
    return to_signal((most * np.arange(_STEPS) / (_STEPS - 1)) ** 2, transfer).astype(np.float32)


def light_of(pixels: Pixels, transfer: int) -> Floats:
    """Linear light of code values, of the same shape."""
    bits = 8 * pixels.dtype.itemsize
    return np.asarray(_light_table(bits, transfer)[pixels])


def pixels_of(light: Floats, dtype: Any, transfer: int) -> Pixels:
    """Code values of linear light."""
    most = 7.1 if transfer in HIGH_RANGE else 1.0
    root = np.sqrt(np.clip(light, 0, most * most))
    steps = (root * np.float32((_STEPS - 1) / most) + np.float32(0.5)).astype(np.int32)
    return coded(_signal_table(transfer)[steps], dtype)


def shown_colour(colour: Colour, moment: Moment) -> Floats:
    """A colour of sRGB as the signal 0..1 that looks like it in a clip, (3,)."""
    signal_ = in_high_range(np.array(colour), moment.transfer, wide_gamut=moment.wide_gamut)
    return np.asarray(signal_ / 255, np.float32)


def looked_up(pixels: Pixels, table: NDArray[Any]) -> Pixels:
    """Code values through a table.

    Args:
        pixels: (h, w, 3) uint8 or uint16.
        table: (n, 3) of their type, n being 256 or 65536.
    """
    if pixels.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(pixels), np.ascontiguousarray(table[None])))
    return np.stack([table[:, k][pixels[..., k]] for k in range(3)], axis=-1)
