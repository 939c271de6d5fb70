"""What can be delivered, and from what a page orders to a job of ``render`` or ``edit`` and its command line.

Made from the tables of kinds, presets and effects. Knows nothing about how anything is drawn.
"""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from sa2va_cli.editing.explicit import explicit_plan
from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.presets import PRESETS
from sa2va_cli.outputs.saving import DEFAULT_KINDS, Saving
from sa2va_cli.pipeline.edit_job import EditJob
from sa2va_cli.pipeline.rendering import RenderJob
from sa2va_cli.render.effects.parameters import Number, Parameter
from sa2va_cli.render.effects.reading import read_effect, written_effect
from sa2va_cli.render.effects.table import EFFECTS
from sa2va_cli.review.messages import line
from sa2va_cli.review.options import PageOption, options_of, split_values

WHAT = ("kind", "preset", "effect")
_NOT_OF_EDIT = frozenset(
    name
    for name in Drawing.__dataclass_fields__
    if name not in ("fill_holes", "min_area", "smooth", "refine", "grow", "shrink", "feather", "font")
)
"""Options of drawing that ``sa2va edit`` does not have."""
_TIMES = ("from", "to")


@dataclass(frozen=True)
class Order:
    """What somebody wants.

    Attributes:
        what: ``kind``, ``preset`` or ``effect``.
        name: of it, in its table.
        options: by their names.
        objects: ids of the objects it is about; None for all.
    """

    what: str
    name: str
    options: Mapping[str, Any]
    objects: tuple[int, ...] | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Order":
        """Reads the body of a request, which ``bodies.DELIVER`` describes.

        Raises:
            UsageError: not one thing is wanted, or one that is in no table.
        """
        given = [what for what in WHAT if what in body]
        if len(given) != 1:
            raise UsageError(f"give one of {', '.join(WHAT)}, got {' and '.join(given) or 'none'}")
        what, name = given[0], body[given[0]]
        table = {"kind": _kinds(), "preset": tuple(PRESETS), "effect": _effects()}[what]
        if name not in table:
            raise UsageError(f"{what} {name[:60]!r} is unknown; choose from {', '.join(table)}")
        objects = body.get("objects")
        return cls(what, name, body.get("options", {}), None if objects is None else tuple(objects))


@dataclass(frozen=True)
class Ordered:
    """What an order comes to.

    Attributes:
        job: of ``render`` or ``edit``.
        command: what does the same on the command line.
    """

    job: RenderJob | EditJob
    command: str


def _kinds() -> tuple[str, ...]:
    return tuple(name for name, kind in KINDS.items() if not kind.needs_effects and name != "tracks")


def _effects() -> tuple[str, ...]:
    return tuple(name for name, row in EFFECTS.items() if row.family != "generated")


@cache
def _groups(what: str) -> Mapping[str, tuple[PageOption, ...]]:
    """The options that go with something, by group."""
    edits = what == "effect"
    return {
        "saving": tuple(options_of(Saving, frozenset(("kinds",)))),
        "drawing": tuple(options_of(Drawing, _NOT_OF_EDIT if edits else frozenset())),
        "delivery": tuple(options_of(Delivery, frozenset(("receiver",)))),
    }


def table() -> dict[str, Any]:
    """Everything that can be delivered, with its options."""
    return {
        "kinds": [
            {"name": name, "help": KINDS[name].text, "options": _documents("kind", name)} for name in _kinds()
        ],
        "presets": [
            {
                "name": name,
                "title": row.title,
                "help": row.why or f"{row.title}: {', '.join(row.kinds)}",
                "kinds": list(row.kinds),
                "options": _documents("preset", row.kinds[0]),
            }
            for name, row in PRESETS.items()
        ],
        "effects": [
            {
                "name": name,
                "help": EFFECTS[name].text,
                "family": EFFECTS[name].family,
                "parameters": [_parameter(one) for one in EFFECTS[name].all_parameters],
                "options": _documents("effect", "edit"),
            }
            for name in _effects()
        ],
    }


def _documents(what: str, kind: str) -> list[dict[str, Any]]:
    """The options that go with a kind: not those that have another kind's name in theirs."""
    others = tuple(f"{name}_" for name in KINDS if name != kind)
    options = [one for group in _groups(what).values() for one in group]
    return [one.document for one in options if not one.name.startswith(others)]


def _parameter(one: Parameter) -> dict[str, Any]:
    number = isinstance(one, Number)
    whole = isinstance(one, Number) and one.whole
    default = None if one.is_required else one.default
    return {
        "name": one.name,
        "type": "integer" if whole else "number" if number else "string",
        "choices": list(getattr(one, "choices", ())) or None,
        "default": default if isinstance(default, str | int | float | bool | None) else str(default),
        "required": one.is_required,
        "help": one.help,
        "allowed": one.allowed,
        "minimum": one.least if isinstance(one, Number) and math.isfinite(one.least) else None,
        "maximum": one.most if isinstance(one, Number) and math.isfinite(one.most) else None,
    }


