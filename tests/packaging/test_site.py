"""The documentation as a site: built without a broken link, and with every page in its menu."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pages_of(menu) -> set[str]:
    """The pages that a menu leads to."""
    found = set()
    for entry in menu:
        for target in entry.values():
            found |= {target} if isinstance(target, str) else pages_of(target)
    return found


def test_every_page_is_in_the_menu():
    menu = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages_of(menu) == there | {"README.md", "CHANGELOG.md", "benchmarks/README.md"}


def test_the_site_is_built_and_asks_nothing_of_other_servers(tmp_path):
    if shutil.which("zensical", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("zensical is not installed")
    for name in ("README.md", "CHANGELOG.md", "docs", "benchmarks", "scripts", "zensical.toml"):
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, tmp_path / name, ignore=shutil.ignore_patterns("results", "__pycache__"))
        else:
            shutil.copy(place, tmp_path / name)
    built = subprocess.run(
        ["bash", "scripts/site"],
        cwd=tmp_path,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    page = (tmp_path / "build" / "site" / "index.html").read_text(encoding="utf-8")
    assert "girl in red dress" in page
    assert not [
        line for line in page.splitlines() if '<script src="http' in line or "fonts.googleapis" in line
    ]
