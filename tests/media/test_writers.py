"""One contract for every output codec: pictures, times and sound arrive, and nothing half-made stays."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import SIZE, VFR, make_sound, make_video, mask, number_of, picture, read_sound, tone

from sa2va_cli.errors import InputError, OutputError, UsageError
from sa2va_cli.media.encodings import ENCODINGS
from sa2va_cli.media.reader import Selection, open_source
from sa2va_cli.media.sound import SoundSource
from sa2va_cli.media.writer import VideoWriter
from sa2va_cli.staging import output_error

NTSC = Fraction(30000, 1001)
FORMS = [
    ("h264", ".mp4"),
    ("h264", ".mov"),
    ("h264", ".mkv"),
    ("gray", ".mp4"),
    ("gray", ".mkv"),
    ("prores4444", ".mov"),
    ("lossless", ".mkv"),
    ("gray_full", ".mp4"),
    ("prores_gray", ".mov"),
    ("ffv1", ".mkv"),
    ("ffv1_gray", ".mkv"),
    ("ffv1_gray_limited", ".mkv"),
    ("vp9", ".webm"),
    ("vp9_colour", ".webm"),
    ("vp9_gray", ".webm"),
    ("vp9_gray_full", ".webm"),
    ("qtrle", ".mov"),
    ("png", ".mov"),
]
forms = pytest.mark.parametrize(("codec", "suffix"), FORMS)


def image_for(codec: str, number: int, size: tuple[int, int] = SIZE) -> Any:
    if "gray" in codec:
        return picture(number, size)[..., 1]
    if codec == "prores4444":
        return np.dstack([picture(number, size), mask(number, size)])
    return picture(number, size)


def write(
    path: Path, codec: str, stamps: Any = range(20), size: tuple[int, int] = SIZE, **options: Any
) -> Path:
    settings = {"rate": NTSC, "time_base": Fraction(1, 30000), **options}
    with VideoWriter(path, size=size, codec=codec, **settings) as writer:  # type: ignore[arg-type]
        for number, stamp in enumerate(stamps):
            writer.write(image_for(codec, number, size), 1001 * stamp, Fraction(1, 30000))
    return path


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@forms
@pytest.mark.parametrize("stamps", [range(20), [7 + stamp for stamp in VFR]], ids=["even", "uneven, late"])
def test_every_picture_appears_once_at_its_time(tmp_path: Path, codec: str, suffix: str, stamps: Any) -> None:
    path = write(tmp_path / f"a{suffix}", codec, stamps)
    reader = open_source(path)
    frames = list(reader)
    # What a matte hides is grey in the picture that the network sees.
    assert [
        number_of(frame.finest >> 8 if frame.alpha is not None else frame.image) for frame in frames
    ] == list(range(20))
    expected = [Fraction(1001 * (stamp - stamps[0]), 30000) for stamp in stamps]
    tolerance = Fraction(1, 2000) if suffix == ".mkv" else 0
    for frame, seconds in zip(frames, expected, strict=True):
        assert abs(frame.pts * frame.time_base - seconds) <= tolerance
    assert reader.info.frames == 20
    assert reader.warnings == []
    assert left_in(tmp_path) == [path.name]


@forms
def test_the_last_picture_is_shown_as_long_as_the_rate_says(tmp_path: Path, codec: str, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", codec)
    with av.open(str(path)) as container:
        assert float(container.duration / av.time_base) == pytest.approx(float(20 / NTSC), abs=0.0015)
        assert container.streams.video[0].average_rate == NTSC


@forms
@pytest.mark.parametrize("size", [(63, 47), (64, 47), (1, 1), (1, 3), (2, 2)])
def test_odd_sizes_are_kept(tmp_path: Path, codec: str, suffix: str, size: tuple[int, int]) -> None:
    frames = list(open_source(write(tmp_path / f"a{suffix}", codec, range(3), size)))
    assert [frame.size for frame in frames] == [size] * 3


@forms
def test_a_single_picture_is_a_video(tmp_path: Path, codec: str, suffix: str) -> None:
    assert open_source(write(tmp_path / f"a{suffix}", codec, [5])).info.frames == 1


@forms
def test_sound_is_kept_and_stays_in_step(tmp_path: Path, codec: str, suffix: str) -> None:
    source = make_video(tmp_path / "source.mp4", stamps=range(30), sound="aac")
    path = write(tmp_path / f"out{suffix}", codec, range(30), sound=SoundSource(source))
    samples, start = read_sound(path)
    _assert_in_step(samples, start, source_time=0.0, seconds=1.0)


ERRORS, AFTER = (RuntimeError, KeyboardInterrupt, SystemExit), (0, 1, 60)


@pytest.mark.parametrize(
    ("codec", "suffix", "error", "after"),  # any two of them in every combination
    [
        (*form, ERRORS[(row + k) % 3], after)
        for row, form in enumerate(FORMS)
        for k, after in enumerate(AFTER)
    ],
)
def test_a_failed_encode_removes_the_partial_file(
    tmp_path: Path, codec: str, suffix: str, error: type[BaseException], after: int
) -> None:
    source = make_video(tmp_path / "source.mp4", sound="aac")
    kept = tmp_path / f"out{suffix}"
    kept.write_text("what was there before")
    with pytest.raises(error):
        _write_then_fail(kept, codec, source, after, error)
    assert left_in(tmp_path) == [kept.name, "source.mp4"]
    assert kept.read_text() == "what was there before"


def _write_then_fail(path: Path, codec: Any, source: Path, after: int, error: type[BaseException]) -> None:
    with VideoWriter(
        path, size=SIZE, rate=NTSC, time_base=1 / NTSC, codec=codec, sound=SoundSource(source)
    ) as writer:
        for number in range(after):
            writer.write(image_for(codec, number), number, 1 / NTSC)
        raise error


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@forms
def test_a_disk_that_fills_up_is_an_output_error(tmp_path: Path, codec: str, suffix: str) -> None:
    with pytest.raises(OutputError, match="cannot write"), files_no_larger_than(600):
        write(tmp_path / f"a{suffix}", codec)
    assert left_in(tmp_path) == []


@forms
def test_no_pictures_at_all_is_an_output_error(tmp_path: Path, codec: str, suffix: str) -> None:
    with pytest.raises(OutputError, match="no picture"):
        write(tmp_path / f"a{suffix}", codec, [])
    assert left_in(tmp_path) == []


def test_a_full_disk_is_named_as_such() -> None:
    assert "no space left" in str(output_error(Path("a.mp4"), OSError(errno.ENOSPC, "full")))
    assert "no permission" in str(output_error(Path("a.mp4"), PermissionError(errno.EACCES, "denied")))


def test_missing_folders_are_made(tmp_path: Path) -> None:
    assert write(tmp_path / "new" / "deep" / "a.mp4", "h264", range(2)).is_file()


def test_a_file_in_the_place_of_a_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        write(tmp_path / "file" / "a.mp4", "h264")
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        write(tmp_path / "a.mp4", "h264")


@pytest.mark.parametrize(
    ("name", "codec"), [("a.webm", "h264"), ("a.mp4", "prores4444"), ("a", "h264"), ("a.mp4", "vhs")]
)
def test_what_does_not_fit_together_is_a_usage_error(tmp_path: Path, name: str, codec: str) -> None:
    with pytest.raises(UsageError):
        write(tmp_path / name, codec)
    assert left_in(tmp_path) == []


def test_arrays_of_the_wrong_size_or_kind_are_refused(tmp_path: Path) -> None:
    for wrong in (picture(0, (32, 32)), picture(0).astype(np.float32), picture(0)[..., :2]):
        with (
            pytest.raises(ValueError, match="got"),
            VideoWriter(tmp_path / "a.mp4", size=SIZE, rate=NTSC, time_base=1 / NTSC) as writer,
        ):
            writer.write(wrong, 0, 1 / NTSC)
    assert left_in(tmp_path) == []


def test_time_that_stands_still_does_not_lose_a_picture(tmp_path: Path) -> None:
    frames = list(open_source(write(tmp_path / "a.mp4", "h264", [0, 1, 1, 2])))
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2, 3]


def test_colours_come_back_and_are_tagged(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)]
    with VideoWriter(path, size=SIZE, rate=NTSC, time_base=1 / NTSC, crf=4) as writer:
        for number, colour in enumerate(colours):
            writer.write(np.full((48, 64, 3), colour, np.uint8), number, 1 / NTSC)
    for frame, colour in zip(open_source(path), colours, strict=True):
        assert np.abs(frame.image.astype(int) - colour).max() <= 4
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (
            1,
            1,
            1,
            1,
        )


@pytest.mark.parametrize("size", [(128, 96), (127, 95)])
def test_a_mask_comes_back_from_the_gray_codec(tmp_path: Path, size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    masks = [mask(number, size) for number in range(10)]
    masks += [
        np.kron(random.integers(0, 2, (24, 32)) * 255, np.ones((4, 4)))[: size[1], : size[0]].astype(np.uint8)
    ] * 2
    with VideoWriter(tmp_path / "a.mp4", size=size, rate=NTSC, time_base=1 / NTSC, codec="gray") as writer:
        for number, values in enumerate(masks):
            writer.write(values, number, 1 / NTSC)
    for frame, values in zip(open_source(tmp_path / "a.mp4"), masks, strict=True):
        assert ((frame.image[..., 1] >= 128) != (values >= 128)).mean() <= 0.001
        assert np.ptp(frame.image.astype(int), axis=2).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_prores_keeps_straight_alpha(tmp_path: Path, dtype: type) -> None:
    alpha = np.tile(np.linspace(0, np.iinfo(dtype).max, 64).astype(dtype), (48, 1))
    image = np.dstack([picture(3).astype(dtype) * dtype(np.iinfo(dtype).max // 255), alpha])
    path = tmp_path / "a.mov"
    with VideoWriter(path, size=SIZE, rate=NTSC, time_base=1 / NTSC, codec="prores4444") as writer:
        writer.write(image, 0, 1 / NTSC)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.codec_tag == "ap4h"
        frame = next(container.decode(stream))
        planes = frame.reformat(format="yuva444p16le").to_ndarray()
    assert np.abs(planes[..., 3] / 65535 - alpha / np.iinfo(dtype).max).max() < 2 / 1023
    assert number_of(next(iter(open_source(path))).image) == 3


@pytest.mark.parametrize(
    "image",
    [
        picture(9),
        picture(9)[..., 1],
        np.dstack([picture(9), mask(2)]),
        picture(9)[..., 0].astype(np.uint16) * 201,
        np.dstack([picture(9), mask(2)]).astype(np.uint16) * 201,
    ],
    ids=["rgb", "grey", "rgba", "grey16", "rgba16"],
)
def test_lossless_is_lossless(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / "a.mkv"
    with VideoWriter(path, size=SIZE, rate=NTSC, time_base=1 / NTSC, codec="lossless") as writer:
        writer.write(image, 0, 1 / NTSC)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        wanted = {"bgr0": "rgb24", "bgra": "rgba"}.get(frame.format.name, frame.format.name)
        got = frame.reformat(format=wanted).to_ndarray(**({"channel_last": True} if "gbr" in wanted else {}))
    assert np.array_equal(got, image)


def test_pixels_that_are_not_square_are_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", "h264", sample_aspect_ratio=Fraction(4, 3))
    assert open_source(path).info.sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize("size", [(64, 48), (720, 576), (271, 481)])
@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("h264", ".mkv"),
        ("prores4444", ".mkv"),
        ("ffv1", ".mkv"),
        ("vp9", ".webm"),
        ("ffv1", ".avi"),
        ("ffv1_gray", ".nut"),
    ],
)
def test_containers_say_how_wide_pixels_are_for_every_codec(
    tmp_path: Path, codec: str, suffix: str, size: tuple[int, int]
) -> None:
    for aspect in (Fraction(4, 3), Fraction(64, 45), Fraction(3, 4)):
        if codec == "h264" and size[0] % 2:
            continue
        path = write(
            tmp_path / f"a{aspect.denominator}{suffix}", codec, range(1), size, sample_aspect_ratio=aspect
        )
        with av.open(str(path)) as container:
            (stream,) = container.streams.video
            slack = Fraction(1, 2 * min(size))
            assert abs(stream.sample_aspect_ratio / aspect - 1) <= slack
            assert stream.metadata.get("stereo_mode", "mono") == "mono"


def test_a_quicktime_file_names_the_vendor_of_its_prores_and_so_does_each_frame(tmp_path: Path) -> None:
    for codec in ("prores4444", "prores_gray"):
        path = write(tmp_path / f"{codec}.mov", codec, range(2))
        with av.open(str(path)) as container:
            assert container.streams.video[0].metadata["vendor_id"] == "apl0"
            packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        # Behind the frame's size and mark come the header's size, its version and the vendor.
        assert {packet[12:16] for packet in packets} == {b"apl0"}


def test_the_index_of_an_mp4_lies_in_front(tmp_path: Path) -> None:
    data = write(tmp_path / "a.mp4", "h264").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def _assert_in_step(samples: np.ndarray, start: float, *, source_time: float, seconds: float) -> None:
    """The tone's loudness tells from which time of the source a sample is."""
    begin = max(0, round(-start * 48000))
    assert len(samples) / 48000 + start >= seconds - 0.05
    # The first tenths are left out: Opus needs a moment to find its loudness where it is cut.
    for at in (0.3, 0.6 * seconds, 0.8 * seconds):
        place = begin + round((at - max(start, 0)) * 48000)
        loudness = np.abs(samples[place - 1200 : place + 1200]).max()
        expected = np.abs(tone(source_time + at - 0.025, 0.05)).max()
        assert loudness == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("source", "sound", "kept"),
    [
        ("s.mp4", "aac", True),
        ("s.ts", "aac", True),
        ("s.mkv", "libopus", False),
        ("s.mkv", "pcm_s16le", False),
    ],
)
def test_a_range_takes_its_own_sound(
    tmp_path: Path, source: str, sound: str, *, kept: bool, suffix: str
) -> None:
    path = make_video(tmp_path / source, stamps=range(30, 105), sound=sound, options={"g": "20"})
    reader = open_source(path, Selection(start=Fraction(1), end=Fraction(2)))
    start, end = reader.audio_range
    out = tmp_path / f"out{suffix}"
    with VideoWriter(
        out, size=SIZE, rate=reader.rate, time_base=reader.info.time_base,
        sound=SoundSource(path, start, end),
    ) as writer:  # fmt: skip
        for frame in reader:
            writer.write(frame.image, frame.pts, frame.time_base)
    with av.open(str(out)) as container:
        assert container.streams.video[0].start_time == 0
        if kept:
            assert container.streams.audio[0].codec_context.name == sound
    samples, begin = read_sound(out)
    _assert_in_step(samples, begin, source_time=30 / 25 + 1, seconds=1.0)
    assert len(samples) / 48000 < 1.15


