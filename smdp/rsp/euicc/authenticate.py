"""ES10b.GetEUICCChallenge and ES10b.AuthenticateServer: the eUICC meets a server (SGP.22 §5.7.7, §5.7.13)."""

from dataclasses import dataclass

from smdp.rsp import asn1, certs
from smdp.rsp.certs import Certificate, Role
from smdp.rsp.checks import Check
from smdp.rsp.codes import AuthenticateErrorCode as Error
from smdp.rsp.crypto import sign, verify
from smdp.rsp.decoder import Decoded
from smdp.rsp.euicc.commands import Answer, World, code_of, integer, refused
from smdp.rsp.euicc.info import euicc_info2
from smdp.rsp.euicc.server_certificate import certificate_details, formed, issued, readable
from smdp.rsp.euicc.state import Euicc, Session
from smdp.rsp.tlv import Malformed, gate, tlv

CHALLENGE_BYTES = 16
MAX_TRANSACTION_ID = 16
_CERTIFICATE = "serverCertificate"


def get_euicc_challenge(euicc: Euicc, request: bytes, world: World) -> Answer:
    """GetEUICCChallenge, BF2E: 16 random bytes; a running session is forgotten (SGP.22 §5.7.7)."""
    gate(request, 0xBF2E)
    euicc.session = Session(challenge=world.entropy.take(CHALLENGE_BYTES))
    return Answer(tlv(0xBF2E, tlv(0x80, euicc.session.challenge)))


@dataclass
class Authentication:
    """An AuthenticateServerRequest under judgement."""

    euicc: Euicc
    request: Decoded
    world: World

    def __post_init__(self) -> None:
        self.signed1 = self.request["server_signed1"]
        self.ci_pk_id: bytes = self.request["euicc_ci_pk_id_to_be_used"].native
        self.certificate_der: bytes = self.request["server_certificate"].dump()

    @property
    def certificate(self) -> Certificate:
        """CERT.DPauth or CERT.DSauth."""
        return certs.load(self.certificate_der)

    @property
    def ci(self) -> Certificate:
        """The CI under which the eUICC can verify it."""
        return issuer_of(self.euicc, self.certificate)

    @property
    def roles(self) -> tuple[Role, ...]:
        """What the certificate must be for."""
        return (Role.DPAUTH, Role.DSAUTH)

    @property
    def curves(self) -> tuple[str, ...]:
        """The curves that the eUICC computes on."""
        return self.euicc.curves

    @property
    def challenged(self) -> bool:
        """Say whether a challenge was given out and not yet answered."""
        return self.euicc.session is not None and self.euicc.session.step == "challenged"

    @property
    def challenge(self) -> bytes:
        """The challenge that was given out last."""
        return self.euicc.session.challenge if self.euicc.session else b""

    def details(self) -> dict[str, object]:
        """Name the certificate, the CI asked for, and both challenges."""
        return {
            **certificate_details(self, "certificate"),
            "asked": self.ci_pk_id.hex().upper(),
            "got": self.signed1["euicc_challenge"].native.hex().upper(),
            "challenge": self.challenge.hex().upper(),
        }


def issuer_of(euicc: Euicc, certificate: Certificate) -> Certificate:
    """Find the trusted CI that a certificate's authority key identifier names. Raises Malformed if there is none."""
    ci = euicc.trusted.get(certificate.aki or b"")
    if ci is None:
        raise Malformed("the certificate's issuer is no CI that this eUICC trusts")
    return certs.load(ci)


