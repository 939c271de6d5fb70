"""The values of still pictures of more than 8 bits, which Pillow cuts down, by the decoders that keep them.

Knows nothing about what the values mean.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.media.conversion import display_matrix, orient, planes_of, to_rgb
from sa2va_cli.media.decoding import decoded_picture
from sa2va_cli.media.signatures import head_of

_CHANNELS = {
    "rgb48be": (3, ">u2"),
    "rgba64be": (4, ">u2"),
    "ya16be": (2, ">u2"),
    "ya16le": (2, "<u2"),
    "rgb48le": (3, "<u2"),
    "rgba64le": (4, "<u2"),
}
"""Formats of 16 bits side by side in FFmpeg's words: how many channels, and how each is stored."""
_OF_PLANES = ("HEIF", "AVIF")
"""Formats whose pictures are luma and chroma, by Pillow's names."""


def can_be_deep(image: Any, path: Path, raw_mode: str) -> bool:
    """Whether an opened Pillow image may have more than 8 bits.

    Args:
        image: not decoded yet.
        path: its file.
        raw_mode: how its pixels lie in the file, in Pillow's words.
    """
    if image.format in ("PNG", "TIFF"):
        return ";16" in raw_mode
    if image.format == "PPM":
        return _pnm_top(path) > 255
    if image.format == "JPEG2000":
        return jpeg_2000_depth(path) > 8
    if image.format == "HEIF":
        return bool(image.info.get("bit_depth", 8) > 8)
    return image.format == "AVIF" and getattr(image, "n_frames", 1) == 1


def sixteen_bits(image: Any, path: Path, upright: Any, turn: int) -> NDArray[np.uint16] | None:
    """The picture at full depth, (H, W, 3 or 4) uint16 upright; None where that is not understood.

    Pillow cuts colours of 16 bits down to 8. Other decoders do not, but do not know all files; so theirs
    counts only where it is Pillow's picture.
    """
    reader = _READERS.get(image.format)
    values = None if reader is None else reader(path, image.tell())
    if values is None or values.dtype != np.uint16 or values.ndim != 3 or values.shape[2] not in (3, 4):
        return None
    values = np.ascontiguousarray(turned(values, turn))
    if values.shape[:2] != (upright.height, upright.width):
        return None
    coarse = np.asarray(upright.convert("RGB"))[::8, ::8].astype(int)
    apart = np.abs((values[::8, ::8, :3] >> 8).astype(int) - coarse)
    if image.format in _OF_PLANES:  # each decoder spreads chroma and rounds in its own way
        return values if float(np.median(apart)) <= 1 and float(apart.mean()) <= 2 else None
    return values if apart.max(initial=0) <= 1 else None


def _png_values(path: Path, _: int) -> NDArray[np.uint16] | None:
    """The values of a PNG file of 16 bits, by FFmpeg."""
    values = _decoded("png", path.read_bytes())
    if values is None or values.shape[2] != 2:
        return values
    return values[..., [0, 0, 0, 1]]


def _pnm_values(path: Path, _: int) -> NDArray[np.uint16] | None:
    """The values of a PPM file, which FFmpeg stretches to 16 bits."""
    return _decoded("ppm", path.read_bytes())


def _pnm_top(path: Path) -> int:
    """What full is in a PGM or PPM file; 0 of others."""
    words = re.sub(rb"#[^\n]*", b"", head_of(path)).split(maxsplit=4)
    has_top = words[0] in (b"P2", b"P3", b"P5", b"P6") and len(words) > 3 and words[3].isdigit()
    return int(words[3]) if has_top else 0


def _jpeg_2000_values(path: Path, _: int) -> NDArray[np.uint16] | None:
    """The values of a JPEG 2000 picture, by FFmpeg, which puts fewer bits than 16 at the top."""
    depth = jpeg_2000_depth(path)
    values = _decoded("jpeg2000", path.read_bytes())
    return None if values is None else stretched(values >> (16 - depth), depth)


