"""From a plan to the effects of one run: words become prompts and objects, times become the source's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sa2va_cli.datatypes import FoundObject, Prompt
from sa2va_cli.editing.plan import Edit, EditPlan, Target
from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.reading import EffectUse
from sa2va_cli.render.effects.reading import Target as Meant


@dataclass(frozen=True)
class Moments:
    """The time of a clip.

    Attributes:
        duration: seconds of the whole clip.
        rate: frames per second.
        begin: seconds of its first frame on its own clock, in which frames have their times.
    """

    duration: Fraction
    rate: Fraction
    begin: Fraction = Fraction(0)


def named_prompts(plan: EditPlan, prompts: Sequence[Prompt]) -> dict[str, Prompt]:
    """Which prompt each target of a plan means.

    Args:
        plan: what is to be done.
        prompts: those of the tracks, or of the run.

    Raises:
        UsageError: one was not looked for.
    """
    known = {_bare(one.text): one for one in reversed(prompts)} | {
        _bare(one.label): one for one in reversed(prompts)
    }
    for words in plan.prompts:
        if _bare(words) not in known:
            have = ", ".join(repr(prompt.label) for prompt in prompts)
            raise UsageError(
                f"the tracks hold nothing that was found as {words!r}; they hold {have or 'nothing'}; "
                "edit the video itself to look for it"
            )
    return {words: known[_bare(words)] for words in plan.prompts}


def _bare(words: str) -> str:
    """Words without an article, which changes nothing of what is meant."""
    plain = " ".join(words.casefold().split()).strip(".。")
    return plain.removeprefix("the ").removeprefix("an ").removeprefix("a ")


def check_objects(plan: EditPlan, objects: Sequence[FoundObject]) -> None:
    """Checks that objects which are named by their numbers exist.

    Raises:
        UsageError: one does not.
    """
    numbers = [one.id for one in objects]
    for number in plan.objects:
        if number not in numbers:
            have = ", ".join(f"{one.id} ({one.label})" for one in objects)
            raise UsageError(f"there is no object {number}; the tracks hold {have or 'none'}")


def effect_uses(
    plan: EditPlan, prompts: Mapping[str, Prompt], moments: Moments | None = None
) -> tuple[EffectUse, ...]:
    """The effects of a run, in order.

    Args:
        plan: what is to be done.
        prompts: what each target means, as ``named_prompts`` gives it.
        moments: the time of the clip; None while it is not known: then all last from beginning to end.

    Raises:
        UsageError: an edit lies outside the clip.
    """
    return tuple(_use(edit, prompts, moments) for edit in plan.edits)


def _use(edit: Edit, prompts: Mapping[str, Prompt], moments: Moments | None) -> EffectUse:
    target = _meant(edit.target, prompts)
    reference = None if edit.reference is None else _meant(edit.reference, prompts)
    if moments is None:
        return EffectUse(edit.effect, edit.values, target, reference=reference)
    start, end = edit.span.seconds(moments.duration, moments.rate)
    last = None if end >= moments.duration else float(moments.begin + end)
    return EffectUse(
        edit.effect,
        edit.values,
        target,
        float(moments.begin + start) if start else float(moments.begin),
        last,
        reference,
    )


def _meant(target: Target, prompts: Mapping[str, Prompt]) -> Meant:
    if target.picture:
        return Meant(prompts=(), inverted=True)
    if not target.is_named:
        return Meant(inverted=target.inverse)
    ids = tuple(prompts[words].id for words in target.prompts)
    if target.prompts and target.objects:
        raise UsageError(f"{target.words}: name objects by their words or by their numbers, not both")
    return Meant(prompts=ids or None, objects=target.objects or None, inverted=target.inverse)
