"""Colour at the source's depth: what is read, what an overlay and a matte hold, and what the tags say."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from clips import SIZE, make_video, picture
from numpy.typing import NDArray

from sa2va_cli.colour import FULL, PQ, coding_matrix, in_high_range
from sa2va_cli.datatypes import LUMA_WEIGHTS, Frame, YuvColour
from sa2va_cli.media.reader import open_source
from sa2va_cli.media.video import VideoSource
from sa2va_cli.media.writer import VideoWriter
from sa2va_cli.render.matte import draw_matte
from sa2va_cli.render.overlay import draw_overlay

RATE = Fraction(24)
ALL = np.ones((1, SIZE[1], SIZE[0]), np.float32)

FORMATS = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv444p12le"]


def make_ramp(path: Path, pixel_format: str, *, matrix: int = 1, full: bool = False, **tags: int) -> Path:
    """One lossless frame whose luma goes over all codes of its range, and a little beyond; chroma varies."""
    width, height = SIZE
    frame = av.VideoFrame(width, height, pixel_format)
    depth = frame.format.components[0].bits
    kind = np.uint8 if depth == 8 else np.uint16
    steps = np.linspace(4, 250, width * height).reshape(height, width) * 2 ** (depth - 8)
    for number, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
        values = steps if number == 0 else (128 + 2 * number) * 2 ** (depth - 8) + steps[: plane.height] / 16
        rows[: plane.height, : plane.width] = np.rint(values[:, : plane.width])
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, ColorRange.JPEG if full else ColorRange.MPEG
        context.color_primaries, context.color_trc = tags.get("primaries", 1), tags.get("transfer", 1)
        frame.pts, frame.time_base = 0, 1 / RATE
        frame.colorspace, frame.color_range = context.colorspace, context.color_range
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_matte(source: Path, path: Path) -> Path:
    reader = open_source(source)
    info = reader.info
    with VideoWriter(
        path, size=info.size, rate=RATE, time_base=1 / RATE, codec="prores4444", colour=info.colour
    ) as writer:
        for frame in reader:
            matte = draw_matte(frame.finest, ALL, 0.5, frame.alpha)
            writer.write(matte, frame.pts, frame.time_base, frame.stored)
    return path


def ten_bits(path: Path) -> NDArray[np.float64]:
    """(4, H, W): what a matte holds, as it was decoded, in units of 10 bits."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    planes = [
        np.frombuffer(plane, "<u2").reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes
    ]
    depth = frame.format.components[0].bits
    return np.stack(planes) / 2 ** (depth - 10)


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_a_matte_holds_the_source_s_code_values(
    tmp_path: Path, pixel_format: str, matrix: int, *, full: bool
) -> None:
    source = make_ramp(tmp_path / "a.mkv", pixel_format, matrix=matrix, full=full)
    stored = next(iter(open_source(source))).stored
    assert stored is not None
    luma = stored.luma.astype(float)
    luma = 64 + luma * 876 / (2**stored.depth - 1) if full else luma * 2.0 ** (10 - stored.depth)
    got = ten_bits(write_matte(source, tmp_path / "m.mov"))[0]
    error = got - luma
    assert abs(error.mean()) < 0.3
    assert np.abs(error).max() <= 3, "what ProRes itself loses, luma above white included"


def test_the_tags_of_a_matte_say_what_its_numbers_are(tmp_path: Path) -> None:
    for matrix, primaries, transfer in ((9, 9, 14), (6, 6, 6), (1, 1, 1)):
        source = make_ramp(
            tmp_path / "a.mkv", "yuv420p10le", matrix=matrix, primaries=primaries, transfer=transfer
        )
        with av.open(str(write_matte(source, tmp_path / "m.mov"))) as container:
            frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (matrix, primaries, transfer)


