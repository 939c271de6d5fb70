"""``segment`` with points, boxes and masks, and ``correct``, by a fake network that follows colours."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from clips import make_image, make_video
from fakes import FakeSegmenter, FakeSession
from PIL import Image

from sa2va_cli.media import video
from sa2va_cli.tracks.corrections import corrections_of
from sa2va_cli.tracks.log import FRAME_HEAD, OBJECT_HEAD, Tracks
from sa2va_cli.tracks.records import Record


def records(path: str) -> list[bytes]:
    return [one.payload for one in Tracks(Path(path)).records() if isinstance(one, Record)]


def masks_of(path: str) -> np.ndarray:
    return np.stack([one.logits for one in Tracks(Path(path))])


def test_a_point_in_the_middle_is_followed_in_both_directions_in_the_order_of_frames(sa2va, folder):
    make_video(folder / "a.mp4")
    segmenter = FakeSegmenter()
    outcome = sa2va(
        "segment", "a.mp4", "--point", "2,40@8f", "--save", "tracks,mask", load=lambda *_: segmenter
    )
    assert outcome.code == 0, outcome.err
    assert segmenter.asked == []  # the language model is left alone
    assert segmenter.stepped == [*range(7, -1, -1), *range(20)]
    assert [(one.row, one.index, one.points) for one in segmenter.pointed] == [
        (0, 8, ((2 / 64, 40 / 48, True),))
    ]
    assert [one.index for one in Tracks(folder / "a.tracks.sa2va")] == list(range(20))


def test_a_point_on_the_first_frame_needs_no_way_back(sa2va, folder):
    make_video(folder / "a.mp4")
    segmenter = FakeSegmenter()
    assert sa2va("segment", "a.mp4", "--point", "2,40", load=lambda *_: segmenter).code == 0
    assert segmenter.stepped == list(range(20))


@pytest.fixture
def decoded(folder, monkeypatch):
    """How often each time stamp of a clip with a key frame every six frames came out of a decoder."""
    counts: Counter[int] = Counter()

    class Counting(video.Decoder):
        def decode(self, packet):
            frames = super().decode(packet)
            counts.update(frame.pts for frame in frames)
            return frames

    options = {"g": "6", "bf": "0", "x264-params": "scenecut=0"}
    make_video(folder / "a.mp4", stamps=range(48), options=options)
    monkeypatch.setattr(video, "Decoder", Counting)
    return counts


@pytest.mark.parametrize("places", [["32f"], ["32f", "a:15f"], ["32f", "a:31f", "b:2f"], ["30f", "a:29f"]])
def test_frames_are_decoded_twice_before_the_last_thing_that_is_pointed_at_and_once_behind_it(
    sa2va, decoded, places
):
    last = max(int(place.rpartition(":")[2][:-1]) for place in places)
    points = [f"{name}{colon}2,40@{at}" for name, colon, at in (one.rpartition(":") for one in places)]
    options = [part for point in points for part in ("--point", point)]
    assert sa2va("segment", "a.mp4", *options, "--save", "tracks").code == 0
    often = [decoded[pts] for pts in sorted(decoded)]
    assert len(often) == 48
    assert often[0] <= 3  # opening the file shows its first frame
    assert set(often[1:last]) == {2}
    assert max(often[last:]) <= 2
    assert set(often[36:]) == {1}


def test_a_later_correction_costs_its_group_once_more(sa2va, decoded):
    options = ("--point", "2,40@15f", "--point", "2,44@32f", "--save", "tracks")
    assert sa2va("segment", "a.mp4", *options).code == 0
    often = [decoded[pts] for pts in sorted(decoded)]
    assert max(often[1:]) == 2
    assert set(often[18:30]) == {1}


@pytest.mark.parametrize(
    ("at", "index"), [("0.4", 10), ("0.41s", 10), ("0.439", 10), ("10f", 10), ("0:00.4", 10), ("0.79", 19)]
)
def test_a_moment_is_the_frame_that_is_shown_then(sa2va, folder, at, index):
    make_video(folder / "a.mp4")
    segmenter = FakeSegmenter()
    outcome = sa2va("segment", "a.mp4", "--point", f"2,40@{at}", load=lambda *_: segmenter)
    assert outcome.code == 0, outcome.err
    assert [one.index for one in segmenter.pointed] == [index]


WRONG = {
    "--point 64,2": "outside the picture, which is 64x48",
    "--point 101%,2": "outside the picture",
    "--box 1,1,70,40": "outside the picture",
    "--point 2,2@0.8": "outside what is looked at",
    "--point 2,2@20f": "outside what is looked at",
    "--point 2,2@soon": "--point 2,2@soon: 'soon' is not a time",
    "--point 2,2,-": "begins with a negative --point",
    "--mask small.png": "small.png is 10x10 and the picture 64x48",
    "--mask grey.png": "a mask is a picture of two",
    "--mask colours.png": "is coloured",
    "--mask empty.png": "is empty",
    "--mask a.mp4": "not a picture",
    "--mask gone.png": "there is no such file",
    "--box 1,1,9,9 --box 2,2,8,8": "on one frame; give points and one box",
    "--mask good.png --point 2,2": "on one frame; give points and one box",
}


@pytest.mark.parametrize("options", WRONG)
def test_what_cannot_be_meant_is_one_line_before_anything_is_loaded(sa2va, folder, options):
    make_video(folder / "a.mp4")
    Image.fromarray(np.eye(10, dtype=np.uint8) * 255).save(folder / "small.png")
    Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64).astype(np.uint8)).save("grey.png")
    Image.fromarray(np.full((48, 64, 3), (255, 0, 0), np.uint8)).save("colours.png")
    Image.fromarray(np.zeros((48, 64), np.uint8)).save("empty.png")
    Image.fromarray(np.eye(48, 64, dtype=np.uint8) * 255).save("good.png")
    outcome = sa2va("segment", "a.mp4", *options.split(), load=None)
    assert outcome.code in (2, 3), outcome.err
    assert WRONG[options].replace("--points", "--point") in outcome.err.replace("--points", "--point")
    assert outcome.err.count("\n") == 1


def test_words_and_points_correct_and_add_objects(sa2va, folder):
    make_video(folder / "a.mp4")
    segmenter = FakeSegmenter()
    outcome = sa2va(
        *("segment", "a.mp4", "red corner", "--point", "red corner:60,40,-@3f", "--box", "dog:1,30,9,47@5f"),
        *("--save", "tracks", "--json"),
        load=lambda *_: segmenter,
    )
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert [one["label"] for one in document["objects"]] == ["red corner", "dog"]
    assert document["prompts"][1]["visual"] == [{"name": "dog", "at": "5f", "box": ["1", "30", "9", "47"]}]
    assert [(one.row, one.index) for one in segmenter.pointed] == [(0, 3), (1, 5)]
    assert Tracks(folder / "a.tracks.sa2va").header.prompts[0].visual[0].at == "3f"


def test_an_image_is_pointed_at_with_a_mask(sa2va, folder):
    make_image(folder / "a.png")
    width, height = Image.open("a.png").size
    mask = np.zeros((height, width), np.uint8)
    mask[height // 2 :] = 1
    Image.fromarray(mask).save("given.png")
    outcome = sa2va("segment", "a.png", "--mask", "thing:given.png", "--save", "mask,tracks")
    assert outcome.code == 0, outcome.err
    assert "a.mask.png" in outcome.files
    (prompt,) = Tracks(folder / "a.tracks.sa2va").header.prompts
    np.testing.assert_array_equal(prompt.visual[0].bitmap.mask, mask > 0)


def test_a_correction_changes_the_frames_it_is_about_and_no_other_byte(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "green", "red corner", "--save", "tracks").code == 0
    segmenter = FakeSegmenter()
    outcome = sa2va(
        *("correct", "a.tracks.sa2va", "--box", "1:2,30,20,46@10f", "--within", "0.1", "-o", "b.sa2va"),
        load=lambda *_: segmenter,
    )
    assert outcome.code == 0, outcome.err
    assert "5 of 20 frames have changed" in outcome.err
    assert segmenter.spans == {0: (8, 12)}
    assert segmenter.stepped == [9, 8, *range(8, 13)]
    before, after = records("a.tracks.sa2va"), records("b.sa2va")
    (correction,) = corrections_of(Tracks(folder / "b.sa2va"))
    assert (correction.object, correction.frames, correction.first, correction.last) == (1, (10,), 8, 12)
    assert len(after) == len(before) + 1  # what was corrected is told
    assert [k for k, (old, new) in enumerate(zip(before, after[1:], strict=True)) if old != new] == [
        8,
        9,
        10,
        11,
        12,
    ]
    assert not outcome.err.count("Traceback")


def test_what_was_corrected_is_told_the_last_first(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "red corner", "--save", "tracks").code == 0
    assert sa2va("correct", "a.tracks.sa2va", "--point", "2,40@4f", "-o", "b.sa2va").code == 0
    assert sa2va("correct", "b.sa2va", "--drop-range", "6f-9f", "-o", "c.sa2va").code == 0
    told = [line for line in sa2va("tracks", "info", "c.sa2va").out.splitlines() if line[:9] == "corrected"]
    assert told == [
        "corrected  red corner: taken away; frames 6-9",
        "corrected  red corner: 2,40@4f on frame 4; frames 0-19",
    ]
    document = json.loads(sa2va("tracks", "info", "c.sa2va", "--json").out)
    dropped, pointed = document["corrections"]
    assert (dropped["object"], dropped["visual"], dropped["model"]) == (1, [], None)
    assert pointed["visual"] == [{"name": "", "at": "4f", "point": ["2", "40"], "positive": True}]
    assert (pointed["frames"], pointed["first_frame"], pointed["last_frame"]) == ([4], 0, 19)
    assert json.loads(sa2va("tracks", "info", "a.tracks.sa2va", "--json").out)["corrections"] == []


def unpacked(payload: bytes) -> tuple[bytes, dict[int, bytes]]:
    """The head of a frame's record without its count, and the bytes of each object."""
    *_, count = FRAME_HEAD.unpack_from(payload)
    place, found = FRAME_HEAD.size, {}
    for _ in range(count):
        number, *_, length = OBJECT_HEAD.unpack_from(payload, place)
        end = place + OBJECT_HEAD.size + length
        found[number], place = payload[place:end], end
    assert place == len(payload)
    return payload[: FRAME_HEAD.size - 2], found


