"""What requests may hold, as JSON Schema, which both refuses what is something else and describes it.

A small part of JSON Schema (draft 2020-12) is understood, which is all that is used here. Knows nothing about
what requests do.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from sa2va_cli.errors import UsageError
from sa2va_cli.tracks.decisions import STATUSES

Schema = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_NOT_SHOWN = str.maketrans("", "", "\n\u200c\u200d")
"""What has no shape of its own and belongs to texts: ends of lines, and what joins letters and emoji."""
MOST_FRAMES = (1 << 31) - 1
_FRAME = {"type": "integer", "minimum": 0, "maximum": MOST_FRAMES}
_ID = {"type": "integer", "minimum": 1, "maximum": 65535}
_MAYBE_ID = {**_ID, "type": ["integer", "null"]}
_PIXEL = {"type": "number", "minimum": -65536, "maximum": 65536}
_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
_WORDS = {"type": "string", "minLength": 1, "maxLength": 2000}
_POINT = {"type": "array", "minItems": 2, "maxItems": 2, "items": _PIXEL}
_SIGNED_POINT = {"type": "array", "minItems": 3, "maxItems": 3, "items": _PIXEL}
_OPTIONS = {"type": "object"}


def _record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """The schema of an object with these fields and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


_NEW: Mapping[str, Schema] = {"object": _MAYBE_ID, "name": _NAME}
EDITS: Mapping[str, Schema] = {
    "points": _record(
        {
            "frame": _FRAME,
            "points": {"type": "array", "minItems": 1, "maxItems": 256, "items": _SIGNED_POINT},
        },
        _NEW,
    ),
    "box": _record(
        {"frame": _FRAME, "box": {"type": "array", "minItems": 4, "maxItems": 4, "items": _PIXEL}}, _NEW
    ),
    "brush": _record(
        {
            "frame": _FRAME,
            "add": {"type": "boolean"},
            "radius": {"type": "number", "minimum": 0.5, "maximum": 4096},
            "stroke": {"type": "array", "minItems": 1, "maxItems": 20_000, "items": _POINT},
        },
        _NEW,
    ),
    "words": _record({"frame": _FRAME, "prompt": _WORDS}, {"name": _NAME}),
    "answer": _record({"frame": _FRAME, "conversation": _WORDS, "index": _FRAME}, {"name": _NAME}),
    "rename": _record({"object": _ID, "name": _NAME}),
    "recolour": _record({"object": _ID, "colour": {"type": "string", "pattern": "#[0-9a-fA-F]{6}"}}),
    "hide": _record({"object": _ID, "hidden": {"type": "boolean"}}),
    "drop": _record({"object": _ID, "first": _FRAME, "last": _FRAME}),
    "delete": _record({"object": _ID}),
    "merge": _record({"object": _ID, "into": _ID}),
    "split": _record({"object": _ID, "frame": _FRAME}, {"name": _NAME}),
}
NOTHING: Schema = _record({})
PREPARE: Schema = _record({"frame": _FRAME})
SAVE: Schema = _record({}, {"name": {**_NAME, "type": ["string", "null"]}})
SEGMENT: Schema = _record({"prompts": {"type": "array", "minItems": 1, "maxItems": 32, "items": _WORDS}})
TRIAGE: Schema = _record(
    {"status": {"type": "string", "enum": list(STATUSES)}},
    {"reason": {"type": ["string", "null"], "maxLength": 2000}},
)
ASK: Schema = _record(
    {"question": _WORDS},
    {
        "frames": {"type": "array", "maxItems": 32, "items": _FRAME},
        "conversation": {"type": ["string", "null"], "maxLength": 64},
    },
)
_DELIVERY: Mapping[str, Schema] = {
    "kind": _NAME,
    "preset": _NAME,
    "effect": _NAME,
    "options": _OPTIONS,
    "objects": {"type": ["array", "null"], "minItems": 1, "maxItems": 256, "items": _ID},
}
DELIVER: Schema = _record({}, _DELIVERY)
PREVIEW: Schema = _record({"frame": _FRAME}, _DELIVERY)


