"""Chat models that transformers runs with classes of its own: any ``AutoModelForImageTextToText``.

The prompt is what the checkpoint's own chat template and processor make of a conversation; answers are those
of the class's ``generate``. Knows nothing about files.
"""

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.cache_utils import DynamicLayer

from sa2va_cli.conversation import Generation, Listener, Question, Reply, Stop
from sa2va_cli.datatypes import ModelIdentity
from sa2va_cli.errors import ModelError, UsageError, parameter
from sa2va_cli.model.decoding import cache_argument
from sa2va_cli.model.plain_words import PlainWords
from sa2va_cli.model.streamed_text import StreamedText

Message = dict[str, Any]
"""A turn as chat templates take it."""


@dataclass(frozen=True, eq=False)
class _Turn:
    """A question with its pictures as processors take them, and the answer once there is one.

    Attributes:
        text: a person's words.
        images: each a picture by itself.
        videos: (T, H, W, 3) uint8 each.
        answer: as it goes into the prompts of later turns.
    """

    text: str
    images: list[Image.Image] = field(repr=False)
    videos: list[Any] = field(repr=False)
    answer: str | None = None

    @property
    def messages(self) -> list[Message]:
        """The turn as a chat template takes it."""
        shown = [{"type": "image"}] * len(self.images) + [{"type": "video"}] * len(self.videos)
        asked = [_said("user", self.text, shown)]
        return asked if self.answer is None else [*asked, _said("assistant", self.answer)]


def _said(role: str, text: str, shown: Sequence[Message] = ()) -> Message:
    return {"role": role, "content": [*shown, {"type": "text", "text": text}]}


