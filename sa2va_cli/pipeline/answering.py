"""A file of questions about one input, answered into a file of answers.

The answers grow as ``NAME.part``, a record as soon as it is known, and get their name when all are there; so
a run that was killed goes on with the next question. Knows nothing about terminals.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sa2va_cli.datatypes import Publication
from sa2va_cli.errors import UsageError
from sa2va_cli.events import FINISHING, Notice, Progress, Report, Saved, no_report
from sa2va_cli.outputs.existing import choose_outputs, claimed
from sa2va_cli.outputs.naming import PlannedOutput, plan_record
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.asking_job import Answering, Regions, Viewing, reply_facts
from sa2va_cli.pipeline.opening import opened, stem_of
from sa2va_cli.pipeline.provenance import source_facts
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.tracks_file import unfinished
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.staging import atomic, output_errors
from sa2va_cli.tracks.fingerprint import Fingerprint, fingerprint
from sa2va_cli.visual_prompts import MaskPrompt

if TYPE_CHECKING:
    from sa2va_cli.pipeline.questions import Answered, Listed
    from sa2va_cli.runtime.loading import LoadChat

Record = dict[str, Any]


@dataclass(frozen=True)
class QuestionsJob:
    """A file of questions about one input.

    Attributes:
        source: what questions are about that name no input.
        questions: the file.
        viewing: which frames are looked at.
        answering: how answers are generated.
        model: which model, and how it runs.
        saving: where the answers go; its kinds do not count.
        regions: what questions call region1, region2 and so on.
        batch_size: how many are answered at once.
    """

    source: str
    questions: Path
    viewing: Viewing = field(default_factory=Viewing)
    answering: Answering = field(default_factory=Answering)
    model: ModelChoice = field(default_factory=ModelChoice)
    saving: Saving = field(default_factory=Saving)
    regions: Regions = field(default_factory=Regions)
    batch_size: int = 1


def answers_of(job: QuestionsJob) -> PlannedOutput:
    """The file that a job makes: ``{stem}.answers.jsonl``, or what its template says.

    Raises:
        UsageError: the template is faulty.
    """
    return plan_record(job.saving, stem_of(job.source), "answers", ".jsonl")


def files_read(questions: Path, masks: Sequence[MaskPrompt] = ()) -> tuple[Path, ...]:
    """Files, besides the input of a job, on whose contents its answers depend.

    Args:
        questions: the file of questions, which names inputs and masks; it may be missing or faulty.
        masks: of regions of the job's input.

    Returns:
        the file of questions, masks, and what questions name, as far as they are there.
    """
    from sa2va_cli.pipeline.questions import files_named

    regions = (Path(mask.path) for mask in masks if mask.path)
    named = (path for path in (*regions, *files_named(questions)) if path.is_file())
    return tuple(dict.fromkeys((questions, *named)))


def answer_file(job: QuestionsJob, *, load: "LoadChat", report: Report = no_report) -> SegmentResult:
    """Answers a file of questions.

    Args:
        job: what is asked.
        load: makes the model.
        report: is told how far the run is; called from this thread. What it raises ends the run, and the
            answers so far are kept.

    Raises:
        InputError: the questions, or the input, cannot be read.
        OutputError: the answers exist, or cannot be written.
        UsageError: the model cannot be talked to, two questions have one id, or none can be answered.
    """
    from sa2va_cli.pipeline.asking import check_known
    from sa2va_cli.pipeline.questions import read_questions

    check_known(job.model, job.regions.visual)
    started = time.perf_counter()
    listed = read_questions(job.questions, (job.source,), job.regions.visual)
    read = [Path(job.source), job.questions]
    wanted, skipped = choose_outputs([answers_of(job)], job.saving, read)
    if not wanted:
        return SegmentResult(job.source, skipped=skipped)
    with opened(job.source, job.viewing.search("?"), report) as reader:
        info = reader.info  # what cannot be read fails as a whole, and not question by question
        known_by = source_facts(reader, job.source).fingerprint
    path = wanted[0].path
    with claimed(wanted, job.saving, read, report):
        part = unfinished(path)
        model, records = _grown(job, listed, known_by, part, load, report)
        report(Progress(FINISHING))
        with output_errors(path):
            with atomic(path, Publication(replaces=job.saving.replaces)) as hidden:
                hidden.write_text("".join(map(_line, records)), encoding="utf-8")
            part.unlink()
        report(Saved(path))
    warnings = _warnings(records)
    for text in warnings:
        report(Notice(text, "warning"))
    return SegmentResult(
        job.source,
        info,
        model=model,
        seconds=time.perf_counter() - started,
        files=(path,),
        warnings=warnings,
    )


def _warnings(records: Sequence[Record]) -> tuple[str, ...]:
    unanswered = sum("error" in one for one in records)
    partly = sum("unread" in one for one in records)
    told = f"of {len(records)} questions could not be answered"
    return (
        *([f"{unanswered} {told}"] if unanswered else []),
        *([f"{partly} {told} about all their inputs"] if partly else []),
    )


def _grown(
    job: QuestionsJob,
    listed: "Sequence[Listed]",
    known_by: Fingerprint | None,
    part: Path,
    load: "LoadChat",
    report: Report,
) -> tuple[str, list[Record]]:
    """Answers what an unfinished file lacks; returns the model's name, and all records in order.

    Raises:
        UsageError: no question can be answered.
    """
    from sa2va_cli.pipeline.questions import answer_listed
    from sa2va_cli.runtime.loading import memory_errors_explained

    placement = job.model.placed()
    name = job.model.name_on(placement)
    head = _head(job, known_by, name)
    known = _kept(part, head)
    left = [one for one in listed if str(one.id) not in known]
    with memory_errors_explained(name, placement, "frames"), output_errors(part):
        report(Progress(f"loading {name}"))
        engine = load(job.model, placement)
        generation = job.answering.generation()
        with atomic(part) as hidden:
            hidden.write_text("".join(map(_line, (head, *known.values()))), encoding="utf-8")
        answers = answer_listed(
            engine, left, job.viewing, generation, batch_size=job.batch_size, report=report
        )
        with part.open("a", encoding="utf-8") as file:
            for one in answers:
                known[str(one.listed.id)] = record = answer_record(one)
                file.write(_line(record))
                file.flush()
                report(Progress("answering", len(known), len(listed)))
    records = [known[str(one.id)] for one in listed]
    if all("error" in one for one in records):
        part.unlink(missing_ok=True)
        raise UsageError(f"{job.questions}: no question can be answered; the first: {records[0]['error']}")
    return name, records


def _head(job: QuestionsJob, known_by: Fingerprint | None, model: str) -> Record:
    """The first record of an unfinished file, by which answers to or about something else are told."""
    asked = hashlib.sha256(job.questions.read_bytes()).hexdigest()
    _, *named = files_read(job.questions, job.regions.masks)
    return {
        "asked": asked,
        "input": job.source,
        "contents": None if known_by is None else asdict(known_by),
        "named": [[str(path), asdict(fingerprint([path]))] for path in named],
        "model": model,
        "how": repr((job.viewing, job.answering, job.regions)),
    }


def _kept(part: Path, head: Record) -> dict[str, Record]:
    """The whole answers of an unfinished file, by id; none where it is of another run, or damaged."""
    from sa2va_cli.pipeline.questions import failed

    try:
        text = part.read_text(encoding="utf-8")
        first, *records = map(json.loads, text[: text.rfind("\n") + 1].splitlines())
        return {str(one["id"]): one for one in records if not failed(one)} if first == head else {}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def _line(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def answer_record(one: "Answered") -> Record:
    """Describes a question of a file and what it came to."""
    asked = {"id": one.listed.id, "inputs": list(one.listed.inputs), "question": one.listed.question}
    if not one.reply:
        return asked | {"error": one.problem}
    unread = {"unread": [asdict(missing) for missing in one.unread]} if one.unread else {}
    return asked | reply_facts(one.reply) | unread
