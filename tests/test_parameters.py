"""Every field that people can set refuses what it cannot be, in the terms of whoever set it."""

import pickle
from dataclasses import MISSING

import pytest

from sa2va_cli.bench.job import BenchJob
from sa2va_cli.commands.options import Talking
from sa2va_cli.errors import InputError, UsageError, in_python, on_command_line, parameter
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import Argument, Option, Switches, declared, expanded, one_of
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.search import Search
from sa2va_cli.runtime.choice import ModelChoice

GROUPS = (Search, Saving, ModelChoice, BenchJob, SegmentJob, Talking)
NEEDED = {Search: {"prompts": ("red",)}}

SAVED = ", ".join(name for name, kind in KINDS.items() if not kind.needs_effects)
REFUSED = [
    (Search, "sampling", "random", "unknown {} 'random'; choose uniform or first"),
    (Search, "keyframes", 0, "{} must be at least 1, got 0"),
    (Search, "keyframes", 2.5, "{} must be at least 1, got 2.5"),
    (Search, "every", 0, "{} must be at least 1, got 0"),
    (Search, "every", "2", "{} must be at least 1, got '2'"),
    (Search, "max_frames", -3, "{} must be at least 1, got -3"),
    (Search, "threshold", 1.0, "{} must lie between 0 and 1, got 1"),
    (Search, "threshold", float("nan"), "{} must lie between 0 and 1, got nan"),
    (Saving, "kinds", "gif", f"unknown {{}} 'gif'; choose from {SAVED}"),
    (Saving, "kinds", (), f"nothing to save; choose from {SAVED} with {{}}"),
    (Saving, "metadata", "hide", "unknown {} 'hide'; choose strip or keep"),
    (Saving, "existing", "delete", "unknown {} 'delete'; choose refuse, overwrite, skip"),
    (ModelChoice, "device", "tpu", "unknown {} 'tpu'; choose auto, cpu, cuda, cuda:N or mps"),
    (
        ModelChoice,
        "dtype",
        "int8",
        "unknown {} 'int8'; choose auto, bf16, fp16, fp32, or lm=NAME,vit=NAME,sam2=NAME",
    ),
    (Search, "follow_every", 0, "{} must be at least 1, got 0"),
    (ModelChoice, "follow_size", 100, "{} must be at least 256, got 100"),
    (ModelChoice, "attention", "fast", "unknown {} 'fast'; choose sdpa, eager or flash"),
    (ModelChoice, "quantize", "3bit", "unknown {} '3bit'; choose 8bit or 4bit"),
    (ModelChoice, "device_map", "balanced", "unknown {} 'balanced'; choose none or auto"),
    (ModelChoice, "compile", "maybe", "unknown {} 'maybe'; choose auto, on or off"),
    (BenchJob, "random", "9b", "unknown {} '9b'; choose 1b, 4b, demo or hiera-l"),
    (BenchJob, "objects", 0, "{} must be at least 1, got 0"),
    (BenchJob, "frames", 0, "{} must be at least 1, got 0"),
    (BenchJob, "rounds", 0, "{} must be at least 1, got 0"),
]

OPTIONS = {"kinds": "--save", "name": "--model"}


@pytest.mark.parametrize(("group", "name", "value", "message"), REFUSED)
def test_what_a_field_cannot_be_is_told_as_an_argument_and_as_an_option(group, name, value, message):
    with pytest.raises(UsageError) as caught:
        group(**NEEDED.get(group, {}), **{name: value})
    option = OPTIONS.get(name, f"--{name.replace('_', '-')}")
    assert str(caught.value) == message.format(name)
    assert caught.value.command_line == message.format(option)
    assert caught.value.parameters == (name,)


def test_every_field_with_allowed_values_is_in_the_table():
    tried = {(group, name) for group, name, *_ in REFUSED}
    for group in GROUPS:
        for one in declared(group):
            setting = one.setting
            checked = isinstance(setting, Option) and (setting.choices or setting.least or setting.between)
            if checked or isinstance(setting, Switches):
                assert (group, one.name) in tried


@pytest.mark.parametrize("group", GROUPS)
def test_defaults_are_allowed(group):
    for one in declared(group):
        if isinstance(one.setting, Option) and one.setting.choices and one.default is not None:
            assert one.default in one.setting.choices
        assert isinstance(one.setting, Argument) or one.default is not MISSING


def test_what_goes_together_is_checked_in_both_terms():
    with pytest.raises(UsageError) as caught:
        BenchJob(model=ModelChoice("1b"), random="4b")
    assert str(caught.value) == "name and random contradict each other; give one of them"
    assert caught.value.command_line == "--model and --random contradict each other; give one of them"
    with pytest.raises(UsageError) as caught:
        BenchJob(model=ModelChoice(compile="on"), random="4b")
    assert caught.value.command_line == "--compile and --random contradict each other; give one of them"


def test_a_message_is_written_once_and_read_in_two_ways():
    dtype, empty = parameter("dtype", "bf16"), parameter("allow_empty", value=True)
    text = f"try {dtype} or {empty} with {parameter('every')}"
    assert in_python(text) == "try dtype='bf16' or allow_empty=True with every"
    assert on_command_line(text) == "try --dtype bf16 or --allow-empty with --every"


def test_an_error_keeps_both_readings_on_its_way_to_another_process():
    error = pickle.loads(pickle.dumps(InputError(f"is {parameter('start')} past the end?")))
    assert (str(error), error.command_line) == ("is start past the end?", "is --start past the end?")


def test_names_with_commas_are_several(monkeypatch):
    assert Saving("mask, overlay").kinds == ("mask", "overlay")
    assert Saving(["mask,coco", "davis"]).kinds == ("mask", "coco", "davis")


def test_a_home_between_quotes_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Saving(output="~/out/").output == f"{tmp_path}/out/"
    assert Saving(output="~/{stem}.{ext}").output == f"{tmp_path}/{{stem}}.{{ext}}"
    assert SegmentJob("~/a.mp4", Search(("red",))).source == f"{tmp_path}/a.mp4"
    assert ModelChoice("~/my-model").name == f"{tmp_path}/my-model"
    assert expanded("a~b") == "a~b"
    assert expanded("~nobody-of-that-name/a") == "~nobody-of-that-name/a"
    (tmp_path / "~root").touch()
    assert expanded("~root") == "~root"


@pytest.mark.parametrize(("choices", "text"), [(("a",), "a"), (("a", "b"), "a or b"), ("abc", "a, b or c")])
def test_choices_are_listed(choices, text):
    assert one_of(tuple(choices)) == text
