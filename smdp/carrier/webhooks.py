"""Webhooks: whom a carrier's events are told, what is still to be told, and what came of it. All of it in transactions.

A cursor per hook follows the events; what it passes becomes a delivery, which stays until the receiver took it. So
whoever writes an event does nothing for it, and nothing is lost by a restart. Events about the same profile form a
lane: the next one goes when the one before it is gone.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, structs

from smdp.carrier import carriers, journal
from smdp.carrier.errors import CarrierError, reject_unknown, reject_value
from smdp.carrier.service import Service
from smdp.model import Event, Webhook
from smdp.rsp.server.session import Happening
from smdp.storage import Connection
from smdp.storage.connection import micros, moment, moment_or_none
from smdp.storage.queries import events as event_queries
from smdp.storage.queries import webhooks as queries
from smdp.storage.queries.carriers import carrier_names

DEFAULT = "default"
"""The id of the hook that the settings give to every carrier without hooks of its own."""
GIVE_UP_AFTER = timedelta(hours=24)
MAX_HOOKS = 10
_FIRST_RETRY, _LAST_RETRY = timedelta(seconds=1), timedelta(minutes=1)
_MAX_WAITING = 10_000
"""How many deliveries may wait for a receiver; what comes after them waits in the journal."""
_BATCH = 200
_MAX_TEXT, _MAX_SECRET = 2000, 256
_TOLD_ATTEMPTS = 5
"""Of so many attempts each is an event, of those that follow every tenth: a dead receiver must not fill the journal."""
_OWN = "webhook."
"""Events about deliveries are not delivered."""
_NUMBERED = re.compile(r"w([0-9]{1,9})", re.ASCII)


class Hook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receiver: its id, its URL, which types it wants (all of them if empty), and the secret that signs."""

    id: str = ""
    url: str
    types: tuple[str, ...] = ()
    secret: str | None = None

    def __repr__(self) -> str:
        """Keep the secret out of logs."""
        return f"Hook({self.id}, {self.url})"


class Delivery(Struct, frozen=True):
    """One event on its way to one receiver; `attempt` is the number of this attempt."""

    hook: Hook
    event: Event
    attempt: int
    since: datetime

    @property
    def id(self) -> str:
        """The same for every attempt, so that receivers can tell a repeated delivery."""
        return f"{self.event.carrier}-{self.hook.id}-{self.event.id}"


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
        names = queries.carriers(connection) if self._default is None else carrier_names(connection)
        found = {name: self.hooks(connection, name) for name in names}
        for name, hooks in found.items():
            if hooks == [self._default] and queries.cursor(connection, name, DEFAULT) is None:
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
            if hook.id != DEFAULT or hook not in self.hooks(connection, carrier):
                return None
            found = first - 1
            queries.put(connection, carrier, DEFAULT, 0, "{}", found)
        now = self._service.clock.wall()
        more = self._look(connection, carrier, hook, found, now)
        until = micros(now + lease)
        rows = queries.take(connection, carrier, hook.id, now=micros(now), until=until, limit=slots)
        deliveries = [Delivery(hook, _event(row["body"]), row["attempt"] + 1, moment(row["since"])) for row in rows]
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
        fresh = [
            queries.NewDelivery(one.id, _lane(one), _written(one).decode())
            for one in events
            if (one.type in hook.types if hook.types else not one.type.startswith(_OWN))
        ]
        queries.insert(connection, carrier, hook.id, fresh, micros(now))
        queries.set_cursor(connection, carrier, hook.id, events[-1].id)
        if events[0].id > cursor + 1 and not event_queries.reaches_back(connection, carrier, cursor):
            self._tell_lost(connection, carrier, hook, events[0].id - cursor - 1)
        return len(events) == _BATCH

    def _tell_lost(self, connection: Connection, carrier: str, hook: Hook, count: int) -> None:
        because = f"The journal forgot {count} events before {_place(hook)} could be told of them."
        fix = "Make the receiver faster, or keep more: SMDP_JOURNAL."
        self._tell(connection, carrier, "webhook.failed", {"hook": hook.id, "because": because, "fix": fix})

    async def settle(self, delivery: Delivery, answer: Answer) -> None:
        """Note what came of an attempt, and tell of it."""
        await self._database.write_lightly(self._settle, delivery, answer)

    def _settle(self, connection: Connection, delivery: Delivery, answer: Answer) -> None:
        carrier, hook, event = delivery.event.carrier, delivery.hook, delivery.event.id
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
            fix = f"Look at the receiver at {_place(hook)}, or change the carrier's webhooks."
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
                carrier, hook, attempt = one.event.carrier, one.hook.id, one.attempt - 1
                queries.put_off(connection, carrier, hook, one.event.id, until=now, attempt=attempt)

        if deliveries:
            await self._database.write(released)

    async def waiting(self) -> int:
        """Count what all hooks have still to deliver."""
        return await self._database.read(queries.all_waiting)

    def _tell(self, connection: Connection, carrier: str, kind: str, data: dict[str, Any]) -> None:
        scope = self._service.scope(connection, carriers.find(connection, carrier))
        told = journal.append(scope, [Happening(type=kind, data=data)])
        queries.skip(connection, carrier, told[0].id)


