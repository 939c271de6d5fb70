"""Pictures of film and compositing: OpenEXR and DPX, decoded by FFmpeg.

* EXR holds light. It becomes a picture at exposure 0: 1.0 is white, what is brighter is clipped, and sRGB's
  curve is applied. ``chromaticities`` other than those of sRGB are converted. Colours come multiplied by
  alpha, as OpenEXR has it, and are divided by it.
* DPX holds code values. Those of printing densities and logarithms (transfer characteristic 1 and 3 of its
  header) are developed as Cineon has it: 685 of 1023 is white, 95 is black, 0.002 densities to a code, gamma
  0.6. All others, also those marked linear, which writers mark without looking, are shown as they are.

Knows nothing about sequences.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.errors import InputError
from sa2va_cli.media.colour import SRGB_PRIMARIES, between, encode_srgb
from sa2va_cli.media.decoding import decoded_picture
from sa2va_cli.media.deep_values import stretched
from sa2va_cli.media.signatures import is_exr

_COMPRESSIONS = ("none", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB", "HTJ2K")
"""By their number in an EXR file's header."""
_LINES = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)
"""How many lines lie in one chunk, by compression."""
_TILED, _DEEP, _MULTIPART = 0x200, 0x800, 0x1000
_DPX_ASPECT, _UNSET = 1628, 0xFFFFFFFF
"""Where a DPX header has the aspect of pixels as two numbers, and what stands for none (SMPTE ST 268)."""
_LOG = frozenset({1, 3})
_BACKWARDS = ("abgr", "argb", "bgra", "bgr24")
"""Formats whose channels lie in another order than red, green, blue, alpha."""
_WHITE, _BLACK, _DENSITY, _GAMMA = 685, 95, 0.002, 0.6
"""Kodak, "Conversion of 10-bit Log Film Data", 1995."""


@dataclass(frozen=True, eq=False)
class FilmPicture:
    """One decoded picture.

    Attributes:
        shown: (H, W, 3) uint16, as it is looked at, in sRGB.
        numbers: (H, W, 3) uint16, as outputs keep it: the same for light, the code values for DPX.
        alpha: (H, W) uint16, or None.
        note: what was done that the user should know; None for nothing.
    """

    shown: NDArray[np.uint16]
    numbers: NDArray[np.uint16]
    alpha: NDArray[np.uint16] | None
    note: str | None = None


def film_size(path: Path, head: bytes) -> tuple[int, int]:
    """(width, height) as the header says.

    Raises:
        InputError: the header is damaged.
    """
    try:
        if not is_exr(head):
            width, height = struct.unpack_from(_order(head) + "2I", head, 772)
        else:
            left, top, right, bottom = struct.unpack("<4i", _header(path)[0]["displayWindow"])
            width, height = right - left + 1, bottom - top + 1
    except (struct.error, KeyError, ValueError) as error:
        raise InputError(f"{path}: the header is damaged") from error
    if not (0 < width < 1 << 16 and 0 < height < 1 << 16):
        raise InputError(f"{path}: the header is damaged: it says {width}x{height} pixels")
    return width, height


def film_aspect(path: Path, head: bytes) -> Fraction:
    """Width of a pixel over its height as the header says; 1 where it says nothing that can be."""
    try:
        if is_exr(head):
            (aspect,) = struct.unpack("<f", _header(path)[0]["pixelAspectRatio"])
            stated = Fraction(aspect).limit_denominator(1000) if 0 < aspect < 100 else Fraction(0)
        else:
            across, down = struct.unpack_from(_order(head) + "2I", head, _DPX_ASPECT)
            stated = Fraction(across, down) if 0 < across < _UNSET and 0 < down < _UNSET else Fraction(0)
    except (struct.error, KeyError, ValueError):
        return Fraction(1)
    return stated if Fraction(1, 10) <= stated <= 10 else Fraction(1)


def read_film(path: Path, head: bytes) -> FilmPicture:
    """Decodes an EXR or DPX file.

    Raises:
        InputError: it is damaged, or of a kind that is not read; says which.
    """
    if is_exr(head):
        return _read_exr(path, head)
    reason = "it is damaged, or its pixels are packed in a way that is not known"
    frame = _decoded(path, "dpx", reason, _contents(path))
    numbers, alpha = _code_values(frame)
    transfer = head[801] if len(head) > 801 else 0
    if transfer not in _LOG:
        return FilmPicture(numbers, numbers, alpha)
    note = "holds logarithmic film densities; they are developed as Cineon has it to be looked at"
    return FilmPicture(_developed()[numbers], numbers, alpha, note)


