"""What prompts and the objects that they find are called: numbers, and labels that no other has.

Knows nothing about clips or networks; importing it is instant.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING

from sa2va_cli.errors import UsageError
from sa2va_cli.visual_prompts import VisualPrompt

if TYPE_CHECKING:
    from sa2va_cli.datatypes import Prompt


ONLY = "object"
"""What the one thing is called that was pointed at without a name, and without words."""


def with_visual(
    prompts: "Sequence[Prompt | str]", visual: Sequence[VisualPrompt]
) -> "tuple[Prompt | str, ...]":
    """Gives points, boxes and masks to the prompts that they name; those that name none become new ones.

    Raises:
        UsageError: one without a name could mean several.
    """
    from sa2va_cli.datatypes import Prompt

    if not visual:
        return tuple(prompts)
    worded = numbered(prompts)
    hints: dict[str, list[VisualPrompt]] = {}
    for one in visual:
        if not one.name and len(worded) > 1:
            names = ", ".join(f"{prompt.label}:" for prompt in worded)
            raise UsageError(f"{one} could belong to several prompts; put the name of one in front ({names})")
        name = one.name or (worded[0].label if worded else ONLY)
        label = next((prompt.label for prompt in worded if _is_of(prompt, name)), name)
        hints.setdefault(label, []).append(one)
    known = (replace(prompt, visual=(*prompt.visual, *hints.pop(prompt.label, ()))) for prompt in worded)
    found = tuple(known)
    return (*found, *(Prompt(1, "", label, tuple(said)) for label, said in hints.items()))


def _is_of(prompt: "Prompt", name: str) -> bool:
    """Whether a name is that of one of a prompt's objects."""
    rest = name.removeprefix(prompt.label).strip()
    return name == prompt.label or (rest.isdecimal() and object_label(prompt, int(rest)) == name)


def numbered(prompts: Sequence["Prompt | str"]) -> "tuple[Prompt, ...]":
    """Gives each prompt an id, its place from 1, and a label that no other has.

    The same words twice are two prompts; the label of the second one ends in ``#2``.

    Raises:
        UsageError: one of them cannot be meant.
    """
    from sa2va_cli.datatypes import Prompt

    made: list[Prompt] = []
    labels: set[str] = set()
    for number, given in enumerate(prompts, 1):
        prompt = Prompt(number, given.strip()) if isinstance(given, str) else replace(given, id=number)
        names = chain([prompt.label], (f"{prompt.label} #{k}" for k in count(2)))
        label = next(name for name in names if name not in labels)
        labels.add(label)
        made.append(replace(prompt, label=label))
    return tuple(made)


def object_label(prompt: "Prompt", number: int) -> str:
    """What an object is called: like its prompt, and from the second one of a prompt on with its number."""
    return prompt.label if number == 1 else f"{prompt.label} {number}"
