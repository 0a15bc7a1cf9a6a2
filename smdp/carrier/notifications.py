"""What a notification does: an installation's result moves the profile, others tell its runtime (SGP.22 §5.6.4)."""

from hashlib import sha256

from msgspec import Struct

from smdp.carrier import journal, orders, sessions
from smdp.carrier.scope import Scope
from smdp.model import SessionOutcome
from smdp.rsp.checks import Refusal
from smdp.rsp.server import notify
from smdp.rsp.server.notify import OtherSignedNotification, ProfileInstallationResult, Told
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Happening, Outcome, Session
from smdp.rsp.tlv import Malformed
from smdp.storage.connection import micros
from smdp.storage.queries import sessions as queries

KEEP = 4_000
"""How many notifications are kept for a carrier that proved to be nobody's."""
_PRUNE_EVERY = 256
_STEP = "handleNotification"


class Judged(Struct, frozen=True):
    """A notification and whether it verifies: what is stored of it, and what it will do."""

    kind: str
    refusal: Refusal | None = None
    eid: str | None = None
    iccid: str | None = None
    transaction_id: str | None = None
    session: Session | None = None
    outcome: Outcome[None] | None = None
    told: Told | None = None


def judge(scope: Scope, raw: bytes, security: Security) -> Judged:
    """Read and verify a notification; anything at all may come in."""
    try:
        notification = notify.read(raw)
    except Malformed as error:
        return Judged("unreadable", notify.malformed(error))
    if isinstance(notification, ProfileInstallationResult):
        return _judge_result(scope, notification, security)
    return _judge_other(scope, notification, security)


def _judge_result(scope: Scope, result: ProfileInstallationResult, security: Security) -> Judged:
    session = sessions.find(scope.connection, scope.name, result.transaction_id)
    outcome = notify.decide_result(result, session, security)
    return Judged(
        kind="profile-installation-result",
        refusal=outcome.refusal,
        eid=session.eid if session else None,
        iccid=session.iccid if session else None,
        transaction_id=result.transaction_id.hex().upper(),
        session=session,
        outcome=outcome,
    )


def _judge_other(scope: Scope, notification: OtherSignedNotification, security: Security) -> Judged:
    kind = "-".join(notification.operations) or "other"
    told = notify.verify_other(notification, security, scope.now)
    if isinstance(told, Refusal):
        return Judged(kind, told, iccid=notification.iccid)
    return Judged(kind, eid=told.eid, iccid=told.iccid, told=told)


def keep(scope: Scope, raw: bytes, judged: Judged) -> bool:
    """Keep a notification, and now and then forget the oldest that proved nothing; False if the same came before."""
    number = queries.insert_notification(
        scope.connection,
        scope.name,
        sha256(raw).digest(),
        raw=raw[: sessions.KEEP_BYTES],
        at=micros(scope.now),
        kind=judged.kind,
        verified=judged.refusal is None,
        eid=judged.eid,
        iccid=judged.iccid,
        transaction_id=judged.transaction_id,
    )
    if number and number % _PRUNE_EVERY == 0:
        queries.prune_notifications(scope.connection, scope.name, KEEP)
    return number > 0


def take(scope: Scope, judged: Judged) -> None:
    """Do what a notification says that has not been seen before."""
    happenings: tuple[Happening, ...] = ()
    if judged.refusal is not None:
        data = {"step": _STEP, **sessions.told_of(judged.refusal)}
        happenings = (Happening(type="session.refused", iccid=judged.iccid, data=data),)
    elif judged.outcome is not None and judged.session is not None:
        happenings = _take_result(scope, judged.session, judged.outcome)
    elif judged.told is not None and judged.told.iccid is not None:
        happenings = orders.told(scope, judged.told.eid, judged.told.iccid, judged.told.operations) or ()
    journal.append(scope, happenings, session=judged.transaction_id, eid=judged.eid)


def _take_result(scope: Scope, session: Session, outcome: Outcome[None]) -> tuple[Happening, ...]:
    """Move the profile; a result that comes when the profile has moved on changes nothing."""
    if outcome.change is None or outcome.session is None:
        return ()
    by = session.transaction_id.hex().upper()
    applied = orders.apply(scope, outcome.change, by=by)
    if applied is None:
        return ()
    ending: SessionOutcome = "failed" if outcome.happenings else "installed"
    sessions.swap(scope, session.stage, outcome.session, outcome=ending, refusal=None)
    closed = Happening(type="session.closed", iccid=session.iccid, data={"step": _STEP, "outcome": ending})
    return (*orders.merge(outcome.happenings, applied), closed)
