"""What can be saved, and under which names.

To add a kind of output, add a row to ``KINDS``.
"""

import re
import string
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import FoundObject, FrameMasks, Sink
from sa2va_cli.errors import OutputError, UsageError
from sa2va_cli.export.coco import CocoSink
from sa2va_cli.export.davis import DavisSink
from sa2va_cli.pipeline.job import SegmentJob, is_unicode
from sa2va_cli.pipeline.sinks import Clip, CroppingSink, DrawingSink, labels_and_colours
from sa2va_cli.render.matte import draw_mask, draw_matte, with_opacity
from sa2va_cli.render.overlay import draw_overlay
from sa2va_cli.staging import output_error, output_errors

Objects = tuple[FoundObject, ...]
FOLDER = ""
"""Stands among file name endings for a folder."""


@dataclass(frozen=True)
class OutputKind:
    """One thing that can be saved.

    Attributes:
        make: builds the sink for a path.
        video: endings allowed for a video, the default first.
        image: likewise for one image.
        frames: likewise for a folder of frames.
    """

    make: Callable[[Path, Clip, Objects], Sink]
    video: tuple[str, ...]
    image: tuple[str, ...]
    frames: tuple[str, ...] = (FOLDER,)

    def endings(self, source_kind: str) -> tuple[str, ...]:
        """Returns the endings allowed for a kind of input."""
        return {"video": self.video, "image": self.image, "frames": self.frames}[source_kind]


def _mask(path: Path, clip: Clip, _: Objects) -> Sink:
    return DrawingSink(path, clip, lambda found: draw_mask(found.masks), "gray")


def _overlay(path: Path, clip: Clip, objects: Objects) -> Sink:
    labels, colours = labels_and_colours(objects)
    return DrawingSink(
        path, clip, lambda found: draw_overlay(found.frame.picture, found.masks, labels, colours), "h264"
    )


def _matte(path: Path, clip: Clip, _: Objects) -> Sink:
    def draw(found: FrameMasks) -> NDArray[np.uint16]:
        matte = draw_matte(found.frame.finest, found.alphas, found.threshold)
        return with_opacity(matte, found.frame.alpha)

    return DrawingSink(path, clip, draw, "prores4444")


def _crop(path: Path, clip: Clip, objects: Objects) -> Sink:
    labels, colours = labels_and_colours(objects)
    return CroppingSink(path, clip, lambda image, masks: draw_overlay(image, masks, labels, colours), "h264")


def _coco(path: Path, clip: Clip, objects: Objects) -> Sink:
    rate = clip.reader.rate if clip.info.kind == "video" else None
    return CocoSink(path, objects, source=clip.stem, rate=rate, overwrite=True)


def _davis(path: Path, _: Clip, objects: Objects) -> Sink:
    return DavisSink(path, objects, overwrite=True)


_VIDEO = (".mp4", ".mov", ".mkv", ".m4v")
_PICTURE = (".png", ".jpg", ".jpeg")

KINDS: dict[str, OutputKind] = {
    "mask": OutputKind(_mask, _VIDEO, (".png",)),
    "overlay": OutputKind(_overlay, _VIDEO, _PICTURE),
    "matte": OutputKind(_matte, (".mov", ".mkv"), (".png",)),
    "crop": OutputKind(_crop, _VIDEO, _PICTURE),
    "coco": OutputKind(_coco, (".json",), (".json",), (".json",)),
    "davis": OutputKind(_davis, (FOLDER,), (FOLDER,)),
}
"""Everything that ``--save`` knows."""

_FIELDS = ("stem", "kind", "prompt", "ext")


@dataclass(frozen=True)
class PlannedOutput:
    """One file or folder that a run will make.

    Attributes:
        kind: its name in ``KINDS``.
        path: where it goes.
        prompt: only the objects of this prompt; None for all.
        folder: whether it is a folder.
    """

    kind: str
    path: Path
    prompt: str | None
    folder: bool


def check_kinds(names: Sequence[str]) -> None:
    """Checks the names given with ``--save``.

    Raises:
        UsageError: there is none, or an unknown one; lists the allowed ones.
    """
    for name in names:
        if name not in KINDS:
            raise UsageError(f"unknown --save {name!r}; choose from {', '.join(KINDS)}")
    if not names:
        raise UsageError(f"nothing to save; choose from {', '.join(KINDS)} with --save")


def plan_outputs(job: SegmentJob, source_kind: str, stem: str) -> tuple[PlannedOutput, ...]:
    """Names everything that the run will make.

    Args:
        job: what was asked for.
        source_kind: ``video``, ``image`` or ``frames``.
        stem: what names are derived from.

    Raises:
        UsageError: unknown kinds, a faulty template, or one name for two outputs.
    """
    check_kinds(job.save)
    kinds = tuple(dict.fromkeys(job.save))
    template = _template(job.output, kinds, source_kind)
    prompts: Sequence[str | None] = job.search.prompts if "{prompt}" in template else (None,)
    slugs = _slugs([prompt for prompt in prompts if prompt is not None])
    planned: list[PlannedOutput] = []
    for kind in kinds:
        endings = KINDS[kind].endings(source_kind)
        for prompt in prompts:
            path = _fill(template, {"stem": stem, "kind": kind, "prompt": slugs.get(prompt, "")}, endings)
            planned.append(PlannedOutput(kind, path, prompt, endings[0] == FOLDER))
    seen: dict[Path, PlannedOutput] = {}
    for output in planned:
        other = seen.setdefault(output.path, output)
        if other is not output:
            raise UsageError(
                f"-o {job.output}: {other.kind} and {output.kind} would both be {output.path}; add {{kind}}"
            )
    return tuple(planned)


