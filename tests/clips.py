"""Makes small videos, sounds and images of every awkward kind, for tests.

Each frame carries its number as eight black or white blocks (``picture``), which ``number_of`` reads back,
also after lossy encoding; so a test can tell which frame it was given.
"""

import random
import struct
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image

SIZE = (64, 48)
VFR = (0, 1, 2, 5, 6, 9, 10, 11, 12, 13, 20, 21, 22, 23, 24, 25, 29, 30, 31, 32)
"""Uneven times, in frames."""

_MADE: dict[str, bytes] = {}
"""Videos that were made before: many tests want the same ones."""
_LARGEST_KEPT_BYTES = 1_000_000


def picture(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB: a gradient, and in the upper half the number in binary, from the left."""
    return _picture(number, size).copy()


@lru_cache(maxsize=256)
def _picture(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(40, 200, width, dtype=np.uint8)[None]
    image[..., 1] = np.linspace(200, 40, height, dtype=np.uint8)[:, None]
    image[..., 2] = 90 + 5 * (number % 20)
    for bit in range(8):
        columns = slice(bit * width // 8, (bit + 1) * width // 8)
        image[: height // 2, columns] = 235 if number >> (7 - bit) & 1 else 20
    return image


def number_of(image: NDArray[np.uint8]) -> int:
    """The number that ``picture`` put into an image."""
    height, width = image.shape[:2]
    row = image[height // 4, [(2 * bit + 1) * width // 16 for bit in range(8)]].mean(axis=-1)
    return int("".join("1" if value > 128 else "0" for value in row), 2)


def mask(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """(H, W) uint8, 0 or 255: a disc that moves."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    inside = (x - width / 3 - number) ** 2 + (y - height / 2) ** 2 < (min(size) / 3) ** 2
    return (inside * 255).astype(np.uint8)


def make_video(
    path: Path,
    *,
    stamps: Sequence[int] = range(20),
    time_base: Fraction = Fraction(1, 25),
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    rotation: int = 0,
    mirror: bool = False,
    sound: str | None = None,
    aspect: Fraction | None = None,
    tags: dict[str, int] | None = None,
    start_numbers: int = 0,
) -> Path:
    """Encodes ``picture(0)``, ``picture(1)``, ... shown at ``stamps`` (in units of ``time_base``).

    ``rotation`` and ``mirror`` set the display matrix only; ``tags`` sets colour attributes of the codec
    context, and a ``colorspace`` or ``color_range`` among them is converted to as well. A clip that was made
    before has the same bytes again.
    """
    wanted = (path.suffix, [*stamps], time_base, size, codec, pixel_format, options, rotation, mirror)
    wanted = repr((*wanted, sound, aspect, tags, start_numbers))
    if wanted in _MADE:
        path.write_bytes(_MADE[wanted])
        return path
    tags = tags or {}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=1 / time_base, options=options or {"g": "6"})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = time_base
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation or mirror:
            stream.set_display_rotation(rotation, hflip=mirror)
        track: Any = None
        if sound is not None:
            track = container.add_stream(sound, rate=48000)
        for number, stamp in enumerate(stamps):
            rgb = av.VideoFrame.from_ndarray(picture(number + start_numbers, size), format="rgb24")
            frame = rgb.reformat(
                format=pixel_format,
                dst_colorspace=tags.get("colorspace", Colorspace.ITU601),
                dst_color_range=tags.get("color_range", ColorRange.MPEG),
                threads=1,
            )
            frame.pts, frame.time_base = stamp, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None:
            seconds = float((stamps[-1] + 1 - stamps[0]) * time_base)
            _add_tone(container, track, float(stamps[0] * time_base), seconds)
    if path.stat().st_size < _LARGEST_KEPT_BYTES:
        _MADE[wanted] = path.read_bytes()
    return path


def make_sound(path: Path, *, codec: str = "pcm_s16le", seconds: float = 2.0) -> Path:
    """A file with a tone and no video."""
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=48000)
        _add_tone(container, track, 0.0, seconds)
    return path


def tone(start: float, seconds: float, rate: int = 48000) -> NDArray[np.float32]:
    """A sine whose loudness rises with time, so that its place in time can be told: 0 at 0 s, full at 4 s."""
    time = start + np.arange(round(seconds * rate)) / rate
    return (np.sin(2 * np.pi * 440 * time) * np.clip(time / 4, 0, 1)).astype(np.float32)


