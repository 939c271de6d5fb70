import json

import pytest
import torch
from families import FAMILIES, checkpoint
from metanetwork import meta_network
from torch import Tensor

from sa2va_cli.checkpoints.families.internvl import VISION_RULES, internlm2_rules
from sa2va_cli.checkpoints.families.sam2 import SAM2_RULES
from sa2va_cli.checkpoints.key_rules import Rule, native_tensors, published_tensors
from sa2va_cli.checkpoints.layout import corrected, read_layout
from sa2va_cli.checkpoints.streaming import TensorFiles
from sa2va_cli.errors import ModelError
from sa2va_cli.model.sam2 import Sam2
from sa2va_cli.model.sam2_config import HIERA_LARGE


def published(family: str) -> tuple[tuple[Rule, ...], dict[str, Tensor]]:
    folder = checkpoint(family)
    files = TensorFiles(folder)
    return read_layout(folder).rules, {name: files.read(name) for name in files.names}


@pytest.mark.parametrize("family", FAMILIES)
def test_renaming_to_the_network_and_back_is_exact_to_the_bit(family: str) -> None:
    rules, before = published(family)
    native = dict(native_tensors(rules, before, before.__getitem__))
    after = dict(published_tensors(rules, native, native.__getitem__))
    assert set(after) == set(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert {name: t.dtype for name, t in after.items()} == {name: t.dtype for name, t in before.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_of_the_network_has_its_tensor_and_no_value_is_lost(family: str) -> None:
    rules, before = published(family)
    native = dict(native_tensors(rules, before, before.__getitem__))
    layout = corrected(read_layout(checkpoint(family)), before)
    network = meta_network(layout)
    assert {n: t.shape for n, t in native.items()} == {n: t.shape for n, t in network.state_dict().items()}
    twice = native["sam2.layers.shared_image_embedding.positional_embedding"].numel()
    assert sum(t.numel() for t in native.values()) - twice == sum(t.numel() for t in before.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tensor_of_the_network_that_has_no_published_name_fails(family: str) -> None:
    rules, _ = published(family)
    with pytest.raises(ModelError, match=r"'chat\.audio\.weight'"):
        list(published_tensors(rules, ["chat.audio.weight"], lambda _: torch.zeros(1)))


def test_the_published_sam_2_has_as_many_tensors_as_the_released_one() -> None:
    """Reference set, section 2.1."""
    with torch.device("meta"):
        native = {f"sam2.{name}": tensor for name, tensor in Sam2(HIERA_LARGE).state_dict().items()}
    names = dict(published_tensors(SAM2_RULES, native, native.__getitem__))
    assert len(names) == 900
    assert sum(tensor.numel() for tensor in names.values()) == 224_430_386


def test_query_key_and_value_are_taken_apart() -> None:
    name = "vision_model.encoder.layers.3.attn.qkv.weight"
    joined = torch.arange(12.0).reshape(6, 2)
    parts = dict(native_tensors(VISION_RULES, [name], lambda _: joined))
    assert list(parts) == [f"chat.vision_model.encoder.layer.3.attention.{x}_proj.weight" for x in "qkv"]
    assert torch.equal(torch.cat(list(parts.values())), joined)


@pytest.mark.parametrize("shape", [(16, 3), (16,)])
def test_internlm2_packs_query_key_and_value_by_key_head(shape: tuple[int, ...]) -> None:
    """Two key heads with two query heads each, two rows a head: q q k v, q q k v."""
    packed = torch.arange(16.0).reshape(16, *[1] * (len(shape) - 1)).expand(shape)
    name = "language_model.model.layers.0.attention.wqkv.weight"
    parts = dict(native_tensors(internlm2_rules(4, 2), [name], lambda _: packed))
    rows = {key.split(".")[-2]: part.reshape(len(part), -1)[:, 0].tolist() for key, part in parts.items()}
    assert rows == {"q_proj": [0, 1, 2, 3, 8, 9, 10, 11], "k_proj": [4, 5, 12, 13], "v_proj": [6, 7, 14, 15]}
    again = dict(published_tensors(internlm2_rules(4, 2), parts, parts.__getitem__))
    assert torch.equal(again[name], packed)


def test_point_embeddings_are_put_together_in_order() -> None:
    names = [
        f"grounding_encoder.sam2_model.sam_prompt_encoder.point_embeddings.{i}.weight" for i in (2, 0, 3, 1)
    ]
    parts = dict(
        native_tensors(SAM2_RULES, names, lambda name: torch.full((1, 2), float(name.split(".")[-2])))
    )
    assert list(parts) == ["sam2.layers.prompt_encoder.point_embed.weight"]
    assert next(iter(parts.values()))[:, 0].tolist() == [0, 1, 2, 3]


def test_a_missing_part_of_a_joined_tensor_is_named() -> None:
    names = [
        f"grounding_encoder.sam2_model.sam_prompt_encoder.point_embeddings.{i}.weight" for i in (0, 1, 3)
    ]
    with pytest.raises(ModelError, match=r"point_embeddings\.2\.weight' is missing"):
        list(native_tensors(SAM2_RULES, names, lambda _: torch.zeros(1, 2)))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["audio.weight", "grounding_encoder.sam2_model.audio.weight", "mlp1"])
def test_an_unknown_part_fails(family: str, name: str) -> None:
    with pytest.raises(ModelError, match=rf"no rule covers the tensor '{name}'"):
        list(native_tensors(published(family)[0], [name], lambda _: torch.zeros(1)))


def test_the_names_are_those_of_the_index() -> None:
    folder = checkpoint("qwen3_vl")
    listed = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert sorted(TensorFiles(folder).names) == sorted(listed)
