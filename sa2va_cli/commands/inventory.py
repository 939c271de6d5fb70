"""What ``sa2va models`` shows, as rows of text and as JSON documents."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sa2va_cli.checkpoints.cache import present_models
from sa2va_cli.checkpoints.catalog import CATALOG, FOLLOWERS, CatalogEntry
from sa2va_cli.checkpoints.files import read_headers
from sa2va_cli.runtime.memory_forecast import BYTES, gigabytes

if TYPE_CHECKING:
    from sa2va_cli.checkpoints.inspection import Description

Rows = tuple[list[str], list[list[str]]]
"""Headings, and the rows below them."""


@dataclass(frozen=True)
class Line:
    """A model of the catalogue, and what is known of it here.

    Attributes:
        entry: its row in the catalogue.
        parameters: how many it has; None where that is not known.
        counted: whether they were counted in the files that are here, not computed from its dimensions.
        folder: where it is; None when it is not here.
        size: bytes of its weight files here, or as published; None where neither is known.
    """

    entry: CatalogEntry
    parameters: int | None
    counted: bool
    folder: Path | None
    size: int | None

    @property
    def memory(self) -> dict[str, int]:
        """Bytes of its weights in each precision."""
        return {dtype: self.parameters * size for dtype, size in BYTES.items()} if self.parameters else {}


def inventory() -> list[Line]:
    """Looks up every model of the catalogue, and every follower."""
    here = present_models()
    lines = []
    for alias, entry in (*CATALOG.items(), *FOLLOWERS.items()):
        if folder := here.get(alias):
            headers = read_headers(folder)
            count, size = sum(h.parameters for h in headers), sum(h.size for h in headers)
            lines.append(Line(entry, count, counted=True, folder=folder, size=size))
        else:
            total = entry.counts.total if entry.counts else None
            lines.append(Line(entry, total, counted=False, folder=None, size=entry.file_bytes))
    return lines


def inventory_rows(lines: list[Line]) -> Rows:
    """The table of ``models list``."""
    headings = [
        "alias",
        "published as",
        "parameters",
        "on disk",
        "bf16/fp16",
        "fp32",
        "kind",
        "licence",
        "here",
    ]
    return headings, [_row(line) for line in lines]


def _row(line: Line) -> list[str]:
    about = "" if line.counted else "~"
    memory = {dtype: about + gigabytes(size) for dtype, size in line.memory.items()}
    return [
        line.entry.alias,
        line.entry.title,
        about + _count(line.parameters) if line.parameters else "?",
        _on_disk(line),
        memory.get("bf16", "?"),
        memory.get("fp32", "?"),
        "masks" if line.entry.has_masks else "follower" if line.entry.only_follows else "chat only",
        line.entry.licence,
        "yes" if line.folder else "no",
    ]


def _on_disk(line: Line) -> str:
    """As it is here, or as published; else from all in bf16 to all in float32, which both occur."""
    if line.size is not None:
        return gigabytes(line.size)
    return f"~{gigabytes(line.memory['bf16'])} to {gigabytes(line.memory['fp32'])}" if line.memory else "?"


def _count(number: int) -> str:
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.1f} M"


def inventory_document(lines: list[Line]) -> dict[str, Any]:
    """The document of ``models list --json``."""
    return {
        "models": [
            {
                "alias": line.entry.alias,
                "repository": line.entry.repository or None,
                "family": line.entry.family,
                "masks": line.entry.has_masks,
                "follower": line.entry.only_follows,
                "licence": line.entry.licence,
                "parameters": line.parameters,
                "parameters_are": "counted" if line.counted else "computed",
                "bytes_on_disk": line.size,
                "memory_bytes": line.memory,
                "folder": str(line.folder) if line.folder else None,
            }
            for line in lines
        ]
    }


def description_lines(description: "Description") -> list[str]:
    """The lines of ``models info`` above its table."""
    family = description.family or f"not one that can be loaded: {description.concern}"
    memory = ", ".join(f"{gigabytes(description.parameters * size)} in {t}" for t, size in BYTES.items())
    lines = [
        f"folder    {description.folder}",
        f"layout    {description.layout}",
        f"family    {family}",
        f"template  {description.template}" if description.template else "",
        f"memory    {memory} (weights alone)",
    ]
    sides = [
        f"{part.title}: {', '.join(f'{key} {value}' for key, value in part.dimensions.items())}"
        for part in description.parts
        if part.dimensions
    ]
    return [line for line in lines if line] + sides


def part_rows(description: "Description") -> Rows:
    """The table of ``models info``."""
    rows = [
        [
            part.title,
            f"{part.tensors:,}",
            _count(part.parameters),
            gigabytes(part.size),
            ", ".join(part.dtypes),
            part.files[0] if len(part.files) == 1 else f"{part.files[0]} and {len(part.files) - 1} more",
        ]
        for part in description.parts
    ]
    tensors = sum(part.tensors for part in description.parts)
    total = ["all", f"{tensors:,}", _count(description.parameters), gigabytes(description.size), "", ""]
    return ["part", "tensors", "parameters", "on disk", "kept as", "in"], [*rows, total]


def description_document(description: "Description") -> dict[str, Any]:
    """The document of ``models info --json``."""
    return {
        "folder": str(description.folder),
        "layout": description.layout,
        "family": description.family or None,
        "concern": description.concern or None,
        "template": description.template or None,
        "tensors": sum(part.tensors for part in description.parts),
        "parameters": description.parameters,
        "bytes": description.size,
        "memory_bytes": {dtype: description.parameters * size for dtype, size in BYTES.items()},
        "parts": [
            {
                "part": part.title,
                "tensors": part.tensors,
                "parameters": part.parameters,
                "bytes": part.size,
                "dtypes": list(part.dtypes),
                "files": list(part.files),
                "dimensions": part.dimensions,
            }
            for part in description.parts
        ],
    }
