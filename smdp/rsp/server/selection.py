"""ES9+.AuthenticateClient, second half: the order of this eUICC is found, judged, and announced (SGP.22 §5.6.3)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import structs

from smdp.rsp import mutual_auth
from smdp.rsp.checks import Check, first_violated, refuse
from smdp.rsp.codes import Code
from smdp.rsp.ids import imei_is
from smdp.rsp.server.authenticate import Authenticated
from smdp.rsp.server.orders import find, in_words, is_exhausted, is_expired, why_ended
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Change, Happening, Order, Outcome, Policy, Session, Stage
from smdp.rsp.server.step import close
from smdp.rsp.states import State, Trigger, transition
from smdp.rsp.tlv import tlv

_CLAUSE = "SGP.22 §5.6.3"
_ELIGIBILITY = "SGP.22 §3.1.3 and Annex F"


class _Lookup:
    """What the checks of the order look at."""

    def __init__(self, who: Authenticated, candidates: Sequence[Order], policy: Policy, now: datetime) -> None:
        self.eid, self.message, self.policy, self.now = who.eid, who.message, policy, now
        self.matching_id = who.message.matching_id
        self.candidates = candidates
        self.found = find(candidates, who.eid, policy, now)

    @property
    def order(self) -> Order:
        """The order found; the checks before have made sure that there is one."""
        return self.found.order or self.found.ended or self.candidates[0]

    def memory_suffices(self) -> bool:
        info, needed = self.message.info2, self.order.requirements.memory
        return 0 in info.rsp_capability and (info.free_memory is None or info.free_memory >= needed)

    def missing_capabilities(self) -> list[int]:
        return sorted(self.order.requirements.uicc_capabilities - self.message.info2.uicc_capability)

    def forbidden_rules(self) -> list[str]:
        return sorted(rule for rule in self.order.ppr if _PPR_BIT.get(rule) in self.message.info2.forbidden_ppr)

    def details(self) -> dict[str, object]:
        """Fill the sentences."""
        facts: dict[str, object] = {"eid": self.eid, "matching_id": self.matching_id}
        if self.found.ended is not None:
            facts |= why_ended(self.found.ended, self.eid)
        if self.candidates:
            info, order = self.message.info2, self.order
            facts |= {
                "iccid": order.iccid,
                "state": order.state,
                "limit": self.policy.download_attempts,
                "expires_at": in_words(order.expires_at),
                "needed": order.requirements.memory,
                "free": "an unknown number of" if info.free_memory is None else info.free_memory,
                "version": ".".join(map(str, info.profile_version)),
                "wanted_version": ".".join(map(str, order.requirements.profile_version)),
                "missing": ", ".join(map(str, self.missing_capabilities())),
                "rules": ", ".join(self.forbidden_rules()),
            }
        return facts


_PPR_BIT = {"ppr1": 1, "ppr2": 2}

ORDER_CHECKS: Final[tuple[Check[_Lookup], ...]] = (
    Check(
        "AC#14a",
        "SGP.22 §3.1.2",
        "ctxParams1.matchingId",
        Code("8.2.6", "3.8"),
        "matching-id-unknown",
        "No order has the MatchingID {matching_id}.",
        "Check the activation code (smdp profile show ICCID prints it); a MatchingID belongs to one carrier.",
        lambda c: not c.matching_id or bool(c.candidates),
        passed="There is an order with this MatchingID.",
        when="matching_id",
    ),
    Check(
        "AC#14b",
        "SGP.22 §3.1.2",
        "euiccCertificate.serialNumber",
        Code("8.1.1", "3.8"),
        "nothing-ordered",
        "No profile is waiting for this EID.",
        "smdp profile issue {eid}",
        lambda c: bool(c.matching_id) or bool(c.candidates),
        passed="There is an order for this EID, or there was one.",
        when="no_matching_id",
    ),
    Check(
        "AC#14c",
        "SGP.22 §3.1.2",
        "ctxParams1.matchingId",
        Code("8.2.6", "3.8"),
        "{ended}",
        "{because}",
        "{ended_fix}",
        lambda c: not c.matching_id or c.found.ended is None,
        passed="The order of this MatchingID has not ended.",
        when="matching_id",
    ),
    Check(
        "AC#14d",
        "SGP.22 §3.1.2",
        "euiccCertificate.serialNumber",
        Code("8.1.1", "3.8"),
        "{ended}",
        "{because}",
        "{ended_fix}",
        lambda c: bool(c.matching_id) or c.found.ended is None,
        passed="An order for this EID has not ended.",
        when="no_matching_id",
    ),
    Check(
        "AC#14e",
        "SGP.22 §3.1.2",
        "euiccCertificate.serialNumber",
        Code("8.1.1", "3.8"),
        "other-eid",
        "The order of this MatchingID belongs to another EID.",
        "Use the device it was ordered for, or issue a profile for this one (smdp profile issue {eid}).",
        lambda c: c.order.eid in (None, c.eid),
        passed="The order is for this EID, or for whoever comes first.",
    ),
    Check(
        "AC#14f",
        "SGP.22 §3.1.2",
        "ctxParams1.deviceInfo.imei",
        Code("8.1.1", "3.8"),
        "imei-mismatch",
        "The order of {iccid} is bound to another IMEI than this device's.",
        "Use the device it was ordered for, or issue the profile without an IMEI.",
        lambda c: c.order.imei is None or (c.message.imei is not None and imei_is(c.order.imei, c.message.imei)),
        passed="The order asks for no IMEI, or for this device's.",
    ),
    Check(
        "AC#15",
        _CLAUSE,
        "",
        Code("8.2", "1.2"),
        "on-hold",
        "The profile is {state}, not released yet.",
        "smdp profile release {iccid}",
        lambda c: c.order.state not in (State.ALLOCATED, State.LINKED, State.CONFIRMED) or is_expired(c.order, c.now),
        passed="The order is not held back, or it has expired.",
    ),
    Check(
        "AC#16",
        _CLAUSE,
        "",
        Code("8.8.5", "4.10"),
        "expired",
        "The order expired at {expires_at}.",
        "Issue a new profile (smdp profile issue {eid}); --expires sets how long it lives.",
        lambda c: not is_expired(c.order, c.now),
        passed="The order has not expired.",
    ),
    Check(
        "AC#17",
        "SGP.22 §3.1.3",
        "",
        Code("8.8.5", "6.4"),
        "attempts-exceeded",
        "The profile was tried more than {limit} times.",
        "Issue a new profile (smdp profile issue {eid}); the carrier's limits.download_attempts sets the number.",
        lambda c: not is_exhausted(_counted(c.order), c.policy),
        passed="The profile was not tried too often.",
    ),
    Check(
        "AC#18a",
        _ELIGIBILITY,
        "euiccInfo2.extCardResource",
        Code("8.1", "4.8"),
        "no-memory",
        "The profile needs {needed} bytes, the eUICC has {free} bytes left or takes no further profile.",
        "Delete a profile on the device.",
        lambda c: c.memory_suffices(),
        passed="The eUICC has room for the profile, as far as it tells.",
    ),
    Check(
        "AC#18b",
        _ELIGIBILITY,
        "euiccInfo2.profileVersion",
        Code("8.2.5", "4.3"),
        "profile-version-unsupported",
        "The profile package is version {wanted_version}, the eUICC supports {version}.",
        "Give the plan a package of a lower version, or use another eUICC.",
        lambda c: tuple(c.message.info2.profile_version[:2]) >= c.order.requirements.profile_version,
        passed="The eUICC supports the version of the profile package.",
    ),
    Check(
        "AC#18c",
        _ELIGIBILITY,
        "euiccInfo2.uiccCapability",
        Code("8.2.5", "4.3"),
        "capability-missing",
        "The eUICC lacks what the profile needs: UICC capabilities {missing}.",
        "Use another eUICC, or a plan that needs less.",
        lambda c: not c.missing_capabilities(),
        passed="The eUICC has every capability that the profile needs.",
    ),
    Check(
        "AC#18d",
        _ELIGIBILITY,
        "euiccInfo2.forbiddenProfilePolicyRules",
        Code("8.2.5", "4.3"),
        "ppr-forbidden",
        "The profile has {rules}, which this eUICC forbids.",
        "Take the rule out of the plan, or delete the operational profile that forbids it.",
        lambda c: not c.forbidden_rules(),
        passed="The eUICC forbids none of the profile's policy rules.",
    ),
)
CHECKS: Final = ORDER_CHECKS

_NO_ORDER = frozenset({"AC#14b", "AC#14d"})
_ENDS_ORDER = {
    "AC#17": Trigger.EXHAUSTED,
    **dict.fromkeys(("AC#18a", "AC#18b", "AC#18c", "AC#18d"), Trigger.INELIGIBLE),
}


def _counted(order: Order) -> Order:
    """Count this attempt, if the order is linked to an EID: others' attempts must not end it."""
    return structs.replace(order, download_attempts=order.download_attempts + (order.eid is not None))


