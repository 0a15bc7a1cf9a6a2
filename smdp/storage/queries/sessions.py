"""RSP sessions, the messages that went to and fro, and the notifications that came after."""

from collections.abc import Mapping, Sequence
from typing import Any

from smdp.storage.connection import Connection, Row, one_of

_DONE = ("installed", "failed")
_FIRST = "initiated"
_BROKEN_OFF = ("refused", "cancelled")
_STEPS_IN_ORDER = (
    "CASE step WHEN 'initiateAuthentication' THEN 1 WHEN 'authenticateClient' THEN 2 "
    "WHEN 'getBoundProfilePackage' THEN 3 ELSE 4 END"
)
"""A session's steps come in this order, whatever its carrier's clock did meanwhile."""
_KEPT = "ON CONFLICT DO NOTHING"
_REPLACED = (
    "ON CONFLICT (carrier, transaction_id, step) DO UPDATE SET request = excluded.request, digest = excluded.digest, "
    "response = excluded.response, at = excluded.at, ms = excluded.ms, refusal = excluded.refusal"
)


# --- sessions


def insert(connection: Connection, carrier: str, transaction_id: str, stage: str, at: int, content: bytes) -> int:
    """Open a session and return its number: 1 for a carrier's first, 0 if the carrier was deleted meanwhile."""
    row = connection.execute(
        "INSERT INTO sessions (carrier, transaction_id, number, stage, opened_at, content) SELECT name, :id, "
        "(SELECT coalesce(max(number), 0) + 1 FROM sessions WHERE carrier = :carrier), :stage, :at, :content "
        "FROM carriers WHERE name = :carrier RETURNING number",
        {"carrier": carrier, "id": transaction_id, "stage": stage, "at": at, "content": content},
    ).fetchone()
    return 0 if row is None else row["number"]


def session(connection: Connection, carrier: str, transaction_id: str) -> Row | None:
    """Find a session of this carrier; another carrier's is as unknown as one that never was."""
    found: Row | None = connection.execute(
        "SELECT * FROM sessions WHERE carrier = :carrier AND transaction_id = :id",
        {"carrier": carrier, "id": transaction_id},
    ).fetchone()
    return found


def call(connection: Connection, host: str, label: str, transaction_id: str, step: str) -> Row | None:
    """Find everything a device's call is about in one statement; None if there is no such carrier.

    The carrier is the one that has this host among its own, else the one called `label`: its `settings` as JSON, and
    what `control.control_of` reads of its clock and faults. With them comes its session with this transactionId (`eid`,
    `iccid`, `content`, and as `told` the refusal that ended it, as JSON), and `digest`, `response` and `refusal` of the
    message that this step of it has had, where there are such.
    """
    found: Row | None = connection.execute(
        "SELECT c.settings, c.clock_offset, c.clock_frozen_at, c.faults, s.eid, s.iccid, s.content, "
        "s.refusal AS told, m.digest, m.response, m.refusal FROM carriers c "
        "LEFT JOIN sessions s ON s.carrier = c.name AND s.transaction_id = :id "
        "LEFT JOIN messages m ON m.carrier = c.name AND m.transaction_id = s.transaction_id AND m.step = :step "
        "WHERE c.name = coalesce((SELECT carrier FROM hosts WHERE host = :host), :label)",
        {"host": host, "label": label, "id": transaction_id, "step": step},
    ).fetchone()
    return found


def handed_out(connection: Connection, carrier: str, eid: str, iccid: str, limit: int) -> list[Row]:
    """Return the `content` of the newest sessions of an EID in which this profile may have been handed out."""
    return connection.execute(
        "SELECT content FROM sessions WHERE carrier = :carrier AND eid = :eid AND iccid = :iccid "
        "AND outcome NOT IN ('open', 'refused', 'expired') ORDER BY number DESC LIMIT :limit",
        {"carrier": carrier, "eid": eid, "iccid": iccid, "limit": limit},
    ).fetchall()


def session_like(connection: Connection, carrier: str, beginning: str) -> str | None:
    """Find the newest session whose transactionId begins like this: the log shows no more of it."""
    row = connection.execute(
        "SELECT transaction_id FROM sessions WHERE carrier = :carrier AND transaction_id >= :beginning "
        "AND transaction_id < :beginning || 'G' ORDER BY number DESC LIMIT 1",
        {"carrier": carrier, "beginning": beginning},
    ).fetchone()
    return None if row is None else row["transaction_id"]


