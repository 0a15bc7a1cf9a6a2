"""What a carrier holds, to a document and back. Every function runs in a transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import structs

from smdp.carrier import carriers, content, faults, journal, orders, plans, sessions
from smdp.carrier.document import (
    MAX_ENTRIES,
    VERSION,
    ActivationEntry,
    AttemptsEntry,
    ClockEntry,
    Document,
    ProfileEntry,
    SessionEntry,
    at,
)
from smdp.carrier.errors import CONFLICT, CarrierError
from smdp.carrier.issue import MAX_PROFILES, happening, prepare
from smdp.carrier.scope import Scope
from smdp.clock import Clock, VirtualClock
from smdp.model import Event, Fault, Plan
from smdp.rsp.crypto import Entropy
from smdp.rsp.server.session import Happening, Session, Stage
from smdp.rsp.states import CONSUMED_BY_ENTERING, State
from smdp.storage import Connection, Row
from smdp.storage.connection import micros, micros_or_none, moment, moment_or_none
from smdp.storage.queries import carriers as carrier_queries
from smdp.storage.queries import contents as queries
from smdp.storage.queries import control as control_queries
from smdp.storage.queries.contents import DeviceRow

Bring = Callable[[Scope, Sequence[Mapping[str, Any]], Entropy], list[DeviceRow]]
"""What makes devices of a document's entries: whoever hosts them. Raises CarrierError with a JSON path."""

_MICROSECONDS = 1_000_000
_TOLD = 1000
"""How many sessions that end with a carrier's state are told of one by one."""
_PARTS = (State.DOWNLOADED, State.INSTALLED)
_OWN_MEMBERS = ("iccid", "plan", "eid", "imei", "imsi", "msisdn", "matching_id", "state", "runtime", "reason")


# --- to a document


def document_of(scope: Scope) -> Document:
    """Write down a carrier: settings, plans, profiles with their secrets, devices with their eUICCs."""
    settings = msgspec.to_builtins(scope.carrier)
    found = carrier_queries.plans(scope.connection, scope.name)
    devices = list(queries.every_device(scope.connection, scope.name))
    return Document(
        version=VERSION,
        carrier={name: value for name, value in settings.items() if name not in carriers.DERIVED},
        plans=[msgspec.to_builtins(plan) for plan in found.values()],
        profiles=[_entry(row) for row in queries.every_profile(scope.connection, scope.name)],
        devices=[{**msgspec.json.decode(one.description), "state": one.state} for one in devices],
        sessions=list(_sessions_of(scope)),
        clock=_clock_of(scope),
        faults=[_fault(one) for one in control_queries.faults(scope.connection, scope.name, armed=True)],
    )


def _fault(fault: Fault) -> dict[str, Any]:
    """Write a fault as it is ordered, for as many times as it has left."""
    left = None if fault.times is None else fault.times - fault.hits
    entry: dict[str, Any] = msgspec.to_builtins(fault)
    return {"do": entry["do"], "with": entry["with"], "on": entry["on"], "times": left}


def _clock_of(scope: Scope) -> ClockEntry:
    control = control_queries.control(scope.connection, scope.name)
    if control.frozen_at is not None:
        return ClockEntry(now=moment(control.frozen_at), frozen=True)
    return ClockEntry(offset=control.offset / _MICROSECONDS)


def _entry(row: Row) -> ProfileEntry:
    upp = None if row["upp"] is None else msgspec.to_builtins(bytes(row["upp"]))
    return ProfileEntry(
        **{name: row[name] for name in _OWN_MEMBERS},
        credentials=structs.asdict(content.credentials(row)),
        upp=upp,
        expires_at=moment_or_none(row["expires_at"]),
        consumed_at=moment_or_none(row["consumed_at"]),
        consumed_by=row["consumed_by"],
        activation=ActivationEntry(
            state=row["activation_state"],
            reason=row["activation_reason"],
            since=moment(row["activation_since"]),
            due_at=moment_or_none(row["activation_due_at"]),
        ),
        attempts=AttemptsEntry(download=row["download_attempts"], confirmation_code=row["confirmation_code_attempts"]),
        created_at=moment(row["created_at"]),
        confirmation_code_hash=row["confirmation_code_hash"],
        metadata=row["metadata"],
    )


