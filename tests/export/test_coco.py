"""COCO JSON, read back by pycocotools."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import supervision
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from sa2va_cli.datatypes import Evidence, Prompt
from sa2va_cli.export.coco import CocoSink, encode_mask

WHY = "Datumaro asks for an older OpenCV and Pillow than ours"


@pytest.fixture
def written(tmp_path, objects, prompts, masks_of):
    """The path of a file of three frames, and the masks in it."""
    path = tmp_path / "clip.json"
    frames = [masks_of(k) for k in range(3)]
    with CocoSink(path, objects, prompts=prompts, source="clip", rate=Fraction(30000, 1001)) as sink:
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


def test_supervision_reads_every_mask_back(written):
    path, frames = written
    images = path.parent / "clip"
    images.mkdir()
    for masks in frames:
        Image.new("RGB", masks.frame.size).save(images / f"{masks.frame.index:05d}.png")
    data = supervision.DetectionDataset.from_coco(str(path.parent), str(path), force_masks=True)
    assert data.classes == ["girl in red", "unicorn", "dog"]
    for masks in frames:
        found = data.annotations[str(images / f"{masks.frame.index:05d}.png")]
        assert [data.classes[k] for k in found.class_id] == ["girl in red", "dog", "dog"]
        assert np.array_equal(found.mask, masks.masks)


def test_datumaro_reads_every_mask_with_its_track(written, tmp_path):
    datumaro = pytest.importorskip("datumaro", reason=WHY)
    path, frames = written
    (tmp_path / "set" / "annotations").mkdir(parents=True)
    (tmp_path / "set" / "images").mkdir()
    path.rename(tmp_path / "set" / "annotations" / "instances_clip.json")
    data = datumaro.Dataset.import_from(str(tmp_path / "set"), "coco_instances")
    assert len(data) == len(frames)
    for masks in frames:
        item = data.get(f"clip/{masks.frame.index:05d}", "clip")
        found = [a for a in item.annotations if a.type == datumaro.AnnotationType.mask]  # boxes as well
        by_track = {a.attributes["track_id"]: np.array(a.image).astype(bool) for a in found}
        assert len(found) == len(by_track) == 3
        for track, mask in enumerate(masks.masks, 1):
            assert np.array_equal(by_track[track], mask)


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


def test_categories_are_the_prompts_of_the_request_found_or_not(written):
    categories = json.loads(written[0].read_text())["categories"]
    assert [(c["id"], c["name"]) for c in categories] == [(1, "girl in red"), (2, "unicorn"), (3, "dog")]


def test_the_same_words_twice_are_two_categories(tmp_path, objects, masks_of):
    twice = Prompt(1, "dog"), Prompt(2, "dog", "dog #2")
    found = [replace(one, prompt=prompt) for one, prompt in zip(objects, twice, strict=False)]
    path = tmp_path / "clip.json"
    with CocoSink(path, found, prompts=twice, source="clip") as sink:
        masks = masks_of(0, count=2)
        masks.logits[:] = 5
        sink.write(masks)
    coco = COCO(str(path))
    assert [coco.cats[a["category_id"]]["name"] for a in coco.dataset["annotations"]] == ["dog", "dog #2"]


def test_the_track_id_is_also_where_cvat_and_datumaro_look(written):
    for annotation in json.loads(written[0].read_text())["annotations"]:
        assert annotation["attributes"] == {"track_id": annotation["track_id"], "occluded": False}


def test_an_image_carries_its_size_and_time(written):
    document = json.loads(written[0].read_text())
    assert document["images"][2] == {
        "id": 3,
        "file_name": "clip/00002.png",
        "width": 37,
        "height": 23,
        "video_id": 1,
        "frame_id": 2,
        "frame_index": 2,
        "source_frame": 2,
        "pts": 80,
        "seconds": 0.08,
    }
    assert document["videos"] == [{"id": 1, "name": "clip"}]
    assert document["info"]["fps"] == pytest.approx(29.97, abs=0.01)


def test_a_frame_of_a_part_of_the_clip_has_its_number_in_the_source(tmp_path, objects, prompts, masks_of):
    path = tmp_path / "clip.json"
    with CocoSink(path, objects, prompts=prompts, source="clip") as sink:
        for index, number in enumerate((10, 14, 18)):
            sink.write(masks_of(index, source_index=number))
    images = json.loads(path.read_text())["images"]
    assert [image["frame_index"] for image in images] == [0, 1, 2]
    assert [image["source_frame"] for image in images] == [10, 14, 18]


def test_a_single_image_is_no_video(tmp_path, objects, prompts, masks_of):
    path = tmp_path / "photo.json"
    with CocoSink(path, objects, prompts=prompts, source="photo", sequence=False) as sink:
        sink.write(masks_of(0))
    document = json.loads(path.read_text())
    assert "videos" not in document
    assert "video_id" not in document["images"][0]


def test_a_frame_from_an_image_file_keeps_its_name(tmp_path, objects, prompts, masks_of):
    path = tmp_path / "folder.json"
    with CocoSink(path, objects, prompts=prompts, source="folder", ending=".jpg") as sink:
        sink.write(masks_of(0, name="IMG_0042"))
    assert json.loads(path.read_text())["images"][0]["file_name"] == "IMG_0042.jpg"


def test_an_empty_mask_gives_an_image_without_annotation(tmp_path, objects, prompts, masks_of):
    masks = masks_of(0)
    masks.logits[:] = -5
    path = tmp_path / "clip.json"
    with CocoSink(path, objects, prompts=prompts, source="clip") as sink:
        sink.write(masks)
    document = json.loads(path.read_text())
    assert len(document["images"]) == 1
    assert document["annotations"] == []


def test_a_chinese_prompt_is_written_as_it_is(tmp_path, masks_of, objects):
    path = tmp_path / "片段.json"
    girl = Prompt(1, "穿红裙的女孩")
    with CocoSink(path, [replace(objects[0], prompt=girl)], prompts=[girl], source="片段") as sink:
        sink.write(masks_of(0, count=1))
    assert "穿红裙的女孩" in path.read_text(encoding="utf-8")


def test_confidence_is_written_where_masks_were_judged(tmp_path, objects, masks_of, written):
    path, _ = written
    assert not any("confidence" in one for one in json.loads(path.read_text())["annotations"])
    values = np.array([0.25, 0.5, 0.75], np.float32)
    judged = replace(masks_of(0), evidence=Evidence(values, values, values, ("lost",) * 3))
    with CocoSink(
        tmp_path / "judged.json", objects, prompts=[one.prompt for one in objects], source="clip"
    ) as sink:
        sink.write(judged)
    entries = json.loads((tmp_path / "judged.json").read_text())["annotations"]
    assert {one["track_id"]: one["confidence"] for one in entries} == {1: 0.25, 2: 0.5, 3: 0.75}
