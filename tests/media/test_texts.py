"""Texts of subtitles: what each format has around a text, and what is left of it."""

import io
from fractions import Fraction

import av
import pytest

from sa2va_cli.media import texts


@pytest.mark.parametrize(
    ("codec", "data", "text"),
    [
        ("mov_text", b"\x00\x03a\xc3\xa9\x00\x00\x00\x16styl", "aé"),
        ("mov_text", b"\x00\x00", ""),
        ("subrip", b"{\\an8}<i>one</i>\r\n1 < 2", "one\n1 < 2"),
        ("ass", b"0,0,Default,,0,0,0,,{\\b1}one{\\b0}, two\\Nthree", "one, two\nthree"),
        ("webvtt", b"<v Ann>a &amp; b <00:01.000>c", "a & b c"),
        ("text", b"\xff", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_the_text_of_a_packet_is_found(codec: str, data: bytes, text: str) -> None:
    assert texts.is_text(codec)
    assert texts.plain(codec, data) == text


@pytest.mark.parametrize("codec", ["mov_text", "subrip", "webvtt"])
@pytest.mark.parametrize("text", ["plain", "two\nlines", "a & b", "第二"])
def test_what_is_coded_is_found_again(codec: str, text: str) -> None:
    assert texts.plain(codec, texts.coded(codec, text)) == text


def test_a_text_too_long_for_its_length_ends_between_characters() -> None:
    data = texts.coded("mov_text", "é" * 40_000)
    assert int.from_bytes(data[:2], "big") == len(data) - 2 == 65534


def test_quicktime_texts_say_how_they_look() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = texts.added(container, "mov_text", Fraction(1, 1000))
        packet = av.Packet(texts.coded("mov_text", "one"))
        packet.pts, packet.dts, packet.duration, packet.stream = 0, 0, 1, stream
        container.mux(packet)
    assert b"ftab\x00\x01\x00\x01\x05Arial" in file.getvalue()
