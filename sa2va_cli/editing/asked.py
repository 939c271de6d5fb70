"""The plan that a person asks for: by an instruction, by a file, or by options, and only one of these."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sa2va_cli.editing.explicit import explicit_plan
from sa2va_cli.editing.plan import EditPlan
from sa2va_cli.editing.schema import read_plan
from sa2va_cli.errors import InputError, UsageError


def plan_asked(
    instruction: str | None,
    targets: Sequence[str],
    effects: Sequence[str],
    times: tuple[str | None, str | None],
    file: Path | None,
    read: Callable[[str], EditPlan],
) -> EditPlan:
    """Gets the plan from the one place that says it.

    Args:
        instruction: in words.
        targets: see ``explicit.read_target``.
        effects: see ``explicit.explicit_plan``.
        times: where effects begin, and before where they end.
        file: a plan as ``sa2va edit --dry-run`` writes it.
        read: makes a plan of an instruction.

    Raises:
        InputError: the file cannot be read.
        UsageError: nothing says what is to be done, or two places do.
    """
    explicit = bool(targets or effects or any(times))
    given = [
        name
        for name, there in (("an instruction", instruction), ("--plan", file), ("options", explicit))
        if there
    ]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} both say what is to be done; give one of them")
    if file is not None:
        try:
            return read_plan(file.read_bytes(), str(file))
        except OSError as error:
            raise InputError(f"{file}: {error.strerror or error}") from error
    if instruction is not None:
        return read(instruction)
    if not effects:
        raise UsageError(
            'nothing says what is to be done; write it, as in "blur the dog", '
            "or name an --effect, such as --effect outline=red"
        )
    return explicit_plan(targets, effects, *times)