def test_a_name_that_no_object_has_is_a_new_object_and_the_others_keep_their_bytes(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "green", "red corner", "--save", "tracks").code == 0
    segmenter = FakeSegmenter()
    outcome = sa2va(
        *("correct", "a.tracks.sa2va", "--point", "dog:2,40@8f", "--box", "cat:1,30,9,47@12f"),
        *("--point", "dog:4,40,-@12f", "-o", "b.sa2va", "--save", "coco", "--json"),
        load=lambda *_: segmenter,
    )
    assert outcome.code == 0, outcome.err
    assert "dog (3) is new beside green (1), red corner (2)" in outcome.err
    assert segmenter.spans == {2: (0, 19), 3: (0, 19)}
    assert segmenter.stepped == [*range(11, -1, -1), *range(20)]
    assert [one["label"] for one in json.loads(outcome.out)["objects"]] == [
        *("green", "red corner", "dog", "cat")
    ]
    tracks = Tracks(folder / "b.sa2va")
    assert [(one.id, one.label) for one in tracks.header.prompts] == [
        *((1, "green"), (2, "red corner"), (3, "dog"), (4, "cat"))
    ]
    assert [one.label for one in tracks.header.objects[:2]] == ["green", "red corner"]
    old, new = records("a.tracks.sa2va"), records("b.sa2va")[2:]
    assert len(old) == len(new) == 21
    assert old[-1] == new[-1]
    for before, after in zip(old[:-1], new[:-1], strict=True):
        (head, known), (same, more) = unpacked(before), unpacked(after)
        assert head == same
        assert more == known | {3: more[3], 4: more[4]}
    assert [(one.object, one.added, one.frames) for one in corrections_of(tracks)] == [
        *((3, True, (8, 12)), (4, True, (12,)))
    ]
    told = sa2va("tracks", "info", "b.sa2va").out
    assert "added      dog: 2,40@8f 4,40,-@12f on frame 8, 12; frames 0-19" in told


