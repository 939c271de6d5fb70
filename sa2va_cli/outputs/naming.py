"""Names of outputs: from ``-o`` and what is saved to the file or folder of each.

Knows nothing about what is in them, nor about what is there already.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

from sa2va_cli.datatypes import FoundObject, Prompt, is_unicode
from sa2va_cli.errors import OutputError, UsageError, parameter
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.forms import VIDEO_CONTAINERS, Form, Request, form_of
from sa2va_cli.outputs.kind import FOLDER, OutputKind
from sa2va_cli.outputs.kinds import KINDS, check_kinds
from sa2va_cli.outputs.saving import STANDARD_OUTPUT, Saving
from sa2va_cli.parameters import named
from sa2va_cli.staging import output_errors

_FIELDS = ("stem", "kind", "prompt", "object", "ext")
_NUMBER = re.compile(r"%0?\d*d|#+")
"""A place for a frame's number in a name, as printf (``%04d``) or as compositors (``####``) write it."""
_FRAME_ENDINGS = (".png", ".tif", ".tiff", ".exr")


@dataclass(frozen=True)
class PlannedOutput:
    """One file or folder that a run will make.

    Attributes:
        kind: its name in ``KINDS``.
        path: where it goes.
        prompt: only the objects of this prompt, by its id; None for all.
        folder: whether it is a folder.
        form: how it is stored.
        object: only this object, by its id; None for all.
        by_object: whether it is one of those that ``{object}`` in a name makes, one for each object; while
            these are not known it stands for all of them, with ``{object}`` in its path.
    """

    kind: str
    path: Path
    prompt: int | None
    folder: bool
    form: Form | None = None
    object: int | None = None
    by_object: bool = False

    @property
    def is_stream(self) -> bool:
        """Whether it goes to standard output, and is no file."""
        return self.form is not None and self.form.layout == "stream"


def plan_outputs(
    saving: Saving,
    prompts: Sequence[Prompt],
    source_kind: str,
    stem: str,
    *,
    drawing: Drawing | None = None,
    delivery: Delivery | None = None,
    source: Path | None = None,
    objects: Sequence[FoundObject] | None = None,
) -> tuple[PlannedOutput, ...]:
    """Names everything that a run will make.

    Objects are known late: it is called once before, and once with them where a name has ``{object}``.

    Args:
        saving: what was asked for.
        prompts: what is looked for; ``{prompt}`` stands for the label of each.
        source_kind: ``video``, ``image`` or ``frames``.
        stem: what names are derived from.
        drawing: how it is drawn, on which the kind of file may depend.
        delivery: how they are stored.
        source: the input, beside which some receivers want their files.
        objects: what the prompts found; None while that is not known.

    Raises:
        UsageError: unknown kinds, a faulty template, one name for two outputs, or what cannot be stored so.
    """
    check_kinds(saving.kinds)
    _check_effects(saving.kinds, drawing)
    kinds = tuple(dict.fromkeys(saving.kinds))
    delivery = delivery or Delivery()
    template, names = _split_names(_template(saving.output, kinds), saving.output)
    given = saving.output or ""
    into_folder = names is None and template.endswith(f"/{_DEFAULT}")
    ending = "" if into_folder else Path(names or given).suffix.lower()
    known = ending in _FRAME_ENDINGS if names else ending[1:] in VIDEO_CONTAINERS
    parts = _parts(f"{template}/{names}", prompts, objects, allow_empty=saving.allow_empty)
    planned: list[PlannedOutput] = []
    for kind in kinds:
        request = Request(
            kind,
            KINDS[kind].drawn(drawing),
            source_kind,
            delivery,
            ending if known else "",
            names,
            given == STANDARD_OUTPUT,
            saving.output,
        )
        form = form_of(request)
        own = template
        if names is None and template.endswith(_DEFAULT):
            own = _receiver_place(template, request, form, source)
        for part in parts.of(KINDS[kind]):
            fields = {"stem": stem, "kind": kind, "prompt": part.prompt_slug, "object": part.object_slug}
            filled = form.names and form.names.format(**fields, ext=form.picture_ending[1:])
            path = Path("-") if form.layout == "stream" else _fill(own, fields, form.endings)
            form_of_it = replace(form, names=filled)
            planned.append(
                PlannedOutput(
                    kind, path, part.prompt, form.folder, form_of_it, part.object, by_object=part.by_object
                )
            )
    _check_used(delivery, planned, drawing)
    _check_distinct(planned, saving)
    return tuple(planned)


