"""What an evaluation says: one table by part and kind of sentence, the official table, files for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sa2va_cli.evaluation.measures import Interval, differing, measured, names_for, official_table
from sa2va_cli.evaluation.sentences import SentenceScore, write_sentences
from sa2va_cli.staging import atomic

SENTENCES, REPORT, WORST = "sentences.csv", "report.json", "worst.png"


@dataclass(frozen=True)
class Row:
    """Sentences of one part or kind.

    Attributes:
        name: ``all``, ``split val``, ``kind reasoning``.
        sentences: how many.
        values: measures by name; None where the measure means nothing here.
    """

    name: str
    sentences: int
    values: Mapping[str, Interval | None]


@dataclass(frozen=True)
class Report:
    """All that is told of an evaluation.

    Attributes:
        dataset: what was evaluated on.
        format: of the data set.
        model: what was evaluated; None where only files were scored.
        protocol: ``official`` or ``clean``.
        rows: the table.
        official: the official script's table; empty with the clean protocol.
    """

    dataset: str
    format: str
    model: str | None
    protocol: str
    rows: tuple[Row, ...]
    official: Mapping[str, Mapping[str, float]]


def make_report(
    dataset: str, form: str, model: str | None, protocol: str, scores: Sequence[SentenceScore]
) -> Report:
    """Makes a report of scored sentences."""
    names = names_for(form, scores)
    groups: dict[str, Sequence[SentenceScore]] = {"all": scores}
    for what in ("split", "kind"):
        found = sorted({getattr(one, what) for one in scores} - {""})
        if len(found) > 1:
            groups |= {
                f"{what} {name}": [one for one in scores if getattr(one, what) == name] for name in found
            }
    rows = tuple(
        Row(name, len(group), {measure: measured(group, measure) for measure in names})
        for name, group in groups.items()
    )
    table = official_table(form, scores) if protocol == "official" else {}
    return Report(dataset, form, model, protocol, rows, table)


def write_report(report: Report, scores: Sequence[SentenceScore], folder: Path) -> None:
    """Writes ``report.json`` and ``sentences.csv``.

    Raises:
        OutputError: they cannot be written.
    """
    write_sentences(scores, folder / SENTENCES)
    with atomic(folder / REPORT) as part:
        part.write_text(json.dumps(document(report), ensure_ascii=False, indent=1), encoding="utf-8")


def document(report: Report) -> dict[str, Any]:
    """The report as JSON; shares are 0..1, the official table is in the official script's units."""
    return asdict(report)


def table(report: Report) -> tuple[list[str], list[list[str]]]:
    """The table for people: per cent, with half the width of the 95 % interval."""
    names = list(report.rows[0].values)
    return ["sentences", "n", *names], [
        [row.name, str(row.sentences), *(_cell(row.values[name]) for name in names)] for row in report.rows
    ]


def _cell(value: Interval | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value.value:.2f}" + ("" if value.half is None else f" ±{100 * value.half:.2f}")


def comparison(first: Sequence[SentenceScore], second: Sequence[SentenceScore]) -> dict[str, Interval]:
    """How two runs over the same sentences differ: the second less the first.

    Raises:
        InputError: they are not of the same sentences.
    """
    found = {
        name: differing(first, second, name) for name in ("J&F", "J", "F", "cIoU", "gIoU", "N-acc.", "T-acc.")
    }
    return {name: one for name, one in found.items() if one is not None}


def protocol_in(folder: Path) -> str | None:
    """The protocol of an evaluation that was written to a folder; None where that is not told."""
    try:
        found = json.loads((folder / REPORT).read_text(encoding="utf-8"))["protocol"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None
