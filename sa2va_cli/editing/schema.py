"""Plans as JSON, both ways; every fault is told with the path of the field that has it.

``{"edits": [{"target": {"prompts": ["the dog"]}, "effect": "recolour", "parameters": {"colour": "blue"},
"from": "3", "to": "5"}]}``. A target may also be written in words, as with ``--target``.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from sa2va_cli.editing.explicit import read_target
from sa2va_cli.editing.plan import FOUND, Edit, EditPlan, Target
from sa2va_cli.editing.times import Span, TimePoint, parse_point
from sa2va_cli.errors import UsageError

_T = TypeVar("_T")

_PLAN_KEYS = ("edits", "instruction")
_EDIT_KEYS = ("target", "effect", "parameters", "from", "to", "found_at")
_TARGET_KEYS = ("prompts", "objects", "inverse", "picture")


def plan_document(plan: EditPlan) -> dict[str, Any]:
    """A plan as JSON."""
    document: dict[str, Any] = {"edits": [_edit_document(edit) for edit in plan.edits]}
    return document | ({"instruction": plan.instruction} if plan.instruction else {})


def _edit_document(edit: Edit) -> dict[str, Any]:
    target: dict[str, Any] = {}
    if edit.target.prompts:
        target["prompts"] = list(edit.target.prompts)
    if edit.target.objects:
        target["objects"] = list(edit.target.objects)
    for name in ("inverse", "picture"):
        if getattr(edit.target, name):
            target[name] = True
    times = {"from": edit.span.start, "to": edit.span.end, "found_at": edit.span.found_at}
    return {
        "target": target,
        "effect": edit.effect,
        **({"parameters": dict(edit.parameters)} if edit.parameters else {}),
        **{name: str(point) for name, point in times.items() if point is not None},
    }


def read_plan(text: str | bytes, name: str) -> EditPlan:
    """Reads a plan.

    Args:
        text: JSON in UTF-8.
        name: what it is called in messages.

    Raises:
        UsageError: it is none; names every field that is wrong.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: not JSON ({error})") from error
    faults: list[str] = []
    plan = _plan(document, faults)
    if faults or plan is None:
        raise UsageError("; ".join(f"{name}: {fault}" for fault in faults))
    return plan


def plan_faults(document: Any) -> list[str]:
    """What is wrong with a document, one line for each fault, which begins with the path of the field."""
    faults: list[str] = []
    _plan(document, faults)
    return faults


def _plan(document: Any, faults: list[str]) -> EditPlan | None:
    if isinstance(document, list):
        document = {"edits": document}
    if not _is_object(document, "the plan", _PLAN_KEYS, faults):
        return None
    edits = document.get("edits")
    if not isinstance(edits, list) or not edits:
        faults.append(f"edits: must be a list of at least one edit, got {_shown(edits)}")
        return None
    read = [_edit(one, f"edits[{place}]", faults) for place, one in enumerate(edits)]
    instruction = document.get("instruction", "")
    if not isinstance(instruction, str):
        faults.append(f"instruction: must be a text, got {_shown(instruction)}")
    whole = [one for one in read if one is not None]
    return None if faults else EditPlan(tuple(whole), instruction)


def _edit(document: Any, path: str, faults: list[str]) -> Edit | None:
    if not _is_object(document, path, _EDIT_KEYS, faults):
        return None
    before = len(faults)
    target = _target(document.get("target"), f"{path}.target", faults)
    effect = document.get("effect")
    if not isinstance(effect, str) or not effect.strip():
        faults.append(f"{path}.effect: must be the name of an effect, got {_shown(effect)}")
    parameters = _parameters(document.get("parameters"), f"{path}.parameters", faults)
    names = ("from", "to", "found_at")
    start, end, found_at = (_point(document.get(name), f"{path}.{name}", faults) for name in names)
    span = Span(start, end, found_at)
    if span.is_backwards:
        faults.append(f"{path}.to: {end} does not come after {start}")
    if len(faults) > before:
        return None
    return _tried(lambda: Edit(target, str(effect), parameters, span), path, faults)


def _target(document: Any, path: str, faults: list[str]) -> Target:
    if document is None:
        return FOUND
    if isinstance(document, str):
        return _tried(lambda: read_target(document), path, faults) or FOUND
    if not _is_object(document, path, _TARGET_KEYS, faults):
        return FOUND
    prompts, objects = document.get("prompts", []), document.get("objects", [])
    inverse, picture = document.get("inverse", False), document.get("picture", False)
    before = len(faults)
    if not isinstance(prompts, list) or not all(isinstance(one, str) for one in prompts):
        faults.append(f"{path}.prompts: must be a list of texts, got {_shown(prompts)}")
    if not isinstance(objects, list) or not all(type(one) is int for one in objects):
        faults.append(f"{path}.objects: must be a list of whole numbers, got {_shown(objects)}")
    for name, value in (("inverse", inverse), ("picture", picture)):
        if not isinstance(value, bool):
            faults.append(f"{path}.{name}: must be true or false, got {_shown(value)}")
    if len(faults) > before:
        return FOUND
    return _tried(lambda: Target(tuple(prompts), tuple(objects), inverse, picture), path, faults) or FOUND


def _parameters(document: Any, path: str, faults: list[str]) -> tuple[tuple[str, str], ...]:
    if document is None:
        return ()
    if not isinstance(document, dict):
        faults.append(f"{path}: must be an object of names and values, got {_shown(document)}")
        return ()
    for name, value in document.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            faults.append(f"{path}.{name}: must be a text or a number, got {_shown(value)}")
    return tuple(
        (name, value if isinstance(value, str) else f"{value:.15g}")
        for name, value in document.items()
        if isinstance(value, str | int | float)
    )


def _point(value: Any, path: str, faults: list[str]) -> TimePoint | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        faults.append(f"{path}: must be a time, got {_shown(value)}")
        return None
    try:
        return parse_point(value)
    except ValueError as error:
        faults.append(f"{path}: {error}")
        return None


def _is_object(document: Any, path: str, keys: tuple[str, ...], faults: list[str]) -> bool:
    if not isinstance(document, dict):
        faults.append(f"{path}: must be an object with {', '.join(keys)}, got {_shown(document)}")
        return False
    for key in document:
        if key not in keys:
            where = key if path == "the plan" else f"{path}.{key}"
            faults.append(f"{where}: unknown; allowed are {', '.join(keys)}")
    return True


def _tried(make: Callable[[], _T], path: str, faults: list[str]) -> _T | None:
    try:
        return make()
    except UsageError as error:
        faults.append(f"{path}: {error}")
        return None


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
