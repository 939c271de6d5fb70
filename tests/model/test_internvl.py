import dataclasses

import pytest
import torch
from recorded import Inputs
from transformers import InternVLModel

from sa2va_cli.errors import UsageError
from sa2va_cli.model.internvl import TEMPLATES, pixel_shuffle
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.model.prompt_text import PromptText


def test_pixel_shuffle_is_that_of_transformers() -> None:
    tokens = torch.randn(2, 36, 8)
    wanted = InternVLModel.pixel_shuffle(None, tokens.view(2, 6, 6, 8), 0.5)
    torch.testing.assert_close(pixel_shuffle(tokens, 0.5), wanted.reshape(2, 9, 32), rtol=0, atol=0)


def test_each_keyframe_has_its_own_image_tags(network: Sa2VANetwork) -> None:
    prompt = network.chat.prompt("<image>Hello.", 2, video=True)
    assert prompt.count("</img>\n<img>") == 1
    assert prompt.count("<IMG_CONTEXT>") == 2 * 256
    assert "</img>Hello." in prompt


def test_tiles_share_one_pair_of_image_tags(network: Sa2VANetwork) -> None:
    prompt = network.chat.prompt("<image>Hello.", 7, video=False)
    assert prompt.count("<img>") == 1
    assert prompt.count("<IMG_CONTEXT>") == 7 * 256


def test_regions_are_spoken_of_after_the_picture(network: Sa2VANetwork) -> None:
    regions = torch.zeros(2, 16, 16, dtype=torch.bool)
    regions[0, 0, :3] = True
    prompt = network.chat.prompt("<image>What?", 1, video=False, regions=regions)
    spoken = "region1<vp><IMG_CONTEXT><IMG_CONTEXT><IMG_CONTEXT></vp>, region2<vp></vp>.\nWhat?"
    assert f"</img>\nThere are 2 part regions in the picture: {spoken}" in prompt


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_without_a_picture_the_image_tag_vanishes(network: Sa2VANetwork, template: str) -> None:
    before = network.chat.sizes
    network.chat.sizes = dataclasses.replace(before, template=template)
    try:
        prompt = network.chat.prompt("<image>Hello.", 0, video=False, past="<s>")
    finally:
        network.chat.sizes = before
    assert prompt == "<s>" + TEMPLATES[template].turn.format("Hello.")


@torch.inference_mode()
def test_a_question_without_an_image_tag_is_answered_without_the_picture(
    network: Sa2VANetwork, inputs: Inputs
) -> None:
    chat = network.chat
    seen, view = chat.answer(chat.look([inputs.image], still=True), "Hello, who are you?")
    blind, _ = chat.answer(chat.look([], still=True), "Hello, who are you?")
    assert torch.equal(seen.hidden, blind.hidden)
    assert view.prefix is None


@pytest.mark.parametrize(
    ("pictures", "still", "text"),
    [
        (0, True, "<image>What?"),
        (2, False, "<image>What?"),
        (1, True, "What?"),
        (1, True, PromptText.literal("<image>")),
    ],
)
@torch.inference_mode()
def test_regions_without_a_still_image_to_speak_of_are_refused(
    network: Sa2VANetwork, inputs: Inputs, pictures: int, still: bool, text: str
) -> None:
    chat = network.chat
    view = chat.look(inputs.frames[:pictures], still=still)
    with pytest.raises(UsageError, match="look at one, and ask with <image>"):
        chat.answer(view, text, regions=inputs.regions)
