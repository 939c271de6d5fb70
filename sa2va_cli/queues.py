"""Threads that work ahead of and behind the calling thread, joined by bounded queues.

Both are context managers. Whatever happens inside the ``with`` block, its thread has ended when the block is
left; an error on either side stops the other, and the first one is the one that is raised.

Knows nothing about pictures.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

_WAKE_SECONDS = 1.0
"""How often a waiting thread looks up. Notifications wake it at once; this lets Ctrl-C through on Windows."""


class Closed(Exception):  # noqa: N818  (a signal between two threads, not an error)
    """The other side of a channel has gone away."""


class Channel(Generic[T]):
    """A bounded queue between two threads that either side can close.

    Args:
        room: how many items may wait in it.
    """

    def __init__(self, room: int) -> None:
        self._items: deque[T] = deque()
        self._room = room
        self._changed = threading.Condition()
        self._finished = False
        self._abandoned = False
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        """Adds an item, waiting for room.

        Raises:
            Closed: nobody will take it any more.
        """
        with self._changed:
            while len(self._items) >= self._room and not self._abandoned:
                self._changed.wait(_WAKE_SECONDS)
            if self._abandoned:
                raise Closed
            self._items.append(item)
            self._changed.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        """Says that no item will follow; ``error`` is raised where items are taken, after the last one."""
        with self._changed:
            self._finished, self._error = True, error
            self._changed.notify_all()

    def abandon(self) -> None:
        """Says that no item will be taken any more; those waiting are dropped."""
        with self._changed:
            self._abandoned = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Takes items until the channel is finished or abandoned."""
        while True:
            with self._changed:
                while not (self._items or self._finished or self._abandoned):
                    self._changed.wait(_WAKE_SECONDS)
                if not self._items:
                    if self._error is not None and not self._abandoned:
                        raise self._error
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item


@contextmanager
def read_ahead(
    source: Iterable[T], room: int = 4, name: str = "sa2va-decode"
) -> Generator[Iterator[T], None, None]:
    """Iterates over ``source`` in a thread of its own.

    Args:
        source: iterated, and closed if it is a generator, in the thread.
        room: how many items it may be ahead.
        name: of the thread.

    Yields:
        The same items; an error of ``source`` is raised in its place among them.
    """
    channel: Channel[T] = Channel(room)

    def run() -> None:
        error: BaseException | None = None
        items = iter(source)
        try:
            for item in items:
                channel.put(item)
        except Closed:
            pass
        except BaseException as caught:
            error = caught
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            channel.finish(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield iter(channel)
    finally:
        channel.abandon()
        thread.join()


@contextmanager
def write_behind(write: Callable[[T], None], room: int = 4) -> Generator[Callable[[T], None], None, None]:
    """Calls ``write`` in a thread of its own.

    Args:
        write: takes one item; called in order.
        room: how many items it may be behind.

    Yields:
        A function that hands an item over. It raises the error of an earlier item, if there was one. Leaving
        the block waits for the last item; leaving it by an error drops those that wait.
    """
    channel: Channel[T] = Channel(room)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            for item in channel:
                write(item)
        except BaseException as caught:
            errors.append(caught)
            channel.abandon()

    def hand_over(item: T) -> None:
        try:
            channel.put(item)
        except Closed:
            raise errors[0] from None

    thread = threading.Thread(target=run, name="sa2va-write", daemon=True)
    thread.start()
    try:
        yield hand_over
        channel.finish()
        thread.join()
    except BaseException:
        channel.abandon()
        thread.join()
        raise
    if errors:
        raise errors[0]


def batched(items: Iterable[T], size: int) -> Generator[list[T], None, None]:
    """Batches of items, the last one smaller; an error comes after the items that came before it."""
    batch: list[T] = []
    try:
        for item in items:
            batch.append(item)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
