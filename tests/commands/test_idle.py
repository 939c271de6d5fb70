"""Options that change nothing are told, as far as somebody gave them for this run."""

import pytest
from clips import make_image

from sa2va_cli.commands.idle import idle_drawing
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.parameters import declared

CASES = [
    (["mask"], "--crop-mode", "--crop-mode changes nothing of mask; it is for crop"),
    (["coco", "davis"], "--feather", "--feather changes nothing of coco, davis; it is for mask, overlay"),
    (["matte"], "--soft", "--soft changes nothing of matte; it is for mask"),
    (["overlay"], "--stacking", "it is for stacked"),
    (["markers"], "--grow", "--grow changes nothing of markers; it is for mask"),
]


@pytest.mark.parametrize(("kinds", "typed", "said"), CASES)
def test_an_option_that_changes_nothing_is_told(kinds, typed, said):
    (text,) = idle_drawing(kinds, {typed})
    assert said in text


def test_what_changes_one_of_the_kinds_is_not_told():
    typed = {"--crop-mode", "--grow", "--colours", "--no-labels", "--soft"}
    assert list(idle_drawing(["crop", "mask"], typed)) == []


def test_every_option_of_drawing_changes_some_kind():
    names = {one.name for one in declared(Drawing)} - {"tonemap"}
    assert {name for name in names if not any(kind.takes(name) for kind in KINDS.values())} == set()


def test_the_command_line_counts_and_no_default_of_the_environment(sa2va, folder, monkeypatch):
    make_image(folder / "a.png")
    run = ("segment", "a.png", "--point", "3,3", "--save", "coco,tracks", "--keyframes", "2")
    made = sa2va(*run, "--checkpoint", "5s", "--opacity", "1", "--allow-empty")
    told = [line for line in made.err.splitlines() if "changes nothing" in line]
    assert len(told) == 3, made.err
    again = sa2va("render", "a.tracks.sa2va", "--save", "mask", "--contour", "off", "--allow-empty")
    assert "--contour changes nothing of mask" in again.err
    monkeypatch.setenv("SA2VA_CONTOUR", "off")
    other = sa2va("render", "a.tracks.sa2va", "--save", "mask", "--allow-empty", "--overwrite")
    assert other.code == 0
    assert "changes nothing" not in other.err


@pytest.mark.parametrize(
    "run", [("ask", "a.png", "Where is the red?"), ("batch", "a.png", "--prompt", "red")]
)
def test_every_command_that_draws_tells_it(sa2va, folder, run):
    make_image(folder / "a.png")
    made = sa2va(*run, "--save", "coco", "--opacity", "1", "-o", "out/")
    assert "--opacity changes nothing of coco; it is for overlay" in made.err
