"""What is broken is called what it is: a picture, and no frame of a video."""

import json
from io import StringIO
from pathlib import Path

import pytest
from clips import make_folder, make_image, make_video, truncate
from fakes import FakeChat

from sa2va_cli.media.formats import SUFFIXES


@pytest.fixture
def run(sa2va):
    return lambda *arguments: sa2va(*arguments, load=lambda *_: FakeChat())


def told(outcome) -> str:
    """The one line of an error about a picture, which has neither frames nor a video."""
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert (outcome.code, "frame" in line, "video" in line) == (3, False, False), line
    return line


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@pytest.mark.parametrize(
    "content", [b"no picture at all " * 9, b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0"]
)
def test_what_is_named_as_a_picture_and_is_none(folder, run, suffix, content):
    (folder / f"a{suffix}").write_bytes(content)
    assert f"a{suffix}: " in told(run("ask", f"a{suffix}", "What?"))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_a_picture_that_was_cut_off(folder, run, suffix):
    truncate(make_image(folder / f"a{suffix}"), 0.5)
    for arguments in (("ask", f"a{suffix}", "What?"), ("segment", f"a{suffix}", "red")):
        assert f"a{suffix}: " in told(run(*arguments))


def cut(folder: Path, *places: int) -> None:
    for place, file in enumerate(sorted(make_folder(folder, 3, ".bmp").iterdir())):
        named = file.rename(folder / f"{place}.bmp")
        if place in places:
            truncate(named, 0.5)


def test_a_folder_with_one_broken_picture_is_asked_about_and_warned_of(folder, run):
    cut(folder / "shot", 1)
    for arguments in (("ask", "shot", "What?"), ("ask", "shot", "Is red seen?", "--times")):
        outcome = run(*arguments)
        assert outcome.code == 0, outcome.err
        assert "warning: 1 of 3 images could not be read; the first: shot/1.bmp: the image" in outcome.err


def several(folder: Path) -> None:
    """A folder with one broken picture among three, a broken one by itself, a sound one and a video."""
    cut(folder / "shot", 1)
    truncate(make_image(folder / "broken.bmp"), 0.5)
    make_image(folder / "a.bmp")
    make_video(folder / "clip.mp4")


@pytest.mark.parametrize(
    ("inputs", "pictures", "unread"),
    [
        (("shot",), [2], ["shot/1.bmp"]),
        (("shot/*.bmp",), [2], ["shot/1.bmp"]),
        (("a.bmp", "broken.bmp", "clip.mp4"), [1, 8], ["broken.bmp"]),
        (("a.bmp", "none.mp4", "http://127.0.0.1:9/x.png"), [1], ["none.mp4", "http://127.0.0.1:9/x.png"]),
        (("broken.bmp", "shot"), [2], ["broken.bmp", "shot/1.bmp"]),
    ],
)
def test_a_question_is_about_what_can_be_read_and_names_the_rest(folder, sa2va, inputs, pictures, unread):
    several(folder)
    engine = FakeChat()
    engine.has_masks = False
    asked = ("ask", *inputs, "What?", "--json", "--model", "sail-vl-2b")
    outcome = sa2va(*asked, load=lambda *_: engine)
    (question,) = engine.questions
    assert (outcome.code, [len(one.images) for one in question.pictures]) == (8, pictures)
    assert [one["source"] for one in json.loads(outcome.out)["unread"]] == unread
    assert outcome.err.count("error:") == 1
    (folder / "q.jsonl").write_text(json.dumps({"question": "What?", "inputs": inputs}))
    filed = ("ask", "--questions", "q.jsonl", "-o", "a.jsonl", "--model", "sail-vl-2b")
    assert sa2va(*filed, load=lambda *_: engine).code == 8
    record = json.loads((folder / "a.jsonl").read_text())
    assert ([one["source"] for one in record["unread"]], record["text"][:5]) == (unread, "It is")
    assert sa2va(*filed, "--skip-existing", load=lambda *_: engine).code == 8  # asked again
    assert len(engine.questions) == 3


def test_regions_are_not_moved_to_the_only_picture_that_can_be_read(folder, run):
    several(folder)
    outcome = run("ask", "broken.bmp", "a.bmp", "What?", "--box", "1,1,9,9")
    assert (outcome.code, "this is about: a.bmp (image), broken.bmp" in outcome.err) == (2, True)


def test_a_conversation_is_about_what_can_be_read(folder, sa2va, monkeypatch):
    several(folder)
    engine = FakeChat()
    engine.has_masks = False
    asked = ("ask", "a.bmp", "broken.bmp", "-i", "--model", "sail-vl-2b")
    monkeypatch.setattr("sys.stdin", StringIO("One?\n"))
    outcome = sa2va(*asked, load=lambda *_: engine)
    assert (outcome.code, "not about broken.bmp" in outcome.err) == (8, True)
    monkeypatch.setattr("sys.stdin", StringIO("/attach shot\nTwo?\n"))
    outcome = sa2va("ask", "a.bmp", *asked[3:], load=lambda *_: engine)
    assert (outcome.code, "1 of its images could not be read, the others are shown" in outcome.err) == (
        8,
        True,
    )
    assert [[len(seen.images) for seen in one.pictures] for one in engine.questions] == [[1], [1, 2]]


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "shot", "What?"),
        ("ask", "shot", "What?", "--model", "sail-vl-2b"),
        ("ask", "shot", "Is red seen?", "--times"),
        ("segment", "shot", "red"),
        ("segment", "shot", "red", "--when", "red is seen"),
        ("segment", "shot/*.bmp", "red", "--save", "tracks"),
    ],
)
def test_a_folder_of_broken_pictures_only(folder, run, arguments):
    cut(folder / "shot", 0, 1, 2)
    assert "3 of 3 images could not be read; the first: shot/0.bmp" in told(run(*arguments))


def test_a_broken_picture_that_is_pointed_at_is_called_by_its_name(folder, run):
    cut(folder / "shot", 1)
    line = told(run("segment", "shot", "--point", "10,10@1f"))
    assert "1.bmp was pointed at and cannot be decoded" in line


def test_a_batch_tells_of_broken_pictures_as_such(folder, run):
    cut(folder / "shots" / "a", 0, 1, 2)
    (folder / "shots" / "b.png").write_bytes(b"no picture")
    (folder / "questions.txt").write_text("What?\n")
    options = ("--kind", "ask", "--questions", "questions.txt")
    outcome = run("batch", "shots/a", "shots/b.png", *options)
    assert outcome.code == 8
    failed = sorted(line for line in outcome.err.splitlines() if line.startswith("failed "))
    assert [("the image is damaged" in line, "frame" in line) for line in failed[:3]] == [(True, False)] * 3
    assert "not an image that can be read" in failed[3]
