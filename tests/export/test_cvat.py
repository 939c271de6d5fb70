"""CVAT's XML, read back by Datumaro."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst
from PIL import Image

from sa2va_cli.datatypes import FoundObject, Prompt
from sa2va_cli.export.cvat import CvatSink, run_lengths

WHY = "Datumaro asks for an older OpenCV and Pillow than ours"


@pytest.fixture
def written(tmp_path, objects, prompts, masks_of):
    """The path of two frames, and the masks in it."""
    frames = [masks_of(0, source_index=10), masks_of(1, source_index=14)]
    path = tmp_path / "clip.xml"
    with CvatSink(path, objects, prompts=prompts, source="clip") as sink:
        for masks in frames:
            sink.write(masks)
    return path, frames


@given(npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=30)))
def test_runs_along_the_rows_begin_with_background(mask):
    lengths = run_lengths(mask)
    values = np.arange(len(lengths)) % 2 == 1
    assert np.array_equal(np.repeat(values, lengths).reshape(mask.shape), mask)
    assert all(length > 0 for length in lengths[1:])


def test_datumaro_reads_every_mask_back(written):
    datumaro = pytest.importorskip("datumaro", reason=WHY)
    path, frames = written
    (path.parent / "images").mkdir()
    for masks in frames:
        name = f"frame_{masks.frame.source_index:06d}.png"
        Image.new("RGB", masks.frame.size).save(path.parent / "images" / name)
    data = datumaro.Dataset.import_from(str(path), "cvat")
    labels = data.categories()[datumaro.AnnotationType.label]
    assert [label.name for label in labels.items] == ["girl in red", "unicorn", "dog"]
    for masks, item in zip(frames, data, strict=True):
        assert item.id == f"frame_{masks.frame.source_index:06d}"
        assert [labels[a.label].name for a in item.annotations] == ["girl in red", "dog", "dog"]
        assert [int(a.attributes["track_id"]) for a in item.annotations] == [1, 2, 3]
        assert [a.group for a in item.annotations] == [1, 2, 3]
        for annotation, mask in zip(item.annotations, masks.masks, strict=True):
            assert np.array_equal(np.array(annotation.image).astype(bool), mask)


def test_frames_have_their_number_in_the_source(written):
    images = ET.parse(written[0]).findall("image")
    assert [image.get("id") for image in images] == ["10", "14"]


def test_an_image_file_keeps_its_name(tmp_path, objects, prompts, masks_of):
    path = tmp_path / "shots.xml"
    with CvatSink(path, objects, prompts=prompts, source="shots") as sink:
        sink.write(masks_of(0, name="IMG_0042"))
    assert ET.parse(path).find("image").get("name") == "IMG_0042.png"


@pytest.mark.parametrize("label", ['<a> & "b"', "穿红裙的女孩", "🐕\x07"])
def test_any_label_is_written_and_the_same_in_both_places(tmp_path, masks_of, label):
    prompt = Prompt(1, "it", label)
    path = tmp_path / "clip.xml"
    masks = masks_of(0, count=1)
    masks.logits[:] = 5
    with CvatSink(path, [FoundObject(1, prompt, label)], prompts=[prompt], source="clip") as sink:
        sink.write(masks)
    root = ET.parse(path)
    assert root.find("meta/task/labels/label/name").text == label.replace("\x07", "\ufffd")
    assert root.find("image/mask").get("label") == root.find("meta/task/labels/label/name").text
