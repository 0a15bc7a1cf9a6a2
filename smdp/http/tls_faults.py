"""TLS faults: certificates that no device trusts, shown to those who ask for a carrier that has such a fault armed."""

import asyncio
import datetime as dt
import logging
import ssl

from cryptography.hazmat.primitives.asymmetric import ec

from smdp.carrier import carriers, faults
from smdp.carrier.fault_catalogue import TLS
from smdp.carrier.faults import Who
from smdp.carrier.service import Service
from smdp.model import Fault
from smdp.pki import forge, tls
from smdp.pki.model import Pki
from smdp.pki.tls import ServerCertificate
from smdp.storage import Connection, StorageError
from smdp.storage.queries.carriers import read_carrier
from smdp.storage.queries.control import control_of

_log = logging.getLogger("smdp.http")
_DAY = dt.timedelta(days=1)
_WRONG_NAME = "another-host.smdp.localhost"


class TlsFaults:
    """Decides, name by name, what a server shows instead of the certificate it has."""

    def __init__(self, service: Service, pki: Pki) -> None:
        self._service, self._pki = service, pki
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._under_way: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def instead(self, asked: str | None) -> ssl.SSLContext | int | None:
        """Return the context for a client that asks for this name, or an alert; None where nothing is wrong with TLS.

        A handshake can't wait for the database, so what fires is decided here and counted right behind.
        """
        try:
            found = self._service.look_up((asked or "").lower().rstrip("."))
            if found is None or not control_of(found).faults:
                return None
            name = read_carrier(found["settings"]).name
            fault = self._service.database.look(self._meeting, name)
        except StorageError:  # the calls that follow will tell
            return None
        if fault is None:
            return None
        self._under_way[fault.id] = self._under_way.get(fault.id, 0) + 1
        task = asyncio.get_running_loop().create_task(self._count(name, fault))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if fault.do == "tls-1.1":
            return int(ssl.ALERT_DESCRIPTION_PROTOCOL_VERSION)
        return tls.context_of(self._certificate(fault, asked or "localhost"))

    async def close(self) -> None:
        """Finish the counting."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _meeting(self, connection: Connection, name: str) -> Fault | None:
        """Find the first TLS fault that is armed, those that are about to be counted left out."""
        scope = self._service.scope(connection, carriers.find(connection, name))
        for fault in faults.meeting(scope, TLS, Who(), layers=("wire",)):
            hits = faults.find(scope, fault.id).hits + self._under_way.get(fault.id, 0)
            if fault.times is None or hits < fault.times:
                return fault
        return None

    async def _count(self, name: str, fault: Fault) -> None:
        def fire(connection: Connection) -> None:
            scope = self._service.scope(connection, carriers.find(connection, name))
            others = [one.id for one in faults.shown(scope) if one.id != fault.id]
            faults.fire_told(scope, TLS, Who(), layers=("wire",), spared=others)

        try:
            await self._service.database.write(fire)
        except StorageError as error:
            _log.warning("a fault of TLS could not be counted: %s", error)
        finally:
            self._under_way[fault.id] -= 1
            if not self._under_way[fault.id]:
                del self._under_way[fault.id]

    def _certificate(self, fault: Fault, name: str) -> ServerCertificate:
        now = dt.datetime.now(dt.UTC)
        if fault.do == "tls-self-signed":
            return ServerCertificate(forge.self_signed([name], self._key, (now - _DAY, now + 30 * _DAY)), (), self._key)
        if fault.do == "tls-expired":
            return tls.mint(self._pki, [name], self._key, (now - 30 * _DAY, now - _DAY))
        return tls.mint(self._pki, [_WRONG_NAME], self._key)
