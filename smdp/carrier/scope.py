"""One carrier inside one transaction: what every use case is given."""

from datetime import datetime

from msgspec import Struct

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

    `address` is `host` or `host:port`, as activation codes and metadata carry it; `journal` bytes of events are kept.
    """

    connection: Connection
    carrier: Carrier
    address: str
    times: Times
    journal: int

    @property
    def name(self) -> str:
        """The carrier's name, by which every row is found."""
        return self.carrier.name

    @property
    def now(self) -> datetime:
        """The carrier's time."""
        return self.times.now

    def wake(self) -> None:
        """Have the timer look again once this is committed."""
        self.connection.notes.append(DUE)
