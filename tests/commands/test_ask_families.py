"""Recorded cases of every family through ``sa2va ask``: prompts, answers and masks, turns included."""

import json
import shutil
from io import StringIO

import numpy as np
import pytest
from families import FAMILIES, REFERENCE, cases, checkpoint, once
from test_segment_families import recorded_masks, written_masks

from sa2va_cli.model import chat
from sa2va_cli.model.prompt_text import encode, spoken
from sa2va_cli.runtime.loading import load_chat

INPUTS = REFERENCE / "inputs"
load = once(load_chat)
HISTORIES = {
    "image_second_turn": ["Please describe the video content.", "The ball is moving to the right."],
    "text_only_past_text": ["Hello, who are you?", "I am a helpful assistant."],
}
UNLIKE = ("internvl-qwen2", "qwen2_5_vl", "qwen3_vl", "sa2va-i-internvl-qwen2")
"""Families whose prompts or masks come about in different ways; the others have other layers."""

TURNS = [(family, name) for family in FAMILIES for name in HISTORIES if name in cases(family)]


@pytest.fixture
def prompts(monkeypatch):
    """The ids of every prompt."""
    seen = []

    def spy(tokenizer, text):
        seen.append(encode(tokenizer, text))
        return seen[-1]

    monkeypatch.setattr(chat, "encode", spy)
    return seen


def on(family):
    return ("--model", checkpoint(family), "--device", "cpu", "--dtype", "fp32")


def golden(family, name, key):
    with np.load(REFERENCE / "golden" / family / f"{name}.npz") as arrays:
        return arrays[key].tolist()


@pytest.mark.parametrize(("family", "name"), TURNS)
def test_a_second_turn_is_the_recorded_one(sa2va, folder, prompts, family, name):
    case = cases(family)[name]
    inputs = [str(INPUTS / "image.png")] if case["kind"] == "image" else []
    record = {"question": case["text"], "inputs": inputs, "history": [HISTORIES[name]]}
    (folder / "q.jsonl").write_text(json.dumps(record))
    outcome = sa2va("ask", "--questions", "q.jsonl", *on(family), load=load)
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert prompts == [golden(family, name, "input_ids")]
    assert report["token_ids"] == golden(family, name, "generated_ids")
    assert report["answer"] == spoken(case["prediction"])


@pytest.mark.parametrize("family", UNLIKE)
def test_a_question_about_frames_is_answered_and_its_masks_are_written(sa2va, folder, prompts, family):
    case = cases(family)["video_2seg" if "video_2seg" in cases(family) else "video_1seg"]
    name = "video_2seg" if "video_2seg" in cases(family) else "video_1seg"
    shutil.copytree(INPUTS / "video", folder / "clip")
    sampling = "uniform" if "keyframes" in case else "first"
    outcome = sa2va(
        *("ask", "clip", case["text"].removeprefix("<image>"), "--frames", "5", "--sampling", sampling),
        *("--save", "coco", "--json", *on(family)),
        load=load,
    )
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert prompts == [golden(family, name, "input_ids")]
    assert report["answer"] == spoken(case["prediction"])
    assert "[SEG]" not in report["text"]
    wanted = recorded_masks(family, name)
    assert len(report["objects"]) == len(wanted)
    got = written_masks(folder / "clip.coco.json", len(wanted))
    assert (got != wanted).mean(axis=(1, 2, 3)).max() <= 1e-4


@pytest.mark.parametrize("family", ["internvl-qwen2", "internvl-internlm2", "qwen2_5_vl", "qwen3_vl"])
def test_a_turn_typed_in_a_conversation_is_the_turn_of_a_file_with_that_history(
    sa2va, folder, prompts, monkeypatch, family
):
    shown, asked = str(INPUTS / "image.png"), ("Hello, who are you?", "What is in the picture?")
    options = (
        "--max-new-tokens",
        "2",
        *on(family),
    )  # so few that no [SEG] is said, which a history cannot hold
    monkeypatch.setattr("sys.stdin", StringIO("".join(f"{line}\n" for line in asked)))
    typed = sa2va("ask", shown, "-i", "--json", *options, load=load)
    assert typed.code == 0, typed.err
    first, second = map(json.loads, typed.out.splitlines())
    history = [[asked[0], first["text"]]]
    record = {"question": asked[1], "inputs": [shown], "history": history}
    (folder / "q.jsonl").write_text(json.dumps(record))
    (filed,) = sa2va("ask", "--questions", "q.jsonl", *options, load=load).out.splitlines()
    assert first["text"] == first["answer"]
    assert prompts[2] == prompts[1]
    assert json.loads(filed)["token_ids"] == second["token_ids"]
    assert second["tokens"]["read"] < second["tokens"]["prompt"] / 4
