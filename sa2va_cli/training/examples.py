"""Examples to train on: a picture or some frames of a video, what is said about them, and the masks meant.

An example is a function of its number and of the seed alone, so that a run that goes on sees what an unbroken
one would have seen. Several data sets are mixed by weights. Knows nothing about networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.errors import InputError
from sa2va_cli.pipeline.prompts import is_request
from sa2va_cli.training.datasets.sample import ReferringSample, by_video
from sa2va_cli.training.recipe import Recipe, Words

_EXAMPLE, _ORDER = 1, 2
"""What a stream of random numbers is for; the second number of its seed."""


@dataclass(frozen=True)
class Asked:
    """One question with its answer.

    Attributes:
        template: of the question, with ``{}`` where the sentence stands.
        sentence: what is named.
        answer: with one ``[SEG]``, or none; what is meant is named where ``{}`` is.
        named: how; by the sentence, where it is empty.
    """

    template: str
    sentence: str
    answer: str
    named: str = ""


@dataclass(frozen=True, eq=False)
class Example:
    """What one pass of a network is trained on.

    Attributes:
        images: the picture, or frames of a video in order.
        still: whether it is a picture.
        conversations: what is asked and answered, each a conversation about the same pictures.
        masks: (N, F, m, m) bool, of each ``[SEG]`` in the order of the answers on each of the images.
        where: the data it is made of, for messages.
    """

    images: Sequence[RGB] = field(repr=False)
    still: bool
    conversations: tuple[tuple[Asked, ...], ...]
    masks: NDArray[np.bool_] = field(repr=False)
    where: str


@dataclass(frozen=True)
class Source:
    """One data set.

    Attributes:
        videos: sentences of each video or picture.
        weight: how often each of them is seen in an epoch, on average.
    """

    videos: Sequence[Sequence[ReferringSample]] = field(repr=False)
    weight: float = 1.0

    @classmethod
    def of(cls, samples: Sequence[ReferringSample], weight: float = 1.0) -> "Source":
        """Gathers the sentences of each video.

        Raises:
            InputError: a sample cannot be trained on.
        """
        for one in samples:
            if one.shows_first_mask:
                raise InputError(f"{one.where}: shows a mask instead of a sentence; this trains sentences")
            if one.objects is None:
                raise InputError(f"{one.where}: its masks are not published, so nothing can be learned of it")
        return cls(list(by_video(samples).values()), weight)


class Examples:
    """Data sets as a sequence of examples without an end.

    Args:
        sources: at least one.
        recipe: how many frames and sentences, and how they are said.
        side: of the masks: that of SAM 2's input.
    """

    def __init__(self, sources: Sequence[Source], recipe: Recipe, side: int) -> None:
        self._sources, self._recipe, self._side = tuple(sources), recipe, side
        shares = np.array([len(one.videos) * one.weight for one in sources])
        self.groups = float(shares.sum())
        self._shares = shares / self.groups
        self._order: tuple[tuple[int, int], NDArray[np.int64]] = ((-1, -1), np.zeros(0, np.int64))

    def example(self, number: int) -> Example:
        """Makes one.

        Raises:
            InputError: a picture or an annotation cannot be read; it is named by file and index.
        """
        rng = np.random.default_rng((self._recipe.seed, _EXAMPLE, number))
        samples = self._video(number)
        return self._made(samples, rng)

    def _video(self, number: int) -> Sequence[ReferringSample]:
        """Each data set in its turn, by its share; within it, every video once before any comes again."""
        before, after = (np.floor(np.cumsum(self._shares) * n + 1e-9) for n in (number, number + 1))
        turns = np.diff(after, prepend=0.0) - np.diff(before, prepend=0.0)
        which = int(np.argmax(turns))
        seen = int(np.diff(before, prepend=0.0)[which])
        videos = self._sources[which].videos
        return videos[int(self._permutation(which, seen // len(videos))[seen % len(videos)])]

    def _permutation(self, source: int, epoch: int) -> NDArray[np.int64]:
        key = (source, epoch)
        if self._order[0] != key:
            rng = np.random.default_rng((self._recipe.seed, _ORDER, source, epoch))
            self._order = key, rng.permutation(len(self._sources[source].videos))
        return self._order[1]

    def _made(self, samples: Sequence[ReferringSample], rng: np.random.Generator) -> Example:
        recipe, count = self._recipe, len(samples[0].frames)
        still = count == 1
        chosen = _drawn(len(samples), recipe.expressions, rng, replace=not still)
        frames = [0] if still else sorted(_drawn(count, recipe.frames, rng, replace=count < recipe.frames))
        asked = [samples[int(k)] for k in chosen]
        masks = [[one.mask(int(f)) for f in frames] for one in asked]
        turns = [
            _said(one, any(m.any() for m in of), recipe.words, rng)
            for one, of in zip(asked, masks, strict=True)
        ]
        wanted = [of for of, turn in zip(masks, turns, strict=True) if "[SEG]" in turn.answer]
        square = [[resized(mask, self._side) for mask in of] for of in wanted]
        conversations = (tuple(turns),) if recipe.words.together else tuple((one,) for one in turns)
        return Example(
            images=[asked[0].frames.read(int(f)) for f in frames],
            still=still,
            conversations=conversations,
            masks=np.array(square, bool).reshape(len(square), len(frames), self._side, self._side),
            where=asked[0].where,
        )


def _drawn(count: int, wanted: int, rng: np.random.Generator, *, replace: bool) -> list[int]:
    if not replace:
        return [int(k) for k in rng.permutation(count)[:wanted]]
    return [int(k) for k in rng.integers(count, size=wanted)]


def _said(sample: ReferringSample, meant: bool, words: Words, rng: np.random.Generator) -> Asked:  # noqa: FBT001
    """Says a sentence as ``sa2va_data_03_refvos.py`` and ``sa2va_data_finetune.py`` of bytedance/Sa2VA do.

    A request is said as it stands; of all other sentences the last stop is dropped.
    """
    template = words.questions[int(rng.integers(len(words.questions)))]
    answer = words.answers[int(rng.integers(len(words.answers)))]
    sentence = sample.sentence.strip()
    if is_request(sentence):
        template = "{}"
    else:
        sentence = sentence.removesuffix(".")
        sentence = sentence.lower() if words.lower_case else sentence
    return Asked(template, sentence, answer if meant else words.nothing, sample.named)


def resized(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """A mask (H, W) at (side, side), each cell what is in its middle, as torch's ``nearest-exact``.

    The official code takes the upper left corner, which moves every mask by half a cell.
    """
    rows, columns = ((2 * np.arange(side) + 1) * length // (2 * side) for length in mask.shape)
    return mask[np.ix_(rows, columns)]
