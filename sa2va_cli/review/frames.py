"""Frame-exact pictures of a clip by index, as JPEG at the size of a view.

One thread decodes. It goes on where it stands when the next frame is wanted, begins somewhat earlier when one
before is wanted, and, when nobody waits, works ahead in the direction in which somebody goes. What was made
is kept up to so many bytes. Knows nothing about masks and nothing about browsers.
"""

import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sa2va_cli.datatypes import RGB, Frame
from sa2va_cli.errors import InputError
from sa2va_cli.media.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE_BYTES = 256 << 20
"""Of pictures of all clips: some 1,500 at 1280x720."""

AHEAD = 12
"""Frames that are made before anybody asks: half a second."""

_NEAR = 24
"""Frames that are decoded and passed over rather than searched for anew."""

_IDLE_SECONDS = 30.0
"""After which the file is closed."""

_QUALITY, _FULL_QUALITY = 85, 93


class Cache:
    """Bytes by key, of which those that were not used for the longest time are dropped.

    Args:
        room: how many bytes are kept.
    """

    def __init__(self, room: int = CACHE_BYTES) -> None:
        self._room = room
        self._held: OrderedDict[object, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def get(self, key: object) -> bytes | None:
        """What is kept; None for nothing."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: object, data: bytes) -> None:
        """Keeps something."""
        with self._lock:
            self._size -= len(self._held.pop(key, b""))
            self._held[key] = data
            self._size += len(data)
            while self._size > self._room and len(self._held) > 1:
                self._size -= len(self._held.popitem(last=False)[1])


def view_size(size: tuple[int, int], width: int | None) -> tuple[int, int]:
    """The size of a picture in a view: no larger than the picture itself.

    Args:
        size: (width, height) of the picture.
        width: of the view; None for the picture's own.
    """
    if width is None or width >= size[0]:
        return size
    return width, max(1, round(size[1] * width / size[0]))


def jpeg(image: RGB, width: int | None) -> bytes:
    """A picture as JPEG at the width of a view; None for its own size."""
    size = view_size((image.shape[1], image.shape[0]), width)
    if size != (image.shape[1], image.shape[0]):
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    quality = _FULL_QUALITY if width is None else _QUALITY
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert done  # noqa: S101  (there is nothing that could fail)
    return data.tobytes()


@dataclass(eq=False)
class _Wanted:
    """A frame that somebody waits for."""

    index: int
    width: int | None
    future: "Future[bytes]" = field(default_factory=Future)


class Pictures:
    """The pictures of one clip; any number of threads may ask.

    Args:
        reader: the open clip.
        cache: what is kept, of all clips.
    """

    def __init__(self, reader: Reader, cache: Cache) -> None:
        self._reader = reader
        self._cache = cache
        self._mark = object()
        self._count = reader.count_selected()
        self._changed = threading.Condition()
        self._wanted: list[_Wanted] = []
        self._ahead: list[int] = []
        self._last, self._width = -1, 0
        self._closed = False
        self._frames: Iterator[Frame] | None = None
        self._next = 0
        self._thread = threading.Thread(target=self._run, name="sa2va-pictures", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; whoever still waits gets an error."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def jpeg(self, index: int, width: int | None) -> bytes:
        """A frame as JPEG.

        Args:
            index: of the frame.
            width: of the view; None for the frame's own size.

        Raises:
            InputError: it cannot be decoded.
        """
        width = None if width is None else min(width, self._reader.info.size[0])
        key = self.key(index, width)
        data = self._cache.get(key)
        with self._changed:
            if width is not None:
                self._plan(index, width)
            if data is not None:
                self._changed.notify_all()
                return data
            if self._closed:
                raise InputError("the clip was closed")
            one = _Wanted(index, width)
            self._wanted.append(one)
            self._changed.notify_all()
        return one.future.result()

    def key(self, index: int, width: int | None) -> tuple[object, int, int | None]:
        """What a picture is kept under."""
        return self._mark, index, width

    def _plan(self, index: int, width: int) -> None:
        """Decides which frames come next, when nobody waits."""
        step = -1 if index < self._last else 1
        self._last, self._width = index, width
        stop = min(self._count, index + AHEAD + 1) if step > 0 else max(-1, index - AHEAD - 1)
        self._ahead = list(range(index + step, stop, step))

    def _run(self) -> None:
        while (one := self._chosen()) is not None:
            try:
                data = self._made(one.index, one.width)
            except BaseException as error:
                one.future.set_exception(error)
            else:
                one.future.set_result(data)
        self._frames = None
        for one in self._wanted:
            one.future.set_exception(InputError("the clip was closed"))

    def _chosen(self) -> _Wanted | None:
        """What is made next: what was asked for last, then what may be asked for; None at the end."""
        with self._changed:
            while not self._closed:
                if self._wanted:
                    return self._wanted.pop()
                while self._ahead:
                    index = self._ahead.pop(0)
                    if self.key(index, self._width) not in self._cache:
                        return _Wanted(index, self._width)
                if not self._changed.wait(_IDLE_SECONDS):
                    self._frames = None
            return None

    def _made(self, index: int, width: int | None) -> bytes:
        known = self._cache.get(self.key(index, width))
        if known is not None:
            return known
        if self._frames is None or not self._next <= index <= self._next + _NEAR:
            begin = index
            if width is not None and self._next > index >= self._next - 2 * _NEAR:  # somebody goes back
                begin = max(0, index - AHEAD)
            self._frames, self._next = self._reader.part(begin, self._count), begin
        for frame in self._frames:
            self._next = frame.index + 1
            if frame.index > index:
                break
            near = width is not None and frame.index >= index - AHEAD
            if frame.index == index or (near and self.key(frame.index, width) not in self._cache):
                data = jpeg(frame.image, width)
                self._cache.put(self.key(frame.index, width), data)
                if frame.index == index:
                    return data
        else:
            self._frames = None
        raise InputError(f"frame {index} cannot be decoded")


class Thumbnails:
    """Small pictures of single frames, one after the other.

    Args:
        reader: the open clip.
        cache: what is kept, of all clips.
    """

    WIDTH = 160

    def __init__(self, reader: Reader, cache: Cache) -> None:
        self._reader = reader
        self._cache = cache
        self._mark = object()
        self._lock = threading.Lock()

    def jpeg(self, index: int) -> bytes:
        """A frame as a small JPEG.

        Raises:
            InputError: it cannot be decoded.
        """
        key = (self._mark, index)
        with self._lock:
            data = self._cache.get(key)
            if data is None:
                frames = self._reader.frames_at([index])
                if not frames:
                    raise InputError(f"frame {index} cannot be decoded")
                data = jpeg(frames[0].image, self.WIDTH)
                self._cache.put(key, data)
        return data
