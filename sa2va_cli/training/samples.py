"""What the loop trains on, and how it becomes one batch of tensors.

A sample is a picture or a clip with a few questions about it. The questions share the pictures' tokens:
each is packed behind them as a branch of its own, which sees the pictures and itself only, so a picture is
read once however many questions there are. Knows nothing about where samples come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sa2va_cli.datatypes import RGB
from sa2va_cli.model.internvl import InternVL
from sa2va_cli.model.preprocessing import grounding_pixels, resize_bicubic, vision_pixels

IGNORED = -100
"""Label of a token that is not to be learned: the ignore_index of torch's cross-entropy."""


FIRST_WORD = 0.3
"""Weight of an answer's first token among all of its tokens: it decides whether there is anything to find."""


@dataclass(frozen=True, eq=False)
class Question:
    """One question with its answer.

    Attributes:
        text: what the user says, without ``<image>``.
        answer: what is to be said, with ``[SEG]`` where a mask is meant.
        masks: (F, h, w) float32 share of each cell that belongs to the target, on the F grounding frames;
            None where no mask is trained (no target, or a question for the language model only).
        named: (A,) float32, one where the target has an attribute, for the auxiliary loss; or None.
    """

    text: str
    answer: str
    masks: NDArray[np.float32] | None = field(default=None, repr=False)
    named: NDArray[np.float32] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture or a clip with questions.

    Attributes:
        keyframes: pictures the language model sees.
        frames: pictures SAM 2 sees: first those that are conditioned on the query, then tracked ones. None
            where only the answers are trained.
        conditioning: how many of ``frames`` are conditioned on the query.
        indices: frame number of each of ``frames`` in its clip; tracked ones ascend.
        questions: at least one.
        labels: (F, g, g, A) int64 classes of A attributes of what is seen in each cell of ``frames``, for the
            auxiliary loss, or None.
        key_labels: the same for ``keyframes``.
    """

    keyframes: Sequence[RGB]
    frames: Sequence[RGB]
    conditioning: int
    indices: Sequence[int]
    questions: Sequence[Question]
    labels: NDArray[np.int64] | None = None
    key_labels: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """B samples of one shape as tensors.

    Attributes:
        vision_pixels: (B*K, 3, S, S) for the vision-language encoder.
        token_ids: (B, L) prompts and answers, packed and padded.
        targets: (B, L) token that follows each position, or ``IGNORED``.
        weights: (B, L) weight of each target: every answer counts the same, however long.
        positions: (B, L) position ids; each branch counts on from the end of the pictures.
        visible: (B, 1, L, L) bool, which position sees which.
        grounding_pixels: (F, B, 3, S, S).
        conditioning: how many of the F frames are conditioned on the query.
        indices: frame number of each of the F frames, the same for every sample.
        segment_rows: (N, 2) batch row and position of each trained ``[SEG]``.
        masks: (N, F, h, w) targets.
        named: (N, A) attributes of what each trained ``[SEG]`` means, or None.
        labels: (F, B, g, g, A) classes, or None.
        key_labels: (B*K, g, g, A) classes, or None.
    """

    vision_pixels: Tensor
    token_ids: Tensor
    targets: Tensor
    weights: Tensor
    positions: Tensor
    visible: Tensor
    grounding_pixels: Tensor
    conditioning: int
    indices: tuple[int, ...]
    segment_rows: Tensor
    masks: Tensor
    named: Tensor | None
    labels: Tensor | None
    key_labels: Tensor | None

    def to(self, device: torch.device) -> "Batch":
        """Moves every tensor."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **moved)


