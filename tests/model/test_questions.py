"""What asking costs, and that asking again about the same pictures costs less, for every family."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest
import torch
from families import FAMILIES, LANGUAGES, checkpoint
from recorded import Inputs

from sa2va_cli.checkpoints.families.table import FAMILIES as TABLE
from sa2va_cli.checkpoints.layout import read_layout
from sa2va_cli.datatypes import Frame
from sa2va_cli.model import decoding, second_answers
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork
from sa2va_cli.model.prompt_text import spoken
from sa2va_cli.pipeline.finding import find
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.pipeline.search import Search

NetworkOf = Callable[[str], Sa2VANetwork]
PROMPTS = ("the red ball", "the blue square on the left", "[SEG]")


@contextmanager
def watched(network: Sa2VANetwork) -> Iterator[dict[str, list[int]]]:
    """Counts, call by call, encoded pictures, tokens that were read, and states that got logits."""
    chat = network.chat
    inner = getattr(chat.language_model, "model", chat.language_model)
    head = getattr(chat.language_model, "lm_head", None) or chat.lm_head
    calls: dict[str, list[int]] = {"encoded": [], "read": [], "logits": []}
    handles = [
        chat.vision_model.register_forward_hook(lambda *_: calls["encoded"].append(1)),
        inner.layers[0].register_forward_hook(lambda *call: calls["read"].append(call[1][0].shape[1])),
        head.register_forward_hook(lambda *call: calls["logits"].append(len(call[1][0]))),
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def frames(inputs: Inputs) -> list[Frame]:
    return [Frame(index, index, Fraction(1, 24), inputs.frames[index]) for index in range(2)]


@pytest.fixture(scope="module", params=LANGUAGES)
def network_of_family(request: pytest.FixtureRequest, network_of: NetworkOf) -> Sa2VANetwork:
    return network_of(request.param)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_knows_regions_where_its_family_says_so(name: str, network_of: NetworkOf) -> None:
    assert network_of(name).chat.knows_regions is TABLE[read_layout(checkpoint(name)).family].knows_regions


def alone(network: Sa2VANetwork, inputs: Inputs, prompts: Sequence[str] = PROMPTS) -> list:
    """Groundings of each prompt by itself."""
    session = NetworkSegmenter(network).open()
    view = session.look([frame.image for frame in frames(inputs)])
    return [session.ground(view, question(prompt))[0] for prompt in prompts]


def test_three_prompts_look_at_the_pictures_once(network_of_family: Sa2VANetwork, inputs: Inputs) -> None:
    with watched(network_of_family) as one:
        find(NetworkSegmenter(network_of_family).open(), frames(inputs), Search(prompts=PROMPTS[:1]))
    with watched(network_of_family) as three:
        found = find(NetworkSegmenter(network_of_family).open(), frames(inputs), Search(prompts=PROMPTS))
    assert three["encoded"] == one["encoded"] == [1]
    pictures = max(three["read"])
    assert pictures > 300
    assert sorted(three["read"])[-2] < 50  # and no pass but the first one reads pictures
    assert sum(three["read"]) < pictures + 250
    wanted = alone(network_of_family, inputs)
    assert list(found.answers.values()) == [spoken(grounding.answer) for grounding in wanted]


@torch.inference_mode()
def test_a_question_after_others_is_answered_as_it_is_alone(
    network_of_family: Sa2VANetwork, inputs: Inputs
) -> None:
    chat = network_of_family.chat
    first = view = chat.look(inputs.frames[:2], still=False)
    for prompt in PROMPTS:
        text = f"<image>Please segment {prompt}."
        again, view = chat.answer(view, text)
        single, _ = chat.answer(first, text)
        assert again.token_ids.tolist() == single.token_ids.tolist()
        torch.testing.assert_close(again.hidden, single.hidden, atol=1e-4, rtol=0)
        torch.testing.assert_close(again.segment_states, single.segment_states, atol=1e-4, rtol=0)
    assert first.prefix is None


@torch.inference_mode()
def test_a_still_image_can_be_asked_about_again(network_of_family: Sa2VANetwork, inputs: Inputs) -> None:
    chat = network_of_family.chat
    part = np.s_[77:264, 22:209]  # one tile, and all of the first region
    view = chat.look([inputs.image[part]], still=True)
    text = "<image>Please segment the ball."
    before, view = chat.answer(view, text)
    if "internvl" in chat.sizes.family:  # others know no regions
        _, view = chat.answer(view, "<image>What is in region1?", regions=inputs.regions[:1, *part])
    after, view = chat.answer(view, text)
    assert after.text == before.text
    torch.testing.assert_close(after.hidden, before.hidden, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_drafts_change_nothing_but_the_number_of_passes(
    network_of_family: Sa2VANetwork, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = network_of_family.chat
    view = chat.look(inputs.frames[:3], still=False)
    text = "<image>Please segment the red ball."
    monkeypatch.setattr(second_answers, "NEARLY", 0.0)  # which are passes of their own
    with watched(network_of_family) as drafted:
        quick, _ = chat.answer(view, text)
    monkeypatch.setattr(decoding, "PATIENCE", 0)
    with watched(network_of_family) as plain:
        slow, _ = chat.answer(view, text)
    assert quick.token_ids.tolist() == slow.token_ids.tolist()
    torch.testing.assert_close(quick.hidden, slow.hidden, atol=1e-4, rtol=0)
    assert len(drafted["read"]) <= 2
    assert len(plain["read"]) == len(slow.token_ids)


def test_logits_are_made_where_a_token_is_chosen_and_nowhere_else(
    network_of_family: Sa2VANetwork, inputs: Inputs
) -> None:
    """A prompt has thousands of tokens, and a vocabulary 150,000."""
    with watched(network_of_family) as calls:
        (grounding,) = alone(network_of_family, inputs, PROMPTS[:1])
    assert grounding.answer
    assert max(calls["logits"]) < 20
    assert max(calls["read"]) > 300
    # Step by step where an answer is written, and once more where it is read for how decided its words were.
    assert sum(calls["logits"]) < sum(calls["read"]) / 10
