"""Where faults of carriers are armed, looked at and taken away, and where hosted devices ask what goes wrong."""

from collections.abc import Callable
from typing import TypeVar

from smdp.carrier import carriers, faults
from smdp.carrier.faults import Who
from smdp.carrier.scope import Scope
from smdp.carrier.service import Service, Written
from smdp.model import Fault
from smdp.storage import Connection
from smdp.storage.queries import control as queries

T = TypeVar("T")


class FaultDesk:
    """Faults of all carriers of a server."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def faults(self, carrier: str) -> list[Fault]:
        """List a carrier's faults, those that have fired their times included. Raises CarrierError (404)."""
        return await self._service.database.read(self._scoped, carrier, faults.shown)

    async def fault(self, carrier: str, identifier: str) -> Fault:
        """Return a fault. Raises CarrierError (404)."""
        return await self._service.database.read(self._scoped, carrier, lambda scope: faults.find(scope, identifier))

    async def arm(self, carrier: str, fault: Fault) -> Written:
        """Arm a fault of a carrier, which is made if this is the first that is heard of it. Raises CarrierError."""
        written = await self._service.change_carrier(carrier, {})
        armed = await self._service.database.write(self._scoped, carrier, lambda scope: faults.arm(scope, fault))
        return Written(armed, written.carrier_created)

    async def disarm(self, carrier: str, identifier: str) -> None:
        """Take a fault away. Raises CarrierError (404)."""
        await self._service.database.write(self._scoped, carrier, lambda scope: faults.disarm(scope, identifier))

    async def clear(self, carrier: str, eid: str | None = None) -> None:
        """Take away all faults of a carrier, or those that are about an EID. Raises CarrierError (404)."""
        await self._service.database.write(self._scoped, carrier, lambda scope: faults.clear(scope, eid))

    async def meeting(self, carrier: str, step: str, who: Who) -> list[Fault]:
        """Fire the faults that a device itself has, and return them. A carrier without any costs one look."""
        database = self._service.database
        if not database.look(queries.control, carrier).faults:
            return []
        return await database.write(
            self._scoped, carrier, lambda scope: faults.fire_told(scope, step, who, layers=("device",))
        )

    def _scoped(self, connection: Connection, name: str, fn: Callable[[Scope], T]) -> T:
        return fn(self._service.scope(connection, carriers.find(connection, name)))
