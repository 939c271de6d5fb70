"""At cuts the language model looks again: what is gone is not dragged along, what returns is who it was."""

from pathlib import Path

import numpy as np
import pytest
from fakes import FakeSegmenter
from films import (
    BLUE,
    GREEN,
    LENGTH,
    RED,
    Seeing,
    SeeingAndRemembering,
    SeeingSession,
    write_film,
)

from sa2va_cli.errors import InputError, NothingFoundError, UsageError
from sa2va_cli.media.cuts import SIZE, find_cuts
from sa2va_cli.media.reader import Selection, open_source
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.correcting import CorrectJob, correct
from sa2va_cli.pipeline.job import NEVER_RESUMED, Resuming, SegmentJob
from sa2va_cli.pipeline.matching import matched
from sa2va_cli.pipeline.planning import planned
from sa2va_cli.pipeline.resuming import STEP
from sa2va_cli.pipeline.revision import Revision
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.pipeline.shots import cut_at, shots_of
from sa2va_cli.pipeline.streaming import stream
from sa2va_cli.tracks.corrections import corrections_of
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.visual_prompts import read_point


def masks_of(source, *prompts, segmenter=None, **more):
    """For each object its area on every frame, and the labels."""
    results = list(stream(segmenter or Seeing(), str(source), Search(prompts, **more)))
    labels = [one.label for one in results[0].objects]
    return labels, np.array([[int(mask.sum()) for mask in one.masks] for one in results]).T


@pytest.fixture
def film(folder):
    return write_film(folder / "film.mp4", [(RED,), (BLUE,), (RED, GREEN)])


def test_cuts_are_found_and_a_flash_or_a_moving_thing_is_none(folder, film):
    with open_source(film, Selection()) as reader:
        assert list(find_cuts(reader.glimpses(SIZE), 25)) == [LENGTH, 2 * LENGTH]
    still = write_film(folder / "one.mp4", [(RED, GREEN)], length=30, flash=15)
    with open_source(still, Selection()) as reader:
        assert list(find_cuts(reader.glimpses(SIZE), 25)) == []


def test_what_is_gone_has_no_mask_and_what_returns_is_the_same_object(film):
    labels, areas = masks_of(film, "red", "green")
    assert labels == ["red", "green"]
    there = areas > 0
    assert there[0].tolist() == [True] * LENGTH + [False] * LENGTH + [True] * LENGTH
    assert there[1].tolist() == [False] * 2 * LENGTH + [True] * LENGTH


def test_of_several_objects_of_one_prompt_the_one_that_stays_keeps_its_name(folder):
    film = write_film(folder / "two.mp4", [(RED, BLUE), (BLUE,), (BLUE, RED)])
    labels, areas = masks_of(film, "red and blue")
    assert labels == ["red and blue", "red and blue 2"]
    shots = areas.reshape(2, 3, LENGTH).min(axis=2) > 0
    assert shots.tolist() == [[True, False, True], [True, True, True]]


def test_the_model_sees_each_shot_with_keyframes_of_its_own_and_one_shot_costs_nothing(folder, film):
    seen = []

    class Noting(SeeingSession):
        def condition(self, keyframes, queries, *, track_keyframes=False):
            seen.append([index for index, _ in keyframes])
            return super().condition(keyframes, queries, track_keyframes=track_keyframes)

    segmenter = Seeing()
    segmenter.session = Noting
    masks_of(film, "red", segmenter=segmenter, keyframes=2)
    assert seen == [[0, LENGTH - 1], [2 * LENGTH, 3 * LENGTH - 1]]
    assert len(segmenter.asked) == 3
    assert segmenter.stepped == [*range(LENGTH), *range(2 * LENGTH, 3 * LENGTH)]
    alone = Seeing()
    masks_of(write_film(folder / "one.mp4", [(RED,)], length=30), "red", segmenter=alone)
    assert len(alone.asked) == 1


@pytest.mark.parametrize(
    ("more", "firsts"),
    [
        ({}, (0, 14, 28)),
        ({"reground": "scenes", "sampling": "first"}, (0, 14, 28)),
        ({"sampling": "first"}, (0,)),
        ({"reground": "off"}, (0,)),
        ({"reground": "every:0.5"}, (0, 13, 25, 38)),
        ({"points": (read_point("5,5"),), "prompts": ()}, (0,)),
        ({"points": (read_point("5,5"),), "prompts": (), "reground": "scenes"}, (0, 14, 28)),
    ],
)
def test_when_the_model_looks_again(film, more, firsts):
    search = Search(**{"prompts": ("red",)} | more)
    with open_source(film, Selection()) as reader:
        assert shots_of(reader, search).firsts == firsts


@pytest.mark.parametrize("given", ["cuts", "every", "every:0", "every:x", "every:-1", ""])
def test_what_cannot_be_meant_is_refused(given):
    with pytest.raises(UsageError, match="choose scenes, off, or every:N"):
        Search(("red",), reground=given)


