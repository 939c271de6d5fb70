import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from families import REFERENCE

from sa2va_cli.checkpoints.sentencepiece import read_pieces
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.errors import ModelError
from sa2va_cli.model.internlm2 import decode

INTERNLM2 = REFERENCE / "internvl-internlm2"
NO_PREFIX, PREFIX = b"\x18\x00\x20\x00", b"\x18\x01\x20\x00"  # add_dummy_prefix, remove_extra_whitespaces
SQUEEZE = b"\x18\x00\x20\x01"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copyfile(INTERNLM2 / name, tmp_path / name)
    return tmp_path


def rewrite(folder: Path, old: bytes, new: bytes) -> None:
    path = folder / "tokenizer.model"
    assert path.read_bytes().count(old) == 1
    path.write_bytes(path.read_bytes().replace(old, new))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_tokenizer(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def tokens(tokenizer: Any, text: str) -> list[str]:
    return list(tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"]))


def test_a_text_begins_with_the_first_token_and_no_space(folder: Path) -> None:
    assert tokens(load_tokenizer(folder), "Hello the") == ["<s>", "Hello", "▁the"]


def test_where_the_model_says_so_every_text_between_special_tokens_gets_a_space(folder: Path) -> None:
    """Reference set, section 2.2: without this rule the ids are wrong."""
    rewrite(folder, NO_PREFIX, PREFIX)
    got = tokens(load_tokenizer(folder), "ball the<|im_end|>the")
    assert got == ["<s>", "▁ball", "▁the", "<|im_end|>", "▁the"]


def test_where_the_model_says_so_spaces_are_squeezed(folder: Path) -> None:
    rewrite(folder, NO_PREFIX, SQUEEZE)
    assert tokens(load_tokenizer(folder), "  Hello   the ") == ["<s>", "Hello", "▁the"]


def test_renamed_pieces_and_added_tokens_keep_their_ids(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    assert tokenizer.convert_tokens_to_ids(["</s>", "<|im_end|>", "<img>", "[SEG]"]) == [2, 564, 566, 575]
    assert tokens(tokenizer, "<|im_start|>The[SEG]") == ["<s>", "<|im_start|>", "The", "[SEG]"]
    assert len(tokenizer) == 580
    assert tokenizer.eos_token_id == 2


@pytest.mark.parametrize("text", ["你好，红球", "é 😀\n", "  two  spaces ", "<0x41> </p>"])
@pytest.mark.parametrize("prefix", [False, True])
def test_any_text_comes_back(folder: Path, text: str, *, prefix: bool) -> None:
    if prefix:
        rewrite(folder, NO_PREFIX, PREFIX)
    tokenizer = load_tokenizer(folder)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["Sure", ",", "▁", "[SEG]", ".", "<|im_end|>"], "Sure,  [SEG] .<|im_end|>"),
        (["[SEG]", "[SEG]"], "[SEG] [SEG]"),
        (["The", "<|im_end|>", "<|im_end|>"], " The<|im_end|><|im_end|>"),
        (["The", "▁", ".", "▁", ","], "The.,"),
        ([], ""),
    ],
)
def test_an_answer_has_the_spaces_of_the_official_tokenizer(
    folder: Path, words: list[str], wanted: str
) -> None:
    tokenizer = load_tokenizer(folder)
    assert decode(tokenizer, tokenizer.convert_tokens_to_ids(words)) == wanted


@pytest.mark.parametrize("keep", [0, 1, 100, 8000])
def test_a_cut_model_is_refused(folder: Path, keep: int) -> None:
    path = folder / "tokenizer.model"
    path.write_bytes(path.read_bytes()[:keep])
    assert "is not understood" in refusal(folder)


def test_a_unigram_model_is_refused(folder: Path) -> None:
    path = folder / "tokenizer.model"
    data = path.read_bytes()
    path.write_bytes(data + b"\x12\x02\x18\x01")  # trainer_spec.model_type = UNIGRAM
    with pytest.raises(ValueError, match="byte-pair"):
        read_pieces(path)
    assert "byte-pair" in refusal(folder)


def test_added_tokens_with_a_gap_are_refused(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["added_tokens_decoder"]["700"] = config["added_tokens_decoder"].pop("575")
    path.write_text(json.dumps(config))
    assert "cannot have the id" in refusal(folder)


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    assert "neither tokenizer.json nor tokenizer.model" in refusal(tmp_path)
