"""``--follow-every``: frames between those that are followed have masks by optical flow."""

import json
from fractions import Fraction

import cv2
import numpy as np
import pytest
from clips import make_video
from fakes import FakeSegmenter

from sa2va_cli.datatypes import Followed, Frame
from sa2va_cli.pipeline.between import EveryNth
from sa2va_cli.pipeline.search import Search
from sa2va_cli.tracks.log import Tracks

COMMAND = ("segment", "a.mp4", "red corner", "--save", "tracks", "--reground", "off")


@pytest.mark.parametrize(("every", "seen"), [(2, [*range(10), 10]), (4, [0, 1, 2, 3, 4, 5]), (50, [0, 1])])
def test_the_network_sees_each_nth_frame_and_the_last(sa2va, folder, every, seen):
    make_video(folder / "a.mp4")
    segmenter = FakeSegmenter()
    outcome = sa2va(*COMMAND, "--follow-every", every, load=lambda *_: segmenter)
    assert outcome.code == 0, outcome.err
    assert segmenter.stepped == seen
    tracks = Tracks(folder / "a.tracks.sa2va")
    frames = list(tracks)
    assert [frame.index for frame in frames] == list(range(20))
    followed = {0, 19} | {index for index in range(20) if index % every == 0}
    assert {frame.index for frame in frames if not frame.by_flow} == followed
    assert tracks.header.settings["follow_every"] == every
    assert all(frame.logits.shape == frames[0].logits.shape for frame in frames)


def test_frames_between_are_flagged_for_people_who_read_tracks(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va(*COMMAND, "--follow-every", 4, load=lambda *_: FakeSegmenter()).code == 0
    lines = [json.loads(line) for line in sa2va("tracks", "cat", "a.tracks.sa2va").out.splitlines()]
    assert [line.get("by_flow", False) for line in lines][:6] == [False, True, True, True, False, True]


class Discs:
    """A session that knows where a disc is on each picture: as bright as nothing else is."""

    def follow(self, frames, memory, *, count, notify, workers):
        for frame in frames:
            small = cv2.resize(frame.image, (64, 64), interpolation=cv2.INTER_AREA)
            logits = np.where(small[..., 0] > 150, 8.0, -8.0).astype(np.float32)[None]
            yield Followed(frame, logits, np.ones(1, np.float32), np.ones(1, np.float32), memory)

    def __getattr__(self, name):
        return None


def discs(frames: int) -> list[Frame]:
    """A bright disc that moves over a dark ground with a pattern."""
    ground = np.random.default_rng(0).integers(0, 90, (45, 60, 3), np.uint8)
    ground = cv2.resize(ground, (240, 180), interpolation=cv2.INTER_LINEAR)
    pictures = [
        cv2.circle(ground.copy(), (50 + 6 * t, 90 + 2 * t), 30, (230, 200, 180), -1) for t in range(frames)
    ]
    return [Frame(t, t, Fraction(1, 25), one) for t, one in enumerate(pictures)]


def test_masks_between_lie_where_things_have_moved():
    clip = discs(10)
    arguments = {"count": 10, "notify": print, "workers": 1}
    wanted = [one.logits > 0 for one in Discs().follow(clip, None, **arguments)]
    got = list(EveryNth(Discs(), 4).follow(clip, None, **arguments))
    assert [one.frame for one in got] == clip
    for one, mask in zip(got, wanted, strict=True):
        found = one.logits > 0
        assert (found & mask).sum() >= 0.85 * (found | mask).sum(), one.frame.index
        assert one.by_flow == (one.frame.index not in (0, 4, 8, 9))


def test_every_frame_by_itself_is_the_default_and_leaves_no_mark(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va(*COMMAND, "--follow-every", 1, load=lambda *_: FakeSegmenter()).code == 0
    tracks = Tracks(folder / "a.tracks.sa2va")
    assert "follow_every" not in tracks.header.settings
    assert not any(frame.by_flow for frame in tracks)


def test_each_shot_is_followed_by_itself(sa2va, folder):
    make_video(folder / "a.mp4")
    command = (*COMMAND[:-1], "every:0.4", "--keyframes", 2, "--follow-every", 3)
    outcome = sa2va(*command, load=lambda *_: FakeSegmenter())
    assert outcome.code == 0, outcome.err
    frames = list(Tracks(folder / "a.tracks.sa2va"))
    assert [frame.index for frame in frames] == list(range(20))
    assert 0 < sum(frame.by_flow for frame in frames) < 20
    assert np.isfinite(np.stack([frame.logits for frame in frames])).all()


def test_what_is_pointed_at_is_followed_on_every_frame(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "--point", "3,3", "--follow-every", 2)
    assert outcome.code == 2
    assert "--follow-every" in outcome.err


def test_a_search_follows_every_frame_unless_asked():
    assert Search(("the dog",)).follow_every == 1
