"""What time it is: for the server `wall`, for a carrier `now`, which a test may set, advance and freeze."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
"""Where a clock that runs stops: there is no year 10000."""


class Clock(Protocol):
    """A source of aware datetimes in UTC."""

    def now(self) -> datetime:
        """Return the carrier's time: orders, sessions, activation and certificates go by it."""

    def wall(self) -> datetime:
        """Return the real time: TLS and time-outs go by it."""


class SystemClock:
    """The operating system's clock."""

    __slots__ = ()

    def now(self) -> datetime:
        """Return the real time."""
        return datetime.now(UTC)

    def wall(self) -> datetime:
        """Return the real time."""
        return datetime.now(UTC)


class VirtualClock:
    """A clock that runs beside the real one: shifted by `offset`, or standing still at `frozen_at`.

    These two are its whole state, so that a carrier's clock can be stored and brought back.
    """

    __slots__ = ("_base", "frozen_at", "offset")

    def __init__(
        self, *, offset: timedelta = timedelta(), frozen_at: datetime | None = None, base: Clock | None = None
    ) -> None:
        self._base = base or SystemClock()
        self.offset = offset
        self.frozen_at = frozen_at and _utc(frozen_at)

    def wall(self) -> datetime:
        """Return the real time."""
        return self._base.wall()

    def now(self) -> datetime:
        """Return this clock's time."""
        return self.frozen_at or later(self._base.now(), self.offset)

    def set(self, moment: datetime) -> None:
        """Make it this moment (aware) now. A frozen clock stays frozen there."""
        moment = _utc(moment)
        if self.frozen_at is None:
            self.offset = moment - self._base.now()
        else:
            self.frozen_at = moment

    def advance(self, by: timedelta) -> None:
        """Let this much time pass at once. Raises ValueError if it would run backwards; `set` may do that."""
        if by < timedelta():
            raise ValueError("a clock is advanced forwards; set it to go back")
        if self.now() > LATEST - by:
            raise ValueError("a clock ends with the year 9999")
        if self.frozen_at is None:
            self.offset += by  # and not to a moment: the clock beneath goes on meanwhile
        else:
            self.frozen_at += by

    def freeze(self) -> None:
        """Stop at this moment, until `real` or `unfreeze`."""
        self.frozen_at = self.now()

    def unfreeze(self) -> None:
        """Run on from where it stands."""
        if self.frozen_at is not None:
            self.offset = self.frozen_at - self._base.now()
            self.frozen_at = None

    def real(self) -> None:
        """Go by the real time again."""
        self.offset = timedelta()
        self.frozen_at = None


def later(moment: datetime, by: timedelta) -> datetime:
    """Add to a moment, within what a clock can show."""
    try:
        return moment + by
    except OverflowError:
        return LATEST if by > timedelta() else EARLIEST


def _utc(moment: datetime) -> datetime:
    """Bring an aware moment into UTC. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; write it with Z or an offset")
    return moment.astimezone(UTC)
