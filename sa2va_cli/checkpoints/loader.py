"""Builds a network from a checkpoint folder: sizes from its config, weights from safetensors alone.

A checkpoint is data, not a program: no python file of the folder is run and no pickle is opened. Parameters
are made without memory and then filled tensor by tensor, so that loading needs little more than the network
itself. Every tensor must have its place and every parameter its tensor.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sa2va_cli.checkpoints.adapters import with_adapter
from sa2va_cli.checkpoints.files import CONFIG_FILE
from sa2va_cli.checkpoints.json_files import one_line
from sa2va_cli.checkpoints.layout import Layout, corrected, read_layout, require_masks
from sa2va_cli.checkpoints.named_tensors import with_native_names
from sa2va_cli.checkpoints.parts import LM, SAM2, VIT, group_of
from sa2va_cli.checkpoints.spreading import device_of, plan_device_map, spread
from sa2va_cli.checkpoints.streaming import TensorFiles
from sa2va_cli.checkpoints.tokenizer import load_tokenizer
from sa2va_cli.errors import ModelError, OutOfMemoryError, parameter
from sa2va_cli.model.network import ChatNetwork, Sa2VANetwork
from sa2va_cli.model.quantization import prepare_layers

SHOWN = 4
"""How many keys a message names."""

ATTENTIONS = {"sdpa": "sdpa", "eager": "eager", "flash": "flash_attention_2"}
"""Our name and that of transformers for each implementation of attention."""

_LANGUAGE_MODEL = "chat.language_model."

Transfer = Callable[[str, Tensor], Tensor]
"""Makes of a tensor, given with its name in the network, what the network holds: moves, casts, quantises."""


def load_network(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype | Mapping[str, torch.dtype],
    *,
    attention: str = "sdpa",
    quantize: str | None = None,
    room: Mapping[str, int] | None = None,
) -> Sa2VANetwork:
    """Loads a checkpoint that makes masks, for inference; the arguments are those of ``load_chat_network``.

    Raises:
        ModelError: it makes none, or is not a complete checkpoint of a supported family.
        OutOfMemoryError: when the device is too small.
    """
    require_masks(read_layout(folder), str(folder))
    network = load_chat_network(folder, device, dtype, attention=attention, quantize=quantize, room=room)
    assert isinstance(network, Sa2VANetwork)  # noqa: S101 - its layout has masks
    return network


def load_chat_network(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype | Mapping[str, torch.dtype],
    *,
    attention: str = "sdpa",
    quantize: str | None = None,
    room: Mapping[str, int] | None = None,
) -> ChatNetwork:
    """Loads a checkpoint of a supported family for inference.

    Args:
        folder: a published or a native checkpoint.
        device: where the parameters go.
        dtype: their precision, whatever it is in the file; one for all, or one for each of ``lm``, ``vit``
            and ``sam2`` (see ``parts.GROUPS``).
        attention: how the chat model computes it: a name in ``ATTENTIONS``.
        quantize: ``8bit`` or ``4bit`` for the linear layers of the language model; needs bitsandbytes.
        room: over which devices the language model is spread, and how much it may take there (see
            ``spreading.plan_device_map``); None for ``device`` alone. Needs accelerate.

    Returns:
        The network in evaluation mode, without gradients; a ``Sa2VANetwork`` where it makes masks.

    Raises:
        ModelError: when the folder is not a complete checkpoint of a supported family.
        OutOfMemoryError: when the device is too small.
    """
    dtypes = dict.fromkeys((LM, VIT, SAM2), dtype) if isinstance(dtype, torch.dtype) else dict(dtype)
    layout = read_layout(folder)
    tokenizer = load_tokenizer(folder, layout.chat.special_tokens)
    files = TensorFiles(folder)
    layout = corrected(layout, files.names)
    network = build_network(layout, tokenizer, folder)
    for part in (network.chat.vision_model, network.chat.language_model):
        part.set_attn_implementation(ATTENTIONS[attention])
    makers = prepare_layers(network.chat.language_model, quantize, dtypes[LM]) if quantize else {}

    language_model = network.chat.language_model
    device_map = plan_device_map(language_model, room, dtypes[LM]) if room else {"": str(device)}

    def transfer(name: str, tensor: Tensor) -> Tensor:
        if quantise := makers.get(name.removeprefix(_LANGUAGE_MODEL)):
            return quantise(tensor.to(dtypes[LM]), device)
        of_language = name.startswith(_LANGUAGE_MODEL)
        place = device_of(name.removeprefix(_LANGUAGE_MODEL), device_map) if of_language else device
        return tensor.to(place, dtypes[group_of(name)])

    try:
        tensors = with_native_names(layout, _MappedFiles(files, device, dtypes))
        fill(network, with_adapter(folder, tensors), transfer)
        rebuild_buffers(network, device)
    except torch.OutOfMemoryError as error:
        used = " and ".join(sorted({str(kind).removeprefix("torch.") for kind in dtypes.values()}))
        raise OutOfMemoryError(
            f"{device} has too little memory for {folder.name} in {used}; "
            f"try a smaller model, {parameter('dtype', 'bf16')}, or {parameter('device', 'cpu')}"
        ) from error
    network.eval().requires_grad_(False)
    if room:
        spread(language_model, device_map, device)
    return network


class _MappedFiles:
    """The tensors of a folder, each in memory of its own, or of none where the file will do."""

    def __init__(self, files: TensorFiles, device: torch.device, dtypes: Mapping[str, torch.dtype]) -> None:
        self._files = files
        self._device = device
        self._dtypes = dtypes
        self.names = files.names

    def read(self, name: str) -> Tensor:
        """Reads one tensor; on a processor, one that stays as it is in the file is not copied."""
        stays = self._device.type == "cpu" and self._files.dtype(name) == self._dtypes[group_of(name)]
        return self._files.map(name) if stays else self._files.read(name)


def build_network(layout: Layout, tokenizer: Any, folder: Path) -> ChatNetwork:
    """Builds a network without memory: every parameter is on the meta device.

    Args:
        layout: with its sizes.
        tokenizer: of its chat model.
        folder: where the sizes come from, for the message.

    Raises:
        ModelError: when the sizes make no network.
    """
    try:
        with torch.device("meta"):
            if not layout.has_masks:
                return ChatNetwork(layout.chat, tokenizer)
            return Sa2VANetwork(layout.chat, layout.sam2, tokenizer, two_pass=layout.two_pass)
    except Exception as error:  # a config can be wrong in any way, and transformers has errors of its own
        raise ModelError(f"the sizes in {folder / CONFIG_FILE} make no network: {one_line(error)}") from error


def fill(network: nn.Module, tensors: Iterable[tuple[str, Tensor]], transfer: Transfer) -> None:
    """Gives every parameter and saved buffer its tensor.

    Args:
        network: with parameters on the meta device.
        tensors: (name in the network, tensor), one at a time.
        transfer: moves and casts each of them.

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
        filled = transfer(name, tensor)
        plain = isinstance(slots[name], nn.Parameter) and not isinstance(filled, nn.Parameter)
        _place(network, name, nn.Parameter(filled) if plain else filled)
        del tensor, filled  # before the next one is read
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


def _list(names: Iterable[str]) -> str:
    listed = sorted(names)
    return f" ({_few(listed)})" if listed else ""


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
