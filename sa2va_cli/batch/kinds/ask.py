"""Jobs that answer a file of questions about an input, as ``sa2va ask --questions`` does."""

from pathlib import Path

from sa2va_cli.batch.kinds.kind import JobKind, Tools
from sa2va_cli.batch.options import Options
from sa2va_cli.batch.sources import MEDIA_ENDINGS
from sa2va_cli.errors import UsageError
from sa2va_cli.pipeline.answering import QuestionsJob, answers_of
from sa2va_cli.pipeline.asking_job import Regions, Viewing
from sa2va_cli.pipeline.result import SegmentResult

_SHARED = ("sampling", "start", "end", "every", "max_frames", "threshold", "stream", "deinterlace")


def _make(source: str, prompts: tuple[str, ...], options: Options) -> QuestionsJob:
    search, asking = options.search, options.asking
    if asking.questions is None:
        raise UsageError("there are no questions; give a file of them with --questions")
    if prompts or search.prompts:
        raise UsageError("questions stand in the file that --questions names; leave the prompts out")
    if options.saving.kinds_given:
        raise UsageError("--questions writes answers and no pictures; leave --save out")
    return QuestionsJob(
        source,
        Path(asking.questions),
        Viewing(asking.frames, **{name: getattr(search, name) for name in _SHARED}),
        options.answering,
        options.model,
        options.saving,
        Regions(search.points, search.boxes, search.masks),
        asking.batch_size,
    )


def _outputs(job: QuestionsJob) -> tuple[Path, ...]:
    return (answers_of(job).path,)


def _run(job: QuestionsJob, tools: Tools) -> SegmentResult:
    from sa2va_cli.pipeline.answering import answer_file

    return answer_file(job, load=lambda *_: tools.engine(), report=tools.report)


def _reads(options: Options) -> tuple[Path, ...]:
    from sa2va_cli.pipeline.answering import files_read

    given = options.asking.questions
    return files_read(Path(given), options.search.masks) if given else ()


KIND = JobKind(
    MEDIA_ENDINGS,
    _make,
    _outputs,
    _run,
    resumes=lambda _: False,  # its file of answers grows by whole records, so it can be ended at any
    reads=_reads,
    groups=frozenset(("asking", "answering")),
)
