"""Runs the program in-process with a fake network, in an empty folder."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import one_thread  # noqa: F401  (before what it is about is imported)
import pytest
from fakes import load_fake
from hypothesis import settings

from sa2va_cli.commands.app import main

settings.register_profile("patient", deadline=None)  # how long an example takes is the computer's business
settings.load_profile("patient")


@dataclass(frozen=True)
class Outcome:
    """What a run of the program left behind."""

    code: int
    out: str
    err: str
    files: list[str]


Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def fresh_folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of folders that are not there yet, one after the other."""
    room = tmp_path_factory.mktemp(request.module.__name__)
    return (room / str(number) for number in count())


@pytest.fixture
def tmp_path(fresh_folders: Iterator[Path]) -> Path:
    """An empty folder, as pytest's own; that one takes milliseconds to find a name among thousands."""
    place = next(fresh_folders)
    place.mkdir()
    return place


@pytest.fixture
def folder(tmp_path: Path, fresh_folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and no defaults of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("SA2VA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(next(fresh_folders)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sa2va(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs ``sa2va`` with the given arguments; lists every file afterwards, hidden ones too."""

    def run(*arguments: object, load=load_fake) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments], load=load)
        printed = capsys.readouterr()
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        return Outcome(code, printed.out, printed.err, files)

    yield run
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("sa2va-")]
    assert not left, f"threads left behind: {left}"
