"""What can be opened: tracks, a video with and without them, a folder, the state of a batch."""

import io
import json
import shutil
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image
from review.conftest import API, SIZE, Server, encode

from sa2va_cli.batch.state_format import NAME
from sa2va_cli.errors import InputError
from sa2va_cli.review.project import opened_project
from sa2va_cli.tracks.decisions import decision_on
from sa2va_cli.training.datasets import tracks as tracks_data


def test_a_video_is_opened_with_the_tracks_beside_it(serve):
    server = serve("clip.mp4")
    assert [one["name"] for one in server.clip()["objects"]] == ["red", "green"]
    assert server.get("/clips")["project"]["kind"] == "video"


def test_in_a_video_without_tracks_something_is_looked_for_first(serve, place):
    (place / "clip.tracks.sa2va").unlink()
    server = serve("clip.mp4")
    found = server.clip()
    assert (found["tracks"], found["status"], found["frames"], found["objects"]) == (False, "new", 12, [])
    assert server.client.get(f"{API}/clips/{server.id}/frames/3").status_code == 200
    assert "no tracks yet" in server.post(f"/clips/{server.id}/undo", code=400)["error"]
    job = server.post(f"/clips/{server.id}/segment", {"prompts": ["a unicorn"]})["job"]
    assert server.done(job)["state"] == "failed"
    job = server.post(f"/clips/{server.id}/segment", {"prompts": ["green", "red"]})["job"]
    ended = server.done(job)
    assert ended["state"] == "done", ended
    assert ended["files"] == [str(place / "clip.tracks.sa2va")]
    found = server.surveyed()
    assert [one["name"] for one in found["objects"]] == ["green", "red"]
    server.post(f"/clips/{server.id}/segment", {"prompts": ["green"]}, code=409)


def test_a_folder_is_all_clips_in_it_sorted_by_what_is_known(serve, place):
    (place / "more").mkdir()
    shutil.copy(place / "clip.mp4", place / "more" / "other.mp4")
    shutil.copy(place / "clip.mp4", place / "clip.mov")
    (place / "broken.tracks.sa2va").write_bytes(b"no tracks")
    shutil.copy(place / "clip.mp4", place / "clip.overlay.mp4")  # delivered earlier
    (place / "broken.matte" / "deep").mkdir(parents=True)
    (place / "broken.matte" / "deep" / "00000.png").write_bytes(b"delivered, too")
    server = serve(str(place))
    clips = {one["name"]: one for one in server.get("/clips")["clips"]}
    assert set(clips) == {"broken", "clip.mov", "clip.mp4", "other.mp4"}
    assert {name for name, one in clips.items() if one["tracks"]} == {"broken", "clip.mov"}
    assert "not a tracks file" in clips["broken"]["error"]
    server.get(f"/clips/{clips['broken']['id']}", 422)
    needs = server.until(
        lambda: (
            {one["name"]: one["needs_look"] for one in server.get("/clips")["clips"]}["clip.mov"] is not None
        )
    )
    assert needs
    thumbnail = server.client.get(clips["other.mp4"]["thumbnail"])
    assert thumbnail.headers["content-type"] == "image/jpeg"


def test_a_folder_of_numbered_pictures_is_one_clip_with_the_tracks_beside_it(serve, place):
    shots = place / "shots"
    for name in ("sh.010", "photos"):
        (shots / name).mkdir(parents=True)
        for number in (1, 2, 3):
            picture = np.full((SIZE[1], SIZE[0], 3), 60 * number, np.uint8)
            Image.fromarray(picture).save(shots / name / f"{name}.{number:04}.png")
    shutil.copy(place / "clip.tracks.sa2va", shots / "photos" / "photos.0002.tracks.sa2va")
    clips = {one.name: one for one in opened_project(str(shots)).clips}
    assert set(clips) == {"sh.010", "photos.0001.png", "photos.0002.png", "photos.0003.png"}
    assert clips["sh.010"].tracks == shots / "sh.010.tracks.sa2va"
    alone = opened_project(str(shots / "sh.010"))
    assert (alone.kind, alone.folder) == ("video", shots)
    server = serve(str(shots / "sh.010"))
    assert (server.clip()["name"], server.clip()["frames"]) == ("sh.010", 3)