def _sessions_of(scope: Scope) -> Iterator[SessionEntry]:
    """Yield the sessions that a notification may still come for."""
    for row in queries.handed_out(scope.connection, scope.name, MAX_ENTRIES):
        yield SessionEntry(
            id=row["transaction_id"],
            eid=row["eid"],
            iccid=row["iccid"],
            opened_at=moment(row["opened_at"]),
            content=row["content"],
        )


# --- away with it


def end_sessions(scope: Scope, because: str) -> list[Happening]:
    """Tell of the sessions that are open and end with the state they were about; nothing is deleted yet."""
    cutoff = micros(scope.now - timedelta(minutes=scope.carrier.limits.session_minutes))
    rows = queries.running(scope.connection, scope.name, cutoff, _TOLD)
    return [
        Happening(
            type="session.cancelled",
            iccid=row["iccid"],
            data={
                "eid": row["eid"],
                "session": row["transaction_id"],
                "reason": "carrier-replaced",
                "because": because,
            },
        )
        for row in reversed(rows)
    ]


def delete(scope: Scope) -> list[Event]:
    """Delete a carrier with all that is in it; return its last events, which tell so to whoever still listens."""
    ended = end_sessions(scope, f"The carrier {scope.name} was deleted while the session was open.")
    carrier_queries.delete_carrier(scope.connection, scope.name)
    told = {"because": f"The carrier {scope.name} was deleted.", "fix": f"smdp carrier new {scope.name}"}
    return journal.append(scope, [*ended, Happening(type="carrier.deleted", data=told)])


# --- from a document


def put_clock(connection: Connection, carrier: str, entry: ClockEntry, base: Clock) -> None:
    """Set a carrier's clock, which runs beside `base`, without doing what falls due on the way."""
    clock = VirtualClock(offset=timedelta(seconds=entry.offset), base=base)
    if entry.frozen:
        clock.freeze()
    if entry.now is not None:
        clock.set(entry.now)
    offset = round(clock.offset.total_seconds() * _MICROSECONDS)
    control_queries.set_clock(connection, carrier, offset, micros_or_none(clock.frozen_at))


def put_faults(scope: Scope, entries: Sequence[dict[str, Any]]) -> None:
    """Arm these faults instead of those that are armed. Raises CarrierError with a JSON path."""
    faults.clear(scope)
    for place, entry in enumerate(entries):
        with at(f"$.faults[{place}]"):
            faults.arm(scope, faults.read(entry))


def put(scope: Scope, document: Document, entropy: Entropy, bring: Bring) -> None:
    """Put into a carrier, whose settings are the document's already, what the document holds, instead of what it has.

    Raises CarrierError with a JSON path; the caller's transaction undoes the rest.
    """
    newest = queries.last_device(scope.connection)
    queries.clear(scope.connection, scope.name)
    _put_plans(scope, document.plans)
    put_profiles(scope, document.profiles, entropy)
    _put_sessions(scope, document.sessions)
    _put_devices(scope, bring(scope, document.devices, entropy), newest)
    scope.wake()


def _put_plans(scope: Scope, entries: Sequence[Mapping[str, Any]]) -> None:
    queries.clear_plans(scope.connection, scope.name)
    for place, entry in enumerate(entries):
        with at(f"$.plans[{place}]"):
            plans.create(scope.connection, scope.name, entry)
    carrier_queries.insert_plan(scope.connection, scope.name, Plan(name="default"))  # unless it is among them


def put_profiles(scope: Scope, entries: Sequence[ProfileEntry], entropy: Entropy) -> None:
    """Insert profiles, as many at once as an order may hold; those that are fresh are told of as issued."""
    known = carrier_queries.plans(scope.connection, scope.name)
    for place, entry in enumerate(entries):
        with at(f"$.profiles[{place}].plan"):
            plans.find(scope.connection, scope.name, entry.plan) if entry.plan not in known else None
    for first, portion in _portions(entries):
        with at(f"$.profiles[{first}…]"):
            rows = prepare(scope, portion, entropy)
        each = [entry for entry in portion for _ in range(entry.count)]
        whole = [_standing(scope, row, entry, known[entry.plan]) for row, entry in zip(rows, each, strict=True)]
        queries.insert_profiles(scope.connection, whole)
        fresh = [row for row, entry in zip(whole, each, strict=True) if entry.created_at is None]
        journal.append(scope, [happening(row) for row in fresh])


