"""TIFF pictures of more than 8 bits: each kind is read as it is meant, or refused by it."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.errors import InputError
from sa2va_cli.media.deep_values import sixteen_bit_values, turned
from sa2va_cli.media.probe import find_source, probe

HEIGHT, WIDTH = 5, 7
WHITE_FIRST, BLACK_FIRST, RGB, SEPARATED = 0, 1, 2, 5
VALUES = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(np.uint16)
GREY, COLOURS = VALUES[..., :1], VALUES[..., :3]


def write_tiff(
    path: Path, values: NDArray[Any], colours: int, *, bits: int = 0, order: str = "<", **more: int
) -> Path:
    """An uncompressed TIFF of one strip.

    Args:
        path: the file.
        values: (H, W, channels); with ``planes``, each channel is stored by itself.
        colours: PhotometricInterpretation.
        bits: of a value that are stored; those of the type where it is not given.
        order: ``<`` or ``>``.
        more: ``planes``, ``orientation``, ``extra``; ``missing``, bytes that the file is too short by.
    """
    height, width, channels = values.shape
    planes = more.get("planes", 0)
    stored = np.moveaxis(values, 2, 0) if planes else values
    body = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    if bits == 12:
        even = np.pad(values[..., 0], ((0, 0), (0, width % 2))).astype(int)
        pair = even[:, ::2] << 12 | even[:, 1::2]
        body = b"".join(int(one).to_bytes(3, "big") for row in pair for one in row)
        assert width % 2 == 1  # the last one of a line has half a byte less
        body = b"".join(body[place : place + 12][:11] for place in range(0, len(body), 12))
    size = bits or values.dtype.itemsize * 8
    kind = {"f": 3, "i": 2}.get(values.dtype.kind, 1)
    parts = channels if planes else 1
    lengths = [len(body) // parts] * parts
    fields: dict[int, list[int]] = {
        256: [width], 257: [height], 258: [size] * channels, 259: [1], 262: [colours], 273: [],
        274: [more.get("orientation", 1)], 277: [channels], 278: [height], 279: lengths,
        284: [2 if planes else 1], 339: [kind] * channels,
    }  # fmt: skip
    if "extra" in more:
        fields[338] = [more["extra"]]
    table, behind = b"", b""
    end = 8 + len(body) + 2 + 12 * len(fields) + 4
    begin = 8
    if "missing" in more:  # the pixels come last, but for what is missing of them
        begin = end + 4 * sum(len(numbers) for numbers in fields.values() if len(numbers) > 1)
        begin += 4 * parts if parts > 1 else 0
    fields[273] = [begin + sum(lengths[:part]) for part in range(parts)]
    for tag, numbers in sorted(fields.items()):
        data = struct.pack(f"{order}{len(numbers)}I", *numbers)
        value = data if len(numbers) == 1 else struct.pack(order + "I", end + len(behind))
        behind += b"" if len(numbers) == 1 else data
        table += struct.pack(order + "HHI", tag, 4, len(numbers)) + value
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8 + len(body))
    path.write_bytes(head + body + struct.pack(order + "H", len(fields)) + table + bytes(4) + behind)
    if "missing" in more:
        with path.open("ab") as file:
            file.write(bytes(begin - path.stat().st_size) + body[: -more["missing"]])
    return path


def read(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    source = find_source(path)
    assert source.info.kind == "image"
    (frame,) = source.pictures(range(1))
    assert source.warnings == []
    assert source.info.size == (frame.image.shape[1], frame.image.shape[0])
    return frame.finest, frame.alpha


KINDS: dict[str, tuple[NDArray[Any], int, dict[str, Any], NDArray[Any]]] = {
    "16 bits": (COLOURS, RGB, {}, COLOURS),
    "big-endian": (COLOURS, RGB, {"order": ">"}, COLOURS),
    "planes": (COLOURS, RGB, {"planes": 1}, COLOURS),
    "grey": (GREY, BLACK_FIRST, {}, GREY),
    "white first": (65535 - GREY, WHITE_FIRST, {}, GREY),
    "white first, big-endian": (65535 - GREY, WHITE_FIRST, {"order": ">"}, GREY),
    "12 bits": (GREY >> 4, BLACK_FIRST, {"bits": 12}, np.rint((GREY >> 4) * (65535 / 4095))),
    "floats": ((COLOURS / 65535).astype(np.float32), RGB, {}, COLOURS),
    "grey floats of 64 bits": (GREY / 65535, BLACK_FIRST, {}, GREY),
    "32 bits": (COLOURS.astype(np.uint32) * 65537, RGB, {}, COLOURS),
    "grey of 32 bits": (GREY.astype(np.uint32) * 65537, BLACK_FIRST, {}, GREY),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pixel_is_read_as_it_is_meant(tmp_path: Path, kind: str) -> None:
    values, colours, more, meant = KINDS[kind]
    finest, alpha = read(write_tiff(tmp_path / "a.tif", values, colours, **more))
    assert alpha is None
    assert np.array_equal(finest, np.broadcast_to(meant, finest.shape))


@pytest.mark.parametrize("more", [{}, {"planes": 1}])
def test_alpha_is_read_at_its_depth(tmp_path: Path, more: dict[str, int]) -> None:
    finest, alpha = read(write_tiff(tmp_path / "a.tif", VALUES, RGB, extra=2, **more))
    assert np.array_equal(finest, COLOURS)
    assert np.array_equal(alpha, VALUES[..., 3])


def test_grey_with_alpha_and_channels_that_are_no_alpha(tmp_path: Path) -> None:
    finest, alpha = read(write_tiff(tmp_path / "a.tif", VALUES[..., :2], BLACK_FIRST, extra=2))
    assert np.array_equal(finest, np.broadcast_to(GREY, finest.shape))
    assert np.array_equal(alpha, VALUES[..., 1])
    whole = np.full_like(VALUES[..., :2], 32768)
    multiplied, alpha = read(write_tiff(tmp_path / "m.tif", whole, BLACK_FIRST, extra=1))
    assert (set(multiplied.flat), set(np.asarray(alpha).flat)) == ({65535}, {32768})
    assert read(write_tiff(tmp_path / "b.tif", VALUES, RGB, extra=0))[1] is None


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("values", [COLOURS, GREY], ids=["colours", "grey"])
def test_deep_pages_are_turned_once(tmp_path: Path, orientation: int, values: NDArray[np.uint16]) -> None:
    colours = RGB if values.shape[2] == 3 else BLACK_FIRST
    finest, _ = read(write_tiff(tmp_path / "a.tif", values, colours, orientation=orientation))
    meant = turned(values, orientation)
    assert np.array_equal(finest, np.broadcast_to(meant, finest.shape))


@pytest.mark.parametrize(
    ("values", "colours", "kind"),
    [
        (COLOURS.astype(np.float16), RGB, "RGB of 16 bits, floats"),
        (np.repeat(GREY, 5, axis=2), RGB, "RGB of 16 bits"),
        (COLOURS, 8, "Lab of 16 bits"),
    ],
)
def test_what_nothing_reads_is_refused_by_its_kind(
    tmp_path: Path, values: NDArray[Any], colours: int, kind: str
) -> None:
    path = write_tiff(tmp_path / "a.tif", values, colours)
    with pytest.raises(InputError, match=f"TIFF with {kind} is not read"):
        list(find_source(path).pictures(range(1)))


@pytest.mark.parametrize("kind", ["16 bits", "planes", "12 bits", "floats"])
def test_a_deep_file_that_was_cut_off_is_refused(tmp_path: Path, kind: str) -> None:
    values, colours, more, _ = KINDS[kind]
    path = write_tiff(tmp_path / "a.tif", values, colours, missing=4, **more)
    with pytest.raises(InputError):
        list(find_source(path).pictures(range(1)))


def test_cmyk_of_16_bits_says_that_8_are_read(tmp_path: Path) -> None:
    source = find_source(write_tiff(tmp_path / "a.tif", VALUES, SEPARATED))
    list(source.pictures(range(1)))
    assert source.warnings == ["a.tif has more than 8 bits, of which only 8 could be read"]


def test_floats_are_shares_of_white_or_count_up_to_what_most_of_them_say() -> None:
    light = np.array([0, 0.25, 0.5, 0.75, 20], np.float32)
    assert sixteen_bit_values(light).tolist() == [0, 16384, 32768, 49151, 65535]
    assert sixteen_bit_values(np.array([0, 100, 255, np.nan])).tolist() == [0, 25700, 65535, 0]
    assert sixteen_bit_values(np.array([0, 1000.4, 65535])).tolist() == [0, 1000, 65535]


def test_probing_says_what_is_read(tmp_path: Path) -> None:
    info = probe(write_tiff(tmp_path / "a.tif", (COLOURS / 65535).astype(np.float32), RGB, orientation=6))
    assert (info.kind, info.size, info.codec) == ("image", (HEIGHT, WIDTH), "tiff")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_stack_that_was_cut_off_keeps_the_pages_that_are_there(tmp_path: Path) -> None:
    pages = [Image.fromarray(page) for page in np.full((4, 32, 40, 3), 90, np.uint8)]
    path = tmp_path / "a.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 5 // 8])
    source = find_source(path)
    assert len(list(source.pictures(range(source.info.frames)))) == 2
    assert "a.tif is damaged: its further pages cannot be reached" in source.warnings


@pytest.mark.parametrize("tag", [256, 258, 274, 277, 284, 338, 339])
def test_a_field_that_holds_no_number_is_damage(tmp_path: Path, tag: int) -> None:
    path = write_tiff(tmp_path / "a.tif", VALUES, RGB, extra=2)
    data = bytearray(path.read_bytes())
    (table,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, table)
    for place in range(table + 2, table + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, place) == (tag,):
            struct.pack_into("<H", data, place + 2, 7)  # bytes of no meaning
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.tif: .*(damaged|not read)"):
        list(find_source(path).pictures(range(1)))
