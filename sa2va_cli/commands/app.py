"""The program ``sa2va``: its commands, and the one place where errors become exit codes."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli import __version__
from sa2va_cli.commands import (
    ask,
    batch,
    bench,
    check,
    clean,
    config,
    correct,
    data,
    doctor,
    edit,
    evaluate,
    models,
    probe,
    ray,
    render,
    review,
    segment,
    tracks,
    train,
)
from sa2va_cli.commands.defaults import KNOWN, default_map, origin_of, path_of, schema
from sa2va_cli.commands.options import add_command
from sa2va_cli.commands.session import Interrupted, Session
from sa2va_cli.commands.signals import signals_told
from sa2va_cli.configuration import read_configuration
from sa2va_cli.errors import OutputError, Sa2VAError, UsageError

if TYPE_CHECKING:
    from sa2va_cli.runtime.loading import Load

INTERRUPTED = 130
BUG = 1
HELP = {"-h", "--help"}
"""With one of these a faulty configuration file is no hindrance."""

app = typer.Typer(
    name="sa2va",
    help="Name a thing in a sentence, get its mask on every frame.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": sorted(HELP)},
    epilog='Try: sa2va segment samples/park.mp4 "girl in red dress" --model demo\n\n'
    "Every option can have a default of yours: see sa2va config --help.",
)
add_command(app, "segment", segment.segment_command, segment.EPILOG)
add_command(app, "ask", ask.ask_command, ask.EPILOG)
add_command(app, "render", render.render_command, render.EPILOG)
add_command(app, "correct", correct.correct_command, correct.EPILOG)
add_command(app, "review", review.review_command, review.EPILOG)
add_command(app, "edit", edit.edit_command, edit.EPILOG)
app.add_typer(batch.app, name="batch")
app.add_typer(ray.app, name="ray")
add_command(app, "probe", probe.probe_command, probe.EPILOG)
add_command(app, "check", check.check_command, check.EPILOG)
app.add_typer(tracks.app, name="tracks")
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
add_command(app, "train", train.train_command, train.EPILOG)
add_command(app, "evaluate", evaluate.evaluate_command, evaluate.EPILOG)
add_command(app, "doctor", doctor.doctor_command, doctor.EPILOG)
add_command(app, "bench", bench.bench_command, bench.EPILOG)
add_command(app, "clean", clean.clean_command, clean.EPILOG)
app.add_typer(config.app, name="config")


def _version(asked: bool) -> None:  # noqa: FBT001  (Typer's way)
    if asked:
        typer.echo(f"sa2va {__version__}")
        raise typer.Exit


@app.callback()
def top(
    context: typer.Context,
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_version, is_eager=True, metavar="", help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Name a thing in a sentence, get its mask on every frame."""
    session: Session = context.obj
    if context.invoked_subcommand != "config" and not HELP & set(session.arguments):
        session.configuration = read_configuration(schema())
        context.default_map = default_map(session.configuration)


def main(arguments: Sequence[str] | None = None, *, load: "Load | None" = None) -> int:
    """Runs the program.

    Args:
        arguments: of the command line; None for those of the process.
        load: makes the segmenter; None for the real one.

    Returns:
        The exit code.
    """
    _open_closed_streams()
    session = Session(load, list(sys.argv[1:] if arguments is None else arguments))
    try:
        with signals_told(_interrupt):
            return _guarded(lambda: _invoke(session), session)
    except (Interrupted, KeyboardInterrupt):  # once more, while the last words were said
        return INTERRUPTED
    finally:
        session.console.flush()


def _open_closed_streams() -> None:
    """Puts the null device where the shell closed a standard stream (``2>&-``).

    Otherwise the first file that is opened would get its number, and with it what libraries print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _invoke(session: Session) -> int:
    code = _program().main(list(session.arguments), prog_name="sa2va", standalone_mode=False, obj=session)
    return code if isinstance(code, int) else 0


@cache
def _program() -> Any:
    """What parses the command line; it is the same for every run, and made of hundreds of options."""
    return typer.main.get_command(app)


def _guarded(run: Callable[[], int], session: Session) -> int:
    """Turns whatever ends a run into one line and an exit code."""
    try:
        return run()
    except (Interrupted, KeyboardInterrupt) as stop:
        session.console.line(str(stop) or "interrupted; nothing was written")
        return INTERRUPTED
    except Sa2VAError as error:
        return _told(error.command_line, error.exit_code, session)
    except Exception as error:
        if _is_usage(error):
            return _usage(error, session)
        if isinstance(error, FileNotFoundError) and "usable temporary directory" in str(error):
            text = "there is no folder for temporary files; set TMPDIR to one that can be written to"
            return _told(text, OutputError.exit_code, session)
        text = f"internal error: {type(error).__name__}: {error}"
        hint = "" if session.console.debug else "; run again with --debug and report it"
        return _told(text + hint, BUG, session)


def _told(text: str, code: int, session: Session) -> int:
    if session.console.debug:
        session.console.traceback()
    session.console.error(text)
    return code


def _is_usage(error: Any) -> bool:
    """Whether an error comes from the parser of the command line, which Typer may bring along or import."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _usage(error: Any, session: Session) -> int:
    text = str(error.format_message()).strip()
    if type(error).__name__ == "NoArgsIsHelpError":  # Typer has printed the help, Click leaves it to us
        if text:
            typer.echo(text, err=True)
        return UsageError.exit_code
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    origin = None
    if context and parameter and (known := KNOWN.get(path_of(context), {}).get(parameter.name)):
        origin = origin_of(context, parameter.name, known)
    text = _plainer(text) + _given(error) + (f" (it comes from {origin})" if origin else "")
    path = getattr(context, "command_path", "sa2va")
    return _told(f"{text}{_dashed(session)}; see {path} --help", UsageError.exit_code, session)


def _dashed(session: Session) -> str:
    """How to give a file whose name begins as an option does, if one was given."""
    for argument in session.arguments:
        if argument.startswith("-") and len(argument) > 1 and Path(argument).exists():
            return f"; if you mean the file {argument}, write ./{argument}"
    return ""


def _plainer(text: str) -> str:
    """What the parser of the command line says, without its full stop and its parser's words for values."""
    for theirs, plain in _PLAIN.items():
        text = re.sub(f"Input should be {theirs}", plain, text)
    return re.sub(r"\. Did you mean (.+)\?$", r"; did you mean \1", text.rstrip("."))


_PLAIN = {
    "a valid integer, unable to parse string as an integer": "not a whole number",
    "a valid number, unable to parse string as an? number": "not a number",
    "a valid boolean, unable to interpret input": "neither true nor false",
    "greater than or equal to": "must be at least",
    "less than or equal to": "must be at most",
}
"""What the parser's parser says of a value, and how people would."""


def _given(error: Any) -> str:
    """The value that the parser did not take, where its parser tells it."""
    told = getattr(error.__cause__, "errors", None)
    found = told() if callable(told) else []
    return f", got {found[0]['input']!r}" if found and "input" in found[0] else ""


def _interrupt(received: int) -> None:
    """Ends the run in order at the first signal; the second is ignored while things are put in order."""
    if received == 1:
        raise Interrupted
