"""Writes the tables of figures in ``docs/`` from the files in ``benchmarks/results/``.

    python benchmarks/report.py            # rewrites what differs
    python benchmarks/report.py --check    # changes nothing; exit code 1 where a table and its file disagree

A page marks the place with ``<!-- table: NAME -->`` and ``<!-- end -->``; NAME is that of a file, or of
several with the same columns, whose rows are joined. Knows nothing about what the figures mean.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from recording import MEASURED, MODIFIED, RESULTS, ROOT, Cell, Column, Result, ResultError

DOCS = ROOT / "docs"
NONE = "–"
_START = re.compile(r"<!-- table: (?P<names>[^>]*?) -->")
_TABLE = re.compile(_START.pattern + r"\n(?P<body>.*?)<!-- end -->", re.DOTALL)


def table_names(page: str) -> list[str]:
    """Names of all results that a page shows, in order."""
    return [name for found in _START.finditer(page) for name in found["names"].split()]


def with_tables(page: str, results: Path = RESULTS) -> str:
    """The text of a page with every table as its results say.

    Args:
        page: Markdown.
        results: folder of the files of results.

    Raises:
        ResultError: a table names no file or has no end, or its files are malformed or do not fit.
    """
    starts, tables = len(_START.findall(page)), len(_TABLE.findall(page))
    if starts != tables:
        raise ResultError(f"{starts} tables begin, {tables} end with <!-- end -->")

    def fresh(found: re.Match[str]) -> str:
        names = found["names"].split()
        return f"<!-- table: {' '.join(names)} -->\n{section(names, results)}\n<!-- end -->"

    return _TABLE.sub(fresh, page)


def section(names: Sequence[str], folder: Path = RESULTS) -> str:
    """One table with where its figures come from.

    Args:
        names: of the results.
        folder: where their files lie.

    Raises:
        ResultError: as in ``with_tables``.
    """
    if not names:
        raise ResultError("a table names no result")
    for name in names:
        if not (folder / f"{name}.json").is_file():
            raise ResultError(f"there is no {name}.json in {folder.name}/")
    results = [Result.read(folder / f"{name}.json") for name in names]
    columns = results[0].columns
    if any(result.columns != columns for result in results):
        raise ResultError(f"{', '.join(names)} have different columns and cannot be one table")
    rows = [row for result in results for row in result.figures]
    columns = tuple(column for column in columns if any(row[column.field] is not None for row in rows))
    lines = [_line([column.heading for column in columns]), "|" + "---|" * len(columns)]
    lines += [_line([_written(row[column.field], column) for column in columns]) for row in rows]
    sources = [_source(result) for result in results]
    bullet = "- " if len(sources) > 1 else ""
    sources = [f"{bullet}<sub>{source}</sub>" for source in sources]
    return "\n".join(["", *lines, "", *sources, ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _written(cell: Cell, column: Column) -> str:
    if cell is None:
        return NONE
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Mapping):
        median, low, high = (format(cell[name], column.format) for name in ("median", "low", "high"))
        return median if cell["rounds"] == 1 else f"{median} ({low} to {high})"
    return format(cell, column.format)


def _source(result: Result) -> str:
    """One line: the command, the machine, the day, the commit, the conditions."""
    counts = sorted(
        {int(cell["rounds"]) for row in result.figures for cell in row.values() if isinstance(cell, Mapping)}
    )
    medians = f", median (lowest to highest) of {' or '.join(map(str, counts))} rounds" if counts else ""
    verb = "measured at" if result.commit_kind in {MEASURED, MODIFIED} else "recorded in"
    changes = " with changes" if result.commit_kind == MODIFIED else ""
    conditions = f"; {result.conditions}" if result.conditions else ""
    return (
        f"`{result.command}`{medians}; {result.machine}; "
        f"{result.date}, {verb} {result.commit[:7]}{changes}{conditions}."
    )


def unshown(docs: Path, results: Path) -> list[str]:
    """Names of the results that no page shows."""
    shown = {name for path in docs.rglob("*.md") for name in table_names(path.read_text(encoding="utf-8"))}
    return sorted({path.stem for path in results.glob("*.json")} - shown)


def main(arguments: Sequence[str] | None = None, docs: Path = DOCS, results: Path = RESULTS) -> int:
    """Rewrites or checks every page.

    Args:
        arguments: of the command line.
        docs: folder of the pages.
        results: folder of the files of results.

    Returns:
        The exit code: 1 where a table and its file disagree (``--check``), where something is malformed, or
        where no page shows a result.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 on a difference")
    options = parser.parse_args(arguments)
    failed = False
    for path in sorted(docs.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        try:
            fresh = with_tables(page, results)
        except ResultError as error:
            print(f"{path.relative_to(docs)}: {error}", file=sys.stderr)
            failed = True
            continue
        if fresh == page:
            continue
        print(f"{path.relative_to(docs)}: {'differs from its results' if options.check else 'rewritten'}")
        failed = failed or options.check
        if not options.check:
            path.write_text(fresh, encoding="utf-8")
    for name in unshown(docs, results):
        print(f"{name}.json is shown on no page; give it a place: <!-- table: {name} -->", file=sys.stderr)
        failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
