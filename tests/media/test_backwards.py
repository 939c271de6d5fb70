"""Frames from the last to the first: the same pictures, each decoded once, a group of pictures at a time."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from clips import make_video, number_of

from sa2va_cli.media import video
from sa2va_cli.media.reader import Reader, Selection, open_source

GROUP = 12
KEY_FRAMES = {"g": str(GROUP), "bf": "2", "x264-params": "scenecut=0"}


@pytest.fixture
def decoded(monkeypatch):
    """How often each time stamp came out of a decoder."""
    counts: Counter[int] = Counter()

    class Counting(video.Decoder):
        def decode(self, packet):
            frames = super().decode(packet)
            counts.update(frame.pts for frame in frames)
            return frames

    monkeypatch.setattr(video, "Decoder", Counting)
    return counts


def reader(path) -> Reader:
    return open_source(str(path), Selection())


@pytest.mark.parametrize(("start", "stop"), [(0, 60), (0, 31), (5, 44), (12, 24), (30, 31)])
def test_frames_come_from_the_last_to_the_first_and_are_the_same_pictures(tmp_path, start, stop):
    with reader(make_video(tmp_path / "a.mp4", stamps=range(60), options=KEY_FRAMES)) as clip:
        forwards = {frame.index: frame for frame in clip}
        back = list(clip.backwards(start, stop))
    assert [frame.index for frame in back] == [*range(stop - 1, start - 1, -1)]
    for frame in back:
        assert number_of(frame.image) == frame.index
        assert frame.pts == forwards[frame.index].pts
        np.testing.assert_array_equal(frame.image, forwards[frame.index].image)


def test_each_frame_is_decoded_once(tmp_path, decoded):
    with reader(make_video(tmp_path / "a.mp4", stamps=range(96), options=KEY_FRAMES)) as clip:
        decoded.clear()
        assert sum(1 for _ in clip.backwards(0, 90)) == 90
    often = Counter(decoded.values())
    # A decoder that looks at pictures out of order may have begun the next group when one is complete.
    assert sum(decoded.values()) <= 96 * 1.5, often
    assert min(decoded.values()) == 1


def test_memory_does_not_grow_with_the_clip(tmp_path):
    def peak(count: int) -> int:
        path = make_video(tmp_path / f"{count}.mp4", stamps=range(count), options=KEY_FRAMES, size=(128, 96))
        with reader(path) as clip:
            tracemalloc.start()
            for _ in clip.backwards(0, count):
                pass
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most

    few, many = peak(3 * GROUP), peak(20 * GROUP)
    assert few >= GROUP * 128 * 96 * 3  # a group is held
    assert many < few * 1.2
