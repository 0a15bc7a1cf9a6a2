"""Webhook deliveries on their way: a courier per hook posts what is due, in order within a profile, until it is taken.

Where nobody has a webhook, a commit costs one look at an empty set.
"""

import asyncio
import contextlib
import hmac
import logging
import time
from collections.abc import Sequence
from datetime import timedelta

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from smdp.carrier.errors import CarrierError
from smdp.carrier.hooks import Hook
from smdp.carrier.webhooks import Answer, Delivery, Parted, Webhooks, backoff, is_parted
from smdp.model import Event
from smdp.storage import StorageError

SIGNATURE = "X-Smdp-Signature"
"""Header: `sha256=` and the HMAC-SHA256 of the body's bytes under the hook's secret, in hexadecimal."""
TIMEOUT = timedelta(seconds=10)
"""How long a receiver may take for all of it: connecting, reading, answering."""
SLOTS = 8
"""How many deliveries of one hook are under way at a time, each of another profile."""
_LEASE = TIMEOUT + timedelta(seconds=5)
_LOOK_SECONDS = 1.0
"""How often hooks that another process has put are looked for, where the database is a file."""
_RETRY_SECONDS, _SOON_SECONDS = 5.0, 0.001
_READ = 1024
_OK = range(200, 300)

_log = logging.getLogger("smdp.http")


class Body(msgspec.Struct):
    """What a receiver gets."""

    delivery: str
    attempt: int
    event: Event


class Couriers:
    """The couriers of all hooks; started by the first event there is for each."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks
        self._hooks: dict[str, list[Hook]] = {}
        self._couriers: dict[tuple[str, str], Courier] = {}
        self._session: ClientSession | None = None
        self._watch: asyncio.Task[None] | None = None
        self._parting: set[asyncio.Task[None]] = set()
        self._idle = True
        self._closing = False
        webhooks.listen(self._committed)

    async def start(self) -> None:
        """Go on with what was left to deliver."""
        self._hooks = await self._webhooks.every()
        self._changed()
        for carrier in self._hooks:
            self._wake(carrier, 1)
        if self._webhooks.shared:
            self._watch = asyncio.create_task(self._watch_file())

    async def reload(self, carrier: str) -> None:
        """Take note of a carrier's hooks: they were changed."""
        self._hooks[carrier] = await self._webhooks.of(carrier)
        wanted = {hook.id: hook for hook in self._hooks[carrier]}
        for (whose, identifier), courier in list(self._couriers.items()):
            if whose == carrier and wanted.get(identifier) != courier.hook:
                await _cancel([courier.task])
        self._changed()
        self._wake(carrier, 1)

    async def close(self, grace: timedelta = timedelta()) -> None:
        """Deliver what is due, for at most `grace`; the rest stays in the database."""
        self._closing = True
        await _cancel([self._watch] if self._watch else [])
        await asyncio.gather(*self._parting)
        tasks = [courier.task for courier in self._couriers.values()]
        for courier in self._couriers.values():
            courier.finish()
        if tasks and grace:
            await asyncio.wait(tasks, timeout=grace.total_seconds())
        await _cancel(tasks)
        if tasks and not self._webhooks.shared and (left := await self._webhooks.waiting()):
            _log.warning("%d events that webhooks did not take are lost: the database is in memory", left)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _watch_file(self) -> None:
        """Learn of the hooks that another process puts; the events of a process are its own couriers' to deliver."""
        seen = self._webhooks.version()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if (version := self._webhooks.version()) == seen:
                continue
            try:
                found = await self._webhooks.own()
                for carrier in found.keys() | self._hooks.keys():
                    if found.get(carrier, self._webhooks.defaults) != self._hooks.get(carrier, self._webhooks.defaults):
                        await self.reload(carrier)
            except StorageError as error:
                _log.warning("webhooks that others changed have to wait: %s", error)
            else:
                seen = version

    def _changed(self) -> None:
        self._idle = not self._webhooks.defaults and not any(self._hooks.values())

    def _committed(self, notes: Sequence[object]) -> None:
        if self._idle or self._closing:
            return
        for note in notes:
            if isinstance(note, Parted):
                self._see_off(note.queue)
            elif isinstance(note, Event) and not note.type.startswith("webhook."):
                if note.type == "carrier.created":
                    self._hooks[note.carrier] = self._webhooks.defaults
                self._wake(note.carrier, note.id)
                if note.type == "carrier.deleted":
                    self._hooks.pop(note.carrier, None)

    def _see_off(self, queue: str) -> None:
        """Deliver what a deleted carrier has left."""
        task = asyncio.create_task(self.reload(queue))
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)

    def _wake(self, carrier: str, first: int) -> None:
        """Have the couriers of a carrier look; `first` is the event from which a new one does."""
        for hook in self._hooks.setdefault(carrier, self._webhooks.defaults):
            key = carrier, hook.id
            courier = self._couriers.get(key)
            if courier is None:
                courier = self._couriers[key] = Courier(self._webhooks, self._client(), carrier, hook, first)
                courier.task.add_done_callback(lambda _, key=key: self._ended(*key))  # type: ignore[misc] # a default argument
            courier.wake.set()

    def _ended(self, carrier: str, hook: str) -> None:
        """Forget a courier, and the hooks of a deleted carrier with its last one."""
        self._couriers.pop((carrier, hook), None)
        if is_parted(carrier) and not any(whose == carrier for whose, _ in self._couriers):
            self._hooks.pop(carrier, None)
            self._changed()

    def _client(self) -> ClientSession:
        if self._session is None:
            timeout = ClientTimeout(total=TIMEOUT.total_seconds())
            self._session = ClientSession(timeout=timeout, auto_decompress=False, cookie_jar=DummyCookieJar())
        return self._session


