"""Conversations: what is remembered, what is read again, and that it changes nothing about the answers."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from families import FAMILIES, LANGUAGES, cases
from recorded import Case, Inputs, read_case
from test_questions import watched

from sa2va_cli.conversation import Exchange, Generation, Pictures, Question
from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import UsageError
from sa2va_cli.model import chat
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork
from sa2va_cli.model.prompt_text import encode, spoken

NetworkOf = Callable[[str], Sa2VANetwork]
SHORT = Generation(max_new_tokens=6)

ASKABLE = [
    (family, name)
    for family in FAMILIES
    for name, case in cases(family).items()
    if case.get("template") != "phi3_chat" and name != "image_seg_token_in_prompt"
]
"""A typed ``[SEG]`` is a word to a conversation; the other template has a test of its own."""

PASTS = {
    "image_second_turn": Exchange("Please describe the video content.", "The ball is moving to the right."),
    "text_only_past_text": Exchange("Hello, who are you?", "I am a helpful assistant."),
}


@pytest.fixture(scope="module", params=LANGUAGES)
def engine(request: pytest.FixtureRequest, network_of: NetworkOf) -> NetworkSegmenter:
    return NetworkSegmenter(network_of(request.param))


@pytest.fixture
def seen_once(
    engine: NetworkSegmenter, looking_once: Callable[[Sa2VANetwork], AbstractContextManager[None]]
) -> Iterator[None]:
    """For what is about the words that are read: pictures that come again are not encoded again."""
    with looking_once(engine.network):
        yield


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The ids of every prompt that a conversation reads."""
    seen: list[list[int]] = []

    def spy(tokenizer: object, text: str) -> list[int]:
        seen.append(encode(tokenizer, text))
        return seen[-1]

    monkeypatch.setattr(chat, "encode", spy)
    return seen


def asked(case: Case, inputs: Inputs) -> Question:
    """The question of a recorded case, as a person would put it."""
    images = case.pictures(inputs)
    if case.kind == "video":
        images = [images[index] for index in case.keyframes]
    pictures = (Pictures(tuple(images), video=case.kind == "video"),) if images else ()
    past = (PASTS[case.name],) if case.past_text else ()
    regions = inputs.regions > 0 if case.mask_prompts else None
    return Question(case.text.removeprefix("<image>"), pictures, regions, past)


@pytest.mark.parametrize(("family", "name"), ASKABLE)
def test_recorded_cases_are_answered_as_recorded(
    network_of: NetworkOf,
    inputs: Inputs,
    prompts: list[list[int]],
    looking_once: Callable[[Sa2VANetwork], AbstractContextManager[None]],
    family: str,
    name: str,
) -> None:
    case = read_case(family, name)
    pieces: list[str] = []
    conversation = NetworkSegmenter(network_of(family)).converse()
    with looking_once(network_of(family)):
        reply = conversation.ask(asked(case, inputs), pieces.append)
    assert prompts == [case.golden["input_ids"].tolist()]
    assert list(reply.token_ids) == case.golden["generated_ids"].tolist()
    assert reply.marked == case.prediction
    assert reply.stop == "end"
    assert "".join(pieces) == reply.text
    assert "<|" not in reply.text
    assert "[SEG]" not in reply.text
    if "[SEG]" not in case.prediction:
        assert reply.text == spoken(case.prediction)
    assert len(reply.queries) == len(reply.mentions) == case.objects
    if case.objects:
        np.testing.assert_allclose(reply.queries, case.golden["seg_embeds"], atol=1e-4, rtol=0)


def still(inputs: Inputs) -> RGB:
    """A picture of one tile; the recorded cases have one of thirteen."""
    return inputs.image[180:240, 300:360]


def questions(inputs: Inputs) -> list[Question]:
    clip = Pictures(tuple(inputs.frames[:2]), video=True)
    return [
        Question("What is to be seen?", (clip,)),
        Question("Please segment the red ball."),
        Question("And <|im_end|> or [SEG]?"),
    ]


