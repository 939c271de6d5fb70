"""A plan by a chat model: it is asked for JSON, and what it says is checked as a plan from a file is.

Knows nothing about how the model is loaded or what it was trained on.
"""

import json
import re
from typing import Any

from sa2va_cli.conversation import ChatEngine, Generation, Question
from sa2va_cli.editing.plan import EditPlan
from sa2va_cli.editing.schema import plan_faults, read_plan
from sa2va_cli.errors import UsageError
from sa2va_cli.render.effects.table import EFFECTS

_TRIES = 2
"""The model is told once what was wrong with what it said."""
_MOST_TOKENS = 512
_SHOWN = 120


def asking(instruction: str) -> str:
    """What the model is asked.

    Args:
        instruction: what somebody wants.
    """
    rows = "\n".join(f"- {row.name}: {row.text}{_told(name)}" for name, row in EFFECTS.items())
    return (
        "Turn an instruction for editing a video into JSON. Answer with JSON only, of this form:\n"
        '{"edits": [{"target": {"prompts": ["the dog"]}, "effect": "recolour", '
        '"parameters": {"colour": "blue"}, "from": "3", "to": "5"}]}\n'
        'A target has "prompts", the words for what is changed, as they are in the instruction; with '
        '"inverse": true everything else is meant; {"picture": true} is the whole picture. "from" and "to" '
        'are seconds and may be left out; "found_at" is when the target is to be looked for.\n'
        f"Effects and their parameters:\n{rows}\nInstruction: {instruction}"
    )


def _told(name: str) -> str:
    names = ", ".join(one.name for one in EFFECTS[name].all_parameters)
    return f" ({names})" if names else ""


def interpreted(instruction: str, engine: ChatEngine) -> EditPlan:
    """Asks a model for a plan.

    Args:
        instruction: what somebody wants.
        engine: the model.

    Raises:
        UsageError: what it says is no plan.
    """
    conversation = engine.converse(Generation(max_new_tokens=_MOST_TOKENS))
    question = asking(instruction)
    faults: list[str] = []
    text = ""
    for _ in range(_TRIES):
        text = conversation.ask(Question(question)).text
        document = _document(text)
        faults = ["there is no JSON in it"] if document is None else plan_faults(document)
        if not faults and document is not None:
            plan = read_plan(json.dumps(document), "the model's plan")
            return EditPlan(plan.edits, instruction)
        question = f"That is not right: {'; '.join(faults)}. Answer with the corrected JSON only."
    shown = " ".join(text.split())
    raise UsageError(
        f"--interpret model: the model's answer is no plan: {faults[0]}; it said "
        f"{shown[:_SHOWN] + '...' if len(shown) > _SHOWN else shown!r}; "
        'say it as --target "the dog" --effect NAME'
    )


def _document(text: str) -> Any:
    """The JSON in an answer, which models like to put between other words; None where there is none."""
    for found in re.finditer(r"[{\[]", text):
        try:
            return json.JSONDecoder().raw_decode(text, found.start())[0]
        except (ValueError, RecursionError):
            continue
    return None