class StockEngine:
    """A chat model of transformers that can be talked to: a ``ChatEngine``.

    Args:
        model: in evaluation mode, on its device, in its precision; never changed.
        processor: of the same checkpoint, with its chat template; its tokenizer pads on the left.
        identity: which weights the model has.
        takes_videos: whether the processor makes something of videos; else their frames are shown as images.
    """

    has_masks = False
    knows_regions = False

    def __init__(self, model: Any, processor: Any, identity: ModelIdentity, *, takes_videos: bool) -> None:
        self.identity = identity
        self.model = model
        self.processor = processor
        self.takes_videos = takes_videos
        ends = model.generation_config.eos_token_id
        self._ends = set(ends) if isinstance(ends, list) else {ends}
        self.cache_name = cache_argument(model)

    def converse(self, generation: Generation) -> "StockConversation":
        """Begins a conversation."""
        return StockConversation(self, generation)

    def answer_all(self, questions: Sequence[Question], generation: Generation) -> list[Reply]:
        """Answers independent questions at once, padded on the left.

        Videos of one batch must have equally many frames, so there is one for each number of frames. What is
        drawn and not the likeliest depends on the batch in transformers: then each is answered by itself.
        """
        turns = [self.turns(question) for question in questions]
        replies: dict[int, Reply] = {}
        for places in _batches([own[0] for own in turns], alone=generation.temperature > 0):
            asked = time.perf_counter()
            inputs = self.inputs([turns[place] for place in places], generation, self.processor)
            answers, _ = self.generate(inputs, generation, None, asked)
            replies |= dict(zip(places, answers, strict=True))
        return [replies[place] for place in range(len(turns))]

    def turns(self, question: Question) -> list[_Turn]:
        """A question as turns, with its pictures as processors take them; they came with the first.

        Raises:
            UsageError: it has regions.
        """
        if question.regions is not None:
            raise UsageError(
                f"{self.identity.name} knows no regions; leave boxes, points and masks out, or ask a Sa2VA"
            )
        images, videos = [], []
        for pictures in question.pictures:
            if pictures.video and self.takes_videos:
                videos.append(np.stack(pictures.images))
            else:
                images += [Image.fromarray(image) for image in pictures.images]
        said = [_Turn(one.question, [], [], one.answer) for one in question.past]
        turns = [*said, _Turn(question.text, [], [])]
        return [replace(turns[0], images=images, videos=videos), *turns[1:]]

    def prompt(self, turns: Sequence[_Turn], system: str | None) -> str:
        """The prompt as the checkpoint's own chat template writes it.

        Args:
            turns: of the conversation.
            system: the system turn; None for what the template says.

        Raises:
            ModelError: the template cannot write such a conversation.
            UsageError: it has no system turn.
        """
        messages = [message for turn in turns for message in turn.messages]
        if system is None:
            return self._written(messages)
        try:
            text = self._written([_said("system", system), *messages])
        except ModelError:
            self._written(messages)  # else the system turn is not at fault
            text = ""
        if system.strip() not in text:
            raise UsageError(
                f"the chat template of {self.identity.name} has no system turn; leave "
                f"{parameter('system')} out, or say it in the question"
            )
        return text

    def _written(self, messages: Sequence[Message]) -> str:
        try:
            text: str = self.processor.apply_chat_template(
                list(messages), add_generation_prompt=True, tokenize=False
            )
        except Exception as error:  # a template is a program that can fail in any way
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise ModelError(
                f"the chat template of {self.identity.name} cannot write this conversation: {why}; the "
                "model's files must hold the template that was published with it"
            ) from error
        return text

    def inputs(self, batch: list[list[_Turn]], generation: Generation, processor: Any) -> dict[str, Any]:
        """What the model takes: token ids, pixels and the like, for some conversations.

        Pictures are nested by conversation: for some models several images of one are cut otherwise than one
        each of several (reference set, section 10.1).
        """
        tokenizer = processor.tokenizer
        hidden = PlainWords(
            tokenizer, [getattr(processor, f"{kind}_token", None) for kind in ("image", "video")]
        )
        system = generation.system and hidden.hide(generation.system)
        prompts = []
        for turns in batch:
            masked = [
                _Turn(hidden.hide(t.text), t.images, t.videos, t.answer and hidden.hide(t.answer))
                for t in turns
            ]
            prompts.append(self.prompt(masked, system))
        if hidden.words:
            processor = copy.copy(processor)
            processor.tokenizer = hidden
        images = [[image for turn in turns for image in turn.images] for turns in batch]
        videos = [[video for turn in turns for video in turn.videos] for turns in batch]
        begins = tokenizer.bos_token
        made = processor(
            text=prompts,
            images=images if any(images) else None,
            videos=videos if any(videos) else None,
            padding=True,
            return_tensors="pt",
            # As the processor's own ``apply_chat_template``: a template that begins with <s> has it already.
            add_special_tokens=not (begins and prompts[0].startswith(begins)),
        )
        return dict(made.to(self.model.device, self.model.dtype))

    @torch.inference_mode()
    def generate(
        self,
        inputs: Mapping[str, Any],
        generation: Generation,
        listener: Listener | None,
        asked: float,
        cache: Any = None,
    ) -> tuple[list[Reply], Any]:
        """Generates answers.

        Args:
            inputs: from ``inputs``.
            generation: how.
            listener: is told the answer as it comes; for one alone.
            asked: when the question was.
            cache: of the first tokens, whose pictures are not among ``inputs``; it is added to.

        Returns:
            the answers, and the cache of all that was read.
        """
        length = inputs["input_ids"].shape[1]
        known = cache.get_seq_length() if cache is not None else 0
        watch = _Watch(self.processor.tokenizer, self._ends, length, listener)
        given = {} if cache is None else {self.cache_name: cache}
        devices = [self.model.device] if self.model.device.type == "cuda" else []
        with torch.random.fork_rng(devices, enabled=generation.temperature > 0):
            if generation.temperature > 0:
                torch.manual_seed(generation.seed)
            output = self.model.generate(
                **inputs,
                **given,
                **_sampling(generation),
                max_new_tokens=generation.max_new_tokens,
                stopping_criteria=StoppingCriteriaList([watch]),
                return_dict_in_generate=True,
                pad_token_id=self.processor.tokenizer.pad_token_id,
            )
        watch.end()
        prompts = inputs["attention_mask"].sum(dim=1).tolist()
        rows = output.sequences[:, length:].tolist()
        replies = [
            watch.reply(row, tokens, prompt, prompt - known, asked)
            for row, (tokens, prompt) in enumerate(zip(rows, prompts, strict=True))
        ]
        return replies, getattr(output, self.cache_name, None)

    def can_go_on(self, cache: Any) -> bool:
        """Whether a cache can be cut and added to in a later turn.

        Windows that slide, states that run on and positions that the model keeps to itself (Qwen's
        ``rope_deltas``) cannot.
        """
        layers = getattr(cache, "layers", None) or [None]
        inner = getattr(self.model, "model", self.model)
        return all(type(layer) is DynamicLayer for layer in layers) and not hasattr(inner, "rope_deltas")


