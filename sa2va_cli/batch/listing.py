"""From what was asked for to a list of jobs, all of whose outputs differ.

Nothing is decoded: what cannot be meant is told before anything starts, within seconds for 10,000 jobs.
"""

import hashlib
import json
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

from sa2va_cli.batch.job import BatchJob
from sa2va_cli.batch.kinds import KINDS, check_batchable, kind_of
from sa2va_cli.batch.manifest import Entry, read_manifest
from sa2va_cli.batch.options import Options
from sa2va_cli.batch.placing import FIELDS, parent_of, placed, template_of
from sa2va_cli.batch.remote import local_folder, local_template
from sa2va_cli.batch.sources import Source, sources
from sa2va_cli.errors import UsageError
from sa2va_cli.media.sequences import is_pattern
from sa2va_cli.parameters import one_of
from sa2va_cli.pipeline.split import Split, read_split
from sa2va_cli.pipeline.storage import check_stored, is_stored


@dataclass(frozen=True)
class Request:
    """What a batch is asked to do.

    Attributes:
        inputs: files, folders and patterns.
        manifest: a file that lists jobs; None for none.
        kind: of jobs that do not say it.
        options: of jobs that say nothing else.
        mirror: whether the tree of the inputs is made again.
    """

    inputs: tuple[str, ...] = ()
    manifest: Path | None = None
    kind: str = "segment"
    options: Options = field(default_factory=Options)
    mirror: bool = False

    def __post_init__(self) -> None:
        kind_of(self.kind)
        check_batchable(self.options.saving)
        template_of(self.options.saving.output, mirror=self.mirror)
        if self.manifest is None:  # rows may be of other kinds
            _check_used(self.kind, self.options, "")


@dataclass(frozen=True)
class _Wanted:
    """A job that has no outputs yet."""

    source: Source
    prompts: tuple[str, ...]
    options: Options
    kind: str
    where: str
    index: int
    own: Any


def listed(request: Request, unread: Callable[[OSError], None] | None = None) -> list[BatchJob]:
    """Makes the jobs.

    Files that were found in a folder and are outputs of other jobs are no inputs.

    Args:
        request: what is asked for.
        unread: see ``sources.sources``.

    Raises:
        InputError: a folder, a pattern or the manifest leads to nothing.
        UsageError: two jobs would write the same file, or a job cannot be meant.
    """
    jobs = [(wanted, made(wanted, request)) for wanted in _wanted(request, unread)]
    written = {name for _, job in jobs for name in job.names}
    left = [
        (wanted, job) for wanted, job in jobs if not (wanted.source.found and _name(job.source) in written)
    ]
    _check_apart(left)
    return [job for _, job in left]


def made_of(source: Source, request: Request, index: int) -> BatchJob:
    """Makes one more job of an input, such as one that has appeared in a folder."""
    return made(_Wanted(source, (), request.options, request.kind, source.path, index, {}), request)


def _wanted(request: Request, unread: Callable[[OSError], None] | None) -> Iterator[_Wanted]:
    number = 0
    known: dict[str, tuple[str, Options]] = {}
    for source in sources(request.inputs, kind_of(request.kind).endings, unread):
        number += 1
        yield _Wanted(source, (), request.options, request.kind, source.path, number, {})
    if request.manifest is not None:
        for entry in read_manifest(request.manifest):
            number += 1
            yield _of_entry(entry, request, number, known)


def _of_entry(entry: Entry, request: Request, number: int, known: dict[str, tuple[str, Options]]) -> _Wanted:
    """Takes a row of a manifest apart; rows that say the same share one value."""
    said = repr(entry.options)
    if said not in known:
        known[said] = _said(entry, request)
    kind, options = known[said]
    source = Source(entry.input, _relative(entry.input))
    return _Wanted(source, entry.prompts, options, kind, entry.where, number, entry.options)


def _relative(path: str) -> PurePath:
    """A row's folder, below the current one: what lies beside that does not lead out of ``-o``."""
    if os.path.isabs(path) or is_stored(path):  # noqa: PTH117  (10,000 of them)
        return PurePath()
    parts = PurePath(os.path.normpath(path)).parent.parts
    return PurePath(*(part for part in parts if part != ".."))


def _said(entry: Entry, request: Request) -> tuple[str, Options]:
    """The kind and the options of a job that says some itself."""
    given = dict(entry.options)
    kind = str(given.pop("kind", request.kind))
    try:
        kind_of(kind)
    except UsageError as error:
        raise UsageError(f"{entry.where}: {error.message}") from error
    options = request.options.changed(given, entry.where)
    own = Options().changed(given, entry.where)
    _check_used(kind, own, f"{entry.where}: ")
    return kind, options


def _check_used(kind: str, options: Options, where: str) -> None:
    """Refuses options that jobs of a kind have no use for."""
    for group, name in options.special.items():
        if group not in kind_of(kind).groups:
            kinds = one_of(tuple(known for known, row in KINDS.items() if group in row.groups))
            raise UsageError(f"{where}{name} is for --kind {kinds}, and this is {kind}")


