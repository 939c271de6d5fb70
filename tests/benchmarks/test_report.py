"""Results of benchmarks say where they come from, and the tables in the documentation are theirs."""

import argparse
import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"

WHOLE = {
    "machine": {"cpu": "Some CPU", "cores": 2, "memory_gb": 8.0, "gpu": None},
    "date": "2026-11-21",
    "commit": "7b31f7dc7d22bf7d4a10b4d79c1e84c587af69b8",
    "commit_kind": "measured",
    "command": "python benchmarks/some.py --rounds 3",
    "conditions": "load 0.1 when it began",
    "columns": [
        {"field": "what", "heading": "what", "format": ""},
        {"field": "seconds", "heading": "seconds", "format": ".2f"},
    ],
    "figures": [
        {"what": "whole", "seconds": {"median": 7.4, "low": 7.25, "high": 7.5, "rounds": 3}},
        {"what": "imports", "seconds": None},
    ],
}
PAGE = "# Page\n\n<!-- table: some -->\n<!-- end -->\n\nText.\n"


@pytest.fixture
def report(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("report")


@pytest.fixture
def recording(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("recording")


@pytest.fixture
def folders(tmp_path):
    """A page with one table, and its result."""
    docs, results = tmp_path / "docs", tmp_path / "results"
    docs.mkdir()
    results.mkdir()
    (docs / "page.md").write_text(PAGE)
    (results / "some.json").write_text(json.dumps(WHOLE))
    return docs, results


def test_every_table_of_the_documentation_agrees_with_its_result(report, capsys):
    code = report.main(["--check"])
    printed = capsys.readouterr()
    assert (code, printed.out, printed.err) == (0, "", "")


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_result_says_where_it_comes_from(recording, path):
    result = recording.Result.read(path)
    assert result.machine.cpu
    assert result.command.startswith(("python ", "sa2va "))
    assert len(result.commit) == 40


def test_a_table_shows_the_figures_and_their_source(report, folders):
    docs, results = folders
    assert report.main([], docs, results) == 0
    assert (docs / "page.md").read_text() == (
        "# Page\n\n<!-- table: some -->\n\n"
        "| what | seconds |\n|---|---|\n| whole | 7.40 (7.25 to 7.50) |\n| imports | – |\n\n"
        "<sub>`python benchmarks/some.py --rounds 3`, median (lowest to highest) of 3 rounds; "
        "2 cores of Some CPU, 8 GB; 2026-11-21, measured at 7b31f7d; load 0.1 when it began.</sub>\n\n"
        "<!-- end -->\n\nText.\n"
    )
    assert report.main(["--check"], docs, results) == 0


def test_a_table_that_differs_from_its_result_is_found_and_left_alone(report, folders, capsys):
    docs, results = folders
    report.main([], docs, results)
    edited = (docs / "page.md").read_text().replace("7.40", "6.40")
    (docs / "page.md").write_text(edited)
    assert report.main(["--check"], docs, results) == 1
    assert "page.md: differs" in capsys.readouterr().out
    assert (docs / "page.md").read_text() == edited


def test_a_result_that_changed_is_found(report, folders):
    docs, results = folders
    report.main([], docs, results)
    (results / "some.json").write_text(json.dumps(WHOLE | {"date": "2026-11-22"}))
    assert report.main(["--check"], docs, results) == 1


def test_a_table_of_a_result_that_does_not_exist_is_an_error(report, folders, capsys):
    docs, results = folders
    (docs / "page.md").write_text(PAGE.replace("some", "other"))
    assert report.main(["--check"], docs, results) == 1
    assert "page.md: there is no other.json in results/" in capsys.readouterr().err


def test_a_table_without_an_end_is_an_error(report, folders, capsys):
    docs, results = folders
    (docs / "page.md").write_text(PAGE.replace("<!-- end -->", ""))
    assert report.main(["--check"], docs, results) == 1
    assert "1 tables begin, 0 end" in capsys.readouterr().err


def test_a_result_that_no_page_shows_is_an_error(report, folders, capsys):
    docs, results = folders
    report.main([], docs, results)
    (results / "lonely.json").write_text(json.dumps(WHOLE))
    assert report.main(["--check"], docs, results) == 1
    assert "lonely.json is shown on no page" in capsys.readouterr().err


@pytest.mark.parametrize("field", WHOLE)
def test_a_result_without_one_of_its_fields_is_an_error(report, folders, capsys, field):
    docs, results = folders
    (results / "some.json").write_text(json.dumps({k: v for k, v in WHOLE.items() if k != field}))
    assert report.main(["--check"], docs, results) == 1
    assert field in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("machine", {"cpu": "", "cores": 2}, "must name a processor"),
        ("machine", {"cores": 2}, "cpu"),
        ("date", "", "date is empty"),
        ("date", "yesterday", "date must look like"),
        ("commit", None, "commit is empty"),
        ("commit", "main", "commit must be a hash"),
        ("commit_kind", "guessed", "commit_kind must be .* got 'guessed'"),
        ("command", "", "command is empty"),
        ("figures", [], "figures is empty"),
        ("figures", [{"what": "whole"}], "a row has"),
        ("surprise", 1, "surprise"),
    ],
)
def test_a_malformed_result_is_refused_by_name(recording, tmp_path, field, value, message):
    path = tmp_path / "some.json"
    path.write_text(json.dumps(WHOLE | {field: value}))
    with pytest.raises(recording.ResultError, match=f"some.json: .*{message}"):
        recording.Result.read(path)


