"""Keeps the collector of reference cycles out of the way while large libraries are imported.

torch and transformers leave hundreds of thousands of objects that live as long as the program. Python would
look through all of them time and again while they are made, and once more at the end: two seconds of a short
run. Only the program does this to itself; who uses the package in Python keeps the collector as it is.
"""

import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Generator[Callable[[], None], None, None]:
    """Pauses the collector; what is there when it goes on is not looked at again.

    Yields:
        a function that ends the pause early: when all is imported and the work begins, which may leave cycles
        that must be collected.
    """
    paused = gc.isenabled()
    gc.disable()

    def go_on() -> None:
        nonlocal paused
        if paused:
            paused = False
            gc.freeze()
            gc.enable()

    try:
        yield go_on
    finally:
        go_on()
