"""What another program makes at the place of an output during a run is left alone, and nothing is lost."""

from pathlib import Path

import pytest
from clips import make_folder, make_image, make_video
from fakes import FakeSegmenter

from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.render.effects.drawing import Drawer

KINDS_OF = {
    "a.mp4": [name for name, kind in KINDS.items() if not kind.needs_effects],
    "shot": ["mask", "yolo", "davis", "coco"],
    "a.png": ["mask", "overlay", "davis"],
}


class Intruded(FakeSegmenter):
    """While it works, somebody else makes files.

    Args:
        places: where.
    """

    def __init__(self, places: list[Path]) -> None:
        super().__init__()
        self._places = places

    def step(self, index: int) -> None:
        for place in self._places:
            if not place.exists():
                place.write_text("somebody else's")


@pytest.mark.parametrize(
    ("source", "kind"), [(source, kind) for source, kinds in KINDS_OF.items() for kind in kinds]
)
def test_a_file_that_appears_meanwhile_stays_and_the_output_is_kept_beside_it(sa2va, folder, source, kind):
    if source == "a.mp4":
        make_video(folder / source, stamps=range(4))
    elif source == "shot":
        make_folder(folder / source, 3)
    else:
        make_image(folder / source)
    assert sa2va("segment", source, "red", "--save", kind, "-o", "first/").code == 0
    (made,) = (folder / "first").iterdir()
    place = folder / "second" / made.name
    place.parent.mkdir()
    (place.parent / "keep").touch()
    outcome = sa2va(
        "segment", source, "red", "--save", kind, "-o", "second/",
        load=lambda *_: Intruded([place]),
    )  # fmt: skip
    kept = place.with_name(f"{place.stem}-2{place.suffix}")
    assert outcome.code == 7, outcome.err
    assert f"kept as second/{kept.name}" in outcome.err.replace("\n", " ")
    assert place.read_text() == "somebody else's"
    assert sorted(path.name for path in place.parent.iterdir()) == sorted([place.name, kept.name, "keep"])
    if kind != "tracks":
        before = {p.relative_to(made): p.read_bytes() for p in [made, *made.rglob("*")] if p.is_file()}
        after = {p.relative_to(kept): p.read_bytes() for p in [kept, *kept.rglob("*")] if p.is_file()}
        assert {k: len(v) for k, v in after.items()} == {k: len(v) for k, v in before.items()}


def test_names_that_are_taken_too_are_passed_over(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(4))
    places = [folder / "a.mask.mp4", folder / "a.mask-2.mp4"]
    outcome = sa2va("segment", "a.mp4", "red", "--save", "mask,overlay", load=lambda *_: Intruded(places))
    assert outcome.code == 7
    assert outcome.files == ["a.mask-2.mp4", "a.mask-3.mp4", "a.mask.mp4", "a.mp4", "a.overlay.mp4"]


def test_with_overwrite_what_appears_is_replaced(sa2va, folder):
    make_video(folder / "a.mp4", stamps=range(4))
    outcome = sa2va(
        "segment", "a.mp4", "red", "--save", "mask", "--overwrite",
        load=lambda *_: Intruded([folder / "a.mask.mp4"]),
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.files == ["a.mask.mp4", "a.mp4"]
    assert (folder / "a.mask.mp4").stat().st_size > 100


@pytest.mark.parametrize("kind", ["edit", "preview"])
@pytest.mark.parametrize("source", ["a.mp4", "a.tracks.sa2va"])
def test_it_stays_in_edits_of_whole_pictures_and_of_tracks_too(sa2va, folder, monkeypatch, source, kind):
    make_video(folder / "a.mp4", stamps=range(4))
    assert sa2va("segment", "a.mp4", "red", "--save", "tracks").code == 0
    target = "picture" if source == "a.mp4" else "red"
    place = folder / f"out/a.{kind}{'.png' if kind == 'preview' else '.mp4'}"
    place.parent.mkdir()
    draw = Drawer.draw

    def intruded(*arguments):
        place.write_text("somebody else's")
        return draw(*arguments)

    monkeypatch.setattr(Drawer, "draw", intruded)
    more = ["--preview"] if kind == "preview" else []
    outcome = sa2va("edit", source, "--target", target, "--effect", "grey", *more, "-o", "out/")
    assert outcome.code == 7, outcome.err
    assert place.read_text() == "somebody else's"
    assert place.with_name(f"{place.stem}-2{place.suffix}").exists()
