"""Image files of every mode, read and written."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips import make_animation, make_folder, make_image, mask, number_of, picture, truncate
from PIL import Image

from sa2va_cli.errors import InputError, OutputError, UsageError
from sa2va_cli.media.images import read_image, write_image
from sa2va_cli.media.probe import probe
from sa2va_cli.media.reader import Selection, open_source


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("RGB", ".png"), ("RGB", ".jpg"), ("RGB", ".webp"), ("RGB", ".tif"), ("RGB", ".bmp"),
        ("RGB", ".avif"),
        ("RGBA", ".png"), ("LA", ".png"), ("CMYK", ".jpg"), ("CMYK", ".tif"), ("P", ".png"),
        ("P", ".gif"),
    ],
)  # fmt: skip
def test_every_mode_reads_as_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    image = read_image(make_image(tmp_path / f"a{suffix}", mode))
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8
    assert number_of(image) == 5
    if mode in ("RGB", "RGBA", "P"):
        assert np.abs(image.astype(int) - picture(5)).mean() < 8


@pytest.mark.parametrize(
    ("mode", "suffix"), [("L", ".png"), ("I;16", ".png"), ("I;16", ".tif"), ("F", ".tif"), ("1", ".png")]
)
def test_grey_of_any_depth_reads_as_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    image = read_image(make_image(tmp_path / f"a{suffix}", mode))
    assert np.ptp(image, axis=2).max() == 0
    assert number_of(image) == 5
    if mode != "1":
        assert (image[0].min(), image[0].max()) == (20, 235)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_the_exif_rotation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = make_image(tmp_path / f"a{suffix}", exif_orientation=orientation)
    plain = read_image(make_image(tmp_path / f"plain{suffix}"))
    frame = next(iter(open_source(path)))
    turns: dict[int, Any] = {
        1: plain, 2: plain[:, ::-1], 3: plain[::-1, ::-1], 4: plain[::-1],
        5: plain.transpose(1, 0, 2), 6: np.rot90(plain, -1),
        7: np.rot90(plain, 2).transpose(1, 0, 2), 8: np.rot90(plain),
    }  # fmt: skip
    assert np.array_equal(frame.image, turns[orientation])
    assert probe(path).size == frame.size


@pytest.mark.parametrize("size", [(1, 1), (21_000, 3), (3, 21_000)])
def test_tiny_and_very_wide_images_work(tmp_path: Path, size: tuple[int, int]) -> None:
    assert next(iter(open_source(make_image(tmp_path / "a.png", size=size)))).size == size


def test_more_pixels_than_pillow_likes_work(tmp_path: Path) -> None:
    Image.new("1", (20_000, 10_000)).save(tmp_path / "a.png")
    assert probe(tmp_path / "a.png").size == (20_000, 10_000)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    header = b"P5 60000 60000 255\n"
    (tmp_path / "bomb.pgm").write_bytes(header + bytes(10))
    with pytest.raises(InputError, match="60000x60000 pixels"):
        probe(tmp_path / "bomb.pgm")


def test_a_damaged_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="damaged"):
        list(open_source(truncate(make_image(tmp_path / "a.png"), 0.6)))


def test_files_of_a_folder_are_sorted_as_people_count(tmp_path: Path) -> None:
    info = probe(make_folder(tmp_path / "shot", count=12))
    assert info.names == tuple(f"frame{number}" for number in range(12))


def test_other_files_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "shot", count=2)
    for name in ("notes.txt", ".hidden.png", "Thumbs.db"):
        (folder / name).write_text("x")
    (folder / "sub.png").mkdir()
    assert probe(folder).names == ("frame0", "frame1")


def test_an_image_of_another_size_is_refused_by_name_before_any_is_read(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "shot", count=3)
    make_image(folder / "frame1.png", size=(32, 32))
    with pytest.raises(InputError, match=r"frame1\.png: is 32x32, but frame0\.png is 64x48"):
        open_source(folder)


def test_only_the_images_that_are_wanted_must_have_one_size(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "shot", count=3)
    make_image(folder / "frame2.png", size=(32, 32))
    assert [frame.index for frame in open_source(folder, Selection(max_frames=2))] == [0, 1]


def test_an_image_turned_by_its_exif_data_has_the_size_that_is_seen(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "shot", count=2)
    make_image(folder / "frame1.jpg", exif_orientation=6, size=(48, 64))
    (folder / "frame1.png").unlink()
    assert [frame.image.shape for frame in open_source(folder)] == [(48, 64, 3)] * 2


def test_a_damaged_image_in_a_folder_is_left_out_with_a_warning(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "shot", count=4)
    (folder / "frame2.png").write_bytes(b"broken")
    reader = open_source(folder)
    assert [frame.index for frame in reader] == [0, 1, 3]
    assert "1 of 4 images" in reader.warnings[0]
    assert "frame2.png" in reader.warnings[0]


def test_an_image_that_was_cut_off_is_left_out_with_a_warning(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "shot", count=4)
    file = folder / "frame2.png"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    reader = open_source(folder)
    assert [frame.index for frame in reader] == [0, 1, 3]
    assert "frame2.png" in reader.warnings[0]


def test_a_lone_image_that_was_cut_off_is_an_input_error(tmp_path: Path) -> None:
    file = make_image(tmp_path / "a.png")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InputError, match="truncated"):
        list(open_source(file))


def test_times_of_an_animated_webp_follow_its_durations(tmp_path: Path) -> None:
    frames = list(open_source(make_animation(tmp_path / "a.webp", count=4)))
    assert [frame.pts for frame in frames] == [0, 40, 120, 160]


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".png"])
def test_a_last_picture_that_is_held_does_not_slow_the_rate_of_an_animation(
    tmp_path: Path, suffix: str
) -> None:
    images = [Image.fromarray(picture(number)) for number in range(5)]
    images[0].save(
        tmp_path / f"a{suffix}", save_all=True, append_images=images[1:], duration=[100] * 4 + [2000]
    )
    info = open_source(tmp_path / f"a{suffix}").info
    assert (info.rate, info.duration_seconds, info.constant_rate) == (10, pytest.approx(2.4), True)


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".png"])
def test_an_animation_whose_pictures_last_differently_has_a_variable_rate(
    tmp_path: Path, suffix: str
) -> None:
    assert not open_source(make_animation(tmp_path / f"a{suffix}", count=6)).info.constant_rate


@pytest.mark.parametrize(
    "array",
    [picture(3), mask(3), np.dstack([picture(3), mask(3)]), mask(3).astype(np.uint16) * 257],
    ids=["rgb", "grey", "rgba", "grey16"],
)
def test_png_keeps_every_value(tmp_path: Path, array: np.ndarray) -> None:
    write_image(tmp_path / "new" / "a.png", array)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "new" / "a.png")), array)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_png_keeps_16_bit_rgba(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 65536, (9, 7, 4), dtype=np.uint16)
    write_image(tmp_path / "a.png", array)
    back = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(back[..., [2, 1, 0, 3]], array)


def test_palette_png_keeps_indices_and_colours(tmp_path: Path) -> None:
    palette = bytes(range(256)) * 3
    indices = np.arange(64 * 48, dtype=np.int64).reshape(48, 64).astype(np.uint8)
    write_image(tmp_path / "a.png", indices, palette=palette)
    image = Image.open(tmp_path / "a.png")
    assert image.mode == "P"
    assert np.array_equal(np.asarray(image), indices)
    assert bytes(image.getpalette() or []) == palette


@pytest.mark.parametrize(
    "array", [picture(3), mask(3), np.dstack([picture(3), mask(3)])], ids=["rgb", "grey", "rgba"]
)
def test_jpeg_is_close(tmp_path: Path, array: np.ndarray) -> None:
    write_image(tmp_path / "a.jpg", array)
    image = read_image(tmp_path / "a.jpg")
    expected = array[..., :3] if array.ndim == 3 else np.dstack([array] * 3)
    assert np.abs(image.astype(int) - expected).mean() < 4


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="written as"):
        write_image(tmp_path / "a.bmp", picture(0))
    with pytest.raises(ValueError, match="got an array"):
        write_image(tmp_path / "a.png", picture(0).astype(np.float32))
    with pytest.raises(ValueError, match="a palette of 768 bytes"):
        write_image(tmp_path / "a.png", picture(0), palette=bytes(768))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        write_image(tmp_path / "folder.png", picture(0))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