def test_a_new_object_counts_as_far_as_it_is_told_and_can_be_corrected(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "red corner", "--save", "tracks").code == 0
    first = sa2va("correct", "a.tracks.sa2va", "--point", "dog:2,40@8f", "--within", "0.1", "-o", "b.sa2va")
    assert first.code == 0, first.err
    assert [len(one.objects) for one in Tracks(folder / "b.sa2va")] == [1] * 6 + [2] * 5 + [1] * 9
    untouched = [6, 7, 8, 9, 10]
    old, new = records("a.tracks.sa2va"), records("b.sa2va")[1:]
    assert [k for k, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]] == untouched
    segmenter = FakeSegmenter()
    outcome = sa2va(
        *("correct", "b.sa2va", "--point", "dog:4,40@15f", "-o", "c.sa2va"), load=lambda *_: segmenter
    )
    assert outcome.code == 0, outcome.err
    assert segmenter.spans == {1: (9, 19)}
    assert sa2va("render", "c.sa2va", "--save", "mask,coco", "-o", "out/").code == 0


def test_what_words_did_not_find_is_added_to_them(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "dog", "--save", "tracks", "--allow-empty").code == 0
    outcome = sa2va("correct", "a.tracks.sa2va", "--point", "dog:2,40", "-o", "b.sa2va")
    assert outcome.code == 0, outcome.err
    (prompt,) = Tracks(folder / "b.sa2va").header.prompts
    (found,) = Tracks(folder / "b.sa2va").header.objects
    assert (prompt.text, len(prompt.visual), found.prompt) == ("dog", 1, prompt)
    unnamed = sa2va("correct", "a.tracks.sa2va", "--point", "2,40", "-o", "c.sa2va")
    assert unnamed.code == 0, unnamed.err
    assert [one.label for one in Tracks(folder / "c.sa2va").header.objects] == ["object"]


