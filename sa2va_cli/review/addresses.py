"""The table of all addresses of the interface: the server's routes and their description are made from it.

Knows nothing about what answers them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sa2va_cli.review.bodies import (
    ASK,
    DELIVER,
    NOTHING,
    PREPARE,
    PREVIEW,
    SAVE,
    SEGMENT,
    TRIAGE,
    Schema,
    edit_schema,
)
from sa2va_cli.review.messages import KINDS, LINES
from sa2va_cli.version import VERSION

PREFIX = "/api/v1"
WIDEST_VIEW = 8192

_INTEGER = {"type": "integer", "minimum": 0}
_VIEW: Mapping[str, Schema] = {
    "width": {
        "type": "integer",
        "minimum": 16,
        "maximum": WIDEST_VIEW,
        "description": "Of the view in pixels; the picture's own where it is left out, or larger.",
    }
}


@dataclass(frozen=True)
class Address:
    """One thing that can be asked.

    Attributes:
        method: of HTTP.
        path: behind ``PREFIX``, with names in braces.
        name: of the handler in ``server.Routes``.
        text: what it does, one line.
        body: the schema of what is sent; None for nothing.
        query: the schemas of what may stand behind the question mark.
        answer: the kind of what comes back.
        code: of an answer that says yes.
    """

    method: str
    path: str
    name: str
    text: str
    body: Schema | None = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    answer: str = "application/json"
    code: int = 200


ADDRESSES = (
    Address("GET", "/clips", "clips", "All clips, and what was opened."),
    Address("GET", "/clips/{clip}", "clip", "Everything about a clip that is no picture."),
    Address(
        "GET",
        "/clips/{clip}/frames/{frame:int}",
        "frame",
        "The source's picture of a frame, by its index.",
        query=_VIEW,
        answer="image/jpeg",
    ),
    Address(
        "GET",
        "/clips/{clip}/masks/{frame:int}",
        "masks",
        "The alphas of all objects on a frame, in grey, one below the other in the order of X-Objects.",
        query={**_VIEW, "revision": {**_INTEGER, "description": "Is not looked at; sets addresses apart."}},
        answer="image/png",
    ),
    Address(
        "GET",
        "/clips/{clip}/alphas/{frame:int}",
        "alphas",
        "The same as bytes: X-Objects times X-Size (width x height), row after row, deflated.",
        query={**_VIEW, "revision": {**_INTEGER, "description": "Is not looked at; sets addresses apart."}},
        answer="application/octet-stream",
    ),
    Address(
        "GET",
        "/clips/{clip}/thumbnail",
        "thumbnail",
        "A frame 160 pixels wide; one from the middle where none is named.",
        query={"frame": _INTEGER},
        answer="image/jpeg",
    ),
    Address(
        "GET",
        "/clips/{clip}/sound",
        "sound",
        "The first sound track from the first frame on; 404 where there is none. Ranges may be asked for.",
        answer="audio/ogg",
    ),
    Address(
        "POST",
        "/clips/{clip}/edits",
        "edit",
        "Makes an edit. Masks that the network must make come later, as a job.",
        body=edit_schema(),
        code=202,
    ),
    Address(
        "POST",
        "/clips/{clip}/prepare",
        "prepare",
        "Loads the model, as a job, so that the first correction on a frame need not wait for that.",
        body=PREPARE,
        code=202,
    ),
    Address("POST", "/clips/{clip}/undo", "undo", "Takes the last edit back.", body=NOTHING),
    Address("POST", "/clips/{clip}/redo", "redo", "Does an edit again that was taken back.", body=NOTHING),
    Address(
        "POST",
        "/clips/{clip}/save",
        "save",
        "Writes what is seen into the tracks, or into a new file beside them.",
        body=SAVE,
    ),
    Address(
        "POST",
        "/clips/{clip}/segment",
        "segment",
        "Looks for things in a video that has no tracks, as a job.",
        body=SEGMENT,
        code=202,
    ),
    Address(
        "POST",
        "/clips/{clip}/triage",
        "triage",
        "Writes down what a person decided about a clip.",
        body=TRIAGE,
    ),
    Address(
        "POST",
        "/clips/{clip}/ask",
        "ask",
        "Asks about frames of a clip; the answer comes as it is generated.",
        body=ASK,
        answer="text/event-stream",
    ),
    Address("DELETE", "/asks/{job}", "hush", "Ends an answer."),
    Address(
        "POST",
        "/clips/{clip}/deliver",
        "deliver",
        "Makes an output of what is seen, as a job; says which command line does the same.",
        body=DELIVER,
        code=202,
    ),
    Address(
        "POST",
        "/clips/{clip}/preview",
        "preview",
        "One frame of what would be delivered.",
        body=PREVIEW,
        answer="image/png",
    ),
    Address("GET", "/outputs", "outputs", "Everything that can be delivered, with its options."),
    Address("GET", "/jobs/{job}", "job", "How far a job is."),
    Address(
        "POST",
        "/jobs/{job}/cancel",
        "cancel",
        "Ends a job; what it has done of a correction stays.",
        body=NOTHING,
    ),
    Address(
        "POST",
        "/jobs/{job}/folder",
        "show_folder",
        "Opens the folder of what a job made in a window of the server's computer, where it has one.",
        body=NOTHING,
    ),
    Address(
        "GET",
        "/events",
        "events",
        "News of clips, frames and jobs, for as long as somebody listens.",
        answer="text/event-stream",
    ),
    Address("GET", "/openapi.json", "description", "This description."),
)

ERRORS: Mapping[int, str] = {
    400: "It cannot be meant.",
    401: "The token is missing or wrong.",
    403: "It comes from another site.",
    404: "There is no such clip, job or file.",
    405: "The address takes another method.",
    408: "The body did not come in time.",
    409: "Something is in the way: a file, another program, frames that are still followed.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    416: "There is no such range.",
    421: "This server has another name.",
    422: "The input cannot be read, or nothing was found in it.",
    429: "Too much at once.",
    503: "The model is not available, or memory ran out.",
}
"""What an answer that says no means; its body is ``{"error": "one line", "code": CODE, "values": {...}}``."""


def description() -> dict[str, Any]:
    """All addresses as OpenAPI 3.1 has them."""
    paths: dict[str, dict[str, Any]] = {}
    for one in ADDRESSES:
        paths.setdefault(PREFIX + plain(one.path), {})[one.method.lower()] = _operation(one)
    error = {
        "type": "object",
        "required": ["error", "code", "values"],
        "properties": {
            "error": {"type": "string", "description": "One line in English."},
            "code": {"type": "string", "enum": [*LINES, *(code for _, code in KINDS)]},
            "values": {"type": "object", "description": "What the line speaks of, by name."},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "sa2va review", "version": f"1 ({VERSION})"},
        "security": [{"cookie": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": error},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "sa2va-review-PORT"},
            },
        },
    }


def plain(path: str) -> str:
    """A path without the kinds of its parts."""
    return re.sub(r":\w+}", "}", path)


def _operation(one: Address) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _INTEGER if kind == "int" else {"type": "string"},
        }
        for name, kind in re.findall(r"{(\w+):?(\w*)}", one.path)
    ]
    parts += [{"name": name, "in": "query", "schema": schema} for name, schema in one.query.items()]
    operation: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.text,
        "parameters": parts,
        "responses": {
            str(one.code): {"description": "Yes.", "content": {one.answer: {}}},
            "default": {
                "description": " ".join(f"{code}: {text}" for code, text in ERRORS.items()),
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if one.body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": one.body}}}
    return operation
