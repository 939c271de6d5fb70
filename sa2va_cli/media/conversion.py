"""Turns decoded frames into arrays: code values as they are, RGB, opacity; upright.

Knows nothing about files or time.
"""

import re
from typing import Any

import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from sa2va_cli.colour import FULL, halved, rgb8_of, tone_mapped
from sa2va_cli.datatypes import LUMA_WEIGHTS, RGB, Yuv420, YuvColour, YuvPlanes

BT709 = 1
"""The number of BT.709 in the tags for matrix, primaries and transfer alike (ITU-T H.273)."""

EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Makes FFmpeg's scaler round correctly; without it RGB is 1 to 1.6 of 255 too dark on average."""

GROUND = 128
"""The neutral grey that the network sees where a source is transparent."""

UNSPECIFIED = 2
"""What tags say that say nothing."""
_BT601 = 6
_PLANAR = re.compile(r"yuv(?:a|j)?(420|422|444|440|411|410)p(\d+le)?")
_STAND_INS = {10: 9}
"""Matrices that are read as another: BT.2020 with constant luminance, which nobody uses, as without."""

_CHROMA_NAMES = ("yuv", "nv", "p", "y2", "uyv", "yvy", "yuy", "ayuv", "vuy", "vyu", "xv", "uyyvyy")
"""How FFmpeg's names of formats with luma and chroma begin; XYZ is no such format, and not RGB either."""

Matrix = NDArray[np.int32]
"""A display matrix (ISO 14496-12, 6.2.2), (9,): it takes (x, y) to (a x + c y, b x + d y), with a, b, c, d at
0, 1, 3, 4."""


def colour_of(frame: Any) -> YuvColour | None:
    """What the code values of a frame with luma and chroma mean; None for RGB, grey and palettes."""
    if not _has_chroma(frame.format):
        return None
    full = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
    matrix = _STAND_INS.get(int(frame.colorspace), int(frame.colorspace))
    if matrix not in LUMA_WEIGHTS:  # as high definition or not where it is not stated
        matrix = BT709 if frame.height >= 720 or frame.width >= 1280 else _BT601
    return YuvColour(matrix, full, int(frame.color_primaries), int(frame.color_trc))


def depth_of(frame: Any) -> int:
    """Bits of the widest component of a frame."""
    return int(max(component.bits for component in frame.format.components))


def planes_of(frame: Any, turn: Matrix | None) -> YuvPlanes | None:
    """A frame's code values, upright; None for RGB, grey and palettes."""
    colour = colour_of(frame)
    if colour is None:
        return None
    planar = _PLANAR.fullmatch(frame.format.name)
    depth = depth_of(frame)
    if planar is None:  # packed or semi-planar, or of the other byte order: the same values in planes
        frame = frame.reformat(format=_planar_name(frame, depth), threads=1)
    # Copied, so that nothing of the decoder's is held while a picture waits its turn.
    luma, blue, red = (np.array(orient(_values(plane, depth), turn), order="C") for plane in frame.planes[:3])
    return YuvPlanes(luma, blue, red, depth, colour)


