"""What goes wrong around a batch: each has a clear outcome, and the other jobs are done."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from batch.told import events, states
from clips import damage, make_front_index, make_video, truncate
from fakes import RememberingSegmenter, load_remembering

from sa2va_cli.commands.app import main

root_only = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs a superuser")


@contextmanager
def small_disk(folder, options):
    """A disk in memory; skips where none can be had."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.decode()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def hooked(action):
    """Loads a network that does something the first time a clip's second frame is followed."""
    done = []

    def hook(index):
        if index == 1 and not done:
            done.append(1)
            action()

    return lambda *_: RememberingSegmenter(0, hook=hook)


def test_an_input_that_is_replaced_while_it_is_read_is_not_trusted_and_done_again(clips, batch):
    clips[1].unlink()
    clips[2].unlink()
    outcome = batch(load=hooked(lambda: make_video(clips[0], stamps=range(9))))
    assert outcome.code == 8
    assert "was replaced while it was read" in outcome.err
    again = batch(load=load_remembering)
    assert (again.code, states()) == (0, {"shots/a.mp4": "done"})


def test_an_input_that_is_removed_while_it_is_read_has_a_clear_outcome(clips, batch):
    outcome = batch("--json", load=hooked(clips[0].unlink))
    assert outcome.code in (0, 8)
    (about,) = [
        one
        for one in events(outcome.out)
        if one.get("input") == "shots/a.mp4" and one["event"] in ("done", "failed")
    ]
    assert "shots/a.mp4" in about.get("error", "") or "was removed while it was read" in about["warnings"][0]
    assert {state for source, state in states().items() if source != "shots/a.mp4"} == {"done"}


def test_an_input_that_is_gone_before_its_turn_fails_alone(clips, batch):
    outcome = batch(inputs=("shots/a.mp4", "shots/gone.mp4"), load=load_remembering)
    assert outcome.code == 8
    assert states() == {"shots/a.mp4": "done", "shots/gone.mp4": "failed"}


@root_only
def test_inputs_on_a_read_only_disk_are_read(folder, batch):
    with small_disk(folder / "disk", "size=4m") as disk:
        make_video(disk / "a.mp4", stamps=range(4))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert batch(inputs=("disk",), load=load_remembering).code == 0
        beside = batch(inputs=("disk",), output="disk/", load=load_remembering)
        assert (beside.code, "no permission" in beside.err or "Read-only" in beside.err) == (7, True)


@root_only
def test_a_full_disk_fails_what_does_not_fit_and_the_same_command_goes_on(clips, batch, folder):
    with small_disk(folder / "disk", "size=300k") as disk:
        filler = disk / "filler"
        outcome = batch(output="disk/", load=hooked(lambda: _fill(filler)))
        assert outcome.code in (7, 8)
        assert "no space left" in outcome.err
        filler.unlink()
        assert batch("--retry-failed", output="disk/", load=load_remembering).code == 0
        assert set(states(disk / "sa2va-batch.db").values()) == {"done"}


def _fill(path):
    with pytest.raises(OSError), path.open("wb", buffering=0) as file:  # noqa: PT011,PT012
        while True:
            file.write(bytes(512))


@contextmanager
def as_nobody():
    """From now on this process is no superuser, if it was one."""
    superuser = os.geteuid() == 0
    if superuser:
        os.seteuid(65534)
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)