def _sampling(generation: Generation) -> dict[str, Any]:
    """How ``generate`` takes the next token, whatever the checkpoint's ``generation_config.json`` says."""
    if not generation.temperature:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, "num_beams": 1}
    return {
        "do_sample": True,
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "top_k": 0,
        "num_beams": 1,
    }


def _batches(turns: Sequence[_Turn], *, alone: bool) -> list[list[int]]:
    """Places of the questions that are answered together."""
    if alone:
        return [[place] for place in range(len(turns))]
    lengths = [{len(video) for video in turn.videos} for turn in turns]
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, own in enumerate(lengths):
        if own:
            groups.setdefault(tuple(sorted(own)), []).append(place)
    without = [place for place, own in enumerate(lengths) if not own]
    if groups and without:
        groups[next(iter(groups))] += without
    elif without:
        groups[()] = without
    return list(groups.values())


class _Watch(StoppingCriteria):  # type: ignore[misc]  # which mypy takes for Any
    """Sees every token as it is generated: for the listener, and for the times.

    Args:
        tokenizer: of the model.
        ends: tokens that end an answer.
        length: of the prompt, its padding included.
        listener: is told the answer, where it is one alone.
    """

    def __init__(self, tokenizer: Any, ends: set[int], length: int, listener: Listener | None) -> None:
        self._tokenizer, self._ends, self._length, self._listener = tokenizer, ends, length, listener
        self._text = StreamedText(tokenizer, segment_id=-1)
        self._first = 0.0
        self._last: dict[int, float] = {}
        self._interrupted = False

    def __call__(self, input_ids: Tensor, _: Any, **__: Any) -> Tensor:
        """Says which answers are to stop here."""
        now = time.perf_counter()
        self._first = self._first or now
        rows = input_ids[:, self._length :].tolist()
        for row, tokens in enumerate(rows):
            if not self._ends & set(tokens[:-1]):
                self._last[row] = now
        if len(rows) == 1 and rows[0][-1] not in self._ends:
            self._interrupted = not self._tell(self._text.add(rows[0][-1]))
        return torch.full((len(rows),), self._interrupted, dtype=torch.bool, device=input_ids.device)

    def end(self) -> None:
        """Tells the rest."""
        self._tell(self._text.end())

    def _tell(self, piece: str) -> bool:
        return not (piece and self._listener) or self._listener(piece) is not False

    def reply(self, row: int, tokens: list[int], prompt: int, read: int, asked: float) -> Reply:
        """What one row of the batch came to; what follows the end of an answer is padding."""
        end = next((place for place, token in enumerate(tokens, 1) if token in self._ends), None)
        stop: Stop = "end" if end else "interrupted" if self._interrupted else "length"
        tokens = tokens[:end]
        text, marked = (
            self._tokenizer.decode(tokens, skip_special_tokens=skip).strip() for skip in (True, False)
        )
        return Reply(
            text=text,
            marked=marked,
            token_ids=tuple(tokens),
            prompt_tokens=prompt,
            read_tokens=read,
            seconds_to_first=self._first - asked,
            seconds=self._last[row] - asked,
            stop=stop,
        )


