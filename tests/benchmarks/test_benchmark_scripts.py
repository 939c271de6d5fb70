"""Every script of ``benchmarks/`` in its quick mode; what the figures are matters for few (``FIGURES``)."""

import importlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sa2va_cli.bench.job import BenchJob, BenchResult, Stage

SCRIPTS = Path(__file__).parents[2] / "benchmarks"
QUICK = (
    "accuracy",
    "preprocessing",
    "end_to_end",
    "media_path",
    "rendering",
    "edges",
    "answering",
    "conversation",
    "effects",
    "redaction",
    "scale",
)
SLOW = (
    "verifying",
    "throughput",
    "soak",
    "memory_growth",
    "cold_start",
    "demo_scores",
    "stage_times",
    "followers",
    "following",
    "peers",
    "steadiness",
    "confidence",
    "moments",
    "shots",
    "splitting",
    "review_browser",
    "review_server",
    "training_memory",
)
SHARED = ("recording", "report", "gpu_tables", "gpu_bench", "gpu_followers", "gpu_language")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    """Imports a script by name; its threads are not left to other tests."""
    threads = torch.get_num_threads()
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module
    torch.set_num_threads(threads)


def last_line(printed: str) -> str:
    return printed.strip().splitlines()[-1]


def test_every_script_is_tested():
    assert {path.stem for path in SCRIPTS.glob("*.py")} == {
        *QUICK,
        *SLOW,
        *SHARED,
        "gallery",
        "gpu",
        "official_schedule",
    }


def test_every_script_has_one_row_on_their_page():
    rows = [
        line.split("`")[1] for line in (SCRIPTS / "README.md").read_text().splitlines() if line[:3] == "| `"
    ]
    shared = {f"{name}.py" for name in SHARED}
    assert sorted(rows) == sorted({path.name for path in SCRIPTS.glob("*.py")} - shared)


def bfloat16_costs_our_masks_no_more_than_the_plain_path(found):
    plain, ours = found
    assert ours.iou > plain.iou - 0.002
    assert ours.iou > 0.98


def preprocessing_stays_close_to_pillow(found):
    assert found.identical >= 0.997
    assert found.largest <= 2


FIGURES = {
    "accuracy": bfloat16_costs_our_masks_no_more_than_the_plain_path,
    "preprocessing": preprocessing_stays_close_to_pillow,
}
"""What the figures of some scripts must show."""


@pytest.mark.parametrize("name", QUICK)
def test_a_script_ends_with_its_ratio_and_records_its_figures(script, name, capsys, tmp_path, monkeypatch):
    if name in ("media_path", "rendering") and shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg to compare with")
    report, recording = script("report"), script("recording")
    monkeypatch.setattr(recording, "RESULTS", tmp_path)
    monkeypatch.setattr(recording, "_git", lambda *_: "7b31f7d")
    found = script(name).main(["--quick", "--record", "some"])
    assert last_line(capsys.readouterr().out).startswith("ratio ")
    assert recording.Result.read(tmp_path / "some.json").command == f"python benchmarks/{name}.py --quick"
    assert report.section(["some"], tmp_path)
    if name in FIGURES:
        FIGURES[name](found)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_a_script_of_processes_ends_with_its_ratio(name):
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert last_line(done.stdout).startswith("ratio ")


@pytest.mark.slow
def test_the_gallery_shows_an_effect_and_fills_its_table(script, monkeypatch, tmp_path):
    gallery = script("gallery")
    (tmp_path / "guide.md").write_text("before\n<!-- effects -->\nthe last one\n<!-- end -->\nafter\n")
    monkeypatch.setattr(gallery, "GUIDE", tmp_path / "guide.md")
    monkeypatch.setattr(gallery, "PICTURES", tmp_path / "images")
    gallery.main(["--only", "ink"])
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["ink.webp"]
    table = (tmp_path / "guide.md").read_text()
    assert "![ink](../images/edit/ink.webp)" in table
    assert "the last one" not in table


@pytest.mark.parametrize(("objects", "clip"), [(2, 0), (1, 6)])
def test_the_official_schedule_comes_to_the_same_masks_and_records_its_figures(
    script, capsys, tmp_path, monkeypatch, objects, clip
):
    recording = script("recording")
    monkeypatch.setattr(recording, "RESULTS", tmp_path)
    monkeypatch.setattr(recording, "_git", lambda *_: "7b31f7d")
    options = ("--quick", "--objects", str(objects), "--clip", str(clip), "--record", "some")
    (compared,) = script("official_schedule").main(options)
    assert compared.agreement > 0.999
    assert last_line(capsys.readouterr().out).startswith("ratio K=")
    (row,) = recording.Result.read(tmp_path / "some.json").figures
    assert (row["objects"], row["ratio"]["rounds"]) == (objects, 1)


