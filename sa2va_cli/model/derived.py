"""Tensors that follow from parameters and are the same for every picture."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class DerivedTensor:
    """A tensor that is computed once, and again only after the parameters it follows from have changed.

    In training it is computed every time, since gradients flow through it. A compiled graph takes the value
    that is cached, for where parameters lie in memory cannot be traced: call it once before.

    Args:
        compute: makes it.
        sources: the parameters it follows from.
    """

    def __init__(self, compute: Callable[[], Any], sources: Callable[[], Sequence[Tensor]]) -> None:
        self._compute = compute
        self._sources = sources
        self._key: object = None
        self._value: Any = None

    def __call__(self) -> Any:
        """The tensor, or the tuple of them."""
        if torch.compiler.is_compiling():
            return self._value
        if torch.is_grad_enabled():
            return self._compute()
        key = tuple((p.data_ptr(), _version(p), p.dtype, p.device) for p in self._sources())
        if key != self._key:
            with torch.inference_mode(mode=False), torch.no_grad():
                self._key, self._value = key, self._compute()
        return self._value


def _version(parameter: Tensor) -> int:
    return -1 if parameter.is_inference() else parameter._version
