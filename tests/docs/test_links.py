"""Relative links of all pages lead somewhere, to a heading where they name one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`|^ {4}.*?$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)[^)]*\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def links(page: str) -> list[str]:
    """Targets of a page's links and pictures that are not on the web, code left out."""
    found = _LINK.findall(_CODE.sub("", page))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    slugs = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(page))
    return set(slugs)


def broken(page: Path) -> list[str]:
    """Targets of a page that are not there."""
    missing = []
    for target in links(page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        place = page.parent / name if name else page
        if not place.exists() or (anchor and anchor not in anchors(place.read_text(encoding="utf-8"))):
            missing.append(target)
    return missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    assert broken(page) == []


def test_a_broken_link_and_a_missing_heading_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`: three\n\n[here](#one-two-three) [there](#four) [gone](gone.md) ![gone](gone.png)\n"
        "[web](https://example.com/gone) `[code](gone.md)`\n\n    [code](gone.md)\n"
    )
    assert broken(page) == ["#four", "gone.md", "gone.png"]


def test_every_page_of_the_documentation_is_in_its_index():
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / target.partition("#")[0]).resolve() for target in links(index.read_text())}
    assert {page for page in PAGES if page.is_relative_to(index.parent)} - listed == {index}
