"""From judged frames to ranges worth a look."""

from fractions import Fraction

import numpy as np
import pytest
from tracks.conftest import OBJECTS

from sa2va_cli.datatypes import Evidence, Frame, FrameMasks
from sa2va_cli.tracks.confidence import JOINED
from sa2va_cli.tracks.review import Review, clock

IMAGE = np.broadcast_to(np.uint8(0), (4, 6, 3))


def frame_masks(index: int, confidences, reasons=("jumped", "lost"), source_index=None) -> FrameMasks:
    values = np.array(confidences, np.float32)
    evidence = Evidence(values, values, values, reasons)
    frame = Frame(index, 100 + 10 * index, Fraction(1, 100), IMAGE, source_index=source_index)
    return FrameMasks(frame, np.zeros((2, 2, 2), np.float32), values, 0.5, OBJECTS, evidence=evidence)


def reviewed(doubtful: dict[int, tuple[int, ...]], frames: int = 100) -> list[tuple[int, int, int]]:
    review = Review(OBJECTS, Fraction(1))
    for index in range(frames):
        review.add(frame_masks(index, [0.1 if index in doubtful.get(k, ()) else 0.99 for k in (1, 2)]))
    return [(one.object, one.first, one.last) for one in review.ranges()]


def test_frames_near_each_other_are_one_range_and_far_ones_are_two():
    assert reviewed({1: (3, 4, 4 + JOINED + 1)}) == [(1, 3, 4 + JOINED + 1)]
    assert reviewed({1: (3, 4, 4 + JOINED + 2)}) == [(1, 3, 4), (1, 4 + JOINED + 2, 4 + JOINED + 2)]


def test_objects_have_ranges_of_their_own_in_order_of_time():
    assert reviewed({1: (50,), 2: (7, 8)}) == [(2, 7, 8), (1, 50, 50)]


def test_a_range_reaches_to_the_last_frame():
    assert reviewed({2: (98, 99)}) == [(2, 98, 99)]


def test_nothing_doubtful_is_nothing_to_look_at():
    assert reviewed({}) == []


def test_a_range_tells_times_from_the_first_frame_the_commonest_reason_and_the_worst_confidence():
    review = Review(OBJECTS, Fraction(1))
    for index, (confidence, reason) in enumerate([(0.5, "lost"), (0.25, "jumped"), (0.5, "lost")]):
        review.add(frame_masks(index, [confidence, 1], (reason, "lost"), source_index=20 + index))
    (one,) = review.ranges()
    assert (one.first, one.last, one.start, one.end) == (20, 22, 0.0, 0.2)
    assert (one.reason, one.confidence, one.label) == ("lost", 0.25, "girl in red")
    assert one.text == "0:00.0-0:00.2 girl in red: lost"


def test_masks_that_nobody_judged_are_not_named():
    review = Review(OBJECTS)
    masks = frame_masks(0, [0, 0])
    review.add(FrameMasks(masks.frame, masks.logits, masks.scores))
    assert review.ranges() == ()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (12.14, "0:12.1"), (59.97, "1:00.0"), (3612.1, "1:00:12.1"), (-0.01, "0:00.0")],
)
def test_times_are_written_as_people_read_them(seconds, text):
    assert clock(seconds) == text