def test_masks_of_another_size_are_not_mixed(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "red corner", "--save", "tracks").code == 0

    class Coarse(FakeSession):
        grid = 16

    segmenter = FakeSegmenter()
    segmenter.open = lambda still: Coarse(segmenter)
    outcome = sa2va(
        "correct", "a.tracks.sa2va", "--point", "dog:2,40", "-o", "b.sa2va", load=lambda *_: segmenter
    )
    assert (outcome.code, outcome.files) == (2, ["a.mp4", "a.tracks.sa2va"])
    assert "has masks of 64x64, and this model makes others (16x16)" in outcome.err


def test_the_next_correction_ends_where_the_last_one_was_made(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "red corner", "--save", "tracks").code == 0
    for source, index, name in (("a.tracks.sa2va", 4, "b.sa2va"), ("b.sa2va", 12, "c.sa2va")):
        segmenter = FakeSegmenter()
        outcome = sa2va(
            "correct", source, "--point", f"2,40@{index}f", "-o", name, load=lambda *_, one=segmenter: one
        )
        assert outcome.code == 0, outcome.err
    assert segmenter.spans == {0: (5, 19)}
    assert [one.frames for one in corrections_of(Tracks(folder / "c.sa2va"))] == [(12,), (4,)]
    assert segmenter.pointed[0].before is not None  # the mask that is there is corrected


