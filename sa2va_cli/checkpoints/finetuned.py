"""Reads a state dict that a training of Sa2VA saved (xtuner, mmengine), over the checkpoint it began from."""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from sa2va_cli.checkpoints.streaming import TensorFiles
from sa2va_cli.errors import ModelError


class FineTuned:
    """The tensors of a published checkpoint, some of them replaced by those of a state dict.

    What xtuner saves while it trains a Sa2VA has only the parts that were trained, under names that begin
    with ``mllm.model.`` (bytedance/Sa2VA, ``tools/convert_to_hf.py``).

    Args:
        tensors: what replaces the checkpoint's, under its names.
        files: the checkpoint.
    """

    def __init__(self, tensors: dict[str, Tensor], files: TensorFiles) -> None:
        self._tensors = tensors
        self._files = files
        self.names = files.names

    @classmethod
    def open(cls, path: Path, files: TensorFiles) -> "FineTuned":
        """Opens a state dict; its tensors stay on the disk until they are read, and nothing in it is run.

        Raises:
            ModelError: it is not a state dict of tensors, or has one that the checkpoint has not.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise ModelError(
                f"{path} is not a state dict of tensors alone, and nothing else is read: "
                f"{str(error).partition(chr(10))[0][:120]}"
            ) from error
        inner = state.get("state_dict", state) if isinstance(state, dict) else {}
        tensors = {_plain_name(name, files): t for name, t in inner.items() if isinstance(t, Tensor)}
        if not tensors:
            raise ModelError(f"{path} holds no tensors")
        for name, tensor in tensors.items():
            _check(name, tensor, path, files)
        return cls(tensors, files)

    def read(self, name: str) -> Tensor:
        """Reads one tensor."""
        return self._tensors[name] if name in self._tensors else self._files.read(name)

    def outline(self, name: str) -> Tensor:
        """Gives a tensor's shape and dtype, without numbers."""
        return self._tensors[name].to("meta") if name in self._tensors else self._files.outline(name)


def _plain_name(name: str, files: TensorFiles) -> str:
    """The published name of what xtuner calls ``name``; a Qwen-VL's begin with ``model.`` there too."""
    short = name.removeprefix("mllm.model.").replace(".gamma", ".g_weight")
    return f"model.{short}" if f"model.{short}" in files.headers else short


def _check(name: str, tensor: Tensor, path: Path, files: TensorFiles) -> None:
    if ".lora_" in name or "base_model." in name:
        raise ModelError(
            f"{path} holds LoRA weights that are not merged ({name}); merge them when you save the state dict"
        )
    if name not in files.headers:
        raise ModelError(f"{path} has the tensor {name!r}, which {files.folder} has not")
    if tuple(tensor.shape) != files.headers[name].shape:
        wanted = list(files.headers[name].shape)
        raise ModelError(f"{name!r} of {path} has the shape {list(tensor.shape)}, the model's is {wanted}")
