"""What a still picture's numbers mean: profiles, alpha, depth; and files that hold several pictures."""

import importlib.util
import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from clips import SIZE, make_image, number_of, picture
from numpy.typing import NDArray
from PIL import Image, ImageCms

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.media import signatures
from sa2va_cli.media.colour import PRIMARIES, encode_srgb, matrix_profile, tagged_by_code, tone_mapped
from sa2va_cli.media.images import write_image
from sa2va_cli.media.probe import probe
from sa2va_cli.media.reader import open_source

P3 = matrix_profile(PRIMARIES[12], (2.2,))
WITH_HEIF = pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="needs the extra heif")


def only(path: Path) -> tuple[Frame, list[str]]:
    reader = open_source(path)
    (frame,) = reader
    return frame, reader.warnings


def as_seen(image: NDArray[np.uint8], profile: bytes) -> NDArray[np.int64]:
    """What another program makes of a picture with a profile."""
    opened, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    seen = ImageCms.profileToProfile(Image.fromarray(image), opened, srgb)
    return np.asarray(seen).astype(int)


def with_chunk(path: Path, kind: bytes, body: bytes) -> Path:
    """Puts a chunk behind the header of a PNG file."""
    data = path.read_bytes()
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(data[:33] + chunk + data[33:])
    return path


def write_deep(path: Path, values: NDArray[np.uint16], layout: str = "rgb48be") -> Path:
    """A PNG of 16 bits, as FFmpeg writes it."""
    given = {3: "rgb48le", 4: "rgba64le"}[values.shape[2]]
    context: Any = av.CodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt = values.shape[1], values.shape[0], layout
    context.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(values, format=given).reformat(format=layout)
    path.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))
    return path


def deep_picture(channels: int = 3) -> NDArray[np.uint16]:
    values = picture(5).astype(np.uint16) * np.uint16(257)
    values += np.random.default_rng(0).integers(0, 100, values.shape).astype(np.uint16)
    alpha = np.full((*values.shape[:2], 1), 65535, np.uint16)
    alpha[:, 40:] = np.linspace(0, 65535, values.shape[1] - 40, dtype=np.uint16)[None, :, None]
    return np.concatenate([values, alpha], axis=2) if channels == 4 else values


