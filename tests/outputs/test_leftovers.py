"""What killed runs leave goes; what is alive, or somebody else's, stays."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from sa2va_cli.errors import OutputError
from sa2va_cli.outputs.leftovers import clear, find_leftovers, leftovers_of
from sa2va_cli.outputs.locks import lock_name, locked
from sa2va_cli.processes import Process
from sa2va_cli.staging import staged

DEAD = replace(Process.current(), started=1)
ELSEWHERE = replace(Process.current(), host="00000001")


def left(path: Path, process: Process = DEAD, use="tmp") -> Path:
    """A hidden name as another process would have made it."""
    hidden = staged(path, use)
    return hidden.with_name(re.sub(re.escape(str(Process.current())), str(process), hidden.name))


def states(folder: Path, **options) -> dict[str, str]:
    return {str(found.path.relative_to(folder)): found.state for found in find_leftovers(folder, **options)}


@pytest.fixture
def littered(tmp_path):
    """After several runs: two killed, one alive, one on another computer; and a user's own things."""
    left(tmp_path / "a.mov").write_bytes(b"x" * 1000)
    folder = left(tmp_path / "masks")
    folder.mkdir()
    (folder / "0.png").write_bytes(b"x" * 10)
    left(tmp_path / "b.mov", Process.current()).touch()
    left(tmp_path / "c.mov", ELSEWHERE).touch()
    (tmp_path / ".a.tmp-12345678.mov").touch()
    (tmp_path / "a.mov").touch()
    (tmp_path / ".hidden").mkdir()
    lock_name(tmp_path / "a.mov").write_text("{}")
    return tmp_path


def test_each_is_told_for_what_it_is(littered):
    with locked(littered / "d.mov"):
        found = sorted((left.state, left.size > 0) for left in find_leftovers(littered))
    assert found == [
        ("elsewhere", False), ("lock", True), ("running", False), ("running", True),
        ("unfinished", True), ("unfinished", True),
    ]  # fmt: skip


def test_only_what_is_dead_goes(littered):
    before = set(littered.iterdir())
    gone = clear(find_leftovers(littered))
    assert sorted(left.size for left in gone) == [2, 10, 1000]
    assert before - set(littered.iterdir()) == {left.path for left in gone}
    assert clear(find_leftovers(littered)) == []


def test_an_output_gets_rid_of_its_own_leftovers_only(littered):
    gone = clear(leftovers_of(littered / "a.mov"))
    assert [left.size for left in gone] == [1000]


def test_an_earlier_folder_gets_its_name_back_when_the_run_was_killed_in_between(tmp_path):
    old = left(tmp_path / "masks", use="old")
    old.mkdir()
    (old / "0.png").touch()
    left(tmp_path / "masks").mkdir()
    assert sorted(states(tmp_path).values()) == ["unfinished", "wanted"]
    clear(leftovers_of(tmp_path / "masks"))
    assert [path.name for path in tmp_path.rglob("*")] == ["masks", "0.png"]


def test_an_earlier_folder_goes_when_the_new_one_has_its_name(tmp_path):
    old = left(tmp_path / "masks", use="old")
    old.mkdir()
    (tmp_path / "masks").mkdir()
    assert list(states(tmp_path).values()) == ["replaced"]
    clear(leftovers_of(tmp_path / "masks"))
    assert [path.name for path in tmp_path.iterdir()] == ["masks"]


def test_folders_below_are_looked_into_on_request_and_links_never(littered, tmp_path_factory):
    below = littered / "one" / "two"
    below.mkdir(parents=True)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    left(elsewhere / "a.mov").touch()
    (littered / "link").symlink_to(elsewhere)
    hidden = left(below / "a.mov")
    hidden.touch()
    assert hidden not in {found.path for found in find_leftovers(littered)}
    found = {found.path for found in find_leftovers(littered, recursive=True)}
    assert hidden in found
    assert not any("link" in path.parts for path in found)


def test_a_link_with_such_a_name_goes_without_what_it_leads_to(tmp_path):
    (tmp_path / "plates").mkdir()
    (tmp_path / "plates" / "0.png").touch()
    left(tmp_path / "masks").symlink_to("plates")
    clear(find_leftovers(tmp_path))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["0.png", "plates"]


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path):
    with pytest.raises(OutputError):
        list(find_leftovers(tmp_path / "missing"))
    assert not os.path.lexists(tmp_path / "missing")
