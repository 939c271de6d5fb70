"""How outputs are stored: receivers, codecs, containers, ranges, numbers, through the command line."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import forked
import numpy as np
import pytest
from clips import SIZE, make_folder, make_image, make_video, picture
from PIL import Image

from sa2va_cli.errors import UsageError
from sa2va_cli.media.encodings import ENCODINGS
from sa2va_cli.media.reader import open_source
from sa2va_cli.outputs.delivery import Delivery, read_rate
from sa2va_cli.outputs.kinds.stacked import _stacked_planes
from sa2va_cli.outputs.presets import PRESETS

WITH_EXR = pytest.mark.skipif(importlib.util.find_spec("OpenEXR") is None, reason="needs the extra exr")
WITH_FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")


def frames_of(path: Path) -> list[av.VideoFrame]:
    """Decoded frames; those of VP9 through libvpx, as FFmpeg's own decoder drops alpha."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.codec_context.name != "vp9":
            return list(container.decode(stream))
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        return [frame for packet in container.demux(stream) for frame in decoder.decode(packet)]


def alpha_of(frame: av.VideoFrame) -> np.ndarray:
    """(H, W) alpha in levels of 8 bits."""
    if frame.format.name.startswith("yuva"):
        bits = frame.format.components[3].bits
        plane = frame.planes[3]
        kind = np.uint8 if bits == 8 else np.uint16
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
        return rows[: frame.height, : frame.width] * (255 / (2**bits - 1))
    return frame.reformat(format="rgba").to_ndarray()[..., 3].astype(float)


LENGTH = 8
"""Frames of ``clip``."""


@pytest.fixture
def clip(folder):
    return make_video(folder / "a.mp4", stamps=range(LENGTH))


_SEEN = 5
"""A frame of ``clip`` on which the red corner is seen."""
ALPHA_CODECS = [("prores", "mov"), ("vp9", "webm"), ("qtrle", "mov"), ("ffv1", "mkv"), ("png", "mov")]


@pytest.mark.parametrize(("codec", "container"), ALPHA_CODECS)
def test_alpha_comes_back_within_one_level(sa2va, folder, clip, codec, container):
    made = sa2va(
        "segment", clip, "red", "--allow-empty", "--save", "matte", "--codec", codec, "--save", "tracks"
    )
    assert made.code == 0, made.err
    pictures = sa2va("render", "a.tracks.sa2va", "--allow-empty", "--save", "matte", "--container", "png")
    assert pictures.code == 0, pictures.err
    wanted = [open_alpha(path) for path in sorted((folder / "a.matte").iterdir())]
    found = frames_of(folder / f"a.matte.{container}")
    assert len(found) == len(wanted) == LENGTH
    for frame, alpha in zip(found, wanted, strict=True):
        assert np.abs(alpha_of(frame) - alpha).max() <= 1


