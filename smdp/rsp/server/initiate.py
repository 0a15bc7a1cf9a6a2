"""ES9+.InitiateAuthentication: the server introduces itself (SGP.22 §5.6.1)."""

from datetime import datetime
from typing import Any, Final

from smdp.rsp.certs import LIVE_CIS
from smdp.rsp.checks import Check, Refusal, first_violated, refuse
from smdp.rsp.codes import Code
from smdp.rsp.crypto import Entropy
from smdp.rsp.ids import host_of
from smdp.rsp.mutual_auth import (
    CHALLENGE_BYTES,
    EuiccInfo1,
    read_euicc_info1,
    server_signed1,
    signature,
)
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Happening, Outcome, Policy, Session, Stage
from smdp.rsp.tlv import Malformed, tlv
from smdp.rsp.wire import MALFORMED, TRANSACTION_ID_BYTES, Request

_CLAUSE = "SGP.22 §5.6.1"
_SUPPORTED_MAJOR = 2
_LIVE = "Real devices accept live GSMA certificates only, and no setting changes that: use a simulated one."


class _Context:
    """What the checks of this function look at."""

    def __init__(self, address: str, info: EuiccInfo1, security: Security, policy: Policy) -> None:
        self.address, self.info, self.security, self.policy = address, info, security, policy

    def details(self) -> dict[str, object]:
        """Fill the sentences."""
        return {
            "address": self.address,
            "hosts": ", ".join(sorted(self.policy.hosts)),
            "svn": ".".join(map(str, self.info.svn)),
            "signing": _names(self.info.signing),
            "verification": _names(self.info.verification),
            "trusted": _names(tuple(self.security.cis)),
        }


def _names(identifiers: tuple[bytes, ...]) -> str:
    """Write CI key identifiers, and say which are those of real devices."""
    told = (f"{one.hex().upper()[:8]}…{' (a live GSMA CI)' if one in LIVE_CIS else ''}" for one in identifiers[:4])
    return ", ".join(told) or "none"


CHECKS: Final[tuple[Check[_Context], ...]] = (
    Check(
        "IA#1",
        _CLAUSE,
        "smdpAddress",
        Code("8.8.1", "3.8"),
        "wrong-address",
        "This server is not {address}.",
        "Ask for one of its names ({hosts}), or add the name to the carrier's hosts.",
        lambda c: host_of(c.address) in c.policy.hosts,
        passed="{address} is a name of this server.",
    ),
    Check(
        "IA#2",
        _CLAUSE,
        "euiccInfo1.svn",
        Code("8.8.3", "3.1"),
        "svn-unsupported",
        "The eUICC speaks SGP.22 {svn}; this server speaks version 2.",
        "Use an eUICC whose lowest supported version is 2.x.",
        lambda c: c.info.svn[0] == _SUPPORTED_MAJOR,
        passed="The eUICC speaks SGP.22 {svn}; this server speaks version 2.",
    ),
    Check(
        "IA#3",
        _CLAUSE,
        "euiccInfo1.euiccCiPKIdListForSigning",
        Code("8.8.2", "3.1"),
        "ci-not-trusted",
        "The eUICC signs under {signing}; this server trusts {trusted}.",
        "Use an eUICC of one of these CIs, or serve with the PKI of the eUICC's CI (smdp serve --pki DIR). " + _LIVE,
        lambda c: c.security.signing_ci(c.info.signing) is not None,
        passed="The eUICC signs under {signing_ci}, which this server trusts.",
    ),
    Check(
        "IA#4",
        _CLAUSE,
        "euiccInfo1.euiccCiPKIdListForVerification",
        Code("8.8.4", "3.7"),
        "no-certificate-for-ci",
        "The eUICC trusts {verification}; this server has no certificate under these CIs.",
        "Serve with a PKI that holds CERT.DPauth and CERT.DPpb under one of them (smdp serve --pki DIR). " + _LIVE,
        lambda c: c.security.server_ci(c.info.verification) is not None,
        passed="The eUICC trusts {server_ci}, under which this server has its certificates.",
    ),
)


def initiate(
    request: Request,
    security: Security,
    policy: Policy,
    now: datetime,
    entropy: Entropy,
) -> Outcome[dict[str, Any]]:
    """Answer the first message of a session with the server's challenge and signature.

    The reply's members: transactionId 16 bytes, serverSigned1, serverSignature1 (5F37, 64 bytes), euiccCiPKIdToBeUsed
    (04 14 and 20 bytes), serverCertificate (DER). Refusals: ES9#2, IA#1 … IA#4. SGP.22 §5.6.1.
    """
    challenge: bytes = request["euiccChallenge"]
    if len(challenge) != CHALLENGE_BYTES:
        return Outcome(refusal=malformed(request, "euiccChallenge", "it takes 16 bytes"))
    try:
        info = read_euicc_info1(request["euiccInfo1"])
    except Malformed as error:
        return Outcome(refusal=malformed(request, "euiccInfo1", str(error)))
    context = _Context(request["smdpAddress"], info, security, policy)
    violated = first_violated(CHECKS, context)
    if violated is not None:
        return Outcome(refusal=refuse(violated, context.details()))
    session = Session(
        transaction_id=entropy.take(TRANSACTION_ID_BYTES),
        stage=Stage.INITIATED,
        opened_at=now,
        server_address=context.address,
        euicc_challenge=challenge,
        server_challenge=entropy.take(CHALLENGE_BYTES),
        svn=info.svn,
        signing_ci=security.signing_ci(info.signing) or b"",
        server_ci=security.server_ci(info.verification) or b"",
    )
    credential = security.identities[session.server_ci].dpauth
    signed = server_signed1(session.transaction_id, challenge, session.server_address, session.server_challenge)
    reply = {
        "transactionId": session.transaction_id,
        "serverSigned1": signed,
        "serverSignature1": signature(credential, signed),
        "euiccCiPKIdToBeUsed": tlv(0x04, session.signing_ci),
        "serverCertificate": credential.certificate.der,
    }
    return Outcome(reply=reply, session=session, happenings=(Happening(type="session.opened"),))


def malformed(request: Request, member: str, problem: str) -> Refusal:
    """Refuse a member whose bytes are no such message."""
    return refuse(MALFORMED, {"member": member, "function": request.function, "problem": problem})
