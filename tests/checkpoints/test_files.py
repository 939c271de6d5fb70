import json
from pathlib import Path

import pytest
from published import PUBLISHED, split_into_shards
from safetensors import safe_open

from sa2va_cli.checkpoints.files import read_header, read_headers, weight_files
from sa2va_cli.errors import ModelError


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_headers(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_headers_say_what_the_library_says() -> None:
    headers = {header.name: header for header in read_headers(PUBLISHED)}
    with safe_open(PUBLISHED / "model.safetensors", "pt") as file:
        assert set(headers) == set(file.keys())
        for name, header in headers.items():
            assert list(header.shape) == file.get_slice(name).get_shape()
            assert header.size == 2 * header.parameters


def test_shards_have_the_tensors_of_the_whole(published: Path) -> None:
    names = split_into_shards(published, 3)
    assert weight_files(published) == names
    assert {h.name for h in read_headers(published)} == {h.name for h in read_headers(PUBLISHED)}


@pytest.mark.parametrize("keep", [0, 3, 8, 5000, 1_000_000])
def test_a_file_that_is_cut_off_is_refused(published: Path, keep: int) -> None:
    weights = published / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    assert str(weights) in refusal(published)


def test_a_git_lfs_pointer_is_told_from_a_damaged_file(published: Path) -> None:
    (published / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "git lfs pull" in refusal(published)


def entry(**changes: object) -> dict[str, object]:
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"a": 3},
        {"a": {"dtype": "F32"}},
        {"a": {"data_offsets": [0]}},
        entry(shape=[3]),
        entry(shape=[2.0]),
        entry(shape=[-1, -2]),
        entry(shape=["2"]),
        entry(shape=None),
        entry(data_offsets=[8, 0]),
        entry(data_offsets=[-8, 0]),
        entry(data_offsets=[True, 9]),
        entry(dtype="Q7", shape=[True]),
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: object) -> None:
    text = json.dumps(header).encode()
    (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(ModelError, match="header is damaged"):
        read_header(tmp_path / "a.safetensors")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"weight_map": {}}', '{"weight_map": {"a": 3}}'])
def test_an_index_without_shards_is_refused(published: Path, text: str) -> None:
    (published / "model.safetensors").unlink()
    (published / "model.safetensors.index.json").write_text(text)
    assert "model.safetensors.index.json" in refusal(published)


def test_a_shard_outside_the_folder_is_refused(published: Path) -> None:
    (published / "model.safetensors").unlink()
    index = published / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "../secret.safetensors"}}')
    assert "../secret.safetensors" in refusal(published)


def test_missing_weights_are_named(published: Path) -> None:
    lost = split_into_shards(published, 2)[0]
    (published / lost).unlink()
    assert lost in refusal(published)
    (published / "model.safetensors.index.json").unlink()
    assert "pickled weights are never read" in refusal(published)


def test_an_index_that_lists_more_than_its_shards_hold_is_refused(published: Path) -> None:
    split_into_shards(published, 2)
    index = published / "model.safetensors.index.json"
    index.write_text(index.read_text().replace('"mlp1.0.bias"', '"mlp1.7.bias"'))
    assert "mlp1.7.bias" in refusal(published)
