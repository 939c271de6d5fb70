"""Patterns, numbers and names of image files."""

import os
from pathlib import Path

import pytest
from clips import make_folder, make_image

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.media.probe import probe
from sa2va_cli.media.reader import Selection, open_source
from sa2va_cli.media.sequences import frame_names, matches, numbering, pattern_stem


def make_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        make_image(folder / name, size=(8, 8))
    return folder


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """A sequence beside its own masks and proxies."""
    names = [f"sh_{number:04d}{more}.png" for number in (1, 2, 3) for more in ("", "_mask", ".proxy")]
    return make_files(tmp_path / "plates", *names)


@pytest.mark.parametrize("pattern", ["sh_%04d.png", "sh_####.png", "sh_@@@@.png", "sh_#.png", "s?_%04d.png"])
def test_a_numbered_pattern_means_the_plates_and_not_what_lies_beside_them(
    plates: Path, pattern: str
) -> None:
    info = probe(plates / pattern)
    assert info.file_names == ("sh_0001.png", "sh_0002.png", "sh_0003.png")
    assert (info.numbers, info.first_number) == ((1, 2, 3), 1)


@pytest.mark.parametrize(
    ("pattern", "more"),
    [("sh_%04d_mask.png", "_mask"), ("sh_####.proxy.png", ".proxy"), ("sh_*.proxy.png", ".proxy")],
)
def test_a_pattern_with_an_end_means_what_has_that_end(plates: Path, pattern: str, more: str) -> None:
    assert probe(plates / pattern).file_names == tuple(f"sh_{number:04d}{more}.png" for number in (1, 2, 3))


def test_a_whole_folder_of_several_sequences_is_read_with_a_word_about_it(plates: Path) -> None:
    reader = open_source(plates)
    assert reader.info.frames == 9
    assert "3 sequences lie side by side" in reader.warnings[0]


@pytest.mark.parametrize("pattern", ["sh_%04d.png", "sh_####.png", "*.png", "sh_000?.png", "sh_000[12].png"])
@pytest.mark.parametrize("name", ["shots [v2]", "50% #1 @x", "a*b"])
def test_signs_in_the_name_of_a_folder_that_exists_are_letters(
    tmp_path: Path, name: str, pattern: str
) -> None:
    make_files(tmp_path / name, "sh_0001.png", "sh_0002.png")
    assert probe(tmp_path / name / pattern).frames == 2
    assert probe(tmp_path / name).frames == 2


def test_negative_numbers_come_before_zero(tmp_path: Path) -> None:
    folder = make_files(tmp_path / "neg", *(f"f.{n}.png" for n in ("-0002", "-0001", "0000", "0001")))
    for source in (folder, folder / "*.png", folder / "f.%04d.png", folder / "f.####.png"):
        assert probe(source).numbers == (-2, -1, 0, 1)


def test_a_dash_between_name_and_number_is_no_minus(tmp_path: Path) -> None:
    folder = make_files(tmp_path / "shot", "shot-0001.png", "shot-0002.png", "shot-0010.png")
    assert probe(folder).numbers == (1, 2, 10)


def test_numbers_may_outgrow_their_padding_but_not_fall_short_of_it(tmp_path: Path) -> None:
    folder = make_files(tmp_path / "long", "f.9999.png", "f.10000.png", "f.007.png", "f.00010.png")
    assert probe(folder / "f.%04d.png").numbers == (9999, 10000)
    with pytest.raises(InputError, match=r"other widths do, such as f\.007\.png"):
        probe(folder / "f.%08d.png")


def test_the_same_number_stands_in_all_places_of_a_pattern(tmp_path: Path) -> None:
    folder = make_files(tmp_path, "f0001/f.0001.png", "f0002/f.0002.png", "f0002/f.0003.png")
    assert probe(folder / "f%04d" / "f.%04d.png").file_names == ("f0001/f.0001.png", "f0002/f.0002.png")


def test_gaps_are_said_and_file_numbers_known(tmp_path: Path) -> None:
    folder = make_files(tmp_path / "gaps", *(f"f.{n}.png" for n in (1001, 1002, 1005)))
    reader = open_source(folder)
    assert reader.info.numbers == (1001, 1002, 1005)
    assert reader.warnings[0].startswith("the numbered sequence has gaps: 1003 to 1004 are missing")
    steps = open_source(make_files(tmp_path / "twos", "f1.png", "f3.png", "f5.png"))
    assert "in steps of 2" in steps.warnings[0]


def test_a_sequence_without_gaps_is_read_without_a_word(tmp_path: Path) -> None:
    assert open_source(make_files(tmp_path / "a", "f.1001.exr.png", "f.1002.exr.png")).warnings == []


