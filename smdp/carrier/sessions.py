"""RSP sessions: their rows for the next step, and as the control API tells them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from smdp.carrier.errors import UNKNOWN, CarrierError
from smdp.carrier.scope import Scope
from smdp.model import RefusalText, SessionOutcome, Step
from smdp.model import Session as SessionView
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import code
from smdp.rsp.server.session import Session, Stage
from smdp.storage import Connection, Row
from smdp.storage.connection import micros, moment
from smdp.storage.queries import sessions as queries

KEEP = 4_000
"""How many sessions that ended are kept for a carrier, with their messages."""
KEEP_OPEN = 10_000
"""How many sessions may be open at the same time; a flood of InitiateAuthentication ends the oldest of them."""
KEEP_BYTES = 16 * 1024
"""How much of a message is kept to look at: a request is 5 KiB at most, if it is no attack."""
_PRUNE_EVERY = 256
_LOG_DIGITS = 8
"""How much of a transactionId the log shows, which is enough to find its session."""

pack = msgspec.msgpack.Encoder().encode
"""Writes a session as it is stored."""
read = msgspec.msgpack.Decoder(Session).decode
"""Reads a session from what is stored of it."""
_REFUSAL = msgspec.json.Decoder(RefusalText)


def identifier(transaction_id: bytes) -> str:
    """Write a transactionId as it is known everywhere: hexadecimal in capital letters."""
    return transaction_id.hex().upper()


# --- rows


def insert(scope: Scope, session: Session) -> bool:
    """Store a fresh session, and now and then forget the oldest ones that ended; False if the carrier is gone."""
    number = queries.insert(
        scope.connection,
        scope.name,
        identifier(session.transaction_id),
        session.stage,
        micros(session.opened_at),
        pack(session),
    )
    if number and number % _PRUNE_EVERY == 0:
        queries.prune(scope.connection, scope.name, KEEP, _expired_before(scope), KEEP_OPEN)
    return number > 0


def find(connection: Connection, carrier: str, transaction_id: bytes) -> Session | None:
    """Find a session of this carrier; another carrier's is as unknown as one that never was."""
    row = queries.session(connection, carrier, identifier(transaction_id))
    return None if row is None else read(row["content"])


def swap(
    scope: Scope,
    expected: Stage,
    session: Session,
    *,
    outcome: SessionOutcome = "open",
    refusal: Refusal | None = None,
) -> bool:
    """Replace a session if it is still at the expected stage; False for whoever came too late."""
    return queries.swap(
        scope.connection,
        scope.name,
        identifier(session.transaction_id),
        expected,
        stage=session.stage,
        eid=session.eid,
        iccid=session.iccid,
        outcome=outcome,
        refusal=None if refusal is None else msgspec.json.encode(text_of(refusal)).decode(),
        content=pack(session),
    )


def text_of(refusal: Refusal) -> RefusalText:
    """Write a refusal as the control API tells it."""
    return RefusalText(
        check=refusal.check,
        code=str(refusal.code),
        reason=refusal.reason,
        because=refusal.because,
        fix=refusal.fix,
    )


def refusal_of(stored: str) -> Refusal:
    """Read back the refusal that ended a session."""
    text = _REFUSAL.decode(stored)
    return Refusal(text.check, code(text.code), text.reason, text.because, text.fix)


def _expired_before(scope: Scope) -> int:
    return micros(scope.now - timedelta(minutes=scope.carrier.limits.session_minutes))


# --- for people


def session_view(scope: Scope, transaction_id: str) -> SessionView:
    """Return one session with its steps. Raises CarrierError (404)."""
    return _views(scope, [_row(scope, transaction_id)])[0]


def _row(scope: Scope, transaction_id: str) -> Row:
    """Find a session for people, who may have read only the first digits of it in the log."""
    wanted = transaction_id.upper()
    row = queries.session(scope.connection, scope.name, wanted)
    if row is not None:
        return row
    near = queries.session_like(scope.connection, scope.name, wanted) if wanted else None
    if near is not None and len(wanted) >= _LOG_DIGITS:
        return _row(scope, near)
    hint = f"Did you mean {near}?" if near else "smdp session list shows those there are."
    because = f"The carrier {scope.name} has no session {transaction_id[:40]!r}."
    raise CarrierError("session-unknown", because, hint, UNKNOWN)


def session_views(
    scope: Scope, filters: dict[str, str], before: int | None, limit: int
) -> tuple[list[SessionView], int | None]:
    """List sessions, newest first, with the number to go on before; None at the end."""
    rows = queries.sessions(scope.connection, scope.name, filters, _expired_before(scope), before, limit + 1)
    more = rows[limit - 1]["number"] if len(rows) > limit else None
    return _views(scope, rows[:limit]), more


def _views(scope: Scope, rows: Sequence[Row]) -> list[SessionView]:
    steps: dict[str, list[Step]] = {row["transaction_id"]: [] for row in rows}
    for message in queries.messages(scope.connection, scope.name, list(steps)):
        steps[message["transaction_id"]].append(
            Step(name=message["step"], at=moment(message["at"]), ms=message["ms"], request=None, response=None)
        )
    cutoff = _expired_before(scope)
    return [
        SessionView(
            id=row["transaction_id"],
            carrier=scope.name,
            eid=row["eid"],
            iccid=row["iccid"],
            outcome="expired" if row["outcome"] == "open" and row["opened_at"] < cutoff else row["outcome"],
            opened_at=moment(row["opened_at"]),
            refusal=None if row["refusal"] is None else _REFUSAL.decode(row["refusal"]),
            steps=steps[row["transaction_id"]],
        )
        for row in rows
    ]


def raw_messages(scope: Scope, transaction_id: str) -> dict[str, Any]:
    """Return a session's messages and notifications as bytes, with their times. Raises CarrierError (404)."""
    identifier = _row(scope, transaction_id)["transaction_id"]
    messages = queries.messages(scope.connection, scope.name, [identifier])
    notifications = queries.notifications(scope.connection, scope.name, identifier)
    return {
        "id": identifier,
        "messages": [
            {"step": row["step"], "at": moment(row["at"]), "request": row["request"], "response": row["response"]}
            for row in messages
        ],
        "notifications": [
            {"at": moment(row["at"]), "kind": row["kind"], "verified": bool(row["verified"]), "raw": row["raw"]}
            for row in notifications
        ],
    }


def told_of(refusal: Refusal) -> dict[str, Any]:
    """Return what an event tells of a refusal."""
    return msgspec.structs.asdict(text_of(refusal))
