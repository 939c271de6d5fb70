"""Where a job's outputs go: the fields that only a batch knows are filled in, the others are left.

``{parent}`` is the name of the folder that the input lies in, ``{index}`` the number of the job from 1 (with
a width, as in ``{index:04}``), ``{relative}`` the input's folder seen from the folder or pattern by which it
was found. Knows nothing about kinds of outputs.
"""

import re
from pathlib import Path, PurePath

from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.storage import is_stored

FIELDS = ("parent", "index", "relative")
_FIELD = re.compile(r"\{\{|\}\}|\{(parent|relative|index(?::(0?\d+))?)\}")
_DEFAULT = "{stem}.{kind}.{ext}"


def template_of(output: str | None, *, mirror: bool) -> str | None:
    """What ``-o`` means for all jobs.

    Args:
        output: as it was given; None for the current folder.
        mirror: whether the tree of the inputs is made again below it.

    Raises:
        UsageError: a single file, or standard output, cannot hold the outputs of a mirrored tree.
    """
    if not mirror:
        return output
    folder = output or ""
    if "{" in folder:
        raise UsageError(
            f"--mirror goes with a folder, and -o {output} is a template; write {{relative}} in it"
        )
    if Path(folder).suffix and not Path(folder).is_dir():
        raise UsageError(f"--mirror goes with a folder, and -o {output} is a file; give a folder")
    return f"{_literal(folder.rstrip('/'))}/{{relative}}/{_DEFAULT}".lstrip("/" if not folder else "")


def placed(template: str | None, source: str, relative: PurePath, index: int) -> str | None:
    """Fills in what only a batch knows; what is filled in stands for itself, braces included."""
    if template is None or not any(f"{{{name}" in template for name in FIELDS):
        return template

    def fill(field: re.Match[str]) -> str:
        if field[1] is None:
            return field[0]
        if field[1].startswith("index"):
            return format(index, field[2] or "")
        return _literal(parent_of(source) if field[1] == "parent" else relative.as_posix())

    filled = _FIELD.sub(fill, template)
    return filled.replace("/./", "/").removeprefix("./") if "{relative}" in template else filled


def folder_of(template: str | None) -> Path:
    """The folder that all outputs lie in or below: what stands before the first field."""
    if template is None or is_stored(template):  # what is known of jobs stays on this computer
        return Path()
    plain = template.replace("{{", "\x00").replace("}}", "\x01")
    before = plain.partition("{")[0]
    text = before.replace("\x00", "{").replace("\x01", "}")
    if "{" not in plain and (text.endswith("/") or Path(text).is_dir()):
        return Path(text)
    return Path(text + "x").parent


def parent_of(source: str) -> str:
    """The name of the folder that an input lies in."""
    return Path(source).absolute().parent.name


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
