"""What becomes of still pictures: their names, profiles, depth and alpha in the outputs."""

import json
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import make_image, picture
from numpy.typing import NDArray
from PIL import Image

from sa2va_cli.media.colour import PRIMARIES, matrix_profile

P3 = matrix_profile(PRIMARIES[12], (2.2,))
SIZE = (160, 120)


def scene(depth: int = 8) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """A red square with some noise on grey."""
    top = 255 if depth == 8 else 65535
    kind = np.uint8 if depth == 8 else np.uint16
    values = np.full((SIZE[1], SIZE[0], 3), 0.4)
    values[30:90, 40:110] = (0.85, 0.1, 0.1)
    values += np.random.default_rng(0).random(values.shape) * 0.02
    return (values * top).astype(kind)


def read(path: Path) -> NDArray[np.uint16]:
    """(H, W, C), red first."""
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert values is not None
    return np.asarray(values[..., [2, 1, 0, 3][: values.shape[2]]])


def well_inside(matte: NDArray[np.uint16]) -> NDArray[np.bool_]:
    solid = (matte[..., 3] == 65535).astype(np.uint8)
    inside = cv2.erode(solid, np.ones((9, 9), np.uint8)) > 0
    assert inside.sum() > 500
    return np.asarray(inside)


def test_a_matte_of_a_tagged_picture_keeps_its_numbers_and_its_profile(sa2va, folder):
    Image.fromarray(scene()).save("a.png", icc_profile=P3)
    outcome = sa2va("segment", "a.png", "red thing", "--save", "matte", "--save", "overlay", "--save", "mask")
    assert outcome.code == 0, outcome.err
    matte = read(folder / "a.matte.png")
    assert np.array_equal(
        matte[..., :3][well_inside(matte)], scene()[well_inside(matte)].astype(np.uint16) * 257
    )
    assert Image.open("a.matte.png").info["icc_profile"] == P3
    overlay = Image.open("a.overlay.png")
    assert overlay.info["icc_profile"] == P3
    assert np.array_equal(np.asarray(overlay)[:10, -10:], scene()[:10, -10:])  # where nothing is drawn
    assert "icc_profile" not in Image.open("a.mask.png").info


def test_a_folder_of_tagged_pictures_keeps_the_profile_in_every_picture(sa2va, folder):
    (folder / "shot").mkdir()
    for number in range(2):
        Image.fromarray(scene()).save(f"shot/{number}.jpg", icc_profile=P3, quality=100)
    sa2va("segment", "shot", "red thing", "--save", "matte", "--save", "overlay", "--save", "crop")
    for kind in ("matte", "overlay", "crop"):
        for number in range(2):
            assert Image.open(f"shot.{kind}/{number}.png").info["icc_profile"] == P3


def test_sixteen_bits_in_are_the_same_sixteen_bits_out(sa2va, folder):
    cv2.imwrite("a.png", scene(16)[..., ::-1])
    assert sa2va("segment", "a.png", "red thing", "--save", "matte").code == 0
    matte = read(folder / "a.matte.png")
    apart = matte[..., :3][well_inside(matte)].astype(int) - scene(16)[well_inside(matte)]
    assert np.abs(apart).max() <= 1


def test_a_matte_is_no_more_opaque_than_its_source_and_shows_nothing_hidden(sa2va, folder):
    rgba = np.dstack([scene(), np.full(SIZE[::-1], 255, np.uint8)])
    rgba[:, 70:80, 3] = 128
    rgba[:, 80:] = (255, 0, 255, 0)
    Image.fromarray(rgba).save("a.png")
    assert sa2va("segment", "a.png", "red thing", "--save", "matte").code == 0
    matte = read(folder / "a.matte.png")
    assert (matte[:, 80:, 3] == 0).all()
    assert matte[60, 75, 3] == pytest.approx(65535 * 128 / 255, abs=1)
    assert matte[60, 55, 3] == 65535
    assert matte[:, 80:, 2].max() < 30000  # none of the magenta under it
    assert np.array_equal(matte[50:70, 55:65, :3], rgba[50:70, 55:65, :3].astype(np.uint16) * 257)


