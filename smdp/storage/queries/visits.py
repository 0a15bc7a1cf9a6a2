"""Devices at the door: what they did, and who failed before anybody knew its EID."""

from collections.abc import Sequence

from smdp.model import Event
from smdp.storage.connection import Connection, one_of
from smdp.storage.queries.events import event_of

_LOOKED_AT = 2000


def last_unnamed(connection: Connection, carrier: str, types: Sequence[str], after: int, since: int) -> list[Event]:
    """Return the events of these types that name no EID, newest first: behind an id, and since a real time.

    Looks at the newest events only, so that a long timeline costs no more than a short one.
    """
    values = {"carrier": carrier, "after": after, "since": since, "limit": _LOOKED_AT}
    rows = connection.execute(
        "SELECT * FROM (SELECT * FROM events WHERE carrier = :carrier AND id > :after ORDER BY id DESC LIMIT :limit) e "
        f"WHERE eid IS NULL AND wall >= :since AND type IN ({one_of('type', types, values)}) ORDER BY id DESC",
        values,
    ).fetchall()
    return [event_of(row) for row in rows]
