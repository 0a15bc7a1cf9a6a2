"""Webhooks: whom a carrier's events are told, what is still to be told, and what came of it. All of it in transactions.

A cursor per hook follows the events; what it passes becomes a delivery, which stays until the receiver took it. So
whoever writes an event does nothing for it, and nothing is lost by a restart. Events about the same profile form a
lane: the next one goes when the one before it is gone.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct, structs

from smdp.carrier import carriers, journal
from smdp.carrier.hooks import Hook
from smdp.carrier.scope import Scope
from smdp.carrier.service import Service
from smdp.model import Event, Webhook
from smdp.rsp.server.session import Happening
from smdp.storage import Connection
from smdp.storage.connection import micros, moment, moment_or_none
from smdp.storage.queries import carriers as carrier_queries
from smdp.storage.queries import events as event_queries
from smdp.storage.queries import webhooks as queries

DEFAULT = "default"
"""The id of the hook that the settings give to every carrier without hooks of its own."""
GIVE_UP_AFTER = timedelta(hours=24)
_FIRST_RETRY, _LAST_RETRY = timedelta(seconds=1), timedelta(minutes=1)
_MAX_WAITING = 10_000
"""How many deliveries may wait for a receiver; what comes after them waits in the journal."""
_BATCH = 200
_TOLD_ATTEMPTS = 5
"""Of so many attempts each is an event, of those that follow every tenth: a dead receiver must not fill the journal."""
_PARTED = "~"
"""Between a deleted carrier's name and a number: no name of a carrier has it."""
_MAX_PARTED = 100
"""Of how many deleted carriers deliveries wait; those of the longest wait go first."""
_NUMBERED = re.compile(r"w([0-9]{1,9})", re.ASCII)


class Delivery(Struct, frozen=True):
    """One event on its way to one receiver; `attempt` is the number of this attempt."""

    hook: Hook
    event: Event
    attempt: int
    since: datetime
    queue: str
    """Under which name it waits: its carrier's, or the one that a deleted carrier's deliveries have."""

    @property
    def id(self) -> str:
        """The same for every attempt, so that receivers can tell a repeated delivery."""
        return f"{self.event.carrier}-{self.hook.id}-{self.event.id}"


class Parted(Struct, frozen=True):
    """A note of a transaction: a carrier was deleted; what its hooks have still to deliver waits under this name."""

    queue: str


