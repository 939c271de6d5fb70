"""What stands between the network and the routes: who may ask, from where, how much, and for how long.

A pure ASGI middleware. A request that is refused here has reached nothing else. Knows nothing about clips.
"""

import asyncio
import hmac
import ipaddress
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sa2va_cli.errors import UsageError, parameter
from sa2va_cli.review.messages import line, problem_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LARGEST_BODY = 1 << 20
"""Bytes of a request's body: a stroke of a brush with 30,000 points fits."""

LONGEST_PATH = 1_000
"""Characters of an address before its question mark; a number in it has no more digits than Python reads."""

SLOWEST_BODY_SECONDS = 10.0
"""How long a body may take to come in."""

MOST_REQUESTS = 64
"""Requests at once; a page of thumbnails asks for six at a time, as browsers do."""

MOST_LISTENERS = 16
"""Streams of events at once: tabs."""

SHORTEST_TOKEN = 16
"""Characters of a token that people choose themselves."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What the page may load: its own files, and nothing from anywhere else."""

_ALWAYS: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]


@dataclass(frozen=True)
class Access:
    """Where the server listens, and what whoever asks must know.

    Attributes:
        host: name or number of the interface.
        port: number of the port.
        token: what every request carries.
    """

    host: str
    port: int
    token: str = field(repr=False)

    @classmethod
    def chosen(cls, host: str, port: int, token: str | None) -> "Access":
        """Makes a token where none is given.

        Raises:
            UsageError: others than this computer could ask, and nobody chose a token; or it is too short.
        """
        if token is None:
            if host not in LOOPBACK:
                raise UsageError(
                    f"{parameter('host', host)} lets every computer that reaches this one look at the clips, "
                    "change them and write files, without encryption; if that is meant, choose a secret with "
                    f"--token (at least {SHORTEST_TOKEN} characters)"
                )
            token = secrets.token_urlsafe(24)
        if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise UsageError(
                f"--token is too short or has odd characters; give at least {SHORTEST_TOKEN} letters and "
                "digits, or leave it out"
            )
        return cls(host, port, token)

    @property
    def address(self) -> str:
        """What is opened in a browser."""
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  (not bound)
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """Name of the cookie; cookies of one computer are shared by its ports, so it has the port."""
        return f"sa2va-review-{self.port}"

    def knows_host(self, given: str) -> bool:
        """Whether a ``Host`` header names this server: a page that points its own name here is refused."""
        try:
            parts = urlsplit(f"//{given}")
            name, port = (parts.hostname or "").lower(), parts.port or 80
        except ValueError:
            return False
        if port != self.port or parts.username is not None or parts.path:
            return False
        if self.host in LOOPBACK:
            return name in LOOPBACK
        return name in (self.host.lower(), *LOOPBACK, socket.gethostname().lower()) or _is_number(name)

    def knows_token(self, given: str) -> bool:
        """Whether it is the right token; takes as long for every wrong one."""
        return hmac.compare_digest(given.encode(), self.token.encode())


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Refused(Exception):  # noqa: N818  (a way out, which ``Guard`` turns into an answer)
    """A request that goes no further."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.error = UsageError(text)


class Guard:
    """Lets requests through that may come, and bounds them.

    Args:
        inner: the application.
        access: who may ask.
        most: requests at once.
        slowest: seconds that a body may take.
    """

    def __init__(
        self,
        inner: Application,
        access: Access,
        *,
        most: int = MOST_REQUESTS,
        slowest: float = SLOWEST_BODY_SECONDS,
    ) -> None:
        self._inner = inner
        self._access = access
        self._most = most
        self._slowest = slowest
        self._running = 0
        self._listening = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            headers = _headers(scope)
            if self._opens(scope, headers):
                await self._let_in(send)
                return
            self._check(scope, headers)
            await self._bounded(scope, headers, receive, send)
        except Refused as refused:
            await _answer(send, refused.status, problem_of(refused.error))

    def _opens(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Whether somebody opens the page with the token in its address."""
        if scope["path"] != "/" or scope["method"] != "GET" or not scope["query_string"]:
            return False
        self._check_host(headers)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if len(given) != 1 or not self._access.knows_token(given[0]):
            raise Refused(401, "the token in the address is wrong; open the address that sa2va printed")
        return True

    async def _let_in(self, send: Send) -> None:
        cookie = f"{self._access.cookie}={self._access.token}; HttpOnly; SameSite=Strict; Path=/"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 303, "headers": [*headers, *_ALWAYS]})
        await send({"type": "http.response.body", "body": b""})

    def _check_host(self, headers: dict[str, str]) -> None:
        if not self._access.knows_host(headers.get("host", "")):
            raise Refused(421, f"this server is not {headers.get('host', 'without a name')!r:.100}")

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        self._check_host(headers)
        if len(scope["path"]) > LONGEST_PATH:
            raise Refused(404, f"an address has at most {LONGEST_PATH} characters")
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{headers['host']}":
            raise Refused(403, f"requests from {origin!r:.100} are not answered")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refused(403, "requests from other sites are not answered")
        if not self._access.knows_token(_token(headers, self._access.cookie)):
            raise Refused(401, line("token"))
        if scope["method"] not in ("GET", "HEAD", "DELETE"):
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise Refused(415, "a body must be JSON, with Content-Type: application/json")
        _check_length(headers)

    async def _bounded(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        listens = scope["path"].endswith("/events")
        running, most = (self._listening, MOST_LISTENERS) if listens else (self._running, self._most)
        if running >= most:
            raise Refused(429, line("too_many"))
        self._count(1, listens=listens)
        try:
            body = await self._body(receive, headers)
            await self._inner(scope, _replayed(body, receive), _signed(send))
        finally:
            self._count(-1, listens=listens)

    def _count(self, more: int, *, listens: bool) -> None:
        if listens:
            self._listening += more
        else:
            self._running += more

    async def _body(self, receive: Receive, headers: dict[str, str]) -> bytes:
        """The whole body, which is small and comes soon."""
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            return b""
        try:
            async with asyncio.timeout(self._slowest):
                return await _whole(receive)
        except TimeoutError:
            raise Refused(408, f"the body did not come within {self._slowest:g} seconds") from None


async def _whole(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "the body broke off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise Refused(413, f"a body has at most {LARGEST_BODY} bytes")
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already, then what follows: that the other side has gone."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _signed(send: Send) -> Send:
    """Adds to each answer what browsers should hold to."""

    async def signed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            names = {name.lower() for name, _ in headers}
            headers += _ALWAYS
            if b"cache-control" not in names:
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        await send(message)

    return signed


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by name; what stands there twice and must not is refused."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in found and key in ("host", "origin", "content-length", "authorization"):
            raise Refused(400, f"there are two headers {key}")
        found[key] = value.decode("latin-1")
    return found


def _token(headers: dict[str, str], cookie: str) -> str:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    try:
        known = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return known[cookie].value if cookie in known else ""


def _check_length(headers: dict[str, str]) -> None:
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise Refused(400, "Content-Length is no number")
    if int(length) > LARGEST_BODY:
        raise Refused(413, f"a body has at most {LARGEST_BODY} bytes")


async def _answer(send: Send, status: int, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *_ALWAYS]})
    await send({"type": "http.response.body", "body": body})
