import tomllib
from pathlib import Path

import pytest

import sa2va_cli
from sa2va_cli import errors


def test_the_version_agrees_with_the_project_file():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert sa2va_cli.__version__ == project["project"]["version"]


def test_an_unknown_name_fails_as_usual():
    with pytest.raises(AttributeError, match="Segmentor"):
        _ = sa2va_cli.Segmentor


@pytest.mark.parametrize("name", sa2va_cli.__all__)
def test_every_exported_name_is_there(name):
    assert getattr(sa2va_cli, name) is not None
    assert name in dir(sa2va_cli)


def test_every_error_that_people_catch_is_exported():
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, Exception):
            assert getattr(sa2va_cli, name) is value
