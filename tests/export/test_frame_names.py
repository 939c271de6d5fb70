"""Names of frames for other programs."""

from dataclasses import replace

import pytest

from sa2va_cli.export.frame_names import image_name, source_number


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ({}, "clip/00007.png"),
        ({"name": "page_0002"}, "page_0002.png"),
        ({"name": "IMG_0042", "file_name": "IMG_0042.JPG"}, "IMG_0042.JPG"),
        ({"name": "camA_0001", "file_name": "camA/0001.tif"}, "camA/0001.tif"),
    ],
)
def test_a_frame_is_called_like_its_file_with_ending_and_folders(masks_of, known, name):
    assert image_name(replace(masks_of(7).frame, **known), "clip") == name


def test_a_frame_of_a_video_needs_no_folder(masks_of):
    assert image_name(masks_of(7).frame) == "00007.png"


def test_a_frame_without_a_number_of_its_own_is_called_by_its_index(masks_of):
    assert source_number(masks_of(7).frame) == 7
    assert source_number(masks_of(7, source_index=19).frame) == 19
