"""Who is who in several shots or parts of a clip: by what objects look like, and what is known besides.

Knows nothing about networks, nor where looks come from.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import Prompt

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Seam:
    """What is known of objects of a shot and of those of the one before, by their rows in each.

    Attributes:
        same: which is which.
        apart: which are not.
    """

    same: Mapping[int, int] = field(default_factory=dict)
    apart: frozenset[tuple[int, int]] = frozenset()


def matched(looks: Sequence[Floats], seams: Sequence[Seam] | None = None) -> list[tuple[int, ...]]:
    """Gives objects of several shots numbers: those that look alike have the same.

    Args:
        looks: (N, C) for each shot, what its objects look like.
        seams: for each shot what is known besides; None for nothing.

    Returns:
        For each shot the numbers of its objects, from 1; new ones rise in the order of the objects.
    """
    known: list[Floats] = []
    numbers: list[tuple[int, ...]] = []
    for shot, ones in enumerate(looks):
        ones = ones / np.maximum(np.linalg.norm(ones, axis=1, keepdims=True), 1e-6)  # noqa: PLW2901
        seam = Seam() if seams is None else seams[shot]
        places = {row: numbers[-1][before] - 1 for row, before in seam.same.items()}
        barred = {(row, numbers[-1][before] - 1) for row, before in seam.apart}
        if known and len(ones):
            alike = ones @ np.stack([one / np.linalg.norm(one) for one in known]).T
            for row, place in best_first(alike):
                if row not in places and place not in places.values() and (row, place) not in barred:
                    places[row] = place
        for row, one in enumerate(ones):
            if row not in places:
                places[row] = len(known)
                known.append(one)
            else:
                known[places[row]] = known[places[row]] + one
        numbers.append(tuple(places[row] + 1 for row in range(len(ones))))
    return numbers


def best_first(values: NDArray[np.floating[Any]]) -> Iterator[tuple[int, int]]:
    """The rows and columns of (N, M) values, the largest first; equal ones in their order."""
    for flat in np.argsort(-values, axis=None, kind="stable"):
        row, column = np.unravel_index(flat, values.shape)
        yield int(row), int(column)


def counted(numbers: Mapping[Prompt, Sequence[tuple[int, ...]]]) -> dict[Prompt, int]:
    """How many objects each prompt has found, by their numbers in each shot."""
    return {
        prompt: max((max(found, default=0) for found in by_shot), default=0)
        for prompt, by_shot in numbers.items()
    }


def one_answer(said: Sequence[tuple[bool, str]]) -> str | None:
    """The first answer that found something, or else the first.

    Args:
        said: for each time that one was given, whether it found something, and the words.
    """
    first = next((answer for _, answer in said), None)
    return next((answer for found, answer in said if found), first)
