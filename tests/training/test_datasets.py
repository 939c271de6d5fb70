"""One contract for every reader: what a miniature in the exact layout on disk says is what is read."""

import copy
import json
import os
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from training.miniatures import MAKERS, TWO, boxed, davis, finetune, grefcoco, mevis, refcoco

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.training.datasets.checking import check_dataset
from sa2va_cli.training.datasets.converting import divided, pickle_as_json, rectangles, write_dataset
from sa2va_cli.training.datasets.masks import decoded
from sa2va_cli.training.datasets.sample import VideoFrames
from sa2va_cli.training.datasets.table import FORMATS, read_dataset


@pytest.mark.parametrize("name", MAKERS)
def test_a_reader_gives_the_sentences_frames_and_masks_that_are_there(name, tmp_path):
    format_name, make = MAKERS[name]
    path, truth = make(tmp_path)
    dataset = read_dataset(path)
    assert dataset.format == format_name
    samples = {one.id: one for one in dataset.usable()}
    assert set(samples) == set(truth)
    for key, (sentence, masks) in truth.items():
        one = samples[key]
        assert one.sentence == sentence
        assert len(one.frames) == len(masks)
        assert one.frames.read(len(masks) - 1).shape[:2] == masks[0].shape
        for k, mask in enumerate(masks):
            np.testing.assert_array_equal(one.counts(k), mask)
            np.testing.assert_array_equal(one.mask(k), mask > 0)
    checked = check_dataset(dataset)
    assert checked.problems == ()
    assert checked.sentences == len(truth)


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("park", "davis")])
def test_what_is_written_in_another_format_is_the_same_to_the_pixel(name, tmp_path):
    path, truth = MAKERS[name][1](tmp_path)
    samples = read_dataset(path).usable()
    write_dataset(samples, tmp_path / "again")
    again = read_dataset(tmp_path / "again").usable()
    assert [one.sentence for one in again] == [one.sentence for one in samples]
    for before, after in zip(samples, again, strict=True):
        for k in range(len(truth[before.id][1])):
            np.testing.assert_array_equal(after.mask(k), before.mask(k))


def test_every_format_but_tracks_has_a_miniature():
    assert {name for name, _ in MAKERS.values()} == set(FORMATS) - {"tracks"}


def test_overlapping_polygons_add_up_in_counts_and_are_united_in_the_mask(tmp_path):
    both = {one.id: one for one in read_dataset(finetune(tmp_path)[0]).samples}["0/1"]
    assert both.counts(0).max() == 2
    np.testing.assert_array_equal(both.mask(0), boxed(*TWO) > 0)


def test_broken_entries_are_named_by_file_and_index(tmp_path):
    path, _ = finetune(tmp_path)
    square = [[1, 1, 9, 1, 9, 9]]
    entries = json.loads((path / "annotations.json").read_text())
    entries += [
        {"image": "gone.png", "mask": [square], "text": ["x"]},
        {"image": "a.png", "mask": [square], "text": [" "]},
        {"image": "a.png", "mask": [[[1, 1, 900, 1, 9, 9]]], "text": ["x"]},
        {"image": "a.png", "mask": [square, square], "text": ["x"]},
        {"image": "a.png", "mask": [[[1, 1, 9]]], "text": ["x"]},
        "what",
        {"image": "a.png", "mask": [[[1, 1, 1, 1, 1, 1]]], "text": ["x"]},
        {"image": "a.png", "mask": [[]], "text": ["what means nothing is whole"]},
    ]
    (path / "annotations.json").write_text(json.dumps(entries))
    assert check_dataset(read_dataset(path)).without_target == 1
    problems = check_dataset(read_dataset(path)).problems
    told = sorted(str(one) for one in problems)
    expected = [
        ("entry 2, text 0", "there is no file"),
        ("entry 3, text 0", "its text is empty"),
        ("entry 4, text 0", "outside of the picture of 96x54"),
        ("entry 5", "1 texts and 2 masks"),
        ("entry 6, text 0", "flat lists"),
        ("entry 7", "is a text, not an object"),
        ("entry 8, text 0", "cover no pixel"),
    ]
    assert len(told) == len(expected)
    for line, (place, what) in zip(told, expected, strict=True):
        assert line.startswith(f"annotations.json: {place}")
        assert what in line
    with pytest.raises(InputError, match="sa2va data check"):
        read_dataset(path).usable()


