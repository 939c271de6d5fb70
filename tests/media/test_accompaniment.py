"""What comes with a video: sound of every kind, subtitles, chapters, timecode, titles."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import SIZE, make_video, picture

from sa2va_cli.errors import UsageError
from sa2va_cli.media.metadata import Chapter, Metadata
from sa2va_cli.media.reader import Selection, open_source
from sa2va_cli.media.sound import SoundSource
from sa2va_cli.media.writer import VideoWriter

RATE = Fraction(24)


def make_camera(path: Path, *, frames: int = 24, codec: str = "prores_ks") -> Path:
    """What a camera writes: timecode, two sound tracks with languages, chapters, title and date."""
    pixel_format = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    with av.open(str(path), "w") as container:
        container.metadata.update(
            {"title": "Shot 42", "creation_time": "2024-05-06T07:08:09Z", "timecode": "10:11:12:13"}
        )
        base = Fraction(1, 1000)
        container.set_chapters(
            [
                {"id": 0, "start": 0, "end": 500, "time_base": base, "metadata": {"title": "one"}},
                {"id": 1, "start": 500, "end": 1000, "time_base": base, "metadata": {"title": "two"}},
            ]
        )
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        tracks = [container.add_stream("pcm_s16le", rate=48000) for _ in range(2)]
        for track, language in zip(tracks, ("eng", "fra"), strict=True):
            track.layout = "mono"
            track.metadata["language"] = language
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, 1 / RATE
            container.mux(stream.encode(frame))
            for track in tracks:
                sound = av.AudioFrame.from_ndarray(
                    np.full((1, 2000), 100, np.int16), format="s16", layout="mono"
                )
                sound.sample_rate, sound.pts, sound.time_base = 48000, 2000 * number, Fraction(1, 48000)
                container.mux(track.encode(sound))
        for open_stream in (stream, *tracks):
            container.mux(open_stream.encode(None))
    return path


def copied(source: Path, target: Path, selection: Selection | None = None) -> list[str]:
    """Writes a selection as a mask would be written; returns the writer's warnings."""
    reader = open_source(source, selection or Selection())
    start, end = reader.audio_range
    codec = {".webm": "vp9_gray", ".avi": "ffv1_gray"}.get(target.suffix, "gray")
    with VideoWriter(
        target, size=reader.info.size, rate=reader.rate, time_base=reader.info.time_base, codec=codec,
        sound=SoundSource(source, start, end, reader.info.clock_offsets), metadata=reader.metadata,
    ) as writer:  # fmt: skip
        for frame in reader:
            writer.write(frame.image[..., 1], frame.pts, frame.time_base, shown_for=frame.shown_for)
    return writer.warnings


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
@pytest.mark.parametrize(("first", "timecode"), [(0, "10:11:12:13"), (12, "10:11:13:01")])
def test_timecode_follows_the_beginning(tmp_path: Path, suffix: str, first: int, timecode: str) -> None:
    out = tmp_path / f"out{suffix}"
    assert copied(make_camera(tmp_path / "a.mov"), out, Selection(start_frame=first)) == []
    info = open_source(out).info
    assert info.metadata.timecode == timecode
    assert dict(info.metadata.texts)["title"] == "Shot 42"
    assert dict(info.metadata.texts)["creation_time"].startswith("2024-05-06T07:08:09")


def test_chapters_are_cut_to_the_range(tmp_path: Path) -> None:
    out = tmp_path / "out.mov"
    copied(make_camera(tmp_path / "a.mov"), out, Selection(start_frame=6, end_frame=18))
    assert open_source(out).info.metadata.chapters == (
        Chapter(Fraction(0), Fraction(1, 4), "one"),
        Chapter(Fraction(1, 4), Fraction(1, 2), "two"),
    )


