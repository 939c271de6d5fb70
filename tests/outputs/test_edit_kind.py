"""An edit is an output like all others: drawn in the source's planes, which stay to the bit elsewhere."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from media.test_depth import make_ramp

from sa2va_cli.datatypes import FoundObject, FrameMasks, Prompt, Yuv420
from sa2va_cli.errors import UsageError
from sa2va_cli.media.images import write_image
from sa2va_cli.media.reader import Selection, open_source
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.driver import Driver
from sa2va_cli.outputs.editing import EditSink
from sa2va_cli.outputs.forms import Form
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.outputs.plates import open_plate
from sa2va_cli.render.effects.reading import Target, read_effect

PROMPT = Prompt(1, "box")
OBJECTS = (FoundObject(1, PROMPT, "box"), FoundObject(2, PROMPT, "box 2"))
GRID = 16
LOSSLESS = Form("video", (".mkv",), "ffv1")
H264 = Form("video", (".mp4",), "h264")


def masks_of(frame, hidden=()):
    """Two boxes, the left and the right third."""
    logits = np.full((2, GRID, GRID), -20, np.float32)
    if frame.index not in hidden:
        logits[0, 4:12, 2:6] = 20
        logits[1, 4:12, 10:14] = 20
    return FrameMasks(frame, logits, np.ones(2, np.float32), objects=OBJECTS)


def edited(path: Path, source: Path, *texts, form=H264, drawing=None, hidden=(), targets=None):
    """Drives an edit and gives what it remarks."""
    uses = tuple(read_effect(text) for text in texts)
    if targets:
        uses = tuple(replace(use, target=target) for use, target in zip(uses, targets, strict=True))
    drawing = replace(drawing or Drawing(refine="none"), effects=uses)
    with open_source(source, Selection()) as reader:
        output = PlannedOutput("edit", path, None, folder=False, form=form)
        clip = Clip(reader, "a", (PROMPT,), drawing)
        with Driver([output], clip, OBJECTS, lambda _: None, verify=True, replaces=True) as driver:
            for frame in reader:
                driver.write(masks_of(frame, hidden))
            driver.end_first_pass()
            if driver.needs_second_pass:
                for frame in reader:
                    driver.write_again(masks_of(frame, hidden))
                driver.end_second_pass()
        return driver.remarks


def planes(path: Path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


@pytest.fixture
def source(tmp_path):
    return clips.make_video(tmp_path / "source.mp4", stamps=range(6), size=(64, 48))


def pictures(path: Path):
    with open_source(path, Selection()) as reader:
        return [frame.image for frame in reader]


def test_an_edit_becomes_a_video_of_all_frames(tmp_path, source):
    edited(tmp_path / "edit.mp4", source, "fill=#ff0000,hold=0")
    found = pictures(tmp_path / "edit.mp4")
    assert len(found) == 6
    for image in found:
        red, green, blue = image[24, 16].astype(int)
        assert red > 230
        assert max(green, blue) < 40


@pytest.mark.parametrize("effect", ["ink", "recolour=green", "grey", "pixelate"])
def test_pixels_without_alpha_keep_the_source_s_values_in_a_lossless_file(tmp_path, source, effect):
    edited(tmp_path / "edit.mkv", source, effect, form=LOSSLESS)
    for index, (before, after) in enumerate(
        zip(pictures(source), pictures(tmp_path / "edit.mkv"), strict=True)
    ):
        with open_source(source, Selection()) as reader:
            frame = reader.frames_at([index])[0]
        alpha = masks_of(frame).alphas.max(axis=0)
        cells = (alpha >= 1 / 510).reshape(24, 2, 32, 2).any(axis=(1, 3)).repeat(2, 0).repeat(2, 1)
        around = np.pad(cells, 2)  # RGB is made of chroma of the cells beside
        wide = np.max([np.roll(around, (y, x), (0, 1)) for y in (-2, 0, 2) for x in (-2, 0, 2)], axis=0)[
            2:-2, 2:-2
        ]
        assert (before == after)[~wide].all()
        assert (before != after)[alpha > 0.99].any()


def test_one_object_of_two_is_meant(tmp_path, source):
    targets = [Target(objects=(2,))]
    edited(tmp_path / "edit.mkv", source, "fill=white,hold=0", form=LOSSLESS, targets=targets)
    image = pictures(tmp_path / "edit.mkv")[0]
    assert (image[24, 48] > 240).all()
    assert np.abs(image[24, 16].astype(int) - pictures(source)[0][24, 16]).max() < 4


def test_everything_else_is_meant(tmp_path, source):
    edited(tmp_path / "edit.mkv", source, "grey", form=LOSSLESS, targets=[Target(inverted=True)])
    image = pictures(tmp_path / "edit.mkv")[0].astype(int)
    assert np.ptp(image[45, 30]) <= 3
    assert np.ptp(image[24, 16]) > 10


def test_effects_that_need_the_whole_clip_get_two_passes(tmp_path, source):
    edited(tmp_path / "edit.mp4", source, "follow=2", "grey")
    assert len(pictures(tmp_path / "edit.mp4")) == 6


def test_frames_where_nothing_could_be_hidden_are_remarked(tmp_path, source):
    remarks = edited(tmp_path / "edit.mp4", source, "fill,hold=1", hidden=(3, 4, 5))
    assert [(one.index, one.what) for one in remarks] == [
        (3, "doubtful"),  # hidden where it was, as nothing after says where it is
        (4, "unprotected"),
        (5, "unprotected"),
    ]


def test_a_transparent_background_is_written_with_alpha(tmp_path, source):
    form = Form("video", (".mov",), "prores4444")
    edited(tmp_path / "edit.mov", source, "background=transparent", form=form)
    with av.open(str(tmp_path / "edit.mov")) as container:
        frame = next(container.decode(video=0))
        assert any(part.is_alpha for part in frame.format.components)
        rgba = frame.to_ndarray(format="rgba")
    assert rgba[24, 16, 3] > 250
    assert rgba[45, 30, 3] == 0


def test_a_kind_with_a_transparent_background_takes_files_that_hold_it():
    drawing = Drawing(effects=(read_effect("background=transparent"),))
    assert KINDS["edit"].endings("video", drawing) == (".mov", ".mkv")
    assert ".mp4" in KINDS["edit"].endings("video", Drawing(effects=(read_effect("grey"),)))


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p", "yuv444p"])
def test_other_sources_are_edited_too(tmp_path, pixel_format):
    source = clips.make_video(
        tmp_path / "source.mkv", stamps=range(3), codec="ffv1", pixel_format=pixel_format
    )
    edited(tmp_path / "edit.mkv", source, "recolour=blue", form=LOSSLESS)
    assert len(pictures(tmp_path / "edit.mkv")) == 3


def test_a_plate_that_is_a_video_begins_again_after_its_end(tmp_path):
    plate = open_plate(str(clips.make_video(tmp_path / "plate.mp4", stamps=range(4))))
    step = Fraction(1, 25)
    looped = [clips.number_of(plate(float(k * step), loop=True)) for k in range(10)]
    assert looped == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    plate = open_plate(str(tmp_path / "plate.mp4"))
    assert [clips.number_of(plate(float(k * step), loop=False)) for k in range(6)] == [0, 1, 2, 3, 3, 3]


def test_a_plate_that_is_no_file_is_refused():
    with pytest.raises(UsageError, match=r"'nowhere\.png' is no file and no colour"):
        open_plate("nowhere.png")


@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "with alpha"])
def test_stills_are_edited_at_their_own_depth_and_stay_as_opaque_as_they_were(tmp_path, alpha):
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 65536, (48, 64, 4 if alpha else 3), dtype=np.uint16)
    source = tmp_path / "deep.png"
    write_image(source, numbers)
    still = Form("picture", (".png",), "")
    edited(tmp_path / "edit.png", source, "sepia", form=still, targets=[Target(objects=(1,))])
    with open_source(tmp_path / "edit.png", Selection()) as reader:
        (frame,) = reader
    assert frame.deep is not None
    changed = (frame.deep != numbers[..., :3]).any(axis=2)
    assert not changed[:, 32:].any()
    assert changed[20:28, 12:20].mean() > 0.9
    if alpha:
        assert (frame.alpha == numbers[..., 3]).all()


@pytest.mark.parametrize("effect", ["grey", "brightness=2", "blur"])
def test_ten_bits_of_high_range_stay_to_the_bit_outside_of_the_target(tmp_path, effect):
    source = make_ramp(tmp_path / "pq.mkv", "yuv420p10le", matrix=9, primaries=9, transfer=16)
    use = replace(read_effect(effect), target=Target(objects=(1,)))
    with open_source(source, Selection()) as reader:
        clip = Clip(reader, "a", (PROMPT,), Drawing(refine="none", effects=(use,)))
        sink = EditSink(tmp_path / "edit.mkv", clip, OBJECTS)
        for frame in reader:
            masks = replace(masks_of(frame), around=())
            made, own = sink._drawn(masks), frame.planes
            assert isinstance(made, Yuv420)
            assert (made.depth, made.colour) == (10, own.colour)
            height, width = own.planes[0].shape
            for plane, before in zip(made.planes, own.planes, strict=True):
                beyond = plane.shape[1] // 2
                assert (plane[:, beyond:] == before[:, beyond:]).all()
            inside = slice(2 * height // 5, 3 * height // 5), slice(width // 5, 3 * width // 10)
            assert (made.planes[0][inside] != own.planes[0][inside]).mean() > 0.5
