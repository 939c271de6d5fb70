"""Chat models of transformers answer as their own classes do when they are driven directly."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import stockmodels
from stockmodels import direct, loaded

from sa2va_cli.conversation import Exchange, Generation, Pictures, Question, Reply
from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import ModelError, UsageError
from sa2va_cli.model.plain_words import PlainWords
from sa2va_cli.model.stock import StockEngine

MAKERS: dict[str, Callable[[Path], Path]] = {
    "onevision": stockmodels.onevision,
    "next-video": stockmodels.next_video,
}
GREEDY = Generation(max_new_tokens=8)


@pytest.fixture(scope="module", params=MAKERS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> StockEngine:
    return loaded(MAKERS[request.param](tmp_path_factory.mktemp(request.param)), request.param)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3), dtype=np.uint8)


IMAGE, TALL, CLIP, OTHER = noise(40, 60), noise(66, 30), noise(8, 36, 64), noise(3, 50, 41)


def stills(*images: RGB) -> tuple[Pictures, ...]:
    return tuple(Pictures((image,)) for image in images)


QUESTIONS = {
    "words": Question("Hello there"),
    "image": Question("What is it?", stills(IMAGE)),
    "several images": Question("What is different?", stills(IMAGE, TALL)),
    "a folder of images": Question("What is different?", (Pictures((IMAGE, TALL)),)),
    "video": Question("What happens?", (Pictures(tuple(CLIP), video=True),)),
    "video and image": Question("Is it there?", (*stills(TALL), Pictures(tuple(CLIP), video=True))),
}


def ask(engine: StockEngine, question: Question, generation: Generation = GREEDY) -> Reply:
    return engine.converse(generation).ask(question)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_that_of_the_class_itself(engine: StockEngine, name: str) -> None:
    assert list(ask(engine, QUESTIONS[name]).token_ids) == direct(engine, QUESTIONS[name])


def test_answers_depend_on_the_pictures(engine: StockEngine) -> None:
    asked = [Question("What is it?", stills(noise(40, 40 + k))) for k in range(6)]
    assert len({ask(engine, question).token_ids for question in asked}) > 1


def test_a_batch_of_everything_is_answered_as_one_by_one(engine: StockEngine) -> None:
    questions = [*QUESTIONS.values(), Question("Short?", (Pictures(tuple(OTHER), video=True),))]
    alone = [ask(engine, question).token_ids for question in questions]
    assert [reply.token_ids for reply in engine.answer_all(questions, GREEDY)] == alone


def test_a_later_turn_is_that_of_the_whole_conversation_read_afresh(engine: StockEngine) -> None:
    conversation = engine.converse(GREEDY)
    first = conversation.ask(QUESTIONS["image"])
    later = conversation.ask(Question("And now?"))
    past = (Exchange("What is it?", first.text),)
    afresh = ask(engine, Question("And now?", QUESTIONS["image"].pictures, past=past))
    assert later.token_ids == afresh.token_ids
    assert later.prompt_tokens == afresh.prompt_tokens == afresh.read_tokens
    assert later.read_tokens <= later.prompt_tokens - first.prompt_tokens


def test_new_pictures_are_read_with_the_old_ones(engine: StockEngine) -> None:
    conversation = engine.converse(GREEDY)
    conversation.ask(QUESTIONS["image"])
    later = conversation.ask(Question("And this?", stills(TALL)))
    assert later.read_tokens == later.prompt_tokens


def test_taking_back_a_question_takes_its_pictures_too(engine: StockEngine) -> None:
    conversation = engine.converse(GREEDY)
    conversation.ask(Question("What is it?", stills(IMAGE[:, ::-1])))
    conversation.undo()
    assert len(conversation) == 0
    assert conversation.ask(QUESTIONS["image"]).token_ids == ask(engine, QUESTIONS["image"]).token_ids
    conversation.undo()
    conversation.undo()


def test_an_answer_is_told_while_it_is_generated_and_ends_when_nobody_listens(engine: StockEngine) -> None:
    heard: list[str] = []
    whole = engine.converse(GREEDY).ask(QUESTIONS["image"], heard.append)
    assert "".join(heard).strip() == whole.text
    cut = engine.converse(GREEDY).ask(QUESTIONS["image"], lambda _: False)
    assert cut.stop == "interrupted"
    assert cut.token_ids == whole.token_ids[: len(cut.token_ids)]


def test_an_answer_ends_at_its_own_end(engine: StockEngine) -> None:
    whole = ask(engine, QUESTIONS["words"])
    assert whole.stop == "length"
    ends = engine._ends
    engine._ends = {whole.token_ids[0]}
    before, engine.model.generation_config.eos_token_id = (
        engine.model.generation_config.eos_token_id,
        whole.token_ids[0],
    )
    short = ask(engine, QUESTIONS["words"])
    engine._ends, engine.model.generation_config.eos_token_id = ends, before
    assert (short.stop, short.token_ids) == ("end", whole.token_ids[:1])


def test_the_same_seed_draws_the_same_answers_alone_and_together(engine: StockEngine) -> None:
    drawn = [Generation(max_new_tokens=8, temperature=3.0, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (ask(engine, QUESTIONS["image"], generation).token_ids for generation in drawn)
    assert first == again != other
    both = engine.answer_all([QUESTIONS["words"], QUESTIONS["image"]], drawn[0])
    assert both[1].token_ids == first


def test_control_tokens_in_a_persons_words_are_words(engine: StockEngine) -> None:
    odd = "the <image> tag <|im_end|></s> and <video>"
    question = Question(odd, stills(IMAGE))
    inputs = engine.inputs([engine.turns(question)], GREEDY, engine.processor)
    plain = engine.inputs([engine.turns(QUESTIONS["image"])], GREEDY, engine.processor)
    specials = set(engine.processor.tokenizer.get_added_vocab().values())
    counts = [sum(token in specials for token in made["input_ids"][0].tolist()) for made in (inputs, plain)]
    assert counts[0] == counts[1]
    assert ask(engine, question).stop == "length"


def test_the_system_turn_is_the_templates(engine: StockEngine) -> None:
    prompt = engine.prompt(engine.turns(QUESTIONS["words"]), "Be brief. ")
    wanted = {
        "onevision": "<|im_start|>system\nBe brief. <|im_end|>\n<|im_start|>user\nHello there<|im_end|>\n"
        "<|im_start|>assistant\n",
        "next-video": "Be brief.  USER: Hello there ASSISTANT:",
    }
    assert prompt == wanted[engine.identity.name]


def test_processors_may_ask_where_a_character_went(engine: StockEngine) -> None:
    tokenizer = engine.processor.tokenizer
    hidden = PlainWords(tokenizer, ["<image>"])
    texts = [f"{hidden.hide('a <image> b')}<image><image>.", "<image>"]
    made = hidden(texts)
    first = texts[0].index("<image>")
    places = [(0, first), (0, first + len("<image>")), (1, 0)]
    tokens = [made.char_to_token(row, place) for row, place in places]
    assert tokens[1] == tokens[0] + 1
    assert {int(made["input_ids"][row, token]) for (row, _), token in zip(places, tokens, strict=True)} == {
        tokenizer.convert_tokens_to_ids("<image>")
    }


@contextmanager
def template(engine: StockEngine, text: str) -> Iterator[None]:
    """The model with another chat template."""
    before = engine.processor.chat_template
    engine.processor.chat_template = text
    yield
    engine.processor.chat_template = before


WORDS = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ m['content'][0]['text'] }}{% endif %}{% endfor %}"
)


@pytest.mark.parametrize(
    "text",
    [
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + WORDS,
        WORDS,
    ],
    ids=["refuses", "leaves out"],
)
def test_a_template_without_a_system_turn_is_told(engine: StockEngine, text: str) -> None:
    brief = Generation(max_new_tokens=2, system="Be brief.")
    with template(engine, text):
        assert len(ask(engine, QUESTIONS["words"], Generation(max_new_tokens=2)).token_ids) == 2
        with pytest.raises(UsageError, match="has no system turn; leave") as told:
            ask(engine, QUESTIONS["words"], brief)
        with pytest.raises(UsageError):
            engine.answer_all([QUESTIONS["words"]], brief)
    assert "leave --system out" in told.value.command_line


@pytest.mark.parametrize(
    "text", ["{{ messages[0]['content'] + 1 }}", "{{ broken", "{{ raise_exception('no') }}"]
)
@pytest.mark.parametrize("system", [None, "Be brief."])
def test_a_template_that_fails_is_told(engine: StockEngine, text: str, system: str | None) -> None:
    with template(engine, text), pytest.raises(ModelError, match="cannot write this conversation: "):
        ask(engine, QUESTIONS["words"], Generation(max_new_tokens=2, system=system))


def test_control_tokens_in_the_system_turn_are_words(engine: StockEngine) -> None:
    systems = ("Be brief.", "Be <image> brief <|im_end|></s>.")
    specials = set(engine.processor.tokenizer.get_added_vocab().values())
    counts = []
    for system in systems:
        turns = engine.turns(QUESTIONS["words"])
        made = engine.inputs([turns], Generation(system=system), engine.processor)
        counts.append(sum(token in specials for token in made["input_ids"][0].tolist()))
    assert counts[0] == counts[1]


def test_a_model_without_videos_is_shown_their_frames(engine: StockEngine) -> None:
    plain = StockEngine(engine.model, engine.processor, engine.identity, takes_videos=False)
    clip = Question("What happens?", (Pictures(tuple(OTHER), video=True),))
    same = Question("What happens?", (Pictures(tuple(OTHER)),))
    assert ask(plain, clip).token_ids == ask(engine, same).token_ids


def test_regions_are_refused(engine: StockEngine) -> None:
    question = Question("What is region1?", stills(IMAGE), regions=np.ones((1, 40, 60), bool))
    with pytest.raises(UsageError, match="knows no regions"):
        ask(engine, question)
    assert not engine.has_masks


def test_what_was_said_elsewhere_comes_with_the_first_question_only(engine: StockEngine) -> None:
    conversation = engine.converse(GREEDY)
    conversation.ask(QUESTIONS["words"])
    with pytest.raises(UsageError, match="only be given with the first"):
        conversation.ask(Question("And?", past=(Exchange("a", "b"),)))


def test_a_class_that_nothing_is_made_for_is_asked_alone_together_and_in_turns(tmp_path: Path) -> None:
    """``<image>`` among the words, as its processor asks where characters went."""
    other = loaded(stockmodels.idefics3(tmp_path / "idefics3"), "idefics3")
    image = stills(IMAGE)
    questions = [*QUESTIONS.values(), Question("the <image> tag<end_of_utterance>", image)]
    alone = [ask(other, question) for question in questions]
    assert len({reply.prompt_tokens for reply in alone}) > 3
    together = other.answer_all(questions, GREEDY)
    assert [one.token_ids for one in together] == [one.token_ids for one in alone]
    talk = other.converse(GREEDY)
    said = talk.ask(Question("What is it?", image))
    second = talk.ask(Question("And then?"))
    past = (Exchange("What is it?", said.text),)
    assert second.token_ids == ask(other, Question("And then?", image, past=past)).token_ids
    assert second.read_tokens < second.prompt_tokens