def edit_schema() -> Schema:
    """The schema of any edit."""
    variants = []
    for name, schema in EDITS.items():
        properties = {"type": {"const": name}, **schema["properties"]}
        variants.append({**schema, "required": ["type", *schema["required"]], "properties": properties})
    return {"oneOf": variants}


def parsed(body: bytes, schema: Schema) -> dict[str, Any]:
    """Reads a body.

    Raises:
        UsageError: it is no JSON, or not what the schema says.
    """
    document = _document(body)
    check(document, schema)
    return document


def parsed_edit(body: bytes) -> tuple[str, dict[str, Any]]:
    """Reads the body of an edit: its type and its fields.

    Raises:
        UsageError: see ``parsed``.
    """
    document = _document(body)
    kind = document.pop("type", None)
    if not isinstance(kind, str) or kind not in EDITS:
        raise UsageError(f"type={kind!r:.60} is unknown; choose from {', '.join(EDITS)}")
    check(document, EDITS[kind])
    return kind, document


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}", parse_constant=_refused, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is not JSON") from error
    if not isinstance(document, dict):
        raise UsageError("the body is not a JSON object")
    return document


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _whole(digits: str) -> int:
    """A whole number that is none too many for a float, as options are compared with these."""
    if len(digits) > _MOST_DIGITS:
        raise UsageError(f"{digits[:_MOST_DIGITS]}... has too many digits; it has {_MOST_DIGITS} at most")
    return int(digits)


_MOST_DIGITS = 18


def check(value: Any, schema: Schema, name: str = "the body") -> None:
    """Holds a value to a schema.

    Raises:
        UsageError: it is something else.
    """
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    fits = any(isinstance(value, _TYPES[kind]) for kind in kinds)
    if not fits or (isinstance(value, bool) and "boolean" not in kinds):
        raise UsageError(f"{name} must be {' or '.join(kinds)}, and is {json.dumps(value)[:60]}")
    if isinstance(value, dict):
        _check_object(value, schema, name)
    elif isinstance(value, list):
        _check_array(value, schema, name)
    elif isinstance(value, str):
        _check_text(value, schema, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        if not low <= value <= high:
            raise UsageError(f"{name}={value!r:.60} must lie between {low} and {high}")


def _check_object(value: dict[str, Any], schema: Schema, name: str) -> None:
    known = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            raise UsageError(f"{name} lacks {key}; it has {', '.join(known)}")
    if schema.get("additionalProperties", True) is False:
        for key in value:
            if key not in known:
                raise UsageError(
                    f"{name} has {key!r:.60}, which is unknown; it has {', '.join(known) or 'nothing'}"
                )
    for key, one in value.items():
        if key in known:
            check(one, known[key], key)


def _check_array(value: list[Any], schema: Schema, name: str) -> None:
    low, high = schema.get("minItems", 0), schema.get("maxItems", 1 << 20)
    if not low <= len(value) <= high:
        raise UsageError(f"{name} has {len(value)} items; it has from {low} to {high}")
    for one in value:
        check(one, schema["items"], f"an item of {name}")


def _check_text(value: str, schema: Schema, name: str) -> None:
    low, high = schema.get("minLength", 0), schema.get("maxLength", 1 << 20)
    if not low <= len(value.strip()) or len(value) > high:
        raise UsageError(f"{name} has {len(value)} characters; it has from {low} to {high}")
    if not value.translate(_NOT_SHOWN).isprintable():
        raise UsageError(f"{name} has characters that cannot be shown")
    if "enum" in schema and value not in schema["enum"]:
        raise UsageError(f"{name}={value!r:.60} is unknown; choose from {', '.join(schema['enum'])}")
    if "pattern" in schema and re.fullmatch(schema["pattern"], value) is None:
        raise UsageError(f"{name}={value!r:.60} is not written like {schema['pattern']}")
