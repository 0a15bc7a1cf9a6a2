"""ES9+.GetBoundProfilePackage: the profile is bound to one eUICC and handed out (SGP.22 §5.6.2).

Three steps. `verify` judges the message; `examine` judges the order as it stands; then the caller claims it, in one
conditional update that only one session can win, and `decide` seals the package or refuses the losers.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from msgspec import structs

from smdp.rsp import asn1, bpp, certs
from smdp.rsp.checks import Check, Refusal, first_violated, refuse
from smdp.rsp.codes import Code
from smdp.rsp.crypto import Entropy, public_key
from smdp.rsp.crypto import verify as signed_by
from smdp.rsp.server.initiate import malformed
from smdp.rsp.server.orders import can_bind, in_words, is_expired
from smdp.rsp.server.security import Identity, Security
from smdp.rsp.server.session import Change, Happening, Order, Outcome, Package, Policy, Session, Stage
from smdp.rsp.server.step import Step, close, same_transaction, step_check
from smdp.rsp.states import Trigger
from smdp.rsp.tlv import Malformed
from smdp.rsp.wire import Request

_CLAUSE = "SGP.22 §5.6.2"

TRANSACTION: Final = step_check("GB#1", _CLAUSE)


class PrepareDownloadResponse:
    """BF21 from an eUICC, read once; what is signed is kept as received. Raises Malformed.

    `euicc_otpk` 65 bytes, `hash_cc` 32 bytes or None. With `error` set, the eUICC refused the download.
    """

    __slots__ = ("error", "euicc_otpk", "euicc_signature2", "euicc_signed2", "hash_cc", "transaction_id")

    def __init__(self, data: bytes) -> None:
        response = asn1.decode(asn1.PrepareDownloadResponse, data, 0xBF21)
        self.error: int | None = None
        if response.name == "download_response_error":
            self.transaction_id: bytes = response.chosen["transaction_id"].native
            self.error = response.chosen["download_error_code"].native
            return
        signed = response.chosen["euicc_signed2"]
        self.euicc_signed2: bytes = signed.dump()
        self.euicc_signature2: bytes = response.chosen["euicc_signature2"].native
        self.transaction_id = signed["transaction_id"].native
        self.euicc_otpk: bytes = signed["euicc_otpk"].native
        self.hash_cc: bytes | None = signed["hash_cc"].native


class _Context:
    """What the checks of the message look at."""

    def __init__(self, session: Session, message: PrepareDownloadResponse, identity: Identity) -> None:
        self.session, self.message, self.identity = session, message, identity

    def signature_holds(self) -> bool:
        euicc = certs.load(self.session.euicc_certificate or b"").public_key
        signed = self.message.euicc_signed2 + (self.session.smdp_signature2 or b"")
        return signed_by(euicc, self.message.euicc_signature2, signed)

    def key_fits(self) -> bool:
        return public_key(self.identity.curve, self.message.euicc_otpk) is not None

    def details(self) -> dict[str, object]:
        return {"error": self.message.error, "curve": self.identity.curve}


VERIFY_CHECKS: Final[tuple[Check[_Context], ...]] = (
    Check(
        "GB#2",
        _CLAUSE,
        "prepareDownloadResponse",
        Code("8.1", "4.2"),
        "euicc-refused-download",
        "The eUICC refused to prepare the download: downloadErrorCode {error}.",
        "1 means it rejects CERT.DPpb, 2 the signature, 3 the curve, 4 or 5 the session.",
        lambda c: c.message.error is None,
        passed="The eUICC is ready for the download: it signed an answer.",
    ),
    same_transaction("GB#3", _CLAUSE, "euiccSigned2.transactionId"),
    Check(
        "GB#4",
        _CLAUSE,
        "euiccSignature2",
        Code("8.1", "6.1"),
        "euicc-signature-invalid",
        "euiccSignature2 is not the eUICC's signature over euiccSigned2 and smdpSignature2.",
        "Sign the received bytes of euiccSigned2, then the whole TLV of smdpSignature2, 64 bytes r‖s.",
        lambda c: c.signature_holds(),
        passed="euiccSignature2 was made over euiccSigned2 and smdpSignature2 by the key of CERT.EUICC.",
    ),
    Check(
        "GB#4a",
        "SGP.22 §2.6.7",
        "euiccSigned2.euiccOtpk",
        Code("8.1", "6.1"),
        "euicc-otpk-invalid",
        "otPK.EUICC.ECKA is no point of {curve}, the curve of CERT.DPpb.",
        "Make the one-time key on the curve of CERT.DPpb: 65 bytes 04‖X‖Y.",
        lambda c: c.key_fits(),
        passed="otPK.EUICC.ECKA is a point of the curve of CERT.DPpb.",
    ),
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An eUICC that is ready for its package. `again`: this session has already got one, for the same one-time key."""

    message: PrepareDownloadResponse
    again: bool