class Courier:
    """Delivers the events of one carrier to one receiver."""

    def __init__(self, webhooks: Webhooks, client: ClientSession, carrier: str, hook: Hook, first: int) -> None:
        self._webhooks, self._client, self._carrier, self.hook = webhooks, client, carrier, hook
        self._first = first
        self._under_way: dict[asyncio.Task[None], Delivery] = {}
        self._unreachable = False
        self._finishing = False
        self._resume_at = 0.0
        self.wake = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    def finish(self) -> None:
        """End once nothing is due; what a receiver that can't be reached did not take is left for another day."""
        self._finishing = True
        self.wake.set()

    async def _run(self) -> None:
        try:
            while True:
                self.wake.clear()
                pause = await self._step()
                if pause is None:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause or None):
                        await self.wake.wait()
        finally:
            await self._stop()

    async def _step(self) -> float | None:
        """Send what is due; returns for how long nothing is (0: until something happens), None to end."""
        try:
            room, held = self._room()
            found = await self._webhooks.advance(self._carrier, self.hook, room, _LEASE, self._first)
        except CarrierError:  # the carrier is gone
            return None
        except StorageError as error:
            _log.warning("webhooks have to wait: %s", error)
            return _RETRY_SECONDS
        if found is None:
            return None
        for delivery in found.deliveries:
            task = asyncio.create_task(self._deliver(delivery))
            self._under_way[task] = delivery
            task.add_done_callback(self._done)
        if self._finishing and not self._under_way and (self._unreachable or found.again != 0):
            return None
        return self._until(found.again, held)

    def _room(self) -> tuple[int, float]:
        """Return how many deliveries may be begun, and for how many seconds none may: one probe while it is away."""
        held = max(0.0, self._resume_at - time.monotonic()) if self._unreachable else 0.0
        slots = 1 if self._unreachable else SLOTS
        return (0 if held else max(0, slots - len(self._under_way))), held

    def _until(self, again: float | None, held: float) -> float:
        full = len(self._under_way) >= (1 if self._unreachable else SLOTS)
        return 0.0 if again is None or full else max(again, held, _SOON_SECONDS)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self.wake.set()

    async def _deliver(self, delivery: Delivery) -> None:
        answer = await self._post(delivery)
        back = self._unreachable and answer.status is not None
        self._unreachable = answer.status is None
        if self._unreachable:
            self._resume_at = time.monotonic() + backoff(delivery.attempt).total_seconds()
        try:
            await self._webhooks.settle(delivery, answer)
            if back:
                await self._webhooks.hurry(self._carrier, self.hook)
        except (StorageError, CarrierError) as error:  # sent again when its lease ends, if its carrier is there then
            _log.warning("a webhook's delivery could not be noted: %s", error)

    async def _post(self, delivery: Delivery) -> Answer:
        """Make one attempt."""
        body = msgspec.json.encode(Body(delivery.id, delivery.attempt, delivery.event))
        headers = {"Content-Type": "application/json", "User-Agent": "smdp-webhook"}
        if self.hook.secret is not None:
            headers[SIGNATURE] = signature(self.hook.secret, body)
        began = time.perf_counter()
        status, because = None, None
        try:
            async with self._client.post(self.hook.url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
                await response.content.read(_READ)
        except (ClientError, OSError, ValueError) as error:
            if status is None:
                because = _reason(self.hook, error)
        if status is not None and status not in _OK:
            because = f"The receiver answered {status}."
        return Answer(status, round((time.perf_counter() - began) * 1000, 2), because)

    async def _stop(self) -> None:
        """Break off what is under way; it does not count as an attempt."""
        broken = dict(self._under_way)
        await _cancel(list(broken))
        with contextlib.suppress(StorageError):
            await self._webhooks.give_back([one for task, one in broken.items() if task.cancelled()])


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Break tasks off, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def signature(secret: str, body: bytes) -> str:
    """Return what a delivery's signature header must be."""
    return "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()


def _reason(hook: Hook, error: Exception) -> str:
    """Say why there was no answer, without the path: that may hold a secret."""
    place = hook.place
    if isinstance(error, TimeoutError):
        return f"{place} did not answer within {TIMEOUT.total_seconds():g} s."
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, ConnectionRefusedError):
        return f"Nobody answers at {place}."
    text = getattr(cause, "strerror", None) or type(error).__name__
    return f"{place} could not be reached: {text}."
