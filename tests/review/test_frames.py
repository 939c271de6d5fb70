"""Pictures by index: each is the one of its number, however somebody steps and jumps."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import VFR, make_video, number_of

from sa2va_cli.errors import InputError
from sa2va_cli.media.reader import open_source
from sa2va_cli.review.frames import Cache, Pictures, Thumbnails, view_size

SIZE = (320, 240)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_video(tmp_path / "clip.mp4", stamps=VFR, size=SIZE, options={"g": "7", "bf": "2"})


def number(data: bytes) -> int:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return number_of(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


@pytest.mark.parametrize(
    "order",
    [range(20), range(19, -1, -1), (0, 19, 1, 18, 7, 8, 6, 13, 0, 12, 11, 10, 19), (5, 5, 5)],
    ids=["forwards", "backwards", "about", "the same"],
)
@pytest.mark.parametrize("width", [160, None])
def test_every_frame_is_the_one_of_its_number(clip, order, width):
    with open_source(clip) as reader:
        pictures = Pictures(reader, Cache())
        try:
            assert [number(pictures.jpeg(index, width)) for index in order] == list(order)
        finally:
            pictures.close()


def test_frames_ahead_are_made_before_anybody_asks(clip):
    with open_source(clip) as reader:
        cache = Cache()
        pictures = Pictures(reader, cache)
        try:
            pictures.jpeg(3, 160)
            last = pictures.jpeg(4, 160)
            assert pictures.jpeg(4, 160) == last
            wanted = [pictures.key(index, 160) for index in range(5, 15)]
            waiting = threading.Event()
            for _ in range(30_000):
                if all(key in cache for key in wanted):
                    break
                waiting.wait(0.01)
            assert all(key in cache for key in wanted)
        finally:
            pictures.close()


def test_many_who_ask_at_once_get_what_they_asked_for(clip):
    with open_source(clip) as reader:
        pictures, found = Pictures(reader, Cache()), {}
        threads = [
            threading.Thread(target=lambda k=k: found.update({k: number(pictures.jpeg(k, 80))}))
            for k in range(20)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        pictures.close()
    assert found == {k: k for k in range(20)}


def test_a_cache_keeps_so_many_bytes_of_what_was_used_last():
    cache = Cache(100)
    for name in range(5):
        cache.put(name, b"x" * 30)
        cache.get(0)
    assert [name in cache for name in range(5)] == [True, False, False, True, True]
    cache.put("large", b"x" * 1000)
    assert "large" in cache
    assert 4 not in cache


def test_pictures_of_a_clip_that_was_closed_are_an_error_and_no_wait(clip):
    with open_source(clip) as reader:
        pictures = Pictures(reader, Cache())
        pictures.close()
        with pytest.raises(InputError, match="closed"):
            pictures.jpeg(0, 80)


def test_thumbnails_are_small_and_of_their_frame(clip):
    with open_source(clip) as reader:
        data = Thumbnails(reader, Cache()).jpeg(13)
    assert number(data) == 13
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (120, 160, 3)


@pytest.mark.parametrize(
    ("size", "width", "seen"),
    [((1920, 1080), 1280, (1280, 720)), ((1920, 1080), None, (1920, 1080)), ((640, 3), 16, (16, 1))],
)
def test_a_view_keeps_the_shape_and_is_never_larger(size, width, seen):
    assert view_size(size, width) == seen
    assert view_size(size, 8192) == size