def _template(output: str | None, kinds: Sequence[str], source_kind: str) -> str:
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
    if len(kinds) > 1:
        raise UsageError(
            f"-o {output} is one file, but --save asks for {len(kinds)} ({', '.join(kinds)}); "
            f"give a folder ({output}/) or a template such as {{stem}}.{{kind}}.{{ext}}"
        )
    endings = KINDS[kinds[0]].endings(source_kind)
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
    if "{ext}" not in template and path.suffix.lower() in (*_VIDEO, *_PICTURE, ".json"):
        raise UsageError(f"-o {template}: {fields['kind']} of this input ends in {' or '.join(endings)}")
    return path.with_name(f"{path.name}{endings[0]}")


def _slugs(prompts: Iterable[str]) -> dict[str | None, str]:
    """Turns prompts into parts of file names, in any script; they differ even where case does not count."""
    slugs: dict[str | None, str] = {}
    taken: set[str] = set()
    for prompt in prompts:
        slug = re.sub(r"[^\w-]+", "_", prompt).strip("_")[:60] or "prompt"
        numbered = (f"{slug}-{number}" for number in count(2))
        slugs[prompt] = next(name for name in chain([slug], numbered) if name.casefold() not in taken)
        taken.add(slugs[prompt].casefold())
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


def settle_existing(
    planned: Sequence[PlannedOutput], job: SegmentJob
) -> tuple[tuple[PlannedOutput, ...], tuple[Path, ...]]:
    """Decides about outputs that exist already, and makes sure that the others can be written.

    Returns:
        What is to be made, and what is left alone.

    Raises:
        OutputError: something exists, is the input itself, or cannot be written.
    """
    existing = [output for output in planned if _is_there(output.path)]
    for output in existing:
        if Path(job.source).exists() and output.path.exists() and output.path.samefile(job.source):
            raise OutputError(f"{output.path} is the input itself; choose another -o")
    if job.existing == "refuse" and existing:
        more = f" and {len(existing) - 1} more exist" if len(existing) > 1 else " exists"
        raise OutputError(
            f"{existing[0].path}{more} already; use --overwrite to replace or --skip-existing to keep"
        )
    if job.existing == "overwrite":
        for output in existing:
            _check_replaceable(output)
    skipped = existing if job.existing == "skip" else []
    wanted = tuple(output for output in planned if output not in skipped)
    for parent in dict.fromkeys(output.path.parent for output in wanted):
        _check_writable(parent, wanted[0].path)
    return wanted, tuple(output.path for output in skipped)


def _is_there(path: Path) -> bool:
    """Whether something has this name.

    Raises:
        OutputError: it cannot be told, as the name is too long or leads through a closed folder.
    """
    with output_errors(path):
        return path.exists() or path.is_symlink()


def _check_replaceable(output: PlannedOutput) -> None:
    """A folder is replaced as a whole, so it must hold nothing but what a run puts there."""
    if output.path.is_dir() and not output.folder:
        raise OutputError(f"cannot write {output.path}: it is a folder")
    if not output.folder:
        return
    if not output.path.is_dir():
        raise OutputError(f"cannot write {output.path}: a file is in the way of the folder; move it")
    strange = next((item.name for item in output.path.iterdir() if item.suffix.lower() != ".png"), None)
    if strange is not None:
        raise OutputError(
            f"{output.path} holds {strange}, which is not ours; it is not overwritten, choose another -o"
        )


def _check_writable(parent: Path, path: Path) -> None:
    """Tries to make a nameless file in the folder, or in the nearest one above that exists."""
    place = parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        tempfile.TemporaryFile(dir=place).close()
    except FileNotFoundError as error:  # /proc and its like
        raise OutputError(f"cannot write {path}: {place} takes no new files; choose another -o") from error
    except OSError as error:
        raise output_error(path, error) from error


@contextmanager
def folders_for(planned: Sequence[PlannedOutput]) -> Generator[None, None, None]:
    """Makes the folders that outputs go to; takes the empty ones away again when the run fails."""
    made: list[Path] = []
    try:
        for output in planned:
            missing = [output.path.parent, *output.path.parent.parents]
            for folder in reversed([folder for folder in missing if not folder.exists()]):
                try:
                    folder.mkdir()
                except OSError as error:
                    raise output_error(output.path, error) from error
                made.append(folder)
        yield
    except BaseException:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise
