"""Options that have nothing to do in what a command was asked: one line instead of silence.

What cannot be meant is refused. What only this run has no use for is told: the same options often stand in a
script for many. Only what was typed counts: a default of the environment or
the configuration file is for many runs, and has its turn in others.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from sa2va_cli.commands.options import ALL, Choice, option_names
from sa2va_cli.commands.session import Session
from sa2va_cli.errors import UsageError
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.parameters import Option, declared, one_of

_ELSEWHERE = ("tonemap",)
"""What is told by those who know the source."""
_NEEDS_WORDS = ("--sampling", "--keyframes", "--verbatim")
"""What is about asking the language model."""


def refuse_idle(session: Session, names: Iterable[str], where: str) -> None:
    """Refuses options that were typed and have no effect.

    Args:
        session: knows what was typed.
        names: long names of the options that have none, as ``--crf``.
        where: in which case, as in ``without --save``.

    Raises:
        UsageError: one of them was typed.
    """
    typed = next((name for name in names if name in session.typed), None)
    if typed is not None:
        raise UsageError(f"{typed} means nothing {where}; leave it out")


def tell_idle(session: Session, names: Iterable[str], where: str) -> None:
    """Warns of options that were typed and have no effect; see ``refuse_idle``."""
    for name in names:
        if name in session.typed:
            session.console.warning(f"{name} means nothing {where}")


def names_in(*groups: type, choice: Choice = ALL) -> tuple[str, ...]:
    """The long names of all options of groups."""
    return tuple(name for group in groups for name in option_names(group, choice))


def tell_idle_drawing(session: Session, kinds: Sequence[str]) -> None:
    """Warns of options of drawing that were typed and change none of the kinds that are made."""
    for text in idle_drawing(kinds, session.typed):
        session.console.warning(text)


def idle_drawing(kinds: Sequence[str], typed: Collection[str]) -> Iterator[str]:
    """Says which options of drawing change none of the kinds that are made, and which ones they are for.

    Args:
        kinds: of output.
        typed: long names of options.
    """
    rows = [one for one in declared(Drawing) if one.name not in _ELSEWHERE]
    rows += [one for one in declared(Delivery) if one.name == "stacking"]
    for one in rows:
        assert isinstance(one.setting, Option)  # noqa: S101
        option = (one.setting.names or (f"--{one.name.replace('_', '-')}",))[0]
        if option in typed and not any(KINDS[kind].takes(one.name) for kind in kinds):
            able = tuple(
                name for name, kind in KINDS.items() if kind.takes(one.name) and not kind.needs_effects
            )
            yield f"{option} changes nothing of {', '.join(kinds)}; it is for {one_of(able)}"


def tell_idle_search(session: Session, *, has_words: bool, resumes: bool) -> None:
    """Warns of options of looking that were typed and change nothing.

    Args:
        session: knows what was typed.
        has_words: whether the language model is asked for anything.
        resumes: whether checkpoints are kept.
    """
    for option in () if has_words else _NEEDS_WORDS:
        if option in session.typed:
            session.console.warning(f"{option} changes nothing where no words say what to look for")
    if not resumes and "--checkpoint" in session.typed:
        session.console.warning("--checkpoint changes nothing without --resume")
