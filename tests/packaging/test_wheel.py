"""The wheel: what is in it, how large it is, and that two buildings give the same bytes."""

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = (
    "sa2va_cli",
    "samples",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
    "sbom.cdx.json",
)
LARGEST_BYTES = 16_000_000


def build(folder: Path, day: float, *leaving_out: str) -> Path:
    """A wheel of a copy of this project whose files are of some day."""
    source = folder / "source"
    for name in NEEDED:
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, source / name, ignore=shutil.ignore_patterns("__pycache__", *leaving_out))
        else:
            source.mkdir(parents=True, exist_ok=True)
            shutil.copy(place, source / name)
    for path in source.rglob("*"):
        os.utime(path, (day, day))
    code = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=source, capture_output=True, text=True, check=True
    )
    return folder / made.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    return build(tmp_path_factory.mktemp("wheel"), 1_700_000_000.0)


def test_two_wheels_of_the_same_files_are_the_same(tmp_path_factory):
    pytest.importorskip("hatchling")
    heavy = ("*.safetensors", "*.mp4")  # which take the time to be packed
    days = (1_000_000_000.0, 1_700_000_000.0)
    made = [build(tmp_path_factory.mktemp("wheel"), day, *heavy) for day in days]
    one, other = (hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in made)
    assert one == other


def test_a_wheel_is_small_enough(wheel):
    assert wheel.stat().st_size <= LARGEST_BYTES


def test_a_wheel_holds_all_files_of_the_package_and_says_whose_they_are(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "sa2va_cli"
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert {path.relative_to(ROOT).as_posix() for path in files} <= names
    for part in ("licenses/LICENSE", "licenses/NOTICE", "sboms/sbom.cdx.json"):
        assert any(name.endswith(f".dist-info/{part}") for name in names)


def test_every_file_of_others_is_in_the_bill_of_materials():
    pytest.importorskip("cyclonedx")
    checked = subprocess.run(
        [sys.executable, "scripts/sbom", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_the_notice_names_every_work_of_others():
    pytest.importorskip("cyclonedx")
    loader = importlib.machinery.SourceFileLoader("sbom", str(ROOT / "scripts" / "sbom"))
    spec = importlib.util.spec_from_loader("sbom", loader)
    sbom = importlib.util.module_from_spec(spec)
    sys.modules["sbom"] = sbom
    loader.exec_module(sbom)
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert all(row.name in notice for row in sbom.BUNDLED)
