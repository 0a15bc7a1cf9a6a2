"""Transactions on carriers: what each is given, and how a carrier is found or made for it."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from msgspec import Struct

from smdp.carrier import carriers, clocks, journal
from smdp.carrier.addresses import DEFAULT, Addresses
from smdp.carrier.errors import CONFLICT, CarrierError
from smdp.carrier.scope import Scope, Times
from smdp.clock import Clock as BaseClock
from smdp.entropy import SystemEntropy
from smdp.model import Carrier
from smdp.rsp.crypto import Entropy, Stream
from smdp.rsp.server.session import Happening
from smdp.storage import Connection, Database, Row
from smdp.storage.queries import carriers as carrier_queries
from smdp.storage.queries import control as control_queries
from smdp.storage.queries import sessions as session_queries
from smdp.storage.queries.control import Control

P = ParamSpec("P")
T = TypeVar("T")

_SYSTEM = SystemEntropy()


class Written(Struct):
    """What a write made, and whether it made its carrier on the way."""

    value: Any
    carrier_created: bool


class Transactions:
    """The carriers of a database: `journal` bytes of events are kept for each; with a `seed`, random things repeat."""

    def __init__(
        self,
        database: Database,
        clock: BaseClock,
        *,
        addresses: Addresses | None = None,
        seed: str | None = None,
        journal: int = 64 * 1024**2,
    ) -> None:
        self.database = database
        self.clock = clock
        self.addresses = addresses or Addresses()
        self._journal_bytes = journal
        self._seed = None if seed is None else hmac.digest(b"smdp seed", seed.encode(), "sha256")  # HKDF-Extract

    def scope(
        self,
        connection: Connection,
        carrier: Carrier,
        address: str | None = None,
        control: Control | None = None,
    ) -> Scope:
        """Put a carrier into a transaction; `address` is the name that a client used, else the carrier's own.

        `control` is what is known of its clock and faults already.
        """
        if control is None:
            control = control_queries.control(connection, carrier.name)
        times = Times(self.now(control), self.clock.wall())
        return Scope(
            connection, carrier, address or self.addresses.of(carrier), times, self._journal_bytes, control.faults
        )

    def now(self, control: Control) -> datetime:
        """Return what the carrier's clock says that stands so."""
        return clocks.time_of(control, self.clock)

    def entropy(self, connection: Connection, carrier: str) -> Entropy:
        """Return where randomness comes from: with a seed, a stream for each call, counted in the database."""
        if self._seed is None:
            return _SYSTEM
        number = carrier_queries.next_entropy(connection, carrier)
        info = carrier.encode() + b"\0" + number.to_bytes(8, "big")
        return Stream(hmac.digest(self._seed, info + b"\1", hashlib.sha256))  # HKDF-Expand, one block

    def stream(self, *about: str | int) -> Entropy:
        """Return where randomness comes from that belongs to something numbered: with a seed, to just that."""
        if self._seed is None:
            return _SYSTEM
        info = b"\0".join(str(part).encode() for part in about)
        return Stream(hmac.digest(self._seed, info + b"\0\1", hashlib.sha256))

    async def find(self, host: str, transaction_id: str = "", step: str = "") -> Row | None:
        """Find what a device's call to a host (lower case, no port) is about, as `queries.sessions.call` says it.

        None if the host names a carrier that isn't.
        """
        return await self.database.find(session_queries.call, host, self._label(host), transaction_id, step)

    def look_up(self, host: str) -> Row | None:
        """Do what `find` does for whoever can't await: the TLS handshake."""
        return self.database.look(session_queries.call, host, self._label(host), "", "")

    def _label(self, host: str) -> str:
        label = self.addresses.label(host)
        return DEFAULT if label is None else label

    async def read(self, name: str, fn: Callable[Concatenate[Scope, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query on a carrier. Raises CarrierError (404) for an unknown one."""
        return await self.database.read(self._scoped, name, lambda scope: fn(scope, *args, **kwargs))

    async def write(self, name: str, fn: Callable[Concatenate[Scope, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Change something of a carrier. Raises CarrierError (404) for an unknown one."""
        return await self.database.write(self._scoped, name, lambda scope: fn(scope, *args, **kwargs))

    async def ensure(
        self, name: str, fn: Callable[Concatenate[Scope, P], Any], *args: P.args, **kwargs: P.kwargs
    ) -> Written:
        """Change something of a carrier, which is made if nobody named it before. Raises CarrierError."""
        return await self.database.write(self._ensured, name, lambda scope: fn(scope, *args, **kwargs))

    def _scoped(self, connection: Connection, name: str, fn: Callable[[Scope], T]) -> T:
        return fn(self.scope(connection, carriers.find(connection, name)))

    def _ensured(self, connection: Connection, name: str, fn: Callable[[Scope], Any]) -> Written:
        carrier = carrier_queries.carrier(connection, name)
        created = carrier is None
        if carrier is None:
            carrier = self.created(connection, Carrier(name=name))
        return Written(fn(self.scope(connection, carrier)), created)

    def created(self, connection: Connection, carrier: Carrier) -> Carrier:
        """Make a carrier in a transaction. Raises CarrierError if there is one of its name."""
        times = Times(self.clock.now(), self.clock.wall())
        if not carriers.create(connection, carrier, times):
            because = f"There is a carrier {carrier.name} already."
            raise CarrierError("carrier-exists", because, "Change it with PATCH, or choose another name.", CONFLICT)
        journal.append(self.scope(connection, carrier), [Happening(type="carrier.created")])
        return carrier