def collate(samples: Sequence[Sample], chat: InternVL, input_size: int) -> Batch:
    """Makes a batch of samples that have the same number of keyframes, frames and conditioning frames.

    Args:
        samples: of one shape.
        chat: whose tokenizer, template and tile size are used.
        input_size: side of SAM 2's input in pixels.
    """
    packed = [_pack(sample, chat) for sample in samples]
    length = max(len(p.ids) for p in packed)
    visible = torch.zeros(len(samples), 1, length, length, dtype=torch.bool)
    for row, p in enumerate(packed):
        visible[row, 0] = _visibility(p.branch, length)
    side = chat.sizes.tile_size
    tiles = [resize_bicubic(image, side, side) for sample in samples for image in sample.keyframes]
    frames = [
        torch.cat([grounding_pixels(s.frames[f], input_size, torch.float32, still=False) for s in samples])
        for f in range(len(samples[0].frames))
    ]
    rows = [(row, position) for row, p in enumerate(packed) for position in p.segments]
    masks = [q.masks for s in samples for q in s.questions if q.masks is not None]
    first = samples[0]
    return Batch(
        vision_pixels=vision_pixels(tiles),
        token_ids=_padded([p.ids for p in packed], length, 0),
        targets=_padded([p.targets for p in packed], length, IGNORED),
        weights=_padded([p.weights for p in packed], length, 0.0),
        positions=_padded([p.positions for p in packed], length, 0),
        visible=visible,
        grounding_pixels=torch.stack(frames) if frames else torch.zeros(0),
        conditioning=first.conditioning,
        indices=tuple(first.indices),
        segment_rows=torch.tensor(rows, dtype=torch.int64).reshape(-1, 2),
        masks=torch.from_numpy(np.stack(masks)) if masks else torch.zeros(0),
        named=_stacked([q.named for s in samples for q in s.questions if q.masks is not None], dim=0),
        labels=_stacked([s.labels for s in samples], dim=1),
        key_labels=_joined([s.key_labels for s in samples]),
    )


@dataclass(frozen=True)
class _Packed:
    ids: list[int]
    targets: list[int]
    weights: list[float]
    positions: list[int]
    branch: list[int]  # 0 for the shared beginning, 1.. for the questions
    segments: list[int]


def _pack(sample: Sample, chat: InternVL) -> _Packed:
    """Writes the shared beginning once and every question behind it."""
    tokenize = chat.tokenizer
    video = len(sample.keyframes) > 1
    whole = chat.prompt("<image>", len(sample.keyframes), video=video)
    image_end = whole.rindex("</img>") + len("</img>")
    shared, closing = tokenize(whole[:image_end])["input_ids"], whole[image_end:]
    p = _Packed(
        list(shared),
        [IGNORED] * len(shared),
        [0.0] * len(shared),
        list(range(len(shared))),
        [0] * len(shared),
        [],
    )
    for number, question in enumerate(sample.questions, 1):
        asked = tokenize(question.text + closing)["input_ids"]
        said = [*tokenize(question.answer)["input_ids"], tokenize.eos_token_id]
        start = len(p.ids) + len(asked)
        p.ids.extend(asked + said)
        p.targets.extend([IGNORED] * (len(asked) - 1) + said + [IGNORED])
        rest = (1.0 - FIRST_WORD) / (len(said) - 1)
        p.weights.extend([0.0] * (len(asked) - 1) + [FIRST_WORD] + [rest] * (len(said) - 1) + [0.0])
        p.positions.extend(range(len(shared), len(shared) + len(asked) + len(said)))
        p.branch.extend([number] * (len(asked) + len(said)))
        if question.masks is not None:
            p.segments.append(start + said.index(chat.segment_id))
    return p


def _visibility(branch: Sequence[int], length: int) -> Tensor:
    """(L, L): earlier positions of the shared beginning or of the same branch; padding sees itself."""
    numbers = torch.full((length,), -1)
    numbers[: len(branch)] = torch.tensor(branch)
    same = (numbers[None] == numbers[:, None]) | (numbers[None] == 0)
    return (same & torch.ones(length, length, dtype=torch.bool).tril()) | torch.eye(length, dtype=torch.bool)


def _padded(rows: Sequence[Sequence[int]] | Sequence[Sequence[float]], length: int, filler: float) -> Tensor:
    return torch.tensor([[*row, *[filler] * (length - len(row))] for row in rows])


def _stacked(arrays: Sequence[NDArray[Any] | None], dim: int) -> Tensor | None:
    present = [torch.from_numpy(a) for a in arrays if a is not None]
    return torch.stack(present, dim=dim) if present and len(present) == len(arrays) else None


def _joined(arrays: Sequence[NDArray[np.int64] | None]) -> Tensor | None:
    present = [torch.from_numpy(a) for a in arrays if a is not None]
    return torch.cat(present) if len(present) == len(arrays) else None
