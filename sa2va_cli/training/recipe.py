"""How a Sa2VA is trained: every number, with where it comes from, as one value that a TOML file can change.

The defaults are those of the official fine-tuning of bytedance/Sa2VA (commit 9832e1a8), whose files are named
beside the numbers. Knows nothing about networks.
"""

import dataclasses
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from sa2va_cli.errors import InputError, UsageError, parameter

LORA, FULL, FROZEN = "lora", "full", "frozen"
WAYS = (LORA, FULL, FROZEN)

LANGUAGE_MODEL, EMBEDDINGS, PROJECTION, MASK_DECODER = (
    "language_model",
    "embeddings",
    "projection",
    "mask_decoder",
)
PROJECTOR, VISION, IMAGE_ENCODER, MEMORY = "projector", "vision", "image_encoder", "memory"
SEEDS = 2**31 - 1
"""The largest seed: of it and of a step torch's own seed is made, of 64 bits."""

PARTS = (
    LANGUAGE_MODEL,
    EMBEDDINGS,
    PROJECTION,
    MASK_DECODER,
    PROJECTOR,
    VISION,
    IMAGE_ENCODER,
    MEMORY,
)
"""What can be trained or left as it is: the layers of the language model; its embedding and output layer; the
projection of ``[SEG]`` states (``text_hidden_fcs``); SAM 2's mask decoder (that of language queries, where
there are two); the projector of visual tokens (``mlp1``); the vision encoder; SAM 2's image encoder; and all
the rest of SAM 2."""


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters on the linear layers (Hu et al., 2021; ``llm_lora`` of ``sa2va_finetune.py``).

    Attributes:
        r: rank.
        alpha: the adapters are scaled by alpha / r.
        dropout: of their inputs.
    """

    r: int = 128
    alpha: int = 256
    dropout: float = 0.05


@dataclass(frozen=True)
class Losses:
    """What is minimised (``loss_mask`` and ``loss_dice`` of ``sa2va_finetune.py``; points: ``sa2va.py``).

    Attributes:
        answer: weight of the cross-entropy of the answer's tokens.
        bce: weight of binary cross-entropy on sampled points.
        dice: weight of the Dice loss on the same points.
        points: how many are sampled of each mask.
        oversampling: how many times as many are looked at, to find uncertain ones.
        importance: the share of points that are the most uncertain ones; the others are random.
    """

    answer: float = 1.0
    bce: float = 2.0
    dice: float = 0.5
    points: int = 12_544
    oversampling: float = 3.0
    importance: float = 0.75


@dataclass(frozen=True)
class Optimiser:
    """AdamW and its learning rate (``optim_wrapper`` and ``param_scheduler`` of ``sa2va_finetune.py``).

    Attributes:
        rate: the peak of the learning rate.
        betas: of AdamW.
        weight_decay: of AdamW, on every parameter, as there.
        max_norm: gradients are clipped to this norm.
        warmup: the share of steps over which the rate rises, linearly; then it falls to 0 as a cosine.
        eight_bit: keep AdamW's state in 8 bits (bitsandbytes, on a GPU).
    """

    rate: float = 4e-5
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.05
    max_norm: float = 1.0
    warmup: float = 0.05
    eight_bit: bool = False


# The 10 different ones of SEG_QUESTIONS, and ANSWER_LIST (projects/sa2va/datasets/common.py).
QUESTIONS = (
    "Can you segment the {} in this image?",
    "Please segment {} in this image.",
    "What is {} in this image? Please respond with segmentation mask.",
    "What is {} in this image? Please output segmentation mask.",
    "What is {} in this image? Please respond with segmentation mask?",
    "What is {} in this image? Please output segmentation mask?",
    "Could you provide a segmentation mask for the {} in this image?",
    "Please identify and segment the {} in this image.",
    "Where is the {} in this picture? Please respond with a segmentation mask.",
    "Can you highlight the {} in this image with a segmentation mask?",
)
ANSWERS = (
    "It is [SEG].",
    "Sure, [SEG].",
    "Sure, it is [SEG].",
    "Sure, the segmentation result is [SEG].",
    "[SEG].",
)


@dataclass(frozen=True)
class Words:
    """How sentences become conversations (``sa2va_data_finetune.py``, ``sa2va_data_03_refvos.py``).

    Attributes:
        questions: one is drawn for each sentence, which stands where ``{}`` is.
        answers: one is drawn for each sentence that means something; ``{}`` is the sentence.
        nothing: what is answered where nothing is meant; the official data have no such sentences.
        opening: stands between the pictures and the first question.
        lower_case: write sentences in small letters; one final full stop goes in any case.
        together: ask all sentences of a sample in one conversation, in turn; else each in one of its own.
    """

    questions: tuple[str, ...] = QUESTIONS
    answers: tuple[str, ...] = ANSWERS
    nothing: str = "There is no such thing here."
    opening: str = "\n"
    lower_case: bool = True
    together: bool = True


@dataclass(frozen=True)
class Recipe:
    """A whole training.

    Attributes:
        parts: how each of ``PARTS`` is trained: ``lora`` (the language model only), ``full`` or ``frozen``.
            The official code trains the embeddings whole beside LoRA (``modules_to_save``).
        lora: the adapters.
        losses: what is minimised.
        optimiser: by what.
        words: how sentences are said.
        frames: of a sample of a video, drawn anew each time, in order (``sampled_frames``).
        expressions: of a sample (``select_number``); of a video drawn with replacement, of a picture without.
        batch: samples at a time (``batch_size`` of one device).
        accumulate: how many batches make a step (``accumulative_counts``).
        epochs: how often all data are seen: one epoch of ``repeats=100``.
        steps: how many steps are made, instead of epochs.
        gradient_checkpointing: compute the language model's activations twice to keep fewer of them.
        seed: decides samples, their order, points, adapters and dropout.
        save_every: steps between two checkpoints.
        validate_every: steps between two validations; 0 for one at the end only.
        diverged: training stops when the mean loss of some steps is above this many times its lowest, plus 1.
    """

    parts: Mapping[str, str] = field(
        default_factory=lambda: {
            LANGUAGE_MODEL: LORA,
            EMBEDDINGS: FULL,
            PROJECTION: FULL,
            MASK_DECODER: FULL,
            PROJECTOR: FROZEN,
            VISION: FROZEN,
            IMAGE_ENCODER: FROZEN,
            MEMORY: FROZEN,
        }
    )
    lora: Lora = Lora()
    losses: Losses = Losses()
    optimiser: Optimiser = Optimiser()
    words: Words = Words()
    frames: int = 5
    expressions: int = 5
    batch: int = 2
    accumulate: int = 16
    epochs: float = 100.0
    steps: int | None = None
    gradient_checkpointing: bool = True
    seed: int = 0
    save_every: int = 100
    validate_every: int = 0
    diverged: float = 4.0

    def __post_init__(self) -> None:
        _check(self)

    def count_steps(self, groups: float) -> int:
        """Optimiser steps of a training on so many videos and pictures, weights included."""
        if self.steps is not None:
            return self.steps
        return max(1, math.ceil(groups * self.epochs / (self.batch * self.accumulate)))

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of one step of so many, counted from 0.

        It rises linearly over the warm-up and falls to zero as a cosine.
        """
        rising = max(1, round(self.optimiser.warmup * steps))
        if step < rising:
            return self.optimiser.rate * (step + 1) / rising
        share = (step - rising) / max(1, steps - rising)
        return self.optimiser.rate * 0.5 * (1 + math.cos(math.pi * share))


