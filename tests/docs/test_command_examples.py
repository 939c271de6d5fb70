"""Commands in the documentation name options that exist. Nothing is run and no model is loaded."""

import importlib
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sa2va_cli.commands.app import app

ROOT = Path(__file__).parents[2]
HISTORY = ROOT / "docs" / "history"
"""Its commands are those of older programs, and so are the sources below generated tables."""
PAGES = sorted(
    page
    for pattern in ("README.md", "docs/**/*.md", "benchmarks/*.md")
    for page in ROOT.glob(pattern)
    if not page.is_relative_to(HISTORY)
)

_GENERATED = re.compile(r"<!-- table: .*?<!-- end -->", re.DOTALL)
_CODE = re.compile(r"^ {4}(.+)$|^(?:\$ )?(sa2va .+|python .+)$|`((?:sa2va|python) [^`]+)`", re.MULTILINE)
_SCRIPT = re.compile(r"python (?:-m (sa2va_cli[\w.]+)|benchmarks/(\w+)\.py)")


def commands(page: str) -> list[list[str]]:
    """The words of every command of ours on a page, each part of a pipeline by itself."""
    found: list[list[str]] = []
    for parts in _CODE.findall(_GENERATED.sub("", page)):
        text = re.sub(r"\s+", " ", "".join(parts))
        if re.search(r"\b(sa2va|python) ", text):
            found += _split(text)
    return [words for words in found if words[:1] in (["sa2va"], ["python"])]


def _split(text: str) -> list[list[str]]:
    """Splits a line of shell at its pipes, redirections and semicolons; comments are dropped."""
    words = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")
    words.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("|&;<>"):
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def ours() -> list[Any]:
    """Every command of the program, with its page."""
    return [
        pytest.param(words[1:], id=f"{page.relative_to(ROOT)}: {shlex.join(words)}")
        for page in PAGES
        for words in commands(page.read_text(encoding="utf-8"))
        if words[0] == "sa2va"
    ]


def options_of_scripts() -> dict[str, set[str]]:
    """The options that pages give to each script and module."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        for words in commands(page.read_text(encoding="utf-8")):
            if script := _SCRIPT.match(shlex.join(words)):
                options = {word.partition("=")[0] for word in words if word.startswith("--")}
                found.setdefault(script[1] or script[2], set()).update(options)
    return found


@cache
def program() -> Any:
    """What parses the command line, made once of hundreds of options."""
    return get_command(app)


def parse(words: list[str]) -> None:
    """Splits arguments into options and others as the program does, down to the last command.

    Raises:
        click.UsageError: there is no such command or option, or an option lacks its value.
    """
    command: Any = program()
    context: Any = None
    while True:
        context = command.context_class(command, parent=context, info_name=command.name)
        _, left, _ = command.make_parser(context).parse_args(list(words))
        if not hasattr(command, "commands") or not left:
            return
        _, command, words = command.resolve_command(context, left)


@pytest.mark.parametrize("words", ours())
def test_a_command_of_the_documentation_has_only_options_that_exist(words):
    parse(words)


@pytest.mark.parametrize(("name", "options"), sorted(options_of_scripts().items()))
def test_a_script_of_the_documentation_has_the_options_it_is_given(name, options, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    with pytest.raises(SystemExit):
        importlib.import_module(name).main(["--help"])
    known = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    assert options - known == set()


def test_commands_are_found_in_code_and_in_pipelines():
    page = (
        "Text `sa2va doctor`.\n\n    curl x | sa2va segment - 'a dog' --json | jq .  # words\n    pip list\n"
        "<!-- table: some -->\n`sa2va gone`\n<!-- end -->\n"
    )
    assert commands(page) == [["sa2va", "doctor"], ["sa2va", "segment", "-", "a dog", "--json"]]


@pytest.mark.parametrize("line", ["segment a.mp4 dog --nonsense", "models pull 1b --nonsense", "nonsense"])
def test_a_command_or_an_option_that_does_not_exist_is_refused(line):
    with pytest.raises(Exception, match="nonsense"):
        parse(line.split())


def test_an_option_without_its_value_is_refused():
    with pytest.raises(Exception, match="--save"):
        parse(["segment", "--save"])


def test_there_are_examples_to_check():
    assert len(ours()) > 20
    assert len(options_of_scripts()) > 10
