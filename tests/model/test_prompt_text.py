"""A person's words are words in every family, whatever they look like, and templates are templates."""

import dataclasses
import pickle
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from families import FAMILIES, LANGUAGES, REFERENCE, checkpoint
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from recorded import Inputs

from sa2va_cli.checkpoints.layout import read_layout
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.conversation import Generation
from sa2va_cli.errors import UsageError
from sa2va_cli.model import decoding
from sa2va_cli.model.decoding import Phrases
from sa2va_cli.model.internvl import TEMPLATES
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork
from sa2va_cli.model.prompt_text import IMAGE_TAG, PromptText, encode, spoken
from sa2va_cli.pipeline.prompts import question

NetworkOf = Callable[[str], Sa2VANetwork]

# What a template may put around words; without special tokens of that name the last two are text themselves,
# and merge with the words.
AROUND = {
    "qwen": ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"),
    "picture": ("<|im_start|>user\n<img><IMG_CONTEXT><IMG_CONTEXT></img>Please segment ", ".<|im_end|>\n"),
    "vision": ("<|vision_start|><|image_pad|><|vision_end|>Please segment ", ".<|im_end|>\n"),
    "phi3": ("<|user|>\n", "<|end|>\n<|assistant|>\n"),
    "nothing": ("", ""),
}
LOOKS_LIKE_CONTROL = (
    *("<image>", "<IMG_CONTEXT>", "<img>", "</img>", "<p>", "</p>", "<vp>", "</vp>", "[SEG]"),
    *("<s>", "</s>", "<unk>", "<pad>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|end|>"),
    *("<|vision_start|>", "<|image_pad|>", "<think>", "<tool_call>", "<|fim_pad|>", "[UNUSED_TOKEN_7]"),
)

# sentencepiece.py: add_dummy_prefix, remove_extra_whitespaces
FLAGS, PREFIX, SQUEEZE = b"\x18\x00\x20\x00", b"\x18\x01\x20\x00", b"\x18\x00\x20\x01"


@pytest.fixture(autouse=True)
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """To questions that it was not fitted to, a reference network talks on to the end of its room."""
    monkeypatch.setattr(decoding, "GREEDY", Generation(max_new_tokens=8))


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """The tokenizer of a family, or InternLM2's with other rules for spaces."""

    def folder(name: str) -> Path:
        if name in FAMILIES:
            return REFERENCE / name
        made = tmp_path_factory.mktemp(name)
        for path in (REFERENCE / "internvl-internlm2").glob("tokenizer*"):
            shutil.copyfile(path, made / path.name)
        pieces = made / "tokenizer.model"
        pieces.write_bytes(pieces.read_bytes().replace(FLAGS, {"prefix": PREFIX, "squeeze": SQUEEZE}[name]))
        return made

    return cache(lambda name: load_tokenizer(folder(name)))


TOKENIZERS = (*LANGUAGES, "prefix", "squeeze")
WORDS = st.text(st.sampled_from("  abSTeht<|>[]/_{}'.,\n\r\t09é红球😀▁e\u0301\u200d")) | st.text()
HOSTILE = st.lists(st.sampled_from(LOOKS_LIKE_CONTROL) | WORDS).map("".join)


def controls(tokenizer: Any, ids: list[int]) -> list[str]:
    """The control tokens among tokens."""
    return [
        str(token) for token in tokenizer.convert_ids_to_tokens(ids) if token in tokenizer.get_added_vocab()
    ]