def open_alpha(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        (frame,) = container.decode(video=0)
    return frame.reformat(format="rgba64le").to_ndarray()[..., 3] / 257


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
@pytest.mark.parametrize("codec", ["prores4444", "vp9", "qtrle", "ffv1", "png"])
def test_alpha_of_soft_discs_is_within_one_level_at_any_size(tmp_path, codec, size):
    from sa2va_cli.media.writer import VideoWriter

    ending = ENCODINGS[codec].containers[0]
    y, x = np.mgrid[: size[1], : size[0]]
    alphas = [np.rint(255 * np.clip((18.5 - np.hypot(x - 24 - k, y - 24)) / 3, 0, 1)) for k in range(12)]
    with VideoWriter(
        tmp_path / f"a{ending}", size=size, rate=Fraction(25), time_base=Fraction(1, 25), codec=codec
    ) as writer:
        for number, alpha in enumerate(alphas):
            matte = np.dstack([picture(number, size), alpha.astype(np.uint8)])
            writer.write(matte, number, Fraction(1, 25))
    found = frames_of(tmp_path / f"a{ending}")
    assert len(found) == 12
    for frame, alpha in zip(found, alphas, strict=True):
        assert np.abs(alpha_of(frame) - alpha).max() <= 1


RANGES = [
    ("h264", "limited", (16, 235), "yuv420p", 1),
    ("h264", "full", (0, 255), "yuvj420p", 2),
    ("vp9", "limited", (16, 235), "yuv420p", 1),
    ("vp9", "full", (0, 255), "yuv420p", 2),
    ("ffv1", "limited", (16, 235), "gray", 1),
    ("ffv1", "full", (0, 255), "gray", 2),
    ("prores", "limited", (64, 940), "yuv422p10le", 1),
]


@pytest.mark.parametrize(("codec", "chosen", "ends", "pixel_format", "tag"), RANGES)
def test_the_range_of_a_mask_is_tagged_and_true(sa2va, folder, clip, codec, chosen, ends, pixel_format, tag):
    made = sa2va("segment", clip, "red corner", "--save", "mask", "--codec", codec, "--range", chosen)
    assert made.code == 0, made.err
    (path,) = folder.glob("a.mask.*")
    frames = frames_of(path)
    assert {(frame.format.name, int(frame.color_range)) for frame in frames} == {(pixel_format, tag)}
    kind = np.uint16 if "10" in pixel_format else np.uint8
    planes = [frame.planes[0] for frame in frames]
    wide = planes[0].line_size // np.dtype(kind).itemsize
    lumas = [np.frombuffer(plane, kind).reshape(-1, wide)[:, : SIZE[0]] for plane in planes]
    slack = 3 if codec in ("ffv1", "vp9") else 12  # the others ring a little at a hard edge
    assert abs(int(np.min(lumas)) - ends[0]) <= slack
    assert abs(int(np.max(lumas)) - ends[1]) <= slack


@pytest.mark.parametrize(("kind", "codec", "crf"), [("mask", "h264", 51), ("matte", "vp9", 63)])
def test_the_coarsest_file_that_can_be_asked_for_is_what_was_meant(sa2va, folder, kind, codec, crf):
    """It was removed, as its pixels are far from those that were drawn."""
    make_video(folder / "small.mp4", stamps=range(6), size=(16, 16))
    made = sa2va("segment", "small.mp4", "red", "--save", kind, "--codec", codec, "--crf", crf)
    assert made.code == 0, made.err


def test_crf_makes_files_smaller(sa2va, folder, clip):
    for crf in (1, 40):
        made = sa2va("segment", clip, "red", "--save", "overlay", "--crf", crf, "-o", f"{crf}.mp4")
        assert made.code == 0, made.err
    assert (folder / "40.mp4").stat().st_size < (folder / "1.mp4").stat().st_size / 2


def test_a_container_is_chosen_by_its_name_or_by_that_of_the_file(sa2va, folder, clip):
    assert sa2va("segment", clip, "red", "--save", "mask", "--container", "mkv").code == 0
    assert sa2va("segment", clip, "red", "--save", "matte", "-o", "m.webm").code == 0
    assert {"a.mask.mkv", "m.webm"} <= {path.name for path in folder.iterdir()}
    with av.open(str(folder / "m.webm")) as container:
        assert container.streams.video[0].codec_context.name == "vp9"


# Frames and videos.


def test_a_video_becomes_numbered_frames(sa2va, folder, clip):
    made = sa2va(
        "segment", clip, "red", "--save", "mask", "-o", "out/m.####.png", "--start-number", "1001",
        "--start", "5f", "--end", "8f",
    )  # fmt: skip
    assert made.code == 0, made.err
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["m.1001.png", "m.1002.png", "m.1003.png"]
    again = sa2va("segment", clip, "red", "--save", "mask", "-o", "out/%05d.png", "--overwrite")
    assert again.code == 0, again.err
    assert len(list((folder / "out").iterdir())) == LENGTH
    assert (folder / "out" / "00007.png").exists()


def test_tiff_frames_have_16_bits_and_straight_alpha_and_may_be_replaced(sa2va, folder, clip):
    arguments = ("segment", clip, "red", "--save", "matte", "-o", "out/m.%04d.tif")
    assert sa2va(*arguments).code == 0
    with Image.open(folder / "out" / "m.0000.tif") as image:
        assert image.tag_v2[338] == (2,)  # unassociated alpha (TIFF 6.0, ExtraSamples)
        assert image.tag_v2[258] == (16, 16, 16, 16)
    assert sa2va(*arguments).code == 7
    assert sa2va(*arguments, "--overwrite").code == 0
    (folder / "out" / "m.0000.tif").write_bytes((folder / "out" / "m.0000.tif").read_bytes() + b"x")
    refused = sa2va(*arguments, "--overwrite")
    assert refused.code == 7
    assert "did not make" in refused.err


@pytest.mark.parametrize("rate", ["25", "29.97", "30000/1001"])
def test_frames_become_a_video(sa2va, folder, rate):
    make_folder(folder / "shot")
    made = sa2va("segment", "shot", "red", "--save", "overlay", "-o", "out.mov", "--fps", rate)
    assert made.code == 0, made.err
    info = open_source(folder / "out.mov").info
    assert (info.kind, info.frames, info.rate) == ("video", 12, read_rate(rate))


def test_a_pattern_of_frames_becomes_a_video_at_24(sa2va, folder):
    make_folder(folder / "shot")
    assert sa2va("segment", "shot/frame%d.png", "red", "--save", "matte", "-o", "m.mov").code == 0
    assert open_source(folder / "m.mov").info.rate == 24


def test_numbers_of_a_sequence_go_on_into_its_outputs(sa2va, folder):
    (folder / "plate").mkdir()
    for number in (1001, 1002, 1005):
        make_image(folder / "plate" / f"p.{number}.png")
    assert sa2va("segment", "plate", "red", "--save", "mask", "-o", "out/m.%04d.png").code == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "m.1001.png", "m.1002.png", "m.1005.png",
    ]  # fmt: skip
    more = ("-o", "two/m.%04d.png", "--start-number", "7")
    assert sa2va("segment", "plate", "red", "--save", "mask", *more).code == 0
    assert (folder / "two" / "m.0009.png").exists()


