"""COCO JSON, read back by pycocotools."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from sa2va_cli.datatypes import Evidence, Prompt
from sa2va_cli.export.coco import CocoSink, encode_mask


@pytest.fixture
def written(tmp_path, objects, masks_of):
    """The path of a file of three frames, and the masks in it."""
    path = tmp_path / "clip.json"
    frames = [masks_of(k) for k in range(3)]
    with CocoSink(path, objects, source="clip", rate=Fraction(30000, 1001)) as sink:
        for masks in frames:
            sink.write(masks)
    return path, frames


@given(npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_run_lengths_give_the_mask_back_bit_for_bit(mask):
    lengths = json.loads(json.dumps(encode_mask(mask)))
    assert np.array_equal(coco_mask.decode(lengths).astype(bool), mask)
    assert lengths["size"] == list(mask.shape)


@given(st.integers(2, 60), st.integers(2, 60))
def test_a_mask_that_is_not_contiguous_is_encoded_like_its_copy(height, width):
    mask = np.random.default_rng([height, width]).random((width, height)).T > 0.5
    assert encode_mask(mask) == encode_mask(mask.copy())


def test_pycocotools_loads_the_file_and_decodes_every_mask(written):
    path, frames = written
    coco = COCO(str(path))
    for image_id, masks in enumerate(frames, 1):
        for track_id, mask in enumerate(masks.masks, 1):
            found = [a for a in coco.imgToAnns[image_id] if a["track_id"] == track_id]
            assert len(found) == int(mask.any())
            if found:
                assert np.array_equal(coco.annToMask(found[0]).astype(bool), mask)


def test_an_annotation_carries_box_area_score_and_category(written):
    path, frames = written
    coco = COCO(str(path))
    for annotation in coco.dataset["annotations"]:
        masks = frames[annotation["image_id"] - 1]
        k = annotation["track_id"] - 1
        rows, columns = np.nonzero(masks.masks[k])
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert annotation["bbox"] == box
        assert annotation["area"] == masks.masks[k].sum()
        assert annotation["score"] == pytest.approx(masks.scores[k], abs=1e-6)
        assert annotation["iscrowd"] == 0
        assert coco.cats[annotation["category_id"]]["name"] == ("girl in red", "dog", "dog")[k]
    assert [a["id"] for a in coco.dataset["annotations"]] == list(range(1, len(coco.anns) + 1))


def test_there_is_one_category_for_each_distinct_prompt(written):
    assert [c["name"] for c in json.loads(written[0].read_text())["categories"]] == ["girl in red", "dog"]


def test_an_image_carries_its_size_and_time(written):
    document = json.loads(written[0].read_text())
    assert document["images"][2] == {
        "id": 3,
        "file_name": "clip/00002.png",
        "width": 37,
        "height": 23,
        "frame_index": 2,
        "pts": 80,
        "seconds": 0.08,
    }
    assert document["info"]["fps"] == pytest.approx(29.97, abs=0.01)


def test_a_frame_from_an_image_file_keeps_its_name(tmp_path, objects, masks_of):
    path = tmp_path / "folder.json"
    with CocoSink(path, objects, source="folder", ending=".jpg") as sink:
        sink.write(masks_of(0, name="IMG_0042"))
    assert json.loads(path.read_text())["images"][0]["file_name"] == "IMG_0042.jpg"


def test_an_empty_mask_gives_an_image_without_annotation(tmp_path, objects, masks_of):
    masks = masks_of(0)
    masks.logits[:] = -5
    path = tmp_path / "clip.json"
    with CocoSink(path, objects, source="clip") as sink:
        sink.write(masks)
    document = json.loads(path.read_text())
    assert len(document["images"]) == 1
    assert document["annotations"] == []


def test_a_chinese_prompt_is_written_as_it_is(tmp_path, masks_of, objects):
    path = tmp_path / "片段.json"
    with CocoSink(path, [replace(objects[0], prompt=Prompt(1, "穿红裙的女孩"))], source="片段") as sink:
        sink.write(masks_of(0, count=1))
    assert "穿红裙的女孩" in path.read_text(encoding="utf-8")


def test_confidence_is_written_where_masks_were_judged(tmp_path, objects, masks_of, written):
    path, _ = written
    assert not any("confidence" in one for one in json.loads(path.read_text())["annotations"])
    values = np.array([0.25, 0.5, 0.75], np.float32)
    judged = replace(masks_of(0), evidence=Evidence(values, values, values, ("lost",) * 3))
    with CocoSink(tmp_path / "judged.json", objects, source="clip") as sink:
        sink.write(judged)
    entries = json.loads((tmp_path / "judged.json").read_text())["annotations"]
    assert {one["track_id"]: one["confidence"] for one in entries} == {1: 0.25, 2: 0.5, 3: 0.75}
