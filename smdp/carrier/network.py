"""The carrier's network: a device proves by AKA that it has the line's key, and is let in once the line is active.

Two calls: IMSI → challenge, then RES → network (TS 33.102 §6.3.3, TS 24.301 §5.5.1), and between them, where the USIM
finds the sequence number stale, AUTS → another challenge (§6.3.5). A line is known here as soon as its profile is
issued: whether any device has the profile installed is the SM-DP+'s business, and no network asks it. So a profile
that nobody downloaded authenticates too, and is refused for its plan (`line-inactive`) until that is active.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from hmac import compare_digest
from typing import TypeVar

from msgspec import Struct

from smdp import upp
from smdp.carrier import activation, carriers, content, faults, journal, orders, profiles
from smdp.carrier.errors import CONFLICT, CarrierError
from smdp.carrier.fault_catalogue import ATTACH
from smdp.carrier.faults import Who
from smdp.carrier.rejections import Rejection, rejection
from smdp.carrier.scope import Scope
from smdp.carrier.service import Service
from smdp.model import Attachment, NetworkChallenge
from smdp.rsp.server.session import Happening
from smdp.storage import Connection, Row
from smdp.storage.connection import micros
from smdp.storage.queries import network as queries
from smdp.upp import aka
from smdp.upp.aka import Functions
from smdp.upp.contents import Aka, Algorithm
from smdp.upp.milenage import Milenage, TestAlgorithm

T = TypeVar("T")

CHALLENGE_SECONDS = 30
"""How long a challenge may be answered, in real time; each line has one at a time, the last."""
RAND_BYTES = 16
_LAST_SEQ = (1 << 43) - 1


class _Line(Struct, frozen=True):
    """A line that somebody claims to be: its profile's row, and the functions that its USIM has to share."""

    row: Row
    functions: Functions

    @property
    def iccid(self) -> str:
        iccid: str = self.row["iccid"]
        return iccid


class Network:
    """The networks of all carriers of a server."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def challenge(self, carrier: str, imsi: str) -> NetworkChallenge | Rejection:
        """Challenge whoever claims to be an IMSI. Raises CarrierError (404) for an unknown carrier."""

        def challenged(scope: Scope) -> NetworkChallenge | Rejection:
            line = _line(scope, imsi)
            return line if isinstance(line, Rejection) else self._challenge(scope, line)

        return await self._write(carrier, challenged)

    async def answer(self, carrier: str, imsi: str, rand: bytes, res: bytes) -> Attachment | Rejection:
        """Let in whoever answers the open challenge with RES, if the line is active. Raises CarrierError."""
        return await self._write(carrier, lambda scope: _answer(scope, imsi, rand, res))

    async def resynchronise(self, carrier: str, imsi: str, rand: bytes, auts: bytes) -> NetworkChallenge | Rejection:
        """Go on behind the sequence number in AUTS (14 bytes), and challenge anew. Raises CarrierError.

        Where a network would follow a USIM down, this one does not: its numbers only grow.
        """

        def resynchronised(scope: Scope) -> NetworkChallenge | Rejection:
            line = _line(scope, imsi)
            if isinstance(line, Rejection):
                return line
            _take(scope, line, rand)
            highest = aka.resynchronise(line.functions, rand, auts)
            if highest is None:
                return _rejected(scope, line.row, "authentication-failed", said="AUTS is not made with its key")
            return self._challenge(scope, line, above=int.from_bytes(highest, "big") // aka.INDICES)

        return await self._write(carrier, resynchronised)

    def _challenge(self, scope: Scope, line: _Line, above: int = 0) -> NetworkChallenge | Rejection:
        seq = _next_seq(scope, line, above)
        if seq is None:
            return _rejected(scope, line.row, "authentication-failed", said="its sequence numbers are used up")
        rand = self._service.stream("network", scope.name, line.iccid, seq).take(RAND_BYTES)
        queries.open_challenge(scope.connection, scope.name, line.iccid, rand, micros(scope.times.wall))
        vector = aka.challenge(line.functions, rand, aka.sqn(seq, seq % aka.INDICES))
        return NetworkChallenge(rand=rand.hex().upper(), autn=vector.autn.hex().upper())

    async def _write(self, carrier: str, fn: Callable[[Scope], T]) -> T:
        def scoped(connection: Connection) -> T:
            return fn(self._service.scope(connection, carriers.find(connection, carrier)))

        return await self._service.database.write(scoped)


# --- who is it


def _line(scope: Scope, imsi: str) -> _Line | Rejection:
    row = queries.subscriber(scope.connection, scope.name, imsi)
    if row is None:
        return _rejected(scope, None, "unknown-subscriber", imsi=imsi)
    functions = functions_of(row)
    if functions is None:
        return _rejected(scope, row, "authentication-failed", said="its package has no key that this network can use")
    return _Line(row, functions)


def functions_of(row: Row) -> Functions | None:
    """Return what the USIM of a profile computes with; None if that is not built in (TUAK), or it has nothing."""
    plan = orders.plan_of(row)
    own = content.own_package(plan, row)
    brought = None if own is None else _brought(own)
    if own is not None and not plan.personalise:
        return None if brought is None else aka.functions(brought)
    subscriber = content.subscriber(row)
    if brought is not None and brought.algorithm == Algorithm.TEST:
        return TestAlgorithm(subscriber.ki)
    return Milenage(subscriber.ki, subscriber.opc)


@lru_cache(maxsize=64)
def _brought(package: bytes) -> Aka | None:
    """Read what the USIM of a user's own package authenticates with."""
    usim = upp.read(package).usim
    return None if usim is None else usim.aka


