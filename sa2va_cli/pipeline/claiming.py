"""The outputs of a plan, kept for one run as they become known: those of single objects once these are found.

Knows nothing about how they are made.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sa2va_cli.datatypes import FoundObject
from sa2va_cli.events import Report
from sa2va_cli.outputs.existing import choose_outputs, claimed
from sa2va_cli.outputs.naming import PlannedOutput
from sa2va_cli.pipeline.deciding import named_outputs
from sa2va_cli.pipeline.finding import Findings
from sa2va_cli.pipeline.opening import files_read
from sa2va_cli.pipeline.planning import Plan


def claim_ready(plan: Plan, stack: ExitStack, report: Report) -> None:
    """Keeps the outputs that are known before anything is found, for as long as the stack is open.

    Raises:
        OutputError: another run writes one of them, or has written it meanwhile.
    """
    read = files_read(plan.job, plan.reader)
    stack.enter_context(claimed(_ready(plan), plan.job.saving, read, report))


def claim_found(
    plan: Plan, findings: Findings[Any], stack: ExitStack, report: Report
) -> tuple[tuple[PlannedOutput, ...], tuple[Path, ...]]:
    """Keeps the outputs of what was found as well.

    Args:
        plan: whose other outputs are kept already.
        findings: what was found.
        stack: keeps them for as long as it is open.
        report: is told what killed runs left of them.

    Returns:
        All outputs that are made, and those of single objects that exist and are left alone.

    Raises:
        OutputError: see ``claim_ready``.
    """
    read = files_read(plan.job, plan.reader)
    late, skipped = _of_objects(plan, findings.objects, read)
    outputs = _with_objects(plan, (*_ready(plan), *late), findings)
    if outputs:
        stack.enter_context(claimed(late, plan.job.saving, read, report))
    return outputs, skipped


def _ready(plan: Plan) -> tuple[PlannedOutput, ...]:
    return tuple(output for output in plan.outputs if not output.by_object)


def _of_objects(
    plan: Plan, objects: Sequence[FoundObject], read: Sequence[Path]
) -> tuple[tuple[PlannedOutput, ...], tuple[Path, ...]]:
    """Names the outputs of single objects, which are known now, and decides about those that exist."""
    kinds = {output.kind for output in plan.outputs if output.by_object}
    if not kinds:
        return (), ()
    named = named_outputs(plan.job, plan.job.search.prompts, plan.reader, plan.stem, objects)
    own = [output for output in named if output.by_object and output.kind in kinds]
    return choose_outputs(own, plan.job.saving, read)


def _with_objects(
    plan: Plan, outputs: tuple[PlannedOutput, ...], findings: Findings[Any]
) -> tuple[PlannedOutput, ...]:
    """Leaves out what belongs to a prompt that found nothing."""
    if plan.job.saving.allow_empty:
        return outputs
    missing = {prompt.id for prompt in findings.unmatched}
    return tuple(output for output in outputs if output.prompt not in missing)
