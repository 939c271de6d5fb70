"""Chat models of transformers answer as their own classes do when they are driven directly."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stockmodels
import torch
from PIL import Image

from sa2va_cli.checkpoints.stock_loader import load_stock
from sa2va_cli.checkpoints.stock_processor import load_processor
from sa2va_cli.conversation import Exchange, Generation, Pictures, Question, Reply
from sa2va_cli.datatypes import RGB, ModelIdentity
from sa2va_cli.errors import UsageError
from sa2va_cli.model.stock import StockEngine

MAKERS: dict[str, Callable[[Path], Path]] = {
    "onevision": stockmodels.onevision,
    "next-video": stockmodels.next_video,
}
GREEDY = Generation(max_new_tokens=8)


@pytest.fixture(scope="module", params=MAKERS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> StockEngine:
    folder = MAKERS[request.param](tmp_path_factory.mktemp(request.param))
    model = load_stock(folder, torch.device("cpu"), torch.float32)
    processor, takes_videos = load_processor(folder, model.config)
    return StockEngine(model, processor, ModelIdentity(request.param), takes_videos=takes_videos)


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


def frames(engine: StockEngine, video: np.ndarray) -> torch.Tensor:
    """A video's pixels as the first processors of both models made them, written out."""
    squares = []
    for frame in video:
        image = Image.fromarray(frame)
        if engine.identity.name == "onevision":
            image = image.resize((stockmodels.SIDE, stockmodels.SIDE), Image.Resampling.BICUBIC)
            mean = std = np.full(3, 0.5, np.float32)
        else:
            scale = stockmodels.SIDE / min(image.size)
            size = tuple(int(side * scale + 1e-6) for side in image.size)
            image = image.resize(size, Image.Resampling.BICUBIC)
            left, top = ((side - stockmodels.SIDE) // 2 for side in image.size)
            image = image.crop((left, top, left + stockmodels.SIDE, top + stockmodels.SIDE))
            mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
            std = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
        squares.append((np.asarray(image, np.float32) / 255 - mean) / std)
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)


def image_tokens(engine: StockEngine, images: list[Image.Image]) -> list[int]:
    """How many features the model itself makes of each image."""
    made = engine.processor.image_processor([images], return_tensors="pt")
    features = engine.model.get_image_features(**dict(made), return_dict=True).pooler_output
    return [len(one) for one in features]


def direct(engine: StockEngine, question: Question, *, before: str = "", tokens: int = 8) -> list[int]:
    """The class's own ``generate`` on inputs that are put together here, as the cards do."""
    images = [Image.fromarray(i) for p in question.pictures if not p.video for i in p.images]
    videos = [np.stack(p.images) for p in question.pictures if p.video]
    tags = "<image>\n" * len(images) + "<video>\n" * len(videos)
    if engine.identity.name == "onevision":
        prompt = f"<|im_start|>user\n{tags}{question.text}<|im_end|>\n<|im_start|>assistant\n"
        per_frame = (stockmodels.SIDE // stockmodels.PATCH // 2) ** 2
        video_tokens = [len(video) * per_frame + 1 for video in videos]
    else:
        prompt = f"USER: {tags}{question.text} ASSISTANT:"
        per_frame = (stockmodels.SIDE // stockmodels.PATCH // 2) ** 2
        video_tokens = [len(video) * per_frame for video in videos]
    prompt = before + prompt
    inputs: dict[str, Any] = {}
    if images:
        inputs |= dict(engine.processor.image_processor([images], return_tensors="pt"))
        for count in image_tokens(engine, images):
            prompt = prompt.replace("<image>", "\0" * count, 1)
    if videos:
        inputs["pixel_values_videos"] = torch.stack([frames(engine, video) for video in videos])
        for count in video_tokens:
            prompt = prompt.replace("<video>", "\1" * count, 1)
    prompt = prompt.replace("\0", "<image>").replace("\1", "<video>")
    ids = engine.processor.tokenizer(prompt, return_tensors="pt")
    done = engine.model.generate(**ids, **inputs, max_new_tokens=tokens, do_sample=False)
    return done[0, ids["input_ids"].shape[1] :].tolist()


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
    prompt = engine.prompt(engine.turns(QUESTIONS["words"]), Generation(system="Be brief. "))
    wanted = {
        "onevision": "<|im_start|>system\nBe brief. <|im_end|>\n<|im_start|>user\nHello there<|im_end|>\n"
        "<|im_start|>assistant\n",
        "next-video": "Be brief.  USER: Hello there ASSISTANT:",
    }
    assert prompt == wanted[engine.identity.name]


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
