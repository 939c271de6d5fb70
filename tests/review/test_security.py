"""Who may ask, from where, and how much: a table of hostile requests, all refused before anything happens."""

import asyncio
import json
import re
import threading

import httpx2 as httpx
import pytest
from review.conftest import API, TOKEN

from sa2va_cli.errors import UsageError
from sa2va_cli.review.addresses import description
from sa2va_cli.review.security import LARGEST_BODY, Access, Guard

GOOD = {"Authorization": f"Bearer {TOKEN}"}
JSON = {**GOOD, "Content-Type": "application/json"}


@pytest.fixture
def bare(serve):
    """A server, a client that sends nothing by itself, and what the clip was before."""
    server = serve()
    server.client.headers.pop("authorization")
    server.client.cookies.clear()
    return server


@pytest.fixture
def bare_page(tmp_path_factory, monkeypatch, request):
    """The same with a page of this test's own."""
    folder = tmp_path_factory.mktemp("page") / "page"
    folder.mkdir()
    (folder / "index.html").write_text("the page")
    (folder / "app.js").write_text("")
    (folder.parent / "clip.mp4").write_text("no part of it")
    (folder.parent / "server.py").write_text("no part of it")
    monkeypatch.setattr("sa2va_cli.review.server.PAGE", folder)
    return request.getfixturevalue("bare")


def ask(server, method, path, headers, body=None):
    return server.client.request(method, path, headers=headers, content=body, follow_redirects=False)


_FAR_FRAME = b'{"frame":%s}' % (b"9" * 5000)
_MANY_DIGITS = b'{"kind":"overlay","options":{"crf":1%s}}' % (b"0" * 400)

_HUGE_SPAN = b'{"type":"drop","object":1,"first":0,"last":2147483647}'
_LONG_STROKE = json.dumps(
    {"type": "brush", "object": 1, "frame": 0, "add": True, "radius": 3, "stroke": [[1, 1]] * 20_001}
).encode()
_MANY_WORDS = json.dumps({"prompts": ["a dog"] * 100}).encode()
_MANY_FRAMES = json.dumps({"question": "?", "frames": [1] * 1000}).encode()
_ELSEWHERE = b'{"kind":"mask","options":{"output":"../elsewhere/"}}'
_FONT = b'{"kind":"overlay","options":{"font":"/etc/passwd"}}'
_PLATE = b'{"effect":"background","options":{"plate":"/etc/passwd"}}'
_LONG_REASON = json.dumps({"status": "rejected", "reason": "x" * 2001}).encode()

