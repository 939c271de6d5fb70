"""The reference of the interface, ``docs/reference/review-api.md``, from the table of addresses.

``scripts/reference`` writes it; a test fails when the page and the program disagree.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sa2va_cli.review.addresses import ADDRESSES, ERRORS, PREFIX, Address, plain
from sa2va_cli.review.bodies import EDITS, Schema
from sa2va_cli.review.messages import KINDS, LINES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "review-api.md"

_HEAD = """# The interface of `sa2va review`

Written by `scripts/reference` from `sa2va_cli/review/addresses.py` and `bodies.py`; change the text there.

The page of `sa2va review` uses what is described here, and so can your own programs. All addresses begin
with `/api/v1`; the same description as OpenAPI is at `/api/v1/openapi.json`.

    sa2va review park.tracks.sa2va --no-open --port 8900 --token "$SECRET" &
    curl -H "Authorization: Bearer $SECRET" http://127.0.0.1:8900/api/v1/clips

**Who may ask.** The server listens on this computer alone. Whoever asks knows the token: it stands in the
address that the command prints, becomes a cookie there (`HttpOnly`, `SameSite=Strict`), and programs send
it as `Authorization: Bearer TOKEN`. `Host` must be this server's own name, `Origin` this server's own page.
With `--host` other computers can ask, too: they need the token that you chose with `--token`, and nothing
is encrypted.

**What is sent.** Bodies are JSON (`Content-Type: application/json`), 1 MiB at most, and come within 10
seconds. A field that is unknown is refused, and so is everything else that cannot be meant, before anything
changes. Files are read and written below what was opened only; beside that, the sources are read that
tracks name, and outputs without a place of their own are written beside the tracks.

**Frames** are numbered from 0 in the order in which they were looked at. Coordinates are pixels of the
source.

**Edits** are a list beside the tracks, `NAME.review.json`, written at once; the masks of corrections are in
the folder `NAME.review`. The tracks change when they are saved, and not before; a save can be undone. A
server that is killed goes on where it was.

**Jobs** are `waiting`, `running`, `done`, `failed` or `cancelled`. `GET /events` tells of them, of clips
that should be read again (`{"type": "clip"}`), of frames that are done (`{"type": "frames"}`), and of
events that were missed because nobody took them (`{"type": "missed"}`: read everything again).
"""


def page() -> str:
    """Makes the page."""
    parts = [_HEAD.strip(), "", "## Addresses", "", "| | |", "|---|---|"]
    parts += [f"| `{one.method} {plain(one.path)}` | {one.text} |" for one in ADDRESSES]
    for one in ADDRESSES:
        if one.body is not None or one.query:
            parts += ["", *_sent(one)]
    parts += ["", "## Edits", "", "`type` is one of these; the other fields go with it.", ""]
    parts += ["| type | fields |", "|---|---|"]
    parts += [f"| `{name}` | {', '.join(_fields(schema))} |" for name, schema in EDITS.items()]
    parts += [
        "",
        "## Errors",
        "",
        'The body of an error is `{"error": LINE, "code": CODE, "values": {...}}`: a line in English, and',
        "what to make one in another language of. Jobs that failed have the same in `problem`.",
        "",
        "| | |",
        "|---|---|",
    ]
    parts += [f"| {code} | {text} |" for code, text in ERRORS.items()]
    parts += ["", "| code | line |", "|---|---|"]
    parts += [f"| `{code}` | {text} |" for code, text in LINES.items()]
    parts += [f"| `{code}` | {{text}}: what kind of error it is |" for _, code in KINDS]
    return "\n".join(parts) + "\n"


def _sent(one: Address) -> Iterator[str]:
    yield f"### {one.method} {PREFIX}{plain(one.path)}"
    yield ""
    if one.query:
        fields = (_field(*named, needed=False) for named in one.query.items())
        yield f"Behind the question mark: {', '.join(fields)}."
    if one.body is None:
        return
    if "oneOf" in one.body:
        yield "The body is an edit: see [Edits](#edits)."
    elif sent := list(_fields(one.body)):
        yield f"The body: {', '.join(sent)}."
    else:
        yield "The body is `{}`."


def _fields(schema: Schema) -> Iterator[str]:
    for name, one in schema["properties"].items():
        yield _field(name, one, needed=name in schema["required"])


def _field(name: str, schema: Schema, *, needed: bool) -> str:
    return f"`{name}` ({_kind(schema)}{'' if needed else ', may be left out'})"


def _kind(schema: Any) -> str:
    if "enum" in schema:
        return " or ".join(json.dumps(one) for one in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    text = " or ".join(kinds)
    if "array" in kinds:
        low, high = schema.get("minItems", 0), schema.get("maxItems")
        text += f" of {low if low == high else f'{low} to {high}'} × {_kind(schema['items'])}"
    if "minimum" in schema:
        text += f" from {schema['minimum']}" + (f" to {schema['maximum']}" if "maximum" in schema else "")
    if "pattern" in schema:
        text += f" like {schema['pattern']}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
