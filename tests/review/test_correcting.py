"""Corrections over HTTP: the frame first, then both directions, with progress, cancelled and gone on with."""

import threading
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeChat
from review.conftest import FRAMES, Server

from sa2va_cli.errors import ModelError, OutputError
from sa2va_cli.tracks.layers import Layer
from sa2va_cli.tracks.log import Tracks

RED, GREEN = 1, 2


class GatedChat(FakeChat):
    """Follows a frame when it is let."""

    def __init__(self, free: int = 0) -> None:
        super().__init__(ahead=0)
        self.gate = threading.Semaphore(free)

    def step(self, index: int) -> None:
        self.gate.acquire()
        super().step(index)

    def let(self, frames: int) -> None:
        """Lets some frames through."""
        self.gate.release(frames)


def point_at_green(server: Server, index: int = 5, **more) -> dict:
    """Says that the red object is where the green one is."""
    return server.edit("points", object=RED, frame=index, points=[[78, 22 + 2 * index + 6, 1]], **more)


def test_a_point_changes_all_frames_of_the_object_and_only_of_it(serve):
    server = serve()
    green = server.masks(9)[GREEN]
    answer = point_at_green(server)
    assert server.done(answer["job"])["state"] == "done"
    found = server.surveyed()
    assert found["pending"] == []
    assert found["undo"]["type"] == "points"
    assert found["corrections"][0] | {"words": ""} == {
        "frame": 5, "object": RED, "kind": "point", "words": "", "points": [[78, 38, 1]],
        "box": None, "stroke": None, "radius": None, "add": None,
    }  # fmt: skip
    for index in (0, 5, 11):
        masks = server.masks(index)
        assert np.array_equal(masks[RED], masks[GREEN])
    assert np.array_equal(server.masks(9)[GREEN], green)
    server.post(f"/clips/{server.id}/undo")
    assert server.masks(9)[RED][16, 50]
    assert not server.masks(9)[RED][42, 78]
    server.post(f"/clips/{server.id}/redo")
    assert not server.masks(9)[RED][16, 50]
    assert len(server.chat.stepped) == FRAMES  # what was done is not done again


def test_the_frame_itself_comes_first_and_then_both_sides_by_turns(serve):
    server = serve(engine=GatedChat())
    told = []
    server.desk.events.tell = told.append
    job = point_at_green(server)["job"]
    server.chat.let(1)
    server.until(lambda: server.clip()["pending"] == [[0, 4], [6, 11]])
    assert [one["pending"] for one in server.clip()["objects"]] == [[[0, 4], [6, 11]], []]
    assert np.array_equal(*server.masks(5).values())
    assert not np.array_equal(*server.masks(6).values())
    assert server.get(f"/jobs/{job}")["state"] == "running"
    server.chat.let(100)
    server.done(job)
    frames = [one["first"] for one in told if one["type"] == "frames"]
    assert frames[:5] == [5, 6, 4, 7, 3]
    assert sorted(frames) == list(range(FRAMES))
    assert told[-1]["type"] in ("clip", "job")


def test_a_second_click_counts_with_the_first_and_is_undone_alone(serve):
    server = serve()
    server.done(point_at_green(server)["job"])
    answer = server.edit("points", object=RED, frame=5, points=[[2, 2, 0]])
    server.done(answer["job"])
    assert len(server.chat.pointed[-1].points) == 2
    assert server.chat.pointed[-1].before is not None
    server.post(f"/clips/{server.id}/undo")
    assert np.array_equal(*server.masks(3).values())
    assert server.clip()["undo"]["type"] == "points"


def test_a_correction_counts_up_to_the_next_one(serve):
    server = serve()
    server.done(point_at_green(server, 3)["job"])
    answer = server.edit("points", object=RED, frame=8, points=[[45, 16, 1]])
    server.done(answer["job"])
    assert server.masks(3)[RED][34, 78]
    assert server.masks(4)[RED][16, 28]
    assert server.masks(11)[RED][16, 60]


def test_what_is_cancelled_keeps_what_was_done_and_nothing_waits_any_more(serve):
    server = serve(engine=GatedChat(3))
    job = point_at_green(server)["job"]
    server.until(lambda: server.clip()["pending"] == [[0, 3], [7, 11]])
    server.post(f"/jobs/{job}/cancel")
    server.chat.let(1)
    assert server.done(job)["state"] == "cancelled"
    found = server.surveyed()
    assert found["pending"] == []
    assert found["undo"]["type"] == "points"
    assert server.masks(6)[RED][36, 78]
    assert server.masks(7)[RED][16, 40]


