"""Hidden names, and who may take whose place."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sa2va_cli.errors import OutputError
from sa2va_cli.media.images import write_image
from sa2va_cli.processes import Process
from sa2va_cli.staging import Hidden, atomic, check_replaceable, publish, short_name, staged

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in (".", "..") and len(name.encode()) <= 255
)


@given(NAMES)
def test_a_hidden_name_is_short_in_bytes_and_says_whose_it_is(name):
    hidden = staged(Path("folder") / name)
    assert hidden.parent == Path("folder")
    assert hidden.name.startswith(".")
    assert len(os.fsencode(hidden.name)) <= 143
    parsed = Hidden.parse(hidden.name)
    assert parsed is not None
    assert parsed.process == Process.current()
    assert parsed.name == short_name(Path(name))
    assert name.startswith(parsed.name[:10])


def test_a_hidden_name_keeps_the_ending_of_a_name_that_fills_the_limit(tmp_path):
    name = "\N{SMILING FACE WITH SUNGLASSES}" * 62 + ".matte"[:3] + ".mov"
    assert len(name.encode()) == 255
    assert staged(Path(name)).suffix == ".mov"
    with atomic(tmp_path / name) as hidden:
        hidden.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [".a.tmp-12345678.mp4", "a.mp4", ".a.tmp-x-y-1-2-3.mp4", ".gitignore"])
def test_other_names_are_not_taken_for_ours(name):
    assert Hidden.parse(name) is None


def masks(folder: Path) -> Path:
    folder.mkdir()
    for number in range(3):
        write_image(folder / f"{number}.png", np.full((4, 4), number, np.uint8))
    return folder


def test_a_folder_of_our_pictures_may_be_replaced(tmp_path):
    folder, new = masks(tmp_path / "masks"), masks(tmp_path / "new")
    (folder / ".DS_Store").touch()
    (new / "0.png").unlink()
    publish(new, folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1.png", "2.png", "masks"]


def add_plate(folder: Path) -> None:
    Image.new("L", (4, 4)).save(folder / "3.png")


def add_note(folder: Path) -> None:
    (folder / "note.txt").write_text("mine")


def add_link(folder: Path) -> None:
    (folder / "3.png").symlink_to(folder / "0.png")


def add_folder(folder: Path) -> None:
    (folder / "below" / "deep").mkdir(parents=True)


def add_deep_plate(folder: Path) -> None:
    add_folder(folder)
    add_plate(folder / "below" / "deep")


def retouch(folder: Path) -> None:
    with Image.open(folder / "1.png") as image:
        image.load()
    image.putpixel((0, 0), 255)
    image.save(folder / "1.png")


def hand_on(folder: Path) -> None:
    """As a program does that keeps the text of a picture that it scales."""
    from PIL.PngImagePlugin import PngInfo

    with Image.open(folder / "1.png") as image:
        image.load()
    told = PngInfo()
    for key, value in image.text.items():
        told.add_text(key, value)
    assert told.chunks
    image.resize((40, 40)).save(folder / "1.png", pnginfo=told)


def cut_off(folder: Path) -> None:
    os.truncate(folder / "1.png", 20)


STRANGERS = [add_plate, add_note, add_link, add_folder, add_deep_plate, retouch, hand_on, cut_off]


@pytest.mark.parametrize("change", STRANGERS)
def test_a_folder_with_anything_else_in_it_is_never_replaced(change, tmp_path):
    folder, new = masks(tmp_path / "masks"), masks(tmp_path / "new")
    change(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(OutputError, match="never replaced"):
        check_replaceable(folder, folder=True)
    with pytest.raises(OutputError, match="never replaced"):
        publish(new, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_link_to_a_folder_is_named_with_what_it_leads_to(tmp_path):
    masks(tmp_path / "masks")
    (tmp_path / "link").symlink_to("masks")
    with pytest.raises(OutputError, match=f"{tmp_path}/masks"):
        check_replaceable(tmp_path / "link", folder=True)


def test_a_pipe_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(OutputError, match="neither a file nor a folder"):
        check_replaceable(tmp_path / "a.mp4", folder=False)


def test_a_hidden_folder_that_vanished_is_not_made_again(tmp_path):
    hidden = staged(tmp_path / "masks")
    with pytest.raises(OutputError, match="No such file"):
        write_image(hidden / "below" / "0.png", np.zeros((4, 4), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_the_mark_is_all_that_is_added_to_a_picture(tmp_path):
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    write_image(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as read:
        assert np.array_equal(np.array(read), image)
        size = (tmp_path / "a.png").stat().st_size
        assert read.text == {"Software": f"sa2va ({size:012d} bytes)"}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 4])
def test_every_kind_of_png_is_marked(dtype, channels, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    write_image(folder / "a.png", np.squeeze(np.zeros((4, 4, channels), dtype)))
    check_replaceable(folder, folder=True)
