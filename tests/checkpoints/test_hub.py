"""Names to folders. No test leaves this machine: the hub is a table of answers, or a closed port."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import followernets
import huggingface_hub
import pytest
import torch
from fakehub import COMMIT, REPOSITORY, FakeHub, point_to, serving
from published import PUBLISHED

from sa2va_cli.checkpoints import hub
from sa2va_cli.checkpoints.catalog import CATALOG, DEMO_FOLDER
from sa2va_cli.checkpoints.files import is_complete
from sa2va_cli.checkpoints.followers import load_follower
from sa2va_cli.checkpoints.hub import (
    cache_folder,
    find_local,
    locate_follower,
    pull,
    resolve,
    resolve_follower,
    resolve_part,
)
from sa2va_cli.errors import ModelError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub at a port where nobody listens."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(folder))
    point_to(monkeypatch, "http://127.0.0.1:9")
    return folder


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeHub]]:
    with serving() as (handler, address):
        point_to(monkeypatch, address)
        yield handler


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
    assert "ByteDance/Sa2VA-8B" in refusal("8b")
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


def test_a_cached_model_needs_no_network(cache: Path) -> None:
    snapshot = put_into_cache(cache)
    assert resolve("1b") == snapshot


def test_without_network_a_model_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it is tried again after a while"))
    message = refusal("1b")
    for hint in (REPOSITORY, str(cache_folder(REPOSITORY)), "name='demo'"):
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


def test_a_follower_is_fetched_once_as_data_and_loads(
    cache: Path, tmp_path: Path, fake_hub: type[FakeHub]
) -> None:
    fake_hub.folder = followernets.saved(followernets.sam2_config(), tmp_path / "tiny")
    (fake_hub.folder / "modeling.py").write_text("raise SystemExit")
    assert locate_follower("sam2.1-tiny") is None
    folder = resolve_follower("sam2.1-tiny")
    assert cache in folder.parents
    assert "models--facebook--sam2.1-hiera-tiny" in str(folder)
    assert not list(folder.glob("*.py"))
    assert load_follower(folder, torch.device("cpu"), torch.float32).input_size == followernets.SIDE
    fake_hub.asked.clear()
    assert resolve_follower("facebook/sam2.1-hiera-tiny") == locate_follower("sam2.1-tiny") == folder
    assert fake_hub.asked == []


def test_a_hub_id_that_holds_a_model_is_refused_as_a_follower(
    published: Path, fake_hub: type[FakeHub]
) -> None:
    fake_hub.folder = published
    with pytest.raises(ModelError, match="is no follower"):
        resolve_follower("somebody/some-model")
    assert not [path for path in fake_hub.asked if "safetensors" in path]


def test_another_model_is_refused_before_its_weights_come(published: Path, fake_hub: type[FakeHub]) -> None:
    (published / "config.json").write_text('{"model_type": "llama"}')
    fake_hub.folder = published
    message = refusal("someone/something")
    assert message.startswith(
        "someone/something cannot be used: model_type 'llama' is not a Sa2VA checkpoint"
    )
    assert not [path for path in fake_hub.asked if "safetensors" in path]
    (published / "config.json").write_text("[" * 200_000)
    fake_hub.folder = published
    assert "cannot be used: its config.json is nested" in refusal("someone/other")


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


@pytest.mark.parametrize("alias", [entry.alias for entry in CATALOG.values() if entry.repository])
def test_an_alias_stands_for_its_repository(alias: str, published: Path, fake_hub: type[FakeHub]) -> None:
    entry = CATALOG[alias]
    (published / "model.safetensors").unlink()  # its page and its config are enough here
    fake_hub.folder = published
    assert resolve(alias) == cache_folder(entry.repository) / "snapshots" / COMMIT
    assert f"/api/models/{entry.repository}" in fake_hub.asked


def test_a_cut_connection_is_taken_up_where_it_was(
    fake_hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 100_000
    )  # of 10 MB, more than the file
    whole = (PUBLISHED / "model.safetensors").read_bytes()
    fake_hub.cuts["model.safetensors"] = len(whole) // 2
    folder = resolve("1b")
    assert fake_hub.cuts == {}
    kept = len(whole) // 2 // 100_000 * 100_000
    assert fake_hub.ranges == [("model.safetensors", f"bytes={kept}-")]
    assert (folder / "model.safetensors").read_bytes() == whole


def test_after_a_download_that_stopped_only_what_is_missing_is_fetched(
    cache: Path, fake_hub: type[FakeHub]
) -> None:
    resolve("1b")
    (blob,) = [path for path in cache.rglob("blobs/*") if path.stat().st_size > 1_000_000]
    blob.unlink()
    fake_hub.asked.clear()
    assert find_local("1b") is None
    assert is_complete(resolve("1b"))
    fetched = [path.rpartition("/")[2] for path in fake_hub.asked if "/resolve/" in path]
    assert fetched == ["model.safetensors"]


def test_a_revision_is_passed_on(fake_hub: type[FakeHub]) -> None:
    assert is_complete(pull("1b", "v2").folder)
    assert any(path.endswith(f"/api/models/{REPOSITORY}/revision/v2") for path in fake_hub.asked)
    assert find_local("1b", "v2") is not None
    assert find_local("1b") is None


def test_a_revision_that_is_not_there_is_named(fake_hub: type[FakeHub]) -> None:
    with pytest.raises(ModelError, match="has no revision 'no-such-revision'"):
        pull("1b", "no-such-revision")


def test_what_does_not_come_from_the_hub_has_no_revisions(tmp_path: Path) -> None:
    assert pull(str(tmp_path)).folder == tmp_path
    with pytest.raises(ModelError, match="leave revision out"):
        pull(str(tmp_path), "v2")


def test_what_is_here_will_do_when_the_hub_cannot_be_asked(cache: Path) -> None:
    snapshot = put_into_cache(cache)
    pulled = pull("1b")
    assert pulled.folder == snapshot
    assert "Connect" in pulled.concern


def test_a_model_that_the_hub_no_longer_has_is_an_error_though_it_is_here(
    cache: Path, fake_hub: type[FakeHub]
) -> None:
    put_into_cache(cache)
    fake_hub.refusal = (404, "RepoNotFound")
    with pytest.raises(ModelError, match="the hub has no model"):
        pull("1b")


def test_the_original_sam_2_may_be_a_folder_or_a_hub_id(tmp_path: Path, fake_hub: type[FakeHub]) -> None:
    assert resolve_part(str(tmp_path)) == tmp_path
    folder = resolve_part("facebook/sam2-hiera-large")
    assert (folder / "model.safetensors").is_file()
    fake_hub.asked.clear()
    assert resolve_part("facebook/sam2-hiera-large") == folder
    assert fake_hub.asked == []
    for name in ("./nowhere", "x/y--z", ""):
        with pytest.raises(ModelError, match=f"there is no folder {re.escape(repr(name))}"):
            resolve_part(name)


def test_without_network_the_original_sam_2_is_refused_at_once() -> None:
    with pytest.raises(
        ModelError, match=r"cannot be downloaded now \(ConnectError.*or name a folder that has it"
    ):
        resolve_part("facebook/sam2-hiera-large")
