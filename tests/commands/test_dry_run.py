"""``segment --dry-run`` tells what a run would do, and fails where a run fails before it loads anything."""

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
from clips import make_folder, make_image, make_video
from fakehub import COMMIT, REPOSITORY, point_to, serving
from families import checkpoint

from sa2va_cli.checkpoints import hub
from sa2va_cli.checkpoints.hub import cache_folder


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """An empty cache, and a hub at a port where nobody listens."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(folder))
    point_to(monkeypatch, "http://127.0.0.1:9")
    return folder


@pytest.fixture
def dry_run(sa2va, folder):
    """Runs on an image; the model must not be loaded."""
    make_image(folder / "a.png")

    def load(*_):
        raise AssertionError("the model was loaded")

    def run(*arguments):
        return sa2va("segment", "a.png", "red corner", "--dry-run", "--device", "cpu", *arguments, load=load)

    return run


def test_the_plan_is_shown_and_nothing_is_made(sa2va, folder):
    make_video(folder / "a.mp4")
    arguments = ["segment", "a.mp4", "red corner", "--dry-run", "--model", "demo", "-o", "out/"]
    outcome = sa2va(*arguments, "--json")
    assert outcome.code == 0
    assert outcome.files == ["a.mp4"]
    plan = json.loads(outcome.out)
    assert plan["keyframes"] == [0, 4, 9, 14, 19]
    assert plan["would_make"] == ["out/a.mask.mp4", "out/a.overlay.mp4"]
    assert plan["model_to_download"] is False
    assert "model      demo\n" in sa2va(*arguments).err


@pytest.mark.parametrize("name", ["no-such-model", "./nowhere", "1b", "someone/something"])
def test_a_model_that_cannot_be_had_is_refused_as_in_a_run(name, dry_run, sa2va):
    """The first two cannot be names of models; the others cannot be downloaded, as there is no hub."""
    run = sa2va("segment", "a.png", "red corner", "-q", "--device", "cpu", "--model", name, load=None)
    outcome = dry_run("--model", name)
    assert (outcome.code, outcome.out, outcome.err) == (5, "", run.err)
    assert run.code == 5
    assert len(outcome.err.splitlines()) == 1
    assert outcome.files == ["a.png"]


def test_a_model_that_the_hub_does_not_have_is_refused(dry_run, monkeypatch):
    with serving() as (handler, address):
        point_to(monkeypatch, address)
        handler.refusal = (404, "RepoNotFound")
        outcome = dry_run("--model", "someone/something")
    assert outcome.code == 5
    assert outcome.err.startswith("error: the hub has no model someone/something")


def test_a_model_that_would_be_downloaded_is_told_and_left_where_it_is(dry_run, cache, monkeypatch):
    with serving() as (handler, address):
        point_to(monkeypatch, address)
        people, programs = dry_run(), dry_run("--json", "--model", "1b")
    assert (people.code, programs.code) == (0, 0)
    assert f"model      {REPOSITORY}, not here yet: would be downloaded\n" in people.err
    assert json.loads(programs.out)["model_to_download"] is True
    assert not [path for path in handler.asked if "/resolve/" in path]
    assert not list(cache.rglob("*.json"))


def test_pictures_that_do_not_go_together_are_refused(sa2va, folder):
    make_folder(folder / "shot", count=1)
    make_image(folder / "shot" / "frame1.png", size=(32, 32))
    before = ["shot", "shot/frame0.png", "shot/frame1.png"]
    for more in ([], ["--dry-run"]):
        outcome = sa2va("segment", "shot", "red corner", "-q", *more, load=None)
        assert (outcome.code, len(outcome.err.splitlines())) == (3, 1)
        assert "frame1.png: is 32x32, but frame0.png is 64x48" in outcome.err
        assert outcome.files == before


def test_frames_of_one_name_need_no_names_in_coco(sa2va, folder):
    make_folder(folder / "shot", count=1)
    make_image(folder / "shot" / "frame0.jpg", size=(64, 48))
    outcome = sa2va("segment", "shot", "red corner", "-q", "--save", "coco", "--dry-run", "--model", "demo")
    assert outcome.code == 0


def test_a_model_in_the_cache_needs_no_hub(dry_run):
    repository = cache_folder(REPOSITORY)
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    shutil.copytree(checkpoint("internvl-qwen2"), repository / "snapshots" / COMMIT)
    outcome = dry_run("--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["model_to_download"] is False


def test_where_nothing_is_to_be_made_no_model_is_looked_for(dry_run):
    Path("a.mask.png").touch()
    outcome = dry_run("--save", "mask", "--skip-existing", "--model", "no-such-model")
    assert outcome.code == 0
    assert "would keep a.mask.png" in outcome.err


def test_options_that_do_not_go_with_the_device_are_refused_as_in_a_run(dry_run, monkeypatch):
    monkeypatch.setattr("sa2va_cli.runtime.extras.find_spec", lambda _: object())
    outcome = dry_run("--device-map", "auto", "--model", "demo")
    assert outcome.code == 2
    assert "there is nothing to spread over" in outcome.err
