"""``segment --preview``, and the run that takes its answers."""

import numpy as np
import pytest
from clips import make_video
from fakes import FakeSegmenter
from PIL import Image

from sa2va_cli.tracks.log import Tracks

COMMAND = ("segment", "a.mp4", "red corner", "--save", "mask,tracks")


@pytest.fixture
def segmenter():
    return FakeSegmenter()


@pytest.fixture
def run(sa2va, folder, segmenter):
    make_video(folder / "a.mp4")
    return lambda *more: sa2va(*COMMAND, *more, load=lambda *_: segmenter)


def test_a_preview_shows_keyframes_and_follows_nothing(run, folder, segmenter):
    outcome = run("--preview", "--keyframes", 3)
    assert outcome.code == 0, outcome.err
    assert outcome.files == ["a.mp4", "a.preview.png", "a.preview.tracks.sa2va"]
    assert Image.open(folder / "a.preview.png").size[0] > 3 * 64
    tracks = Tracks(folder / "a.preview.tracks.sa2va")
    assert [frame.index for frame in tracks] == segmenter.seen == [0, 9, 19]
    assert segmenter.stepped == segmenter.seen
    assert not segmenter.tracks_keyframes  # they are shown as they were decoded
    assert tracks.header.frames == 3


def test_the_run_after_a_preview_does_not_ask_again_and_finds_the_same(run, folder, segmenter):
    assert run("-o", "plain/").code == 0
    assert len(segmenter.asked) == 1
    assert run("--preview").code == 0
    assert len(segmenter.asked) == 2
    outcome = run()
    assert outcome.code == 0, outcome.err
    assert len(segmenter.asked) == 2
    assert "the language model is not asked again" in outcome.err
    for name in ("a.tracks.sa2va", "a.mask.mp4"):
        assert (folder / name).read_bytes() == (folder / "plain" / name).read_bytes()


@pytest.mark.parametrize(
    "changed", [("--keyframes", "4"), ("--max-frames", "10"), ("--verbatim",), ("--sampling", "first")]
)
def test_a_run_of_another_question_asks_for_itself(run, segmenter, changed):
    assert run("--preview").code == 0
    outcome = run(*changed)
    assert outcome.code == 0, outcome.err
    assert len(segmenter.asked) == 2
    assert "not asked again" not in outcome.err


def test_another_input_of_the_same_name_is_asked_about(run, folder, segmenter):
    assert run("--preview").code == 0
    make_video(folder / "a.mp4", size=(96, 64))
    assert run().code == 0
    assert len(segmenter.asked) == 2


def test_a_damaged_preview_counts_for_nothing(run, folder, segmenter):
    assert run("--preview").code == 0
    path = folder / "a.preview.tracks.sa2va"
    path.write_bytes(path.read_bytes()[:200])
    assert run().code == 0
    assert len(segmenter.asked) == 2


def test_each_shot_is_shown_and_none_is_asked_about_again(run, folder, segmenter):
    several = ("--reground", "every:0.4", "--keyframes", 2)
    assert run(*several, "-o", "plain/").code == 0
    asked = len(segmenter.asked)
    assert asked > 1
    assert run("--preview", *several).code == 0
    assert len(segmenter.asked) == 2 * asked
    shown = [frame.index for frame in Tracks(folder / "a.preview.tracks.sa2va")]
    assert len(shown) == 2 * asked
    assert run(*several).code == 0
    assert len(segmenter.asked) == 2 * asked
    one, other = (Tracks(folder / place / "a.tracks.sa2va") for place in (".", "plain"))
    for frame, wanted in zip(one, other, strict=True):
        np.testing.assert_array_equal(frame.logits, wanted.logits)


def test_a_preview_is_replaced_only_when_that_is_asked_for(run):
    assert run("--preview").code == 0
    outcome = run("--preview")
    assert outcome.code == 7
    assert "a.preview.png" in outcome.err
    assert run("--preview", "--overwrite").code == 0


def test_a_preview_does_not_go_to_standard_output(run):
    outcome = run("--preview", "--save", "mask", "-o", "-")
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


def test_a_preview_that_finds_nothing_leaves_nothing(sa2va, folder, segmenter):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "a unicorn", "--preview", load=lambda *_: segmenter)
    assert outcome.code == 4
    assert outcome.files == ["a.mp4"]
