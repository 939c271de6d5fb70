"""How each output codec is fed: its encoder, its options, and arrays turned into frames it takes.

Knows nothing about files or time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from sa2va_cli.colour import codes_of, eight_bits, planes_420, rgb8_of, rgb_of, upsampled
from sa2va_cli.datatypes import BT2020, Yuv420, YuvColour, YuvPlanes
from sa2va_cli.media.conversion import BT709, EXACT, UNSPECIFIED

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
"""(H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha."""

Codec = str
"""A name in ``ENCODINGS``."""

SDR = YuvColour(BT709, full_range=False, primaries=BT709, transfer=BT709)
"""What RGB pictures become unless told otherwise: BT.709, limited range."""


@dataclass(frozen=True)
class Encoding:
    """One row of the table of output codecs.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        containers: file name endings that can hold it.
        crf: default constant rate factor; None where the encoder has none.
        preset: default speed preset; None where the encoder has none.
        options: further encoder options.
        frame: turns an array, in the meaning that is wanted, into a frame; its pixel format is the stream's.
        tagged: whether the stream is tagged with what its frames' values mean (False for RGB streams).
        plane_bits: of the deepest decoded planes that are taken as they are; 0 for none. libvpx is often
            built for 8 bits only, as in PyAV's wheels, and Y4M has no official format of more.
        keeps_codes: whether pixels that were left as they were get the source's own code values.
        rgb_bits: of the RGB that decoded planes become where they are not taken as they are; 0 where they are
            not taken at all.
    """

    encoder: str
    containers: tuple[str, ...]
    frame: Callable[[Pixels, YuvColour], av.VideoFrame]
    crf: float | None = None
    preset: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    tagged: bool = True
    plane_bits: int = 0
    keeps_codes: bool = False
    rgb_bits: int = 0

    @property
    def largest_crf(self) -> int:
        """The coarsest constant rate factor; 0 where the encoder has none."""
        return _LARGEST_CRF[self.encoder] if self.crf is not None else 0

    def step(self, crf: float | None) -> float:
        """Levels of 255 between values that the encoder tells apart, where it is to be coarser than usual.

        It doubles with every 6 of H.264's factors (ITU-T H.264, 8.5.9), and is 1 at 4; VP9's go as far in 63.
        """
        if self.crf is None or crf is None or crf <= self.crf:
            return 0.0
        step: float = 2 ** ((crf * _LARGEST_CRF["libx264"] / self.largest_crf - 4) / 6)
        return step

    def frame_of(
        self, picture: Pixels | Yuv420, colour: YuvColour = SDR, stored: YuvPlanes | None = None
    ) -> av.VideoFrame:
        """Turns a picture of either kind into a frame.

        Args:
            picture: what is to be encoded.
            colour: the matrix, primaries and transfer that arrays get; planes have their own.
            stored: the source's code values, taken for every pixel that was left as it was.

        Raises:
            ValueError: for a kind that the codec does not take.
        """
        if not isinstance(picture, Yuv420):
            frame = self.frame(picture, colour)
            if stored is not None and self.keeps_codes and picture.ndim == 3:
                _restore(frame, picture, stored)
            return frame
        if picture.depth <= self.plane_bits:
            return frame_planes(picture)
        if not self.rgb_bits:
            raise ValueError(f"{self.encoder} takes no planes of {picture.depth} bits; give RGB or grey")
        own = picture.colour
        decode = rgb_of if self.rgb_bits == 16 else rgb8_of
        rgb = decode(picture.planes, own.weights, picture.depth, full_range=own.full_range)
        return self.frame(rgb, replace(own, full_range=False))


def frame_yuv(image: Pixels, colour: YuvColour = SDR) -> av.VideoFrame:
    """(H, W, 3) RGB to 8-bit limited range; 4:2:0, or 4:4:4 where a side is odd."""
    if image.ndim == 2:
        return frame_grey(image)
    _require(image, channels=(3,), dtypes=(np.uint8,))
    height, width = image.shape[:2]
    frame = av.VideoFrame(width, height, _planar_format(image))
    if frame.format.name == "yuv420p":
        codes: Any = planes_420(image.astype(np.uint8, copy=False), colour.weights)
    else:
        codes = np.moveaxis(codes_of(image, colour.weights, 8, full_range=False), 2, 0).astype(np.uint8)
    for plane, values in zip(frame.planes, codes, strict=True):
        _fill(plane, values)
    return _tagged(frame, colour)


def frame_planes(picture: Yuv420) -> av.VideoFrame:
    """Decoded planes to a frame of the same values and meaning."""
    width, height = picture.size
    frame = av.VideoFrame(width, height, "yuv420p" if picture.depth == 8 else "yuv420p10le")
    for plane, values in zip(frame.planes, picture.planes, strict=True):
        _fill(plane, values)
    return _tagged(frame, picture.colour, full_range=picture.colour.full_range)


def converted_like(frame: av.VideoFrame, first: av.VideoFrame) -> av.VideoFrame:
    """A frame whose values mean the same as those of a stream's first one; itself where they do."""
    meaning = (frame.format.name, frame.colorspace, frame.color_range)
    if meaning == (first.format.name, first.colorspace, first.color_range):
        return frame
    converted = frame.reformat(
        format=first.format.name,
        dst_colorspace=first.colorspace,
        dst_color_range=first.color_range,
        interpolation=EXACT,
        threads=1,
    )
    converted.colorspace, converted.color_range = first.colorspace, first.color_range
    return converted


def frame_grey(image: Pixels, _: YuvColour = SDR) -> av.VideoFrame:
    """(H, W) grey 0..255 to luma 16..235 with neutral chroma.

    4:0:0 would be natural, but many hardware decoders and browsers refuse it.
    """
    _require(image, channels=(1,), dtypes=(np.uint8,))
    height, width = image.shape
    frame = av.VideoFrame(width, height, _planar_format(image))
    _fill(frame.planes[0], _limited_luma()[image])
    for plane in frame.planes[1:]:
        plane.update(bytes([128]) * plane.buffer_size)
    return _tagged(frame, SDR)


def frame_grey_full(image: Pixels, _: YuvColour = SDR) -> av.VideoFrame:
    """(H, W) grey 0..255 to luma 0..255 with neutral chroma, tagged as full range."""
    _require(image, channels=(1,), dtypes=(np.uint8,))
    frame = av.VideoFrame(image.shape[1], image.shape[0], _planar_format(image))
    _fill(frame.planes[0], image)
    for plane in frame.planes[1:]:
        plane.update(bytes([128]) * plane.buffer_size)
    return _tagged(frame, SDR, full_range=True)


def frame_one_plane(image: Pixels, _: YuvColour = SDR) -> av.VideoFrame:
    """(H, W) grey 0..255 to one plane of luma 0..255, tagged as full range."""
    _require(image, channels=(1,), dtypes=(np.uint8,))
    return _tagged(_from_array(image, "gray"), SDR, full_range=True)


def frame_one_plane_limited(image: Pixels, _: YuvColour = SDR) -> av.VideoFrame:
    """(H, W) grey 0..255 to one plane of luma 16..235."""
    _require(image, channels=(1,), dtypes=(np.uint8,))
    return _tagged(_from_array(_limited_luma()[image], "gray"), SDR)


def frame_prores_grey(image: Pixels, _: YuvColour = SDR) -> av.VideoFrame:
    """(H, W) grey 0..255 to 10-bit luma 64..940 with neutral chroma, 4:2:2."""
    _require(image, channels=(1,), dtypes=(np.uint8,))
    frame = av.VideoFrame(image.shape[1], image.shape[0], "yuv422p10le")
    _fill(frame.planes[0], np.rint(64 + image * np.float32(876 / 255)).astype(np.uint16))
    for plane in frame.planes[1:]:
        _rows(plane, np.uint16)[...] = 512
    return _tagged(frame, SDR)


def frame_vp9(image: Pixels, colour: YuvColour = SDR) -> av.VideoFrame:
    """(H, W, 4) RGBA straight alpha to 8-bit 4:2:0 + alpha; (H, W, 3) RGB to 4:2:0 without."""
    _require(image, channels=(3, 4), dtypes=(np.uint8, np.uint16))
    eight = _eight(image)
    height, width = eight.shape[:2]
    even = np.pad(eight[..., :3], ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    luma, blue, red = planes_420(even, colour.weights)
    planes = [luma[:height, :width], blue, red]
    if eight.shape[2] == 4:
        planes.append(eight[..., 3])
    frame = av.VideoFrame(width, height, "yuva420p" if len(planes) == 4 else "yuv420p")
    for plane, values in zip(frame.planes, planes, strict=True):
        _fill(plane, values)
    return _tagged(frame, _stated(colour))


def _rgb_frames(grey: str, rgb: str, rgba: str) -> Callable[[Pixels, YuvColour], av.VideoFrame]:
    """Makes frames of 8 bits without loss, in one format for each number of channels."""

    def frame(image: Pixels, _: YuvColour = SDR) -> av.VideoFrame:
        if image.ndim == 2 and grey == "rgb24":
            tripled: Any = np.dstack([image] * 3)
            image = tripled
        names = {1: grey, 3: rgb, 4: rgba}
        name = names[1 if image.ndim == 2 else image.shape[2]]
        array = _eight(image)
        if name == "argb":
            array = array[..., [3, 0, 1, 2]]
        if name.startswith("bgr"):
            opaque = np.full((*array.shape[:2], 1), 255, np.uint8)
            array = np.dstack([array[..., 2::-1], array[..., 3:] if array.shape[2] == 4 else opaque])
        frame = _from_array(array, "bgra" if name == "bgr0" else name)
        return frame.reformat(format="bgr0", threads=1) if name == "bgr0" else frame

    return frame


def _eight(image: Pixels) -> NDArray[np.uint8]:
    """8 bits as they are, 16 rounded to them."""
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    return eight_bits(np.asarray(image, np.uint16))


def frame_prores(image: Pixels, colour: YuvColour = SDR) -> av.VideoFrame:
    """(H, W, 4) RGBA straight alpha, 8 or 16 bit (RGB is taken as opaque), to 10-bit 4:4:4 + alpha."""
    if image.ndim == 2:
        rgb: NDArray[Any] = np.dstack([image] * 3)
        return frame_prores(rgb, colour)
    _require(image, channels=(3, 4), dtypes=(np.uint8, np.uint16))
    height, width = image.shape[:2]
    frame = av.VideoFrame(width, height, "yuva444p10le")
    rgb = np.ascontiguousarray(image[..., :3])
    codes = np.moveaxis(codes_of(rgb, colour.weights, PRORES_DEPTH, full_range=False), 2, 0)
    for plane, values in zip(frame.planes[:3], codes, strict=True):
        _fill(plane, values)
    top = np.iinfo(image.dtype).max
    alpha = np.full((height, width), top, image.dtype) if image.shape[2] == 3 else image[..., 3]
    _fill(frame.planes[3], np.rint(alpha * np.float32(1023 / top)).astype(np.uint16))
    return _tagged(frame, _stated(colour))


def _stated(colour: YuvColour) -> YuvColour:
    """A meaning with primaries and transfer, as editors guess wrongly where they are missing."""
    usual = {9: BT2020, 5: 5, 6: 6}.get(colour.matrix, BT709)
    transfer = BT709 if colour.matrix not in (5, 6) else 6
    return replace(
        colour,
        primaries=usual if colour.primaries == UNSPECIFIED else colour.primaries,
        transfer=transfer if colour.transfer == UNSPECIFIED else colour.transfer,
    )


PRORES_DEPTH = 10
"""Bits that FFmpeg's encoder of ProRes takes."""


def _restore(frame: av.VideoFrame, image: Pixels, stored: YuvPlanes) -> None:
    """Puts the source's own code values wherever a picture still has the source's colour.

    RGB cuts off what lies outside of its cube, such as luma above white, and rounds; so nothing changes that
    nobody meant to change.
    """
    wide = image[..., :3] if image.dtype == np.uint16 else image[..., :3] * np.uint16(257)
    same = (wide == stored.rgb).all(axis=2)
    for plane, own in zip(frame.planes[:3], _limited(stored), strict=True):
        np.copyto(_rows(plane, np.uint16), own, where=same)


def _limited(stored: YuvPlanes) -> list[NDArray[np.uint16]]:
    """Code values of all pixels at ProRes' depth and limited range."""
    codes = []
    for number, plane in enumerate(stored.planes):
        values = upsampled(plane, stored.size).astype(np.float32)
        if stored.colour.full_range:
            top, middle = 2**stored.depth - 1, 2 ** (stored.depth - 1)
            values = 64 + values * (876 / top) if number == 0 else 512 + (values - middle) * (896 / top)
        else:
            values *= 2.0 ** (PRORES_DEPTH - stored.depth)
        codes.append(np.clip(np.rint(values), 0, 1023).astype(np.uint16))
    return codes


def frame_lossless(image: Pixels, _: YuvColour = SDR) -> av.VideoFrame:
    """Any array without loss: grey, RGB or RGBA; 16 bit for grey and RGBA only."""
    if image.ndim == 2:
        _require(image, channels=(1,), dtypes=(np.uint8, np.uint16))
        return _from_array(image, "gray" if image.dtype == np.uint8 else "gray16le")
    _require(image, channels=(3, 4), dtypes=(np.uint8, np.uint16))
    if image.dtype == np.uint16:
        _require(image, channels=(4,), dtypes=(np.uint16,))
        return _from_array(image, "gbrap16le")
    bgra = np.empty((*image.shape[:2], 4), np.uint8)
    bgra[..., :3] = image[..., 2::-1]
    bgra[..., 3] = image[..., 3] if image.shape[2] == 4 else 255
    frame = _from_array(bgra, "bgra")
    return frame if image.shape[2] == 4 else frame.reformat(format="bgr0", threads=1)


_COMMON = (".mp4", ".m4v", ".mov", ".mkv")
_FORCED = (("forced-idr", "1"),)
"""A frame that is asked to be a key frame is one from which decoding can begin."""

_FFV1 = (".mkv", ".avi", ".nut")
_INTRA = (("level", "3"), ("g", "1"))
_LARGEST_CRF = {"libx264": 51, "libvpx-vp9": 63}
_WEBM = (".webm", ".mkv")
_VP9 = (("b", "0"), ("deadline", "good"), ("cpu-used", "4"), ("auto-alt-ref", "0"))
"""Constant quality, and no hidden frames, which libvpx cannot give an alpha."""

ENCODINGS: dict[str, Encoding] = {
    # crf 18 is taken as visually lossless. "veryfast" leaves the processor to decoding and the network: on
    # grainy 1080p it is nearly three times as fast as "medium", for half a decibel at the same file size.
    "h264": Encoding(
        "libx264", _COMMON, frame_yuv, crf=18, preset="veryfast", options=_FORCED, plane_bits=10
    ),
    # crf 10 gives a hard mask back: no pixel of a test mask crosses the middle.
    "gray": Encoding("libx264", _COMMON, frame_grey, crf=10, preset="veryfast", options=_FORCED),
    "prores4444": Encoding(
        "prores_ks",
        (".mov", ".mkv"),
        frame_prores,
        options=(
            ("profile", "4444"),
            ("alpha_bits", "16"),
            ("vendor", "apl0"),
            ("field_order", "progressive"),
        ),
        keeps_codes=True,
        rgb_bits=16,
    ),
    # Level 3 works on the slices of a frame in parallel; every frame can be decoded by itself.
    "lossless": Encoding(
        "ffv1",
        (".mkv", ".avi", ".nut"),
        frame_lossless,
        options=(("level", "3"), ("g", "1")),
        tagged=False,
    ),
    "gray_full": Encoding("libx264", _COMMON, frame_grey_full, crf=10, preset="veryfast", options=_FORCED),
    "prores_gray": Encoding(
        "prores_ks",
        (".mov", ".mkv"),
        frame_prores_grey,
        options=(("profile", "hq"), ("vendor", "apl0"), ("field_order", "progressive")),
    ),
    "ffv1": Encoding(
        "ffv1", _FFV1, _rgb_frames("gray", "bgr0", "bgra"), options=_INTRA, tagged=False, rgb_bits=8
    ),
    "ffv1_gray": Encoding("ffv1", _FFV1, frame_one_plane, options=_INTRA),
    "ffv1_gray_limited": Encoding("ffv1", _FFV1, frame_one_plane_limited, options=_INTRA),
    # crf 0 is lossless. The picture's quality is alpha's too: already at 1 a ragged edge was 6 of 255 off.
    "vp9": Encoding("libvpx-vp9", _WEBM, frame_vp9, crf=0, options=_VP9, plane_bits=8),
    "vp9_colour": Encoding("libvpx-vp9", _WEBM, frame_vp9, crf=20, options=_VP9, plane_bits=8),
    "vp9_gray": Encoding("libvpx-vp9", _WEBM, frame_grey, crf=0, options=_VP9),
    "vp9_gray_full": Encoding("libvpx-vp9", _WEBM, frame_grey_full, crf=0, options=_VP9),
    "qtrle": Encoding("qtrle", (".mov",), _rgb_frames("rgb24", "rgb24", "argb"), tagged=False, rgb_bits=8),
    "png": Encoding("png", (".mov",), _rgb_frames("gray", "rgb24", "rgba"), tagged=False, rgb_bits=8),
    "raw": Encoding("rawvideo", (), _rgb_frames("gray", "rgb24", "rgba"), tagged=False, rgb_bits=8),
    "y4m": Encoding("rawvideo", (), frame_yuv, plane_bits=8),
}
"""Output codecs by name: to add one, add a row."""


def _require(image: Pixels, *, channels: tuple[int, ...], dtypes: tuple[type, ...]) -> None:
    got = 1 if image.ndim == 2 else image.shape[2] if image.ndim == 3 else 0
    if got not in channels or image.dtype not in [np.dtype(dtype) for dtype in dtypes]:
        names = " or ".join(dtype.__name__ for dtype in dtypes)
        counts = " or ".join(str(count) for count in channels)
        raise ValueError(
            f"got an array {image.shape} {image.dtype}; this codec takes {counts} channels {names}"
        )


def _planar_format(image: Pixels) -> str:
    return "yuv444p" if image.shape[0] % 2 or image.shape[1] % 2 else "yuv420p"


def _from_array(image: Pixels, pixel_format: str) -> av.VideoFrame:
    array: Any = np.ascontiguousarray(image)
    return av.VideoFrame.from_ndarray(array, format=pixel_format)


def _tagged(frame: av.VideoFrame, colour: YuvColour, *, full_range: bool = False) -> av.VideoFrame:
    frame.colorspace, frame.color_primaries, frame.color_trc = (
        colour.matrix,
        colour.primaries,
        colour.transfer,
    )
    frame.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
    return frame


def _fill(plane: Any, values: NDArray[Any]) -> None:
    _rows(plane, values.dtype)[...] = values


def _rows(plane: Any, dtype: Any) -> NDArray[Any]:
    """A plane's memory as (H, W), to be written to."""
    rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // np.dtype(dtype).itemsize)
    shown: NDArray[Any] = rows[: plane.height, : plane.width]
    return shown


@cache
def _limited_luma() -> NDArray[np.uint8]:
    table: NDArray[np.uint8] = np.rint(16 + np.arange(256) * (219 / 255)).astype(np.uint8)
    return table
