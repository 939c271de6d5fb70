"""Who uses the processor's cores, and how threads wait for each other.

Both are for programs that own their process: torch's threads belong to the whole of it, so a library leaves
them as they are.
"""

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sa2va_cli.datatypes import AnySegmenter

Threads = Callable[["AnySegmenter"], AbstractContextManager[int]]
"""Entered while objects are followed; gives the number of threads that objects may be divided among."""


def let_threads_sleep() -> None:
    """Lets threads of torch that wait for each other sleep, unless the environment says otherwise.

    By default they try again and again for some milliseconds (OpenMP 5.2, "OMP_WAIT_POLICY"; GOMP_SPINCOUNT
    of libgomp), which on a computer that does anything else takes the core from the thread that is waited
    for. To be called before torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def divide_cores(segmenter: "AnySegmenter") -> Generator[int, None, None]:
    """Gives a small network on a processor one thread for each operation, and a worker for each core.

    Single operations of a small network are too short to be shared by threads. When the block is left, the
    number of threads is what it was.

    Yields:
        The number of workers that objects may be divided among; 1 where nothing is changed.
    """
    if not getattr(segmenter, "is_small_on_processor", False):
        yield 1
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def leave_threads(_: "AnySegmenter") -> AbstractContextManager[int]:
    """Leaves torch's threads as they are: they belong to whoever uses this package."""
    return nullcontext(1)
