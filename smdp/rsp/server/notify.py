"""ES9+.HandleNotification: what the eUICC says happened (SGP.22 §5.6.4).

Always answered with 204; a notification that doesn't verify changes nothing. Notifications are kept and repeated by the
eUICC until they are acknowledged, so each may come late and often.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from msgspec import structs

from smdp.rsp import asn1, certs, crypto
from smdp.rsp.checks import Check, Refusal, first_violated, refuse
from smdp.rsp.codes import BppCommandId, Code, ErrorReason
from smdp.rsp.decoder import Decoded
from smdp.rsp.ids import iccid_of_bytes
from smdp.rsp.mutual_auth import EuiccChain, chain_checks
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Change, Happening, Outcome, Session, Stage
from smdp.rsp.states import Trigger
from smdp.rsp.tlv import Malformed
from smdp.rsp.wire import MALFORMED

_CLAUSE = "SGP.22 §5.6.4"
_TEMPORARY = frozenset(
    {
        ErrorReason.INSTALL_FAILED_DUE_TO_INSUFFICIENT_MEMORY_FOR_PROFILE,
        ErrorReason.INSTALL_FAILED_DUE_TO_INTERRUPTION,
    },
)
_OPERATIONS = ("install", "enable", "disable", "delete")


@dataclass(frozen=True, slots=True)
class ProfileInstallationResult:
    """BF37, read: which session, which profile, how it ended; `command` and `reason` only where it failed."""

    signed: bytes
    signature: bytes
    transaction_id: bytes
    seq_number: int
    iccid: str | None
    smdp_oid: str
    command: int | None
    reason: int | None


@dataclass(frozen=True, slots=True)
class OtherSignedNotification:
    """A notification with its own certificates, read: what was done to which profile."""

    signed: bytes
    signature: bytes
    euicc_certificate: bytes
    eum_certificate: bytes
    seq_number: int
    iccid: str | None
    operations: tuple[str, ...]


Notification = ProfileInstallationResult | OtherSignedNotification


def read(data: bytes) -> Notification:
    """Read a PendingNotification: BF37, or the SEQUENCE of an OtherSignedNotification. Raises Malformed."""
    if data.startswith(b"\xbf\x37"):
        return _read_result(asn1.decode(asn1.ProfileInstallationResult, data, 0xBF37))
    value = asn1.decode(asn1.OtherSignedNotification, data, 0x30)
    metadata = value["tbs_other_notification"]
    bits = metadata["profile_management_operation"].native
    return OtherSignedNotification(
        signed=metadata.dump(),
        signature=value["euicc_notification_signature"].native,
        euicc_certificate=value["euicc_certificate"].dump(),
        eum_certificate=value["eum_certificate"].dump(),
        seq_number=metadata["seq_number"].native,
        iccid=_iccid(metadata),
        operations=tuple(name for name, bit in zip(_OPERATIONS, bits, strict=False) if bit),
    )


def _read_result(value: Decoded) -> ProfileInstallationResult:
    data = value["profile_installation_result_data"]
    metadata, final = data["notification_metadata"], data["final_result"]
    failed = final.name == "error_result"
    return ProfileInstallationResult(
        signed=data.dump(),
        signature=value["euicc_sign_pir"].native,
        transaction_id=data["transaction_id"].native,
        seq_number=metadata["seq_number"].native,
        iccid=_iccid(metadata),
        smdp_oid=data["smdp_oid"].native,
        command=final.chosen["bpp_command_id"].native if failed else None,
        reason=final.chosen["error_reason"].native if failed else None,
    )


def _iccid(metadata: Decoded) -> str | None:
    data = metadata["iccid"].native
    return None if data is None else iccid_of_bytes(data)


class _Result:
    """What the checks of a ProfileInstallationResult look at."""

    def __init__(self, result: ProfileInstallationResult, session: Session | None, security: Security) -> None:
        self.result, self.session, self.security = result, session, security

    def known(self) -> bool:
        session = self.session
        return session is not None and session.euicc_otpk is not None

    def signature_holds(self) -> bool:
        certificate = self.session.euicc_certificate if self.session else None
        key = certs.load(certificate or b"").public_key
        return crypto.verify(key, self.result.signature, self.result.signed)

    def ours(self) -> bool:
        session = self.session
        identity = self.security.identities.get(session.server_ci) if session else None
        return identity is not None and identity.oid == self.result.smdp_oid

    def same_profile(self) -> bool:
        return self.result.iccid in (None, self.session.iccid if self.session else None)

    def details(self) -> dict[str, object]:
        return {"transaction_id": self.result.transaction_id.hex().upper(), "oid": self.result.smdp_oid}


RESULT_CHECKS: Final[tuple[Check[_Result], ...]] = (
    Check(
        "HN#1",
        _CLAUSE,
        "transactionId",
        Code("8.10.1", "3.9"),
        "transaction-unknown",
        "No package was handed out in session {transaction_id}.",
        "Nothing to do: the notification is acknowledged and dropped.",
        lambda c: c.known(),
        passed="A package was handed out in this session.",
    ),
    Check(
        "HN#2",
        _CLAUSE,
        "euiccSignPIR",
        Code("8.1", "6.1"),
        "euicc-signature-invalid",
        "euiccSignPIR is not the signature of the eUICC that this session's package went to.",
        "Sign the complete BF27 with the key of CERT.EUICC, 64 bytes r‖s.",
        lambda c: c.signature_holds(),
        passed="euiccSignPIR was made by the key of the eUICC that the package went to.",
    ),
    Check(
        "HN#3",
        _CLAUSE,
        "smdpOid",
        Code("8.8", "3.10"),
        "smdp-oid-mismatch",
        "The result is for the server {oid}, not for this one.",
        "Put the registered id of CERT.DPauth into smdpOid.",
        lambda c: c.ours(),
        passed="The result is for this server.",
    ),
    Check(
        "HN#4",
        _CLAUSE,
        "notificationMetadata.iccid",
        Code("8.2.1", "3.10"),
        "iccid-mismatch",
        "The result names another ICCID than the one that was handed out.",
        "Report the ICCID of the package's metadata.",
        lambda c: c.same_profile(),
        passed="The result names no other ICCID than the one that was handed out.",
    ),
)


class _Other(EuiccChain):
    """What the checks of an OtherSignedNotification look at."""

    def __init__(self, notification: OtherSignedNotification, security: Security, now: datetime) -> None:
        super().__init__(notification.euicc_certificate, notification.eum_certificate, security.cis, now)
        self.notification = notification


OTHER_CHECKS: Final[tuple[Check[_Other], ...]] = (
    *chain_checks("HN#5", "HN#6", "HN#7", "HN#8", "HN#9"),
    Check(
        "HN#10",
        _CLAUSE,
        "euiccNotificationSignature",
        Code("8.1", "6.1"),
        "euicc-signature-invalid",
        "euiccNotificationSignature is not the eUICC's signature over the notification.",
        "Sign the complete BF2F with the key of CERT.EUICC, 64 bytes r‖s.",
        lambda c: c.signed(c.notification.signed, c.notification.signature),
        passed="euiccNotificationSignature was made over the notification by the key of CERT.EUICC.",
    ),
)
CHECKS: Final = (*RESULT_CHECKS, *OTHER_CHECKS)


def decide_result(
    result: ProfileInstallationResult,
    session: Session | None,
    security: Security,
) -> Outcome[None]:
    """Judge an installation's result (HN#1 … HN#4) and say what it does to the profile. SGP.22 §5.6.4.

    Success installs; a failure ends the order, unless it is temporary and the reuse policy allows another try.
    """
    context = _Result(result, session, security)
    violated = first_violated(RESULT_CHECKS, context)
    if violated is not None or session is None or session.iccid is None:
        return Outcome(refusal=refuse(violated or RESULT_CHECKS[0], context.details()))
    closed = structs.replace(session, stage=Stage.CLOSED)
    if result.reason is None:
        change = Change(iccid=session.iccid, eid=session.eid, trigger=Trigger.INSTALLATION_SUCCEEDED)
        return Outcome(session=closed, change=change)
    temporary = result.reason in _TEMPORARY
    trigger = Trigger.INSTALLATION_INTERRUPTED if temporary else Trigger.INSTALLATION_FAILED
    data: dict[str, Any] = {"command": _name(BppCommandId, result.command), "error": _name(ErrorReason, result.reason)}
    data |= {"bpp_command_id": result.command, "error_reason": result.reason}
    happening = Happening(type="profile.failed", iccid=session.iccid, data=data)
    change = Change(iccid=session.iccid, eid=session.eid, trigger=trigger)
    return Outcome(session=closed, change=change, happenings=(happening,))


def _name(enumeration: type[BppCommandId | ErrorReason], value: int | None) -> str:
    names = {int(member): member.name.lower().replace("_", "-") for member in enumeration}
    return names.get(value if value is not None else -1, "unknown")


@dataclass(frozen=True, slots=True)
class Told:
    """An eUICC's verified word on what was done to a profile."""

    eid: str
    iccid: str | None
    operations: tuple[str, ...]
    seq_number: int


def verify_other(notification: OtherSignedNotification, security: Security, now: datetime) -> Told | Refusal:
    """Judge a notification by the chain it carries: HN#5 … HN#10. SGP.22 §5.6.4."""
    context = _Other(notification, security, now)
    violated = first_violated(OTHER_CHECKS, context)
    if violated is not None:
        return refuse(violated, context.details())
    eid = context.euicc.serial_number or ""
    return Told(eid, notification.iccid, notification.operations, notification.seq_number)


def malformed(error: Malformed) -> Refusal:
    """Say that the bytes are no notification."""
    words = {"member": "pendingNotification", "function": "handleNotification", "problem": str(error)}
    return refuse(MALFORMED, words)