CHECKS: tuple[Check[Authentication], ...] = (
    Check(
        id="AS#1",
        clause="SGP.22 §5.7.13",
        field="serverSigned1",
        code=Error.NO_SESSION_CONTEXT,
        reason="no-session-context",
        why="The eUICC gave out no challenge that this could answer.",
        fix="Call GetEUICCChallenge first, once for each AuthenticateServer.",
        holds=lambda context: context.challenged,
    ),
    Check(
        id="AS#2",
        clause="SGP.22 §5.7.13",
        field="euiccCiPKIdToBeUsed",
        code=Error.CI_PK_UNKNOWN,
        reason="ci-unknown",
        why="The server asks for a signature under CI {asked}, for which the eUICC has no key.",
        fix="Choose from the eUICC's euiccCiPKIdListForSigning.",
        holds=lambda context: context.euicc.credential(context.ci_pk_id) is not None,
    ),
    *readable("AS#3", _CERTIFICATE, Error),
    Check(
        id="AS#5",
        clause="SGP.22 §4.5.2.2",
        field=_CERTIFICATE,
        code=Error.INVALID_CERTIFICATE,
        reason="server-ci-not-trusted",
        why="The server's certificate names CI {ci}, which this eUICC does not trust.",
        fix="Choose a certificate from the eUICC's euiccCiPKIdListForVerification.",
        holds=lambda context: bool(context.ci.der),
    ),
    *issued("AS#6", _CERTIFICATE, Error),
    Check(
        id="AS#8",
        clause="SGP.22 §5.7.13",
        field=_CERTIFICATE,
        code=Error.INVALID_OID,
        reason="certificate-without-oid",
        why="The server's certificate has no object identifier in its alternative name.",
        fix="Put the SM-DP+ OID into the alternative name as registeredID.",
        holds=lambda context: context.certificate.rid is not None,
    ),
    *formed("AS#9", _CERTIFICATE, Error),
    Check(
        id="AS#11",
        clause="SGP.22 §5.7.13",
        field="serverSignature1",
        code=Error.INVALID_SIGNATURE,
        reason="server-signature-wrong",
        why="serverSignature1 was not made over serverSigned1 by the certificate's key.",
        fix="Sign the DER of serverSigned1 with the key of serverCertificate, as 64 bytes r and s.",
        holds=lambda context: verify(
            context.certificate.public_key,
            context.request["server_signature1"].native,
            context.signed1.dump(),
        ),
    ),
    Check(
        id="AS#12",
        clause="SGP.22 §5.7.13",
        field="euiccChallenge",
        code=Error.EUICC_CHALLENGE_MISMATCH,
        reason="challenge-mismatch",
        why="The server signed the challenge {got}; the eUICC's is {challenge}.",
        fix="Copy euiccChallenge from InitiateAuthentication into serverSigned1.",
        holds=lambda context: context.signed1["euicc_challenge"].native == context.challenge,
    ),
)


def authenticate_server(euicc: Euicc, request: bytes, world: World) -> Answer:
    """AuthenticateServer, BF38: judge the server, then sign for it (SGP.22 §5.7.13)."""
    context = Authentication(euicc, asn1.decode(asn1.AuthenticateServerRequest, request, 0xBF38), world)
    transaction_id: bytes = context.signed1["transaction_id"].native
    if not 1 <= len(transaction_id) <= MAX_TRANSACTION_ID:
        raise Malformed("a transactionId has 1 to 16 bytes")
    if refusal := refused(CHECKS, context):
        error = tlv(0xA1, tlv(0x80, transaction_id), integer(0x02, code_of(refusal)))
        return Answer(tlv(0xBF38, error), refusal=refusal)
    credential = euicc.credential(context.ci_pk_id)
    assert credential is not None  # noqa: S101 - AS#2
    address = context.signed1["server_address"]
    signed1 = tlv(
        0x30,
        tlv(0x80, transaction_id),
        tlv(0x83, address.native.encode()),
        tlv(0x84, context.signed1["server_challenge"].native),
        euicc_info2(euicc),
        context.request["ctx_params1"].dump(),
    )
    signature1 = tlv(0x5F37, sign(credential.key, signed1))
    euicc.session = Session(
        challenge=context.challenge,
        step="authenticated",
        transaction_id=transaction_id,
        server_address=address.native,
        server_certificate=context.certificate_der,
        ci=credential.ci,
        euicc_signature1=signature1,
    )
    ok = tlv(0xA0, signed1, signature1, credential.certificate, credential.eum_certificate)
    return Answer(tlv(0xBF38, ok))
