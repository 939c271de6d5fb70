"""What the server tells those who listen: changes of clips, jobs and frames, as server-sent events.

Anything may be told from any thread. Knows nothing about what happens.
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

ROOM = 1_000
"""Events that wait for a slow listener; then it is told to read everything again."""

_BEAT_SECONDS = 15.0
"""How often a comment keeps a silent connection alive."""

Event = Mapping[str, Any]


def encoded(event: Event) -> bytes:
    """An event as it goes over the wire."""
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


class Listener:
    """One who listens, in an event loop.

    Args:
        room: how many events may wait.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(room)

    def tell(self, event: Event | None) -> None:
        """Hands an event over, from any thread; None ends it."""
        try:
            self._loop.call_soon_threadsafe(self._put, event)
        except RuntimeError:  # the loop has ended, and with it the listener
            return

    def _put(self, event: Event | None) -> None:
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait({"type": "missed"})
        self._queue.put_nowait(event)

    async def events(self) -> AsyncIterator[bytes]:
        """The events as they go over the wire, and signs of life between them."""
        yield b": sa2va\n\n"
        while True:
            try:
                async with asyncio.timeout(_BEAT_SECONDS):
                    event = await self._queue.get()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if event is None:
                return
            yield encoded(event)


class Events:
    """All who listen."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._ended = False

    def tell(self, event: Event) -> None:
        """Tells everybody, from any thread."""
        with self._lock:
            listeners = tuple(self._listeners)
        for one in listeners:
            one.tell(event)

    def end(self) -> None:
        """Sends everybody home."""
        with self._lock:
            self._ended = True
            listeners = tuple(self._listeners)
        for one in listeners:
            one.tell(None)

    async def stream(self) -> AsyncIterator[bytes]:
        """Listens for as long as somebody reads."""
        listener = Listener()
        with self._lock:
            if self._ended:
                return
            self._listeners.add(listener)
        try:
            async for data in listener.events():
                yield data
        finally:
            with self._lock:
                self._listeners.discard(listener)
