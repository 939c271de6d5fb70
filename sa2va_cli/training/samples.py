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
"""Weight of an answer's first token, 1 that of a short answer: it decides if there is anything to find."""

SHORT_ANSWER = 4
"""Tokens after the first for which they weigh 1 - ``FIRST_WORD`` together; of more, each weighs less, but all
together weigh more, by the square root of their number: long answers name several things."""


@dataclass(frozen=True, eq=False)
class Meaning:
    """What words mean, in numbers, for the auxiliary losses.

    Attributes:
        names: (A,) float32, one where the target has an attribute; zeros where nothing is meant.
        places: (K, g, g) float32, 0..1: how much of the target each cell of each keyframe holds, one where it
            holds most. A cell is one visual token of the language model.
    """

    names: NDArray[np.float32]
    places: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Clicks:
    """How a target is shown instead of told, on the first conditioning frame.

    Attributes:
        kind: ``clicks.CODE``, ``POINT`` or ``BOX``; the first where nobody can point at it.
        points: (2, 2) float32 x and y in pixels of SAM 2's input: a point (twice), or the corners of a box.
        chances: (2,) float32, 0..1: decide which mask is corrected, and where.
    """

    kind: int
    points: NDArray[np.float32]
    chances: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Question:
    """One question with its answer.

    Attributes:
        text: what the user says, without ``<image>``.
        answer: what is to be said, with ``[SEG]`` where a mask is meant.
        masks: (F, h, w) float32 share of each cell that belongs to the target, on the F grounding frames;
            None where no mask is trained (no target, or a question for the language model only).
        meaning: of a question that asks for a mask; None for any other, or where it is not known.
        parts: meanings of the ``[SEG]`` of an answer that names several things, in their order; then there is
            neither ``meaning`` nor ``masks``.
        clicks: how its target may be shown; all trained masks of a batch have them, or none.
    """

    text: str
    answer: str
    masks: NDArray[np.float32] | None = field(default=None, repr=False)
    meaning: Meaning | None = field(default=None, repr=False)
    parts: Sequence[Meaning] = field(default=(), repr=False)
    clicks: Clicks | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture or a clip with questions.

    Attributes:
        keyframes: pictures the language model sees. None where only masks are trained: then the meaning of a
            question is told to SAM 2 instead of its words.
        frames: pictures SAM 2 sees: first those that are conditioned on the query, then tracked ones. None
            where only the answers are trained.
        conditioning: how many of ``frames`` are conditioned on the query.
        indices: frame number of each of ``frames`` in its clip; tracked ones ascend.
        questions: at least one.
        labels: (F, g, g, A) int64 classes of A attributes of what is seen in each cell of ``frames``, for the
            auxiliary loss, or None.
        key_labels: the same for ``keyframes``.
        key_deeds: (K, g, g) int64 class of what is done in each visual token of each keyframe, 0 for nothing
            that could do anything; for the auxiliary loss, or None.
    """

    keyframes: Sequence[RGB]
    frames: Sequence[RGB]
    conditioning: int
    indices: Sequence[int]
    questions: Sequence[Question]
    labels: NDArray[np.int64] | None = None
    key_labels: NDArray[np.int64] | None = None
    key_deeds: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """B samples of one shape as tensors.

    Attributes:
        vision_pixels: (B*K, 3, S, S) for the vision-language encoder.
        token_ids: (B, L) prompts and answers, packed and padded.
        targets: (B, L) token that follows each position, or ``IGNORED``.
        weights: (B, L) weight of each target, see ``FIRST_WORD`` and ``SHORT_ANSWER``.
        positions: (B, L) position ids; each branch counts on from the end of the pictures.
        shared: length of the beginning that all questions share, the same for every sample.
        branches: (R, l) positions of each question and answer behind it, the last one repeated to fill up.
        branch_rows: (R,) batch row of each of these.
        grounding_pixels: (F, B, 3, S, S).
        conditioning: how many of the F frames are conditioned on the query.
        indices: frame number of each of the F frames, the same for every sample.
        segment_rows: (N, 2) batch row of each target, and position of its ``[SEG]`` (0 where there are no
            words).
        masked: (M,) which of the N targets have masks to be trained.
        masks: (M, F, h, w) targets.
        asked_rows: (Q, 2) batch row of each question whose meaning is known, and position of the last token
            before its answer.
        asked_names: (Q, A), see ``Meaning``.
        asked_places: (Q, K, g, g), the same.
        meant: (N,) which of the Q questions each target belongs to, -1 where its meaning is not known.
        prompts: (M,) kind of each trained mask's prompt, see ``Clicks``, or None.
        points: (M, 2, 2), the same.
        chances: (M, 2), the same.
        labels: (F, B, g, g, A) classes, or None.
        key_labels: (B*K, g, g, A) classes, or None.
        key_deeds: (B*K, g, g) classes, or None.
    """

    vision_pixels: Tensor
    token_ids: Tensor
    targets: Tensor
    weights: Tensor
    positions: Tensor
    shared: int
    branches: Tensor
    branch_rows: Tensor
    grounding_pixels: Tensor
    conditioning: int
    indices: tuple[int, ...]
    segment_rows: Tensor
    masked: Tensor
    masks: Tensor
    asked_rows: Tensor
    asked_names: Tensor
    asked_places: Tensor
    meant: Tensor
    prompts: Tensor | None
    points: Tensor | None
    chances: Tensor | None
    labels: Tensor | None
    key_labels: Tensor | None
    key_deeds: Tensor | None

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
    worded = bool(samples[0].keyframes)
    packed = [_pack(sample, chat) if worded else _unworded(sample) for sample in samples]
    length = max(len(p.ids) for p in packed)
    spans = [(row, *span) for row, p in enumerate(packed) for span in p.spans]
    longest = max((end - start for _, start, end in spans), default=0)
    side = chat.sizes.tile_size
    tiles = [resize_bicubic(image, side, side) for sample in samples for image in sample.keyframes]
    frames = [
        torch.cat([grounding_pixels(s.frames[f], input_size, torch.float32, still=False) for s in samples])
        for f in range(len(samples[0].frames))
    ]
    placed = [(row, *place) for row, p in enumerate(packed) for place in p.places]
    targets = [(row, segment, q) for row, _, segment, q in placed if segment is not None]
    asked = [(row, start, q) for row, start, _, q in placed if q.meaning is not None]
    order = {id(q): number for number, (_, _, q) in enumerate(asked)}
    masks = [q.masks for _, _, q in targets if q.masks is not None]
    first = samples[0]
    clicks = [q.clicks for _, _, q in targets if q.masks is not None and q.clicks is not None]
    return Batch(
        vision_pixels=vision_pixels(tiles) if tiles else torch.zeros(0),
        token_ids=_padded([p.ids for p in packed], length, 0),
        targets=_padded([p.targets for p in packed], length, IGNORED),
        weights=_padded([p.weights for p in packed], length, 0.0),
        positions=_padded([p.positions for p in packed], length, 0),
        shared=packed[0].spans[0][0] if spans else 0,
        branches=torch.tensor(
            [[min(start + k, end - 1) for k in range(longest)] for _, start, end in spans], dtype=torch.int64
        ),
        branch_rows=torch.tensor([row for row, _, _ in spans], dtype=torch.int64),
        grounding_pixels=torch.stack(frames) if frames else torch.zeros(0),
        conditioning=first.conditioning,
        indices=tuple(first.indices),
        segment_rows=_rows([(row, segment) for row, segment, _ in targets]),
        masked=torch.tensor([k for k, (_, _, q) in enumerate(targets) if q.masks is not None]).long(),
        masks=torch.from_numpy(np.stack(masks)) if masks else torch.zeros(0),
        asked_rows=_rows([(row, start) for row, start, _ in asked]),
        asked_names=_joined([q.meaning.names for _, _, q in asked if q.meaning]),
        asked_places=_joined([q.meaning.places for _, _, q in asked if q.meaning]),
        meant=torch.tensor([order.get(id(q), -1) for _, _, q in targets]).long(),
        prompts=torch.tensor([c.kind for c in clicks]) if clicks else None,
        points=torch.from_numpy(np.stack([c.points for c in clicks])) if clicks else None,
        chances=torch.from_numpy(np.stack([c.chances for c in clicks])) if clicks else None,
        labels=_stacked([s.labels for s in samples], dim=1),
        key_labels=_stacked([s.key_labels for s in samples], dim=0, flat=True),
        key_deeds=_stacked([s.key_deeds for s in samples], dim=0, flat=True),
    )


@dataclass(frozen=True)
class _Packed:
    ids: list[int]
    targets: list[int]
    weights: list[float]
    positions: list[int]
    spans: list[tuple[int, int]]  # of each question with its answer, behind the shared beginning
    # Of each question, or each part of its answer: the last position before it, its [SEG]'s, what is meant.
    places: list[tuple[int, int | None, Question]]


def _unworded(sample: Sample) -> _Packed:
    """No conversation, only targets."""
    return _Packed([], [], [], [], [], [(0, 0, question) for question in sample.questions])


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
        [],
        [],
    )
    for question in sample.questions:
        asked = tokenize(question.text + closing)["input_ids"]
        said = [*tokenize(question.answer)["input_ids"], tokenize.eos_token_id]
        start = len(p.ids) + len(asked)
        p.ids.extend(asked + said)
        p.targets.extend([IGNORED] * (len(asked) - 1) + said + [IGNORED])
        rest = (1.0 - FIRST_WORD) / (SHORT_ANSWER * (len(said) - 1)) ** 0.5
        p.weights.extend([0.0] * (len(asked) - 1) + [FIRST_WORD] + [rest] * (len(said) - 1) + [0.0])
        p.positions.extend(range(len(shared), len(shared) + len(asked) + len(said)))
        p.spans.append((len(p.ids) - len(asked) - len(said), len(p.ids)))
        segments = [start + k for k, token in enumerate(said) if token == chat.segment_id]
        p.places.extend(_placed(question, start - 1, segments))
    return p


def _placed(
    question: Question, before: int, segments: Sequence[int]
) -> list[tuple[int, int | None, Question]]:
    """Where a question's meaning is to be known; a part's from the ``[SEG]`` before it on."""
    if not question.parts:
        return [(before, segments[0] if segments else None, question)]
    starts = [before, *segments[:-1]]
    return [
        (start, segment, Question(question.text, question.answer, meaning=part))
        for start, segment, part in zip(starts, segments, question.parts, strict=True)
    ]


def _padded(rows: Sequence[Sequence[int]] | Sequence[Sequence[float]], length: int, filler: float) -> Tensor:
    return torch.tensor([[*row, *[filler] * (length - len(row))] for row in rows])


def _rows(pairs: Sequence[tuple[int, int]]) -> Tensor:
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)


def _joined(arrays: Sequence[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays)) if arrays else torch.zeros(0)


def _stacked(arrays: Sequence[NDArray[np.int64] | None], dim: int, *, flat: bool = False) -> Tensor | None:
    present = [torch.from_numpy(a) for a in arrays if a is not None]
    if not present or len(present) < len(arrays):
        return None
    return torch.cat(present) if flat else torch.stack(present, dim=dim)
