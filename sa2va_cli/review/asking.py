"""Conversations about a clip: what a question shows, the answer as it comes, and what it marks.

The conversation itself is ``pipeline.talk``. Knows nothing about HTTP.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.asking_job import AskJob
from sa2va_cli.pipeline.marking import masks_on
from sa2va_cli.pipeline.talk import Talk
from sa2va_cli.pipeline.viewing import Viewed
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.engine import Engine, Loaded
from sa2va_cli.review.messages import line, problem_of
from sa2va_cli.review.work import Cancelled, Job, Steps

MOST_CONVERSATIONS = 8
"""That are remembered; each holds keys and values of what was said."""

Masks = dict[int, NDArray[np.bool_]]
"""By the index of the frame."""


@dataclass(eq=False)
class Chat:
    """One conversation about a clip.

    Attributes:
        id: of it.
        clip: id of the clip.
        talk: with the model.
        shown: indices of the frames that it was shown last.
        names: what the last answer calls each thing that it marks.
        found: their masks on the frames that the model saw.
    """

    id: str
    clip: str
    talk: Talk = field(repr=False)
    shown: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    found: tuple[Masks, ...] = ()


class Chats:
    """The conversations of a server; those that nobody went on with are forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Chat] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, number: str, clip: str) -> Chat:
        """A conversation about a clip.

        Raises:
            UsageError: there is none of this name, or not any more.
        """
        with self._lock:
            chat = self._known.get(number)
            if chat is None or chat.clip != clip:
                raise UsageError(line("no_conversation", conversation=number[:40]))
            self._known.move_to_end(number)
            return chat

    def add(self, chat: Chat) -> None:
        """Remembers a conversation."""
        with self._lock:
            self._known[chat.id] = chat
            while len(self._known) > MOST_CONVERSATIONS:
                self._known.popitem(last=False)

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._known.clear()


def asked_steps(
    clip: OpenClip,
    question: str,
    frames: Sequence[int],
    known: Chat | None,
    engine: Engine,
    chats: Chats,
    say: Callable[[dict[str, Any]], None],
    job: Job,
) -> Steps:
    """The work of a question.

    Args:
        clip: which one.
        question: a person's words.
        frames: indices of the frames that are shown.
        known: the conversation that goes on; None for a new one.
        engine: loads the model.
        chats: remembers conversations.
        say: is given each piece of the answer, and what came of it at the end.
        job: may be cancelled, which ends the answer.

    Raises:
        UsageError: the model cannot be asked this.
    """
    try:
        usual = None if clip.revising is None else clip.tracks.header.model.name
        loaded = _talker(engine, usual)
        shown = _shown(clip, frames)
        chat = known
        if chat is None:
            talk = Talk.begin(AskJob((), question, model=engine.choice), loaded.engine, [shown])
            chat = Chat(secrets.token_hex(8), clip.clip.id, talk, tuple(frames))
        elif chat.shown != tuple(frames):
            chat.talk.waiting.append(shown)
            chat.shown = tuple(frames)

        def listen(piece: str) -> bool:
            say({"text": piece})
            return not job.cancelled.is_set()

        reply = chat.talk.ask(question, listen)
        chats.add(chat)
        _look(chat, shown, reply)
        say({"done": True, "conversation": chat.id, "stop": reply.stop, "objects": _objects(chat)})
    except Exception as error:
        say(problem_of(error))
        raise
    if job.cancelled.is_set():
        raise Cancelled
    yield 1.0
    return ()


def _talker(engine: Engine, usual: str | None) -> Loaded:
    loaded = engine.ready(usual)
    if not hasattr(loaded.engine, "converse"):
        raise UsageError(line("cannot_talk", model=loaded.name))
    return loaded


def _shown(clip: OpenClip, frames: Sequence[int]) -> Viewed:
    """The frames of a clip that a model is shown."""
    reader = clip.reader()
    seen = reader.frames_at(sorted(set(frames)))
    kind = "image" if len(seen) == 1 else reader.info.kind
    return Viewed(clip.source, kind, tuple(seen))


def _look(chat: Chat, shown: Viewed, reply: Any) -> None:
    """Keeps what an answer marks."""
    chat.names = tuple(one.label for one in chat.talk.objects())
    found: list[Masks] = [{} for _ in chat.names]
    if chat.names and chat.talk.engine.has_masks:
        for masks in masks_on(chat.talk.engine, shown, reply, chat.talk.job.viewing):
            for row, mask in enumerate(masks.masks):
                if mask.any():
                    found[row][masks.frame.index] = mask
    chat.found = tuple(found)


def _objects(chat: Chat) -> list[dict[str, Any]]:
    return [
        {"label": name, "masks": [[index, int(np.count_nonzero(mask))] for index, mask in masks.items()]}
        for name, masks in zip(chat.names, chat.found, strict=True)
    ]


def marked(chat: Chat, place: int, frame: int) -> tuple[str, int, NDArray[np.bool_]]:
    """Something that the last answer marks: its name, a frame on which it was seen, and its mask there.

    Args:
        chat: the conversation.
        place: which one, from 0.
        frame: the frame that is preferred.

    Raises:
        UsageError: the answer marks no such thing.
    """
    if place >= len(chat.found) or not chat.found[place]:
        raise UsageError(f"the last answer marks no thing number {place}; it marks {len(chat.found)}")
    masks = chat.found[place]
    index = min(masks, key=lambda one: (abs(one - frame), one))
    return chat.names[place], index, masks[index]