def made(wanted: _Wanted, request: Request) -> BatchJob:
    """Makes a job, with its place filled in."""
    source, options = wanted.source, wanted.options
    kind = kind_of(wanted.kind)
    shared = options.saving.output
    mirror = request.mirror and "output" not in wanted.own
    output = placed(template_of(shared, mirror=mirror), source.path, source.relative, wanted.index)
    prompts = wanted.prompts or options.search.prompts
    identity = [wanted.kind, source.path, list(prompts), output, wanted.own, _digest(request.options)]
    key, url, here = _sha(identity), None, output
    if output is not None and is_stored(output):
        check_stored(output.partition("{")[0])
        here, url = local_template(key, output)
    if here != shared:
        options = replace(options, saving=replace(options.saving, output=here))
    if is_stored(source.path):
        _check_source(source.path, wanted)
    try:
        _check_times(options)
        work = kind.make(source.path, wanted.prompts, options)
        outputs = kind.outputs(work)
    except UsageError as error:
        message = error.message if url is None else error.message.replace(str(here), str(output))
        raise UsageError(f"{wanted.where}: {message}{_advice(shared, error)}") from error
    split = _split(options, work, wanted.where)
    place = local_folder(key) if url else Path()
    return BatchJob(key, wanted.kind, source.path, work, outputs, kind.reads(options), split, url, place)


def _check_times(options: Options) -> None:
    """Refuses times that cannot be read, whatever the video."""
    if options.search.start is not None or options.search.end is not None:
        from sa2va_cli.pipeline.selection import selection

        selection(options.search)


def _check_source(url: str, wanted: _Wanted) -> None:
    """Refuses what is not read from storage."""
    check_stored(url)
    if url.endswith(".sa2va"):
        raise UsageError(f"{wanted.where}: tracks files are read from this computer only; download it")
    if is_pattern(url):
        raise UsageError(f"{wanted.where}: sequences of frames are read from this computer only")


def _split(options: Options, work: Any, where: str) -> Split | None:
    """How the input of a job is cut into parts.

    Raises:
        UsageError: that cannot be meant, or what is looked for lies in one place of the whole.
    """
    if options.splitting.split is None:
        return None
    try:
        split = read_split(options.splitting.split)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}") from error
    search = work.search
    pointed = any(prompt.visual for prompt in search.prompts)
    if search.when is not None or pointed:
        other = "--when looks for one time in" if search.when is not None else "what is pointed at lies in"
        raise UsageError(f"{where}: {other} the whole video, and --split cuts it; give one of them")
    return split


@lru_cache(maxsize=8)
def _digest(options: Options) -> str:
    """What decides about results in options; made once for all jobs that share them."""
    return _sha(options.as_json())


def _sha(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _check_apart(jobs: Sequence[tuple[_Wanted, BatchJob]]) -> None:
    """Refuses two jobs for one file, also where case does not count, and a job that would write an input."""
    writers: dict[str, tuple[_Wanted, str]] = {}
    for wanted, job in jobs:
        for path in dict.fromkeys(job.names):
            other, same = writers.setdefault(file_of(path), (wanted, path))
            if other is not wanted:
                raise UsageError(_collision(other, wanted, same, path))
    _check_inputs((job.source for _, job in jobs), writers)


def _collision(one: _Wanted, other: _Wanted, first: str, second: str) -> str:
    """What is said of two jobs for one file, with what would tell them apart."""
    if (one.source.path, one.prompts, one.own) == (other.source.path, other.prompts, other.own):
        rows = "" if one.where == one.source.path else f", by {one.where} and {other.where}"
        return f"{one.source.path} is given twice{rows}; give it once"
    what = second if first == second else f"{second}, which some disks do not tell from {first}"
    differ = file_of(str(one.source.relative)) != file_of(str(other.source.relative))
    fields = ["{relative}"] * differ
    if file_of(parent_of(one.source.path)) != file_of(parent_of(other.source.path)):
        fields.insert(0, "{parent}")
    mirror = ", or use --mirror" if differ else ""
    advice = f"add {one_of((*fields, '{index}'))} to -o{mirror}"
    return f"{one.where} and {other.where} would both write {what}; {advice}"


def _advice(output: str | None, error: UsageError) -> str:
    """What a batch adds to what is said of ``-o``."""
    if "unknown field" in error.message:
        return f", and in a batch {', '.join(f'{{{name}}}' for name in FIELDS)}, {{index:04}}"
    plain = output is not None and "{" not in output and not PurePath(output).suffix
    return f"; a folder is {output}/" if plain and error.message.startswith(f"-o {output}:") else ""


def file_of(name: str) -> str:
    """What is one file for every disk: on some neither case counts nor how accents are composed."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name.casefold())


def _name(source: str) -> str:
    return source if is_stored(source) else os.path.normpath(source)


def _check_inputs(paths: Iterable[str], writers: Mapping[str, tuple[_Wanted, str]]) -> None:
    for path in paths:
        writer = writers.get(file_of(_name(path)))
        if writer is not None:
            raise UsageError(
                f"{writer[0].where} would write {path}, which is an input of this batch; choose another -o"
            )
