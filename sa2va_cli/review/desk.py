"""Everything that is open: the project, its clips, who listens, and what is being worked on.

The rooms below know one clip or one job; this is where they meet. Knows nothing about HTTP.
"""

import threading
from collections import OrderedDict
from typing import Any

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.events import Events
from sa2va_cli.review.frames import Cache
from sa2va_cli.review.project import Clip, Project
from sa2va_cli.review.store import Decision, kept_decisions
from sa2va_cli.tracks.log import Tracks
from sa2va_cli.version import VERSION

MOST_OPEN = 8
"""Clips that stay open at once; opening one again is quick."""


class UnknownError(UsageError):
    """There is no such clip or job."""


class Desk:
    """What was opened.

    Args:
        project: the clips.
        force: whether sources that are not those of their logs are taken all the same.
    """

    def __init__(self, project: Project, *, force: bool = False) -> None:
        self.project = project
        self.events = Events()
        self._force = force
        self._clips = {one.id: one for one in project.clips}
        self._cache = Cache()
        self._open: OrderedDict[str, OpenClip] = OrderedDict()
        self._lock = threading.RLock()

    def close(self) -> None:
        """Ends everything."""
        self.events.end()
        with self._lock:
            for one in self._open.values():
                one.close()
            self._open.clear()

    def clip(self, number: str) -> OpenClip:
        """A clip, open.

        Raises:
            UnknownError: there is none of this name.
            InputError: its log cannot be read.
        """
        with self._lock:
            if number not in self._open:
                if number not in self._clips:
                    raise UnknownError(f"there is no clip {number[:40]!r}; GET /clips lists those there are")
                clip = self._clips[number]
                self._open[number] = OpenClip(clip, self._cache, self.events.tell, force=self._force)
            self._open.move_to_end(number)
            return self._open[number]

    def overview(self) -> dict[str, Any]:
        """All clips, and what was opened."""
        decisions = kept_decisions([one.tracks for one in self.project.clips])
        path = self.project.path
        project = {
            "name": path.name or str(path.absolute()),
            "kind": self.project.kind,
            "model": None,
            "version": VERSION,
        }
        clips = [self._summary(one, decisions.get(one.tracks)) for one in self.project.clips]
        return {"project": project, "clips": clips}

    def describe(self, number: str) -> dict[str, Any]:
        """Everything about a clip."""
        clip = self.clip(number)
        decision = kept_decisions([clip.clip.tracks]).get(clip.clip.tracks)
        return clip.document() | _decided(clip.revising is not None, decision)

    def _summary(self, clip: Clip, decision: Decision | None) -> dict[str, Any]:
        """A clip as it stands in a list."""
        there = clip.tracks.exists()
        known = self._open.get(clip.id)
        facts: dict[str, Any] = {
            "frames": None,
            "rate": None,
            "width": None,
            "height": None,
            "duration": None,
            "error": None,
        }
        if there:
            try:
                header = Tracks(clip.tracks).header
            except InputError as error:
                facts["error"] = str(error)
            else:
                rate = header.source.rate / int(header.settings.get("every", 1))
                facts |= {
                    "frames": header.frames,
                    "rate": [rate.numerator, rate.denominator],
                    "width": header.source.size[0],
                    "height": header.source.size[1],
                    "duration": header.frames / float(rate),
                }
        needs_look = None
        if known is not None and known.survey is not None and known.survey.complete:
            needs_look = known.survey.needs_look(known.edits.edited.header.objects)
        return {
            "id": clip.id,
            "name": clip.name,
            **facts,
            **_decided(there, decision),
            "needs_look": needs_look,
            "tracks": there,
            "thumbnail": f"/api/v1/clips/{clip.id}/thumbnail",
        }


def _decided(there: bool, decision: Decision | None) -> dict[str, Any]:  # noqa: FBT001
    if decision is None:
        return {"status": "tracked" if there else "new", "reason": None}
    return {"status": decision.status, "reason": decision.reason}