class Answer(Struct, frozen=True):
    """What came of an attempt: the receiver's status, None if it gave none, and what was wrong."""

    status: int | None
    ms: float
    because: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the receiver took it."""
        return self.because is None


class Advance(Struct, frozen=True):
    """What is to be sent now, and when there is something again: in so many seconds, None for not before an event."""

    deliveries: list[Delivery]
    again: float | None


_given = msgspec.json.Decoder(Hook).decode
_written = msgspec.json.Encoder().encode
_event = msgspec.json.Decoder(Event).decode


class Webhooks:
    """The webhooks of all carriers; `default` is whom the settings name."""

    def __init__(self, service: Service, default: Hook | None = None) -> None:
        self._service, self._default = service, default
        self._database = service.database
        service.farewell = self._farewell

    @property
    def defaults(self) -> list[Hook]:
        """The hooks of a carrier that has none of its own."""
        return [] if self._default is None else [self._default]

    @property
    def shared(self) -> bool:
        """Whether another process may write events too."""
        return self._database.shared

    def version(self) -> int:
        """Return a number that changes with every commit of another process."""
        return self._database.version()

    def listen(self, listener: Callable[[Sequence[object]], None]) -> None:
        """Call the listener with the notes of each transaction, its events among them."""
        self._database.listen(listener)

    # --- for people

    async def show(self, carrier: str) -> list[Webhook]:
        """Return the webhooks that hold for a carrier. Raises CarrierError (404)."""
        return await self._database.read(self._shown, carrier)

    def _shown(self, connection: Connection, carrier: str) -> list[Webhook]:
        carriers.find(connection, carrier)
        return [
            Webhook(
                id=hook.id,
                url=hook.url,
                types=list(hook.types),
                signed=hook.secret is not None,
                pending=queries.waiting(connection, carrier, hook.id),
            )
            for hook in self.hooks(connection, carrier)
        ]

    async def put(self, carrier: str, wanted: list[tuple[Hook, bool]]) -> list[Webhook]:
        """Make these the webhooks of a carrier, as `read` returns them. Raises CarrierError (404).

        One that keeps its id, or its URL, keeps what it has still to deliver, and its secret if none is given.
        """
        return await self._database.write(self._put, carrier, wanted)

    def _put(self, connection: Connection, carrier: str, wanted: list[tuple[Hook, bool]]) -> list[Webhook]:
        carriers.find(connection, carrier)
        known = self.hooks(connection, carrier)
        chosen: list[Hook] = []
        for hook, keeps_secret in wanted:
            free = [one for one in known if one.id not in {other.id for other in chosen}]
            old = next((one for one in free if one.id == hook.id or (not hook.id and one.url == hook.url)), None)
            secret = old.secret if old and keeps_secret else hook.secret
            own = old is not None and old.id != DEFAULT
            taken = [one.id for one in (*known, *chosen)]
            chosen.append(structs.replace(hook, id=old.id if old and own else _free_id(taken), secret=secret))
        last = event_queries.last_id(connection, carrier)
        queries.delete_others(connection, carrier, [hook.id for hook in chosen])
        for number, hook in enumerate(chosen):
            queries.put(connection, carrier, hook.id, number, _written(hook).decode(), last)
        if not chosen and self._default is not None:
            queries.put(connection, carrier, DEFAULT, 0, "{}", last)
        return self._shown(connection, carrier)

    # --- for whoever sends

    def hooks(self, connection: Connection, carrier: str) -> list[Hook]:
        """Return the hooks that hold for a carrier: its own, else the default."""
        own = [_given(row["settings"]) for row in queries.hooks(connection, carrier) if row["hook"] != DEFAULT]
        return own or self.defaults

    async def every(self) -> dict[str, list[Hook]]:
        """Return the hooks of all carriers that have any; those that never heard of the default hear it from now on."""
        return await self._database.write(self._every)

    def _every(self, connection: Connection) -> dict[str, list[Hook]]:
        names = queries.carriers(connection)
        if self._default is not None:
            names = sorted({*carrier_queries.carrier_names(connection), *names})
        found = {name: self.hooks(connection, name) for name in names}
        for name, hooks in found.items():
            if hooks == [self._default] and queries.cursor(connection, name, DEFAULT) is None and not is_parted(name):
                queries.put(connection, name, DEFAULT, 0, "{}", event_queries.last_id(connection, name))
        return {name: hooks for name, hooks in found.items() if hooks}

    async def own(self) -> dict[str, list[Hook]]:
        """Return the hooks of the carriers that have their own."""

        def found(connection: Connection) -> dict[str, list[Hook]]:
            return {name: self.hooks(connection, name) for name in queries.carriers(connection)}

        return await self._database.read(found)

    async def behind(self) -> list[str]:
        """Name the carriers that have events to look at, or deliveries that are due."""
        return await self._database.read(queries.behind, micros(self._service.clock.wall()))

    async def of(self, carrier: str) -> list[Hook]:
        """Return the hooks that hold for a carrier, none if there is no such carrier."""
        return await self._database.read(self.hooks, carrier)

    async def advance(self, carrier: str, hook: Hook, slots: int, lease: timedelta, first: int) -> Advance | None:
        """Look at the events that came, and lease what is due, at most `slots`; None once the hook is gone.

        `first` is the id of the event from which a hook looks that has not looked yet.
        """
        return await self._database.write_lightly(self._advance, carrier, hook, slots, lease, first)

    def _advance(
        self, connection: Connection, carrier: str, hook: Hook, slots: int, lease: timedelta, first: int
    ) -> Advance | None:
        found = queries.cursor(connection, carrier, hook.id)
        if found is None:
            known = carrier_queries.carrier(connection, carrier) is not None
            if hook.id != DEFAULT or not known or hook not in self.hooks(connection, carrier):
                return None
        elif is_parted(carrier) and not queries.waiting(connection, carrier, hook.id):
            queries.delete_hook(connection, carrier, hook.id)
            return None
        if found is None:
            found = first - 1
            queries.put(connection, carrier, DEFAULT, 0, "{}", found)
        now = self._service.clock.wall()
        more = self._look(connection, carrier, hook, found, now)
        until = micros(now + lease)
        rows = queries.take(connection, carrier, hook.id, now=micros(now), until=until, limit=slots)
        deliveries = [
            Delivery(hook, _event(row["body"]), row["attempt"] + 1, moment(row["since"]), carrier) for row in rows
        ]
        due = moment_or_none(queries.next_due(connection, carrier, hook.id))
        again = 0.0 if more else None if due is None else max(0.0, (due - now).total_seconds())
        return Advance(deliveries, again)

    def _look(self, connection: Connection, carrier: str, hook: Hook, cursor: int, now: datetime) -> bool:
        """Make deliveries of the events behind the cursor; says whether there may be more."""
        room = _MAX_WAITING - queries.waiting(connection, carrier, hook.id)
        if room < _BATCH:
            return False
        events = event_queries.events(connection, carrier, after=cursor, limit=_BATCH)
        if not events:
            return False
        queries.insert(connection, carrier, hook.id, _wanted(hook, events), micros(now))
        queries.set_cursor(connection, carrier, hook.id, events[-1].id)
        if events[0].id > cursor + 1 and not event_queries.reaches_back(connection, carrier, cursor):
            self._tell_lost(connection, carrier, hook, events[0].id - cursor - 1)
        return len(events) == _BATCH

    def _tell_lost(self, connection: Connection, carrier: str, hook: Hook, count: int) -> None:
        because = f"The journal forgot {count} events before {hook.place} could be told of them."
        fix = "Make the receiver faster, or keep more: SMDP_JOURNAL."
        self._tell(connection, carrier, "webhook.failed", {"hook": hook.id, "because": because, "fix": fix})

    def _farewell(self, scope: Scope) -> Callable[[Sequence[Event]], None]:
        """Keep what the hooks of a carrier that is being deleted have still to deliver.

        Returns what takes its last events, once they are. All of it waits under a name that no carrier can have, so
        that one of the same name begins with nothing.
        """
        connection, carrier, now = scope.connection, scope.name, scope.times.wall
        hooks = self.hooks(connection, carrier)
        for number, hook in enumerate(hooks):
            if queries.cursor(connection, carrier, hook.id) is None:  # made just now: nobody has looked yet
                made = event_queries.last(connection, carrier, types=("carrier.created",))
                queries.put(connection, carrier, hook.id, number, "{}", made.id - 1 if made else 0)
            while self._look(connection, carrier, hook, queries.cursor(connection, carrier, hook.id) or 0, now):
                pass
        queue = f"{carrier}{_PARTED}{event_queries.last_id(connection, carrier)}"
        queries.move(connection, carrier, queue, micros(now))

        def take_last(events: Sequence[Event]) -> None:
            for hook in hooks:
                queries.insert(connection, queue, hook.id, _wanted(hook, events), micros(now))
            for forgotten in queries.like(connection, f"%{_PARTED}%")[:-_MAX_PARTED]:
                queries.delete_others(connection, forgotten, [])
            if hooks:
                connection.notes.append(Parted(queue))

        return take_last

    async def settle(self, delivery: Delivery, answer: Answer) -> None:
        """Note what came of an attempt, and tell of it."""
        await self._database.write_lightly(self._settle, delivery, answer)

    def _settle(self, connection: Connection, delivery: Delivery, answer: Answer) -> None:
        carrier, hook, event = delivery.queue, delivery.hook, delivery.event.id
        now = self._service.clock.wall()
        data: dict[str, Any] = {
            "hook": hook.id,
            "delivery": delivery.id,
            "event": event,
            "attempt": delivery.attempt,
            "status": answer.status,
            "ms": answer.ms,
        }
        if answer.ok:
            if queries.delete(connection, carrier, hook.id, event, now=micros(now)):
                self._tell(connection, carrier, "webhook.delivered", data)
            return
        pause = backoff(delivery.attempt)
        given_up = now + pause - delivery.since > GIVE_UP_AFTER
        if given_up:
            known = queries.delete(connection, carrier, hook.id, event, now=micros(now))
        else:
            until = micros(now + pause)
            known = queries.put_off(connection, carrier, hook.id, event, until=until, attempt=delivery.attempt)
        if known and (given_up or delivery.attempt <= _TOLD_ATTEMPTS or delivery.attempt % 10 == 0):
            fix = f"Look at the receiver at {hook.place}, or change the carrier's webhooks."
            data |= {"because": answer.because, "fix": fix, "given_up": given_up}
            data |= {} if given_up else {"retry_in": pause.total_seconds()}
            self._tell(connection, carrier, "webhook.failed", data)

    async def hurry(self, carrier: str, hook: Hook) -> None:
        """Make everything due that waits for another attempt: the receiver answers again."""
        now = micros(self._service.clock.wall())
        await self._database.write_lightly(queries.hurry, carrier, hook.id, now)

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Make due again what was on its way when the server stopped: that attempt does not count."""

        def released(connection: Connection) -> None:
            now = micros(self._service.clock.wall())
            for one in deliveries:
                carrier, hook, attempt = one.queue, one.hook.id, one.attempt - 1
                queries.put_off(connection, carrier, hook, one.event.id, until=now, attempt=attempt)

        if deliveries:
            await self._database.write(released)

    async def waiting(self) -> int:
        """Count what all hooks have still to deliver."""
        return await self._database.read(queries.all_waiting)

    def _tell(self, connection: Connection, carrier: str, kind: str, data: dict[str, Any]) -> None:
        found = carrier_queries.carrier(connection, carrier)
        if found is None:  # deleted, its timeline too
            return
        scope = self._service.scope(connection, found)
        told = journal.append(scope, [Happening(type=kind, data=data)])
        queries.skip(connection, carrier, told[0].id)


def is_parted(queue: str) -> bool:
    """Say whether deliveries wait under this name for a carrier that was deleted."""
    return _PARTED in queue


def backoff(attempt: int) -> timedelta:
    """Return how long to wait after an attempt that failed: a second, doubled each time, a minute at most."""
    doubled: timedelta = _FIRST_RETRY * 2 ** min(attempt - 1, 20)
    return min(doubled, _LAST_RETRY)


def _wanted(hook: Hook, events: Sequence[Event]) -> list[queries.NewDelivery]:
    """Make deliveries of the events that a hook wants to hear of."""
    return [queries.NewDelivery(one.id, _lane(one), _written(one).decode()) for one in events if hook.wants(one)]


def _lane(event: Event) -> str:
    return event.iccid or event.eid or event.session or ""


def _free_id(taken: Sequence[str]) -> str:
    numbers = [int(match[1]) for one in taken if (match := _NUMBERED.fullmatch(one))]
    return f"w{max(numbers, default=0) + 1}"
