import gc

import pytest
from clips import make_image

from sa2va_cli.commands.startup import collector_paused
from sa2va_cli.errors import UsageError


@pytest.fixture(autouse=True)
def collector():
    """Leaves the collector to other tests as it was."""
    assert gc.isenabled()
    yield
    gc.enable()
    gc.unfreeze()


def test_nothing_is_collected_until_the_imports_are_over():
    with collector_paused() as go_on:
        assert not gc.isenabled()
        go_on()
        assert gc.isenabled()


def test_what_was_imported_is_not_looked_at_again():
    gc.unfreeze()
    with collector_paused():
        kept = [[] for _ in range(100)]
    assert gc.get_freeze_count() >= len(kept)


def test_what_comes_after_the_imports_is_collected_as_ever():
    class Knot:
        alive = 0

        def __init__(self):
            self.itself = self
            Knot.alive += 1

        def __del__(self):
            Knot.alive -= 1

    with collector_paused() as go_on:
        go_on()
        Knot()
    gc.collect()
    assert Knot.alive == 0


def test_an_error_does_not_leave_the_collector_off():
    with pytest.raises(UsageError), collector_paused():
        raise UsageError("no")
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    with collector_paused() as go_on:
        go_on()
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_the_collector_is_back_when_the_model_is_loaded(sa2va, folder):
    seen = []

    def load(name, placement):
        seen.append(gc.isenabled())
        raise UsageError("far enough")

    outcome = sa2va("segment", make_image(folder / "dog.png"), "dog", "--save", "mask", load=load)
    assert (outcome.code, seen) == (2, [True])
    assert gc.isenabled()