# Profiles


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".avif"])
def test_a_profile_is_applied_for_the_network_and_kept_with_the_numbers(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    quality: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {"quality": 100}
    Image.fromarray(picture(5)).save(path, icc_profile=P3, **quality)
    frame, warnings = only(path)
    with Image.open(path) as image:
        stored = np.asarray(image.convert("RGB"))
    assert warnings == []
    assert frame.icc_profile == P3
    assert frame.deep is not None
    assert np.array_equal(frame.deep, stored.astype(np.uint16) * 257)
    assert np.array_equal(frame.picture, stored)
    assert np.abs(frame.image - as_seen(stored, P3)).max() <= 1
    assert np.abs(frame.image.astype(int) - stored).max() > 20


def test_a_profile_of_srgb_changes_nothing_and_is_kept(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture(5)).save(tmp_path / "a.png", icc_profile=srgb)
    frame, _ = only(tmp_path / "a.png")
    assert np.array_equal(frame.image, picture(5))
    assert frame.icc_profile == srgb


@pytest.mark.parametrize("profile", [b"nonsense", P3[:150], P3[:128] + bytes(len(P3) - 128)])
def test_a_damaged_profile_is_said_and_taken_for_srgb(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(picture(5)).save(tmp_path / "a.png", icc_profile=profile)
    frame, warnings = only(tmp_path / "a.png")
    assert (frame.icc_profile, frame.deep) == (None, None)
    assert np.array_equal(frame.image, picture(5))
    assert warnings == [
        "a.png has a colour profile that is damaged or does not fit; the colours are taken for sRGB"
    ]


def test_what_is_said_of_many_files_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "shot").mkdir()
    for number in range(3):
        Image.fromarray(picture(number)).save(tmp_path / "shot" / f"f{number}.png", icc_profile=b"nonsense")
    reader = open_source(tmp_path / "shot")
    assert len(list(reader)) == len(list(reader)) == 3
    assert len(reader.warnings) == 1
    assert reader.warnings[0].startswith("f0.png and 2 more: has a colour profile")


def test_gamma_and_primaries_of_png_are_a_profile(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a.png")
    with_chunk(path, b"gAMA", struct.pack(">I", 100_000))  # linear light
    frame, _ = only(path)
    expected = encode_srgb((picture(5) / 255).astype(np.float32)) / 257
    assert np.abs(frame.image - expected).max() < 1.5
    assert frame.icc_profile is not None
    p3 = [round(100_000 * value) for value in (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)]
    path = with_chunk(make_image(tmp_path / "b.png"), b"cHRM", struct.pack(">8I", *p3))
    seen = as_seen(picture(5), matrix_profile(PRIMARIES[12], tagged_by_code(12, 13).curve))
    assert np.abs(only(path)[0].image - seen).max() <= 1


def test_the_gamma_that_srgb_files_state_changes_nothing(tmp_path: Path) -> None:
    path = with_chunk(make_image(tmp_path / "a.png"), b"gAMA", struct.pack(">I", 45455))
    frame, _ = only(path)
    assert np.array_equal(frame.image, picture(5))
    assert frame.icc_profile is None


def test_code_points_of_png_count_before_its_profile(tmp_path: Path) -> None:
    Image.fromarray(picture(5)).save(tmp_path / "a.png", icc_profile=matrix_profile(PRIMARIES[9], (1.0,)))
    frame, _ = only(with_chunk(tmp_path / "a.png", b"cICP", bytes([12, 13, 0, 1])))
    seen = as_seen(picture(5), matrix_profile(PRIMARIES[12], tagged_by_code(12, 13).curve))
    assert np.abs(frame.image - seen).max() <= 1


@pytest.mark.parametrize(("transfer", "white", "name"), [(16, 0.5807, "PQ"), (18, 0.75, "HLG")])
def test_high_dynamic_range_is_tone_mapped_and_said(
    tmp_path: Path, transfer: int, white: float, name: str
) -> None:
    coded = np.full((4, 4, 3), white, np.float32)
    assert np.abs(tone_mapped(coded, 9, transfer)[0, 0] / 65535 - 0.95).max() < 0.04  # white, and room above
    assert tone_mapped(coded * 0, 9, transfer).max() == 0
    Image.fromarray(picture(5)).save(tmp_path / "a.png")
    frame, warnings = only(with_chunk(tmp_path / "a.png", b"cICP", bytes([9, transfer, 0, 1])))
    assert f"high dynamic range ({name})" in warnings[0]
    assert frame.icc_profile is None


def test_grey_and_cmyk_profiles_are_applied_and_not_kept(tmp_path: Path) -> None:
    grey = P3.replace(b"mntrRGB ", b"mntrGRAY").replace(b"rTRC", b"kTRC")
    Image.fromarray(picture(5)[..., 1]).save(tmp_path / "a.png", icc_profile=grey)
    frame, warnings = only(tmp_path / "a.png")
    assert (frame.icc_profile, warnings) == (None, [])
    assert np.ptp(frame.image, axis=2).max() == 0
    Image.fromarray(picture(5)).convert("CMYK").save(tmp_path / "b.jpg", icc_profile=P3)
    frame, warnings = only(tmp_path / "b.jpg")
    assert frame.icc_profile is None
    assert "does not fit" in warnings[0]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_pictures_of_every_depth_come_back_with_their_profile(
    tmp_path: Path, suffix: str, dtype: type, channels: int
) -> None:
    path, profile = tmp_path / f"a{suffix}", P3 if channels > 1 else None
    rng = np.random.default_rng(0)
    values = np.squeeze(rng.integers(0, np.iinfo(dtype).max, (33, 31, channels)).astype(dtype))
    write_image(path, values, icc_profile=profile)
    with Image.open(path) as image:
        assert image.info.get("icc_profile") == profile
        assert image.size == (31, 33)
        if dtype is np.uint8:
            assert np.array_equal(np.array(image), values)
    if dtype is np.uint16:
        frame = next(iter(open_source(path)))
        assert frame.deep is not None
        found = frame.deep[..., 0] if channels == 1 else frame.deep
        assert np.array_equal(found, values[..., :3] if channels == 4 else values)


def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="float32"):
        write_image(tmp_path / "a.tif", np.zeros((4, 4, 3), np.float32))
    with pytest.raises(UsageError, match=r"\.png or \.tif"):
        write_image(tmp_path / "a.jpg", np.zeros((4, 4, 3), np.uint16))


def test_what_is_written_can_carry_a_profile(tmp_path: Path) -> None:
    for name, values in (
        ("a.png", picture(5)),
        ("a.jpg", picture(5)),
        ("deep.png", deep_picture(4)),
    ):
        write_image(tmp_path / name, values, icc_profile=P3)
        with Image.open(tmp_path / name) as image:
            image.load()
            assert image.info["icc_profile"] == P3
    back = cv2.imread(str(tmp_path / "deep.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(back[..., [2, 1, 0, 3]], deep_picture(4))


# Alpha


def cut_out() -> NDArray[np.uint8]:
    """A picture whose right part is transparent, with magenta hidden there."""
    rgba = np.dstack([picture(5), np.full(picture(5).shape[:2], 255, np.uint8)])
    rgba[:, 40:48, 3] = 100
    rgba[:, 48:] = (255, 0, 255, 0)
    return rgba


@pytest.mark.parametrize(
    ("suffix", "mode"), [(".png", "RGBA"), (".webp", "RGBA"), (".tif", "RGBA"), (".png", "LA")]
)
def test_the_network_sees_what_is_transparent_over_grey(tmp_path: Path, suffix: str, mode: str) -> None:
    rgba = Image.fromarray(cut_out()).convert(mode)
    rgba.save(tmp_path / f"a{suffix}", **({"lossless": True, "exact": True} if suffix == ".webp" else {}))
    frame, _ = only(tmp_path / f"a{suffix}")
    stored = np.asarray(rgba.convert("RGBA"))
    assert frame.alpha is not None
    assert frame.deep is not None
    assert np.array_equal(frame.alpha, stored[..., 3])
    assert (frame.image[:, 48:] == 128).all()
    assert np.array_equal(frame.image[:, :40], stored[:, :40, :3])
    mixed = 128 + 100 / 255 * (stored[:, 40:48, :3] - 128.0)
    assert np.abs(frame.image[:, 40:48] - mixed).max() <= 0.5 + 1e-3
    assert np.array_equal(frame.deep[:, :48], stored[:, :48, :3].astype(np.uint16) * 257)


def test_a_transparent_colour_of_a_palette_is_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(picture(5)).quantize(16)
    index = int(np.asarray(image)[0, 0])
    image.save(tmp_path / "a.png", transparency=index)
    frame, _ = only(tmp_path / "a.png")
    assert frame.alpha is not None
    assert np.array_equal(frame.alpha == 0, np.asarray(image) == index)


def test_alpha_that_hides_nothing_is_none(tmp_path: Path) -> None:
    frame, _ = only(make_image(tmp_path / "a.png", "RGBA"))
    assert (frame.alpha, frame.deep) == (None, None)


# Depth


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept_to_the_last(tmp_path: Path, channels: int, suffix: str) -> None:
    values = deep_picture(channels)
    path = tmp_path / f"a{suffix}"
    if suffix == ".png":
        write_deep(path, values, "rgb48be" if channels == 3 else "rgba64be")
    else:
        context: Any = av.CodecContext.create("tiff", "w")
        context.width, context.height, context.time_base = *SIZE, Fraction(1)
        context.pix_fmt = "rgb48le" if channels == 3 else "rgba64le"
        frame = av.VideoFrame.from_ndarray(values, format=context.pix_fmt)
        path.write_bytes(b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)]))
    frame, warnings = only(path)
    assert warnings == []
    assert frame.deep is not None
    assert np.array_equal(frame.deep, values[..., :3])
    if channels == 4:
        assert frame.alpha is not None
        assert np.array_equal(frame.alpha, values[..., 3])
        assert (frame.image[:, 40] == 128).all()
    assert number_of(frame.image) == 5


