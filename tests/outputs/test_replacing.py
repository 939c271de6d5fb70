"""Nothing that is read, and no folder that this program did not make, is ever replaced."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import forked
import pytest
from clips import make_folder, make_image, make_video
from PIL import Image

from sa2va_cli.errors import OutputError
from sa2va_cli.outputs.reading import FilesRead


def state(folder: Path) -> dict[str, str]:
    """Every file, hidden ones too, and what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def must_not_load(*_):
    raise AssertionError("the model was loaded")


def refused(sa2va, folder, *arguments):
    """Runs with --overwrite; nothing may change, and the model may not be loaded."""
    before = state(folder)
    outcome = sa2va("segment", *arguments, "--overwrite", load=must_not_load)
    assert outcome.code == 7, outcome.err
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: ")
    assert "-o" in line or "choose another name" in line or "give the name" in line
    assert state(folder) == before


@pytest.fixture
def plates(folder):
    (folder / "out").mkdir()
    return make_folder(folder / "sh010", 3)


SPELLINGS = {
    "pattern": ("sh010/*.png", "{stem}.{ext}"),
    "deep pattern": ("**/*.png", "sh010"),
    "printf": ("sh010/frame%d.png", "sh010"),
    "folder": ("sh010", "{stem}"),
    "folder with a slash": ("sh010/", "./sh010"),
    "by way of the parent": ("sh010", "out/../sh010"),
    "in the parent": ("sh010", "out/../{stem}.{ext}"),
    "a selection": ("sh010/*.png", "{stem}.{ext}"),
    "a folder above": ("shots/sh010", "shots/../shots"),
    "linked folder read": ("link", "sh010"),
    "linked folder written": ("sh010", "link{ext}"),
    "linked parent": ("sh010", "here/sh010"),
    "absolute": ("sh010", "{cwd}/sh010"),
    "through /proc": ("sh010", "/proc/self/cwd/sh010"),
    "linked frames": ("frames", "sh010"),
    "folder of links": ("frames", "{stem}"),
    "hard links": ("sh010", "hard"),
}


