"""Texts of subtitles from one format to another, as plain text: packet by packet, without styles.

Bindings to FFmpeg encode no subtitles, but a text has little to encode. Knows nothing about times.
"""

import html
import io
import re
import struct
from functools import cache
from typing import Any

import av

INTO = {".mp4": "mov_text", ".m4v": "mov_text", ".mov": "mov_text", ".mkv": "subrip", ".webm": "webvtt"}
"""By file name ending: the format of texts that the container's players show."""

_READ = ("mov_text", "subrip", "srt", "text", "ass", "ssa", "webvtt")

_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\d[\d:.]*>")
_OVERRIDE = re.compile(r"\{\\[^{}]*\}")
_ASS_FIELDS = 8  # commas before the text of an event as Matroska stores it
_LONGEST = 0xFFFF

_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"tx3g")
_HEADS = {b"stsd": 8, b"tx3g": 8}  # bytes that stand before what is in these boxes
_FONT = b"Arial"
_DESCRIPTION = b"".join(
    (
        bytes(4),  # no flags
        b"\x01\xff",  # in the middle, at the bottom
        bytes(4),  # no background
        bytes(8),  # the box is the track's
        struct.pack(">HHHBB4B", 0, 0, 1, 0, 18, 255, 255, 255, 255),  # font 1, plain, 18 points, white
        struct.pack(">I4sHHB", 13 + len(_FONT), b"ftab", 1, 1, len(_FONT)) + _FONT,
    )
)
"""How texts look where they say nothing themselves (3GPP TS 26.245, 5.16): FFmpeg's own defaults."""


def is_text(codec: str) -> bool:
    """Whether subtitles of a codec are texts that ``plain`` reads; others are pictures."""
    return codec in _READ


def plain(codec: str, data: bytes) -> str:
    """The text of a packet, without styles; empty for the gap between two texts.

    Args:
        codec: one that ``is_text``.
        data: of one packet, as demuxed.
    """
    if codec == "mov_text":  # two bytes of length, and UTF-8 (3GPP TS 26.245, 5.17)
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").strip("\0\n ")
    if codec in ("ass", "ssa"):
        text = text.split(",", _ASS_FIELDS)[-1]
        text = re.sub(r"\\[Nn]", "\n", text).replace(r"\h", " ")
    if codec != "mov_text":
        text = _TAG.sub("", _OVERRIDE.sub("", text))
    return html.unescape(text) if codec == "webvtt" else text


def coded(codec: str, text: str) -> bytes:
    """A text as a packet of one of the formats in ``INTO``."""
    if codec == "mov_text":
        data = text.encode()[:_LONGEST].decode(errors="ignore").encode()  # no half character
        return len(data).to_bytes(2, "big") + data
    return (html.escape(text, quote=False) if codec == "webvtt" else text).encode()


def added(container: Any, codec: str, time_base: Any) -> Any:
    """Adds a track of texts to an output that is not begun yet."""
    if codec != "mov_text":
        return container.add_mux_stream(codec, time_base=time_base)
    # Players of Apple's want to be told how texts look, which the binding can copy, but not set.
    with av.open(io.BytesIO(_described())) as template:
        stream = container.add_stream_from_template(template.streams.subtitles[0])
    stream.time_base = time_base
    return stream


@cache
def _described() -> bytes:
    """An MP4 file with one text and ``_DESCRIPTION``."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_mux_stream("mov_text")
        packet = av.Packet(coded("mov_text", " "))
        packet.pts, packet.dts, packet.duration, packet.stream = 0, 0, 1, stream
        container.mux(packet)
    data = bytearray(file.getvalue())
    start, sizes = 0, []
    for name in _BOXES:
        place = data.index(name, start)
        sizes.append(place - 4)
        start = place + 4 + _HEADS.get(name, 0)
    end = sizes[-1] + int.from_bytes(data[sizes[-1] : sizes[-1] + 4], "big")
    grown = len(_DESCRIPTION) - (end - start)  # what the muxer wrote there says nothing about texts
    for place in sizes:
        data[place : place + 4] = (int.from_bytes(data[place : place + 4], "big") + grown).to_bytes(4, "big")
    data[start:end] = _DESCRIPTION
    return bytes(data)
