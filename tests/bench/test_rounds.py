import pytest

from sa2va_cli.bench.rounds import Ratio, Timing, measure, take_turns


def test_a_timing_is_its_middle_round_and_how_far_the_others_lie_apart():
    timing = Timing((2.0, 1.0, 4.0))
    assert timing.median == 2.0
    assert timing.spread == pytest.approx(1.5)
    assert timing.each(4).seconds == (0.5, 0.25, 1.0)


def test_a_ratio_compares_round_by_round():
    ratio = Ratio.of(Timing((2.0, 8.0, 3.0)), Timing((1.0, 2.0, 3.0)))
    assert ratio.rounds == (2.0, 4.0, 1.0)
    assert ratio.median == 2.0
    assert str(ratio) == "2.00 (1.00 to 4.00, 3 rounds)"


def test_the_first_run_does_not_count():
    runs: list[int] = []
    timing = measure(lambda: runs.append(1), rounds=3)
    assert (len(runs), len(timing.seconds)) == (4, 3)


def test_a_device_is_synchronized_before_each_reading_of_the_clock():
    happened: list[str] = []
    measure(lambda: happened.append("work"), rounds=2, synchronize=lambda: happened.append("synchronize"))
    assert happened == ["work", *["synchronize", "work", "synchronize"] * 2]


def test_what_takes_turns_changes_places_every_round():
    happened: list[str] = []
    timings = take_turns({"a": lambda: happened.append("a"), "b": lambda: happened.append("b")}, rounds=3)
    assert "".join(happened) == "ab" + "ab" + "ba" + "ab"
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"a": 3, "b": 3}
