"""A service with one carrier, `acme`, on a clock that the test moves."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from smdp.carrier import journal, orders
from smdp.carrier.issue import read_order
from smdp.carrier.scope import Scope
from smdp.carrier.service import Service
from smdp.clock import VirtualClock
from smdp.model import Profile
from smdp.rsp.server.session import Change
from smdp.rsp.states import Trigger
from smdp.storage import Database

START = datetime(2026, 12, 1, tzinfo=UTC)


class Bench:
    """The service, and the few lines that tests would repeat."""

    def __init__(self, service: Service, clock: VirtualClock) -> None:
        self.service, self.clock = service, clock

    async def issue(self, *, carrier: str = "acme", **order: Any) -> Profile:
        written = await self.service.issue(carrier, [read_order(order)])
        return written.value[0]

    async def run(self, fn: Callable[..., Any], *args: Any, carrier: str = "acme", **more: Any) -> Any:
        """Run a function of a scope in a transaction of a carrier."""
        found = await self.service.carrier(carrier)
        return await self.service.database.write(
            lambda connection: fn(self.service.scope(connection, found), *args, **more)
        )

    async def claim(self, iccid: str, eid: str, by: str = "AB" * 16, carrier: str = "acme") -> bool:
        def claim(scope: Scope) -> bool:
            order = orders.by_iccid(scope, iccid)
            assert order is not None
            claimed = orders.claim(scope, order, eid=eid, by=by)
            if claimed is not None:
                journal.append(scope, claimed[1], session=by)
            return claimed is not None

        return await self.run(claim, carrier=carrier)

    async def trigger(self, iccid: str, trigger: Trigger, *, by: str | None = None, **values: Any) -> list[str] | None:
        """Apply a change and return the types of what happened, None where it was not allowed."""

        def apply(scope: Scope) -> list[str] | None:
            happenings = orders.apply(scope, Change(iccid=iccid, trigger=trigger, values=values), by=by)
            journal.append(scope, happenings or ())
            return None if happenings is None else [one.type for one in happenings]

        return await self.run(apply)

    async def types(self, **filters: Any) -> list[str]:
        """Return the types of all events of acme, in order."""
        wanted = journal.Wanted("acme", 0, **filters)
        return [event.type for event in await self.service.events(wanted, 1000)]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(frozen_at=START)


@pytest.fixture
async def bench(clock) -> AsyncIterator[Bench]:
    database = await Database.open()
    service = Service(database, clock)
    await service.start()
    yield Bench(service, clock)
    await service.close()
    await database.close()
