"""Jobs that change what a plan names, as ``sa2va edit`` does: videos, pictures and tracks files."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from sa2va_cli.batch.kinds.kind import JobKind, Tools
from sa2va_cli.batch.options import Editing, Options
from sa2va_cli.batch.sources import MEDIA_ENDINGS, TRACKS_ENDINGS, source_kind
from sa2va_cli.editing.asked import plan_asked
from sa2va_cli.editing.grammar import parse_instruction
from sa2va_cli.editing.plan import EditPlan
from sa2va_cli.editing.uses import effect_uses, named_prompts
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.outputs.naming import plan_outputs
from sa2va_cli.pipeline.edit_job import EditJob, Looking
from sa2va_cli.pipeline.labels import numbered
from sa2va_cli.pipeline.result import SegmentResult


@lru_cache(maxsize=64)  # jobs that are told the same share one plan
def _plan(editing: Editing, prompts: tuple[str, ...]) -> EditPlan:
    if editing.targets and prompts:
        raise UsageError("--target and --prompt both say what is changed; give one of them")
    return plan_asked(
        editing.instruction,
        editing.targets or prompts,
        editing.effects,
        (editing.begins, editing.ends),
        None if editing.plan is None else Path(editing.plan),
        lambda words: parse_instruction(words, generative=editing.backend is not None),
    )


def _make(source: str, prompts: tuple[str, ...], options: Options) -> EditJob:
    editing, search, tracks = options.editing, options.search, options.from_tracks
    shared: tuple[str, ...] = prompts or search.prompts
    own = {name: getattr(search, name) for name in search.__dataclass_fields__ if name != "prompts"}
    saving = options.saving
    return EditJob(
        source,
        _plan(editing, shared),
        Looking(**own),
        options.model,
        replace(saving, kinds=("edit", *(saving.kinds if saving.kinds_given else ()))),
        options.drawing,
        options.delivery,
        editing.compare,
        editing.preview,
        editing.hold,
        editing.backend,
        None if editing.reference is None else Path(editing.reference),
        tracks.source,
        tracks.force,
    )


def _outputs(job: EditJob) -> tuple[Path, ...]:
    from sa2va_cli.pipeline.editing import prompts_of
    from sa2va_cli.pipeline.opening import stem_of
    from sa2va_cli.tracks.log import Tracks

    kind, stem, source = source_kind(job.source), stem_of(job.source), Path(job.source)
    if job.is_tracks:
        try:
            header = Tracks(source).header
        except InputError:  # it will be told when its turn comes
            return ()
        kind, stem, source = header.source.kind, header.stem, Path(header.source.path)
        prompts = header.prompts
    else:
        prompts = numbered(("picture",)) if job.plan.only_pictures else prompts_of(job)
    named = named_prompts(job.plan, prompts)
    uses = effect_uses(job.plan, named)
    planned = plan_outputs(
        job.saving,
        prompts,
        kind,
        stem,
        drawing=replace(job.drawing, effects=uses),
        delivery=job.delivery,
        source=source,
    )
    return tuple(output.path for output in planned)


def _run(job: EditJob, tools: Tools) -> SegmentResult:
    from sa2va_cli.pipeline.editing import edit

    return edit(
        job,
        load=lambda *_: tools.segmenter(),
        report=tools.report,
        threads=tools.threads,
        resuming=tools.resuming,
    )


def _resumes(job: EditJob) -> bool:
    """Whether the edit follows things in a video, which takes long; what is only drawn is drawn again."""
    plan = job.plan
    return not (job.is_tracks or plan.only_pictures or plan.generates)


def _reads(options: Options) -> tuple[Path, ...]:
    return tuple(Path(file) for file in (options.editing.plan, options.editing.reference) if file)


KIND = JobKind(
    MEDIA_ENDINGS | TRACKS_ENDINGS,
    _make,
    _outputs,
    _run,
    _resumes,
    _reads,
    frozenset(("editing", "from_tracks")),
)
