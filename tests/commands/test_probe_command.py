"""``sa2va probe`` says what is in a file, for people and for programs."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from clips import VFR, make_cover_art, make_folder, make_image, make_sound, make_video, truncate
from commands.test_choosing_frames import make_two_streams, make_with_timecode
from PIL import Image


def shown(outcome) -> dict[str, str]:
    """The lines by their headings; the last one of each."""
    assert outcome.code == 0, outcome.err
    return {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1] for line in outcome.out.splitlines()}


def told(outcome) -> dict:
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_a_video_is_described(sa2va, folder):
    make_video(folder / "a.mp4", time_base=Fraction(1001, 30000), sound="aac", stamps=range(30))
    lines = shown(sa2va("probe", "a.mp4"))
    assert lines["input"] == "a.mp4: video"
    assert lines["rate"] == "30000/1001 (29.97) frames per second, constant"
    assert lines["frames"] == "30, counted"
    assert lines["duration"] == "1.001 s, from 0.000 s"
    assert lines["size"] == "64x48"
    assert lines["pixels"] == "yuv420p, 8 bits"
    assert "matrix smpte170m (not tagged, taken for it)" in lines["colour"]
    assert lines["alpha"] == "no"
    assert lines["scan"] == "progressive"
    document = told(sa2va("probe", "a.mp4", "--json"))
    assert document["rate"] == "30000/1001"
    assert (document["codec"], document["frames"], document["constant_rate"]) == ("h264", 30, True)
    assert [one["kind"] for one in document["streams"]] == ["video", "audio"]
    assert document["streams"][1]["channels"] == "stereo"
    assert document["warnings"] == []


@pytest.mark.parametrize(
    ("name", "keywords", "heading", "text"),
    [
        ("a.mp4", {"stamps": VFR}, "rate", "variable"),
        ("a.mp4", {"rotation": 90}, "size", "48x64, turned by 90 degrees"),
        ("a.mp4", {"aspect": Fraction(4, 3)}, "size", "pixels 4:3"),
        ("a.mp4", {"options": {"x264-params": "tff=1"}}, "scan", "interlaced"),
        ("a.mkv", {"pixel_format": "yuv420p10le", "tags": {"color_trc": 16}}, "hdr", "PQ"),
        ("a.mkv", {"pixel_format": "yuv420p10le"}, "pixels", "yuv420p10le, 10 bits"),
        ("a.mp4", {"tags": {"color_range": 2}}, "colour", "full range"),
    ],
)
def test_what_is_unusual_is_shown(sa2va, folder, name, keywords, heading, text):
    make_video(folder / name, **keywords)
    assert text in shown(sa2va("probe", name))[heading]


def test_timecode_streams_and_the_chosen_one_are_shown(sa2va, folder):
    make_with_timecode(folder / "a.mov", "01:00:00:00")
    assert shown(sa2va("probe", "a.mov"))["timecode"] == "01:00:00:00"
    make_two_streams(folder / "two.mkv")
    assert told(sa2va("probe", "two.mkv", "--json"))["width"] == 64
    assert told(sa2va("probe", "two.mkv", "--stream", 1, "--json"))["width"] == 32
    assert "(this one)" in sa2va("probe", "two.mkv", "--stream", 1).out.splitlines()[3]


def test_deinterlacing_takes_the_warning_away(sa2va, folder):
    make_video(folder / "i.mp4", options={"x264-params": "tff=1"})
    assert told(sa2va("probe", "i.mp4", "--json"))["warnings"]
    assert not told(sa2va("probe", "i.mp4", "--deinterlace", "--json"))["warnings"]


def test_pictures_folders_and_patterns_are_described(sa2va, folder):
    Image.new("RGBA", (20, 10), (1, 2, 3, 100)).save(folder / "a.png")
    document = told(sa2va("probe", "a.png", "--json"))
    assert (document["kind"], document["alpha"], document["pixel_format"]) == ("image", True, "RGBA")
    make_image(folder / "grey.png", "L")
    assert shown(sa2va("probe", "grey.png"))["pixels"] == "L"
    make_folder(folder / "f", 3)
    assert told(sa2va("probe", "f", "--json"))["frames"] == 3
    assert shown(sa2va("probe", "f/frame#.png"))["frames"] == "3, numbered from 0"


def test_damage_is_told(sa2va, folder):
    make_video(folder / "a.mkv", stamps=range(50))
    truncate(folder / "a.mkv", 0.6)
    assert "the file ends early" in shown(sa2va("probe", "a.mkv"))["warning"]


@pytest.mark.parametrize("make", [make_sound, make_cover_art])
def test_what_is_no_video_is_refused(sa2va, folder, make):
    name = "a.mp4" if make is make_cover_art else "a.mka"
    make(folder / name)
    outcome = sa2va("probe", name)
    assert outcome.code == 3
    assert "no video stream" in outcome.err


def test_a_missing_file_is_one_line(sa2va):
    assert sa2va("probe", "missing.mp4").code == 3


def test_probe_and_check_import_no_torch(tmp_path: Path):
    make_video(tmp_path / "a.mp4")
    code = (
        "import sys; from sa2va_cli.commands.app import main; "
        "assert main(['probe', 'a.mp4']) == 0; assert main(['check', 'a.mp4', '--against', 'a.mp4']) == 0; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
