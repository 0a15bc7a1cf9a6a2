"""Profiles: issued, found, moved from state to state by conditional updates, claimed once."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smdp.storage.connection import Connection, Row, one_of

COLUMNS = (
    "carrier", "iccid", "number", "plan", "eid", "imei", "imsi", "msisdn", "state", "matching_id",
    "confirmation_code_hash", "created_at", "expires_at", "activation_since", "upp", "credentials", "warnings",
)  # fmt: skip
"""What a fresh profile is made of; every other column begins with its default."""

CHANGEABLE = frozenset({
    "eid", "imei", "runtime", "download_attempts", "confirmation_code_attempts", "confirmation_code_hash", "reason",
    "expires_at", "consumed_at", "consumed_by", "activation_state", "activation_reason", "activation_since",
    "activation_due_at", "metadata", "matching_id", "warnings",
})  # fmt: skip
"""What a change may set: the names that can get into a statement."""

_INSERT = f"INSERT INTO profiles ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"
_SEARCHED = ("iccid", "eid", "imsi", "msisdn", "matching_id")
_SEARCH = "(" + " OR ".join(f"{column} LIKE :like ESCAPE '!'" for column in _SEARCHED) + ")"
_WITH_PLAN = (
    "SELECT p.*, plans.settings AS plan_settings FROM profiles p "
    "JOIN plans ON plans.carrier = p.carrier AND plans.name = p.plan"
)
_RETURNING = (
    "RETURNING *, "
    "(SELECT settings FROM plans WHERE plans.carrier = profiles.carrier AND plans.name = plan) AS plan_settings"
)
_LIVE = "state NOT IN ('error', 'unavailable')"


def insert(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert fresh profiles. The caller has asked `used_iccids` and `used_matching_ids` in this transaction."""
    connection.executemany(_INSERT, rows)


def used_iccids(connection: Connection, carrier: str, iccids: Sequence[str]) -> set[str]:
    """Say which of these ICCIDs the carrier has already."""
    return _used(connection, carrier, "iccid", iccids, "TRUE")


def used_matching_ids(connection: Connection, carrier: str, matching_ids: Sequence[str]) -> set[str]:
    """Say which of these MatchingIDs belong to a live order of the carrier."""
    return _used(connection, carrier, "matching_id", matching_ids, _LIVE)


def _used(connection: Connection, carrier: str, column: str, values: Sequence[str], condition: str) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(values), 500):
        parameters: dict[str, Any] = {"carrier": carrier}
        wanted = one_of("value", values[start : start + 500], parameters)
        rows = connection.execute(
            f"SELECT {column} AS value FROM profiles "
            f"WHERE carrier = :carrier AND {column} IN ({wanted}) AND {condition}",
            parameters,
        ).fetchall()
        found.update(row["value"] for row in rows)
    return found


def profile(connection: Connection, carrier: str, iccid: str) -> Row | None:
    """Find a profile by its ICCID; `plan_settings` beside its columns is its plan, as JSON."""
    found: Row | None = connection.execute(
        f"{_WITH_PLAN} WHERE p.carrier = :carrier AND iccid = :iccid", {"carrier": carrier, "iccid": iccid}
    ).fetchone()
    return found


def profiles(
    connection: Connection,
    carrier: str,
    filters: Mapping[str, str],
    after: int = 0,
    limit: int = 100,
) -> list[Row]:
    """List profiles in the order of their creation: those behind number `after` that match all filters.

    Filters: `eid`, `state`, `activation` (the state of the activation), `plan`, `q` (a part of any identifier).
    """
    conditions = {
        "eid": "eid = :eid",
        "state": "state = :state",
        "plan": "plan = :plan",
        "activation": "activation_state = :activation",
        "q": _SEARCH,
    }
    where = " AND ".join(["p.carrier = :carrier", "p.number > :after", *(conditions[name] for name in filters)])
    parameters: dict[str, Any] = {"carrier": carrier, "after": after, "limit": limit, **filters}
    if "q" in filters:
        parameters["like"] = "%" + re.sub("([!%_])", r"!\1", filters["q"]) + "%"
    found: list[Row] = connection.execute(
        f"{_WITH_PLAN} WHERE {where} ORDER BY p.number LIMIT :limit",
        parameters,
    ).fetchall()
    return found