def test_what_is_said_on_both_sides_of_an_earlier_correction_leaves_it_as_two_commands_would(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "red corner", "green", "--save", "tracks").code == 0
    sides = ("--point", "1:2,40@2f"), ("--point", "1:2,44@17f")
    other = ("--point", "green:2,40@5f")
    commands = [
        ("a.tracks.sa2va", "--point", "1:60,40@9f", "-o", "b.sa2va"),
        ("b.sa2va", *sides[0], *sides[1], *other, "-o", "at once.sa2va"),
        ("b.sa2va", *sides[0], *other, "-o", "c.sa2va"),
        ("c.sa2va", *sides[1], "-o", "apart.sa2va"),
    ]
    for one in commands:
        outcome = sa2va("correct", *one)
        assert outcome.code == 0, outcome.err
        if "at once.sa2va" in one:
            assert "20 of 20 frames have changed" in outcome.err
            assert ".at" not in str(outcome.files)
    assert Path("at once.sa2va").read_bytes() == Path("apart.sa2va").read_bytes()
    told = corrections_of(Tracks(folder / "at once.sa2va"))
    assert [(one.frames, one.first, one.last) for one in told] == [
        ((17,), 10, 19),
        ((2,), 0, 8),
        ((5,), 0, 19),
        ((9,), 0, 19),
    ]
    before, after = (list(Tracks(Path(name))) for name in ("b.sa2va", "at once.sa2va"))
    np.testing.assert_array_equal(before[9].logits[0], after[9].logits[0])


def test_a_range_is_dropped_without_a_model(sa2va, folder):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "red corner", "blue", "--save", "tracks").code == 0
    refused = sa2va("correct", "a.tracks.sa2va", "--drop-range", "2f-4f", "-o", "b.sa2va", load=None)
    assert refused.code == 2
    assert "there are several objects" in refused.err
    outcome = sa2va(
        *("correct", "a.tracks.sa2va", "--object", "blue", "--drop-range", "2f-4f", "-o", "b.sa2va"),
        *("--save", "mask"),
        load=None,
    )
    assert outcome.code == 0, outcome.err
    seen = [[found.label for found in one.objects] for one in Tracks(folder / "b.sa2va")]
    assert [k for k, labels in enumerate(seen) if "blue" not in labels] == [2, 3, 4]
    outcome = sa2va("correct", "b.sa2va", "--point", "blue:2,40,-@3f", "-o", "c.sa2va")
    assert (outcome.code, "'blue' has no mask on frame 3 that a negative" in outcome.err) == (2, True)
    assert sa2va("correct", "b.sa2va", "--point", "blue:2,40@3f", "-o", "c.sa2va").code == 0
    assert (folder / "a.mask.mp4").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing is corrected"),
        (["--point", "2:1,2"], "has no object '2'; choose red corner (1)"),
        (["--point", "1,2", "--object", "cat"], "has no object 'cat'; choose red corner (1)"),
        (["--point", "cat:1,2,-"], "'cat' begins with a negative --point"),
        (["--point", "cat:1,2", "--drop-range", "1f-2f", "--object", "cat"], "has no object 'cat'"),
        (["--drop-range", "5"], "write A-B"),
        (["--drop-range", "9f-2f"], "ends before it begins"),
        (["--point", "1,2", "-o", "a.tracks.sa2va"], "is the file that is corrected"),
        (["--point", "1,2", "-o", "a.mp4"], "exists already"),
        (["--point", "1,2", "-o", "b.mp4"], "-o b.mp4: tracks end in .sa2va"),
    ],
)
def test_a_correction_that_cannot_be_meant_is_one_line(sa2va, folder, options, message):
    make_video(folder / "a.mp4")
    assert sa2va("segment", "a.mp4", "red corner", "--save", "tracks").code == 0
    output = [] if "-o" in options else ["-o", "b.sa2va"]
    outcome = sa2va("correct", "a.tracks.sa2va", *options, *output, load=None)
    assert outcome.code in (2, 7), outcome.err
    assert message in outcome.err
    assert outcome.files == ["a.mp4", "a.tracks.sa2va"]
