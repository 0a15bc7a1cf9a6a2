"""What hosted devices need of this server to be managed: keys, a timeline to be on, plans that they are offered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from msgspec import structs

from smdp.carrier import journal
from smdp.carrier.errors import CONFLICT, CarrierError
from smdp.carrier.helpdesk import Helpdesk
from smdp.carrier.scope import Scope
from smdp.carrier.service import Service
from smdp.device import Device, Surroundings
from smdp.device.mdm.enroll import World
from smdp.device.mdm.keys import RsaKeys
from smdp.device.resolve import Resolve
from smdp.device.trouble import Trouble
from smdp.model import Outcome
from smdp.rsp.crypto import Entropy
from smdp.rsp.server.session import Happening
from smdp.storage import StorageError
from smdp.storage.queries import network as queries

_KEYS_AHEAD = 16
_log = logging.getLogger("smdp.http")


class Hosting:
    """Surrounds the devices of this server: `wake` brings one to life, `explained` asks the carrier why it refused.

    `later` runs what nobody waits for.
    """

    def __init__(
        self,
        service: Service,
        resolve: Resolve,
        wake: Callable[[str], AbstractAsyncContextManager[Device]],
        explained: Callable[[Outcome, str], Awaitable[Outcome]],
        later: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._service, self._resolve = service, resolve
        self._wake, self._explained, self._later = wake, explained, later
        self._helpdesk = Helpdesk(service)
        self._keys = RsaKeys(ahead=_KEYS_AHEAD)

    async def close(self) -> None:
        """Make no more keys."""
        await self._keys.close()

    def around(
        self, eid: str, carrier: str, *, entropy: Entropy, now: Callable[[], datetime], trouble: Trouble
    ) -> Surroundings:
        """Surround a device that is at home in a carrier."""

        async def tell(kind: str, data: dict[str, Any]) -> None:
            await self._tell(carrier, kind, {"eid": eid, **data})

        async def home() -> str:
            return (await self._service.carrier(carrier)).esim_server_url

        async def transfer(iccid: str, to: str) -> Outcome:
            return await self._transfer(eid, iccid, to)

        return Surroundings(
            world=World(self._keys, asyncio.sleep, entropy, self._resolve),
            tell=tell,
            background=lambda work: self._later(self._kept_awake(eid, work)),
            explained=self._explained,
            home=home,
            transfer=transfer,
            now=now,
            trouble=trouble,
        )

    async def _tell(self, carrier: str, kind: str, data: dict[str, Any]) -> None:
        """Put an event on the timeline of the device's home; a carrier that is gone has none."""

        def told(scope: Scope) -> None:
            journal.append(scope, [Happening(type=kind, data=data)])

        try:
            await self._service.write(carrier, told)
        except CarrierError as error:
            _log.info("%s of a device was not told: %s", kind, error)

    async def _kept_awake(self, eid: str, work: Coroutine[Any, Any, None]) -> None:
        """Go on with what a device does, though whoever had it do it is gone."""
        try:
            async with self._wake(eid):
                await work
        except (CarrierError, StorageError) as error:
            _log.info("what a device did in the background ended: %s", error)
        finally:
            work.close()

    async def _transfer(self, eid: str, iccid: str, to: str) -> Outcome:
        """Move a line: the carrier issues another profile for the other device, which downloads it at once."""
        if to == eid:
            raise CarrierError("value-invalid", "A line can't move to the device it is on.", "Name another device.")
        carrier = await self._service.database.read(queries.gave, iccid, eid)
        if carrier is None:
            because = f"No carrier of this server gave the profile {iccid} to this device, so none can move its line."
            raise CarrierError("profile-unknown", because, "Transfer an eSIM that was downloaded here.", CONFLICT)
        async with self._wake(to) as other:
            if unable := other.unable:
                return unable
            moved = await self._helpdesk.reissue(carrier, iccid, to)
            outcome = await self._explained(await other.refresh(moved.esim_server_url), moved.esim_server_url)
        if outcome.ok:
            return outcome
        because = f"The carrier moved the line, and the other device could not download it: {outcome.because}"
        return structs.replace(outcome, because=because, fix=f"{outcome.fix} It waits for {to} as {moved.iccid}.")
