"""Writes a published checkpoint of full size with random weights: ``python fullsize.py FOLDER``."""

import json
import shutil
import sys
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from sa2va_cli.bench.networks import random_layout, random_network
from sa2va_cli.checkpoints.catalog import DEMO_FOLDER
from sa2va_cli.checkpoints.key_rules import published_tensors
from sa2va_cli.checkpoints.layout import published_config
from sa2va_cli.checkpoints.streaming import write_tensors


def write_full_size(folder: Path, name: str = "1b", shards: int = 4) -> None:
    """Writes a checkpoint that answers "[SEG]" to everything, in the precisions of the released Sa2VA-1B.

    There the vision encoder and the projector are bfloat16, language model and SAM 2 float32.
    """
    layout, network = random_layout(name), random_network(name, torch.device("cpu"), torch.bfloat16)
    native = network.state_dict()
    tensors = dict(published_tensors(layout.rules, native, native.__getitem__))
    outlines = {key: _outline(key, tensor) for key, tensor in tensors.items()}
    ends = list(accumulate(outline.numel() * outline.itemsize for outline in outlines.values()))
    files = [f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i in range(shards)]
    places = {
        key: files[min(shards * end // ends[-1], shards - 1)] for key, end in zip(tensors, ends, strict=True)
    }
    folder.mkdir(parents=True)
    for file in files:
        keys = [key for key, place in places.items() if place == file]
        write_tensors(folder / file, [(key, outlines[key]) for key in keys], _taken(tensors, keys))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    (folder / "config.json").write_text(json.dumps(published_config(layout)))
    for path in DEMO_FOLDER.glob("tokenizer*"):
        shutil.copyfile(path, folder / path.name)


def _outline(name: str, tensor: Tensor) -> Tensor:
    narrow = name.startswith(("vision_model.", "mlp1."))
    return torch.empty(tensor.shape, dtype=torch.bfloat16 if narrow else torch.float32, device="meta")


def _taken(tensors: dict[str, Tensor], keys: list[str]) -> Iterator[tuple[str, Tensor]]:
    return ((key, tensors[key]) for key in keys)


if __name__ == "__main__":
    write_full_size(Path(sys.argv[1]))
