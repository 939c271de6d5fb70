"""Many inputs in one go: what is done, what is left out the next time, and what is told."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from batch.told import events, states
from clips import make_folder, make_video
from fakes import FakeChat, FakeSegmenter
from PIL import Image

MASKS = ["out/a.mask.mp4", "out/b.mask.mp4", "out/c.mask.mp4"]


def made(outcome):
    return [name for name in outcome.files if name.startswith("out/") and name.endswith(".mp4")]


def test_a_folder_is_done_with_one_load_of_the_model(clips, batch):
    loads = []
    outcome = batch(load=lambda *_: loads.append(1) or FakeSegmenter())
    assert (outcome.code, len(loads), made(outcome)) == (0, 1, MASKS)
    assert set(states().values()) == {"done"}
    assert "3 done, 0 skipped, 0 failed; 24 frames" in outcome.err
    hidden = [name for name in outcome.files if "/." in name or name.endswith((".part", ".checkpoint"))]
    assert not hidden


def test_outputs_are_those_of_segment(clips, batch, sa2va):
    batch()
    sa2va("segment", "shots/a.mp4", "red", "--save", "mask", "-o", "one.mp4")
    assert Path("one.mp4").read_bytes() == Path("out/a.mask.mp4").read_bytes()


def test_the_same_command_again_does_nothing_and_needs_no_model(clips, batch):
    batch()
    again = batch(load=lambda *_: pytest.fail("loaded"))
    assert again.code == 0
    assert "0 done, 3 skipped" in again.err


@pytest.mark.parametrize("frames", [1, 2])
def test_an_output_that_is_a_folder_is_there_however_few_files_it_holds(folder, sa2va, frames):
    make_video(folder / "a.mp4", stamps=range(frames))
    told = [sa2va("batch", "a.mp4", "-p", "red", "--save", "davis", "-o", "out/") for _ in range(2)]
    assert [one.code for one in told] == [0, 0]
    assert "1 done before, 0 to do" in told[1].err


def test_what_is_missing_or_changed_is_done_again_and_nothing_else(clips, batch):
    batch()
    times = {name: Path(name).stat().st_mtime_ns for name in MASKS}
    Path("out/a.mask.mp4").unlink()
    make_video(clips[1], stamps=range(12))
    os.utime(clips[2])
    outcome = batch("--json")
    assert {one["input"]: one["reason"] for one in events(outcome.out) if one["event"] == "began"} == {
        "shots/a.mp4": "missing",
        "shots/b.mp4": "changed",
    }
    assert Path("out/c.mask.mp4").stat().st_mtime_ns == times["out/c.mask.mp4"]


def test_everything_is_done_again_by_force_but_strangers_are_never_replaced(clips, batch):
    batch()
    Path("out/b.mask.mp4").write_text("mine")
    outcome = batch("--force")
    assert outcome.code == 8
    assert Path("out/b.mask.mp4").read_text() == "mine"
    assert states() == {"shots/a.mp4": "done", "shots/b.mp4": "failed", "shots/day2/c.mp4": "done"}


def test_bad_inputs_stop_nothing_and_are_listed(clips, batch, sa2va):
    clips[1].write_bytes(b"no video at all" * 100)
    outcome = batch("--error-file", "bad.txt", "--json")
    assert outcome.code == 8
    assert "1 of 3 failed" in outcome.err
    assert made(outcome) == [MASKS[0], MASKS[2]]
    assert Path("bad.txt").read_text() == "shots/b.mp4\n"
    assert sa2va("batch", "errors", "out").out == "shots/b.mp4\n"
    assert "not an image or a video" in sa2va("batch", "errors", "out", "--why").out
    summary = events(outcome.out)[-1]
    assert (summary["event"], summary["done"], summary["failed"]) == ("summary", 2, 1)


def test_what_failed_waits_until_it_is_asked_for_or_mended(clips, batch):
    whole = clips[1].read_bytes()
    clips[1].write_bytes(b"no video at all" * 100)
    batch()
    again = batch()
    assert again.code == 8
    assert "0 done, 2 skipped, 1 failed" in again.err
    assert "1 failed" in batch("--retry-failed").err
    clips[1].write_bytes(whole)
    assert "1 done, 2 skipped, 0 failed" in batch().err


def test_nothing_found_is_a_failure_with_its_own_code(clips, sa2va):
    outcome = sa2va("batch", "shots", "-p", "green", "--save", "mask", "-o", "out/", "--json")
    failed = [one for one in events(outcome.out) if one["event"] == "failed"]
    assert (outcome.code, {one["code"] for one in failed}, len(failed)) == (8, {4}, 3)


def test_a_tree_is_mirrored_and_templates_know_the_place(clips, batch):
    mirrored = batch("--mirror")
    assert made(mirrored) == [*MASKS[:2], "out/day2/c.mask.mp4"]
    named = batch(output="by/{parent}-{index:03}-{stem}.{kind}.{ext}")
    assert [name for name in named.files if name.startswith("by/") and name.endswith("mp4")] == [
        "by/day2-003-c.mask.mp4",
        "by/shots-001-a.mask.mp4",
        "by/shots-002-b.mask.mp4",
    ]


def test_two_jobs_for_one_file_are_refused_before_anything_starts(clips, batch):
    make_video(clips[0].parent / "day2/a.mp4", stamps=range(3))
    outcome = batch(load=lambda *_: pytest.fail("loaded"))
    assert outcome.code == 2
    assert "shots/a.mp4 and shots/day2/a.mp4 would both write out/a.mask.mp4" in outcome.err
    assert not Path("out").exists()


def test_a_job_that_would_write_an_input_is_refused(folder, batch):
    make_video(folder / "a.mp4", stamps=range(3))
    make_video(folder / "a.mask.mp4", stamps=range(3))
    outcome = batch(inputs=("a.mp4", "a.mask.mp4"), output="{stem}.{kind}.{ext}")
    assert (outcome.code, "which is an input" in outcome.err) == (2, True)


def test_outputs_in_the_folder_of_the_inputs_are_no_inputs_the_next_time(clips, batch):
    for _ in range(2):
        outcome = batch(output="shots/{relative}/{stem}.{kind}.{ext}")
        assert outcome.code == 0
        assert len(states(Path("shots/sa2va-batch.db"))) == 3


@pytest.mark.parametrize(
    ("data", "more"), [(b"shots/a.mp4\n\nshots/b.mp4\n", ()), (b"shots/a.mp4\0shots/b.mp4\0", ("-0",))]
)
def test_names_come_from_standard_input(clips, batch, monkeypatch, data, more):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert "2 done" in batch(*more, inputs=("-",)).err


def test_patterns_and_sequences_of_frames(clips, batch, folder):
    make_folder(folder / "plates", 4)
    outcome = batch(inputs=("shots/*.mp4", "plates/frame%d.png"))
    assert outcome.code == 0
    assert set(states()) == {"shots/a.mp4", "shots/b.mp4", "plates/frame%d.png"}


@pytest.mark.parametrize("inputs", [("nothing/*.mp4",), ("empty",), ()])
def test_inputs_that_lead_to_nothing_are_told(folder, batch, inputs):
    (folder / "empty").mkdir()
    assert batch(inputs=inputs).code in (2, 3)


def test_a_manifest_says_everything_for_each_job(clips, sa2va):
    rows = [
        {"input": "shots/a.mp4", "prompts": ["red"], "output": "x/first.mp4"},
        {
            "input": "shots/b.mp4",
            "prompt": "bright red",
            "save": "coco,tracks",
            "max-frames": 3,
            "output": "x/",
        },
    ]
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    outcome = sa2va("batch", "--manifest", "jobs.jsonl", "--save", "mask", "--state", "s.db")
    done = [name for name in outcome.files if name.startswith("x/")]
    assert (outcome.code, done) == (0, ["x/b.coco.json", "x/b.tracks.sa2va", "x/first.mp4"])
    assert len(json.loads(Path("x/b.coco.json").read_text())["images"]) == 3


def test_jobs_are_limited_to_a_moment_as_a_run_is(folder, batch):
    plates = folder / "plates"
    plates.mkdir()
    for number in range(40):
        colour = (250, 20, 20) if 10 <= number < 25 else (90, 90, 90)
        Image.new("RGB", (32, 32), colour).save(plates / f"{number:04}.png")
    found = batch("--save", "coco", "--when", "red", inputs=("plates/%04d.png",), load=lambda *_: FakeChat())
    assert found.code == 0, found.err
    (document,) = Path("out").glob("*.coco.json")
    assert len(json.loads(document.read_text())["images"]) == 15


def test_rendering_is_a_kind_of_job_and_needs_no_model(clips, batch, sa2va):
    batch("--save", "tracks", output="logs/")
    loaded = lambda *_: pytest.fail("loaded")  # noqa: E731
    outcome = sa2va("batch", "logs", "--kind", "render", "--save", "overlay,coco", "-o", "out/", load=loaded)
    assert (outcome.code, outcome.files.count("out/c.overlay.mp4")) == (0, 1)
    assert set(states()) == {f"logs/{name}.tracks.sa2va" for name in "abc"}


def test_a_manifest_may_be_csv(clips, sa2va):
    Path("jobs.csv").write_text("input,prompts,save,keyframes,overwrite\nshots/a.mp4,red|blue,mask,3,yes\n")
    outcome = sa2va("batch", "--manifest", "jobs.csv", "-o", "out/{stem}-{prompt}.{kind}.{ext}")
    assert {"out/a-red.mask.mp4", "out/a-blue.mask.mp4"} <= set(outcome.files)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("{", "jobs.jsonl:1: not a JSON object"),
        ("[]", "jobs.jsonl:1: not a JSON object"),
        ('{"prompt": "red"}', "jobs.jsonl:1: there is no input"),
        ('{"input": "a.mp4", "colour": 3}', "there is no option 'colour'"),
        ('{"input": "a.mp4", "model": "1b"}', "model is that of all jobs"),
        ('{"input": "a.mp4", "keyframes": 0}', "--keyframes must be at least 1"),
        ('{"input": "a.mp4", "keyframes": "many"}', "keyframes is a whole number"),
        ('{"input": "a.mp4", "kind": "bake"}', "unknown kind of job 'bake'"),
        ('{"input": "a.mp4", "prompts": 7}', "prompts are a list of texts"),
        ('{"input": "a.mp4", "save": 5}', "jobs.jsonl:1"),
        ('{"input": "a.mp4"}', "there is no prompt"),
    ],
)
def test_a_row_that_cannot_be_meant_is_named(folder, sa2va, row, text):
    Path("jobs.jsonl").write_text(row)
    outcome = sa2va("batch", "--manifest", "jobs.jsonl")
    assert (outcome.code, text in outcome.err) == (2, True), outcome.err
    assert outcome.files == ["jobs.jsonl"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("-o", "-"),
        ("--checkpoint", "soon"),
        ("--gpus", "a"),
        ("--gpus", "0,0"),
        ("--jobs", "0"),
        ("--kind", "bake"),
        ("--mirror", "-o", "out/{stem}.mp4"),
        ("--mirror", "-o", "out.mp4"),
        ("-0",),
        ("-o", "{nonsense}.mp4"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(clips, batch, arguments):
    outcome = batch(*arguments, output=None)
    assert outcome.code == 2, outcome.err
    assert not Path("sa2va-batch.db").exists()


def test_a_dry_run_tells_and_writes_nothing(clips, batch):
    outcome = batch("--dry-run")
    assert (outcome.code, outcome.files.count("out")) == (0, 0)
    assert "would do   shots/a.mp4 (new): out/a.mask.mp4" in outcome.err
    batch()
    document = json.loads(batch("--dry-run", "--json").out)
    assert {job["reason"] for job in document["jobs"]} == {"done"}


def test_status_tells_how_far_a_batch_is(clips, batch, sa2va):
    clips[0].write_bytes(b"x" * 100)
    batch()
    text = sa2va("batch", "status", "out").out
    assert "2 done, 1 failed (not at work)" in text
    assert "shots/a.mp4" in text
    document = json.loads(sa2va("batch", "status", "out/sa2va-batch.db", "--json", "--all").out)
    assert document["counts"] == {"pending": 0, "running": 0, "done": 2, "failed": 1}
    assert len(document["jobs"]) == 3
    assert sa2va("batch", "status", "out", "--follow").code == 0
    assert sa2va("batch", "status", "nowhere").code == 3


def test_a_command_runs_at_the_end_and_quiet_is_quiet(clips, batch):
    outcome = batch("--quiet", "--on-done", 'echo "$SA2VA_BATCH_DONE $SA2VA_BATCH_FAILED" > told')
    assert (outcome.err, outcome.out, Path("told").read_text()) == ("", "", "3 0\n")
    failing = batch("--on-done", "exit 3")
    assert (failing.code, "exit code 3" in failing.err) == (0, True)


def test_a_model_that_is_not_to_be_had_ends_the_batch_with_its_own_code(clips, sa2va):
    outcome = sa2va("batch", "shots", "-p", "red", "-o", "out/", "--model", "./no-such-model", load=None)
    assert (outcome.code, outcome.err.count("error:")) == (5, 1)
    assert set(states().values()) <= {"running", "pending"}


def test_progress_is_told_as_json_lines_with_the_time_left(clips, batch):
    told = events(batch("--json").out)
    assert told[0] == {"event": "jobs", "total": 3, "done_before": 0, "waiting": 3}
    names = {one["event"] for one in told}
    assert {"began", "progress", "saved", "done", "summary"} <= names
    assert all("seconds_left" in one for one in told if one["event"] == "progress")
    assert told[-1]["clip_seconds"] == pytest.approx(0.96)


def test_looking_at_a_batch_imports_no_network(clips, batch):
    batch()
    program = (
        "import sys; from sa2va_cli.commands.app import main\n"
        "codes = [main(['batch', command, 'out']) for command in ('status', 'errors')]\n"
        "print(codes, [name for name in ('torch', 'av', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[0, 0] []\n")


def test_names_of_any_bytes_are_listed_as_they_are_and_taken_again(folder, sa2va, monkeypatch):
    names = [b"shots/la\xe9.png", b"shots/two\nlines.png", b"shots/a[1].png"]
    (folder / "shots").mkdir()
    for name in names:
        Path(os.fsdecode(name)).write_bytes(b"x" * 99)
    sa2va("batch", "shots", "-p", "red", "-o", "out/")
    program = [sys.executable, "-m", "sa2va_cli", "batch", "errors", "out"]
    listed = subprocess.run([*program, "-0"], capture_output=True, check=True).stdout
    assert sorted(listed.split(b"\0")) == [b"", *sorted(names)]
    assert b"-0 ends each" in subprocess.run(program, capture_output=True, check=True).stderr
    Path(os.fsdecode(names[2])).unlink()
    make_video(folder / "shots/a1.png.mp4", stamps=range(3))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed)))
    assert sa2va("batch", "-", "-0", "-p", "red", "-o", "again/").code == 8  # one is gone, none is a pattern
    assert states(Path("again/sa2va-batch.db")) == {os.fsdecode(name): "failed" for name in names}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed)))
    assert "-0 says" in sa2va("batch", "-", "-p", "red", "-o", "again/").err


@pytest.mark.parametrize(
    ("inputs", "output", "told"),
    [
        (("shots/a.mp4", "shots"), "out/", "shots/a.mp4 is given twice; give it once"),
        (("shots/day2", "day2"), "out/{parent}/{stem}.mp4", "add {index} to -o\n"),
        (("shots",), "out/{stem", "a brace has no partner"),
        (("shots",), "out/{folder}.mp4", "and in a batch {parent}, {index}, {relative}"),
        (("shots",), "out", "a folder is out/"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_with_what_helps(clips, batch, inputs, output, told):
    Path("day2").mkdir()
    make_video(Path("day2/c.mp4"), stamps=range(3))
    outcome = batch("--save", "mask", inputs=inputs, output=output)
    assert (outcome.code, told in outcome.err) == (2, True), outcome.err


@pytest.mark.parametrize(("one", "other"), [("a", "A"), ("caf\u00e9", "cafe\u0301")])
def test_names_that_some_disks_do_not_tell_apart_are_not_given_to_two_jobs(folder, batch, one, other):
    outcome = batch(inputs=(f"{one}.mp4", f"{other}.mp4"))
    assert (outcome.code, "which some disks do not tell from" in outcome.err) == (2, True)
