"""The edits of one tracks file while somebody makes them: applied, kept on disk, undone, saved.

Knows nothing about networks: the masks of a correction come from outside, into a layer.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.errors import InputError, OutputError, UsageError
from sa2va_cli.outputs.locks import locked
from sa2va_cli.review.messages import line
from sa2va_cli.review.store import Review, read_review, review_folder, write_review
from sa2va_cli.staging import atomic, discard, output_errors
from sa2va_cli.tracks.corrections import Correction
from sa2va_cli.tracks.decisions import TRACKS_ENDING, Decision, mark, review_file
from sa2va_cli.tracks.edits import Correct, Delete, Edit, EditedTracks, Rename, mentioned, write_edited
from sa2va_cli.tracks.indexed import CodedMask, IndexedFrames
from sa2va_cli.tracks.layers import Layer
from sa2va_cli.tracks.log import Tracks

BASE = ".base" + TRACKS_ENDING
"""Name of what the tracks were before the first save, in the folder of layers; hidden, as it is no clip."""

_SEEN = ".seen-"
"""What names of logs of what is seen begin with, there as well."""

_LONG_LOG_BYTES = 64 << 20
"""Of a log that takes a while to look through: some ten thousand records."""


class Revising:
    """A tracks file with edits on it, which stays as it is until it is saved.

    Attributes:
        review: the edits, and what was decided.
        tracks: the log that the edits are of.
        edited: it with those that count on it.
        lock: held while anything changes.

    Args:
        path: the tracks file.

    Raises:
        InputError: it cannot be read, or the review beside it cannot.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = review_file(path)
        self.folder = review_folder(path)
        self.lock = threading.RLock()
        self._stack = ExitStack()
        self._layers: dict[str, Layer] = {}
        self._claimed = False
        self._logged: tuple[IndexedFrames, tuple[Correction, ...]] | None = None
        self.review, base = self._found()
        self.tracks = Tracks(base)
        self._frames = IndexedFrames.of(self.tracks)
        self._stack.callback(self._frames.close)
        self.edited = self._edited(self.review)

    def _found(self) -> tuple[Review, Path]:
        """The review beside the tracks, and the log that its edits are of."""
        review = read_review(self.file)
        if review is None:
            return Review(), self.path
        if not review.edits:
            return review, self.path
        now = mark(self.path)
        kept = self.folder / BASE
        if now == review.base:
            return replace(review, saved=0, written=()), self.path
        if now in review.written and kept.exists():
            last = now == review.written[-1]
            return (review if last else replace(review, saved=-1)), kept
        names = {"file": str(self.path), "review": self.file.name, "layers": self.folder.name}
        raise InputError(line("written_outside", **names))

    def close(self) -> None:
        """Closes the files."""
        with self.lock:
            for layer in self._layers.values():
                layer.close()
            self._layers = {}
            self._stack.close()

    def mask(self, layer: str, index: int) -> CodedMask | None:
        """The mask that a layer has on a frame: see ``edits.Layers``."""
        return self.layer(layer)[index]

    def layer(self, name: str) -> Layer:
        """The masks of a correction."""
        with self.lock:
            if name not in self._layers:
                self._layers[name] = Layer(self.folder / name)
            return self._layers[name]

    @property
    def logged(self) -> tuple[Correction, ...]:
        """What was corrected in the log itself, before any edit; read once."""
        frames = self._frames
        if self._logged is None or self._logged[0] is not frames:
            self._logged = frames, frames.corrections()
        return self._logged[1]

    @property
    def is_looked_through(self) -> bool:
        """Whether ``logged`` comes at once: a log of hours has to be looked through first."""
        return self._frames.is_known or self.tracks.path.stat().st_size < _LONG_LOG_BYTES

    def _edited(self, review: Review) -> EditedTracks:
        return self.edited_by(review.counting)

    def edited_by(self, edits: Sequence[Edit]) -> EditedTracks:
        """The log with other edits on it."""
        return EditedTracks(self.tracks, self._frames, edits, self)

    def _claim(self) -> None:
        """Keeps other programs from changing the same review."""
        if not self._claimed:
            try:
                self._stack.enter_context(locked(self.file))
            except OutputError as error:
                if isinstance(error.__cause__, OSError):  # nobody has it, but nothing can be written there
                    raise
                raise OutputError(line("edited_elsewhere", file=str(self.path), text=str(error))) from error
            self._claimed = True

    def change(self, review: Review) -> None:
        """Takes the place of the review, in memory and on disk.

        Raises:
            UsageError: an edit cannot be meant; then nothing changes.
            OutputError: it cannot be written, or another program has it.
        """
        with self.lock:
            edited = self._edited(review)
            self._claim()
            if review.edits and not review.base:
                review = replace(review, base=mark(self.path))
            write_review(self.file, review)
            self.review, self.edited = review, edited

    def edit(self, edit: Edit) -> None:
        """Adds an edit; layers of those that were taken back go.

        Raises:
            UsageError: it cannot be meant.
            OutputError: see ``change``.
        """
        with self.lock:
            gone = {one.layer for one in self.review.edits[self.review.done :] if isinstance(one, Correct)}
            self.change(self.review.edited(edit))
            for name in gone - {edit.layer if isinstance(edit, Correct) else ""}:
                layer = self._layers.pop(name, None)
                if layer is not None:
                    layer.close()
                with suppress(OSError):
                    (self.folder / name).unlink(missing_ok=True)

    def undo(self) -> Edit:
        """Takes the last edit back; returns it.

        Raises:
            UsageError: there is none.
        """
        with self.lock:
            self.change(self.review.undone())
            return self.review.edits[self.review.done]

    def redo(self) -> Edit:
        """Does the next edit again; returns it.

        Raises:
            UsageError: there is none.
        """
        with self.lock:
            self.change(self.review.redone())
            return self.review.edits[self.review.done - 1]

    def decide(self, decision: Decision) -> None:
        """Writes down what a person decided."""
        with self.lock:
            self.change(self.review.decided(replace(decision, of=mark(self.path))))

    @property
    def undo_words(self) -> dict[str, str] | None:
        """What undoing takes back, by its type in ``bodies.EDITS`` and its words; None for nothing."""
        return _words(self.review.edits[self.review.done - 1]) if self.review.done else None

    @property
    def redo_words(self) -> dict[str, str] | None:
        """What redoing does again; see ``undo_words``."""
        following = self.review.edits[self.review.done :]
        return _words(following[0]) if following else None

    def next_layer(self) -> str:
        """A name for another layer."""
        with self.lock:
            taken = {one.layer for one in self.review.edits if isinstance(one, Correct)}
            number = len(taken) + 1
            while (name := f"{number:04}.layer") in taken or (self.folder / name).exists():
                number += 1  # a layer of a review that was moved away is none of ours
            return name

    def next_object(self) -> int:
        """A number that no object has, or had before it was taken away."""
        with self.lock:
            taken = [one.id for one in self.tracks.header.objects]
            taken += [number for one in self.review.edits for number in mentioned(one)]
            return max(taken, default=0) + 1

    def waiting(self, frames: int) -> dict[str, NDArray[np.bool_]]:
        """Which frames wait for masks, by the layer of the correction; later ones cover earlier ones."""
        found: dict[str, NDArray[np.bool_]] = {}
        covered: dict[int, NDArray[np.bool_]] = {}
        with self.lock:
            for one in reversed(self.review.counting):
                if isinstance(one, Delete):
                    covered[one.object] = np.ones(frames, np.bool_)
                if not isinstance(one, Correct):
                    continue
                hidden = covered.setdefault(one.object, np.zeros(frames, np.bool_))
                wanted = np.zeros(frames, np.bool_)
                wanted[one.first : one.last + 1] = True
                missing = wanted & ~hidden
                missing &= ~self.layer(one.layer).done(frames)
                if missing.any():
                    found[one.layer] = missing
                hidden |= wanted
        return found

    def pending(self, frames: int) -> dict[int, NDArray[np.bool_]]:
        """Which frames wait for masks of corrections, by the id of each object that waits for some."""
        found: dict[int, NDArray[np.bool_]] = {}
        with self.lock:
            for layer, missing in self.waiting(frames).items():
                edit = self.correction(layer)
                assert edit is not None  # noqa: S101  (only those that count are waited for)
                found[edit.object] = found.get(edit.object, False) | missing
        return found

    def correction(self, layer: str) -> Correct | None:
        """The correction with a layer, if it counts."""
        for one in self.review.counting:
            if isinstance(one, Correct) and one.layer == layer:
                return one
        return None

    def cut_short(self, layer: str) -> None:
        """Ends a correction where it has come to; takes it away where not even its own frame is done.

        Raises:
            OutputError: see ``change``.
        """
        with self.lock:
            places = [
                place
                for place, one in enumerate(self.review.counting)
                if isinstance(one, Correct) and one.layer == layer
            ]
            if not places:
                return
            edit = self.review.edits[places[0]]
            assert isinstance(edit, Correct)  # noqa: S101  (looked at above)
            first, last = edit.frame, edit.frame
            done = self.layer(layer)
            while first - 1 >= edit.first and first - 1 in done:
                first -= 1
            while last + 1 <= edit.last and last + 1 in done:
                last += 1
            if edit.frame not in done:
                self.change(self.review.without(places[0]))
            else:
                self.change(self.review.with_edit(places[0], replace(edit, first=first, last=last)))

    def materialised(self, objects: Sequence[int] | None = None, working: Sequence[str] = ()) -> Path:
        """A log of what is seen: the tracks themselves where that is the same, else one among the layers.

        Args:
            objects: ids of those that are kept; None for all.
            working: texts that name logs of earlier states which are still read; others go.

        Raises:
            OutputError: it cannot be written.
        """
        with self.lock:
            every = [one.id for one in self.edited.header.objects]
            wanted = sorted(set(every if objects is None else objects))
            chosen = None if wanted == sorted(every) else wanted
            if not self.review.unsaved and chosen is None:
                return self.path
            digest = hashlib.sha256(repr(wanted).encode()).hexdigest()[:12]  # names of all would be too long
            name = f"{_SEEN}{self.review.revision}" + ("" if chosen is None else f"-{digest}")
            path = self.folder / (name + TRACKS_ENDING)
            if not path.exists():
                self._discard_seen(working)
                with output_errors(path):
                    self.folder.mkdir(parents=True, exist_ok=True)
                with atomic(path) as part:
                    write_edited(self.edited, part, chosen)
            return path

    def _discard_seen(self, working: Sequence[str]) -> None:
        """Removes logs of what was seen before, but for those that are still read."""
        for old in self.folder.glob(f"{_SEEN}*{TRACKS_ENDING}"):
            if not any(old.name in text for text in working):
                discard(old)

    def save(self, name: str | None = None) -> Path:
        """Writes what is seen as a tracks file; returns it.

        Args:
            name: of a new file beside the tracks; None to take their place.

        Raises:
            UsageError: the name cannot be meant.
            OutputError: it is taken, or cannot be written.
        """
        with self.lock:
            if name is not None:
                path = self._beside(name)
                with atomic(path) as part:
                    write_edited(self.edited, part)
                return path
            if self.review.unsaved:
                self._claim()
                self._keep_base()
                with atomic(self.path) as part:
                    write_edited(self.edited, part)
                    self.change(self.review.written_as(mark(part)))
            return self.path

    def _beside(self, name: str) -> Path:
        if Path(name).name != name or name.startswith(".") or "\0" in name or "\\" in name:
            raise UsageError(f"{name!r} is no name of a file; give one without folders")
        path = self.path.with_name(name if name.endswith(TRACKS_ENDING) else name + TRACKS_ENDING)
        if path.exists():
            raise OutputError(line("file_exists", file=str(path)))
        return path

    def _keep_base(self) -> None:
        """Keeps what the tracks were when the first edit was made."""
        kept = self.folder / BASE
        if self.tracks.path == kept:
            return
        with output_errors(kept):
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic(kept) as part:
                _copy(self.path, part)
        self.tracks = Tracks(kept)
        self._frames = IndexedFrames.of(self.tracks)
        self._stack.callback(self._frames.close)
        self.edited = self._edited(self.review)


def _copy(path: Path, part: Path) -> None:
    """Copies a file and makes sure that it survives a loss of power."""
    shutil.copyfile(path, part)
    with part.open("rb") as file:
        os.fsync(file.fileno())


def _words(edit: Edit) -> dict[str, str]:
    """What an edit is: its type, and the words that were looked for or given."""
    if isinstance(edit, Correct):
        return {"type": {"point": "points"}.get(edit.means, edit.means), "words": edit.words}
    return {"type": type(edit).__name__.lower(), "words": edit.name if isinstance(edit, Rename) else ""}
