"""What the network keeps of its lines: sequence numbers that only grow, and one open challenge each."""

from smdp.storage.connection import Connection, Row

_PREFERRED = (
    "CASE WHEN activation_state = 'terminated' OR state IN ('error', 'unavailable') THEN 2 "
    "WHEN state = 'installed' THEN 0 ELSE 1 END, p.number DESC"
)
_WITH_PLAN = (
    "SELECT p.*, plans.settings AS plan_settings FROM profiles p "
    "JOIN plans ON plans.carrier = p.carrier AND plans.name = p.plan"
)


def subscriber(connection: Connection, carrier: str, imsi: str) -> Row | None:
    """Find the profile of an IMSI as `queries.profiles.profile` does: an installed one, else the newest that lives."""
    found: Row | None = connection.execute(
        f"{_WITH_PLAN} WHERE p.imsi = :imsi AND p.carrier = :carrier ORDER BY {_PREFERRED} LIMIT 1",
        {"carrier": carrier, "imsi": imsi},
    ).fetchone()
    return found


def home_of(connection: Connection, imsi: str, eid: str) -> str | None:
    """Name the carrier whose profile of this IMSI went to this EID; None if it is no carrier's here."""
    row = connection.execute(
        f"SELECT p.carrier FROM profiles p WHERE p.imsi = :imsi AND p.eid = :eid ORDER BY {_PREFERRED} LIMIT 1",
        {"imsi": imsi, "eid": eid},
    ).fetchone()
    return None if row is None else row["carrier"]


def gave(connection: Connection, iccid: str, eid: str) -> str | None:
    """Name the carrier whose profile of this ICCID went to this EID; None if it is no carrier's here."""
    row = connection.execute(
        f"SELECT p.carrier FROM profiles p WHERE p.iccid = :iccid AND p.eid = :eid ORDER BY {_PREFERRED} LIMIT 1",
        {"iccid": iccid, "eid": eid},
    ).fetchone()
    return None if row is None else row["carrier"]


def next_seq(connection: Connection, carrier: str, iccid: str, above: int = 0) -> int:
    """Take a line's next SEQ, one that is greater than `above`: none is ever taken twice."""
    row = connection.execute(
        "INSERT INTO authentications (carrier, iccid, seq) VALUES (:carrier, :iccid, :above + 1) "
        "ON CONFLICT (carrier, iccid) DO UPDATE SET "
        "seq = CASE WHEN authentications.seq < :above THEN :above ELSE authentications.seq END + 1 RETURNING seq",
        {"carrier": carrier, "iccid": iccid, "above": above},
    ).fetchone()
    seq: int = row["seq"]
    return seq


def open_challenge(connection: Connection, carrier: str, iccid: str, rand: bytes, at: int) -> None:
    """Wait for the answer to a challenge, and to none before it."""
    connection.execute(
        "UPDATE authentications SET rand = :rand, challenged_at = :at WHERE carrier = :carrier AND iccid = :iccid",
        {"carrier": carrier, "iccid": iccid, "rand": rand, "at": at},
    )


def take_challenge(connection: Connection, carrier: str, iccid: str, rand: bytes, since: int) -> bool:
    """Close a challenge that was made since then: it is answered once. False if it is not open (any more)."""
    return (
        connection.execute(
            "UPDATE authentications SET rand = NULL, challenged_at = NULL "
            "WHERE carrier = :carrier AND iccid = :iccid AND rand = :rand AND challenged_at >= :since",
            {"carrier": carrier, "iccid": iccid, "rand": rand, "since": since},
        ).rowcount
        == 1
    )
