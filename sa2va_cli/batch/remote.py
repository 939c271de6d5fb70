"""Outputs of jobs that go to object storage: made on this computer first, then sent, then forgotten here.

What a job has made and not sent stays, so that a batch that was killed goes on where it was, on the computer
where that was. Knows nothing about kinds of jobs.
"""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sa2va_cli.batch.job import BatchJob, Outcome
from sa2va_cli.batch.marks import Mark, remote_mark
from sa2va_cli.errors import OutputError
from sa2va_cli.outputs.saving import Existing
from sa2va_cli.pipeline.fetching import cache_folder
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.storage import facts_of, upload
from sa2va_cli.staging import output_errors

_SOURCE = ".source.json"
_PARTS = ".parts"


@dataclass(frozen=True)
class Begun:
    """A job whose outputs go elsewhere, and that can be run.

    Attributes:
        existing: what is done about outputs that lie on this computer.
        kept: the URLs of outputs that are there and stay as they are.
    """

    existing: Existing
    kept: tuple[str, ...]


def local_template(key: str, url: str) -> tuple[str, str]:
    """Where a job makes what goes to a URL, as ``-o`` would have it, and the URL that stands for that folder.

    Args:
        key: of the job.
        url: what ``-o`` says, with its fields.
    """
    folder = url.partition("{")[0].rpartition("/")[0] + "/"
    place = str(local_folder(key)).replace("{", "{{").replace("}", "}}")
    return f"{place}/{url.removeprefix(folder)}", folder


def local_folder(key: str) -> Path:
    """Where a job makes what goes elsewhere."""
    return cache_folder().absolute() / "outputs" / key


def begun(job: BatchJob, existing: Existing, mark: Mark | None) -> Begun:
    """Looks at what is there, and puts away what an earlier run has made of another input.

    Raises:
        InputError: the storage cannot be asked.
        OutputError: an output is there and may not be replaced.
    """
    there = [url for url in job.names if facts_of(url, anew=True) is not None]
    if there and existing == "refuse":
        more = f" and {len(there) - 1} more exist" if len(there) > 1 else " exists"
        raise OutputError(f"{there[0]}{more} already; use --overwrite to replace or --skip-existing to keep")
    folder = local_folder(job.key)
    note, known = folder / _SOURCE, json.dumps(None if mark is None else mark.as_json())
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not note.exists() or note.read_text() != known:
            for one in folder.iterdir():
                if one.is_dir() and not one.name.endswith(_PARTS):
                    shutil.rmtree(one)
                elif not one.is_dir():
                    one.unlink()
            note.write_text(known)
    here: Existing = "overwrite" if existing == "overwrite" else "skip"
    return Begun(here, tuple(there) if existing == "skip" else ())


def sent(job: BatchJob, begun: Begun, result: SegmentResult, outcome: Outcome) -> Outcome:
    """Sends what was made.

    Raises:
        OutputError: it could not be sent; it stays on this computer.
    """
    if outcome.state != "done":
        return outcome
    marks: dict[str, dict[str, Any]] = {}
    for path in (*result.files, *result.skipped):
        url = job.url_of(Path(path))
        facts = None if url not in begun.kept else facts_of(url)
        marks[url] = remote_mark(facts or upload(Path(path), url))
    shutil.rmtree(local_folder(job.key), ignore_errors=True)
    return replace(outcome, outputs=marks)


def all_kept(job: BatchJob, begun: Begun) -> bool:
    """Whether nothing is to be done, as every output is there and stays."""
    return bool(begun.kept) and len(begun.kept) == len(job.names)


def kept(begun: Begun) -> Outcome:
    """What came of a job of which every output is there."""
    marks = {url: remote_mark(facts) for url in begun.kept if (facts := facts_of(url)) is not None}
    return Outcome("done", outputs=marks)