def test_a_range_is_given_in_the_numbers_of_the_files(tmp_path: Path) -> None:
    folder = make_files(tmp_path / "shot", *(f"f.{n}.png" for n in range(1001, 1008)))
    chosen = open_source(folder, Selection(start_frame=1003, end_frame=1006))
    assert [frame.file_name for frame in chosen] == ["f.1003.png", "f.1004.png", "f.1005.png"]
    with pytest.raises(UsageError, match="numbered 1001 to 1007"):
        open_source(folder, Selection(start_frame=2000))
    from_zero = make_folder(tmp_path / "zero", count=4)
    assert [frame.name for frame in open_source(from_zero, Selection(start_frame=2))] == ["frame2", "frame3"]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["IMG_1.JPG", "IMG_2.JPG"], ("IMG_1", "IMG_2")),
        (["f.0001.png", "f.0002.png"], ("f.0001", "f.0002")),
        (["camA/0001.png", "camB/0001.png"], ("camA_0001", "camB_0001")),
        (["a.jpg", "a.png"], ("a.jpg", "a.png")),
        (["A.png", "a.png"], ("00000_A.png", "00001_a.png")),
        (["a_b/c.png", "a/b_c.png", "x/c.png"], ("00000_a_b_c.png", "00001_a_b_c.png", "00002_x_c.png")),
    ],
)
def test_names_of_what_is_made_of_frames_never_collide(names: list[str], shown: tuple[str, ...]) -> None:
    assert frame_names(names) == shown
    assert len({name.casefold() for name in shown}) == len(names)


def test_frames_know_their_files_and_the_folders_they_differ_in(tmp_path: Path) -> None:
    tree = make_files(tmp_path / "tree", *(f"cam{c}/{n:04d}.png" for c in "AB" for n in (0, 1)))
    frames = list(open_source(tree / "*" / "*.png"))
    assert [frame.file_name for frame in frames] == [
        "camA/0000.png", "camA/0001.png", "camB/0000.png", "camB/0001.png",
    ]  # fmt: skip
    assert [frame.name for frame in frames][:3] == ["camA_0000", "camA_0001", "camB_0000"]
    still = next(iter(open_source(make_image(tmp_path / "photo.jpeg"))))
    assert (still.name, still.file_name) == ("photo", "photo.jpeg")


@pytest.mark.parametrize(
    ("pattern", "stem"),
    [
        ("plates/sh010_v001.*.png", "sh010_v001"),
        ("sh_%04d.exr", "sh"),
        ("sh_####.exr", "sh"),
        ("sh_%04d_mask.png", "sh_mask"),
        ("plates/*.png", None),
        ("plates/%04d.png", None),
        ("[ab]/beauty.@@@@.exr", "beauty"),
        ("clip.mp4", None),
    ],
)
def test_the_stem_of_a_pattern_is_what_it_says_besides_numbers(pattern: str, stem: str | None) -> None:
    assert pattern_stem(pattern) == stem


def test_digits_in_an_ending_are_no_frame_numbers() -> None:
    assert numbering(["a3.jp2"]).numbers == (3,)
    assert numbering(["a.jp2", "b.jp2"]).numbers == ()
    assert numbering(["a1_2.png", "a2_1.png"]).numbers == ()


@pytest.mark.parametrize("place", ["name", "folder"])
def test_a_name_that_is_not_utf8_is_refused_at_once_with_its_odd_byte(tmp_path: Path, place: str) -> None:
    folder = make_files(tmp_path / "frames", "clich_0.png", "sub/clich_1.png")
    old = folder / ("clich_0.png" if place == "name" else "sub")
    old.rename(folder / os.fsdecode(b"clich\xe9_0.png" if place == "name" else b"sub\xe9"))
    with pytest.raises(InputError, match=r"\\xe9.*not in UTF-8.*rename it"):
        open_source(folder / "**" / "*.png")


def test_a_pattern_that_means_no_image_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.0001.txt").write_text("x")
    with pytest.raises(InputError, match=r"no image matches this pattern; it matches a\.0001\.txt"):
        probe(tmp_path / "a.####.txt")
    with pytest.raises(InputError, match="no image matches this pattern"):
        probe(tmp_path / "nothing" / "f.%04d.png")


def test_pictures_that_are_not_read_are_counted_and_said(tmp_path: Path) -> None:
    folder = make_files(tmp_path / "album", "a.png")
    for name in ("b.cr2", "c.nef", "d.nef", "notes.txt"):
        (folder / name).write_bytes(b"x")
    assert open_source(folder).warnings == [
        "3 pictures of kinds that are not read are left out: 1 .cr2, 2 .nef"
    ]
    (folder / "a.png").unlink()
    with pytest.raises(InputError, match=r"none that are read, but 1 \.cr2, 2 \.nef"):
        probe(folder)


def test_a_first_file_that_is_damaged_does_not_lose_the_folder(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "shot", count=3)
    (folder / "frame0.png").write_bytes(b"broken")
    reader = open_source(folder)
    assert [frame.index for frame in reader] == [1, 2]
    assert "1 of 3 images could not be read" in reader.warnings[0]


@pytest.mark.parametrize("pattern", ["[x] v2_###.png", "[x] v2_%03d.png", "[x] v2_*.png"])
def test_brackets_that_match_no_file_are_letters(tmp_path: Path, pattern: str) -> None:
    for number in range(2):
        make_image(tmp_path / f"[x] v2_{number:03d}.png")
    assert [path.name for path in matches(str(tmp_path / pattern))] == ["[x] v2_000.png", "[x] v2_001.png"]
