"""What a test does to a carrier: its clock, and the faults that are armed."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from smdp.model import Fault
from smdp.storage.connection import Connection, Row

_json = msgspec.json.Encoder().encode
_read = lru_cache(maxsize=1024)(msgspec.json.Decoder(Fault).decode)


class Control(NamedTuple):
    """How a carrier's clock stands, in microseconds, and how many faults it has armed."""

    offset: int = 0
    frozen_at: int | None = None
    faults: int = 0


UNTOUCHED = Control()


def control_of(row: Row) -> Control:
    """Read it from a row of `carriers`."""
    return Control(row["clock_offset"], row["clock_frozen_at"], row["faults"])


def control(connection: Connection, carrier: str) -> Control:
    """Return how a carrier's clock and faults stand; as in a fresh one where there is no carrier."""
    row = connection.execute(
        "SELECT clock_offset, clock_frozen_at, faults FROM carriers WHERE name = :carrier", {"carrier": carrier}
    ).fetchone()
    return UNTOUCHED if row is None else control_of(row)


def moved_clocks(connection: Connection) -> dict[str, Control]:
    """Return the carriers whose clock is not the real one."""
    rows = connection.execute(
        "SELECT name, clock_offset, clock_frozen_at, faults FROM carriers "
        "WHERE clock_offset <> 0 OR clock_frozen_at IS NOT NULL"
    ).fetchall()
    return {row["name"]: control_of(row) for row in rows}


def set_clock(connection: Connection, carrier: str, offset: int, frozen_at: int | None) -> None:
    """Store how a carrier's clock stands."""
    connection.execute(
        "UPDATE carriers SET clock_offset = :offset, clock_frozen_at = :frozen_at WHERE name = :carrier",
        {"carrier": carrier, "offset": offset, "frozen_at": frozen_at},
    )


# --- faults


def insert_fault(connection: Connection, carrier: str, fault: Fault) -> Fault:
    """Arm a fault and return it with its id."""
    row = connection.execute("UPDATE fault_counter SET last = last + 1 RETURNING last").fetchone()
    number: int = row["last"]
    fault = msgspec.structs.replace(fault, id=f"f{number}", hits=0)
    values = {"carrier": carrier, "number": number, "settings": _json(fault).decode(), "times": fault.times}
    connection.execute(
        "INSERT INTO faults (carrier, number, settings, times) VALUES (:carrier, :number, :settings, :times)", values
    )
    _changed(connection, carrier)
    return fault


def faults(connection: Connection, carrier: str, *, armed: bool = False) -> list[Fault]:
    """List a carrier's faults in the order of their arming, those that have fired their times too unless `armed`."""
    condition = "AND (times IS NULL OR hits < times)" if armed else ""
    rows = connection.execute(
        f"SELECT settings, hits FROM faults WHERE carrier = :carrier {condition} ORDER BY number", {"carrier": carrier}
    ).fetchall()
    return [msgspec.structs.replace(_read(row["settings"]), hits=row["hits"]) for row in rows]


def count_faults(connection: Connection, carrier: str) -> int:
    """Count a carrier's faults."""
    row = connection.execute("SELECT count(*) AS number FROM faults WHERE carrier = :carrier", {"carrier": carrier})
    number: int = row.fetchone()["number"]
    return number


def hit(connection: Connection, carrier: str, fault: Fault) -> Fault | None:
    """Count that a fault fires, and return it so; None if others have used up its times."""
    values = {"carrier": carrier, "number": number_of(fault.id)}
    row = connection.execute(
        "UPDATE faults SET hits = hits + 1 WHERE carrier = :carrier AND number = :number "
        "AND (times IS NULL OR hits < times) RETURNING hits",
        values,
    ).fetchone()
    if row is None:
        return None
    if row["hits"] == fault.times:
        _changed(connection, carrier)
    return msgspec.structs.replace(fault, hits=row["hits"])


def delete_faults(connection: Connection, carrier: str, numbers: Sequence[int] | None = None) -> int:
    """Take faults away, all of them or those of these numbers; return how many there were."""
    condition = "" if numbers is None else "AND number = :number"
    deleted = sum(
        connection.execute(
            f"DELETE FROM faults WHERE carrier = :carrier {condition}", {"carrier": carrier, "number": number}
        ).rowcount
        for number in (numbers if numbers is not None else (0,))
    )
    _changed(connection, carrier)
    return deleted


def number_of(identifier: str) -> int:
    """Read the number of a fault from its id, `f1`; -1 for what is no id."""
    digits = identifier.removeprefix("f")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else -1  # noqa: PLR2004 - 64 bits


def _changed(connection: Connection, carrier: str) -> None:
    """Note beside the carrier's settings how many faults are armed."""
    connection.execute(
        "UPDATE carriers SET faults = (SELECT count(*) FROM faults WHERE carrier = :carrier "
        "AND (times IS NULL OR hits < times)) WHERE name = :carrier",
        {"carrier": carrier},
    )
