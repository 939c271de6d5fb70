"""Text that comes token by token: whole letters only, no special tokens, and phrases with their places."""

import pytest
from families import FAMILIES, checkpoint

from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.conversation import Mention
from sa2va_cli.model.streamed_text import StreamedText


@pytest.fixture(scope="module", params=FAMILIES)
def tokenizer(request: pytest.FixtureRequest):
    return load_tokenizer(checkpoint(request.param))


def streamed(tokenizer, text: str, stops: tuple[str, ...] = ()) -> tuple[list[str], StreamedText]:
    segment = tokenizer.convert_tokens_to_ids("[SEG]")
    stream = StreamedText(tokenizer, segment, stops)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    pieces = [stream.add(token) for token in ids]
    return [*pieces, stream.end()], stream


@pytest.mark.parametrize(
    "text", ["A dog, and a cat.", "图中有两个女孩和一只棕色的狗。", "Zoë 🐕‍🦺 läuft. \n\n 1 2"]
)
def test_letters_are_whole_and_nothing_is_lost(tokenizer, text):
    pieces, stream = streamed(tokenizer, text)
    assert "".join(pieces) == stream.text == text
    assert "\ufffd" not in "".join(pieces)
    assert len([piece for piece in pieces if piece]) > 1


def test_special_tokens_are_not_text(tokenizer):
    pieces, stream = streamed(tokenizer, "Sure, it is [SEG].<|im_end|>")
    assert "".join(pieces).split() == ["Sure,", "it", "is", "."]
    assert stream.mentions == [None]


def test_phrases_have_places_in_the_text(tokenizer):
    text = "There is <p> a girl </p> [SEG] beside <p>两只狗</p> [SEG] [SEG]."
    _, stream = streamed(tokenizer, text)
    assert [one.phrase for one in stream.mentions if one] == ["a girl", "两只狗", "两只狗"]
    for one in stream.mentions:
        assert isinstance(one, Mention)
        assert stream.text[one.begin : one.end] == one.phrase


def test_a_letter_that_is_never_finished_is_shown_as_broken(tokenizer):
    segment = tokenizer.convert_tokens_to_ids("[SEG]")
    stream = StreamedText(tokenizer, segment)
    ids = tokenizer("𒐫", add_special_tokens=False)["input_ids"]
    if len(ids) < 3:
        pytest.skip("one token")
    assert [stream.add(token) for token in ids[:-1]] == [""] * (len(ids) - 1)
    assert stream.end().endswith("\ufffd")


@pytest.mark.parametrize(("text", "given"), [("Yes.<|end|>", "Yes."), ("a <|b|> <|e", "a <|b|> <|e")])
def test_a_text_that_ends_answers_is_held_back_until_it_is_clear(text, given):
    pieces, stream = streamed(load_tokenizer(checkpoint("internvl-qwen2")), text, ("<|end|>",))
    assert "".join(pieces) == stream.text == given
    assert not any("<|end" in piece for piece in pieces)
