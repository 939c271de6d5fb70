"""What the numbers of a picture mean: luma and colour differences, RGB, and light of high dynamic range.

Conversions are exact to the rounding of their result, at every depth, range and chroma subsampling. Chroma is
taken to lie in the middle of the pixels it stands for, as FFmpeg's scaler does where nothing is stated.
Knows nothing about files or frames.
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]
"""(H, W) code values of one plane, or (H, W, 3) of three."""

FULL = 65535
"""The largest value of 16 bits: where RGB is kept at 16 bits, this is 1.0."""

_FINE = 64
"""By how much chroma of 8 bits is widened before it is scaled, so that it is rounded once only."""

PQ, HLG = 16, 18
"""Numbers of the transfer functions of high dynamic range in ITU-T H.273."""

WHITE_NITS = 203.0
"""Luminance of diffuse white in programmes of high dynamic range (ITU-R BT.2408, 3.1)."""

_HLG_NITS = 1000.0
"""Peak luminance of the display that signals of HLG are taken to be shown on (ITU-R BT.2100, table 5)."""

_TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""Linear light from the primaries of BT.709 to those of BT.2020 (ITU-R BT.2087, 2)."""

_TO_709 = np.linalg.inv(_TO_2020)

_PQ_CURVE = (2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32)
"""m1, m2, c1, c2, c3 of SMPTE ST 2084 (ITU-R BT.2100, table 4)."""

_HLG_CURVE = (0.17883277, 0.28466892, 0.55991073)
"""a, b, c of ITU-R BT.2100, table 5."""


