"""Webhooks and what they still have to deliver.

A delivery is a row from the moment its event was looked at until the receiver took it, or it was given up.
"""

from collections.abc import Sequence
from typing import NamedTuple

from smdp.storage.connection import Connection, Row, one_of


class NewDelivery(NamedTuple):
    """An event that is to be told: its id, its lane, and itself as JSON."""

    event: int
    lane: str
    body: str


# --- hooks


def hooks(connection: Connection, carrier: str) -> list[Row]:
    """Return the `hook`, `settings` and `cursor` of each webhook of a carrier, in the order of the list."""
    found: list[Row] = connection.execute(
        "SELECT hook, settings, cursor FROM webhooks WHERE carrier = :carrier ORDER BY number, hook",
        {"carrier": carrier},
    ).fetchall()
    return found


def carriers(connection: Connection) -> list[str]:
    """Name the carriers that have webhooks."""
    rows = connection.execute("SELECT DISTINCT carrier FROM webhooks ORDER BY carrier").fetchall()
    return [row["carrier"] for row in rows]


def behind(connection: Connection, now: int) -> list[str]:
    """Name the carriers whose webhooks have events to look at, or something due."""
    rows = connection.execute(
        "SELECT DISTINCT w.carrier FROM webhooks w JOIN counters c ON c.carrier = w.carrier WHERE w.cursor < c.events "
        "OR EXISTS (SELECT 1 FROM deliveries d WHERE d.carrier = w.carrier AND d.hook = w.hook AND d.due_at <= :now)",
        {"now": now},
    ).fetchall()
    return [row["carrier"] for row in rows]


def put(connection: Connection, carrier: str, hook: str, number: int, settings: str, cursor: int) -> None:
    """Store a webhook; the cursor of one that is there already stays."""
    connection.execute(
        "INSERT INTO webhooks (carrier, hook, number, settings, cursor) "
        "VALUES (:carrier, :hook, :number, :settings, :cursor) "
        "ON CONFLICT (carrier, hook) DO UPDATE SET number = :number, settings = :settings",
        {"carrier": carrier, "hook": hook, "number": number, "settings": settings, "cursor": cursor},
    )


def delete_others(connection: Connection, carrier: str, keep: Sequence[str]) -> None:
    """Delete the webhooks of a carrier that are not among these, and what they had to deliver."""
    values = {"carrier": carrier}
    kept = one_of("hook", keep or [""], values)  # NOT IN (NULL) would hold for none
    for table in ("webhooks", "deliveries"):
        connection.execute(f"DELETE FROM {table} WHERE carrier = :carrier AND hook NOT IN ({kept})", values)


def delete_hook(connection: Connection, carrier: str, hook: str) -> None:
    """Delete a webhook that has nothing to deliver."""
    connection.execute(
        "DELETE FROM webhooks WHERE carrier = :carrier AND hook = :hook", {"carrier": carrier, "hook": hook}
    )


def move(connection: Connection, carrier: str, to: str, now: int) -> None:
    """Put the webhooks of a carrier and what they have to deliver under another name; what was on its way is due."""
    values = {"carrier": carrier, "to": to, "now": now}
    connection.execute("UPDATE webhooks SET carrier = :to WHERE carrier = :carrier", values)
    connection.execute("UPDATE deliveries SET carrier = :to WHERE carrier = :carrier", values)
    connection.execute(
        "UPDATE deliveries SET due_at = :now, leased = FALSE WHERE carrier = :to AND leased", {"to": to, "now": now}
    )


def like(connection: Connection, pattern: str) -> list[str]:
    """Name what has webhooks under a name like this, whose deliveries have waited longest first."""
    rows = connection.execute(
        "SELECT w.carrier AS carrier FROM webhooks w LEFT JOIN deliveries d ON d.carrier = w.carrier "
        "WHERE w.carrier LIKE :pattern GROUP BY w.carrier ORDER BY min(d.since), w.carrier",
        {"pattern": pattern},
    ).fetchall()
    return [row["carrier"] for row in rows]


def cursor(connection: Connection, carrier: str, hook: str) -> int | None:
    """Return up to which event a webhook has looked, None if there is no such webhook."""
    row = connection.execute(
        "SELECT cursor FROM webhooks WHERE carrier = :carrier AND hook = :hook", {"carrier": carrier, "hook": hook}
    ).fetchone()
    return None if row is None else row["cursor"]


def set_cursor(connection: Connection, carrier: str, hook: str, event: int) -> None:
    """Note up to which event a webhook has looked."""
    connection.execute(
        "UPDATE webhooks SET cursor = :event WHERE carrier = :carrier AND hook = :hook",
        {"carrier": carrier, "hook": hook, "event": event},
    )


