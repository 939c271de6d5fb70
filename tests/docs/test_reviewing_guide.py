"""The guide to reviewing speaks of the page as it is: its words, its keys, its commands and its pictures."""

import re
import shlex

import pytest
from test_command_examples import ROOT, commands

from sa2va_cli.commands.app import main
from sa2va_cli.review import serving

PAGE = (ROOT / "docs" / "guides" / "reviewing.md").read_text(encoding="utf-8")
FILES = ROOT / "sa2va_cli" / "review" / "page"
ENGLISH = (FILES / "strings" / "en.js").read_text(encoding="utf-8")
KEYS = (FILES / "keys.js").read_text(encoding="utf-8") + (FILES / "queue.js").read_text(encoding="utf-8")
REVIEWS = [words[1:] for words in commands(PAGE) if words[1:2] == ["review"] and len(words) > 2]


def test_words_that_are_set_apart_are_words_of_the_page():
    quoted = re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", PAGE)
    assert len(quoted) >= 6
    assert [words for words in quoted if f'"{words}' not in ENGLISH] == []


def test_keys_that_are_named_are_keys_of_the_page():
    named = {
        key for part in set(re.findall(r"\*\*([^*]+)\*\*", PAGE)) - {"Worth a look"} for key in part.split()
    }
    assert len(named) >= 15
    rows = re.findall(r'keys: \[((?:"[^"]+"(?:, )?)+)\]', KEYS)
    known = {key for row in rows for key in re.findall(r'"([^"]+)"', row)} | {"Alt", "?"}
    known |= {key.upper() for key in re.findall(r"^ +([a-z]): \(\) =>", KEYS, re.MULTILINE)}
    assert named - known == set()


@pytest.mark.parametrize("words", REVIEWS, ids=shlex.join)
def test_every_command_asks_for_what_the_page_says(words, folder, monkeypatch):
    served: list[serving.ReviewJob] = []
    monkeypatch.setattr(serving, "serve", lambda job, **_: served.append(job))
    assert main(words) == 0
    (job,) = served
    assert job.opened == words[1]
    assert job.opens is ("--no-open" not in words)


def test_there_are_commands_and_pictures():
    assert len(REVIEWS) >= 4
    pictures = re.findall(r"\]\((../images/review/\w+\.webp)\)", PAGE)
    assert len(pictures) == 3
    assert [one for one in pictures if not (ROOT / "docs" / "guides" / one).resolve().is_file()] == []