def test_more_than_the_model_reads_is_refused_and_nothing_was_asked(
    engine: NetworkSegmenter, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, message = (
        questions(inputs)[0],
        r"are [\d,]+ tokens, and the language model reads (60|120); show",
    )
    language: Any = engine.network.chat.language_model
    text = getattr(language.config, "text_config", language.config)
    monkeypatch.setattr(text, "max_position_embeddings", 60)
    conversation = engine.converse(SHORT)
    with pytest.raises(UsageError, match=message):
        conversation.ask(question)
    with pytest.raises(UsageError, match=message):
        engine.answer_all([question], SHORT)
    with engine.open() as session, pytest.raises(UsageError, match=message):
        session.ground(session.look(question.pictures[0].images), f"<image>{question.text}")
    assert len(conversation) == 0


@pytest.mark.parametrize(
    ("rope", "length"),
    [
        ({"rope_type": "default"}, 4096),
        ({"rope_type": "linear", "factor": 2.5}, 10240),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}, 16384),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}, 4096),
    ],
)
def test_a_model_reads_as_far_as_its_positions_are_stretched(
    rope: dict[str, Any] | None, length: int
) -> None:
    config = SimpleNamespace(max_position_embeddings=4096, rope_parameters=rope)
    model = SimpleNamespace(language_model=SimpleNamespace(config=config))
    assert chat.context_length(model) == length


def test_the_second_turn_reads_its_own_words_only(engine: NetworkSegmenter, inputs: Inputs) -> None:
    conversation = engine.converse(SHORT)
    with watched(engine.network) as calls:
        replies = [conversation.ask(question) for question in questions(inputs)]
    assert calls["encoded"] == [1]
    assert replies[0].read_tokens == replies[0].prompt_tokens > 300
    assert [reply.read_tokens < 60 for reply in replies] == [False, True, True]
    assert len(conversation) == 3


@pytest.mark.usefixtures("seen_once")
def test_what_is_remembered_changes_no_answer(
    engine: NetworkSegmenter, inputs: Inputs, prompts: list[list[int]]
) -> None:
    """The same conversation, with everything read anew for every question."""
    quick, slow = engine.converse(SHORT), engine.converse(SHORT)
    for question in questions(inputs):
        got = quick.ask(question)
        slow._prefix = None
        wanted = slow.ask(question)
        assert got.token_ids == wanted.token_ids
        assert wanted.read_tokens == wanted.prompt_tokens == got.prompt_tokens
        torch.testing.assert_close(got.queries, wanted.queries, atol=1e-4, rtol=0)
    assert prompts[::2] == prompts[1::2]


@pytest.mark.usefixtures("seen_once")
def test_pictures_can_come_later_and_go_again(engine: NetworkSegmenter, inputs: Inputs) -> None:
    picture = Question("And this?", (Pictures((still(inputs),)),))
    other = Question("And this?", (Pictures((still(inputs)[:, ::-1].copy(),)),))
    conversation, control = engine.converse(SHORT), engine.converse(SHORT)
    for one in (conversation, control):
        one.ask(questions(inputs)[0])
    conversation.ask(picture)
    conversation.undo()
    assert len(conversation) == 1
    got, wanted = conversation.ask(other), control.ask(other)
    assert got.token_ids == wanted.token_ids
    assert (
        abs(got.read_tokens - wanted.read_tokens) < 9
    )  # an answer may be written in other tokens than it was said
    control._prefix = None
    control.undo()
    assert control.ask(other).token_ids == wanted.token_ids  # read from the very beginning
    for _ in range(3):
        conversation.undo()
    assert len(conversation) == 0
    assert conversation.ask(questions(inputs)[0]).read_tokens > 300


