"""``--tonemap``: ordinary video of high dynamic range; without it, the signal passes."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import SIZE, make_video, picture

from sa2va_cli.colour import finely_tone_mapped, in_high_range, tone_mapped
from sa2va_cli.datatypes import YuvColour
from sa2va_cli.media.writer import VideoWriter

RATE = Fraction(24)
BT709, PQ, HLG = 1, 16, 18


def scene(number: int) -> np.ndarray:
    image = picture(number)
    image[26:40, 8:24] = (250, 10, 10)
    return image


def make_high_range(path: Path, transfer: int) -> Path:
    colour = YuvColour(9, full_range=False, primaries=9, transfer=transfer)
    with VideoWriter(
        path, size=SIZE, rate=RATE, time_base=1 / RATE, codec="prores4444", colour=colour
    ) as out:
        for number in range(3):
            rgb = in_high_range(scene(number), transfer, wide_gamut=True)
            out.write(np.rint(rgb * 257).astype(np.uint16), number, 1 / RATE)
    return path


def first(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def tags(frame: av.VideoFrame) -> tuple[int, int, int]:
    return int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc)


OUTPUTS = {
    "overlay": ("mp4", ["--opacity", "0", "--contour", "off", "--no-labels"]),
    "crop": ("mp4", ["--crop-clean", "--crop-padding", "50"]),
    "stacked": ("mp4", []),
    "cutout": ("mp4", ["--cutout-background", "black"]),
    "matte": ("mov", []),
}


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("kind", OUTPUTS)
def test_outputs_are_ordinary_video_that_looks_like_the_ordinary_grade(sa2va, folder, kind, transfer):
    make_high_range(folder / "a.mov", transfer)
    ending, options = OUTPUTS[kind]
    made = sa2va("segment", "a.mov", "red", "--save", kind, "--tonemap", *options)
    assert made.code == 0, made.err
    frame = first(folder / f"a.{kind}.{ending}")
    assert tags(frame) == (BT709, BT709, BT709)
    shown = frame.to_ndarray(format="rgb24").astype(int)[28:38, 10:22]
    assert np.abs(shown - (250, 10, 10)).mean() < 14
    if kind in ("overlay", "stacked", "crop"):
        whole = frame.to_ndarray(format="rgb24").astype(int)[: SIZE[1]]
        assert np.abs(whole - scene(0)).mean() < 16
        assert frame.format.name == "yuv420p"


@pytest.mark.parametrize("kind", ["overlay", "matte"])
def test_without_it_the_signal_passes(sa2va, folder, kind):
    make_high_range(folder / "a.mov", PQ)
    made = sa2va("segment", "a.mov", "red", "--save", kind)
    assert made.code == 0, made.err
    frame = first(folder / f"a.{kind}.{OUTPUTS[kind][0]}")
    assert tags(frame) == (9, 9, PQ)
    assert frame.format.components[0].bits >= 10


def test_ordinary_sources_are_left_alone_and_it_says_so(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(3))
    assert sa2va("segment", "a.mp4", "red", "--save", "matte,overlay", "-o", "one/").code == 0
    made = sa2va("segment", "a.mp4", "red", "--save", "matte,overlay", "-o", "two/", "--tonemap")
    assert made.code == 0
    assert "--tonemap has no effect" in made.err
    for file in (folder / "one").iterdir():
        assert file.read_bytes() == (folder / "two" / file.name).read_bytes()


def test_render_maps_too(sa2va, folder):
    make_high_range(folder / "a.mov", HLG)
    assert sa2va("segment", "a.mov", "red", "--save", "tracks").code == 0
    assert sa2va("segment", "a.mov", "red", "--save", "overlay", "--tonemap", "-o", "one/").code == 0
    assert sa2va("render", "a.tracks.sa2va", "--save", "overlay", "--tonemap", "-o", "two/").code == 0
    one, two = ((folder / name / "a.overlay.mp4").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_the_fine_curve_is_the_one_that_the_network_sees(transfer):
    ramp = np.repeat(np.arange(0, 65536, 16, dtype=np.uint16)[None, :, None], 3, axis=2)
    fine = finely_tone_mapped(ramp, transfer, wide_gamut=True)
    apart = np.abs(fine / 257 - tone_mapped(ramp, transfer, wide_gamut=True))
    assert apart.max() < 1.5
    assert apart.mean() < 0.5
    assert len(np.unique(fine[..., 0])) > 500
