"""Spreads a language model that is too big for one GPU over several, and over the computer's memory.

Built on accelerate, an extra: it decides which layer goes where, and brings the numbers from one device to
the next. Layers in the computer's memory are copied to the first GPU whenever they are needed, and computed
there. Importing this is instant.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sa2va_cli.errors import OutOfMemoryError, parameter

if TYPE_CHECKING:
    import torch

HOST = "host"
"""The computer's memory, where a layer is stored but not computed."""

_ACCELERATE_HOST = "cpu"  # what accelerate calls it

DeviceMap = Mapping[str, str]
"""For each module of a language model, by its name, a device as torch calls it, or ``HOST``."""


def plan_device_map(language_model: Any, room: Mapping[str, int], dtype: "torch.dtype") -> dict[str, str]:
    """Decides which module goes where: GPUs are filled in the order of ``room``, then the computer's memory.

    No layer is torn apart. Where some stay in the computer, the first GPU reserves room for the largest one.

    Args:
        language_model: one of transformers; it may be without memory.
        room: bytes that it may take on each GPU (``cuda:0``, ...), the main one first, and on the ``HOST``.
        dtype: precision that it will have.

    Raises:
        OutOfMemoryError: it does not fit.
    """
    from accelerate import infer_auto_device_map

    gpus = [device for device in room if device != HOST]
    most: dict[int | str, int] = {number: room[device] for number, device in enumerate(gpus)}
    found = infer_auto_device_map(
        language_model,
        max_memory=most | {_ACCELERATE_HOST: room[HOST]},
        no_split_module_classes=list(language_model._no_split_modules or ()),
        dtype=dtype,
    )
    if "disk" in found.values():
        raise OutOfMemoryError(
            f"{', '.join(gpus)} and the computer together have too little memory for the language model; "
            f"try a smaller model, or {parameter('dtype', 'bf16')}"
        )
    return {name: HOST if place == _ACCELERATE_HOST else gpus[place] for name, place in found.items()}


def device_of(name: str, device_map: DeviceMap) -> "torch.device":
    """The device on which a parameter is stored, by its name within the language model."""
    import torch

    fitting = [module for module in device_map if not module or f"{name}.".startswith(f"{module}.")]
    place = device_map[max(fitting, key=len)]
    return torch.device("cpu" if place == HOST else place)


def spread(language_model: Any, device_map: DeviceMap, main: "torch.device") -> None:
    """Makes the modules of a language model compute where a device map puts them, and pass on what they made.

    Args:
        language_model: its parameters are where the device map puts them.
        device_map: from ``plan_device_map``.
        main: where layers in the computer's memory are computed.
    """
    import torch
    from accelerate import dispatch_model

    places = {
        name: _ACCELERATE_HOST if place == HOST else torch.device(place) for name, place in device_map.items()
    }
    if set(places.values()) != {main}:
        dispatch_model(
            language_model,
            places,
            main,
            state_dict=language_model.state_dict(),  # accelerate finds none of it where all is on the host
            skip_keys=language_model._skip_keys_device_placement,
            force_hooks=True,
        )
