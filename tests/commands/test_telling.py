import random
import unicodedata
from itertools import pairwise

import pytest

from sa2va_cli.commands.telling import Lines


def told(text: str, width: int, seed: int = 0) -> str:
    """Text as it is printed when it comes in pieces of any length."""
    lines, chance, shown = Lines(width), random.Random(seed), ""
    while text:
        length = chance.randint(1, 7)
        piece, text = text[:length], text[length:]
        shown += lines.add(piece)
    return shown + lines.end()


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("width", [10, 23, 80])
def test_lines_end_between_words_and_nothing_is_lost(seed, width):
    chance = random.Random(seed)
    text = " ".join("x" * chance.randint(1, 9) for _ in range(200))
    lines = told(text, width, seed).split("\n")
    assert max(map(len, lines)) <= width
    assert " ".join(lines) == text
    assert all(len(line) + 1 + len(after.split(" ")[0]) > width for line, after in pairwise(lines))


def test_words_wait_until_they_are_whole_and_space_until_a_word_comes():
    lines = Lines(12)
    assert [lines.add(piece) for piece in ("the ba", "lloon", " in", " green", ".")] == [
        *("the", "", " balloon", "\nin"),
        "",
    ]
    assert lines.end() == " green."


def test_chinese_lines_end_before_any_sign():
    lines = told("小狗在公园里跑" * 4, 11).split("\n")
    assert max(map(columns, lines)) == 10
    assert "".join(lines) == "小狗在公园里跑" * 4


def test_breaks_of_the_text_itself_stay_and_begin_a_line():
    assert told("one\n\n- two three\n", 9) == "one\n\n- two\nthree\n"


def test_a_word_longer_than_a_line_is_left_to_the_terminal():
    assert told("see " + "y" * 25 + " end", 10) == "see\n" + "y" * 25 + " end"
