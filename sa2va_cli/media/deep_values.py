"""The values of still pictures of more than 8 bits, which Pillow cuts down, by the decoders that keep them.

Knows nothing about what the values mean.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.media.conversion import display_matrix, planes_of

_PNG_CHANNELS = {"rgb48be": 3, "rgba64be": 4, "ya16be": 2}
"""PNG files of 16 bits in FFmpeg's words."""
_OF_PLANES = ("HEIF", "AVIF")
"""Formats whose pictures are luma and chroma, by Pillow's names."""


def can_be_deep(image: Any, raw_mode: str) -> bool:
    """Whether an opened Pillow image may have more than 8 bits.

    Args:
        image: not decoded yet.
        raw_mode: how its pixels lie in the file, in Pillow's words.
    """
    if image.format in ("PNG", "TIFF"):
        return ";16" in raw_mode
    if image.format == "HEIF":
        return bool(image.info.get("bit_depth", 8) > 8)
    return image.format == "AVIF" and getattr(image, "n_frames", 1) == 1


def sixteen_bits(
    image: Any, path: Path, upright: Any, turn: int, *, multiplied: bool
) -> NDArray[np.uint16] | None:
    """The picture at full depth, (H, W, 3 or 4) uint16 upright; None where that is not understood.

    Pillow cuts colours of 16 bits down to 8. Other decoders do not, but do not know all files; so theirs
    counts only where it is Pillow's picture.
    """
    values = _READERS[image.format](path, image.tell())
    if values is None or values.dtype != np.uint16 or values.ndim != 3 or values.shape[2] not in (3, 4):
        return None
    values = np.ascontiguousarray(_turned(values, turn))
    if values.shape[:2] != (upright.height, upright.width):
        return None
    if multiplied:
        values = _divided(values)
    coarse = np.asarray(upright.convert("RGB"))[::8, ::8].astype(int)
    apart = np.abs((values[::8, ::8, :3] >> 8).astype(int) - coarse)
    if values.shape[2] == 4:
        apart = apart[values[::8, ::8, 3] > 0xF000]  # dividing by small alphas is rough
    if image.format in _OF_PLANES:  # each decoder spreads chroma and rounds in its own way
        return values if float(np.median(apart)) <= 1 and float(apart.mean()) <= 2 else None
    return values if apart.max(initial=0) <= 1 else None


def _png_values(path: Path, _: int) -> NDArray[np.uint16] | None:
    """The values of a PNG file of 16 bits, by FFmpeg."""
    context: Any = av.CodecContext.create("png", "r")
    try:
        frames = [*context.decode(av.Packet(path.read_bytes())), *context.decode(None)]
    except (av.FFmpegError, ValueError):
        return None
    if not frames or frames[0].format.name not in _PNG_CHANNELS:
        return None
    frame = frames[0]
    channels = _PNG_CHANNELS[frame.format.name]
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)[: frame.height]
    values = rows[:, : frame.width * channels * 2].view(">u2").astype(np.uint16)
    values = values.reshape(frame.height, frame.width, channels)
    return values if channels > 2 else values[..., [0, 0, 0, 1]]


def _tiff_values(path: Path, page: int) -> NDArray[np.uint16] | None:
    """The values of a page of a TIFF file, by OpenCV."""
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        pages = cv2.imreadmulti(str(path), page, 1, flags=cv2.IMREAD_UNCHANGED)[1]
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(before)
    if not pages or pages[0].ndim != 3:
        return None
    return np.asarray(pages[0][..., [2, 1, 0, 3][: pages[0].shape[2]]])


def _heif_values(path: Path, page: int) -> NDArray[np.uint16] | None:
    """The values of a picture of an HEIC file, by libheif, stretched to 16 bits."""
    import pillow_heif

    opened = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)[page]
    values = np.asarray(opened)
    info: dict[str, Any] = opened.info
    return _stretched(values, info.get("bit_depth", 16)) if values.dtype == np.uint16 else None


def _avif_values(path: Path, page: int) -> NDArray[np.uint16] | None:
    """The values of an AVIF picture, by FFmpeg; None where it has 8 bits, or moves."""
    if page:
        return None
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            parts = stream.codec_context.format
            if parts is None or parts.components[0].bits == 8:
                return None
            frame = next(container.decode(stream))
    except (av.FFmpegError, IndexError, StopIteration):
        return None
    planes = planes_of(frame, display_matrix(frame))
    return None if planes is None else planes.rgb


def _stretched(values: NDArray[np.uint16], depth: int) -> NDArray[np.uint16]:
    """Values whose lower bits are empty, with full as 65535."""
    full = np.float32(65535 / (2**depth - 1))
    return np.asarray(np.rint((values >> (16 - depth)) * full), np.uint16)


def _divided(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Colours that came multiplied by alpha, (H, W, 4), without it."""
    alpha = values[..., 3:].astype(np.float32)
    colours = np.minimum(values[..., :3] * (65535 / np.maximum(alpha, 1)), 65535)
    return np.concatenate([np.rint(colours).astype(np.uint16), values[..., 3:]], axis=2)


_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}
"""How pictures of EXIF's orientations become upright."""


def _turned(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    return _TURNS[orientation](values) if orientation in _TURNS else values


_READERS: dict[str, Callable[[Path, int], NDArray[np.uint16] | None]] = {
    "PNG": _png_values,
    "TIFF": _tiff_values,
    "HEIF": _heif_values,
    "AVIF": _avif_values,
}
"""By Pillow's names of formats."""
