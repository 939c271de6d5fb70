"""From a body of the interface to the edit that is meant.

Knows nothing about work: the masks of a correction are still to come.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sa2va_cli.errors import UsageError
from sa2va_cli.review.asking import Chats
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.correcting import corrected, from_answer
from sa2va_cli.review.engine import Engine
from sa2va_cli.tracks.edits import (
    Delete,
    Drop,
    Edit,
    Hide,
    Merge,
    Recolour,
    Rename,
    Split,
    free_name,
)

_SIMPLE: Mapping[str, Callable[..., Edit]] = {
    "rename": Rename,
    "recolour": Recolour,
    "hide": Hide,
    "drop": Drop,
    "delete": Delete,
    "merge": Merge,
}
"""Edits whose fields are those of their bodies."""


def edit_of(clip: OpenClip, kind: str, body: Mapping[str, Any], engine: Engine, chats: Chats) -> Edit:
    """Makes an edit, which is not one of the clip's yet.

    Args:
        clip: which one.
        kind: one of ``bodies.EDITS``.
        body: its fields.
        engine: knows which model a correction would be followed by.
        chats: conversations whose answers mark things.

    Raises:
        UsageError: it cannot be meant.
    """
    if kind in ("points", "box", "brush", "words"):
        return corrected(clip, kind, body, _follower(clip, engine))
    if kind == "answer":
        chat = chats.get(body["conversation"], clip.clip.id)
        return from_answer(clip, chat, body, _follower(clip, engine))
    if kind == "split":
        return _split(clip, body)
    if kind == "drop":
        _check_range(clip, body["first"], body["last"])
    made = _SIMPLE.get(kind)
    if made is None:
        raise UsageError(f"type={kind!r} is not possible here")
    return made(**body)


def _follower(clip: OpenClip, engine: Engine) -> str:
    """Name of the model that will carry a correction on."""
    return engine.chosen(clip.model).name or ""


def _split(clip: OpenClip, body: Mapping[str, Any]) -> Split:
    clip.check_frame(body["frame"])
    things = clip.edits.edited.things
    label = next((one.found.label for one in things if one.found.id == body["object"]), "object")
    name = free_name(things, body.get("name", label))
    return Split(body["object"], body["frame"], clip.edits.next_object(), name)


def _check_range(clip: OpenClip, first: int, last: int) -> None:
    clip.check_frame(first)
    clip.check_frame(last)
    if last < first:
        raise UsageError(f"first={first} comes after last={last}; give them in order")
