"""Loads chat models that transformers runs itself; no program of a checkpoint is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sa2va_cli.checkpoints.files import CONFIG_FILE, read_headers
from sa2va_cli.checkpoints.json_files import Config, one_line, read_json_object
from sa2va_cli.checkpoints.loader import ATTENTIONS
from sa2va_cli.checkpoints.quiet import quiet_transformers
from sa2va_cli.checkpoints.spreading import HOST
from sa2va_cli.checkpoints.stock import stock_architecture
from sa2va_cli.errors import ModelError, OutOfMemoryError, parameter
from sa2va_cli.model.quantization import prepare_layers

_SHOWN = 4
"""How many keys a message names."""


def load_stock(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    attention: str = "sdpa",
    quantize: str | None = None,
    room: Mapping[str, int] | None = None,
) -> Any:
    """Loads a checkpoint for inference.

    Args:
        folder: of a class that ``stock_architecture`` knows.
        device: where the parameters go.
        dtype: their precision, whatever it is in the file.
        attention: how all parts compute it: a name in ``loader.ATTENTIONS``.
        quantize: ``8bit`` or ``4bit`` for the linear layers of the language model; needs bitsandbytes.
        room: how much the network may take of each device and of the ``HOST``, where it is spread over
            them; None for ``device`` alone. Needs accelerate.

    Returns:
        a model of transformers in evaluation mode, without gradients.

    Raises:
        ModelError: the folder is not a complete checkpoint.
        OutOfMemoryError: the device is too small.
    """
    read_headers(folder)  # which says best what is wrong with the files
    kind, config = stock_class(folder)
    placed: dict[str, Any] = {}
    if room:
        numbers = {place: "cpu" if place == HOST else torch.device(place).index or 0 for place in room}
        placed = {"device_map": "auto", "max_memory": {numbers[place]: room[place] for place in room}}
    try:
        placed |= {"dtype": dtype, "attn_implementation": ATTENTIONS[attention]}
        model, info = _from_pretrained(kind, folder, config, placed)
        if missing := sorted(info["missing_keys"]):
            raise ModelError(f"the weights of {folder} do not fit its config: {_few(missing)} missing")
        model.eval().requires_grad_(False)
        if quantize:
            _quantise(model, quantize, dtype, device)
        return model if room else model.to(device)
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(
            f"{device} has too little memory for {folder.name} in {str(dtype).removeprefix('torch.')}; "
            f"try a smaller model, {parameter('dtype', 'bf16')}, or {parameter('device', 'cpu')}"
        ) from error
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise ModelError(f"transformers cannot load {folder}: {one_line(error)}") from error


def stock_class(folder: Path) -> tuple[Any, Any]:
    """The class of a checkpoint's model, and its config in the class that goes with it.

    Raises:
        ModelError: transformers does not know it, or the config is not understood.
    """
    import transformers

    written = read_json_object(folder / CONFIG_FILE)
    architecture = stock_architecture(written)
    if architecture is None:
        raise ModelError(f"{folder} is no chat model that transformers knows: {written.get('architectures')}")
    kind = getattr(transformers, architecture)
    # Its own model_type may be another's, and its auto_map is never followed.
    plain: Config = {key: value for key, value in written.items() if key != "auto_map"}
    plain["model_type"] = kind.config_class.model_type
    try:
        return kind, kind.config_class.from_dict(plain)
    except Exception as error:  # a config can be wrong in any way, and transformers has errors of its own
        raise ModelError(f"{folder / CONFIG_FILE} is not understood: {one_line(error)}") from error


def check_stock_tensors(folder: Path) -> int:
    """Makes sure that every parameter has its tensor, of the right shape; nothing is read.

    Returns:
        How many tensors the files hold.

    Raises:
        ModelError: naming what is missing or of a wrong shape.
    """
    headers = read_headers(folder)
    kind, config = stock_class(folder)
    try:
        _, info = _from_pretrained(kind, folder, config, {"device_map": "meta"})
    except Exception as error:  # see stock_class
        raise ModelError(f"the weights of {folder} do not fit its config: {one_line(error)}") from error
    wrong = sorted({*info["missing_keys"], *info["unexpected_keys"]})
    if wrong:
        raise ModelError(f"the weights of {folder} do not fit its config: {_few(wrong)} missing or left over")
    return len(headers)


def _from_pretrained(kind: Any, folder: Path, config: Any, settings: Config) -> tuple[Any, Any]:
    """The model, and what transformers says about loading it."""
    with quiet_transformers():
        found: tuple[Any, Any] = kind.from_pretrained(
            str(folder),
            config=config,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **settings,
        )
        return found


def _quantise(model: Any, scheme: str, dtype: torch.dtype, device: torch.device) -> None:
    """Replaces the linear layers of the language model, one at a time, on their device."""
    decoder: nn.Module = model.get_decoder()
    before = dict(decoder.named_parameters())
    for name, quantise in prepare_layers(decoder, scheme, dtype).items():
        path, _, _ = name.rpartition(".")
        layer = decoder.get_submodule(path)
        layer.weight = quantise(before[name].data, device)
        if layer.bias is not None:
            layer.bias = before[f"{path}.bias"]


def _few(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
