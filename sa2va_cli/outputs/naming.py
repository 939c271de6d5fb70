"""Names of outputs: from ``-o`` and what is saved to the file or folder of each.

Knows nothing about what is in them, nor about what is there already.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from sa2va_cli.datatypes import Prompt, is_unicode
from sa2va_cli.errors import OutputError, UsageError
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.kind import FOLDER
from sa2va_cli.outputs.kinds import KINDS, check_kinds
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.staging import output_errors

_FIELDS = ("stem", "kind", "prompt", "ext")


@dataclass(frozen=True)
class PlannedOutput:
    """One file or folder that a run will make.

    Attributes:
        kind: its name in ``KINDS``.
        path: where it goes.
        prompt: only the objects of this prompt, by its id; None for all.
        folder: whether it is a folder.
    """

    kind: str
    path: Path
    prompt: int | None
    folder: bool


def plan_outputs(
    saving: Saving,
    prompts: Sequence[Prompt],
    source_kind: str,
    stem: str,
    drawing: Drawing | None = None,
) -> tuple[PlannedOutput, ...]:
    """Names everything that a run will make.

    Args:
        saving: what was asked for.
        prompts: what is looked for; ``{prompt}`` stands for the label of each.
        source_kind: ``video``, ``image`` or ``frames``.
        stem: what names are derived from.
        drawing: how it is drawn, on which the kind of file may depend.

    Raises:
        UsageError: unknown kinds, a faulty template, or one name for two outputs.
    """
    check_kinds(saving.kinds)
    kinds = tuple(dict.fromkeys(saving.kinds))
    endings_of = {kind: KINDS[kind].endings(source_kind, drawing) for kind in kinds}
    template = _template(saving.output, endings_of)
    whole: dict[int | None, str] = {None: "all"}
    slugs = _slugs(prompts) if "{prompt}" in template else whole
    planned: list[PlannedOutput] = []
    for kind in kinds:
        endings = endings_of[kind]
        for prompt, slug in (slugs if KINDS[kind].for_each_prompt else whole).items():
            path = _fill(template, {"stem": stem, "kind": kind, "prompt": slug}, endings)
            planned.append(PlannedOutput(kind, path, prompt, endings[0] == FOLDER))
    seen: dict[Path, PlannedOutput] = {}
    for output in planned:
        other = seen.setdefault(output.path, output)
        if other is not output:
            raise UsageError(
                f"-o {saving.output}: {other.kind} and {output.kind} would both be {output.path}; "
                "add {kind}"
            )
    return tuple(planned)


def _template(output: str | None, endings_of: Mapping[str, tuple[str, ...]]) -> str:
    """Turns ``-o`` into a template.

    A path with braces is one; an existing folder, or whatever ends in a slash, gets the default name inside;
    anything else is the output itself, of which there can be but one.
    """
    default = "{stem}.{kind}.{ext}"
    if output is None:
        return default
    if output == "-":
        raise UsageError(
            "-o - is not possible: pictures cannot be written to standard output; use --json for data"
        )
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
    kinds = list(endings_of)
    if len(kinds) > 1:
        raise UsageError(
            f"-o {output} is one file, but --save asks for {len(kinds)} ({', '.join(kinds)}); "
            f"give a folder ({output}/) or a template such as {{stem}}.{{kind}}.{{ext}}"
        )
    endings = endings_of[kinds[0]]
    if endings[0] != FOLDER and Path(output).suffix.lower() not in endings:
        raise UsageError(f"-o {output}: {kinds[0]} of this input ends in {' or '.join(endings)}")
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
    if endings[0] == FOLDER:
        return Path(name.removesuffix("."))
    path = Path(name)
    if path.suffix.lower() in endings:
        return path
    known = {ending for kind in KINDS.values() for ending in (*kind.video, *kind.image) if ending != FOLDER}
    if "{ext}" not in template and path.suffix.lower() in known:
        raise UsageError(f"-o {template}: {fields['kind']} of this input ends in {' or '.join(endings)}")
    return path.with_name(f"{path.name}{endings[0]}")


def _slugs(prompts: Iterable[Prompt]) -> dict[int | None, str]:
    """Turns labels into parts of file names, in any script; they differ even where case does not count."""
    slugs: dict[int | None, str] = {}
    taken: set[str] = set()
    for prompt in prompts:
        slug = re.sub(r"[^\w-]+", "_", prompt.label).strip("_")[:60] or "prompt"
        numbered = (f"{slug}-{number}" for number in count(2))
        slugs[prompt.id] = next(name for name in chain([slug], numbered) if name.casefold() not in taken)
        taken.add(slugs[prompt.id].casefold())
    return slugs


def check_frame_names(planned: Sequence[PlannedOutput], names: Sequence[str]) -> None:
    """Checks that pictures in a folder can be named after the frames they belong to.

    Args:
        planned: the outputs.
        names: of the frames, without endings, where each is a file of its own.

    Raises:
        OutputError: two frames would have one picture.
    """
    folder = next((output.path for output in planned if output.folder), None)
    name, times = max(Counter(names).items(), key=lambda item: item[1], default=("", 0))
    if folder is not None and times > 1:
        raise OutputError(f"{times} frames would be called {folder / name}.png; give each a name of its own")
