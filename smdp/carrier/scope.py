"""One carrier inside one transaction: what every use case is given."""

from datetime import datetime, timedelta

from msgspec import Struct, structs

from smdp.clock import later
from smdp.model import Carrier
from smdp.storage import Connection

DUE = object()
"""A note of a transaction: something is due at some time now, so the timer has to look again."""


class Times(Struct, frozen=True):
    """The carrier's time and the real one."""

    now: datetime
    wall: datetime


class Scope(Struct, frozen=True):
    """One carrier inside one transaction.

    `address` is `host` or `host:port`, as activation codes and metadata carry it; `journal` bytes of events are kept;
    `faults` is how many faults are armed.
    """

    connection: Connection
    carrier: Carrier
    address: str
    times: Times
    journal: int
    faults: int = 0

    @property
    def name(self) -> str:
        """The carrier's name, by which every row is found."""
        return self.carrier.name

    @property
    def now(self) -> datetime:
        """The carrier's time."""
        return self.times.now

    def at(self, moment: datetime) -> "Scope":
        """Return the same at another time of the carrier's clock."""
        return structs.replace(self, times=structs.replace(self.times, now=moment))

    def later(self, by: timedelta) -> datetime:
        """Return the carrier's time then, the end of all clocks at the latest."""
        return later(self.now, by)

    def wake(self) -> None:
        """Have the timer look again once this is committed."""
        self.connection.notes.append(DUE)
