"""Label Studio's tasks, read back by its own converter and by a reader of the documented bits."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sa2va_cli.export.labelstudio import LabelStudioSink, brush_run_lengths

WHY = "label-studio-sdk asks for an older OpenCV than ours"


@pytest.fixture
def written(tmp_path, objects, masks_of):
    """The tasks of two frames, and the masks in them."""
    frames = [masks_of(0, source_index=10), masks_of(1, name="IMG_0042", source_index=14)]
    path = tmp_path / "clip.json"
    with LabelStudioSink(path, objects, source="clip") as sink:
        for masks in frames:
            sink.write(masks)
    return json.loads(path.read_text()), frames


def decoded(data: bytes) -> np.ndarray:
    """Reads rle-pack, all channels in one row."""
    bits = "".join(f"{byte:08b}" for byte in data)
    at = 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    total, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        same = read(1)
        length = 1 + read(sizes[read(2)])
        values += [read(word)] * length if same else [read(word) for _ in range(length)]
    assert len(values) == total
    assert len(bits) - at < 8
    return np.array(values, np.uint8)


@given(npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_brush_run_lengths_give_the_mask_back_in_all_four_channels(mask):
    pixels = decoded(brush_run_lengths(mask)).reshape(*mask.shape, 4)
    assert np.array_equal(pixels, np.repeat(255 * mask[..., None].astype(np.uint8), 4, axis=2))


@given(st.sampled_from([1, 2, 4, 5, 64, 65, 16383, 16384, 16385, 40000]))
def test_runs_of_any_length_come_back(length):
    mask = np.zeros((1, length + 3), bool)
    mask[:, 2 : 2 + length] = True
    assert np.array_equal(decoded(brush_run_lengths(mask))[3::4] == 255, mask[0])


@given(npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_label_studio_s_own_encoder_writes_the_same_bits(mask):
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason=WHY)
    theirs = bytes(brush.mask2rle(mask.astype(np.uint8) * 255))
    ours = brush_run_lengths(mask)
    assert theirs[: len(ours)] == ours
    assert not any(theirs[len(ours) :])


def test_label_studio_s_converter_reads_every_mask_back(written):
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason=WHY)
    for task, masks in zip(*written, strict=True):
        results = [{**r, **r["value"]} for r in task["predictions"][0]["result"]]
        layers = brush.decode_from_annotation("brush", results)
        assert list(layers) == ["brush-girl in red-0", "brush-dog-0", "brush-dog-1"]
        for layer, mask in zip(layers.values(), masks.masks, strict=True):
            assert np.array_equal(layer == 255, mask)


def test_a_box_goes_around_its_mask_in_hundredths_of_the_picture(written):
    for task, masks in zip(*written, strict=True):
        boxes = [r["value"] for r in task["predictions"][0]["result"] if r["type"] == "rectanglelabels"]
        for box, mask in zip(boxes, masks.masks, strict=True):
            rows, columns = np.nonzero(mask)
            assert box["x"] == pytest.approx(100 * columns.min() / 37)
            assert box["x"] + box["width"] == pytest.approx(100 * (columns.max() + 1) / 37)
            assert box["y"] == pytest.approx(100 * rows.min() / 23)
            assert box["y"] + box["height"] == pytest.approx(100 * (rows.max() + 1) / 23)


def test_tasks_name_images_and_frames_and_results_their_object(written):
    tasks, _ = written
    assert [task["data"]["image"] for task in tasks] == ["clip/00000.png", "IMG_0042.png"]
    assert [task["data"]["frame"] for task in tasks] == [10, 14]
    results = tasks[0]["predictions"][0]["result"]
    assert [r["meta"]["track_id"] for r in results if r["type"] == "brushlabels"] == [1, 2, 3]
    assert len({r["id"] for task in tasks for r in task["predictions"][0]["result"]}) == 12