REQUESTS = {
    "no token": ("GET", "/clips", {}, None, 401),
    "a wrong token": ("GET", "/clips", {"Authorization": "Bearer wrong"}, None, 401),
    "an empty token": ("GET", "/clips", {"Authorization": "Bearer "}, None, 401),
    "a token in another scheme": ("GET", "/clips", {"Authorization": f"Basic {TOKEN}"}, None, 401),
    "a token that is no ASCII": ("GET", "/clips", {"Authorization": "Bearer ä".encode("latin-1")}, None, 401),
    "a wrong cookie": ("GET", "/clips", {"Cookie": "sa2va-review-8000=wrong"}, None, 401),
    "the cookie of another port": ("GET", "/clips", {"Cookie": f"sa2va-review-8001={TOKEN}"}, None, 401),
    "a name that points here": ("GET", "/clips", {**GOOD, "Host": "evil.example:8000"}, None, 421),
    "a name with ours in it": ("GET", "/clips", {**GOOD, "Host": "127.0.0.1.evil.example:8000"}, None, 421),
    "another port": ("GET", "/clips", {**GOOD, "Host": "127.0.0.1:8001"}, None, 421),
    "no port": ("GET", "/clips", {**GOOD, "Host": "127.0.0.1"}, None, 421),
    "a broken name": ("GET", "/clips", {**GOOD, "Host": "[::1"}, None, 421),
    "an odd name": ("GET", "/clips", {**GOOD, "Host": "a@127.0.0.1:8000"}, None, 421),
    "another site": ("GET", "/clips", {**GOOD, "Origin": "https://evil.example"}, None, 403),
    "no origin at all": ("POST", "/clips/CLIP/undo", {**JSON, "Origin": "null"}, b"{}", 403),
    "another port's site": ("POST", "/clips/CLIP/undo", {**JSON, "Origin": "http://127.0.0.1:9"}, b"{}", 403),
    "a page elsewhere": ("GET", "/clips", {**GOOD, "Sec-Fetch-Site": "cross-site"}, None, 403),
    "a page beside": ("GET", "/clips", {**GOOD, "Sec-Fetch-Site": "same-site"}, None, 403),
    "a form": ("POST", "/clips/CLIP/undo", {**GOOD, "Content-Type": "text/plain"}, b"{}", 415),
    "no kind of body": ("POST", "/clips/CLIP/undo", GOOD, b"{}", 415),
    "a body that is too large": ("POST", "/clips/CLIP/edits", JSON, b" " * (LARGEST_BODY + 1), 413),
    "a body that is no JSON": ("POST", "/clips/CLIP/edits", JSON, b"{", 400),
    "a body that is no object": ("POST", "/clips/CLIP/edits", JSON, b"[1]", 400),
    "a body of brackets": ("POST", "/clips/CLIP/edits", JSON, b"[" * 100_000, 400),
    "a number that is none": ("POST", "/clips/CLIP/edits", JSON, b'{"type":"hide","object":NaN}', 400),
    "a number without end": ("POST", "/clips/CLIP/edits", JSON, b'{"type":"delete","object":1e999}', 400),
    "a number of many digits": ("POST", "/clips/CLIP/deliver", JSON, _MANY_DIGITS, 400),
    "a text with a zero in it": ("POST", "/clips/CLIP/ask", JSON, b'{"question":"a\\n\\u0000b"}', 400),
    "a type of another kind": ("POST", "/clips/CLIP/edits", JSON, b'{"type":["hide"]}', 400),
    "a clip that is not there": ("GET", "/clips/nothing", GOOD, None, 404),
    "a clip by its path": ("GET", "/clips/..%2f..%2fclip.mp4", GOOD, None, 404),
    "a job that is not there": ("GET", "/jobs/17", GOOD, None, 404),
    "a frame before the first": ("GET", "/clips/CLIP/frames/-1", GOOD, None, 404),
    "a frame behind the last": ("GET", "/clips/CLIP/frames/99999999999999999999", GOOD, None, 400),
    "a frame of many digits": ("GET", f"/clips/CLIP/frames/{'1' * 5000}", GOOD, None, 404),
    "a frame that is no number": ("GET", "/clips/CLIP/frames/1e3", GOOD, None, 404),
    "a huge view": ("GET", "/clips/CLIP/frames/1?width=99999999", GOOD, None, 400),
    "no view": ("GET", "/clips/CLIP/masks/1?width=0", GOOD, None, 400),
    "a view that is no number": ("GET", "/clips/CLIP/masks/1?width=１００", GOOD, None, 400),
    "a thumbnail from nowhere": ("GET", "/clips/CLIP/thumbnail?frame=99", GOOD, None, 400),
    "sound that is not there": ("GET", "/clips/CLIP/sound", GOOD, None, 404),
    "all frames there could be": ("POST", "/clips/CLIP/edits", JSON, _HUGE_SPAN, 400),
    "a frame that no file has": (
        "POST",
        "/clips/CLIP/edits",
        JSON,
        b'{"type":"split","object":1,"frame":4e99}',
        400,
    ),
    "a stroke without end": ("POST", "/clips/CLIP/edits", JSON, _LONG_STROKE, 400),
    "a hundred things to find": ("POST", "/clips/CLIP/segment", JSON, _MANY_WORDS, 400),
    "a thousand frames to look at": ("POST", "/clips/CLIP/ask", JSON, _MANY_FRAMES, 400),
    "a frame to look at behind the last": (
        "POST",
        "/clips/CLIP/ask",
        JSON,
        b'{"question":"?","frames":[99]}',
        400,
    ),
    "a conversation of nobody": (
        "POST",
        "/clips/CLIP/ask",
        JSON,
        b'{"question":"?","conversation":"x"}',
        400,
    ),
    "a preview behind the last frame": (
        "POST",
        "/clips/CLIP/preview",
        JSON,
        b'{"frame":99,"kind":"mask"}',
        400,
    ),
    "objects that are words": ("POST", "/clips/CLIP/deliver", JSON, b'{"kind":"mask","objects":["1"]}', 400),
    "options that are a list": ("POST", "/clips/CLIP/deliver", JSON, b'{"kind":"mask","options":[1]}', 400),
    "two things at once": ("POST", "/clips/CLIP/deliver", JSON, b'{"kind":"mask","effect":"blur"}', 400),
    "an output elsewhere": ("POST", "/clips/CLIP/deliver", JSON, _ELSEWHERE, 400),
    "a font from elsewhere": ("POST", "/clips/CLIP/deliver", JSON, _FONT, 400),
    "a plate from elsewhere": ("POST", "/clips/CLIP/deliver", JSON, _PLATE, 400),
    "a copy elsewhere": ("POST", "/clips/CLIP/save", JSON, b'{"name":"../../x"}', 400),
    "a decision that is none": ("POST", "/clips/CLIP/triage", JSON, b'{"status":"perfect"}', 400),
    "a reason of a book": ("POST", "/clips/CLIP/triage", JSON, _LONG_REASON, 400),
    "a folder of nothing": ("POST", "/jobs/..%2f1/folder", JSON, b"{}", 404),
    "a job that is cancelled with more": ("POST", "/jobs/1/cancel", JSON, b'{"all":true}', 400),
    "masks behind the last frame": ("GET", "/clips/CLIP/alphas/12", GOOD, None, 400),
    "masks of all frames there could be": ("GET", "/clips/CLIP/alphas/99999999999999999999", GOOD, None, 400),
    "masks of a huge view": ("GET", "/clips/CLIP/alphas/1?width=8193", GOOD, None, 400),
    "masks of a file": ("GET", "/clips/CLIP/alphas/..%2f..%2fclip.mp4", GOOD, None, 404),
    "a frame to prepare behind the last": ("POST", "/clips/CLIP/prepare", JSON, b'{"frame":12}', 400),
    "a frame to prepare that is a word": ("POST", "/clips/CLIP/prepare", JSON, b'{"frame":"1"}', 400),
    "a frame to prepare of many digits": ("POST", "/clips/CLIP/prepare", JSON, _FAR_FRAME, 400),
    "a model to prepare": ("POST", "/clips/CLIP/prepare", JSON, b'{"frame":1,"model":"/etc"}', 400),
    "more than can be done again": ("POST", "/clips/CLIP/redo", JSON, b'{"count":9}', 400),
    "an answer of nobody": ("DELETE", "/asks/..%2f1", GOOD, None, 404),
    "a job by a file's name": ("POST", "/jobs/..%2f1/cancel", JSON, b"{}", 404),
    "outputs for a page elsewhere": (
        "GET",
        "/outputs",
        {**GOOD, "Origin": "https://evil.example"},
        None,
        403,
    ),
    "news without a token": ("GET", "/events", {}, None, 401),
    "a description for another name": ("GET", "/openapi.json", {**GOOD, "Host": "evil.example"}, None, 421),
    "another method": ("PUT", "/clips", {**JSON}, b"{}", 405),
    "an address that is not there": ("GET", "/secrets", GOOD, None, 404),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_hostile_request_is_refused_in_one_line_and_changes_nothing(bare, place, name):
    method, path, headers, body, code = REQUESTS[name]
    before = sorted(place.rglob("*"))
    clip = bare.desk.project.clips[0].id
    answer = ask(bare, method, API + path.replace("CLIP", clip), headers, body)
    assert answer.status_code == code, answer.text
    assert set(answer.json()) == {"error", "code", "values"}
    said = answer.json()["error"]
    assert said
    assert "\n" not in said
    assert TOKEN not in said
    assert "internal error" not in said
    assert sorted(place.rglob("*")) == before
    assert answer.headers["x-content-type-options"] == "nosniff"


def described():
    """Method and path of all that the description of the interface tells of."""
    paths = description()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize(("method", "path"), described())
def test_every_route_that_is_described_is_in_the_table(method, path):
    pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/?]+", re.escape(path)))
    assert any(
        known == method and pattern.fullmatch(API + asked.partition("?")[0])
        for known, asked, *_ in REQUESTS.values()
    )


