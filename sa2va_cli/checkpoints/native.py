"""Writes a network as a native checkpoint: config, weights, tokenizer; no program.

The folder appears whole or not at all.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sa2va_cli.checkpoints.files import CONFIG_FILE, WEIGHTS_FILE
from sa2va_cli.checkpoints.layout import Layout, native_config, read_layout
from sa2va_cli.errors import ModelError, OutputError
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.staging import discard, output_errors, publish, staged

_SAVED_TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


def save_network(
    network: Sa2VANetwork, sam2_sizes: dict[str, Any], folder: Path, dtype: torch.dtype = torch.bfloat16
) -> None:
    """Saves a network of any family.

    Args:
        network: whose chat sizes and tokenizer are saved with it.
        sam2_sizes: of its SAM 2, in the shape of ``HIERA_LARGE``; ``read_layout(folder).sam2`` has them.
        folder: what to write; an older native checkpoint there is replaced.
        dtype: precision of the file.

    Raises:
        OutputError: when ``folder`` holds something else, or cannot be written.
    """
    sizes = network.chat.sizes
    two_pass = network.sam2.language_decoder is not None
    config = native_config(Layout(sizes.family, sizes, sam2_sizes, native=True, two_pass=two_pass))
    _refuse_other_folders(folder)
    part = staged(folder)
    try:
        with output_errors(folder):
            part.mkdir(parents=True)
            (part / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
            save_file(_saved_tensors(network, dtype), part / WEIGHTS_FILE, metadata={"format": "pt"})
            (part / WEIGHTS_FILE).chmod(0o644)  # safetensors leaves it to the owner
            _save_tokenizer(network.chat.tokenizer, part)
        publish(part, folder, stranger=_stranger)
    finally:
        discard(part)


def _saved_tensors(network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, each tied one once."""
    seen: set[int] = set()
    tensors: dict[str, Tensor] = {}
    for name, tensor in network.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            tensors[name] = tensor.detach().to("cpu", dtype, copy=True).contiguous()
    return tensors


def _save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Writes the two files that the loader reads, whatever else transformers would leave."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        tokenizer.save_pretrained(scratch)
        for name in _SAVED_TOKENIZER:
            shutil.move(Path(scratch) / name, folder / name)


def _refuse_other_folders(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file; give a folder for the checkpoint")
    if any(folder.iterdir()) and (not _is_native(folder) or _stranger(folder)):
        raise OutputError(f"{folder} is not empty and not just a native checkpoint; give a new folder")


def _stranger(folder: Path) -> Path | None:
    """Something in a folder that is not of a native checkpoint, and would be lost with it."""
    ours = (CONFIG_FILE, WEIGHTS_FILE, *_SAVED_TOKENIZER)
    return next((path for path in folder.iterdir() if path.name not in ours), None)


def _is_native(folder: Path) -> bool:
    try:
        return bool(read_layout(folder).native)
    except ModelError:
        return False
