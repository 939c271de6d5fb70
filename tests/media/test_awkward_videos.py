"""Videos that are turned, mirrored, odd-sized, deep, tagged, damaged, or no videos at all."""

import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, ColorTrc
from clips import (
    damage,
    make_cover_art,
    make_front_index,
    make_resized,
    make_sound,
    make_video,
    make_without_frames,
    number_of,
    picture,
    truncate,
)
from PIL import Image

from sa2va_cli.errors import InputError
from sa2va_cli.media.probe import find_source, probe
from sa2va_cli.media.reader import Reader, Selection, open_source

FINE = {"crf": "1"}


def difference(image: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(image.astype(int) - expected).mean())


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_and_mirroring_are_applied(tmp_path: Path, rotation: int, *, mirror: bool) -> None:
    path = make_video(tmp_path / "a.mp4", stamps=[0], rotation=rotation, mirror=mirror, options=FINE)
    stored = make_video(tmp_path / "stored.mp4", stamps=[0], options=FINE)
    frame, plain = next(iter(open_source(path))), next(iter(open_source(stored)))
    # The display matrix turns counter-clockwise and then mirrors.
    turned = np.rot90(plain.image, rotation // 90)
    expected = turned[:, ::-1] if mirror else turned
    assert np.array_equal(frame.image, expected)
    assert probe(path).size == frame.size


def test_the_rotation_is_reported(tmp_path: Path) -> None:
    assert probe(make_video(tmp_path / "a.mp4", rotation=90)).rotation == 90
    assert probe(make_video(tmp_path / "b.mp4", rotation=270)).rotation == 270


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "libx264", "yuv420p10le"),
        ("a.mp4", "libx264", "yuv444p"),
        ("a.mp4", "libx264", "gray"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", "qtrle", "argb"),
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.mkv", "ffv1", "gbrp10le"),
        ("a.mkv", "ffv1", "gray16le"),
    ],
)
def test_every_pixel_format_reads_as_rgb(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    tags = {"color_range": int(ColorRange.JPEG)} if pixel_format == "gray" else None
    path = make_video(tmp_path / name, codec=codec, pixel_format=pixel_format, tags=tags)
    for frame in open_source(path):
        assert number_of(frame.image) == frame.index
        luma = frame.image @ [0.299, 0.587, 0.114]
        assert difference(luma, picture(frame.index) @ np.array([0.299, 0.587, 0.114])) < 6


@pytest.mark.parametrize("size", [(63, 47), (1, 1), (33, 64)])
def test_odd_sizes_are_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = list(
        open_source(make_video(tmp_path / "a.webm", size=size, codec="libvpx-vp9", stamps=range(3)))
    )
    assert [frame.size for frame in frames] == [size] * 3


@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709])
@pytest.mark.parametrize("full", [ColorRange.MPEG, ColorRange.JPEG])
def test_colour_tags_are_honoured(tmp_path: Path, matrix: Colorspace, full: ColorRange) -> None:
    tags = {"colorspace": int(matrix), "color_range": int(full)}
    path = make_video(tmp_path / "a.mp4", tags=tags, options=FINE, pixel_format="yuv444p", stamps=[0])
    assert difference(next(iter(open_source(path))).image, picture(0)) < 2


