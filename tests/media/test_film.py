"""OpenEXR and DPX: single pictures and sequences."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import SIZE, number_of, picture
from numpy.typing import NDArray

from sa2va_cli.errors import InputError
from sa2va_cli.media import film
from sa2va_cli.media.colour import encode_srgb
from sa2va_cli.media.film import _header, film_size
from sa2va_cli.media.probe import probe
from sa2va_cli.media.reader import open_source


def light(number: int) -> NDArray[np.float32]:
    """``picture`` as linear light."""
    coded = picture(number).astype(np.float32) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def encode(path: Path, planes: list[NDArray[Any]], layout: str, **options: str) -> Path:
    """Writes planes in FFmpeg's order, by the encoder that the ending names."""
    frame = av.VideoFrame(planes[0].shape[1], planes[0].shape[0], layout)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((values.shape[0], plane.line_size), np.uint8)
        flat = np.ascontiguousarray(values).view(np.uint8).reshape(values.shape[0], -1)
        rows[:, : flat.shape[1]] = flat
        plane.update(rows.tobytes())
    context: Any = av.CodecContext.create(path.suffix[1:], "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, layout
    context.time_base, context.options = Fraction(1), options
    path.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))
    return path


def write_exr(
    path: Path, values: NDArray[np.float32], alpha: NDArray[np.float32] | None = None, **options: str
) -> Path:
    planes = [values[..., 1], values[..., 2], values[..., 0], *([] if alpha is None else [alpha])]
    layout = "gbrpf32le" if alpha is None else "gbrapf32le"
    return encode(path, planes, layout, **{"compression": "zip16", **options})


def write_dpx(path: Path, values: NDArray[np.uint16], transfer: int = 2) -> Path:
    """10 bits, (H, W, 3)."""
    encode(path, [values[..., place].astype(">u2") for place in (1, 2, 0)], "gbrp10be")
    data = bytearray(path.read_bytes())
    data[801] = transfer
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("options", [{}, {"compression": "none"}, {"compression": "rle"}, {"format": "half"}])
def test_light_is_shown_at_exposure_zero_in_srgb(tmp_path: Path, options: dict[str, str]) -> None:
    path = write_exr(tmp_path / "a.exr", light(5), **options)
    reader = open_source(path)
    (frame,) = reader
    assert (reader.info.kind, reader.info.codec, reader.info.size) == ("image", "exr", SIZE)
    assert np.abs(frame.image.astype(int) - picture(5)).max() <= 1
    assert frame.deep is not None
    assert np.abs(frame.deep.astype(int) - encode_srgb(light(5))).max() <= (32 if "format" in options else 0)
    assert reader.warnings == []


def test_what_is_brighter_than_white_or_no_number_is_clipped(tmp_path: Path) -> None:
    values = light(5)
    values[0, :4, 0] = (40.0, np.inf, np.nan, -3.0)
    (frame,) = open_source(write_exr(tmp_path / "a.exr", values))
    assert frame.image[0, :4, 0].tolist() == [255, 255, 0, 0]


def test_colours_that_come_multiplied_by_alpha_are_divided_by_it(tmp_path: Path) -> None:
    alpha = np.ones(light(5).shape[:2], np.float32)
    alpha[:, 32:48], alpha[:, 48:] = 0.5, 0
    (frame,) = open_source(write_exr(tmp_path / "a.exr", light(5) * alpha[..., None], alpha))
    assert frame.alpha is not None
    assert frame.deep is not None
    assert frame.alpha[0, [0, 40, 60]].tolist() == [65535, 32768, 0]
    assert np.abs(frame.deep[:, :48].astype(int) - encode_srgb(light(5))[:, :48]).max() <= 2
    assert (frame.image[:, 48:] == 128).all()