def backoff(attempt: int) -> timedelta:
    """Return how long to wait after an attempt that failed: a second, doubled each time, a minute at most."""
    doubled: timedelta = _FIRST_RETRY * 2 ** min(attempt - 1, 20)
    return min(doubled, _LAST_RETRY)


def _lane(event: Event) -> str:
    return event.iccid or event.eid or event.session or ""


def _place(hook: Hook) -> str:
    """Say where a receiver is, without its path: that may hold a secret."""
    parts = urlsplit(hook.url)
    return f"{parts.scheme}://{parts.netloc}"


def _free_id(taken: Sequence[str]) -> str:
    numbers = [int(match[1]) for one in taken if (match := _NUMBERED.fullmatch(one))]
    return f"w{max(numbers, default=0) + 1}"


# --- what may be given

_MEMBERS = ("id", "url", "types", "secret")
_ANSWERED = ("signed", "pending")
"""Members that are answered and not stored; whoever sends a webhook back as it came may leave them in."""


def read(given: Sequence[Any]) -> list[tuple[Hook, bool]]:
    """Read a carrier's webhooks, each with whether it leaves its secret as it is. Raises CarrierError."""
    if len(given) > MAX_HOOKS:
        raise CarrierError("value-invalid", f"A carrier has at most {MAX_HOOKS} webhooks.", "Give fewer.")
    return [_read(one) for one in given]


def _read(given: Any) -> tuple[Hook, bool]:
    if not isinstance(given, dict):
        raise CarrierError("value-invalid", "A webhook is an object.", 'Such as {"url": "https://…", "secret": "…"}.')
    members = {name: value for name, value in given.items() if name not in _ANSWERED}
    reject_unknown(members, (*_MEMBERS, *_ANSWERED), "webhook")
    try:
        hook = msgspec.convert(members, Hook)
    except msgspec.ValidationError as error:
        reject_value(error, "webhook")
    return check(hook), "secret" not in members


def check(hook: Hook) -> Hook:
    """Refuse a webhook that can't be sent to, or not be signed. Raises CarrierError."""
    journal.check_types(hook.types)
    if any(one.startswith(_OWN) for one in hook.types):
        because = "Events about deliveries are not delivered: each would make another."
        raise CarrierError("value-invalid", because, "Leave out webhook.*; smdp events shows them.")
    _check_url(hook.url)
    secret = hook.secret
    if secret is not None and not (secret.isprintable() and 1 <= len(secret) <= _MAX_SECRET):
        because = f"A webhook's secret is 1 to {_MAX_SECRET} printable characters."
        raise CarrierError("value-invalid", because, "Leave it out, or null, for deliveries without a signature.")
    return hook


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable, parts = False, None
    if parts is None or not usable or not url.isprintable() or " " in url or len(url) > _MAX_TEXT:
        because = "A webhook's url is http://… or https://…, with a host."
        raise CarrierError("value-invalid", because, "Such as https://receiver.example.com/smdp.")
    if parts.username is not None or parts.password is not None:
        because = "A webhook's url must not hold a password: it is shown to whoever may read the carrier."
        raise CarrierError("value-invalid", because, "Give a secret; each delivery is signed with it.")
