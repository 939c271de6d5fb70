"""Clocks that step back, leap and stumble; times that are held; ends that are missing."""

import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import SIZE, make_animation, make_front_index, make_video, number_of, picture, truncate
from PIL import Image

from sa2va_cli.media.reader import Reader, Selection, open_source
from sa2va_cli.media.sound import SoundSource
from sa2va_cli.media.tail import missing_bytes
from sa2va_cli.media.writer import VideoWriter

RATE = Fraction(25)
Change = Callable[[int], int]


def rewritten(source: Path, target: Path, change: Change) -> Path:
    """An FLV file whose clock was changed: each time in milliseconds by a function."""
    data = bytearray(source.read_bytes())
    place = 13
    while place + 11 < len(data):
        size = int.from_bytes(data[place + 1 : place + 4], "big")
        time = int.from_bytes(data[place + 4 : place + 7], "big")
        if data[place] in (8, 9) and data[place + 12] != 0:  # not what configures a decoder
            data[place + 4 : place + 7] = max(0, change(time)).to_bytes(3, "big")
        place += 11 + size + 4
    target.write_bytes(data)
    return target


def joined(
    folder: Path, *, b_frames: int, starts: tuple[int, ...], suffix: str = ".ts", sound: bool = False
) -> Path:
    """Pieces of ten frames, each with a clock that begins at its own frame."""
    codec = {"codec": "mpeg2video"} if suffix == ".mpg" else {}
    parts = [
        make_video(
            folder / f"{k}{suffix}",
            stamps=range(start, start + 10),
            start_numbers=10 * k,
            options={"g": "5", "bf": str(b_frames)},
            sound="mp2" if sound else None,
            **codec,
        )
        for k, start in enumerate(starts)
    ]
    path = folder / f"joined{suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def assert_whole(reader: Reader, count: int) -> list[Fraction]:
    """Every frame once, in order, at rising times; returns the steps in seconds."""
    frames = list(reader)
    assert [number_of(frame.image) for frame in frames] == list(range(count))
    assert [frame.index for frame in frames] == list(range(count))
    assert not any("damaged" in warning for warning in reader.warnings)
    times = [frame.pts * frame.time_base for frame in frames]
    steps = [b - a for a, b in pairwise(times)]
    assert min(steps) > 0
    return steps


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize(
    "starts", [(0, 0, 0), (100, 0), (0, 7), (0, 5), (0, 2000)], ids=["zero", "back", "near", "half", "leap"]
)
def test_joined_pieces_follow_each_other(tmp_path: Path, starts: tuple[int, ...], b_frames: int) -> None:
    reader = open_source(joined(tmp_path, b_frames=b_frames, starts=starts))
    assert set(assert_whole(reader, 10 * len(starts))) == {1 / RATE}
    assert any("jump" in warning for warning in reader.warnings)


def test_program_streams_that_were_joined_are_read(tmp_path: Path) -> None:
    reader = open_source(joined(tmp_path, b_frames=2, starts=(0, 0), suffix=".mpg"))
    assert set(assert_whole(reader, 20)) == {1 / RATE}


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        (lambda t: t - 10 if t > 600 else t, {0.04}),
        (lambda t: t - 100 if t >= 600 else t, {0.04}),
        (lambda t: t - 600 if t >= 600 else t, {0.04}),
        (lambda t: t % 400, {0.04}),
        (lambda t: t - 200 if t == 600 else t, {0.04}),
        (lambda t: t - 30 if t == 600 else t, None),
    ],
    ids=["a little", "some frames", "to zero", "again and again", "one frame", "one frame a little"],
)
@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_clock_that_steps_back_is_made_to_rise(
    tmp_path: Path, change: Change, steps: set[float] | None, b_frames: int
) -> None:
    plain = make_video(tmp_path / "plain.flv", stamps=range(32), options={"g": "4", "bf": str(b_frames)})
    path = rewritten(plain, tmp_path / "a.flv", change)
    got = assert_whole(open_source(path), 32)
    assert sum(got) == pytest.approx(31 * 0.04, abs=0.04), "nothing is stretched"
    if steps is not None and 0.03 not in [round(float(step), 3) for step in got]:
        assert {round(float(step), 3) for step in got} <= steps


