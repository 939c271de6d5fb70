"""Addresses as inputs, with a server of the test's own: local addresses are only allowed where it says so."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from clips import make_image, make_video

from sa2va_cli.errors import InputError
from sa2va_cli.pipeline import fetching
from sa2va_cli.pipeline.fetching import fetched, is_address, is_public, name_in
from sa2va_cli.pipeline.opening import stem_of


class Handler(BaseHTTPRequestHandler):
    pages: ClassVar[dict] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self):
        self.asked.append(self.path)
        status, headers, body = self.pages.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(folder, monkeypatch):
    """The address of a server; its host counts as public."""
    monkeypatch.setenv("SA2VA_CACHE", str(folder / "cache"))
    monkeypatch.setattr(fetching, "is_public", lambda number: number == "127.0.0.1")
    Handler.pages, Handler.asked = {}, []
    here = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=here.serve_forever, name="test-server", daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{here.server_port}"
    here.shutdown()
    here.server_close()
    thread.join()


def picture(folder) -> bytes:
    return make_image(folder / "seen.png").read_bytes()


def test_an_address_is_fetched_once(folder, server, sa2va):
    Handler.pages["/a%20b.png?x=1"] = (200, {"Content-Type": "image/png"}, picture(folder))
    for _ in range(2):
        outcome = sa2va("segment", f"{server}/a%20b.png?x=1", "red", "--save", "mask", "--overwrite")
        assert outcome.code == 0, outcome.err
    assert Handler.asked == ["/a%20b.png?x=1"]
    assert "a b.mask.png" in outcome.files
    Handler.pages["/c.mp4"] = (200, {}, make_video(folder / "c.mp4").read_bytes())
    assert sa2va("segment", f"{server}/c.mp4", "red", "--save", "tracks").code == 0
    assert sa2va("render", "c.tracks.sa2va", "--save", "coco").code == 0
    assert Handler.asked.count("/c.mp4") == 1


def test_redirects_are_followed_and_every_hop_is_checked(folder, server, monkeypatch):
    Handler.pages["/a.png"] = (302, {"Location": "/b"}, b"")
    Handler.pages["/b"] = (200, {"Content-Type": "image/png"}, picture(folder))
    assert fetched(f"{server}/a.png", lambda _: None).name == "a.png"
    Handler.pages["/c.png"] = (302, {"Location": "http://localhost.:1/b"}, b"")
    hosts = fetching.public_address
    seen = []
    monkeypatch.setattr(
        fetching, "public_address", lambda parts, one: (seen.append(parts.hostname), hosts(parts, one))[1]
    )
    with pytest.raises(InputError):
        fetched(f"{server}/c.png", lambda _: None)
    assert seen == ["127.0.0.1", "localhost."]


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ((404, {}, b""), "the server says 404"),
        ((200, {"Content-Type": "text/html; charset=utf-8"}, b"x"), "is text/html"),
        ((200, {"Content-Type": "image/png"}, b"  <!doctype html>"), "is text"),
        ((200, {"Content-Type": "image/png"}, b"\xef\xbb\xbf<html>"), "is text"),
        ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), "packs it"),
        ((200, {}, b""), "is empty"),
        ((200, {"Content-Length": "3000"}, b"\x89" * 2000), "sent 2000 of 3000 bytes"),
        ((200, {"Content-Length": str(5 << 30)}, b"x"), "more than 4 GiB"),
        ((302, {"Location": "/a.png"}, b""), "more than 5 times"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "is no plain address"),
        ((302, {"Location": "http://10.0.0.1/"}, b""), "is not on the public internet"),
        ((302, {"Location": "http://[::1]/"}, b""), "is not on the public internet"),
    ],
)
def test_what_cannot_be_an_input_is_refused_and_leaves_nothing(folder, server, page, told):
    Handler.pages["/a.png"] = page
    with pytest.raises(InputError, match=told):
        fetched(f"{server}/a.png", lambda _: None)
    assert list((folder / "cache" / "inputs").rglob("*")) == []


def test_more_than_was_announced_is_too_large(folder, server, monkeypatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 1000)
    Handler.pages["/a.png"] = (200, {"Content-Type": "image/png", "Content-Length": "10000"}, b"\x89" * 10000)
    Handler.pages["/b.png"] = (200, {"Content-Type": "image/png", "Content-Length": "10"}, b"\x89" * 10)
    with pytest.raises(InputError, match="more than"):
        fetched(f"{server}/a.png", lambda _: None)
    assert fetched(f"{server}/b.png", lambda _: None).stat().st_size == 10


@pytest.mark.parametrize(
    "number",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1",
     "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "2002:7f00:1::", "::127.0.0.1", "64:ff9b::7f00:1",
     "64:ff9b:1::8.8.8.8", "::ffff:0:127.0.0.1", "fec0::1", "5f00::1", "3fff::1", "2001::1"],
)  # fmt: skip
def test_local_addresses_are_not_public(number):
    assert not is_public(number)


def test_public_addresses_are_public():
    public = ("8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::")
    assert all(map(is_public, public))


def test_a_local_server_is_refused(folder, sa2va):
    outcome = sa2va("segment", "http://127.0.0.1:9/a.png", "red")
    assert outcome.code == 3
    assert "/a.png: 127.0.0.1 is not on the public internet" in outcome.err


def test_names_come_from_addresses():
    assert is_address("HTTPS://example.org/a")
    assert not is_address("http")
    assert name_in("https://example.org/x/clip%2F..%2Fa.mp4?y=/z.png") == "a.mp4"
    assert name_in("https://example.org/") == "example.org"
    assert name_in("https://example.org/x/..") == name_in("https://example.org/%2e%2e") == "example.org"
    assert stem_of("https://example.org/x/clip.mp4") == "clip"


@pytest.mark.parametrize(
    "address", ["http://[::1/a.png", "http://a]b/c.png", "http://", "https://host:99999/a"]
)
@pytest.mark.parametrize("command", [("segment", "red"), ("ask", "What?")])
def test_what_is_no_address_is_one_line(folder, sa2va, address, command):
    outcome = sa2va(command[0], address, command[1])
    assert (outcome.code, outcome.err.count("\n")) == (3, 1)
    assert "is no plain address" in outcome.err


def test_addresses_are_sent_as_browsers_send_them(folder, server):
    wanted = picture(folder)
    Handler.pages["/%E5%9B%BE%20a.png?b=%C3%A9%20c&d=1"] = (200, {}, wanted)
    Handler.pages["/go"] = (302, {"Location": "/\u56fe a.png?b=\u00e9 c&d=1".encode().decode("latin-1")}, b"")
    for asked in ("/\u56fe a.png?b=\u00e9 c&d=1", "/go", "/%E5%9B%BE%20a.png?b=%C3%A9%20c&d=1#there"):
        assert fetched(server + asked, lambda _: None).read_bytes() == wanted


def test_a_long_name_of_wide_characters_is_cut(folder, server, sa2va):
    Handler.pages["/" + "%E5%9B%BE" * 100 + ".png"] = (200, {}, picture(folder))
    outcome = sa2va("segment", f"{server}/" + "%E5%9B%BE" * 100 + ".png", "red", "--save", "mask")
    assert outcome.code == 0, outcome.err
    assert any(name.endswith("\u56fe.mask.png") for name in outcome.files)


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(folder, server, monkeypatch):
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(fetching, "monotonic", lambda: next(clock))
    monkeypatch.setattr(fetching, "_CHUNK", 1)
    Handler.pages["/a.png"] = (200, {"Content-Type": "image/png"}, picture(folder) * 20)
    with pytest.raises(InputError, match="next to nothing"):
        fetched(f"{server}/a.png", lambda _: None)
