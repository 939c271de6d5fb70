"""Writes docs/reference/formats.md from the table: ``scripts/reference`` calls it."""

import sys
from pathlib import Path

from torture.table import SECTIONS, Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "formats.md"

_HEAD = """# Formats

Written by `scripts/reference` from `tests/torture/table.py`: a test makes each of these inputs and runs
`sa2va segment` on it. "Read" means that every frame got its mask at its size; where there is a warning, a
part of it is quoted. What is refused is refused with one line and exit code 3, and nothing is written.
"""


def page() -> str:
    """Makes the page."""
    parts = [_HEAD.strip()]
    for title, rows in SECTIONS.items():
        parts += ["", f"## {title}", "", "| input | what it is | result |", "|---|---|---|"]
        parts += [f"| `{row.name}` | {row.made} | {_result(row)} |" for row in rows]
    return "\n".join(parts) + "\n"


def _result(row: Row) -> str:
    if row.frames == 0:
        return f"refused: {row.says}"
    count = "what can be decoded" if row.frames < 0 else f"{row.frames} frame{'' if row.frames == 1 else 's'}"
    return f"read, {count}" + (f"; warning: {row.says}" if row.says else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
