"""Numbers about all carriers together, for whoever scrapes them."""

from collections.abc import Sequence
from typing import NamedTuple

from smdp.storage.connection import Connection, Row, one_of


class Depths(NamedTuple):
    """How much waits: deliveries of webhooks, devices whose notifications wait for their server."""

    deliveries: int
    devices: int


def profiles(connection: Connection) -> list[Row]:
    """Count profiles by `state` and `activation`."""
    found: list[Row] = connection.execute(
        "SELECT state, activation_state AS activation, count(*) AS count FROM profiles GROUP BY state, activation_state"
    ).fetchall()
    return found


def depths(connection: Connection) -> Depths:
    """Count what waits."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM deliveries) AS deliveries, "
        "(SELECT count(*) FROM devices WHERE waiting) AS devices"
    ).fetchone()
    return Depths(row["deliveries"], row["devices"])


def last_events(connection: Connection) -> dict[str, int]:
    """Return the id of the last event of each carrier."""
    rows = connection.execute(
        "SELECT carriers.name, counters.events FROM carriers JOIN counters ON counters.carrier = carriers.name"
    ).fetchall()
    return {row["name"]: row["events"] for row in rows}


def events(connection: Connection, carrier: str, after: int, types: Sequence[str], limit: int) -> list[Row]:
    """Return `id`, `type` and `data` (JSON; only of these types, else null) of events behind `after`, oldest first."""
    values = {"carrier": carrier, "after": after, "limit": limit}
    found: list[Row] = connection.execute(
        f"SELECT id, type, CASE WHEN type IN ({one_of('type', types, values)}) THEN data END AS data FROM events "
        "WHERE carrier = :carrier AND id > :after ORDER BY id LIMIT :limit",
        values,
    ).fetchall()
    return found
