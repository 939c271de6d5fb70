"""What the machine can do and what is asked of it: arithmetic, peak memory, other programs' work."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

_SIDES = {"cpu": 1024, "cuda": 8192, "mps": 4096}
"""Sides of the square matrices whose product takes long enough to be timed on each kind of device."""

_TRIALS = 8


def _attention_flops(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Of two products, from shapes (B, H, Q, C), (B, h, K, C) and (B, h, K, V)."""
    batch, heads, length, width = query
    return int(2 * batch * heads * length * key[2] * (width + value[3]))


# torch does not count the processor's kernel, and refuses keys of fewer heads than queries in the others.
_ATTENTION = {
    getattr(torch.ops.aten, f"_scaled_dot_product_{kernel}"): _attention_flops
    for kernel in ("flash_attention_for_cpu", "flash_attention", "efficient_attention", "cudnn_attention")
}


def synchronizer(device: str) -> Callable[[], None]:
    """Makes a function that waits until everything begun on a device is done."""
    if device.startswith("cuda"):
        return lambda: torch.cuda.synchronize(device)
    if device == "mps":
        return torch.mps.synchronize
    return lambda: None


def count_flops(work: Callable[[], object]) -> int:
    """Counts the floating point operations of all matrix products, convolutions and attentions in ``work``.

    A multiplication with its addition counts as two. ``work`` is run once; what is inside a compiled graph is
    not seen.
    """
    with FlopCounterMode(display=False, custom_mapping=_ATTENTION) as counter:
        work()
    return int(counter.get_total_flops())


def matmul_rate(device: str, dtype: torch.dtype) -> float:
    """Measures how many floating point operations per second a large matrix product reaches.

    The fastest of several trials counts, with as many threads as torch has.
    """
    side = _SIDES[device.partition(":")[0]]
    left = torch.randn(side, side, device=device).to(dtype)
    right, out = left.clone(), torch.empty_like(left)
    wait = synchronizer(device)
    best = float("inf")
    for _ in range(_TRIALS):
        wait()
        started = time.perf_counter()
        torch.mm(left, right, out=out)
        wait()
        best = min(best, time.perf_counter() - started)
    return 2.0 * side**3 / best


def peak_host_bytes() -> int | None:
    """The most memory that this process has held so far; None on systems that do not report it."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)  # macOS counts bytes, Linux kibibytes


def forget_peak_device_bytes(device: str) -> None:
    """Begins to count ``peak_device_bytes`` anew."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)


def peak_device_bytes(device: str) -> int | None:
    """The most memory that tensors held on a CUDA device; None on others."""
    return int(torch.cuda.max_memory_allocated(device)) if device.startswith("cuda") else None


def other_load() -> str | None:
    """Says how busy the processor has been with other work in the last minute; None when it was idle.

    Only sensible before this process has done work of its own.
    """
    with suppress(OSError, AttributeError):  # os.getloadavg is not everywhere
        load, cores = os.getloadavg()[0], os.cpu_count() or 1
        if load > cores / 2:
            return f"the processor is busy with other work (load {load:.1f} on {cores} cores)"
    return None
