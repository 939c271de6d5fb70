import threading

import numpy as np
import pytest
from clips import make_image, make_video
from fakes import FakeSegmenter

from sa2va_cli import Sa2VA
from sa2va_cli.errors import InputError, UsageError


def model() -> Sa2VA:
    return Sa2VA(FakeSegmenter())


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sa2va-")]


def test_each_frame_has_masks_of_the_source_size(tmp_path):
    results = list(model().segment(make_video(tmp_path / "a.mp4"), ["red", "blue"]))
    assert [result.frame.index for result in results] == list(range(20))
    assert results[0].masks.shape == (2, 48, 64)
    assert results[0].masks.dtype == np.bool_
    assert results[0].scores.shape == (2,)


def test_where_nothing_matches_there_are_no_masks_but_all_frames(tmp_path):
    results = list(model().segment(make_video(tmp_path / "a.mp4"), "a unicorn", max_frames=3))
    assert [result.masks.shape for result in results] == [(0, 48, 64)] * 3


def test_stopping_early_leaves_no_threads(tmp_path):
    results = model().segment(make_video(tmp_path / "a.mp4", stamps=range(200)), "red")
    next(results)
    assert sorted(threads()) == ["sa2va-decode", "sa2va-encode"]
    results.close()
    assert threads() == []


def test_an_image_is_one_frame(tmp_path):
    (result,) = model().segment(str(make_image(tmp_path / "a.png")), "red", threshold=0.9)
    assert result.threshold == 0.9
    assert result.frame.index == 0


def test_a_faulty_option_fails_at_once(tmp_path):
    with pytest.raises(UsageError, match="sampling"):
        model().segment("a.mp4", "red", sampling="random")


def test_a_missing_file_fails_when_the_first_result_is_wanted():
    results = model().segment("missing.mp4", "red")
    with pytest.raises(InputError, match=r"missing\.mp4"):
        next(results)