def verify(
    request: Request,
    session: Session | None,
    security: Security,
    policy: Policy,
    now: datetime,
) -> Prepared | Outcome[dict[str, Any]]:
    """Judge the eUICC's answer: GB#1 … GB#4a, ES9#2. A lost answer may be asked for again. SGP.22 §5.6.2."""
    step = Step(session, security, policy, now, Stage.AUTHENTICATED, Stage.BOUND)
    if session is None or first_violated((TRANSACTION,), step) is not None:
        return Outcome(refusal=refuse(TRANSACTION, step.details()))
    try:
        message = PrepareDownloadResponse(request["prepareDownloadResponse"])
    except Malformed as error:
        return _refused(session, malformed(request, "prepareDownloadResponse", str(error)))
    context = _Context(session, message, security.identities[session.server_ci])
    violated = first_violated(VERIFY_CHECKS, context)
    if violated is not None:
        return _refused(session, refuse(violated, context.details()))
    return Prepared(message, again=session.euicc_otpk == message.euicc_otpk)


def _refused(session: Session, refusal: Refusal, change: Change | None = None) -> Outcome[dict[str, Any]]:
    """Refuse. A session that has its package stays what it is: that package may be on its way into the eUICC."""
    return Outcome(refusal=refusal) if session.stage is Stage.BOUND else close(session, refusal, change=change)


def gone(session: Session) -> Outcome[dict[str, Any]]:
    """Refuse a session whose order is not there any more (GB#1): its carrier was reset or deleted."""
    return close(session, refuse(TRANSACTION, {"what": "has lost its order"}))


class _Standing:
    """What the checks of the order look at. `claimed` says how the conditional update went."""

    def __init__(self, session: Session, prepared: Prepared, order: Order, policy: Policy, now: datetime) -> None:
        self.session, self.message, self.order, self.policy, self.now = session, prepared.message, order, policy, now
        self.claimed = False

    def required_code(self) -> bytes | None:
        """Return the code's hash, if there is one. None for an order that somebody else got: theirs is the counter."""
        ours = self.order.eid in (None, self.session.eid) and can_bind(self.order)
        return self.order.confirmation_code_hash if ours else None

    def code_right(self) -> bool:
        stored = self.required_code()
        return stored is None or self.message.hash_cc == bpp.hash_cc(stored, self.session.transaction_id)

    def rebinds(self) -> bool:
        """Say whether this is the key that the package was bound to before, or another one that is allowed."""
        bound = self.session.euicc_otpk or self.order.bound_otpk
        other = bound is not None and bound != self.message.euicc_otpk
        return not other or self.order.reuse != "same-device" or self.policy.rebind == "allow"

    def attempts_left(self) -> int:
        return self.policy.confirmation_code_attempts - self.order.confirmation_code_attempts - 1

    def details(self) -> dict[str, object]:
        left = self.attempts_left()
        return {
            "iccid": self.order.iccid,
            "state": self.order.state,
            "expires_at": in_words(self.order.expires_at),
            "limit": self.policy.confirmation_code_attempts,
            "left": f"{left} attempt{'s' if left != 1 else ''}",
        }


