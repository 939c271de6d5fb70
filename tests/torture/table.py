"""Awkward inputs, one a row: how each is made, and what ``sa2va segment`` must make of it.

``test_torture.py`` makes and runs every row; ``page.py`` writes docs/reference/formats.md from them.
"""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from clips import (
    SIZE,
    damage,
    make_animation,
    make_cover_art,
    make_folder,
    make_front_index,
    make_image,
    make_resized,
    make_sound,
    make_video,
    make_without_frames,
    picture,
    truncate,
)
from PIL import Image

COUNT = 6


@dataclass(frozen=True)
class Row:
    """One input.

    Attributes:
        name: of the input, as it is given.
        made: what it is, for the page.
        make: makes it in a folder.
        frames: how many frames the mask has; 0 for an input that is refused.
        size: (width, height) of the mask.
        says: a part of the warning, or of the error line; empty for neither.
        options: further ones of ``segment``.
        needs_ffmpeg: whether the program ``ffmpeg`` makes it.
    """

    name: str
    made: str
    make: Callable[[Path], object]
    frames: int = COUNT
    size: tuple[int, int] = SIZE
    says: str = ""
    options: tuple[str, ...] = ()
    needs_ffmpeg: bool = False

    @property
    def id(self) -> str:
        """For the test."""
        return f"{self.name}: {self.made}"


def video(name: str, made: str, *, frames: int = COUNT, says: str = "", size: Any = SIZE, **more: Any) -> Row:
    """A video that PyAV makes."""
    more = {"stamps": range(COUNT)} | more
    return Row(name, made, lambda folder: make_video(folder / name, **more), frames, size, says)


def ffmpeg(name: str, made: str, *words: str, **more: Any) -> Row:
    """A file that the program ffmpeg makes of a small plain video; ``IN`` stands for it."""

    def make(folder: Path) -> None:
        plain = make_video(folder / "plain.mkv", stamps=range(COUNT), codec="ffv1", pixel_format="yuv420p")
        run(folder, *("plain.mkv" if word == "IN" else word for word in words), name)
        plain.unlink()

    return Row(name, made, make, needs_ffmpeg=True, **more)