def test_a_source_that_is_gone_or_another_one_is_told_as_a_person_can_mend_it(serve, place, monkeypatch):
    def refused(server: Server) -> dict:
        return server.get(f"/clips/{server.id}/frames/3", 422)

    (place / "clip.mp4").rename(place / "other.mp4")
    gone = serve()
    monkeypatch.setattr("sa2va_cli.review.clip.source_of", lambda *_: "/nowhere/clip.mp4")
    assert refused(gone)["code"] == "no_source"
    encode(place / "clip.mp4", [np.zeros((SIZE[1], SIZE[0], 3), np.uint8)] * 12)
    assert refused(gone)["code"] == "other_source"
    shutil.copy(place / "other.mp4", place / "clip.mp4")
    assert gone.client.get(f"{API}/clips/{gone.id}/frames/3").status_code == 200


@pytest.mark.parametrize(
    ("address", "opener"), [("https://example.org/a.mp4", "fetched"), ("s3://shots/a.mp4", "stored_copy")]
)
def test_a_source_that_lies_elsewhere_is_fetched_and_delivered_from(
    serve, place, monkeypatch, address, opener
):
    film = (place / "clip.mp4").rename(place / "film.mp4")
    monkeypatch.setattr("sa2va_cli.review.clip.source_of", lambda *_: address)
    monkeypatch.setattr(
        f"sa2va_cli.pipeline.opening.{opener}", lambda *_: film if opener == "fetched" else nullcontext(film)
    )
    server = serve()
    for index in (0, 3):
        assert server.client.get(f"{API}/clips/{server.id}/frames/{index}").status_code == 200
    answer = server.post(f"/clips/{server.id}/deliver", {"kind": "mask"}, code=202)
    assert f"--source {address}" in answer["command"]
    assert server.done(answer["job"])["state"] == "done"


def test_what_a_review_keeps_beside_the_tracks_is_no_clip(serve, place):
    server = serve(str(place))
    server.edit("drop", object=1, first=2, last=4)
    server.post(f"/clips/{server.id}/save")
    server.edit("rename", object=1, name="the car")
    server.done(server.post(f"/clips/{server.id}/deliver", {"kind": "coco"})["job"])
    kept = sorted(path.name for path in (place / "clip.review").iterdir())
    assert [name.partition("-")[0] for name in kept] == [".base.tracks.sa2va", ".seen"]
    assert [one.name for one in opened_project(str(place)).clips] == ["clip.mp4"]


def test_the_state_of_a_batch_is_its_clips(sa2va, serve, place):
    (place / "clip.tracks.sa2va").unlink()
    done = sa2va("batch", "clip.mp4", "--prompt", "red", "--save", "tracks", "-o", "out/", "--model", "fake")
    assert done.code == 0, done.err
    server = serve(f"out/{NAME}")
    (clip,) = server.get("/clips")["clips"]
    assert (clip["name"], clip["tracks"], clip["status"]) == ("clip.mp4", True, "tracked")
    assert server.clip()["objects"][0]["name"] == "red"
    server.post(f"/clips/{server.id}/triage", {"status": "rejected", "reason": "blurred"})
    server.close()
    told = json.loads(sa2va("batch", "status", "out/", "--all", "--json").out)
    assert told["reviewed"] == {"rejected": 1}
    assert told["jobs"][0]["review"] == {"status": "rejected", "reason": "blurred"}
    assert "in review: 1 rejected" in sa2va("batch", "status", "out/").out
    assert "rejected: blurred" in sa2va("batch", "status", "out/", "--all").out