def test_frames_keep_their_order_where_a_clock_steps_back_among_frames_stored_out_of_order(
    tmp_path: Path,
) -> None:
    plain = make_video(tmp_path / "plain.flv", stamps=range(32), options={"g": "8", "bf": "3"})
    path = rewritten(plain, tmp_path / "a.flv", lambda t: t - 60 if t >= 400 else t)
    assert_whole(open_source(path), 32)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg, which writes such files, is not here")
def test_joined_ogg_files_are_read_without_the_headers_between_them(tmp_path: Path) -> None:
    part, path = tmp_path / "a.ogv", tmp_path / "joined.ogv"
    plain = make_video(tmp_path / "plain.mkv", stamps=range(5))
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", plain, "-c:v", "libtheora", "-q:v", "9", part]
    subprocess.run(command, check=True)
    path.write_bytes(2 * part.read_bytes())
    reader = open_source(path)
    assert len(list(reader)) == reader.info.frames == 10
    assert not any("damaged" in warning for warning in reader.warnings)


@pytest.mark.parametrize("suffix", [".flv", ".mp4"])
def test_a_second_recording_that_ffmpeg_does_not_read_is_told(tmp_path: Path, suffix: str) -> None:
    part = make_video(tmp_path / f"a{suffix}", stamps=range(5), options={"bf": "0"})
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(2 * part.read_bytes())
    assert open_source(part).warnings == []
    assert any("another recording is joined" in warning for warning in open_source(path).warnings)


def test_single_frames_of_joined_pieces_are_those_of_the_whole_pass(tmp_path: Path) -> None:
    reader = open_source(joined(tmp_path, b_frames=2, starts=(0, 0)))
    found = reader.frames_at([3, 12, 19])
    assert [number_of(frame.image) for frame in found] == [3, 12, 19]


def test_the_sound_of_joined_pieces_stays_in_step(tmp_path: Path) -> None:
    path = joined(tmp_path, b_frames=2, starts=(0, 0, 0), sound=True)
    reader = open_source(path)
    out = tmp_path / "out.mp4"
    start, end = reader.audio_range
    with VideoWriter(
        out, size=SIZE, rate=reader.rate, time_base=reader.info.time_base,
        sound=SoundSource(path, start, end, reader.info.clock_offsets),
    ) as writer:  # fmt: skip
        for frame in reader:
            writer.write(frame.image, frame.pts, frame.time_base)
    assert writer.warnings == []
    with av.open(str(out)) as container:
        times = [frame.time for frame in container.decode(audio=0)]
    assert times[-1] == pytest.approx(1.2, abs=0.06)
    assert np.diff(times).max() < 0.06


def held(path: Path, seconds: float, codec: str = "libx264", b_frames: int = 0) -> Path:
    """Frames of 1/30 s in milliseconds, a pause in the middle, and a last one that is held."""
    times = [0, 33, 67, 100, 133, 1000, 1033, 1067, 1100, 1133]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=30, options={"bf": str(b_frames)})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.flags |= av.codec.context.Flags.frame_duration
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            frame.duration = times[number + 1] - time if number < 9 else round(1000 * seconds)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def copied(source: Path, target: Path, selection: Selection | None = None) -> float:
    """Writes a source's pictures as they are shown; returns how long the result is shown."""
    reader = open_source(source, selection or Selection())
    with VideoWriter(target, size=reader.info.size, rate=reader.rate, time_base=reader.info.time_base) as out:
        for frame in reader:
            out.write(frame.image, frame.pts, frame.time_base, shown_for=frame.shown_for)
    return open_source(target).info.duration_seconds


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("seconds", [2, 0.5, 30])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_last_frame_that_is_held_is_held_in_the_output(
    tmp_path: Path, suffix: str, seconds: float, b_frames: int
) -> None:
    path = held(tmp_path / f"a{suffix}", seconds, b_frames=b_frames)
    assert open_source(path).info.duration_seconds == pytest.approx(1.1333 + seconds, abs=0.002)
    for out in (".mp4", ".mkv"):
        assert copied(path, tmp_path / f"out{out}") == pytest.approx(1.1333 + seconds, abs=0.002)


