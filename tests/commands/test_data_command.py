import json

import numpy as np
import pytest
from clips import make_video
from PIL import Image
from training.miniatures import davis, finetune, mevis, refcoco, revos


def test_a_data_set_is_described_counted_and_drawn(sa2va, folder):
    finetune(folder)
    outcome = sa2va("data", "check", "mine", "--sheet", "sheet.png")
    assert outcome.code == 0
    assert "official fine-tuning format" in outcome.out
    assert "sentences  3" in outcome.out
    sheet = np.asarray(Image.open("sheet.png"))
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 100  # pictures, tinted


def test_broken_entries_are_told_and_exit_with_3(sa2va, folder):
    finetune(folder)
    (folder / "mine" / "images" / "b.jpg").unlink()
    outcome = sa2va("data", "check", "mine", "--json")
    assert outcome.code == 3
    problems = json.loads(outcome.out)["problems"]
    assert [one["where"] for one in problems] == ["annotations.json: entry 1, text 0"]
    assert outcome.err.strip().endswith("mine: 1 broken entry")


def test_a_pickle_is_made_json_beside_it_and_never_replaces_one(sa2va, folder):
    refcoco(folder)
    path = folder / "refcoco" / "refs(unc).json"
    before = json.loads(path.read_text())
    assert sa2va("data", "convert", "refcoco/refs(unc).p").code == 2
    path.unlink()
    assert sa2va("data", "convert", "refcoco/refs(unc).p").code == 0
    assert json.loads(path.read_text()) == before


def test_videos_are_divided_and_can_be_read_again(sa2va, folder):
    mevis(folder)
    assert sa2va("data", "split", "mevis", "--share", "0.5", "-o", "parts").code == 0
    counts = [
        json.loads(sa2va("data", "check", f"parts/{one}", "--json").out)["videos"] for one in ("train", "val")
    ]
    assert counts == [1, 1]


def test_a_result_of_ours_becomes_a_data_set(sa2va, folder):
    make_video(folder / "clip.mp4", stamps=range(4))
    assert sa2va("segment", "clip.mp4", "red", "--save", "tracks", "--quiet").code == 0
    assert sa2va("data", "convert", "clip.tracks.sa2va", "-o", "mine", "--quiet").code == 0
    document = json.loads(sa2va("data", "check", "mine", "--json").out)
    assert (document["format"], document["frames"], document["sentences"]) == ("MeViS", 4, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (
            ("check", "mine", "--split", "val"),
            2,
            "--split val: mine is official fine-tuning format, which has",
        ),
        (
            ("check", "mevis", "--split", "test"),
            3,
            "so --split test is not here; MeViS can have train, valid_u",
        ),
        (("check", "mine", "--sheet", "s.jpg"), 2, "--sheet s.jpg: a sheet is a PNG; call it s.png"),
        (("check", "mine", "--sheet", "mine/images/a.png"), 7, "mine/images/a.png is a file of the data set"),
        (("convert", "mine", "--to", "", "-o", "new"), 2, "what can be written is finetune, mevis"),
        (("convert", "a.p", "--to", "mevis"), 2, "--to means nothing for a pickle"),
    ],
)
def test_what_cannot_be_meant_is_told_and_changes_nothing(sa2va, folder, arguments, code, told):
    finetune(folder)
    mevis(folder)
    before = (folder / "mine" / "images" / "a.png").read_bytes()
    outcome = sa2va("data", *arguments)
    assert outcome.code == code
    assert told in outcome.err
    assert (folder / "mine" / "images" / "a.png").read_bytes() == before
    assert "new" not in outcome.files


def test_a_division_that_fails_leaves_neither_part(sa2va, folder):
    finetune(folder)
    (folder / "mine" / "images" / "b.jpg").unlink()
    for seed in (0, 1, 2):
        outcome = sa2va("data", "split", "mine", "--share", "0.5", "--seed", seed, "-o", "parts")
        assert outcome.code == 3
        assert not [name for name in outcome.files if "parts" in name]


def test_videos_whose_names_become_one_are_kept_apart(sa2va, folder):
    revos(folder)
    path = folder / "ReVOS" / "meta_expressions_valid_.json"
    content = json.loads(path.read_text())
    content["videos"]["UVO_a1"] = content["videos"]["UVO/a1"]
    path.write_text(json.dumps(content))
    (folder / "ReVOS" / "JPEGImages" / "UVO_a1").symlink_to(folder / "ReVOS" / "JPEGImages" / "UVO" / "a1")
    assert sa2va("data", "convert", "ReVOS", "-o", "new").code == 0
    assert sorted(one.name for one in (folder / "new" / "JPEGImages").iterdir()) == [
        "MOSE_b2",
        "UVO_a1",
        "UVO_a1_2",
    ]
    assert json.loads(sa2va("data", "check", "new", "--json").out)["sentences"] == 9


def test_names_that_lead_out_of_a_folder_are_broken(sa2va, folder):
    mevis(folder)
    path = folder / "mevis" / "valid_u" / "meta_expressions.json"
    path.write_text(path.read_text().replace('"a1"', '"../a1"'))
    (folder / "mevis" / "valid_u" / "a1").symlink_to(folder / "mevis" / "valid_u" / "JPEGImages" / "a1")
    outcome = sa2va("data", "check", "mevis")
    assert outcome.code == 3
    assert "the name '../a1' is no name for a file" in outcome.out
    outcome = sa2va("evaluate", "demo", "mevis")
    assert outcome.code == 3
    assert "the name '../a1' is no name for a file" in outcome.err


def test_a_video_of_davis_of_which_no_frame_is_scored_is_broken(sa2va, folder):
    davis(folder)
    for number in (2, 3):
        (folder / "DAVIS" / "Annotations" / "480p" / "bike" / f"{number:05d}.png").unlink()
    outcome = sa2va("evaluate", "demo", "DAVIS")
    assert outcome.code == 3
    assert "bike has 2 frames, of which the first and the last are not scored" in outcome.err
