"""The description of the interface is that of the routes, and the pages are written from it."""

import re

import pytest
from review.conftest import API
from starlette.routing import Route

from sa2va_cli.errors import UsageError
from sa2va_cli.review import reference
from sa2va_cli.review.addresses import ADDRESSES, description
from sa2va_cli.review.bodies import EDITS, check, parsed_edit
from sa2va_cli.review.server import Routes


def test_the_description_has_every_route_and_no_other(serve):
    server = serve()
    mount = Routes(server.desk).table()[0]
    routes = {
        (method, API + re.sub(r":\w+}", "}", route.path))
        for route in mount.routes
        if isinstance(route, Route)
        for method in route.methods - {"HEAD"}
    }
    found = server.get("/openapi.json")
    described = {(method.upper(), path) for path, one in found["paths"].items() for method in one}
    assert described == routes
    assert found == description()
    assert len({one.name for one in ADDRESSES}) == len(ADDRESSES)


def test_every_edit_is_described_with_its_type():
    body = description()["paths"][f"{API}/clips/{{clip}}/edits"]["post"]["requestBody"]
    variants = body["content"]["application/json"]["schema"]["oneOf"]
    assert [one["properties"]["type"]["const"] for one in variants] == list(EDITS)


def test_the_page_says_what_the_program_does():
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "run scripts/reference"


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("3", {"type": "integer"}),
        (True, {"type": "integer"}),
        (1.5, {"type": "integer"}),
        (float("inf"), {"type": "number", "maximum": 9}),
        (None, {"type": "string"}),
        ([1], {"type": "array", "minItems": 2, "items": {"type": "integer"}}),
        ({"a": 1}, {"type": "object", "properties": {}, "additionalProperties": False}),
        ("a\x00b", {"type": "string"}),
        ("", {"type": "string", "minLength": 1}),
    ],
)
def test_what_a_schema_does_not_say_is_refused(value, schema):
    with pytest.raises(UsageError):
        check(value, schema)


def test_an_edit_is_read_with_its_type():
    assert parsed_edit(b'{"type": "delete", "object": 3}') == ("delete", {"object": 3})
