"""One place drives every sink: each gets the objects, the neighbours and the passes that it asked for."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from sa2va_cli.datatypes import FoundObject, Frame, FrameMasks, Prompt, Sink
from sa2va_cli.events import Saved
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.driver import Driver
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.naming import PlannedOutput

PROMPTS = (Prompt(1, "girl"), Prompt(2, "dog"))
OBJECTS = (FoundObject(1, PROMPTS[0], "girl"), FoundObject(2, PROMPTS[1], "dog"))


class Recorder(Sink):
    """Writes down what it is given."""

    def __init__(self, objects: tuple[FoundObject, ...]) -> None:
        self.objects = objects
        self.surveyed: list[int] = []
        self.written: list[tuple[int, list[int], list[int]]] = []
        self.ended: object = "open"

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.ended = kind

    def survey(self, masks: FrameMasks) -> None:
        self.surveyed.append(masks.frame.index)

    def write(self, masks: FrameMasks) -> None:
        around = [one.frame.index for one in masks.around]
        self.written.append((masks.frame.index, around, [one.id for one in masks.objects]))


class Neighbourly(Recorder):
    reach = 2


class Surveying(Recorder):
    surveys = True


def masks_of(index: int) -> FrameMasks:
    frame = Frame(index, index, Fraction(1, 24), np.zeros((8, 8, 3), np.uint8))
    return FrameMasks(frame, np.zeros((2, 4, 4), np.float32), np.ones(2, np.float32), objects=OBJECTS)


@pytest.fixture
def driven(monkeypatch):
    """Opens a driver whose one kind of output is a given sink; gives it and the sinks it made."""
    made: list[Recorder] = []

    def make(sink: type[Recorder], prompt: int | None = None, report=lambda _: None):
        def build(path, clip, objects):
            made.append(sink(objects))
            return made[-1]

        monkeypatch.setitem(KINDS, "mask", replace(KINDS["mask"], make=build, finish="none"))
        output = PlannedOutput("mask", Path("a.mp4"), prompt, folder=False)
        clip = Clip(cast("Any", None), "a")
        return Driver([output], clip, OBJECTS, report, verify=False, replaces=True), made

    return make


def test_a_sink_of_one_frame_gets_each_once(driven):
    driver, (made) = driven(Recorder)
    with driver:
        for index in range(3):
            driver.write(masks_of(index))
        driver.end_first_pass()
        assert not driver.needs_second_pass
    assert made[0].written == [(index, [], [1, 2]) for index in range(3)]
    assert made[0].ended is None


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 9])
def test_a_sink_with_a_reach_gets_each_frame_once_among_its_neighbours(driven, frames):
    driver, made = driven(Neighbourly)
    with driver:
        for index in range(frames):
            driver.write(masks_of(index))
        driver.end_first_pass()
    assert [(index, around) for index, around, _ in made[0].written] == [
        (index, list(range(max(0, index - 2), min(frames, index + 3)))) for index in range(frames)
    ]


def test_a_sink_that_surveys_sees_the_clip_before_it_writes(driven):
    driver, made = driven(Surveying)
    with driver:
        for index in range(3):
            driver.write(masks_of(index))
        driver.end_first_pass()
        assert (made[0].surveyed, made[0].written) == ([0, 1, 2], [])
        assert driver.needs_second_pass
        for index in range(3):
            driver.write_again(masks_of(index))
        driver.end_second_pass()
    assert [index for index, _, _ in made[0].written] == [0, 1, 2]


def test_a_sink_of_one_prompt_gets_its_objects_only(driven):
    driver, made = driven(Recorder, prompt=2)
    with driver:
        driver.write(masks_of(0))
    assert made[0].objects == OBJECTS[1:]
    assert made[0].written == [(0, [], [2])]


def test_an_error_reaches_every_sink_and_nothing_is_reported_as_saved(driven):
    events: list[object] = []
    driver, made = driven(Recorder, report=events.append)

    def run() -> None:
        with driver:
            driver.write(masks_of(0))
            raise KeyError

    with pytest.raises(KeyError):
        run()
    assert made[0].ended is KeyError
    assert not [event for event in events if isinstance(event, Saved)]


def test_full_size_is_made_once_for_all_outputs(monkeypatch):
    calls: list[int] = []
    resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda *given, **more: calls.append(1) or resize(*given, **more))
    whole = masks_of(0)
    part = whole.of([1])
    np.testing.assert_array_equal(part.masks, whole.masks[[1]])
    assert part.alphas.shape == (1, 8, 8)
    assert len(calls) == 4  # two steps for each of two objects
