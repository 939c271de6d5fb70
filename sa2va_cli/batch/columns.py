"""What a column of a manifest sets: which field of which options, and how its value is read.

A value has the type that the field declares; texts of CSV are read as the command line would. Knows nothing
about files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from sa2va_cli.errors import UsageError
from sa2va_cli.parameters import Declared, Option, Switches, declared

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


@dataclass(frozen=True)
class Column:
    """How a long name sets a field.

    Attributes:
        group: the field's group in ``options.Options``.
        field: its name.
        kinds: the types it may have, without ``None``.
        setting: how the command line sets it.
        constant: what a switch sets it to; None for a field that has a value of its own.
        negated: whether the column takes a flag back.
    """

    group: str
    field: str
    kinds: tuple[Any, ...]
    setting: Option | Switches
    constant: str | None = None
    negated: bool = False

    def read(self, value: Any, name: str) -> Any:
        """The field's value from what a manifest says; None for a switch that is off.

        Args:
            value: what it says.
            name: of the column, for messages.

        Raises:
            UsageError: it cannot be that.
        """
        if self.constant is not None:
            return self.constant if _truth(value, name) else None
        if bool in self.kinds:
            return _truth(value, name) != self.negated
        read = self.setting.read if isinstance(self.setting, Option) else None
        if read is None:
            return self._plain(value, name)
        if get_origin(self.kinds[0]) is tuple:
            return read(_texts(value, name))
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UsageError(f"{name} is a text or a number, got {value!r}")
        return read(str(value))

    def _plain(self, value: Any, name: str) -> Any:
        """A text or a number."""
        numbers = {int, float} & set(self.kinds)
        if isinstance(value, str) and (str in self.kinds or not numbers):
            return value
        number = _number(value) if numbers else None
        if number is not None and float in numbers:
            return number
        if number is not None and number == int(number):
            return int(number)
        wanted = "a text" if not numbers else "a number" if float in numbers else "a whole number"
        raise UsageError(f"{name} is {wanted}, got {value!r}")


def _number(value: Any) -> int | float | None:
    """A number, or what a text says; None where there is none, or one that nothing can be counted by."""
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < float("inf") else None


def _texts(value: Any, name: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    raise UsageError(f"{name} is a text or a list of texts, got {value!r}")


def _truth(value: Any, name: str) -> bool:
    found = _TRUTHS.get(str(value).strip().lower()) if isinstance(value, bool | str | int) else None
    if found is None:
        raise UsageError(f"{name} is true or false, got {value!r}")
    return found


def columns_of(groups: Mapping[str, type]) -> dict[str, Column]:
    """Every option of some groups by its long name with underscores; a flag also as what takes it back.

    Args:
        groups: dataclasses whose fields say how they are set, by their names in ``options.Options``.
    """
    return {
        name: column
        for group, kind in groups.items()
        for one in declared(kind)
        for name, column in _columns(group, one)
    }


def _columns(group: str, one: Declared) -> Iterator[tuple[str, Column]]:
    """The columns of one field with their names."""
    if isinstance(one.setting, Switches):
        for switch in one.setting.switches:
            yield _key(switch.name), Column(group, one.name, (str,), one.setting, switch.value)
    elif isinstance(one.setting, Option):
        kinds = _kinds(one.kind)
        long = [name for name in one.setting.names or (f"--{one.name}",) if name.startswith("--")]
        for key in map(_key, long):
            yield key, Column(group, one.name, kinds, one.setting)
            if bool in kinds:
                yield f"no_{key}", Column(group, one.name, kinds, one.setting, negated=True)


def _key(name: str) -> str:
    """The name of an option's column."""
    return name.lstrip("-").replace("-", "_")


def _kinds(kind: Any) -> tuple[Any, ...]:
    """The types that a value may have, without ``None``."""
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return tuple(part for part in parts if part is not NoneType)