def ordered(order: Order, tracks: Path, source: str, folder: Path, beside: Path) -> Ordered:
    """Makes a job of an order.

    Args:
        order: what is wanted.
        tracks: the log.
        source: the video or pictures.
        folder: what was opened; files that are read lie below it, and so do outputs that are named.
        beside: where all other outputs are written: the folder of the clip's tracks.

    Raises:
        UsageError: it cannot be meant.
    """
    own, times, options = _taken_apart(order)
    groups = _groups(order.what)
    values = split_values(options, groups)
    place = _place(values["saving"].get("output"), folder, beside)
    drawing = Drawing(**_inside(values["drawing"], folder))
    values["saving"]["output"] = place
    words = [
        word
        for name, options_there in groups.items()
        for one in options_there
        if one.name in values[name]
        for word in one.words(getattr(drawing, one.name) if name == "drawing" else values[name][one.name])
    ]
    if order.what == "effect":
        return _edited(order, own, times, values, drawing, words, (tracks, source, folder))
    receiver = order.name if order.what == "preset" else None
    kinds = (order.name,) if order.what == "kind" else DEFAULT_KINDS
    delivery = Delivery(receiver=receiver, **values["delivery"])
    job = RenderJob(tracks, source, Saving(kinds, **values["saving"]), drawing, delivery)
    first = ["--for", order.name] if receiver else ["--save", order.name]
    command = ["sa2va", "render", str(tracks), "--source", source, *first, *words]
    return Ordered(job, shlex.join(command))


def _taken_apart(order: Order) -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
    """An effect's own parameters, its times, and all other options."""
    if order.what != "effect":
        return {}, {}, dict(order.options)
    known = {one.name for one in EFFECTS[order.name].all_parameters}
    own = {name: value for name, value in order.options.items() if name in known}
    times = {name: str(order.options[name]) for name in _TIMES if name in order.options}
    rest = {name: value for name, value in order.options.items() if name not in (*own, *times)}
    return {name: value for name, value in own.items() if value not in (None, "")}, times, rest


def _edited(
    order: Order,
    own: Mapping[str, Any],
    times: Mapping[str, str],
    values: Mapping[str, dict[str, Any]],
    drawing: Drawing,
    words: Sequence[str],
    places: tuple[Path, str, Path],
) -> Ordered:
    """An order of an effect as a job of ``edit``."""
    tracks, source, folder = places
    row = EFFECTS[order.name]
    value = row.value.name if row.value is not None else None
    first = f"={_text(own[value])}" if value is not None and value in own else ""
    rest = "".join(f",{name}={_text(one)}" for name, one in own.items() if name != value)
    use = read_effect(f"{order.name}{first}{rest}")
    if row.opens_files and "plate" in use.values:
        plate = _file_inside(str(use.values["plate"]), folder)
        use = replace(use, values={**use.values, "plate": plate})
    text = written_effect(use)
    targets = [f"#{','.join(map(str, order.objects))}"] if order.objects is not None else []
    plan = explicit_plan(targets, [text], times.get("from"), times.get("to"))
    job = EditJob(
        str(tracks),
        plan,
        saving=Saving(("edit",), **values["saving"]),
        drawing=drawing,
        delivery=Delivery(**values["delivery"]),
        video=source,
    )
    command = ["sa2va", "edit", str(tracks), "--source", source, "--effect", text]
    for target in targets:
        command += ["--target", target]
    for name, time in times.items():
        command += [f"--{name}", time]
    return Ordered(job, shlex.join([*command, *words]))


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{value!r:.60} is no value of an effect; give a number or a text")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _place(given: str | None, folder: Path, beside: Path) -> str:
    """Where outputs go: below what was opened, or beside the tracks.

    Raises:
        UsageError: somewhere else.
    """
    root = folder.absolute()
    if given is None or not given.strip():
        return f"{beside.absolute()}/"
    if given.startswith(("-", "~")) or "\0" in given:
        raise UsageError(f"output={given[:60]!r} is no name; give a file or a folder below {root}")
    path = root / given
    inside = path.resolve().is_relative_to(root.resolve())
    if not inside or ".." in Path(given).parts:
        raise UsageError(line("output_outside", file=given[:60], folder=str(root)))
    return f"{path}/" if given.endswith("/") else str(path)


def _inside(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Values of drawing whose files lie below what was opened."""
    found = dict(values)
    for name in ("font", "cutout_background"):
        if found.get(name) is not None:
            found[name] = _file_inside(found[name], folder)
    return found


def _file_inside(given: str, folder: Path) -> str:
    """A file's path, or a word that names none.

    Raises:
        UsageError: the file lies outside what was opened.
    """
    root = folder.absolute()
    path = root / given
    try:
        named = any(sign in given for sign in "/\\") or given.startswith("~") or Path(given).exists()
        if not named and not path.exists():
            return given
    except OSError as error:  # a name that is too long
        raise UsageError(f"{given[:60]!r}: {error.strerror or error}") from error
    if not path.resolve().is_relative_to(root.resolve()):
        raise UsageError(line("outside", file=given[:60], folder=str(root)))
    return str(path)


def previewed(ordered: Ordered, folder: Path) -> RenderJob | EditJob:
    """The same as a picture of one frame, in a folder.

    Raises:
        UsageError: it is no picture.
    """
    job = ordered.job
    kinds = job.saving.kinds[:1]
    if KINDS[kinds[0]].content is None:
        raise UsageError(line("no_preview", kind=kinds[0]))
    saving = replace(job.saving, kinds=kinds, output=f"{folder}/", verify=False, existing="overwrite")
    kept = Delivery(container="png", alpha=job.delivery.alpha, stacking=job.delivery.stacking)
    return replace(job, saving=saving, delivery=kept)