def _check(recipe: Recipe) -> None:
    _check_parts(recipe.parts)
    _check_numbers(recipe)
    if not recipe.words.questions or any("{}" not in one for one in recipe.words.questions):
        raise UsageError("words.questions must be sentences with {} where the thing is named")
    if not recipe.words.answers or any(one.count("[SEG]") != 1 for one in recipe.words.answers):
        raise UsageError("words.answers must be sentences with [SEG] where the mask is")
    if "[SEG]" in recipe.words.nothing:
        raise UsageError(
            f"words.nothing is {recipe.words.nothing!r}; where nothing is meant there is no [SEG]"
        )


def _check_parts(parts: Mapping[str, str]) -> None:
    for part, way in parts.items():
        if part not in PARTS:
            raise UsageError(f"there is no part {part!r} to train; parts are {', '.join(PARTS)}")
        if way not in WAYS or (way == LORA and part != LANGUAGE_MODEL):
            allowed = WAYS if part == LANGUAGE_MODEL else WAYS[1:]
            raise UsageError(f"the part {part} is trained as {way!r}; give one of {', '.join(allowed)}")
    if all(way == FROZEN for way in parts.values()):
        raise UsageError(
            f"all parts are frozen: there is nothing to train; leave one out of {parameter('freeze')}"
        )


def _above(least: float) -> Callable[[float], bool]:
    return lambda value: math.isfinite(value) and value > least


def _at_least(least: float) -> Callable[[float], bool]:
    return lambda value: math.isfinite(value) and value >= least