def _add_tone(container: Any, track: Any, start: float, seconds: float) -> None:
    samples = np.stack([tone(start, seconds)] * 2)
    resampler = av.AudioResampler(format=track.codec_context.format.name, layout="stereo", rate=48000)
    for begin in range(0, samples.shape[1], 1024):
        block = np.ascontiguousarray(samples[:, begin : begin + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48000, round(start * 48000) + begin
        frame.time_base = Fraction(1, 48000)
        for converted in resampler.resample(frame):
            container.mux(track.encode(converted))
    container.mux(track.encode(None))


def read_sound(path: Path) -> tuple[NDArray[np.float32], float]:
    """All samples of the first channel at 48 kHz, and the time of the first one."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=48000)
    blocks, start = [], None
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            if start is None:
                start = frame.time
            blocks += [block.to_ndarray()[0] for block in resampler.resample(frame)]
    blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    return np.concatenate(blocks), start or 0.0


def make_front_index(path: Path, **keywords: Any) -> Path:
    """An mp4 whose index lies in front, so that a cut-off file can still be opened."""
    whole = make_video(path.with_name("whole-" + path.name), **keywords)
    options = {"movflags": "+faststart"}
    with av.open(str(whole)) as source, av.open(str(path), "w", container_options=options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    whole.unlink()
    return path


def truncate(path: Path, keep: float) -> Path:
    """Cuts a file off, as an interrupted copy does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def damage(path: Path, begin: float, end: float, seed: int = 0) -> Path:
    """Overwrites a stretch of the media data of an mp4 with noise; its index stays whole."""
    data = bytearray(path.read_bytes())
    first = data.index(b"mdat") + 4
    (length,) = struct.unpack(">I", data[first - 8 : first - 4])
    low, high = first + int((length - 8) * begin), first + int((length - 8) * end)
    data[low:high] = random.Random(seed).randbytes(high - low)
    path.write_bytes(data)
    return path


def make_without_frames(path: Path) -> Path:
    """A video whose stream holds no frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = SIZE
        container.start_encoding()
    return path


def make_cover_art(path: Path) -> Path:
    """Sound with a cover picture, which containers store as a video stream."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=48000)
        cover: Any = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(picture(1, (32, 32)), format="rgb24").reformat(format="yuvj420p")
        container.mux(cover.encode(frame))
        container.mux(cover.encode(None))
        _add_tone(container, track, 0.0, 1.0)
    return path


def make_resized(path: Path) -> Path:
    """A raw H.264 stream whose frames change from 64x48 to 32x32 after the tenth."""
    parts = []
    for number, size in enumerate((SIZE, (32, 32))):
        part = path.with_name(f"part{number}.h264")
        make_video(part, stamps=range(10), size=size, start_numbers=10 * number, options={"bf": "0"})
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))
    return path


def make_folder(folder: Path, count: int = 12, suffix: str = ".png", size: tuple[int, int] = SIZE) -> Path:
    """A folder of numbered images, without leading zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"frame{number}{suffix}").write_bytes(_still(number, suffix, size))
    return folder


@lru_cache(maxsize=256)
def _still(number: int, suffix: str, size: tuple[int, int]) -> bytes:
    written = BytesIO()
    Image.fromarray(_picture(number, size)).save(written, Image.registered_extensions()[suffix])
    return written.getvalue()


def make_animation(path: Path, count: int = 12, size: tuple[int, int] = SIZE) -> Path:
    """An animated GIF, PNG or WebP with frames of 40 and 80 ms."""
    images = [Image.fromarray(picture(number, size)) for number in range(count)]
    extra: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    durations = [40 + 40 * (number % 2) for number in range(count)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0, **extra)
    return path


def make_image(
    path: Path, mode: str = "RGB", *, exif_orientation: int = 1, size: tuple[int, int] = SIZE
) -> Path:
    """An image of one of Pillow's modes; ``exif_orientation`` only says how it is to be turned."""
    if mode == "I;16":
        image = Image.fromarray(picture(5, size)[..., 1].astype(np.uint16) * 257)
    elif mode == "P":
        image = Image.fromarray(picture(5, size)).quantize(64)
    else:
        image = Image.fromarray(picture(5, size)).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = exif_orientation
    image.save(path, exif=exif)
    return path