def of_eid(connection: Connection, carrier: str, eid: str, limit: int = 100) -> list[Row]:
    """Return the orders of an EID as `profile` does, those that still wait first, oldest first."""
    return _orders(connection, "eid = :key", carrier, eid, limit)


def of_matching_id(connection: Connection, carrier: str, matching_id: str, limit: int = 100) -> list[Row]:
    """Return the orders of a MatchingID, those that still wait first, oldest first; none for an empty one."""
    return _orders(connection, "matching_id = :key AND matching_id <> ''", carrier, matching_id, limit)


def _orders(connection: Connection, condition: str, carrier: str, key: str, limit: int) -> list[Row]:
    found: list[Row] = connection.execute(
        f"{_WITH_PLAN} WHERE p.carrier = :carrier AND {condition} ORDER BY CASE state "
        "WHEN 'released' THEN 0 WHEN 'allocated' THEN 1 WHEN 'linked' THEN 1 WHEN 'confirmed' THEN 1 "
        "WHEN 'downloaded' THEN 2 ELSE 3 END, p.number LIMIT :limit",
        {"carrier": carrier, "key": key, "limit": limit},
    ).fetchall()
    return found


def waiting_eids(connection: Connection, carrier: str, limit: int = 10_000) -> list[Row]:
    """Return eid and iccid of the orders that wait for somebody, newest first: where a mistyped EID is looked for."""
    found: list[Row] = connection.execute(
        "SELECT eid, iccid FROM profiles WHERE carrier = :carrier AND eid IS NOT NULL "
        "AND state IN ('linked', 'confirmed', 'released') ORDER BY number DESC LIMIT :limit",
        {"carrier": carrier, "limit": limit},
    ).fetchall()
    return found


def iccids(connection: Connection, carrier: str, limit: int) -> list[str]:
    """Return the ICCIDs of the newest profiles: where a mistyped one is looked for."""
    rows = connection.execute(
        "SELECT iccid FROM profiles WHERE carrier = :carrier ORDER BY number DESC LIMIT :limit",
        {"carrier": carrier, "limit": limit},
    ).fetchall()
    return [row["iccid"] for row in rows]


# --- changes


def claim(
    connection: Connection,
    carrier: str,
    iccid: str,
    *,
    eid: str,
    sources: Sequence[str],
    by: str,
    consumed_at: int | None,
) -> Row | None:
    """Hand a profile out to an EID: the one statement that decides who gets it. None for whoever came too late.

    `sources` are the states it may be handed out from; `consumed_at` is None where that does not consume it.
    """
    values = {"carrier": carrier, "iccid": iccid, "eid": eid, "by": by, "consumed_at": consumed_at}
    unconsumed = "" if consumed_at is None else "AND consumed_at IS NULL"
    consumed_by = "consumed_by" if consumed_at is None else "coalesce(consumed_by, :by)"
    claimed: Row | None = connection.execute(
        "UPDATE profiles SET state = 'downloaded', eid = :eid, consumed_at = coalesce(consumed_at, :consumed_at), "
        f"consumed_by = {consumed_by} WHERE carrier = :carrier AND iccid = :iccid "
        f"AND state IN ({one_of('source', sources, values)}) AND (eid IS NULL OR eid = :eid) {unconsumed} {_RETURNING}",
        values,
    ).fetchone()
    return claimed


def move(
    connection: Connection,
    carrier: str,
    iccid: str,
    moves: Mapping[str, str],
    values: Mapping[str, Any],
) -> Row | None:
    """Take a profile from its state to the one that `moves` names for it and set columns; None if it names none."""
    parameters: dict[str, Any] = {"carrier": carrier, "iccid": iccid}
    condition = one_of("source", moves, parameters)
    cases = []
    for place, target in enumerate(moves.values()):
        parameters[f"target{place}"] = target
        cases.append(f"WHEN :source{place} THEN :target{place}")
    state = f"state = CASE state {' '.join(cases)} ELSE state END"
    return _update(connection, [state], values, f"AND state IN ({condition})", parameters)


def change(
    connection: Connection,
    carrier: str,
    iccid: str,
    values: Mapping[str, Any],
    owner: str | None = None,
) -> Row | None:
    """Set columns of a profile, whatever its state; None if there is none, or, given `owner`, it is another EID's."""
    parameters: dict[str, Any] = {"carrier": carrier, "iccid": iccid}
    if owner is None:
        return _update(connection, [], values, "", parameters)
    parameters["owner"] = owner
    return _update(connection, [], values, "AND (eid IS NULL OR eid = :owner)", parameters)


