"""Name rules: from the names and shapes of published tensors to those of the network, and back.

The key table of a family is a tuple of rules (see ``families``), which is read in both directions. Every
tensor must be covered by a rule: anything else is an error that names it. Values are only renamed, split and
joined, so that converting there and back is exact to the bit. Knows nothing about files or families, and
imports torch only when tensors are joined.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sa2va_cli.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

Transform = Callable[[Sequence["Tensor"]], Sequence["Tensor"]]
"""Makes the tensors of one layout of those of the other."""

ReadTensor = Callable[[str], "Tensor"]
Names = tuple[str, str]
"""A published name and a native one."""


def unchanged(tensors: Sequence["Tensor"]) -> Sequence["Tensor"]:
    """Returns the tensors as they are."""
    return tensors


def split_in_three(tensors: Sequence["Tensor"]) -> Sequence["Tensor"]:
    """Splits the rows of one tensor into equal thirds, such as query, key and value."""
    return tensors[0].chunk(3)


def split_rows(tensors: Sequence["Tensor"]) -> Sequence["Tensor"]:
    """Splits (N, ...) into N tensors (1, ...)."""
    import torch

    return torch.split(tensors[0], 1)


def join_rows(tensors: Sequence["Tensor"]) -> Sequence["Tensor"]:
    """Joins tensors along their first side."""
    import torch

    return [torch.cat(list(tensors))]


def duplicate(tensors: Sequence["Tensor"]) -> Sequence["Tensor"]:
    """Gives one tensor twice."""
    return [tensors[0], tensors[0]]


def first(tensors: Sequence["Tensor"]) -> Sequence["Tensor"]:
    """Takes the first of several equal tensors."""
    return [tensors[0]]


@dataclass(frozen=True)
class Rule:
    """How some tensors are named and laid out in one layout and in the other.

    In a name, ``*`` stands for one part between dots, and ``**`` for all the rest; both sides have the same
    ones in the same order.

    Attributes:
        published: names in a published checkpoint.
        native: names in the network.
        to_native: makes the native tensors of the published ones, in the order of the names.
        to_published: makes the published tensors of the native ones.
    """

    published: tuple[str, ...]
    native: tuple[str, ...]
    to_native: Transform = unchanged
    to_published: Transform = unchanged


def renamed(pairs: Sequence[Names], published: str = "", native: str = "") -> tuple[Rule, ...]:
    """Makes rules that only rename, each name with a prefix."""
    return tuple(Rule((published + old,), (native + new,)) for old, new in pairs)


@dataclass(frozen=True)
class _Direction:
    """A rule read in one direction."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    transform: Transform


def native_tensors(
    rules: Sequence[Rule], names: Iterable[str], read: ReadTensor
) -> Iterator[tuple[str, "Tensor"]]:
    """Renames, splits and joins the tensors of a published checkpoint, one at a time.

    Args:
        rules: of the family.
        names: every name in the checkpoint.
        read: reads one tensor by its published name.

    Raises:
        ModelError: naming the key that no rule covers, or the part of a joined tensor that is missing.
    """
    return _apply([_Direction(r.published, r.native, r.to_native) for r in rules], names, read)


def published_tensors(
    rules: Sequence[Rule], names: Iterable[str], read: ReadTensor
) -> Iterator[tuple[str, "Tensor"]]:
    """Does the inverse of ``native_tensors``.

    Args:
        rules: of the family.
        names: every name in the network.
        read: reads one tensor by its native name.

    Raises:
        ModelError: naming the key that no rule covers, or the part of a split tensor that is missing.
    """
    return _apply([_Direction(r.native, r.published, r.to_published) for r in rules], names, read)


def _apply(
    directions: Sequence[_Direction], names: Iterable[str], read: ReadTensor
) -> Iterator[tuple[str, "Tensor"]]:
    groups: dict[tuple[int, tuple[str, ...]], set[str]] = {}
    for name in names:
        groups.setdefault(_find(directions, name), set()).add(name)
    for (number, stars), present in groups.items():
        rule = directions[number]
        sources = [_filled(source, stars) for source in rule.sources]
        if absent := [source for source in sources if source not in present]:
            raise ModelError(f"the tensor {absent[0]!r} is missing beside {min(present)!r}")
        targets = [_filled(target, stars) for target in rule.targets]
        yield from zip(targets, rule.transform([read(source) for source in sources]), strict=True)


def _find(directions: Sequence[_Direction], name: str) -> tuple[int, tuple[str, ...]]:
    """The number of the rule for a name, and what stands for its stars."""
    for number, rule in enumerate(directions):
        for source in rule.sources:
            if found := _pattern(source).fullmatch(name):
                return number, found.groups()
    raise ModelError(f"no rule covers the tensor {name!r}; is this a Sa2VA checkpoint of this family?")


@lru_cache(maxsize=4096)
def _pattern(name: str) -> re.Pattern[str]:
    escaped = re.escape(name)
    return re.compile(escaped.replace(r"\*\*", "(.+)").replace(r"\*", r"([^.]+)"))


def _filled(name: str, stars: tuple[str, ...]) -> str:
    parts = iter(stars)
    return re.sub(r"\*\*?", lambda _: next(parts), name)
