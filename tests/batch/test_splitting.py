"""One video in parts: the outputs are those of the whole, whoever ends it in between."""

from pathlib import Path

import numpy as np
import pytest
from batch.told import events, states
from films import (
    BLUE,
    GREEN,
    LENGTH,
    RED,
    RememberingSeeing,
    Seeing,
    SeeingAndRemembering,
    SeeingSession,
    write_film,
)

from sa2va_cli.batch.listing import Request
from sa2va_cli.batch.options import Options, SharedSearch, Splitting
from sa2va_cli.batch.planning import Plan
from sa2va_cli.batch.progress import JobEnded
from sa2va_cli.batch.running import Interrupts, run_batch
from sa2va_cli.datatypes import Grounding
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.tracks.log import Tracks

OUTPUTS = ("film.mask.mp4", "film.tracks.sa2va")


@pytest.fixture
def film(folder):
    return write_film(folder / "film.mp4", [(RED, BLUE), (BLUE,), (), (BLUE, RED)])


@pytest.fixture
def done(sa2va):
    """Runs a batch of the film."""

    def run(*arguments, output="out/", load=SeeingAndRemembering, prompts=("red and blue", "green")):
        said = [word for prompt in prompts for word in ("-p", prompt)]
        more = ("--save", "mask,tracks", "-o", output, "--checkpoint", "4f")
        return sa2va("batch", "film.mp4", *said, *more, *arguments, load=lambda *_: load())

    return run


def made(folder="out"):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if "batch.db" not in path.name}


@pytest.mark.parametrize("split", ["scenes:0", "scenes:0.01", "minutes"])
def test_parts_that_are_shots_give_the_bytes_of_the_whole(done, film, split):
    assert done(output="whole/").code == 0
    outcome = done("--split", split)
    assert outcome.code == 0, outcome.err
    assert made() == made("whole")
    assert tuple(sorted(made())) == OUTPUTS
    assert "1 done, 0 skipped, 0 failed" in outcome.err
    assert set(states().values()) == {"done"}


def test_every_step_is_told(done, film):
    told = events(done("--split", "scenes:0", "--json").out)
    began = [(one["kind"], one.get("part")) for one in told if one["event"] == "began"]
    parts = [("part", f"part {number} of 4") for number in range(1, 5)]
    assert [began[0], *sorted(began[1:-1]), began[-1]] == [("cut", "where it is cut"), *parts, ("join", None)]
    assert {one["input"] for one in told if "input" in one} == {"film.mp4"}
    summary = told[-1]
    assert (summary["total"], summary["done"], summary["frames"]) == (1, 1, 4 * LENGTH)


def test_what_is_done_is_not_done_again_and_what_is_missing_is(done, film):
    done("--split", "scenes:0")
    before = made()
    again = done("--split", "scenes:0", load=lambda: pytest.fail("loaded"))
    assert (again.code, "1 skipped" in again.err) == (0, True)
    Path("out/film.mask.mp4").unlink()
    third = done("--split", "scenes:0")
    assert third.code == 0, third.err
    assert made() == before


class Turning(SeeingSession):
    """Later in the clip it names the same things in the other order; all of them look alike."""

    def ground(self, view, prompt):
        grounding, view = super().ground(view, prompt)
        if self.shown[0][10, 10, 0] < 120:  # the red square has left its first place
            grounding = Grounding(grounding.answer, grounding.queries[::-1])
        return grounding, view

    def appearance(self, memory):
        return np.ones((len(memory), 3), np.float32)


class TurningSegmenter(Seeing):
    session = Turning


def test_within_a_shot_objects_keep_their_names_by_the_frames_that_parts_share(done, folder):
    write_film(folder / "film.mp4", [(RED, BLUE)], length=28)
    outcome = done("--split", "minutes:0.005", load=TurningSegmenter, prompts=("red and blue",))
    assert outcome.code == 0, outcome.err
    tracks = Tracks(Path("out/film.tracks.sa2va"))
    frames = list(tracks)
    assert [one.index for one in frames] == list(range(28))
    assert len(tracks.header.settings["shots"]) > 2
    tops = np.array([[(row > 0).any(axis=1).argmax() for row in one.logits] for one in frames])
    assert (tops[:, 0] < tops[:, 1]).all()  # the red square is above left of the blue one on every frame


class Changing(SeeingSession):
    """It sees red first, and blue once the red square has left its first place; both look alike."""

    def ground(self, view, prompt):
        grounding, view = super().ground(view, prompt)
        wanted = 2 if self.shown[0][10, 10, 0] < 120 else 0
        return Grounding(grounding.answer, np.array([[wanted]])), view

    def appearance(self, memory):
        return np.ones((len(memory), 3), np.float32)


