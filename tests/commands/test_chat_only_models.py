"""Models without a mask decoder on the command line: ``ask`` asks them, ``segment`` refuses them."""

import json

import pytest
import stockmodels
from clips import make_image
from families import REFERENCE, cases, checkpoint
from PIL import Image

OPTIONS = ("--device", "cpu", "--dtype", "fp32")


def ask(sa2va, *arguments):
    return sa2va("ask", *arguments, *OPTIONS, "--max-new-tokens", 24, "--json", load=None)


def test_a_folder_is_several_images_of_any_sizes(sa2va, folder):
    case = cases("sail_vl")["two_images"]
    (folder / "pair").mkdir()
    for place, shown in enumerate(case["images"]):
        Image.open(REFERENCE / "inputs" / shown["file"]).save(folder / "pair" / f"{place}.png")
    question = "What is the difference between the two images?"
    for source in ("pair", "pair/*.png"):
        outcome = ask(sa2va, source, question, "--model", checkpoint("sail_vl"))
        assert outcome.code == 0
        answer = json.loads(outcome.out)
        assert (answer["text"], answer["token_ids"]) == (case["prediction"], case["generated_ids"])
        assert answer["inputs"][0]["kind"] == "images"


def test_questions_of_a_file_are_answered_in_batches(sa2va, folder):
    case = cases("sail_vl")["text_second_turn"]
    history = {"question": case["text"], "history": case["history"]}
    image = {"question": "What is in this image?", "input": str(REFERENCE / "inputs" / "video" / "00.png")}
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, (history, image))))
    arguments = ["ask", "--questions", "q.jsonl", "--batch-size", 2, "--max-new-tokens", 24]
    outcome = sa2va(*arguments, *OPTIONS, "--model", checkpoint("sail_vl"), load=None)
    texts = [json.loads(line)["text"] for line in outcome.out.splitlines()]
    assert texts == [case["prediction"], cases("sail_vl")["image_frame"]["prediction"]]


@pytest.mark.parametrize("make", [stockmodels.onevision, stockmodels.next_video])
def test_a_model_of_transformers_is_asked(make, sa2va, folder):
    make_image(folder / "a.png")
    make(folder / "model")
    outcome = ask(sa2va, "a.png", "What is it?", "--model", "model")
    assert outcome.code == 0
    assert json.loads(outcome.out)["tokens"]["generated"] <= 24


@pytest.mark.parametrize("name", ["sail-vl-2b", "llava-hf/LLaVA-NeXT-Video-7B-hf"])
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_segment_says_that_it_has_no_mask_decoder(name, more, sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red corner", "-q", "--model", name, *OPTIONS, *more, load=None)
    assert outcome.code == 5
    assert "a chat model without a mask decoder" in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.files == ["a.png"]


def test_models_list_tells_which_make_no_masks(sa2va):
    models = json.loads(sa2va("models", "list", "--json").out)["models"]
    assert {model["alias"] for model in models if not model["masks"]} == {
        "sail-vl-2b",
        "llava-onevision-0.5b",
        "llava-next-video-7b",
    }
