"""Options that have nothing to do in what a command was asked: one line instead of silence.

Only what was typed counts: a default of the environment or the configuration file is for many runs, and has
its turn in others. Knows nothing about what options mean.
"""

from collections.abc import Iterable

from sa2va_cli.commands.options import ALL, Choice, option_names
from sa2va_cli.commands.session import Session
from sa2va_cli.errors import UsageError


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


def names_in(*groups: type, choice: Choice = ALL) -> tuple[str, ...]:
    """The long names of all options of groups."""
    return tuple(name for group in groups for name in option_names(group, choice))