def swap(
    connection: Connection,
    carrier: str,
    transaction_id: str,
    expected: str,
    *,
    stage: str,
    eid: str | None,
    iccid: str | None,
    outcome: str,
    refusal: str | None,
    content: bytes,
) -> bool:
    """Replace a session's row if it is still at the expected stage; False for whoever came too late.

    EID and ICCID are settled by the first step, AuthenticateClient: later ones leave them and their index alone.
    """
    names = "eid = :eid, iccid = :iccid, " if expected == _FIRST else ""
    values = {
        "carrier": carrier, "id": transaction_id, "expected": expected, "stage": stage, "eid": eid, "iccid": iccid,
        "outcome": outcome, "refusal": refusal, "content": content,
    }  # fmt: skip
    return (
        connection.execute(
            f"UPDATE sessions SET {names}stage = :stage, outcome = :outcome, refusal = :refusal, content = :content "
            "WHERE carrier = :carrier AND transaction_id = :id AND stage = :expected",
            values,
        ).rowcount
        == 1
    )


def set_outcome(connection: Connection, carrier: str, transaction_id: str, outcome: str) -> bool:
    """Record how a session ended, once the notification says so."""
    values = {"carrier": carrier, "id": transaction_id, "outcome": outcome}
    return (
        connection.execute(
            "UPDATE sessions SET outcome = :outcome WHERE carrier = :carrier AND transaction_id = :id", values
        ).rowcount
        == 1
    )


def sessions(
    connection: Connection,
    carrier: str,
    filters: Mapping[str, str],
    expired_before: int,
    before: int | None = None,
    limit: int = 100,
) -> list[Row]:
    """List sessions, newest first: those with a number below `before` that match `eid`, `iccid` and `outcome`.

    An open session that was opened before `expired_before` counts as expired.
    """
    outcome = "CASE WHEN outcome = 'open' AND opened_at < :cutoff THEN 'expired' ELSE outcome END"
    columns = {"eid": "eid = :eid", "iccid": "iccid = :iccid", "outcome": f"{outcome} = :outcome"}
    conditions = ["carrier = :carrier", *(columns[name] for name in filters)]
    values: dict[str, Any] = {"carrier": carrier, "limit": limit, "cutoff": expired_before, **filters}
    if before is not None:
        conditions.append("number < :before")
        values["before"] = before
    found: list[Row] = connection.execute(
        f"SELECT * FROM sessions WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT :limit",
        values,
    ).fetchall()
    return found


def prune(connection: Connection, carrier: str, keep: int, expired_before: int, keep_open: int) -> int:
    """Forget the oldest sessions that ended or went nowhere, with their messages, so that about `keep` are left.

    Of those that are open and not yet expired, `keep_open` are left: whoever opens more has only begun. One whose
    package went out without a result stays: its certificate verifies a late notification.
    """
    values: dict[str, Any] = {"carrier": carrier, "keep": keep, "cutoff": expired_before, "keep_open": keep_open}
    handed_out = (
        "EXISTS (SELECT 1 FROM messages m WHERE m.carrier = :carrier AND m.transaction_id = s.transaction_id "
        "AND m.step = 'getBoundProfilePackage' AND m.refusal IS NULL)"
    )
    newest = "(SELECT max(number) FROM sessions WHERE carrier = :carrier)"
    oldest = (
        f"SELECT transaction_id FROM sessions s WHERE carrier = :carrier AND number <= {newest} - :keep "
        f"AND (outcome IN ({one_of('done', _DONE, values)}) "
        f"OR outcome IN ({one_of('broken', _BROKEN_OFF, values)}) AND NOT {handed_out} "
        f"OR outcome = 'open' AND (opened_at < :cutoff OR number <= {newest} - :keep_open))"
    )
    connection.execute(f"DELETE FROM messages WHERE carrier = :carrier AND transaction_id IN ({oldest})", values)
    return connection.execute(
        f"DELETE FROM sessions WHERE carrier = :carrier AND transaction_id IN ({oldest})",
        values,
    ).rowcount


# --- messages


