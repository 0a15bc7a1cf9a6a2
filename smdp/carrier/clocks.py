"""A carrier's clock: shown, set, advanced, frozen. Whatever falls due on the way happens there and then.

How a clock stands is two numbers beside the carrier's settings, so that restarts and other processes go by it too.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct

from smdp.carrier import journal, profiles
from smdp.carrier.errors import CarrierError
from smdp.carrier.scope import Scope
from smdp.clock import EARLIEST, Clock, VirtualClock
from smdp.model import Clock as ClockView
from smdp.rsp.server.session import Happening
from smdp.storage.connection import micros, micros_or_none, moment, moment_or_none
from smdp.storage.queries import control as queries
from smdp.storage.queries.control import Control
from smdp.storage.queries.profiles import next_due_of

How = Literal["set", "advance", "freeze", "run", "real"]
_MICROSECOND = timedelta(microseconds=1)


class ClockChange(Struct, kw_only=True, forbid_unknown_fields=True):
    """What `PUT …/clock` takes: what the clock says from now on, whether it stands still; `real` undoes both."""

    now: str | None = None
    frozen: bool | None = None
    real: bool = False


def clock_of(control: Control, base: Clock) -> VirtualClock:
    """Return the clock of a carrier, which runs beside `base`."""
    return VirtualClock(
        offset=timedelta(microseconds=control.offset), frozen_at=moment_or_none(control.frozen_at), base=base
    )


def time_of(control: Control, base: Clock) -> datetime:
    """Return what a carrier's clock says."""
    untouched = control.offset == 0 and control.frozen_at is None
    return base.now() if untouched else clock_of(control, base).now()


def seconds_until(due: int, control: Control, base: Clock) -> float | None:
    """Say how long something is still away that is due then, 0 or less if it is due; None if the clock stands still."""
    away = (moment(due) - time_of(control, base)).total_seconds()
    return None if away > 0 and control.frozen_at is not None else away


def show(scope: Scope, base: Clock) -> ClockView:
    """Return how the carrier's clock stands."""
    clock = clock_of(queries.control(scope.connection, scope.name), base)
    return ClockView(
        now=clock.now(),
        wall=clock.wall(),
        frozen=clock.frozen_at is not None,
        offset=(clock.now() - base.now()).total_seconds() if clock.frozen_at else clock.offset.total_seconds(),
    )


def change(scope: Scope, wanted: ClockChange, base: Clock) -> ClockView:
    """Set, freeze or free the clock. Raises CarrierError."""
    if wanted.real and (wanted.now is not None or wanted.frozen is not None):
        because = "real goes by the real time, so it cannot come with now or frozen."
        raise CarrierError("value-invalid", because, 'Send {"real": true} alone.')
    if not wanted.real and wanted.now is None and wanted.frozen is None:
        because = "Nothing is said about the clock."
        raise CarrierError("value-invalid", because, 'Send {"now": "2026-12-01T00:00Z"}, {"frozen": true} or real.')

    def changed(clock: VirtualClock) -> None:
        if wanted.real:
            clock.real()
        if wanted.frozen:  # first, so that it stands at the very moment that is asked for
            clock.freeze()
        if wanted.now is not None:
            clock.set(read_moment(wanted.now))
        if wanted.frozen is False:
            clock.unfreeze()

    how: How = "real" if wanted.real else "set" if wanted.now is not None else "freeze" if wanted.frozen else "run"
    return _move(scope, base, changed, how)


def advance(scope: Scope, by: timedelta, base: Clock) -> ClockView:
    """Let time pass at once. Raises CarrierError behind the year 9999."""

    def advanced(clock: VirtualClock) -> None:
        try:
            clock.advance(by)
        except ValueError as error:
            raise CarrierError("value-invalid", f"by: {error}.", "Advance it less.") from None

    return _move(scope, base, advanced, "advance")


def read_moment(text: str) -> datetime:
    """Read a moment in ISO 8601 with its time zone. Raises CarrierError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        because = f"{text[:60]!r} is no moment with a time zone."
        raise CarrierError("value-invalid", because, "Write it in ISO 8601, with Z or an offset: 2026-12-01T00:00Z.")
    try:
        utc = found.astimezone(UTC)
    except OverflowError:  # its offset takes it out of the calendar
        utc = None
    if utc is None or utc < EARLIEST:
        because = f"{text[:60]!r} is before 1970, or behind the year 9999, in UTC."
        raise CarrierError("value-invalid", because, "Choose a moment from 1970 to 9999.")
    return utc


def _move(scope: Scope, base: Clock, apply: Callable[[VirtualClock], None], how: How) -> ClockView:
    """Move the clock, do what falls due on the way at its own time and in its order, and tell."""
    clock = clock_of(queries.control(scope.connection, scope.name), base)
    before = clock.now()
    apply(clock)
    after = clock.now()
    while (due := next_due_of(scope.connection, scope.name)) is not None and due <= micros(after):
        if not profiles.do_due(scope.at(max(moment(due), min(before, after)))):
            raise RuntimeError(f"what is due for {scope.name} at {moment(due)} cannot be done")
    queries.set_clock(scope.connection, scope.name, clock.offset // _MICROSECOND, micros_or_none(clock.frozen_at))
    data = {"how": how, "from": before, "to": after, "frozen": clock.frozen_at is not None}
    journal.append(scope.at(after), [Happening(type="clock.moved", data=data)])
    scope.wake()
    return show(scope, base)