def test_sound_of_a_wav_file_is_encoded_for_mp4(tmp_path: Path) -> None:
    sound = make_sound(tmp_path / "a.wav")
    path = write(tmp_path / "a.mp4", "h264", range(60), sound=SoundSource(sound))
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    samples, start = read_sound(path)
    _assert_in_step(samples, start, source_time=0.0, seconds=2.0)


def test_a_source_without_sound_adds_none(tmp_path: Path) -> None:
    silent = make_video(tmp_path / "silent.mp4")
    assert not open_source(write(tmp_path / "a.mp4", "h264", sound=SoundSource(silent))).info.has_audio


def test_unreadable_sound_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"noise" * 100)
    with pytest.raises(InputError, match="sound cannot be read"):
        write(tmp_path / "a.mp4", "h264", sound=SoundSource(tmp_path / "noise.wav"))
    assert left_in(tmp_path) == ["noise.wav"]


def test_sound_comes_interleaved(tmp_path: Path) -> None:
    source = make_video(tmp_path / "source.mp4", stamps=range(150), sound="aac")
    path = write(tmp_path / "a.mp4", "h264", range(150), sound=SoundSource(source))
    with av.open(str(path)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
        places = [packet for packet, kind in enumerate(kinds) if kind == "audio"]
    assert max(np.diff(places)) < 60


def test_every_codec_is_under_contract() -> None:
    assert {codec for codec, _ in FORMS} == {name for name, row in ENCODINGS.items() if row.containers}
