"""Interlaced sources: pictures keep their fields and say so; masks, and all with --deinterlace, are whole."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import SIZE, picture

from sa2va_cli.media.fields import field_order_of
from sa2va_cli.media.writer import VideoWriter

ORDERS = ("top", "bottom")


def make_interlaced(path: Path, order: Any) -> Path:
    base = Fraction(1, 25)
    with VideoWriter(path, size=SIZE, rate=1 / base, time_base=base, field_order=order) as out:
        for number in range(3):
            woven = picture(2 * number)
            woven[1::2] = picture(2 * number + 1)[1::2]
            out.write(woven, number, base)
    return path


def first(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "name", ["overlay.mp4", "overlay.mkv", "matte.mov", "matte.mkv", "crop.mov", "cutout.mp4"]
)
def test_pictures_keep_their_fields_and_say_so(sa2va, folder, name, order):
    make_interlaced(folder / "a.mp4", order)
    made = sa2va("segment", "a.mp4", "red", "--allow-empty", "--save", name.split(".")[0], "-o", name)
    assert made.code == 0, made.err
    assert field_order_of(first(folder / name)) == order


@pytest.mark.parametrize("options", [(), ("--crop-mode", "follow"), ("--crop-aspect", "1:1")], ids=str)
def test_a_crop_cuts_no_pair_of_fields_apart(sa2va, folder, options):
    """Every other row of colour is of the other field, so that a crop begins with a row of the first one.

    The encoder of H.264 refuses other heights.
    """
    make_interlaced(folder / "a.mp4", "top")
    box = "40%,43%,63%,66%"
    made = sa2va("segment", "a.mp4", "--box", box, "--save", "crop", "--crop-padding", "0.02", *options)
    assert made.code == 0, made.err
    frame = first(folder / "a.crop.mp4")
    assert frame.height % 4 == 0
    assert field_order_of(frame) == "top"


def test_a_height_of_which_h264_has_no_fields_warns_with_what_helps(sa2va, folder):
    base = Fraction(1, 25)
    with VideoWriter(
        folder / "a.mov", size=(64, 46), rate=1 / base, time_base=base, codec="prores4444", field_order="top"
    ) as out:
        for number in range(3):
            out.write(picture(number, (64, 46)), number, base)
    made = sa2va("segment", "a.mov", "red", "--save", "overlay", "--allow-empty")
    assert made.code == 0, made.err
    assert "cannot say so; make whole frames with --deinterlace" in made.err


def test_an_overlay_leaves_the_woven_lines_as_they_are(sa2va, folder):
    make_interlaced(folder / "a.mp4", "top")
    options = ("--save", "overlay", "--opacity", "0", "--contour", "off", "--no-labels", "--crf", "0")
    assert sa2va("segment", "a.mp4", "red", *options).code == 0
    source, made = (first(folder / name).to_ndarray(format="gray") for name in ("a.mp4", "a.overlay.mp4"))
    assert np.abs(source.astype(int) - made).max() <= 1


@pytest.mark.parametrize("arguments", [("--save", "mask"), ("--save", "overlay", "--deinterlace")])
def test_masks_and_deinterlaced_pictures_are_whole(sa2va, folder, arguments):
    make_interlaced(folder / "a.mp4", "top")
    made = sa2va("segment", "a.mp4", "red", *arguments)
    assert made.code == 0, made.err
    assert field_order_of(first(folder / f"a.{arguments[1]}.mp4")) is None


def test_a_codec_that_cannot_say_it_warns_with_what_helps(sa2va, folder):
    make_interlaced(folder / "a.mp4", "top")
    made = sa2va("segment", "a.mp4", "red", "--save", "matte", "--for", "web")
    assert made.code == 0, made.err
    assert "cannot say so" in made.err
    assert "--deinterlace" in made.err


@pytest.mark.parametrize("order", ORDERS)
def test_probe_tells_which_field_is_first(sa2va, folder, order):
    make_interlaced(folder / "a.mp4", order)
    assert f"interlaced, {order} field first" in sa2va("probe", "a.mp4").out
    assert json.loads(sa2va("probe", "a.mp4", "--json").out)["field_order"] == order
