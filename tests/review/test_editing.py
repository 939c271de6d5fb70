"""Edits over HTTP: what they do to masks, that they are kept, undone, redone and saved."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sa2va_cli.staging import output_errors
from sa2va_cli.tracks.log import Tracks

RED, GREEN = 1, 2


def test_a_clip_says_what_is_in_it(serve):
    server = serve()
    found = server.surveyed()
    assert found["frames"] == 12
    assert (found["width"], found["height"]) == (96, 64)
    assert [(one["id"], one["name"]) for one in found["objects"]] == [(RED, "red"), (GREEN, "green")]
    assert found["objects"][0]["visible"] == [[0, 11]]
    assert found["undo"] is None
    assert not found["unsaved"]
    assert found["pending"] == []
    masks = server.masks(3)
    assert masks[RED][16, 28]
    assert not masks[RED][16, 60]
    assert masks[GREEN][34, 78]


def test_edits_change_what_is_seen_and_not_the_file(serve, place):
    server = serve()
    before = (place / "clip.tracks.sa2va").read_bytes()
    server.edit("rename", object=RED, name="the car")
    server.edit("recolour", object=RED, colour="#102030")
    server.edit("hide", object=GREEN, hidden=True)
    server.edit("drop", object=RED, first=2, last=4)
    found = server.surveyed()
    one, other = found["objects"]
    assert (one["name"], one["colour"], other["hidden"]) == ("the car", "#102030", True)
    assert one["visible"] == [[0, 1], [5, 11]]
    assert found["unsaved"]
    assert not server.masks(3)[RED].any()
    assert server.masks(5)[RED].any()
    assert (place / "clip.tracks.sa2va").read_bytes() == before


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "👩🏽\u200d🚀", "שלום עולם", "می\u200cخواهم"])
def test_names_may_be_of_any_letters(serve, name):
    server = serve()
    server.edit("rename", object=RED, name=name)
    assert server.clip()["objects"][0]["name"] == name


def test_a_folder_that_takes_no_files_is_told_as_what_it_is(serve, monkeypatch):
    def refuse(path):
        with output_errors(path):
            raise PermissionError(13, "no")

    monkeypatch.setattr("sa2va_cli.review.revising.locked", refuse)
    server = serve()
    edit = {"type": "delete", "object": GREEN}
    said = server.post(f"/clips/{server.id}/edits", edit, code=409)
    assert said["code"] == "output"
    assert said["error"].endswith(
        f"no permission to write into {server.desk.clip(server.id).clip.tracks.parent}"
    )


def test_objects_are_deleted_merged_and_split(serve):
    server = serve()
    server.edit("merge", object=GREEN, into=RED)
    both = server.masks(3)
    assert list(both) == [RED]
    assert both[RED][16, 28]
    assert both[RED][34, 78]
    made = server.edit("split", object=RED, frame=6, name="later")
    masks = server.masks(7)
    assert not masks[RED].any()
    assert masks[made["object"]].any()
    assert server.masks(5)[RED].any()
    server.edit("delete", object=RED)
    assert [one["name"] for one in server.clip()["objects"]] == ["later"]


def test_everything_is_undone_and_done_again(serve):
    server = serve()
    first = server.clip()
    server.edit("rename", object=RED, name="a")
    server.edit("drop", object=RED, first=0, last=11)
    server.edit("delete", object=GREEN)
    last = server.surveyed()
    for words in ("delete", "drop", "rename"):
        assert server.clip()["undo"]["type"] == words
        server.post(f"/clips/{server.id}/undo")
    found = server.surveyed()
    assert found["objects"] == {**first, **found}["objects"]
    assert not found["unsaved"]
    assert [one["visible"] for one in found["objects"]] == [[[0, 11]], [[0, 11]]]
    for _ in range(3):
        server.post(f"/clips/{server.id}/redo")
    assert server.surveyed()["objects"] == last["objects"]
    server.post(f"/clips/{server.id}/redo", code=400)


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("rename", {"object": 9, "name": "x"}, "there is no object 9"),
        ("rename", {"object": RED, "name": "green"}, "there are two objects 'green'"),
        ("rename", {"object": RED, "name": " "}, "characters"),
        ("rename", {"object": RED, "name": "a\u202eb"}, "cannot be shown"),
        ("rename", {"object": RED, "name": 3}, "must be string"),
        ("rename", {"object": RED}, "lacks name"),
        ("rename", {"object": True, "name": "x"}, "must be integer"),
        ("rename", {"object": RED, "name": "x", "more": 1}, "'more'"),
        ("recolour", {"object": RED, "colour": "red"}, "colour='red'"),
        ("drop", {"object": RED, "first": 4, "last": 2}, "comes after"),
        ("drop", {"object": RED, "first": 4, "last": 99}, "there is no frame 99"),
        ("merge", {"object": RED, "into": RED}, "into itself"),
        ("merge", {"object": RED, "into": 7}, "there is no object 7"),
        ("split", {"object": RED, "frame": 12}, "there is no frame 12"),
        ("points", {"object": RED, "frame": 0, "points": [[200, 2, 1]]}, "outside the picture"),
        ("points", {"object": 9, "frame": 0, "points": [[2, 2, 1]]}, "there is no object 9"),
        ("points", {"object": None, "frame": 0, "points": [[2, 2, 0]]}, "negative"),
        ("points", {"object": RED, "frame": 0, "points": []}, "items"),
        ("points", {"object": RED, "frame": -1, "points": [[2, 2, 1]]}, "between"),
        ("box", {"object": RED, "frame": 0, "box": [5, 5, 5, 9]}, "box"),
        ("brush", {"object": RED, "frame": 0, "add": True, "radius": 1e9, "stroke": [[1, 1]]}, "radius"),
        ("explode", {}, "'explode'"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(serve, place, kind, body, said):
    server = serve()
    answer = server.post(f"/clips/{server.id}/edits", {"type": kind, **body}, code=400)
    assert said in answer["error"]
    assert "\n" not in answer["error"]
    assert not (place / "clip.review.json").exists()
    assert server.clip()["undo"] is None


def test_a_server_that_comes_back_finds_everything(serve):
    server = serve()
    server.edit("rename", object=RED, name="the car")
    server.edit("drop", object=RED, first=2, last=4)
    server.post(f"/clips/{server.id}/undo")
    before = server.surveyed()
    server.close()
    after = serve().surveyed()
    assert after == before
    assert after["undo"]["type"] == "rename"
    assert after["redo"]["type"] == "drop"


def test_saving_writes_what_is_seen_and_can_be_undone(serve, place):
    server = serve()
    first = server.masks(3)
    server.edit("drop", object=RED, first=2, last=4)
    server.edit("rename", object=GREEN, name="frog")
    answer = server.post(f"/clips/{server.id}/save", {"name": None})
    assert Path(answer["file"]) == place / "clip.tracks.sa2va"
    saved = Tracks(place / "clip.tracks.sa2va")
    assert [one.label for one in saved.header.objects] == ["red", "frog"]
    assert saved.condition.problem is None
    assert not server.clip()["unsaved"]
    server.close()
    server = serve()
    assert not server.clip()["unsaved"]
    assert not server.masks(3)[RED].any()
    for _ in range(2):
        server.post(f"/clips/{server.id}/undo")
    assert server.clip()["unsaved"]
    assert np.array_equal(server.masks(3)[RED], first[RED])
    server.post(f"/clips/{server.id}/save", {})
    assert [one.label for one in Tracks(place / "clip.tracks.sa2va").header.objects] == ["red", "green"]
    assert not server.clip()["unsaved"]


def test_a_copy_is_saved_beside_and_never_over_anything(serve, place):
    server = serve()
    server.edit("delete", object=GREEN)
    answer = server.post(f"/clips/{server.id}/save", {"name": "only red"})
    assert [one.label for one in Tracks(Path(answer["file"])).header.objects] == ["red"]
    server.post(f"/clips/{server.id}/save", {"name": "only red"}, code=409)
    for name in ("../x", "/tmp/x", "a/b", ".hidden", "x\\y", ""):
        server.post(f"/clips/{server.id}/save", {"name": name}, code=400)
    assert len(Tracks(place / "clip.tracks.sa2va").header.objects) == 2


def test_tracks_that_something_else_wrote_are_not_edited_on(serve, place):
    server = serve()
    server.edit("delete", object=GREEN)
    server.close()
    (place / "clip.tracks.sa2va").write_bytes((place / "clip.tracks.sa2va").read_bytes()[:-20])
    server = serve()
    answer = server.get(f"/clips/{server.id}", 422)
    assert "written by something else" in answer["error"]


def test_a_review_that_is_damaged_is_told_in_one_line(serve, place):
    (place / "clip.review.json").write_text(json.dumps({"format": 9}))
    server = serve()
    assert "move it away" in server.get(f"/clips/{server.id}", 422)["error"]


def test_two_servers_do_not_write_the_same_review(serve):
    server, other = serve(), serve()
    server.edit("delete", object=GREEN)
    assert (
        "edited by another program"
        in other.post(f"/clips/{other.id}/edits", {"type": "delete", "object": RED}, 409)["error"]
    )


def test_a_decision_is_kept_beside_the_tracks(serve):
    server = serve()
    server.post(f"/clips/{server.id}/triage", {"status": "rejected", "reason": "the wrong dog"})
    server.post(f"/clips/{server.id}/triage", {"status": "perfect"}, code=400)
    server.close()
    (clip,) = serve().get("/clips")["clips"]
    assert (clip["status"], clip["reason"]) == ("rejected", "the wrong dog")


def test_masks_as_bytes_are_those_of_the_picture(serve):
    server = serve()
    answer = server.client.get(f"/api/v1/clips/{server.id}/alphas/4?width=48")
    assert answer.headers["x-size"] == "48x32"
    assert answer.headers["x-objects"] == "1,2"
    alphas = np.frombuffer(answer.content, np.uint8).reshape(2, 32, 48)
    picture = server.client.get(f"/api/v1/clips/{server.id}/masks/4?width=48")
    assert np.array_equal(alphas.reshape(64, 48), cv2.imdecode(np.frombuffer(picture.content, np.uint8), 0))
