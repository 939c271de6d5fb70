"""Sentences in English and Chinese, and the plans that they are; what cannot be read is refused by name."""

from pathlib import Path

import pytest

from sa2va_cli.editing.grammar import parse_instruction
from sa2va_cli.editing.grammar.refusal import NotUnderstood
from sa2va_cli.editing.schema import plan_document, read_plan
from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.table import EFFECTS


def table(name: str) -> list[tuple[str, str]]:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("# ")]
    return [(sentence, rest) for sentence, rest in rows]


SENTENCES = table("sentences.tsv")
REFUSED = table("refused.tsv")


def is_chinese(sentence: str) -> bool:
    return any("\u3400" <= char <= "\u9fff" for char in sentence)


@pytest.mark.parametrize(("sentence", "plan"), SENTENCES)
def test_a_sentence_is_the_plan_that_it_means(sentence, plan):
    made = parse_instruction(sentence)
    assert " | ".join(edit.words for edit in made.edits) == plan


@pytest.mark.parametrize(("sentence", "part"), REFUSED)
def test_what_cannot_be_read_is_refused_by_its_words(sentence, part):
    with pytest.raises(UsageError) as caught:
        parse_instruction(sentence)
    assert part in str(caught.value)
    assert '--target "the dog" --effect NAME' in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, NotUnderstood)


def test_the_tables_are_as_large_as_they_should_be():
    chinese = sum(is_chinese(sentence) for sentence, _ in SENTENCES)
    assert chinese >= 60
    assert len(SENTENCES) - chinese >= 60
    assert len(REFUSED) >= 20
    assert len({sentence for sentence, _ in SENTENCES}) == len(SENTENCES)


@pytest.mark.parametrize(("sentence", "_"), SENTENCES[::7])
def test_a_plan_of_a_sentence_survives_its_json(sentence, _):
    import json

    made = parse_instruction(sentence)
    assert read_plan(json.dumps(plan_document(made)), "plan") == made


ENGLISH_FRAMES = (
    "{} the dog",
    "turn the dog into {}",
    "make the dog {}",
    "add a {} to the dog",
    "{} the dog blue",
    '{} the dog "Rex"',
    "{} of the dog with blue",
    "put blue {} the dog",
    "replace the {} of the dog with blue",
    "{} behind the dog with blue",
)
CHINESE_FRAMES = (
    "{}狗",
    "把狗{}",
    "把狗变成{}",
    "给狗加上{}",
    "把狗{}红色",
    "把狗的{}换成红色",
    "给狗加上{}“小黑”",
    "提高狗的{}",
    "给狗{}成红色",
    "给狗{}为红色",
)
ALIASES = [
    pytest.param(row.name, word, id=f"{row.name}: {word}")
    for row in EFFECTS.values()
    for word in (row.name, *row.english, *row.chinese)
    if row.name != "generate"
]


@pytest.mark.parametrize(("name", "word"), ALIASES)
def test_every_word_for_an_effect_can_be_said(name, word):
    frames, dog = (CHINESE_FRAMES, "狗") if is_chinese(word) else (ENGLISH_FRAMES, "the dog")
    said = []
    for frame in frames:
        try:
            made = parse_instruction(frame.format(word))
        except UsageError:
            continue
        if [edit.effect for edit in made.edits] == [name] and made.prompts == (dog,):
            said.append(frame)
    assert said


def test_the_nearest_effects_are_named():
    with pytest.raises(UsageError, match=r"nearest effects are .*pixelate"):
        parse_instruction("pixelart-ize the dog")
    with pytest.raises(UsageError, match=r"nearest effects are .*watercolour"):
        parse_instruction("turn the dog into a watrcolour")


def test_words_become_frames_of_a_back_end_where_there_is_one():
    made = parse_instruction("turn the dog into a robot and blur the cat", generative=True)
    assert made.lines == ("1. the dog: generate, prompt=a robot", "2. the cat: blur")
    assert parse_instruction("用猫替换狗", generative=True).edits[0].words == "狗: generate, prompt=猫"


@pytest.mark.parametrize(
    "sentence", ["", "   ", "\ue000", "and", "，", "把", "a" * 3000, "blur " * 200, "the dog, " * 40]
)
def test_what_is_no_sentence_is_refused_in_one_line(sentence):
    with pytest.raises(UsageError) as caught:
        parse_instruction(sentence)
    assert "\n" not in str(caught.value)
