"""Whatever goes wrong: one line, its exit code, nothing half-written, no traceback."""

import json
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from clips import (
    make_cover_art,
    make_folder,
    make_front_index,
    make_image,
    make_sound,
    make_video,
    make_without_frames,
    truncate,
)
from fakes import FakeSegmenter
from PIL import Image

CHECKPOINT = Path(__file__).parents[1] / "reference" / "internvl-qwen2"


def empty_file(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def folder_without_images(folder: Path) -> Path:
    (folder / "shots").mkdir()
    (folder / "shots" / "notes.txt").write_text("none here")
    return folder / "shots"


def text_called_mp4(folder: Path) -> Path:
    (folder / "text.mp4").write_text("This is not a video.\n" * 100)
    return folder / "text.mp4"


BAD_INPUTS = {
    "missing file": lambda folder: folder / "missing.mp4",
    "folder without images": folder_without_images,
    "empty file": empty_file,
    "text renamed mp4": text_called_mp4,
    "video cut off before its index": lambda folder: truncate(make_video(folder / "cut.mp4"), 0.5),
    "sound only": lambda folder: make_sound(folder / "sound.wav"),
    "sound with a cover picture": lambda folder: make_cover_art(folder / "album.mp4"),
    "stream without frames": lambda folder: make_without_frames(folder / "none.avi"),
    "pattern without matches": lambda folder: folder / "*.png",
}


def check(outcome, code: int, *words: str) -> None:
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line
    for word in words:
        assert word in line


@pytest.mark.parametrize("kind", BAD_INPUTS)
def test_an_input_that_cannot_be_read_is_one_line_and_exit_3(kind, sa2va, folder):
    source = BAD_INPUTS[kind](folder)
    before = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    outcome = sa2va("segment", source, "red box")
    check(outcome, 3, source.name)
    assert outcome.files == before


def test_a_name_in_another_encoding_is_one_line_and_exit_3(sa2va, folder):
    check(sa2va("segment", "caf\udce9.mp4", "red box"), 3, "not in UTF-8")


def test_of_a_truncated_video_what_can_be_decoded_is_used_and_said(sa2va, folder):
    source = truncate(make_front_index(folder / "cut.mp4", stamps=range(40)), 0.6)
    outcome = sa2va("segment", source, "red corner", "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert 0 < result["frames"] < 40
    assert f"{result['frames']} of 40" in result["warnings"][0]
    assert f"warning: {result['warnings'][0]}" in outcome.err


def test_an_image_of_one_pixel_works(sa2va, folder):
    Image.fromarray(np.array([[[250, 20, 20]]], np.uint8)).save(folder / "dot.png")
    kinds = [
        word for kind in ("mask", "overlay", "matte", "crop", "coco", "davis") for word in ("--save", kind)
    ]
    outcome = sa2va("segment", "dot.png", "red", *kinds)
    assert outcome.code == 0, outcome.err
    assert np.array(Image.open("dot.mask.png")).tolist() == [[255]]


def test_an_image_20000_pixels_wide_works(sa2va, folder):
    wide = np.full((40, 20_000, 3), 128, np.uint8)
    wide[10:30, 4000:9000] = (250, 20, 20)
    Image.fromarray(wide).save(folder / "wide.png")
    outcome = sa2va("segment", "wide.png", "red")
    assert outcome.code == 0, outcome.err
    assert Image.open("wide.overlay.png").size == (20_000, 40)


@pytest.fixture
def checkpoint(folder):
    return Path(shutil.copytree(CHECKPOINT, folder / "model"))


def test_corrupt_safetensors_are_one_line_and_exit_5(sa2va, folder, checkpoint):
    weights = next(checkpoint.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:5000])
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red", "--model", checkpoint, "-q", load=None)
    check(outcome, 5, weights.name)
    assert not [name for name in outcome.files if "mask" in name or "overlay" in name]


def test_the_config_of_another_model_is_one_line_and_exit_5(sa2va, folder, checkpoint):
    (checkpoint / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')
    make_image(folder / "a.png")
    check(sa2va("segment", "a.png", "red", "--model", checkpoint, "-q", load=None), 5, "bert")


def test_an_unknown_model_is_one_line_and_exit_5(sa2va, folder):
    make_image(folder / "a.png")
    check(sa2va("segment", "a.png", "red", "--model", "no-such-model", "-q", load=None), 5, "no-such-model")


@contextmanager
def disk_with(room: int) -> Iterator[None]:
    """No file can grow beyond ``room`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", ["mask", "overlay", "matte", "crop", "coco", "davis"])
def test_no_space_left_is_one_line_and_exit_7(kind, sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(60), size=(320, 240))
    with disk_with(400):
        outcome = sa2va("segment", "a.mp4", "red corner", "--save", kind, "-o", "new/folder/", "-q")
    check(outcome, 7, "new/folder")
    assert outcome.files == ["a.mp4"]


@pytest.mark.parametrize("place", ["a.png/inside/", "/proc/inside/", "/dev/null/inside/"])
def test_a_folder_that_cannot_be_written_is_one_line_and_exit_7(place, sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red", "-o", place)
    check(outcome, 7)
    assert outcome.files == ["a.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_line_and_exit_7(sa2va, folder):
    make_image(folder / "a.png")
    (folder / "locked").mkdir(mode=0o500)
    check(sa2va("segment", "a.png", "red", "-o", "locked/"), 7, "locked")


def test_an_unknown_kind_lists_the_allowed_ones(sa2va, folder):
    outcome = sa2va("segment", make_image(folder / "a.png"), "red", "--save", "gif")
    check(outcome, 2, "'gif'", "mask, overlay, matte, cutout, crop, stacked, hint, coco, davis")


USAGE = {
    "no prompt": ["a.png"],
    "an empty prompt": ["a.png", " "],
    "a prompt in another encoding": ["a.png", "caf\udce9"],
    "an output in another encoding": ["a.png", "red", "-o", "caf\udce9/"],
    "a threshold of 2": ["a.png", "red", "--threshold", "2"],
    "no keyframes": ["a.png", "red", "--keyframes", "0"],
    "every 0": ["a.png", "red", "--every", "0"],
    "every x": ["a.png", "red", "--every", "x"],
    "an unknown sampling": ["a.png", "red", "--sampling", "random"],
    "an unknown device": ["a.png", "red", "--device", "tpu"],
    "a GPU that is not there": ["a.png", "red", "--device", "cuda:99"],
    "an unknown dtype": ["a.png", "red", "--dtype", "int8"],
    "a precision for an unknown part": ["a.png", "red", "--dtype", "llm=bf16"],
    "an unknown attention": ["a.png", "red", "--attention", "fast"],
    "an unknown quantisation": ["a.png", "red", "--quantize", "3bit"],
    "an unknown device map": ["a.png", "red", "--device-map", "balanced"],
    "a time that is none": ["a.png", "red", "--start", "noon"],
    "an end before the start": ["a.png", "red", "--start", "2", "--end", "1"],
    "a start behind the end": ["a.png", "red", "--start", "99"],
    "an unknown option": ["a.png", "red", "--colour", "red"],
    "overwrite and skip": ["a.png", "red", "--overwrite", "--skip-existing"],
    "a video name for a picture": ["a.png", "red", "--save", "mask", "-o", "a.mp4"],
    "one file for two kinds": ["a.png", "red", "-o", "b.png"],
    "standard output": ["a.png", "red", "-o", "-"],
    "an unknown field": ["a.png", "red", "-o", "{name}.{kind}.png"],
    "an open brace": ["a.png", "red", "-o", "{stem"],
    "one name for two kinds": ["a.png", "red", "-o", "{stem}.{ext}"],
}


@pytest.mark.parametrize("case", USAGE)
def test_what_cannot_be_meant_is_one_line_and_exit_2(case, sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", *USAGE[case])
    check(outcome, 2)
    assert outcome.files == ["a.png"]


class OutOfRoom(FakeSegmenter):
    def step(self, index):
        if index == 5:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        super().step(index)


class Broken(FakeSegmenter):
    def step(self, index):
        if index == 5:
            raise ValueError("this\nis a bug")
        super().step(index)


def test_running_out_of_memory_is_exit_6_with_advice(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "red corner", "-q", "--dtype", "fp32", load=lambda *_: OutOfRoom())
    check(outcome, 6, "--model", "--dtype bf16")
    assert outcome.files == ["a.mp4"]


def test_a_bug_is_one_line_and_exit_1(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "red corner", "-q", load=lambda *_: Broken())
    check(outcome, 1, "internal error: ValueError: this is a bug", "--debug")
    assert outcome.files == ["a.mp4"]


def test_debug_shows_the_traceback(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "red corner", "--debug", load=lambda *_: Broken())
    assert outcome.code == 1
    assert "Traceback" in outcome.err


def test_nothing_found_is_exit_4_and_leaves_no_files(sa2va, folder):
    make_video(folder / "a.mp4")
    for prompt in ("a unicorn", "something green"):  # no [SEG]; a [SEG] whose masks are empty
        outcome = sa2va("segment", "a.mp4", prompt, "-o", "new/", "-q")
        check(outcome, 4, prompt, "--allow-empty")
        assert outcome.files == ["a.mp4"]


def test_an_existing_output_is_an_error_before_any_work(sa2va, folder):
    make_folder(folder / "shots", 3)
    (folder / "shots.mask").mkdir()

    def load(*_):
        raise AssertionError("the model was loaded")

    outcome = sa2va("segment", "shots", "red corner", load=load)
    check(outcome, 7, "shots.mask", "--overwrite", "--skip-existing")


def test_the_input_is_never_overwritten(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "red corner", "--save", "mask", "-o", "a.mp4", "--overwrite")
    check(outcome, 7, "is the input itself")


def test_a_folder_with_other_things_in_it_is_not_overwritten(sa2va, folder):
    make_video(folder / "a.mp4")
    (folder / "a.davis").mkdir()
    (folder / "a.davis" / "thesis.doc").write_text("precious")
    outcome = sa2va("segment", "a.mp4", "red corner", "--save", "davis", "--overwrite")
    check(outcome, 7, "thesis.doc")
    assert "a.davis/thesis.doc" in outcome.files


def test_an_address_of_another_kind_is_told_which_are_known(sa2va):
    outcome = sa2va("segment", "rtsp://example.com/clip.mp4", "dog")
    assert outcome.code == 2
    assert outcome.err == (
        "error: rtsp://example.com/clip.mp4: URLs of this kind are not known; "
        "choose http://, https://, s3://, gs://, hf://, file://, memory://\n"
    )


@pytest.mark.parametrize(
    ("command", "option", "value", "wanted"),
    [
        ("segment", "--keyframes", "many", "not a whole number, got 'many'"),
        ("segment", "--threshold", "high", "not a number, got 'high'"),
        ("ask", "--batch-size", "0", "must be at least 1, got '0'"),
        ("review", "--port", "99999", "must be at most 65535, got '99999'"),
    ],
)
def test_a_number_that_cannot_be_is_said_in_plain_words(command, option, value, wanted, sa2va):
    outcome = sa2va(command, "clip.mp4", "dog", option, value)
    assert outcome.code == 2
    assert outcome.err == f"error: Invalid value for '{option}': {wanted}; see sa2va {command} --help\n"


def test_a_switch_of_the_environment_that_is_none_is_named(sa2va, monkeypatch):
    monkeypatch.setenv("SA2VA_OVERWRITE", "maybe")
    outcome = sa2va("segment", "clip.mp4", "dog")
    assert outcome.code == 2
    assert "neither true nor false, got 'maybe' (it comes from SA2VA_OVERWRITE)" in outcome.err


def test_a_mistyped_command_is_guessed(sa2va):
    outcome = sa2va("segmnt")
    assert outcome.code == 2
    assert outcome.err == "error: No such command 'segmnt'; did you mean 'segment'; see sa2va --help\n"