def test_chromaticities_are_converted(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", np.full((8, 8, 3), (0.0, 0.5, 0.0), np.float32))
    data = path.read_bytes()
    wide = struct.pack("<8f", 0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
    attribute = b"chromaticities\0chromaticities\0" + struct.pack("<I", 32) + wide
    moved = bytearray(data[:8] + attribute + data[8:])
    end = 8 + len(attribute) + _header_length(data)
    chunk = struct.unpack_from("<Q", moved, end)[0]
    struct.pack_into("<Q", moved, end, chunk + len(attribute))
    path.write_bytes(moved)
    (frame,) = open_source(path)
    assert frame.image[0, 0, 0] == frame.image[0, 0, 2] == 0  # outside of sRGB, and clipped
    assert frame.image[0, 0, 1] > 190


def _header_length(data: bytes) -> int:
    place = 8
    while data[place]:
        place = data.index(b"\0", data.index(b"\0", place) + 1) + 1
        place += 4 + struct.unpack_from("<I", data, place)[0]
    return place + 1 - 8


@pytest.mark.parametrize("transfer", [0, 2, 6])
def test_code_values_of_dpx_are_shown_and_kept_as_they_are(tmp_path: Path, transfer: int) -> None:
    codes = np.round(picture(5) / 255 * 1023).astype(np.uint16)
    reader = open_source(write_dpx(tmp_path / "a.dpx", codes, transfer))
    (frame,) = reader
    assert (reader.info.kind, reader.info.codec, reader.warnings) == ("image", "dpx", [])
    assert np.abs(frame.image.astype(int) - picture(5)).max() <= 1
    assert frame.deep is not None
    assert np.array_equal(frame.deep, np.rint(codes / 1023 * 65535).astype(np.uint16))


@pytest.mark.parametrize("transfer", [1, 3])
def test_film_densities_are_developed_to_be_looked_at_and_kept_as_they_are(
    tmp_path: Path, transfer: int
) -> None:
    codes = np.zeros((8, 8, 3), np.uint16)
    codes[0, :5, :] = np.array([0, 95, 470, 685, 1023])[:, None]
    reader = open_source(write_dpx(tmp_path / "a.dpx", codes, transfer))
    (frame,) = reader
    grey = 10 ** ((470 - 685) * 0.002 / 0.6)  # 18 % grey is at 470
    assert frame.image[0, :5, 0].tolist() == [
        0,
        0,
        pytest.approx(encode_srgb(np.float32(grey)) / 257, abs=3),
        255,
        255,
    ]
    assert frame.deep is not None
    assert frame.deep[0, 2, 0] == round(470 / 1023 * 65535)
    assert "logarithmic film densities" in reader.warnings[0]


@pytest.mark.parametrize("suffix", [".exr", ".dpx"])
def test_a_sequence_is_frames(tmp_path: Path, suffix: str) -> None:
    for number in range(4):
        path = tmp_path / f"sh010_v001.{1001 + number}{suffix}"
        codes = np.round(picture(number) / 255 * 1023).astype(np.uint16)
        _ = write_exr(path, light(number)) if suffix == ".exr" else write_dpx(path, codes)
    for source in (tmp_path, tmp_path / f"sh010_v001.%04d{suffix}", tmp_path / f"sh010_v001.####{suffix}"):
        reader = open_source(source)
        assert (reader.info.kind, reader.info.numbers) == ("frames", (1001, 1002, 1003, 1004))
        assert [number_of(frame.image) for frame in reader] == [0, 1, 2, 3]


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.95])
@pytest.mark.parametrize("suffix", [".exr", ".dpx"])
def test_a_picture_that_was_cut_off_is_refused_by_name(tmp_path: Path, suffix: str, keep: float) -> None:
    noise = np.random.default_rng(0).random((48, 64, 3)).astype(np.float32)
    path = tmp_path / f"a{suffix}"
    _ = write_exr(path, noise) if suffix == ".exr" else write_dpx(path, (noise * 1023).astype(np.uint16))
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(InputError, match=rf"a\{suffix}.*(damaged|cut off)"):
        list(open_source(path))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"compression\0compression\0\x01\0\0\0\x03", b"compression\0compression\0\x01\0\0\0\x0a", "HTJ2K"),
        (b"\x76\x2f\x31\x01\x02\0", b"\x76\x2f\x31\x01\x02\x08", "deep EXR"),
        (b"\0G\0", b"\0Q\0", "has no channels R, G, B or Y but only"),
    ],
)
def test_exr_of_a_kind_that_is_not_read_is_refused_in_one_line(
    tmp_path: Path, old: bytes, new: bytes, words: str
) -> None:
    path = write_exr(tmp_path / "a.exr", light(5))
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    with pytest.raises(InputError, match=words) as caught:
        list(open_source(path))
    assert "\n" not in str(caught.value)


def test_the_size_is_that_of_the_window_which_is_shown(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", light(5))
    assert film_size(path, path.read_bytes()) == probe(path).size == SIZE


def with_window(path: Path, left: int, top: int) -> Path:
    """Moves both windows of an EXR of one part that FFmpeg has written, and the lines of its chunks."""
    data = bytearray(path.read_bytes())
    for name in (b"displayWindow\0box2i\0", b"dataWindow\0box2i\0"):
        place = data.index(name) + len(name) + 4
        first, upper, last, lower = struct.unpack_from("<4i", data, place)
        struct.pack_into("<4i", data, place, first + left, upper + top, last + left, lower + top)
    _, table = _header(path)
    (first_chunk,) = struct.unpack_from("<Q", data, table)
    for chunk in struct.unpack_from(f"<{(first_chunk - table) // 8}Q", data, table):
        (line,) = struct.unpack_from("<i", data, chunk)
        struct.pack_into("<i", data, chunk, line + top)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("corner", [(100, 200), (-20, -10), (0, 7)])
def test_a_window_that_begins_elsewhere_is_shown_whole(tmp_path: Path, corner: tuple[int, int]) -> None:
    path = with_window(write_exr(tmp_path / "a.exr", light(3)), *corner)
    (frame,) = open_source(path)
    assert np.abs(frame.image.astype(int) - picture(3)).max() <= 1


def test_a_window_elsewhere_in_a_compression_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = with_window(write_exr(tmp_path / "a.exr", light(3)), 10, 20)
    data = bytearray(path.read_bytes())
    name = b"compression\0compression\0"
    data[data.index(name) + len(name) + 4] = 77
    path.write_bytes(data)
    with pytest.raises(InputError, match="compression number 77"):
        list(open_source(path))


@pytest.mark.parametrize("names", ["YA", "RGBA", "RGB"])
def test_channels_that_ffmpeg_does_not_read_are_read_by_openexr(tmp_path: Path, names: str) -> None:
    library: Any = pytest.importorskip("OpenEXR")
    shown, alpha = light(3), np.full(SIZE[::-1], 0.5, np.float32)
    planes = {"Y": shown[..., 0]} if "Y" in names else dict(zip("RGB", np.moveaxis(shown, 2, 0), strict=True))
    if "A" in names:
        planes = {name: plane * alpha for name, plane in planes.items()} | {"A": alpha}
    kinds = {"R": np.float16}
    channels = {
        name: np.ascontiguousarray(plane, kinds.get(name, np.float32)) for name, plane in planes.items()
    }
    header = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage}
    library.File(header, channels).write(str(tmp_path / "a.exr"))
    (frame,) = open_source(tmp_path / "a.exr")
    meant = np.repeat(shown[..., :1], 3, axis=2) if "Y" in names else shown
    assert np.abs(frame.finest.astype(int) - encode_srgb(meant)).max() <= 64  # of 65535: half floats
    assert (frame.alpha is not None) == ("A" in names)
    assert frame.alpha is None or set(frame.alpha.flat) == {32768}