def move_activation(
    connection: Connection,
    carrier: str,
    iccid: str,
    sources: Sequence[str],
    values: Mapping[str, Any],
    due_by: int | None = None,
) -> Row | None:
    """Set columns where the activation is in one of these states and, given `due_by`, due by then; None otherwise."""
    parameters: dict[str, Any] = {"carrier": carrier, "iccid": iccid}
    condition = f"AND activation_state IN ({one_of('source', sources, parameters)})"
    if due_by is not None:
        parameters["due_by"] = due_by
        condition += " AND activation_due_at <= :due_by"
    return _update(connection, [], values, condition, parameters)


def _update(
    connection: Connection,
    sets: list[str],
    values: Mapping[str, Any],
    condition: str,
    parameters: dict[str, Any],
) -> Row | None:
    if unknown := values.keys() - CHANGEABLE:
        raise ValueError(f"a profile's {', '.join(sorted(unknown))} cannot be changed")
    for name, value in values.items():
        parameters[f"new_{name}"] = value
        sets.append(f"{name} = :new_{name}")
    sets = sets or ["iccid = iccid"]
    changed: Row | None = connection.execute(
        f"UPDATE profiles SET {', '.join(sets)} WHERE carrier = :carrier AND iccid = :iccid {condition} {_RETURNING}",
        parameters,
    ).fetchone()
    return changed


# --- what is due


def due_activations(connection: Connection, carrier: str, by: int, limit: int = 500) -> list[Row]:
    """Return the profiles whose activation has a step due by then as `profile` does, the longest due first."""
    found: list[Row] = connection.execute(
        f"{_WITH_PLAN} WHERE p.carrier = :carrier AND activation_due_at <= :by ORDER BY activation_due_at LIMIT :limit",
        {"carrier": carrier, "by": by, "limit": limit},
    ).fetchall()
    return found


def expired(connection: Connection, carrier: str, by: int, limit: int = 500) -> list[str]:
    """Return the ICCIDs of orders that expired by then without being handed out."""
    rows = connection.execute(
        "SELECT iccid FROM profiles WHERE carrier = :carrier AND expires_at <= :by "
        "AND state IN ('allocated', 'linked', 'confirmed', 'released') ORDER BY expires_at LIMIT :limit",
        {"carrier": carrier, "by": by, "limit": limit},
    ).fetchall()
    return [row["iccid"] for row in rows]


def next_due(connection: Connection) -> dict[str, int]:
    """Return, for each carrier that has something due at some time, the earliest of these times."""
    rows = connection.execute(
        "SELECT carrier, min(due) AS due FROM ("
        "SELECT carrier, min(activation_due_at) AS due FROM profiles "
        "WHERE activation_due_at IS NOT NULL GROUP BY carrier "
        "UNION ALL SELECT carrier, min(expires_at) AS due FROM profiles WHERE expires_at IS NOT NULL "
        "AND state IN ('allocated', 'linked', 'confirmed', 'released') GROUP BY carrier) AS dues GROUP BY carrier"
    ).fetchall()
    return {row["carrier"]: row["due"] for row in rows}


def next_due_of(connection: Connection, carrier: str) -> int | None:
    """Return the earliest time at which something of a carrier is due, None if nothing is."""
    row = connection.execute(
        "SELECT min(due) AS due FROM ("
        "SELECT min(activation_due_at) AS due FROM profiles WHERE carrier = :carrier AND activation_due_at IS NOT NULL "
        "UNION ALL SELECT min(expires_at) AS due FROM profiles WHERE carrier = :carrier AND expires_at IS NOT NULL "
        "AND state IN ('allocated', 'linked', 'confirmed', 'released')) AS dues",
        {"carrier": carrier},
    ).fetchone()
    due: int | None = row["due"]
    return due


def count_by_state(connection: Connection, carrier: str) -> dict[str, int]:
    """Count a carrier's profiles by state."""
    rows = connection.execute(
        "SELECT state, count(*) AS number FROM profiles WHERE carrier = :carrier GROUP BY state", {"carrier": carrier}
    ).fetchall()
    return {row["state"]: row["number"] for row in rows}
