"""A carrier and its hosted devices as a whole: exported, imported, reset, kept as a snapshot and restored.

Each is one transaction. What a restore brings back is the state; the timeline stays and goes on, and no event id,
serial number or random stream comes twice. Sessions of the state that goes are over: their next call gets 8.10.1/3.9.
"""

import re
import zlib
from typing import Any

import msgspec

from smdp.carrier import carriers, contents, journal
from smdp.carrier.contents import Bring
from smdp.carrier.document import Document, at, read, written
from smdp.carrier.errors import CONFLICT, UNKNOWN, CarrierError, did_you_mean
from smdp.carrier.scope import Scope
from smdp.carrier.service import Service
from smdp.carrier.transactions import Written
from smdp.model import Carrier, Removed, Snapshot
from smdp.rsp.server.session import Happening
from smdp.storage import Connection, Row
from smdp.storage.connection import micros, moment
from smdp.storage.queries import carriers as carrier_queries
from smdp.storage.queries import contents as queries
from smdp.storage.queries import control as control_queries
from smdp.storage.queries import events as event_queries
from smdp.storage.queries import snapshots

MAX_SNAPSHOTS = 50
"""How many snapshots a carrier keeps."""
MAX_BYTES = 256 * 1024**2
"""How many bytes, compressed, a carrier's snapshots take together."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_QUICK = 1


class Keeper:
    """Keeps whole carriers; `bring` makes the devices of a document, for whoever hosts them."""

    def __init__(self, service: Service, bring: Bring) -> None:
        self._service, self._bring = service, bring
        self._database = service.database

    # --- documents

    async def export(self, carrier: str) -> bytes:
        """Return a carrier as a document in JSON, secrets included. Raises CarrierError (404)."""
        return await self._service.read(carrier, lambda scope: written(contents.document_of(scope)))

    async def import_(self, carrier: str, document: Document, *, replace: bool = False) -> Written:
        """Make a carrier what a document says; it is created if there is none. The value is a Carrier.

        Raises CarrierError, and nothing has happened: for what the document says wrong, with a JSON path; for a carrier
        that holds something already, unless it is to be replaced.
        """
        written = await self._database.write(self._import, carrier, document, replace)
        return Written(self._service.shown(written.value), written.carrier_created)

    async def load_fixture(self, document: Document, name: str) -> bool:
        """Import a document, unless the carrier it is about holds something already; says whether it did."""
        return await self._database.write(self._load_fixture, document, name)

    def _load_fixture(self, connection: Connection, document: Document, name: str) -> bool:
        if _holds(connection, name):
            return False
        self._import(connection, name, document, replace=False)
        return True

    def _import(self, connection: Connection, name: str, document: Document, replace: bool) -> Written:  # noqa: FBT001 - by position
        with at("$.carrier.name"):
            carriers.check_name(name)
        carrier = carrier_queries.carrier(connection, name)
        if carrier is not None and not replace and _holds(connection, name):
            because = f"The carrier {name} holds profiles or devices already."
            fix = "Have it replaced (replace=true, --replace), or import under another name."
            raise CarrierError("carrier-not-empty", because, fix, CONFLICT)
        created = carrier is None
        if carrier is None:
            carrier = self._service.created(connection, Carrier(name=name))
        return Written(self._put(self._service.scope(connection, carrier), document, {"by": "import"}), created)

    def _put(self, scope: Scope, document: Document, told: dict[str, Any]) -> Carrier:
        """Put a document in the place of what a carrier holds."""
        ended = contents.end_sessions(scope, f"The carrier {scope.name} was replaced while the session was open.")
        settings = document.carrier | {"name": scope.name}
        with at("$.carrier"):
            carrier = carriers.change(scope.connection, scope.carrier, settings, whole=True)
        journal.append(scope, ended)
        contents.put_clock(scope.connection, scope.name, document.clock, self._service.clock)
        contents.put_faults(scope, document.faults)
        scope = self._service.scope(scope.connection, carrier)
        contents.put(scope, document, self._service.entropy(scope.connection, scope.name), self._bring)
        held = queries.held(scope.connection, scope.name)
        counts = {"profiles": held.profiles, "devices": held.devices, "sessions_ended": len(ended)}
        journal.append(scope, [Happening(type="carrier.restored", data=told | counts)])
        return carrier

    # --- reset and delete

    async def reset(self, carrier: str) -> Written:
        """Empty a carrier of profiles, sessions, messages, notifications and hosted devices; the value is Removed.

        Its faults are disarmed, and its clock goes by the real time. Settings, plans, snapshots and the timeline stay.
        One that nobody named before is made: it is as empty as was asked for. Raises CarrierError.
        """
        return await self._service.ensure(carrier, self._reset)

    def _reset(self, scope: Scope) -> Removed:
        held = queries.held(scope.connection, scope.name)
        ended = contents.end_sessions(scope, f"The carrier {scope.name} was reset while the session was open.")
        queries.clear(scope.connection, scope.name)
        control_queries.delete_faults(scope.connection, scope.name)
        control_queries.set_clock(scope.connection, scope.name, 0, None)
        scope = self._service.scope(scope.connection, scope.carrier)
        removed = Removed(profiles=held.profiles, devices=held.devices, sessions=held.sessions)
        told = Happening(type="carrier.reset", data=msgspec.to_builtins(removed))
        journal.append(scope, [*ended, told])
        return removed

    # --- snapshots

    async def take(self, carrier: str, name: str) -> Written:
        """Keep what a carrier and its hosted devices are now, in place of a snapshot of the same name.

        The value is a Snapshot; the carrier is made if nobody named it before. Raises CarrierError.
        """
        return await self._service.ensure(carrier, self._take, name)

    def _take(self, scope: Scope, name: str) -> Snapshot:
        if not _NAME.fullmatch(name):
            because = f"{name[:70]!r} can't be a snapshot's name."
            raise CarrierError("snapshot-name-invalid", because, "Use letters, digits, dots, dashes and underscores.")
        document = contents.document_of(scope)
        content = zlib.compress(written(document), _QUICK)
        number, size = snapshots.taken(scope.connection, scope.name, name)
        if number >= MAX_SNAPSHOTS or size + len(content) > MAX_BYTES:
            because = f"A carrier keeps at most {MAX_SNAPSHOTS} snapshots, of {MAX_BYTES >> 20} MiB together."
            raise CarrierError("too-many-snapshots", because, "Delete some: smdp snapshot delete NAME.", CONFLICT)
        row = snapshots.put(
            scope.connection,
            scope.name,
            name,
            at=micros(scope.now),
            event=event_queries.last_id(scope.connection, scope.name),
            profiles=len(document.profiles),
            devices=len(document.devices),
            content=content,
        )
        return _shown(row)

    async def restore(self, carrier: str, name: str) -> Carrier:
        """Make a carrier and its hosted devices what they were when a snapshot was taken. Raises CarrierError."""
        return self._service.shown(await self._service.write(carrier, self._restore, name))

    def _restore(self, scope: Scope, name: str) -> Carrier:
        content = snapshots.content(scope.connection, scope.name, name)
        if content is None:
            raise _unknown(scope, name)
        document = read(msgspec.json.decode(zlib.decompress(content)))
        return self._put(scope, document, {"by": "snapshot", "snapshot": name})

    async def snapshots(self, carrier: str) -> list[Snapshot]:
        """List a carrier's snapshots, the oldest first. Raises CarrierError (404)."""
        return await self._service.read(
            carrier, lambda scope: [_shown(row) for row in snapshots.snapshots(scope.connection, scope.name)]
        )

    async def snapshot(self, carrier: str, name: str) -> Snapshot:
        """Show a snapshot. Raises CarrierError (404)."""

        def found(scope: Scope) -> Snapshot:
            row = snapshots.snapshot(scope.connection, scope.name, name)
            if row is None:
                raise _unknown(scope, name)
            return _shown(row)

        return await self._service.read(carrier, found)

    async def delete_snapshot(self, carrier: str, name: str) -> None:
        """Forget a snapshot. Raises CarrierError (404)."""

        def forget(scope: Scope) -> None:
            if not snapshots.delete(scope.connection, scope.name, name):
                raise _unknown(scope, name)

        await self._service.write(carrier, forget)


def _holds(connection: Connection, name: str) -> bool:
    held = queries.held(connection, name)
    return bool(held.profiles or held.devices)


def _unknown(scope: Scope, name: str) -> CarrierError:
    known = [row["name"] for row in snapshots.snapshots(scope.connection, scope.name)]
    because = f"The carrier {scope.name} has no snapshot {name[:70]!r}."
    return CarrierError("snapshot-unknown", because, did_you_mean(name, known), UNKNOWN)


def _shown(row: Row) -> Snapshot:
    return Snapshot(
        name=row["name"],
        at=moment(row["at"]),
        event=row["event"],
        profiles=row["profiles"],
        devices=row["devices"],
        bytes=row["size"],
    )
