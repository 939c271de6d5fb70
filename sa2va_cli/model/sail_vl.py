"""SAIL-VL: conversations with an InternVL that has another prompt and no masks (reference set, section 9).

Knows nothing about files.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import DynamicCache

from sa2va_cli.conversation import Generation, Listener, Question, Reply, Stop
from sa2va_cli.datatypes import RGB, ModelIdentity
from sa2va_cli.errors import UsageError
from sa2va_cli.model.decoding import cache_argument
from sa2va_cli.model.internvl import PATCH_TOKEN, TEMPLATES, InternVL
from sa2va_cli.model.preprocessing import cut_tiles, vision_pixels
from sa2va_cli.model.prompt_text import IMAGE_TAG, PromptText, encode
from sa2va_cli.model.speech import Sampler, Spoken, Telling, Timing, common_length

SYSTEM = (
    "你是由抖音内容理解组开发的多模态大模型，英文名叫UniVL, 是一个有用无害的人工智能助手。"  # noqa: RUF001
)
"""The system turn, which is always there (reference set, section 9.2)."""

_SYSTEM_TURN = ("<|im_start|>system\n", "<|im_end|>")
_END = "<|im_end|>"


@dataclass(frozen=True, eq=False)
class _Turn:
    """A question with its pictures, and the answer once there is one.

    Attributes:
        words: the question, with image tokens written out.
        pictures: (V, D) visual tokens of all its pictures; None without any.
        answer: as it goes into the prompts of later turns.
    """

    words: PromptText
    pictures: Tensor | None = field(repr=False)
    answer: str = ""


class SailVLEngine:
    """A SAIL-VL that can be talked to: a ``ChatEngine``.

    Args:
        chat: in evaluation mode, on its device, in its precision; never changed.
        identity: which weights it has.
    """

    has_masks = False

    def __init__(self, chat: InternVL, identity: ModelIdentity) -> None:
        self.chat = chat
        self.identity = identity
        self._stop: int = chat.tokenizer.convert_tokens_to_ids(_END)
        self._cache = cache_argument(chat.language_model.model)

    def converse(self, generation: Generation) -> "SailVLConversation":
        """Begins a conversation."""
        return SailVLConversation(self, generation)

    @torch.inference_mode()
    def answer_all(self, questions: Sequence[Question], generation: Generation) -> list[Reply]:
        """Answers independent questions in one batch, padded on the left."""
        if not questions:
            return []
        asked = time.perf_counter()
        turns = [self.turn(question) for question in questions]
        prompts = [self.prompt([turn], generation) for turn in turns]
        longest = max(map(len, prompts))
        padding = [longest - len(ids) for ids in prompts]
        ids = torch.tensor([[self._stop] * gap + own for gap, own in zip(padding, prompts, strict=True)])
        mask = torch.tensor([[0] * gap + [1] * len(own) for gap, own in zip(padding, prompts, strict=True)])
        shown = [turn.pictures for turn in turns if turn.pictures is not None]
        embeddings = self.chat.embed(ids.to(self.chat.device), torch.cat(shown) if shown else None)
        spoken = self._batch(embeddings, mask.to(self.chat.device), generation, prompts, asked)
        return [each.reply(self.chat.tokenizer) for each in spoken]

    def _batch(
        self,
        embeddings: Tensor,
        mask: Tensor,
        generation: Generation,
        prompts: list[list[int]],
        asked: float,
    ) -> list[Spoken]:
        """Generates an answer for each row of embeddings (B, L, D), of which the mask (B, L) tells the padding."""
        model = self.chat.language_model
        cache = DynamicCache(config=model.config)
        samplers = [Sampler(generation) for _ in prompts]
        tokens: list[list[int]] = [[] for _ in prompts]
        times: list[list[float]] = [[] for _ in prompts]
        places = (mask.cumsum(1) - 1).clamp(min=0)
        going = set(range(len(prompts)))
        while True:
            output = model.model(
                inputs_embeds=embeddings,
                attention_mask=mask,
                position_ids=places,
                use_cache=True,
                **{self._cache: cache},
            )
            logits = model.lm_head(output.last_hidden_state[:, -1].to(self.chat.device))
            following = [self._stop] * len(prompts)
            for row in sorted(going):
                following[row] = samplers[row].next_token(logits[row])
                tokens[row].append(following[row])
                times[row].append(time.perf_counter())
                if following[row] == self._stop or len(tokens[row]) == generation.max_new_tokens:
                    going.remove(row)
            if not going:
                break
            embeddings = self.chat.embed(torch.tensor(following, device=self.chat.device)[:, None], None)
            mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)
            places = places[:, -1:] + 1
        return [
            Spoken(
                own,
                "end" if own[-1] == self._stop else "length",
                len(ids),
                len(ids),
                Timing(asked, when[0], when[-1]),
            )
            for own, ids, when in zip(tokens, prompts, times, strict=True)
        ]

    def generate(
        self,
        ids: list[int],
        pictures: Tensor | None,
        cache: DynamicCache,
        generation: Generation,
        listener: Listener | None,
        asked: float,
    ) -> Spoken:
        """Answers a prompt of which the cache knows the beginning.

        Args:
            ids: the whole prompt.
            pictures: (V, D) visual tokens of all of it.
            cache: of the first tokens, not all; what is read is added.
            generation: how.
            listener: is told the answer as it comes.
            asked: when the question was.
        """
        fresh = ids[cache.get_seq_length() :]
        shown = fresh.count(self.chat.patch_id)
        visual = pictures[len(pictures) - shown :] if pictures is not None and shown else None
        sampler, telling = Sampler(generation), Telling(self.chat.tokenizer, listener)
        tokens: list[int] = []
        first = 0.0
        stop: Stop = "length"
        while len(tokens) < generation.max_new_tokens:
            logits = self._read(tokens[-1:] or fresh, None if tokens else visual, cache)
            tokens.append(sampler.next_token(logits))
            first = first or time.perf_counter()
            if tokens[-1] == self._stop:
                stop = "end"
                break
            if not telling.goes_on(tokens):
                stop = "interrupted"
                break
        telling.finish(tokens)
        timing = Timing(asked, first, time.perf_counter())
        return Spoken(tokens, stop, len(ids), len(fresh), timing)

    def _read(self, ids: list[int], visual: Tensor | None, cache: DynamicCache) -> Tensor:
        """Reads tokens after those in the cache; the logits (V,) after the last one."""
        model = self.chat.language_model
        embeddings = self.chat.embed(torch.tensor([ids], device=self.chat.device), visual)
        output = model.model(inputs_embeds=embeddings, use_cache=True, **{self._cache: cache})
        logits: Tensor = model.lm_head(output.last_hidden_state[0, -1].to(self.chat.device))
        return logits

    def turn(self, question: Question) -> _Turn:
        """Looks at the pictures of a question and writes it with image tokens.

        ``<image>`` in the words says where a picture goes if it stands there as often as there are pictures,
        which is this model's own convention; else the pictures come first, and it is a word.

        Raises:
            UsageError: it has regions.
        """
        if question.regions is not None:
            raise UsageError("SAIL-VL knows no regions; leave boxes, points and masks out, or ask a Sa2VA")
        tiles: list[list[RGB]] = []
        labels = []
        for pictures in question.pictures:
            most = 1 if pictures.video else self.chat.sizes.max_tiles  # frames are not cut (InternVL2's card)
            tiles += [cut_tiles(image, most, self.chat.sizes.tile_size) for image in pictures.images]
            labels += ["Frame" if pictures.video else "Image-"] * len(pictures.images)
        blocks = [self._block(len(parts)) for parts in tiles]
        seen = [self.chat.see(vision_pixels(parts)).flatten(0, 1) for parts in tiles]
        return _Turn(_written(question.text, blocks, labels), torch.cat(seen) if seen else None)

    def _block(self, tiles: int) -> str:
        return f"<img>{PATCH_TOKEN * self.chat.sizes.grid**2 * tiles}</img>"

    def prompt(self, turns: Sequence[_Turn], generation: Generation) -> list[int]:
        """The tokens of everything that was said, up to where the answer to the last turn begins."""
        before, after = TEMPLATES[self.chat.sizes.template].turn.split("{}")
        system = SYSTEM if generation.system is None else generation.system
        text = PromptText(_SYSTEM_TURN[0]) + PromptText.literal(system) + _SYSTEM_TURN[1]
        for number, turn in enumerate(turns, 1):
            text = text + before + turn.words + after
            if number < len(turns):
                text = text + PromptText.literal(turn.answer) + _END
        return encode(self.chat.tokenizer, text)


def _written(words: str, blocks: list[str], labels: list[str]) -> PromptText:
    parts = words.split(IMAGE_TAG)
    if blocks and len(parts) - 1 == len(blocks):
        text = PromptText.literal(parts[0])
        for block, part in zip(blocks, parts[1:], strict=True):
            text = text + block + PromptText.literal(part)
        return text
    if labels == ["Image-"]:
        return PromptText(f"{blocks[0]}\n") + PromptText.literal(words)
    numbers: dict[str, int] = {}
    front = PromptText()
    for label, block in zip(labels, blocks, strict=True):
        numbers[label] = numbers.get(label, 0) + 1
        front = front + f"{label}{numbers[label]}: {block}\n"
    return front + PromptText.literal(words)


class SailVLConversation:
    """A conversation that goes on: a ``Conversation``. Only what is new is read.

    Args:
        engine: whom to talk to.
        generation: how answers are generated.
    """

    def __init__(self, engine: SailVLEngine, generation: Generation) -> None:
        self._engine = engine
        self._generation = generation
        self._turns: list[_Turn] = []
        self._cache = DynamicCache(config=engine.chat.language_model.config)
        self._known: list[int] = []  # the tokens that the cache is known to hold; it may hold more after an error

    def __len__(self) -> int:
        """How many questions were answered."""
        return len(self._turns)

    @torch.inference_mode()
    def ask(self, question: Question, listener: Listener | None = None) -> Reply:
        """Asks a question; see ``conversation.Conversation``."""
        asked = time.perf_counter()
        engine = self._engine
        turn = engine.turn(question)
        turns = [*self._turns, turn]
        ids = engine.prompt(turns, self._generation)
        pictures = [each.pictures for each in turns if each.pictures is not None]
        seen = torch.cat(pictures) if pictures else None
        self._forget(min(common_length(ids, self._known), len(ids) - 1))
        spoken = engine.generate(ids, seen, self._cache, self._generation, listener, asked)
        self._known = ids + spoken.tokens[:-1]
        reply = spoken.reply(engine.chat.tokenizer)
        self._turns.append(_Turn(turn.words, turn.pictures, reply.text))
        return reply

    def undo(self) -> None:
        """Takes the last question and its answer back, with the pictures that came with it."""
        if not self._turns:
            return
        self._turns.pop()
        kept = sum(len(turn.pictures) for turn in self._turns if turn.pictures is not None)
        patches = [place for place, token in enumerate(self._known) if token == self._engine.chat.patch_id]
        if len(patches) > kept:  # other pictures may come there, of the same tokens
            self._forget(patches[kept])

    def _forget(self, length: int) -> None:
        """Keeps so many tokens of what is known."""
        self._known = self._known[:length]
        if not length:
            self._cache = DynamicCache(config=self._engine.chat.language_model.config)
        elif surplus := self._cache.get_seq_length() - length:
            self._cache.crop(-surplus)
