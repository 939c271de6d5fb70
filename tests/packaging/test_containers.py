"""The files for containers are what their linters want, and name commands that exist."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from sa2va_cli.commands.app import app

ROOT = Path(__file__).parents[2]


def linter(name: str) -> str:
    """Where a linter is."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.mark.parametrize(
    "command",
    [
        ("hadolint", "Dockerfile"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"),
    ],
    ids=lambda command: command[-1],
)
def test_the_linter_finds_nothing(command):
    found = subprocess.run(
        [linter(command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_services_call_commands_with_options_that_exist():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    program = get_command(app)
    context = program.make_context("sa2va", [], resilient_parsing=True)
    for service in services.values():
        words = [*service.get("entrypoint", [])[1:], *service.get("command", [])]
        command = program.get_command(context, words[0])
        assert command is not None, words
        command.make_parser(command.context_class(command)).parse_args(words[1:])


def test_what_is_copied_into_the_image_is_all_that_the_wheel_is_made_of():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert {"sa2va_cli", "pyproject.toml", "README.md", "LICENSE", "NOTICE", "sbom.cdx.json"} <= kept
    assert all((ROOT / name).exists() for name in kept)


def test_a_command_of_the_page_builds_a_stage_that_exists():
    page = (ROOT / "docs" / "guides" / "containers.md").read_text()
    stages = {line.split()[-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if " AS " in line}
    built = [shlex.split(line) for line in page.splitlines() if line.startswith("    docker build")]
    assert built
    assert {words[words.index("--target") + 1] for words in built} <= stages