class _Once:
    """An image or video processor that works on the same pictures once; in all else it is the one it has.

    Args:
        processor: of images or videos.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._pictures: Any = None
        self._made: Any = None

    def __call__(self, pictures: Any, **settings: Any) -> Any:
        """Processes pictures, nested by conversation."""
        if self._made is None or not _same(pictures, self._pictures):
            self._made, self._pictures = self._processor(pictures, **settings), pictures
        return copy.copy(self._made)

    def __getattr__(self, name: str) -> Any:
        """Whatever else processors are asked."""
        return getattr(self._processor, name)


def _same(first: Any, second: Any) -> bool:
    """Whether two nested lists hold the same objects."""
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    return first is second


class StockConversation:
    """A conversation that goes on: a ``Conversation``. A turn without new pictures is all that is read.

    Args:
        engine: whom to talk to.
        generation: how answers are generated.
    """

    def __init__(self, engine: StockEngine, generation: Generation) -> None:
        self._engine = engine
        self._generation = generation
        self._turns: list[_Turn] = []
        self._answered: list[int] = []  # how many turns came with each question that was answered
        self._cache: Any = None
        # The tokens that the cache is known to hold; it may hold more after an error.
        self._known: list[int] = []
        self._processor = copy.copy(engine.processor)
        for name in ("image_processor", "video_processor"):
            if getattr(self._processor, name, None) is not None:
                setattr(self._processor, name, _Once(getattr(self._processor, name)))

    def __len__(self) -> int:
        """How many questions were answered."""
        return len(self._answered)

    def ask(self, question: Question, listener: Listener | None = None) -> Reply:
        """Asks a question; see ``conversation.Conversation``."""
        asked = time.perf_counter()
        engine = self._engine
        if question.past and self._turns:
            raise UsageError("what was said before can only be given with the first question")
        turns = engine.turns(question)
        inputs = engine.inputs([[*self._turns, *turns]], self._generation, self._processor)
        ids = inputs["input_ids"][0].tolist()
        if self._reusable(turns[0], ids):
            taken = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        else:
            self._cache, taken = None, inputs
        self._known = self._known if self._cache is not None else []
        (reply,), cache = engine.generate(taken, self._generation, listener, asked, self._cache)
        self._cache = cache if engine.can_go_on(cache) else None
        self._known = [*ids, *reply.token_ids[:-1]]
        self._turns += [*turns[:-1], replace(turns[-1], answer=reply.text)]
        self._answered.append(len(turns))
        return reply

    def undo(self) -> None:
        """Takes the last question and its answer back, with the pictures that came with it."""
        if not self._answered:
            return
        kept = len(self._turns) - self._answered.pop()
        if any(turn.images or turn.videos for turn in self._turns[kept:]):
            self._cache = None  # other pictures of the same number of tokens may come in their place
        del self._turns[kept:]

    def _reusable(self, turn: _Turn, ids: list[int]) -> bool:
        """Cuts the cache to what a prompt begins with; False if that is not of use.

        New pictures are read with all the others: they can change how those are cut.
        """
        if self._cache is None or turn.images or turn.videos:
            return False
        most = min(len(self._known), len(ids) - 1)
        length = next((place for place in range(most) if ids[place] != self._known[place]), most)
        if self._shows_pictures(ids[length:]):
            return False
        self._known = self._known[:length]
        if surplus := self._cache.get_seq_length() - length:
            self._cache.crop(-surplus)
        return True

    def _shows_pictures(self, ids: list[int]) -> bool:
        processor = self._engine.processor
        tokens = (getattr(processor, f"{kind}_token_id", None) for kind in ("image", "video"))
        return any(token in ids for token in tokens if token is not None)