def test_grey_of_sixteen_bits_is_kept_to_the_last(tmp_path: Path) -> None:
    values = deep_picture()[..., 1]
    Image.fromarray(values).save(tmp_path / "a.png")
    frame, _ = only(tmp_path / "a.png")
    assert frame.deep is not None
    assert np.array_equal(frame.deep, np.repeat(values[..., None], 3, axis=2))
    assert np.abs(frame.image.astype(float) - frame.deep / 257).max() <= 0.5


def test_deep_colours_with_a_profile_keep_both(tmp_path: Path) -> None:
    path = write_deep(tmp_path / "a.png", deep_picture())
    with_chunk(path, b"iCCP", b"x\0\0" + zlib.compress(P3))
    frame, _ = only(path)
    assert frame.deep is not None
    assert np.array_equal(frame.deep, deep_picture())
    assert frame.icc_profile == P3
    assert np.abs(frame.image - as_seen(((deep_picture() + 128.0) // 257).astype(np.uint8), P3)).max() <= 1


def test_deep_colours_are_turned_as_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = write_deep(tmp_path / "a.png", deep_picture())
    with_chunk(path, b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    frame, _ = only(path)
    assert frame.deep is not None
    assert np.array_equal(frame.deep, np.rot90(deep_picture(), -1))


# Several pictures in one file


def test_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(picture(number)) for number in range(8)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    reader = open_source(tmp_path / "stack.tif")
    frames = list(reader)
    assert (reader.info.kind, reader.info.frames, reader.warnings) == ("frames", 8, [])
    assert [number_of(frame.image) for frame in frames] == list(range(8))
    assert [frame.name for frame in frames][:2] == ["stack_0000", "stack_0001"]
    assert {frame.file_name for frame in frames} == {None}
    assert [number_of(frame.image) for frame in reader.frames_at([6, 2])] == [6, 2]


def test_deep_pages_are_deep(tmp_path: Path) -> None:
    stack = [deep_picture()[..., ::-1] + np.uint16(number) for number in range(3)]
    cv2.imwritemulti(str(tmp_path / "stack.tif"), stack)
    for number, frame in enumerate(open_source(tmp_path / "stack.tif")):
        assert frame.deep is not None
        assert np.array_equal(frame.deep, deep_picture() + np.uint16(number))


def test_small_versions_inside_a_tiff_are_no_frames(tmp_path: Path) -> None:
    small = Image.fromarray(picture(1, (32, 24)))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(picture(5)).save(tmp_path / "a.tif", save_all=True, append_images=[small])
    frame, warnings = only(tmp_path / "a.tif")
    assert (frame.size, warnings) == (SIZE, [])


def test_pages_of_different_sizes_are_one_picture_and_a_word(tmp_path: Path) -> None:
    other = Image.fromarray(picture(1, (32, 24)))
    Image.fromarray(picture(5)).save(tmp_path / "a.tif", save_all=True, append_images=[other])
    frame, warnings = only(tmp_path / "a.tif")
    assert number_of(frame.image) == 5
    assert warnings == ["a.tif holds 2 pictures; only the first is read"]


def test_stacks_in_a_folder_are_said_to_be_stacks(tmp_path: Path) -> None:
    (tmp_path / "shot").mkdir()
    for number in range(2):
        pages = [Image.fromarray(picture(number + page)) for page in range(3)]
        pages[0].save(tmp_path / "shot" / f"{number}.tif", save_all=True, append_images=pages[1:])
    reader = open_source(tmp_path / "shot")
    assert [number_of(frame.image) for frame in reader] == [0, 1]
    assert reader.warnings == ["0.tif and 1 more: holds 3 pictures; only the first is read"]


def encoded(number: int, kind: str, size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture(number, size)).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("name", ["cam.mjpeg", "cam.mjpg", "all.jpg", "all.png", "spooled.input"])
@pytest.mark.parametrize("between", [b"", b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n"])
def test_pictures_joined_end_to_end_are_frames(tmp_path: Path, kind: str, name: str, between: bytes) -> None:
    if kind == "PNG" and (between or name.startswith("cam")):
        pytest.skip("not made by anybody")
    pictures = [encoded(number, kind) for number in range(12)]
    (tmp_path / name).write_bytes(between.join(pictures))
    reader = open_source(tmp_path / name)
    assert (reader.info.kind, reader.info.frames) == ("video", 12)
    assert [number_of(frame.image) for frame in reader] == list(range(12))
    assert [number_of(frame.image) for frame in reader.frames_at([7, 2])] == [7, 2]
    assert (reader.warnings, reader.rate) == ([], 25)


def test_thumbnails_in_exif_data_are_not_taken_for_frames(tmp_path: Path) -> None:
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0\0\0\0\0" + encoded(9, "JPEG", (16, 12))
    pictures = [encoded(number, "JPEG", exif=exif) for number in range(3)]
    (tmp_path / "one.jpg").write_bytes(pictures[2])
    frame, _ = only(tmp_path / "one.jpg")
    assert number_of(frame.image) == 2
    (tmp_path / "all.mjpeg").write_bytes(b"".join(pictures))
    assert [number_of(frame.image) for frame in open_source(tmp_path / "all.mjpeg")] == [0, 1, 2]


def test_a_preview_behind_a_picture_is_no_frame(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(3, "JPEG") + encoded(4, "JPEG", (16, 12)))
    frame, warnings = only(tmp_path / "a.jpg")
    assert (number_of(frame.image), warnings) == (3, [])


def test_two_views_are_one_still_and_a_word(tmp_path: Path) -> None:
    views = [Image.fromarray(picture(number)) for number in (5, 6)]
    views[0].save(tmp_path / "a.mpo", save_all=True, append_images=views[1:])
    frame, warnings = only(tmp_path / "a.mpo")
    assert number_of(frame.image) == 5
    assert warnings == ["a.mpo holds 2 pictures; only the first is read"]


# HEIC


def ramps(size: tuple[int, int] = (96, 64)) -> NDArray[np.uint16]:
    """(H, W, 3): colours that rise slowly, so that 8 bits cannot hold their steps."""
    y, x = np.mgrid[: size[1], : size[0]]
    return np.stack([x * 680, y * 1000, (x + y) * 400], axis=-1).astype(np.uint16)


@WITH_HEIF
@pytest.mark.parametrize("orientation", [1, 6])
def test_heic_of_ten_bits_keeps_them(tmp_path: Path, orientation: int) -> None:
    import pillow_heif

    values = ramps()
    exif = Image.Exif()
    exif[0x0112] = orientation
    heif = pillow_heif.from_bytes("RGB;16", (96, 64), values.tobytes())
    heif.save(tmp_path / "a.heic", quality=100, chroma=444, exif=exif.tobytes())
    frame = next(iter(open_source(tmp_path / "a.heic")))
    upright = values if orientation == 1 else np.rot90(values, -1)
    assert np.abs(frame.finest.astype(int) - upright).mean() < 100  # a step of 8 bits is 257
    assert frame.finest.max() == 65535 or frame.finest.max() > 64000
    assert np.abs(frame.finest[..., 0].astype(int) // 257 - frame.image[..., 0]).max() <= 2


def test_avif_of_ten_bits_keeps_them(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.avif"), "w", format="avif") as container:
        stream: Any = container.add_stream("libsvtav1", rate=1, options={"crf": "1", "preset": "9"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
        frame = av.VideoFrame.from_ndarray(ramps(), format="rgb48le")
        deep = frame.reformat(format="yuv420p10le", dst_colorspace="ITU709", threads=1)
        deep.pts, stream.codec_context.color_range, stream.codec_context.colorspace = 0, 1, 1
        container.mux([*stream.encode(deep), *stream.encode(None)])
    read = next(iter(open_source(tmp_path / "a.avif")))
    assert read.finest.dtype == np.uint16
    assert np.abs(read.finest.astype(int) - ramps()).mean() < 257


def test_avif_of_eight_bits_is_read_as_it_was(tmp_path: Path) -> None:
    Image.fromarray(picture(5)).save(tmp_path / "a.avif")
    assert next(iter(open_source(tmp_path / "a.avif"))).deep is None


@WITH_HEIF
@pytest.mark.parametrize("suffix", [".heic", ".HEIF", ".input"])
def test_heic_is_read_whole_upright_and_with_its_profile(tmp_path: Path, suffix: str) -> None:
    import pillow_heif

    size = (128, 96)
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.fromarray(picture(5, size))
    heif = pillow_heif.from_pillow(upright.rotate(90, expand=True))
    heif.info["icc_profile"] = P3
    heif.save(tmp_path / "a.heic", quality=95, exif=exif.tobytes(), tile_size=64)
    path = (tmp_path / "a.heic").rename(tmp_path / f"b{suffix}")
    frame, warnings = only(path)
    assert (frame.size, number_of(frame.image), warnings) == (size, 5, [])
    assert probe(path).size == size
    assert (probe(path).codec, frame.icc_profile) == ("heif", P3)


@WITH_HEIF
def test_a_folder_of_heic_and_jpeg_is_read_whole(tmp_path: Path) -> None:
    import pillow_heif

    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(3):
        pillow_heif.from_pillow(Image.fromarray(picture(number))).save(folder / f"IMG_{number}.HEIC")
    Image.fromarray(picture(3)).save(folder / "IMG_3.JPG")
    reader = open_source(folder)
    assert [number_of(frame.image) for frame in reader] == [0, 1, 2, 3]
    assert reader.info.file_names == ("IMG_0.HEIC", "IMG_1.HEIC", "IMG_2.HEIC", "IMG_3.JPG")


def test_without_the_extra_heic_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "find_spec", lambda _: None)
    head = struct.pack(">I4s4sI", 24, b"ftyp", b"mif1", 0) + b"mif1heic"
    (tmp_path / "a.mp4").write_bytes(head + bytes(100))
    with pytest.raises(InputError, match=r"HEIC pictures need pillow-heif.*sa2va\[heif\]"):
        probe(tmp_path / "a.mp4")


@WITH_HEIF
def test_damaged_heic_does_not_fall_through_to_the_video_reader(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"heic", 0) + bytes(200))
    with pytest.raises(InputError, match="the HEIC picture is damaged"):
        probe(tmp_path / "a.heic")


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.jxl", b"\xff\x0a\x00\x00", "JPEG XL"),
        ("a.cr2", b"II*\0\x10\0\0\0CR\x02\0", "camera raw"),
        ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\0", "camera raw"),
        ("a.raf", b"FUJIFILMCCD-RAW 0201", "camera raw"),
        ("a.cin", b"\x80\x2a\x5f\xd7\0\0\0\0", "Cineon"),
        ("a.hdr", b"#?RADIANCE\n", "Radiance HDR"),
    ],
)
def test_pictures_of_kinds_that_are_not_read_are_refused_by_name(
    tmp_path: Path, name: str, head: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(head + bytes(400))
    with pytest.raises(InputError, match=f"{kind} pictures are not read"):
        probe(tmp_path / name)


def test_alpha_of_an_animation_is_kept(tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.roll(cut_out(), step, axis=1)) for step in (0, 8)]
    pictures[0].save(
        tmp_path / "a.webp", save_all=True, append_images=pictures[1:], duration=40, lossless=True, exact=True
    )
    for frame, stored in zip(open_source(tmp_path / "a.webp"), map(np.asarray, pictures), strict=True):
        assert frame.alpha is not None
        assert frame.deep is not None
        assert np.array_equal(frame.alpha, stored[..., 3])
        assert (frame.image[stored[..., 3] == 0] == 128).all()


@pytest.mark.parametrize("top", [65535, 1023])
def test_deep_ppm_keeps_its_depth(tmp_path: Path, top: int) -> None:
    values = (deep_picture() // (65536 // (top + 1))).astype(">u2")
    head = f"P6\n# made here\n{SIZE[0]} {SIZE[1]}\n{top}\n".encode()
    (tmp_path / "a.ppm").write_bytes(head + values.tobytes())
    frame, _ = only(tmp_path / "a.ppm")
    assert frame.deep is not None
    assert np.abs(frame.deep - values * (65535 / top)).max() <= 1


@pytest.mark.parametrize("data", [b"P1\n6 2\n101010\n010101\n", b"P4\n24 2\n999888"])
def test_a_bitmap_is_not_deep(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.pbm").write_bytes(data)
    assert only(tmp_path / "a.pbm")[1] == []


@pytest.mark.parametrize("between", [0, 5000])
def test_deep_jpeg_2000_keeps_its_depth(tmp_path: Path, between: int) -> None:
    context: Any = av.CodecContext.create("jpeg2000", "w")
    context.width, context.height, context.pix_fmt, context.time_base = *SIZE, "rgb48le", Fraction(1)
    context.options = {"pred": "dwt53"}
    frame = av.VideoFrame.from_ndarray(deep_picture(), format="rgb48le")
    data = b"".join(map(bytes, [*context.encode(frame), *context.encode(None)]))
    place = data.index(b"jp2c") - 4
    box = struct.pack(">I", 8 + between) + b"free" + bytes(between)
    (tmp_path / "a.jp2").write_bytes(data[:place] + box + data[place:])
    read, warnings = only(tmp_path / "a.jp2")
    assert read.deep is not None
    assert np.abs(read.deep.astype(int) - deep_picture()).mean() <= 64
    assert warnings == []


def test_a_gif_without_delays_has_all_its_pictures(tmp_path: Path) -> None:
    images = [Image.fromarray(picture(number)) for number in range(4)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:])
    assert [number_of(frame.image) for frame in open_source(tmp_path / "a.gif")] == list(range(4))