def test_what_was_rejected_is_done_again_with_other_words(sa2va, serve, place, monkeypatch):
    (place / "clip.tracks.sa2va").unlink()
    rest = ("--save", "tracks", "-o", "out/", "--model", "fake")
    assert sa2va("batch", "clip.mp4", "--prompt", "red", *rest).code == 0
    server = serve(f"out/{NAME}")
    server.post(f"/clips/{server.id}/triage", {"status": "rejected", "reason": "the wrong one"})
    server.close()
    assert sa2va("batch", "rejected", "out/", "--why").out == "clip.mp4\tthe wrong one\n"
    named = sa2va("batch", "rejected", "out/").out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(named.encode())))
    again = sa2va("batch", "-", "--prompt", "green", *rest, "--overwrite")
    assert again.code == 0, again.err
    assert sa2va("batch", "rejected", "out/").out == ""
    server = serve(f"out/{NAME}")
    assert (server.clip()["status"], server.clip()["objects"][0]["name"]) == ("tracked", "green")


def test_a_batch_without_tracks_is_decided_about_as_well(sa2va, serve, place):
    (place / "clip.tracks.sa2va").unlink()
    sa2va("batch", "clip.mp4", "--prompt", "red", "--save", "mask", "-o", "out/", "--model", "fake")
    server = serve(f"out/{NAME}")
    server.post(f"/clips/{server.id}/triage", {"status": "rejected"})
    server.close()
    assert sa2va("batch", "rejected", "out/").out == "clip.mp4\n"


def test_accepting_saves_and_what_was_accepted_is_learnt_from_as_it_is_seen(sa2va, place):
    server = Server("clip.tracks.sa2va")
    before = server.masks(3)[1]
    server.done(server.edit("points", frame=3, object=1, points=[[78, 34, 1]])["job"])
    seen = server.masks(3)[1]
    assert not np.array_equal(seen, before)
    server.post(f"/clips/{server.id}/triage", {"status": "corrected"})
    assert not server.clip()["unsaved"]
    server.close()
    sample = next(one for one in tracks_data.read(place, None).samples if one.sentence == "red")
    np.testing.assert_array_equal(sample.objects[0].on(3, (SIZE[1], SIZE[0])) > 0, seen)
    made = sa2va("data", "convert", str(place), "--to", "mevis", "-o", "set/")
    assert made.code == 0, made.err
    assert "2 " in sa2va("data", "check", "set/").out


def test_a_decision_is_about_the_tracks_that_were_there(serve, place):
    server = serve()
    server.post(f"/clips/{server.id}/triage", {"status": "rejected", "reason": "blurred"})
    server.edit("rename", object=1, name="the car")
    server.post(f"/clips/{server.id}/save")
    assert server.clip()["status"] == "rejected"  # these are still the ones
    server.close()
    found = place / "clip.tracks.sa2va"
    assert decision_on(found).status == "rejected"
    found.write_bytes(found.read_bytes() + b"\0")
    assert decision_on(found) is None


def test_what_is_not_there_is_an_input_error(place):
    for name in ("nothing.mp4", "~nobody-of-this-name/nothing.mp4"):
        with pytest.raises(InputError, match="no such file"):
            opened_project(name)
    (place / "empty").mkdir()
    with pytest.raises(InputError, match="no file in it"):
        opened_project("empty")


def test_what_was_rejected_is_not_learnt_from(place):
    server = Server("clip.tracks.sa2va")
    server.post(f"/clips/{server.id}/triage", {"status": "rejected", "reason": "the wrong one"})
    server.close()
    decision = decision_on(place / "clip.tracks.sa2va")
    assert decision.document == {"status": "rejected", "reason": "the wrong one"}
    found = tracks_data.read(place, None)
    assert not found.samples
    assert "all of it was rejected in review" in str(found.problems)
    shutil.copy(place / "clip.tracks.sa2va", place / "other.tracks.sa2va")
    found = tracks_data.read(place, None)
    assert [one.sentence for one in found.samples] == ["red", "green"]
    assert not found.problems  # what was rejected does not keep the others from being learnt from
    (place / "clip.review.json").unlink()
    assert len(tracks_data.read(place, None).samples) == 4
