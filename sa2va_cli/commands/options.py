"""From groups of options to a command: what each field says is said to Typer once, for every command.

A command is a function whose parameters are groups (dataclasses whose fields are declared with
``sa2va_cli.parameters``), the ``Session``, and Typer parameters of its own. ``add_command`` gives it the
command line that these ask for, and calls it with the finished values::

    def render_command(
        *,
        session: Session,
        tracks: Annotated[Path, typer.Argument(metavar="TRACKS", help="A file that --save tracks made.")],
        source: Annotated[str | None, typer.Option("--source", metavar="VIDEO", help="The video.")] = None,
        saving: Annotated[Saving, without("allow_empty")],
        talking: Annotated[Talking, without("verbose")],
    ) -> None:
        '''Make outputs from tracks.'''

    add_command(app, "render", render_command, examples("sa2va render park.tracks.sa2va --save matte"))

Arguments come before options, in the order of the function; options are sorted into panels. A new option of a
group is one field in that group. A group within a group (``SegmentJob`` holds a ``Search``) is taken apart
and put together again. Each flag ``--x`` has a hidden ``--no-x``, which takes back what the environment
or the configuration file has set; an error message that speaks of an option tells where its value comes from,
if it was not typed.

``Talking`` also makes ``session.console``, before anything else can go wrong. A parameter of the kind
``typer.Context`` gets the parser's context. Knows nothing about what commands do.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from keyword import iskeyword
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.defaults import TYPED, known_options, origins_in, remember, strength_of, typed_options
from sa2va_cli.commands.helptext import help_text
from sa2va_cli.commands.session import Session
from sa2va_cli.errors import UsageError
from sa2va_cli.parameters import PANELS, TALKING, Argument, Declared, Option, Switches, declared

Command = Callable[..., None]

DEFAULTED = "defaulted"
"""A field of a group that gets the names of those whose values nobody typed."""


@dataclass(frozen=True)
class Talking:
    """How a command talks to people and programs.

    Attributes:
        as_json: write one JSON document to standard output.
        dry_run: show what would be done instead of doing it.
        quiet: errors only.
        verbose: details too.
        debug: let libraries speak, and show tracebacks.
    """

    as_json: Annotated[
        bool, Option("Write the result to standard output as one JSON document.", TALKING, names=("--json",))
    ] = False
    dry_run: Annotated[bool, Option("Show what would be done; load, download and make nothing.", TALKING)] = (
        False
    )
    quiet: Annotated[bool, Option("Say nothing but errors.", TALKING, names=("--quiet", "-q"))] = False
    verbose: Annotated[
        bool,
        Option("Say more: keyframes, answers, libraries' warnings.", TALKING, names=("--verbose", "-v")),
    ] = False
    debug: Annotated[
        bool, Option("Let libraries speak, too, and show a traceback when something fails.", TALKING)
    ] = False


@dataclass(frozen=True)
class Choice:
    """Which fields of a group a command has; stands beside the group in an annotation.

    Attributes:
        names: of the fields.
        left_out: whether these are the ones that it does not have.
    """

    names: tuple[str, ...]
    left_out: bool

    def takes(self, name: str) -> bool:
        """Whether the command has a field."""
        return (name in self.names) is not self.left_out


def only(*names: str) -> Choice:
    """A group of which a command has these fields."""
    return Choice(names, left_out=False)


def without(*names: str) -> Choice:
    """A group of which a command has all but these fields; they keep their defaults."""
    return Choice(names, left_out=True)


ALL = without()


def add_command(app: typer.Typer, path: str, command: Command, epilog: str) -> None:
    """Adds a command to the program; its docstring is its help.

    Args:
        app: where it is added.
        path: what people type after the program's name: ``segment``, ``models pull``.
        command: its parameters are groups, the ``Session`` and Typer parameters.
        epilog: the end of its help, as of ``helptext.examples``.
    """
    words = tuple(path.split())
    app.command(words[-1], help=help_text(command), epilog=epilog)(composed(command, words))


@dataclass(frozen=True)
class _Shape:
    """What a command wants.

    Attributes:
        groups: by the command's parameter: the group, and which of its fields.
        own: Typer parameters that are handed over as they are.
        session: parameters that get the session.
        context: parameters that get Typer's context.
    """

    groups: dict[str, tuple[Any, Choice]]
    own: tuple[inspect.Parameter, ...]
    session: tuple[str, ...]
    context: tuple[str, ...]


def composed(command: Command, path: tuple[str, ...] = ()) -> Command:
    """Makes a function that Typer understands of one that takes groups of options.

    Args:
        command: the function.
        path: the words that lead to it; its options can have defaults from elsewhere if there are some.
    """
    shape = _shape(command)
    arguments: list[inspect.Parameter] = []
    options: dict[str, list[inspect.Parameter]] = {"": [], **{panel: [] for panel in PANELS}}
    for own in shape.own:
        is_argument = any(isinstance(one, ArgumentInfo) for one in get_args(own.annotation))
        (arguments if is_argument else options[""]).append(own)
    for kind, choice in shape.groups.values():
        for panel, parameter in _parameters_of(kind, choice):
            (arguments if panel is None else options[panel]).append(parameter)
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    settable = [one for panel in options.values() for one in panel]
    if path:
        settable = [_with_defaults(one, path) for one in settable]
    whole = [context, *arguments, *settable]

    def run(**values: Any) -> None:
        _call(command, shape, values)

    run.__signature__ = inspect.Signature(whole)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in whole}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def _with_defaults(parameter: inspect.Parameter, path: tuple[str, ...]) -> inspect.Parameter:
    """Has the parser look for an option in the environment, too, and the configuration file know of it."""
    kind, info = get_args(parameter.annotation)
    if info.hidden:
        return parameter
    info = copy(info)
    names = (info.default, *(info.param_decls or ()))  # Typer keeps the first one there
    name = next(name for name in names if isinstance(name, str) and name.startswith("--"))
    info.envvar = list(remember(path, parameter.name, name, kind, info.rich_help_panel).variables)
    info.show_envvar = False
    return parameter.replace(annotation=Annotated[kind, info])


def _shape(command: Command) -> _Shape:
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, tuple[Any, Choice]] = {}
    own, sessions, contexts = [], [], []
    for name, parameter in inspect.signature(command).parameters.items():
        kind, *more = get_args(hints[name]) if get_origin(hints[name]) is Annotated else (hints[name],)
        if kind is Session:
            sessions.append(name)
        elif kind is typer.Context:
            contexts.append(name)
        elif is_dataclass(kind):
            groups[name] = kind, next((one for one in more if isinstance(one, Choice)), ALL)
        else:
            own.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
    return _Shape(groups, tuple(own), tuple(sessions), tuple(contexts))


@dataclass(frozen=True)
class _Nested:
    """A field of a group that is a group itself."""

    name: str
    group: Any


def _members(group: Any, choice: Choice) -> Iterator[Declared | _Nested]:
    """The fields of a group that a command has, in order."""
    rows = {row.name: row for row in declared(group) if choice.takes(row.name)}
    for one in fields(group):
        if isinstance(one.type, type) and is_dataclass(one.type):
            yield _Nested(one.name, one.type)
        elif one.name in rows:
            yield rows[one.name]


def _parameters_of(group: type, choice: Choice) -> list[tuple[str | None, inspect.Parameter]]:
    """The parameters of a group, each with its panel; None for an argument."""
    found: list[tuple[str | None, inspect.Parameter]] = []
    for one in _members(group, choice):
        if isinstance(one, _Nested):
            found += _parameters_of(one.group, choice)
        elif isinstance(one.setting, Argument):
            found.append((None, _argument(one, one.setting)))
        elif isinstance(one.setting, Switches):
            panel = one.setting.panel
            for switch in one.setting.switches:
                found += [(panel, own) for own in _flag((switch.name,), switch.help, panel)]
        else:
            found += [(one.setting.panel, own) for own in _option(one, one.setting)]
    return found


def option_names(group: type, choice: Choice = ALL) -> tuple[str, ...]:
    """The long names of the options of a group, as they are typed."""
    found: list[str] = []
    for one in _members(group, choice):
        if isinstance(one, _Nested):
            found += option_names(one.group)
        elif isinstance(one.setting, Switches):
            found += [switch.name for switch in one.setting.switches]
        elif isinstance(one.setting, Option):
            found.append((one.setting.names or (f"--{one.name.replace('_', '-')}",))[0])
    return tuple(found)


def _argument(one: Declared, argument: Argument) -> inspect.Parameter:
    info = typer.Argument(metavar=argument.metavar, help=argument.help, show_default=False)
    kind: Any = list[str] if argument.several else str
    if argument.optional:
        return _keyword(one.name, Annotated[kind | None, info], None)
    return _keyword(one.name, Annotated[kind, info])


def _option(one: Declared, option: Option) -> list[inspect.Parameter]:
    """The parameter of an option, and the hidden one that takes a flag back."""
    names = option.names or (f"--{one.name.replace('_', '-')}",)
    text = option.help if isinstance(option.help, str) else option.help()
    if option.experimental:
        text += f" [yellow]Experimental: {option.experimental}.[/yellow]"
    if one.kind is bool:
        return _flag(names, text, option.panel, on=one.default is True)
    default = list(one.default) if isinstance(one.default, tuple) else one.default
    if option.shown and default is not None:
        default = option.shown
    elif option.shown:
        text += f" [dim]\\[default: {option.shown}][/dim]"
    info = typer.Option(
        *names,
        help=text,
        metavar=option.metavar,
        rich_help_panel=option.panel or None,
        show_default=default is not None,
        autocompletion=completion(option.choices or option.offered),
    )
    return [_keyword(_key(names), Annotated[_written_kind(one.kind), info], default)]


def completion(values: Iterable[str]) -> Callable[[str], list[str]] | None:
    """What a shell offers for a value that is begun, or for the last of several with commas; None: files."""
    offered = tuple(values)

    def complete(incomplete: str) -> list[str]:
        before, comma, begun = incomplete.rpartition(",")
        return [f"{before}{comma}{value}" for value in offered if value.startswith(begun)]

    return complete if offered else None


def _flag(names: tuple[str, ...], text: str, panel: str, *, on: bool = False) -> list[inspect.Parameter]:
    """The parameter of a flag, and of the one that takes it back; of these, the one that is off is shown."""
    back_names = (f"--no-{names[0][2:]}",)
    shown, hidden = (back_names, names) if on else (names, back_names)
    told = typer.Option(*shown, help=text, rich_help_panel=panel or None, metavar="")
    untold = typer.Option(*hidden, hidden=True, metavar="")
    plain, back = (untold, told) if on else (told, untold)
    return [
        _keyword(_key(names), Annotated[bool, plain], default=False),
        _keyword(f"no_{_key(names)}", Annotated[bool, back], default=False),
    ]


def _keyword(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _key(names: tuple[str, ...]) -> str:
    """What the parser calls an option: its first name; a word that Python keeps to itself ends in ``_``."""
    key = names[0].removeprefix("--").replace("-", "_")
    return f"{key}_" if iskeyword(key) else key


def _written_kind(kind: Any) -> Any:
    """The type of what is written on the command line for a field."""
    if get_origin(kind) is tuple:
        return list[str] if get_args(kind)[-1] is ... else str | None
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    written = str if str in parts or any(get_origin(part) is Literal for part in parts) else parts[0]
    return written | None if NoneType in parts else written


def _call(command: Command, shape: _Shape, values: dict[str, Any]) -> None:
    context: typer.Context = values.pop("context")
    session: Session = context.obj
    session.typed = typed_options(context)
    made: dict[str, Any] = {one.name: values[one.name] for one in shape.own}
    made |= dict.fromkeys(shape.session, session) | dict.fromkeys(shape.context, context)
    try:
        # How to talk comes first: what goes wrong with the others is told in that way.
        for name, (kind, choice) in sorted(shape.groups.items(), key=lambda one: one[1][0] is not Talking):
            made[name] = _settled_group(kind, choice, values, context)
            if isinstance(made[name], Talking):
                made[name] = _louder(made[name], context)
                _talk(session, made[name])
        command(**made)
    except UsageError as error:
        if origins := origins_in(error, context):
            raise UsageError(f"{error.message} ({origins})") from error
        raise


def _louder(talking: Talking, context: typer.Context) -> Talking:
    """How to talk where both quiet and more were asked for: as was said the more directly.

    Raises:
        UsageError: both were said alike.
    """
    if not (talking.quiet and talking.verbose):
        return talking
    quiet, verbose = (strength_of(context, name) for name in ("quiet", "verbose"))
    if quiet == verbose:
        raise UsageError("--quiet and --verbose contradict each other; give one of them")
    return replace(talking, quiet=quiet > verbose, verbose=verbose > quiet)


def _talk(session: Session, talking: Talking) -> None:
    session.console = Console(quiet=talking.quiet, verbose=talking.verbose, debug=talking.debug)
    session.console.hush_libraries()


def _settled_group(group: Any, choice: Choice, values: dict[str, Any], context: typer.Context) -> Any:
    """Makes a group; a default that contradicts what was typed gives way to it.

    Raises:
        UsageError: something cannot be meant, and it is not only a default that is in its way.
    """
    try:
        return _gathered(group, choice, values, context)
    except UsageError as error:
        named = {key for key, known in known_options(context) if known.name in error.command_line.split()}
        weaker = {key for key in named if 0 < strength_of(context, key) < TYPED}
        if not weaker or weaker == named:
            raise
        defaults = {one.name: one.default for one in context.command.params}
        for key in weaker:
            source: Any = context.get_parameter_source(key)
            context.set_parameter_source(key, type(source).DEFAULT)
            values[key] = defaults[key]
        return _settled_group(group, choice, values, context)


def _gathered(group: Any, choice: Choice, values: dict[str, Any], context: typer.Context) -> Any:
    """Makes a group of what was parsed."""
    made: dict[str, Any] = {}
    untyped: set[str] = set()
    for one in _members(group, choice):
        if isinstance(one, _Nested):
            made[one.name] = _gathered(one.group, choice, values, context)
        elif isinstance(setting := one.setting, Argument):
            made[one.name] = values[one.name] or () if setting.optional else values[one.name]
        elif isinstance(setting, Switches):
            chosen = _switched(setting, values, context)
            made |= {} if chosen is None else {one.name: chosen}
            keys = [_key((switch.name,)) for switch in setting.switches]
            untyped |= set() if any(strength_of(context, key) == TYPED for key in keys) else {one.name}
        else:
            key = _key(setting.names or (f"--{one.name}",))
            value = values[key]
            said = bool(strength_of(context, key))
            if one.kind is bool:
                on = one.default is True
                value = on is not _settled(key, values, context, on=on)
                said = value is not on
            if one.default is not MISSING and (value is None or not said):
                continue  # nobody said anything
            made[one.name] = setting.read(value) if setting.read else value
            untyped |= set() if strength_of(context, key) == TYPED else {one.name}
    if any(one.name == DEFAULTED for one in fields(group)):
        made[DEFAULTED] = frozenset(untyped & made.keys())
    return group(**made)


def _settled(key: str, values: dict[str, Any], context: typer.Context, *, on: bool = False) -> bool:
    """Whether the shown one of ``--x`` and ``--no-x`` holds: the one that was said the more directly counts.

    Args:
        key: of the flag.
        values: what was parsed.
        context: the parser's.
        on: whether the flag is set by default, so that ``--no-x`` is shown.
    """
    said, back = (f"no_{key}", key) if on else (key, f"no_{key}")
    if values[said] and values[back] and strength_of(context, said) == strength_of(context, back):
        shown = key.replace("_", "-")
        raise UsageError(f"--{shown} and --no-{shown} contradict each other; give one of them")
    return bool(values[said] and not values[back])


def _switched(switches: Switches, values: dict[str, Any], context: typer.Context) -> str | None:
    """What the strongest of several switches says: the command line, the environment, the file."""
    on = {one: _key((one.name,)) for one in switches.switches}
    said = {one: strength_of(context, key) for one, key in on.items() if _settled(key, values, context)}
    strongest = [one for one in said if said[one] == max(said.values())]
    if len(strongest) > 1:
        names = " and ".join(one.name for one in strongest)
        raise UsageError(f"{names} contradict each other; give one of them")
    return strongest[0].value if strongest else None