def test_permission_that_is_lost_on_the_way_fails_jobs_one_by_one(clips, batch, monkeypatch, capsys):
    batch(output="before/", load=load_remembering)  # what is imported late is imported now
    place = Path(tempfile.mkdtemp(prefix="sa2va-test-", dir="/tmp"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place)
        for name, mode in ((".", 0o755), ("out", 0o755), ("state", 0o777)):
            (place / name).mkdir(exist_ok=True)
            (place / name).chmod(mode)
        shutil.copytree("shots", place / "shots")
        monkeypatch.chdir(place)

        def lose():
            (place / "out").chmod(0o555)
            stack.enter_context(as_nobody())

        command = ["batch", "shots", "-p", "red", "--save", "mask", "-o", "out/", "--state", "state/s.db"]
        capsys.readouterr()
        assert main(command, load=hooked(lose)) == 8
        assert capsys.readouterr().err.count("no permission to write into out") >= 2
        assert "done" not in states(place / "state/s.db").values()


def test_a_clock_that_jumps_changes_nothing(clips, batch, monkeypatch):
    now = time.time
    jumps = iter([0, -86400, 3600, -7, 86400 * 365] * 100)
    monkeypatch.setattr(time, "time", lambda: now() + next(jumps))
    assert batch(load=load_remembering).code == 0
    assert "3 skipped" in batch(load=load_remembering).err


def test_a_short_soak_does_all_good_ones_and_reports_all_bad_ones(folder, batch):
    (folder / "shots").mkdir()
    for number in range(20):
        make_video(folder / f"shots/{number:02}.mp4", stamps=range(4), start_numbers=number % 8)
    (folder / "shots/03.mp4").write_bytes(b"")
    truncate(folder / "shots/11.mp4", 0.4)
    damage(make_front_index(folder / "shots/17.mp4", stamps=range(24)), 0.2, 0.6)  # still has good frames
    outcome = batch("--jobs", "1", load=load_remembering)
    assert outcome.code == 8
    failed = {source for source, state in states().items() if state == "failed"}
    assert failed == {"shots/03.mp4", "shots/11.mp4"}
    left = [name for name in outcome.files if "/." in name or name.endswith((".part", ".checkpoint"))]
    assert not left


def test_many_jobs_are_listed_and_counted_without_a_query_for_each(folder, sa2va, monkeypatch):
    rows = [f'{{"input": "c/{number}.mp4", "prompt": "red"}}' for number in range(1000)]
    Path("jobs.jsonl").write_text(rows[0])
    command = ("batch", "--manifest", "jobs.jsonl", "-o", "out/")
    assert sa2va(*command).code == 8  # there is a state now
    Path("jobs.jsonl").write_text("\n".join(rows))
    asked, connect = [], sqlite3.connect

    def traced(*arguments, **more):
        connection = connect(*arguments, **more)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    outcome = sa2va(*command, "--dry-run", "--json")
    assert (outcome.code, outcome.out.count('"due": true')) == (0, 999)
    assert 0 < len(asked) < 100


def test_what_was_refused_because_of_outputs_is_done_once_these_may_be_replaced(clips, batch):
    batch(load=load_remembering)
    path = Path("out/a.mask.mp4")
    made = path.read_bytes()
    path.write_bytes(made[:-1] + bytes([made[-1] ^ 1]))  # as long as it was
    os.utime("out/b.mask.mp4")
    assert "--overwrite to replace" in batch(load=load_remembering).err
    assert batch(load=load_remembering).code == 8
    assert "1 done, 2 skipped" in batch("--overwrite", load=load_remembering).err
    assert path.read_bytes() == made


def test_a_state_that_another_program_holds_or_version_made_is_told(clips, batch, sa2va):
    batch(load=load_remembering)
    state = Path("out/sa2va-batch.db")
    with closing(sqlite3.connect(state, isolation_level=None)) as other:
        other.execute("PRAGMA user_version = 7")
        assert "another version" in sa2va("batch", "status", "out").err
        other.execute("PRAGMA user_version = 1")
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with patient(0):
            assert "another program has locked it" in sa2va("batch", "status", "out").err
            assert "another program has locked it" in batch(load=load_remembering).err


def test_a_state_that_is_removed_at_work_is_told(clips, batch):
    outcome = batch(load=hooked(Path("out/sa2va-batch.db").unlink))
    assert (outcome.code, "--skip-existing" in outcome.err) == (7, True)
    assert "3 done" in batch("--skip-existing", load=load_remembering).err


@contextmanager
def patient(seconds):
    """SQLite waits so long for locks."""
    connect = sqlite3.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sqlite3, "connect", lambda *args, **more: connect(*args, **{**more, "timeout": seconds})
        )
        yield


def test_folders_that_cannot_be_looked_into_are_told_and_the_others_done(clips, batch, monkeypatch):
    (clips[0].parent / "lost+found").mkdir()
    listed = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("lost+found"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    outcome = batch(load=load_remembering)
    assert (outcome.code, "lost+found is left out" in outcome.err) == (0, True)


@root_only
def test_a_batch_can_be_looked_at_without_permission_to_write(clips, batch, sa2va, capsys):
    batch(load=load_remembering)
    place = Path(tempfile.mkdtemp(prefix="sa2va-test-", dir="/tmp"))
    state = shutil.copy("out/sa2va-batch.db", place)
    for path, mode in ((place, 0o755), (Path(state), 0o644)):
        path.chmod(mode)
    try:
        with as_nobody():
            assert main(["batch", "status", str(place)]) == 0
        assert [path.name for path in place.iterdir()] == ["sa2va-batch.db"]
        Path(state).chmod(0o600)
        with as_nobody():
            assert main(["batch", "status", str(place)]) == 3
        assert "no permission to read it" in capsys.readouterr().err
    finally:
        shutil.rmtree(place)


def test_a_list_of_failures_that_cannot_be_written_is_told_before_anything_starts(clips, batch):
    outcome = batch("--error-file", "shots", load=lambda *_: pytest.fail("loaded"))
    assert (outcome.code, "cannot write shots" in outcome.err) == (7, True)
    assert batch("--error-file", "new/failed.txt", load=load_remembering).code == 0
