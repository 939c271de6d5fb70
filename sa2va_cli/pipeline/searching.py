"""What a plan looks for, found in its clip: from the answers of a preview, or by asking the language model.

Knows nothing about outputs; nothing is followed here.
"""

from dataclasses import replace
from pathlib import Path

from sa2va_cli.datatypes import Memory, ModelIdentity, Queries, Session, View
from sa2va_cli.events import Notice, Progress, Report
from sa2va_cli.pipeline.finding import Asking, Findings, ask, nothing_found
from sa2va_cli.pipeline.planning import Plan
from sa2va_cli.pipeline.provenance import source_facts
from sa2va_cli.pipeline.regrounding import find_in_shots, found_in
from sa2va_cli.pipeline.remembering import recalled
from sa2va_cli.pipeline.shots import Shots, shots_of
from sa2va_cli.pipeline.tracks_file import fitted


def preview_tracks(plan: Plan) -> Path:
    """Where a preview of a run leaves what it has found."""
    first = min((*(output.path for output in plan.outputs), *plan.skipped), default=Path(plan.stem))
    return fitted(first.parent / f"{plan.stem}.preview.tracks.sa2va")


def recall_or_ask(
    plan: Plan, session: Session[View, Queries, Memory], report: Report, identity: ModelIdentity
) -> Findings[Memory]:
    """Takes the answers of a preview, or else shows the keyframes to the language model."""
    tell_search(plan, report)
    path = preview_tracks(plan)
    facts = source_facts(plan.reader, plan.job.source) if path.is_file() else None
    known = facts and recalled(path, facts, plan.job.search.prompts, identity, plan.settings, plan.frames)
    if not known:
        return find_objects(plan, session, report, shots_in(plan, report), ask)
    report(Notice(f"the answers are those in {path}; the language model is not asked again"))
    return find_objects(plan, session, report, known.shots, known)


def tell_search(plan: Plan, report: Report) -> None:
    """Says what is looked for."""
    names = ", ".join(prompt.text or prompt.label for prompt in plan.job.search.prompts)
    report(Progress(f"looking for {names}"))


def shots_in(plan: Plan, report: Report) -> Shots:
    """The shots of a plan's clip."""
    if plan.has_usual_keyframes:
        return shots_of(plan.reader, plan.job.search, report)
    return Shots((0,), plan.frames)  # those that were chosen are for the whole clip


def find_objects(
    plan: Plan,
    session: Session[View, Queries, Memory],
    report: Report,
    shots: Shots,
    asking: Asking,
    *,
    as_decoded: bool = False,
) -> Findings[Memory]:
    """Finds what a plan looks for.

    Args:
        plan: what to do.
        session: of the clip.
        report: is told how far that is.
        shots: of the clip.
        asking: gets the language model's answers.
        as_decoded: whether keyframes will be shown as they are decoded, whatever the search says.

    Raises:
        NothingFoundError: nothing is found, and something must be.
    """
    search = plan.job.search
    shown = replace(search, sampling="first") if as_decoded else search
    if len(shots) > 1:
        report(Notice(f"{len(shots)} shots; the language model looks at each"))
        by_shot = find_in_shots(session, plan.reader, search, shots, report, asking)
        findings: Findings[Memory] = replace(by_shot, search=shown)
    else:
        findings = found_in(session, plan.reader, shown, shots, report, plan.keyframes, asking)
    for prompt, answer in findings.answers.items():
        report(Notice(f"{prompt.label!r}: {answer}", "detail"))
    if not findings.objects and not plan.job.saving.allow_empty:
        raise nothing_found(search.prompts, findings.answers_by_id)
    return findings
