"""``sa2va config``: which default every option has here, where that comes from, and where the file is."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from sa2va_cli.commands.defaults import KNOWN, PREFIX, default_map, origin_of, schema
from sa2va_cli.commands.helptext import examples, help_text
from sa2va_cli.commands.options import Talking, composed, only
from sa2va_cli.commands.session import Session
from sa2va_cli.configuration import VARIABLE, Configuration, configuration_path, read_configuration
from sa2va_cli.errors import UsageError

BUILT_IN = "built in"

EPILOG = "\n\n".join(
    (
        "What is said more directly wins: the command line, the environment, the file, what is built in.",
        "[bold]Environment[/bold]",
        "SA2VA_SEGMENT_KEYFRAMES=9 for one command; SA2VA_MODEL=1b for every command that has this option.",
        "[bold]File[/bold] (TOML; SA2VA_CONFIG names another; tables are commands, keys are options)",
        'model = "1b" at the top, for every command that has this option',
        "\\[segment]",
        'save = \\["mask", "matte"]',
        "[bold]Taking back[/bold]",
        "A flag that is set there, as overwrite = true, is taken back with --no-overwrite.",
        examples("sa2va config", "sa2va config --json | jq '.options[] | select(.origin != \"built in\")'"),
    )
)

app = typer.Typer(invoke_without_command=True, rich_markup_mode="rich", epilog=EPILOG)


@dataclass(frozen=True)
class Default:
    """What an option of a command is when nobody sets it on the command line.

    Attributes:
        command: as people type it.
        option: its long name.
        value: what it is; None where nothing is.
        origin: an environment variable, a file, or ``BUILT_IN``.
        variable: the environment variable that would set it for this command.
    """

    command: str
    option: str
    value: Any
    origin: str
    variable: str


def config_command(
    *,
    session: Session,
    context: typer.Context,
    talking: Annotated[Talking, only("as_json", "debug")],
) -> None:
    """Show the default of every option, and where it comes from.

    Defaults of your own stand in a file or in the environment; what is typed always wins.
    """
    if context.invoked_subcommand:
        return
    console = session.console
    session.configuration = configuration = read_configuration(schema())
    defaults = list(_defaults(context.find_root().command, configuration, session))
    strangers = _strangers()
    if talking.as_json:
        console.data(
            {
                "file": str(configuration.path) if configuration.path else None,
                "read": configuration.there,
                "options": [asdict(default) for default in defaults],
                "warnings": strangers,
            }
        )
        return
    console.answer(f"file  {_state(configuration)}")
    console.table(
        ["command", "option", "value", "from"],
        [[one.command, one.option, _shown(one.value), one.origin] for one in defaults],
    )
    for text in strangers:
        console.warning(text)


app.callback(help=help_text(config_command))(composed(config_command))


def path_command(*, session: Session, _: Annotated[Talking, only("debug")]) -> None:
    """Print where the configuration file is, or would be."""
    path = configuration_path()
    if path is None:
        raise UsageError(f"there is no home folder for a configuration file; name one with {VARIABLE}")
    session.console.answer(str(path))


app.command("path", help=help_text(path_command), epilog=examples('"$EDITOR" "$(sa2va config path)"'))(
    composed(path_command)
)


def _defaults(root: Any, configuration: Configuration, session: Session) -> Iterator[Default]:
    values = default_map(configuration)
    for path, options in sorted(KNOWN.items()):
        command, mine = root, values
        for word in path:
            command, mine = command.commands[word], mine[word]
        # The parser itself says what it would take, and from where.
        context = command.make_context(path[-1], [], obj=session, default_map=mine, resilient_parsing=True)
        for key, known in options.items():
            origin, value = origin_of(context, key, known), context.params.get(key)
            if value is None and known.variable:  # not a value that the option can have
                value = os.environ[known.variable]
            if isinstance(value, Path):
                value = str(value)
            yield Default(" ".join(path), known.name, value, origin or BUILT_IN, known.variables[0])


def _strangers() -> list[str]:
    """Environment variables that look as if they were ours and set nothing."""
    options = [known for options in KNOWN.values() for known in options.values()]
    known = {VARIABLE, *(name for option in options for name in option.variables)}
    told = []
    for name in sorted(set(os.environ) - known):
        if name.startswith(f"{PREFIX}_"):
            near = get_close_matches(name, known, n=1)
            told.append(f"{name} sets no option{f'; did you mean {near[0]}' if near else ''}")
    return told


def _state(configuration: Configuration) -> str:
    if configuration.path is None:
        return f"none, as there is no home folder; {VARIABLE} can name one"
    if configuration.unread:
        return f"{configuration.path} (cannot be read: {configuration.unread})"
    return f"{configuration.path}{'' if configuration.there else ' (not there)'}"


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
