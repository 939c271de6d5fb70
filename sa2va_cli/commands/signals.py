"""What Ctrl-C, ``kill`` and a closed terminal do for as long as a command says so."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def signals_told(tell: Callable[[int], None]) -> Generator[None, None, None]:
    """Tells of the first two such signals; the third ends the program at once.

    Signals that whoever started the program has switched off (``nohup``) stay off.

    Args:
        tell: is given how many have come; what it raises is raised where the program is just then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = 0

    def receive(number: int, _: object) -> None:
        nonlocal received
        received += 1
        if received > 2:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        tell(received)

    before: dict[int, Any] = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, receive)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