_MORE_THAN_0 = (
    *("lora.r", "lora.alpha", "losses.points", "optimiser.rate", "optimiser.max_norm", "steps"),
    *("frames", "expressions", "batch", "accumulate", "epochs", "save_every", "diverged"),
)
_NOT_LESS_THAN_0 = (
    *("losses.answer", "losses.bce", "losses.dice"),
    *("optimiser.weight_decay", "seed", "validate_every"),
)
_SHARES = "lora.dropout", "losses.importance", "optimiser.warmup"
_NUMBERS: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (_MORE_THAN_0, _above(0), "it must be more than 0"),
    (("seed",), lambda seed: not seed > SEEDS, f"it must be {SEEDS} or less"),
    (_NOT_LESS_THAN_0, _at_least(0), "it must be 0 or more"),
    (("losses.oversampling",), _at_least(1), "it must be 1 or more"),
    (
        ("optimiser.betas",),
        lambda betas: all(0 <= beta < 1 for beta in betas),
        "each must be from 0 to less than 1",
    ),
    (_SHARES, lambda share: 0 <= share <= 1, "it must be from 0 to 1"),
)
"""Names of numbers, whether one may be such, and what is said of one that may not."""


def _check_numbers(recipe: Recipe) -> None:
    for names, may_be, said in _NUMBERS:
        for name in names:
            value = attrgetter(name)(recipe)
            if value is not None and not may_be(value):
                shown = list(value) if isinstance(value, tuple) else value
                raise UsageError(f"{name} is {shown}; {said}")


OFFICIAL = Recipe()

SMALL = Recipe(
    parts=dict.fromkeys(PARTS, FULL) | {VISION: FROZEN, MEMORY: FROZEN},
    losses=Losses(points=2048),
    optimiser=Optimiser(rate=3e-4),
    words=Words(
        questions=("Please segment {}.",),
        answers=("Sure, {}: [SEG].",),
        opening="",
        lower_case=False,
        together=False,
    ),
    frames=3,
    expressions=4,
    batch=4,
    accumulate=1,
    epochs=20.0,
    gradient_checkpointing=False,
)
"""For the bundled network: as small as it is, adapters of rank 128 would be larger than its layers; and it is
asked and answers as in its own training (``training/park.py``). SAM 2's image encoder learns, too: it has
seen one little world, and outlines of new things are what it lacks. Tried on two cores
(``docs/guides/fine-tuning.md``)."""

RECIPES = {"official": OFFICIAL, "small": SMALL}


def read_recipe(name: str) -> Recipe:
    """Takes a recipe by its name, or reads a TOML file that says what differs from one.

    A file has the fields of ``Recipe``, and of its parts as tables; ``like = "small"`` begins with that one.

    Raises:
        InputError: the file is missing or no TOML.
        UsageError: it sets something that there is not, or to what it cannot be.
    """
    if name in RECIPES:
        return RECIPES[name]
    path = Path(name)
    if path.suffix != ".toml":
        raise UsageError(f"{parameter('recipe', name)}: give one of {', '.join(RECIPES)}, or a .toml file")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is not read as TOML: {error}") from error
    like = document.pop("like", "official")
    if like not in RECIPES:
        raise UsageError(f"{path}: like = {like!r}; give one of {', '.join(RECIPES)}")
    try:
        return changed(RECIPES[like], document)
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}") from error


def changed(value: Any, changes: Mapping[str, Any], where: str = "") -> Any:
    """A dataclass with some fields changed; a mapping for a field that is one changes its fields.

    Raises:
        UsageError: there is no such field, or the value is of another type.
    """
    known = {one.name for one in dataclasses.fields(value)}
    new: dict[str, Any] = {}
    for name, wanted in changes.items():
        if name not in known:
            raise UsageError(f"{where}{name} is not known; there are {', '.join(sorted(known))}")
        new[name] = _fitted(getattr(value, name), wanted, f"{where}{name}")
    return dataclasses.replace(value, **new)


def _fitted(old: Any, new: Any, where: str) -> Any:
    if dataclasses.is_dataclass(old) or isinstance(old, Mapping):
        if not isinstance(new, Mapping):
            raise UsageError(f"{where} is {new!r}; it must be a table")
        return {**old, **new} if isinstance(old, Mapping) else changed(old, new, f"{where}.")
    if isinstance(old, tuple):
        kind = type(old[0])
        fits = isinstance(new, list | tuple) and all(_is(one, kind) for one in new)
        if fits and (kind is str or len(new) == len(old)):
            return tuple(kind(one) for one in new)
        raise UsageError(f"{where} is {new!r}; it must be a list like {list(old)!r}")
    kind = int if old is None else type(old)
    if not _is(new, kind):
        raise UsageError(f"{where} is {new!r}; it must be a value like {1 if old is None else old!r}")
    return kind(new)


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def as_document(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain values, for JSON."""
    return dataclasses.asdict(recipe)
