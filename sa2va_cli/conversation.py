"""Conversations about pictures: what is asked and answered, and the protocols of the models that answer.

A Sa2VA fulfils them, and so does a chat model without a mask decoder. Knows nothing about files, and nothing
about how a model works; importing it is instant.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from sa2va_cli.errors import UsageError, parameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sa2va_cli.datatypes import RGB, ModelIdentity

MAX_NEW_TOKENS = 2_048
"""The limit of the official code (reference set, section 3.1)."""


@dataclass(frozen=True)
class Generation:
    """How answers are generated.

    Attributes:
        max_new_tokens: after so many an answer is cut off.
        temperature: 0 for greedy decoding, which is what the official code does.
        top_p: when sampling, the least probability that the likeliest tokens have together from which one is
            drawn.
        seed: of sampling; the same seed gives the same answers.
        system: the system turn; None for what the model's own template says.
    """

    max_new_tokens: int = MAX_NEW_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    system: str | None = None

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise UsageError(f"{parameter('max_new_tokens')} must be at least 1, got {self.max_new_tokens}")
        if not 0 <= self.temperature < math.inf:
            raise UsageError(f"{parameter('temperature')} must be 0 or more, got {self.temperature:g}")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"{parameter('top_p')} must be above 0 and at most 1, got {self.top_p:g}")
        if not 0 <= self.seed < 1 << 63:
            raise UsageError(f"{parameter('seed')} must be 0 or more, got {self.seed}")


@dataclass(frozen=True, eq=False)
class Pictures:
    """What a question is about.

    Attributes:
        images: (H, W, 3) uint8 RGB each.
        video: whether they are frames of one video, in order; else each is an image by itself.
        seconds: of the frames of a video, in the video; empty where they are not known.
    """

    images: "tuple[RGB, ...]" = field(repr=False)
    video: bool = False
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Exchange:
    """A question and its answer, as words.

    Attributes:
        question: what a person said.
        answer: what the model said, without special tokens.
    """

    question: str
    answer: str


@dataclass(frozen=True, eq=False)
class Question:
    """One question by itself.

    Attributes:
        text: a person's words: nothing in them is a control token.
        pictures: what it is about; several where several files are asked about together.
        regions: (n, H, W) bool region masks of the one still image, spoken of as region1, region2, ...
        past: what was said before, of a conversation that was led elsewhere; the pictures came with the first
            question then. Only for the first question of a conversation.
    """

    text: str
    pictures: tuple[Pictures, ...] = ()
    regions: "NDArray[np.bool_] | None" = field(default=None, repr=False)
    past: tuple[Exchange, ...] = ()

    def __post_init__(self) -> None:
        from sa2va_cli.datatypes import is_unicode

        if not self.text.strip():
            raise UsageError('the question is empty; ask something, such as "What is on the table?"')
        texts = [self.text, *(words for one in self.past for words in (one.question, one.answer))]
        if wrong := next((text for text in texts if not is_unicode(text)), None):
            raise UsageError(f"the question {wrong!r} is not valid Unicode; is the terminal set to UTF-8?")


Stop = Literal["end", "length", "interrupted"]
"""Why an answer ended: the model ended it, ``max_new_tokens`` did, or a person."""


@dataclass(frozen=True)
class Mention:
    """What an answer calls a thing that it gives a mask for.

    Attributes:
        phrase: the words.
        begin: where they begin in the answer's text, in characters.
        end: where they end there.
    """

    phrase: str
    begin: int
    end: int


@dataclass(frozen=True, eq=False)
class Reply:
    """What a model said.

    Attributes:
        text: the answer without special tokens, stripped.
        marked: the same with them, as the official code returns it: ``[SEG]`` and ``<p>`` are in this one.
        token_ids: the generated tokens.
        prompt_tokens: how many tokens the whole prompt has, everything said before included.
        read_tokens: how many of them were read for this answer, the others being remembered.
        seconds_to_first: until the first token was known, the encoding of pictures included.
        seconds: until the last.
        stop: why it ended.
        queries: (N, C) one for each ``[SEG]``, in the network's own terms; None of a model without masks.
        mentions: what the answer calls each of these N, as ``<p>words</p>`` before it; None for nothing.
    """

    text: str
    marked: str
    token_ids: tuple[int, ...]
    prompt_tokens: int
    read_tokens: int
    seconds_to_first: float
    seconds: float
    stop: Stop = "end"
    queries: Any = field(default=None, repr=False)
    mentions: tuple[Mention | None, ...] = ()


Listener = Callable[[str], bool | None]
"""Is given each new piece of an answer's text, without special tokens, as it is generated; if it returns
False, the answer ends there (``stop="interrupted"``)."""


@runtime_checkable
class MarkListener(Protocol):
    """A ``Listener`` that is also told where the answer gives a mask."""

    def __call__(self, piece: str) -> bool | None:
        """Takes a piece of the answer's text."""
        ...

    def mark(self, number: int) -> None:
        """The answer gives its N-th mask here, behind all pieces so far; from 1."""
        ...


class Conversation(Protocol):
    """A conversation that goes on: what was said and seen before is remembered, not read again."""

    def ask(self, question: Question, listener: Listener | None = None) -> Reply:
        """Asks a question; its pictures are added to those that the conversation has seen.

        Raises:
            UsageError: the model cannot be asked this: pictures where it takes none, regions where it knows
                none. Then nothing was asked.
        """
        ...

    def undo(self) -> None:
        """Takes the last question and its answer back, with the pictures that came with it."""
        ...

    def __len__(self) -> int:
        """How many questions were answered."""
        ...


class ChatEngine(Protocol):
    """A loaded model that can be talked to; shared by any number of conversations, changed by none."""

    @property
    def identity(self) -> "ModelIdentity":
        """Which weights it is made of."""
        ...

    @property
    def has_masks(self) -> bool:
        """Whether its answers can hold ``[SEG]``."""
        ...

    @property
    def knows_regions(self) -> bool:
        """Whether questions can speak of regions of a picture."""
        ...

    def converse(self, generation: Generation) -> Conversation:
        """Begins a conversation."""
        ...

    def answer_all(self, questions: Sequence[Question], generation: Generation) -> list[Reply]:
        """Answers independent questions at once, padded into one batch; the same answers as one by one."""
        ...
