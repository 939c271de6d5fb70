"""Where the source of a log is found again."""

import pytest

from sa2va_cli.tracks.source_place import source_place


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (("in/clip.mp4", "kept/in/clip.mp4", "kept/clip.mp4"), "in/clip.mp4"),
        (("kept/in/clip.mp4", "kept/clip.mp4"), "kept/in/clip.mp4"),
        (("kept/clip.mp4",), "kept/clip.mp4"),
        ((), "in/clip.mp4"),
    ],
)
def test_a_source_is_looked_for_where_it_was_and_then_beside_its_tracks(tmp_path, monkeypatch, there, found):
    monkeypatch.chdir(tmp_path)
    for name in there:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert source_place((tmp_path / "kept/clip.tracks.sa2va").relative_to(tmp_path), "in/clip.mp4") == found


def test_a_name_that_no_file_can_have_stays_as_it_is(tmp_path):
    for named in ("https://example.com/" + "a" * 5000 + ".mp4", "a\0b.mp4"):
        assert source_place(tmp_path / "clip.tracks.sa2va", named) == named
