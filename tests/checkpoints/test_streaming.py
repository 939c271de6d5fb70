from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published import PUBLISHED, split_into_shards
from safetensors.torch import load_file

from sa2va_cli.checkpoints.streaming import DTYPES, TensorFiles, write_tensors
from sa2va_cli.errors import ModelError

KINDS = [dtype for dtype in DTYPES.values() if dtype.is_floating_point and dtype.itemsize > 1]


def write(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    write_tensors(path, [(k, t.to("meta")) for k, t in tensors.items()], iter(tensors.items()))


def test_tensors_are_read_as_the_library_reads_them(published: Path) -> None:
    split_into_shards(published, 2)
    files, whole = TensorFiles(published), load_file(PUBLISHED / "model.safetensors")
    assert set(files.names) == set(whole)
    for name, tensor in whole.items():
        assert torch.equal(files.read(name), tensor)
        outline = files.outline(name)
        assert (outline.shape, outline.dtype, outline.is_meta) == (tensor.shape, tensor.dtype, True)


def test_a_view_of_the_file_has_its_numbers_and_never_changes_them(published: Path) -> None:
    path, files = published / "model.safetensors", TensorFiles(published)
    before = path.read_bytes()
    for name in files.names:
        view = files.map(name)
        assert torch.equal(view, files.read(name))
        view.zero_()
    assert path.read_bytes() == before


def test_a_tensor_that_lies_crookedly_has_its_numbers_too(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} }'
    numbers = torch.tensor([1.0, 2.0])
    assert (8 + len(header)) % 4
    data = len(header).to_bytes(8, "little") + header + numbers.numpy().tobytes()
    (tmp_path / "model.safetensors").write_bytes(data)
    assert torch.equal(TensorFiles(tmp_path).map("a"), numbers)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.lists(st.integers(0, 4), max_size=3)), max_size=6))
def test_what_is_written_is_what_the_library_reads(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[torch.dtype, list[int]]]
) -> None:
    tensors = {f"t{i}": torch.randn(shape).to(dtype) for i, (dtype, shape) in enumerate(kinds)}
    path = tmp_path_factory.mktemp("written") / "model.safetensors"
    write(path, tensors)
    again = load_file(path)
    assert again.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert again[name].dtype == tensor.dtype
        assert torch.equal(again[name], tensor)
    own = TensorFiles(path.parent)
    assert all(torch.equal(own.read(name), tensor) for name, tensor in tensors.items())


def test_numbers_are_cast_to_what_was_announced(tmp_path: Path) -> None:
    outline = torch.empty(3, dtype=torch.bfloat16, device="meta")
    written = write_tensors(tmp_path / "a.safetensors", [("a", outline)], iter([("a", torch.arange(3.0))]))
    assert written.tensors == 1
    assert written.size == (tmp_path / "a.safetensors").stat().st_size
    assert load_file(tmp_path / "a.safetensors")["a"].tolist() == [0, 1, 2]
    assert load_file(tmp_path / "a.safetensors")["a"].dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("announced", "given_", "words"),
    [
        (["a", "a"], ["a"], "two tensors become a"),
        (["a", "b"], ["a"], "b never came"),
        (["a"], ["a", "a"], "a comes twice"),
        (["a"], ["b"], "b comes twice, or not"),
    ],
)
def test_what_comes_must_be_what_was_announced(
    tmp_path: Path, announced: list[str], given_: list[str], words: str
) -> None:
    one = torch.ones(2)
    with pytest.raises(ModelError, match=words):
        write_tensors(tmp_path / "a", [(k, one.to("meta")) for k in announced], ((k, one) for k in given_))
