"""Streams, interlaced frames and timecodes, from the command line to the files."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from clips import SIZE, make_image, make_video, picture

from sa2va_cli.media.reader import open_source


def make_two_streams(path: Path, sizes: tuple[tuple[int, int], ...] = (SIZE, (32, 32))) -> Path:
    """Two videos of unlike size in one file."""
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        for size in sizes:
            stream: Any = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            streams.append((stream, size))
        for number in range(6):
            for stream, size in streams:
                frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
                container.mux(stream.encode(frame))
        for stream, _ in streams:
            container.mux(stream.encode(None))
    return path


def make_with_timecode(path: Path, timecode: str, rate: Fraction = Fraction(25), count: int = 20) -> Path:
    """A MOV file whose first frame has a name."""
    with av.open(str(path), "w") as container:
        container.metadata["timecode"] = timecode
        stream: Any = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_stream_chooses_a_video_of_the_file_and_render_finds_it_again(sa2va, folder):
    make_two_streams(folder / "two.mkv")
    outcome = sa2va("segment", "two.mkv", "red", "--stream", 1, "--save", "mask,tracks", "--allow-empty")
    assert outcome.code == 0, outcome.err
    assert open_source(folder / "two.mask.mp4").info.size == (32, 32)
    outcome = sa2va("render", "two.tracks.sa2va", "--save", "overlay", "--allow-empty")
    assert outcome.code == 0, outcome.err
    assert open_source(folder / "two.overlay.mp4").info.size == (32, 32)


@pytest.mark.parametrize(("name", "said"), [("two.mkv", "choose from 0, 1"), ("a.png", "leave out --stream")])
def test_a_stream_that_is_not_there_is_refused(sa2va, folder, name, said):
    make_two_streams(folder / "two.mkv")
    make_image(folder / "a.png")
    outcome = sa2va("segment", name, "red", "--stream", 7)
    assert outcome.code == 3
    assert said in outcome.err


def test_deinterlace_makes_frames_whole_and_is_kept_in_tracks(sa2va, folder):
    make_video(folder / "i.mp4", options={"x264-params": "tff=1"})
    assert "not deinterlaced" in sa2va("segment", "i.mp4", "red").err
    outcome = sa2va("segment", "i.mp4", "red", "--deinterlace", "--save", "tracks")
    assert outcome.code == 0, outcome.err
    assert "not deinterlaced" not in outcome.err
    settings = json.loads(sa2va("tracks", "info", "i.tracks.sa2va", "--json").out)["settings"]
    assert settings["deinterlace"] is True
    rendered = sa2va("render", "i.tracks.sa2va", "--save", "matte")
    assert rendered.code == 0, rendered.err
    assert "not deinterlaced" not in rendered.err


@pytest.mark.parametrize(
    ("own", "rate", "start", "end", "wanted"),
    [
        ("01:00:00:00", Fraction(25), "01:00:00:05", "01:00:00:08", [5, 6, 7]),
        (None, Fraction(25), "00:00:00:05", "00:00:00:08", [5, 6, 7]),
        ("00:59:59;25", Fraction(30000, 1001), "00:59:59;28", "01:00:00;01", [3, 4, 5]),
        ("00:59:59;25", Fraction(30000, 1001), "00:59:59:28", "01:00:00:01", [3, 4, 5]),
        ("00:00:59;28", Fraction(30000, 1001), "00:01:00;02", "00:01:00;04", [2, 3]),
    ],
)
def test_timecode_positions_count_from_the_files_own(sa2va, folder, own, rate, start, end, wanted):
    if own is None:
        make_video(folder / "a.mov")
    else:
        make_with_timecode(folder / "a.mov", own, rate)
    outcome = sa2va("segment", "a.mov", "red", "--start", start, "--end", end, "--save", "tracks")
    assert outcome.code == 0, outcome.err
    lines = sa2va("tracks", "cat", "a.tracks.sa2va").out.splitlines()
    assert [json.loads(line)["source_frame"] for line in lines] == wanted
    assert ("the file's own" if own else "counted from zero") in outcome.err
    assert sa2va("render", "a.tracks.sa2va", "--save", "mask").code == 0


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("00:00:00:05", "before the file's first timecode, 01:00:00:00"),
        ("01:00:00:25", "there are 25 frames in a second"),
        ("01:00:09:00", "holds no frame"),
    ],
)
def test_a_timecode_that_is_not_in_the_file_is_refused(sa2va, folder, start, said):
    make_with_timecode(folder / "a.mov", "01:00:00:00")
    outcome = sa2va("segment", "a.mov", "red", "--start", start)
    assert outcome.code == 2
    assert said in outcome.err
