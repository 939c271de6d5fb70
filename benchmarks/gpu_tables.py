"""Turns the ``gpu.json`` that ``gpu.py`` wrote into files of results, one for each section.

    python benchmarks/gpu_tables.py OUT/gpu.json --record gpu     # results/gpu_stages.json and so on

Where the machine with the GPU had no git, ``--commit`` says what was measured. Sections that failed or were
skipped are left out. Knows nothing about what the sections measure.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import recording
from recording import MEASURED, Cell, Column, Machine, Result

CASE, VALUE = "case", "value"


def result_of(section: Mapping[str, Any], machine: Mapping[str, Any], commit: str | None = None) -> Result:
    """The figures of one section as a table.

    Args:
        section: what ``gpu.py`` wrote of it.
        machine: what it wrote about the machine.
        commit: what was measured, where the machine did not know.

    Raises:
        ResultError: the commit is known from nowhere.
    """
    rows = list(_rows(section))
    fields = list(dict.fromkeys(field for row in rows for field in row))
    known = commit or machine["commit"]
    return Result(
        machine=Machine(**machine["machine"]),
        date=machine["date"],
        commit=known,
        commit_kind=MEASURED if commit else machine["commit_kind"],
        command=machine["command"],
        conditions=f"{machine['dtype'].removeprefix('torch.')}, torch {machine['torch']}, "
        f"matrix products at {machine['matmul_tflops']:.3g} TFLOP/s",
        columns=tuple(_column(field) for field in fields),
        figures=tuple({field: row.get(field) for field in fields} for row in rows),
    )


def _rows(section: Mapping[str, Any], case: str = "") -> Iterator[dict[str, Cell]]:
    """One row for each mapping that holds no other, and one for each figure beside those."""
    for name, value in section.items():
        label = f"{case} {name}".strip()
        if name == "section_seconds":
            continue
        if not isinstance(value, Mapping):
            yield {CASE: f"{case} {_heading(name)}".strip(), VALUE: _cell(name, value)}
        elif any(isinstance(inner, Mapping) for inner in value.values()):
            yield from _rows(value, label)
        else:
            yield {CASE: label} | {field: _cell(field, inner) for field, inner in value.items()}


def _cell(field: str, value: Any) -> Cell:
    """Numbers with four digits, bytes in gigabytes, lists as words."""
    if isinstance(value, list):
        return ", ".join(str(_cell(field, each)) for each in value)
    if isinstance(value, (int, float)):
        return float(f"{value / 1e9 if field.endswith('_bytes') else value:.4g}")
    return None if value is None else str(value)


def _heading(field: str) -> str:
    unit = ", GB" if field.endswith("_bytes") else ""
    return field.removesuffix("_bytes").replace("_", " ") + unit


def _column(field: str) -> Column:
    return Column(field, _heading(field), ",g" if field != CASE else "")


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Writes the files and returns their paths."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("found", type=Path, metavar="GPU.JSON")
    parser.add_argument(
        "--record", metavar="NAME", default="gpu", help="what the names of the files begin with"
    )
    parser.add_argument("--commit", metavar="HASH", help="what was measured, where the machine had no git")
    options = parser.parse_args(arguments)
    sections = json.loads(options.found.read_text(encoding="utf-8"))
    machine, written = sections.pop("machine"), []
    for name, section in sections.items():
        if "error" in section or "skipped" in section:
            continue
        path = recording.RESULTS / f"{options.record}_{name}.json"
        result_of(section, machine, options.commit).write(path)
        print(path)
        written.append(path)
    return written


if __name__ == "__main__":
    main()