def decide(
    session: Session,
    who: Authenticated,
    candidates: Sequence[Order],
    security: Security,
    policy: Policy,
    now: datetime,
) -> Outcome[dict[str, Any]]:
    """Find the order among those of the MatchingID or EID, judge it (AC#14 … AC#18), and answer.

    The reply's members: transactionId, profileMetadata (BF25), smdpSigned2, smdpSignature2 (5F37, 64 bytes),
    smdpCertificate (DER of CERT.DPpb). In a retry smdpSigned2 names the one-time key of before (§3.1.3). SGP.22 §5.6.3.
    """
    context = _Lookup(who, candidates, policy, now)
    session = structs.replace(
        session,
        eid=who.eid,
        matching_id=who.message.matching_id or None,
        euicc_certificate=who.message.euicc_certificate,
    )
    violated = first_violated(ORDER_CHECKS, context)
    if violated is not None:
        return _refused(session, violated, context)
    order = context.order
    cc_required = order.confirmation_code_hash is not None
    otpk = b"" if order.bound_otpk is None else tlv(0x5F49, order.bound_otpk)
    signed = tlv(0x30, tlv(0x80, session.transaction_id), tlv(0x01, b"\xff" if cc_required else b"\0"), otpk)
    identity = security.identities[session.server_ci]
    signature = mutual_auth.signature(identity.dppb, signed, tlv(0x5F37, who.message.euicc_signature1))
    reply = {
        "transactionId": session.transaction_id,
        "profileMetadata": order.metadata,
        "smdpSigned2": signed,
        "smdpSignature2": signature,
        "smdpCertificate": identity.dppb.certificate.der,
    }
    session = structs.replace(
        session,
        stage=Stage.AUTHENTICATED,
        iccid=order.iccid,
        cc_required=cc_required,
        smdp_signature2=signature,
    )
    values = {"metadata": order.metadata, "download_attempts": _counted(order).download_attempts}
    return Outcome(
        reply=reply,
        session=session,
        change=Change(iccid=order.iccid, values=values),
        happenings=(Happening(type="profile.selected", iccid=order.iccid),),
    )


def _refused(session: Session, violated: Check[_Lookup], context: _Lookup) -> Outcome[dict[str, Any]]:
    refusal = refuse(violated, context.details())
    if violated.id in _NO_ORDER:
        refusal = refusal.with_code(context.policy.no_order_code)
    if context.found.order is None:
        return close(session, refusal)
    order = context.found.order
    session = structs.replace(session, iccid=order.iccid)
    if violated.id not in _ENDS_ORDER:
        return close(session, refusal)
    trigger = _ENDS_ORDER[violated.id]
    possible = transition(order.state, trigger, order.reuse) is not None  # it may have ended before, or be in a retry
    values = {"download_attempts": _counted(order).download_attempts}
    change = Change(iccid=order.iccid, trigger=trigger if possible else None, values=values)
    return close(session, refusal, change=change)
