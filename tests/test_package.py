import tomllib
from pathlib import Path

import pytest

import sa2va_cli


def test_the_version_agrees_with_the_project_file():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert sa2va_cli.__version__ == project["project"]["version"]


def test_an_unknown_name_fails_as_usual():
    with pytest.raises(AttributeError, match="Segmentor"):
        _ = sa2va_cli.Segmentor
