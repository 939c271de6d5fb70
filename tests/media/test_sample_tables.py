"""Times from the tables of an MP4 or MOV file are those of its packets, or the packets are read."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import pytest
from clips import VFR, make_front_index, make_video, truncate

from sa2va_cli.media import video
from sa2va_cli.media.containers import open_container, video_stream
from sa2va_cli.media.reader import open_source
from sa2va_cli.media.sample_tables import sample_tables
from sa2va_cli.media.timeline import Timeline, scan, tabled

REORDERED = {"g": "6", "bf": "2"}


def remuxed(source: Path, target: Path, flags: str = "", move: int = 0, first: int = 0) -> Path:
    """The same packets in another file: moved in time, or from some packet on."""
    options = {"movflags": flags} if flags else {}
    with av.open(str(source)) as container, av.open(str(target), "w", options=options) as made:
        stream = container.streams.video[0]
        copy = made.add_stream_from_template(stream)
        for packet in [one for one in container.demux(stream) if one.size][first:]:
            packet.pts, packet.dts = (packet.pts or 0) + move, (packet.dts or 0) + move
            packet.stream = copy
            made.mux(packet)
    return target


def renamed(source: Path, box: bytes) -> Path:
    """A box of the head is passed over."""
    source.write_bytes(source.read_bytes().replace(box, b"free"))
    return source


def overcounted(source: Path, box: bytes) -> Path:
    """A table says that it has more entries than there is room for."""
    data = bytearray(source.read_bytes())
    place = data.index(box) + 8
    data[place : place + 4] = (int.from_bytes(data[place : place + 4], "big") + 1).to_bytes(4, "big")
    source.write_bytes(data)
    return source


def plain(path: Path, **keywords: Any) -> Path:
    """Twenty frames, stored in another order than they are shown in."""
    keywords.setdefault("options", REORDERED)
    return make_video(path, **keywords)


def edited(path: Path, flags: str = "", move: int = 0, first: int = 0) -> Path:
    """The same packets, written once more."""
    return remuxed(plain(path.with_stem("plain")), path, flags, move, first)


TOLD: dict[str, Callable[[Path], Path]] = {
    "reordered.mp4": plain,
    "reordered.mov": plain,
    "in order.mp4": partial(plain, options={"g": "4", "bf": "0"}),
    "uneven.mp4": partial(plain, stamps=VFR),
    "late.mp4": partial(plain, stamps=range(40, 60)),
    "ntsc.mov": partial(plain, time_base=Fraction(1001, 30000)),
    "front.mp4": make_front_index,
    "sound.mp4": partial(plain, sound="aac"),
    "hevc.mp4": partial(plain, codec="libx265", options={"x265-params": "log-level=none:keyint=6"}),
    "prores.mov": partial(plain, codec="prores_ks", pixel_format="yuv422p10le", options={}),
    "animation.mov": partial(plain, codec="qtrle", pixel_format="rgb24", options={}),
    "early.mp4": partial(edited, flags="negative_cts_offsets"),
    "moved.mp4": partial(edited, move=25600),
}
"""Files whose tables are believed."""


READ: dict[str, Callable[[Path], Path]] = {
    "before zero.mp4": partial(edited, move=-2048),
    "from the middle.mp4": partial(edited, first=3),
    "fragments.mp4": partial(edited, flags="frag_keyframe+empty_moov"),
    "fragments behind.mp4": partial(edited, flags="frag_keyframe"),
    "more than there are.mp4": lambda path: overcounted(plain(path), b"ctts"),
    "no key frames.mp4": lambda path: renamed(plain(path), b"stss"),
    "cut off.mp4": lambda path: truncate(make_front_index(path), 0.7),
    "single.mp4": partial(plain, stamps=range(1)),
    "parts.mov": partial(plain, codec="mpeg2video"),
    "matroska.mkv": plain,
}
"""Files whose packets are read."""


def times(line: Timeline) -> dict[str, Any]:
    """Everything that a timeline says."""
    told = {one.name: getattr(line, one.name) for one in dataclasses.fields(line)}
    grid = told.pop("grid")
    return told | ({} if grid is None else {"grid": (grid.rate, grid.start, grid.places.tolist())})


def both(path: Path) -> tuple[Timeline | None, Timeline | None]:
    """What the tables and what the packets say."""
    with open_container(path) as container:
        stream = video_stream(container, path)
        tables = sample_tables(path, stream, partial(open_container, path))
        told = None if tables is None else tabled(container, stream, tables)
        return told, scan(container, stream, lambda _: None)


@pytest.mark.parametrize("name", TOLD)
def test_the_tables_say_what_the_packets_say(tmp_path: Path, name: str) -> None:
    told, read = both(TOLD[name](tmp_path / name))
    assert told is not None
    assert read is not None
    assert times(told) == times(read)


@pytest.mark.parametrize("name", READ)
def test_where_a_file_is_of_no_plain_kind_its_packets_are_read(tmp_path: Path, name: str) -> None:
    assert both(READ[name](tmp_path / name))[0] is None


def test_a_file_of_the_plain_kind_is_opened_without_reading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the packets are read")

    path = plain(tmp_path / "clip.mp4")
    monkeypatch.setattr(video, "scan", refuse)
    with open_source(path) as reader:
        assert reader.count_selected() == 20