def test_a_result_is_read_as_it_was_written(recording, tmp_path):
    path = tmp_path / "some.json"
    path.write_text(json.dumps(WHOLE))
    again = tmp_path / "again.json"
    recording.Result.read(path).write(again)
    assert json.loads(again.read_text()) == WHOLE


def test_results_with_different_columns_are_not_joined(report, folders, capsys):
    docs, results = folders
    columns = [WHOLE["columns"][0], WHOLE["columns"][1] | {"heading": "hours"}]
    (results / "other.json").write_text(json.dumps(WHOLE | {"columns": columns}))
    (docs / "page.md").write_text(PAGE.replace("some", "some other"))
    assert report.main(["--check"], docs, results) == 1
    assert "different columns" in capsys.readouterr().err


def test_recording_fills_in_the_machine_the_commit_and_the_command(recording, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "RESULTS", tmp_path)
    monkeypatch.setattr(recording, "_git", lambda command, *_: "" if command == "status" else "7b31f7d")
    parser = argparse.ArgumentParser()
    parser.add_argument("--size")
    parser.add_argument("--folder")
    recording.add_options(parser)
    arguments = ["--size", "a b", "--record", "some", "--conditions=quiet", "--folder", "/some/where"]
    columns = [recording.Column("n", "n")]
    recording.record(parser.parse_args(arguments), "/x/some.py", arguments, columns, [{"n": 1}], notes="fp32")
    result = recording.Result.read(tmp_path / "some.json")
    assert result.command == "python benchmarks/some.py --size 'a b'"
    assert (result.commit, result.commit_kind, result.conditions) == ("7b31f7d", "measured", "fp32; quiet")
    assert result.machine == recording.Machine.here()


def test_nothing_is_recorded_unless_asked_for_nor_outside_a_checkout(recording, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "RESULTS", tmp_path)
    monkeypatch.setattr(recording, "_git", lambda *_: None)
    columns, rows = [recording.Column("n", "n")], [{"n": 1}]
    parser = argparse.ArgumentParser()
    recording.add_options(parser)
    recording.record(parser.parse_args([]), "some.py", [], columns, rows)
    with pytest.raises(SystemExit, match="no git checkout"):
        recording.record(parser.parse_args(["--record", "some"]), "some.py", [], columns, rows)
    assert list(tmp_path.iterdir()) == []


def test_rounds_become_their_median_and_range(recording):
    assert recording.rounds([2.0, 1.0, 4.0], 10) == {"median": 20, "low": 10, "high": 40, "rounds": 3}