JUNK = (None, 3, -1, 1e9, "", "x", [], [None], {}, {"a": 1}, True, [[1, 2]], [[]], ...)
"""What stands where something else should; ``...`` is nothing at all."""


def places(value, at=()):
    """Where values stand in a document, of every list and mapping the first few."""
    yield at
    if isinstance(value, dict):
        for key in list(value)[:4]:
            yield from places(value[key], (*at, key))
    if isinstance(value, list):
        for k in range(min(len(value), 2)):
            yield from places(value[k], (*at, k))


def put(document, at, value):
    """A copy of a document with another value somewhere."""
    changed = copy.deepcopy(document)
    holder = changed
    for key in at[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return changed


def told_of(path):
    """Everything that is said about a data set, or why it is none."""
    try:
        dataset = read_dataset(path)
    except InputError as error:
        return [error.message]
    return [f"{one.where}: {one.what}" for one in check_dataset(dataset).problems]


@pytest.mark.parametrize("name", MAKERS)
def test_whatever_stands_in_a_file_is_told_and_never_a_traceback(name, tmp_path):
    path, _ = MAKERS[name][1](tmp_path)
    for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
        encoding = "cp1252" if name == "reason-seg" else "utf-8"
        whole = file.read_text(encoding)
        document = json.loads(whole)
        tries = [(at, value) for at in places(document) if at for value in JUNK]
        chosen = random.Random(0).sample(tries, min(30, len(tries)))
        texts = [whole[: len(whole) // 2], "", *(json.dumps(put(document, *one)) for one in chosen)]
        for text in texts:
            file.write_text(text, encoding)
            for line in told_of(path):
                assert ": " in line
        file.write_text(whole, encoding)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("damage", ["gone", "cut", "without its end"])
def test_a_picture_that_is_gone_or_damaged_is_named(name, damage, tmp_path):
    path, _ = MAKERS[name][1](tmp_path)
    frames = [one.frames for one in read_dataset(path).samples]
    used = {one.path if isinstance(one, VideoFrames) else one.paths[-1] for one in frames}
    for picture in sorted(used)[:3]:
        whole = picture.read_bytes()
        if damage == "gone":
            picture.unlink()
        else:
            picture.write_bytes(whole[: 20 if damage == "cut" else len(whole) * 3 // 4])
        assert any(picture.stem in line for line in told_of(path)), picture
        picture.write_bytes(whole)


def test_run_lengths_of_another_size_never_reach_native_code():
    rng = np.random.default_rng(0)
    for height, width in ((1, 1), (7, 300), (64, 48)):
        mask = (rng.random((height, width)) < 0.4).astype(np.uint8)
        packed = coco_mask.encode(np.asfortranarray(mask))
        np.testing.assert_array_equal(decoded(packed, (height, width)), mask)
        text = {"size": packed["size"], "counts": packed["counts"].decode()}
        np.testing.assert_array_equal(decoded(text, (height, width)), mask)
    for size in ([10**9, 10**9], [48, 63]):
        with pytest.raises(ValueError, match="its mask is"):
            decoded({**packed, "size": size}, (64, 48))
    for counts in (b"04", b"0" * 900, b"o", b"\xff", [5, -5], ["x"], None, 7):
        with pytest.raises(ValueError, match="its run lengths"):
            decoded({"size": [64, 48], "counts": counts}, (64, 48))


def test_masks_that_are_missing_too_short_or_of_another_size_are_named(tmp_path):
    path, _ = mevis(tmp_path)
    file = path / "valid_u" / "mask_dict.json"
    masks = json.loads(file.read_text())
    del masks["0"]
    masks["2"] = masks["2"][:1]
    masks["3"] = [{"size": [2, 2], "counts": "04"}] * 3
    file.write_text(json.dumps(masks))
    told = "\n".join(str(one) for one in check_dataset(read_dataset(path)).problems)
    assert "videos/a1/expressions/0: there is no mask '0' in mask_dict.json" in told
    assert "has masks for 1 frames" in told
    assert "its mask is 2x2 and the picture 96x54" in told
    short = next(one for one in read_dataset(path).samples if one.id == "b2/0")
    with pytest.raises(InputError, match="expressions/0: has masks for 1 frames, not for frame 1"):
        short.mask(1)


def test_parts_of_mevis_without_truth_are_read_under_the_names_they_are_released_with(tmp_path):
    path, truth = mevis(tmp_path)
    (path / "valid_u").rename(path / "test")
    meta = path / "test" / "meta_expressions.json"
    (path / "test" / "mask_dict.json").unlink()
    meta = meta.rename(meta.with_name("meta_expressions_release.json"))
    for place, split in ((path, "test"), (path, None), (meta, None)):
        samples = read_dataset(place, split).usable()
        assert [one.id for one in samples] == list(truth)
        assert {one.objects for one in samples} == {None}


def test_test_of_refcoco_means_both_of_its_tests(tmp_path):
    path, _ = refcoco(tmp_path)
    assert [one.sentence for one in read_dataset(path, "test").samples] == ["both", "again"]
    assert [one.sentence for one in read_dataset(path, "testB").samples] == ["again"]
    with pytest.raises(UsageError, match="val, testA"):
        read_dataset(path, "dev")


def test_sentences_of_grefcoco_know_whether_they_mean_anything(tmp_path):
    kinds = [one.kind for one in read_dataset(grefcoco(tmp_path)[0]).samples]
    assert kinds == ["target", "target", "no target"]


def test_parts_never_share_a_video(tmp_path):
    samples = read_dataset(mevis(tmp_path)[0]).usable()
    train, val = divided(samples, 0.5, seed=1)
    assert {one.video for one in train}.isdisjoint(one.video for one in val)
    assert len(train) + len(val) == len(samples)
    with pytest.raises(UsageError, match="two are needed"):
        divided(train, 0.5, seed=1)


def test_entries_of_one_picture_are_not_divided(tmp_path):
    path, _ = finetune(tmp_path)
    file = path / "annotations.json"
    file.write_text(json.dumps(json.loads(file.read_text()) * 2))
    train, val = divided(read_dataset(path).usable(), 0.5, seed=1)
    assert {one.frames.source for one in train}.isdisjoint(one.frames.source for one in val)


def test_a_video_that_is_shorter_than_its_masks_is_named(tmp_path):
    path, _ = MAKERS["park"][1](tmp_path)
    (file,) = sorted(path.glob("*.json")) if path.is_dir() else [path]
    document = json.loads(file.read_text())
    document["actors"] = {name: masks + masks[-1:] for name, masks in document["actors"].items()}
    file.write_text(json.dumps(document))
    told = told_of(path)
    assert told
    assert all("is annotated" in line for line in told)


def test_a_data_set_without_a_sentence_is_broken(tmp_path):
    (tmp_path / "annotations.json").write_text("[]", encoding="utf-8-sig")
    (line,) = told_of(tmp_path)
    assert "there is no sentence" in line


def test_rectangles_draw_any_mask_holes_included():
    from sa2va_cli.training.datasets.masks import Polygons

    rng = np.random.default_rng(0)
    for share in (0, 0.3, 0.9, 1):
        mask = rng.random((23, 31)) < share
        drawn = Polygons(rectangles(mask)).on(0, (23, 31))
        np.testing.assert_array_equal(drawn, mask.astype(np.uint8))


def test_a_pickle_of_plain_data_becomes_json(tmp_path):
    mask = {"size": [2, 2], "counts": b"04"}
    content = {0: [mask, None], 1: (np.int64(3), np.arange(4, dtype=np.int32).reshape(2, 2), "é")}
    for protocol in (2, 4):
        path = tmp_path / f"{protocol}.pkl"
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        pickle_as_json(path, path.with_suffix(".json"))
        read = json.loads(path.with_suffix(".json").read_text())
        assert read == {"0": [{"size": [2, 2], "counts": "04"}, None], "1": [3, [[0, 1], [2, 3]], "é"]}


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize("content", [Trap(), {"a": [Trap()]}, subprocess.Popen, sys.exit])
def test_a_pickle_that_asks_for_anything_else_is_refused_and_does_nothing(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match="only plain data"):
        pickle_as_json(tmp_path / "x.pkl", tmp_path / "x.json")
    assert [one.name for one in tmp_path.iterdir()] == ["x.pkl"]


def test_a_pickle_that_is_no_pickle_is_told(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"no")
    with pytest.raises(InputError, match="not converted"):
        pickle_as_json(tmp_path / "x.pkl", tmp_path / "x.json")
    assert not (tmp_path / "x.json").exists()


def test_what_has_no_sentences_is_not_written_as_if_it_had(tmp_path):
    samples = read_dataset(davis(tmp_path)[0]).usable()
    with pytest.raises(UsageError, match="no sentences"):
        write_dataset(samples, tmp_path / "again")


def test_readers_never_read_pickles(tmp_path):
    path, _ = refcoco(tmp_path)
    (path / "refs(unc).json").unlink()
    with pytest.raises(InputError, match="sa2va data convert"):
        read_dataset(path)


def test_what_is_no_data_set_is_told_with_what_is(tmp_path):
    with pytest.raises(InputError, match=r"ReVOS \(revos\)"):
        read_dataset(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_dataset(tmp_path / "gone")


def test_tracks_are_read_in_any_order(sa2va, folder):
    from clips import make_video

    make_video(folder / "clip.mp4", stamps=range(4))
    assert sa2va("segment", "clip.mp4", "red", "green", "--save", "tracks", "--quiet").code == 0
    one, other = read_dataset(folder / "clip.tracks.sa2va").usable()
    forwards = [one.mask(k) for k in range(4)]
    assert any(mask.any() for mask in forwards)
    for k in (3, 0, 2, 1):
        np.testing.assert_array_equal(one.mask(k), forwards[k])
        assert other.mask(k).shape == forwards[k].shape
    assert (one.sentence, other.sentence) == ("red", "green")


def test_the_source_of_tracks_is_found_from_here_from_beside_them_and_there_by_its_name(
    sa2va, folder, tmp_path_factory, monkeypatch
):
    from clips import make_video

    (folder / "shots").mkdir()
    make_video(folder / "shots" / "clip.mp4", stamps=range(4))
    tracks = folder / "clip.tracks.sa2va"
    assert sa2va("segment", "shots/clip.mp4", "red", "--save", "tracks", "-o", tracks.name, "-q").code == 0
    assert read_dataset(tracks).usable()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert read_dataset(tracks).usable()
    (folder / "shots" / "clip.mp4").rename(folder / "clip.mp4")
    assert read_dataset(tracks).usable()
    (folder / "clip.mp4").unlink()
    assert "no file or folder shots/clip.mp4" in read_dataset(tracks).problems[0].what


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([[float("nan"), 1], [5, 5], [1, 9]], "goes far outside of the picture"),
        ([[2e9, -2e9], [-2e9, -2e9], [-2e9, 2e9]], "goes far outside of the picture"),
        ([[-30, -30], [-20, -30], [-20, -20]], "its shapes cover no pixel"),
    ],
)
def test_shapes_of_reasonseg_that_nobody_can_have_meant_are_told(tmp_path, points, told):
    path, _ = MAKERS["reason-seg"][1](tmp_path)
    file = sorted(path.rglob("*.json"))[0]
    document = json.loads(file.read_text(encoding="cp1252"))
    document["shapes"] = [{"label": "target", "points": points}]
    file.write_text(json.dumps(document))
    found = check_dataset(read_dataset(path, file.parent.name)).problems
    assert [file.name in one.where and told in one.what for one in found] == [True, True]
