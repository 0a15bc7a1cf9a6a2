"""RSP sessions between their rows and `smdp.rsp.server.session.Session`."""

import msgspec

from smdp.carrier.scope import Scope
from smdp.model import RefusalText, SessionOutcome
from smdp.rsp.checks import Refusal
from smdp.rsp.server.session import Session, Stage
from smdp.storage import Connection
from smdp.storage.connection import micros
from smdp.storage.queries import sessions as queries

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Session).decode


def insert(scope: Scope, session: Session) -> None:
    """Store a session that InitiateAuthentication opened."""
    queries.insert(
        scope.connection, scope.name, id_of(session), session.stage, micros(session.opened_at), _encode(session)
    )


def find(connection: Connection, carrier: str, transaction_id: bytes) -> Session | None:
    """Find a session of this carrier; another carrier's is as unknown as one that never was."""
    row = queries.session(connection, carrier, transaction_id.hex().upper())
    return None if row is None else _decode(row["content"])


def swap(scope: Scope, expected: Stage, session: Session, *, outcome: SessionOutcome, refusal: Refusal | None) -> bool:
    """Store a session's next row if it is still at the expected stage; False for whoever came too late."""
    return queries.swap(
        scope.connection,
        scope.name,
        id_of(session),
        expected,
        stage=session.stage,
        eid=session.eid,
        iccid=session.iccid,
        outcome=outcome,
        refusal=None if refusal is None else msgspec.json.encode(text_of(refusal)).decode(),
        content=_encode(session),
    )


def id_of(session: Session) -> str:
    """Return a session's transactionId as the API shows it: upper-case hexadecimal."""
    return session.transaction_id.hex().upper()


def text_of(refusal: Refusal) -> RefusalText:
    """Put a refusal into the words that the API shows."""
    return RefusalText(
        check=refusal.check,
        code=str(refusal.code),
        reason=refusal.reason,
        because=refusal.because,
        fix=refusal.fix,
    )
