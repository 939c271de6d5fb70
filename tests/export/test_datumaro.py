"""Datumaro's JSON, read back by Datumaro."""

import json
from dataclasses import replace

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from sa2va_cli.export.datumaro import DatumaroSink

WHY = "Datumaro asks for an older OpenCV and Pillow than ours"


@pytest.fixture
def written(tmp_path, objects, prompts, masks_of):
    """The path of two frames, and the masks in it."""
    frames = [masks_of(0, source_index=10), masks_of(1, source_index=14)]
    path = tmp_path / "clip.json"
    with DatumaroSink(path, objects, prompts=prompts, source="clip") as sink:
        for masks in frames:
            sink.write(masks)
    return path, frames


def test_datumaro_reads_every_mask_back(written):
    datumaro = pytest.importorskip("datumaro", reason=WHY)
    path, frames = written
    data = datumaro.Dataset.import_from(str(path), "datumaro")
    labels = data.categories()[datumaro.AnnotationType.label]
    assert [label.name for label in labels.items] == ["girl in red", "unicorn", "dog"]
    for masks, item in zip(frames, data, strict=True):
        assert item.id == f"clip/{masks.frame.index:05d}"
        assert item.attributes["frame"] == masks.frame.source_index
        assert item.media.size == (23, 37)
        assert [labels[a.label].name for a in item.annotations] == ["girl in red", "dog", "dog"]
        assert [a.object_id for a in item.annotations] == [1, 2, 3]
        assert [a.attributes["track_id"] for a in item.annotations] == [1, 2, 3]
        for annotation, mask in zip(item.annotations, masks.masks, strict=True):
            assert np.array_equal(np.array(annotation.image).astype(bool), mask)


def test_masks_are_the_run_lengths_of_coco(written):
    path, frames = written
    for masks, item in zip(frames, json.loads(path.read_text())["items"], strict=True):
        for annotation, mask in zip(item["annotations"], masks.masks, strict=True):
            assert np.array_equal(coco_mask.decode(annotation["rle"]).astype(bool), mask)


@pytest.mark.parametrize(
    ("name", "file", "item_id"),
    [("0001", "0001.jpg", "0001"), ("camA_0001", "camA/0001.jpg", "camA/0001"), ("a.jpg", "a.jpg", "a.jpg")],
)
def test_no_two_items_have_one_id(tmp_path, objects, prompts, masks_of, name, file, item_id):
    masks = masks_of(0)
    masks = replace(masks, frame=replace(masks.frame, name=name, file_name=file))
    path = tmp_path / "shots.json"
    with DatumaroSink(path, objects, prompts=prompts, source="shots") as sink:
        sink.write(masks)
    (item,) = json.loads(path.read_text())["items"]
    assert (item["id"], item["image"]["path"]) == (item_id, file)


def test_an_image_file_keeps_its_name(tmp_path, objects, prompts, masks_of):
    path = tmp_path / "shots.json"
    with DatumaroSink(path, objects, prompts=prompts, source="shots") as sink:
        sink.write(masks_of(0, name="IMG_0042"))
    (item,) = json.loads(path.read_text())["items"]
    assert (item["id"], item["image"]["path"]) == ("IMG_0042", "IMG_0042.png")
