"""SAIL-VL says what its own code said, on the tiny reference checkpoint; turns and batches included."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import torch
from families import cases, checkpoint
from PIL import Image
from recorded import REFERENCE

from sa2va_cli.checkpoints.loader import load_chat_network, load_network
from sa2va_cli.conversation import Conversation, Exchange, Generation, Pictures, Question, Reply
from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import ModelError, UsageError
from sa2va_cli.model.network import ChatNetwork, NetworkTalker
from sa2va_cli.model.preprocessing import cut_tiles, tile_grid, vision_pixels
from sa2va_cli.model.prompt_text import encode

FAMILY = "sail_vl"
CASES = [name for name, case in cases(FAMILY).items() if case["api"] == "chat"]
TURNS = [name for name in CASES if cases(FAMILY)[name]["history"]]
GREEDY = Generation(max_new_tokens=24)


@pytest.fixture(scope="module")
def loaded() -> ChatNetwork:
    return load_chat_network(checkpoint(FAMILY), torch.device("cpu"), torch.float32)


@pytest.fixture
def network(
    request: pytest.FixtureRequest,
    loaded: ChatNetwork,
    looking_once: Callable[[ChatNetwork], AbstractContextManager[None]],
) -> Iterator[ChatNetwork]:
    """With the sizes that the case of the test has."""
    before = loaded.chat.sizes
    if request.node.callspec.params.get("name") == "image_config_defaults":
        loaded.chat.sizes = dataclasses.replace(before, select_layer=-4, shuffle_version="v1")
    with looking_once(loaded):
        yield loaded
    loaded.chat.sizes = before


def pictures(case: dict[str, Any]) -> list[RGB]:
    found = []
    for shown in case["images"]:
        image = Image.open(REFERENCE / "inputs" / shown["file"]).convert("RGB")
        found.append(np.asarray(image.crop(shown["crop"]) if "crop" in shown else image))
    return found


def golden(name: str) -> Any:
    return np.load(REFERENCE / "golden" / FAMILY / f"{name}.npz")


def stills(images: list[RGB]) -> tuple[Pictures, ...]:
    return tuple(Pictures((image,)) for image in images)


def asked(network: ChatNetwork, case: dict[str, Any]) -> tuple[Conversation, Reply, list[str]]:
    """Asks what a case asks, after what it said before, one turn at a time."""
    conversation = NetworkTalker(network).converse(GREEDY)
    shown = stills(pictures(case))
    for question, answer in case["history"] or ():
        with_pictures = shown if "<image>" in question else ()
        assert conversation.ask(Question(question, with_pictures)).text == answer
        shown = () if with_pictures else shown
    heard: list[str] = []
    return conversation, conversation.ask(Question(case["text"], shown), heard.append), heard


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_is_answered_as_it_was(name: str, network: ChatNetwork) -> None:
    case = cases(FAMILY)[name]
    conversation, reply, heard = asked(network, case)
    assert reply.text == case["prediction"] == "".join(heard)
    assert list(reply.token_ids) == case["generated_ids"]
    assert reply.prompt_tokens == case["prompt_len"]
    assert reply.stop == "end"
    assert len(conversation) == 1 + len(case["history"] or ())


@pytest.mark.parametrize("name", CASES)
@torch.inference_mode()
def test_numbers_of_a_recorded_case_are_those_of_the_official_code(name: str, network: ChatNetwork) -> None:
    case, wanted, chat = cases(FAMILY)[name], golden(name), network.chat
    tiles = [tile for image in pictures(case) for tile in cut_tiles(image, 10, 448)]
    if tiles:
        assert [crc32(tile.tobytes()) for tile in tiles] == wanted["tile_crc32"].tolist()
        assert np.array_equal(vision_pixels(tiles)[:, :, :4, :4], wanted["vlm_pixel_corner"])
        seen = chat.look(pictures(case)[:1], still=True).pictures
        np.testing.assert_allclose(seen.tokens[0, ::4], wanted["projected_tile0_every4"], atol=1e-4)
    question = Question(
        case["text"], stills(pictures(case)), past=tuple(Exchange(*pair) for pair in case["history"] or ())
    )
    from transformers import DynamicCache

    from sa2va_cli.model.conversing import turns_of

    turns = turns_of(chat, question)
    ids = encode(chat.tokenizer, chat.write(turns))
    assert ids == wanted["input_ids"].tolist()
    states = chat.read(ids, chat.gather(turns), DynamicCache(config=chat.language_model.config))
    np.testing.assert_allclose(states[-1], wanted["prefill_last_hidden"], atol=1e-4)
    np.testing.assert_allclose(chat.logits(states[-1]), wanted["prefill_last_logits"], atol=1e-3)


@pytest.mark.parametrize("name", TURNS)
def test_what_was_said_elsewhere_is_as_if_it_was_said_here(name: str, network: ChatNetwork) -> None:
    case = cases(FAMILY)[name]
    past = tuple(Exchange(*pair) for pair in case["history"])
    question = Question(case["text"], stills(pictures(case)), past=past)
    assert NetworkTalker(network).converse(GREEDY).ask(question).text == case["prediction"]


def test_a_later_turn_reads_its_own_words_only(loaded: ChatNetwork) -> None:
    _, reply, _ = asked(loaded, cases(FAMILY)["image_second_turn"])
    assert reply.read_tokens < 30
    assert reply.prompt_tokens > 1800


def test_a_recorded_batch_is_answered_as_it_was(loaded: ChatNetwork) -> None:
    case = cases(FAMILY)["batch_2"]
    questions = [
        Question(text, stills([image])) for text, image in zip(case["text"], pictures(case), strict=True)
    ]
    replies = NetworkTalker(loaded).answer_all(questions, GREEDY)
    assert [reply.text for reply in replies] == case["prediction"]
    assert [list(reply.token_ids) for reply in replies] == case["generated_ids"]


def test_pictures_come_first_where_the_words_do_not_say_where_they_go(loaded: ChatNetwork) -> None:
    case = cases(FAMILY)["two_images"]
    question = Question("What is the difference between the two images?", stills(pictures(case)))
    reply = NetworkTalker(loaded).converse(GREEDY).ask(question)
    assert (reply.text, reply.prompt_tokens) == (case["prediction"], case["prompt_len"])


def test_frames_of_a_video_are_one_tile_each(loaded: ChatNetwork) -> None:
    frames = Pictures(tuple(pictures(cases(FAMILY)["two_images"])), video=True)
    reply = NetworkTalker(loaded).converse(GREEDY).ask(Question("What happens?", (frames,)))
    assert 2 * 256 < reply.prompt_tokens < 2 * 256 + 100


def test_control_tokens_in_a_persons_words_are_words(loaded: ChatNetwork) -> None:
    plain, odd = (
        NetworkTalker(loaded).converse(GREEDY).ask(Question(text)).prompt_tokens
        for text in ("Hello", "Hello<|im_end|><IMG_CONTEXT><image>")
    )
    assert odd > plain + 10


def test_taking_back_a_question_takes_its_pictures_too(loaded: ChatNetwork) -> None:
    case = cases(FAMILY)["image_frame"]
    conversation = NetworkTalker(loaded).converse(GREEDY)
    conversation.ask(Question(case["text"], stills([pictures(case)[0][:, ::-1]])))
    conversation.undo()
    assert len(conversation) == 0
    assert conversation.ask(Question(case["text"], stills(pictures(case)))).text == case["prediction"]


def test_regions_are_refused(loaded: ChatNetwork) -> None:
    image = pictures(cases(FAMILY)["image_frame"])[0]
    question = Question("What is region1?", stills([image]), regions=np.ones((1, *image.shape[:2]), bool))
    with pytest.raises(UsageError, match="SAIL-VL knows no regions"):
        NetworkTalker(loaded).converse(GREEDY).ask(question)


def test_it_has_no_masks(loaded: ChatNetwork) -> None:
    assert not NetworkTalker(loaded).has_masks
    with pytest.raises(ModelError, match="without a mask decoder"):
        load_network(checkpoint(FAMILY), torch.device("cpu"), torch.float32)


def test_pictures_are_cut_as_the_model_card_cuts_them() -> None:
    tiling = json.loads((REFERENCE / "golden" / FAMILY / "tiling.json").read_text())["tiles"]
    for size, by_limit in tiling.items():
        width, height = map(int, size.split("x"))
        for limit, (grid, _) in by_limit.items():
            assert list(tile_grid(width, height, int(limit), 448)) == grid, (size, limit)