def test_untagged_video_of_720_lines_is_taken_as_709(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    red = np.full((720, 64, 3), (200, 30, 30), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 720, "yuv444p"
        frame = av.VideoFrame.from_ndarray(red, format="rgb24").reformat(
            format="yuv444p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.colorspace = 2
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert difference(next(iter(open_source(path))).image, red) < 2


def test_pixels_that_are_not_square_are_kept_and_reported(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", aspect=Fraction(4, 3))
    assert probe(path).sample_aspect_ratio == Fraction(4, 3)
    assert probe(path).size == (64, 48)
    assert probe(
        make_video(tmp_path / "b.mp4", aspect=Fraction(4, 3), rotation=90)
    ).sample_aspect_ratio == Fraction(3, 4)


def test_high_dynamic_range_is_mentioned(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", tags={"color_trc": int(ColorTrc.SMPTE2084)})
    assert "PQ" in open_source(path).warnings[0]


def test_interlaced_video_is_mentioned(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", options={"x264-params": "tff=1"})
    assert "interlaced" in open_source(path).warnings[0]


def test_frames_that_change_size_are_scaled_to_the_first(tmp_path: Path) -> None:
    reader = open_source(make_resized(tmp_path / "a.h264"))
    frames = list(reader)
    assert [frame.size for frame in frames] == [(64, 48)] * 20
    assert [number_of(frame.image) for frame in frames] == list(range(20))
    assert "change their size" in reader.warnings[0]


def test_times_that_start_over_are_made_to_rise(tmp_path: Path) -> None:
    parts = [
        make_video(
            tmp_path / f"{k}.ts", stamps=range(100 * (1 - k), 100 * (1 - k) + 10), start_numbers=10 * k
        )
        for k in (0, 1)
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    reader = open_source(path)
    frames = list(reader)
    assert [number_of(frame.image) for frame in frames] == list(range(20))
    assert len(set(np.diff([frame.pts for frame in frames]))) == 1
    assert any("time stamps jump once" in warning for warning in reader.warnings)


def _read(reader: Reader) -> list[int]:
    return [frame.index for frame in reader]


@pytest.mark.parametrize("stretch", [(0.3, 0.5), (0.8, 1.0)])
def test_a_damaged_file_gives_all_that_can_be_decoded(tmp_path: Path, stretch: tuple[float, float]) -> None:
    path = damage(make_video(tmp_path / "a.mp4", stamps=range(60), options={"g": "12"}), *stretch)
    reader = open_source(path)
    frames = list(reader)
    assert len(frames) > 30
    assert "the file is damaged" in reader.warnings[0]
    intact = [frame for frame in frames if frame.index < 6]
    # Numbers stay those of the whole clip, so that what follows a gap is not shifted.
    assert [number_of(frame.image) for frame in intact] == list(range(6))
    assert sorted({frame.index for frame in frames}) == [frame.index for frame in frames]


def test_frames_behind_a_damaged_stretch_keep_their_numbers(tmp_path: Path) -> None:
    path = damage(make_video(tmp_path / "a.mp4", stamps=range(60), options={"g": "12"}), 0.3, 0.5)
    last = list(open_source(path))[-6:]
    assert [number_of(frame.image) for frame in last] == [frame.index for frame in last]


def test_a_cut_off_mp4_says_how_much_is_there(tmp_path: Path) -> None:
    path = truncate(make_front_index(tmp_path / "a.mp4", stamps=range(60)), 0.7)
    reader = open_source(path)
    assert "of 60 frames" in reader.warnings[0]
    frames = list(reader)
    assert 20 < len(frames) < 60
    assert f"{len(frames)} of 60 frames could be decoded" in reader.warnings[0]
    assert [number_of(frame.image) for frame in frames[:20]] == list(range(20))


def test_a_cut_off_mkv_says_how_much_is_there(tmp_path: Path) -> None:
    path = truncate(make_video(tmp_path / "a.mkv", stamps=range(100)), 0.5)
    reader = open_source(path)
    frames = list(reader)
    assert 20 < len(frames) < 90
    assert "of 4.0 seconds" in reader.warnings[0]


def test_undecodable_single_frames_are_left_out(tmp_path: Path) -> None:
    path = truncate(make_front_index(tmp_path / "a.mp4", stamps=range(60)), 0.7)
    reader = open_source(path)
    assert [frame.index for frame in reader.frames_at([5, 0])] == [5, 0]


def _no_moov(folder: Path) -> Path:
    return truncate(make_video(folder / "cut.mp4"), 0.5)


def _text(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("this is not a video\n" * 50)
    return path


def _plain_text(folder: Path) -> Path:
    return _text(folder).rename(folder / "notes.txt")


def _empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_no_moov, "not an image or a video"),
        (_text, "not an image or a video"),
        (_plain_text, "not an image or a video"),
        (_empty, "the file is empty"),
        (lambda folder: make_sound(folder / "a.wav"), "has no video stream; it holds only sound"),
        (
            lambda folder: make_sound(folder / "a.mp4", codec="aac"),
            "has no video stream; it holds only sound",
        ),
        (lambda folder: make_cover_art(folder / "a.mp4"), "has no video stream; it holds only sound"),
        (lambda folder: make_without_frames(folder / "a.mp4"), "no"),
        (lambda folder: make_without_frames(folder / "a.avi"), "holds no frames"),
        (lambda folder: folder / "nowhere.mp4", "no such file"),
        (lambda folder: folder / "*.png", "no image matches"),
        (lambda folder: folder, "the folder holds no images"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path, make: object, message: str) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=message) as caught:
        open_source(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "concat:x.mp4", "100%d.mp4", "with space é.mp4", "-.mp4", "[1].mp4"]
)
def test_strange_names_are_only_names(tmp_path: Path, name: str) -> None:
    path = make_video(tmp_path / "a.mp4").rename(tmp_path / name)
    assert probe(path).frames == 20


def test_a_late_start_is_not_taken_for_a_missing_end(tmp_path: Path) -> None:
    assert open_source(make_video(tmp_path / "a.mkv", stamps=range(200, 220))).warnings == []


@pytest.mark.parametrize("rotation", [0, 90])
def test_no_decoded_frame_is_kept(tmp_path: Path, rotation: int) -> None:
    reader = open_source(make_video(tmp_path / "a.mp4", stamps=range(60), rotation=rotation))
    gc.collect()
    gc.disable()
    try:
        kept = [
            sum(type(thing) is av.VideoFrame for thing in gc.get_objects())
            for frame in reader
            if frame.index % 15 == 14
        ]
    finally:
        gc.enable()
    assert len(kept) == 4
    assert max(kept) < 10


def test_sound_is_noticed(tmp_path: Path) -> None:
    assert probe(make_video(tmp_path / "a.mp4", sound="aac")).has_audio
    assert not probe(make_video(tmp_path / "b.mp4")).has_audio


def test_the_range_of_sound_is_on_the_source_clock(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", stamps=range(50, 75), sound="aac")
    start = probe(path).start_seconds
    assert open_source(path).audio_range == (start, None)
    chosen = open_source(path, Selection(start_frame=5, end_frame=10))
    assert chosen.audio_range == (start + Fraction(1, 5), start + Fraction(2, 5))


def test_a_stream_that_marks_no_key_frame_is_decoded_from_its_beginning(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.swf", codec="flv", stamps=range(6))
    assert [number_of(frame.image) for frame in open_source(path)] == list(range(6))


def test_an_apng_that_only_blends_is_read(tmp_path: Path) -> None:
    images = [Image.fromarray(picture(number)).convert("RGBA") for number in range(4)]
    images[0].save(tmp_path / "a.png", save_all=True, append_images=images[1:], duration=100, blend=1)
    assert [number_of(frame.image) for frame in open_source(tmp_path / "a.png")] == list(range(4))


def test_the_first_picture_of_a_recording_may_come_late(tmp_path: Path) -> None:
    options = {"g": "70", "bf": "0", "sc_threshold": "1000000000"}
    whole = make_video(tmp_path / "whole.ts", stamps=range(80), codec="mpeg2video", options=options)
    with av.open(str(whole)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[: 3 * 188] + whole.read_bytes()[places[10] :])
    source = find_source(cut, only_first=True)
    assert [number_of(frame.image) for frame in source.pictures(range(1))] == [70]


def test_frames_that_refer_to_what_was_cut_off_are_no_damage(tmp_path: Path) -> None:
    options = {"g": "10", "bf": "2", "sc_threshold": "1000000000"}
    whole = make_video(tmp_path / "whole.ts", stamps=range(40), codec="mpeg2video", options=options)
    with av.open(str(whole)) as container:
        keys = [packet.pos for packet in container.demux(video=0) if packet.is_keyframe]
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[keys[1] - 2 * 188 :])  # tables lie before each key frame
    reader = open_source(cut)
    numbers = [number_of(frame.image) for frame in reader]
    assert numbers == list(range(40 - len(numbers), 40))
    assert reader.info.frames == len(numbers) >= 28
    assert next(iter(reader)).pts * reader.info.time_base == reader.info.start_seconds
    assert reader.warnings == [
        "the first 2 frames refer to what was cut off before the beginning, and cannot be shown"
    ]
