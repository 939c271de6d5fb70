"""From what somebody points at to an edit, and the work that fills its layer.

The network's part is ``pipeline.carrying``. Knows nothing about HTTP.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.carrying import carry, extent, find_on, frame_at
from sa2va_cli.pipeline.pointing import placed_on
from sa2va_cli.review.asking import Chat, marked
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.engine import Engine
from sa2va_cli.review.messages import line
from sa2va_cli.review.work import Steps
from sa2va_cli.tracks.edits import Correct, free_name
from sa2va_cli.visual_prompts import (
    Bitmap,
    BoxPrompt,
    Length,
    MaskPrompt,
    Pointed,
    PointPrompt,
    VisualPrompt,
)

Told = Callable[[int, int], None]
"""Is called with the first and the last frame of a stretch that is newly done."""

_THICKEST = 32_767
"""What OpenCV draws at most."""

UNNAMED = "object"
"""What an object is called that was only pointed at."""


def corrected(clip: OpenClip, kind: str, body: Mapping[str, Any], model: str) -> Correct:
    """Makes the edit of something that was said about an object on a frame.

    Args:
        clip: which one.
        kind: ``points``, ``box``, ``brush`` or ``words``.
        body: the fields of the edit, as ``bodies.EDITS`` has them.
        model: name of the model that will follow it.

    Raises:
        UsageError: it cannot be meant.
    """
    index, number = int(body["frame"]), body.get("object")
    clip.check_frame(index)
    revising = clip.edits
    things = revising.edited.things
    if number is not None and number not in {one.found.id for one in things}:
        known = ", ".join(f"{one.found.id} ({one.found.label})" for one in things) or "none"
        raise UsageError(line("no_object", object=number, known=known))
    means = {"points": "point"}.get(kind, kind)
    new = number is None
    usual = body.get("prompt", UNNAMED)
    name = free_name(things, body.get("name", usual)) if new else ""
    edit = Correct(
        object=revising.next_object() if number is None else number,
        frame=index,
        first=index,
        last=index,
        layer=revising.next_layer(),
        means=means,
        words=str(body.get("prompt", "")) if new else "",
        name=name,
        new=new,
        model=model,
        drawn={key: body[key] for key in ("points", "box", "stroke", "radius", "add") if key in body},
    )
    prompts = () if kind == "words" else _prompts(clip, edit, kind, body)
    if prompts:
        blank = np.broadcast_to(np.uint8(0), (*clip.size[::-1], 3))
        placed_on(blank, prompts, known=not new)
    first, last = _extent(clip, edit)
    return replace(edit, prompts=prompts, first=first, last=last)


def _prompts(clip: OpenClip, edit: Correct, kind: str, body: Mapping[str, Any]) -> tuple[VisualPrompt, ...]:
    """Everything that the object is pointed at with on the frame: what was before, and what is new."""
    at = f"{edit.frame}f"
    if kind == "brush":
        return (_painted(clip, edit, body),)
    earlier = _series(clip.edits.review.counting, edit)
    known = earlier[-1].prompts if earlier else ()
    if kind == "box":
        box = _box(body["box"], at)
        return (*(one for one in known if isinstance(one, PointPrompt)), box)
    points = [PointPrompt(Length(float(x)), Length(float(y)), sign > 0, at) for x, y, sign in body["points"]]
    return (*known, *(one for one in points if one not in known))


def from_answer(clip: OpenClip, chat: Chat, body: Mapping[str, Any], model: str) -> Correct:
    """Makes the edit that makes an object of something that an answer marks.

    Args:
        clip: which one.
        chat: the conversation.
        body: the fields of the edit.
        model: name of the model that will follow it.

    Raises:
        UsageError: the answer marks no such thing.
    """
    label, index, mask = marked(chat, int(body["index"]), int(body["frame"]))
    revising = clip.edits
    edit = Correct(
        object=revising.next_object(),
        frame=index,
        first=index,
        last=index,
        layer=revising.next_layer(),
        means="answer",
        name=free_name(revising.edited.things, body.get("name", label)),
        new=True,
        prompts=(MaskPrompt("", f"{index}f", bitmap=Bitmap.of(mask)),),
        model=model,
    )
    first, last = _extent(clip, edit)
    return replace(edit, first=first, last=last)


def _box(corners: Sequence[float], at: str) -> BoxPrompt:
    """The box between two corners, in whatever order they were drawn."""
    (left, right), (top, bottom) = sorted(corners[::2]), sorted(corners[1::2])
    if right - left < 1 or bottom - top < 1:
        raise UsageError(line("small_box", box=list(corners)))
    left, top, right, bottom = (float(side) for side in (left, top, right, bottom))
    return BoxPrompt(Length(left), Length(top), Length(right), Length(bottom), at)


def _series(edits: tuple[Any, ...], edit: Correct) -> list[Correct]:
    """The last points and boxes for the same object on the same frame: they count together."""
    series: list[Correct] = []
    for one in reversed(edits):
        if not isinstance(one, Correct) or one.object != edit.object:
            continue
        if one.frame != edit.frame or one.means not in ("point", "box"):
            break
        series.insert(0, one)
        if one.new:
            break
    return series


def _painted(clip: OpenClip, edit: Correct, body: Mapping[str, Any]) -> MaskPrompt:
    """The mask as it is seen, with a stroke more or less."""
    width, height = clip.size
    mask = np.zeros((height, width), np.uint8)
    if not edit.new:
        mask[:] = _seen(clip, edit)
    stroke = np.rint(np.array(body["stroke"], np.float64)).astype(np.int32).reshape(-1, 1, 2)
    thickness = max(1, round(2 * float(body["radius"])))
    value = 1 if body["add"] else 0
    if len(stroke) == 1:
        cv2.circle(mask, stroke[0, 0].tolist(), max(1, thickness // 2), value, -1)
    else:
        cv2.polylines(mask, [stroke], False, value, min(thickness, _THICKEST))
    if not mask.any():
        raise UsageError(line("nothing_left"))
    return MaskPrompt("", f"{edit.frame}f", bitmap=Bitmap.of(mask > 0))


def _seen(clip: OpenClip, edit: Correct) -> NDArray[np.bool_]:
    """(H, W) mask of the object as it is on its frame now; empty where it has none."""
    edited = clip.edits.edited
    frame = edited[edit.frame]
    width, height = clip.size
    if frame is None or edit.object not in frame.masks:
        return np.zeros((height, width), np.bool_)
    objects = tuple(one for one in edited.header.objects if one.id == edit.object)
    one = frame.decoded(objects)
    blank = Frame(
        edit.frame, 0, clip.tracks.header.source.time_base, np.broadcast_to(np.uint8(0), (height, width, 3))
    )
    return np.asarray(one.masks(blank, edited.header.threshold).masks[0])


def _extent(clip: OpenClip, edit: Correct) -> tuple[int, int]:
    header = clip.tracks.header
    others = [k for one in clip.edits.logged if one.object == edit.object for k in one.frames]
    others += [
        one.frame
        for one in clip.edits.review.counting
        if isinstance(one, Correct) and one.object == edit.object
    ]
    shots = [int(shot["first"]) for shot in header.settings.get("shots", ())]
    return extent(edit.frame, [k for k in others if k != edit.frame], shots, header.frames)


def steps(clip: OpenClip, edit: Correct, engine: Engine, told: Told) -> Steps:
    """The work of a correction: its own frame, then the others in both directions.

    Args:
        clip: which one.
        edit: the correction; frames that its layer has already are made again, to the same masks.
        engine: loads the model.
        told: see ``Told``.

    Raises:
        NothingFoundError: words name nothing there.
        Sa2VAError: of the kind that says what else went wrong.
    """
    reader = clip.reader()
    header = clip.tracks.header
    frame = frame_at(reader, edit.frame)
    loaded = engine.ready(clip.model)
    layer = clip.edits.layer(edit.layer)
    total, done = edit.last - edit.first + 1, 0
    with loaded.engine.open(still=reader.info.kind == "image") as session:
        pointed = _pointed(clip, edit, frame, session)
        carried = carry(session, reader, frame, pointed, edit.first, edit.last, loaded.workers)
        with closing(carried):
            for index, mask in carried:
                layer.append(index, mask, header.threshold)
                told(index, index)
                done += 1
                yield done / total
    return ()


def prepared_steps(clip: OpenClip, index: int, engine: Engine) -> Steps:
    """The work that the first correction would wait for: the model is loaded, and has once found something.

    Args:
        clip: which one.
        index: of the frame that is looked at.
        engine: loads the model.

    Raises:
        Sa2VAError: of the kind that says what went wrong.
    """
    reader = clip.reader()
    loaded = engine.ready(clip.model)
    yield 0.9
    frame = frame_at(reader, index)
    width, height = clip.size
    middle = PointPrompt(Length(width // 2), Length(height // 2), True, f"{index}f")
    with loaded.engine.open(still=reader.info.kind == "image") as session:
        pointed = placed_on(frame.image, (middle,))
        with closing(carry(session, reader, frame, pointed, index, index, loaded.workers)) as carried:
            next(carried)
    return ()


def _pointed(clip: OpenClip, edit: Correct, frame: Frame, session: Any) -> Pointed:
    if edit.means == "words" and edit.new:
        return find_on(session, frame, edit.words, clip.tracks.header.threshold)
    pointed = placed_on(frame.image, edit.prompts, known=not edit.new)
    if pointed.mask is not None:
        return pointed
    return replace(pointed, before=_before(clip, edit))


def _before(clip: OpenClip, edit: Correct) -> NDArray[np.float32] | None:
    """Logits of the object on its frame before the points that count together."""
    revising = clip.edits
    edits = revising.review.edits
    place = next(
        (k for k, one in enumerate(edits) if isinstance(one, Correct) and one.layer == edit.layer), 0
    )
    series = _series(edits[:place], edit)
    begin = edits.index(series[0]) if series else place
    if edit.new or (series and series[0].new):
        return None
    frame = revising.edited_by(edits[:begin])[edit.frame]
    if frame is None or edit.object not in frame.masks:
        return None
    logits = frame.decoded(clip.edits.edited_by(edits[:begin]).header.objects)
    rows = [row for row, found in enumerate(logits.objects) if found.id == edit.object]
    known = logits.logits[rows[0]] if rows else None
    return known if known is not None and known.size > 1 else None
