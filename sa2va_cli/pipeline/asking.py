"""The whole story of a question: open, look, load, ask, and write what the answer finds.

What an answer finds is followed and drawn as ``segmentation`` does it: the answer takes the place of asking
for each prompt, and nothing else differs.
"""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sa2va_cli.checkpoints.hub import knows_regions, makes_masks
from sa2va_cli.conversation import (
    ChatEngine,
    Exchange,
    Listener,
    Question,
    Reply,
)
from sa2va_cli.datatypes import Grounding, Session
from sa2va_cli.errors import ModelError, NothingFoundError, UsageError
from sa2va_cli.events import Notice, Progress, Report, no_report
from sa2va_cli.model.prompt_text import spoken
from sa2va_cli.pipeline.asking_job import AskJob, AskResult, Unread, Viewing
from sa2va_cli.pipeline.finding import Findings, decode_on, named_as_mentioned, nothing_found
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.keyframes import read_keyframes
from sa2va_cli.pipeline.marking import masks_seen, segmenter_of
from sa2va_cli.pipeline.planning import Plan, planned
from sa2va_cli.pipeline.regions import placed_regions, region_masks
from sa2va_cli.pipeline.result import SegmentResult
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import run
from sa2va_cli.pipeline.viewing import Viewed, view_all, viewed
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.loading import LoadChat, load_announced, load_chat, memory_errors_explained
from sa2va_cli.runtime.threads import Threads, leave_threads
from sa2va_cli.visual_prompts import VisualPrompt


def check_known(model: ModelChoice, visual: Sequence[VisualPrompt], *, masks: bool = False) -> None:
    """Refuses what a model is known to lack, before anything is opened or loaded.

    Args:
        model: which one.
        visual: regions that questions are to speak of.
        masks: whether masks are to be written.

    Raises:
        ModelError: it makes no masks, or there is no such model.
        UsageError: it knows no regions.
    """
    if not visual and not masks:
        return
    name = model.name_on(model.placed())
    if masks and not makes_masks(name):
        raise _makes_none(name)
    check_takes(visual, name, knows=not visual or knows_regions(name))


def check_takes(visual: Sequence[VisualPrompt], name: str, *, knows: bool) -> None:
    """Makes sure that a model which is asked about regions knows them.

    Raises:
        UsageError: it knows none.
    """
    if visual and not knows:
        raise UsageError(
            f"{name} knows no regions; ask without them, or use a Sa2VA of InternVL type (--model 1b)"
        )


def check_regions(
    inputs: Sequence[Viewed],
    visual: Sequence[VisualPrompt],
    unread: Sequence[Unread] = (),
    question: str = "",
) -> None:
    """Makes sure, without a model, that what is pointed at are regions of the one still image.

    Args:
        inputs: what is shown.
        visual: what is pointed at.
        unread: what was to be shown beside it.
        question: what is asked.

    Raises:
        InputError: a mask's file is no picture.
        UsageError: there is no such image, something lies outside it, or the question speaks of a region that
            was not pointed at.
    """
    if not visual:
        return
    if unread or [(one.kind, len(one.frames)) for one in inputs] != [("image", 1)]:
        shown = [*(f"{one.source} ({one.kind})" for one in inputs), *(one.source for one in unread)]
        what = ", ".join(shown) or "nothing is shown"
        raise UsageError(f"regions are those of one still image, and this is about: {what}")
    placed = placed_regions(inputs[0].frames[0].image, visual)
    _check_spoken_of(question, len(placed))


def with_regions(
    engine: ChatEngine, inputs: Sequence[Viewed], visual: Sequence[VisualPrompt]
) -> tuple[Viewed, ...]:
    """The same with the regions that are pointed at.

    Raises:
        InputError: see ``check_regions``.
        UsageError: see there; or the model knows no regions, or sees nothing at one.
    """
    check_takes(visual, engine.identity.name, knows=engine.knows_regions)
    check_regions(inputs, visual)
    if not visual:
        return tuple(inputs)
    (one,) = inputs
    return (replace(one, regions=region_masks(segmenter_of(engine), one.frames[0].image, visual)),)


def question_about(text: str, inputs: Sequence[Viewed], past: tuple[Exchange, ...] = ()) -> Question:
    """A question about inputs, and their regions.

    Raises:
        UsageError: there is no question, there are regions of one among several inputs, or it speaks of one
            that was not pointed at.
    """
    pointed = [one.regions for one in inputs if one.regions is not None]
    if pointed and len(inputs) > 1:
        raise UsageError("regions are those of one still image, which is shown by itself")
    if pointed:
        _check_spoken_of(text, len(pointed[0]))
    return Question(text, tuple(one.pictures for one in inputs), pointed[0] if pointed else None, past)


def _check_spoken_of(text: str, regions: int) -> None:
    """Makes sure that a question speaks of no region that there is not.

    Raises:
        UsageError: it does.
    """
    for found in re.finditer(r"\bregion ?([0-9]+)\b", text, re.IGNORECASE):
        if not 1 <= int(found[1]) <= regions:
            known = "region1" if regions == 1 else f"region1 to region{regions}"
            raise UsageError(f"the question speaks of {found[0]}, and what was pointed at is {known}")


def shows_apart(model: ModelChoice) -> bool:
    """Whether a model is shown the images of a folder as several images: one that answers and no more is."""
    return not makes_masks(model.name_on(model.placed()))