def test_channels_of_mixed_kinds_name_the_library_that_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_exr(tmp_path / "a.exr", light(0))
    data = bytearray(path.read_bytes())
    data[data.index(b"chlist\0") + 7 + 4 + 2] = 1  # of the first channel, which is a half then
    path.write_bytes(data)
    monkeypatch.setattr(film, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"mixed kinds, need OpenEXR.*sa2va\[exr\]"):
        list(open_source(path))


def test_luminance_with_chroma_is_refused(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", light(0), compression="none")
    data = path.read_bytes()
    names = b"chlist\0"
    place = data.index(names) + len(names)
    (length,) = struct.unpack_from("<I", data, place)
    kinds = data[place + 4 + 2 : place + 4 + 2 + 16]
    made = b"".join(name + b"\0" + kinds for name in (b"BY", b"RY", b"Y")) + b"\0"
    moved = len(made) - length
    head = data[:place] + struct.pack("<I", len(made)) + made
    rest = bytearray(data[place + 4 + length :])
    path.write_bytes(head + rest)
    _, table = _header(path)
    whole = bytearray(path.read_bytes())
    for number in range(SIZE[1]):
        (chunk,) = struct.unpack_from("<Q", whole, table + 8 * number)
        struct.pack_into("<Q", whole, table + 8 * number, chunk + moved)
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"\(Y, RY, BY\) is not read"):
        list(open_source(path))


def test_pixels_that_are_not_square_are_known(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", light(0))
    data = path.read_bytes()
    path.write_bytes(data[:8] + b"pixelAspectRatio\0float\0" + struct.pack("<If", 4, 2.0) + data[8:])
    assert probe(path).sample_aspect_ratio == 2
    film = write_dpx(tmp_path / "a.dpx", picture(0).astype(np.uint16) * 4)
    data = bytearray(film.read_bytes())
    for numbers, aspect in (((0xFFFFFFFF, 0xFFFFFFFF), Fraction(1)), ((4, 3), Fraction(4, 3))):
        struct.pack_into(">2I", data, 1628, *numbers)
        film.write_bytes(data)
        assert probe(film).sample_aspect_ratio == aspect


@pytest.mark.parametrize("order", "><")
@pytest.mark.parametrize("method", [1, 2], ids="AB")
def test_luma_of_10_bits_begins_in_the_low_bits_of_each_word(tmp_path: Path, order: str, method: int) -> None:
    """As SMPTE ST 268 numbers the values of a word; GraphicsMagick writes and reads the same."""
    width, height = 7, 2  # the last word of a line is not full
    codes = np.arange(width * height).reshape(height, width) * 61 + 5
    head = bytearray(2048)
    head[:4] = b"SDPX" if order == ">" else b"XPDS"
    for place, number in ((4, 2048), (772, width), (776, height), (808, 2048)):
        struct.pack_into(order + "I", head, place, number)
    struct.pack_into(order + "H", head, 770, 1)
    head[800], head[801], head[803] = 6, 2, 10  # luma, linear, bits
    struct.pack_into(order + "H", head, 804, method)
    padding = 2 if method == 1 else 0
    words = [
        sum(int(code) << (padding + 10 * at) for at, code in enumerate(line[first : first + 3]))
        for line in codes
        for first in range(0, width, 3)
    ]
    path = tmp_path / "a.dpx"
    path.write_bytes(bytes(head) + struct.pack(f"{order}{len(words)}I", *words))
    (frame,) = open_source(path)
    assert np.array_equal(frame.finest, np.repeat(np.rint(codes * (65535 / 1023))[..., None], 3, axis=2))
