"""What the program does to its own process before the work begins; in Python, a process stays as it is.

The collector of reference cycles is kept out of the way while large libraries are imported: torch and
transformers leave hundreds of thousands of objects that live as long as the program. Python would look
through all of them time and again while they are made, and once more at the end: two seconds of a short run.
"""

import gc
import os
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


def let_threads_sleep() -> None:
    """Lets threads of torch that wait for each other sleep, unless the environment says otherwise.

    By default they try again and again for some milliseconds (OpenMP 5.2, "OMP_WAIT_POLICY"; GOMP_SPINCOUNT
    of libgomp), which on a computer that does anything else takes the core from the thread that is waited
    for. To be called before torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
