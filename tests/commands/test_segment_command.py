import io
import json
import os
import signal
import sys
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import VFR, make_folder, make_image, make_video
from fakes import FakeSegmenter
from PIL import Image

from sa2va_cli.outputs.naming import KINDS
from sa2va_cli.outputs.sinks import CroppingSink

ALL = [word for kind in ("mask", "overlay", "matte", "crop", "coco", "davis") for word in ("--save", kind)]


def times(path: Path) -> list[Fraction]:
    """When each frame is shown, from the first one on."""
    with av.open(str(path)) as container:
        stamps = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    return [stamp - stamps[0] for stamp in stamps]


def has_sound(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def test_mask_and_overlay_are_made_by_default(sa2va, folder):
    make_video(folder / "a.mp4", sound="aac")
    outcome = sa2va("segment", "a.mp4", "red corner")
    assert outcome.code == 0
    assert outcome.files == ["a.mask.mp4", "a.mp4", "a.overlay.mp4"]
    assert outcome.out == ""
    assert "red corner" in outcome.err
    assert "wrote a.mask.mp4" in outcome.err
    assert "20 frames" in outcome.err


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_every_kind_keeps_frames_time_stamps_and_sound(sa2va, folder, size):
    source = make_video(
        folder / "a.mp4",
        stamps=VFR,
        sound="aac",
        size=size,
        pixel_format="yuv444p",
    )
    outcome = sa2va("segment", "a.mp4", "red corner", *ALL)
    assert outcome.code == 0, outcome.err
    for name in ("a.mask.mp4", "a.overlay.mp4", "a.matte.mov", "a.crop.mp4"):
        assert times(folder / name) == times(source), name
        assert has_sound(folder / name), name
    for name in ("a.mask.mp4", "a.overlay.mp4", "a.matte.mov"):
        with av.open(name) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == size
    assert len(json.loads((folder / "a.coco.json").read_text())["images"]) == len(VFR)
    assert len(list((folder / "a.davis").iterdir())) == len(VFR)


def test_a_rotated_video_comes_out_upright(sa2va, folder):
    make_video(folder / "a.mp4", rotation=90)
    assert sa2va("segment", "a.mp4", "red corner", "--save", "mask").code == 0
    with av.open("a.mask.mp4") as container:
        assert next(container.decode(video=0)).width == 48


def test_an_image_makes_images(sa2va, folder):
    make_image(folder / "a.jpg")
    outcome = sa2va("segment", "a.jpg", "red corner", *ALL)
    assert outcome.code == 0, outcome.err
    pictures = ["a.crop.png", "a.mask.png", "a.matte.png", "a.overlay.png"]
    assert outcome.files == sorted(["a.jpg", "a.coco.json", "a.davis", "a.davis/a.png", *pictures])
    assert Image.open("a.mask.png").mode == "L"
    assert Image.open("a.matte.png").mode == "RGBA"
    crop, whole = Image.open("a.crop.png"), Image.open("a.overlay.png")
    assert crop.width < whole.width


def test_a_folder_of_frames_makes_folders_with_the_same_names(sa2va, folder):
    make_folder(folder / "shots", 4)
    outcome = sa2va("segment", "shots", "red corner", *ALL)
    assert outcome.code == 0, outcome.err
    names = {f"frame{k}.png" for k in range(4)}
    for kind in ("mask", "overlay", "matte", "crop", "davis"):
        assert {path.name for path in (folder / f"shots.{kind}").iterdir()} == names
    assert len({Image.open(path).size for path in (folder / "shots.crop").iterdir()}) == 1
    coco = json.loads((folder / "shots.coco.json").read_text())
    assert {image["file_name"] for image in coco["images"]} == names


@pytest.mark.parametrize(
    ("pattern", "stem"),
    [("shots/*.png", "shots"), ("shots/frame*.png", "frame"), ("shots/frame#.png", "frame")],
)
def test_a_pattern_is_named_after_what_it_says_or_else_its_folder(pattern, stem, sa2va, folder):
    make_folder(folder / "shots", 4)
    outcome = sa2va("segment", pattern, "red corner", "--save", "mask")
    assert (folder / f"{stem}.mask" / "frame0.png").exists(), outcome.err


def test_the_language_model_gets_the_official_words(sa2va, folder):
    make_image(folder / "a.png")
    segmenter = FakeSegmenter()
    for number, extra in enumerate(([], ["--verbatim"])):
        sa2va("segment", "a.png", "red dot.", *extra, "-o", f"{number}/", load=lambda *_: segmenter)
    assert segmenter.asked == ["<image>Please segment red dot.", "<image>red dot."]
    assert segmenter.still is True


def test_keyframes_are_spread_over_the_clip_or_come_first(sa2va, folder):
    make_video(folder / "a.mp4")
    segmenter = FakeSegmenter()
    sa2va("segment", "a.mp4", "red", "-o", "1/", "--keyframes", "3", load=lambda *_: segmenter)
    assert segmenter.seen == [0, 9, 19]
    assert segmenter.still is False
    assert segmenter.tracks_keyframes is True
    sa2va("segment", "a.mp4", "red", "-o", "2/", "--sampling", "first", load=lambda *_: segmenter)
    assert segmenter.tracks_keyframes is False
    assert segmenter.seen == [0, 1, 2, 3, 4]


def test_a_range_and_every_second_frame(sa2va, folder):
    source = make_video(folder / "a.mp4", sound="aac")
    arguments = ["--start", "4f", "--end", "0.64", "--every", "2", "--max-frames", "5"]
    outcome = sa2va("segment", "a.mp4", "red corner", "--save", "overlay", "--json", *arguments)
    assert json.loads(outcome.out)["frames"] == 5
    assert times(folder / "a.overlay.mp4") == times(source)[0:10:2]


def test_what_was_answered_is_a_document_where_nothing_was_found(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "a unicorn", "--json", "-q")
    assert outcome.code == 4
    result = json.loads(outcome.out)
    assert (result["objects"], result["files"]) == ([], [])
    assert result["answers"] == {"a unicorn": "No."}
    assert outcome.files == ["a.mp4"]


def test_the_result_is_one_json_document_on_standard_output(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "red corner", "a unicorn", "--json", "-q")
    assert outcome.code == 0
    assert outcome.err == ""
    result = json.loads(outcome.out)
    assert result["files"] == ["a.mask.mp4", "a.overlay.mp4"]
    assert result["answers"] == {"red corner": "Sure, [SEG]", "a unicorn": "No."}
    assert result["warnings"] == ["nothing matches 'a unicorn'"]
    (found,) = result["objects"]
    assert found["prompt"] == "red corner"
    assert result["frames"] == 20
    assert found["frames_visible"] == 10  # the picture turns bluish every now and then
    assert 0.01 < found["share"] < 0.5


def test_breaks_and_control_codes_in_a_prompt_are_shown_and_not_obeyed(sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red\ncorner\x1b[31m", "--save", "mask", "-v")
    assert outcome.code == 0
    assert "\x1b" not in outcome.err
    assert "looking for red corner\\x1b[31m" in outcome.err.splitlines()
    assert any(line.startswith("red corner\\x1b[31m  ") for line in outcome.err.splitlines())


def test_the_table_does_not_repeat_a_page_of_prompt(sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red " * 5000, "--save", "overlay")
    assert outcome.code == 0
    assert len(outcome.err.splitlines()) < 15


def test_several_objects_of_one_prompt_are_numbered(sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red or blue", "--json", "-q")
    assert [found["label"] for found in json.loads(outcome.out)["objects"]] == [
        "red or blue",
        "red or blue 2",
    ]


def test_a_template_with_prompts_makes_a_set_for_each(sa2va, folder):
    make_video(folder / "a.mp4")
    template = "out/{prompt}/{stem}-{kind}.{ext}"
    outcome = sa2va("segment", "a.mp4", "red corner", "red/2", "a unicorn", "-o", template)
    assert outcome.code == 0, outcome.err
    made = [name for name in outcome.files if name.endswith("-mask.mp4")]
    assert made == ["out/red_2/a-mask.mp4", "out/red_corner/a-mask.mp4"]


def test_skip_existing_makes_only_what_is_missing(sa2va, folder):
    make_video(folder / "a.mp4")
    (folder / "a.mask.mp4").write_text("kept")
    assert sa2va("segment", "a.mp4", "red corner", "--skip-existing").code == 0
    assert (folder / "a.mask.mp4").read_text() == "kept"
    assert (folder / "a.overlay.mp4").exists()

    def load(*_):
        raise AssertionError("the model was loaded")

    outcome = sa2va("segment", "a.mp4", "red corner", "--skip-existing", load=load)
    assert outcome.code == 0
    assert "nothing to do" in outcome.err


def test_overwrite_replaces_files_and_folders(sa2va, folder):
    make_video(folder / "a.mp4")
    arguments = ["segment", "a.mp4", "red corner", "--save", "mask", "--save", "davis"]
    assert sa2va(*arguments, "--max-frames", "9").code == 0
    outcome = sa2va(*arguments, "--max-frames", "3", "--overwrite")
    assert outcome.code == 0, outcome.err
    assert len(times(folder / "a.mask.mp4")) == len(list((folder / "a.davis").iterdir())) == 3


def test_allow_empty_writes_an_empty_mask_for_every_frame(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "a unicorn", "--allow-empty", *ALL)
    assert outcome.code == 0, outcome.err
    with av.open("a.mask.mp4") as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) == 20
    assert max(frame.max() for frame in frames) == 0
    assert json.loads((folder / "a.coco.json").read_text())["annotations"] == []


class Bytes(io.StringIO):
    """Standard input that holds a file."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.buffer = io.BytesIO(data)


def test_standard_input_is_spooled_with_a_notice(sa2va, folder, monkeypatch):
    data = make_video(folder / "a.mp4").read_bytes()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(sys, "stdin", Bytes(data))
    outcome = sa2va("segment", "-", "red corner", "--save", "mask")
    assert outcome.code == 0, outcome.err
    assert "temporary file" in outcome.err
    assert outcome.files == ["a.mp4", "stdin.mask.mp4"]


def test_rubbish_on_standard_input_is_not_blamed_on_a_temporary_file(sa2va, folder, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Bytes(b"rubbish" * 100))
    outcome = sa2va("segment", "-", "red corner", "-q")
    assert outcome.code == 3
    assert outcome.err.startswith("error: standard input: ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_spooled_too(sa2va, folder):
    data = make_video(folder / "a.mp4").read_bytes()
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_bytes(data))
    writer.start()
    outcome = sa2va("segment", "pipe", "red corner", "--save", "mask")
    writer.join()
    assert outcome.code == 0, outcome.err
    assert "pipe.mask.mp4" in outcome.files


class Signalled(FakeSegmenter):
    """Someone presses Ctrl-C on the sixth frame."""

    number = signal.SIGINT

    def step(self, index):
        if index == 5:
            signal.raise_signal(self.number)
        super().step(index)


@pytest.fixture
def _signals_heard():
    """A shell lets what it starts in the background ignore SIGINT; here it is to be heard."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_signals_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_and_exits_130(sa2va, folder, number):
    make_video(folder / "a.mp4")
    segmenter = Signalled()
    segmenter.number = number
    handler = signal.getsignal(number)
    outcome = sa2va("segment", "a.mp4", "red corner", *ALL, "-o", "new/", load=lambda *_: segmenter)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "interrupted; nothing was written"
    assert outcome.files == ["a.mp4"]
    assert signal.getsignal(number) == handler


def test_a_gpu_that_cannot_be_used_is_reported(sa2va, folder, monkeypatch):
    make_video(folder / "a.mp4")
    monkeypatch.setattr("sa2va_cli.runtime.device.cuda_problem", lambda: "the driver is too old")
    monkeypatch.setattr("sa2va_cli.runtime.device.mps_problem", lambda: "")
    outcome = sa2va("segment", "a.mp4", "red corner", "--save", "mask")
    assert "warning: a GPU is present but not used: the driver is too old" in outcome.err
    assert "using device cpu and dtype " in outcome.err


def test_the_crop_shows_the_objects_of_all_frames(sa2va, folder):
    (folder / "shots").mkdir()
    for number in range(3):
        image = np.full((60, 90, 3), 128, np.uint8)
        image[20:30, 20 + 15 * number : 30 + 15 * number] = (250, 10, 10)
        Image.fromarray(image).save(folder / "shots" / f"{number}.png")
    assert sa2va("segment", "shots", "red", "--save", "crop").code == 0
    width, height = Image.open(folder / "shots.crop" / "0.png").size
    assert 40 <= width < 90
    assert height < 60


def test_a_prompt_whose_masks_stay_empty_is_named(sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red", "something green")
    assert outcome.code == 0
    assert "warning: nothing matches 'something green'" in outcome.err
    assert "1 object found, 1 frame at" in outcome.err


@pytest.mark.usefixtures("_signals_heard")
def test_an_interruption_while_the_whole_clip_is_drawn_again_leaves_nothing(sa2va, folder, monkeypatch):
    make_video(folder / "a.mp4")

    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)

    late = replace(KINDS["crop"], make=lambda path, clip, _: CroppingSink(path, clip, interrupt, "h264"))
    monkeypatch.setitem(KINDS, "crop", late)
    outcome = sa2va("segment", "a.mp4", "red corner", "--save", "crop", "--save", "mask")
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "interrupted; nothing was written"
    assert outcome.files == ["a.mp4"]


@pytest.mark.parametrize("more", [(), ("--resume",), ("--preview",)], ids=" ".join)
def test_names_at_the_limit_of_file_systems_are_counted_in_bytes(sa2va, folder, more):
    name = "\N{GRINNING FACE}" * 62  # 248 bytes
    make_video(folder / f"{name}.mkv", stamps=range(3))
    outcome = sa2va("segment", f"{name}.mkv", "red corner", "--save", "mask", "-o", f"{name}.mp4", *more)
    assert outcome.code == 0, outcome.err
    assert len(outcome.files) == (3 if "--preview" in more else 2), outcome.files
