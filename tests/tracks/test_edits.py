"""Edits as pure functions of a log, single frames of it, and layers that survive being cut off."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracks.conftest import make_frame, make_header, make_logits

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.tracks.coding import decode
from sa2va_cli.tracks.corrections import NewMask
from sa2va_cli.tracks.edits import (
    Correct,
    Delete,
    Drop,
    EditedTracks,
    Hide,
    Merge,
    Recolour,
    Rename,
    Split,
    changed,
    free_name,
    from_json,
    mentioned,
    to_json,
    write_edited,
)
from sa2va_cli.tracks.indexed import IndexedFrames
from sa2va_cli.tracks.layers import Layer
from sa2va_cli.tracks.log import Tracks, TracksWriter
from sa2va_cli.visual_prompts import Length, PointPrompt

FRAMES = 12
POINT = PointPrompt(Length(3), Length(50, percent=True), at="4f")
EDITS = (
    Rename(1, "another"),
    Recolour(2, "#00ff00"),
    Hide(1, True),
    Drop(1, 3, 5),
    Delete(2),
    Merge(2, 1),
    Split(1, 6, 3, "third"),
    Correct(1, 4, 2, 8, "0001.layer", "point", prompts=(POINT,), model="demo", drawn={"points": [[3, 5, 1]]}),
)


class NoLayers:
    def mask(self, layer, index):
        return None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "clip.tracks.sa2va"
    facts = np.array([0.9, 0.8], np.float32)
    with TracksWriter(path, make_header(FRAMES)) as writer:
        for index in range(FRAMES):
            if index != 7:  # one that could not be decoded
                writer.append(make_frame(index), make_logits(index), facts, facts, facts)
        writer.finish()
    return path


def edited(path: Path, *edits, layers=None) -> EditedTracks:
    tracks = Tracks(path)
    return EditedTracks(tracks, IndexedFrames.of(tracks), edits, layers or NoLayers())


def test_single_frames_are_those_that_reading_in_order_gives(path):
    tracks = Tracks(path)
    frames = IndexedFrames.of(tracks)
    assert list(frames) == [one.index for one in tracks]
    assert frames[7] is None
    assert frames[99] is None
    for one in reversed(list(tracks)):
        found = frames[one.index].decoded(tracks.header.objects)
        assert (found.index, found.source_index, found.pts) == (one.index, one.source_index, one.pts)
        assert np.array_equal(found.logits, one.logits)
        assert np.array_equal(found.scores, one.scores)


def test_damage_costs_the_frames_that_it_hits(path):
    data = bytearray(path.read_bytes())
    record = next(one for one in Tracks(path).records() if one.kind == 2)
    data[record.offset + 25] ^= 255
    path.write_bytes(data[:-40])
    frames = IndexedFrames.of(Tracks(path))
    assert frames[0] is None
    assert [index for index in frames if frames[index]] == [one.index for one in Tracks(path)]


def test_without_edits_the_bytes_stay(path, tmp_path):
    write_edited(edited(path), tmp_path / "same.tracks.sa2va")
    assert (tmp_path / "same.tracks.sa2va").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("edit", EDITS, ids=lambda one: type(one).__name__)
def test_an_edit_comes_back_from_json_as_it_was(edit):
    assert from_json(to_json(edit)) == edit


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "explode"},
        {"type": "drop", "object": 1},
        {"type": ["drop"]},
        {"type": "drop", "object": 1, "first": "2", "last": 4},
        {"type": "hide", "object": 1, "hidden": 1},
        {"type": "rename", "object": True, "name": "x"},
    ],
)
def test_what_is_no_edit_is_a_value_error(document):
    with pytest.raises(ValueError, match="not understood"):
        from_json(document)


def test_masks_are_dropped_deleted_merged_and_split(path):
    before = edited(path)[4].masks
    assert set(edited(path, Drop(1, 3, 5))[4].masks) == {2}
    assert edited(path, Drop(1, 3, 5))[6].masks == edited(path)[6].masks
    assert set(edited(path, Delete(2))[4].masks) == {1}
    assert edited(path, Split(1, 4, 3, "x"))[4].masks == {3: before[1], 2: before[2]}
    assert edited(path, Split(1, 5, 3, "x"))[4].masks == before
    both = decode(edited(path, Merge(2, 1))[4].masks[1].coded)
    either = np.maximum(decode(before[1].coded), decode(before[2].coded))
    assert np.array_equal(both > 0, either > 0)


def test_two_masks_in_one_are_as_trusted_as_the_less_trusted_one(tmp_path):
    path = tmp_path / "worded.tracks.sa2va"
    told = np.array([0.3, 0.6], np.float32)
    with TracksWriter(path, make_header(4)) as writer:
        for index, worded in enumerate((told, told[::-1], np.array([np.nan, 0.6], np.float32), None)):
            facts = np.array([0.9, 0.8], np.float32)
            writer.append(make_frame(index), make_logits(index), facts, facts, facts, worded)
        writer.finish()
    merged = edited(path, Merge(2, 1))
    worded = [merged[index].masks[1].worded for index in range(4)]
    assert worded == pytest.approx([0.3, 0.3, 0.6, np.nan], nan_ok=True)
    assert merged[0].masks[1].agreement == pytest.approx(0.8)


def test_objects_are_renamed_coloured_hidden_added_and_taken_away(path):
    things = edited(path, Rename(1, "x"), Recolour(1, "#123456"), Hide(2, True)).things
    assert [(one.found.label, one.colour, one.hidden) for one in things] == [
        ("x", "#123456", False),
        ("girl in red #2", "", True),
    ]
    assert [one.found.id for one in edited(path, Delete(1)).things] == [2]
    new = Correct(3, 4, 0, 11, "l", "words", words="a cat", name="cat", new=True)
    made = edited(path, new).header
    assert (made.objects[2].label, made.objects[2].prompt.text) == ("cat", "a cat")
    assert made.objects[2].prompt in made.prompts
    assert len({one.id for one in made.prompts}) == len(made.prompts)
    assert free_name(edited(path, new).things, "cat") == "cat 2"


@pytest.mark.parametrize(
    "edits",
    [
        (Rename(9, "x"),),
        (Rename(1, "girl in red #2"),),
        (Delete(1), Drop(1, 0, 1)),
        (Merge(1, 1),),
        (Merge(1, 9),),
        (Split(1, 3, 3, "girl in red"),),
    ],
)
def test_edits_of_what_there_is_not_are_refused(path, edits):
    with pytest.raises(UsageError):
        edited(path, *edits)


@given(st.permutations(EDITS[:4]))
def test_every_order_of_edits_that_do_not_meet_gives_the_same(tmp_path_factory, edits):
    path = tmp_path_factory.mktemp("log") / "clip.tracks.sa2va"
    facts = np.array([0.9, 0.8], np.float32)
    with TracksWriter(path, make_header(6)) as writer:
        for index in range(6):
            writer.append(make_frame(index), make_logits(index), facts, facts, facts)
    first, second = edited(path, *EDITS[:4]), edited(path, *edits)
    assert first.things == second.things
    assert [first[k] for k in range(6)] == [second[k] for k in range(6)]


def test_a_log_of_edits_is_what_was_seen_and_tells_the_corrections(path, tmp_path):
    layer = Layer(tmp_path / "0001.layer")
    for index in (4, 5, 3):
        layer.append(index, NewMask(make_logits(0)[0], 0.7, 0.6, 0.5), 0.5)

    class Layers:
        def mask(self, name, index):
            return layer[index]

    seen = edited(path, EDITS[7], Rename(2, "other"), layers=Layers())
    assert seen[4].masks[1].score == pytest.approx(0.7)
    assert seen[6].masks[1].score == pytest.approx(0.9)  # not done yet
    written = tmp_path / "new.tracks.sa2va"
    assert write_edited(seen, written) == FRAMES - 1
    log = Tracks(written)
    assert log.condition.problem is None
    assert [one.label for one in log.header.objects] == ["girl in red", "other"]
    for one in log:
        found = seen[one.index].decoded(seen.header.objects)
        assert np.array_equal(one.logits, found.logits)
    from sa2va_cli.tracks.corrections import corrections_of

    (told,) = corrections_of(log)
    assert (told.object, told.frames, told.first, told.last, told.model) == (1, (4,), 2, 8, "demo")
    write_edited(seen, written, [2])
    assert [one.label for one in Tracks(written).header.objects] == ["other"]
    assert all(len(one.objects) == 1 for one in Tracks(written))


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_layer_that_was_cut_off_has_what_is_whole_and_goes_on(tmp_path, cut):
    place = tmp_path / "deep" / "0001.layer"
    layer = Layer(place)
    for index in (5, 6, 4):
        layer.append(index, NewMask(make_logits(index)[0], 0.7, 0.6, 0.5), 0.5)
    layer.close()
    place.write_bytes(place.read_bytes()[:-cut])
    layer = Layer(place)
    assert list(layer) == [5, 6]
    layer.append(4, NewMask(make_logits(4)[0], 0.7, 0.6, 0.5), 0.5)
    again = Layer(place)
    assert list(again) == [4, 5, 6]
    assert np.array_equal(decode(again[4].coded), decode(layer[4].coded))
    assert again.done(6).tolist() == [False, False, False, False, True, True]


def test_another_file_is_no_layer(tmp_path):
    (tmp_path / "x").write_bytes(b"something else entirely")
    with pytest.raises(InputError, match="not a layer"):
        Layer(tmp_path / "x")


def test_what_an_edit_changes_and_speaks_of():
    assert [changed(one) for one in EDITS] == [
        None, None, None, (3, 5), (0, None), (0, None), (6, None), (2, 8),
    ]  # fmt: skip
    assert [mentioned(one) for one in EDITS] == [(1,), (2,), (1,), (1,), (2,), (2, 1), (1, 3), (1,)]
