"""Edits of tracks: what a person changed about what was found, as a list of small values over a log.

The log stays as it is; ``EditedTracks`` is what it says with the edits on it, frame by frame, and
``write_edited`` makes a log of that. What an edit does to the masks of a frame is a pure function of these
and of the frame's index. Knows nothing about networks, and nothing about who edits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, get_type_hints

import numpy as np

from sa2va_cli.datatypes import FoundObject, Prompt
from sa2va_cli.errors import UsageError
from sa2va_cli.staging import output_errors
from sa2va_cli.tracks.coding import decode, encode, stacked
from sa2va_cli.tracks.corrections import Correction, corrections_of
from sa2va_cli.tracks.indexed import CodedFrame, CodedMask, IndexedFrames
from sa2va_cli.tracks.log import CORRECTION, FRAME, Tracks, end_of, head_of
from sa2va_cli.tracks.records import packed
from sa2va_cli.visual_prompts import VisualPrompt, from_document, to_document

Masks = Mapping[int, CodedMask]
"""The masks of a frame by the objects' ids."""


class Layers(Protocol):
    """Where the masks that corrections made are."""

    def mask(self, layer: str, index: int) -> CodedMask | None:
        """The mask that a layer has on a frame; None where it has none yet."""
        ...


@dataclass(frozen=True)
class Thing:
    """An object while it is edited.

    Attributes:
        found: what it is.
        colour: ``#rrggbb``; empty for the one of its place.
        hidden: whether it is not shown; its masks stay.
    """

    found: FoundObject
    colour: str = ""
    hidden: bool = False


Things = tuple[Thing, ...]


@dataclass(frozen=True)
class Rename:
    """Gives an object another name."""

    object: int
    name: str

    def things(self, things: Things) -> Things:
        """The objects afterwards."""
        return _with(things, self.object, found=replace(_of(things, self.object).found, label=self.name))

    def masks(self, masks: Masks, index: int, threshold: float, layers: Layers) -> Masks:  # noqa: ARG002
        """The masks of a frame afterwards."""
        return masks


@dataclass(frozen=True)
class Recolour:
    """Gives an object another colour, ``#rrggbb``."""

    object: int
    colour: str

    def things(self, things: Things) -> Things:
        """The objects afterwards."""
        return _with(things, self.object, colour=self.colour)

    def masks(self, masks: Masks, index: int, threshold: float, layers: Layers) -> Masks:  # noqa: ARG002
        """The masks of a frame afterwards."""
        return masks


@dataclass(frozen=True)
class Hide:
    """Hides an object from view, or shows it again."""

    object: int
    hidden: bool

    def things(self, things: Things) -> Things:
        """The objects afterwards."""
        return _with(things, self.object, hidden=self.hidden)

    def masks(self, masks: Masks, index: int, threshold: float, layers: Layers) -> Masks:  # noqa: ARG002
        """The masks of a frame afterwards."""
        return masks


@dataclass(frozen=True)
class Drop:
    """Takes an object's masks away from one frame to another, both included."""

    object: int
    first: int
    last: int

    def things(self, things: Things) -> Things:
        """The objects afterwards."""
        _of(things, self.object)
        return things

    def masks(self, masks: Masks, index: int, threshold: float, layers: Layers) -> Masks:  # noqa: ARG002
        """The masks of a frame afterwards."""
        return _without(masks, self.object) if self.first <= index <= self.last else masks


@dataclass(frozen=True)
class Delete:
    """Takes an object away."""

    object: int

    def things(self, things: Things) -> Things:
        """The objects afterwards."""
        _of(things, self.object)
        return tuple(one for one in things if one.found.id != self.object)

    def masks(self, masks: Masks, index: int, threshold: float, layers: Layers) -> Masks:  # noqa: ARG002
        """The masks of a frame afterwards."""
        return _without(masks, self.object)


@dataclass(frozen=True)
class Merge:
    """Makes an object a part of another one."""

    object: int
    into: int

    def things(self, things: Things) -> Things:
        """The objects afterwards."""
        _of(things, self.into)
        if self.object == self.into:
            raise UsageError("an object cannot be merged into itself; name another one")
        return Delete(self.object).things(things)

    def masks(self, masks: Masks, index: int, threshold: float, layers: Layers) -> Masks:  # noqa: ARG002
        """The masks of a frame afterwards."""
        if self.object not in masks:
            return masks
        one, other = masks[self.object], masks.get(self.into)
        both = one if other is None else _united(one, other, threshold)
        return {**_without(masks, self.object), self.into: both}


