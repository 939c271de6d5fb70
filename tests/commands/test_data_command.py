import json

import numpy as np
from clips import make_video
from PIL import Image
from training.miniatures import finetune, mevis, refcoco


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