def plan_record(saving: Saving, stem: str, kind: str, ending: str) -> PlannedOutput:
    """Names a file that holds no pictures and is no row of ``KINDS``, such as one of answers.

    Args:
        saving: what was asked for; its kinds do not count.
        stem: what the name is derived from.
        kind: what ``{kind}`` stands for.
        ending: of the name, with its dot.

    Raises:
        UsageError: a faulty template, or another ending.
    """
    fields = {"stem": stem, "kind": kind, "prompt": "all", "object": "all"}
    path = _fill(_template(saving.output, (kind,)), fields, (ending,))
    return PlannedOutput(kind, path, None, folder=False)


def _check_effects(kinds: Iterable[str], drawing: Drawing | None) -> None:
    """Refuses what shows effects where there are none.

    Raises:
        UsageError: it would be a plain copy of the source.
    """
    if drawing is not None and drawing.effects:
        return
    for kind in kinds:
        if KINDS[kind].needs_effects:
            raise UsageError(
                f"{parameter('kinds', option='--save')} {kind}: nothing says what is to be changed; "
                'sa2va edit INPUT "blur the dog" does'
            )


def _check_distinct(planned: Iterable[PlannedOutput], saving: Saving) -> None:
    """Refuses one name for two outputs.

    Raises:
        UsageError: there is one.
    """
    seen: dict[Path, PlannedOutput] = {}
    for output in planned:
        other = seen.setdefault(output.path, output)
        if other is not output:
            raise UsageError(
                f"-o {saving.output}: {other.kind} and {output.kind} would both be {output.path}; "
                "add {kind}"
            )


_PENDING = "{object}"
"""What stands in a path for objects that are not known yet."""


@dataclass(frozen=True)
class _Part:
    """Whose masks an output shows, and what that is called in its name."""

    prompt: int | None = None
    prompt_slug: str = "all"
    object: int | None = None
    object_slug: str = "all"
    by_object: bool = False


@dataclass(frozen=True)
class _Parts:
    """The outputs that a kind has one of each: for all together, each prompt, or each object."""

    by_prompt: tuple[_Part, ...]
    by_object: tuple[_Part, ...]

    def of(self, kind: OutputKind) -> tuple[_Part, ...]:
        """Those of a kind: only pictures are made of one object."""
        if not kind.for_each_prompt:
            return (_Part(),)
        return self.by_object if kind.content is not None else self.by_prompt


def _parts(
    template: str, prompts: Sequence[Prompt], objects: Sequence[FoundObject] | None, *, allow_empty: bool
) -> _Parts:
    """What there is one output for each of, by the fields of a template."""
    slugs = _slugs({prompt.id: prompt.label for prompt in prompts})
    by_prompt = tuple(_Part(number, slug) for number, slug in slugs.items())
    wanted = {field for _, field, _, _ in string.Formatter().parse(template)}
    if "prompt" not in wanted:
        by_prompt = (_Part(),)
    if "object" not in wanted:
        return _Parts(by_prompt, by_prompt)
    if objects is None:
        pending = (replace(part, object_slug=_PENDING, by_object=True) for part in by_prompt)
        return _Parts(by_prompt, tuple(pending))
    found = {one.prompt.id for one in objects}
    empty = [prompt for prompt in prompts if allow_empty and prompt.id not in found]
    # Negative numbers stand for prompts that found nothing and get an output without masks.
    labels = {one.id: one.prompt.label for one in objects} | {-one.id: one.label for one in empty}
    owners = {one.id: one.prompt.id for one in objects} | {-one.id: one.id for one in empty}
    by_object = tuple(
        _Part(owners[key], slugs[owners[key]], key if key > 0 else None, slug, by_object=True)
        for key, slug in _slugs(labels).items()
    )
    return _Parts(by_prompt, by_object)