def test_a_server_that_was_killed_goes_on_with_what_was_not_done(serve):
    server = serve(engine=GatedChat(3))
    job = point_at_green(server)["job"]
    server.until(lambda: server.clip()["pending"] == [[0, 3], [7, 11]])
    server.chat.let(1)
    server.close()
    assert server.desk.job(job).state == "cancelled"
    server = serve()
    server.until(lambda: server.clip()["pending"] == [])
    assert np.array_equal(*server.masks(0).values())
    assert np.array_equal(*server.masks(11).values())


def test_undoing_ends_the_work_and_redoing_goes_on_with_it(serve):
    server = serve(engine=GatedChat(3))
    job = point_at_green(server)["job"]
    server.until(lambda: server.clip()["pending"] == [[0, 3], [7, 11]])
    server.post(f"/clips/{server.id}/undo")
    server.chat.let(100)
    assert server.done(job)["state"] == "cancelled"
    assert server.clip()["pending"] == []
    server.post(f"/clips/{server.id}/redo")
    server.until(lambda: server.clip()["pending"] == [])


def test_saving_waits_for_what_is_still_followed(serve):
    server = serve(engine=GatedChat(1))
    point_at_green(server)
    server.until(lambda: len(server.clip()["pending"]) == 2)
    assert "wait" in server.post(f"/clips/{server.id}/save", {}, code=409)["error"]
    server.chat.let(100)
    server.until(lambda: server.clip()["pending"] == [])
    server.post(f"/clips/{server.id}/save", {})


def test_work_that_a_full_disk_ended_begins_again_when_somebody_saves(serve, monkeypatch):
    server = serve(engine=GatedChat(3))
    job = point_at_green(server)["job"]
    server.until(lambda: server.clip()["pending"] == [[0, 3], [7, 11]])

    def full(*_, **__):
        raise OutputError("no space left on the disk")

    with monkeypatch.context() as while_full:
        while_full.setattr(Layer, "append", full)
        while_full.setattr("sa2va_cli.review.revising.write_review", full)
        server.chat.let(100)
        assert server.done(job)["state"] == "failed"
    assert "wait" in server.post(f"/clips/{server.id}/save", {}, code=409)["error"]
    server.until(lambda: server.clip()["pending"] == [])
    server.post(f"/clips/{server.id}/save", {})


def test_a_correction_ends_the_loading_ahead_whose_work_it_does(serve):
    server, begun, go_on = serve(), threading.Event(), threading.Event()
    load = server.desk.engine._load

    def slow(*given):
        begun.set()
        go_on.wait()
        return load(*given)

    server.desk.engine._load = slow
    loading = server.post(f"/clips/{server.id}/prepare", {"frame": 5})["job"]
    begun.wait()
    assert server.get(f"/jobs/{loading}")["state"] == "running"
    job = point_at_green(server)["job"]
    go_on.set()
    assert server.done(job)["state"] == "done"
    assert server.done(loading)["state"] == "cancelled"


@pytest.mark.parametrize(
    ("kind", "body", "prompt"),
    [
        ("points", {"object": None, "points": [[78, 38, 1]], "name": "frog"}, ""),
        ("box", {"object": None, "box": [86, 46, 70, 30], "name": "frog"}, ""),
        (
            "brush",
            {"object": None, "add": True, "radius": 3, "stroke": [[75, 36], [80, 40]], "name": "frog"},
            "",
        ),
        ("words", {"prompt": "green", "name": "frog"}, "green"),
    ],
)
def test_a_new_object_is_made_by_each_means(serve, place, kind, body, prompt):
    server = serve()
    answer = server.edit(kind, frame=5, **body)
    assert server.done(answer["job"])["state"] == "done"
    made = server.surveyed()["objects"][-1]
    assert (made["id"], made["name"], made["prompt"]) == (answer["object"], "frog", prompt)
    assert made["id"] == 3
    assert made["visible"] == [[0, 11]]
    for index in (0, 11):
        masks = server.masks(index)
        assert np.array_equal(masks[3], masks[GREEN])
    server.post(f"/clips/{server.id}/save", {})
    saved = Tracks(place / "clip.tracks.sa2va").header
    assert [one.label for one in saved.objects] == ["red", "green", "frog"]
    assert saved.objects[2].prompt in saved.prompts


