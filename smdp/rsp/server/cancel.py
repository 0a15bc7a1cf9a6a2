"""ES9+.CancelSession: the LPA ends a session, and says why (SGP.22 §5.6.5)."""

from datetime import datetime
from typing import Any, Final

from msgspec import structs

from smdp.rsp import asn1, certs, crypto
from smdp.rsp.checks import Check, first_violated, refuse
from smdp.rsp.codes import CancelSessionReason, Code
from smdp.rsp.server.initiate import malformed
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Change, Happening, Outcome, Policy, Session, Stage
from smdp.rsp.server.step import Step, same_transaction, step_check
from smdp.rsp.states import Trigger
from smdp.rsp.tlv import Malformed
from smdp.rsp.wire import Request

_CLAUSE = "SGP.22 §5.6.5"
_KEEPS_ORDER = frozenset({CancelSessionReason.POSTPONED, CancelSessionReason.TIMEOUT})

TRANSACTION: Final = step_check("CS#1", _CLAUSE)


class CancelSessionResponse:
    """BF41 from an eUICC, read once; what is signed is kept as received. Raises Malformed."""

    __slots__ = ("error", "reason", "signature", "signed", "smdp_oid", "transaction_id")

    def __init__(self, data: bytes) -> None:
        response = asn1.decode(asn1.CancelSessionResponse, data, 0xBF41)
        self.error: int | None = None
        if response.name == "cancel_session_response_error":
            self.error = response.chosen.native
            return
        signed = response.chosen["euicc_cancel_session_signed"]
        self.signed: bytes = signed.dump()
        self.signature: bytes = response.chosen["euicc_cancel_session_signature"].native
        self.transaction_id: bytes = signed["transaction_id"].native
        self.smdp_oid: str = signed["smdp_oid"].native
        self.reason: int = signed["reason"].native


class _Context:
    """What the checks of the message look at."""

    def __init__(self, session: Session, message: CancelSessionResponse, security: Security) -> None:
        self.session, self.message = session, message
        self.oid = security.identities[session.server_ci].oid

    def signature_holds(self) -> bool:
        key = certs.load(self.session.euicc_certificate or b"").public_key
        return crypto.verify(key, self.message.signature, self.message.signed)

    def details(self) -> dict[str, object]:
        return {"error": self.message.error, "oid": self.oid}


VERIFY_CHECKS: Final[tuple[Check[_Context], ...]] = (
    Check(
        "CS#2",
        _CLAUSE,
        "cancelSessionResponse",
        Code("8.1", "4.2"),
        "euicc-refused-cancel",
        "The eUICC did not cancel: cancelSessionResponseError {error}.",
        "5 means that it knows no such session.",
        lambda c: c.message.error is None,
        passed="The eUICC cancelled: it signed an answer.",
    ),
    same_transaction("CS#3", _CLAUSE, "euiccCancelSessionSigned.transactionId"),
    Check(
        "CS#4",
        _CLAUSE,
        "euiccCancelSessionSignature",
        Code("8.1", "6.1"),
        "euicc-signature-invalid",
        "euiccCancelSessionSignature is not the eUICC's signature over euiccCancelSessionSigned.",
        "Sign the complete SEQUENCE with the key of CERT.EUICC, 64 bytes r‖s.",
        lambda c: c.signature_holds(),
        passed="euiccCancelSessionSignature was made by the key of CERT.EUICC.",
    ),
    Check(
        "CS#5",
        _CLAUSE,
        "euiccCancelSessionSigned.smdpOid",
        Code("8.8", "3.10"),
        "smdp-oid-mismatch",
        "The session to cancel is another server's: smdpOid is not {oid}.",
        "Put the registered id of CERT.DPauth into smdpOid.",
        lambda c: c.message.smdp_oid == c.oid,
        passed="smdpOid is this server's.",
    ),
)
CHECKS: Final[tuple[Check[Any], ...]] = (TRANSACTION, *VERIFY_CHECKS)


def cancel(
    request: Request,
    session: Session | None,
    security: Security,
    policy: Policy,
    now: datetime,
) -> Outcome[dict[str, Any]]:
    """Judge the cancellation (CS#1 … CS#5, ES9#2) and say what it does to the order. SGP.22 §5.6.5.

    Postponed and timeout keep the order; any other reason ends it. A session that was refused is over: LPAs cancel
    after any failure, and that must not end an order (8.10.1/3.9, nothing changes).
    """
    step = Step(session, security, policy, now, Stage.AUTHENTICATED, Stage.BOUND)
    if session is None or first_violated((TRANSACTION,), step) is not None:
        return Outcome(refusal=refuse(TRANSACTION, step.details()))
    try:
        message = CancelSessionResponse(request["cancelSessionResponse"])
    except Malformed as error:
        return Outcome(refusal=malformed(request, "cancelSessionResponse", str(error)))
    context = _Context(session, message, security)
    violated = first_violated(VERIFY_CHECKS, context)
    if violated is not None:
        return Outcome(refusal=refuse(violated, context.details()))
    keeps = message.reason in _KEEPS_ORDER
    trigger = Trigger.POSTPONED if keeps else Trigger.REJECTED
    data = {"reason": _reason(message.reason), "keeps_order": keeps}
    return Outcome(
        reply={},
        session=structs.replace(session, stage=Stage.CLOSED),
        change=Change(iccid=session.iccid, eid=session.eid, trigger=trigger) if session.iccid else None,
        happenings=(Happening(type="session.cancelled", iccid=session.iccid, data=data),),
    )


def _reason(value: int) -> str:
    names = {int(member): member.name.lower().replace("_", "-") for member in CancelSessionReason}
    return names.get(value, str(value))
