"""Turns the ``gpu.json`` that ``gpu.py`` wrote into files of results and into the tables of a page.

    python benchmarks/gpu_tables.py OUT/gpu.json --record gpu     # results/gpu_stages.json and so on
    python benchmarks/gpu_tables.py OUT/gpu.json --page docs/performance.md

``--page`` writes a table for each section between ``<!-- gpu -->`` and ``<!-- end of gpu -->``, after a
sentence that says what it measures. Where the machine with the GPU had no git, ``--commit`` says what was
measured. Sections that failed, were skipped or are missing are left out; of those that were stopped there is
what they had found. Knows nothing about what the sections measure.
"""

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import recording
import report
from recording import MEASURED, Cell, Column, Machine, Result, ResultError

CASE, VALUE = "case", "value"
ABOUT, ERROR, SKIPPED, STOPPED = "about", "error", "skipped", "stopped"
_NO_FIGURES = {ABOUT, ERROR, SKIPPED, STOPPED, "section_seconds"}
_PLACE = re.compile(r"<!-- gpu -->\n.*?<!-- end of gpu -->", re.DOTALL)


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
    notes = [machine["dtype"].removeprefix("torch."), f"torch {machine['torch']}"]
    if "matmul_tflops" in machine:
        notes.append(f"matrix products at {machine['matmul_tflops']:.3g} TFLOP/s")
    if STOPPED in section:
        notes.append(f"stopped {section[STOPPED]}")
    return Result(
        machine=Machine(**machine["machine"]),
        date=machine["date"],
        commit=known,
        commit_kind=MEASURED if commit else machine["commit_kind"],
        command=machine["command"],
        conditions=", ".join(notes),
        columns=tuple(_column(field) for field in fields),
        figures=tuple({field: row.get(field) for field in fields} for row in rows),
    )


def _rows(section: Mapping[str, Any], case: str = "") -> Iterator[dict[str, Cell]]:
    """One row for each mapping that holds no other, and one for each figure beside those."""
    for name, value in section.items():
        label = f"{case} {name}".strip()
        if name in _NO_FIGURES:
            continue
        if not isinstance(value, Mapping):
            yield {CASE: f"{case} {_heading(name)}".strip(), VALUE: _cell(name, value)}
        elif any(isinstance(inner, Mapping) for inner in value.values()):
            yield from _rows(value, label)
        else:
            shown = {field: inner for field, inner in value.items() if not field.endswith("rounds")}
            yield {CASE: label} | {field: _cell(field, inner) for field, inner in shown.items()}


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
    parser.add_argument("--page", type=Path, metavar="PAGE.MD", help="gets the tables")
    parser.add_argument("--commit", metavar="HASH", help="what was measured, where the machine had no git")
    options = parser.parse_args(arguments)
    sections = json.loads(options.found.read_text(encoding="utf-8"))
    machine, written = sections.pop("machine", {}), {}
    if not {"machine", "date", "dtype", "torch", "command"} <= machine.keys():
        raise ResultError(f"{options.found} does not say on which machine it was measured")
    for name, section in sections.items():
        if ERROR in section or SKIPPED in section or not list(_rows(section)):
            continue
        path = recording.RESULTS / f"{options.record}_{name}.json"
        result_of(section, machine, options.commit).write(path)
        print(path)
        written[path] = section.get(ABOUT, name)
    if options.page is not None:
        page = options.page.read_text(encoding="utf-8")
        options.page.write_text(with_places(page, written), encoding="utf-8")
    return list(written)


def with_places(page: str, written: Mapping[Path, str]) -> str:
    """A page with a table for each file of results.

    Args:
        page: Markdown, with the place for the tables.
        written: what each file is about.

    Raises:
        ResultError: the page has no place for them.
    """
    tables = [f"{about}\n\n<!-- table: {path.stem} -->\n<!-- end -->\n" for path, about in written.items()]
    body = "\n".join(["<!-- gpu -->\n", *tables, "<!-- end of gpu -->"])
    placed, count = _PLACE.subn(lambda _: body, page)
    if count != 1:
        raise ResultError("the page has no place between <!-- gpu --> and <!-- end of gpu -->")
    return report.with_tables(placed, recording.RESULTS)


if __name__ == "__main__":
    main()
