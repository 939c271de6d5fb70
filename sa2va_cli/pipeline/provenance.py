"""Where tracks come from: facts of an input and settings of a run, for the header of a log and back."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any

from sa2va_cli.media.reader import Reader
from sa2va_cli.pipeline.search import Search
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.tracks.fingerprint import Fingerprint, fingerprint
from sa2va_cli.tracks.header import Header, SourceFacts

_FIRST_STAMPS = 8
_SELECTION = (
    "sampling",
    "keyframes",
    "start",
    "end",
    "every",
    "max_frames",
    "verbatim",
    "stream",
    "deinterlace",
    "reground",
)


def source_facts(reader: Reader, given: str) -> SourceFacts:
    """Describes an input.

    Args:
        reader: the open input.
        given: the input as it was given.
    """
    info = reader.info
    return SourceFacts(
        path=given,
        kind=info.kind,
        size=info.size,
        frames=info.frames,
        rate=info.rate,
        time_base=info.time_base,
        duration_seconds=info.duration_seconds,
        first_pts=tuple(islice(reader.stamps(), _FIRST_STAMPS)),
        fingerprint=reader_fingerprint(reader) if reader.files else None,  # of a stream, or of arrays
    )


def reader_fingerprint(reader: Reader) -> Fingerprint:
    """What the files of an input are known by."""
    return fingerprint(reader.files)


def settings_of(search: Search, choice: ModelChoice) -> dict[str, Any]:
    """Every setting that changes a mask or chooses a frame, by the names of the options."""
    chosen = {name: getattr(search, name) for name in _SELECTION}
    if search.follow_every > 1:  # older versions do not know of it
        chosen["follow_every"] = search.follow_every
    model = asdict(choice)
    settings = chosen | {name: model[name] for name in ("attention", "quantize", "device_map", "compile")}
    if choice.has_follower:  # whose weights stand beside the model's
        settings |= {name: model[name] for name in ("follower", "follow_size")}
    return settings


def shot_entry(
    span: range, keyframes: Iterable[int], answers: Mapping[int, str], objects: Iterable[int]
) -> dict[str, Any]:
    """What the settings tell of one shot where the language model looked at several.

    Args:
        span: its frames.
        keyframes: which of them the model saw.
        answers: what it said, by the ids of the prompts.
        objects: the ids of those that were found.
    """
    return {
        "first": span.start,
        "last": span.stop - 1,
        "keyframes": list(keyframes),
        "answers": {str(number): answer for number, answer in answers.items()},
        "objects": sorted(objects),
    }


def search_of(header: Header) -> Search:
    """What was looked for, and on which frames.

    Raises:
        UsageError: the header has what cannot be meant.
    """
    names = (*_SELECTION, "follow_every")
    known = {name: header.settings[name] for name in names if name in header.settings}
    return Search(header.prompts, threshold=header.threshold, **known)