@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709, Colorspace.BT2020])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "p010le"])
def test_the_network_s_picture_is_not_biased(pixel_format: str, matrix: Colorspace) -> None:
    from sa2va_cli.media.conversion import image_of, planes_of

    codes = np.random.default_rng(0).integers(40, 216, (24, 32, 3))
    codes[..., 1:] = codes[..., 1:] // 3 + 85
    codes[..., 1:] = codes[:1, :1, 1:]  # even chroma, so that its place does not matter
    frame = av.VideoFrame(32, 24, "yuv444p")
    for number, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        rows[:, :32] = codes[..., number]
    frame.colorspace, frame.color_range = matrix, ColorRange.MPEG
    frame = frame.reformat(format=pixel_format, threads=1)
    frame.colorspace, frame.color_range = matrix, ColorRange.MPEG
    stored = planes_of(frame, None)
    assert stored is not None
    terms, offset = coding_matrix(LUMA_WEIGHTS[stored.colour.matrix], 8, full_range=False)
    exact = np.clip((codes - offset) @ np.linalg.inv(terms).T, 0, 1) * 255
    error = image_of(stored) - exact
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.1
    assert np.abs(error).max() < 1


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le", "yuv444p12le"])
def test_an_overlay_keeps_ten_bits(tmp_path: Path, pixel_format: str) -> None:
    source = make_ramp(tmp_path / "a.mkv", pixel_format, matrix=9, primaries=9, transfer=16)
    frame = next(iter(open_source(source)))
    masks = np.zeros((1, SIZE[1], SIZE[0]), bool)
    masks[0, 4:12, 4:12] = True
    out = tmp_path / "o.mp4"
    with VideoWriter(out, size=SIZE, rate=RATE, time_base=1 / RATE, crf=0) as writer:
        writer.write(draw_overlay(frame.picture, masks, [""], [(255, 0, 0)]), 0, 1 / RATE)
    with av.open(str(out)) as container:
        decoded = next(container.decode(video=0))
    assert decoded.format.name == "yuv420p10le"
    assert (decoded.colorspace, decoded.color_primaries, decoded.color_trc) == (9, 9, 16)
    assert frame.planes is not None
    luma = np.frombuffer(decoded.planes[0], "<u2").reshape(SIZE[1], -1)[:, : SIZE[0]]
    error = luma[20:].astype(int) - frame.planes.luma[20:]
    assert abs(error.mean()) < 0.5
    assert np.abs(error).max() <= 4
    assert np.abs(luma[4:12, 4:12].astype(int) - frame.planes.luma[4:12, 4:12]).max() > 20


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_range_looks_like_ordinary_video_to_the_network(tmp_path: Path, transfer: int) -> None:
    image = picture(5)
    rgb = np.rint(in_high_range(image, transfer, wide_gamut=True) * 257).astype(np.uint16)
    path = tmp_path / "a.mov"
    colour = YuvColour(9, full_range=False, primaries=9, transfer=transfer)
    with VideoWriter(
        path, size=SIZE, rate=RATE, time_base=1 / RATE, codec="prores4444", colour=colour
    ) as out:
        out.write(rgb, 0, 1 / RATE)
    reader = open_source(path)
    frame = next(iter(reader))
    assert reader.info.colour == colour
    assert np.abs(frame.image.astype(int) - image).mean() < 14
    assert np.abs(frame.finest.astype(int) - rgb).mean() < 200, "a matte keeps the signal"
    assert "tone-mapped" in reader.warnings[0]
    assert transfer == PQ or "HLG" in reader.warnings[0]


def cut_out(number: int) -> NDArray[np.uint8]:
    """A picture whose right half is transparent, with magenta hidden there."""
    image = np.dstack([picture(number), np.full((SIZE[1], SIZE[0]), 255, np.uint8)])
    image[:, SIZE[0] // 2 :] = (255, 0, 255, 0)
    return image


ALPHA = [
    ("a.mov", "prores_ks", "yuva444p10le"),
    ("a.mov", "qtrle", "argb"),
    ("a.mov", "png", "rgba"),
    ("a.webm", "libvpx-vp9", "yuva420p"),
    ("a.webm", "libvpx", "yuva420p"),
    ("a.mkv", "ffv1", "bgra"),
]


def make_cut_out(path: Path, codec: str, pixel_format: str) -> Path:
    options = {"profile": "4444"} if codec == "prores_ks" else {}
    if codec.startswith("libvpx"):
        options = {"crf": "4", "b": "4M", "auto-alt-ref": "0", "cpu-used": "8", "deadline": "realtime"}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        if codec.startswith("libvpx"):
            stream.metadata["alpha_mode"] = "1"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(cut_out(number), format="rgba")
            frame = frame.reformat(format=pixel_format, threads=1)
            frame.pts, frame.time_base = number, 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("name", "codec", "pixel_format"), ALPHA)
