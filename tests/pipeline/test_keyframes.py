import numpy as np
import pytest
from clips import damage, make_video, number_of
from hypothesis import given
from hypothesis import strategies as st

from sa2va_cli.media.reader import Selection, open_source
from sa2va_cli.pipeline.keyframes import keyframe_indices, read_keyframes
from sa2va_cli.pipeline.search import Search


def search(sampling="uniform", keyframes=5):
    return Search(("red",), sampling=sampling, keyframes=keyframes)


@pytest.mark.parametrize(
    ("total", "sampling", "count", "expected"),
    [
        (96, "uniform", 5, [0, 23, 47, 71, 95]),
        (96, "first", 5, [0, 1, 2, 3, 4]),
        (3, "uniform", 5, [0, 1, 2]),
        (3, "first", 5, [0, 1, 2]),
        (1, "uniform", 5, [0]),
        (9, "uniform", 1, [0]),
    ],
)
def test_keyframes(total, sampling, count, expected):
    assert keyframe_indices(total, search(sampling, count)) == expected


@given(st.integers(1, 10**6), st.integers(1, 40), st.sampled_from(["uniform", "first"]))
def test_keyframes_rise_and_lie_in_the_clip(total, count, sampling):
    indices = keyframe_indices(total, search(sampling, count))
    assert indices == sorted(set(indices))
    assert indices[0] == 0
    assert indices[-1] < total
    assert len(indices) == min(count, total)


def test_keyframes_are_the_same_pictures_as_in_the_pass(tmp_path):
    reader = open_source(make_video(tmp_path / "a.mp4"), Selection(start_frame=3, every=2))
    passed = {frame.index: frame for frame in reader}
    for frame in read_keyframes(reader, search()):
        assert np.array_equal(frame.image, passed[frame.index].image)
        assert frame.pts == passed[frame.index].pts
        assert number_of(frame.image) == 3 + 2 * frame.index


def test_of_a_damaged_clip_the_keyframes_are_those_that_can_be_decoded(tmp_path):
    source = make_video(tmp_path / "a.mp4", stamps=range(60), options={"g": "10"})
    reader = open_source(damage(source, 0.3, 0.9))
    frames = read_keyframes(reader, search(keyframes=60))
    assert frames
    assert {frame.index for frame in frames} <= {frame.index for frame in reader}
