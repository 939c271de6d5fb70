"""What can be asked: which words and options of ``sa2va ask`` go together.

Nothing is opened or loaded here.
"""

from pathlib import Path

from sa2va_cli.commands.idle import names_in, refuse_idle, tell_idle, tell_idle_drawing
from sa2va_cli.commands.session import Session
from sa2va_cli.errors import OutputError, UsageError
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.asking_job import Answering, Viewing

_FILES = (*names_in(Saving, Delivery, Drawing), "--follower", "--follow-size", "--compile")
"""Options about what is made of an answer, and about following what it marks."""


def check_questions(session: Session) -> None:
    """Refuses options that have nothing to do where answers are written one a line."""
    if "--save" in session.typed:
        raise UsageError("--questions writes answers and no pictures; leave --save out")
    used = {"--output", "--overwrite", "--skip-existing"}
    refuse_idle(session, [name for name in (*_FILES, "--threshold") if name not in used], "with --questions")


def check_times(session: Session) -> None:
    """Refuses options that have nothing to do where a time range is the answer."""
    if not session.typed.isdisjoint(names_in(Answering)):
        raise UsageError(
            "--times asks in words of its own, greedily; leave out --max-new-tokens, --temperature, --top-p, "
            "--seed and --system"
        )
    if not session.typed.isdisjoint(("--save", "--output")):
        raise UsageError('--times writes no files; segment --when "..." writes what is there in that time')
    refuse_idle(session, (*_FILES, "--sampling", "--batch-size"), "with --times")


def saving_of(session: Session, saving: Saving, inputs: list[str], *, as_json: bool) -> Saving | None:
    """What is made of one answer; a default that asks for files counts where there can be any."""
    if not inputs:
        tell_idle(session, names_in(Viewing), "where nothing is shown")
    typed = not session.typed.isdisjoint(("--save", "--output"))
    if typed or (len(inputs) == 1 and (saving.kinds_given or saving.output is not None)):
        tell_idle_drawing(session, saving.kinds)
        return saving
    tell_idle(session, _FILES, "without --save")
    tell_idle(session, () if as_json else ("--threshold",), "without --save or --json")
    return None


def check_question(question: str) -> None:
    """Makes sure that the last argument is not an input whose question was forgotten.

    Raises:
        UsageError: it is the name of a file.
    """
    from sa2va_cli.commands.prompt_doubts import names_file

    if names_file(question):
        raise UsageError(f"{question!r} is an input, and there is no question after it; or add --interactive")


def first_question(given: list[str]) -> tuple[tuple[str, ...], str | None]:
    """The inputs of a conversation, and what is asked first if the last argument names no file."""
    from sa2va_cli.commands.prompt_doubts import names_file
    from sa2va_cli.pipeline.fetching import is_address
    from sa2va_cli.pipeline.storage import is_stored

    def is_input(word: str) -> bool:
        return word == "-" or is_address(word) or is_stored(word) or names_file(word) or Path(word).is_dir()

    if given and not is_input(given[-1]):
        return tuple(given[:-1]), given[-1]
    return tuple(given), None


def answers_file(given: str | None) -> Path | None:
    """The file that answers go to; None for standard output.

    Raises:
        OutputError: it is a folder, or its own cannot be made.
        UsageError: it is no name of one file.
    """
    from sa2va_cli.staging import output_errors

    if given in (None, "-"):
        return None
    if not given or "{" in given:
        raise UsageError(f"-o {given!r}: answers go to one file; give its name, as in -o answers.jsonl")
    path = Path(given)
    with output_errors(path):
        if given.endswith(("/", "\\")) or path.is_dir():
            raise OutputError(f"-o {given} is a folder; give a file, as in -o {path / 'answers.jsonl'}")
        path.parent.mkdir(parents=True, exist_ok=True)
    return path
