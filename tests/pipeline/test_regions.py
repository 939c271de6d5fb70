import numpy as np
import pytest
from clips import picture
from fakes import FakeSegmenter

from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.regions import region_masks
from sa2va_cli.visual_prompts import MaskPrompt, read_box, read_point


def coloured() -> np.ndarray:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32, 0], image[:, 32:, 2] = 250, 250
    return image


def test_each_thing_that_is_pointed_at_is_a_region_and_a_mask_is_taken_as_it_is():
    given = np.zeros((48, 64), np.bool_)
    given[3, 5] = True
    visual = [read_box("2,2,20,20"), MaskPrompt.of(given), read_point("a:50,20"), read_point("a:52,30")]
    masks = region_masks(FakeSegmenter(), coloured(), visual)
    assert masks.shape == (3, 48, 64)
    assert masks[0, :, :31].all()
    assert not masks[0, :, 33:].any()
    np.testing.assert_array_equal(masks[1], given)
    assert masks[2, :, 33:].all()


def test_where_nothing_is_seen_there_is_no_region():
    with pytest.raises(UsageError, match="nothing is seen at 2,2; point"):
        region_masks(FakeSegmenter(), np.full((48, 64, 3), 9, np.uint8), [read_point("2,2")])


def test_a_region_outside_the_picture_is_refused():
    with pytest.raises(UsageError, match="outside the picture"):
        region_masks(FakeSegmenter(), picture(0), [read_point("2,99")])
