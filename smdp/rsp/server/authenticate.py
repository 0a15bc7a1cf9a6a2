"""ES9+.AuthenticateClient, first half: the eUICC proves itself (SGP.22 §5.6.3).

`verify` judges the message, before any transaction is open; `selection.decide` then judges the order, inside one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from smdp.rsp.checks import Check, first_violated, refuse
from smdp.rsp.codes import Code
from smdp.rsp.ids import host_of
from smdp.rsp.mutual_auth import CHAIN_CLAUSE, AuthenticateServerResponse, EuiccChain, chain_checks
from smdp.rsp.server.initiate import malformed
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Outcome, Policy, Session, Stage
from smdp.rsp.server.step import Step, close, same_transaction, step_check
from smdp.rsp.tlv import Malformed
from smdp.rsp.wire import Request

_CLAUSE = "SGP.22 §5.6.3"


TRANSACTION: Final = step_check("AC#1", _CLAUSE)


class _Verification(EuiccChain):
    """What the cryptographic checks look at."""

    def __init__(
        self, session: Session, message: AuthenticateServerResponse, security: Security, now: datetime
    ) -> None:
        super().__init__(message.euicc_certificate, message.eum_certificate, security.cis, now)
        self.session, self.message, self.security = session, message, security

    def eum_stands(self) -> bool:
        return not self.security.is_revoked(self.eum)

    def euicc_signed(self) -> bool:
        return self.signed(self.message.euicc_signed1, self.message.euicc_signature1)

    def answers_us(self) -> bool:
        same_host = host_of(self.message.server_address) == host_of(self.session.server_address)
        return self.message.server_challenge == self.session.server_challenge and same_host


class _Refused:
    """What the check of the eUICC's own answer looks at."""

    def __init__(self, message: AuthenticateServerResponse) -> None:
        self.message = message

    def details(self) -> dict[str, object]:
        return {"error": self.message.error}


ACCEPTED: Final[Check[_Refused]] = Check(
    "AC#2",
    _CLAUSE,
    "authenticateServerResponse",
    Code("8.1", "4.2"),
    "euicc-refused-server",
    "The eUICC refused this server: authenticateErrorCode {error}.",
    "1 means it rejects CERT.DPauth, 2 the signature, 6 the challenge, 7 the CI; look at its trusted CIs.",
    lambda c: c.message.error is None,
    passed="The eUICC accepted this server: it signed an answer.",
)

VERIFY_CHECKS: Final[tuple[Check[_Verification], ...]] = (
    same_transaction("AC#3", _CLAUSE, "euiccSigned1.transactionId"),
    *chain_checks("AC#4", "AC#5", "AC#6", "AC#7", "AC#8"),
    Check(
        "AC#8a",
        CHAIN_CLAUSE,
        "eumCertificate",
        Code("8.1.2", "6.1"),
        "eum-certificate-revoked",
        "CERT.EUM is on the CRL of its CI.",
        "Use an eUICC of another EUM; who revoked it with smdp pki revoke takes the CRL's file out of the folder.",
        lambda c: c.eum_stands(),
        passed="No CRL of its CI that this server has names CERT.EUM.",
    ),
    Check(
        "AC#9",
        _CLAUSE,
        "euiccSignature1",
        Code("8.1", "6.1"),
        "euicc-signature-invalid",
        "euiccSignature1 is not the eUICC's signature over euiccSigned1.",
        "Sign the received bytes of euiccSigned1 with the key of CERT.EUICC, 64 bytes r‖s.",
        lambda c: c.euicc_signed(),
        passed="euiccSignature1 was made over euiccSigned1 by the key of CERT.EUICC.",
    ),
    Check(
        "AC#10",
        _CLAUSE,
        "euiccSigned1.serverChallenge",
        Code("8.1", "6.1"),
        "challenge-mismatch",
        "The eUICC answered another server's challenge or address than this session's.",
        "Answer serverSigned1 of this session.",
        lambda c: c.answers_us(),
        passed="The eUICC signed this session's serverChallenge and address.",
    ),
    Check(
        "AC#11",
        _CLAUSE,
        "euiccSigned1.euiccInfo2.svn",
        Code("8.1", "6.1"),
        "svn-changed",
        "euiccInfo2 names another SVN than euiccInfo1 did.",
        "Let EUICCInfo1 and EUICCInfo2 come from the same eUICC.",
        lambda c: c.message.info2.svn == c.session.svn,
        passed="euiccInfo2 names the SVN that euiccInfo1 did: {svn}.",
    ),
)


CHECKS: Final[tuple[Check[Any], ...]] = (TRANSACTION, ACCEPTED, *VERIFY_CHECKS)


@dataclass(frozen=True, slots=True)
class Authenticated:
    """An eUICC that proved itself, and what it asked for."""

    eid: str
    message: AuthenticateServerResponse


def verify(
    request: Request,
    session: Session | None,
    security: Security,
    policy: Policy,
    now: datetime,
) -> Authenticated | Outcome[dict[str, Any]]:
    """Judge the eUICC's answer: AC#1 … AC#11, ES9#2. The EID comes out of the certificate. SGP.22 §5.6.3."""
    step = Step(session, security, policy, now, Stage.INITIATED)
    if session is None or first_violated((TRANSACTION,), step) is not None:
        return Outcome(refusal=refuse(TRANSACTION, step.details()))
    try:
        message = AuthenticateServerResponse(request["authenticateServerResponse"])
    except Malformed as error:
        return close(session, malformed(request, "authenticateServerResponse", str(error)))
    answer = _Refused(message)
    if first_violated((ACCEPTED,), answer) is not None:
        return close(session, refuse(ACCEPTED, answer.details()))
    context = _Verification(session, message, security, now)
    violated = first_violated(VERIFY_CHECKS, context)
    if violated is not None:
        return close(session, refuse(violated, context.details()))
    return Authenticated(context.euicc.serial_number or "", message)
