"""What the Tab key gives, in the shells themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; autoload -Uz compinit; compinit -u -D"
zpty -w shell "source $1; compdef _sa2va_completion sa2va; echo rea''dy"
zpty -r shell out $'*ready\\r\\n*'
zpty -w -n shell $'sa2va segm\\t'
zpty -r shell out '*sa2va segment*'
print -r -- "$out"
"""
"""A shell within the shell: only one that believes in a keyboard completes."""


@pytest.fixture
def environment(tmp_path):
    """Variables with the program on PATH, whether it is installed or not."""
    program = tmp_path / "sa2va"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sa2va_cli "$@"\n')
    program.chmod(0o755)
    variables = {
        name: value for name, value in os.environ.items() if name not in {"COMP_WORDS", "COMP_CWORD"}
    }
    paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
    return variables | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(paths)}


def script(shell: str, environment: dict[str, str], folder: Path) -> Path:
    """What the program gives this shell to load."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    path = folder / f"completion.{shell}"
    path.write_text(run(["sa2va"], environment | {"_SA2VA_COMPLETE": f"source_{shell}"}))
    return path


def run(command: list[str], environment: dict[str, str]) -> str:
    """What a command prints."""
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=600
    ).stdout


def in_bash(loaded: Path, words: list[str], environment: dict[str, str]) -> list[str]:
    """What bash offers for the last word."""
    line = " ".join(f"'{word}'" for word in words)
    code = (
        f"source {loaded}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
        '_sa2va_completion sa2va; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return run(["bash", "-c", code], environment).split()


def test_bash_completes_commands_and_lists(environment, tmp_path):
    loaded = script("bash", environment, tmp_path)
    assert in_bash(loaded, ["sa2va", "segm"], environment) == ["segment"]
    offered = in_bash(loaded, ["sa2va", "segment", "a.mp4", "dog", "--save", "mask,mat"], environment)
    assert offered == ["mask,matte"]


def test_fish_completes_commands_and_values(environment, tmp_path):
    loaded = script("fish", environment, tmp_path)
    code = f'source {loaded}; complete -C "sa2va segm"; complete -C "sa2va edit a.mp4 --effect wat"'
    assert [line.split("\t")[0] for line in run(["fish", "-c", code], environment).splitlines()] == [
        "segment",
        "watercolour",
    ]


def test_zsh_completes_a_command(environment, tmp_path):
    loaded = script("zsh", environment, tmp_path)
    assert "segment" in run(["zsh", "-f", "-c", ZSH, "zsh", str(loaded)], environment)


@pytest.mark.parametrize(
    ("begun", "offered"),
    [
        ("--model dem", ["demo"]),
        ("--sampling f", ["first"]),
        ("--save mask,overlay,st", ["mask,overlay,stacked"]),
    ],
)
def test_values_that_have_names_are_offered(begun, offered):
    # In this process: what the shells above were shown to ask for.
    from typer.main import get_command

    from sa2va_cli.commands.app import app

    name, begun = begun.split()
    command = get_command(app)
    segment = command.get_command(command.make_context("sa2va", [], resilient_parsing=True), "segment")
    context = segment.make_context("segment", [], resilient_parsing=True)
    option = next(one for one in segment.params if name in one.opts)
    assert [item.value for item in option.shell_complete(context, begun)] == offered