@dataclass(frozen=True)
class Split:
    """Makes another object of what an object is from a frame on."""

    object: int
    frame: int
    new: int
    name: str

    def things(self, things: Things) -> Things:
        """The objects afterwards."""
        found = _of(things, self.object).found
        return (*things, Thing(FoundObject(self.new, found.prompt, self.name)))

    def masks(self, masks: Masks, index: int, threshold: float, layers: Layers) -> Masks:  # noqa: ARG002
        """The masks of a frame afterwards."""
        if index < self.frame or self.object not in masks:
            return masks
        return {**_without(masks, self.object), self.new: masks[self.object]}


@dataclass(frozen=True)
class Correct:
    """Replaces an object's masks by those of a layer, from one frame to another; or makes a new object.

    Attributes:
        object: its id.
        frame: the frame on which something was said about it.
        first: the first frame that changes.
        last: the last one.
        layer: name of the layer with the masks; they may still be coming.
        means: ``point``, ``box``, ``brush``, ``words`` or ``answer``.
        words: what was said.
        name: what a new object is called.
        new: whether the object did not exist before.
        prompts: what it was pointed at with on the frame, all of it.
        model: name of the model that follows it.
        drawn: what was said, for whoever draws it.
    """

    object: int
    frame: int
    first: int
    last: int
    layer: str
    means: str
    words: str = ""
    name: str = ""
    new: bool = False
    prompts: tuple[VisualPrompt, ...] = field(default=(), repr=False)
    model: str = ""
    drawn: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def correction(self) -> Correction:
        """What a log tells of it."""
        frames = (self.frame,)
        return Correction(
            self.object, self.prompts, frames, self.first, self.last, self.model, added=self.new
        )

    def things(self, things: Things) -> Things:
        """The objects afterwards."""
        if not self.new:
            _of(things, self.object)
            return things
        number = 1 + max((one.found.prompt.id for one in things), default=0)
        prompt = Prompt(number, self.words, self.name, self.prompts)
        return (*things, Thing(FoundObject(self.object, prompt, self.name)))

    def masks(self, masks: Masks, index: int, threshold: float, layers: Layers) -> Masks:  # noqa: ARG002
        """The masks of a frame afterwards."""
        if not self.first <= index <= self.last:
            return masks
        new = layers.mask(self.layer, index)
        return masks if new is None else {**masks, self.object: new}


Edit = Rename | Recolour | Hide | Drop | Delete | Merge | Split | Correct
KINDS: Mapping[str, type[Edit]] = {
    one.__name__.lower(): one for one in (Rename, Recolour, Hide, Drop, Delete, Merge, Split, Correct)
}


def mentioned(edit: Edit) -> tuple[int, ...]:
    """The numbers of the objects that an edit speaks of."""
    if isinstance(edit, Merge):
        return edit.object, edit.into
    return (edit.object, edit.new) if isinstance(edit, Split) else (edit.object,)


def changed(edit: Edit) -> tuple[int, int | None] | None:
    """The first and the last frame whose masks an edit changes; None for the end, or for no masks at all."""
    if isinstance(edit, Drop | Correct):
        return edit.first, edit.last
    if isinstance(edit, Split):
        return edit.frame, None
    return (0, None) if isinstance(edit, Delete | Merge) else None


def to_json(edit: Edit) -> dict[str, Any]:
    """An edit as JSON has it."""
    document: dict[str, Any] = {"type": type(edit).__name__.lower()}
    document |= {one.name: getattr(edit, one.name) for one in fields(edit)}
    if isinstance(edit, Correct):
        document["prompts"] = [to_document(one) for one in edit.prompts]
    return document


def from_json(document: Mapping[str, Any]) -> Edit:
    """Reads what ``to_json`` made.

    Raises:
        ValueError: it is something else.
    """
    try:
        values = dict(document)
        kind = KINDS[values.pop("type")]
        if kind is Correct:
            values["prompts"] = tuple(from_document(one) for one in values["prompts"])
        _check_types(kind, values)
        return kind(**values)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"an edit is not understood ({type(error).__name__}: {error})") from error


