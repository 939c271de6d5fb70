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
        # One attribute, so that threads which share a network see a key with its own value or neither.
        self._cached: tuple[object, Any] = (None, None)

    def __call__(self) -> Any:
        """The tensor, or the tuple of them."""
        if torch.compiler.is_compiling():
            return self._cached[1]
        if torch.is_grad_enabled():
            return self._compute()
        key = tuple((p.data_ptr(), _version(p), p.dtype, p.device) for p in self._sources())
        cached = self._cached
        if key != cached[0]:
            with torch.inference_mode(mode=False), torch.no_grad():
                cached = self._cached = key, self._compute()
        return cached[1]


def _version(parameter: Tensor) -> int:
    return -1 if parameter.is_inference() else parameter._version