def test_every_sound_track_is_kept_with_its_language(tmp_path: Path) -> None:
    out = tmp_path / "out.mov"
    copied(make_camera(tmp_path / "a.mov"), out)
    with av.open(str(out)) as container:
        tracks = container.streams.audio
        assert [track.metadata["language"] for track in tracks] == ["eng", "fra"]
        assert [track.codec_context.name for track in tracks] == ["pcm_s16le"] * 2


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg, which writes subtitles, is not here")
@pytest.mark.parametrize(
    ("source", "codec", "target", "kept"),
    [
        ("a.mov", "mov_text", "out.mp4", True),
        ("a.mov", "mov_text", "out.mkv", True),
        ("a.mkv", "srt", "out.mkv", True),
        ("a.mkv", "ass", "out.mkv", True),
        ("a.mkv", "srt", "out.mov", True),
        ("a.mkv", "ass", "out.mp4", True),
        ("a.mkv", "srt", "out.webm", True),
        ("a.mkv", "srt", "out.avi", False),
    ],
)
def test_subtitles_are_carried_as_the_container_can(
    tmp_path: Path, source: str, codec: str, target: str, *, kept: bool
) -> None:
    texts = tmp_path / "texts.srt"
    texts.write_text(
        "1\n00:00:00,100 --> 00:00:00,800\n<i>hello</i> é\n\n2\n00:00:00,900 --> 00:00:01,000\nbye\n"
    )
    plain = make_video(tmp_path / "plain.mp4", stamps=range(25))
    path = tmp_path / source
    command = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-i",
        plain,
        "-i",
        texts,
        "-c:v",
        "copy",
        "-c:s",
        codec,
        path,
    ]
    subprocess.run(command, check=True)
    out = tmp_path / target
    warnings = copied(path, out, Selection(start=Fraction(1, 2)))
    with av.open(str(out)) as container:
        if not kept:
            assert "subtitle track 1" in warnings[0]
            assert not container.streams.subtitles
            return
        assert warnings == []
        shown = [packet for packet in container.demux(subtitles=0) if packet.size > 2]
        assert b"hello" in bytes(shown[0])
        if codec != "mov_text" and target != "out.mkv":
            assert bytes(shown[0])[2 if target != "out.webm" else 0 :].decode() == "hello é"
        assert shown[0].pts == 0
        assert shown[0].duration * shown[0].time_base == pytest.approx(Fraction(3, 10), abs=0.02)
        assert shown[1].pts * shown[1].time_base == pytest.approx(Fraction(2, 5), abs=0.02)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg, which writes subtitles, is not here")
def test_what_is_stripped_has_neither_subtitles_nor_titles(tmp_path: Path) -> None:
    place = tmp_path / "place.srt"
    place.write_text("1\n00:00:00,100 --> 00:00:00,800\nGPS (47.1, 8.5, 12)\n")
    camera, path = make_camera(tmp_path / "a.mov"), tmp_path / "a.mkv"
    told = ["-metadata:s:a:0", "title=Ann", "-map", "0", "-map", "1", "-c:v", "copy", "-c:s", "srt"]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", camera, "-i", place, *told, "-dn", "-y", path]
    subprocess.run(command, check=True)
    out = tmp_path / "out.mkv"
    reader = open_source(path, Selection())
    with VideoWriter(
        out,
        size=reader.info.size,
        rate=reader.rate,
        time_base=reader.info.time_base,
        sound=SoundSource(path, strip=True),
    ) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts, frame.time_base)
    assert [text for text in writer.warnings if "subtitle track 1" in text and "places" in text]
    with av.open(str(out)) as container:
        assert not container.streams.subtitles
        assert len(container.streams.audio) == 2
        assert "title" not in container.streams.audio[0].metadata
    assert b"GPS" not in out.read_bytes()
    assert b"Ann" not in out.read_bytes()


def test_timecode_is_the_same_at_few_frames_per_second(tmp_path: Path) -> None:
    out = tmp_path / "out.mov"
    assert copied(make_camera(tmp_path / "a.mov"), out, Selection(every=3)) == []
    reader = open_source(tmp_path / "a.mov", Selection(every=3))
    assert reader.rate <= 10
    assert open_source(out).info.metadata.timecode == reader.metadata.timecode == "10:11:12:04"


def test_a_timecode_that_its_rate_does_not_allow_is_left_out() -> None:
    said = Metadata(timecode="10:11:12:13").cut(
        Fraction(0), None, frames=0, rate=Fraction(10), to=Fraction(10)
    )
    assert said.timecode is None
    slower = Metadata(timecode="10:11:12:13").cut(
        Fraction(0), None, frames=12, rate=Fraction(24), to=Fraction(12)
    )
    assert slower.timecode == "10:11:13:00"


