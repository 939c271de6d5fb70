"""What the Tab key gives, in the shells themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sa2va_cli.commands.app import main

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


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    """Writes what the program gives a shell to load."""

    def write(shell: str) -> Path:
        if shutil.which(shell) is None:
            pytest.skip(f"there is no {shell} here")
        with monkeypatch.context() as patch:
            patch.setenv("_SA2VA_COMPLETE", f"source_{shell}")
            with pytest.raises(SystemExit):
                main([])
        path = tmp_path / f"completion.{shell}"
        path.write_text(capsys.readouterr().out)
        return path

    return write


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


def test_bash_completes_lists(environment, script):
    words = ["sa2va", "segment", "a.mp4", "dog", "--save", "mask,mat"]
    assert in_bash(script("bash"), words, environment) == ["mask,matte"]


def test_fish_completes_values(environment, script):
    code = f'source {script("fish")}; complete -C "sa2va edit a.mp4 --effect wat"'
    assert run(["fish", "-c", code], environment).split("\t")[0].strip() == "watercolour"


def test_zsh_completes_a_command(environment, script):
    assert "segment" in run(["zsh", "-f", "-c", ZSH, "zsh", str(script("zsh"))], environment)


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
