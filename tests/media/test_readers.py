"""One contract for every kind of input: each is read through the same cases."""

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import SIZE, VFR, make_animation, make_folder, make_image, make_video, number_of

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import UsageError
from sa2va_cli.media.probe import probe
from sa2va_cli.media.reader import Reader, Selection, open_source

B_FRAMES = {"g": "6", "bf": "2"}
OPEN_GOP = {"g": "6", "bf": "3", "x264-params": "open-gop=1:b-pyramid=normal:scenecut=0"}
NTSC = Fraction(1001, 30000)

KINDS: dict[str, Callable[[Path], Path]] = {
    "mp4": lambda folder: make_video(folder / "a.mp4", options=B_FRAMES),
    "mp4 open gop": lambda folder: make_video(folder / "a.mp4", options=OPEN_GOP),
    "mp4 uneven times": lambda folder: make_video(
        folder / "a.mp4", stamps=[1001 * k for k in VFR], time_base=Fraction(1, 30000), options=B_FRAMES
    ),
    "mp4 late start": lambda folder: make_video(folder / "a.mp4", stamps=range(40, 60), sound="aac"),
    "mkv open gop": lambda folder: make_video(folder / "a.mkv", time_base=NTSC, options=OPEN_GOP),
    "mkv uneven times": lambda folder: make_video(folder / "a.mkv", stamps=VFR, options=B_FRAMES),
    "ts open gop": lambda folder: make_video(folder / "a.ts", options=OPEN_GOP, sound="aac"),
    "ts mpeg2": lambda folder: make_video(folder / "a.ts", codec="mpeg2video", options=B_FRAMES),
    "webm vp9": lambda folder: make_video(
        folder / "a.webm", codec="libvpx-vp9", options={"g": "6", "cpu-used": "8", "deadline": "realtime"}
    ),
    "webm vp8 hidden frames": lambda folder: make_video(
        folder / "a.webm",
        codec="libvpx",
        options={"g": "10", "auto-alt-ref": "1", "lag-in-frames": "8", "cpu-used": "4"},
    ),
    "mov prores": lambda folder: make_video(folder / "a.mov", codec="prores_ks", pixel_format="yuv422p10le"),
    "hevc": lambda folder: make_video(
        folder / "a.mp4",
        codec="libx265",
        options={"x265-params": "log-level=none:keyint=6:bframes=3:open-gop=1"},
    ),
    "avi h264 b-frames": lambda folder: make_video(folder / "a.avi", options=B_FRAMES),
    "avi mpeg4": lambda folder: make_video(folder / "a.avi", codec="mpeg4"),
    "raw h264": lambda folder: make_video(folder / "a.h264", options=B_FRAMES),
    "gif": lambda folder: make_animation(folder / "a.gif"),
    "animated png": lambda folder: make_animation(folder / "a.png"),
    "animated webp": lambda folder: make_animation(folder / "a.webp"),
    "folder of png": lambda folder: make_folder(folder / "shot"),
    "folder of jpeg": lambda folder: make_folder(folder / "shot", suffix=".jpg"),
    "pattern": lambda folder: make_folder(folder / "shot") / "frame*.png",
    "numbered pattern": lambda folder: make_folder(folder / "shot") / "frame%d.png",
    "image": lambda folder: make_image(folder / "still.png"),
}


@pytest.fixture(scope="module", params=KINDS, ids=lambda name: name.replace(" ", "-"))
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return KINDS[request.param](tmp_path_factory.mktemp("kind"))


@pytest.fixture(scope="module")
def frames(source: Path) -> list[Frame]:
    with open_source(source) as reader:
        return list(reader)


def test_every_frame_comes_once_in_order_and_upright(source: Path, frames: list[Frame]) -> None:
    reader = open_source(source)
    assert reader.count_selected() == reader.info.frames == len(frames)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(a.pts < b.pts for a, b in pairwise(frames))
    first = 5 if reader.info.kind == "image" else 0
    assert [number_of(frame.image) for frame in frames] == list(range(first, first + len(frames)))
    assert {frame.size for frame in frames} == {reader.info.size} == {SIZE}
    assert {frame.time_base for frame in frames} == {reader.info.time_base}
    assert reader.warnings == []


def test_probing_agrees_with_reading(source: Path, frames: list[Frame]) -> None:
    info = probe(source)
    assert info.frames == len(frames)
    assert info.kind == ("image" if len(frames) == 1 else "frames" if frames[0].name else "video")
    assert info.names == (tuple(frame.name for frame in frames) if info.kind == "frames" else ())
    shown = float((frames[-1].pts - frames[0].pts) * info.time_base)
    assert shown < info.duration_seconds < shown + 0.2
    assert float(info.rate) == pytest.approx(info.frames / info.duration_seconds, rel=0.01)


def test_iterating_again_begins_anew(source: Path, frames: list[Frame]) -> None:
    with open_source(source) as reader:
        next(iter(reader))
        _assert_same(list(reader), frames)


def test_single_frames_are_those_of_the_whole_pass(source: Path, frames: list[Frame]) -> None:
    wanted = random.Random(1).sample(range(len(frames)), min(7, len(frames)))
    wanted += [wanted[0], len(frames) - 1]
    _assert_same(open_source(source).frames_at(wanted), [frames[index] for index in wanted])
    for index in (0, len(frames) // 2, len(frames) - 1):
        _assert_same(open_source(source).frames_at([index]), [frames[index]])


def test_a_range_by_frame_numbers(source: Path, frames: list[Frame]) -> None:
    selections = [(7, None, 1, None), (0, 5, 2, None), (3, 11, 3, None), (8, 11, 1, 2)]
    for start, end, every, most in selections if len(frames) > 1 else [(0, None, 1, 1)]:
        reader = open_source(
            source, Selection(start_frame=start, end_frame=end, every=every, max_frames=most)
        )
        expected = frames[start:end:every][:most]
        assert reader.count_selected() == len(expected)
        _assert_same(list(reader), expected, renumbered=True)
        _assert_same(reader.frames_at([len(expected) - 1]), expected[-1:])


def test_a_range_by_times_is_exact(source: Path, frames: list[Frame]) -> None:
    times = [(frame.pts - frames[0].pts) * frame.time_base for frame in frames]
    start, end = len(frames) // 3, len(frames) * 2 // 3
    if len(frames) > 1:
        reader = open_source(source, Selection(start=times[start], end=times[end]))
        _assert_same(list(reader), frames[start:end], renumbered=True)
        just_after = open_source(source, Selection(start=times[start] + Fraction(1, 10**6)))
        assert next(iter(just_after)).pts == frames[start + 1].pts


def test_a_range_without_frames_is_refused(source: Path, frames: list[Frame]) -> None:
    with pytest.raises(UsageError, match="holds no frame"):
        open_source(source, Selection(start_frame=len(frames)))
    with pytest.raises(UsageError, match="holds no frame"):
        open_source(source, Selection(start=Fraction(3600)))


def test_an_abandoned_pass_lets_go_of_the_file(source: Path) -> None:
    reader: Reader = open_source(source)
    for _ in range(3):
        frames = iter(reader)
        next(frames)
        frames.close()  # type: ignore[attr-defined]


def _assert_same(got: list[Frame], expected: list[Frame], *, renumbered: bool = False) -> None:
    assert [frame.pts for frame in got] == [frame.pts for frame in expected]
    assert [frame.name for frame in got] == [frame.name for frame in expected]
    if renumbered:
        assert [frame.index for frame in got] == list(range(len(expected)))
    for a, b in zip(got, expected, strict=True):
        assert np.array_equal(a.image, b.image)