@pytest.mark.parametrize(("method", "path"), described())
def test_every_route_that_is_described_has_the_same_guard(bare, place, method, path):
    before = sorted(place.rglob("*"))
    clip, body = bare.desk.project.clips[0].id, b"{}" if method == "POST" else None
    whole = path.replace("{clip}", clip).replace("{frame}", "1").replace("{job}", "1")
    headers = JSON if body else GOOD
    refused = {
        401: [{**headers, "Authorization": "Bearer wrong"}, {**headers, "Authorization": ""}],
        421: [{**headers, "Host": "evil.example:8000"}],
        403: [{**headers, "Origin": "https://evil.example"}, {**headers, "Sec-Fetch-Site": "cross-site"}],
        415: [{**headers, "Content-Type": "text/plain"}] if body else [],
    }
    for code, sent in refused.items():
        for one in sent:
            assert ask(bare, method, whole, one, body).status_code == code
    if body:
        assert ask(bare, method, whole, headers, b" " * (LARGEST_BODY + 1)).status_code == 413
        for wrong in (b"{", b"[1]", b'"x"', b"null", b'{"nobody":1}', b'{"frame":{}}'):
            assert ask(bare, method, whole, headers, wrong).status_code == 400
    for part in re.findall(r"{(\w+)}", path):
        aimed = path.replace(f"{{{part}}}", "..%2f..%2fclip.mp4").replace("{clip}", clip)
        aimed = aimed.replace("{frame}", "1").replace("{job}", "1")
        # What is sent is looked at before what it is about.
        assert ask(bare, method, aimed, headers, body).status_code in ((400, 404) if body else (404,))
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    "path",
    [
        "/../clip.mp4",
        "/..%2fclip.mp4",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page/../server.py",
        "//etc/passwd",
        "/.git",
        "/\\..\\x",
    ],
)
def test_no_file_is_served_but_those_of_the_page(bare_page, path):
    answer = ask(bare_page, "GET", path, GOOD)
    assert answer.status_code in (400, 404)
    assert ask(bare_page, "GET", "/app.js", {}).status_code == 401
    known = ask(bare_page, "GET", "/app.js", GOOD)
    assert (known.status_code, known.headers["cache-control"]) == (200, "no-cache")
    assert known.headers["content-type"].startswith("text/javascript")
    assert ask(bare_page, "GET", "/", GOOD).text == "the page"