class ChangingSegmenter(Seeing):
    session = Changing


def test_two_things_that_are_seen_at_one_time_are_never_joined(done, folder):
    write_film(folder / "film.mp4", [(RED, BLUE)], length=28)
    outcome = done("--split", "minutes:0.009", load=ChangingSegmenter, prompts=("red and blue",))
    assert outcome.code == 0, outcome.err
    tracks = Tracks(Path("out/film.tracks.sa2va"))
    seen = np.array([[(row > 0).any() for row in one.logits] for one in tracks])
    seam = tracks.header.settings["shots"][1]["first"]
    assert len(tracks.header.objects) == 2
    assert seen[:, 0].tolist() == [k < seam for k in range(28)]
    assert seen[:, 1].tolist() == [k >= seam for k in range(28)]


def test_a_batch_that_is_ended_goes_on_within_its_parts(done, film):
    done(output="whole/")
    options = Options(
        SharedSearch(("red and blue", "green")),
        Saving(("mask", "tracks"), "out/"),
        splitting=Splitting("scenes:0"),
    )
    plan = Plan(
        Request(("film.mp4",), options=options), checkpoint="4f", load=lambda *_: SeeingAndRemembering()
    )
    for _ in range(2):  # once after the first step, and once within the parts
        interrupts = Interrupts()

        def report(event, interrupts=interrupts):
            if isinstance(event, JobEnded):
                interrupts.count = 2

        result = run_batch(plan, report, interrupts)
        assert (result.interrupted, result.left) == (True, 1)
    outcome = done("--split", "scenes:0", "--json")
    assert outcome.code == 0, outcome.out
    told = events(outcome.out)
    assert "where it is cut" not in [one.get("part") for one in told if one["event"] == "began"]
    assert made() == made("whole")


class Failing(SeeingAndRemembering):
    session = RememberingSeeing

    def __init__(self):
        super().__init__(fails_at=5)

    def step(self, index):
        if not Path("mended").exists():
            super().step(index)


def test_a_part_that_fails_is_told_and_done_again_alone(done, film):
    done(output="whole/")
    failed = done("--split", "scenes:0.02", load=Failing)
    assert failed.code == 8
    assert "the disk was pulled out" in failed.err
    Path("mended").touch()
    left = done("--split", "scenes:0.02", load=lambda: pytest.fail("loaded"))
    assert left.code == 8
    told = events(done("--split", "scenes:0.02", "--retry-failed", "--json").out)
    assert {one["event"] for one in told} >= {"done", "summary"}
    assert made() == made("whole")


def test_where_nothing_is_found_nothing_is_written_unless_that_is_wanted(done, film):
    outcome = done("--split", "scenes:0", prompts=("green",))
    assert outcome.code == 8
    assert "nothing matches 'green'" in outcome.err
    assert not made()
    done("--allow-empty", output="whole/", prompts=("green",))
    assert done("--split", "scenes:0", "--allow-empty", output="empty/", prompts=("green",)).code == 0
    assert made("empty") == made("whole")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--split", "chapters"), "choose scenes"),
        (("--split", "minutes:0"), "choose scenes"),
        (("--split", "scenes", "--point", "3,4"), "--split cuts it"),
        (("--split", "scenes", "--when", "it rains"), "--split cuts it"),
        (("--split", "scenes", "--kind", "edit", "--effect", "blur"), "--split is for --kind segment"),
    ],
)
def test_what_cannot_be_cut_is_refused_before_anything_starts(sa2va, film, arguments, text):
    outcome = sa2va("batch", "film.mp4", "-p", "red", *arguments, load=lambda *_: pytest.fail("loaded"))
    assert outcome.code == 2, outcome.err
    assert text in outcome.err


def test_a_row_of_a_manifest_can_be_cut(sa2va, film):
    Path("jobs.csv").write_text("input,prompts,split,output\nfilm.mp4,red,scenes:0,a/\nfilm.mp4,red,,b/\n")
    outcome = sa2va("batch", "--manifest", "jobs.csv", "--save", "mask", load=lambda *_: Seeing())
    assert outcome.code == 0, outcome.err
    assert made("a") == made("b")


def test_a_film_in_green_is_cut_where_nobody_looks_again(done, folder):
    """Cuts are looked for also where the language model looks once; then parts are what it looks at."""
    write_film(folder / "film.mp4", [(GREEN,), (GREEN,)])
    outcome = done("--split", "scenes:0", "--reground", "off", prompts=("green",))
    assert outcome.code == 0, outcome.err
    assert [shot["first"] for shot in Tracks(Path("out/film.tracks.sa2va")).header.settings["shots"]] == [
        0,
        LENGTH,
    ]
