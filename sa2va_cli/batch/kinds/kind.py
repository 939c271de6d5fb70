"""What a kind of job is: how one is made of an input and options, and how it is run.

Knows nothing about which kinds there are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sa2va_cli.batch.options import Options
from sa2va_cli.events import Report
from sa2va_cli.outputs.saving import Existing
from sa2va_cli.pipeline.job import Resuming
from sa2va_cli.pipeline.result import SegmentResult

if TYPE_CHECKING:
    from sa2va_cli.conversation import ChatEngine
    from sa2va_cli.datatypes import AnySegmenter
    from sa2va_cli.runtime.threads import Threads


@dataclass(frozen=True)
class Tools:
    """What a worker lends to a job.

    Attributes:
        segmenter: gives the loaded model, which finds things.
        engine: gives the loaded model, which answers questions; the same one.
        threads: entered while objects are followed; see ``runtime.threads.Threads``.
        report: is told how far the job is.
        resuming: how checkpoints are kept.
    """

    segmenter: "Callable[[], AnySegmenter]"
    engine: "Callable[[], ChatEngine]"
    threads: "Threads"
    report: Report
    resuming: Resuming


def _nothing(_: Options) -> tuple[Path, ...]:
    return ()


@dataclass(frozen=True)
class JobKind:
    """One kind.

    Attributes:
        endings: by which inputs are found in folders.
        make: the value that is run, from an input, prompts and options; has a field ``saving``.
        outputs: what that value will most likely make; opens no video.
        run: does it.
        resumes: whether a run of that value keeps checkpoints, and so can be ended at one.
        reads: files besides the input that options name and that decide about what is made.
        groups: of ``options.SPECIAL``, those that it has a use for.
    """

    endings: frozenset[str]
    make: Callable[[str, tuple[str, ...], Options], Any]
    outputs: Callable[[Any], tuple[Path, ...]]
    run: Callable[[Any, Tools], SegmentResult]
    resumes: Callable[[Any], bool]
    reads: Callable[[Options], tuple[Path, ...]] = _nothing
    groups: frozenset[str] = frozenset()

    def with_existing(self, work: Any, existing: Existing) -> Any:
        """The same work with another answer to outputs that exist."""
        if work.saving.existing == existing:
            return work
        return replace(work, saving=replace(work.saving, existing=existing))