def test_the_address_with_the_token_lets_a_browser_in_and_leaves_no_token_behind(bare):
    answer = ask(bare, "GET", f"/?token={TOKEN}", {})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert answer.headers["referrer-policy"] == "no-referrer"
    value = cookie.split(";")[0]
    same = {"Cookie": value, "Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert ask(bare, "GET", f"{API}/clips", same).status_code == 200
    for wrong in ("/?token=", "/?token=x", f"/?token=x&token={TOKEN}", f"/?token={TOKEN}x"):
        assert ask(bare, "GET", wrong, {}).status_code == 401
    assert ask(bare, "GET", f"/?token={TOKEN}", {"Host": "evil.example:8000"}).status_code == 421


def test_every_answer_says_what_a_browser_may_do_with_it(serve):
    server = serve()
    for path in (f"{API}/clips", f"{API}/clips/{server.id}/frames/0", f"{API}/nothing", "/nothing"):
        policy = server.client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy


@pytest.mark.parametrize(
    ("host", "token", "said"),
    [
        ("0.0.0.0", None, "without encryption"),
        ("192.168.1.7", None, "--token"),
        ("127.0.0.1", "short", "too short"),
        ("127.0.0.1", "a token with blanks in it", "odd characters"),
        ("0.0.0.0", "ä" * 20, "odd characters"),
    ],
)
def test_others_are_let_in_only_by_a_secret_that_somebody_chose(host, token, said):
    with pytest.raises(UsageError, match=said):
        Access.chosen(host, 8000, token)


def test_a_secret_of_ones_own_and_a_random_one_are_taken():
    assert Access.chosen("0.0.0.0", 80, "x" * 16).knows_host("192.168.1.7:80")
    assert not Access.chosen("0.0.0.0", 80, "x" * 16).knows_host("evil.example:80")
    one, other = Access.chosen("::1", 80, None), Access.chosen("localhost", 80, None)
    assert one.token != other.token
    assert len(one.token) >= 32
    assert one.token not in repr(one)
    assert one.address.startswith("http://[::1]:80/?token=")
    assert Access.chosen("::", 80, "x" * 16).address.startswith("http://[::1]:80/?token=")


async def _never(*_):
    await asyncio.sleep(3600)


def exchange(guard, scope_more=(), receive=_never):
    """What a guard answers to a connection of ASGI."""
    headers = [(b"host", b"127.0.0.1:8000"), (b"authorization", f"Bearer {TOKEN}".encode()), *scope_more]
    scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": headers}
    sent = []

    async def send(message):
        sent.append(message)

    return guard(scope, receive, send), sent


def test_a_body_that_does_not_come_is_not_waited_for():
    guard = Guard(_never, Access("127.0.0.1", 8000, TOKEN), slowest=0.05)
    more = [(b"content-type", b"application/json"), (b"content-length", b"10")]
    handled, sent = exchange(guard, more)
    asyncio.run(handled)
    assert sent[0]["status"] == 408


def test_a_body_that_is_longer_than_it_said_is_cut_off():
    async def flood():
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    guard = Guard(_never, Access("127.0.0.1", 8000, TOKEN))
    more = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    handled, sent = exchange(guard, more, flood)
    asyncio.run(handled)
    assert sent[0]["status"] == 413


@pytest.mark.parametrize("name", [b"host", b"authorization", b"origin", b"content-length"])
def test_a_header_that_stands_there_twice_is_refused(name):
    guard = Guard(_never, Access("127.0.0.1", 8000, TOKEN))
    handled, sent = exchange(guard, [(name, b"1"), (name, b"2")])
    asyncio.run(handled)
    assert sent[0]["status"] == 400


def test_two_hundred_at_once_are_answered_or_turned_away():
    access = Access("127.0.0.1", 8000, TOKEN)

    async def all_at_once():
        gate = asyncio.Event()

        async def waits(scope, receive, send):
            await gate.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        guard = Guard(waits, access)
        transport = httpx.ASGITransport(app=guard)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            tasks = [asyncio.ensure_future(client.get("/x", headers=GOOD)) for _ in range(200)]
            while sum(one.done() for one in tasks) < 136:
                await asyncio.sleep(0)
            gate.set()
            answers = await asyncio.gather(*tasks)
            later = await client.get("/x", headers=GOOD)
        return [one.status_code for one in answers], later.status_code

    codes, later = asyncio.run(all_at_once())
    assert codes.count(200) == 64
    assert codes.count(429) == 136
    assert later == 200


def test_two_hundred_pictures_at_once_are_all_right_or_turned_away(serve):
    server = serve()
    address = f"{API}/clips/{server.id}/frames/"
    codes = []

    def get(number):
        codes.append(server.client.get(f"{address}{number % 12}?width={32 + number % 3}").status_code)

    threads = [threading.Thread(target=get, args=(number,)) for number in range(200)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(codes) == 200
    assert set(codes) <= {200, 429}
    assert server.get("/clips")["clips"]


def test_errors_of_ours_do_not_tell_paths_of_the_program(serve, monkeypatch):
    server = serve()
    monkeypatch.setattr(server.desk, "overview", lambda: json.loads("{"))
    answer = server.client.get(f"{API}/clips")
    assert answer.status_code == 500
    assert "internal error" in answer.json()["error"]
    assert "sa2va_cli/" not in answer.text
