"""Conversations with a network: turns, remembered with all that was seen, and answers to many at once.

The encoder looks at each picture once, and the language model reads each word once: what a conversation
holds after an answer are the keys and values of all of it. Knows nothing about files, nor how masks are made.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sa2va_cli.conversation import Generation, Listener, MarkListener, Pictures, Question, Reply, Stop
from sa2va_cli.errors import UsageError
from sa2va_cli.model.chat import ChatModel, Turn, likely_phrases, remembered, tokens_of
from sa2va_cli.model.decoding import Draws, Prefix, Prompt, decode
from sa2va_cli.model.decoding_together import decode_together
from sa2va_cli.model.prompt_text import PromptText, spoken
from sa2va_cli.model.streamed_text import StreamedText

if TYPE_CHECKING:
    from sa2va_cli.model.network import ChatNetwork


@dataclass(frozen=True, eq=False)
class Remembered:
    """A conversation after some answers; a value, so that taking one back is going to an older one.

    Attributes:
        turns: what was said and seen.
        tokens: how many tokens all of it has.
    """

    turns: tuple[Turn, ...] = field(default=(), repr=False)
    tokens: int = 0


class NetworkConversation:
    """A conversation with a network; see ``conversation.Conversation``.

    Args:
        network: in evaluation mode; never changed.
        generation: how answers are generated.
    """

    def __init__(self, network: "ChatNetwork", generation: Generation) -> None:
        self._network = network
        self._chat: ChatModel = network.chat
        self._generation = generation
        self._history = [Remembered()]
        self._prefix: Prefix | None = None

    def __len__(self) -> int:
        return len(self._history) - 1

    @torch.inference_mode()
    def ask(self, question: Question, listener: Listener | None = None) -> Reply:
        """Asks a question; see ``conversation.Conversation``.

        Raises:
            UsageError: the model cannot be asked this.
        """
        started = time.perf_counter()
        chat, before = self._chat, self._history[-1]
        if question.past and before.turns:
            raise UsageError("what was said before can only be given with the first question")
        turns = (*before.turns, *turns_of(chat, question))
        ids = tokens_of(chat, chat.write(turns, self._generation.system))
        prompt = Prompt(ids, chat.gather(turns))
        watch = _Watch(chat, listener)
        known = self._prefix.shared(ids, chat.picture_id) if self._prefix else 0
        decoded = decode(
            chat,
            prompt,
            likely_phrases(chat.tokenizer, ids[known:]),
            self._prefix,
            generation=self._generation,
            draws=Draws(self._generation, len(self)) if self._generation.temperature else None,
            heard=watch,
        )
        watch.end()
        answer = remembered(chat, spoken(chat.said(decoded.tokens).strip()), decoded.tokens)
        self._prefix = decoded.whole
        self._history.append(
            Remembered((*turns[:-1], replace(turns[-1], answer=answer)), len(decoded.whole.ids))
        )
        return _reply(
            self._network,
            decoded.tokens,
            chat.states_after_norm(decoded.hidden),
            watch.text,
            decoded.stop,
            prompt_tokens=len(ids),
            read_tokens=len(ids) - decoded.known,
            seconds=(watch.first - started, time.perf_counter() - started),
        )

    def undo(self) -> None:
        """Takes the last question and its answer back; what is remembered of those before stays."""
        if len(self._history) > 1:
            self._history.pop()
            count = self._history[-1].tokens
            self._prefix = self._prefix.cut(count) if self._prefix and count else None


class _Watch:
    """Hears an answer token by token: tells its text, and when the first token came."""

    def __init__(self, chat: ChatModel, listener: Listener | None = None) -> None:
        self.text = StreamedText(chat.tokenizer, chat.segment_id, chat.stops)
        self.first = 0.0
        self._listener = listener

    def __call__(self, tokens: list[int]) -> bool:
        """Takes the last token; whether the answer goes on."""
        if len(tokens) == 1:
            self.first = time.perf_counter()
        known = len(self.text.mentions)
        goes_on = self._tell(self.text.add(tokens[-1]))
        if len(self.text.mentions) > known and isinstance(self._listener, MarkListener):
            self._listener.mark(len(self.text.mentions))
        return goes_on

    def end(self) -> None:
        """Tells the rest."""
        self._tell(self.text.end())

    def _tell(self, piece: str) -> bool:
        return not (piece and self._listener) or self._listener(piece) is not False


@torch.inference_mode()
def answer_together(
    network: "ChatNetwork", questions: Sequence[Question], generation: Generation
) -> list[Reply]:
    """Answers independent questions in one padded batch; see ``conversation.ChatEngine``.

    Raises:
        UsageError: the model cannot be asked one of them.
    """
    if not questions:
        return []
    started = time.perf_counter()
    chat: ChatModel = network.chat
    asked = [turns_of(chat, question) for question in questions]
    prompts = [
        Prompt(tokens_of(chat, chat.write(turns, generation.system)), chat.gather(turns)) for turns in asked
    ]
    rows = decode_together(chat, prompts, generation)
    seconds = time.perf_counter() - started
    replies = []
    for prompt, row in zip(prompts, rows, strict=True):
        watch = _Watch(chat)
        for end in range(1, len(row.tokens) + 1):
            watch(row.tokens[:end])
        watch.end()
        hidden = chat.states_after_norm(torch.stack(row.states))
        replies.append(
            _reply(
                network,
                row.tokens,
                hidden,
                watch.text,
                row.stop or "length",
                prompt_tokens=len(prompt.ids),
                read_tokens=len(prompt.ids),
                seconds=(row.first_at - started, seconds),
            )
        )
    return replies


def turns_of(chat: ChatModel, question: Question) -> tuple[Turn, ...]:
    """A question as turns: what was said before, and itself; its pictures came with the first.

    Raises:
        UsageError: there are regions and not one still image that they are of.
    """
    regions = None
    if question.regions is not None:
        regions = chat.regions_of(question.regions)
        still = [len(one.images) for one in question.pictures if not one.video]
        if len(question.pictures) != 1 or still != [1] or question.past:
            raise UsageError("regions are those of one still image, which comes with the question")
    seen = tuple(view for one in question.pictures for view in _seen(chat, one))
    words = PromptText.literal
    turns = [
        *(Turn(words(one.question), answer=words(one.answer)) for one in question.past),
        Turn(words(question.text)),
    ]
    first = chat.shown_with([turn.words for turn in turns]) if seen else 0
    turns[first] = replace(turns[first], pictures=seen, regions=regions)
    return tuple(turns)


def _seen(chat: ChatModel, pictures: Pictures) -> list[Any]:
    """What the encoder says about a video, or about each of several images."""
    if pictures.video:
        return [chat.look(pictures.images, still=False).pictures] if pictures.images else []
    return [chat.look([image], still=True).pictures for image in pictures.images]


def _reply(
    network: "ChatNetwork",
    tokens: list[int],
    hidden: Tensor,
    text: StreamedText,
    stop: Stop,
    *,
    prompt_tokens: int,
    read_tokens: int,
    seconds: tuple[float, float],
) -> Reply:
    """Puts an answer together; (n, D) states, the first at the end of the prompt."""
    chat: ChatModel = network.chat
    generated = torch.tensor(tokens, device=hidden.device)
    at_segments = (generated[:-1] == chat.segment_id).nonzero()[:, 0] + 1
    queries = network.queries(hidden[at_segments])
    return Reply(
        text=text.text.strip(),
        marked=chat.said(tokens).strip(),
        token_ids=tuple(tokens),
        prompt_tokens=prompt_tokens,
        read_tokens=read_tokens,
        seconds_to_first=seconds[0],
        seconds=seconds[1],
        stop=stop,
        queries=queries,
        mentions=tuple(text.mentions[: len(at_segments)]),
    )
