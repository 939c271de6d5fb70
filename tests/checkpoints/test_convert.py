import pytest
import torch
from published import PUBLISHED
from safetensors import safe_open

from sa2va_cli.checkpoints.convert import native_tensors
from sa2va_cli.errors import ModelError


def test_every_published_tensor_is_used_and_no_value_is_lost() -> None:
    with safe_open(PUBLISHED / "model.safetensors", "pt") as file:
        read: list[str] = []

        def reader(name: str) -> torch.Tensor:
            read.append(name)
            return file.get_tensor(name)

        new = list(native_tensors(file.keys(), reader))
        assert set(read) == set(file.keys())
        total = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118
    names = [name for name, _ in new]
    assert len(names) == len(set(names))
    twice = "sam2.layers.shared_image_embedding.positional_embedding"
    assert sum(tensor.numel() for name, tensor in new if name != twice) == total


def test_query_key_and_value_are_taken_apart() -> None:
    name = "vision_model.encoder.layers.3.attn.qkv.weight"
    joined = torch.arange(12.0).reshape(6, 2)
    parts = dict(native_tensors([name], lambda _: joined))
    assert list(parts) == [f"chat.vision_model.encoder.layer.3.attention.{x}_proj.weight" for x in "qkv"]
    assert torch.equal(torch.cat(list(parts.values())), joined)


def test_point_embeddings_are_put_together_in_order() -> None:
    names = [
        f"grounding_encoder.sam2_model.sam_prompt_encoder.point_embeddings.{i}.weight" for i in (2, 0, 3, 1)
    ]
    parts = dict(native_tensors(names, lambda name: torch.full((1, 2), float(name.split(".")[-2]))))
    assert list(parts) == ["sam2.layers.prompt_encoder.point_embed.weight"]
    assert next(iter(parts.values()))[:, 0].tolist() == [0, 1, 2, 3]


def test_an_unknown_part_fails() -> None:
    with pytest.raises(ModelError, match=r"no rule covers the tensor 'audio\.weight'"):
        list(native_tensors(["audio.weight"], lambda _: torch.zeros(1)))
