"""The objective of Sa2VA for a network of any family: from an example to its losses.

The language model reads a conversation with its answers (teacher forcing); its states at ``[SEG]`` become
queries, which SAM 2 decodes on every frame by itself, as ``projects/sa2va/models/sa2va.py`` of
bytedance/Sa2VA does. What the demo world adds to this is in ``objective.py``.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache

from sa2va_cli.errors import InputError
from sa2va_cli.model.chat import Turn, context_length
from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.model.preprocessing import grounding_pixels
from sa2va_cli.model.prompt_text import PromptText, encode
from sa2va_cli.model.sam2_maps import ImageFeatures
from sa2va_cli.training.datasets.sample import ReferringSample
from sa2va_cli.training.examples import Asked, Example
from sa2va_cli.training.forecast import Length
from sa2va_cli.training.point_losses import Chances, answer_loss, mask_losses
from sa2va_cli.training.recipe import Recipe
from sa2va_cli.training.samples import IGNORED
from sa2va_cli.training.teaching import Taught, joined, teach


class ReferringObjective(nn.Module):
    """Computes the losses of an example.

    Args:
        network: of any family; what is trained of it has gradients.
        recipe: of the losses.
    """

    def __init__(self, network: Sa2VANetwork, recipe: Recipe) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe

    def forward(self, example: Example) -> dict[str, Tensor]:
        """Returns each loss by name, unweighted, and their weighted sum as ``total``."""
        queries, answer = self._read(example)
        losses = {"answer": answer}
        if len(queries):
            logits = self.decode(example, queries)  # (N, F, m, m)
            masks = torch.from_numpy(example.masks).to(logits.device)
            weights = self.recipe.losses
            chances = Chances.draw(masks.shape[:2].numel(), weights, logits.device)
            losses |= mask_losses(logits.flatten(0, 1), masks.flatten(0, 1), weights, chances)
        total = torch.stack([getattr(self.recipe.losses, k) * v for k, v in losses.items()]).sum()
        return losses | {"total": total}

    @torch.no_grad()
    def length(self, example: Example) -> Length:
        """How long an example is, to forecast the memory that it takes."""
        chat: Any = self.network.chat
        view = chat.look(list(example.images), still=example.still)
        taught = self._taught(example, self._conversations(example, view.pictures))
        return Length(
            rows=len(taught),
            tokens=max(len(one.tokens) for one in taught),
            learned=sum(sum(one.learned) for one in taught),
            masks=len(example.masks),
            frames=len(example.images),
            visual=taught[0].tokens.count(chat.picture_id),
        )

    def _conversations(self, example: Example, pictures: Any) -> list[list[Turn]]:
        opening = self.recipe.words.opening
        return [
            [turn_of(asked, pictures, opening, first=not place) for place, asked in enumerate(one)]
            for one in example.conversations
        ]

    def _taught(self, example: Example, conversations: list[list[Turn]]) -> list[Taught]:
        """The tokens of each conversation.

        Raises:
            InputError: one is longer than the language model reads.
        """
        taught = [teach(self.network.chat, turns) for turns in conversations]
        longest, most = max(len(one.tokens) for one in taught), context_length(self.network.chat)
        if longest > most:
            raise InputError(
                f"{example.where}: with its pictures, questions and answers this is {longest} tokens, and "
                f"the model reads {most} at most; shorten its sentences, or take fewer at once (expressions "
                "in a recipe)"
            )
        return taught

    def check_sentences(self, samples: Iterable[ReferringSample]) -> None:
        """Refuses sentences that are too long by themselves, before any step.

        Raises:
            InputError: one has more tokens than the language model reads.
        """
        chat: Any = self.network.chat
        most = context_length(chat)
        for one in samples:
            if len(one.sentence.encode()) <= most:  # a token is a byte at least
                continue
            count = len(encode(chat.tokenizer, PromptText.literal(one.sentence)))
            if count > most:
                raise InputError(
                    f"{one.where}: its sentence is {count} tokens, and the model reads {most} at "
                    "most; shorten it, or leave it out"
                )

    def _read(self, example: Example) -> tuple[Tensor, Tensor]:
        """The query of each ``[SEG]`` (N, C), and the loss of what is said."""
        chat: Any = self.network.chat
        view = chat.look(list(example.images), still=example.still)
        conversations = self._conversations(example, view.pictures)
        batch = joined(chat, self._taught(example, conversations), chat.device)
        shown = [chat.gather(turns) for turns in conversations]
        states = chat.read_together(batch.tokens, shown, DynamicCache(), batch.real)  # (B, L, D)
        learned = batch.targets != IGNORED
        answer = answer_loss(chat.logits(states[learned]), batch.targets[learned])
        return self.network.queries(chat.states_after_norm(states[batch.segments])), answer

    def decode(self, example: Example, queries: Tensor) -> Tensor:
        """Mask logits (N, F, m, m) of queries (N, C) on each of the pictures."""
        sam2 = self.network.sam2
        decoded = []
        for image in example.images:  # one by one: together their first maps would need the most memory
            pixels = grounding_pixels(
                image, sam2.input_size, sam2.dtype, still=example.still, device=sam2.device
            )
            _, features = sam2.encode_for_both(pixels)
            decoded.append(self._decoded(features, queries))
        return torch.stack(decoded, dim=1)

    def _decoded(self, features: ImageFeatures, queries: Tensor) -> Tensor:
        def decode(low: Tensor, middle: Tensor, high: Tensor, queries: Tensor) -> Tensor:
            shared = ImageFeatures(low, middle, high).expand(len(queries))
            return self.network.sam2.decode_language(shared, queries).logits.float()

        arguments = (features.low, features.middle, features.high, queries.to(features.low.dtype))
        if self.recipe.gradient_checkpointing and torch.is_grad_enabled():
            return checkpoint(decode, *arguments, use_reentrant=False)
        return decode(*arguments)


def turn_of(asked: Asked, pictures: Any, opening: str, *, first: bool) -> Turn:
    """A question as the families take it: what a person names is no template, and counts as words only."""
    words = PromptText(opening if first else "") + _filled(asked.template, asked.sentence)
    return Turn(
        words, (pictures,) if first else (), None, _filled(asked.answer, asked.named or asked.sentence)
    )


def _filled(template: str, sentence: str) -> PromptText:
    before, place, after = template.partition("{}")
    return PromptText(before) + (PromptText.literal(sentence) if place else PromptText()) + after
