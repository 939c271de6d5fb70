"""A Hugging Face hub on this machine: it serves the files of a folder, and may break off in the middle."""

import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub
import pytest
from families import checkpoint

REPOSITORY = "ByteDance/Sa2VA-1B"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(http.server.BaseHTTPRequestHandler):
    """Answers as the hub does: every repository has the files of ``folder``.

    ``cuts`` has, by file name, after how many bytes the connection breaks, once each. Asked as a proxy, it
    answers for any hub; ``hosts`` are those, and ``tokens`` what requests for a model were authorised with.
    """

    folder = checkpoint("internvl-qwen2")
    refusal: tuple[int, str] | None = None
    asked: list[str]
    hosts: set[str]
    tokens: set[str | None]
    ranges: list[tuple[str, str]]
    cuts: dict[str, int]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def answer(self) -> None:
        host, self.path = re.fullmatch(r"(?:http://([^/]+))?(.*)", self.path).groups()
        self.hosts.add(host or "")
        if REPOSITORY in self.path:  # the hub's library also asks about things that are not ours
            self.tokens.add(self.headers.get("Authorization"))
        name = self.path.rpartition("/")[2]
        if self.refusal is not None:
            self.send(self.refusal[0], b"{}", {"X-Error-Code": self.refusal[1]})
        elif "/no-such-revision" in self.path:
            self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif self.path.startswith("/api/models/") and "/tree/" in self.path:
            self.send(200, json.dumps([self.entry(path) for path in sorted(self.folder.iterdir())]).encode())
        elif self.path.startswith("/api/models/"):
            names = [{"rfilename": path.name} for path in self.folder.iterdir()]
            about = {"id": self.path.split("/revision/")[0][12:], "sha": COMMIT, "siblings": names}
            self.send(200, json.dumps(about).encode())
        elif (file := self.folder / name).is_file():
            self.send_file(file)
        else:
            self.send(404, b"", {"X-Error-Code": "EntryNotFound"})

    @staticmethod
    def entry(path: Path) -> dict[str, object]:
        return {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": checksum(path)}

    def send_file(self, path: Path) -> None:
        content, wanted = path.read_bytes(), self.headers.get("Range")
        headers = {"ETag": f'"{checksum(path)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if wanted is None:
            self.send(
                200, content, headers, cut=self.cuts.pop(path.name, None) if self.command == "GET" else None
            )
            return
        self.ranges.append((path.name, wanted))
        first = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
        headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.send(206, content[first:], headers)

    def send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def checksum(path: Path) -> str:
    """What the hub sends as a file's ETag: SHA-256 of a large file, git's name for a small one."""
    content = path.read_bytes()
    if path.suffix == ".safetensors":
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def serving() -> Iterator[tuple[type[FakeHub], str]]:
    """Runs a hub of its own; gives its class, whose attributes can be set, and its address."""
    seen = {"asked": [], "hosts": set(), "tokens": set(), "ranges": [], "cuts": {}}
    handler = type("Handler", (FakeHub,), seen)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield handler, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def point_to(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """What HF_ENDPOINT does; the hub's library has read its environment long before."""
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    for module in (huggingface_hub.constants, huggingface_hub.hf_api, huggingface_hub.file_download):
        for name, value in (("ENDPOINT", endpoint), ("HUGGINGFACE_CO_URL_TEMPLATE", template)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", endpoint)
