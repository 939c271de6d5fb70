"""Pictures that stay in the planes they were decoded to: read, drawn on and written without a change."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from clips import SIZE, make_resized, make_video, mask, number_of, picture
from numpy.typing import NDArray

from sa2va_cli.datatypes import Frame, Yuv420
from sa2va_cli.media.reader import open_source
from sa2va_cli.media.writer import VideoWriter
from sa2va_cli.render.overlay import draw_overlay

FINE = {"crf": "2"}
LOSSLESS: dict[str, Any] = {"crf": 0}
RATE = Fraction(25)
colours = pytest.mark.parametrize(
    ("matrix", "levels"),
    [(matrix, levels) for matrix in (Colorspace.ITU601, Colorspace.ITU709) for levels in (1, 2)],
    ids=["601 limited", "601 full", "709 limited", "709 full"],
)


def decoded(path: Path) -> list[list[NDArray[np.uint8]]]:
    """What PyAV decodes, plane by plane."""
    with av.open(str(path)) as container:
        packed = [frame.to_ndarray() for frame in container.decode(video=0)]
    height = packed[0].shape[0] * 2 // 3
    width = packed[0].shape[1]
    return [
        [image[:height], *image[height:].reshape(2, height // 2, width // 2)]  # luma, blue, red
        for image in packed
    ]


def planes_of(frame: Frame) -> Yuv420:
    assert frame.planes is not None
    return frame.planes


def tagged(path: Path, matrix: Colorspace, levels: int) -> Path:
    return make_video(path, tags={"colorspace": int(matrix), "color_range": levels}, options=FINE)


@colours
def test_planes_are_those_that_were_decoded(tmp_path: Path, matrix: Colorspace, levels: int) -> None:
    path = tagged(tmp_path / "a.mp4", matrix, levels)
    frames = list(open_source(path))
    for frame, wanted in zip(frames, decoded(path), strict=True):
        planes = planes_of(frame)
        assert all(map(np.array_equal, planes.planes, wanted))
        assert planes.colour.full_range == (levels == ColorRange.JPEG)
        assert planes.colour.matrix in ((1,) if matrix == Colorspace.ITU709 else (5, 6))


@pytest.mark.parametrize("mirror", [False, True], ids=["plain", "mirrored"])
@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_planes_are_turned_like_the_image(tmp_path: Path, rotation: int, *, mirror: bool) -> None:
    path = make_video(tmp_path / "a.mp4", stamps=[0], rotation=rotation, mirror=mirror, options=FINE)
    frame = next(iter(open_source(path)))
    luma = frame.image.astype(float) @ [0.299, 0.587, 0.114] * 219 / 255 + 16
    assert np.abs(planes_of(frame).luma - luma).mean() < 2


@pytest.mark.parametrize(("codec", "pixel_format"), [("libx264", "yuv444p"), ("ffv1", "yuv422p")])
def test_other_formats_have_no_planes(tmp_path: Path, codec: str, pixel_format: str) -> None:
    path = make_video(tmp_path / "a.mkv", codec=codec, pixel_format=pixel_format, stamps=[0])
    assert next(iter(open_source(path))).planes is None


def test_pictures_of_odd_sides_have_no_planes(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.webm", size=(63, 48), codec="libvpx-vp9", stamps=[0])
    assert next(iter(open_source(path))).planes is None


def test_frames_that_were_scaled_have_no_planes(tmp_path: Path) -> None:
    frames = list(open_source(make_resized(tmp_path / "a.h264")))
    assert [frame.planes is not None for frame in frames] == [True] * 10 + [False] * 10


@colours
def test_an_overlay_leaves_the_rest_of_a_video_as_it_was_decoded(
    tmp_path: Path, matrix: Colorspace, levels: int
) -> None:
    path = tagged(tmp_path / "a.mp4", matrix, levels)
    inside = mask(3) > 0
    far = ~np.pad(inside, 4).copy()
    for y in range(9):
        for x in range(9):
            far[y : y + 48, x : x + 64] &= ~inside
    far = far[4:-4, 4:-4]
    cells = far.reshape(24, 2, 32, 2).all(axis=(1, 3))
    out = tmp_path / "out.mp4"
    with (
        open_source(path) as reader,
        VideoWriter(out, size=SIZE, rate=RATE, time_base=1 / RATE, **LOSSLESS) as writer,
    ):
        for frame in reader:
            writer.write(
                draw_overlay(frame.picture, inside[None], [""], [(255, 0, 0)]), frame.pts, frame.time_base
            )
    for before, after in zip(decoded(path), decoded(out), strict=True):
        for plane, drawn, untouched in zip(before, after, (far, cells, cells), strict=True):
            assert untouched.mean() > 0.2
            assert np.array_equal(plane[untouched], drawn[untouched])
        assert not np.array_equal(before[0], after[0])
    for source, result in zip(open_source(path), open_source(out), strict=True):
        assert planes_of(result).colour == planes_of(source).colour
        assert np.array_equal(result.image[far], source.image[far])
        tint = 0.67 * source.image[24, 24] + 0.33 * np.array([255, 0, 0])
        assert np.abs(result.image[24, 24] - tint).max() < 6


def test_pictures_of_both_kinds_share_the_first_one_s_colours(tmp_path: Path) -> None:
    path = tagged(tmp_path / "a.mp4", Colorspace.ITU601, 2)
    out = tmp_path / "out.mp4"
    frames = list(open_source(path))
    with VideoWriter(out, size=SIZE, rate=RATE, time_base=1 / RATE, crf=2) as writer:
        for frame in frames:
            kind = frame.picture if frame.index % 2 == 0 else frame.image
            writer.write(kind, frame.pts, frame.time_base)
    for frame in open_source(out):
        assert number_of(frame.image) == frame.index
        assert np.abs(frame.image.astype(float) - picture(frame.index)).mean() < 4


def test_planes_after_rgb_are_converted(tmp_path: Path) -> None:
    frames = list(open_source(tagged(tmp_path / "a.mp4", Colorspace.ITU601, 2)))
    out = tmp_path / "out.mp4"
    with VideoWriter(out, size=SIZE, rate=RATE, time_base=1 / RATE, crf=2) as writer:
        writer.write(frames[0].image, 0, 1 / RATE)
        writer.write(frames[1].picture, 1, 1 / RATE)
    for frame in open_source(out):
        assert planes_of(frame).colour.matrix == 1
        assert np.abs(frame.image.astype(float) - picture(frame.index)).mean() < 4


def test_a_codec_that_takes_no_planes_refuses_them(tmp_path: Path) -> None:
    frame = next(iter(open_source(make_video(tmp_path / "a.mp4", stamps=[0]))))
    with (
        pytest.raises(ValueError, match="ffv1 takes no planes"),
        VideoWriter(tmp_path / "b.mkv", size=SIZE, rate=RATE, time_base=1 / RATE, codec="lossless") as out,
    ):
        out.write(frame.picture, 0, 1 / RATE)