def drawable(stored: YuvPlanes) -> Yuv420 | None:
    """Planes of 4:2:0 to draw on: 8-bit ones as they are, deeper ones of any kind with 10 bits; else None."""
    width, height = stored.size
    if width % 2 or height % 2:
        return None
    if stored.depth == 8:
        if stored.blue.shape != (height // 2, width // 2):
            return None
        return Yuv420(*stored.planes, stored.colour)
    luma, *chroma = (_ten_bits(plane, stored.depth) for plane in stored.planes)
    blue, red = (halved(plane, stored.size) for plane in chroma)
    return Yuv420(luma, blue, red, stored.colour, 10)


def image_of(stored: YuvPlanes) -> RGB:
    """(H, W, 3) uint8 RGB of code values; of high dynamic range, tone-mapped."""
    colour = stored.colour
    if colour.high_range:
        return tone_mapped(stored.rgb, colour.transfer, wide_gamut=colour.wide_gamut)
    return rgb8_of(stored.planes, colour.weights, stored.depth, full_range=colour.full_range)


def to_rgb(frame: Any, size: tuple[int, int], pixel_format: str = "rgb24") -> NDArray[Any]:
    """A frame of any kind as (H, W, 3) or (H, W, 4) RGB of a given stored size (width, height)."""
    colour = colour_of(frame)
    converted = frame.reformat(
        width=size[0],
        height=size[1],
        format=pixel_format,
        src_colorspace=None if colour is None else _scaler_matrix(colour.matrix),
        interpolation=EXACT,
        threads=1,
    )
    array: NDArray[Any] = converted.to_ndarray()
    return array


def opacity_of(frame: Any, turn: Matrix | None) -> NDArray[Any] | None:
    """(H, W) uint8 or uint16 opacity, the type's largest value being opaque; None where all is opaque."""
    if not frame.format.has_palette and not any(part.is_alpha for part in frame.format.components):
        return None
    depth = depth_of(frame)
    if _PLANAR.fullmatch(frame.format.name) and len(frame.planes) == 4:
        values = _values(frame.planes[3], depth)
        if depth > 8:
            values = np.rint(values * (FULL / (2**depth - 1))).astype(np.uint16)
    else:
        pixel_format = "rgba64le" if depth > 8 else "rgba"
        values = frame.reformat(format=pixel_format, threads=1).to_ndarray()[..., 3]
    if int(values.min()) == np.iinfo(values.dtype).max:
        return None
    return np.array(orient(values, turn), order="C")


def over_ground(image: RGB, alpha: NDArray[Any]) -> RGB:
    """A picture laid over neutral grey, so that colours hidden under transparency do not show."""
    share = (alpha.astype(np.float32) / np.float32(np.iinfo(alpha.dtype).max))[..., None]
    return np.asarray(np.rint(GROUND + share * (image.astype(np.float32) - GROUND)), np.uint8)


def orient(image: NDArray[Any], turn: Matrix | None) -> NDArray[Any]:
    """Applies a display matrix of right angles and mirrors to a picture or plane, as ``ffmpeg`` does."""
    if turn is None:
        return image
    a, b, c, d = (int(turn[place]) for place in (0, 1, 3, 4))
    if transposes(turn):
        turned = image.swapaxes(0, 1)[:: -1 if b < 0 else 1, :: -1 if c < 0 else 1]
    else:
        turned = image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    return np.ascontiguousarray(turned)


def transposes(turn: Matrix | None) -> bool:
    """Whether a display matrix swaps the sides."""
    if turn is None:
        return False
    a, b, c, d = (abs(int(turn[place])) for place in (0, 1, 3, 4))
    return b + c > a + d


def display_matrix(frame: Any) -> Matrix | None:
    """The display matrix; asking makes PyAV tie the frame into a cycle, which only the collector frees."""
    try:
        data = bytes(frame.side_data["DISPLAYMATRIX"])
    except KeyError:
        return None
    except ValueError:  # beside it is a kind of side data that PyAV has no name for
        return _turned_by(frame.rotation)
    matrix = np.frombuffer(data, "<i4")
    return matrix if len(matrix) == 9 and matrix[[0, 1, 3, 4]].any() else None


def _turned_by(rotation: int) -> Matrix | None:
    """The display matrix of a rotation by whole quarters, in degrees counter-clockwise."""
    quarters = round(rotation / 90) % 4
    if quarters == 0:
        return None
    cosine, sine = ((1, 0), (0, -1), (-1, 0), (0, 1))[quarters]
    return np.array([cosine, sine, 0, -sine, cosine, 0, 0, 0, 1], np.int32)


def _has_chroma(pixel_format: Any) -> bool:
    colours = [part for part in pixel_format.components if not part.is_alpha]
    return (
        len(colours) == 3
        and not pixel_format.is_rgb
        and not pixel_format.has_palette
        and pixel_format.name.startswith(_CHROMA_NAMES)
    )


def _planar_name(frame: Any, depth: int) -> str:
    across = frame.width // frame.format.chroma_width(frame.width)
    down = frame.height // frame.format.chroma_height(frame.height)
    kind = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411", (4, 4): "410"}
    return f"yuv{kind[across, down]}p{'' if depth == 8 else f'{depth}le'}"


def _values(plane: Any, depth: int) -> NDArray[Any]:
    kind = np.uint8 if depth == 8 else np.dtype("<u2")
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
    shown: NDArray[Any] = rows[: plane.height, : plane.width]
    return shown


def _ten_bits(plane: NDArray[Any], depth: int) -> NDArray[np.uint16]:
    if depth == 10:
        return plane
    if depth < 10:
        return np.asarray(np.left_shift(plane, 10 - depth), np.uint16)
    half = 1 << (depth - 11)
    return np.asarray(np.minimum((plane.astype(np.uint32) + half) >> (depth - 10), 1023), np.uint16)


def _scaler_matrix(matrix: int) -> Colorspace:
    known = {1: Colorspace.ITU709, 4: Colorspace.FCC, 7: Colorspace.SMPTE240M, 9: Colorspace.BT2020}
    return known.get(matrix, Colorspace.ITU601)
