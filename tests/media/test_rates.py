"""Exact rates from rounded times."""

import random
from array import array
from fractions import Fraction

import pytest

from sa2va_cli.media.rates import commonest_rate, find_grid, rate_text, standard

MILLI = Fraction(1, 1000)
RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(50)]
RATES += [Fraction(60000, 1001), Fraction(60), Fraction(12), Fraction(15), Fraction(120000, 1001)]


def rounded(rate: Fraction, count: int, base: Fraction = MILLI, start: int = 0) -> array:
    return array("q", [start + round(k / rate / base) for k in range(count)])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("count", [20, 500, 5000])
def test_a_constant_rate_is_found_in_milliseconds(rate: Fraction, count: int) -> None:
    stamps = rounded(rate, count, start=83)
    grid = find_grid(stamps, MILLI, [rate])
    if (1 / rate / MILLI).denominator == 1:
        assert grid is None, "times that are exact stay as they are"
        assert commonest_rate(stamps, MILLI, [rate]) == rate
        return
    assert grid is not None
    assert (grid.rate, grid.even) == (rate, True)
    steps = {grid.pts(k + 1) - grid.pts(k) for k in range(count - 1)}
    assert steps == {int(1 / rate / grid.unit)}
    assert grid.pts(0) * grid.unit == Fraction(83, 1000)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)])
def test_a_rate_that_is_stated_roughly_or_not_at_all_is_found(rate: Fraction) -> None:
    stamps = rounded(rate, 3000)
    for stated in ([], [Fraction(round(1000 * rate), 1000)], [Fraction(30)]):
        grid = find_grid(stamps, MILLI, stated)
        assert grid is not None
        assert grid.rate == rate


def test_milliseconds_in_another_unit_are_still_milliseconds() -> None:
    stamps = array("q", [16 * stamp for stamp in rounded(Fraction(30000, 1001), 100)])
    grid = find_grid(stamps, Fraction(1, 16000), [])
    assert grid is not None
    assert grid.rate == Fraction(30000, 1001)


def test_frames_that_are_left_out_keep_their_places() -> None:
    stamps = rounded(Fraction(24000, 1001), 100)
    del stamps[40], stamps[97]
    grid = find_grid(stamps, MILLI, [])
    assert grid is not None
    assert (grid.rate, grid.even, grid.usual) == (Fraction(24000, 1001), False, True)
    assert grid.pts(40) - grid.pts(39) == 2 * (grid.pts(1) - grid.pts(0))


def test_jittering_times_stay_as_they_are() -> None:
    chance = random.Random(3)
    stamps = array("q", sorted(round(k * 33.3) + chance.randint(-4, 4) for k in range(100)))
    assert find_grid(stamps, MILLI, [Fraction(30)]) is None
    uneven = array("q", [0, 1, 2, 5, 6, 9, 10, 11])
    assert find_grid(uneven, Fraction(1, 25), [Fraction(25)]) is None


def test_a_missing_frame_at_the_end_does_not_change_the_rate() -> None:
    stamps = array("q", [512 * k for k in range(23)] + [512 * 24])
    assert commonest_rate(stamps, Fraction(1, 12288), [Fraction(1200, 52)]) == 24


def test_a_clock_of_half_frames_that_stumbles_once_keeps_its_rate() -> None:
    stamps = array("q", [*range(2, 48, 2), 47])
    assert commonest_rate(stamps, Fraction(1, 50), [Fraction(50)]) == 25


def test_rates_that_vary_have_no_commonest_step() -> None:
    assert commonest_rate(array("q", [0, 40, 120, 160, 240, 280, 360]), MILLI, []) is None


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Fraction(24), "24"),
        (Fraction(24000, 1001), "24000/1001 (23.976)"),
        (Fraction(25, 2), "12.5"),
        (Fraction(30000, 1001), "30000/1001 (29.97)"),
    ],
)
def test_rates_are_shown_exactly(rate: Fraction, text: str) -> None:
    assert rate_text(rate) == text


def test_a_rounded_rate_is_the_standard_one() -> None:
    assert standard(Fraction(19001, 317)) == Fraction(60000, 1001)
    assert standard(Fraction(17)) == 17
    assert standard(Fraction(173, 10)) == Fraction(173, 10)
