"""Handshakes of devices that failed, told as events: one for many alike ones, a bounded number in all."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence

from smdp.carrier import tls_failures
from smdp.carrier.addresses import DEFAULT
from smdp.carrier.service import Service
from smdp.carrier.tls_failures import TlsFailure
from smdp.storage import Connection, StorageError
from smdp.storage.queries import carriers

_AGAIN_SECONDS = 10.0
"""For how long alike failures are counted instead of told."""
_MAX_KNOWN = 256
_MAX_WAITING = 32
"""How many may be on their way into the database: a flood of names is told in part."""

_log = logging.getLogger("smdp.http")


class Handshakes:
    """Tells of failed handshakes; the CI may certify `permitted` names and those below them; empty: all."""

    def __init__(self, service: Service, permitted: Sequence[str] = ()) -> None:
        self._service, self._permitted = service, permitted
        self._loop = asyncio.get_running_loop()
        self._told: OrderedDict[tuple[str | None, str], tuple[float, int]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def failed(self, name: str | None, openssl: str) -> None:
        """Note a failed handshake; may be called from any thread, at any time."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note, name, openssl)

    async def close(self) -> None:
        """Wait for what is on its way."""
        await asyncio.gather(*self._tasks)

    def _note(self, name: str | None, openssl: str) -> None:
        failure = tls_failures.explain(name, openssl, permitted=self._is_permitted(name))
        key, now = (failure.name, failure.reason), time.monotonic()
        since, count = self._told.get(key, (-_AGAIN_SECONDS, 0))
        if now - since < _AGAIN_SECONDS or len(self._tasks) >= _MAX_WAITING:
            self._told[key] = since, count + 1
        else:
            self._told[key] = now, 0
            task = asyncio.create_task(self._tell(failure, count + 1))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._told.move_to_end(key)
        if len(self._told) > _MAX_KNOWN:
            self._told.popitem(last=False)

    async def _tell(self, failure: TlsFailure, count: int) -> None:
        """Tell the carrier whose name was asked for, else the carrier `default`."""
        try:
            found = await self._service.find((failure.name or "").lower())
            name = carriers.read_carrier(found["settings"]).name if found else DEFAULT
            await self._service.database.write_lightly(self._append, name, failure, count)
        except StorageError as error:
            _log.warning("tls.failed could not be noted: %s", error)

    def _append(self, connection: Connection, name: str, failure: TlsFailure, count: int) -> None:
        carrier = carriers.carrier(connection, name)
        if carrier is not None:
            tls_failures.tell(self._service.scope(connection, carrier), failure, count)

    def _is_permitted(self, name: str | None) -> bool:
        host = (name or "").lower().rstrip(".")
        known = not host or not self._permitted
        return known or any(host == one or host.endswith(f".{one}") for one in self._permitted)
