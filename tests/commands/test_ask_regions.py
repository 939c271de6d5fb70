"""``ask`` about regions that are pointed at: on the recorded cases, and by a fake network."""

import io
import json
import shutil
import sys

import numpy as np
import pytest
from clips import make_image, make_video
from fakes import FakeChat
from families import FAMILIES, REFERENCE, cases, checkpoint, once
from PIL import Image
from test_ask_families import golden, prompts  # noqa: F401  (fixtures)

from sa2va_cli.model.prompt_text import spoken
from sa2va_cli.runtime.loading import load_chat

INPUTS = REFERENCE / "inputs"
load = once(load_chat)
RECORDED = [
    (family, name) for family in FAMILIES for name, case in cases(family).items() if case["mask_prompts"]
]


@pytest.fixture
def engine():
    return FakeChat()


@pytest.fixture
def ask(sa2va, folder, engine):
    """Runs ``sa2va ask`` with a fake model, where a picture is that is red on the left, and a clip."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32, 0], image[:, 32:, 2] = 250, 250
    Image.fromarray(image).save(folder / "a.png")
    make_video(folder / "a.mp4", stamps=range(3))
    return lambda *arguments, load=lambda *_: engine: sa2va("ask", *arguments, load=load)


def test_all_recorded_cases_with_regions_are_run():
    assert len(RECORDED) == sum(
        case["mask_prompts"] for family in FAMILIES for case in cases(family).values()
    )


@pytest.mark.parametrize(
    ("family", "name", "way"), [(*case, "options") for case in RECORDED] + [(*RECORDED[0], "file")]
)
def test_a_question_about_masks_is_the_recorded_one(sa2va, folder, prompts, family, name, way):  # noqa: F811
    case = cases(family)[name]
    shutil.copy(INPUTS / "image.png", folder / "photo.png")
    masks = [str(INPUTS / f"mask_prompt_{k}.png") for k in (0, 1)]
    question = case["text"].removeprefix("<image>")
    on = ("--model", checkpoint(family), "--device", "cpu", "--dtype", "fp32")
    if way == "options":
        given = ("photo.png", question, "--mask", masks[0], "--mask", masks[1], "--json")
    else:
        (folder / "q.jsonl").write_text(
            json.dumps({"question": question, "input": "photo.png", "masks": masks})
        )
        given = ("--questions", "q.jsonl")
    outcome = sa2va("ask", *given, *on, load=load)
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert prompts == [golden(family, name, "input_ids")]
    assert report["token_ids"] == golden(family, name, "generated_ids")
    assert report["answer"] == spoken(case["prediction"])


def test_points_and_boxes_become_masks_and_names_say_which_is_which(ask, engine):
    outcome = ask(
        *("a.png", "What is region2?", "--point", "region2:5,5", "--point", "region2:8,30"),
        *("--box", "region1:40,2,60,40"),
    )
    assert outcome.code == 0, outcome.err
    (question,) = engine.questions
    assert question.regions.shape == (2, 48, 64)
    assert question.regions[0, :, 33:].all()
    assert not question.regions[0, :, :31].any()
    assert question.regions[1, :, :31].all()


def test_regions_are_asked_about_in_a_conversation_and_while_masks_are_written(ask, engine, monkeypatch):
    outcome = ask("a.png", "Where is the red part of region1?", "--point", "5,5", "--save", "mask")
    assert outcome.code == 0, outcome.err
    assert "a.mask.png" in outcome.files
    monkeypatch.setattr(sys, "stdin", io.StringIO("/undo\nAnd region1?\n"))
    assert ask("a.png", "What is region1?", "--point", "5,5", "-i").code == 0
    assert [one.regions.shape[0] for one in engine.questions] == [1, 1, 1]


def test_a_file_of_questions_has_regions_of_its_own_or_those_of_its_input(ask, engine, folder):
    lines = [
        {"question": "What is region1?"},
        {"question": "And this?", "points": ["50,5", "5,5"]},
        {"question": "And there?", "input": "a.mp4"},
        {"question": "Where?", "points": ["99,5"]},
        {"question": "Where?", "points": "5,5"},
    ]
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, lines)))
    outcome = ask("--questions", "q.jsonl", "a.png", "--point", "5,5")
    assert outcome.code == 8, outcome.err
    records = list(map(json.loads, outcome.out.splitlines()))
    assert ["error" in one for one in records] == [False, False, False, True, True]
    assert "outside the picture" in records[3]["error"]
    assert "points is no list" in records[4]["error"]
    shapes = [None if one.regions is None else len(one.regions) for one in engine.questions]
    assert shapes == [1, 2, None]


WRONG = {
    "a.mp4 --point 5,5": "regions are those of one still image, and this is about: a.mp4 (video)",
    "--point 5,5": "and this is about: nothing is shown",
    "a.png a.png --point 5,5": "and this is about: a.png (image), a.png (image)",
    "a.png --point 64,5": "--point 64,5 lies outside the picture, which is 64x48",
    "a.png --box 1,1,5,99": "outside the picture",
    "a.png --mask a.png": "a.png is coloured",
    "a.png --mask gone.png": "there is no such file",
    "a.png --point 5,5@1.5": "has a time, and regions are those of an image",
    "a.png --point 5,5,-": "begins with a negative --point",
    "a.png --point region2:5,5": "1 regions are named region1 and so on",
    "a.mp4 --times --point 5,5": "leave them out",
    "a.png --model qwen3-vl-4b --point 5,5": "qwen3-vl-4b knows no regions; ask without them",
    "a.png --model sail-vl-2b --mask gone.png": "sail-vl-2b knows no regions",
    "a.png -i --model llava-onevision-0.5b --point 5,5": "llava-onevision-0.5b knows no regions",
}


@pytest.mark.parametrize("options", WRONG)
def test_regions_that_cannot_be_meant_are_one_line_before_anything_is_loaded(ask, options):
    inputs = options.partition("--")[0].split()
    outcome = ask(*inputs, "What is region1?", *("--" + options.partition("--")[2]).split(), load=None)
    assert outcome.code in (2, 3), outcome.err
    assert WRONG[options] in outcome.err.replace("--points", "--point")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("question", "code"),
    [("What is region2?", 0), ("region3?", 2), ("And Region 0?", 2), ("In this region?", 0)],
)
def test_a_question_speaks_of_regions_that_there_are(ask, engine, question, code):
    loaded = []
    regions = ("--point", "5,5", "--point", "50,5")
    outcome = ask("a.png", question, *regions, load=lambda *_: (loaded.append(1), engine)[1])
    assert (outcome.code, len(loaded)) == (code, int(code == 0))
    assert ("what was pointed at is region1 to region2" in outcome.err) == (code == 2)


def test_models_that_know_no_regions_say_so(ask, engine):
    engine.knows_regions, engine.open = False, None  # nothing is decoded
    outcome = ask("a.png", "What is region1?", "--point", "5,5")
    assert outcome.code == 2
    assert "error: fake knows no regions; ask without them, or use a Sa2VA of InternVL type" in outcome.err


@pytest.mark.parametrize("family", FAMILIES)
def test_families_that_know_no_regions_say_so_before_they_are_loaded(sa2va, folder, family, monkeypatch):
    make_image(folder / "a.png")
    regions = ("--box", "0%,0%,100%,100%", "--model", checkpoint(family))
    loaded = []
    for given in (("a.png", "What is region1?"), ("a.png", "-i"), ("--questions", "q.txt", "a.png")):
        (folder / "q.txt").write_text("What is region1?")
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        outcome = sa2va("ask", *given, *regions, load=lambda *_: (loaded.append(1), FakeChat())[1])
        knows = "internvl" in family
        assert outcome.code == (0 if knows else 2), outcome.err
        assert ("knows no regions; ask without them" in outcome.err) is not knows
    assert len(loaded) == (3 if knows else 0)
