"""Every JSON file of a checkpoint folder may be hostile; whatever is wrong with it ends in one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from families import checkpoint
from published import PUBLISHED, split_into_shards

from sa2va_cli.checkpoints.cache import _is_sa2va
from sa2va_cli.checkpoints.files import read_header, read_headers
from sa2va_cli.checkpoints.inspection import describe
from sa2va_cli.checkpoints.json_files import DEEPEST, LONGEST_INTEGER, parse_json_object, read_json_object
from sa2va_cli.checkpoints.layout import read_layout
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.errors import ModelError

HOSTILE = {
    "nothing": b"",
    "cut off": b'{"a": ',
    "nested lists": b"[" * 200_000,
    "nested objects": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "nested a little too deeply": b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
    "a list": b"[1]",
    "a string": b'"config"',
    "null": b"null",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "a number that overflows": b'{"a": 1e999}',
    "a huge integer": b'{"a": ' + b"9" * 10_000 + b"}",
    "a large integer": b'{"a": ' + b"9" * (LONGEST_INTEGER + 1) + b"}",
    "zeros": bytes(100),
}


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as caught:
        work()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    message.encode()  # it can be shown
    return message


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(data)
    assert str(path) in refusal(lambda: read_json_object(path))


def test_what_is_allowed_is_read() -> None:
    text = '{"max": 1000000000000000019884624838656, "rate": 1e-6, "word": "\\ud83d\\ude00 \\\\ud800 球"}'
    assert parse_json_object(text.encode(), "it") == json.loads(text)
    deepest = b'{"a":' + b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1) + b"}"
    assert parse_json_object(deepest, "it") == json.loads(deepest)
    assert parse_json_object(b'\xef\xbb\xbf{"a": 1}', "it") == {"a": 1}


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(lambda: read_json_object(tmp_path / "none.json"))
    assert "cannot be read" in refusal(lambda: read_json_object(tmp_path))


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_config_is_refused_by_all_who_read_it(data: bytes, published: Path) -> None:
    (published / "config.json").write_bytes(data)
    assert "config.json" in refusal(lambda: read_layout(published))
    assert "config.json" in refusal(lambda: describe(published))
    assert not _is_sa2va(published)


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_index_is_refused(data: bytes, published: Path) -> None:
    split_into_shards(published, 2)
    (published / "model.safetensors.index.json").write_bytes(data)
    assert "model.safetensors.index.json" in refusal(lambda: read_headers(published))


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(data).to_bytes(8, "little") + data)
    assert "is not a readable safetensors file" in refusal(lambda: read_header(path))


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]
)
@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_fast_tokenizer_is_refused(name: str, data: bytes, tmp_path: Path) -> None:
    shutil.copyfile(PUBLISHED / "tokenizer.json", tmp_path / "tokenizer.json")
    (tmp_path / name).write_bytes(data)
    assert name in refusal(lambda: load_tokenizer(tmp_path))


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_config_of_a_sentencepiece_tokenizer_is_refused(data: bytes, tmp_path: Path) -> None:
    shutil.copyfile(checkpoint("internvl-internlm2") / "tokenizer.model", tmp_path / "tokenizer.model")
    (tmp_path / "tokenizer_config.json").write_bytes(data)
    assert "tokenizer_config.json" in refusal(lambda: load_tokenizer(tmp_path))