def insert_message(
    connection: Connection,
    carrier: str,
    transaction_id: str,
    step: str,
    *,
    request: bytes,
    digest: bytes,
    response: bytes,
    at: int,
    ms: float,
    refusal: str | None = None,
    replaces: bool = False,
) -> bool:
    """Store a step's request and answer; False if the step has one already, unless this one takes its place."""
    values = {
        "carrier": carrier, "id": transaction_id, "step": step, "request": request, "digest": digest,
        "response": response, "at": at, "ms": ms, "refusal": refusal,
    }  # fmt: skip
    otherwise = _REPLACED if replaces else _KEPT
    return (
        connection.execute(
            "INSERT INTO messages (carrier, transaction_id, step, request, digest, response, at, ms, refusal) VALUES "
            f"(:carrier, :id, :step, :request, :digest, :response, :at, :ms, :refusal) {otherwise}",
            values,
        ).rowcount
        == 1
    )


def message(connection: Connection, carrier: str, transaction_id: str, step: str) -> Row | None:
    """Find what a step of a session was asked and answered."""
    found: Row | None = connection.execute(
        "SELECT * FROM messages WHERE carrier = :carrier AND transaction_id = :id AND step = :step",
        {"carrier": carrier, "id": transaction_id, "step": step},
    ).fetchone()
    return found


def attempts(connection: Connection, carrier: str, transaction_id: str, step: str) -> int:
    """Count the refused calls that are kept beside the one that counts: their names begin with the step and a /."""
    row = connection.execute(
        "SELECT count(*) AS found FROM messages WHERE carrier = :carrier AND transaction_id = :id AND step LIKE :like",
        {"carrier": carrier, "id": transaction_id, "like": f"{step}/%"},
    ).fetchone()
    return 0 if row is None else row["found"]


def messages(
    connection: Connection, carrier: str, transaction_ids: Sequence[str], columns: str = "transaction_id, step, at, ms"
) -> list[Row]:
    """Return these columns of the messages of sessions, each session's in the order they came."""
    values: dict[str, Any] = {"carrier": carrier}
    found: list[Row] = connection.execute(
        f"SELECT {columns} FROM messages WHERE carrier = :carrier "
        f"AND transaction_id IN ({one_of('id', transaction_ids, values)}) ORDER BY {_STEPS_IN_ORDER}",
        values,
    ).fetchall()
    return found


# --- notifications


def insert_notification(
    connection: Connection,
    carrier: str,
    digest: bytes,
    *,
    raw: bytes,
    at: int,
    kind: str,
    verified: bool,
    eid: str | None,
    iccid: str | None,
    transaction_id: str | None,
) -> int:
    """Keep a notification's bytes and return its number: 1 for the first, 0 if it came before or nobody is there."""
    values = {
        "carrier": carrier, "digest": digest, "raw": raw, "at": at, "kind": kind, "verified": verified, "eid": eid,
        "iccid": iccid, "id": transaction_id,
    }  # fmt: skip
    row = connection.execute(
        "INSERT INTO notifications (carrier, digest, number, at, kind, verified, eid, iccid, transaction_id, raw) "
        "SELECT name, :digest, "
        "(SELECT coalesce(max(number), 0) + 1 FROM notifications WHERE carrier = :carrier), "
        ":at, :kind, :verified, :eid, :iccid, :id, :raw FROM carriers WHERE name = :carrier "
        "ON CONFLICT DO NOTHING RETURNING number",
        values,
    ).fetchone()
    return 0 if row is None else row["number"]


def notification(connection: Connection, carrier: str, digest: bytes) -> Row | None:
    """Find a notification by the SHA-256 of its bytes."""
    found: Row | None = connection.execute(
        "SELECT * FROM notifications WHERE carrier = :carrier AND digest = :digest",
        {"carrier": carrier, "digest": digest},
    ).fetchone()
    return found


def notifications(connection: Connection, carrier: str, transaction_id: str) -> list[Row]:
    """Return the notifications that belong to a session, in the order they came."""
    found: list[Row] = connection.execute(
        "SELECT * FROM notifications WHERE carrier = :carrier AND transaction_id = :id ORDER BY number",
        {"carrier": carrier, "id": transaction_id},
    ).fetchall()
    return found


def prune_notifications(connection: Connection, carrier: str, keep: int) -> int:
    """Forget the oldest notifications that proved to be nobody's, so that `keep` are left."""
    return connection.execute(
        "DELETE FROM notifications WHERE carrier = :carrier AND NOT verified AND number <= "
        "(SELECT max(number) - :keep FROM notifications WHERE carrier = :carrier)",
        {"carrier": carrier, "keep": keep},
    ).rowcount
