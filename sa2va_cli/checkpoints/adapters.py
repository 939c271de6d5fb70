"""Adapters: what a training changed, kept beside the model that it began from and put into it when read.

A folder of an adapter has ``adapter_config.json`` and ``adapter_model.safetensors`` in the format of peft,
with native names, and the config and tokenizer of the base; so it is read like any checkpoint, and only its
weights are elsewhere. Beside low-rank pairs there are tensors that replace those of the base as a whole.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sa2va_cli.checkpoints.conversion import (
    LayoutName,
    Rewritten,
    convert,
    copy_data,
    new_folder,
    write_native,
)
from sa2va_cli.checkpoints.files import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    CONFIG_FILE,
    is_adapter,
    read_header,
    weights_folder,
)
from sa2va_cli.checkpoints.json_files import read_json_object
from sa2va_cli.checkpoints.named_tensors import Tensors, full_layout, outlines, with_native_names
from sa2va_cli.checkpoints.streaming import TensorFiles
from sa2va_cli.errors import ModelError
from sa2va_cli.staging import atomic, discard, output_errors, staged

_PREFIX = "base_model.model."
_FIRST, _SECOND = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True)
class LowRank:
    """How low-rank pairs are scaled.

    Attributes:
        r: rank.
        alpha: the product of a pair is scaled by alpha / r.
        dropout: in training; only written down.
    """

    r: int
    alpha: int
    dropout: float = 0.0


class Adapter:
    """The tensors of an adapter.

    Args:
        folder: of the adapter.

    Raises:
        ModelError: it is not understood.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = read_json_object(folder / ADAPTER_CONFIG)
        try:
            self._scale = float(config["lora_alpha"]) / int(config["r"]) if config.get("r") else 0.0
        except (TypeError, ValueError, KeyError, ZeroDivisionError) as error:
            raise ModelError(f"{folder / ADAPTER_CONFIG} has no numbers r and lora_alpha") from error
        headers = read_header(folder / ADAPTER_WEIGHTS)
        self._tensors = TensorFiles.of(folder, headers)
        self._names = {header.name.removeprefix(_PREFIX): header.name for header in headers}

    def outlined(self, tensors: Tensors) -> Tensors:
        """Yields what is changed as float32: steps of training are smaller than those of bfloat16."""
        for name, tensor in tensors:
            layer = name.removesuffix(".weight")
            changed = name in self._names or layer + _FIRST in self._names
            yield name, tensor.to(torch.float32) if changed else tensor

    def applied(self, tensors: Tensors) -> Tensors:
        """Yields the tensors of the base with what was learned.

        Args:
            tensors: of the base, by native names.

        Raises:
            ModelError: the adapter does not fit the base.
        """
        left = set(self._names)
        for name, tensor in tensors:
            layer = name.removesuffix(".weight")
            first, second = layer + _FIRST, layer + _SECOND
            if name in left:
                left.discard(name)
                yield name, self._fitting(name, self._read(name), tensor)
            elif {first, second} <= left:
                left -= {first, second}
                change = self._scale * (self._read(second).float() @ self._read(first).float())
                yield name, tensor.float() + self._fitting(name, change, tensor).to(tensor.device)
            else:
                yield name, tensor
        if left:
            raise ModelError(
                f"{self.folder} changes {min(left)}, which its base {weights_folder(self.folder)} has not"
            )

    def _read(self, name: str) -> Tensor:
        return self._tensors.read(self._names[name])

    def _fitting(self, name: str, new: Tensor, old: Tensor) -> Tensor:
        if new.shape != old.shape:
            raise ModelError(
                f"{self.folder} has {name} of the shape {list(new.shape)}, and its base "
                f"{weights_folder(self.folder)} of {list(old.shape)}"
            )
        return new


def with_adapter(folder: Path, tensors: Tensors) -> Tensors:
    """The native tensors of a checkpoint, changed by its adapter where the folder is one of an adapter."""
    return Adapter(folder).applied(tensors) if is_adapter(folder) else tensors


def saved_name(name: str) -> str:
    """The name under which a parameter of a network with peft's layers is saved."""
    for pair in (".lora_A", ".lora_B"):
        name = name.replace(f"{pair}.default.", f"{pair}.")
    return _PREFIX + name.replace(".base_layer.", ".")


