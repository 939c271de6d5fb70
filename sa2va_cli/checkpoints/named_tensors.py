"""The tensors of a checkpoint under the names of either layout, each read when it is its turn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from sa2va_cli.checkpoints.key_rules import native_tensors, published_tensors
from sa2va_cli.checkpoints.layout import Layout, corrected, read_layout
from sa2va_cli.checkpoints.streaming import TensorFiles

Tensors = Iterator[tuple[str, Tensor]]


class Source(Protocol):
    """Tensors by name; ``TensorFiles`` is one."""

    @property
    def names(self) -> list[str]:
        """All names."""
        ...

    def read(self, name: str) -> Tensor:
        """Reads one tensor."""
        ...


class _Outlined(Source, Protocol):
    def outline(self, name: str) -> Tensor:
        """Gives a tensor's shape and dtype, without numbers."""
        ...


@dataclass(frozen=True)
class _Outlines:
    names: list[str]
    read: Callable[[str], Tensor]


def outlines(source: _Outlined) -> Source:
    """Gives the same tensors without their numbers: what becomes of them is known before any is read."""
    return _Outlines(source.names, source.outline)


def full_layout(folder: Path) -> Layout:
    """Reads a checkpoint's layout, and believes its tensors where the config is silent or wrong.

    Raises:
        ModelError: the folder is not a complete checkpoint of a supported family.
    """
    return corrected(read_layout(folder), TensorFiles(folder).names)


def with_native_names(layout: Layout, source: Source) -> Tensors:
    """Yields the tensors of a checkpoint under their names in the network."""
    if layout.native:
        return ((name, source.read(name)) for name in source.names)
    return native_tensors(layout.rules, source.names, source.read)


def with_published_names(layout: Layout, source: Source) -> Tensors:
    """Yields the tensors of a checkpoint under their published names."""
    if not layout.native:
        return ((name, source.read(name)) for name in source.names)
    return published_tensors(layout.rules, source.names, source.read)