LAYOUTS = {4: "4.0", 6: "5.1", 8: "7.1", 10: "5.1.4", 12: "7.1.4", 24: "22.2"}


def make_many_channels(path: Path, channels: int, codec: str = "pcm_s16le") -> Path:
    """A clip with so many channels of sound, each a level of its own."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        track: Any = container.add_stream(codec, rate=48000)
        track.codec_context.layout = LAYOUTS.get(channels, f"{channels}C")
        levels = np.repeat(np.arange(1, channels + 1, dtype=np.int16) * 500, 1)
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, 1 / RATE
            container.mux(stream.encode(frame))
            sound = av.AudioFrame("s16", track.codec_context.layout.name, 2000)
            sound.planes[0].update(np.tile(levels, 2000).tobytes())
            sound.sample_rate, sound.pts, sound.time_base = 48000, 2000 * number, Fraction(1, 48000)
            container.mux(track.encode(sound))
        container.mux(stream.encode(None))
        container.mux(track.encode(None))
    return path


@pytest.mark.parametrize("channels", [4, 6, 8, 9, 10, 12, 24])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_any_number_of_channels_gives_masks(tmp_path: Path, channels: int, suffix: str) -> None:
    source = make_many_channels(tmp_path / "a.mov", channels)
    out = tmp_path / f"out{suffix}"
    warnings = copied(source, out)
    info = open_source(out).info
    assert info.frames == 12
    if info.has_audio:
        assert warnings == []
        with av.open(str(out)) as container:
            assert container.streams.audio[0].codec_context.layout.nb_channels == channels
            assert sum(frame.samples for frame in container.decode(audio=0)) >= 24_000
    else:
        assert suffix == ".mp4"
        assert len(warnings) == 1
        assert f"sound track 1 (pcm_s16le), {channels} channels" in warnings[0]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg, which encodes DTS, is not here")
@pytest.mark.parametrize(("suffix", "kept"), [(".mkv", True), (".mp4", False)])
def test_dts_is_copied_where_the_container_plays_it(tmp_path: Path, suffix: str, *, kept: bool) -> None:
    source = tmp_path / "a.mkv"
    plain = make_video(tmp_path / "plain.mp4", sound="aac")
    encoding = ["-c:v", "copy", "-c:a", "dca", "-strict", "-2", "-ac", "2"]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", plain, *encoding, source], check=True)
    out = tmp_path / f"out{suffix}"
    assert copied(source, out) == []
    with av.open(str(out)) as container:
        name = container.streams.audio[0].codec_context.name
    assert name == ("dca" if kept else "aac")


def test_an_odd_side_is_told(tmp_path: Path) -> None:
    odd = make_video(tmp_path / "a.webm", size=(63, 47), codec="libvpx-vp9", stamps=range(2))
    assert "63x47 has an odd side" in copied(odd, tmp_path / "out.mp4")[0]
    assert copied(make_video(tmp_path / "b.mp4", stamps=range(2)), tmp_path / "even.mp4") == []


def test_another_video_stream_can_be_chosen(tmp_path: Path) -> None:
    from sa2va_cli.errors import InputError
    from sa2va_cli.media.video import VideoSource

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        streams: list[Any] = [container.add_stream("libx264", rate=RATE) for _ in range(2)]
        for stream, size in zip(streams, (SIZE, (32, 32)), strict=True):
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(4):
            for stream, size in zip(streams, (SIZE, (32, 32)), strict=True):
                image = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
                frame = image.reformat(format="yuv420p")
                frame.pts, frame.time_base = number, 1 / RATE
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    assert VideoSource(path, stream_index=1).info.size == (32, 32)
    assert VideoSource(path, stream_index=0).info.size == SIZE
    with pytest.raises(InputError, match="stream 2 is no video; choose from 0, 1"):
        VideoSource(path, stream_index=2)


def test_a_drop_frame_timecode_stays_one(tmp_path: Path) -> None:
    said = Metadata(timecode="00:00:59;20").cut(
        Fraction(1, 3), None, frames=10, rate=Fraction(30000, 1001), to=Fraction(30000, 1001)
    )
    assert said.timecode == "00:01:00;02"
    with pytest.raises(UsageError):
        open_source(make_video(tmp_path / "a.mp4"), Selection(start_frame=99))
