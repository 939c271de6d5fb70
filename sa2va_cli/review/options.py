"""Options of commands for a page: what there is, and from values back to a command's own, and to its words.

Made from the same declarations as the command line. Knows nothing about what options do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from sa2va_cli.errors import UsageError
from sa2va_cli.parameters import Declared, Option, Switches, declared

_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
)


@dataclass(frozen=True)
class PageOption:
    """Something that a page can set.

    Attributes:
        name: of the field.
        kind: ``boolean``, ``integer``, ``number``, ``string``, ``number or string`` or ``list``.
        choices: what it may be; empty for anything.
        default: what it is when nobody sets it, as JSON has it.
        help: one sentence.
        row: the declaration.
    """

    name: str
    kind: str
    choices: tuple[str, ...]
    default: Any
    help: str
    row: Declared = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        """The option as JSON has it."""
        return {
            "name": self.name,
            "type": self.kind,
            "choices": list(self.choices) or None,
            "default": self.default,
            "help": self.help,
        }

    def value(self, given: Any) -> Any:
        """The value of the field.

        Raises:
            UsageError: what is given is of another type.
        """
        if given is None:
            return self.row.default
        fits = {
            "boolean": isinstance(given, bool),
            "integer": isinstance(given, int) and not isinstance(given, bool),
            "number": isinstance(given, int | float) and not isinstance(given, bool),
            "string": isinstance(given, str),
            "number or string": isinstance(given, int | float | str) and not isinstance(given, bool),
            "list": isinstance(given, str)
            or (isinstance(given, list) and all(isinstance(one, str) for one in given)),
        }[self.kind]
        if not fits:
            raise UsageError(f"{self.name}={given!r:.60} must be {self.kind}")
        if self.choices and given not in self.choices:
            raise UsageError(f"{self.name}={given!r:.60} is unknown; choose from {', '.join(self.choices)}")
        if self.kind == "list":
            return (given,) if isinstance(given, str) else tuple(given)
        return given

    def words(self, value: Any) -> list[str]:
        """What is written on the command line for a value; nothing for the default."""
        setting = self.row.setting
        if value == self.row.default or value is None or value == ():
            return []
        if isinstance(setting, Switches):
            return [one.name for one in setting.switches if one.value == value]
        assert isinstance(setting, Option)  # noqa: S101  (arguments are left out)
        name = setting.names[0] if setting.names else f"--{self.name.replace('_', '-')}"
        if self.kind == "boolean":
            return [name if value else f"--no-{name[2:]}"]
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        return [f"{name}={text}"] if text.startswith("-") else [name, text]


def options_of(group: type, left_out: frozenset[str] = frozenset()) -> Iterator[PageOption]:
    """The options of a group.

    Args:
        group: a dataclass whose fields are declared with ``parameters``.
        left_out: names of fields that a page does not set.
    """
    for one in declared(group):
        if one.name in left_out:
            continue
        if isinstance(one.setting, Switches):
            text = " ".join(f"{switch.value}: {switch.help}" for switch in one.setting.switches)
            choices = tuple(dict.fromkeys(_literals(one.kind) or one.setting.choices))
            yield PageOption(one.name, "string", choices, _plain(one.default), text, one)
        elif isinstance(one.setting, Option):
            text = one.setting.help if isinstance(one.setting.help, str) else one.setting.help()
            yield PageOption(
                one.name, _kind(one.kind), one.setting.choices, _plain(one.default), _own(one, text), one
            )


def _own(one: Declared, text: str) -> str:
    """What an option says for people; that of one that is on by default is said of turning it off."""
    return f"If false: {text[0].lower()}{text[1:]}" if one.default is True else text


def _literals(kind: Any) -> tuple[str, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _kind(kind: Any) -> str:
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if any(get_origin(part) is tuple for part in parts):
        return "list"
    if str in parts and float in parts:
        return "number or string"
    return next((name for known, name in _NAMES if known in parts), "string")


def _plain(default: Any) -> Any:
    if default is MISSING:
        return None
    return list(default) if isinstance(default, tuple) else default


def split_values(
    given: Mapping[str, Any], groups: Mapping[str, tuple[PageOption, ...]]
) -> dict[str, dict[str, Any]]:
    """Sorts values into the groups that they belong to.

    Args:
        given: by the names of options.
        groups: the options of each.

    Returns:
        For each group the values of its fields.

    Raises:
        UsageError: an option is unknown, or its value is of another type.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in groups}
    for name, value in given.items():
        for group, options in groups.items():
            option = next((one for one in options if one.name == name), None)
            if option is not None:
                found[group][name] = option.value(value)
                break
        else:
            known = ", ".join(one.name for options in groups.values() for one in options)
            raise UsageError(f"option {name[:60]!r} is unknown here; there are {known}")
    return found
