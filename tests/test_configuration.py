from pathlib import Path

import pytest

from sa2va_cli.configuration import checked, configuration_path, read_configuration
from sa2va_cli.errors import UsageError

SCHEMA = {
    (): {"model": "text"},
    ("segment",): {
        "model": "text",
        "save": "texts",
        "keyframes": "whole number",
        "max_frames": "whole number",
        "threshold": "number",
        "overwrite": "true or false",
        "start": "text",
    },
    ("models", "pull"): {"revision": "text"},
}
HERE = Path("c.toml")


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    monkeypatch.setenv("SA2VA_CONFIG", str(path))
    return path


def test_values_are_read_by_command_and_option(file):
    file.write_text(
        'model = "1b"\n[segment]\nsave = "mask"\nmax-frames = 3\nthreshold = 1\nstart = 2.5\n'
        "overwrite = true\n"
        '[models.pull]\nrevision = "main"\n'
    )
    configuration = read_configuration(SCHEMA)
    assert configuration.there
    assert configuration.tables == {
        (): {"model": "1b"},
        ("segment",): {
            "save": ["mask"],
            "max_frames": 3,
            "threshold": 1,
            "start": "2.5",
            "overwrite": True,
        },
        ("models", "pull"): {"revision": "main"},
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"modle": "1b"}, "c.toml: unknown key 'modle'; did you mean 'model'"),
        ({"segmnt": {"every": 2}}, "c.toml: unknown key 'segmnt'; did you mean 'segment'"),
        ({"xyz": 1}, "c.toml: unknown key 'xyz'; allowed are model, models, segment"),
        (
            {"segment": {"max_frame": 2}},
            "c.toml [segment]: unknown key 'max_frame'; did you mean 'max-frames'",
        ),
        ({"segment": {"save": {"mask": 1}}}, "c.toml [segment]: save must be a list of texts"),
        ({"segment": {"save": [1]}}, "c.toml [segment]: save must be a list of texts"),
        ({"segment": {"keyframes": "9"}}, "c.toml [segment]: keyframes must be a whole number, got '9'"),
        ({"segment": {"keyframes": True}}, "c.toml [segment]: keyframes must be a whole number, got True"),
        ({"segment": {"keyframes": 2.5}}, "c.toml [segment]: keyframes must be a whole number, got 2.5"),
        ({"segment": {"threshold": "x"}}, "c.toml [segment]: threshold must be a number, got 'x'"),
        ({"segment": {"overwrite": "yes"}}, "c.toml [segment]: overwrite must be true or false, got 'yes'"),
        ({"segment": {"model": True}}, 'c.toml [segment]: model must be a text, as in "a", got True'),
        ({"segment": 5}, "c.toml: segment must be a table: [segment], got 5"),
        ({"models": {"pull": {"rev": "x"}}}, "c.toml [models.pull]: unknown key 'rev'; did you mean"),
        ({"models": {"revision": "x"}}, "c.toml [models]: unknown key 'revision'; allowed are pull"),
    ],
)
def test_what_cannot_be_meant_names_file_key_and_the_nearest_allowed(document, message):
    with pytest.raises(UsageError) as caught:
        checked(document, HERE, SCHEMA)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_named_must_be_there(file):
    with pytest.raises(UsageError, match=r"config\.toml \(SA2VA_CONFIG\) cannot be read: No such file"):
        read_configuration(SCHEMA)


@pytest.mark.parametrize(("content", "words"), [(b"a = ", "is not TOML: "), (b"\xff", "is not in UTF-8")])
def test_a_file_that_is_no_toml_is_one_line(file, content, words):
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_configuration(SCHEMA)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_nobody_asked_for_may_be_missing_or_closed(tmp_path, monkeypatch):
    monkeypatch.delenv("SA2VA_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    missing = read_configuration(SCHEMA)
    assert (missing.there, missing.unread, missing.tables) == (False, "", {})
    (tmp_path / "sa2va").write_text("a file where a folder should be")
    closed = read_configuration(SCHEMA)
    assert (closed.there, closed.tables) == (False, {})
    assert closed.unread == "Not a directory"


def test_without_a_home_there_is_no_file(monkeypatch):
    for name in ("SA2VA_CONFIG", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        "os.path.expanduser", lambda path: path
    )  # as where there is no entry in passwd either
    assert configuration_path() is None
    assert read_configuration(SCHEMA).path is None
