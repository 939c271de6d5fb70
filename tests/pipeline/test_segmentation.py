import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import make_video
from fakes import FakeSegmenter, load_fake

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import InputError, NothingFoundError, OutOfMemoryError
from sa2va_cli.events import Notice, Progress, Saved
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.finding import find, follow
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.planning import planned
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.runtime.device import Placement
from sa2va_cli.runtime.loading import memory_errors_explained


def saving(folder: Path) -> Saving:
    return Saving(output=f"{folder}/out/")


def job(source: Path, *prompts: str, **more):
    return SegmentJob(str(source), Search(prompts or ("red",)), saving=saving(source.parent), **more)


def test_progress_goes_up_and_ends_with_what_was_saved(tmp_path):
    events: list[object] = []
    result = segment(job(make_video(tmp_path / "a.mp4")), load=load_fake, report=events.append)
    counts = [event.done for event in events if isinstance(event, Progress) and event.done]
    assert counts == list(range(1, 21))
    assert {event.path for event in events if isinstance(event, Saved)} == set(result.files)
    assert any(isinstance(event, Notice) and "using device" in event.text for event in events)


def test_every_frame_is_stepped_once_and_in_order(tmp_path):
    segmenter = FakeSegmenter()
    segment(job(make_video(tmp_path / "a.mp4")), load=lambda *_: segmenter)
    assert segmenter.stepped == list(range(20))


def test_frames_are_prepared_as_many_at_once_as_the_segmenter_wants(tmp_path):
    segmenter = FakeSegmenter(ahead=4)
    search = Search(("red",), max_frames=10)
    result = segment(
        SegmentJob(str(make_video(tmp_path / "a.mp4")), search, saving=saving(tmp_path)),
        load=lambda *_: segmenter,
    )
    assert segmenter.prepared == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert segmenter.stepped == list(range(10))
    assert (result.frames, segmenter.expected) == (10, 10)


@pytest.mark.parametrize("ahead", [0, 1, 4])
def test_frames_before_a_broken_one_are_followed(ahead):
    segmenter = FakeSegmenter(ahead)
    pictures = [Frame(index, index, Fraction(1, 24), np.full((8, 8, 3), 9, np.uint8)) for index in range(6)]

    def frames():
        yield from pictures
        raise InputError("broken")

    session = segmenter.open()
    findings = find(session, pictures[:1], Search(("red",)))
    with pytest.raises(InputError, match="broken"):
        list(follow(session, frames(), findings))
    assert segmenter.stepped == list(range(6))


@pytest.mark.parametrize("ahead", [0, 4])
def test_no_thread_is_left_where_following_is_given_up(ahead):
    segmenter = FakeSegmenter(ahead)
    picture = np.full((8, 8, 3), 9, np.uint8)
    frames = (Frame(index, index, Fraction(1, 24), picture) for index in range(10_000))
    session = segmenter.open()
    findings = find(session, [Frame(0, 0, Fraction(1, 24), picture)], Search(("red",)))
    followed = follow(session, frames, findings)
    next(followed)
    followed.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sa2va-")]
    assert sum(map(len, segmenter.prepared)) <= 16  # bounded: what is followed, what waits, what is made


def test_all_prompts_share_one_pass(tmp_path):
    segmenter = FakeSegmenter()
    result = segment(job(make_video(tmp_path / "a.mp4"), "red", "blue", "red"), load=lambda *_: segmenter)
    assert [(found.prompt_id, found.prompt, found.label) for found in result.objects] == [
        (1, "red", "red"),
        (2, "blue", "blue"),
        (3, "red", "red #2"),
    ]
    assert segmenter.stepped == list(range(20))


def test_planning_does_not_load_or_write(tmp_path):
    with planned(job(make_video(tmp_path / "a.mp4"))) as plan:
        assert plan.keyframes == (0, 4, 9, 14, 19)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_nothing_found_leaves_no_threads(tmp_path):
    with pytest.raises(NothingFoundError):
        segment(job(make_video(tmp_path / "a.mp4"), "green"), load=load_fake)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sa2va-")]


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")],
)
def test_every_way_of_running_out_of_memory_is_one_error(error):
    with (
        pytest.raises(OutOfMemoryError, match="device='cpu'"),
        memory_errors_explained("4b", Placement("cuda", "bf16")),
    ):
        raise error


def test_other_errors_pass_through():
    with (
        pytest.raises(RuntimeError, match="shapes"),
        memory_errors_explained("4b", Placement("cuda", "bf16")),
    ):
        raise RuntimeError("shapes do not fit")


def test_advice_on_memory_names_an_option_that_the_command_has():
    with (
        pytest.raises(OutOfMemoryError, match="fewer frames"),
        memory_errors_explained("4b", Placement("cuda", "bf16"), "frames"),
    ):
        raise MemoryError