def _read_exr(path: Path, head: bytes) -> FilmPicture:
    try:
        header, end = _header(path)
        (flags,) = struct.unpack_from("<I", head, 4)
        number = header["compression"][0]
        kind = _COMPRESSIONS[number] if number < len(_COMPRESSIONS) else f"number {number}"
        reason = f"EXR with compression {kind}: it is damaged or not understood; save it with ZIP"
        if number >= len(_LINES):
            raise InputError(f"{path}: {reason}")
        if not flags & (_TILED | _MULTIPART) and _is_cut_off(path, header, end, _LINES[number]):
            raise InputError(f"{path}: the image is damaged: the file was cut off")
        if flags & _DEEP:
            raise InputError(f"{path}: deep EXR pictures are not read; flatten it")
        data = _at_origin(path, header, end, flags)
        channels = _channels(header.get("channels", b""))
        stated = struct.unpack("<8f", header["chromaticities"]) if "chromaticities" in header else None
    except (struct.error, ValueError, LookupError) as error:
        raise InputError(f"{path}: the header is damaged") from error
    values, alpha = _light(path, reason, channels, _layer(path, [*channels]), data)
    if alpha is not None:
        values = np.where(alpha[..., None] > 0, values / np.maximum(alpha[..., None], 1e-6), 0)
    if stated and max(abs(a - b) for a, b in zip(stated, SRGB_PRIMARIES, strict=True)) > 0.002:
        values = np.nan_to_num(values) @ between(stated).T
    shown = encode_srgb(np.asarray(values, np.float32))
    covered = (
        None if alpha is None else np.asarray(np.rint(np.clip(np.nan_to_num(alpha), 0, 1) * 65535), np.uint16)
    )
    return FilmPicture(shown, shown, covered)


def _light(
    path: Path, reason: str, channels: Mapping[str, int], layer: str, data: bytes
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colours (H, W, 3) and alpha, by FFmpeg; by OpenEXR where that is there and FFmpeg does not read it.

    Args:
        path: the file.
        reason: what is said where it fails.
        channels: kinds of number by name.
        layer: of which channels are taken.
        data: what FFmpeg is given.

    Raises:
        InputError: neither reads it.
    """
    is_grey = not layer and "R" not in channels
    if is_grey and {"RY", "BY"} & {*channels}:
        raise InputError(f"{path}: luminance with chroma (Y, RY, BY) is not read; save it as RGB")
    names = [f"{layer}.{name}" if layer else name for name in ("YA" if is_grey else "RGBA")]
    kinds = {channels[name] for name in names if name in channels}
    by_library = len(kinds) > 1 or (is_grey and "A" in channels)  # FFmpeg leaves that alpha out
    has_library = find_spec("OpenEXR") is not None
    if by_library and not has_library:
        raise InputError(
            f"{path}: luminance with alpha, and channels of mixed kinds, need OpenEXR, which is not "
            "installed: pip install 'sa2va[exr]'"
        )
    if not by_library:
        try:
            return _split(_floats(_decoded(path, "exr", reason, data, layer)))
        except InputError:
            if not has_library:
                raise
    return _by_openexr(path, layer, reason)


def _by_openexr(path: Path, layer: str, reason: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The same as ``_light``, by the library itself."""
    import OpenEXR

    try:
        file = OpenEXR.File(str(path), separate_channels=True)
        channels, header = file.channels(), file.header()
        left, top = (int(value) for value in header["displayWindow"][0])
        right, bottom = (int(value) for value in header["displayWindow"][1])
        at_x, at_y = (int(value) for value in header["dataWindow"][0])
        begin = f"{layer}." if layer else ""
        names = [begin + name for name in ("RGB" if f"{begin}R" in channels else "YYY")]
        names += [begin + "A"] * (begin + "A" in channels)
        planes = [channels[name].pixels for name in names]
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        raise InputError(f"{path}: {reason}") from error
    whole = np.zeros((bottom - top + 1, right - left + 1, len(planes)), np.float32)
    data = np.stack(planes, axis=-1).astype(np.float32)
    data = data[max(0, top - at_y) :, max(0, left - at_x) :]
    y, x = max(0, at_y - top), max(0, at_x - left)
    room = whole[y:, x:]
    height, width = min(room.shape[0], data.shape[0]), min(room.shape[1], data.shape[1])
    room[:height, :width] = data[:height, :width]
    return _split(whole)


def _at_origin(path: Path, header: dict[str, bytes], end: int, flags: int) -> bytes:
    """A file's bytes with the picture that is shown beginning at (0, 0), as FFmpeg takes it to do."""
    data = _contents(path)
    left, top, right, bottom = struct.unpack("<4i", header["displayWindow"])
    if (left, top) == (0, 0) or flags & _MULTIPART:
        return data
    moved = bytearray(data)
    first, upper, last, lower = struct.unpack("<4i", header["dataWindow"])
    for name, window in (
        (b"displayWindow\0box2i\0", (0, 0, right - left, bottom - top)),
        (b"dataWindow\0box2i\0", (first - left, upper - top, last - left, lower - top)),
    ):
        struct.pack_into("<4i", moved, moved.index(name, 0, end) + len(name) + 4, *window)
    if not flags & _TILED:  # each chunk begins with the number of its first line
        chunks = -(-(lower - upper + 1) // _LINES[header["compression"][0]])
        for place in struct.unpack_from(f"<{chunks}Q", data, end):
            (line,) = struct.unpack_from("<i", data, place)
            struct.pack_into("<i", moved, place, line - top)
    return bytes(moved)


def _layer(path: Path, channels: list[str]) -> str:
    """The layer that is the picture: the one without a name, or the only one of red, green and blue."""
    if {"R", "G", "B"} <= set(channels) or "Y" in channels:
        return ""
    layers = [name.removesuffix(".R") for name in channels if name.endswith(".R")]
    layers = [name for name in layers if {f"{name}.G", f"{name}.B"} <= set(channels)]
    if len(layers) == 1:
        return layers[0]
    found = (
        f"several layers ({', '.join(layers[:4])})" if layers else f"only {', '.join(channels[:6]) or 'none'}"
    )
    raise InputError(
        f"{path}: has no channels R, G, B or Y but {found}; save the one that is meant by itself"
    )


def _floats(frame: Any) -> NDArray[np.float32]:
    """A decoded frame of light, in planes of half or single floats, as (H, W) or (H, W, C) float32."""
    kind = np.dtype("<f2" if "f16" in frame.format.name else "<f4")
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height]
        planes.append(rows[:, : frame.width * kind.itemsize].view(kind).astype(np.float32))
    if len(planes) < 3:
        return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)
    return np.stack([planes[place] for place in (2, 0, 1, 3)[: len(planes)]], axis=-1)  # stored as G, B, R, A


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _decoded(path: Path, codec: str, reason: str, data: bytes, layer: str = "") -> Any:
    """The picture of a file that holds one."""
    options = {"layer": layer} if layer else {}
    frame = decoded_picture(codec, data, err_detect="explode", **options)
    if frame is None:
        raise InputError(f"{path}: {reason}")
    return frame


