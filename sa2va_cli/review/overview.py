"""The list of clips: what is known of each without opening it, and what people decided about it.

A thread finds out, clip after clip, how much of each needs a look. Knows nothing about pictures.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sa2va_cli.errors import InputError, Sa2VAError
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.messages import problem_of
from sa2va_cli.review.project import Clip, Project
from sa2va_cli.review.store import Review, read_review, write_review
from sa2va_cli.tracks.confidence import DOUBTFUL
from sa2va_cli.tracks.decisions import Decision, decision_on, review_file
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.version import VERSION

_NOTHING: Mapping[str, Any] = {
    "frames": None,
    "rate": None,
    "width": None,
    "height": None,
    "duration": None,
    "error": None,
    "problem": None,
}


def decided(clip: Clip) -> dict[str, Any]:
    """What a person decided about a clip, or what can be said without one."""
    decision = decision_on(clip.tracks)
    if decision is None or decision.status in ("new", "tracked"):  # which means: nothing
        return {"status": "tracked" if clip.tracks.exists() else "new", "reason": None}
    return decision.document


class Overview:
    """The clips of a project.

    Args:
        project: the clips.
        tell: is called with events.
    """

    def __init__(self, project: Project, tell: Callable[[dict[str, Any]], None]) -> None:
        self._project = project
        self._tell = tell
        self._needs: dict[str, float] = {}
        self._heads: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ends the thread."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def document(self, known: Mapping[str, OpenClip], model: str | None) -> dict[str, Any]:
        """All clips as JSON has them.

        Args:
            known: those that are open.
            model: name of the one that corrects them.
        """
        self._begin()
        path = self._project.path
        project = {
            "name": path.name or str(path.absolute()),
            "kind": self._project.kind,
            "model": model,
            "version": VERSION,
        }
        return {
            "project": project,
            "clips": [self._summary(one, known.get(one.id)) for one in self._project.clips],
        }

    def decide(self, clip: OpenClip, decision: Decision) -> None:
        """Writes down what a person decided about a clip.

        Raises:
            OutputError: it cannot be written.
        """
        if clip.revising is not None:
            clip.revising.decide(decision)
            return
        file = review_file(clip.clip.tracks)
        write_review(file, (read_review(file) or Review()).decided(decision))

    def _summary(self, clip: Clip, known: OpenClip | None) -> dict[str, Any]:
        """A clip as it stands in a list."""
        there = clip.tracks.exists()
        return {
            "id": clip.id,
            "name": clip.name,
            **(self._head(clip) if there else _opened(known)),
            **decided(clip),
            "needs_look": self._need(clip, known),
            "tracks": there,
            "thumbnail": f"/api/v1/clips/{clip.id}/thumbnail",
        }

    def _head(self, clip: Clip) -> dict[str, Any]:
        """What the head of a log says; it is read again where the file has changed."""
        try:
            facts = clip.tracks.stat()
        except OSError:
            return _facts(clip)
        mark = facts.st_mtime_ns, facts.st_size
        known = self._heads.get(clip.id)
        if known is None or known[0] != mark:
            known = self._heads[clip.id] = mark, _facts(clip)
        return known[1]

    def _need(self, clip: Clip, known: OpenClip | None) -> float | None:
        if known is not None and known.survey is not None and known.survey.complete:
            return known.survey.needs_look(known.edits.edited.header.objects)
        return self._needs.get(clip.id)

    def _begin(self) -> None:
        """Begins to look at the clips one after the other, if there are several."""
        with self._lock:
            if self._thread is None and len(self._project.clips) > 1:
                self._thread = threading.Thread(target=self._look, name="sa2va-overview", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        for clip in self._project.clips:
            if self._ended.is_set():
                return
            try:
                need = _needs_look(clip, self._ended) if clip.tracks.exists() else None
            except Sa2VAError:
                continue
            if need is not None:
                self._needs[clip.id] = need
                self._tell({"type": "clip", "id": clip.id, "revision": 0})


def _needs_look(clip: Clip, ended: threading.Event) -> float | None:
    """Part of a clip's frames that may be wrong; None where nobody waits for it any more."""
    tracks, doubtful, frames = Tracks(clip.tracks), 0, 0
    for one in tracks:
        if ended.is_set():
            return None
        frames += 1
        known = one.evidence(tracks.header.threshold)
        doubtful += bool(np.any(known.confidences < DOUBTFUL))
    return doubtful / frames if frames else 0.0


def _facts(clip: Clip) -> dict[str, Any]:
    """What the head of a log says."""
    try:
        header = Tracks(clip.tracks).header
    except InputError as error:
        return {**_NOTHING, "error": str(error), "problem": problem_of(error)}
    rate = header.source.rate / int(header.settings.get("every", 1))
    return {
        **_NOTHING,
        "frames": header.frames,
        "rate": [rate.numerator, rate.denominator],
        "width": header.source.size[0],
        "height": header.source.size[1],
        "duration": header.frames / float(rate),
    }


def _opened(known: OpenClip | None) -> dict[str, Any]:
    """What is known of a video without tracks, once it is open."""
    reader = None if known is None else known.known_reader
    if reader is None:
        return dict(_NOTHING)
    frames, rate = reader.count_selected(), reader.rate
    return {
        **_NOTHING,
        "frames": frames,
        "rate": [rate.numerator, rate.denominator],
        "width": reader.info.size[0],
        "height": reader.info.size[1],
        "duration": frames / float(rate),
    }
