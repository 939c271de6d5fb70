"""The files of the page agree with one another, and need nothing from elsewhere. No browser is started."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

import sa2va_cli
from sa2va_cli.datatypes import Reason
from sa2va_cli.review.bodies import EDITS
from sa2va_cli.review.messages import KINDS, LINES
from sa2va_cli.review.ordering import table
from sa2va_cli.tracks.decisions import STATUSES

PAGE = Path(sa2va_cli.__file__).parent / "review" / "page"
MODULES = sorted(path for path in PAGE.rglob("*.js") if "vendor" not in path.parts)
LANGUAGES = sorted(path for path in (PAGE / "strings").glob("*.js") if path.stem != "tables")

_ENTRY = re.compile(r'^  "([^"]+)":\s*"((?:[^"\\]|\\.)*)",$', re.MULTILINE)
_IMPORT = re.compile(r'^(?:import|export) [^"]*from "([^"]+)";|^import "([^"]+)";', re.MULTILINE)
_USE = re.compile(r'\bt\(\s*(?:"([^"]+)"|`([^`]+)`)')
_TERNARY = re.compile(r'\bt\(\s*[^"`)]*\? "([^"]+)" : "([^"]+)"')


def words_of(language: Path) -> dict[str, str]:
    """The words of one language by key; long entries stand on two lines."""
    joined = re.sub(r'":\n\s+"', '": "', language.read_text(encoding="utf-8"))
    return dict(_ENTRY.findall(joined))


def uses() -> tuple[set[str], list[str]]:
    """Keys that modules ask for or the server's words make, and patterns of keys that are put together."""
    keys = {f"why.{one}" for one in get_args(Reason)}
    pointed = {one for one, schema in EDITS.items() if "object" not in schema["required"]}
    keys |= {f"correction.{'point' if one == 'points' else one}" for one in pointed}
    keys |= {f"edit.{one}" for one in EDITS}
    keys |= {f"error.{code}" for code in (*LINES, *(code for _, code in KINDS), "no_answer")}
    keys |= {f"status.{one}" for one in STATUSES}
    patterns: list[str] = []
    for module in MODULES:
        text = module.read_text(encoding="utf-8")
        for plain, template in _USE.findall(text):
            if plain:
                keys.add(plain)
            else:
                patterns.append(re.sub(r"\\\$\\\{[^}]*\\\}", r"[\\w. ]+", re.escape(template)))
        keys.update(key for pair in _TERNARY.findall(text) for key in pair)
        keys.update(re.findall(r'words: "([^"]+)"', text))
    return keys, patterns


def imports(module: Path) -> set[Path]:
    """The files that a module imports."""
    found = _IMPORT.findall(module.read_text(encoding="utf-8"))
    return {(module.parent / (one or other)).resolve() for one, other in found}


def test_every_language_has_the_same_words():
    tables = {language.stem: words_of(language) for language in LANGUAGES}
    assert sorted(tables) == ["en", "zh"]
    for language in LANGUAGES:
        entries = language.read_text(encoding="utf-8").count('":')
        assert len(tables[language.stem]) == entries, "an entry is written twice, or not as the others are"
    english = tables["en"]
    for name, words in tables.items():
        assert list(words) == list(english), name
        for key, text in words.items():
            assert text.strip(), key
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), key


def test_every_word_that_is_asked_for_is_in_the_tables_and_the_other_way_round():
    words = words_of(LANGUAGES[0])
    keys, patterns = uses()
    assert keys - set(words) == set()
    unused = {key for key in set(words) - keys if not any(re.fullmatch(one, key) for one in patterns)}
    assert unused == set()


def test_what_can_be_delivered_is_told_in_chinese_too():
    written = (PAGE / "strings" / "help" / "zh.js").read_text(encoding="utf-8")
    known = {json.loads(found) for found in re.findall(r'^  ("(?:[^"\\]|\\.)*"):$', written, re.MULTILINE)}
    rows = [row for group in ("kinds", "presets", "effects") for row in table()[group]]
    told = {row["help"] for row in rows}
    told |= {one["help"] for row in rows for one in (*row["options"], *row.get("parameters", ()))}
    assert len(told & known) > 0.9 * len(told), told - known  # what is newer may be English for a while


def test_words_for_what_goes_wrong_speak_of_what_the_server_says():
    words = words_of(LANGUAGES[0])
    for code, text in LINES.items():
        told = {found[1] for found in re.finditer(r"{(\w+)(?:!r)?}", text)}
        assert set(re.findall(r"\{(\w+)\}", words[f"error.{code}"])) <= told, code


def test_every_module_is_reached_from_the_page_and_every_import_exists():
    reached: set[Path] = set()
    waiting = [PAGE / "app.js"]
    while waiting:
        module = waiting.pop()
        if module in reached:
            continue
        reached.add(module)
        if "vendor" not in module.parts:
            waiting += [
                one for one in imports(module) if one.is_file() or pytest.fail(f"{module.name}: {one}")
            ]
    assert {path.resolve() for path in MODULES} <= reached


class _Inline(HTMLParser):
    """Collects what a content security policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.files: list[str] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        for name, value in attrs:
            if (
                name.startswith("on")
                or name == "style"
                or (value or "").startswith(("javascript:", "http:", "https:"))
            ):
                self.found.append(f"{tag} {name}")
            if name in {"src", "href"}:
                self.files.append(value or "")

    def handle_data(self, data: str) -> None:
        if self._open in {"script", "style"} and data.strip():
            self.found.append(f"{self._open}: {data.strip()}")


def test_the_page_has_no_inline_script_or_style_and_its_files_exist():
    parser = _Inline()
    parser.feed((PAGE / "index.html").read_text(encoding="utf-8"))
    assert parser.found == []
    assert parser.files
    assert [name for name in parser.files if not (PAGE / name).is_file()] == []


@pytest.mark.parametrize(
    "path", [path for path in PAGE.rglob("*") if path.suffix in {".js", ".css", ".html", ".svg"}]
)
def test_nothing_comes_from_elsewhere_and_nothing_is_made_of_text(path: Path):
    text = path.read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://[\w./-]+", text)) - {"http://www.w3.org/2000/svg"}
    if "vendor" not in path.parts:
        assert addresses == set()
    assert not re.search(r"\beval\(|new Function\(|@import|url\(", text)
    if path in MODULES:
        assert "innerHTML" not in text


def test_vendored_files_have_their_licences():
    names = {path.name for path in (PAGE / "vendor").iterdir()}
    assert names == {"README.md", "preact-htm.js", "LICENSE.htm", "LICENSE.preact"}