def _split_names(template: str, output: str | None) -> tuple[str, str | None]:
    """Splits ``out/name.####.png`` into its folder and the names of the pictures, with a printf field."""
    place, _, name = template.rpartition("/")
    if output is None or not _NUMBER.search(name) or Path(name).suffix.lower() not in _FRAME_ENDINGS:
        return template, None
    if len(_NUMBER.findall(name)) > 1:
        raise UsageError(f"-o {output}: give one place for the frame's number, not several")
    if not place:
        raise UsageError(
            f"-o {output}: frames go into a folder of their own; give one, as in -o frames/{output}"
        )
    stem, ending = name[: -len(Path(name).suffix)], Path(name).suffix
    return place, _NUMBER.sub(_printf, stem) + ending


def _printf(field: re.Match[str]) -> str:
    return field[0] if field[0].startswith("%") else f"%0{len(field[0])}d"


def _receiver_place(template: str, request: Request, form: Form, source: Path | None) -> str:
    """Where a receiver wants a folder, where nobody has named one: in the shot's, beside ``Input``."""
    preset = request.preset
    if preset is None or not preset.folder or not form.folder or request.kind not in preset.kinds:
        return template
    shot = "{stem}"
    inputs = [one for one in (source, source and source.parent) if one and one.name.casefold() == "input"]
    if inputs:
        shot = _literal(str(inputs[0].parent))
    elif request.source_kind == "frames":
        return template  # a shot's folder would be the folder that is read
    if template != _DEFAULT:  # a folder was given
        return f"{template.removesuffix(_DEFAULT)}{{stem}}/{preset.folder}"
    return f"{shot}/{preset.folder}"


def _check_used(delivery: Delivery, planned: Sequence[PlannedOutput], drawing: Drawing | None) -> None:
    """Refuses options that no output has a use for.

    Raises:
        UsageError: one has no effect.
    """
    contents = {kind: row.drawn(drawing).content for kind, row in KINDS.items()}
    forms = [(contents[output.kind], output.form) for output in planned if output.form is not None]
    pictures = [(content, form) for content, form in forms if content is not None]
    uses = {
        "codec": any(form.in_time for _, form in pictures),
        "container": bool(pictures),
        "crf": any(form.in_time for _, form in pictures),
        "fps": any(form.in_time for _, form in pictures),
        "value_range": any(content == "mask" and form.in_time for content, form in pictures),
        "start_number": any(form.layout == "folder" for _, form in pictures),
        "alpha": any(content == "alpha" for content, _ in pictures),
    }
    for name, used in uses.items():
        if getattr(delivery, name) is not None and not used and name not in delivery.defaulted:
            made = ", ".join(dict.fromkeys(output.kind for output in planned))
            raise UsageError(f"{_named(delivery, name)} means nothing for {made} of this input; leave it out")


def _named(delivery: Delivery, name: str) -> str:
    if name == "alpha":
        return parameter(
            "alpha", option="--premultiply" if delivery.alpha == "premultiplied" else "--straight"
        )
    return named(Delivery, name, getattr(delivery, name))


_DEFAULT = "{stem}.{kind}.{ext}"


