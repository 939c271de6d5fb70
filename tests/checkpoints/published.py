"""The published checkpoint of the reference data, and ways to change a copy of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

PUBLISHED = Path(__file__).parents[1] / "reference" / "internvl-qwen2"


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def split_into_shards(folder: Path, count: int) -> list[str]:
    """Replaces the single file by shards and an index; returns the shards' names."""
    tensors = load_file(folder / "model.safetensors")
    names = [f"model-{i + 1:05d}-of-{count:05d}.safetensors" for i in range(count)]
    places = {key: names[i % count] for i, key in enumerate(sorted(tensors))}
    for name in names:
        save_file({key: tensors[key] for key, place in places.items() if place == name}, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    (folder / "model.safetensors").unlink()
    return names