def test_a_gif_whose_last_picture_is_held_keeps_it(tmp_path: Path) -> None:
    images = [Image.fromarray(picture(number)) for number in range(3)]
    path = tmp_path / "a.gif"
    images[0].save(path, save_all=True, append_images=images[1:], duration=[100, 100, 3000], loop=0)
    assert open_source(path).info.duration_seconds == pytest.approx(3.2)
    assert copied(path, tmp_path / "out.mp4") == pytest.approx(3.2)


def test_the_last_frame_of_a_range_is_shown_until_the_next_one(tmp_path: Path) -> None:
    path = held(tmp_path / "a.mp4", 2)
    assert copied(path, tmp_path / "out.mp4", Selection(end_frame=5)) == pytest.approx(1.0, abs=0.002)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)])
@pytest.mark.parametrize("suffix", [".mkv", ".flv", ".webm", ".ts"])
def test_rounded_times_are_written_exactly(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    source = make_video(tmp_path / f"a{suffix}", stamps=range(40), time_base=1 / rate, codec=codec)
    reader = open_source(source)
    assert reader.info.rate == rate
    assert reader.info.constant_rate
    out = tmp_path / "out.mp4"
    copied(source, out)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        stamps = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        assert stream.average_rate == rate
        assert {(b - a) * stream.time_base for a, b in pairwise(stamps)} == {1 / rate}
        assert stream.duration * stream.time_base == 40 / rate


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg, which writes such files, is not here")
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_the_aspect_of_the_container_counts(tmp_path: Path, suffix: str) -> None:
    square = make_video(tmp_path / "square.mp4", aspect=Fraction(1))
    path = tmp_path / f"a{suffix}"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", square, "-c", "copy", "-aspect", "1:1", path]
    subprocess.run(command, check=True)
    assert open_source(path).info.sample_aspect_ratio == Fraction(3, 4)


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: make_front_index(folder / "a.mp4", stamps=range(60)),
        lambda folder: make_video(folder / "a.mkv", stamps=range(60)),
        lambda folder: make_video(folder / "a.mkv", stamps=range(60), sound="aac"),
        lambda folder: make_video(folder / "a.webm", codec="libvpx", stamps=range(32)),
        lambda folder: make_video(folder / "a.avi", codec="mpeg4", stamps=range(60)),
    ],
    ids=["mp4", "mkv", "mkv with sound", "webm", "avi"],
)
def test_a_missing_end_is_told_before_anything_is_decoded(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    assert missing_bytes(path) == 0
    assert open_source(path).warnings == []
    length = path.stat().st_size
    truncate(path, 0.7)
    assert missing_bytes(path) == length - path.stat().st_size
    assert any("ends early" in text or "damaged" in text for text in open_source(path).warnings)


def test_files_without_a_structure_miss_nothing(tmp_path: Path) -> None:
    for name in ("a.ts", "a.gif"):
        path = make_animation(tmp_path / name) if name == "a.gif" else make_video(tmp_path / name)
        assert missing_bytes(path) == 0
    (tmp_path / "short").write_bytes(b"\x1a\x45")
    assert missing_bytes(tmp_path / "short") == 0


def test_side_data_without_a_name_does_not_hide_the_rotation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stills = []
    for number in range(3):
        Image.fromarray(picture(number)).save(tmp_path / "still.jpg", exif=exif, quality=95)
        stills.append((tmp_path / "still.jpg").read_bytes())
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_mux_stream("mjpeg", rate=25, width=SIZE[0], height=SIZE[1])
        for number, data in enumerate(stills):
            packet = av.Packet(data)
            packet.pts = packet.dts = 40 * number
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 1000), stream, True
            container.mux(packet)
    reader = open_source(path)
    assert reader.info.size == SIZE[::-1]
    assert [number_of(np.rot90(frame.image, 1)) for frame in reader] == [0, 1, 2]