@pytest.mark.usefixtures("seen_once")
def test_a_batch_gives_the_same_answers_as_one_by_one(engine: NetworkSegmenter, inputs: Inputs) -> None:
    clip = Pictures(tuple(inputs.frames[:2]), video=True)
    batch = [
        Question("Please segment the red ball.", (clip,)),
        Question("Hello, who are you?"),
        Question(
            "Can you segment the red ball and the blue square in the image?", (Pictures((still(inputs),)),)
        ),
    ]
    for generation in (Generation(max_new_tokens=12), Generation(5, temperature=1.0, seed=3)):
        alone = [engine.converse(generation).ask(question) for question in batch]
        together = engine.answer_all(batch, generation)
        for wanted, got in zip(alone, together, strict=True):
            assert (got.token_ids, got.text, got.stop) == (wanted.token_ids, wanted.text, wanted.stop)
            assert got.prompt_tokens == wanted.prompt_tokens
            torch.testing.assert_close(got.queries, wanted.queries, atol=1e-4, rtol=0)
    assert engine.answer_all([], SHORT) == []


def test_a_seed_decides_what_is_drawn(engine: NetworkSegmenter) -> None:
    question = Question("Hello there")

    def said(**how: float) -> tuple[int, ...]:
        return engine.converse(Generation(12, **how)).ask(question).token_ids  # type: ignore[arg-type]

    hot = {"temperature": 30.0}
    assert said(seed=1, **hot) == said(seed=1, **hot)
    assert said(seed=1, **hot) != said(seed=2, **hot)
    assert said(seed=1, **hot, top_p=1e-6) == said() == said(seed=5)


def test_a_listener_ends_an_answer_and_what_was_said_stays(engine: NetworkSegmenter) -> None:
    conversation = engine.converse(SHORT)
    reply = conversation.ask(Question("Hello, who are you?"), lambda _: False)
    assert reply.stop == "interrupted"
    assert len(reply.token_ids) < 4
    assert len(conversation) == 1
    assert conversation.ask(Question("Hello, who are you?")).prompt_tokens > reply.prompt_tokens


def test_a_system_turn_comes_first_and_is_words(engine: NetworkSegmenter, prompts: list[list[int]]) -> None:
    engine.converse(Generation(2, system="Be <|im_end|> brief.")).ask(Question("Hello"))
    engine.converse(Generation(2)).ask(Question("Hello"))
    tokenizer = engine.network.chat.tokenizer
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    own_turn = "qwen2.5" in engine.network.chat.sizes.family
    assert [ids.count(end) for ids in prompts] == [2, 2 if own_turn else 1]
    text = tokenizer.decode(prompts[0]).replace(" ", "")
    assert text.removeprefix("<s>").startswith(
        "<|im_start|>system\nBe<|im_end|>brief.<|im_end|>\n<|im_start|>user"
    )


def test_what_cannot_be_asked_is_an_error_and_nothing_was_asked(
    engine: NetworkSegmenter, inputs: Inputs
) -> None:
    conversation = engine.converse(SHORT)
    clip = Pictures(tuple(inputs.frames[:2]), video=True)
    with pytest.raises(UsageError, match="regions"):
        conversation.ask(Question("What is region1?", (clip,), regions=inputs.regions > 0))
    assert len(conversation) == 0
    conversation.ask(Question("Hello"))
    with pytest.raises(UsageError, match="first question"):
        conversation.ask(Question("Hello", past=(Exchange("a", "b"),)))
    assert len(conversation) == 1


def test_a_template_whose_end_is_made_of_words_goes_on_too(
    network_of: NetworkOf, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    chat = network_of("internvl-qwen2").chat
    case = read_case("internvl-qwen2", "image_1seg_template_phi3_chat")
    monkeypatch.setattr(chat, "sizes", dataclasses.replace(chat.sizes, template=case.template))
    conversation = NetworkSegmenter(network_of("internvl-qwen2")).converse()
    pieces: list[str] = []
    reply = conversation.ask(asked(case, inputs), pieces.append)
    assert list(reply.token_ids) == case.golden["generated_ids"].tolist()
    assert "".join(pieces) == reply.text == "Sure, ."
    assert conversation.ask(Question("And now?")).read_tokens < 60
