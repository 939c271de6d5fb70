"""Pixels of TIFF files of more than 8 bits, by the decoder that reads each kind of them as it is meant.

A TIFF file says how its pixels lie in fields (TIFF 6.0). Pillow reads 8 bits well; of deeper ones it cuts
colours down, and takes some kinds for others without a word: grey that begins with white, 12 bits, planes
one after the other. OpenCV reads 16 bits, 32 bits and floats side by side, FFmpeg 12 bits and planes. What
none of them reads as it is meant is refused by its kind. Knows nothing about what the colours mean.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from sa2va_cli.errors import InputError
from sa2va_cli.media.decoding import decoded_picture
from sa2va_cli.media.deep_values import divided, packed_values, sixteen_bit_values, stretched, turned

_BIG = 43
"""The version of TIFF whose offsets have 64 bits, and whose header is twice as long."""
_FLOAT, _SIGNED = 3, 2
"""Values of the field SampleFormat."""
_WHITE_FIRST, _BLACK_FIRST, _RGB = 0, 1, 2
"""Values of the field PhotometricInterpretation."""
_KINDS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab"}
_ASSOCIATED, _UNSPECIFIED = 1, 0
"""Values of the field ExtraSamples: colours multiplied by alpha, and a channel that is no alpha."""
_GREY_ALPHA, _RGB_ALPHA = 2, 4


@dataclass(frozen=True)
class TiffLayout:
    """How the pixels of a page lie in the file.

    Attributes:
        size: (width, height), upright.
        bits: of each channel; 0 where channels differ.
        channels: how many.
        floating: whether values are floats.
        signed: whether values are integers with a sign.
        colours: the field PhotometricInterpretation.
        apart: whether each channel is a plane of its own.
        tiled: whether the page is made of tiles.
        orientation: as EXIF counts.
        end: bytes that the file must have for this page.
        extra: what the first channel beside the colours is; None where that is not said.
    """

    size: tuple[int, int]
    bits: int
    channels: int
    floating: bool
    signed: bool
    colours: int
    apart: bool
    tiled: bool
    orientation: int
    end: int
    extra: int | None

    @classmethod
    def of(cls, path: Path, fields: Any) -> Self:
        """The layout that a page's fields tell, by their numbers.

        Raises:
            InputError: a field holds what it cannot.
        """
        try:
            return cls._of(fields)
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(f"{path}: the image is damaged, or no TIFF file that is read") from error

    @classmethod
    def _of(cls, fields: Any) -> Self:
        bits, formats = _numbers(fields, 258), _numbers(fields, 339)
        width, height = int(fields.get(256, 0)), int(fields.get(257, 0))
        orientation = int(fields.get(274) or 1)
        channels = int(fields.get(277, 1))
        return cls(
            size=(height, width) if orientation in (5, 6, 7, 8) else (width, height),
            bits=bits[0] if len({*bits}) == 1 else 0,
            channels=channels,
            floating=_FLOAT in formats,
            signed=_SIGNED in formats,
            colours=int(fields.get(262, _BLACK_FIRST)),
            apart=channels > 1 and int(fields.get(284, 1)) == 2,
            tiled=322 in fields,
            orientation=orientation,
            end=_end(fields),
            extra=_numbers(fields, 338)[0] if 338 in fields else None,
        )

    @property
    def is_deep(self) -> bool:
        """Whether it is grey or RGB of more than 8 bits, which this module reads."""
        plain = self.colours in (_WHITE_FIRST, _BLACK_FIRST, _RGB)
        return plain and not self.signed and (self.bits > 8 or self.bits == 0)

    @property
    def is_pillows(self) -> bool:
        """Whether Pillow reads it as it is meant, if with fewer bits."""
        plain = not self.apart and self.colours != _WHITE_FIRST
        return plain and (self.bits == 16 or (self.bits == 32 and self.floating))

    @property
    def has_alpha(self) -> bool:
        """Whether the channel beside the colours is alpha."""
        return self.channels in (_GREY_ALPHA, _RGB_ALPHA) and self.extra != _UNSPECIFIED

    def __str__(self) -> str:
        kind = f"{_KINDS.get(self.colours, 'colours of an unknown kind')} of {self.bits or 'mixed'} bits"
        kind += ", floats" if self.floating else ", with signs" if self.signed else ""
        return kind + (", planes apart" if self.apart else "") + (", in tiles" if self.tiled else "")


def is_tiff(head: bytes) -> bool:
    """Whether a file begins as a TIFF file does."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def first_fields(path: Path) -> Any:
    """The fields of a file's first page, by their numbers.

    Raises:
        InputError: they cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
            head += file.read(8) if _BIG in head[2:4] else b""
            fields = ImageFileDirectory_v2(head)
            file.seek(fields.next)
            fields.load(file)
            if fields.get(256) and fields.get(257):
                return fields
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, OverflowError, struct.error) as error:
        raise InputError(f"{path}: the image is damaged, or no TIFF file that is read") from error
    raise InputError(f"{path}: the image is damaged: it does not say how large it is")


def _numbers(fields: Any, tag: int) -> list[int]:
    """The numbers of a field, at least one; 1 where there is none."""
    return [int(one) for one in np.atleast_1d(fields.get(tag, 1)).tolist()] or [1]


def _end(fields: Any) -> int:
    """Where the last strip or tile ends."""
    places, lengths = (fields.get(tile, fields.get(strip, 0)) for tile, strip in ((324, 273), (325, 279)))
    pairs = zip(np.atleast_1d(places).tolist(), np.atleast_1d(lengths).tolist(), strict=False)
    return max((int(place) + int(length) for place, length in pairs), default=0)


def deep_page(path: Path, page: int, layout: TiffLayout) -> NDArray[np.uint16] | None:
    """The values of a page, (H, W, 1 to 4) uint16 upright and not multiplied by alpha.

    Returns:
        None where no decoder here reads this kind.
    """
    if not layout.is_deep or layout.channels > _RGB_ALPHA or layout.end > path.stat().st_size:
        return None
    if layout.apart or layout.channels == _GREY_ALPHA or layout.bits not in (16, 32, 64):
        values = None if layout.tiled or page else _by_ffmpeg(path, layout)
    else:
        values = _by_opencv(path, page, layout)
    if values is None:
        return None
    values = np.atleast_3d(values)
    if values.shape != (*layout.size[::-1], layout.channels):
        return None
    if layout.colours == _WHITE_FIRST:
        values[..., 0] = 65535 - values[..., 0]
    if layout.has_alpha and layout.extra == _ASSOCIATED:
        values = divided(values)
    return np.ascontiguousarray(values)


def _by_opencv(path: Path, page: int, layout: TiffLayout) -> NDArray[np.uint16] | None:
    """Channels that lie side by side; OpenCV turns each page as its orientation says."""
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        pages = cv2.imreadmulti(str(path), page, 1, flags=cv2.IMREAD_UNCHANGED)[1]
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(before)
    if not pages or pages[0].dtype.itemsize * 8 != layout.bits:
        return None
    values = np.atleast_3d(pages[0])
    values = values[..., [2, 1, 0, 3][: values.shape[2]]] if values.shape[2] > 1 else values
    return sixteen_bit_values(values)


def _by_ffmpeg(path: Path, layout: TiffLayout) -> NDArray[np.uint16] | None:
    """Integers of the first page; FFmpeg leaves pages as they are stored."""
    frame = decoded_picture("tiff", path.read_bytes())
    name = "" if frame is None else frame.format.name
    if name == "gray12le":
        return turned(stretched(frame.to_ndarray(), 12), layout.orientation)
    if name in ("gbrp16le", "gbrap16le"):
        return turned(frame.to_ndarray(), layout.orientation)
    values = packed_values(frame) if name == "ya16le" else None
    return None if values is None else turned(values, layout.orientation)
