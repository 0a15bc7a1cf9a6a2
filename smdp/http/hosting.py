"""The devices that this server hosts: brought to life for as long as they do something, kept in its database.

A hosted device reaches carriers over real sockets and TLS, its own server included; only names are resolved for it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from msgspec import structs

from smdp.carrier.alike import closest
from smdp.carrier.errors import CONFLICT, UNKNOWN, CarrierError, reject_unknown
from smdp.carrier.service import Service
from smdp.device import Device, Es9Client, new_device
from smdp.model import Device as Description
from smdp.model import Outcome
from smdp.pki import tls
from smdp.pki.errors import PkiError
from smdp.pki.model import Pki
from smdp.rsp.crypto import Entropy
from smdp.rsp.ids import host_of, is_eid
from smdp.settings import Settings
from smdp.storage import Connection
from smdp.storage.queries import devices as queries
from smdp.storage.queries.carriers import read_carrier

MAX_DEVICES = 100_000
_OPTIONS = {"udid": str, "serial": str, "imei": str, "os": str, "model": str, "name": str, "supervised": bool}
_OPTIONS |= {"online": bool, "eid": str, "carrier": str}
_CHANGEABLE = frozenset({"name", "os", "model", "online", "supervised"})
_MAX_TEXT = 200
_HTTPS = 443
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound
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
        self._client = Es9Client(tls.client_context(pki.anchors), resolve=self._resolve)
        self._awake: dict[str, tuple[Device, int]] = {}
        self._retries: dict[str, asyncio.Task[None]] = {}
        self.port = settings.port

    async def start(self) -> None:
        """Send the notifications that devices kept while no server ran."""
        after = 0
        while page := await self._database.read(queries.devices, None, after, _PAGE):
            for stored in page:
                after = stored.number
                if stored.waiting:
                    self._retry_later(stored.device.eid)

    async def close(self) -> None:
        """Stop retrying and close the connections; what waits stays on the devices."""
        for task in self._retries.values():
            task.cancel()
        await asyncio.gather(*self._retries.values(), return_exceptions=True)
        await self._client.close()

    # --- where names lead

    def _resolve(self, host: str, port: int) -> tuple[str, int] | None:
        """Lead `*.<domain>` to the server that has it, which by default is this one; the system resolves the rest."""
        domain = self._settings.domain
        if host != domain and not host.endswith(f".{domain}"):
            return None
        if self._settings.resolve is not None:
            place, _, at = self._settings.resolve.rpartition(":")
            return place.strip("[]"), int(at)
        place = self._settings.host[0]
        return _ANY_ADDRESS.get(place, place), self.port if port == _HTTPS else port

    # --- making, showing, changing

    async def create(self, options: dict[str, Any]) -> Description:
        """Make a device. Raises CarrierError for options that no device has."""
        given = {name: value for name, value in options.items() if value is not None}
        _check(given, _OPTIONS)
        carrier = given.setdefault("carrier", "default")
        await self._service.change_carrier(carrier, {})
        try:
            device = new_device(
                self._pki,
                client=self._client,
                clock=self._service.clock,
                entropy=await self._entropy(carrier),
                **given,
            )
        except PkiError as error:
            because = f"{error.problem[:1].upper()}{error.problem[1:]}."
            raise CarrierError("eid-not-permitted", because, error.fix) from None
        except ValueError as error:
            raise CarrierError("device-invalid", f"{error}.", "Leave it out to have one made up.") from None
        if await self._database.read(queries.count) >= MAX_DEVICES:
            because = f"A server hosts at most {MAX_DEVICES} devices."
            raise CarrierError("too-many-devices", because, "Delete some, or start another server.", CONFLICT)
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
        return awake[0].describe() if awake else (await self._stored(eid)).device

    async def change(self, eid: str, options: dict[str, Any]) -> Description:
        """Rename a device, give it another OS, take it offline. Raises CarrierError."""
        _check(options, {name: _OPTIONS[name] for name in _CHANGEABLE})
        async with self.awake(eid) as device:
            for name, value in options.items():
                setattr(device.state, name, value)
            await self._save(device)
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
        if eid not in self._awake:
            stored = await self._stored(eid)
            entropy = await self._entropy(stored.device.carrier)
            self._awake.setdefault(eid, (self._load(stored.state, entropy), 0))
        device, users = self._awake[eid]
        self._awake[eid] = device, users + 1
        try:
            yield device
        finally:
            device, users = self._awake[eid]
            if users > 1:
                self._awake[eid] = device, users - 1
            else:
                del self._awake[eid]
            if device.euicc.notifications:
                self._retry_later(eid)

    def _load(self, state: bytes, entropy: Entropy) -> Device:
        return Device.load(state, client=self._client, clock=self._service.clock, entropy=entropy, save=self._save)

    async def _save(self, device: Device) -> None:
        waiting = bool(device.euicc.notifications)
        await self._database.write(queries.update, device.describe(), device.dump(), waiting=waiting)

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

    async def _entropy(self, carrier: str) -> Entropy:
        def take(connection: Connection) -> Entropy:
            return self._service.entropy(connection, carrier)

        return await self._database.write(take)

    async def explained(self, outcome: Outcome, address: str) -> Outcome:
        """Put the carrier's own advice into what a device was refused here; elsewhere the device's has to do."""
        if outcome.refused is None or outcome.session is None:
            return outcome
        found = self._service.look_up(host_of(address))
        if found is None:
            return outcome
        try:
            session = await self._service.session(read_carrier(found["settings"]).name, outcome.session)
        except CarrierError:
            return outcome
        if session.refusal is None or session.refusal.code != outcome.refused:
            return outcome
        return structs.replace(outcome, because=session.refusal.because, fix=session.refusal.fix)

    # --- notifications that wait

    def _retry_later(self, eid: str) -> None:
        if eid not in self._retries:
            task = asyncio.create_task(self._retry(eid))
            self._retries[eid] = task
            task.add_done_callback(lambda _: self._retries.pop(eid, None))

    async def _retry(self, eid: str) -> None:
        """Send a device's notifications until none waits, with pauses that grow."""
        pause = _FIRST_RETRY
        while True:
            await asyncio.sleep(pause)
            try:
                async with self.awake(eid) as device:
                    sent = await device.flush_notifications()
            except CarrierError:
                return
            if not sent.waiting:
                return
            pause = min(2 * pause, _LAST_RETRY)


def _check(options: dict[str, Any], known: dict[str, type]) -> None:
    reject_unknown(options, known, "device")
    for name, value in options.items():
        kind = known[name]
        if type(value) is not kind or not _plain(value):
            wanted = "true or false" if kind is bool else f"a text of at most {_MAX_TEXT} printable characters"
            raise CarrierError("value-invalid", f"A device's {name} is {wanted}.", "Correct it, or leave it out.")


def _plain(value: object) -> bool:
    return not isinstance(value, str) or (len(value) <= _MAX_TEXT and value.isprintable())
