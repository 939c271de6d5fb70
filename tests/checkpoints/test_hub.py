"""Names to folders. No test leaves this machine: the hub is a table of answers, or a closed port."""

import http.server
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from published import PUBLISHED

from sa2va_cli.checkpoints import hub
from sa2va_cli.checkpoints.catalog import DEMO_FOLDER
from sa2va_cli.checkpoints.hub import cache_folder, is_complete, resolve
from sa2va_cli.errors import ModelError

REPOSITORY = "ByteDance/Sa2VA-1B"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(http.server.BaseHTTPRequestHandler):
    """Answers as the hub does for one repository, whose files are those of a folder."""

    folder = PUBLISHED
    refusal: tuple[int, str] | None = None
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def answer(self) -> None:
        if self.refusal is not None:
            self.send(self.refusal[0], b"{}", {"X-Error-Code": self.refusal[1]})
        elif self.path.startswith("/api/models/") and "/tree/" in self.path:
            self.send(200, json.dumps([self.entry(path) for path in sorted(self.folder.iterdir())]).encode())
        elif self.path.startswith("/api/models/"):
            names = [{"rfilename": path.name} for path in self.folder.iterdir()]
            self.send(200, json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": names}).encode())
        elif (file := self.folder / self.path.rpartition("/")[2]).is_file():
            self.send(200, file.read_bytes(), {"ETag": f'"{file.name}"', "X-Repo-Commit": COMMIT})
        else:
            self.send(404, b"", {"X-Error-Code": "EntryNotFound"})

    @staticmethod
    def entry(path: Path) -> dict[str, object]:
        return {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": path.name}

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub at a port where nobody listens."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(folder))
    point_to(monkeypatch, "http://127.0.0.1:9")
    return folder


def point_to(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """What HF_ENDPOINT does; the hub's library has read its environment long before."""
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    for module in (huggingface_hub.constants, huggingface_hub.hf_api, huggingface_hub.file_download):
        for name, value in (("ENDPOINT", endpoint), ("HUGGINGFACE_CO_URL_TEMPLATE", template)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", endpoint)


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeHub]]:
    handler = type("Handler", (FakeHub,), {"asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    point_to(monkeypatch, f"http://127.0.0.1:{server.server_address[1]}")
    yield handler
    server.shutdown()
    server.server_close()


def put_into_cache(cache: Path, source: Path = PUBLISHED) -> Path:
    """Lays a snapshot where the hub's library keeps it."""
    repository = cache_folder(REPOSITORY)
    assert repository.parent == cache
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    return Path(shutil.copytree(source, repository / "snapshots" / COMMIT))


def refusal(name: str) -> str:
    with pytest.raises(ModelError) as caught:
        resolve(name)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert resolve(str(tmp_path)) == tmp_path


def test_a_folder_that_is_called_like_an_alias_must_be_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "8b").mkdir()
    assert "not supported yet" in refusal("8b")
    (tmp_path / "8b" / "config.json").write_text("{}")
    assert resolve("8b") == Path("8b")


def test_the_demo_comes_with_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert DEMO_FOLDER.parts[-3:] == ("sa2va_cli", "demo", "weights")
    shutil.copytree(PUBLISHED, tmp_path / "weights")
    monkeypatch.setattr(hub, "DEMO_FOLDER", tmp_path / "weights")
    assert resolve("demo") == tmp_path / "weights"
    assert resolve("DEMO") == tmp_path / "weights"


def test_an_installation_without_the_demo_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "DEMO_FOLDER", tmp_path / "weights")
    assert "no demo model" in refusal("demo")


def test_an_unknown_name_lists_the_known_ones() -> None:
    message = refusal("2b")
    assert "'2b'" in message
    assert "1b, 4b, 8b, 26b, internvl3-2b" in message


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "../x", "C:\\models", "a/b/c", "x/y--z", ""])
def test_a_name_that_is_no_hub_id_is_not_looked_up(name: str, fake_hub: type[FakeHub]) -> None:
    assert repr(name) in refusal(name)
    assert fake_hub.asked == []


def test_a_model_that_is_not_supported_yet_is_not_downloaded(fake_hub: type[FakeHub]) -> None:
    for name in ("8b", "ByteDance/Sa2VA-26B", "qwen3-vl-4b", "i-1b"):
        assert "not supported yet" in refusal(name)
    assert fake_hub.asked == []


def test_a_cached_model_needs_no_network(cache: Path) -> None:
    snapshot = put_into_cache(cache)
    assert resolve("1b") == snapshot


def test_without_network_a_model_is_refused_at_once() -> None:
    start = time.monotonic()
    message = refusal("1b")
    assert time.monotonic() - start < 5
    for hint in (REPOSITORY, str(cache_folder(REPOSITORY)), "--model demo"):
        assert hint in message


def test_an_incomplete_snapshot_is_not_taken_for_a_model(cache: Path) -> None:
    (put_into_cache(cache) / "model.safetensors").unlink()
    assert "cannot be downloaded now" in refusal("1b")


def test_only_data_is_downloaded(cache: Path, published: Path, fake_hub: type[FakeHub]) -> None:
    for name in ("modeling_sa2va_chat.py", "pytorch_model.bin", "weights.pt", "demo.gif"):
        (published / name).write_text("never read")
    fake_hub.folder = published
    folder = resolve("1b")
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in PUBLISHED.iterdir())
    assert not [path for path in fake_hub.asked if path.endswith((".py", ".bin", ".pt", ".gif"))]
    assert is_complete(folder)
    fake_hub.asked.clear()
    assert resolve(REPOSITORY) == folder
    assert fake_hub.asked == []


def test_another_model_is_refused_before_its_weights_come(published: Path, fake_hub: type[FakeHub]) -> None:
    (published / "config.json").write_text('{"model_type": "llama"}')
    fake_hub.folder = published
    message = refusal("someone/something")
    assert message.startswith(
        "someone/something cannot be used: model_type 'llama' is not a Sa2VA checkpoint"
    )
    assert not [path for path in fake_hub.asked if "safetensors" in path]


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "RepoNotFound", "the hub has no model"),
        (404, "RepoNotFound", "the hub has no model"),
        (403, "GatedRepo", "is gated"),
        (500, "", "cannot be downloaded now"),
    ],
)
def test_the_refusal_of_the_hub_is_explained(
    fake_hub: type[FakeHub], status: int, code: str, words: str
) -> None:
    fake_hub.refusal = (status, code)
    assert words in refusal("someone/something")


def test_a_download_that_stops_can_be_run_again(
    cache: Path, published: Path, fake_hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, local_files_only: bool = False, **__: object) -> str:
        if local_files_only:
            raise huggingface_hub.errors.LocalEntryNotFoundError("not here")
        raise OSError("connection reset")

    monkeypatch.setattr(hub, "snapshot_download", fail)
    assert "run again to go on" in refusal("1b")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_checkpoint_lacks_something(published: Path, name: str) -> None:
    assert is_complete(published)
    (published / name).unlink()
    assert not is_complete(published)
