"""One open clip: its pictures, its masks with all edits on them, and what is known about it.

Reading is for any thread; what changes is changed under one lock. Knows nothing about the network.
"""

import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Frame, Prompt
from sa2va_cli.errors import InputError, Sa2VAError, UsageError
from sa2va_cli.events import Event, Progress
from sa2va_cli.media.reader import Reader, open_source
from sa2va_cli.media.sequences import is_pattern
from sa2va_cli.pipeline.fetching import is_address
from sa2va_cli.pipeline.opening import opened
from sa2va_cli.pipeline.provenance import search_of
from sa2va_cli.pipeline.rendering import check_source, source_of
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.storage import is_stored
from sa2va_cli.review.frames import Cache, Pictures, Thumbnails, jpeg, view_size
from sa2va_cli.review.messages import line
from sa2va_cli.review.project import Clip
from sa2va_cli.review.revising import Revising
from sa2va_cli.review.sound import write_sound
from sa2va_cli.review.survey import Survey
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.tracks.source_place import source_place

FIRST_PICTURE_SECONDS = 0.7
"""After which the first picture is shown before the times of all frames are known."""

_ANYTHING = Search((Prompt(1, "?"),))
"""Looks at all frames of a video that nobody has looked for anything in."""


class OpenClip:
    """A clip that somebody looks at.

    Args:
        clip: which one.
        cache: of pictures of all clips.
        tell: is called with events.
        force: whether a source that is not the one of the log is taken all the same.

    Raises:
        InputError: its log cannot be read.
    """

    def __init__(
        self,
        clip: Clip,
        cache: Cache,
        tell: Callable[[dict[str, Any]], None],
        *,
        force: bool = False,
    ) -> None:
        self.clip = clip
        self._cache = cache
        self._tell = tell
        self._force = force
        self._lock = threading.RLock()
        self._stack = ExitStack()
        self._reader: Reader | None = None
        self._reader_lock = threading.Lock()
        self._sound: Path | None = None
        self._sound_lock = threading.Lock()
        self._times_known: list[float] | None = None
        self._pictures: Pictures | None = None
        self._thumbnails: Thumbnails | None = None
        self.revising: Revising | None = None
        self.survey: Survey | None = None
        self._looked = False
        self._opening = self._closed = False
        if clip.tracks.exists():
            self.read_tracks()

    def read_tracks(self) -> None:
        """Reads the log, which may have come just now."""
        with self._lock:
            self.revising = Revising(self.clip.tracks)
            self._stack.callback(self.revising.close)
            self.survey = Survey(self.frames, partial(self.tell_changed, None))
            self._looked = False

    def look(self, first: int = 0, last: int | None = None) -> Survey:
        """Finds out about frames, anew where something is known already; at first about all."""
        with self._lock:
            survey = self.survey
            assert survey is not None  # noqa: S101  (it comes with the edits)
            if not self._looked:
                first, last = 0, None
            self._looked = True
            survey.look_at(self.edits.edited, first, last)
            return survey

    def known(self) -> Survey:
        """What was found out about frames; it begins where nobody has looked yet."""
        return self.survey if self.survey is not None and self._looked else self.look()

    def close(self) -> None:
        """Ends its threads and closes its files."""
        self._closed = True
        if self.survey is not None:
            self.survey.close()
        with self._reader_lock:
            if self._pictures is not None:
                self._pictures.close()
            self._stack.close()

    def tell_changed(self, masks: tuple[int, int | None] | None = (0, None)) -> None:
        """Says that the clip should be read again.

        Args:
            masks: the first and the last frame whose masks changed with this revision; None for the end, or
                for no masks at all.
        """
        span = None if masks is None else [masks[0], self.frames - 1 if masks[1] is None else masks[1]]
        self._tell({"type": "clip", "id": self.clip.id, "revision": self.revision, "masks": span})

    @property
    def tracks(self) -> Tracks:
        """The log.

        Raises:
            UsageError: there is none yet.
        """
        return self.edits.tracks

    @property
    def edits(self) -> Revising:
        """The edits.

        Raises:
            UsageError: there is nothing to edit yet.
        """
        if self.revising is None:
            raise UsageError(line("no_tracks", clip=self.clip.name))
        return self.revising

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return 0 if self.revising is None else self.revising.review.revision

    @property
    def model(self) -> str | None:
        """What the tracks were made with; None where there are none."""
        return None if self.revising is None else self.revising.tracks.header.model.name

    @property
    def source(self) -> str:
        """The video or pictures, where they are now."""
        if self.revising is None:
            return self.clip.source or ""
        source = source_of(self.clip.tracks, self.clip.source, self.revising.tracks.header)
        return source_place(self.clip.tracks, source)

    @property
    def is_local(self) -> bool:
        """Whether the source is a name of files here, and no address and nothing on object storage."""
        return not (is_address(self.source) or is_stored(self.source))

    @property
    def search(self) -> Search:
        """Which frames are looked at."""
        return _ANYTHING if self.revising is None else search_of(self.revising.tracks.header)

    def reader(self) -> Reader:
        """The open source; a long video whose times stand in no table is read first, which takes its time.

        Raises:
            InputError: it cannot be read, or is not that of the log.
        """
        with self._reader_lock:
            if self._reader is None:
                self._check_there()
                reader = self._stack.enter_context(opened(self.source, self.search, self._tell_opening))
                self._check(reader)
                self._reader = reader
                if self._opening:
                    self._tell({"type": "opening", "clip": self.clip.id, "part": 1.0})
                if self.revising is not None:  # what only the source tells is known now
                    self.tell_changed(None)
            return self._reader

    def _check_there(self) -> None:
        """Makes sure that the source of a log is where it was.

        Raises:
            InputError: it is not.
        """
        source = self.source
        if self.revising is None or not self.is_local or is_pattern(source):
            return
        if not os.path.lexists(source):
            raise InputError(line("no_source", source=source, tracks=self.clip.tracks.name))

    def _check(self, reader: Reader) -> None:
        """Refuses a source that is not that of the log.

        Raises:
            InputError: it is another one.
        """
        if self.revising is None or self._force:
            return
        header = self.revising.tracks.header
        try:
            check_source(self.clip.tracks, header, reader, self.source)
        except InputError as error:
            names = {"source": self.source, "tracks": self.clip.tracks.name}
            raise InputError(line("other_source", **names)) from error

    def _tell_opening(self, event: Event) -> None:
        """Says how much of the source was read; nobody waits for it when the clip was closed.

        Raises:
            InputError: it was.
        """
        if self._closed:
            raise InputError("the clip was closed")
        if isinstance(event, Progress) and event.total:
            self._opening = True
            self._tell({"type": "opening", "clip": self.clip.id, "part": event.done / event.total})

    def _first_picture(self, width: int | None) -> bytes | None:
        """The first frame, which need not wait for the times of all; None where nothing is waited for."""
        if self._reader is not None or self.search.start is not None or not self.is_local:
            return None
        opening = threading.Thread(target=self._open_quietly, name="sa2va-opening", daemon=True)
        opening.start()
        opening.join(FIRST_PICTURE_SECONDS)
        if self._reader is not None or not opening.is_alive():
            return None
        search = self.search
        with open_source(
            self.source, stream_index=search.stream, deinterlace=search.deinterlace, only_first=True
        ) as beginning:
            self._check(beginning)
            frames = beginning.frames_at([0])
        return jpeg(frames[0].image, width) if frames else None

    def _open_quietly(self) -> None:
        """Opens the source; whoever needs it is told what is wrong with it."""
        with suppress(Sa2VAError):
            self.reader()

    @property
    def known_reader(self) -> Reader | None:
        """The source, if it is open by now."""
        return self._reader

    @property
    def frames(self) -> int:
        """How many frames there are."""
        if self.revising is not None:
            return self.revising.tracks.header.frames
        return self.reader().count_selected()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the pictures."""
        if self.revising is not None:
            return self.revising.tracks.header.source.size
        return self.reader().info.size

    def check_frame(self, index: int) -> None:
        """Makes sure that there is a frame.

        Raises:
            UsageError: there is not.
        """
        if not 0 <= index < self.frames:
            raise UsageError(line("no_frame", frame=index, last=self.frames - 1))

    def picture(self, index: int, width: int | None) -> bytes:
        """A frame as JPEG.

        Raises:
            InputError: it cannot be read.
            UsageError: there is no such frame.
        """
        early = None if index else self._first_picture(width)
        if early is not None:
            return early
        self.check_frame(index)
        reader = self.reader()
        with self._lock:
            if self._pictures is None:
                self._pictures = Pictures(reader, self._cache)
        return self._pictures.jpeg(index, width)

    def thumbnail(self, index: int | None) -> bytes:
        """A frame as a small JPEG; None for one from the middle.

        Raises:
            InputError: it cannot be read.
            UsageError: there is no such frame.
        """
        index = self.frames // 2 if index is None else index
        self.check_frame(index)
        reader = self.reader()
        with self._lock:
            if self._thumbnails is None:
                self._thumbnails = Thumbnails(reader, self._cache)
        return self._thumbnails.jpeg(index)

    def sound(self) -> Path:
        """A file with the sound, which is there for as long as the clip is open.

        Raises:
            InputError: there is no sound.
        """
        with self._sound_lock:
            if self._sound is None:
                folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sa2va-review-"))
                path = Path(folder) / "sound.ogg"
                write_sound(self.reader(), path)
                self._sound = path
            return self._sound

    def alphas(self, index: int, width: int | None) -> tuple[NDArray[np.uint8], list[int]]:
        """The alphas (N, H, W) of all objects on a frame, 0..255, and whose they are.

        Raises:
            UsageError: there is no such frame, or there are no tracks.
        """
        self.check_frame(index)
        edited = self.edits.edited
        objects = edited.header.objects
        seen = view_size(self.size, width)
        stacked = np.zeros((len(objects), seen[1], seen[0]), np.uint8)
        frame = edited[index]
        if frame is not None and frame.masks:
            one = frame.decoded(objects)
            blank = Frame(index, one.pts, Fraction(1), np.broadcast_to(np.uint8(0), (seen[1], seen[0], 3)))
            alphas = one.masks(blank, edited.header.threshold).alphas
            rows = {found.id: row for row, found in enumerate(objects)}
            for found, alpha in zip(one.objects, alphas, strict=True):
                stacked[rows[found.id]] = np.rint(alpha * 255)
        return stacked, [one.id for one in objects]

    def masks(self, index: int, width: int | None) -> tuple[bytes, list[int]]:
        """The alphas of all objects on a frame, as a PNG with one below the other, and whose they are.

        Raises:
            UsageError: there is no such frame, or there are no tracks, or too many for a picture.
        """
        alphas, objects = self.alphas(index, width)
        picture = alphas if objects else np.zeros((1, *alphas.shape[1:]), np.uint8)
        flat = picture.reshape(-1, alphas.shape[2])
        done, data = cv2.imencode(".png", flat, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        if not done:
            raise UsageError(
                f"the masks of {len(objects)} objects are too large for a picture; ask for less width"
            )
        return data.tobytes(), objects

    def times(self, reader: Reader) -> list[float] | None:
        """Seconds at which each frame of the open source is shown; None where all are shown equally long."""
        if reader.info.constant_rate:
            return None
        if self._times_known is None:
            base, start = reader.info.time_base, reader.info.start_seconds
            self._times_known = [float(stamp * base - start) for stamp in reader.stamps()]
        return self._times_known
