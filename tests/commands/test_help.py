import subprocess
import sys

import pytest

from sa2va_cli import __version__
from sa2va_cli.commands.app import main
from sa2va_cli.outputs.naming import KINDS

HEAVY = ("torch", "transformers", "av", "cv2", "numpy", "PIL", "pycocotools", "huggingface_hub")


MODELS = ("list", "pull", "path", "info", "verify", "prune", "convert", "upgrade")


LIGHT = (
    "--help",
    "segment --help",
    "--version",
    "doctor --help",
    "clean --help",
    "bench --help",
    "batch run --help",
    "config --help",
    "config path --help",
    "models --help",
    *(f"models {command} --help" for command in MODELS),
)
LOADING = f"""
import sys
from sa2va_cli.commands.app import main
for line in {LIGHT}:
    code = main(line.split())
    print("LOADED", line, code, *(name for name in {HEAVY} if name in sys.modules), sep="|")
"""
"""One process for all: what the first of them loads, all behind it have loaded."""


def test_help_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    told = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert told == [f"LOADED|{line}|0" for line in LIGHT]


def test_importing_the_package_does_not_import_torch():
    program = "import sys, sa2va_cli; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_version_is_printed(sa2va):
    outcome = sa2va("--version")
    assert (outcome.code, outcome.out.strip()) == (0, f"sa2va {__version__}")


def test_the_program_without_arguments_shows_its_help_once(sa2va):
    outcome = sa2va()
    assert outcome.code == 2
    assert (outcome.out + outcome.err).count("Usage:") == 1


def test_the_help_of_segment_names_every_kind_and_every_exit_code(sa2va, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    outcome = sa2va("segment", "--help")
    for name, kind in KINDS.items():
        assert (f"{name}:" in outcome.out) is not kind.needs_effects
    for code in (
        "1 a bug",
        "2 usage",
        "3 input",
        "4 nothing",
        "5 model",
        "6 out of",
        "7 output",
        "130 interrupted",
    ):
        assert code in outcome.out


def test_python_m_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "sa2va_cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"sa2va {__version__}"


@pytest.mark.parametrize("command", MODELS)
def test_the_help_of_every_models_command_has_examples(sa2va, command):
    outcome = sa2va("models", command, "--help")
    assert outcome.code == 0
    assert f"sa2va models {command}" in outcome.out.split("Examples")[1]


def test_the_shell_completes_options_and_their_values_but_no_hidden_ones(folder, monkeypatch, capsys):
    def complete(line: str) -> list[str]:
        """What bash offers at the end of a line; in a shell: tests/packaging."""
        monkeypatch.setenv("_SA2VA_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        with pytest.raises(SystemExit):
            main([])
        return capsys.readouterr().out.split()

    assert complete("sa2va segment --sa") == ["--sampling", "--save"]
    assert complete("sa2va segment --sampling f") == ["first"]
    assert sorted(complete("sa2va segment --no-")) == ["--no-labels", "--no-verify"]