# OpenEXR.


@WITH_EXR
def test_exr_is_premultiplied_linear_light_with_a_layer_for_each_mask(sa2va, folder, clip):
    import OpenEXR

    made = sa2va("segment", clip, "red corner", "blue", "--for", "nuke", "--allow-empty")
    assert made.code == 0, made.err
    files = sorted((folder / "a.matte").iterdir())
    assert (files[0].name, len(files)) == ("a.1001.exr", LENGTH)
    pictures = ("--save", "matte", "--container", "png", "-o", "png")
    assert sa2va("segment", clip, "red corner", "blue", "--allow-empty", *pictures).code == 0
    with OpenEXR.File(str(files[_SEEN]), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    assert {"R", "G", "B", "A", "red_corner.A"} <= set(channels)
    with av.open(str(folder / "png" / f"{_SEEN:05d}.png")) as container:
        (frame,) = container.decode(video=0)
    straight = frame.reformat(format="rgba64le").to_ndarray() / 65535
    coded, alpha = straight[..., :3], straight[..., 3]
    light = np.where(coded < 0.081, coded / 4.5, ((coded + 0.099) / 1.099) ** (1 / 0.45))
    for place, name in enumerate("RGB"):
        expected = light[..., place] * alpha
        sure = np.isclose(alpha, channels["A"], atol=2e-3)
        assert np.abs(channels[name].astype(float) - expected)[sure].max() < 2e-3
    assert set(np.unique(channels["red_corner.A"])) == {0.0, 1.0}


@WITH_EXR
def test_a_still_in_exr_follows_srgb_and_straight_overrides_the_receiver(sa2va, folder):
    import OpenEXR

    make_image(folder / "a.png")
    arguments = ("segment", "a.png", "red", "--allow-empty", "--save", "overlay", "--container", "exr")
    assert sa2va(*arguments).code == 0
    assert sa2va("segment", "a.png", "red", "--allow-empty", "--save", "overlay", "-o", "b.png").code == 0
    with OpenEXR.File(str(folder / "a.overlay.exr"), separate_channels=True) as file:
        red = file.channels()["R"].pixels.astype(float)
    coded = np.asarray(Image.open(folder / "b.png"))[..., 0] / 255
    expected = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    assert np.abs(red - expected).max() < 1e-3


def test_without_the_extra_one_line_names_it(sa2va, folder, clip, monkeypatch):
    from sa2va_cli.media import exr

    monkeypatch.setattr(exr, "find_spec", lambda _: None)
    refused = sa2va("segment", clip, "red", "--for", "nuke")
    assert refused.code == 2
    assert "pip install 'sa2va[exr]'" in refused.err
    assert len(refused.err.splitlines()) == 1


def test_premultiply_darkens_colours_by_alpha_and_nothing_else(sa2va, folder, clip):
    for name, more in (("s", ["--straight"]), ("p", ["--premultiply"])):
        made = sa2va(
            "segment", clip, "red corner", "--save", "matte", "--container", "png", "-o", name, *more
        )
        assert made.code == 0, made.err
    for number in range(LENGTH):
        straight, multiplied = (
            next(av.open(f"{name}/{number:05d}.png").decode(video=0))
            .reformat(format="rgba64le")
            .to_ndarray()
            .astype(float)
            for name in "sp"
        )
        assert np.array_equal(straight[..., 3], multiplied[..., 3])
        expected = straight[..., :3] * straight[..., 3:] / 65535
        assert np.abs(expected - multiplied[..., :3]).max() <= 1


# Kinds.


@pytest.mark.parametrize(("more", "size"), [([], (64, 96)), (["--stacking", "beside"], (128, 48))])
def test_stacked_is_the_source_and_its_matte(sa2va, folder, clip, more, size):
    made = sa2va(
        "segment", clip, "red corner", "--save", "stacked", "--codec", "ffv1", "--refine", "none", *more
    )
    assert made.code == 0, made.err
    frame = frames_of(folder / "a.stacked.mkv")[_SEEN].reformat(format="rgb24").to_ndarray()
    assert (frame.shape[1], frame.shape[0]) == size
    whole, matte = frame[: SIZE[1], : SIZE[0]], frame[-SIZE[1] :, -SIZE[0] :]
    assert np.abs(whole.astype(int) - list(open_source(clip))[_SEEN].image).max() <= 1
    assert (matte[..., 0] == matte[..., 1]).all()
    assert matte.max() == 255
    assert matte.min() == 0


@pytest.mark.parametrize(("depth", "black", "white"), [(8, 16, 235), (10, 64, 940)])
def test_stacked_keeps_the_code_values_of_the_source(folder, depth, black, white):
    name = "yuv420p" if depth == 8 else "yuv420p10le"
    path = make_video(folder / "a.mkv", stamps=range(1), codec="ffv1", pixel_format=name)
    (frame,) = open_source(path)
    own = frame.picture
    alpha = np.zeros(SIZE[::-1], np.uint16)
    alpha[:, 30:] = 65535
    made = _stacked_planes(own, alpha, 0)
    assert (made.depth, made.colour) == (depth, own.colour)
    assert all(np.array_equal(new[: len(old)], old) for new, old in zip(made.planes, own.planes, strict=True))
    assert set(made.luma[SIZE[1] :, :30].flat) == {black}
    assert set(made.luma[SIZE[1] :, 30:].flat) == {white}
    assert set(made.blue[SIZE[1] // 2 :].flat) == {1 << depth - 1}


@pytest.mark.parametrize("kind", ["overlay", "stacked"])
@pytest.mark.parametrize("transfer", [1, 16], ids=["bt709", "pq"])
def test_codecs_of_8_bits_take_what_is_seen_of_deeper_sources(sa2va, folder, kind, transfer):
    tags = {"color_trc": transfer, "color_primaries": 9, "colorspace": 9}
    source = make_video(
        folder / "a.mkv", stamps=range(2), codec="ffv1", pixel_format="yuv420p10le", tags=tags
    )
    made = sa2va("segment", source, "red corner", "--save", kind, "--codec", "vp9")
    assert made.code == 0, made.err
    assert "written with 8 bits; the source has 10" in made.err
    result = open_source(folder / f"a.{kind}.webm")
    (seen, *_), (shown, *_) = open_source(source), result
    assert (result.info.depth, result.info.colour.transfer) == (8, 1)
    apart = np.abs(shown.image[: SIZE[1]].astype(int) - seen.image)
    assert np.quantile(apart, 0.2) <= 2  # what nothing is drawn on


def test_hints_lie_inside_the_mask_and_beside_the_input(sa2va, folder):
    make_folder(folder / "shot" / "Input")
    made = sa2va("segment", "shot/Input", "red corner", "--for", "corridorkey")
    assert made.code == 0, made.err
    inputs, hints = (sorted((folder / "shot" / name).iterdir()) for name in ("Input", "AlphaHint"))
    assert [path.stem for path in hints] == [path.stem for path in inputs]
    assert sa2va("segment", "shot/Input", "red corner", "--save", "mask", "-o", "masks").code == 0
    for path in hints:
        hint, mask = np.asarray(Image.open(path)), np.asarray(Image.open(folder / "masks" / path.name))
        assert hint.ndim == 2
        assert not hint[mask == 0].any()
        if mask.any():
            assert 0 < (hint > 127).sum() < (mask > 0).sum()
    assert any(np.asarray(Image.open(path)).max() > 127 for path in hints)


# Receivers.


@pytest.mark.parametrize("receiver", PRESETS)
def test_every_receiver_gets_what_its_row_says(sa2va, folder, clip, receiver):
    preset = PRESETS[receiver]
    if preset.alpha.container == "exr":
        pytest.importorskip("OpenEXR")
    made = sa2va("segment", clip, "red corner", "--for", receiver, "--save", "tracks", "-o", "x/")
    assert made.code == 0  # the kinds that somebody chose win
    assert [path.name for path in (folder / "x").iterdir()] == ["a.tracks.sa2va"]
    for word, command in (("s", ("segment", clip, "red corner")), ("r", ("render", "x/a.tracks.sa2va"))):
        made = sa2va(*command, "--for", receiver, "-o", f"{word}/")
        assert made.code == 0, made.err
    first, again = (
        {str(path.relative_to(folder / word)): path.read_bytes() for path in (folder / word).rglob("*.*")
         if path.is_file()}
        for word in "sr"
    )  # fmt: skip
    assert first == again
    assert first


def test_an_option_overrides_the_receiver(sa2va, folder, clip):
    made = sa2va("segment", clip, "red", "--for", "premiere", "--codec", "qtrle")
    assert made.code == 0, made.err
    with av.open(str(folder / "a.matte.mov")) as container:
        assert container.streams.video[0].codec_context.name == "qtrle"
    made = sa2va("segment", clip, "red", "--for", "web", "--save", "mask", "--range", "full")
    assert made.code == 0, made.err
    assert int(frames_of(folder / "a.mask.mp4")[0].color_range) == 2


def test_a_receiver_can_be_a_default_of_ones_own(sa2va, folder, clip, monkeypatch):
    monkeypatch.setenv("SA2VA_FOR", "web")
    assert sa2va("segment", clip, "red").code == 0
    assert (folder / "a.matte.webm").exists()


REFUSED = [
    (["--save", "matte", "--codec", "h264"], "h264 holds no alpha"),
    (["--save", "mask", "--codec", "vp9", "--container", "mp4"], "does not go into .mp4; use .webm or .mkv"),
    (["--save", "mask", "--fps", "25"], "--fps 25 is for images"),
    (["--save", "mask", "--fps", "fast"], "--fps must be a rate"),
    (["--save", "mask", "--premultiply"], "--premultiply means nothing for mask"),
    (["--save", "matte", "--range", "full"], "--range full means nothing for matte"),
    (["--save", "coco", "--codec", "ffv1"], "--codec ffv1 means nothing for coco"),
    (["--save", "mask", "--codec", "prores", "--range", "full"], "masks in prores have limited range"),
    (["--save", "mask", "--codec", "prores", "--crf", "0"], "--crf 0: mask is in prores, a codec without it"),
    (["--save", "mask", "--crf", "52"], "--crf 52: mask is in h264, which takes 0 to 51"),
    (["--save", "mask", "--crf", "-1"], "--crf must be from 0 to 63, got -1"),
    (["--save", "mask", "--start-number", "4"], "--start-number 4 is for folders"),
    (["--save", "mask", "-o", "m.%04d.png"], "frames go into a folder of their own"),
    (["--save", "coco", "-o", "a/m.%04d.png"], "coco is not made of pictures"),
    (["--save", "mask", "--container", "y4m"], "--container y4m goes to standard output only"),
    (["--save", "mask", "-o", "-", "--json"], "both want standard output"),
    (["--save", "mask,matte", "-o", "-"], "-o - carries one kind"),
    (["--save", "mask", "-o", "-", "--container", "mp4"], "cannot be piped"),
    (["--save", "matte", "-o", "-", "--container", "y4m"], "y4m holds no alpha"),
    (
        ["--save", "mask", "-o", "-", "--codec", "prores"],
        "cannot be piped as nut; choose ffv1, h264, vp9 or png",
    ),
    (["--save", "matte", "-o", "-", "--codec", "vp9"], "cannot be piped as nut; choose ffv1 or png"),
    (
        ["--save", "mask", "-o", "-", "--container", "matroska", "--codec", "png"],
        "cannot be piped as matroska",
    ),
    (["--for", "photoshop"], "unknown --for 'photoshop'"),
    (["--premultiply", "--straight"], "contradict each other"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=lambda value: " ".join(value)[:40])
def test_what_does_not_go_together_is_one_line(sa2va, folder, clip, arguments, words):
    def must_not_load(*_):
        raise AssertionError("the model was loaded")

    refused = sa2va("segment", clip, "red", *arguments, load=must_not_load)
    assert refused.code == 2
    assert words in refused.err
    assert len(refused.err.splitlines()) == 1
    assert refused.files == ["a.mp4"]


def test_one_picture_takes_no_codec(sa2va, folder):
    make_image(folder / "a.png")
    refused = sa2va("segment", "a.png", "red", "--codec", "ffv1", "--save", "mask")
    assert refused.code == 2
    assert "the input is one picture" in refused.err
    assert sa2va("segment", "a.png", "red", "--allow-empty", "--save", "mask", "-o", "m.tif").code == 0


def test_rates_are_read_as_people_write_them():
    assert Delivery(fps="23.976").rate == Fraction(24000, 1001)
    assert Delivery(fps=25).rate == 25
    for faulty in ("x", "0", "1/0", "-3", "1e9"):
        with pytest.raises(UsageError, match="fps"):
            Delivery(fps=faulty)


# Standard output.

PROGRAM = """
import sys
from fakes import load_fake
from sa2va_cli.commands.app import main
sys.exit(main([*sys.argv[1:], "--device", "cpu"], load=load_fake))
"""


def piped(arguments: list[str], into: list[str]) -> tuple[bytes, str]:
    """Runs the program, its output going into another's input; returns that one's output, and our errors."""
    outlet, inlet = os.pipe()
    with tempfile.TemporaryFile() as errors:
        ours = forked.start(PROGRAM, *arguments, stdout=inlet, stderr=errors.fileno())
        os.close(inlet)
        done = subprocess.run(into, stdin=outlet, capture_output=True, check=True)
        os.close(outlet)
        ours.join()
        errors.seek(0)
        told = errors.read()
    assert ours.exitcode == 0, told
    return done.stdout, told.decode()


def test_a_piped_y4m_file_has_the_rate_and_the_aspect_of_the_source(folder):
    make_video(folder / "a.mp4", stamps=range(3), aspect=Fraction(4, 3))
    raw, _ = piped(["segment", "a.mp4", "red", "--save", "overlay", "-o", "-", "--container", "y4m"], ["cat"])
    assert {b"F25:1", b"A4:3"} <= set(raw.split(b"\n")[0].split(b" "))


@pytest.mark.parametrize("stamps", [range(6), [0, 3, 4, 10, 11, 12]], ids=["even", "uneven"])
def test_an_avi_file_shows_frames_at_their_times_and_in_their_shape(sa2va, folder, stamps):
    make_video(folder / "a.mp4", stamps=stamps, aspect=Fraction(64, 45))
    made = sa2va("segment", "a.mp4", "red", "--save", "mask", "-o", "m.avi", "--allow-empty")
    assert made.code == 0, made.err
    reader = open_source(folder / "m.avi")
    assert [frame.seconds for frame in reader] == [stamp / 25 for stamp in stamps]
    assert reader.info.sample_aspect_ratio == Fraction(64, 45)


STREAMED = [("nut", "matte", []), ("matroska", "matte", []), ("y4m", "overlay", []), ("y4m", "mask", [])]
RAW = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", "64x48"]


@WITH_FFMPEG
@pytest.mark.parametrize(("container", "kind", "before"), [*STREAMED, ("rawvideo", "matte", RAW)])
def test_ffmpeg_reads_what_is_piped(folder, container, kind, before):
    make_video(folder / "a.mp4", sound="aac")
    arguments = ["segment", "a.mp4", "red corner", "--save", kind, "-o", "-", "--container", container]
    raw, told = piped(
        arguments,
        ["ffmpeg", "-v", "error", *before, "-i", "-", "-an", "-f", "rawvideo", "-pix_fmt", "rgba", "-"],
    )
    assert len(raw) == 20 * 64 * 48 * 4
    assert "wrote standard output" in told
    alpha = np.frombuffer(raw, np.uint8).reshape(20, 48, 64, 4)[_SEEN, ..., 3]
    assert (alpha.min() == 0) == (kind == "matte")
    assert sorted(path.name for path in folder.iterdir()) == ["a.mp4"]
