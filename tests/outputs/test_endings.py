"""However a run ends early, for every kind of output: one line, and nothing half-written stays."""

import resource
import shutil
from pathlib import Path

import pytest
from clips import make_folder, make_image, make_video
from fakes import FakeSegmenter

from sa2va_cli.outputs.kinds import KINDS

PLAIN = [name for name, kind in KINDS.items() if not kind.needs_effects]
"""Kinds that show what was found; the others show what was done to it, and need effects."""

SOURCES = {"a.mp4": make_video, "a": make_folder, "a.png": make_image}

EVENTS = ("deleted", "replaced", "taken", "full", "ended")


def in_turn(event: str) -> pytest.MarkDecorator:
    """Every kind with one source: over the events, each kind has each source and each event every source."""
    names, first = [*SOURCES], EVENTS.index(event)
    rows = [(names[(first + place) % len(names)], kind) for place, kind in enumerate(PLAIN)]
    return pytest.mark.parametrize(("run", "kind"), rows, indirect=["run"])


class Eventful(FakeSegmenter):
    """Something happens in the middle of the run; an image has but one frame."""

    def __init__(self, event, frame: int) -> None:
        super().__init__()
        self.event, self.frame = event, frame

    def step(self, index):
        if index == self.frame:
            self.event()
        super().step(index)


@pytest.fixture
def run(request, sa2va, folder):
    """Runs for one kind of output; ``event`` happens in the middle."""
    SOURCES[request.param](folder / request.param)
    source = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

    def start(kind, event, *more):
        frame = 0 if request.param == "a.png" else 5
        arguments = ["segment", request.param, "red corner", "--save", kind, "-o", "out/{stem}.{kind}.{ext}"]
        outcome = sa2va(*arguments, *more, "-q", load=lambda *_: Eventful(event, frame))
        left = [name for name in outcome.files if name not in source]
        if kind == "tracks" and "out/a.tracks.sa2va.part" in left:  # what was found so far is kept for people
            left = [name for name in left if name not in ("out", "out/a.tracks.sa2va.part")]
        return outcome, left

    return start


def remove(folder: Path) -> None:
    """Removes a folder in one go, as files are written there at the same time."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    shutil.rmtree(aside)


def check(outcome, code: int) -> None:
    assert outcome.code == code, outcome.err
    (line,) = outcome.err.splitlines()
    assert "internal error" not in line


@in_turn("deleted")
def test_the_folder_is_deleted_during_the_run(kind, run, folder):
    outcome, left = run(kind, lambda: remove(folder / "out"))
    if outcome.code == 0:  # one picture, or a crop, is written whole at the end, into a folder made again
        assert (kind, len(left)) == ("crop", 2) or "a.png" in outcome.files
        assert not [path for path in (folder / "out").iterdir() if path.name.startswith(".")]
        return
    check(outcome, 7)
    assert left == []


@in_turn("replaced")
def test_a_file_takes_the_place_of_the_folder_during_the_run(kind, run, folder):
    def replace() -> None:
        remove(folder / "out")
        (folder / "out").write_text("mine")

    outcome, left = run(kind, replace)
    check(outcome, 7)
    assert [name for name in left if name != "out"] == []
    assert (folder / "out").read_text() == "mine"


@in_turn("taken")
def test_somebody_puts_a_folder_where_the_output_is_to_be(kind, run, folder):
    def come_between() -> None:
        for name in ("a.matte.mov", "a.tracks.sa2va", *(f"a.{name}.mp4" for name in KINDS)):
            (folder / "out" / name).mkdir()
        for name in (f"a.{kind}", *(f"a.{kind}.{ending}" for ending in ("png", "json", "xml", "edl"))):
            (folder / "out" / name).mkdir()
            (folder / "out" / name / "plate.png").write_text("mine")

    outcome, left = run(kind, come_between)
    check(outcome, 7)
    assert not [name for name in left if "tmp-" in name or "lock" in name]
    assert sum(name.endswith("plate.png") for name in left) == 5
    assert (folder / "out" / f"a.{kind}" / "plate.png").read_text() == "mine"


@in_turn("full")
def test_the_disk_fills_up_during_the_run(kind, run):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        outcome, left = run(kind, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50, hard)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    check(outcome, 7)
    assert left == []


@in_turn("ended")
def test_someone_ends_the_run(kind, run):
    def interrupt() -> None:
        raise KeyboardInterrupt

    outcome, left = run(kind, interrupt)
    assert outcome.code == 130
    assert left == []


def must_not_load(*_):
    raise AssertionError("the model was loaded")


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("source", SOURCES)
def test_names_count_in_bytes_up_to_what_the_file_system_allows(source, kind, sa2va, folder):
    SOURCES[source](folder / source)
    ending = KINDS[kind].endings({"a": "frames", "a.png": "image"}.get(source, "video"))[0]
    stem = "\N{SMILING FACE WITH SUNGLASSES}" * 61
    arguments = ["segment", source, "red corner", "--save", kind, "-o"]
    name = stem + "x" * (255 - len((stem + ending).encode())) + ending
    outcome = sa2va(*arguments, name)
    assert outcome.code == 0, outcome.err
    assert (folder / name).exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    outcome = sa2va(*arguments, stem + "{stem}.{kind}-longer.{ext}", load=must_not_load)
    check(outcome, 7)
    assert "bytes, 255 are allowed" in outcome.err
