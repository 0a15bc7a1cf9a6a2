"""The carrier's use cases, one method each: a transaction, what it decides, and what the control API answers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec import Struct, structs

from smdp.carrier import carriers, clocks, contents, diagnose, journal, plans, profiles, sessions
from smdp.carrier.activation import activation_of
from smdp.carrier.addresses import DEFAULT, Addresses
from smdp.carrier.clocks import ClockChange
from smdp.carrier.errors import CONFLICT, CarrierError
from smdp.carrier.issue import IssueOrder, issue
from smdp.carrier.journal import Journal, Wanted
from smdp.carrier.profiles import Verb
from smdp.carrier.reasons import Reason
from smdp.carrier.scope import Scope
from smdp.carrier.timer import Timer
from smdp.carrier.transactions import Transactions, Written
from smdp.clock import Clock as BaseClock
from smdp.durations import format_duration
from smdp.model import Activation, ActivationState, Carrier, Clock, EidReport, Event, Plan, Profile, Session
from smdp.storage import Connection, Database
from smdp.storage.queries import carriers as carrier_queries
from smdp.storage.queries import control as control_queries
from smdp.storage.queries import events as event_queries
from smdp.storage.queries import profiles as profile_queries

Farewell = Callable[[Scope], Callable[[Sequence[Event]], None]]

MAX_WAIT = timedelta(minutes=10)
_NAME_DIGITS = 5
_NOBODY = ""
"""Whose stream the names of carriers are drawn from, with a seed: no carrier is called so."""


class Waited(Struct, kw_only=True, omit_defaults=True):
    """How a wait ended: with the event, or with what came instead and why."""

    reached: bool
    event: Event | None = None
    timed_out: bool = False
    last: Event | None = None
    reason: str | None = None
    because: str | None = None
    fix: str | None = None


class Service(Transactions):
    """All carriers of a server. `journal` bytes of events are kept for each; with a `seed`, what is random repeats."""

    def __init__(
        self,
        database: Database,
        clock: BaseClock,
        *,
        addresses: Addresses | None = None,
        seed: str | None = None,
        journal: int = 64 * 1024**2,
    ) -> None:
        super().__init__(database, clock, addresses=addresses, seed=seed, journal=journal)
        self.journal = Journal(database)
        self.cis: frozenset[str] = frozenset()
        """Key identifiers (hexadecimal) of the CIs under which the server has certificates; empty: unknown."""
        self.farewell: Farewell = lambda _: lambda _: None
        """What a carrier that is being deleted leaves to do: called before, and then with its last events."""
        self._timer = Timer(self._do_due, shared=database.shared)
        database.listen(self._timer.committed)

    async def start(self) -> None:
        """Make sure of the carrier `default`, and do what fell due while nobody was running."""
        await self.ensure(DEFAULT, lambda _: None)
        self._timer.start()

    async def close(self) -> None:
        """Stop waiting for what is due. The database is its opener's to close."""
        await self._timer.close()
        await self.journal.close()

    # --- carriers

    async def create_carrier(self, name: str | None, settings: Mapping[str, Any]) -> Carrier:
        """Make a fresh carrier, with a generated name if there is none. Raises CarrierError."""
        return self.shown(await self.database.write(self._create_carrier, name, settings))

    def _create_carrier(self, connection: Connection, name: str | None, settings: Mapping[str, Any]) -> Carrier:
        if name is None:
            name = self._free_name(connection)
        carriers.check_name(name)
        return self.created(connection, carriers.merged(Carrier(name=name), settings))

    def _free_name(self, connection: Connection) -> str:
        """Make a DNS-safe name that nobody has: c and five digits of 32."""
        known = set(carrier_queries.carrier_names(connection))
        entropy = self.entropy(connection, _NOBODY)
        while True:
            name = "c" + "".join("0123456789abcdefghjkmnpqrstvwxyz"[octet & 31] for octet in entropy.take(_NAME_DIGITS))
            if name not in known:
                return name

    async def change_carrier(self, name: str, settings: Mapping[str, Any], *, whole: bool = False) -> Written:
        """Change settings of a carrier, or all of them (`whole`); it is made if there is none. Raises CarrierError."""
        carriers.check_name(name)
        written = await self.ensure(
            name, lambda scope: carriers.change(scope.connection, scope.carrier, settings, whole=whole)
        )
        return Written(self.shown(written.value), written.carrier_created)

    async def carrier(self, name: str) -> Carrier:
        """Return a carrier. Raises CarrierError (404)."""
        return self.shown(await self.database.read(carriers.find, name))

    async def carriers(self, after: str, limit: int) -> tuple[list[Carrier], str | None]:
        """List carriers by name."""
        found = await self.database.read(carrier_queries.carriers, after, limit + 1)
        return [self.shown(one) for one in found[:limit]], found[limit - 1].name if len(found) > limit else None

    async def delete_carrier(self, name: str) -> None:
        """Delete a carrier with all that is in it. Raises CarrierError."""
        if name == DEFAULT:
            because = "The carrier default is where every other host name leads; it stays."
            raise CarrierError("carrier-needed", because, "Use a carrier of its own for each test.", CONFLICT)
        await self.write(name, self._delete)

    def _delete(self, scope: Scope) -> None:
        take_last = self.farewell(scope)
        take_last(contents.delete(scope))

    def shown(self, carrier: Carrier) -> Carrier:
        """Fill in what follows from where the server listens."""
        url, sm_ds = self.addresses.url(carrier), self.addresses.sm_ds(carrier)
        return structs.replace(carrier, esim_server_url=url, sm_ds=sm_ds)

    # --- plans

    async def create_plan(self, carrier: str, settings: Mapping[str, Any]) -> Written:
        """Make a plan. Raises CarrierError."""
        return await self.ensure(carrier, lambda scope: plans.create(scope.connection, scope.name, settings))

    async def change_plan(self, carrier: str, name: str, settings: Mapping[str, Any]) -> Plan:
        """Change settings of a plan. Raises CarrierError."""
        return await self.write(carrier, lambda scope: plans.change(scope.connection, scope.name, name, settings))

    async def plan(self, carrier: str, name: str) -> Plan:
        """Return a plan. Raises CarrierError (404)."""
        return await self.read(carrier, lambda scope: plans.find(scope.connection, scope.name, name))

    async def plans(self, carrier: str) -> list[Plan]:
        """Return all plans of a carrier."""
        found = await self.read(carrier, lambda scope: carrier_queries.plans(scope.connection, scope.name))
        return list(found.values())

    async def delete_plan(self, carrier: str, name: str) -> None:
        """Delete a plan that no profile is of. Raises CarrierError."""
        await self.write(carrier, lambda scope: plans.delete(scope.connection, scope.name, name))

    # --- profiles

    async def issue(self, carrier: str, orders: Sequence[IssueOrder]) -> Written:
        """Issue profiles, all or none; the value is a list of Profile. Raises CarrierError."""

        def issued(scope: Scope) -> list[Profile]:
            rows = issue(scope, orders, self.entropy(scope.connection, scope.name))
            return [profiles.view(scope, row) for row in rows]

        return await self.ensure(carrier, issued)

    async def profile(self, carrier: str, iccid: str, *, secrets: bool = False) -> Profile:
        """Return a profile, with its keys and PINs if asked for. Raises CarrierError (404)."""
        return await self.read(
            carrier, lambda scope: profiles.view(scope, profiles.find(scope, iccid), secrets=secrets)
        )

    async def profiles(
        self, carrier: str, filters: Mapping[str, str], after: int, limit: int, *, secrets: bool = False
    ) -> tuple[list[Profile], int | None]:
        """List profiles in the order of their creation. Raises CarrierError."""

        def page(scope: Scope) -> tuple[list[Profile], int | None]:
            rows, cursor = profiles.page(scope, filters, after, limit)
            return [profiles.view(scope, row, secrets=secrets) for row in rows], cursor

        return await self.read(carrier, page)

    async def change_profile(self, carrier: str, iccid: str, settings: Mapping[str, Any]) -> Profile:
        """Correct an order that nobody got yet. Raises CarrierError."""
        return await self.write(carrier, lambda scope: profiles.view(scope, profiles.change(scope, iccid, settings)))

    async def do(self, carrier: str, iccid: str, verb: Verb) -> Profile:
        """Release, hold or revoke a profile. Raises CarrierError."""
        return await self.write(carrier, lambda scope: profiles.view(scope, profiles.do(scope, iccid, verb)))

    async def force_activation(
        self, carrier: str, iccid: str, state: ActivationState, reason: str | None
    ) -> Activation:
        """Set the state of a profile's activation by hand. Raises CarrierError."""
        row = await self.write(carrier, profiles.force_activation, iccid, state, reason)
        return activation_of(row)

    async def eid_report(self, carrier: str, eid: str) -> EidReport:
        """Say what an EID has, what it would get now, and why. Raises CarrierError."""
        return await self.read(carrier, diagnose.eid_report, eid, self.cis)

    # --- sessions

    async def session(self, carrier: str, transaction_id: str) -> Session:
        """Return an RSP session with its steps. Raises CarrierError (404)."""
        return await self.read(carrier, sessions.session_view, transaction_id)

    async def sessions(
        self, carrier: str, filters: dict[str, str], before: int | None, limit: int
    ) -> tuple[list[Session], int | None]:
        """List RSP sessions, newest first."""
        return await self.read(carrier, sessions.session_views, filters, before, limit)

    async def raw_session(self, carrier: str, transaction_id: str) -> dict[str, Any]:
        """Return an RSP session's messages as bytes. Raises CarrierError (404)."""
        return await self.read(carrier, sessions.raw_messages, transaction_id)

    # --- events

    async def events(self, wanted: Wanted, limit: int) -> list[Event]:
        """List events, oldest first. Raises CarrierError."""
        journal.check_types(wanted.types)
        await self.database.read(carriers.find, wanted.carrier)
        return await self.journal.read(wanted, limit)

    async def last_event(self, carrier: str) -> int:
        """Return the id of the last event. Raises CarrierError (404)."""
        return await self.read(carrier, lambda scope: event_queries.last_id(scope.connection, scope.name))

    async def wait(self, wanted: Wanted, unless: Sequence[str], within: timedelta) -> Waited:
        """Wait for an event, unless one comes that makes it impossible.

        Raises CarrierError: (404) for an unknown carrier, also if it is deleted meanwhile, (503) once the server stops.
        """
        journal.check_types((*wanted.types, *unless))
        if within > MAX_WAIT:
            because = f"within is {format_duration(within)}; {format_duration(MAX_WAIT)} is the longest wait."
            raise CarrierError("within-invalid", because, "Wait again with after set to the last event's id.")
        types = wanted.types and (*wanted.types, *unless)
        there_is = partial(carriers.find, name=wanted.carrier)
        event = await self.journal.next(structs.replace(wanted, types=types), within, there_is)
        if event is None:
            return await self._timed_out(wanted, within)
        if not wanted.types or event.type in wanted.types:
            return Waited(reached=True, event=event)
        reason, fix = event.data.get("reason"), event.data.get("fix")
        because = event.data.get("because") or f"{event.type} came first: {reason or 'no reason given'}."
        return Waited(reached=False, last=event, reason=reason, because=because, fix=fix)

    async def _timed_out(self, wanted: Wanted, within: timedelta) -> Waited:
        def why(scope: Scope) -> Waited:
            last = event_queries.last(scope.connection, scope.name, eid=wanted.eid, iccid=wanted.iccid)
            told = diagnose.why_not(scope, wanted.eid, wanted.iccid, self.cis)
            if told is None:
                because = f"No {' or '.join(wanted.types) or 'event'} came within {format_duration(within)}."
                told = Reason("timed-out", because, "smdp events -f shows what does happen.")
            slug, because, fix = told
            return Waited(reached=False, timed_out=True, last=last, reason=slug, because=because, fix=fix)

        return await self.read(wanted.carrier, why)

    # --- clocks, and what is due

    async def show_clock(self, carrier: str) -> Clock:
        """Say how a carrier's clock stands. Raises CarrierError (404)."""
        return await self.read(carrier, clocks.show, self.clock)

    async def set_clock(self, carrier: str, change: ClockChange) -> Written:
        """Set, freeze or free a carrier's clock; what falls due on the way is done. Raises CarrierError."""
        return await self.ensure(carrier, lambda scope: clocks.change(scope, change, self.clock))

    async def advance_clock(self, carrier: str, by: timedelta) -> Written:
        """Let time pass for a carrier at once; what falls due on the way is done. Raises CarrierError."""
        return await self.ensure(carrier, lambda scope: clocks.advance(scope, by, self.clock))

    def clock_of(self, carrier: str) -> BaseClock:
        """Return a carrier's clock, which goes on being right when somebody moves it."""
        return CarrierClock(self, carrier)

    def clock_moved(self) -> None:
        """Look again for what is due: the clock beneath all carriers' says something else than it did."""
        self._timer.wake()

    async def _do_due(self) -> float | None:
        """Do all that is due now, and return the seconds until something is due again."""
        while True:
            waits = await self.database.read(self._waits)
            ready = [name for name, seconds in waits.items() if seconds is not None and seconds <= 0]
            if not ready:
                return min((seconds for seconds in waits.values() if seconds is not None), default=None)
            done = [await self.database.write(self._due_of, name) for name in ready]
            if not any(done):
                raise RuntimeError(f"what is due for {', '.join(ready)} cannot be done")
            await asyncio.sleep(0)  # let others run: a database in memory never waits

    def _waits(self, connection: Connection) -> dict[str, float | None]:
        """Return the seconds until something is due by the clock of each carrier that waits for something."""
        moved = control_queries.moved_clocks(connection)
        return {
            name: clocks.seconds_until(due, moved.get(name, control_queries.UNTOUCHED), self.clock)
            for name, due in profile_queries.next_due(connection).items()
        }

    def _due_of(self, connection: Connection, name: str) -> bool:
        carrier = carrier_queries.carrier(connection, name)
        return carrier is not None and profiles.do_due(self.scope(connection, carrier))


class CarrierClock:
    """The clock of a carrier, read anew each time."""

    def __init__(self, service: Service, carrier: str) -> None:
        self._service, self._carrier = service, carrier

    def now(self) -> datetime:
        """Return the carrier's time."""
        return self._service.now(self._service.database.look(control_queries.control, self._carrier))

    def wall(self) -> datetime:
        """Return the real time."""
        return self._service.clock.wall()
