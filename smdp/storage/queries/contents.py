"""All that a carrier holds, read and written at once: for its document, for reset and for restore."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from smdp.storage.connection import Connection, Row
from smdp.storage.queries.profiles import COLUMNS

WHOLE = (
    *COLUMNS, "runtime", "download_attempts", "confirmation_code_attempts", "reason", "consumed_at", "consumed_by",
    "activation_state", "activation_reason", "activation_due_at", "metadata",
)  # fmt: skip
"""Every column of a profile."""

_HELD = ("profiles", "sessions", "messages", "notifications", "devices")
_INSERT = f"INSERT INTO profiles ({', '.join(WHOLE)}) VALUES ({', '.join(f':{name}' for name in WHOLE)})"
_PAGE = 500


class Held(NamedTuple):
    """How much a carrier holds; `running` are the sessions that are open."""

    profiles: int
    devices: int
    sessions: int
    running: int


class DeviceRow(NamedTuple):
    """A device as it is stored, without its place in the list."""

    eid: str
    description: str
    state: bytes
    waiting: bool


def held(connection: Connection, carrier: str) -> Held:
    """Count what a carrier holds."""
    values = {"carrier": carrier}
    counts = ", ".join(
        f"(SELECT count(*) FROM {table} WHERE carrier = :carrier) AS {table}"
        for table in ("profiles", "devices", "sessions")
    )
    row = connection.execute(
        f"SELECT {counts}, (SELECT count(*) FROM sessions WHERE carrier = :carrier AND outcome = 'open') AS running",
        values,
    ).fetchone()
    return Held(row["profiles"], row["devices"], row["sessions"], row["running"])


def clear(connection: Connection, carrier: str) -> None:
    """Forget profiles, sessions, messages, notifications and devices of a carrier; what counts goes on counting."""
    for table in _HELD:
        connection.execute(f"DELETE FROM {table} WHERE carrier = :carrier", {"carrier": carrier})


def clear_plans(connection: Connection, carrier: str) -> None:
    """Forget the plans of a carrier, whose profiles are gone."""
    connection.execute("DELETE FROM plans WHERE carrier = :carrier", {"carrier": carrier})


# --- profiles


def every_profile(connection: Connection, carrier: str) -> list[Row]:
    """Return all profiles of a carrier, in the order of their creation."""
    found: list[Row] = connection.execute(
        "SELECT * FROM profiles WHERE carrier = :carrier ORDER BY number", {"carrier": carrier}
    ).fetchall()
    return found


def insert_profiles(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert profiles with every column."""
    connection.executemany(_INSERT, rows)


# --- sessions


def running(connection: Connection, carrier: str, opened_after: int, limit: int) -> list[Row]:
    """Return the newest sessions that are open and not expired: `transaction_id`, `eid`, `iccid`."""
    found: list[Row] = connection.execute(
        "SELECT transaction_id, eid, iccid FROM sessions WHERE carrier = :carrier AND outcome = 'open' "
        "AND opened_at >= :after ORDER BY number DESC LIMIT :limit",
        {"carrier": carrier, "after": opened_after, "limit": limit},
    ).fetchall()
    return found


def handed_out(connection: Connection, carrier: str, limit: int) -> list[Row]:
    """Return the newest sessions whose package went out and whose result has not come, oldest first."""
    found: list[Row] = connection.execute(
        "SELECT s.* FROM sessions s JOIN messages m ON m.carrier = s.carrier AND m.transaction_id = s.transaction_id "
        "AND m.step = 'getBoundProfilePackage' AND m.refusal IS NULL "
        "WHERE s.carrier = :carrier AND s.outcome IN ('downloaded', 'cancelled') ORDER BY s.number DESC LIMIT :limit",
        {"carrier": carrier, "limit": limit},
    ).fetchall()
    return found[::-1]


def insert_sessions(connection: Connection, carrier: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert sessions, numbered behind those that are there, each as a session whose package went out."""
    row = connection.execute(
        "SELECT coalesce(max(number), 0) AS last FROM sessions WHERE carrier = :carrier", {"carrier": carrier}
    ).fetchone()
    connection.executemany(
        "INSERT INTO sessions (carrier, transaction_id, number, stage, eid, iccid, outcome, opened_at, content) VALUES "
        "(:carrier, :transaction_id, :number, :stage, :eid, :iccid, 'downloaded', :opened_at, :content)",
        [{"carrier": carrier, "number": row["last"] + place, **one} for place, one in enumerate(rows, 1)],
    )


# --- devices


def every_device(connection: Connection, carrier: str) -> Iterator[DeviceRow]:
    """Yield all devices of a carrier, in the order of their creation."""
    after = 0
    while rows := connection.execute(
        "SELECT * FROM devices WHERE carrier = :carrier AND number > :after ORDER BY number LIMIT :limit",
        {"carrier": carrier, "after": after, "limit": _PAGE},
    ).fetchall():
        for row in rows:
            after = row["number"]
            yield DeviceRow(row["eid"], row["description"], bytes(row["state"]), bool(row["waiting"]))


def last_device(connection: Connection) -> int:
    """Return the number of the newest device of all carriers."""
    row = connection.execute("SELECT coalesce(max(number), 0) AS last FROM devices").fetchone()
    last: int = row["last"]
    return last


def owners(connection: Connection, eids: Sequence[str]) -> dict[str, str]:
    """Say which carriers these devices are at home in, of those that there are."""
    found: dict[str, str] = {}
    for eid in eids:
        row = connection.execute("SELECT carrier FROM devices WHERE eid = :eid", {"eid": eid}).fetchone()
        if row is not None:
            found[eid] = row["carrier"]
    return found


def insert_devices(connection: Connection, carrier: str, devices: Sequence[DeviceRow], after: int) -> None:
    """Insert devices, numbered behind `after`: a number is never given to another state of a device again."""
    connection.executemany(
        "INSERT INTO devices (eid, carrier, number, description, state, waiting) VALUES "
        "(:eid, :carrier, :number, :description, :state, :waiting)",
        [{"carrier": carrier, "number": after + place, **one._asdict()} for place, one in enumerate(devices, 1)],
    )