def test_the_opacity_of_a_source_is_read(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    frames = list(open_source(make_cut_out(tmp_path / name, codec, pixel_format)))
    assert len(frames) == 3
    for frame in frames:
        assert frame.alpha is not None
        top = np.iinfo(frame.alpha.dtype).max
        assert frame.alpha[:, : SIZE[0] // 2 - 4].min() > 0.97 * top
        assert frame.alpha[:, SIZE[0] // 2 + 4 :].max() < 0.03 * top
        hidden = frame.image[:, SIZE[0] // 2 + 4 :]
        assert np.abs(hidden.astype(int) - 128).max() < 8, "the network sees neutral grey there"
        assert np.abs(frame.image[:, :24].astype(int) - picture(frame.index)[:, :24]).mean() < 8
        assert frame.picture is frame.image


def test_a_matte_is_no_more_opaque_than_its_source(tmp_path: Path) -> None:
    source = make_cut_out(tmp_path / "a.mov", "prores_ks", "yuva444p10le")
    alpha = ten_bits(write_matte(source, tmp_path / "m.mov"))[3]
    assert alpha[:, :28].min() >= 1022
    assert alpha[:, 36:].max() <= 1


def test_video_without_transparency_has_no_opacity(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mov", codec="prores_ks", pixel_format="yuva444p10le", stamps=[0])
    assert next(iter(open_source(path))).alpha is None


def test_deep_rgb_keeps_its_depth(tmp_path: Path) -> None:
    frame = _only(make_video(tmp_path / "a.mkv", codec="ffv1", pixel_format="gbrp10le", stamps=[0]))
    assert frame.deep is not None
    assert np.abs(frame.finest.astype(int) // 257 - picture(0)).max() <= 1
    assert frame.finest.max() <= FULL


def _only(path: Path) -> Frame:
    return next(iter(open_source(path)))


def test_interlaced_video_is_made_whole_when_asked(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", options={"x264-params": "tff=1", "bf": "2"})
    plain, whole = VideoSource(path), VideoSource(path, deinterlace=True)
    assert plain.info.interlaced
    assert not any("interlaced" in text for text in whole.warnings)
    frames = list(whole.pictures(range(20)))
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.pts for frame in frames] == [frame.pts for frame in plain.pictures(range(20))]
    assert not np.array_equal(frames[5].image, next(plain.pictures_at([5])).image)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 2), (3, 3)], ids=str)
def test_what_is_too_small_to_be_made_whole_is_read_as_it_is(tmp_path: Path, size: tuple[int, int]) -> None:
    """Yadif wants three rows and columns; with less it ended the process."""
    path = make_video(tmp_path / "a.mkv", stamps=range(3), size=size, codec="ffv1", pixel_format="bgr0")
    frames = list(VideoSource(path, deinterlace=True).pictures(range(3)))
    assert [frame.image.shape for frame in frames] == [(size[1], size[0], 3)] * 3


needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed here")


@needs_ffmpeg
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv420p10le", "yuv444p10le"])
def test_a_matte_is_ffmpeg_s_own_conversion(tmp_path: Path, pixel_format: str) -> None:
    source = make_ramp(tmp_path / "a.mkv", pixel_format)
    reference = tmp_path / "r.mov"
    scale = "scale=flags=accurate_rnd+full_chroma_int+bilinear,format=yuva444p10le"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", source, "-vf", scale, "-c:v", "prores_ks"]
    subprocess.run([*command, "-profile:v", "4444", "-alpha_bits", "16", reference], check=True)
    error = np.abs(ten_bits(write_matte(source, tmp_path / "m.mov")) - ten_bits(reference))
    assert error[0].max() <= 1
    assert error[1:3].mean() < 0.5
    assert error[1:3].max() <= 2
    assert error[3].max() <= 1


def test_raw_pixels_whose_fourth_byte_is_empty_are_opaque(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("rawvideo", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "bgra"
        image = np.dstack([picture(0)[..., ::-1], np.zeros((SIZE[1], SIZE[0]), np.uint8)])
        frame = av.VideoFrame.from_ndarray(image, format="bgra")
        frame.pts, frame.time_base = 0, 1 / RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frame = _only(path)
    assert frame.alpha is None
    assert np.array_equal(frame.image, picture(0))