@pytest.mark.parametrize("kind", ["mask", "matte", "davis"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_plates_stay_however_they_are_spelt(spelling, kind, sa2va, folder, plates):
    shutil.copytree(plates, folder / "shots" / "sh010")
    (folder / "link").symlink_to("sh010")
    (folder / "here").symlink_to(".")
    for name in ("frames", "hard"):
        (folder / name).mkdir()
    for file in plates.iterdir():
        (folder / "frames" / file.name).symlink_to(file)
        os.link(file, folder / "hard" / file.name)
    source, output = SPELLINGS[spelling]
    # One that is a folder already means a folder to put things in; as a template it is the output itself.
    output = output.replace("{cwd}", str(folder))
    output += "" if "{" in output else "{ext}"
    more = ["--max-frames", "1"] if spelling == "a selection" else []
    refused(sa2va, folder, source, "red corner", "--save", kind, "-o", output, *more)


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_folder_of_somebody_s_pictures_is_never_replaced(mode, sa2va, folder):
    make_video(folder / "a.mp4")
    (folder / "a.davis").mkdir()
    Image.new(mode, (4, 4)).save(folder / "a.davis" / "00000.png")
    refused(sa2va, folder, "a.mp4", "red corner", "--save", "davis")


def test_masks_that_are_the_input_are_not_replaced_though_this_program_made_them(sa2va, folder, plates):
    assert sa2va("segment", "sh010", "red corner", "--save", "overlay", "-o", "own{ext}").code == 0
    refused(sa2va, folder, "own", "red corner", "--save", "mask", "-o", "own{ext}")
    (folder / "plates").mkdir()
    for file in (folder / "own").iterdir():
        os.link(file, folder / "plates" / file.name)
    refused(sa2va, folder, "plates", "red corner", "--save", "mask", "-o", "own{ext}")


def test_a_folder_that_this_program_made_is_replaced_until_somebody_works_in_it(sa2va, folder, plates):
    arguments = ["segment", "sh010", "red corner", "--save", "mask", "-o", "masks{ext}"]
    assert sa2va(*arguments).code == 0
    outcome = sa2va(*arguments, "--max-frames", "2", "--overwrite")
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in (folder / "masks").iterdir()) == ["frame0.png", "frame1.png"]
    with Image.open(folder / "masks" / "frame1.png") as image:
        image.load()
    image.putpixel((0, 0), 255)
    image.save(folder / "masks" / "frame1.png")
    refused(sa2va, folder, *arguments[1:])


FILES = {
    "itself": "a.mp4",
    "by way of a folder": "out/../a.mp4",
    "a link": "link.mp4",
    "a link to a link": "more.mp4",
    "a hard link": "hard.mp4",
    "through a linked folder": "here/a.mp4",
    "a template": "{stem}.{ext}",
}


@pytest.mark.parametrize("spelling", FILES)
@pytest.mark.parametrize("source", ["a.mp4", "link.mp4", "hard.mp4", "here/../a.mp4"])
def test_a_video_is_never_replaced_by_its_mask(spelling, source, sa2va, folder):
    make_video(folder / "a.mp4")
    (folder / "out").mkdir()
    (folder / "here").symlink_to(folder)
    (folder / "link.mp4").symlink_to("a.mp4")
    (folder / "more.mp4").symlink_to("link.mp4")
    os.link(folder / "a.mp4", folder / "hard.mp4")
    if source == "here/../a.mp4":
        source = str(folder / "out" / ".." / "a.mp4")
    output = FILES[spelling]
    refused(sa2va, folder, source, "red corner", "--save", "mask", "-o", output)


def test_a_single_image_is_never_replaced(sa2va, folder):
    make_image(folder / "a.png")
    refused(sa2va, folder, "a.png", "red", "--save", "mask", "-o", "a.png")


def test_what_standard_input_comes_from_is_never_replaced(folder, tmp_path):
    make_video(folder / "a.mp4")
    before = state(folder)
    program = (
        "import sys; from fakes import load_fake; from sa2va_cli.commands.app import main;"
        "sys.exit(main(['segment', '-', 'red corner', '--save', 'mask', '-o', 'a.mp4', '--overwrite'],"
        " load=load_fake))"
    )
    with (folder / "a.mp4").open("rb") as source, tempfile.TemporaryFile() as errors:
        done = forked.start(program, stdin=source.fileno(), stderr=errors.fileno())
        done.join()
        errors.seek(0)
        told = errors.read().decode()
    assert done.exitcode == 7, told
    assert "is the input itself" in told
    assert state(folder) == before


def test_nothing_in_the_folder_of_the_model_is_replaced(sa2va, folder):
    make_image(folder / "a.png")
    shutil.copytree(Path(__file__).parents[1] / "reference" / "internvl-qwen2", folder / "model")
    refused(sa2va, folder, "a.png", "red", "--model", "model", "--save", "coco", "-o", "model/config.json")


def test_a_file_that_is_not_read_is_replaced(sa2va, folder):
    make_video(folder / "a.mp4")
    (folder / "b.mp4").write_text("old")
    (folder / "c.mp4").symlink_to("b.mp4")
    arguments = ["segment", "a.mp4", "red corner", "--save", "mask", "--overwrite", "-o"]
    assert sa2va(*arguments, "c.mp4").code == 0
    assert (folder / "b.mp4").read_text() == "old"
    assert sa2va(*arguments, "b.mp4").code == 0
    assert (folder / "b.mp4").read_bytes() != b"old"
    assert not (folder / "c.mp4").is_symlink()


def test_a_second_output_of_the_same_place_is_refused(sa2va, folder):
    make_video(folder / "a.mp4")
    (folder / "mask").mkdir()
    (folder / "overlay").symlink_to("mask")
    outcome = sa2va("segment", "a.mp4", "red corner", "-o", "{kind}/{stem}.{ext}")
    assert (outcome.code, "give each output a name of its own" in outcome.err) == (7, True)
    assert outcome.files == ["a.mp4", "mask", "overlay"]


def test_files_that_are_not_there_are_no_matter(tmp_path):
    FilesRead([tmp_path / "gone", Path("x" * 300)]).check(tmp_path)


def test_a_folder_above_what_is_read_is_found_at_any_depth(tmp_path):
    file = tmp_path / "a" / "b" / "c.png"
    file.parent.mkdir(parents=True)
    file.touch()
    for place in (file, file.parent, file.parent.parent, tmp_path):
        with pytest.raises(OutputError):
            FilesRead([file]).check(place)
    (tmp_path / "a" / "other").mkdir()
    FilesRead([file]).check(tmp_path / "a" / "other")
