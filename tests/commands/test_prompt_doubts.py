import json
from fractions import Fraction

import pytest
from clips import make_image, make_video

from sa2va_cli.commands.prompt_doubts import doubts
from sa2va_cli.commands.rates import rate_text


@pytest.mark.parametrize(
    "prompts",
    [
        ["girl", "in", "red", "dress"],
        ["the", "dog"],
        ["person", "on", "bicycle"],
        ["small", "brown", "dog", "running"],
    ],
)
def test_a_sentence_without_quotes_is_doubted(prompts):
    (text,) = doubts(prompts)
    assert text.endswith(f'for one prompt put it in quotes: "{" ".join(prompts)}"')


@pytest.mark.parametrize(
    "prompts",
    [
        ["girl in red dress"],
        ["girl"],
        ["dog", "cat"],
        ["dog", "cat", "ball"],
        ["the dog", "the ball"],
        ["穿红衣服的女孩", "狗", "球", "树"],
    ],
)
def test_what_looks_meant_is_not_doubted(prompts):
    assert doubts(prompts) == []


def test_a_mistyped_file_and_a_torn_sentence_are_both_told(folder):
    file, torn = doubts(["b.MOV", "girl", "in", "red"])
    assert "'b.MOV' is the name of a file" in file
    assert "'girl' 'in' 'red' are 3 prompts" in torn


def test_a_prompt_that_is_a_file_is_doubted_before_the_model_is_loaded(sa2va, folder):
    make_image(folder / "a.png")
    make_image(folder / "b.png")
    outcome = sa2va("segment", "a.png", "b.png", "red", "--dry-run", "--model", "demo")
    assert outcome.code == 0
    assert outcome.err.splitlines()[0] == (
        "warning: the prompt 'b.png' is the name of a file; only the first argument is the input, "
        "all others are prompts: run segment once for each file"
    )


def test_a_plan_lists_prompts_and_the_names_of_objects(sa2va, folder):
    make_image(folder / "a.png")
    arguments = ("segment", "a.png", "red", "red", "--dry-run", "--model", "demo")
    lines = sa2va(*arguments).err.splitlines()
    assert "prompt 1   'red': objects 'red', 'red 2', ..." in lines
    assert "prompt 2   'red': objects 'red #2', 'red #2 2', ..." in lines
    document = json.loads(sa2va(*arguments, "--json").out)
    assert document["prompts"][1] == {
        "id": 2,
        "text": "red",
        "label": "red #2",
        "object_labels": ["red #2", "red #2 2"],
    }


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Fraction(24), "24 fps"),
        (Fraction(30000, 1001), "30000/1001 (29.97) fps"),
        (Fraction(24000, 1001), "24000/1001 (23.976) fps"),
        (Fraction(25, 2), "12.5 fps"),
        (Fraction(2_997_000, 100_003), "29.969 fps"),
    ],
)
def test_rates_are_exact_where_that_says_something(rate, text):
    assert rate_text(rate) == text


def test_a_plan_has_the_exact_rate_for_people_and_programs(sa2va, folder):
    make_video(folder / "a.mp4", time_base=Fraction(1001, 30000))
    outcome = sa2va("segment", "a.mp4", "red", "--dry-run", "--json", "--model", "demo")
    assert "30000/1001 (29.97) fps" in outcome.err
    source = json.loads(outcome.out)["source"]
    assert source["rate"] == "30000/1001"
    assert (source["codec"], source["width"], source["height"], source["frames"]) == ("h264", 64, 48, 20)


def test_prompts_of_a_result_have_ids_answers_and_objects(sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red or blue", "a unicorn", "--json", "-q")
    assert json.loads(outcome.out)["prompts"] == [
        {
            "id": 1,
            "text": "red or blue",
            "label": "red or blue",
            "answer": "Sure, [SEG], [SEG]",
            "objects": [1, 2],
        },
        {"id": 2, "text": "a unicorn", "label": "a unicorn", "answer": "No.", "objects": []},
    ]


def test_a_file_whose_name_begins_with_a_dash(sa2va, folder):
    make_image(folder / "-dash.png")
    outcome = sa2va("segment", "-dash.png", "red")
    assert outcome.code == 2
    assert "if you mean the file -dash.png, write ./-dash.png" in outcome.err
    for arguments in (["./-dash.png", "red"], ["--save", "mask", "-q", "--", "-dash.png", "red"]):
        outcome = sa2va("segment", "--overwrite", *arguments)
        assert outcome.code == 0, outcome.err
    assert "-dash.mask.png" in outcome.files
