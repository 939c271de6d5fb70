"""Whether what runs for every frame is compiled, and where the results are kept between runs."""

import os
from functools import partial
from pathlib import Path

import torch

from sa2va_cli.model.graphs import Compiling

LEAST_FRAMES = 10_000
"""Frames from which compiling is taken to pay on a GPU (``--compile auto``): about seven minutes of video.

An estimate. A compiled frame is taken to start some thousand kernels fewer, which saves 4 to 6 ms of the 19
that one object takes on an H200 (benchmarks/results/gpu_sessions.json). Compiling SAM 2's encoder and one
step of its tracker is taken to need 60 to 90 s, and 20 s where the results of an earlier run are found:
20,000 and 4,000 frames. A run does not know whether it will be the only one, hence something between them.
"""

_CACHE = "TORCHINDUCTOR_CACHE_DIR"


def compile_folder() -> Path:
    """Where compiled code is kept between runs; TORCHINDUCTOR_CACHE_DIR or XDG_CACHE_HOME move it."""
    from torch._inductor.runtime.cache_dir_utils import (
        default_cache_dir,  # private: only who compiles needs it
    )

    chosen, default = os.environ.get(_CACHE), default_cache_dir()
    if chosen and chosen != default:  # torch itself sets the default, in a folder for temporary files
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 (Path's raises)
    return Path(default) if cache.startswith("~") else Path(cache) / "sa2va" / "compile"  # no home is known


def compiling(choice: str, device: str) -> Compiling | None:
    """How and when a network on a device is compiled.

    Args:
        choice: one of ``options.COMPILES``.
        device: as in ``Placement``.

    Returns:
        None for never.
    """
    on = choice == "on"
    if not on and (choice == "off" or not device.startswith("cuda")):
        return None
    os.environ[_CACHE] = str(compile_folder())  # torch reads it when it compiles
    function = partial(torch.compile, fullgraph=True, dynamic=False)
    return Compiling(function, least_frames=0 if on else LEAST_FRAMES, required=on)