def _next_seq(scope: Scope, line: _Line, above: int) -> int | None:
    """Take the line's next SEQ (43 bits), None where there is none: nobody gets so far but by an AUTS of its own."""
    seq = queries.next_seq(scope.connection, scope.name, line.iccid, above)
    return seq if seq <= _LAST_SEQ else None


def _take(scope: Scope, line: _Line, rand: bytes) -> None:
    """Close the challenge that is answered. Raises CarrierError if it is not open."""
    since = micros(scope.times.wall - timedelta(seconds=CHALLENGE_SECONDS))
    if not queries.take_challenge(scope.connection, scope.name, line.iccid, rand, since):
        because = (
            f"No challenge of this RAND is open: it was answered, is older than {CHALLENGE_SECONDS} s, or another one "
            "came after it."
        )
        raise CarrierError("challenge-unknown", because, 'Ask for another: send {"imsi": "…"} alone.', CONFLICT)


# --- is it let in


def _answer(scope: Scope, imsi: str, rand: bytes, res: bytes) -> Attachment | Rejection:
    line = _line(scope, imsi)
    if isinstance(line, Rejection):
        return line
    _take(scope, line, rand)
    if not compare_digest(line.functions.f2(rand), res):
        return _rejected(scope, line.row, "authentication-failed", said="RES is not made with its key")
    row = _started(scope, line.row)
    fired = faults.fire_told(scope, ATTACH, Who(row["eid"], row["iccid"]), layers=("carrier",))
    if fired:
        return _rejected(scope, row, "attach-rejected", cause=fired[0].with_["cause"])
    reason = _in_the_way(row)
    if reason is not None:
        return _rejected(scope, row, reason)
    carrier = scope.carrier
    data = {"network_name": carrier.network_name, "mcc": carrier.mcc, "mnc": carrier.mnc}
    journal.append(scope, [Happening(type="network.attached", iccid=row["iccid"], data={"eid": row["eid"], **data})])
    return Attachment(**data, msisdn=row["msisdn"])


def _started(scope: Scope, row: Row) -> Row:
    """Start the activation that waited for the first attach; return the row as it is then."""
    if _has_ended(row):
        return row
    happenings = activation.start(scope, row, orders.plan_of(row), "attached")
    if not happenings and row["activation_state"] != "inactive":
        return row
    journal.append(scope, happenings)
    return profiles.find(scope, row["iccid"])


def _has_ended(row: Row) -> bool:
    return row["state"] in ("error", "unavailable")


def _in_the_way(row: Row) -> str | None:
    """Say why a line gets no service, by the reason's slug; None if it does."""
    state: str = row["activation_state"]
    if state == "active":
        return None
    if state == "inactive":
        if _has_ended(row):
            return "terminated"
        return "line-inactive" if row["activation_due_at"] is None else "line-pending"
    return {"pending": "line-pending", "failed": "activation-failed"}.get(state, state)


def _rejected(scope: Scope, row: Row | None, reason: str, **words: object) -> Rejection:
    """Turn a device away, and tell."""
    found = rejection(scope, row, reason, words)
    data = {"reason": reason, "cause": found.cause, "because": found.because, "fix": found.fix}
    eid, iccid = (None, None) if row is None else (row["eid"], row["iccid"])
    journal.append(scope, [Happening(type="network.rejected", iccid=iccid, data={"eid": eid, **data})])
    return found