def test_stage_times_stand_side_by_side_for_each_number_of_objects(script):
    def result(objects: int) -> BenchResult:
        stages = (Stage("ground", "prompt", 0.05678, 0.1), Stage("attend", "frame", objects / 7, 0.1, 9, 0.5))
        ending = Stage("end to end", "frame", 0.1, 0.0)
        return BenchResult(
            BenchJob((64, 64), objects=objects, frames=5),
            "demo",
            "cpu",
            "fp32",
            2,
            1e9,
            (*stages, ending),
            0,
            (),
        )

    rows = script("stage_times").rows([result(1), result(4)])
    assert rows == [
        {
            "stage": "ground, for each prompt",
            "milliseconds_1": 56.8,
            "floor_1": None,
            "milliseconds_4": 56.8,
            "floor_4": None,
        },
        {"stage": "attend", "milliseconds_1": 143, "floor_1": 0.5, "milliseconds_4": 571, "floor_4": 0.5},
    ]
    columns = script("stage_times").columns([1, 4])
    assert {column.field for column in columns} == set(rows[0])


@pytest.mark.slow
def test_every_section_of_the_gpu_script_runs_on_a_processor(script, tmp_path):
    gpu = script("gpu")
    found = gpu.main([str(tmp_path), "--quick", "--device", "cpu", "--limit", "3600"])
    unfinished = {"error", "skipped", "stopped"}
    assert {name: one for name, one in found.items() if unfinished & one.keys() and name != "four_bits"} == {}
    assert json.loads((tmp_path / "gpu.json").read_text()) == found
    assert list(found) == [section.name for section in gpu.SECTIONS]
    assert found["sessions"]["K=1"]["session_same_pixels"] > 0.999
    assert found["official_clip"]["K=1"]["ratio"] > 0


def test_the_gpu_script_needs_nothing_that_a_bare_machine_lacks(tmp_path):
    program = f"""
import importlib.machinery, runpy, sys
find = importlib.machinery.PathFinder.find_spec
lacking = {{"av", "pycocotools", "peft", "bitsandbytes", "timm"}}
def found(name, path=None, target=None):
    return None if name.partition(".")[0] in lacking else find(name, path, target)
importlib.machinery.PathFinder.find_spec = staticmethod(found)
sys.path.insert(0, {str(SCRIPTS)!r})
sys.argv = ["gpu.py", {str(tmp_path)!r}, *"--quick --device cpu --only machine four_bits qwen3_vl_4b".split()]
runpy.run_path({str(SCRIPTS / "gpu.py")!r}, run_name="__main__")
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["four_bits"]["skipped"] == "bitsandbytes is not installed"
    assert found["qwen3_vl_4b"]["second question"]["read_tokens"] < 100


@pytest.mark.parametrize(
    ("section", "said", "seconds"), [("patient", "after", 0.2), ("stubborn", "interrupted", 600.0)]
)
def test_a_section_of_the_gpu_script_is_stopped_when_its_time_is_over(
    script, tmp_path, monkeypatch, section, said, seconds
):
    gpu = script("gpu")
    monkeypatch.setattr(gpu, "GRACE", 60.0)
    monkeypatch.setattr(gpu, "LEAST_SECONDS", 0.0)

    def patient(_):
        while True:
            yield "turn", 1

    def stubborn(_):
        yield "turn", 1
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= seconds + 60
        signal.raise_signal(signal.SIGALRM)  # which the timer does when the time is over
        yield "too late", 2

    run = {"patient": patient, "stubborn": stubborn}[section]
    monkeypatch.setattr(gpu, "SECTIONS", (gpu.Section(run, seconds),))
    found = gpu.main([str(tmp_path), "--device", "cpu"])
    assert found[section]["turn"] == 1
    assert found[section]["stopped"].startswith(said)
    assert "too late" not in found[section]


def test_the_gpu_script_is_not_interrupted_while_it_writes(script, tmp_path, monkeypatch):
    gpu = script("gpu")
    alarms = []
    before = signal.signal(signal.SIGALRM, lambda *_: alarms.append("seen"))
    dumps = gpu.json.dumps

    def alarmed(found, **how):
        signal.raise_signal(signal.SIGALRM)
        return dumps(found, **how)

    def two_turns(_):
        yield "first", 1
        yield "second", 2

    monkeypatch.setattr(gpu.json, "dumps", alarmed)
    monkeypatch.setattr(gpu, "SECTIONS", (gpu.Section(two_turns, 60),))
    try:
        found = gpu.main([str(tmp_path), "--device", "cpu"])
    finally:
        signal.signal(signal.SIGALRM, before)
    assert (found["two_turns"]["first"], found["two_turns"]["second"]) == (1, 2)
    assert alarms
