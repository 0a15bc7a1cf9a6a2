from datetime import UTC, datetime, timedelta

import pytest

from smdp.clock import EARLIEST, LATEST, SystemClock, VirtualClock, later


class Hands:
    """A real clock that stands where it is put."""

    def __init__(self):
        self.time = datetime(2026, 11, 22, tzinfo=UTC)

    def now(self):
        return self.time

    wall = now


def test_a_virtual_clock_is_set_advanced_frozen_and_real():
    hands = Hands()
    clock = VirtualClock(base=hands)
    assert clock.now() == hands.time
    clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    hands.time += timedelta(hours=1)
    assert clock.now() == datetime(2026, 12, 1, 1, tzinfo=UTC)
    clock.freeze()
    hands.time += timedelta(hours=1)
    assert clock.now() == datetime(2026, 12, 1, 1, tzinfo=UTC)
    clock.advance(timedelta(hours=48))
    assert clock.now() == datetime(2026, 12, 3, 1, tzinfo=UTC)
    clock.unfreeze()
    hands.time += timedelta(hours=1)
    assert clock.now() == datetime(2026, 12, 3, 2, tzinfo=UTC)
    clock.real()
    assert clock.now() == clock.wall() == hands.time


def test_what_passes_while_a_clock_is_advanced_is_not_lost():
    class Running(Hands):
        def now(self):
            self.time += timedelta(seconds=1)
            return self.time

    clock = VirtualClock(base=Running())
    clock.advance(timedelta(minutes=3))
    assert clock.offset == timedelta(minutes=3)


def test_a_virtual_clock_refuses_what_no_clock_does():
    clock = VirtualClock()
    with pytest.raises(ValueError, match="forwards"):
        clock.advance(timedelta(seconds=-1))
    with pytest.raises(ValueError, match="year 9999"):
        clock.advance(timedelta(days=3_000_000))
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


def test_the_system_clock_tells_utc():
    assert SystemClock().now().tzinfo is UTC
    assert SystemClock().wall() - SystemClock().now() < timedelta(seconds=5)


def test_a_clock_that_runs_stops_at_the_end_of_the_year_9999():
    clock = VirtualClock()
    clock.set(LATEST - timedelta(microseconds=1))
    while clock.now() < LATEST:
        continue
    assert clock.now() == LATEST
    assert later(EARLIEST, timedelta(days=-800_000)) == EARLIEST
