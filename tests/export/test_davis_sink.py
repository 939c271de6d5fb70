"""Palette PNGs, read back by Pillow."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sa2va_cli.errors import OutputError
from sa2va_cli.export.davis import DavisSink, davis_palette, index_map


def test_the_palette_begins_as_davis_s_does():
    colours = np.frombuffer(davis_palette(), np.uint8).reshape(256, 3).tolist()
    assert colours[:9] == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [0, 0, 128],
        [128, 0, 128],
        [0, 128, 128],
        [128, 128, 128],
        [64, 0, 0],
    ]
    assert colours[255] == [224, 224, 192]
    assert len({tuple(colour) for colour in colours}) == 256


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 1000))
def test_each_pixel_belongs_to_the_covering_object_with_the_highest_logit(masks_of, width, height, seed):
    masks = masks_of(size=(width, height), seed=seed)
    covered = np.where(masks.masks, masks.full_logits, -np.inf)
    expected = np.where(masks.masks.any(axis=0), covered.argmax(axis=0) + 5, 0)
    assert np.array_equal(index_map(masks, (5, 6, 7)), expected)


def test_a_png_gives_the_object_ids_back_and_carries_the_palette(tmp_path, objects, masks_of):
    folder = tmp_path / "masks"
    with DavisSink(folder, objects) as sink:
        sink.write(masks_of(0))
    with Image.open(folder / "00000.png") as picture:
        assert picture.mode == "P"
        assert bytes(picture.getpalette()) == davis_palette()
        assert np.array_equal(np.array(picture), index_map(masks_of(0), (1, 2, 3)))


def test_the_number_of_an_object_is_its_index(tmp_path, objects, masks_of):
    with DavisSink(tmp_path / "masks", [replace(objects[0], id=255)]) as sink:
        masks = masks_of(0, count=1)
        masks.logits[:] = 5
        sink.write(masks)
    with Image.open(tmp_path / "masks" / "00000.png") as picture:
        assert np.unique(np.array(picture)).tolist() == [255]


def test_pictures_are_called_by_frame_index_or_by_the_frame_s_own_name(tmp_path, objects, masks_of):
    with DavisSink(tmp_path / "masks", objects) as sink:
        sink.write(masks_of(7))
        sink.write(masks_of(8, name="IMG_0042"))
    assert sorted(file.name for file in (tmp_path / "masks").iterdir()) == ["00007.png", "IMG_0042.png"]


def test_pictures_are_called_by_the_number_in_the_source_on_request(tmp_path, objects, masks_of):
    with DavisSink(tmp_path / "masks", objects, by_source_number=True) as sink:
        for index, number in enumerate((10, 14)):
            sink.write(masks_of(index, source_index=number))
        sink.write(masks_of(2, name="IMG_0042", source_index=18))
    assert sorted(file.stem for file in (tmp_path / "masks").iterdir()) == ["00010", "00014", "IMG_0042"]


def test_two_frames_of_one_name_are_an_error_and_leave_nothing(tmp_path, objects, masks_of):
    def run() -> None:
        with DavisSink(tmp_path / "masks", objects) as sink:
            sink.write(masks_of(0, name="a"))
            sink.write(masks_of(1, name="a"))

    with pytest.raises(OutputError, match=r"two frames are called a\.png"):
        run()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_wait_for_the_output(tmp_path, objects, masks_of):
    folder = tmp_path / "masks"
    folder.mkdir()
    with DavisSink(folder, objects) as sink:
        sink.write(masks_of(0))
    assert [file.name for file in folder.iterdir()] == ["00000.png"]


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_sink_never_removes_a_folder_of_pictures(tmp_path, objects, mode):
    Image.new(mode, (4, 4)).save(tmp_path / "00000.png")
    sink = DavisSink(tmp_path, objects)
    with pytest.raises(OutputError, match=r"holds 00000\.png, which this program did not make"), sink:
        pass
    assert (tmp_path / "00000.png").exists()


def test_more_objects_than_the_palette_holds_are_an_error(tmp_path, objects):
    with pytest.raises(OutputError, match="holds 255 objects, got one with the number 256"):
        DavisSink(tmp_path / "masks", [replace(objects[0], id=256)])


def test_frames_keep_their_order_by_name(tmp_path, objects, masks_of):
    with DavisSink(tmp_path / "masks", objects) as sink:
        for k in (0, 9, 10, 99, 100):
            sink.write(masks_of(k))
    names = sorted(file.stem for file in (tmp_path / "masks").iterdir())
    assert all(int(one) < int(other) for one, other in pairwise(names))
