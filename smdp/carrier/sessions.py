"""RSP sessions: their rows for the next step, and as the control API tells them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import structs

from smdp.carrier import xray
from smdp.carrier.errors import UNKNOWN, CarrierError
from smdp.carrier.scope import Scope
from smdp.model import RefusalText, SessionOutcome, Step
from smdp.model import Session as SessionView
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import code
from smdp.rsp.server.session import Order, Session, Stage
from smdp.storage import Connection, Row
from smdp.storage.connection import micros, moment
from smdp.storage.queries import events
from smdp.storage.queries import sessions as queries

KEEP = 4_000
"""How many sessions that ended are kept for a carrier, with their messages."""
KEEP_OPEN = 10_000
"""How many sessions may be open at the same time; a flood of InitiateAuthentication ends the oldest of them."""
KEEP_BYTES = 16 * 1024
"""How much of a message is kept to look at: a request is 5 KiB at most, if it is no attack."""
KEEP_ATTEMPTS = 4
"""How many refused calls of a function are kept of a session that goes on after them."""
_PRUNE_EVERY = 256
_LOOK_BACK = 8
"""Among how many sessions of an EID and a profile its last one-time key is looked for."""
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


def with_bound_key(scope: Scope, session: Session, order: Order, eid: str) -> Order:
    """Note in an order of reuse `same-device` which one-time key its package was bound to for this EID before.

    Only under the same CI: a key of another curve is of no use.
    """
    if order.reuse != "same-device" or order.eid != eid:
        return order
    rows = queries.handed_out(scope.connection, scope.name, eid, order.iccid, _LOOK_BACK)
    before = (read(row["content"]) for row in rows)
    mine = (one.euicc_otpk for one in before if one.euicc_otpk and one.server_ci == session.server_ci)
    return structs.replace(order, bound_otpk=next(mine, None))


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
    """Return one session with its steps, decoded, and the checks of each. Raises CarrierError (404)."""
    row = _row(scope, transaction_id)
    view = _view(scope, row)
    view.steps = xray.steps(xray.Seen(read(row["content"]), view.refusal), *_kept(scope, row))
    return view


def _kept(scope: Scope, row: Row) -> tuple[list[Row], list[xray.Told]]:
    """Return a session's messages in their order, and its notifications with what their refusals said."""
    identifier = row["transaction_id"]
    messages = xray.in_order(queries.messages(scope.connection, scope.name, [identifier], columns="*"))
    notifications = queries.notifications(scope.connection, scope.name, identifier)
    if all(one["verified"] for one in notifications):
        return messages, [xray.Told(one) for one in notifications]
    refused = events.events(
        scope.connection, scope.name, types=("session.refused",), eid=row["eid"], session=identifier
    )
    words = [one.data for one in refused if one.data.get("step") == "handleNotification"]
    backwards = [  # the oldest events may be forgotten
        xray.Told(one, words.pop() if words and not one["verified"] else None) for one in reversed(notifications)
    ]
    return messages, backwards[::-1]


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
    found = {row["transaction_id"]: _view(scope, row) for row in rows}
    for one in queries.messages(scope.connection, scope.name, list(found)):
        steps = found[one["transaction_id"]].steps
        steps.append(Step(name=xray.function_of(one), at=moment(one["at"]), ms=one["ms"]))
    return list(found.values())


def _view(scope: Scope, row: Row) -> SessionView:
    expired = row["outcome"] == "open" and row["opened_at"] < _expired_before(scope)
    return SessionView(
        id=row["transaction_id"],
        carrier=scope.name,
        eid=row["eid"],
        iccid=row["iccid"],
        outcome="expired" if expired else row["outcome"],
        opened_at=moment(row["opened_at"]),
        refusal=None if row["refusal"] is None else _REFUSAL.decode(row["refusal"]),
    )


def raw_messages(scope: Scope, transaction_id: str) -> dict[str, Any]:
    """Return a session's messages and notifications as bytes, with their times. Raises CarrierError (404)."""
    row = _row(scope, transaction_id)
    messages, notifications = _kept(scope, row)
    return {
        "id": row["transaction_id"],
        "messages": [
            {
                "step": xray.function_of(one),
                "at": moment(one["at"]),
                "request": one["request"],
                "response": one["response"],
            }
            for one in messages
        ],
        "notifications": [
            {"at": moment(one["at"]), "kind": one["kind"], "verified": bool(one["verified"]), "raw": one["raw"]}
            for one, _ in notifications
        ],
    }


def told_of(refusal: Refusal) -> dict[str, Any]:
    """Return what an event tells of a refusal."""
    return msgspec.structs.asdict(text_of(refusal))
