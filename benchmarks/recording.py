"""Results of benchmarks as files: figures with the machine, the date, the commit and the command behind them.

Knows nothing about what is measured, nor about the pages that show it. Needs the standard library alone.
"""

import argparse
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"

MEASURED, MODIFIED, RECORDED = "measured", "measured with uncommitted changes", "recorded"
COMMIT_KINDS = (MEASURED, MODIFIED, RECORDED)
"""What the commit of a result is: the one that ran, the one below the changes that ran, or the one that first
wrote the figure down, where the program that was measured is not known more exactly."""

Cell = None | str | float | Mapping[str, float]
"""One figure: nothing, words, a number, or ``{"median", "low", "high", "rounds"}`` of several rounds."""


class ResultError(ValueError):
    """A file of results, or a page that shows one, is not as it should be."""


@dataclass(frozen=True)
class Machine:
    """What something was measured on.

    Attributes:
        cpu: name of the processor.
        cores: how many the system shows.
        memory_gb: of the computer, in 1e9 bytes; None where it was not written down.
        gpu: name of the device that was used; None for the processor.
    """

    cpu: str
    cores: int
    memory_gb: float | None = None
    gpu: str | None = None

    @classmethod
    def here(cls, gpu: str | None = None) -> "Machine":
        """The machine that this runs on."""
        try:
            memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
        except (AttributeError, OSError, ValueError):  # not on every system
            memory = None
        return cls(_cpu_name(), os.cpu_count() or 1, memory, gpu)

    def __str__(self) -> str:
        memory = "" if self.memory_gb is None else f", {self.memory_gb:g} GB"
        return (f"{self.gpu}, " if self.gpu else "") + f"{self.cores} cores of {self.cpu}{memory}"


class Column(NamedTuple):
    """One column of a table: the field of a row, its heading, and the format of its numbers."""

    field: str
    heading: str
    format: str = ""


@dataclass(frozen=True)
class Result:
    """What one run of a benchmark gave.

    Attributes:
        machine: what it ran on.
        date: the day it was measured, or recorded, as ``2026-11-21``.
        commit: hash of the program's commit.
        commit_kind: one of ``COMMIT_KINDS``.
        command: that measures it again.
        conditions: what else matters for reading the figures, such as other work on the machine.
        columns: what there is of each row.
        figures: the rows.

    Raises:
        ResultError: a field is empty or malformed.
    """

    machine: Machine
    date: str
    commit: str
    commit_kind: str
    command: str
    conditions: str
    columns: tuple[Column, ...]
    figures: tuple[Mapping[str, Cell], ...]

    def __post_init__(self) -> None:
        for name in ("date", "commit", "command", "columns", "figures"):
            if not getattr(self, name):
                raise ResultError(f"{name} is empty")
        if not self.machine.cpu or self.machine.cores < 1:
            raise ResultError(f"machine must name a processor and its cores, got {self.machine}")
        try:
            date.fromisoformat(self.date)
        except ValueError as error:
            raise ResultError(f"date must look like 2026-11-21, got {self.date!r}") from error
        if not re.fullmatch(r"[0-9a-f]{7,40}", self.commit):
            raise ResultError(f"commit must be a hash, got {self.commit!r}")
        if self.commit_kind not in COMMIT_KINDS:
            raise ResultError(
                f"commit_kind must be one of {', '.join(COMMIT_KINDS)}, got {self.commit_kind!r}"
            )
        fields = {column.field for column in self.columns}
        for row in self.figures:
            if set(row) != fields:
                raise ResultError(f"a row has {sorted(row)}, the columns are {sorted(fields)}")

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Reads a file of results.

        Raises:
            ResultError: it is no JSON, or a field is missing, unknown or malformed; the file is named.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            machine = Machine(**values.pop("machine"))
            columns = tuple(Column(**column) for column in values.pop("columns"))
            return cls(machine=machine, columns=columns, figures=tuple(values.pop("figures")), **values)
        except KeyError as error:
            raise ResultError(f"{path.name}: {error.args[0]} is missing") from error
        except (TypeError, ValueError) as error:
            raise ResultError(f"{path.name}: {error}") from error

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        values = asdict(self) | {"columns": [column._asdict() for column in self.columns]}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def rounds(values: Sequence[float], scale: float = 1.0) -> dict[str, float]:
    """A cell for something that was measured several times: the median, the lowest and the highest."""
    scaled = [scale * value for value in values]
    found = {"median": statistics.median(scaled), "low": min(scaled), "high": max(scaled)}
    return {name: float(f"{value:.6g}") for name, value in found.items()} | {"rounds": len(scaled)}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--record`` and ``--conditions`` to a benchmark's command line."""
    parser.add_argument("--record", metavar="NAME", help="write the figures to benchmarks/results/NAME.json")
    parser.add_argument(
        "--conditions", metavar="TEXT", help="what else matters for reading them [default: the system's load]"
    )


