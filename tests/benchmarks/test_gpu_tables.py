"""What the script for a GPU writes becomes tables, whatever its sections measure."""

import importlib
import json
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "benchmarks"
FOUND = {
    "machine": {
        "machine": {"cpu": "Some CPU", "cores": 16, "memory_gb": 128.0, "gpu": "Some GPU"},
        "date": "2026-11-25",
        "commit": None,
        "commit_kind": "measured",
        "command": "python benchmarks/gpu.py OUT",
        "conditions": "load 0.1 when it began",
        "dtype": "torch.bfloat16",
        "torch": "2.13",
        "matmul_tflops": 612.3,
    },
    "stages": {
        "K=1": {
            "encode": {"milliseconds": 9.87654, "peak_bytes": 2_000_000_000},
            "attend": {"milliseconds": 2.0},
        },
        "section_seconds": 12.0,
    },
    "growth": {"frames": [100, 5000], "peak_bytes": [None, 2e9], "grown": 0.001},
    "sessions": {
        "about": "A frame, three ways.",
        "K=1": {"ours_milliseconds": 30.0, "session_by_ours_rounds": [1.2, 1.3]},
        "stopped": "after 30 s",
        "section_seconds": 30.5,
    },
    "followers": {"about": "Nothing was found in time.", "stopped": "interrupted after 40 s"},
    "four_bits": {"about": "Four bits.", "skipped": "bitsandbytes is not installed"},
    "compiled": {"error": "RuntimeError: no compiler"},
}


@pytest.fixture
def modules(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    found = {name: importlib.import_module(name) for name in ("report", "recording", "gpu_tables")}
    monkeypatch.setattr(found["recording"], "RESULTS", tmp_path / "results")
    (tmp_path / "gpu.json").write_text(json.dumps(FOUND))
    return found


def test_every_section_that_worked_becomes_a_table_with_its_source(modules, tmp_path):
    written = modules["gpu_tables"].main([str(tmp_path / "gpu.json"), "--commit", "7b31f7d"])
    assert [path.name for path in written] == ["gpu_stages.json", "gpu_growth.json", "gpu_sessions.json"]
    table = modules["report"].section(["gpu_stages"], tmp_path / "results")
    assert "| case | milliseconds | peak, GB |" in table
    assert "| K=1 encode | 9.877 | 2 |" in table
    assert "| K=1 attend | 2 | – |" in table
    assert "Some GPU, 16 cores of Some CPU, 128 GB; 2026-11-25, measured at 7b31f7d; bfloat16" in table
    growth = modules["report"].section(["gpu_growth"], tmp_path / "results")
    assert "| frames | 100.0, 5000.0 |\n| peak, GB | None, 2.0 |\n| grown | 0.001 |" in growth


def test_a_page_gets_a_table_of_each_with_what_it_is_about(modules, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- gpu -->\nNot yet.\n<!-- end of gpu -->\n\nAfter.\n")
    command = [str(tmp_path / "gpu.json"), "--commit", "7b31f7d", "--page", str(page)]
    modules["gpu_tables"].main(command)
    text = page.read_text()
    assert "A frame, three ways.\n\n<!-- table: gpu_sessions -->\n\n| case | ours milliseconds |" in text
    assert "stopped after 30 s" in text
    assert "Not yet" not in text
    assert text.endswith("<!-- end of gpu -->\n\nAfter.\n")
    modules["gpu_tables"].main(command)
    assert page.read_text() == text


def test_a_page_without_a_place_for_the_tables_is_refused(modules, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n")
    with pytest.raises(modules["recording"].ResultError, match="no place"):
        modules["gpu_tables"].main([str(tmp_path / "gpu.json"), "--commit", "7b31f7d", "--page", str(page)])


def test_figures_of_no_known_machine_are_refused(modules, tmp_path):
    (tmp_path / "gpu.json").write_text(json.dumps({"stages": FOUND["stages"]}))
    with pytest.raises(modules["recording"].ResultError, match="on which machine"):
        modules["gpu_tables"].main([str(tmp_path / "gpu.json")])


def test_without_a_commit_nothing_is_written(modules, tmp_path):
    with pytest.raises(modules["recording"].ResultError, match="commit is empty"):
        modules["gpu_tables"].main([str(tmp_path / "gpu.json")])
