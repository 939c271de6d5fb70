"""Builds a network from a checkpoint folder: sizes from its config, weights from safetensors alone.

A checkpoint is data, not a program: no python file of the folder is run and no pickle is opened. Parameters
are made without memory and then filled tensor by tensor, so that loading needs little more than the network
itself. Every tensor must have its place and every parameter its tensor.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from sa2va_cli.checkpoints.convert import native_tensors
from sa2va_cli.checkpoints.files import read_headers
from sa2va_cli.checkpoints.layout import Layout, amended, one_line, read_layout
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.errors import ModelError, OutOfMemoryError
from sa2va_cli.model.network import Sa2VANetwork

SHOWN = 4
"""How many keys a message names."""


def load_network(folder: Path, device: torch.device, dtype: torch.dtype) -> Sa2VANetwork:
    """Loads a checkpoint for inference.

    Args:
        folder: a published or a native checkpoint.
        device: where the parameters go.
        dtype: their precision, whatever it is in the file.

    Returns:
        The network in evaluation mode, without gradients.

    Raises:
        ModelError: when the folder is not a complete checkpoint of a supported family.
        OutOfMemoryError: when the device is too small.
    """
    layout = read_layout(folder)
    tokenizer = load_tokenizer(folder, layout.chat.special_tokens)
    try:
        with Weights.open(folder) as weights:
            layout = amended(layout, weights.names)
            network = _build(layout, tokenizer, folder)
            fill(network, weights.tensors(layout), device, dtype)
        rebuild_buffers(network, device)
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(
            f"{device} has too little memory for {folder.name} in {str(dtype).removeprefix('torch.')}; "
            "try a smaller model, --dtype bf16, or --device cpu"
        ) from error
    return network.eval().requires_grad_(False)


class Weights:
    """The tensors of a checkpoint folder, in one file or in shards.

    Args:
        files: open safetensors files by name.
        places: the file of each tensor.
    """

    def __init__(self, files: dict[str, Any], places: dict[str, str]) -> None:
        self._files = files
        self._places = places

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> "Iterator[Weights]":
        """Opens the files without reading a tensor.

        Raises:
            ModelError: when one is missing or damaged.
        """
        places = {header.name: header.file for header in read_headers(folder)}
        with ExitStack() as stack:
            files = {name: stack.enter_context(_open(folder / name)) for name in set(places.values())}
            yield cls(files, places)

    @property
    def names(self) -> list[str]:
        """Names of all tensors, sorted."""
        return sorted(self._places)

    def read(self, name: str) -> Tensor:
        """Reads one tensor as it is in the file."""
        tensor: Tensor = self._files[self._places[name]].get_tensor(name)
        return tensor

    def tensors(self, layout: Layout) -> Iterator[tuple[str, Tensor]]:
        """Yields every tensor under its name in the network.

        Raises:
            ModelError: when a name belongs to no rule.
        """
        if layout.native:
            return ((name, self.read(name)) for name in self.names)
        return native_tensors(layout.rules, self.names, self.read)


def fill(
    network: nn.Module, tensors: Iterable[tuple[str, Tensor]], device: torch.device, dtype: torch.dtype
) -> None:
    """Gives every parameter and saved buffer its tensor.

    Args:
        network: with parameters on the meta device.
        tensors: (name in the network, tensor), one at a time.
        device: where they go.
        dtype: what they are cast to.

    Raises:
        ModelError: when tensors are left over, missing, of another shape, or not of floating point.
    """
    slots = network.state_dict(keep_vars=True)
    first = {id(slot): name for name, slot in reversed(slots.items())}  # of tied ones, the first in order
    missing = {name for name, slot in slots.items() if first[id(slot)] == name}
    unexpected: list[str] = []
    for name, tensor in tensors:
        if name not in missing:
            unexpected.append(name)
            continue
        if tensor.shape != slots[name].shape or not tensor.is_floating_point():
            raise ModelError(
                f"the tensor {name} should be floating point of the shape {list(slots[name].shape)}, "
                f"got {str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
            )
        missing.remove(name)
        filled = tensor.to(device, dtype)
        _place(network, name, nn.Parameter(filled) if isinstance(slots[name], nn.Parameter) else filled)
    if unexpected or missing:
        raise ModelError(
            f"the weights do not fit the config: {len(missing)} missing{_list(missing)}, "
            f"{len(unexpected)} not expected{_list(unexpected)}"
        )
    for name, slot in slots.items():
        if first[id(slot)] != name:
            _place(network, name, network.get_parameter(first[id(slot)]))


def rebuild_buffers(network: nn.Module, device: torch.device) -> None:
    """Computes again, on ``device``, the buffers that no checkpoint holds: rotary frequencies.

    They stay in float32. The module that owns one is built again from its config.

    Raises:
        ModelError: when anything is left without memory.
    """
    for module in network.modules():
        if any(buffer.is_meta for buffer in module.buffers(recurse=False)):
            with device:
                again = type(module)(module.config)
            for name, buffer in again.named_buffers(recurse=False):
                setattr(module, name, buffer)
    empty = [
        name for name, tensor in (*network.named_parameters(), *network.named_buffers()) if tensor.is_meta
    ]
    if empty:
        raise ModelError(f"nothing fills {_few(empty)}; please report this")


def _place(network: nn.Module, name: str, tensor: Tensor) -> None:
    path, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(path), leaf, tensor)


def _build(layout: Layout, tokenizer: Any, folder: Path) -> Sa2VANetwork:
    """Builds the network without memory."""
    try:
        with torch.device("meta"):
            return Sa2VANetwork(layout.chat, layout.sam2, tokenizer, two_pass=layout.two_pass)
    except (
        Exception
    ) as error:  # a config can be wrong in any way, and transformers has errors of its own for it
        raise ModelError(
            f"the sizes in {folder / 'config.json'} make no network: {one_line(error)}"
        ) from error


def _open(path: Path) -> Any:
    """Opens one safetensors file; gives a context manager."""
    try:
        return safe_open(str(path), framework="pt", device="cpu")
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a readable safetensors file ({one_line(error)})") from error


def _list(names: Iterable[str]) -> str:
    listed = sorted(names)
    return f" ({_few(listed)})" if listed else ""


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