def add_clip_options(
    parser: argparse.ArgumentParser, *, clips: int, seed: int, frames: int, length: str
) -> None:
    """Adds the model and which clips it is tried on, with defaults; ``length`` says what frames are of."""
    parser.add_argument("--model", default="demo")
    parser.add_argument("--clips", type=int, default=clips)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--frames", type=int, default=frames, help=length)
    parser.add_argument("--quick", action="store_true", help="one short clip")
    add_options(parser)


def record(
    options: argparse.Namespace,
    script: str,
    arguments: Sequence[str] | None,
    columns: Sequence[Column],
    figures: Sequence[Mapping[str, Cell]],
    *,
    notes: str = "",
    suffix: str = "",
) -> None:
    """Writes what a benchmark found to a file, if its command line asked for that.

    Args:
        options: parsed command line, with what ``add_options`` added.
        script: the benchmark's ``__file__``.
        arguments: of its command line; None for those of the process.
        columns: what there is of each row.
        figures: the rows.
        notes: what the script knows of the conditions, such as the precision and the clock.
        suffix: appended to the name, for a benchmark of several tables.

    Raises:
        SystemExit: this is no git checkout, so nobody could tell what was measured.
    """
    if not options.record:
        return
    source = provenance(script, arguments, options.conditions)
    source["conditions"] = "; ".join(filter(None, (notes, source["conditions"])))
    if source["commit"] is None:
        raise SystemExit("figures are recorded with their commit, and this folder is no git checkout")
    result = Result(
        machine=Machine.here(),
        columns=tuple(columns),
        figures=tuple(figures),
        **source,
    )
    path = RESULTS / f"{options.record}{suffix}.json"
    result.write(path)
    print(f"wrote {path}", file=sys.stderr)


def provenance(
    script: str, arguments: Sequence[str] | None = None, conditions: str | None = None
) -> dict[str, Any]:
    """When, from which commit, by which command and beside which other work something is measured.

    Args:
        script: the benchmark's ``__file__``.
        arguments: of its command line; None for those of the process.
        conditions: in words; None for the load of the system when the script was started.

    Returns:
        ``date``, ``commit`` (None outside a git checkout), ``commit_kind``, ``command`` and ``conditions``.
    """
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", "sa2va_cli", "benchmarks/*.py")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "commit_kind": MODIFIED if changed else MEASURED,
        "command": command_line(script, sys.argv[1:] if arguments is None else arguments),
        "conditions": conditions or _LOAD,
    }


_NOT_TOLD = ("--record", "--conditions", "--folder")
"""Options that say where figures and what they are made of are kept, or under what conditions they were."""


def command_line(script: str, arguments: Sequence[str]) -> str:
    """The command that measures again, without the options about recording."""
    left, given = [], iter(arguments)
    for argument in given:
        if argument in _NOT_TOLD:
            next(given, None)
        elif argument.partition("=")[0] not in _NOT_TOLD:
            left.append(argument)
    return shlex.join(["python", f"benchmarks/{Path(script).name}", *left])


def _git(*arguments: str) -> str | None:
    """What git prints about this checkout; None where there is no git or no checkout."""
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _cpu_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _load() -> str:
    try:
        return f"load {os.getloadavg()[0]:.1f} when it began"
    except (AttributeError, OSError):  # not on every system
        return "load not known"


_LOAD = _load()  # before the script does work of its own
