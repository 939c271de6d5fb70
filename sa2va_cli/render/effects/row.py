"""What is known of an effect without making it: one row of the table. Importing it is instant."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from sa2va_cli.errors import UsageError
from sa2va_cli.parameters import one_of
from sa2va_cli.render.effects.parameters import Parameter, Values
from sa2va_cli.render.effects.plates import OpenPlate

if TYPE_CHECKING:
    from sa2va_cli.render.effects.effect import Effect

Area = Literal["inside", "around", "outside", "frame"]
"""Which pixels an effect changes: the target's; also some around it (outline, glow, shadow, plates); those
that are not the target's (background, spotlight); all, and objects lie elsewhere then (cameras)."""

Family = Literal["colour", "style", "redact", "remove", "background", "light", "camera", "text", "generated"]


@dataclass(frozen=True)
class EffectRow:
    """One effect.

    Attributes:
        name: its name.
        text: what it does, one line for help.
        where: file and class that do it, ``file:Class``.
        family: what it belongs to.
        value: the parameter that is given right after the name: ``recolour=blue``; None for none.
        parameters: all others, given as ``key=value``.
        english: other words for it, in small letters.
        chinese: words for it in Chinese.
        area: which pixels it changes.
        opens_files: whether its value may name a file.
        protects: whether people rely on it to hide something: a frame without a mask is then reported.
    """

    name: str
    text: str
    where: str
    family: Family
    value: Parameter | None = None
    parameters: tuple[Parameter, ...] = ()
    english: tuple[str, ...] = ()
    chinese: tuple[str, ...] = ()
    area: Area = "inside"
    protects: bool = False
    opens_files: bool = False

    @property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """Everything that it can be told, the value first."""
        return self.parameters if self.value is None else (self.value, *self.parameters)

    def is_transparent(self, values: Values) -> bool:
        """Whether with these values nothing is left of the background, which few kinds of file can hold."""
        return self.name == "background" and values.get("plate") == "transparent"

    def complete(self, given: Values) -> dict[str, Any]:
        """The values with the defaults of those that were not given.

        Raises:
            UsageError: one is unknown, or one that has no default is missing.
        """
        known = {one.name: one for one in self.all_parameters}
        for name in given:
            if name not in known:
                allowed = f"choose {one_of(tuple(known))}" if known else "it has none"
                raise UsageError(f"effect {self.name} has no parameter {name!r}; {allowed}")
        for name, one in known.items():
            if one.is_required and name not in given:
                raise UsageError(
                    f"effect {self.name} needs a {name}: {self.name}={one.metavar}; it must be {one.allowed}"
                )
        return {name: given.get(name, one.default) for name, one in known.items()}

    def made(self, values: Values, open_plate: OpenPlate | None = None) -> "Effect":
        """The effect with its parameters, for one clip; draws nothing yet.

        Args:
            values: as ``read_effect`` returns them.
            open_plate: opens files that effects lay behind things; without it those that need one fail.

        Raises:
            UsageError: the values do not go together.
            InputError: a file that they name cannot be read.
        """
        file, name = self.where.split(":")
        make = getattr(import_module(f"sa2va_cli.render.effects.{file}"), name)
        more = {"open_plate": open_plate} if self.opens_files else {}
        effect: Effect = make(**self.complete(values), **more)
        return effect
