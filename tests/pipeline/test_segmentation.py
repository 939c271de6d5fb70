import threading
from pathlib import Path

import pytest
from clips import make_video
from fakes import FakeSegmenter, load_fake

from sa2va_cli.errors import NothingFoundError, OutOfMemoryError
from sa2va_cli.pipeline.device import Placement
from sa2va_cli.pipeline.job import Notice, Progress, Saved, Search, SegmentJob
from sa2va_cli.pipeline.loading import memory_errors_explained
from sa2va_cli.pipeline.segmentation import planned, segment


def job(source: Path, *prompts: str, **more):
    return SegmentJob(str(source), Search(prompts or ("red",)), output=f"{source.parent}/out/", **more)


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


def test_all_prompts_share_one_pass(tmp_path):
    segmenter = FakeSegmenter()
    result = segment(job(make_video(tmp_path / "a.mp4"), "red", "blue", "red"), load=lambda *_: segmenter)
    assert [found.prompt for found in result.objects] == ["red", "blue"]
    assert segmenter.stepped == list(range(20))


def test_planning_does_not_load_or_write(tmp_path):
    with planned(job(make_video(tmp_path / "a.mp4"))) as (_, plan):
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
        pytest.raises(OutOfMemoryError, match="--device cpu"),
        memory_errors_explained("4b", Placement("cuda", "bf16")),
    ):
        raise error


def test_other_errors_pass_through():
    with (
        pytest.raises(RuntimeError, match="shapes"),
        memory_errors_explained("4b", Placement("cuda", "bf16")),
    ):
        raise RuntimeError("shapes do not fit")
