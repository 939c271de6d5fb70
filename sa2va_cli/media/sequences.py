"""Names of image files: patterns and the files they mean, frame numbers, and names for what is made of them.

Patterns are those of shells (``*``, ``?``, ``[0-9]``) and of editors: ``%04d``, or ``####`` and ``@@@@`` with
one sign for a digit; a single ``#`` or ``@`` stands for a number of any width. Knows nothing about what is in
the files.
"""

import glob
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from sa2va_cli.errors import InputError

_FIELD = re.compile(r"%%|%0?(\d*)d|(#+|@+)")
"""A place for a frame number as printf (``%04d``) or as compositors (``####``) write it."""
_SIGN = r"(?<![^._/\\ ])-"
"""A minus, which is one only behind ``.``, ``_``, a space or nothing: not in ``shot-0001``."""
_NUMBER = re.compile(rf"((?:{_SIGN})?\d+)")
_MOST_NAMED = 3


@dataclass(frozen=True)
class Numbering:
    """What the numbers in the names of files say.

    Attributes:
        numbers: one for each file, rising; empty where the files differ in more than one number.
        note: what the user should know about them, such as a gap; None for nothing.
    """

    numbers: tuple[int, ...] = ()
    note: str | None = None


def is_pattern(text: str) -> bool:
    """Whether a text names files by a pattern."""
    return glob.has_magic(text) or _FIELD.search(text) is not None


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by which ``frame2`` comes before ``frame10`` and ``f.-0002`` before ``f.-0001``."""
    parts = _NUMBER.split(str(path))
    return [
        (0, int(part), part) if place % 2 and part.lstrip("-").isdecimal() else (1, 0, part.lower())
        for place, part in enumerate(parts)
    ]


def matches(pattern: str) -> list[Path]:
    """The files that a pattern means, in natural order.

    Folders at its beginning that exist under that very name are taken as they are, brackets included. Where a
    pattern has several places for a number, all stand for the same one. Brackets that match no file are taken
    for letters too.
    """
    known, rest = _existing_beginning(pattern)
    if not rest:
        return []
    found = _matching(known, rest)
    if not found and "[" in rest[-1]:
        found = _matching(known, [*rest[:-1], rest[-1].replace("[", "[[]")])
    return found


def _matching(known: str, rest: Sequence[str]) -> list[Path]:
    """The files of a folder that the rest of a pattern means."""
    wild = os.path.join(glob.escape(known), *(_as_glob(part) for part in rest))  # noqa: PTH118 (text, not a path)
    found = glob.glob(wild, recursive=True)  # noqa: PTH207 (takes absolute ones)
    if any(_FIELD.search(part) for part in rest):
        beginning = os.path.join(known, "").replace(os.sep, "/")  # noqa: PTH118
        parts = "/".join(map(_as_regex, rest)).replace("**/", "(?:.*/)?")
        exact = re.compile(re.escape(beginning) + parts, re.DOTALL)
        found = [name for name in found if _numbers_agree(exact.fullmatch(name.replace(os.sep, "/")))]
    return sorted((Path(name) for name in found if Path(name).is_file()), key=natural)


def pattern_stem(pattern: str) -> str | None:
    """What a pattern's last part says besides numbers and wildcards: ``sh010_v001`` for ``sh010_v001.*.png``.

    None where that is nothing, as for ``plates/*.png``, or where the text is no pattern.
    """
    _, rest = _existing_beginning(pattern)
    if not rest or not is_pattern(rest[-1]):
        return None
    pieces = re.split(r"%0?\d*d|#+|@+|\*+|\?+|\[[^\]]*\]", rest[-1])
    pieces[-1] = re.sub(r"\.\w+$", "", pieces[-1])
    stem = "".join([pieces[0].rstrip("._- "), *pieces[1:]]).replace("%%", "%").strip("._- ")
    return stem or None


def pattern_folder(pattern: str) -> Path:
    """The folder that a pattern's files lie in, or the first one above without wildcards."""
    known, rest = _existing_beginning(pattern)
    folder = Path(known)
    for part in rest[:-1]:
        if is_pattern(part):
            break
        folder /= part
    return folder


def _existing_beginning(pattern: str) -> tuple[str, list[str]]:
    """Splits a pattern into folders that exist by that name, and the parts that follow."""
    parts = Path(pattern).parts
    known = Path(parts[0]) if parts and Path(pattern).is_absolute() else Path()
    rest = list(parts[1:] if Path(pattern).is_absolute() else parts)
    while len(rest) > 1 and (known / rest[0]).is_dir():
        known /= rest.pop(0)
    return ("" if known == Path() else str(known)), rest


def _as_glob(part: str) -> str:
    """A part of a pattern with anything in the place of numbers: finds too much, never too little."""
    return _FIELD.sub(lambda field: "%" if field[0] == "%%" else "*", part)


def _as_regex(part: str) -> str:
    """A part of a pattern as an expression whose groups are the frame numbers."""
    if part == "**":
        return part
    done, text = 0, ""
    for field in _FIELD.finditer(part):
        text += _wildcards(part[done : field.start()])
        done = field.end()
        if field[0] == "%%":
            text += "%"
        elif field[2] and len(field[2]) == 1:  # programs differ: any width to one, four digits to another
            text += r"(-?\d+)"
        else:
            text += f"({_digits(len(field[2] or '') or int(field[1] or 1))})"
    return text + _wildcards(part[done:])


def _digits(width: int) -> str:
    """Numbers as ``printf`` pads them: more digits than ``width`` only where the first is not 0."""
    exact = rf"\d{{{width}}}|[1-9]\d{{{width},}}"
    # printf counts the sign as a place; renderers do not.
    return rf"{exact}|-\d{{{max(1, width - 1)},{width}}}|-[1-9]\d{{{width},}}"


def _wildcards(text: str) -> str:
    pieces = re.split(r"(\*|\?|\[!?\]?[^\]]*\])", text)
    plain = {"*": "[^/]*", "?": "[^/]"}
    return "".join(
        re.escape(piece) if not place % 2 else plain.get(piece) or _class(piece)
        for place, piece in enumerate(pieces)
    )


def _class(text: str) -> str:
    """A shell's class of signs as an expression's."""
    negated = text.startswith("[!")
    return f"[{'^' if negated else ''}" + text[1 + negated : -1].replace("[", r"\[") + "]"


def _numbers_agree(match: re.Match[str] | None) -> bool:
    return match is not None and len({int(number) for number in match.groups()}) == 1


def check_names(files: Iterable[Path]) -> None:
    """Makes sure that all names can be written into UTF-8 files.

    Raises:
        InputError: one cannot; its odd bytes are shown in hexadecimal.
    """
    for file in files:
        if any("\ud800" <= char <= "\udfff" for char in str(file)):
            shown = os.fsencode(file).decode("utf-8", "backslashreplace")
            raise InputError(
                f"{shown}: the name is not in UTF-8, which the files made from it need; rename it, as in: "
                "convmv -f latin1 -t utf8 --notest FOLDER"
            )


def file_names(files: Sequence[Path]) -> tuple[str, ...]:
    """Names with their endings, and with the folders in which the files differ: ``camA/0001.png``."""
    parents = [file.parent for file in files]
    if len(set(parents)) == 1:
        return tuple(file.name for file in files)
    common = os.path.commonpath([parent.absolute() for parent in set(parents)])
    return tuple(file.absolute().relative_to(common).as_posix() for file in files)


def frame_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names without endings for what is made of frames; no two are alike, even where case does not count.

    The first of these rules that tells all frames apart is used for all: the file's name without its ending
    (``0001``); folders before it, joined by ``_`` (``camA_0001``); the ending as well (``a.jpg`` beside
    ``a.png``); and the frame's place before that (``00001_a.png``).
    """

    def stem(name: str) -> str:
        return name.rpartition(".")[0] or name

    rules: tuple[Callable[[str], str], ...] = (
        lambda name: stem(name.rpartition("/")[2]),
        lambda name: stem(name).replace("/", "_"),
        lambda name: name.replace("/", "_"),
    )
    for rule in rules:
        made = tuple(rule(name) for name in names)
        if len({name.casefold() for name in made}) == len(names):
            return made
    return tuple(f"{place:05d}_{name.replace('/', '_')}" for place, name in enumerate(names))


def numbering(names: Sequence[str]) -> Numbering:
    """Reads the frame numbers out of the names of a sequence's files, given in natural order."""
    split = [_pieces(name) for name in names]
    if len({tuple(parts[::2]) for parts in split}) != 1 or len(split[0]) < 3:
        return Numbering(note=_side_by_side(names))
    columns = [[parts[place] for parts in split] for place in range(1, len(split[0]), 2)]
    moving = [column for column in columns if len(set(column)) > 1]
    if len(moving) > 1:
        return Numbering(note=_side_by_side(names))
    numbers = tuple(int(number) for number in (moving or columns)[-1])
    return Numbering(numbers, _gaps(numbers)) if len(set(numbers)) == len(numbers) else Numbering()


def _pieces(name: str) -> list[str]:
    """Splits a name into text, number, text, ..., text; the ending, which may hold digits, is text."""
    stem, point, ending = name.rpartition(".")
    pieces = _NUMBER.split(stem or name)
    pieces[-1] += point + ending if stem else ""
    return pieces


def _gaps(numbers: Sequence[int]) -> str | None:
    """Says which numbers are missing between the first and the last."""
    steps = [after - before for before, after in pairwise(numbers)]
    if not steps or max(steps) == 1:
        return None
    read = f"the {len(numbers)} files are read as frames that follow each other"
    if len(steps) > 1 and len(set(steps)) == 1:
        return f"the files are numbered in steps of {steps[0]} ({numbers[0]}, {numbers[1]}, ...); {read}"
    holes = [(at + 1, at + step - 1) for at, step in zip(numbers, steps, strict=False) if step > 1]
    shown = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in holes[:_MOST_NAMED])
    more = f" and {len(holes) - _MOST_NAMED} more gaps" if len(holes) > _MOST_NAMED else ""
    missing = sum(step - 1 for step in steps)
    verb = "is" if missing == 1 else "are"
    return f"the numbered sequence has gaps: {shown}{more} {verb} missing; {read}"


def _side_by_side(names: Sequence[str]) -> str | None:
    """Says when one folder holds several sequences with the same numbers, such as plates and their masks."""
    numbers: dict[tuple[str, ...], set[int]] = {}
    for parts in map(_pieces, names):
        if len(parts) > 2:
            numbers.setdefault((*parts[:-2], parts[-1]), set()).add(int(parts[-2]))
    kinds = [found for found in numbers.values() if len(found) > 1]
    if len(kinds) < 2 or not kinds[0] & kinds[1] or any("/" in name for name in names):
        return None
    return (
        f"{len(kinds)} sequences lie side by side and all {len(names)} files are read as one; "
        "to read one of them give its pattern, such as name.%04d.png"
    )
