"""Where faults of carriers are armed, looked at and taken away, and where hosted devices ask what goes wrong."""

from smdp.carrier import faults
from smdp.carrier.faults import Who
from smdp.carrier.service import Service
from smdp.carrier.transactions import Written
from smdp.model import Fault
from smdp.storage.queries import control as queries


class FaultDesk:
    """Faults of all carriers of a server."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def faults(self, carrier: str) -> list[Fault]:
        """List a carrier's faults, those that have fired their times included. Raises CarrierError (404)."""
        return await self._service.read(carrier, faults.shown)

    async def fault(self, carrier: str, identifier: str) -> Fault:
        """Return a fault. Raises CarrierError (404)."""
        return await self._service.read(carrier, faults.find, identifier)

    async def arm(self, carrier: str, fault: Fault) -> Written:
        """Arm a fault of a carrier, which is made if this is the first that is heard of it. Raises CarrierError."""
        return await self._service.ensure(carrier, faults.arm, fault)

    async def disarm(self, carrier: str, identifier: str) -> None:
        """Take a fault away. Raises CarrierError (404)."""
        await self._service.write(carrier, faults.disarm, identifier)

    async def clear(self, carrier: str, eid: str | None = None) -> None:
        """Take away all faults of a carrier, or those that are about an EID. Raises CarrierError (404)."""
        await self._service.write(carrier, faults.clear, eid)

    async def meeting(self, carrier: str, step: str, who: Who) -> list[Fault]:
        """Fire the faults that a device itself has, and return them. A carrier without any costs one look."""
        if not (await self._service.database.find(queries.control, carrier)).faults:
            return []
        return await self._service.write(carrier, faults.fire_told, step, who, layers=("device",))