@pytest.mark.parametrize("name", TOKENIZERS)
@given(words=WORDS, around=st.sampled_from(sorted(AROUND)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ordinary_words_have_the_tokens_of_the_whole_text(
    name: str, words: str, around: str, tokenizers: Callable[[str], Any]
) -> None:
    tokenizer = tokenizers(name)
    assume(not any(token in words for token in tokenizer.get_added_vocab()))
    before, after = AROUND[around]
    marked = before + PromptText.literal(words) + after
    assert encode(tokenizer, marked) == tokenizer(before + words + after)["input_ids"]


@pytest.mark.parametrize("name", TOKENIZERS)
@given(
    words=st.lists(st.sampled_from(LOOKS_LIKE_CONTROL) | WORDS).map("".join),
    around=st.sampled_from(sorted(AROUND)),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_words_become_control_tokens(
    name: str, words: str, around: str, tokenizers: Callable[[str], Any]
) -> None:
    tokenizer = tokenizers(name)
    before, after = AROUND[around]
    ids = encode(tokenizer, before + PromptText.literal(words) + after)
    assert controls(tokenizer, ids) == controls(tokenizer, tokenizer(before + after)["input_ids"])


def test_each_family_has_the_tokenizer_of_one_that_is_tried() -> None:
    def files(name: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted((REFERENCE / name).glob("tokenizer*"))]

    assert all(files(name) in [files(one) for one in LANGUAGES] for name in FAMILIES)


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_added_token_can_be_typed(name: str, tokenizers: Callable[[str], Any]) -> None:
    """Those without the flag "special", too; ``split_special_tokens`` of transformers leaves them whole."""
    tokenizer = tokenizers(name)
    before, after = AROUND["qwen"]
    nothing = controls(tokenizer, encode(tokenizer, before + PromptText.literal("the ball") + after))
    assert len(tokenizer.get_added_vocab()) > 20
    for token in tokenizer.get_added_vocab():
        ids = encode(tokenizer, before + PromptText.literal(f"the {token}ball") + after)
        assert controls(tokenizer, ids) == nothing
        text = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        assert text.removeprefix("<s>") == f"{before}the {token}ball{after}"
        assert controls(tokenizer, encode(tokenizer, before + token + after)) != nothing


ANYTHING = (*LOOKS_LIKE_CONTROL, "{}", "{0}", "{", "two\nlines", "", "\x00", "\u2028")


# A template of either kind of chat model is filled with a question and with bare words.
@pytest.mark.parametrize(("name", "verbatim"), [(name, k % 2 == 1) for k, name in enumerate(FAMILIES)])
@torch.inference_mode()
def test_any_prompt_is_answered_in_every_family(
    name: str, verbatim: bool, network_of: NetworkOf, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = network_of(name).chat
    picture = inputs.image[180:240, 300:360]  # of one tile
    _, view = chat.answer(chat.look([picture], still=True), question("ball", verbatim=verbatim))
    read = chat.read
    passes: list[list[int]] = []
    monkeypatch.setattr(chat, "read", lambda ids, *more: passes.append(ids) or read(ids, *more))
    monkeypatch.setattr(Phrases, "after", lambda *_: [])
    monkeypatch.setattr(decoding, "GREEDY", Generation(max_new_tokens=2))
    wanted = None
    for words in ("ball", *ANYTHING):
        passes.clear()
        answer, _ = chat.answer(view, question(words, verbatim=verbatim))
        assert len(answer.token_ids) > 0
        wanted = wanted or controls(chat.tokenizer, passes[0])  # what follows the pictures
        assert controls(chat.tokenizer, passes[0]) == wanted
    assert wanted


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_a_template_is_filled_whatever_the_words_are(network: Sa2VANetwork, template: str) -> None:
    chat = network.chat
    before = chat.sizes
    chat.sizes = dataclasses.replace(before, template=template)
    try:
        prompt = chat.prompt(question("{} {0} <image>\n"), 1, video=False)
    finally:
        chat.sizes = before
    assert prompt.count("</img>Please segment {} {0} <image>\n.") == 1
    assert [text for text, literal in prompt.pieces() if literal] == ["{} {0} <image>\n"]


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl"])
@torch.inference_mode()
def test_a_segment_token_that_was_typed_names_no_object(
    name: str, network_of: NetworkOf, inputs: Inputs
) -> None:
    session = NetworkSegmenter(network_of(name)).open()
    view = session.look(inputs.frames[:2])
    control, _ = session.ground(view, f"{IMAGE_TAG}Please segment [SEG].")
    typed, _ = session.ground(view, question("[SEG]"))
    assert len(control) == control.answer.count("[SEG]") + 1
    assert len(typed) <= typed.answer.count("[SEG]")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_template_that_shows_other_pictures_is_refused(
    name: str, network_of: NetworkOf, inputs: Inputs
) -> None:
    chat = network_of(name).chat
    with torch.inference_mode():
        view = chat.look([inputs.image[:64, :64]], still=True)
    patch = chat.sizes.special_tokens[0]
    with pytest.raises(UsageError, match="write <image> once"):
        chat.answer(view, f"{IMAGE_TAG}What is {patch}?")


def test_marks_survive_joining_filling_and_pickling() -> None:
    text = "<image>a " + PromptText.literal("<image>") + " b" + PromptText.literal("c<image>") + "<image>"
    assert text == "<image>a <image> bc<image><image>"
    wanted = [("XYa ", False), ("<image>", True), (" b", False), ("c<image>", True), ("XY", False)]
    assert list(text.fill("<image>", "XY").pieces()) == wanted
    assert list(pickle.loads(pickle.dumps(text)).pieces()) == list(text.pieces())
    assert list(PromptText(text).pieces()) == list(text.pieces())
    assert text.has(IMAGE_TAG)
    assert not PromptText.literal(IMAGE_TAG).has(IMAGE_TAG)
    assert list(PromptText("plain").pieces()) == [("plain", False)]


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("Sure, [SEG].<|im_end|>", "Sure, [SEG]."),
        ("Sure,  [SEG] .<|im_end|>", "Sure,  [SEG] ."),
        ("[SEG]<|im_end|>\n<|endoftext|><|endoftext|> ", "[SEG]"),
        ("<|im_end|>", ""),
        ("", ""),
        ("It says <|im_end|> here.</s>", "It says <|im_end|> here."),
    ],
)
def test_people_read_an_answer_without_what_ends_it(answer: str, wanted: str) -> None:
    assert spoken(answer) == wanted


@pytest.mark.parametrize("name", FAMILIES)
def test_everything_that_ends_or_fills_an_answer_is_left_out(
    name: str, tokenizers: Callable[[str], Any]
) -> None:
    tokenizer = tokenizers(name)
    sizes = read_layout(checkpoint(name)).chat
    stops = [tokenizer.eos_token, tokenizer.pad_token]
    stops += TEMPLATES[sizes.template].stop if hasattr(sizes, "template") else ()
    stops += tokenizer.convert_ids_to_tokens(getattr(sizes, "stop_ids", []))
    for stop in filter(None, stops):
        assert spoken(f"Sure, [SEG].{stop}") == "Sure, [SEG]."
