"""LabelMe's files, read back by supervision."""

import json

import numpy as np
import pytest
from supervision.dataset.formats.labelme import load_labelme_annotations

from sa2va_cli.export.labelme import LabelmeSink


def named(frame) -> str:
    return frame.name or f"{frame.index:05d}"


@pytest.fixture
def written(tmp_path, objects, masks_of):
    """The folder of two frames, and the masks in it."""
    frames = [masks_of(0, seed=3, source_index=10), masks_of(1, name="IMG_0042", seed=4, source_index=14)]
    with LabelmeSink(tmp_path / "clip", objects, name_of=named) as sink:
        for masks in frames:
            sink.write(masks)
    return tmp_path / "clip", frames


def test_supervision_reads_every_mask_back_to_the_pixel(written):
    folder, frames = written
    classes, _, annotations = load_labelme_annotations(str(folder), str(folder))
    assert classes == ["dog", "girl in red"]
    for masks in frames:
        found = annotations[str(folder / f"{named(masks.frame)}.png")]
        assert [classes[k] for k in found.class_id] == ["girl in red", "dog", "dog"]
        assert np.array_equal(found.mask, masks.masks)


def test_a_file_has_what_labelme_asks_for_and_the_frame_s_number_in_the_source(written):
    document = json.loads((written[0] / "IMG_0042.json").read_text())
    assert document["imagePath"] == "IMG_0042.png"
    assert document["imageData"] is None
    assert (document["imageWidth"], document["imageHeight"]) == (37, 23)
    assert document["source_frame"] == 14
    assert {"version", "flags"} <= set(document)
    assert {shape["group_id"] for shape in document["shapes"]} == {1, 2, 3}
    assert all(len(shape["points"]) >= 3 for shape in document["shapes"])
