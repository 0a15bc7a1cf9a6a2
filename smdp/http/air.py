"""What lies between hosted devices and the networks of this server's carriers: the air, which is a function call here.

A device finds the carrier whose profile it has. Of a carrier that another server plays there is no cell here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

from smdp.carrier.errors import CarrierError
from smdp.carrier.network import Network
from smdp.carrier.rejections import Rejection
from smdp.carrier.service import Service
from smdp.device import Device
from smdp.device.radio import Admitted, Challenge, Line, Rejected
from smdp.model import Event, NetworkChallenge
from smdp.storage import StorageError
from smdp.storage.queries import devices as device_queries
from smdp.storage.queries import network as queries

Said = TypeVar("Said")
Heard = TypeVar("Heard")
Wake = Callable[[str], AbstractAsyncContextManager[Device]]
_log = logging.getLogger("smdp.http")

_SAYS = {
    "activation.inactive": ("line-inactive", "line-pending"),
    "activation.failed": ("activation-failed",),
    "activation.suspended": ("suspended",),
    "activation.terminated": ("terminated",),
}
"""Events that a device of the line hears of, by losing its network: with what it is turned away then."""
_HEARD = frozenset({"activation.active", *_SAYS})
_AT_ONCE = 16
"""How many devices are looked after at the same time."""
_NO_NETWORK = Rejected("no-network", "No network of the eSIM's operator is in reach: no carrier of this server has it.")


class Cell:
    """The network of an EID's eSIMs, as `smdp.device.radio.Network`."""

    def __init__(self, service: Service, eid: str) -> None:
        self._service, self._network, self._eid = service, Network(service), eid

    async def challenge(self, imsi: str) -> Challenge | Rejected:
        """Ask the carrier for a challenge."""
        return await self._said(imsi, lambda carrier: self._network.challenge(carrier, imsi), _challenge)

    async def answer(self, imsi: str, rand: bytes, res: bytes) -> Admitted | Rejected:
        """Give the carrier RES."""
        return await self._said(
            imsi,
            lambda carrier: self._network.answer(carrier, imsi, rand, res),
            lambda said: Admitted(said.network_name, said.mcc, said.mnc, said.msisdn),
        )

    async def resynchronise(self, imsi: str, rand: bytes, auts: bytes) -> Challenge | Rejected:
        """Give the carrier AUTS."""
        return await self._said(
            imsi, lambda carrier: self._network.resynchronise(carrier, imsi, rand, auts), _challenge
        )

    async def _said(
        self, imsi: str, ask: Callable[[str], Awaitable[Said | Rejection]], heard: Callable[[Said], Heard]
    ) -> Heard | Rejected:
        """Ask the carrier at home, if there is one, and put its answer on the air."""
        carrier = await self._service.database.find(queries.home_of, imsi, self._eid)
        if carrier is None:
            return _NO_NETWORK
        try:
            said = await ask(carrier)
        except CarrierError as error:  # the carrier was deleted, or another challenge came between
            return Rejected(error.reason, error.because)
        return Rejected(said.reason, said.because) if isinstance(said, Rejection) else heard(said)


def _challenge(said: NetworkChallenge) -> Challenge:
    return Challenge(bytes.fromhex(said.rand), bytes.fromhex(said.autn))


class Coverage:
    """Has hosted devices try again when something becomes of their line.

    `wake` brings a device to life; `save` stores it, unless another process has done so since.
    """

    def __init__(self, service: Service, wake: Wake, save: Callable[[Device], Awaitable[None]]) -> None:
        self._database = service.database
        self._wake, self._save = wake, save
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def committed(self, notes: Sequence[object]) -> None:
        """Have the devices try whose lines these events are about."""
        for note in notes:
            if not isinstance(note, Event) or note.type not in _HEARD or note.eid is None or note.iccid is None:
                continue
            try:
                if not self._database.look(device_queries.is_hosted, note.eid):
                    continue
            except StorageError as error:  # whether it is hosted shows when it is woken
                _log.warning("whether a device hears of its line could not be looked up: %s", error)
            self.attend(note.eid, note.iccid, note.type)

    def attend(self, eid: str, iccid: str, heard: str) -> None:
        """Have a device try with an eSIM because of a type of event, unless it knows already."""
        if self._closed:
            return
        task = asyncio.create_task(self._try(eid, iccid, heard))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until all devices have tried that have reason to by now."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def close(self) -> None:
        """Stop trying; a device that has not tried does so after the next start."""
        self._closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _try(self, eid: str, iccid: str, heard: str) -> None:
        try:
            async with self._room, self._wake(eid) as device:
                if device.enabled == iccid:
                    await device.attach(partial(_knows, heard), self._save)
        except (CarrierError, StorageError) as error:
            _log.info("a device did not try to attach: %s", error)


def _knows(heard: str, line: Line) -> bool:
    if heard == "activation.active":
        return line.admitted is not None
    return line.rejected is not None and line.rejected.reason in _SAYS[heard]
