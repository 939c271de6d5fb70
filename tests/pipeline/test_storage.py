"""URLs of storage: which ones can be meant, and a cache that stays within its bound."""

from contextlib import ExitStack
from pathlib import Path

import fsspec
import pytest
from clips import make_video

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.events import Progress, no_report
from sa2va_cli.pipeline.opening import stem_of
from sa2va_cli.pipeline.storage import check_stored, is_stored, stored_copy
from sa2va_cli.runtime import extras


@pytest.fixture
def memory(folder, monkeypatch):
    """Writes files of so many bytes to memory://."""
    monkeypatch.setenv("SA2VA_CACHE", str(folder / "cache"))
    system = fsspec.filesystem("memory")

    def write(name, size):
        with system.open(f"memory://{name}", "wb") as file:
            file.write(name[-1:].encode() * size)
        return f"memory://{name}"

    yield write
    system.store.clear()


def cached():
    return sorted(path.name for path in Path("cache").rglob("*") if path.is_file() and path.name[0] != ".")


@pytest.mark.parametrize("text", ["s3://a/b.mp4", "gs://a", "hf://datasets/u/r/a.mp4", "ftp://host/a.mp4"])
def test_urls_of_storage_are_known_from_those_of_the_web_and_from_paths(text):
    assert is_stored(text)
    assert not is_stored(text.replace("://", ":/"))
    assert not is_stored("https://example.com/a.mp4")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/a.mp4",
        "simplecache::s3://a/b.mp4",
        "s3://a/b.mp4::http://169.254.169.254/latest",
        "s3://key:secret@bucket/a.mp4",
        "s3://localhost:9000/bucket/a.mp4",
        "s3://bucket/a.mp4?endpoint_url=http://10.0.0.1",
        "s3://bucket/../other/a.mp4",
        "github://org:repo@main/a.mp4",
        "zip://a.mp4::http://localhost/a.zip",
        "s3://",
    ],
)
def test_what_says_more_than_what_is_read_is_refused(sa2va, url):
    with pytest.raises(UsageError):
        check_stored(url)
    outcome = sa2va("batch", url, "-p", "red", load=lambda *_: pytest.fail("loaded"))
    assert outcome.code in (2, 3), outcome.err


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    for url in ("s3://a/b.mp4", "gs://a/b.mp4"):
        with pytest.raises(UsageError, match=r"sa2va\[cloud\]"):
            check_stored(url)


def test_a_video_is_segmented_from_its_url(sa2va, memory, folder):
    make_video(folder / "a.mp4", stamps=range(4))
    with fsspec.filesystem("memory").open("memory://shots/a clip.mp4", "wb") as file:
        file.write((folder / "a.mp4").read_bytes())
    outcome = sa2va("segment", "memory://shots/a clip.mp4", "red", "--save", "mask,tracks", "-o", "out/")
    assert outcome.code == 0, outcome.err
    drawn = sa2va("render", "out/a clip.tracks.sa2va", "--save", "overlay", "-o", "out/")
    assert drawn.code == 0, drawn.err
    gone = sa2va("segment", "memory://shots/b.mp4", "red")
    assert (gone.code, "there is no such file" in gone.err) == (3, True)
    assert stem_of("s3://bucket/a.b/c.d.mp4") == "c.d"


def test_a_file_is_read_once_and_in_ranges_and_again_when_it_has_changed(memory, monkeypatch):
    url, told = memory("a", 20 << 20), []
    for _ in range(2):
        with stored_copy(url, told.append) as path:
            assert path.stat().st_size == 20 << 20
    assert [event.done for event in told if isinstance(event, Progress)] == [8, 16, 20]
    memory("a", 3)
    with stored_copy(url, no_report) as path:
        assert path.read_bytes() == b"aaa"


def test_the_cache_forgets_what_was_not_needed_for_longest_and_nothing_that_is_needed(memory, monkeypatch):
    monkeypatch.setenv("SA2VA_CACHE_BYTES", "250")
    urls = [memory(name, 100) for name in "abcd"]
    for url in urls[:2]:
        with stored_copy(url, no_report):
            pass
    with stored_copy(urls[0], no_report), stored_copy(urls[2], no_report):
        assert cached() == ["a", "c"]
        with pytest.raises(InputError, match="SA2VA_CACHE_BYTES"), stored_copy(urls[3], no_report):
            pass
    with stored_copy(urls[3], no_report):
        assert len(cached()) == 2
    with ExitStack() as stack:
        both = [stack.enter_context(stored_copy(urls[3], no_report)) for _ in range(2)]
        assert both[0] == both[1]
    monkeypatch.setenv("SA2VA_CACHE_BYTES", "much")
    with pytest.raises(UsageError, match="SA2VA_CACHE_BYTES"), stored_copy(memory("e", 1), no_report):
        pass
