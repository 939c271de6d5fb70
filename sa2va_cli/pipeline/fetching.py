"""Inputs with an address: fetched over http or https into a cache folder, with care for where they come from.

An address may come from a list that somebody else wrote. So every hop, the first one included, is resolved
here, each of its addresses must be a public one, and the connection goes to the address that was checked:
nothing on this computer or in its network can be reached through a redirect or a name that resolves
differently the second time. Proxies in the environment are not used, as they would resolve names themselves.

Knows nothing about what is in a file, but that a page of text is no picture.
"""

import codecs
import hashlib
import http.client
import ipaddress
import os
import re
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import BinaryIO
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from sa2va_cli.errors import InputError
from sa2va_cli.events import Notice, Progress, Report
from sa2va_cli.staging import atomic, output_errors
from sa2va_cli.version import VERSION

MOST_BYTES = 4 << 30
"""What an input may have: some hours of video."""

MOST_HOPS = 5
SECONDS = 30.0
"""How long a server may be silent."""

_CHUNK = 1 << 20
_HEAD = 1 << 9
"""Bytes at the beginning of a file that are looked at."""

_LEAST_BYTES = 1 << 10
"""What a server must send in ``SECONDS``; one that sends a byte now and then is as good as silent."""

_NAME_BYTES = 150
"""Of the name of a fetched file; outputs are called after it, and file systems take 255."""

_UNRESERVED = "/%:@!$&'()*+,;=?~"
"""Characters of a path and a query that are sent as they are, besides letters, digits and ``-._``."""

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""The part of IPv6 that the internet uses (RFC 4291, section 2.4)."""
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")
"""RFC 9637; no one's, and not known to the library of Python 3.11."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as networks of IPv6 only write them (RFC 6052)."""
_TEXTS = ("text/", "application/json", "application/xhtml", "application/xml", "application/javascript")
_REDIRECTS = (301, 302, 303, 307, 308)


def is_address(source: str) -> bool:
    """Whether an input is to be fetched."""
    return source[:8].lower().startswith(("http://", "https://"))


def name_in(address: str) -> str:
    """The name of the file that an address leads to: ``clip.mp4``; its host where it has none."""
    try:
        parts = urlsplit(address)
    except ValueError:  # a bracket too many; ``fetched`` says so
        return "input"
    name = unquote(parts.path).rpartition("/")[2]
    plain = re.sub(r"[^\w.()+ -]", "_", name)
    short = plain.encode()[-_NAME_BYTES:].decode(errors="ignore").strip(". ")  # "..", for one, is a folder
    return short or re.sub(r"[^\w.-]", "_", parts.hostname or "input")


def cache_folder() -> Path:
    """Where fetched inputs lie: ``SA2VA_CACHE``, or this program's folder in the user's cache."""
    from platformdirs import user_cache_path

    given = os.environ.get("SA2VA_CACHE")
    return (Path(given).expanduser() if given else user_cache_path("sa2va", appauthor=False)) / "inputs"


def fetched(address: str, report: Report) -> Path:
    """A file with what an address leads to; what was fetched before is not fetched again.

    Raises:
        InputError: it cannot be had, is too large, is text, or lies in a private network.
        OutputError: the cache cannot be written.
    """
    mark = hashlib.sha256(address.encode()).hexdigest()[:16]
    _checked(address, address)
    path = cache_folder() / mark / name_in(address)
    if path.is_file():
        report(Notice(f"{address} was fetched before; remove {path} to fetch it again", "detail"))
        return path
    report(Progress(f"fetching {address}"))
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with atomic(path) as part, part.open("wb") as file:
                _fetch(address, file)
        finally:
            if not path.exists():
                with suppress(OSError):  # another run may be fetching the same
                    path.parent.rmdir()
    return path


def _fetch(address: str, file: BinaryIO) -> None:
    here = address
    for _ in range(MOST_HOPS + 1):
        parts = _checked(here, address)
        connection = _Connection(parts, public_address(parts, address))
        try:
            headers = {"User-Agent": f"sa2va/{VERSION}", "Accept-Encoding": "identity"}
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", quote(target, _UNRESERVED), headers=headers)
            answer = connection.getresponse()
            place = answer.getheader("Location")
            if answer.status in _REDIRECTS and place:
                # Headers are read as Latin-1, whatever they are; a browser sends their bytes on.
                here = urljoin(here, quote(place.strip().encode("latin-1"), _UNRESERVED + "#[]"))
                continue
            _keep(answer, file, address)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise InputError(f"{address}: cannot be fetched ({_reason(error)})") from error
        else:
            return
        finally:
            connection.close()
    raise InputError(f"{address}: leads from one address to the next, more than {MOST_HOPS} times")


