"""Batches from storage to storage: a folder of files, a memory, and an S3 of the tests' own."""

import os
from pathlib import Path

import fsspec
import pytest
from batch.told import events
from clips import make_video
from fakes import load_fake, load_remembering

from sa2va_cli.batch.summary import read_state
from sa2va_cli.errors import OutputError
from sa2va_cli.pipeline import storage
from sa2va_cli.pipeline.storage import facts_of, upload

STATE = Path("sa2va-batch.db")


@pytest.fixture(scope="module")
def server():
    """The address of an S3."""
    pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    made = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def s3(request, folder, monkeypatch, server):
    """The URL of a bucket."""
    known = {"ENDPOINT_URL": server, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}
    for name, value in (known | {"DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    system = fsspec.filesystem("s3")
    bucket = f"bucket-{abs(hash(request.node.name)):x}"
    system.mkdir(bucket)
    yield f"s3://{bucket}"
    system.rm(bucket, recursive=True)
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def memory():
    """The URL of something that is forgotten."""
    yield "memory://store"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture(params=["memory", "file", "s3"])
def store(request, folder, monkeypatch):
    """The URL of an empty place, with a cache of the test's own."""
    monkeypatch.setenv("SA2VA_CACHE", str(folder / "cache"))
    if request.param == "s3":
        return request.getfixturevalue("s3")
    if request.param == "file":
        (folder / "store").mkdir()
        return f"file://{folder}/store"
    return request.getfixturevalue("memory")


@pytest.fixture
def shots(store, clips):
    """Three clips there, and none here."""
    for clip in clips:
        upload(clip, f"{store}/{clip.as_posix()[clip.as_posix().index('shots') :]}")
    clips[0].parent.rename("kept")
    return f"{store}/shots/"


def made(store):
    """The outputs by name, with hidden ones."""
    system = fsspec.filesystem(store.partition("://")[0])
    system.invalidate_cache()
    return {Path(name).name: system.cat_file(name) for name in system.find(f"{store}/out")}


def command(store, *more):
    return ("batch", f"{store}/shots/", "-p", "red", "--save", "mask", "-o", f"{store}/out/", *more)


def test_a_batch_from_storage_to_storage_gives_the_bytes_of_one_on_this_computer(sa2va, store, shots):
    Path("kept").rename("shots")  # not made again: x264 decides a block otherwise once in some hundred runs
    assert sa2va("batch", "shots", "-p", "red", "--save", "mask", "-o", "here/").code == 0
    outcome = sa2va(*command(store))
    assert outcome.code == 0, outcome.err
    assert made(store) == {path.name: path.read_bytes() for path in Path("here").glob("*.mp4")}
    assert not [name for name in outcome.files if name.startswith("cache/outputs/") and name.endswith(".mp4")]
    again = sa2va(*command(store), load=lambda *_: pytest.fail("loaded"))
    assert (again.code, "3 skipped" in again.err) == (0, True), again.err
    recorded = {name for row in read_state(STATE).rows for name in row.outputs}
    assert recorded == {f"{store}/out/{name}.mask.mp4" for name in "abc"}


def test_what_is_gone_or_changed_there_is_done_again_and_nothing_else(sa2va, store, shots, folder):
    sa2va(*command(store))
    fsspec.filesystem(store.partition("://")[0]).rm(f"{store}/out/a.mask.mp4")
    make_video(folder / "new.mp4", stamps=range(12))
    upload(folder / "new.mp4", f"{store}/shots/b.mp4")
    outcome = sa2va(*command(store, "--json"))
    assert outcome.code == 0, outcome.err
    reasons = {one["input"][-5:]: one["reason"] for one in events(outcome.out) if one["event"] == "began"}
    assert reasons == {"a.mp4": "missing", "b.mp4": "changed"}


def test_what_others_have_put_there_is_refused_kept_or_replaced(sa2va, store, shots, folder):
    (folder / "theirs").write_text("theirs")
    upload(folder / "theirs", f"{store}/out/a.mask.mp4")
    refused = sa2va(*command(store))
    assert (refused.code, "exists already" in refused.err) == (8, True)
    assert made(store)["a.mask.mp4"] == b"theirs"
    kept = sa2va(*command(store, "--skip-existing", "--retry-failed"))
    assert (kept.code, made(store)["a.mask.mp4"]) == (0, b"theirs"), kept.err
    replaced = sa2va(*command(store, "--overwrite", "--force"))
    assert (replaced.code, made(store)["a.mask.mp4"] == b"theirs") == (0, False), replaced.err


def test_folders_of_pictures_and_templates_go_there_too(sa2va, store, shots):
    outcome = sa2va(
        *("batch", f"{store}/shots/*.mp4", "-p", "red", "--save", "davis,mask"),
        *("-o", f"{store}/out/{{stem}}/x.{{kind}}.{{ext}}", "--state", "state.db"),
    )
    assert outcome.code == 0, outcome.err
    assert "x.mask.mp4" in made(store)
    assert "00007.png" in made(store)


def test_parts_of_a_video_are_sent_joined(sa2va, store, shots):
    sa2va(*command(store))
    whole = made(store)
    again = sa2va(*command(store, "--split", "minutes:0.001", "--force"), load=load_fake)
    assert again.code == 0, again.err
    assert made(store).keys() == whole.keys()


@pytest.mark.parametrize("at", ["send", "verify"])
def test_an_upload_that_is_interrupted_leaves_nothing_to_be_seen_and_is_done_again_alone(
    sa2va, store, shots, monkeypatch, at
):
    """The process dies, or the network, while the only copy is half there."""
    system = fsspec.filesystem(store.partition("://")[0])
    put_file = system.put_file

    def broken(path, url, **more):
        if at == "verify":
            return
        if url.endswith(".tmp"):  # what can be half there has another name
            half = Path(path).with_name("half")
            half.write_bytes(Path(path).read_bytes()[:100])
            put_file(str(half), url)
            half.unlink()
        raise ConnectionError("the line is dead")

    with monkeypatch.context() as patch:
        patch.setattr(system, "put_file", broken, raising=False)
        patch.setattr(storage, "file_system", lambda _: system)
        failed = sa2va(*command(store), load=load_remembering)
    assert failed.code == 8
    assert made(store) == {}
    done = sa2va(*command(store, "--retry-failed"), load=lambda *_: pytest.fail("loaded: it was done here"))
    assert done.code == 0, done.err
    assert made(store).keys() == {"a.mask.mp4", "b.mask.mp4", "c.mask.mp4"}


def test_of_a_large_file_whose_upload_ends_in_the_middle_no_part_is_left(s3, folder, monkeypatch):
    monkeypatch.setattr(storage, "_PART_BYTES", 5 << 20)
    (folder / "large").write_bytes(os.urandom(12 << 20))
    system = fsspec.filesystem("s3")
    call, sent = system._call_s3, []

    async def dying(method, *arguments, **more):
        if method == "upload_part":
            sent.append(more["PartNumber"])
            if more["PartNumber"] == 2:
                raise ConnectionError("the line is dead")
        return await call(method, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(system, "_call_s3", dying)
        with pytest.raises(OutputError, match="the line is dead"):
            upload(folder / "large", f"{s3}/large")
    assert len(sent) > 1
    assert facts_of(f"{s3}/large", anew=True) is None
    bucket = s3.removeprefix("s3://")
    assert not system.call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads")
    upload(folder / "large", f"{s3}/large")
    assert system.cat_file(f"{s3}/large") == (folder / "large").read_bytes()


class Forgetful(fsspec.get_filesystem_class("memory")):
    """Lists nothing, as the Hub does whose repository is private, and opens nothing that it has listed."""

    def find(self, path, **_):
        raise FileNotFoundError(f"{path} (repository not found). If it is private, say who you are.")

    def open(self, path, *_, **__):
        raise FileNotFoundError(path)


def test_what_storage_does_not_find_is_an_error_of_the_input(folder, sa2va, monkeypatch, memory):
    fsspec.filesystem("memory").pipe(
        "/store/a.mp4", make_video(folder / "a.mp4", stamps=range(3)).read_bytes()
    )
    monkeypatch.setattr("fsspec.filesystem", lambda _: Forgetful())
    below = sa2va("batch", "memory://store/", "-p", "red", "-o", "out/")
    assert (below.code, "cannot be read (" in below.err, "repository not found" in below.err) == (
        3,
        True,
        True,
    )
    gone = sa2va("batch", "memory://store/a.mp4", "-p", "red", "-o", "out/")
    assert (gone.code, "memory://store/a.mp4: cannot be read" in gone.err) == (8, True)
    odd = sa2va("batch", "a.mp4", "-p", "red", "-o", "memory://store/{stem")
    assert (odd.code, "-o memory://store/{stem: a brace" in odd.err) == (2, True)