def test_coco_names_files_that_exist(sa2va, folder):
    names = ["IMG_0001.JPG", "a.jpg", "a.png", "b.tif"]
    (folder / "stills").mkdir()
    for name in names:
        make_image(folder / "stills" / name)
    for number in range(2):
        for camera in ("camA", "camB"):
            (folder / "tree" / camera).mkdir(parents=True, exist_ok=True)
            make_image(folder / "tree" / camera / f"{number:04d}.png")
    sa2va("segment", "stills", "red dot", "--save", "coco")
    sa2va("segment", "tree/*/*.png", "red dot", "--save", "coco", "--save", "davis")
    stills = [image["file_name"] for image in json.loads(Path("stills.coco.json").read_text())["images"]]
    tree = [image["file_name"] for image in json.loads(Path("tree.coco.json").read_text())["images"]]
    assert sorted(stills) == sorted(names)
    assert all((folder / "tree" / name).is_file() for name in tree)
    assert len(set(tree)) == 4
    assert len(list((folder / "tree.davis").iterdir())) == 4


def test_two_shots_of_one_folder_do_not_meet_in_one_output(sa2va, folder):
    (folder / "plates").mkdir()
    for shot in ("sh010_v001", "sh020_v001"):
        for number in (1001, 1002):
            make_image(folder / "plates" / f"{shot}.{number}.png")
    for shot in ("sh010_v001", "sh020_v001"):
        assert sa2va("segment", f"plates/{shot}.*.png", "red dot", "--save", "mask").code == 0
        assert len(list((folder / f"{shot}.mask").iterdir())) == 2
    outcome = sa2va("segment", "plates/sh010_v001.####.png", "red dot", "--save", "davis", "--start", "1002f")
    assert outcome.code == 0
    assert [file.name for file in (folder / "sh010_v001.davis").iterdir()] == ["sh010_v001.1002.png"]


@pytest.mark.parametrize("kind", ["coco", "davis", "mask", "matte", "overlay", "crop"])
def test_a_frame_whose_name_is_not_utf8_is_refused_before_the_model_is_loaded(kind, sa2va, folder):
    (folder / "shot").mkdir()
    make_image(folder / "shot" / "a.png")
    make_image(folder / "shot" / "b.png").rename(os.fsdecode(b"shot/clich\xe9.png"))
    outcome = sa2va("segment", "shot", "red dot", "--save", kind, "-q", load=None)
    assert (outcome.code, len(outcome.err.splitlines())) == (3, 1)
    assert r"clich\xe9.png: the name is not in UTF-8" in outcome.err


def test_a_folder_that_is_itself_not_utf8_does_not_end_the_run(sa2va, folder, monkeypatch):
    here = folder / os.fsdecode(b"caf\xe9")
    here.mkdir()
    make_image(here / "a.png")
    monkeypatch.chdir(here)
    outcome = sa2va("segment", ".", "red dot", "--save", "coco", "--save", "mask")
    assert outcome.code == 0, outcome.err
    assert (here / "caf_.coco.json").is_file()


def test_no_folder_for_temporary_files_is_an_output_error_that_names_tmpdir(sa2va, folder, monkeypatch):
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc"])
    monkeypatch.setattr(tempfile, "tempdir", None)
    make_image(folder / "a.png")
    os.mkfifo("pipe")
    writer = os.open("pipe", os.O_RDWR)
    try:
        outcome = sa2va("segment", "pipe", "red dot", "-q")
    finally:
        os.close(writer)
    assert outcome.code == 7
    assert "TMPDIR" in outcome.err


def test_exr_says_that_it_leaves_a_profile_behind(sa2va, folder):
    pytest.importorskip("OpenEXR")
    (folder / "shot").mkdir()
    for number in range(3):
        Image.fromarray(picture(number)).save(folder / "shot" / f"{number}.png", icc_profile=P3)
    made = sa2va("segment", "shot", "red", "--save", "matte", "--container", "exr")
    assert made.code == 0, made.err
    assert made.err.count("OpenEXR holds no ICC profile") == 1
    kept = sa2va("segment", "shot", "red", "--save", "matte", "--container", "tiff", "--overwrite")
    assert kept.code == 0, kept.err
    assert "profile" not in kept.err
    with Image.open(folder / "shot.matte" / "1.tif") as image:
        assert image.info["icc_profile"] == P3