@dataclass(frozen=True)
class AskPlan:
    """Everything that is decided before the model is loaded.

    Attributes:
        job: what was asked for.
        inputs: what the model will see.
        unread: what it will not, because it cannot be read.
        run: the run that writes what the answer finds; None where nothing is to be written.
    """

    job: AskJob
    inputs: tuple[Viewed, ...]
    unread: tuple[Unread, ...]
    run: Plan | None


@contextmanager
def planned_question(job: AskJob, report: Report = no_report) -> Generator[AskPlan, None, None]:
    """Looks at the inputs and decides everything that can go wrong early.

    Raises:
        Sa2VAError: see ``planning.planned``.
    """
    check_known(job.model, job.regions.visual, masks=job.saving is not None)
    if job.saving is None:
        apart = bool(job.inputs) and shows_apart(job.model)
        inputs, unread = view_all(job.inputs, job.viewing, report, apart=apart)
        check_regions(inputs, job.regions.visual, unread, job.question)
        yield AskPlan(job, inputs, unread, None)
        return
    (source,) = job.inputs
    with planned(segment_job(job, source, job.viewing.search(job.question)), report) as plan:
        inputs = (viewed(source, plan.reader, plan.job.search),)
        check_regions(inputs, job.regions.visual, question=job.question)
        yield AskPlan(job, inputs, (), plan)


def segment_job(job: AskJob, source: str, search: Search) -> SegmentJob:
    """The run that writes what an answer finds."""
    assert job.saving is not None  # noqa: S101  (asked by whoever calls this)
    return SegmentJob(source, search, job.model, job.saving, job.drawing, job.delivery)


def ask(
    job: AskJob,
    *,
    load: LoadChat = load_chat,
    report: Report = no_report,
    threads: Threads = leave_threads,
    listener: Listener | None = None,
) -> AskResult:
    """Asks one question and writes what the answer finds.

    Args:
        job: what to do.
        load: makes the model.
        report: is told how far the run is and what a person should know; called from this thread.
        threads: decides about torch's threads while objects are followed.
        listener: is given the answer as it is generated.

    Raises:
        Sa2VAError: of the kind that says what went wrong; then nothing half-written is left.
    """
    with planned_question(job, report) as plan:
        placement = plan.run.placement if plan.run else job.model.placed()
        name = job.model.name_on(placement)
        with memory_errors_explained(name, placement, "frames"):
            engine = load_announced(load, job.loaded, placement, report)
            check_masks(engine, name, wanted=plan.run is not None)
            report(Progress("reading"))
            inputs = with_regions(engine, plan.inputs, job.regions.visual)
            conversation = engine.converse(job.answering.generation())
            reply = conversation.ask(question_about(job.question, inputs), listener)
            masks = masks_seen(engine, plan.inputs, job.viewing, reply) if job.masks else ()
            saved = _saved(plan.run, engine, reply, report, threads)
    return AskResult(
        inputs=tuple(one.facts for one in plan.inputs),
        question=job.question,
        reply=reply,
        model=name,
        device=placement.device,
        dtype=placement.dtype,
        objects=objects_of(job.question, reply, job.viewing),
        masks=masks,
        saved=saved,
        unread=plan.unread,
    )


def _saved(
    plan: Plan | None, engine: ChatEngine, reply: Reply, report: Report, threads: Threads
) -> SegmentResult | None:
    """Writes what an answer finds, if that is wanted.

    Raises:
        Sa2VAError: see ``segmentation.run``.
    """
    if plan is None:
        return None
    try:
        return run(plan, segmenter_of(engine), report, threads, answered(reply))
    except NothingFoundError as error:
        if not len(reply.queries):
            raise
        raise error.advised("ask in other words, look at more --frames, or --allow-empty") from error


def check_masks(engine: ChatEngine, name: str, *, wanted: bool) -> None:
    """Makes sure that a model whose masks are to be written makes masks.

    Raises:
        ModelError: it has no mask decoder.
    """
    if wanted and not engine.has_masks:
        raise _makes_none(name)


def _makes_none(name: str) -> ModelError:
    return ModelError(f"{name} has no mask decoder; ask without --save, or use a Sa2VA (--model 1b)")


def objects_of(question: str, reply: Reply, viewing: Viewing) -> tuple[Any, ...]:
    """What an answer finds, named and numbered."""
    return named_as_mentioned(viewing.search(question).prompts[0], reply.mentions)


def answered(reply: Reply) -> Any:
    """Finds in a run what an answer found: see ``segmentation.Finding``."""

    def finding(plan: Plan, session: Session[Any, Any, Any], report: Report) -> Findings[Any]:
        search = plan.job.search
        (prompt,) = search.prompts
        answer = spoken(reply.marked)
        report(Notice(f"{prompt.label!r}: {answer}", "detail"))
        if not len(reply.queries) and not plan.job.saving.allow_empty:
            raise nothing_in_answer(plan, answer)
        return decode_on(
            session,
            read_keyframes(plan.reader, search),
            search,
            {prompt: Grounding(answer, reply.queries)},
            named_as_mentioned(prompt, reply.mentions),
        )

    return finding


def nothing_in_answer(plan: Plan, answer: str) -> NothingFoundError:
    """The error of an answer without masks."""
    (prompt,) = plan.job.search.prompts
    known = nothing_found(plan.job.search.prompts, {prompt.id: answer})
    reason = f"the answer marks nothing ({answer!r}); no files were written"
    return NothingFoundError(reason, known.answers, 'ask for masks, as in "Please segment the dog."')
