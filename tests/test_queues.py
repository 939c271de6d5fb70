import threading

import pytest

from sa2va_cli.queues import read_ahead, write_behind


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("sa2va-")}


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert threads() == set()


def failing(count, error):
    yield from range(count)
    raise error


def test_items_arrive_in_order():
    with read_ahead(range(100), room=3) as items:
        assert list(items) == list(range(100))


def test_reading_is_bounded():
    asked = []

    def source():
        for number in range(1000):
            asked.append(number)
            yield number

    with read_ahead(source(), room=3) as items:
        assert next(items) == 0
    assert len(asked) <= 6


def test_an_error_of_the_source_comes_after_its_items():
    taken = []
    with pytest.raises(KeyError), read_ahead(failing(5, KeyError("broken"))) as items:
        taken.extend(items)
    assert taken == list(range(5))


def test_leaving_early_closes_the_source():
    closed = threading.Event()

    def source():
        try:
            yield from range(1000)
        finally:
            closed.set()

    with read_ahead(source(), room=2) as items:
        next(items)
    assert closed.is_set()


def test_leaving_the_block_waits_for_the_last_item():
    written = []
    with write_behind(written.append, room=2) as hand_over:
        for number in range(50):
            hand_over(number)
    assert written == list(range(50))


def test_an_error_of_the_writer_stops_the_caller():
    def write(number):
        if number == 3:
            raise OSError("no space")

    handed = []

    def run():
        with write_behind(write, room=2) as hand_over:
            for number in range(1000):
                hand_over(number)
                handed.append(number)

    with pytest.raises(OSError, match="no space"):
        run()
    assert len(handed) < 10


def test_an_error_on_the_last_item_is_not_lost():
    def write(_):
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"), write_behind(write) as hand_over:
        hand_over(1)


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
def test_an_error_of_the_caller_drops_what_waits_and_wins(error):
    started, go_on, written = threading.Event(), threading.Event(), []

    def write(number):
        started.set()
        go_on.wait()
        written.append(number)

    def fail_once_writing():
        with write_behind(write, room=5) as hand_over:
            for number in range(5):
                hand_over(number)
            started.wait()
            threading.Timer(0.01, go_on.set).start()
            raise error

    with pytest.raises(error):
        fail_once_writing()
    assert written == [0]


def test_the_first_error_wins_when_both_sides_fail():
    def write(number):
        raise OSError(f"writer failed at {number}")

    def run():
        with write_behind(write, room=1) as hand_over, read_ahead(failing(5, KeyError("source"))) as items:
            for item in items:
                hand_over(item)

    with pytest.raises(OSError, match="writer failed at 0"):
        run()
