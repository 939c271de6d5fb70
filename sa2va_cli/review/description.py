"""A clip as JSON has it: its time, its objects with all edits on them, and what is known of their masks.

Only says what is so; nothing is changed. Knows nothing about pictures.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.media.reader import first_timecode
from sa2va_cli.render.palette import colour
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.survey import Survey, runs
from sa2va_cli.tracks.edits import Correct, Thing

_DRAWN: dict[str, Any] = {"points": None, "box": None, "stroke": None, "radius": None, "add": None}
_NO_EDITS: dict[str, Any] = {
    "prompts": [],
    "cuts": [],
    "undo": None,
    "redo": None,
    "unsaved": False,
    "bins": 1,
    "surveyed": True,
    "objects": [],
    "ranges": [],
    "needs_look": 0.0,
    "corrections": [],
    "pending": [],
}


def described(clip: OpenClip) -> dict[str, Any]:
    """Everything about a clip that is no picture.

    Raises:
        InputError: it has no tracks, and its source cannot be read.
    """
    width, height = clip.size
    return {
        "id": clip.clip.id,
        "name": clip.clip.name,
        "frames": clip.frames,
        "width": width,
        "height": height,
        "revision": clip.revision,
        "path": str(clip.clip.tracks.absolute()),
        "tracks": clip.revising is not None,
        **_times(clip),
        **(_NO_EDITS if clip.revising is None else _edited(clip)),
    }


def _times(clip: OpenClip) -> dict[str, Any]:
    """What the source says of its time; less of it as long as it is not open."""
    reader = clip.reader() if clip.revising is None else clip.known_reader
    if reader is None:
        rate = clip.tracks.header.source.rate / clip.search.every
        return _timing(rate, clip.frames) | {"start": 0.0, "timecode": None, "times": None, "sound": False}
    info = reader.info
    timecode = first_timecode(info)
    return _timing(reader.rate, clip.frames) | {
        "start": float(next(reader.stamps()) * info.time_base - info.start_seconds),
        "timecode": None if timecode is None else str(timecode),
        "times": clip.times(reader),
        "sound": info.has_audio,
    }


def _timing(rate: Fraction, frames: int) -> dict[str, Any]:
    return {"rate": [rate.numerator, rate.denominator], "duration": frames / float(rate)}


def _edited(clip: OpenClip) -> dict[str, Any]:
    """The tracks with all edits on them."""
    revising, survey = clip.edits, clip.known()
    edited = revising.edited
    shots = edited.tracks.header.settings.get("shots", ())
    objects = [one.found for one in edited.things]
    waiting = _waiting(clip, [one.id for one in objects])
    return {
        "prompts": [one.text or one.label for one in edited.header.prompts],
        "cuts": [int(shot["first"]) for shot in shots if int(shot["first"]) > 0],
        "undo": revising.undo_words,
        "redo": revising.redo_words,
        "unsaved": revising.review.unsaved,
        "bins": survey.frames_per_bin,
        "surveyed": survey.complete,
        "objects": [
            _object(place, one, survey) | {"pending": runs(waiting[one.found.id])}
            for place, one in enumerate(edited.things)
        ],
        "ranges": [
            {"first": one.first, "last": one.last, "object": one.object, "why": one.reason}
            for one in survey.ranges(objects)
        ],
        "needs_look": survey.needs_look(objects),
        "corrections": _corrections(clip),
        "pending": runs(np.any([*waiting.values()], axis=0)) if waiting else [],
    }


def _waiting(clip: OpenClip, objects: Sequence[int]) -> dict[int, NDArray[np.bool_]]:
    """Which frames of each object wait for masks; those of one that was merged are any object's."""
    pending = clip.edits.pending(clip.frames)
    nothing = np.zeros(clip.frames, np.bool_)
    merged = np.any([nothing, *(one for key, one in pending.items() if key not in objects)], axis=0)
    return {one: merged | pending.get(one, nothing) for one in objects}


def _object(place: int, one: Thing, survey: Survey) -> dict[str, Any]:
    facts = survey.of(one.found.id)
    return {
        "id": one.found.id,
        "name": one.found.label,
        "prompt": one.found.prompt.text,
        "colour": one.colour or "#{:02x}{:02x}{:02x}".format(*colour(place)),
        "hidden": one.hidden,
        "visible": survey.visible(one.found.id),
        "confidence": survey.strip(facts.confidence, worst=True),
        "area": survey.strip(facts.area, worst=False),
    }


def _corrections(clip: OpenClip) -> list[dict[str, Any]]:
    """What was corrected, in the log and since; what is in a long log comes with the survey."""
    edits = clip.edits
    earlier = [
        {**_DRAWN, "frame": index, "object": one.object, "kind": "point", "words": ""}
        for one in (edits.logged if edits.is_looked_through else ())
        for index in one.frames
    ]
    since = [
        {
            **_DRAWN,
            **one.drawn,
            "frame": one.frame,
            "object": one.object,
            "kind": one.means,
            "words": one.words,
        }
        for one in edits.edited.edits
        if isinstance(one, Correct)
    ]
    return [*earlier, *since]