def _portions(entries: Sequence[ProfileEntry]) -> Iterator[tuple[int, list[ProfileEntry]]]:
    """Split a list into parts of at most MAX_PROFILES profiles, each with the place of its first."""
    portion: list[ProfileEntry] = []
    total = 0
    for place, entry in enumerate(entries):
        if total + entry.count > MAX_PROFILES:
            yield place - len(portion), portion
            portion, total = [], 0
        portion.append(entry)
        total += entry.count
    if portion:
        yield len(entries) - len(portion), portion


def _standing(scope: Scope, row: dict[str, Any], entry: ProfileEntry, plan: Plan) -> dict[str, Any]:
    """Lay over a fresh row where the profile stands."""
    state = State(entry.state or row["state"])
    activation = entry.activation or _usual_activation(entry)
    consumed_at = entry.consumed_at
    if entry.created_at is None and consumed_at is None and _consumed(scope, plan, state):
        consumed_at = scope.now
    whole = row | {
        "state": state,
        "runtime": entry.runtime,
        "reason": entry.reason,
        "download_attempts": entry.attempts.download,
        "confirmation_code_attempts": entry.attempts.confirmation_code,
        "consumed_at": micros_or_none(consumed_at),
        "consumed_by": entry.consumed_by,
        "activation_state": activation.state,
        "activation_reason": activation.reason,
        "activation_since": micros(activation.since or scope.now),
        "activation_due_at": micros_or_none(activation.due_at),
        "metadata": entry.metadata,
    }
    if entry.confirmation_code_hash is not None:
        whole["confirmation_code_hash"] = entry.confirmation_code_hash
    if entry.created_at is not None:
        whole |= {"created_at": micros(entry.created_at), "expires_at": micros_or_none(entry.expires_at)}
    return whole


def _usual_activation(entry: ProfileEntry) -> ActivationEntry:
    """Say how it stands with the plan of a profile whose entry does not."""
    return ActivationEntry(state="active" if entry.state == "installed" else "inactive")


def _consumed(scope: Scope, plan: Plan, state: State) -> bool:
    """Say whether a profile on its usual way to this state has been consumed."""
    by = CONSUMED_BY_ENTERING[orders.reuse_of(scope.carrier, plan)]
    return by is not None and state in _PARTS and _PARTS.index(state) >= _PARTS.index(by)


def _put_sessions(scope: Scope, entries: Sequence[SessionEntry]) -> None:
    """Insert sessions that are over but for a notification: every other call of them gets 8.10.1/3.9."""
    rows: dict[str, dict[str, Any]] = {}
    for place, entry in enumerate(entries):
        try:
            session = sessions.read(entry.content)
        except msgspec.MsgspecError:
            session = None
        if session is None or not _is_of(session, entry) or entry.id in rows:
            because = f"$.sessions[{place}].content: it is no session of this id, eid and iccid, or a second one."
            raise CarrierError("session-invalid", because, "Leave the session out: a late notification is not taken.")
        rows[entry.id] = {
            "transaction_id": entry.id,
            "stage": Stage.CLOSED,
            "eid": session.eid,
            "iccid": session.iccid,
            "opened_at": micros(entry.opened_at),
            "content": sessions.pack(structs.replace(session, stage=Stage.CLOSED)),
        }
    queries.insert_sessions(scope.connection, scope.name, list(rows.values()))


def _is_of(session: Session, entry: SessionEntry) -> bool:
    """Say whether a session is the one that an entry names; an EID and an ICCID that are left out fit any."""
    named = sessions.identifier(session.transaction_id) == entry.id
    return named and entry.eid in (None, session.eid) and entry.iccid in (None, session.iccid)


def _put_devices(scope: Scope, devices: Sequence[DeviceRow], newest: int) -> None:
    taken = queries.owners(scope.connection, [one.eid for one in devices])
    seen: set[str] = set()
    for place, one in enumerate(devices):
        if one.eid in taken or one.eid in seen:
            where = f"at home in the carrier {taken[one.eid]}" if one.eid in taken else "in the list"
            because = f"$.devices[{place}].eid: a device with the EID {one.eid} is {where} already."
            raise CarrierError("device-exists", because, "Delete that one, or leave eid out.", CONFLICT)
        seen.add(one.eid)
    queries.insert_devices(scope.connection, scope.name, devices, newest)
