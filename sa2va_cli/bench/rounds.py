"""Timing in rounds: the median of several, how far they lie apart, the ratio of two that take turns.

Knows nothing about what is timed.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

NOISY = 0.25
"""Spread above which a timing says more about the machine's other work than about what was timed."""


@dataclass(frozen=True)
class Timing:
    """How long something took, round by round.

    Attributes:
        seconds: of each round, in order; never empty.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds of the middle round."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """How far the slowest and the fastest round lie apart, as a part of the median."""
        return (max(self.seconds) - min(self.seconds)) / self.median

    def each(self, count: int) -> "Timing":
        """The time of one of ``count`` equal things that each round did."""
        return Timing(tuple(seconds / count for seconds in self.seconds))


@dataclass(frozen=True)
class Ratio:
    """How many times as long one thing took as another, round by round.

    Attributes:
        rounds: the ratio of each round, in order; never empty.
    """

    rounds: tuple[float, ...]

    @classmethod
    def of(cls, above: Timing, below: Timing) -> "Ratio":
        """Divides the rounds of one timing by those of another that took turns with it."""
        return cls(tuple(a / b for a, b in zip(above.seconds, below.seconds, strict=True)))

    @property
    def median(self) -> float:
        """The middle ratio."""
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        low, high = min(self.rounds), max(self.rounds)
        return f"{self.median:.2f} ({low:.2f} to {high:.2f}, {len(self.rounds)} rounds)"


def measure(
    work: Callable[[], object], rounds: int, synchronize: Callable[[], object] = lambda: None
) -> Timing:
    """Times something, after one round that does not count.

    Args:
        work: what is timed.
        rounds: how often.
        synchronize: waits until what ``work`` began is done, as a GPU needs; called before the clock is read.
    """
    work()
    return Timing(tuple(_timed(work, synchronize) for _ in range(rounds)))


def take_turns(
    works: Mapping[str, Callable[[], object]],
    rounds: int,
    synchronize: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Times several things in turns, forwards and backwards, so that what slows the machine slows them all.

    Args:
        works: what is timed, by name; each is done once before anything counts.
        rounds: how often each.
        synchronize: as in ``measure``.
        clock: what is read; ``time.process_time`` does not see other programs' work, but adds up threads.
    """
    for work in works.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds):
        for name in list(works) if number % 2 == 0 else reversed(list(works)):
            seconds[name].append(_timed(works[name], synchronize, clock))
    return {name: Timing(tuple(taken)) for name, taken in seconds.items()}


def _timed(
    work: Callable[[], object],
    synchronize: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    synchronize()
    started = clock()
    work()
    synchronize()
    return clock() - started