def test_a_brush_adds_to_the_mask_and_takes_away(serve):
    server = serve()
    answer = server.edit("brush", object=RED, frame=5, add=False, radius=2, stroke=[[36, 10]])
    server.done(answer["job"])
    shown = server.chat.pointed[-1].mask
    assert not shown[10, 36]
    assert shown[16, 36]
    answer = server.edit("brush", object=RED, frame=5, add=True, radius=2.5, stroke=[[2, 60], [20, 60]])
    server.done(answer["job"])
    assert server.chat.pointed[-1].mask[60, 10]
    everything = {
        "type": "brush",
        "object": RED,
        "frame": 5,
        "add": False,
        "radius": 200,
        "stroke": [[40, 30]],
    }
    assert "nothing is left" in server.post(f"/clips/{server.id}/edits", everything, code=400)["error"]


def test_words_that_name_nothing_leave_no_object(serve):
    server = serve()
    job = server.edit("words", frame=5, prompt="a unicorn")["job"]
    ended = server.done(job)
    assert ended["state"] == "failed"
    assert "nothing matches 'a unicorn'" in ended["error"]
    found = server.clip()
    assert len(found["objects"]) == 2
    assert found["undo"] is None
    assert found["redo"] is None


def test_a_model_that_cannot_be_loaded_fails_the_job_and_leaves_the_rest(serve):
    server = serve()

    def missing(*_):
        raise ModelError("the model is not here")

    server.desk.engine._load = missing
    ended = server.done(point_at_green(server)["job"])
    assert (ended["state"], ended["error"]) == ("failed", "the model is not here")
    assert server.clip()["undo"] is None
    assert server.clip()["pending"] == []


def test_pages_over_tracks_need_no_model(serve):
    server = serve()
    server.desk.engine._load = None
    server.surveyed()
    server.masks(1)
    server.edit("delete", object=GREEN)
    assert server.clip()["objects"]


@pytest.mark.parametrize("grid", [32, 128])
def test_tracks_of_a_network_with_another_grid_are_corrected_seen_and_saved(serve, monkeypatch, grid):
    server = serve()
    green = server.masks(9)[GREEN]
    monkeypatch.setattr("fakes.GRID", grid)
    assert server.done(point_at_green(server)["job"])["state"] == "done"
    masks = server.masks(9)
    assert (masks[RED] & green).sum() > 0.9 * green.sum()
    assert (masks[GREEN] ^ green).sum() < 0.05 * green.sum()
    assert [one["area"][9] for one in server.surveyed()["objects"]] == pytest.approx([0.04, 0.04], abs=0.02)
    job = server.edit("brush", object=RED, frame=9, stroke=[[10, 10]], radius=6, add=True)["job"]
    assert server.done(job)["state"] == "done"
    assert server.masks(9)[RED].any()
    saved = server.post(f"/clips/{server.id}/save", {})["file"]
    frames = list(Tracks(Path(saved)))
    assert [one.index for one in frames] == list(range(FRAMES))
    assert {one.logits.shape for one in frames} == {(2, max(grid, 64), max(grid, 64))}


def test_only_masks_that_change_are_told_of(serve, monkeypatch):
    server = serve(engine=GatedChat())
    told = []
    monkeypatch.setattr(server.desk.events, "tell", told.append)
    server.surveyed()
    told.clear()
    job = point_at_green(server)["job"]
    server.edit("recolour", object=GREEN, colour="#00ff00")
    before = [one for one in told if one["type"] == "clip"]
    server.chat.let(2 * FRAMES)
    assert {one["revision"] for one in before} >= {1, 2}
    assert {one["masks"] for one in before} == {None}
    assert server.done(job)["state"] == "done"
    done = [one["first"] for one in told if one["type"] == "frames"]
    assert (done[0], sorted(done)) == (5, list(range(FRAMES)))
    server.edit("drop", object=GREEN, first=2, last=3)
    server.post(f"/clips/{server.id}/undo")
    spans = [one["masks"] for one in told if one["type"] == "clip" and one["revision"] > 2]
    assert [one for one in spans if one] == [[2, 3], [2, 3]]


def test_the_model_is_loaded_when_somebody_is_about_to_correct(serve):
    server = serve()
    job = server.post(f"/clips/{server.id}/prepare", {"frame": 3}, 202)["job"]
    assert server.done(job)["state"] == "done"
    assert server.desk.engine.is_ready("fake")
    assert server.post(f"/clips/{server.id}/prepare", {"frame": 4}) == {"job": None}
    server.post(f"/clips/{server.id}/prepare", {"frame": FRAMES}, 400)
    assert server.clip()["corrections"] == []
