"""What is read back of a file: every time, and the alpha as a decoder that knows it gives it."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import SIZE, VFR, make_video, mask, picture

from sa2va_cli.media.readback import read_back, sound_tracks
from sa2va_cli.written import GRID, points


def make_transparent(path: Path, codec: str, pixel_format: str) -> Path:
    """A disc that moves, cut out."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options={"lossless": "1"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        for number in range(6):
            rgba = np.dstack([picture(number), mask(number)])
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba")
            container.mux(stream.encode(frame.reformat(format=pixel_format, threads=1)))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mkv", "ffv1", "bgra"),
        ("b.mov", "qtrle", "argb"),
    ],
)
def test_alpha_is_that_of_the_picture(tmp_path, name, codec, pixel_format):
    path = make_transparent(tmp_path / name, codec, pixel_format)
    sample = read_back(path, [Fraction(0)]).samples[0]
    assert sample.alpha is not None
    assert np.abs(sample.alpha - points(mask(0), 255)).max() <= 1.01 / 255


def test_all_times_are_read_and_frames_in_any_order(tmp_path):
    path = make_video(tmp_path / "a.mkv", stamps=VFR, options={"g": "1"})
    wanted = [Fraction(VFR[k], 25) for k in (12, 0, 19)]
    got = read_back(path, wanted)
    assert [round(stamp * got.unit * 25) for stamp in got.stamps] == list(VFR)
    assert sorted(got.samples) == [0, 1, 2]
    assert got.samples[0].luma.shape == (GRID, GRID)
    assert not np.array_equal(got.samples[0].luma, got.samples[2].luma)


def test_a_picture_that_is_not_there_is_missing(tmp_path):
    path = make_video(tmp_path / "a.mp4", options={"g": "1"})
    assert sorted(read_back(path, [Fraction(0), Fraction(9)]).samples) == [0]


def test_sound_tracks_end_where_their_last_packet_does(tmp_path):
    path = make_video(tmp_path / "a.mkv", sound="pcm_s16le", stamps=range(25))
    (track,) = sound_tracks(path)
    assert track.end == pytest.approx(1, abs=0.002)
    assert sound_tracks(make_video(tmp_path / "b.mkv")) == ()
