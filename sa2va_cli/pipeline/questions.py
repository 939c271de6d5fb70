"""Many questions at once: read from a file, asked in batches, answered in the order of the file.

A question that cannot be asked, or whose input cannot be read, is one record with an error, and the others go
on. Knows nothing about terminals.
"""

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa2va_cli.conversation import ChatEngine, Exchange, Generation, Question, Reply
from sa2va_cli.errors import InputError, Sa2VAError, UsageError
from sa2va_cli.events import Report, no_report
from sa2va_cli.media.probe import image_files
from sa2va_cli.parameters import expanded
from sa2va_cli.pipeline.asking import check_regions, check_takes, question_about, with_regions
from sa2va_cli.pipeline.asking_job import Regions, Unread, Viewing
from sa2va_cli.pipeline.viewing import Viewed, view
from sa2va_cli.queues import batched
from sa2va_cli.staging import atomic, output_errors
from sa2va_cli.visual_prompts import MaskPrompt, VisualPrompt, each, read_box, read_mask, read_point

_KEYS = ("id", "question", "input", "inputs", "history", "points", "boxes", "masks")


@dataclass(frozen=True)
class Listed:
    """A question of a file.

    Attributes:
        id: what it is known by; its number in the file, from 1, where the file does not say.
        question: its words.
        inputs: what it is about.
        past: what was said before it.
        regions: what it calls region1, region2 and so on.
        problem: why it cannot be asked; empty if it can.
    """

    id: str | int
    question: str
    inputs: tuple[str, ...] = ()
    past: tuple[Exchange, ...] = ()
    regions: tuple[VisualPrompt, ...] = ()
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Answered:
    """What a listed question came to: a reply, or why there is none.

    Attributes:
        listed: the question.
        reply: the answer; None for none.
        problem: why there is none.
        unread: what it was to be about as well, and could not be read.
    """

    listed: Listed
    reply: Reply | None = None
    problem: str = ""
    unread: tuple[Unread, ...] = ()


