"""ES10b.CancelSession: the eUICC confirms that a session ends early (SGP.22 §5.7.14)."""

from dataclasses import dataclass

from smdp.rsp import asn1, certs
from smdp.rsp.checks import Check
from smdp.rsp.codes import CancelSessionErrorCode as Error
from smdp.rsp.codes import CancelSessionReason
from smdp.rsp.crypto import sign
from smdp.rsp.euicc.commands import Answer, World, code_of, integer, object_identifier, refused
from smdp.rsp.euicc.state import Euicc
from smdp.rsp.tlv import tlv


@dataclass
class Cancellation:
    """A CancelSessionRequest under judgement."""

    euicc: Euicc
    transaction_id: bytes
    reason: int

    @property
    def running(self) -> bytes:
        """The transactionId of the session, empty without one that a server was authenticated in."""
        return self.euicc.session.transaction_id if self.euicc.session else b""

    def details(self) -> dict[str, object]:
        """Name both transactions and the reason."""
        return {
            "got": self.transaction_id.hex().upper(),
            "transaction": self.running.hex().upper(),
            "reason": self.reason,
        }


CHECKS: tuple[Check[Cancellation], ...] = (
    Check(
        id="EC#1",
        clause="SGP.22 §5.7.14",
        field="transactionId",
        code=Error.INVALID_TRANSACTION_ID,
        reason="no-session-to-cancel",
        why="No session is running that could be cancelled.",
        fix="A session can be cancelled between AuthenticateServer and the ProfileInstallationResult.",
        holds=lambda context: bool(context.running),
    ),
    Check(
        id="EC#2",
        clause="SGP.22 §5.7.14",
        field="transactionId",
        code=Error.INVALID_TRANSACTION_ID,
        reason="transaction-id-mismatch",
        why="Transaction {got} was to be cancelled; the session is {transaction}.",
        fix="Cancel with the transactionId of the running session.",
        holds=lambda context: context.transaction_id == context.running,
    ),
    Check(
        id="EC#3",
        clause="SGP.22 §5.7.14",
        field="reason",
        code=Error.UNDEFINED_ERROR,
        reason="cancel-reason-unknown",
        why="{reason} is no reason to cancel a session.",
        fix="Use a value of CancelSessionReason: 0 to 5, or 127.",
        holds=lambda context: context.reason in frozenset(CancelSessionReason),
    ),
)


def cancel_session(euicc: Euicc, request: bytes, _: World) -> Answer:
    """CancelSession, BF41: sign why, and forget the session (SGP.22 §5.7.14)."""
    decoded = asn1.decode(asn1.CancelSessionRequest, request, 0xBF41)
    context = Cancellation(euicc, decoded["transaction_id"].native, decoded["reason"].native)
    if refusal := refused(CHECKS, context):
        return Answer(tlv(0xBF41, integer(0x81, code_of(refusal))), refusal=refusal)
    session = euicc.session
    assert session is not None  # noqa: S101 - EC#1
    credential = euicc.credential(session.ci)
    assert credential is not None  # noqa: S101 - AS#2
    signed = tlv(
        0x30,
        tlv(0x80, context.transaction_id),
        object_identifier(0x81, certs.load(session.server_certificate).rid or ""),
        integer(0x82, context.reason),
    )
    euicc.session = None
    return Answer(tlv(0xBF41, tlv(0xA0, signed, tlv(0x5F37, sign(credential.key, signed)))))
