from fractions import Fraction
from pathlib import Path

from sa2va_cli.commands.documents import result_document
from sa2va_cli.errors import parameter
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.search import Search

JOB = SegmentJob("a.mov", Search(("red",)))


def test_a_result_tells_what_the_source_is_with_its_exact_rate():
    rate = Fraction(24000, 1001)
    info = SourceInfo(Path("a.mov"), "video", (64, 48), 20, rate, 1 / rate, 0.834, codec="prores")
    assert result_document(SegmentResult("a.mov", info=info))["source"] == {
        "kind": "video",
        "codec": "prores",
        "width": 64,
        "height": 48,
        "rate": "24000/1001",
        "frames": 20,
        "seconds": 0.834,
        "sound": False,
    }


def test_warnings_of_a_result_speak_of_options():
    warning = f"is {parameter('max_frames', 3)} meant?"
    document = result_document(SegmentResult("a.mov", warnings=(warning,)))
    assert document["warnings"] == ["is --max-frames 3 meant?"]