def skip(connection: Connection, carrier: str, event: int) -> None:
    """Pass over an event that no webhook tells, wherever everything before it was looked at."""
    connection.execute(
        "UPDATE webhooks SET cursor = :event WHERE carrier = :carrier AND cursor = :event - 1",
        {"carrier": carrier, "event": event},
    )


# --- deliveries


def insert(connection: Connection, carrier: str, hook: str, fresh: Sequence[NewDelivery], at: int) -> None:
    """Add deliveries, oldest first: due at once, or once those before them in their lane are gone."""
    connection.executemany(
        "INSERT INTO deliveries (carrier, hook, event, lane, body, since, due_at) VALUES "
        "(:carrier, :hook, :event, :lane, :body, :at, CASE WHEN EXISTS (SELECT 1 FROM deliveries "
        "WHERE carrier = :carrier AND hook = :hook AND lane = :lane) THEN NULL ELSE :at END) ON CONFLICT DO NOTHING",
        [{"carrier": carrier, "hook": hook, "at": at, **one._asdict()} for one in fresh],
    )


def waiting(connection: Connection, carrier: str, hook: str) -> int:
    """Count what a webhook has still to deliver."""
    row = connection.execute(
        "SELECT count(*) AS count FROM deliveries WHERE carrier = :carrier AND hook = :hook",
        {"carrier": carrier, "hook": hook},
    ).fetchone()
    count: int = row["count"]
    return count


def all_waiting(connection: Connection) -> int:
    """Count what all webhooks have still to deliver."""
    count: int = connection.execute("SELECT count(*) AS count FROM deliveries").fetchone()["count"]
    return count


def take(connection: Connection, carrier: str, hook: str, *, now: int, until: int, limit: int) -> list[Row]:
    """Lease what is due `until` then, at most `limit`: its `event`, `body`, `attempt` and `since`, oldest first."""
    rows: list[Row] = connection.execute(
        "UPDATE deliveries SET due_at = :until, leased = TRUE WHERE carrier = :carrier AND hook = :hook AND event IN "
        "(SELECT event FROM deliveries WHERE carrier = :carrier AND hook = :hook AND due_at <= :now "
        "ORDER BY due_at, event LIMIT :limit) RETURNING event, body, attempt, since",
        {"carrier": carrier, "hook": hook, "now": now, "until": until, "limit": limit},
    ).fetchall()
    return sorted(rows, key=lambda row: int(row["event"]))


def next_due(connection: Connection, carrier: str, hook: str) -> int | None:
    """Return when something of a webhook is due again."""
    row = connection.execute(
        "SELECT min(due_at) AS due FROM deliveries WHERE carrier = :carrier AND hook = :hook",
        {"carrier": carrier, "hook": hook},
    ).fetchone()
    due: int | None = row["due"]
    return due


def delete(connection: Connection, carrier: str, hook: str, event: int, *, now: int) -> bool:
    """Take a delivery off the list, and make the next of its lane due; False if it was off already."""
    values = {"carrier": carrier, "hook": hook, "event": event, "now": now}
    row = connection.execute(
        "DELETE FROM deliveries WHERE carrier = :carrier AND hook = :hook AND event = :event RETURNING lane", values
    ).fetchone()
    if row is None:
        return False
    connection.execute(
        "UPDATE deliveries SET due_at = :now WHERE carrier = :carrier AND hook = :hook AND due_at IS NULL AND event = "
        "(SELECT min(event) FROM deliveries WHERE carrier = :carrier AND hook = :hook AND lane = :lane)",
        values | {"lane": row["lane"]},
    )
    return True


def put_off(connection: Connection, carrier: str, hook: str, event: int, *, until: int, attempt: int) -> bool:
    """Note an attempt that failed, and when to try again; False if the delivery is off the list."""
    return (
        connection.execute(
            "UPDATE deliveries SET due_at = :until, attempt = :attempt, leased = FALSE "
            "WHERE carrier = :carrier AND hook = :hook AND event = :event",
            {"carrier": carrier, "hook": hook, "event": event, "until": until, "attempt": attempt},
        ).rowcount
        == 1
    )


def hurry(connection: Connection, carrier: str, hook: str, now: int) -> None:
    """Make everything due now that waits for another attempt: the receiver is back."""
    connection.execute(
        "UPDATE deliveries SET due_at = :now WHERE carrier = :carrier AND hook = :hook AND due_at > :now "
        "AND NOT leased",
        {"carrier": carrier, "hook": hook, "now": now},
    )
