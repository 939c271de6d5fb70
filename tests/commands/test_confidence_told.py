"""What a run, its JSON, its COCO file and its tracks tell about masks that may be wrong."""

import json
from collections.abc import Generator

import numpy as np
from clips import make_video
from fakes import FakeSegmenter, FakeSession

from sa2va_cli.datatypes import Followed


class Judge(FakeSegmenter):
    """Knows what it sees, and which of its masks are poor."""

    def __init__(self, poor: range) -> None:
        super().__init__()
        self.poor = poor

    def open(self, *, still: bool = False) -> "JudgeSession":
        return JudgeSession(self)


class JudgeSession(FakeSession):
    def follow(self, frames, memory, **options) -> Generator[Followed[np.ndarray], None, None]:
        for one in super().follow(frames, memory, **options):
            iou = 0.2 if one.frame.index in self.segmenter.poor else 1.0
            scores = np.where((one.logits > 0).any(axis=(1, 2)), 0.99, 0.01).astype(np.float32)
            yield Followed(one.frame, one.logits, scores, np.full_like(scores, iou), one.memory)


def unsure(*_) -> Judge:
    return Judge(range(5, 9))


def sure(*_) -> Judge:
    return Judge(range(0))


LOOK_AT = {"object": 1, "label": "red corner", "first_frame": 5, "last_frame": 8, "reason": "unsure edge"}


def told(document: dict) -> dict:
    (one,) = document["look_at"]
    assert 0 <= one["confidence"] < 0.5
    return {name: one[name] for name in LOOK_AT}


def test_segment_names_ranges_worth_a_look_and_render_and_tracks_say_the_same(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(30, 50))
    arguments = ["segment", "a.mp4", "red corner", "--save", "tracks,coco,markers"]
    segmented = sa2va(*arguments, "--json", load=unsure)
    assert segmented.code == 0, segmented.err
    document = json.loads(segmented.out)
    assert told(document) == LOOK_AT
    assert (document["look_at"][0]["start_seconds"], document["look_at"][0]["end_seconds"]) == (0.2, 0.32)
    assert "worth a look: 0:00.2-0:00.3 red corner: unsure edge" in segmented.err
    assert 0.5 < document["objects"][0]["confidence"] < 0.9

    rendered = json.loads(
        sa2va("render", "a.tracks.sa2va", "--save", "coco,markers", "-o", "b/", "--json").out
    )
    assert rendered["look_at"] == document["look_at"]
    for name in ("a.coco.json", "a.markers.edl"):
        assert (folder / "b" / name).read_bytes() == (folder / name).read_bytes()
    assert told(json.loads(sa2va("tracks", "info", "a.tracks.sa2va", "--json").out)) == LOOK_AT

    lines = [json.loads(line) for line in sa2va("tracks", "cat", "a.tracks.sa2va").out.splitlines()]
    assert [round(line["predicted_iou"], 3) for line in lines[4:6]] == [1.0, 0.2]
    assert lines[5]["confidence"] < 0.5 < lines[4]["confidence"]
    annotations = json.loads((folder / "a.coco.json").read_text())["annotations"]
    assert [one["confidence"] for one in annotations] == [
        line["confidence"] for line in lines if line["area"]
    ]


def test_many_ranges_are_told_in_part(sa2va, folder, monkeypatch):
    from sa2va_cli.commands import console

    monkeypatch.setattr(console, "_MOST_RANGES", 1)
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "red corner", "blue corner", "--save", "tracks", load=unsure)
    assert outcome.err.count("worth a look") == 1
    assert "and 1 more ranges; --save markers or --json has all" in outcome.err


def test_nothing_is_told_where_all_is_well_and_where_nobody_listens(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "red corner", "--save", "tracks", "--json", load=sure)
    assert json.loads(outcome.out)["look_at"] == []
    assert "worth a look" not in outcome.err
    quiet = sa2va("segment", "a.mp4", "red corner", "--save", "coco", "-q", load=unsure)
    assert quiet.err == ""
