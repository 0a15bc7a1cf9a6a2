"""The devices that this server hosts: what the API shows of them, and the state of their eUICC as bytes."""

from typing import Any, NamedTuple

import msgspec

from smdp.model import Device
from smdp.storage.connection import Connection, Row

_json = msgspec.json.Encoder().encode
_DEVICE = msgspec.json.Decoder(Device)


class StoredDevice(NamedTuple):
    """A device's row; `number` is its place in the list, `waiting` whether it has notifications to send."""

    number: int
    device: Device
    state: bytes
    waiting: bool


def insert(connection: Connection, device: Device, state: bytes, *, waiting: bool) -> bool:
    """Keep a new device; False if there is one with this EID."""
    return (
        connection.execute(
            "INSERT INTO devices (eid, carrier, number, description, state, waiting) VALUES (:eid, :carrier, "
            "(SELECT coalesce(max(number), 0) + 1 FROM devices), :description, :state, :waiting) "
            "ON CONFLICT DO NOTHING",
            _values(device, state, waiting),
        ).rowcount
        == 1
    )


def update(
    connection: Connection, device: Device, state: bytes, *, number: int, waiting: bool, before: bytes | None = None
) -> bool:
    """Replace a device's description and state; False if it is not the one of this number, or state, any more."""
    unchanged = "" if before is None else "AND state = :before"
    return (
        connection.execute(
            "UPDATE devices SET carrier = :carrier, description = :description, state = :state, waiting = :waiting "
            f"WHERE eid = :eid AND number = :number {unchanged}",
            _values(device, state, waiting) | {"number": number, "before": before},
        ).rowcount
        == 1
    )


def device(connection: Connection, eid: str) -> StoredDevice | None:
    """Find a device by its EID."""
    row = connection.execute("SELECT * FROM devices WHERE eid = :eid", {"eid": eid}).fetchone()
    return None if row is None else _stored(row)


def devices(connection: Connection, carrier: str | None = None, after: int = 0, limit: int = 100) -> list[StoredDevice]:
    """List devices in the order of their creation, those behind number `after`; of one carrier where it is given."""
    values: dict[str, Any] = {"after": after, "limit": limit}
    condition = ""
    if carrier is not None:
        values["carrier"] = carrier
        condition = "AND carrier = :carrier"
    rows = connection.execute(
        f"SELECT * FROM devices WHERE number > :after {condition} ORDER BY number LIMIT :limit",
        values,
    ).fetchall()
    return [_stored(row) for row in rows]


def is_hosted(connection: Connection, eid: str) -> bool:
    """Say whether there is a device with this EID."""
    return connection.execute("SELECT 1 FROM devices WHERE eid = :eid", {"eid": eid}).fetchone() is not None


def count(connection: Connection) -> int:
    """Count the devices."""
    number: int = connection.execute("SELECT count(*) AS number FROM devices").fetchone()["number"]
    return number


def eids(connection: Connection, limit: int) -> list[str]:
    """Return the EIDs of the newest devices."""
    rows = connection.execute("SELECT eid FROM devices ORDER BY number DESC LIMIT :limit", {"limit": limit}).fetchall()
    return [row["eid"] for row in rows]


def delete(connection: Connection, eid: str) -> bool:
    """Forget a device; False if there is none."""
    return connection.execute("DELETE FROM devices WHERE eid = :eid", {"eid": eid}).rowcount == 1


def _values(device: Device, state: bytes, waiting: bool) -> dict[str, Any]:  # noqa: FBT001 - a column
    description = _json(device).decode()
    return {
        "eid": device.eid, "carrier": device.carrier, "description": description, "state": state, "waiting": waiting,
    }  # fmt: skip


def _stored(row: Row) -> StoredDevice:
    return StoredDevice(row["number"], _DEVICE.decode(row["description"]), row["state"], bool(row["waiting"]))