def run(folder: Path, *words: str) -> None:
    """Runs ffmpeg in a folder."""
    program = shutil.which("ffmpeg")
    assert program is not None
    command = [program, "-nostdin", "-v", "error", "-y", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def still(name: str, made: str, make: Callable[[Path], object], **more: Any) -> Row:
    """A single picture."""
    return Row(name, made, lambda folder: make(folder / name), 1, **more)


def pil(mode: str, **saved: Any) -> Callable[[Path], object]:
    """A picture of one of Pillow's modes."""
    return lambda path: Image.fromarray(picture(5)).convert(mode).save(path, **saved)


def text(name: str, content: bytes, made: str, says: str) -> Row:
    """A file that is refused."""
    return Row(name, made, lambda folder: (folder / name).write_bytes(content), 0, says=says)


def sixteen_bit(path: Path) -> None:
    """A grey PNG of 16 bits."""
    Image.fromarray(picture(5)[..., 1].astype(np.uint16) * 257).save(path)


def tiff_pages(path: Path) -> None:
    """A TIFF file of several pages of one size."""
    pages = [Image.fromarray(picture(number)) for number in range(COUNT)]
    pages[0].save(path, save_all=True, append_images=pages[1:])


def joined_jpegs(path: Path) -> None:
    """JPEG files, one after the other."""
    data = b""
    for number in range(COUNT):
        Image.fromarray(picture(number)).save(path, "JPEG")
        data += path.read_bytes()
    path.write_bytes(data)


def unlike_sizes(folder: Path) -> None:
    """A folder whose pictures differ in size."""
    make_folder(folder, 2)
    make_image(folder / "frame9.png", size=(32, 32))


def gap(folder: Path) -> None:
    """Numbered files of which one is missing."""
    make_folder(folder, COUNT + 1)
    (folder / "frame3.png").unlink()


def profiled(path: Path) -> None:
    """A picture with a colour profile."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture(5)).save(path, icc_profile=profile)


def joined_twice(folder: Path, name: str) -> None:
    """A transport stream after itself: its clock steps back."""
    part = make_video(folder / "part.ts", stamps=range(COUNT // 2), options={"bf": "0"})
    (folder / name).write_bytes(part.read_bytes() * 2)
    part.unlink()


_PQ = {"color_trc": 16, "color_primaries": 9, "colorspace": 9}
_HLG = {"color_trc": 18, "color_primaries": 9, "colorspace": 9}

CODECS: Sequence[Row] = (
    video("a.mp4", "H.264, 8-bit 4:2:0"),
    video("a.mkv", "H.264 in Matroska"),
    video("a.ts", "H.264 in a transport stream"),
    video("a.avi", "MPEG-4 part 2 in AVI", codec="mpeg4"),
    video("a.h264", "a raw H.264 stream, which has no times", options={"bf": "0"}),
    video("hi10.mp4", "H.264, 10-bit", pixel_format="yuv420p10le"),
    video("h422.mp4", "H.264, 4:2:2", pixel_format="yuv422p"),
    video("h444.mp4", "H.264, 4:4:4", pixel_format="yuv444p"),
    video("grey.mp4", "H.264, grey", pixel_format="gray"),
    video("hevc.mp4", "HEVC", codec="libx265", options={"x265-params": "log-level=none"}),
    video("vp8.webm", "VP8", codec="libvpx"),
    video("vp9.webm", "VP9", codec="libvpx-vp9"),
    video("vp9a.webm", "VP9 with alpha", codec="libvpx-vp9", pixel_format="yuva420p"),
    video("mpeg2.mpg", "MPEG-2 in a program stream", codec="mpeg2video", options={"bf": "0"}),
    video("mjpeg.avi", "Motion JPEG", codec="mjpeg", pixel_format="yuvj420p"),
    video("prores.mov", "ProRes 422", codec="prores_ks", pixel_format="yuv422p10le"),
    video("prores4.mov", "ProRes 4444 with alpha", codec="prores_ks", pixel_format="yuva444p10le"),
    video("ffv1.mkv", "FFV1, 16-bit RGB", codec="ffv1", pixel_format="gbrp16le"),
    video("huff.avi", "HuffYUV", codec="huffyuv", pixel_format="yuv422p"),
    video("utvideo.avi", "Ut Video, RGB", codec="utvideo", pixel_format="gbrp"),
    video("qtrle.mov", "QuickTime Animation with alpha", codec="qtrle", pixel_format="argb"),
    video("png.mov", "PNG pictures in MOV", codec="png", pixel_format="rgb24"),
    video("raw.avi", "uncompressed RGB", codec="rawvideo", pixel_format="bgr24"),
    video("flv.flv", "Flash video, times in milliseconds", codec="flv"),
    video("wmv.wmv", "Windows Media", codec="wmv2"),
)

TIMES: Sequence[Row] = (
    video("vfr.mp4", "variable frame rate", stamps=(0, 1, 2, 5, 6, 9)),
    video("ntsc.mkv", "30000/1001 in milliseconds", time_base=Fraction(1001, 30000)),
    video("late.mkv", "first time stamp at 40 s", stamps=range(1000, 1000 + COUNT)),
    video("one.mp4", "a single frame", stamps=range(1), frames=1),
    video("fast.mp4", "240 frames per second", time_base=Fraction(1, 240)),
    video("slow.mkv", "one frame in ten seconds", time_base=Fraction(10), stamps=range(3), frames=3),
    video("held.mkv", "a last step of 100 frames", stamps=(0, 1, 2, 3, 4, 104)),
    Row(
        "joined.ts",
        "joined recordings: the clock steps back",
        lambda f: joined_twice(f, "joined.ts"),
        says="time stamps jump",
    ),
    ffmpeg(
        "cut.mp4",
        "an edit list hides the first frames",
        "-i",
        "IN",
        "-c:v",
        "libx264",
        "-bf",
        "2",
        "-output_ts_offset",
        "0.2",
    ),
    ffmpeg("a.mxf", "MXF with timecode", "-i", "IN", "-c:v", "mpeg2video", "-timecode", "01:00:00:00"),
    ffmpeg(
        "tc.mov",
        "MOV with drop-frame timecode",
        "-i",
        "IN",
        "-r",
        "30000/1001",
        "-timecode",
        "01:00:00;00",
        "-frames:v",
        "6",
    ),
)

SHAPES: Sequence[Row] = (
    video("turned.mp4", "turned by a display matrix", rotation=90, size=(48, 64)),
    Row(
        "mirror.mp4",
        "mirrored by a display matrix",
        lambda f: make_video(f / "mirror.mp4", stamps=range(COUNT), mirror=True),
    ),
    video("wide.mp4", "pixels that are not square", aspect=Fraction(4, 3)),
    Row(
        "odd.mp4",
        "odd sides",
        lambda f: make_video(f / "odd.mp4", stamps=range(COUNT), size=(63, 47), pixel_format="yuv444p"),
        size=(63, 47),
        says="odd side",
    ),
    Row(
        "resized.h264",
        "the size changes on the way",
        lambda f: make_resized(f / "resized.h264"),
        20,
        says="change their size",
    ),
    video("interlaced.mp4", "interlaced", options={"x264-params": "tff=1"}, says="interlaced"),
    Row(
        "deinterlaced.mp4",
        "interlaced, with --deinterlace",
        lambda f: make_video(f / "deinterlaced.mp4", stamps=range(COUNT), options={"x264-params": "tff=1"}),
        options=("--deinterlace",),
    ),
    video("pq.mkv", "HDR: PQ, 10-bit", pixel_format="yuv420p10le", tags=_PQ, says="dynamic range (PQ)"),
    video(
        "hlg.mkv", "HDR: HLG, 10-bit", pixel_format="yuv420p10le", tags=_HLG, says="high dynamic range (HLG)"
    ),
    video("full.mp4", "full range", tags={"color_range": 2}),
)

COMPANY: Sequence[Row] = (
    video("aac.mp4", "with AAC sound", sound="aac"),
    video("pcm.mkv", "with PCM sound, which MP4 does not play", sound="pcm_s16le"),
    video("opus.mkv", "with Opus sound", sound="libopus"),
    video("flac.mkv", "with FLAC sound", sound="flac"),
    ffmpeg(
        "two.mkv",
        "two sound tracks",
        "-i",
        "IN",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=0.3",
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "1",
        "-c:v",
        "libx264",
    ),
    ffmpeg(
        "quad.mkv",
        "four channels of sound",
        "-i",
        "IN",
        "-f",
        "lavfi",
        "-i",
        "anoisesrc=d=0.3",
        "-ac",
        "4",
        "-c:v",
        "libx264",
    ),
    Row(
        "cover.mp4",
        "sound with a cover picture",
        lambda f: make_cover_art(f / "cover.mp4"),
        0,
        says="has no video stream; it holds only sound",
    ),
    Row(
        "sound.wav",
        "sound alone",
        lambda f: make_sound(f / "sound.wav", seconds=0.2),
        0,
        says="has no video stream",
    ),
)

DAMAGE: Sequence[Row] = (
    Row(
        "cut.mkv",
        "cut off",
        lambda f: truncate(make_video(f / "cut.mkv", stamps=range(20)), 0.95),
        18,
        says="ends early",
    ),
    Row(
        "noindex.mp4",
        "cut off before its index",
        lambda f: truncate(make_video(f / "noindex.mp4", stamps=range(20)), 0.5),
        0,
        says="cut off",
    ),
    Row(
        "front.mp4",
        "cut off, its index in front",
        lambda f: truncate(make_front_index(f / "front.mp4", stamps=range(40)), 0.7),
        -1,
        says="damaged",
    ),
    Row(
        "noise.mp4",
        "noise in the middle",
        lambda f: damage(make_video(f / "noise.mp4", stamps=range(40)), 0.4, 0.5),
        -1,
        says="damaged",
    ),
    Row(
        "empty.avi",
        "a video without frames",
        lambda f: make_without_frames(f / "empty.avi"),
        0,
        says="holds no frames",
    ),
    text("nothing.mp4", b"", "an empty file", "the file is empty"),
    text("text.mp4", b"this is no video " * 50, "a text", "not an image or a video"),
    text("list.m3u8", b"#EXTM3U\n#EXTINF:1,\na.ts\n", "a play-list", "not an image or a video"),
    Row("missing.mp4", "a file that is not there", lambda f: None, 0, says="no such file"),
    Row(
        "half.png",
        "a picture, cut off",
        lambda f: truncate(make_image(f / "half.png"), 0.5),
        0,
        says="half.png",
    ),
)

STILLS: Sequence[Row] = (
    still("rgb.png", "PNG", pil("RGB")),
    still("rgba.png", "PNG with alpha", pil("RGBA")),
    still("grey.png", "PNG, grey", pil("L")),
    still("deep.png", "PNG, 16-bit grey", sixteen_bit),
    still("palette.png", "PNG with a palette", pil("P")),
    still("bit.png", "PNG, black and white", pil("1")),
    still("icc.png", "PNG with a colour profile", profiled),
    still("cmyk.jpg", "JPEG, CMYK", pil("CMYK")),
    still("exif.jpg", "JPEG, turned by EXIF", lambda p: make_image(p, exif_orientation=6), size=(48, 64)),
    still("a.webp", "WebP", pil("RGB", lossless=True)),
    still("a.bmp", "BMP", pil("RGB")),
    still("a.tif", "TIFF", pil("RGB")),
    Row("pages.tif", "TIFF of several pages", lambda f: tiff_pages(f / "pages.tif")),
    Row("joined.jpg", "JPEGs, one after the other", lambda f: joined_jpegs(f / "joined.jpg")),
    Row("a.gif", "animated GIF", lambda f: make_animation(f / "a.gif", COUNT)),
    Row("anim.png", "animated PNG", lambda f: make_animation(f / "anim.png", COUNT)),
    Row("anim.webp", "animated WebP", lambda f: make_animation(f / "anim.webp", COUNT)),
    Row("frames", "a folder of PNGs", lambda f: make_folder(f / "frames", COUNT)),
    Row("frames/frame#.png", "a pattern", lambda f: make_folder(f / "frames", COUNT)),
    Row("gap", "a folder with a gap in its numbers", lambda f: gap(f / "gap"), says="missing"),
    Row("unlike", "a folder of unlike sizes", lambda f: unlike_sizes(f / "unlike"), 0, says="32x32"),
    Row("hollow", "a folder without pictures", lambda f: (f / "hollow").mkdir(), 0, says="no images"),
    ffmpeg("a.exr", "OpenEXR", "-i", "IN", "-frames:v", "1", "-update", "1", frames=1),
    ffmpeg("a.dpx", "DPX", "-i", "IN", "-frames:v", "1", "-update", "1", frames=1),
)

SECTIONS = {
    "Codecs and containers": CODECS,
    "Times": TIMES,
    "Shape and colour": SHAPES,
    "What comes with a video": COMPANY,
    "Pictures": STILLS,
    "Damage, and what is refused": DAMAGE,
}
ROWS = tuple(row for rows in SECTIONS.values() for row in rows)