def test_a_point_belongs_to_the_shot_it_is_in_and_is_followed_both_ways_there(film):
    point = read_point("blue thing:12,10@20f")
    labels, areas = masks_of(film, "red", points=(point,))
    assert labels == ["red", "blue thing"]
    assert (areas[1] > 0).tolist() == [False] * LENGTH + [True] * LENGTH + [False] * LENGTH
    assert not areas[0][LENGTH : 2 * LENGTH].any()


def test_the_header_and_the_result_list_shots_and_answers(film):
    job = SegmentJob(str(film), Search(("red",)), saving=Saving(("tracks",), "out/"))
    result = segment(job, load=lambda *_: Seeing())
    shots = Tracks(Path("out/film.tracks.sa2va")).header.settings["shots"]
    assert [(one["first"], one["last"], one["objects"]) for one in shots] == [
        (0, 13, [1]),
        (14, 27, []),
        (28, 41, [1]),
    ]
    assert [one["answers"]["1"] for one in shots] == ["Sure, [SEG].", "It is not there.", "Sure, [SEG]."]
    assert [(one.first_frame, one.last_frame, one.objects) for one in result.shots] == [
        (0, 13, (1,)),
        (14, 27, ()),
        (28, 41, (1,)),
    ]
    assert result.objects[0].ranges == ((0, 13), (28, 41))
    assert not result.look_at


def test_nothing_in_any_shot_is_told_as_nothing(folder, film):
    job = SegmentJob(str(film), Search(("yellow",)), saving=Saving(("mask",), "out/"))
    with pytest.raises(NothingFoundError, match="It is not there"):
        segment(job, load=lambda *_: Seeing())


@pytest.mark.parametrize("at", [5, 14, 21, 33])
def test_a_failed_run_is_gone_on_with_to_the_same_bytes_in_any_shot(folder, at):
    write_film(folder / "film.mp4", [(RED,), (BLUE,), (RED, GREEN)])
    job = SegmentJob("film.mp4", Search(("red", "green")), saving=Saving(("tracks", "mask"), "out/"))
    whole = _bytes(job, NEVER_RESUMED)

    def fail(index):
        if index >= at:
            raise InputError("the disk was pulled out")

    segmenter = SeeingAndRemembering(0, hook=fail)
    resuming = Resuming(resume=True, checkpoint=f"{STEP}f")
    with pytest.raises(InputError):
        segment(job, load=lambda *_: segmenter, resuming=resuming)
    segmenter = SeeingAndRemembering(0)
    assert _bytes(job, resuming, segmenter) == whole
    assert at < STEP + 2 or segmenter.stepped[0] > 0


def _bytes(job, resuming, segmenter=None):
    segment(job, load=lambda *_: segmenter or SeeingAndRemembering(), resuming=resuming)
    found = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    for path in Path("out").iterdir():
        path.unlink()
    return found


def test_a_dry_run_tells_when_the_model_would_look_again(film):
    for given, told in ((None, "scenes"), ("off", "off"), ("every:2", "2")):
        job = SegmentJob(str(film), Search(("red",), reground=given), saving=Saving(("mask",), "out/"))
        with planned(job) as plan:
            assert plan.reground == told


def test_a_correction_ends_at_the_cuts_around_it():
    assert cut_at((0, 14, 28), 0, 41, 16, 20) == (14, 27)
    assert cut_at((0, 14, 28), 18, 41, 20, 30) == (18, 41)
    assert cut_at((), 3, 41, 16, 20) == (3, 41)


def test_corrections_in_two_shots_compare_no_masks_over_the_cut(folder):
    write_film(folder / "film.mp4", [(RED,), (RED,)])
    job = SegmentJob("film.mp4", Search(("red",)), saving=Saving(("tracks",), "out/"))
    segment(job, load=lambda *_: FakeSegmenter())
    points = tuple(read_point(f"1:{6 + k},10@{t}f") for k, t in ((3, 3), (4, LENGTH + 4)))
    tracks = Path("out/film.tracks.sa2va")
    correct(CorrectJob(tracks, Path("new.sa2va"), Revision(points=points)), load=lambda *_: FakeSegmenter())
    agreements = [one.agreements[0] for one in Tracks(Path("new.sa2va"))]
    assert agreements[LENGTH] == agreements[0]  # the first frame of a shot has none before it
    assert corrections_of(Tracks(Path("new.sa2va")))[0].frames == (3, LENGTH + 4)


def test_objects_of_one_prompt_are_told_apart_by_their_looks_and_new_ones_by_their_order():
    a, b, c = np.eye(3, dtype=np.float32)
    looks = [np.stack([a, b]), np.stack([b + a / 9]), np.zeros((0, 3)), np.stack([c, b, a])]
    assert matched(looks) == [(1, 2), (2,), (), (3, 2, 1)]