def eight_bits(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Values of 16 bits as 8, rounded."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


@lru_cache(maxsize=32)
def coding_matrix(
    weights: tuple[float, float], depth: int, *, full_range: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The matrix (3, 3) and offset (3,) from RGB 0..1 to luma and differences of blue and red as codes.

    Args:
        weights: what red and blue count in luma.
        depth: bits of a code value.
        full_range: whether luma fills all code values (ITU-T H.273, 8.3).
    """
    red, blue = weights
    luma = np.array([red, 1 - red - blue, blue])
    differences = [(np.eye(3)[2] - luma) / (2 - 2 * blue), (np.eye(3)[0] - luma) / (2 - 2 * red)]
    steps = 2 ** (depth - 8)
    scales = [2**depth - 1.0] * 3 if full_range else [219.0 * steps, 224.0 * steps, 224.0 * steps]
    matrix = np.array(scales)[:, None] * np.stack([luma, *differences])
    return matrix, np.array([0.0 if full_range else 16.0 * steps, 128.0 * steps, 128.0 * steps])


def rgb_of(
    planes: tuple[Samples, Samples, Samples], weights: tuple[float, float], depth: int, *, full_range: bool
) -> NDArray[np.uint16]:
    """(H, W, 3) uint16 RGB of planes, 65535 being full; what lies outside of it is cut off.

    Args:
        planes: luma, blue and red difference; the latter may be smaller than luma.
        weights: what red and blue count in luma.
        depth: bits of a code value.
        full_range: whether luma fills all code values.
    """
    return _decoded(planes, weights, depth, full_range=full_range, top=FULL)


def rgb8_of(
    planes: tuple[Samples, Samples, Samples], weights: tuple[float, float], depth: int, *, full_range: bool
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of planes; see ``rgb_of``."""
    wide = _decoded(planes, weights, depth, full_range=full_range, top=255)
    return np.asarray(cv2.convertScaleAbs(wide), np.uint8)


def _decoded(
    planes: tuple[Samples, Samples, Samples],
    weights: tuple[float, float],
    depth: int,
    *,
    full_range: bool,
    top: int,
) -> NDArray[np.uint16]:
    matrix, offset = coding_matrix(weights, depth, full_range=full_range)
    luma, *chroma = planes
    fine = _FINE if depth <= 10 else 1
    wide = [np.multiply(plane, fine, dtype=np.uint16) if fine > 1 else plane for plane in chroma]
    size = (luma.shape[1], luma.shape[0])
    merged = cv2.merge([luma.astype(np.uint16, copy=False), *(upsampled(plane, size) for plane in wide)])
    back = top * np.linalg.inv(matrix)
    scaled = back / np.array([1, fine, fine])
    # In half precision of the offset nothing is lost: OpenCV computes 16-bit values in single precision.
    return np.asarray(cv2.transform(merged, np.column_stack([scaled, -back @ offset])), np.uint16)


def upsampled(plane: Samples, size: tuple[int, int]) -> Samples:
    """A plane of chroma at the size (width, height) of luma, bilinear."""
    height, width = plane.shape
    if (width, height) == size:
        return plane
    across, down = -(-size[0] // width), -(-size[1] // height)
    scaled = cv2.resize(plane, (width * across, height * down), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(scaled[: size[1], : size[0]])


def halved(plane: Samples, size: tuple[int, int]) -> Samples:
    """A plane of chroma for 4:2:0 of a luma plane's size (width, height): means of what it covers."""
    half = (size[0] // 2, size[1] // 2)
    if (plane.shape[1], plane.shape[0]) == half:
        return plane
    scaled = cv2.resize(plane, half, interpolation=cv2.INTER_AREA)
    return np.asarray(scaled)


def codes_of(
    image: Samples, weights: tuple[float, float], depth: int, *, full_range: bool
) -> NDArray[np.uint16]:
    """(H, W, 3) uint16 luma, blue and red difference of RGB with 8 or 16 bits.

    Args:
        image: (H, W, 3) uint8 or uint16; the largest value of its type is 1.0.
        weights: what red and blue count in luma.
        depth: bits of a code value, up to 16.
        full_range: whether luma fills all code values.
    """
    matrix, offset = coding_matrix(weights, depth, full_range=full_range)
    wide = image.astype(np.uint16, copy=False)
    codes = cv2.transform(wide, np.column_stack([matrix / np.iinfo(image.dtype).max, offset]))
    return np.asarray(np.minimum(codes, 2**depth - 1), np.uint16)


def planes_420(
    image: NDArray[np.uint8], weights: tuple[float, float]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """(H, W, 3) uint8 RGB of even sides as 8-bit limited luma and halved differences of blue and red."""
    matrix, offset = coding_matrix(weights, 8, full_range=False)
    fine = np.array([[1], [_FINE], [_FINE]])
    terms = fine * np.column_stack([matrix / 255, offset])
    codes = cv2.transform(image.astype(np.uint16), terms)
    luma, *chroma = cv2.split(codes)
    half = (image.shape[1] // 2, image.shape[0] // 2)
    blue, red = (
        cv2.convertScaleAbs(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), alpha=1 / _FINE)
        for plane in chroma
    )
    return cv2.convertScaleAbs(luma), blue, red


def tone_mapped(image: NDArray[np.uint16], transfer: int, *, wide_gamut: bool) -> NDArray[np.uint8]:
    """A picture of high dynamic range as an ordinary one, (H, W, 3) uint8 in sRGB's primaries.

    The rule is stated, not the best there is: light up to 60 % of diffuse white (203 nits) stays as it is, so
    that what an ordinary grade holds looks as it does there; what is brighter goes into the rest along an
    exponential shoulder, in which white itself comes to 85 %. Applied to each channel; then primaries are
    converted and sRGB's curve is applied.

    Args:
        image: (H, W, 3) uint16 non-linear RGB, 65535 being full.
        transfer: ``PQ`` or ``HLG``.
        wide_gamut: whether the primaries are those of BT.2020.
    """
    steps = np.clip(_mapped_light(image, transfer, wide_gamut=wide_gamut) * np.float32(4095), 0, 4095)
    return np.asarray(_srgb_table(4096, 255)[steps.astype(np.uint16)], np.uint8)


def finely_tone_mapped(image: NDArray[np.uint16], transfer: int, *, wide_gamut: bool) -> NDArray[np.uint16]:
    """The same as ``tone_mapped`` with 16 bits, for what is delivered with more than 8."""
    steps = np.clip(_mapped_light(image, transfer, wide_gamut=wide_gamut) * np.float32(FULL), 0, FULL)
    return np.asarray(_srgb_table(FULL + 1, FULL)[steps.astype(np.uint16)], np.uint16)


def _mapped_light(image: NDArray[np.uint16], transfer: int, *, wide_gamut: bool) -> NDArray[np.float32]:
    """Light in the primaries of BT.709, about 0..1."""
    light = _tone_table(transfer)[image >> 4]
    return np.asarray(cv2.transform(light, _TO_709)) if wide_gamut else light


@lru_cache(maxsize=2)
def _tone_table(transfer: int) -> NDArray[np.float32]:
    """Displayed light, 0..1, of a code value's upper 12 bits."""
    light = nits(np.arange(4096) / 4095, transfer) / WHITE_NITS
    room = 1 - _SHOULDER
    bright = _SHOULDER + room * (1 - np.exp(-np.maximum(light - _SHOULDER, 0) / room))
    return np.where(light < _SHOULDER, light, bright).astype(np.float32)


_SHOULDER = 0.6
"""Share of diffuse white up to which light is left alone."""


@lru_cache(maxsize=2)
def _srgb_table(steps: int, top: int) -> NDArray[np.uint16]:
    """Codes of sRGB, 0 to ``top``, for steps of light (IEC 61966-2-1)."""
    light = np.arange(steps) / (steps - 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(top * curve), np.uint16)


def nits(signal: NDArray[Any], transfer: int) -> NDArray[np.float64]:
    """Displayed light in cd/m2 of a signal 0..1; HLG on a display of 1000 nits, by channel."""
    if transfer == PQ:
        m1, m2, c1, c2, c3 = _PQ_CURVE
        power = np.power(signal, 1 / m2)
        return np.asarray(10_000 * np.power(np.maximum(power - c1, 0) / (c2 - c3 * power), 1 / m1))
    a, b, c = _HLG_CURVE
    scene = np.where(signal <= 0.5, np.square(signal) / 3, (np.exp((signal - c) / a) + b) / 12)
    return np.asarray(_HLG_NITS * np.power(scene, 1.2))


def signal(light: NDArray[Any], transfer: int) -> NDArray[np.float64]:
    """The signal 0..1 of displayed light in cd/m2: the inverse of ``nits``."""
    if transfer == PQ:
        m1, m2, c1, c2, c3 = _PQ_CURVE
        power = np.power(np.asarray(light) / 10_000, m1)
        return np.asarray(np.power((c1 + c2 * power) / (1 + c3 * power), m2))
    a, b, c = _HLG_CURVE
    scene = np.power(np.asarray(light) / _HLG_NITS, 1 / 1.2)
    bright = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright))


def in_high_range(rgb: NDArray[Any], transfer: int, *, wide_gamut: bool) -> NDArray[np.float64]:
    """Colours of sRGB, (..., 3) in 0..255, as the signal of high dynamic range that looks like them.

    White becomes diffuse white of 203 nits.

    Args:
        rgb: the colours.
        transfer: ``PQ`` or ``HLG``; others leave the colours as they are.
        wide_gamut: whether the result is in the primaries of BT.2020.
    """
    values = np.asarray(rgb, np.float64)
    if transfer not in (PQ, HLG):
        return values
    share = values / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    if wide_gamut:
        light = light @ _TO_2020.T
    return 255 * signal(WHITE_NITS * light, transfer)
