"""From the names and shapes of published tensors to those of the network, and back.

A table of rules, one for each family (see ``tables``), is read in both directions. Every tensor must be
covered by a rule: anything else is an error that names it. Values are only renamed, split and joined, so that
the way there and back is exact to the bit. Knows nothing about files.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

from sa2va_cli.errors import ModelError

Change = Callable[[Sequence[Tensor]], Sequence[Tensor]]
Read = Callable[[str], Tensor]


def as_they_are(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """Changes nothing."""
    return tensors


@dataclass(frozen=True)
class Rule:
    """How some tensors are called and laid out in one layout and in the other.

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
    to_native: Change = as_they_are
    to_published: Change = as_they_are


@dataclass(frozen=True)
class _Way:
    """A rule in one direction."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    change: Change


def native_tensors(rules: Sequence[Rule], names: Iterable[str], read: Read) -> Iterator[tuple[str, Tensor]]:
    """Renames, splits and joins the tensors of a published checkpoint, one at a time.

    Args:
        rules: of the family.
        names: every name in the checkpoint.
        read: reads one tensor by its published name.

    Raises:
        ModelError: naming the key that no rule covers, or the part of a joined tensor that is missing.
    """
    return _convert([_Way(r.published, r.native, r.to_native) for r in rules], names, read)


def published_tensors(
    rules: Sequence[Rule], names: Iterable[str], read: Read
) -> Iterator[tuple[str, Tensor]]:
    """Does the inverse of ``native_tensors``.

    Args:
        rules: of the family.
        names: every name in the network.
        read: reads one tensor by its native name.

    Raises:
        ModelError: naming the key that no rule covers, or the part of a split tensor that is missing.
    """
    return _convert([_Way(r.native, r.published, r.to_published) for r in rules], names, read)


def _convert(ways: Sequence[_Way], names: Iterable[str], read: Read) -> Iterator[tuple[str, Tensor]]:
    groups: dict[tuple[int, tuple[str, ...]], set[str]] = {}
    for name in names:
        groups.setdefault(_find(ways, name), set()).add(name)
    for (number, stars), present in groups.items():
        way = ways[number]
        sources = [_filled(source, stars) for source in way.sources]
        if absent := [source for source in sources if source not in present]:
            raise ModelError(f"the tensor {absent[0]!r} is missing beside {min(present)!r}")
        targets = [_filled(target, stars) for target in way.targets]
        yield from zip(targets, way.change([read(source) for source in sources]), strict=True)


def _find(ways: Sequence[_Way], name: str) -> tuple[int, tuple[str, ...]]:
    """The rule for a name, and what stands for its stars."""
    for number, way in enumerate(ways):
        for source in way.sources:
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
