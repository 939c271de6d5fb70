"""Lists of jobs as people and programs write them: what rows mean, and what is said if nothing."""

import codecs
import json
from pathlib import Path

import pytest

from sa2va_cli.batch.listing import Request, listed
from sa2va_cli.batch.manifest import read_manifest
from sa2va_cli.batch.options import Options, _columns
from sa2va_cli.errors import UsageError


def entries(name, text):
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_manifest(Path(name)))


def jobs(**row):
    Path("jobs.jsonl").write_text(json.dumps({"input": "a.mp4", "prompt": "red", **row}))
    return listed(Request(manifest=Path("jobs.jsonl"), options=Options()))


@pytest.mark.parametrize("before", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_of_windows_and_of_spreadsheets_are_read(folder, before, end):
    for name, lines in (
        ("j.csv", ["input,prompts,keyframes", "a.mp4,red|blue,", "", "b.mp4,red,3"]),
        ("j.jsonl", ['{"input": "a.mp4", "prompts": ["red", "blue"], "keyframes": null}', "",
                     '{"input": "b.mp4", "prompt": "red", "keyframes": 3}']),
    ):  # fmt: skip
        first, second = entries(name, before + end.join(lines).encode() + end.encode())
        assert (first.input, first.prompts, dict(first.options)) == ("a.mp4", ("red", "blue"), {})
        assert (second.input, list(second.options)) == ("b.mp4", ["keyframes"])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("j.csv", "a.mp4,red\n", "j.csv:1: no column is called input"),
        ("j.csv", "input;prompt\na.mp4;red\n", "this one has input;prompt"),
        ("j.csv", "input,prompt\na.mp4,red,blue\n", "j.csv:2: 3 values, and the first row names 2 columns"),
        ("j.csv", "input,prompt,prompt\na.mp4,red,blue\n", "j.csv:2: prompt is said twice"),
        ("j.csv", f"input,prompt\na.mp4,{'r' * 200_000}\n", "j.csv:2: this row cannot be read"),
        ("j.csv", "input,prompt\na.mp4,r\0d\n", "j.csv:2: prompt has a zero byte"),
        ("j.csv", "input\na.mp4\n".encode("utf-16"), "store it as UTF-8"),
        ("j.jsonl", '{"input": "a.mp4", "prompt": "x", "prompt": "y"}', "j.jsonl:1: prompt is said twice"),
        ("j.jsonl", '{"input": "a.mp4", "max-frames": 1, "max_frames": 2}', "max_frames is said twice"),
        ("j.jsonl", '{"input": ["a.mp4"]}', "j.jsonl:1: input is a text, got ['a.mp4']"),
        ("j.jsonl", '{"input": null}', "j.jsonl:1: there is no input"),
        ("j.jsonl", '{"input": "a\\u0000.mp4"}', "j.jsonl:1: input has a zero byte"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_meant_is_told_with_its_row(folder, name, text, told):
    with pytest.raises(UsageError) as error:
        entries(name, text)
    assert told in error.value.message


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"output": 3}, "output is a text, got 3"),
        ({"split": 5}, "split is a text, got 5"),
        ({"keyframes": 2.5}, "keyframes is a whole number, got 2.5"),
        ({"keyframes": True}, "keyframes is a whole number, got True"),
        ({"threshold": [1]}, "threshold is a number, got [1]"),
        ({"save": {"mask": 1}}, "save is a text or a list of texts"),
        ({"box": "1,2,3"}, "--box '1,2,3' is not understood"),
        ({"overwrite": True, "skip_existing": True}, "overwrite and skip_existing contradict each other"),
        ({"start": "x:y"}, "'x:y' is not a time"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_its_row_and_column(folder, row, told):
    with pytest.raises(UsageError) as error:
        jobs(**row)
    assert error.value.command_line.startswith("jobs.jsonl:1: ")
    assert told in error.value.command_line


ODD = (True, -1.5, "x", [1], {"a": 1})


def test_no_value_of_any_column_is_more_than_an_error_for_the_user(folder):
    for column in _columns():
        for value in ODD:
            try:
                jobs(**{column: value})
            except UsageError as error:
                assert "jobs.jsonl:1: " in error.message  # noqa: PT017


def test_flags_can_be_taken_back_by_a_row_as_on_the_command_line(folder):
    (job,) = jobs(**{"no-verify": True, "strip_metadata": False, "overwrite": False, "skip-existing": True})
    saving = job.work.saving
    assert (saving.verify, saving.metadata, saving.existing) == (False, None, "skip")
    (job,) = jobs(box="1,2,30,40", keyframes="3", crf="20", colours=["red", "#00ff80"])
    assert (len(job.work.search.prompts), job.work.search.keyframes, job.work.delivery.crf) == (1, 3, 20)


def test_what_lies_beside_the_current_folder_does_not_lead_out_of_that_of_the_outputs(folder):
    (job,) = jobs(input="../other/a.mp4", output="out/{relative}/{stem}.{kind}.{ext}", save="mask")
    assert job.names == ("out/other/a.mask.mp4",)


def test_a_home_folder_is_meant_in_a_list_as_on_the_command_line(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert jobs(input="~/a.mp4")[0].source == f"{folder}/a.mp4"
