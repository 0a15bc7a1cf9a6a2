"""The devices that this server hosts: brought to life for as long as they do something, kept in its database.

A hosted device reaches carriers over real sockets and TLS, its own server included; only names are resolved for it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from smdp.carrier.alike import closest
from smdp.carrier.errors import CONFLICT, UNKNOWN, CarrierError, reject_unknown
from smdp.carrier.fault_desk import FaultDesk
from smdp.carrier.faults import Who
from smdp.carrier.service import Service
from smdp.device import Device, Es9Client, Managed
from smdp.http.air import Cell, Coverage
from smdp.http.bringing import CHANGEABLE, OPTIONS, Bringer, check, check_os, check_room
from smdp.http.surroundings import Hosting
from smdp.model import Device as Description
from smdp.model import Event, Fault, Outcome
from smdp.pki import tls
from smdp.pki.model import Pki
from smdp.rsp.crypto import Entropy
from smdp.rsp.ids import host_of, is_eid
from smdp.settings import Settings
from smdp.storage import Connection, StorageError
from smdp.storage.queries import devices as queries
from smdp.storage.queries.carriers import read_carrier
from smdp.storage.queries.profiles import profile

_log = logging.getLogger("smdp.http")
_HTTPS = 443
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound
_REPLACED = "device-replaced"
_REPLACING = ("carrier.deleted", "carrier.reset", "carrier.restored")
_FIRST_RETRY, _LAST_RETRY = 1.0, 60.0
"""Seconds until a notification whose server was away is sent again: doubled each time, up to the last."""
_PAGE = 500
_LOOKED_AT = 10_000
"""How many EIDs are looked through for the one that was meant."""


class Hosted:
    """Hosts devices; `port` is where this server listens for them."""

    def __init__(self, service: Service, pki: Pki, settings: Settings) -> None:
        self._service, self._pki, self._settings = service, pki, settings
        self._database = service.database
        self._desk = FaultDesk(service)
        self._client = Es9Client(tls.client_context(pki.anchors), resolve=self._resolve)
        self.bringer = Bringer(pki, self._client, service.clock_of)
        self._awake: dict[str, _Awake] = {}
        self._retries: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.coverage = Coverage(service, self.awake, self._save_unchanged)
        self._around = Hosting(service, self._resolve_mdm, self.awake, self.explained, self.later)
        self.port = settings.port
        service.database.listen(self.committed)
        service.database.listen(self.coverage.committed)

    async def start(self) -> None:
        """Send the notifications that devices kept while no server ran."""
        await self._retry_of(None)

    async def close(self) -> None:
        """Stop retrying and close the connections; what waits stays on the devices."""
        await self.coverage.close()
        tasks = {*self._retries.values(), *self._tasks}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._around.close()
        await self._client.close()

    async def reconnect(self) -> None:
        """Have devices open new connections, and shake hands anew."""
        await self._client.reconnect()

    @property
    def busy(self) -> bool:
        """Whether a device is doing something right now."""
        return bool(self._awake)

    # --- where names lead

    def _resolve(self, host: str, port: int) -> tuple[str, int] | None:
        """Lead `*.<domain>` and `localhost` to the server that has them, by default this one; the system the rest."""
        domain = self._settings.domain
        if host not in (domain, "localhost") and not host.endswith(f".{domain}"):
            return None
        if self._settings.resolve is not None:
            place, _, at = self._settings.resolve.rpartition(":")
            return place.strip("[]"), int(at)
        place = self._settings.host[0]
        return _ANY_ADDRESS.get(place, place), self.port if port == _HTTPS else port

    def _resolve_mdm(self, host: str, port: int) -> tuple[str, int] | None:
        """Lead carriers' names where `_resolve` does; localhost is this machine, where an MDM may be."""
        return None if host == "localhost" else self._resolve(host, port)

    # --- making, showing, changing

    async def create(self, options: dict[str, Any]) -> Description:
        """Make a device. Raises CarrierError for options that no device has."""
        reject_unknown(options, OPTIONS, "device")
        given = {name: value for name, value in options.items() if value is not None}
        check(given, OPTIONS)
        carrier = given.setdefault("carrier", "default")
        await self._service.change_carrier(carrier, {})
        device = self.bringer.make(given, await self._entropy(carrier))
        check_room(await self._database.read(queries.count) + 1)
        if not await self._database.write(queries.insert, device.describe(), device.dump(), waiting=False):
            because = f"There is a device with the EID {device.eid} already."
            raise CarrierError("device-exists", because, "Delete it first, or choose another EID.", CONFLICT)
        return device.describe()

    async def list(self, carrier: str | None, after: int, limit: int) -> tuple[list[Description], int | None]:
        """List devices in the order they were made. Raises CarrierError (404) for an unknown carrier."""
        if carrier is not None:
            await self._service.carrier(carrier)
        found = await self._database.read(queries.devices, carrier, after, limit + 1)
        return [one.device for one in found[:limit]], found[limit - 1].number if len(found) > limit else None

    async def show(self, eid: str) -> Description:
        """Show a device. Raises CarrierError (404)."""
        awake = self._awake.get(eid)
        return awake.device.describe() if awake else (await self._stored(eid)).device

    async def has(self, eid: str) -> bool:
        """Say whether this server hosts a device."""
        return await self._database.read(queries.device, eid) is not None

    async def change(self, eid: str, options: dict[str, Any]) -> Description:
        """Rename a device, give it another OS, take it offline. Raises CarrierError."""
        check(options, {name: OPTIONS[name] for name in CHANGEABLE})
        async with self.awake(eid) as device:
            check_os(options)
            for name, value in options.items():
                setattr(device.state, name, value)
            await device.save(device)
            if "online" in options:
                await device.attach(lambda line: line.admitted is not None)
                if device.state.online and device.unfinished:
                    self._retry_later(eid)
            return device.describe()

    async def delete(self, eid: str) -> None:
        """Throw a device away, with what it kept. Raises CarrierError (404)."""
        if task := self._retries.pop(eid, None):
            task.cancel()
        if not await self._database.write(queries.delete, eid):
            raise await self._unknown(eid)

    # --- doing

    @contextlib.asynccontextmanager
    async def awake(self, eid: str) -> AsyncIterator[Device]:
        """Bring a device to life: one object for all who use it at the same time. Raises CarrierError (404)."""
        async with self._used(eid) as awake:
            yield awake.device

    @contextlib.asynccontextmanager
    async def managed(self, eid: str) -> AsyncIterator[Managed]:
        """Bring a device to life for its MDM, its holder, or who erases it. Raises CarrierError (404)."""
        async with self._used(eid) as awake:
            yield awake.managed

    @contextlib.asynccontextmanager
    async def _used(self, eid: str) -> "AsyncIterator[_Awake]":
        if eid not in self._awake:
            stored = await self._stored(eid)
            entropy = await self._entropy(stored.device.carrier)
            if eid not in self._awake:
                self._awake[eid] = self._woken(stored, entropy)
        awake = self._awake[eid]
        awake.users += 1
        try:
            yield awake
        finally:
            awake.users -= 1
            if self._awake.get(eid) is awake:
                if not awake.users:
                    del self._awake[eid]
                if awake.device.euicc.notifications:
                    self._retry_later(eid)

    def _woken(self, stored: queries.StoredDevice, entropy: Entropy) -> "_Awake":
        eid, carrier = stored.device.eid, stored.device.carrier
        clock = self._service.clock_of(carrier)

        async def save(device: Device) -> None:
            await self._save(device, stored.number)

        async def trouble(step: str, iccid: str | None, session: str | None) -> Sequence[Fault]:
            return await self._desk.meeting(carrier, step, Who(eid, iccid, session))

        device = Device.load(
            stored.state,
            client=self._client,
            clock=clock,
            entropy=entropy,
            save=save,
            trouble=trouble,
            network=Cell(self._service, eid),
        )
        around = self._around.around(eid, carrier, entropy=entropy, now=clock.now, trouble=trouble)
        return _Awake(stored.number, device, Managed(device, around), stored.state)

    async def _save(self, device: Device, number: int) -> None:
        """Store what a device remembers, unless it was deleted, reset or restored while it was awake."""
        state, waiting = device.dump(), device.unfinished
        if (awake := self._awake.get(device.eid)) is not None and awake.device is device:
            awake.state = state  # writes are done in the order of their calls
        if not await self._database.write(queries.update, device.describe(), state, number=number, waiting=waiting):
            because = f"The device {device.eid} was deleted, reset or restored while it worked; what it did is lost."
            raise CarrierError(_REPLACED, because, "Do it again, if the device is still there.", CONFLICT)

    async def _save_unchanged(self, device: Device) -> None:
        """Store what a device remembers, unless the same device did something in another process meanwhile."""
        awake = self._awake.get(device.eid)
        if awake is not None and awake.device is device:
            state, waiting = device.dump(), device.unfinished
            before, awake.state = awake.state, state
            await self._database.write(
                queries.update, device.describe(), state, number=awake.number, waiting=waiting, before=before
            )

    async def _stored(self, eid: str) -> queries.StoredDevice:
        stored = await self._database.read(queries.device, eid)
        if stored is None:
            raise await self._unknown(eid)
        return stored

    async def _unknown(self, eid: str) -> CarrierError:
        if not is_eid(eid):
            because = f"{eid[:40]!r} is no EID: an EID has 32 decimal digits."
            return CarrierError("eid-invalid", because, "Give all of it: smdp device list shows what there is.")
        near = closest(eid, await self._database.read(queries.eids, _LOOKED_AT))
        hint = f"Did you mean {near}?" if near else f"smdp device list, or smdp device new --eid {eid}"
        return CarrierError("device-unknown", f"This server hosts no device with the EID {eid}.", hint, UNKNOWN)

    # --- all devices of a carrier

    def committed(self, notes: Sequence[object]) -> None:
        """Let go of the devices of carriers that were deleted, reset or restored: what is stored is what counts."""
        for note in notes:
            if isinstance(note, Event) and note.type in _REPLACING:
                self._let_go(note.carrier)
                if note.type == "carrier.restored":
                    self.later(self._retry_of(note.carrier))

    def _let_go(self, carrier: str) -> None:
        for eid, awake in tuple(self._awake.items()):
            if awake.device.state.carrier == carrier:
                del self._awake[eid]

    async def _entropy(self, carrier: str) -> Entropy:
        def take(connection: Connection) -> Entropy:
            return self._service.entropy(connection, carrier)

        return await self._database.write(take)

    async def explained(self, outcome: Outcome, address: str) -> Outcome:
        """Put the carrier's own advice into what a device was refused here; elsewhere the device's has to do."""
        if outcome.refused is None or outcome.session is None:
            return outcome
        found = await self._service.find(host_of(address))
        if found is None:
            return outcome
        try:
            session = await self._service.session(read_carrier(found["settings"]).name, outcome.session)
        except CarrierError:
            return outcome
        if session.refusal is None or session.refusal.code != outcome.refused:
            return outcome
        return structs.replace(outcome, because=session.refusal.because, fix=session.refusal.fix)

    async def notify(self, eid: str, text: str) -> bool:
        """Show the user of a device something, if this server hosts it and it is online; says whether it does."""
        if not await self.has(eid):
            return False
        async with self.awake(eid) as device:
            if not device.state.online:
                return False
            device.notice(text)
            await device.save(device)
        return True

    # --- notifications that wait

    async def _retry_of(self, carrier: str | None) -> None:
        """Send later what waits on the devices of a carrier, or of all; have those attach that can."""
        after = 0
        while page := await self._database.read(queries.devices, carrier, after, _PAGE):
            for stored in page:
                after = stored.number
                if stored.waiting:
                    self._retry_later(stored.device.eid)
                await self._attend(stored.device)

    async def _attend(self, device: Description) -> None:
        """Have a device attach that has no network though its line is active: its server stopped before it tried."""
        for esim in device.esims:
            if esim.state == "enabled" and not esim.network:
                row = await self._database.find(profile, device.carrier, esim.iccid)
                if row is not None and row["activation_state"] == "active":
                    self.coverage.attend(device.eid, esim.iccid, "activation.active")

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for, at most until the server stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _retry_later(self, eid: str) -> None:
        if eid not in self._retries:
            task = asyncio.create_task(self._retry(eid))
            self._retries[eid] = task
            task.add_done_callback(lambda _: self._retries.pop(eid, None))

    async def _retry(self, eid: str) -> None:
        """Go on with what a device had begun, then send its notifications until none waits, with pauses that grow."""
        pause = _FIRST_RETRY
        while True:
            await asyncio.sleep(pause)
            try:
                async with self.managed(eid) as managed:
                    await managed.resume()
                    sent = await managed.device.flush_notifications()
            except StorageError as error:
                _log.warning("what a device has to finish has to wait: %s", error)
            except CarrierError as error:
                if error.reason == _REPLACED:
                    continue
                return
            else:
                if not sent.waiting:
                    return
            pause = min(2 * pause, _LAST_RETRY)


@dataclass(slots=True)
class _Awake:
    """A device in use: the number of its row, itself, its state as it is stored, and how many use it."""

    number: int
    device: Device
    managed: Managed
    state: bytes
    users: int = 0
