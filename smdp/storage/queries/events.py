"""Events: appended with ids that only grow, read in order, bounded by bytes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from smdp.model import Event
from smdp.storage.connection import Connection, Row, micros, moment, one_of

_json = msgspec.json.Encoder().encode
_data = msgspec.json.Decoder(dict[str, Any]).decode
_ROW_BYTES = 120
"""What a row takes beside its data: identifiers, times, index."""
_TRIM_ROWS = 2000
_INSERT = (
    "INSERT INTO events (carrier, id, at, wall, type, eid, iccid, session, data) VALUES "
    "(:carrier, :id, :at, :wall, :type, :eid, :iccid, :session, :data)"
)


class NewEvent(NamedTuple):
    """An event without its id and times."""

    type: str
    eid: str | None = None
    iccid: str | None = None
    session: str | None = None
    data: dict[str, Any] = {}  # noqa: RUF012 - read only


def append(
    connection: Connection,
    carrier: str,
    events: Sequence[NewEvent],
    times: tuple[Any, Any],
    journal: int,
) -> list[Event]:
    """Append events with the carrier's time and the real one, forget the oldest beyond `journal` bytes, return them.

    The ids are taken in the caller's transaction: they become visible in their order. The events are also left as notes
    for whoever waits for them.
    """
    if not events:
        return []
    at, wall = times
    bodies = [_json(event.data).decode() for event in events]
    values = {"carrier": carrier, "count": len(events), "bytes": sum(map(len, bodies)) + _ROW_BYTES * len(events)}
    row = connection.execute(
        "UPDATE counters SET events = events + :count, journal = journal + :bytes WHERE carrier = :carrier "
        "RETURNING events, journal",
        values,
    ).fetchone()
    first = row["events"] - len(events) + 1
    stored = [
        Event(id=first + place, at=at, wall=wall, type=new.type, carrier=carrier, eid=new.eid, iccid=new.iccid,
              session=new.session, data=new.data)
        for place, new in enumerate(events)
    ]  # fmt: skip
    common = {"carrier": carrier, "at": micros(at), "wall": micros(wall)}
    connection.executemany(
        _INSERT,
        [
            {**common, "id": event.id, "type": event.type, "eid": event.eid, "iccid": event.iccid,
             "session": event.session, "data": body}
            for event, body in zip(stored, bodies, strict=True)
        ],
    )  # fmt: skip
    if row["journal"] > journal:
        _trim(connection, carrier, row["journal"], journal, _TRIM_ROWS + len(events))
    connection.notes.extend(stored)
    return stored


def _trim(connection: Connection, carrier: str, size: int, journal: int, most: int) -> None:
    """Forget the oldest events until a tenth of the journal is free, `most` at once: more than have just come."""
    rows = connection.execute(
        "SELECT id, length(data) AS size FROM events WHERE carrier = :carrier ORDER BY id LIMIT :limit",
        {"carrier": carrier, "limit": most},
    ).fetchall()
    freed, last = 0, 0
    for row in rows[:-1]:
        if size - freed <= journal * 9 // 10:
            break
        freed += row["size"] + _ROW_BYTES
        last = row["id"]
    values = {"carrier": carrier, "last": last, "freed": freed}
    connection.execute("DELETE FROM events WHERE carrier = :carrier AND id <= :last", values)
    connection.execute("UPDATE counters SET journal = journal - :freed WHERE carrier = :carrier", values)


def last_id(connection: Connection, carrier: str) -> int:
    """Return the id of the carrier's last event, 0 before the first."""
    row = connection.execute("SELECT events FROM counters WHERE carrier = :carrier", {"carrier": carrier}).fetchone()
    return 0 if row is None else row["events"]


def reaches_back(connection: Connection, carrier: str, event: int) -> bool:
    """Say whether the journal still holds an event with this id or a smaller one: then nothing behind it is forgotten.

    Ids alone don't tell: they leap when the machine is started anew.
    """
    row = connection.execute(
        "SELECT min(id) AS first FROM events WHERE carrier = :carrier", {"carrier": carrier}
    ).fetchone()
    return row["first"] is not None and row["first"] <= event


def events(
    connection: Connection,
    carrier: str,
    *,
    after: int = 0,
    types: Sequence[str] = (),
    eid: str | None = None,
    iccid: str | None = None,
    session: str | None = None,
    limit: int = 100,
) -> list[Event]:
    """List events behind `after`, oldest first."""
    conditions, values = _conditions(carrier, types, eid, iccid, session)
    values |= {"after": after, "limit": limit}
    rows = connection.execute(
        f"SELECT * FROM events WHERE {conditions} AND id > :after ORDER BY id LIMIT :limit",
        values,
    ).fetchall()
    return [event_of(row) for row in rows]


def last(
    connection: Connection,
    carrier: str,
    *,
    types: Sequence[str] = (),
    eid: str | None = None,
    iccid: str | None = None,
) -> Event | None:
    """Find the newest event of these types."""
    conditions, values = _conditions(carrier, types, eid, iccid, None)
    row = connection.execute(
        f"SELECT * FROM events WHERE {conditions} ORDER BY id DESC LIMIT 1",
        values,
    ).fetchone()
    return None if row is None else event_of(row)


def _conditions(
    carrier: str, types: Sequence[str], eid: str | None, iccid: str | None, session: str | None
) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {"carrier": carrier}
    conditions = ["carrier = :carrier"]
    for name, value in (("eid", eid), ("iccid", iccid), ("session", session)):
        if value is not None:
            values[name] = value
            conditions.append(f"{name} = :{name}")
    if types:
        conditions.append(f"type IN ({one_of('type', types, values)})")
    return " AND ".join(conditions), values


def event_of(row: Row) -> Event:
    """Read an event from its row."""
    return Event(
        id=row["id"],
        at=moment(row["at"]),
        wall=moment(row["wall"]),
        type=row["type"],
        carrier=row["carrier"],
        eid=row["eid"],
        iccid=row["iccid"],
        session=row["session"],
        data=_data(row["data"]),
    )