def _check_types(kind: type[Edit], values: Mapping[str, Any]) -> None:
    for name, expected in get_type_hints(kind).items():
        if expected in (int, str, bool) and name in values and type(values[name]) is not expected:
            raise TypeError(f"{name}={values[name]!r:.60} is no {expected.__name__}")


class EditedTracks:
    """A log with edits on it.

    Attributes:
        things: the objects.
        header: that of a log of it.

    Args:
        tracks: the log.
        frames: its frames.
        edits: in their order.
        layers: where masks of corrections are.

    Raises:
        UsageError: an edit speaks of an object that there is not, or would give two the same name.
    """

    def __init__(self, tracks: Tracks, frames: IndexedFrames, edits: Sequence[Edit], layers: Layers) -> None:
        self.tracks = tracks
        self.edits = tuple(edits)
        self._frames = frames
        self._layers = layers
        self.things: Things = tuple(Thing(one) for one in tracks.header.objects)
        prompts = {one.id: one for one in tracks.header.prompts}
        for one in self.edits:
            self.things = one.things(self.things)
            prompts |= {thing.found.prompt.id: thing.found.prompt for thing in self.things}
        _check_names(self.things)
        objects = tuple(sorted((one.found for one in self.things), key=lambda one: one.id))
        self.header = replace(tracks.header, objects=objects, prompts=tuple(prompts.values()))

    def __iter__(self) -> Iterator[CodedFrame]:
        """The frames that the log has, in order."""
        for index in self._frames:
            one = self[index]
            if one is not None:
                yield one

    def __getitem__(self, index: int) -> CodedFrame | None:
        """A frame; None where the log leaves it out."""
        frame = self._frames[index]
        if frame is None:
            return None
        masks: Masks = frame.masks
        for one in self.edits:
            masks = one.masks(masks, index, self.tracks.header.threshold, self._layers)
        return replace(frame, masks=dict(masks))


def write_edited(edited: EditedTracks, path: Path, objects: Sequence[int] | None = None) -> int:
    """Writes a log of what edits make of one.

    Args:
        edited: the log with its edits.
        path: of the new one; a file that may be written over.
        objects: ids of those that are kept; None for all.

    Returns:
        How many frames it has.

    Raises:
        OutputError: the disk is full, for example.
    """
    header = edited.header
    if objects is not None:
        header = replace(header, objects=tuple(one for one in header.objects if one.id in objects))
    kept = {one.id for one in header.objects}
    made = tuple(one.correction for one in edited.edits if isinstance(one, Correct))
    count = 0
    with output_errors(path), path.open("wb") as file:
        file.write(head_of(header))
        for one in (*reversed(made), *corrections_of(edited.tracks)):
            if one.object in kept:
                file.write(packed(CORRECTION, one.to_json()))
        for frame in edited:
            masks = {number: mask for number, mask in frame.masks.items() if number in kept}
            file.write(packed(FRAME, replace(frame, masks=masks).payload))
            count += 1
        file.write(end_of(count))
    return count


def free_name(things: Things, name: str) -> str:
    """A name that no object has: the one given, or with the first number that is free."""
    taken = {one.found.label for one in things}
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free


def _check_names(things: Things) -> None:
    names = [one.found.label for one in things]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"there are two objects {name!r}; give each a name of its own")


def _of(things: Things, number: int) -> Thing:
    for one in things:
        if one.found.id == number:
            return one
    known = ", ".join(f"{one.found.id} ({one.found.label})" for one in things) or "none"
    raise UsageError(f"there is no object {number}; there are: {known}")


def _with(things: Things, number: int, **changes: Any) -> Things:
    changed = replace(_of(things, number), **changes)
    return tuple(changed if one.found.id == number else one for one in things)


def _without(masks: Masks, number: int) -> Masks:
    return {key: mask for key, mask in masks.items() if key != number}


def _united(one: CodedMask, other: CodedMask, threshold: float) -> CodedMask:
    """What either mask covers; as trusted as the less trusted one."""
    logits = stacked([decode(one.coded), decode(other.coded)])
    return CodedMask(
        max(one.score, other.score),
        min(one.iou, other.iou),
        min(one.agreement, other.agreement),
        encode(np.maximum(*logits), threshold),
        float(np.fmin(one.worded, other.worded)),
    )