def _reason(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


def _checked(here: str, address: str) -> SplitResult:
    try:
        parts = urlsplit(here)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        known = None
    if not known or parts.username is not None:
        raise InputError(
            f"{address}: {here!r} is no plain address; give http(s)://HOST/PATH without a password"
        )
    return parts


def public_address(parts: SplitResult, address: str) -> str:
    """An address on the internet that a host has.

    Raises:
        InputError: it has none, or also one that is not public.
    """
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InputError(f"{address}: the host {host!r} is not known ({_reason(error)})") from error
    numbers = [str(one[4][0]) for one in found]
    for number in numbers:
        if not is_public(number):
            what = host if host == number else f"{host} is {number}, which"
            raise InputError(
                f"{address}: {what} is not on the public internet; "
                "download the file yourself and give its name"
            )
    return numbers[0]


def is_public(number: str) -> bool:
    """Whether an IP address is one of the internet's: not local, private, shared, reserved or multicast."""
    one = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(one, ipaddress.IPv4Address):
        return one.is_global and not one.is_multicast
    if one.ipv4_mapped is not None:
        return is_public(str(one.ipv4_mapped))
    if one in _TRANSLATED:
        return is_public(str(ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)))
    unicast = one in _GLOBAL_UNICAST and one not in _DOCUMENTATION and one.is_global
    return unicast and (one.sixtofour is None or is_public(str(one.sixtofour)))


class _Connection(http.client.HTTPConnection):
    """Goes to an address that was checked; asks it for the host that was named."""

    def __init__(self, parts: SplitResult, number: str) -> None:
        self._secure = parts.scheme == "https"
        host = parts.hostname or ""
        super().__init__(host, parts.port or (443 if self._secure else 80), timeout=SECONDS)
        self.default_port = 443 if self._secure else 80  # so that the header names no port that is usual
        self._number = number

    def connect(self) -> None:
        """Connects; over TLS the certificate must be the named host's."""
        self.sock = socket.create_connection((self._number, self.port), self.timeout)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _keep(answer: http.client.HTTPResponse, file: BinaryIO, address: str) -> None:
    """Writes what a server sends, if that can be an input.

    Raises:
        InputError: it cannot.
    """
    if answer.status != 200:
        raise InputError(f"{address}: the server says {answer.status} {answer.reason}")
    kind = (answer.getheader("Content-Type") or "").lower()
    if kind.startswith(_TEXTS):
        raise InputError(
            f"{address}: is {kind.partition(';')[0]}, no video or image; is it a page about one?"
        )
    if (packed := (answer.getheader("Content-Encoding") or "identity").strip().lower()) != "identity":
        raise InputError(f"{address}: the server packs it ({packed}), which nobody asked for")
    announced = answer.length  # None where the server does not say so in numbers
    if announced is not None and announced > MOST_BYTES:
        raise _too_large(address)
    chunk = answer.read(_HEAD)
    if chunk.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"<", b"{"):
        raise InputError(f"{address}: is text, no video or image; is it a page about one?")
    done, pace = 0, _Pace()
    while chunk:
        done += len(chunk)
        if done > MOST_BYTES:
            raise _too_large(address)
        file.write(chunk)
        pace.check(done, address)
        chunk = answer.read1(_CHUNK)
    if not done:
        raise InputError(f"{address}: is empty")
    if announced is not None and done < announced:
        raise InputError(f"{address}: the server sent {done} of {announced} bytes; try again")


class _Pace:
    """Looks whether a server still sends something worth waiting for."""

    def __init__(self) -> None:
        self._since, self._had = monotonic(), 0

    def check(self, done: int, address: str) -> None:
        """Takes how many bytes came so far.

        Raises:
            InputError: hardly any did for a while.
        """
        now = monotonic()
        if done - self._had >= _LEAST_BYTES:
            self._since, self._had = now, done
        elif now - self._since > SECONDS:
            raise InputError(f"{address}: the server sends next to nothing ({done} bytes so far)")


def _too_large(address: str) -> InputError:
    return InputError(
        f"{address}: has more than {MOST_BYTES >> 30} GiB; download it yourself and give the file's name"
    )