def read_questions(path: Path, inputs: Sequence[str], regions: tuple[VisualPrompt, ...] = ()) -> list[Listed]:
    """Reads a file of questions.

    Args:
        path: one question a line; or one JSON object a line with ``question`` and, if wanted, ``id``,
            ``input`` or ``inputs``, ``history``, pairs of earlier questions and answers, and ``points``,
            ``boxes`` and ``masks``, lists of regions as the options have them. Empty lines and lines that
            begin with ``#`` count for nothing.
        inputs: what questions are about that name no input.
        regions: of these, for questions that name neither.

    Raises:
        InputError: it cannot be read, or has no question.
        UsageError: two questions have one id.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read as UTF-8 text ({getattr(error, 'strerror', None) or error})"
        ) from error
    lines = enumerate(map(str.strip, text.split("\n")), 1)  # JSON may hold other ends of lines
    asked = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not asked:
        raise InputError(f"{path}: has no question; write one on each line")
    listed = [
        _listed(number, place, line, tuple(inputs), regions) for number, (place, line) in enumerate(asked, 1)
    ]
    seen: set[str] = set()
    for one in listed:
        if str(one.id) in seen:
            raise UsageError(f"{path}: two questions have the id {one.id!r}; give each its own")
        seen.add(str(one.id))
    return listed


def files_named(path: Path) -> tuple[Path, ...]:
    """Inputs and masks that a file of questions names, images of folders by themselves; none of a faulty one.

    Args:
        path: see ``read_questions``.
    """
    named: list[Path] = []
    with suppress(Sa2VAError, OSError):
        for one in read_questions(path, ()):
            named += [Path(visual.path) for visual in one.regions if isinstance(visual, MaskPrompt)]
            for source in one.inputs:
                with suppress(InputError):  # a folder without images
                    named += image_files(source) or [Path(source)]
    return tuple(dict.fromkeys(named))


def _listed(
    number: int, place: int, line: str, inputs: tuple[str, ...], regions: tuple[VisualPrompt, ...]
) -> Listed:
    """One question, known by its number, from the line of this place."""
    if not line.startswith("{"):
        return Listed(number, line, inputs, regions=regions)
    try:
        return _from_json(number, json.loads(line), inputs, regions)
    except UsageError as error:
        return Listed(number, line, problem=f"line {place}: {error.command_line}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        return Listed(number, line, problem=f"line {place} is not understood ({error})")


def _from_json(
    number: int, record: Mapping[str, Any], inputs: tuple[str, ...], regions: tuple[VisualPrompt, ...]
) -> Listed:
    if unknown := sorted(set(record) - set(_KEYS)):
        raise ValueError(f"unknown {', '.join(map(repr, unknown))}; known are {', '.join(_KEYS)}")
    given = record.get("inputs")
    if given is None and record.get("input") is not None:
        given = [record["input"]]
    named = inputs if given is None else tuple(map(expanded, _texts("inputs", given)))
    past = tuple(Exchange(_text(asked), _text(said)) for asked, said in record.get("history", ()))
    key = record.get("id", number)
    if not isinstance(key, str | int):
        raise TypeError(f"the id {key!r} is neither a text nor a whole number")
    own = Regions(
        each(read_point)(_texts("points", record.get("points", []))),
        each(read_box)(_texts("boxes", record.get("boxes", []))),
        each(read_mask)(_texts("masks", record.get("masks", []))),
    ).visual
    return Listed(key, _text(record["question"]), named, past, own or (regions if given is None else ()))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _texts(name: str, listed: object) -> list[str]:
    if not isinstance(listed, list):
        raise TypeError(f"{name} is no list")
    return [_text(one) for one in listed]


def answer_listed(
    engine: ChatEngine,
    listed: Iterable[Listed],
    viewing: Viewing,
    generation: Generation,
    *,
    batch_size: int = 1,
    report: Report = no_report,
) -> Generator[Answered, None, None]:
    """Answers questions in their order, as many at once as a batch has.

    Args:
        engine: the model.
        listed: the questions.
        viewing: which frames of their inputs are looked at.
        generation: how answers are generated.
        batch_size: how many are answered at once.
        report: is told what a person should know.
    """
    seen: dict[str, Viewed | InputError] = {}
    for batch in batched(listed, batch_size):
        prepared = [_prepared(engine, one, viewing, seen, report) for one in batch]
        sound = [question for question, _ in prepared if isinstance(question, Question)]
        replies = iter(_answers(engine, sound, generation))
        for one, (question, unread) in zip(batch, prepared, strict=True):
            outcome = next(replies) if isinstance(question, Question) else question
            if isinstance(outcome, Reply):
                yield Answered(one, outcome, unread=unread)
            else:
                yield Answered(one, problem=outcome)
        recent = {source for one in batch for source in one.inputs}
        seen = {source: view_ for source, view_ in seen.items() if source in recent}


def _prepared(
    engine: ChatEngine, one: Listed, viewing: Viewing, seen: dict[str, Viewed | InputError], report: Report
) -> tuple[Question | str, tuple[Unread, ...]]:
    """A question with its pictures, or why it cannot be asked; and what of these could not be read.

    An input is opened once in a batch.
    """
    if one.problem:
        return one.problem, ()
    try:
        check_takes(one.regions, engine.identity.name, knows=engine.knows_regions)
        looked = [_seen(engine, source, viewing, seen, report) for source in one.inputs]
        missing = [found for found in looked if isinstance(found, InputError)]
        if missing and len(missing) == len(looked):
            raise missing[0]
        shown = [found for found in looked if isinstance(found, Viewed)]
        unread = tuple(
            Unread(source, found.command_line)
            for source, found in zip(one.inputs, looked, strict=True)
            if isinstance(found, InputError)
        )
        check_regions(shown, one.regions, unread, one.question)
        unread += tuple(picture for found in shown for picture in found.unread)
        return question_about(one.question, with_regions(engine, shown, one.regions), one.past), unread
    except Sa2VAError as error:
        return error.command_line, ()


def _seen(
    engine: ChatEngine, source: str, viewing: Viewing, seen: dict[str, Viewed | InputError], report: Report
) -> Viewed | InputError:
    """What is seen of an input, or why it cannot be read."""
    if source not in seen:
        try:
            seen[source] = view(source, viewing, report, apart=not engine.has_masks)
        except InputError as error:
            seen[source] = error
    return seen[source]


def _answers(engine: ChatEngine, questions: Sequence[Question], generation: Generation) -> list[Reply | str]:
    """Answers in one batch; where that is refused, one by one, so that the others are answered."""
    if not questions:
        return []
    try:
        return [*engine.answer_all(questions, generation)]
    except UsageError as error:
        if len(questions) == 1:
            return [error.command_line]
    return [answer for question in questions for answer in _answers(engine, [question], generation)]


def left_to_ask(listed: Sequence[Listed], path: Path) -> list[Listed]:
    """Questions that a file of answers has no answer to; those that failed, also in part, are asked again.

    Raises:
        InputError: it is no file of answers.
    """
    done: set[str] = set()
    try:
        for record in map(json.loads, _whole_lines(path)):
            if not failed(record):
                done.add(str(record["id"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"{path}: is no file of answers; choose another -o") from error
    return [one for one in listed if str(one.id) not in done]


def failed(record: Mapping[str, Any]) -> bool:
    """Whether a record has no answer, or one that is not about all that it was to be about."""
    return "error" in record or bool(record.get("unread"))


def keep_answers(path: Path) -> None:
    """Takes out of a file of answers what failed, and what a killed run left half written."""
    kept = [line for line in _whole_lines(path) if not failed(json.loads(line))]
    _rewrite(path, kept)


def _rewrite(path: Path, lines: Sequence[str]) -> None:
    """Puts lines in the place of a file's, all of them or, where the program is killed, none."""
    with output_errors(path), atomic(path) as part:
        part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _whole_lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [line for line in text[: text.rfind("\n") + 1].split("\n") if line]


def in_order(path: Path, listed: Sequence[Listed]) -> None:
    """Puts the lines of a file of answers into the order of the questions; those of others come last."""
    places = {str(one.id): place for place, one in enumerate(listed)}
    lines = _whole_lines(path)
    wanted = sorted(lines, key=lambda line: places.get(str(json.loads(line)["id"]), len(places)))
    if wanted != lines:
        _rewrite(path, wanted)
