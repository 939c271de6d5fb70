"""Where a clip is cut into parts: at cuts or at key frames, never into crumbs, some frames being shared."""

from fractions import Fraction
from itertools import pairwise

import pytest
from films import BLUE, LENGTH, RED, write_film

from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.events import no_report
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.opening import opened
from sa2va_cli.pipeline.parts import SHARED_FRAMES, Part, parts_of, read_parts, read_pieces, write_parts
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.split import Split, read_split


def cut(path, split, **more):
    job = SegmentJob(str(path), Search(("red",), **more))
    with opened(job.source, job.search, no_report) as reader:
        return parts_of(reader, job, split, no_report)


@pytest.fixture
def film(folder):
    return write_film(folder / "film.mp4", [(RED,), (BLUE,), (RED,)])


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("scenes", Split("scenes", Fraction(1))),
        ("scenes:0", Split("scenes", Fraction(0))),
        ("minutes", Split("minutes", Fraction(10))),
        ("minutes:.5", Split("minutes", Fraction(1, 2))),
    ],
)
def test_splits_are_read(text, split):
    assert read_split(text) == split
    assert read_split(str(split)) == split


@pytest.mark.parametrize("text", ["", "scene", "minutes:0", "minutes:-1", "scenes:x", "10"])
def test_what_is_no_split_is_refused(text):
    with pytest.raises(UsageError, match="choose scenes"):
        read_split(text)


def test_at_cuts_nothing_is_shared(film):
    parts = cut(film, Split("scenes", Fraction(0)))
    assert parts == tuple(Part(k, k + LENGTH, k + LENGTH, (k,)) for k in (0, LENGTH, 2 * LENGTH))


def test_short_shots_share_a_part(film):
    parts = cut(film, Split("scenes", Fraction("0.01")))  # 15 frames
    assert [(part.first, part.stop, part.shots) for part in parts] == [(0, 28, (0, 14)), (28, 42, (28,))]


def test_minutes_end_at_key_frames_and_frames_are_shared_up_to_the_next_cut(folder):
    film = write_film(folder / "long.mp4", [(RED,), (BLUE,)], length=30)
    parts = cut(film, Split("minutes", Fraction("0.01")))  # 15 frames; a key frame is every ninth
    assert [part.first for part in parts] == [0, 9, 18, 30, 39]
    for part, after in pairwise(parts):
        end = 30 if part.stop <= 30 else 60
        wanted = part.stop if part.stop == 30 else min(part.stop + SHARED_FRAMES, end)
        assert (part.stop, part.follow_to) == (after.first, wanted)


def test_one_part_is_the_whole(film):
    assert [(part.first, part.stop) for part in cut(film, Split("minutes", Fraction(10)))] == [(0, 42)]


def test_parts_lie_in_the_stretch_that_is_looked_at(film):
    parts = cut(film, Split("scenes", Fraction(0)), start="14f", every=2)
    assert [(part.first, part.stop) for part in parts] == [(0, 7), (7, 14)]


def test_what_is_written_down_is_read_and_damage_is_told(film, tmp_path):
    parts = cut(film, Split("scenes", Fraction(0)))
    write_parts(tmp_path / "a/parts.json", parts)
    assert read_parts(tmp_path / "a/parts.json") == parts
    (tmp_path / "a/parts.json").write_text('{"parts": 3}')
    for read in (read_parts, read_pieces):
        with pytest.raises(InputError, match=r"parts\.json"):
            read(tmp_path / "a/parts.json")