def jpeg_2000_depth(path: Path) -> int:
    """Bits of the first channel of a JPEG 2000 picture (ISO/IEC 15444-1, A.5.1); 0 where it does not say.

    They are looked for behind profiles and other boxes, which may be long.
    """
    data = path.read_bytes()
    place = data.find(b"\xff\x4f\xff\x51")
    return (data[place + 42] & 0x7F) + 1 if 0 <= place < len(data) - 42 else 0


def _decoded(codec: str, data: bytes) -> NDArray[np.uint16] | None:
    """A picture of 16 bits by one of FFmpeg's decoders, (H, W, channels); None where it is none."""
    frame = decoded_picture(codec, data)
    return None if frame is None else packed_values(frame)


def packed_values(frame: Any) -> NDArray[np.uint16] | None:
    """The values of a frame of 16 bits whose channels lie side by side, (H, W, channels); None of others."""
    if frame.format.name not in _CHANNELS:
        return None
    channels, kind = _CHANNELS[frame.format.name]
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)[: frame.height]
    values = rows[:, : frame.width * channels * 2].view(kind).astype(np.uint16)
    return values.reshape(frame.height, frame.width, channels)


def _heif_values(path: Path, page: int) -> NDArray[np.uint16] | None:
    """The values of a picture of an HEIC file, by libheif, stretched to 16 bits."""
    import pillow_heif

    opened = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)[page]
    values = np.asarray(opened)
    info: dict[str, Any] = opened.info
    depth = info.get("bit_depth", 16)
    return stretched(values >> (16 - depth), depth) if values.dtype == np.uint16 else None


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
    turn = display_matrix(frame)
    planes = planes_of(frame, turn)
    if planes is not None:
        return planes.rgb
    if not frame.format.is_rgb:
        return None
    return orient(to_rgb(frame, (frame.width, frame.height), "rgb48le"), turn)


def sixteen_bit_values(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Numbers of any type as 16 bits.

    Floats are shares of white, what is brighter being cut off; where most of them are above 1 they are taken
    to count up to 255, or up to 65535. Integers have 16 bits, or 8 where all fit, or 32.
    """
    if values.dtype.kind == "f":
        clean = np.nan_to_num(values, posinf=1.0)
        positive = clean[clean > 0]
        middle, most = (float(np.median(positive)), float(positive.max())) if positive.size else (0.0, 1.0)
        factor = 65535 if middle <= 1 else 257 if most <= 256 else 1
        return np.asarray(np.clip(np.rint(clean * factor), 0, 65535), np.uint16)
    most = int(values.max(initial=0))
    if values.dtype.itemsize == 2 or 255 < most <= 65535:
        return np.asarray(np.clip(values, 0, 65535), np.uint16)
    if most > 65535:
        return np.asarray(np.rint(np.clip(values, 0, None) / 65537), np.uint16)
    return np.asarray(np.clip(values, 0, 255) * 257, np.uint16)


def stretched(values: NDArray[Any], depth: int) -> NDArray[np.uint16]:
    """Values of fewer bits with full as 65535."""
    return np.asarray(np.rint(values * np.float32(65535 / (2**depth - 1))), np.uint16)


def divided(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Grey or colours that came multiplied by alpha, which is the last channel, without it."""
    alpha = values[..., -1:].astype(np.float32)
    colours = np.minimum(values[..., :-1] * (65535 / np.maximum(alpha, 1)), 65535)
    return np.concatenate([np.rint(colours).astype(np.uint16), values[..., -1:]], axis=2)


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


def turned(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels of one of EXIF's orientations, upright."""
    return _TURNS[orientation](values) if orientation in _TURNS else values


_READERS: dict[str, Callable[[Path, int], NDArray[np.uint16] | None]] = {
    "PNG": _png_values,
    "PPM": _pnm_values,
    "JPEG2000": _jpeg_2000_values,
    "HEIF": _heif_values,
    "AVIF": _avif_values,
}
"""By Pillow's names of formats."""
