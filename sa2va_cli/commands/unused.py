"""Options that were given and change nothing, told in a warning before anything is done.

Only what stands on the command line counts: defaults of whoever runs the program are for all that it makes.
"""

from collections.abc import Iterator, Sequence

from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.parameters import Option, declared, one_of

_ELSEWHERE = ("tonemap",)
"""What is told by those who know the source."""
_NEEDS_WORDS = ("--sampling", "--keyframes", "--verbatim")
"""What is about asking the language model."""


def unused_drawing(kinds: Sequence[str], arguments: Sequence[str]) -> Iterator[str]:
    """Says which options of drawing change none of the kinds that are made, and which ones they are for."""
    rows = [one for one in declared(Drawing) if one.name not in _ELSEWHERE]
    rows += [one for one in declared(Delivery) if one.name == "stacking"]
    for one in rows:
        assert isinstance(one.setting, Option)  # noqa: S101
        option = (one.setting.names or (f"--{one.name.replace('_', '-')}",))[0]
        if _is_given(option, arguments) and not any(KINDS[kind].takes(one.name) for kind in kinds):
            able = tuple(
                name for name, kind in KINDS.items() if kind.takes(one.name) and not kind.needs_effects
            )
            yield f"{option} changes nothing of {', '.join(kinds)}; it is for {one_of(able)}"


def unused_search(arguments: Sequence[str], *, has_words: bool, resumes: bool) -> Iterator[str]:
    """Says which options of looking change nothing.

    Args:
        arguments: of the command line.
        has_words: whether the language model is asked for anything.
        resumes: whether checkpoints are kept.
    """
    if not has_words:
        for option in _NEEDS_WORDS:
            if _is_given(option, arguments):
                yield f"{option} changes nothing where no words say what to look for"
    if not resumes and _is_given("--checkpoint", arguments):
        yield "--checkpoint changes nothing without --resume"


def _is_given(option: str, arguments: Sequence[str]) -> bool:
    return any(argument.partition("=")[0] == option for argument in arguments)