def save_adapter_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Writes parameters, named as in a network with peft's layers, as a file of an adapter.

    Raises:
        OutputError: it cannot be written; what was there before still is.
    """
    saved = {saved_name(name): t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}
    with atomic(path) as part, output_errors(path):
        save_file(saved, part, metadata={"format": "pt"})
        part.chmod(0o644)  # safetensors leaves it to the owner


def write_adapter(
    folder: Path, weights: Path, base: str, base_folder: Path, low_rank: LowRank | None
) -> None:
    """Makes the folder of an adapter, in place of what is there.

    Args:
        folder: of the adapter.
        weights: a file of ``save_adapter_tensors``.
        base: what people call the model that it began from.
        base_folder: where that is.
        low_rank: of the pairs; None where there are none.

    Raises:
        OutputError: it cannot be written.
    """
    part = staged(folder)
    try:
        with output_errors(folder):
            part.mkdir(parents=True)
            copy_data(base_folder, part)
            shutil.copyfile(base_folder / CONFIG_FILE, part / CONFIG_FILE)
            shutil.copyfile(weights, part / ADAPTER_WEIGHTS)
            text = json.dumps(_config(part / ADAPTER_WEIGHTS, base, base_folder, low_rank), indent=2)
            (part / ADAPTER_CONFIG).write_text(text + "\n", encoding="utf-8")
            discard(folder)
            part.rename(folder)
    finally:
        discard(part)


def _config(weights: Path, base: str, base_folder: Path, low_rank: LowRank | None) -> dict[str, Any]:
    names = [header.name for header in read_header(weights)]
    layers = sorted({name.removesuffix(_FIRST).rpartition(".")[2] for name in names if name.endswith(_FIRST)})
    return {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": base,
        "base_folder": str(base_folder.absolute()),
        "target_modules": layers,
        "r": low_rank.r if low_rank else 0,
        "lora_alpha": low_rank.alpha if low_rank else 0,
        "lora_dropout": low_rank.dropout if low_rank else 0.0,
        "bias": "none",
        "inference_mode": True,
    }


def merge(folder: Path, target: Path, to: LayoutName, dtype: torch.dtype | None = None) -> Rewritten:
    """Writes the model that an adapter makes of its base.

    Args:
        folder: of the adapter.
        target: a folder that does not exist, or is empty.
        to: its layout.
        dtype: its precision; None for float32 of what is changed, and what is in the base of the rest.

    Raises:
        ModelError: it is no adapter, or does not fit its base.
        OutputError: the target exists, or cannot be written.
    """
    if not is_adapter(folder):
        raise ModelError(f"{folder} is no adapter, which has an {ADAPTER_CONFIG}; there is nothing to merge")
    with new_folder(target) as part:
        return _merged(folder, part, target, to, dtype)


def merge_into(folder: Path, target: Path, to: LayoutName) -> None:
    """Does the same in a folder that has other things, whose files of a model are replaced.

    Raises:
        ModelError: the adapter does not fit its base.
        OutputError: a file cannot be written.
    """
    part = staged(target / "model")
    try:
        with output_errors(target):
            part.mkdir(parents=True)
            _merged(folder, part, target, to, None)
            files = sorted(part.iterdir(), key=lambda path: path.name == CONFIG_FILE)
            for path in files:  # the config last: without it the folder is no checkpoint
                path.replace(target / path.name)
    finally:
        discard(part)


def _merged(folder: Path, part: Path, target: Path, to: LayoutName, dtype: torch.dtype | None) -> Rewritten:
    layout, files = full_layout(folder), TensorFiles(folder)
    native = part if to == "native" else part / "native"
    native.mkdir(exist_ok=True)
    adapter = Adapter(folder)
    outlined = adapter.outlined(with_native_names(layout, outlines(files)))
    changed = adapter.applied(with_native_names(layout, files))
    written = write_native(folder, native, layout, outlined, changed, dtype)
    if to == "published":
        written_published = convert(native, part / "published", "published", None)
        for path in (part / "published").iterdir():
            path.rename(part / path.name)
        discard(part / "published")
        discard(native)
        return Rewritten(target, written_published.tensors, written_published.before, written_published.size)
    return Rewritten(target, written.tensors, sum(h.size for h in files.headers.values()), written.size)
