"""Events: appended in the transaction of what they tell, listed, and waited for without polling."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from msgspec import Struct, structs

from smdp.carrier.errors import CarrierError, did_you_mean
from smdp.carrier.event_types import EVENT_TYPES
from smdp.carrier.scope import Scope
from smdp.model import Event
from smdp.rsp.server.session import Happening
from smdp.storage import Connection, Database, StorageError
from smdp.storage.queries import events as queries

UNLESS = ("session.refused", "activation.failed", "profile.failed")
"""What makes most things impossible that are waited for."""

_WATCH_SECONDS = 0.05
_RETRY_SECONDS = 0.5
_MAX_WAITERS = 10_000
_BATCH = 100


def append(
    scope: Scope,
    happenings: Iterable[Happening],
    *,
    session: str | None = None,
    eid: str | None = None,
) -> list[Event]:
    """Append what happened to the carrier's timeline and return the events with their ids.

    `session` is the transactionId in hexadecimal. A happening that tells an `eid` in its data keeps it there and in its
    column; else `eid` is taken.
    """
    fresh = [
        queries.NewEvent(
            one.type, one.data.get("eid", eid), one.iccid, one.data.get("session", session), _without_columns(one.data)
        )
        for one in happenings
    ]
    return queries.append(scope.connection, scope.name, fresh, (scope.times.now, scope.times.wall), scope.journal)


def _without_columns(data: Any) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in ("eid", "session")}


def check_types(types: Iterable[str]) -> None:
    """Refuse types that no event has: waiting for one would never end."""
    for name in types:
        if name not in EVENT_TYPES:
            because = f"No event has the type {name[:60]!r}."
            raise CarrierError("event-type-unknown", because, did_you_mean(name, EVENT_TYPES))


class Wanted(Struct, frozen=True):
    """Which events are meant: of a carrier behind an id, of one of the types, about an EID, a profile, a session."""

    carrier: str
    after: int
    types: tuple[str, ...] = ()
    eid: str | None = None
    iccid: str | None = None
    session: str | None = None

    def matches(self, event: Event) -> bool:
        """Say whether an event is meant."""
        return (
            event.carrier == self.carrier
            and event.id > self.after
            and (not self.types or event.type in self.types)
            and self.eid in (None, event.eid)
            and self.iccid in (None, event.iccid)
            and self.session in (None, event.session)
        )

    def ends_with(self, event: Event) -> bool:
        """Say whether nothing of what is meant can come behind an event."""
        return event.carrier == self.carrier and event.type == "carrier.deleted"


class Journal:
    """Tells whoever waits of the events that were committed.

    Within a process that is a callback. Another process's events are seen by looking at the database's version, which
    costs 10 µs (a file) or nothing (PostgreSQL tells) twenty times a second, and only while somebody waits.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiters: set[Callable[[Sequence[Event] | None], None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._stopped = False
        database.listen(self._committed)

    @property
    def waiting(self) -> int:
        """How many requests wait for an event right now."""
        return len(self._waiters)

    async def read(self, wanted: Wanted, limit: int) -> list[Event]:
        """Return the events that are meant, oldest first."""
        return await self._database.read(
            queries.events,
            wanted.carrier,
            after=wanted.after,
            types=wanted.types,
            eid=wanted.eid,
            iccid=wanted.iccid,
            session=wanted.session,
            limit=limit,
        )

    async def next(
        self, wanted: Wanted, within: timedelta, check: Callable[[Connection], object] | None = None
    ) -> Event | None:
        """Wait for the first event that is meant, at most that long; None if there was none. Misses nothing.

        Raises CarrierError (503) once the server stops, and what the query `check` raises where there is no such event:
        it is asked at first and when the carrier is deleted.
        """
        with self._wakeups(wanted) as wakeup:
            deadline = asyncio.get_running_loop().time() + within.total_seconds()
            while True:
                wakeup.clear()
                found = await self.read(wanted, 1)
                if found:
                    return found[0]
                if check is not None:
                    await self._database.read(check)
                if self._stopped:
                    because = "The server is stopping, so no further event will come."
                    raise CarrierError("server-stopping", because, "Wait again once it is back.", 503)
                try:
                    async with asyncio.timeout_at(deadline):
                        await wakeup.wait()
                except TimeoutError:
                    return None

    async def follow(self, wanted: Wanted, pause: timedelta) -> AsyncIterator[list[Event]]:
        """Yield the events that are meant as they come, some at once; an empty list after each pause without any.

        Ends when the server stops, behind the last event. A database that is away is waited for.
        """
        while True:
            try:
                events = await self.read(wanted, _BATCH)
                if not events:
                    await self.next(wanted, pause)
                    events = await self.read(wanted, _BATCH)
            except CarrierError:
                return
            except StorageError:
                if self._stopped:
                    return
                await asyncio.sleep(_RETRY_SECONDS)
                events = []
            yield events
            if events:
                wanted = structs.replace(wanted, after=events[-1].id)

    @contextmanager
    def _wakeups(self, wanted: Wanted) -> Iterator[asyncio.Event]:
        """Have an asyncio.Event set whenever there may be something that is meant."""
        if len(self._waiters) >= _MAX_WAITERS:
            raise CarrierError("too-many-waiters", "Too many requests wait for events.", "Wait in fewer places.", 503)
        wakeup = asyncio.Event()

        def look(events: Sequence[Event] | None) -> None:
            if events is None or any(wanted.matches(one) or wanted.ends_with(one) for one in events):
                wakeup.set()

        self._waiters.add(look)
        if self._database.shared and self._watch is None:
            self._watch = asyncio.create_task(self._watch_file(self._database.version()))
        try:
            yield wakeup
        finally:
            self._waiters.discard(look)

    def _committed(self, notes: Sequence[object]) -> None:
        events = [note for note in notes if isinstance(note, Event)]
        if events:
            self._wake(events)

    def _wake(self, events: Sequence[Event] | None) -> None:
        for look in tuple(self._waiters):
            look(events)

    async def _watch_file(self, seen: int) -> None:
        """Wake all waiters when somebody has committed since version `seen`, as long as there are any."""
        try:
            while self._waiters:
                await asyncio.sleep(_WATCH_SECONDS)
                if (version := self._database.version()) != seen:
                    seen = version
                    self._wake(None)
        finally:
            self._watch = None

    def stop(self) -> None:
        """End all waiting: whoever waits gets what there is, or is told that the server stops."""
        self._stopped = True
        self._wake(None)

    async def close(self) -> None:
        """Stop watching."""
        watch = self._watch
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
