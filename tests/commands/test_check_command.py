"""``sa2va check`` names each thing in which a file differs from its source."""

import json
from fractions import Fraction

import pytest
from clips import make_folder, make_video
from commands.test_choosing_frames import make_with_timecode
from outputs.test_fields import make_interlaced


def test_what_segment_writes_goes_with_its_source(sa2va, folder):
    make_video(folder / "a.mp4", sound="aac", stamps=(0, 1, 2, 5, 6, 9, 10, 11))
    assert sa2va("segment", "a.mp4", "red", "--save", "mask,matte,overlay").code == 0
    for name in ("a.mask.mp4", "a.matte.mov", "a.overlay.mp4"):
        outcome = sa2va("check", name, "--against", "a.mp4")
        assert outcome.code == 0, outcome.out
        assert outcome.out == f"{name} goes with a.mp4\n"


@pytest.mark.parametrize(
    ("keywords", "line"),
    [
        ({"stamps": range(19)}, "frames: 19 in the file, 20 in the source"),
        ({"stamps": [*range(7), *range(8, 21)]}, "times: frame 7 at 0.320000 s in the file, at 0.280000 s"),
        ({"time_base": Fraction(1, 24)}, "times: frame 1 at 0.041667 s in the file, at 0.040000 s"),
        ({"size": (32, 32)}, "size: 32x32 in the file, 64x48 in the source"),
        ({"aspect": Fraction(4, 3)}, "aspect: 4/3 in the file, 1 in the source"),
        ({"tags": {"color_range": 2}}, "range: full in the file, limited in the source"),
        ({"sound": None}, "sound: 0 tracks in the file, 1 tracks in the source"),
    ],
)
def test_each_difference_is_a_line_and_the_exit_code_7(sa2va, folder, keywords, line):
    make_video(folder / "source.mp4", sound="aac")
    make_video(folder / "other.mp4", **{"sound": "aac"} | keywords)
    outcome = sa2va("check", "other.mp4", "--against", "source.mp4")
    assert outcome.code == 7
    assert any(one.startswith(line) for one in outcome.out.splitlines()), outcome.out
    assert "other.mp4 differs from source.mp4" in outcome.err


def test_tags_that_both_state_are_compared(sa2va, folder):
    make_video(folder / "a.mp4", tags={"color_primaries": 1, "color_trc": 1})
    make_video(folder / "b.mp4", tags={"color_primaries": 9, "color_trc": 1})
    make_video(folder / "none.mp4")
    assert "primaries: 9 in the file, 1" in sa2va("check", "b.mp4", "--against", "a.mp4").out
    assert sa2va("check", "none.mp4", "--against", "a.mp4").code == 0


def test_timecode_is_compared(sa2va, folder):
    make_with_timecode(folder / "a.mov", "01:00:00:00")
    make_with_timecode(folder / "b.mov", "01:00:00:01")
    outcome = sa2va("check", "b.mov", "--against", "a.mov")
    assert outcome.out == "timecode: 01:00:00:01 in the file, 01:00:00:00 in the source\n"


def test_shorter_sound_is_a_difference(sa2va, folder):
    make_video(folder / "a.mkv", sound="pcm_s16le", stamps=range(50))
    make_video(folder / "short.mkv", sound="pcm_s16le", stamps=range(25))
    out = sa2va("check", "short.mkv", "--against", "a.mkv").out
    assert "in the file, 2.000 s in the source" in out


def test_a_clock_that_begins_elsewhere_is_no_difference(sa2va, folder):
    make_video(folder / "a.mp4")
    make_video(folder / "late.mkv", stamps=range(10, 30))
    outcome = sa2va("check", "late.mkv", "--against", "a.mp4")
    assert outcome.code == 0, outcome.out
    assert "+0.400 s ahead" in outcome.out


def test_milliseconds_of_another_container_are_no_difference(sa2va, folder):
    ntsc = {"time_base": Fraction(1001, 30000), "stamps": range(40)}
    make_video(folder / "a.mov", **ntsc)
    make_video(folder / "a.mkv", **ntsc)
    assert sa2va("check", "a.mkv", "--against", "a.mov").code == 0


def test_pictures_are_compared_with_a_video_by_number_and_size(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(5))
    make_folder(folder / "f", 5)
    make_folder(folder / "g", 4)
    assert sa2va("check", "f", "--against", "a.mp4").code == 0
    assert sa2va("check", "g", "--against", "a.mp4").out == "frames: 4 in the file, 5 in the source\n"


def test_json_lists_the_differences(sa2va, folder):
    make_video(folder / "a.mp4")
    make_video(folder / "b.mp4", stamps=range(10))
    outcome = sa2va("check", "b.mp4", "--against", "a.mp4", "--json")
    assert outcome.code == 7
    document = json.loads(outcome.out)
    assert document["equal"] is False
    assert document["differences"][0] == {"what": "frames", "file": "10", "source": "20"}
    assert json.loads(sa2va("check", "a.mp4", "--against", "a.mp4", "--json").out)["equal"] is True


def test_a_file_that_cannot_be_read_is_exit_code_3(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("check", "missing.mov", "--against", "a.mp4").code == 3


def test_fields_are_compared_where_the_codec_tells_them(sa2va, folder):
    make_interlaced(folder / "top.mp4", "top")
    make_interlaced(folder / "bottom.mp4", "bottom")
    assert sa2va("check", "top.mp4", "--against", "top.mp4").code == 0
    other = sa2va("check", "bottom.mp4", "--against", "top.mp4")
    assert other.code == 7
    assert "field order: bottom in the file, top in the source" in other.out
    assert (
        sa2va("segment", "top.mp4", "red", "--save", "overlay", "--deinterlace", "-o", "whole.mp4").code == 0
    )
    whole = sa2va("check", "whole.mp4", "--against", "top.mp4")
    assert "field order: progressive in the file, top in the source" in whole.out
    assert sa2va("segment", "top.mp4", "red", "--save", "mask", "-o", "mask.mp4").code == 0
    assert sa2va("check", "mask.mp4", "--against", "top.mp4").code == 0
