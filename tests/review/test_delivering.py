"""What is delivered has the bytes of what the command line makes that is shown with it."""

import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from review.conftest import API

from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.presets import PRESETS
from sa2va_cli.render.effects.table import EFFECTS
from sa2va_cli.review.revising import Revising
from sa2va_cli.tracks.log import Tracks

RED, GREEN = 1, 2


def contents(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of all in a folder."""
    files = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.mark.parametrize(
    ("edited", "order"),
    [
        (False, {"kind": "mask"}),
        (True, {"kind": "overlay", "options": {"colours": ["red", "#00ff80"], "no_labels": True}}),
        (True, {"kind": "cutout", "options": {"cutout_background": "blur", "refine": "none", "grow": 1.5}}),
        (False, {"kind": "matte", "objects": [GREEN], "options": {"container": "png", "refine": "none"}}),
        (True, {"kind": "coco"}),
        (False, {"preset": "obs", "options": {"refine": "none"}}),
        (True, {"effect": "recolour", "options": {"to": "blue"}, "objects": [GREEN]}),
        (False, {"effect": "outline", "options": {"from": "0.2", "to": "0.6", "crf": 30}}),
    ],
)
def test_the_command_line_that_is_shown_makes_the_same_bytes(sa2va, serve, place, edited, order):
    server = serve()
    if edited:
        server.edit("drop", object=RED, first=2, last=4)
        server.edit("merge", object=RED, into=GREEN) if "objects" in order else None
    options = {**order.get("options", {}), "output": "one/"}
    if order.get("effect") == "recolour":
        options = {"colour": "blue", "output": "one/"}
    answer = server.post(f"/clips/{server.id}/deliver", {**order, "options": options}, code=202)
    ended = server.done(answer["job"])
    assert ended["state"] == "done", ended
    words = shlex.split(answer["command"])
    assert words[0] == "sa2va"
    there = words.index(f"{place}/one/")
    outcome = sa2va(*words[1:there], f"{place}/two/", *words[there + 1 :])
    assert outcome.code == 0, outcome.err
    made = [Path(file) for file in ended["files"]]
    assert made
    for file in made:
        assert contents(file) == contents(place / "two" / file.relative_to(place / "one"))


def test_any_number_of_objects_may_be_chosen(place):
    revising = Revising(place / "clip.tracks.sa2va")
    many = revising.materialised([RED, RED, *range(3, 257)])
    assert [one.id for one in Tracks(many).header.objects] == [RED]
    assert many == revising.materialised([*range(3, 257), RED])
    assert many != revising.materialised([GREEN])
    assert revising.materialised([GREEN, RED, RED]) == revising.path
    revising.close()


def test_a_preview_shows_one_frame_of_what_would_be_delivered(serve):
    server = serve()
    orders = (
        {"kind": "mask"},
        {"kind": "overlay"},
        {"preset": "premiere"},
        {"effect": "blur"},
        {"kind": "crop"},
    )
    for order in orders:
        answer = server.client.post(f"{API}/clips/{server.id}/preview", json={**order, "frame": 3})
        assert answer.status_code == 200, answer.text
        picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)
        assert picture is not None, order
    server.post(f"/clips/{server.id}/preview", {"kind": "coco", "frame": 3}, code=400)


def test_what_can_be_delivered_is_what_the_tables_have(serve):
    found = serve().get("/outputs")
    assert [one["name"] for one in found["kinds"]] == [
        name for name, kind in KINDS.items() if name != "tracks" and not kind.needs_effects
    ]
    assert [one["name"] for one in found["presets"]] == list(PRESETS)
    assert [one["name"] for one in found["effects"]] == [
        name for name, row in EFFECTS.items() if row.family != "generated"
    ]
    names = {kind["name"]: {one["name"] for one in kind["options"]} for kind in found["kinds"]}
    assert "crop_mode" in names["crop"]
    assert "crop_mode" not in names["mask"]
    option = next(one for one in found["kinds"][0]["options"] if one["name"] == "refine")
    assert option["choices"]
    assert option["help"]
    assert option["type"] == "string"


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({}, "give one of kind"),
        ({"kind": "mask", "preset": "web"}, "give one of kind"),
        ({"kind": "hologram"}, "choose from"),
        ({"kind": "tracks"}, "choose from"),
        ({"kind": "mask", "options": {"grow": "much"}}, "grow"),
        ({"kind": "mask", "options": {"grow": -1}}, "grow"),
        ({"kind": "mask", "options": {"kinds": ["coco"]}}, "unknown here"),
        ({"kind": "mask", "options": {"output": "../elsewhere/"}}, "outside"),
        ({"kind": "mask", "options": {"output": "/tmp/elsewhere.mp4"}}, "outside"),
        ({"kind": "mask", "options": {"output": "-"}}, "no name"),
        ({"kind": "mask", "options": {"font": "/etc/passwd"}}, "outside"),
        ({"kind": "cutout", "options": {"cutout_background": "../../etc/passwd"}}, "outside"),
        ({"effect": "background", "options": {"plate": "/etc/passwd"}}, "outside"),
        ({"effect": "background", "options": {"plate": "x" * 5000}}, "too long"),
        ({"kind": "overlay", "options": {"font": "x" * 5000}}, "too long"),
        ({"effect": "blur", "options": {"radius": "a lot"}}, "blur"),
        ({"effect": "generate", "options": {"prompt": "a cat"}}, "choose from"),
        ({"kind": "mask", "objects": [7]}, "there is no object 7"),
        ({"kind": "mask", "objects": []}, "items"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused(serve, place, order, said):
    server = serve()
    before = sorted(place.rglob("*"))
    assert said in server.post(f"/clips/{server.id}/deliver", order, code=400)["error"]
    assert sorted(place.rglob("*")) == before


def test_an_output_that_exists_is_left_alone_and_the_job_says_so(serve, place):
    server = serve()
    (place / "clip.mask.mp4").write_bytes(b"mine")
    job = server.post(f"/clips/{server.id}/deliver", {"kind": "mask"})["job"]
    ended = server.done(job)
    assert ended["state"] == "failed"
    assert "exists already; give another output" in ended["error"]
    assert ended["problem"]["code"] == "exists"
    assert (place / "clip.mask.mp4").read_bytes() == b"mine"


def test_files_are_made_beside_the_tracks_wherever_in_the_folder_these_lie(serve, place):
    (place / "deep").mkdir()
    for name in ("clip.mp4", "clip.tracks.sa2va"):
        (place / name).rename(place / "deep" / name)
    server = serve(str(place))
    made = server.done(server.post(f"/clips/{server.id}/deliver", {"kind": "coco"})["job"])
    assert [Path(file).parent for file in made["files"]] == [place / "deep"]


def test_the_folder_of_what_was_made_is_shown_where_somebody_sees_it(serve, place):
    shown = []
    server = serve(show=shown.append)
    assert server.get("/clips")["project"]["shows_folders"]
    made = server.done(server.post(f"/clips/{server.id}/deliver", {"kind": "coco"})["job"])
    server.post(f"/jobs/{made['id']}/folder")
    assert shown == [place]
    said = serve("clip.mp4").post(f"/jobs/{made['id']}/folder", code=404)
    assert (said["code"], said["values"]) == ("no_job", {"job": made["id"]})


def test_a_server_without_a_screen_says_where_the_folder_is(serve, place):
    server = serve()
    assert not server.get("/clips")["project"]["shows_folders"]
    made = server.done(server.post(f"/clips/{server.id}/deliver", {"kind": "coco"})["job"])
    said = server.post(f"/jobs/{made['id']}/folder", code=409)
    assert (said["code"], said["values"]) == ("no_folder", {"folder": str(place)})