def _split(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """A decoded array as (H, W, 3), and its alpha."""
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2), None
    if values.shape[2] == 2:
        return np.repeat(values[..., :1], 3, axis=2), values[..., 1]
    return values[..., :3], values[..., 3] if values.shape[2] == 4 else None


def _code_values(frame: Any) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Code values of a frame of any depth, stretched to 16 bits."""
    names = {component.is_luma for component in frame.format.components}
    bits = frame.format.components[0].bits
    if not frame.format.is_rgb and names != {True}:  # luma and colour differences
        frame, bits = frame.reformat(format="rgb48le", threads=1), 16
    try:
        if frame.format.name in _BACKWARDS:
            frame = frame.reformat(format="rgb24" if len(frame.format.components) == 3 else "rgba", threads=1)
        values = frame.to_ndarray()
    except ValueError:
        wanted = "rgba64le" if len(frame.format.components) == 4 else "rgb48le"
        values, bits = frame.reformat(format=wanted, threads=1).to_ndarray(), 16
    colours, alpha = _split(values if bits == 16 else stretched(values, bits))
    return np.ascontiguousarray(colours), alpha


def _developed() -> NDArray[np.uint16]:
    """Code values of sRGB by film densities, both of 16 bits."""
    codes = np.arange(65536, dtype=np.float64) * (1023 / 65535)
    black = 10 ** ((_BLACK - _WHITE) * _DENSITY / _GAMMA)
    light = (10 ** ((codes - _WHITE) * _DENSITY / _GAMMA) - black) / (1 - black)
    return encode_srgb(light.astype(np.float32))


def _order(head: bytes) -> str:
    return ">" if head.startswith(b"SDPX") else "<"


def _header(path: Path) -> tuple[dict[str, bytes], int]:
    """The attributes of the first part of an EXR file, by name, and where they end."""
    with path.open("rb") as file:
        data = file.read(1 << 20)
    place = 8
    attributes: dict[str, bytes] = {}
    while data[place : place + 1] not in (b"\0", b""):
        name_end = data.index(b"\0", place)
        kind_end = data.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<I", data, kind_end + 1)
        begin = kind_end + 5
        attributes[data[place:name_end].decode("latin-1")] = data[begin : begin + size]
        place = begin + size
    return attributes, place + 1


def _is_cut_off(path: Path, header: dict[str, bytes], end: int, lines: int) -> bool:
    """Whether a file ends before its last chunk, which FFmpeg passes over; offsets follow the header."""
    _, top, _, bottom = struct.unpack("<4i", header["dataWindow"])
    chunks = -(-(bottom - top + 1) // lines)
    with path.open("rb") as file:
        file.seek(end)
        offsets = np.frombuffer(file.read(8 * chunks), "<u8")
        if len(offsets) < chunks or not 0 < offsets.min() <= offsets.max() < path.stat().st_size:
            return True
        file.seek(int(offsets.max()))
        (length,) = struct.unpack("<4xi", file.read(8).ljust(8, b"\0"))
    return bool(int(offsets.max()) + 8 + length > path.stat().st_size)


def _channels(data: bytes) -> dict[str, int]:
    """Kinds of number by name in a list of channels: each name is followed by 16 bytes, first its kind."""
    channels: dict[str, int] = {}
    place = 0
    while data[place : place + 1] not in (b"\0", b""):
        end = data.index(b"\0", place)
        channels[data[place:end].decode("latin-1")] = int.from_bytes(data[end + 1 : end + 5], "little")
        place = end + 17
    return channels
