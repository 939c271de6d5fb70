"""YOLO's labels, read back by supervision and the way Ultralytics draws them."""

import cv2
import numpy as np
import pytest
import supervision
import yaml
from PIL import Image

from sa2va_cli.datatypes import FoundObject, Prompt
from sa2va_cli.errors import OutputError
from sa2va_cli.export.polygons import joined_polygon, mask_polygons
from sa2va_cli.export.yolo import YoloSink


def named(frame) -> str:
    return frame.name or f"{frame.index:05d}"


@pytest.fixture
def written(tmp_path, objects, prompts, masks_of):
    """The folder of two frames, and the masks in it."""
    frames = [masks_of(0, seed=3), masks_of(1, name="IMG_0042", seed=4)]
    with YoloSink(tmp_path / "labels", objects, prompts=prompts, name_of=named) as sink:
        for masks in frames:
            sink.write(masks)
    return tmp_path / "labels", frames


def with_bridges(mask) -> np.ndarray:
    """A mask with the lines between its parts."""
    canvas = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(canvas, [joined_polygon(mask_polygons(mask))], 1)
    assert not np.any(mask & (canvas == 0))
    return canvas.astype(bool)


def test_supervision_reads_every_mask_back(written):
    folder, frames = written
    (folder / "images").mkdir()
    for masks in frames:
        Image.new("RGB", masks.frame.size).save(folder / "images" / f"{named(masks.frame)}.png")
    data = supervision.DetectionDataset.from_yolo(
        str(folder / "images"), str(folder / "labels"), str(folder / "data.yaml"), force_masks=True
    )
    assert data.classes == ["girl in red", "unicorn", "dog"]
    for masks in frames:
        found = data.annotations[str(folder / "images" / f"{named(masks.frame)}.png")]
        assert found.class_id.tolist() == [0, 2, 2]
        for mask, got in zip(masks.masks, found.mask, strict=True):
            assert np.array_equal(got, with_bridges(mask))


@pytest.mark.parametrize("size", [(37, 23), (640, 360), (1919, 1081), (4096, 2160)])
def test_ultralytics_finds_each_corner_cutting_decimals_off(tmp_path, objects, prompts, masks_of, size):
    """As in ``ultralytics/data/utils.py``: float32, times the size, to int32, ``cv2.fillPoly``."""
    masks = masks_of(0, size=size)
    with YoloSink(tmp_path / "labels", objects, prompts=prompts, name_of=named) as sink:
        sink.write(masks)
    lines = (tmp_path / "labels" / "labels" / "00000.txt").read_text().splitlines()
    for line, mask in zip(lines, masks.masks, strict=True):
        corners = np.array(line.split()[1:], np.float32).reshape(-1, 2)
        canvas = np.zeros(mask.shape, np.uint8)
        cv2.fillPoly(canvas, [np.asarray(corners * np.float32(size), np.int32)], 1)
        assert np.array_equal(canvas.astype(bool), with_bridges(mask))


def test_numbers_are_parts_of_the_picture(written):
    for file in (written[0] / "labels").iterdir():
        for line in file.read_text().splitlines():
            numbers = np.array(line.split()[1:], float)
            assert len(numbers) % 2 == 0
            assert len(numbers) >= 6
            assert numbers.min() >= 0
            assert numbers.max() <= 1


def test_a_frame_without_objects_is_background(tmp_path, objects, prompts, masks_of):
    masks = masks_of(0)
    masks.logits[:] = -5
    with YoloSink(tmp_path / "labels", objects, prompts=prompts, name_of=named) as sink:
        sink.write(masks)
    assert (tmp_path / "labels" / "labels" / "00000.txt").read_text() == ""


def test_two_frames_of_one_name_are_an_error_and_leave_nothing(tmp_path, objects, prompts, masks_of):
    def run() -> None:
        with YoloSink(tmp_path / "labels", objects, prompts=prompts, name_of=named) as sink:
            sink.write(masks_of(0, name="a"))
            sink.write(masks_of(1, name="a"))

    with pytest.raises(OutputError, match=r"two frames are called labels/a\.txt"):
        run()
    assert list(tmp_path.iterdir()) == []


LABELS = ['a "quoted" one: #1', "穿红裙的女孩", "🐕 {dog}", "a\x85b\x7f\u2028\\", "- yes"]


@pytest.mark.parametrize("label", LABELS)
def test_any_label_is_a_name_in_yaml(tmp_path, label):
    prompt = Prompt(1, "it", label)
    with YoloSink(tmp_path / "a", [FoundObject(1, prompt, label)], prompts=[prompt], name_of=named):
        pass
    read = yaml.safe_load((tmp_path / "a" / "data.yaml").read_text(encoding="utf-8"))
    assert read["names"] == {0: label}
