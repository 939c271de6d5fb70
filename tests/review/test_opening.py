"""A long video whose times stand in no table: what is shown, and said, while it is read."""

import threading

import pytest
from review.conftest import FRAMES, encode, frame

from sa2va_cli.errors import InputError
from sa2va_cli.media import video
from sa2va_cli.review import clip as clips
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.frames import Cache
from sa2va_cli.review.project import opened_project


@pytest.fixture
def told():
    """What was said to those who listen."""
    return []


@pytest.fixture
def slow(folder, told, monkeypatch):
    """A clip without tracks whose packets come when the event that goes with it is set."""
    path = encode(folder / "clip.mkv", [frame(index) for index in range(FRAMES)], bf="2")
    gate, scan = threading.Event(), video.scan

    def late(container, stream, look, most=None):
        if most is None:
            gate.wait()
        return scan(container, stream, look, most)

    monkeypatch.setattr(video, "scan", late)
    monkeypatch.setattr(video, "_LARGE_BYTES", 0)
    monkeypatch.setattr(clips, "FIRST_PICTURE_SECONDS", 0)
    (one,) = opened_project(str(path)).clips
    opened = OpenClip(one, Cache(), told.append)
    yield opened, gate
    gate.set()
    opened.close()


def test_the_first_picture_is_there_before_the_times_of_all_frames_are(slow):
    clip, gate = slow
    first = clip.picture(0, 64)
    assert clip.known_reader is None
    gate.set()
    assert clip.frames == FRAMES
    assert clip.picture(0, 64) == first
    assert clip.picture(1, 64) != first


def test_how_much_was_read_is_told_up_to_the_end(slow, told):
    clip, gate = slow
    gate.set()
    assert clip.frames == FRAMES
    parts = [event["part"] for event in told if event["type"] == "opening"]
    assert parts == sorted(parts)
    assert parts[-1] == 1


def test_a_clip_that_is_closed_is_not_read_to_its_end(slow):
    clip, gate = slow
    problems = []

    def read():
        try:
            clip.reader()
        except InputError as error:
            problems.append(str(error))

    reading = threading.Thread(target=read)
    reading.start()
    clip._closed = True  # what ``close`` does first; then it waits
    gate.set()
    reading.join()
    assert problems == ["the clip was closed"]
