"""Markers: what an editor, a spreadsheet and OpenTimelineIO read of them."""

import csv
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sa2va_cli.datatypes import Evidence, FoundObject, Frame, FrameMasks, Prompt
from sa2va_cli.errors import OutputError, UsageError
from sa2va_cli.media.metadata import Metadata
from sa2va_cli.media.source import SourceInfo
from sa2va_cli.outputs import markers as module
from sa2va_cli.outputs.clip import Clip
from sa2va_cli.outputs.markers import COLUMNS, MarkersSink, SourceTimecodes

GIRL = Prompt(1, "girl in red | 穿红裙\n的女孩")
OBJECTS = (FoundObject(1, GIRL, GIRL.label), FoundObject(2, Prompt(2, "dog"), "dog"))
IMAGE = np.broadcast_to(np.uint8(0), (12, 16, 3))
NTSC = Fraction(30000, 1001)
INFO = SourceInfo(Path("shot.mov"), "video", (16, 12), 60, NTSC, 1 / NTSC, 2.0)


def make_clip(info: SourceInfo = INFO) -> Clip:
    warnings: list[str] = []
    return Clip(SimpleNamespace(info=info, warn=warnings.append, warnings=warnings), "shot")


def frame_masks(index: int, *, seen=(True, True), confidences=(1.0, 1.0)) -> FrameMasks:
    """The girl's and the dog's masks on frame ``index``, which is frame ``index + 10`` of the source."""
    values = np.array(confidences, np.float32)
    logits = np.array([np.full((3, 4), 5.0 if one else -5.0) for one in seen], np.float32)
    frame = Frame(index, index + 10, 1 / NTSC, IMAGE, source_index=index + 10)
    evidence = Evidence(values, values, values, ("jumped", "lost"))
    return FrameMasks(frame, logits, values, 0.5, OBJECTS, evidence=evidence)


def write(path: Path, clip: Clip | None = None) -> str:
    """The girl is seen all the time and doubtful on 4 to 6; the dog goes on frame 3 and comes back on 8."""
    with MarkersSink(path, clip or make_clip(), OBJECTS) as sink:
        for index in range(10):
            girl = 0.25 if 4 <= index <= 6 else 1.0
            sink.write(frame_masks(index, seen=(True, not 3 <= index < 8), confidences=(girl, 1.0)))
    return path.read_text(encoding="utf-8")


def test_a_table_has_ranges_worth_a_look_and_where_objects_are_seen(tmp_path):
    write(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["object"], row["reason"], row["first_frame"], row["last_frame"]) for row in rows] == [
        ("1", "visible", "10", "19"),
        ("2", "visible", "10", "12"),
        ("1", "jumped", "14", "16"),
        ("2", "visible", "18", "19"),
    ]
    assert rows[2]["label"] == GIRL.label
    assert rows[2]["confidence"] == "0.25"
    assert (rows[2]["start_timecode"], rows[2]["end_timecode"]) == ("00:00:00:14", "00:00:00:16")
    assert float(rows[2]["start_seconds"]) == pytest.approx(14 / NTSC, abs=0.001)


def test_an_edit_decision_list_has_an_event_and_a_marker_comment_for_each(tmp_path):
    text = write(tmp_path / "a.edl")
    lines = text.splitlines()
    assert lines[:2] == ["TITLE: shot", "FCM: NON-DROP FRAME"]
    data = (tmp_path / "a.edl").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") == len(lines)
    assert lines[3:5] == [
        "001  001      V     C        00:00:00:10 00:00:00:11 00:00:00:10 00:00:00:11",
        " |C:ResolveColorGreen |M:girl in red / 穿红裙 的女孩: visible |D:10",
    ]
    assert " |C:ResolveColorRed |M:girl in red / 穿红裙 的女孩: jumped |D:3" in lines
    assert "FROM CLIP" not in text


def test_no_two_events_begin_on_one_frame(tmp_path):
    events = re.findall(r"^\d{3} .*$", write(tmp_path / "a.edl"), re.MULTILINE)
    starts = [event.split()[4] for event in events]
    assert starts == ["00:00:00:10", "00:00:00:11", "00:00:00:14", "00:00:00:18"]


def test_the_sources_own_timecode_counts_with_dropped_numbers(tmp_path):
    info = replace(INFO, metadata=Metadata(timecode="00:00:59;20"))
    text = write(tmp_path / "a.edl", make_clip(info))
    assert "FCM: DROP FRAME" in text
    assert "00:01:00;02 00:01:00;03" in text  # 10 frames on; ;00 and ;01 are left out


@pytest.mark.parametrize(
    ("info", "number", "seconds", "timecode"),
    [
        (INFO, 45, 1.5, "00:00:01:15"),
        (replace(INFO, metadata=Metadata(timecode="what")), 45, 1.5, "00:00:01:15"),
        (replace(INFO, metadata=Metadata(timecode="10:00:00:00")), 45, 1.5, "10:00:01:15"),
        (replace(INFO, constant_rate=False), 2, 1.0, "00:00:01:00"),
        (replace(INFO, kind="frames", rate=Fraction(24), numbers=(1001, 1002, 1005)), 2, 0.1, "00:00:41:21"),
    ],
)
def test_frames_are_named_as_the_source_names_them(info, number, seconds, timecode):
    assert str(SourceTimecodes(info).of(number, seconds)) == timecode


def test_a_list_that_is_too_long_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_EVENTS", 2)
    clip = make_clip()
    text = write(tmp_path / "a.edl", clip)
    assert len(re.findall(r"^\d{3} ", text, re.MULTILINE)) == 2
    assert clip.reader.warnings == [
        "a.edl: the first 2 of 4 markers; an edit decision list has no room for more, CSV has"
    ]


def test_a_timeline_is_read_by_opentimelineio(tmp_path):
    otio = pytest.importorskip("opentimelineio")
    info = replace(INFO, metadata=Metadata(timecode="10:00:00:00"))
    write(tmp_path / "a.otio", make_clip(info))
    timeline = otio.adapters.read_from_file(str(tmp_path / "a.otio"))
    (shot,) = timeline.find_clips()
    begin = 10 * 3600 * 30
    assert timeline.global_start_time.value == begin
    found = [
        (one.name, one.marked_range.start_time.value, one.marked_range.duration.value) for one in shot.markers
    ]
    assert found[2] == (f"{GIRL.label}: jumped", begin + 14, 3)
    assert shot.markers[2].color == "RED"


def test_without_opentimelineio_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"sa2va\[otio\]"):
        MarkersSink(tmp_path / "a.otio", make_clip(), OBJECTS)


def test_a_failed_run_leaves_nothing_and_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(KeyError), MarkersSink(tmp_path / "a.csv", make_clip(), OBJECTS):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(OutputError, match="folder"), MarkersSink(tmp_path / "a.csv", make_clip(), OBJECTS):
        pass
