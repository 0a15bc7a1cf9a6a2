"""Snapshots: a carrier's document under a name, compressed."""

from typing import Any

from smdp.storage.connection import Connection, Row

_SHOWN = "name, at, event, profiles, devices, length(content) AS size"


def put(
    connection: Connection,
    carrier: str,
    name: str,
    *,
    at: int,
    event: int,
    profiles: int,
    devices: int,
    content: bytes,
) -> Row:
    """Keep a snapshot, in place of one of the same name, and return its row without the content."""
    values = {
        "carrier": carrier, "name": name, "at": at, "event": event, "profiles": profiles, "devices": devices,
        "content": content,
    }  # fmt: skip
    row: Row = connection.execute(
        "INSERT INTO snapshots (carrier, name, at, event, profiles, devices, content) VALUES "
        "(:carrier, :name, :at, :event, :profiles, :devices, :content) ON CONFLICT (carrier, name) DO UPDATE SET "
        "at = excluded.at, event = excluded.event, profiles = excluded.profiles, devices = excluded.devices, "
        f"content = excluded.content RETURNING {_SHOWN}",
        values,
    ).fetchone()
    return row


def snapshot(connection: Connection, carrier: str, name: str) -> Row | None:
    """Find a snapshot, without its content."""
    found: Row | None = connection.execute(
        f"SELECT {_SHOWN} FROM snapshots WHERE carrier = :carrier AND name = :name", {"carrier": carrier, "name": name}
    ).fetchone()
    return found


def content(connection: Connection, carrier: str, name: str) -> bytes | None:
    """Return what a snapshot holds."""
    row = connection.execute(
        "SELECT content FROM snapshots WHERE carrier = :carrier AND name = :name", {"carrier": carrier, "name": name}
    ).fetchone()
    return None if row is None else bytes(row["content"])


def snapshots(connection: Connection, carrier: str) -> list[Row]:
    """List a carrier's snapshots, the oldest first, without their contents."""
    found: list[Row] = connection.execute(
        f"SELECT {_SHOWN} FROM snapshots WHERE carrier = :carrier ORDER BY event, name", {"carrier": carrier}
    ).fetchall()
    return found


def taken(connection: Connection, carrier: str, except_for: str) -> tuple[int, int]:
    """Count a carrier's snapshots and their bytes, all but the one of this name."""
    values: dict[str, Any] = {"carrier": carrier, "name": except_for}
    row = connection.execute(
        "SELECT count(*) AS number, coalesce(sum(length(content)), 0) AS bytes FROM snapshots "
        "WHERE carrier = :carrier AND name <> :name",
        values,
    ).fetchone()
    return row["number"], row["bytes"]


def delete(connection: Connection, carrier: str, name: str) -> bool:
    """Forget a snapshot; False if there is none of this name."""
    values = {"carrier": carrier, "name": name}
    return connection.execute("DELETE FROM snapshots WHERE carrier = :carrier AND name = :name", values).rowcount == 1