ORDER_CHECKS: Final[tuple[Check[_Standing], ...]] = (
    Check(
        "GB#4b",
        "SGP.22 §3.1.3",
        "euiccSigned2.euiccOtpk",
        Code("8.2", "3.7"),
        "rebinding-refused",
        "The profile {iccid} is bound to another one-time key of this eUICC, and the carrier refuses to bind it anew.",
        "Use the key that smdpSigned2 names, issue a new profile, or set the carrier's rebind to allow.",
        lambda c: c.rebinds(),
        passed="The one-time key is the order's first, the one of before, or the carrier binds anew.",
    ),
    Check(
        "GB#5",
        _CLAUSE,
        "",
        Code("8.8.5", "4.10"),
        "expired",
        "The order expired at {expires_at} while the session ran.",
        "Issue a new profile; --expires sets how long it lives.",
        lambda c: not is_expired(c.order, c.now),
        passed="The order did not expire while the session ran.",
    ),
    Check(
        "GB#6",
        _CLAUSE,
        "euiccSigned2.hashCc",
        Code("8.2.7", "2.2"),
        "confirmation-code-missing",
        "The order asks for a confirmation code, and none was given.",
        "Give the code (smdp device download … --confirmation-code C), or issue the profile without one.",
        lambda c: c.required_code() is None or c.message.hash_cc is not None,
        passed="A confirmation code was given, where the order asks for one.",
        when="code_required",
    ),
    Check(
        "GB#7",
        _CLAUSE,
        "euiccSigned2.hashCc",
        Code("8.2.7", "3.8"),
        "confirmation-code-wrong",
        "The confirmation code is wrong; {left} left.",
        "Give the code the order was confirmed with: SHA256(SHA256(its characters) ‖ transactionId).",
        lambda c: c.code_right() or c.attempts_left() <= 0,
        passed="Where the order asks for a confirmation code, it is right, or no attempt is left.",
        when="code_required",
    ),
    Check(
        "GB#8",
        _CLAUSE,
        "euiccSigned2.hashCc",
        Code("8.2.7", "6.4"),
        "confirmation-code-attempts-exceeded",
        "The confirmation code was wrong {limit} times; the order has ended.",
        "Issue a new profile; limits.confirmation_code_attempts sets the number.",
        lambda c: c.code_right(),
        passed="Where the order asks for a confirmation code, it is right.",
        when="code_required",
    ),
)
CLAIMED: Final[Check[_Standing]] = Check(
    "GB#9",
    "SGP.22 §3.1.3.2",
    "",
    Code("8.2", "3.7"),
    "already-downloaded",
    "The profile {iccid} is {state}: somebody else got it, or it was taken back, while this session ran.",
    "A profile is handed out once: issue one profile for each device.",
    lambda c: c.claimed,
    passed="The profile was still free, and this session took it.",
)
CHECKS: Final[tuple[Check[Any], ...]] = (TRANSACTION, *VERIFY_CHECKS, *ORDER_CHECKS, CLAIMED)


def examine(
    session: Session,
    prepared: Prepared,
    order: Order,
    policy: Policy,
    now: datetime,
) -> Outcome[dict[str, Any]] | None:
    """Judge the order before it is claimed: GB#4b … GB#8. None means that it may be claimed. SGP.22 §5.6.2.

    Where an order is handed out once, a session that has its package gets no other one (GB#1).
    """
    if session.stage is Stage.BOUND and order.reuse == "never":
        return Outcome(refusal=refuse(TRANSACTION, {"what": "is bound, not at this step"}))
    context = _Standing(session, prepared, order, policy, now)
    violated = first_violated(ORDER_CHECKS, context)
    if violated is None:
        return None
    refusal = refuse(violated, context.details())
    if violated.id not in ("GB#7", "GB#8"):
        return _refused(session, refusal)
    values = {"confirmation_code_attempts": order.confirmation_code_attempts + 1}
    trigger = Trigger.EXHAUSTED if violated.id == "GB#8" else None
    return _refused(session, refusal, Change(iccid=order.iccid, trigger=trigger, values=values))


def decide(
    session: Session,
    prepared: Prepared,
    order: Order,
    package: Package | None,
    *,
    security: Security,
    policy: Policy,
    now: datetime,
    entropy: Entropy,
) -> Outcome[dict[str, Any]]:
    """Seal the package for the session that won the claim; refuse the others (GB#9). SGP.22 §5.6.2, §2.5.4.

    `order` is the claimed order, or where the claim was lost the one that was examined; `package` is what to bind, None
    where the claim was lost. The reply's members: transactionId, boundProfilePackage (BF36).
    """
    context = _Standing(session, prepared, order, policy, now)
    context.claimed = package is not None
    if first_violated((CLAIMED,), context) is not None:
        return _refused(session, refuse(CLAIMED, context.details()))
    won = cast("Package", package)
    identity = security.identities[session.server_ci]
    binding = bpp.Binding(
        transaction_id=session.transaction_id,
        host_id=entropy.take(bpp.HOST_ID_BYTES),
        smdp_otsk=entropy.private_key(identity.curve),
        signing_key=identity.dppb.key,
        curve=identity.curve,
        euicc_otpk=prepared.message.euicc_otpk,
        eid=session.eid or "",
    )
    sealed = bpp.seal(binding, order.metadata, won.upp, won.ppk)
    return Outcome(
        reply={"transactionId": session.transaction_id, "boundProfilePackage": sealed},
        session=structs.replace(session, stage=Stage.BOUND, euicc_otpk=prepared.message.euicc_otpk),
        happenings=(Happening(type="profile.downloaded", iccid=order.iccid, data={"bytes": len(sealed)}),),
    )