def _template(output: str | None, kinds: Sequence[str]) -> str:
    """Turns ``-o`` into a template.

    A path with braces is one; an existing folder, or whatever ends in a slash, gets the default name inside;
    anything else is the output itself, of which there can be but one.
    """
    default = _DEFAULT
    if output is None:
        return default
    if output == STANDARD_OUTPUT:
        if len(kinds) > 1:
            raise UsageError(
                f"-o - carries one kind, but {len(kinds)} are made ({', '.join(kinds)}); choose one"
            )
        return output
    if not output:
        raise UsageError("-o is empty; give a file, a folder or a template such as out/{stem}.{kind}.{ext}")
    if not is_unicode(output):
        raise UsageError(f"-o {output!r} is not in UTF-8, which video needs; choose another name")
    if "{" in output or "}" in output:
        _check_template(output)
        return f"{output}{default}" if output.endswith(("/", "\\")) else output
    with output_errors(Path(output)):
        folder = output.endswith(("/", "\\")) or Path(output).is_dir()
    if folder:
        return f"{_literal(output.rstrip('/') or '/')}/{default}"
    if len(kinds) > 1:
        raise UsageError(
            f"-o {output} is one file, but {len(kinds)} kinds are made ({', '.join(kinds)}); "
            f"give a folder ({output}/) or a template such as {{stem}}.{{kind}}.{{ext}}"
        )
    return _literal(output)


def _literal(path: str) -> str:
    return path.replace("{", "{{").replace("}", "}}")


def _check_template(template: str) -> None:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(
            f"-o {template}: a brace has no partner; write {{{{ or }}}} for a brace in the name itself"
        ) from error
    for _, field, spec, conversion in parts:
        if field is not None and (field not in _FIELDS or spec or conversion):
            written = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            allowed = ", ".join(f"{{{name}}}" for name in _FIELDS)
            raise UsageError(f"-o {template}: unknown field {{{written}}}; allowed are {allowed}")


def _fill(template: str, fields: dict[str, str], endings: Sequence[str]) -> Path:
    """Fills a template in; where it names no ending, or one that cannot be, the default is added."""
    name = template.format(**fields, ext=endings[0].removeprefix("."))
    known = {ending for kind in KINDS.values() for ending in (*kind.video, *kind.image) if ending != FOLDER}
    known |= {*_FRAME_ENDINGS, *(f".{name}" for name in VIDEO_CONTAINERS)}
    if endings[0] == FOLDER:
        if (ending := Path(template).suffix).lower() in known:
            raise UsageError(
                f"-o {template}: {fields['kind']} of this input is a folder; give its name without {ending}"
            )
        return Path(name.removesuffix("."))
    path = Path(name)
    if path.suffix.lower() in endings:
        return path
    if "{" not in template or ("{ext}" not in template and path.suffix.lower() in known):
        raise UsageError(f"-o {template}: {fields['kind']} of this input ends in {' or '.join(endings)}")
    return path.with_name(f"{path.name}{endings[0]}")


def _slugs(labels: Mapping[int, str]) -> dict[int, str]:
    """Turns labels into parts of file names, in any script; they differ even where case does not count."""
    slugs: dict[int, str] = {}
    taken: set[str] = set()
    for key, label in labels.items():
        slug = re.sub(r"[^\w-]+", "_", label).strip("_")[:60] or "prompt"
        numbered = (f"{slug}-{number}" for number in count(2))
        slugs[key] = next(name for name in chain([slug], numbered) if name.casefold() not in taken)
        taken.add(slugs[key].casefold())
    return slugs


def check_frame_names(planned: Sequence[PlannedOutput], names: Sequence[str]) -> None:
    """Checks that pictures in a folder can be named after the frames they belong to.

    Args:
        planned: the outputs.
        names: of the frames, without endings, where each is a file of its own.

    Raises:
        OutputError: two frames would have one picture.
    """
    folder = next(
        (one.path for one in planned if one.folder and (one.form is None or one.form.names is None)), None
    )
    name, times = max(Counter(names).items(), key=lambda item: item[1], default=("", 0))
    if folder is not None and times > 1:
        raise OutputError(f"{times} frames would be called {folder / name}.png; give each a name of its own")
