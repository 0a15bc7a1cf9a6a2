"""ES10b.PrepareDownload: the eUICC's one-time key for one profile (SGP.22 §5.7.5)."""

from contextlib import suppress
from dataclasses import dataclass

from smdp.rsp import asn1, certs
from smdp.rsp.certs import Certificate, Role
from smdp.rsp.checks import Check
from smdp.rsp.codes import DownloadErrorCode as Error
from smdp.rsp.crypto import point_of, scalar_of, sign, verify
from smdp.rsp.decoder import Decoded
from smdp.rsp.euicc.authenticate import issuer_of
from smdp.rsp.euicc.commands import Answer, World, code_of, integer, refused
from smdp.rsp.euicc.server_certificate import certificate_details, formed, issued, readable
from smdp.rsp.euicc.state import Euicc, OneTimeKey, Session
from smdp.rsp.tlv import Malformed, tlv

_CERTIFICATE = "smdpCertificate"


@dataclass
class Preparation:
    """A PrepareDownloadRequest under judgement."""

    euicc: Euicc
    request: Decoded
    world: World

    def __post_init__(self) -> None:
        self.signed2 = self.request["smdp_signed2"]
        self.transaction_id: bytes = self.signed2["transaction_id"].native
        self.certificate_der: bytes = self.request["smdp_certificate"].dump()

    @property
    def session(self) -> Session:
        """The session of AuthenticateServer. Raises Malformed if there is none."""
        session = self.euicc.session
        if session is None or session.step != "authenticated":
            raise Malformed("no server is authenticated")
        return session

    @property
    def dpauth(self) -> Certificate:
        """The certificate that the server authenticated with."""
        return certs.load(self.session.server_certificate)

    @property
    def certificate(self) -> Certificate:
        """CERT.DPpb."""
        return certs.load(self.certificate_der)

    @property
    def ci(self) -> Certificate:
        """The CI of CERT.DPauth, which must be that of CERT.DPpb."""
        return issuer_of(self.euicc, self.dpauth)

    @property
    def roles(self) -> tuple[Role, ...]:
        """What the certificate must be for."""
        return (Role.DPPB,)

    @property
    def curves(self) -> tuple[str, ...]:
        """The curve of CERT.DPauth: one suite for the whole session (SGP.22 §2.6.7)."""
        return (self.dpauth.curve,)

    def signature_holds(self) -> bool:
        """Verify smdpSignature2 over smdpSigned2 and the TLV of euiccSignature1."""
        message = self.signed2.dump() + self.session.euicc_signature1
        return verify(self.certificate.public_key, self.request["smdp_signature2"].native, message)

    def details(self) -> dict[str, object]:
        """Name the certificate, the transaction and the OIDs."""
        if self.euicc.session is None or self.euicc.session.step != "authenticated":
            return {}
        words: dict[str, object] = {
            **certificate_details(self, "CERT.DPpb"),
            "got": self.transaction_id.hex().upper(),
            "transaction": self.session.transaction_id.hex().upper(),
            "dpauth_rid": self.dpauth.rid,
            "rid": "none",
        }
        with suppress(Malformed):
            words["rid"] = self.certificate.rid
        return words


CHECKS: tuple[Check[Preparation], ...] = (
    Check(
        id="PD#1",
        clause="SGP.22 §5.7.5",
        field="smdpSigned2",
        code=Error.NO_SESSION_CONTEXT,
        reason="no-session-context",
        why="No server is authenticated that could prepare a download.",
        fix="Call AuthenticateServer first, once for each PrepareDownload.",
        holds=lambda context: bool(context.session),
    ),
    Check(
        id="PD#2",
        clause="SGP.22 §5.7.5",
        field="smdpSigned2",
        code=Error.NO_SESSION_CONTEXT,
        reason="session-with-an-sm-ds",
        why="The session is with an SM-DS, which has no profiles.",
        fix="Start again at the SM-DP+ that the SM-DS named.",
        holds=lambda context: context.dpauth.has_role(Role.DPAUTH),
    ),
    Check(
        id="PD#3",
        clause="SGP.22 §5.7.5",
        field="transactionId",
        code=Error.INVALID_TRANSACTION_ID,
        reason="transaction-id-mismatch",
        why="smdpSigned2 is about transaction {got}; the session is {transaction}.",
        fix="Sign the transactionId of InitiateAuthentication in smdpSigned2.",
        holds=lambda context: context.transaction_id == context.session.transaction_id,
    ),
    *readable("PD#4", _CERTIFICATE, Error),
    Check(
        id="PD#6",
        clause="SGP.22 §5.7.5",
        field=_CERTIFICATE,
        code=Error.INVALID_CERTIFICATE,
        reason="dppb-of-another-ci",
        why="CERT.DPpb names CI {ci}, and CERT.DPauth another.",
        fix="Pair DPauth and DPpb certificates of one CI.",
        holds=lambda context: context.certificate.aki == context.dpauth.aki,
    ),
    *issued("PD#7", _CERTIFICATE, Error),
    Check(
        id="PD#9",
        clause="SGP.22 §5.7.5",
        field=_CERTIFICATE,
        code=Error.INVALID_CERTIFICATE,
        reason="dppb-of-another-owner",
        why="CERT.DPpb has the OID {rid}, CERT.DPauth {dpauth_rid}: they belong to two servers.",
        fix="Pair DPauth and DPpb certificates with the same registeredID.",
        holds=lambda context: context.certificate.rid == context.dpauth.rid,
    ),
    *formed("PD#10", _CERTIFICATE, Error),
    Check(
        id="PD#12",
        clause="SGP.22 §5.7.5",
        field="smdpSignature2",
        code=Error.INVALID_SIGNATURE,
        reason="smdp-signature-wrong",
        why="smdpSignature2 was not made over smdpSigned2 and euiccSignature1 by the key of CERT.DPpb.",
        fix="Sign the DER of smdpSigned2 followed by the TLV 5F37 of euiccSignature1.",
        holds=Preparation.signature_holds,
    ),
)


def prepare_download(euicc: Euicc, request: bytes, world: World) -> Answer:
    """PrepareDownload, BF21 (SGP.22 §5.7.5).

    The answer passes hashCc on as it came and does not insist on it: the server says 8.2.7/2.2. The one-time key is
    kept for a retry at the same SM-DP+, and used again if smdpSigned2 names it (SGP.22 §3.1.3).
    """
    context = Preparation(euicc, asn1.decode(asn1.PrepareDownloadRequest, request, 0xBF21), world)
    if refusal := refused(CHECKS, context):
        error = tlv(0xA1, tlv(0x80, context.transaction_id), integer(0x02, code_of(refusal)))
        return Answer(tlv(0xBF21, error), refusal=refusal)
    session = context.session
    key = _one_time_key(context)
    hash_cc: bytes | None = context.request["hash_cc"].native
    signed2 = tlv(
        0x30,
        tlv(0x80, context.transaction_id),
        tlv(0x5F49, key.otpk),
        b"" if hash_cc is None else tlv(0x04, hash_cc),
    )
    credential = euicc.credential(session.ci)
    assert credential is not None  # noqa: S101 - AS#2
    smdp_signature2 = tlv(0x5F37, context.request["smdp_signature2"].native)
    signature2 = tlv(0x5F37, sign(credential.key, signed2 + smdp_signature2))
    session.step = "prepared"
    session.smdp_certificate = context.certificate_der
    session.one_time_key = key
    return Answer(tlv(0xBF21, tlv(0xA0, signed2, signature2)))


def _one_time_key(context: Preparation) -> OneTimeKey:
    """Take the kept key if the server names it, else make a new one and keep that."""
    curve, oid = context.dpauth.curve, context.dpauth.rid or ""
    kept = context.euicc.one_time_keys.get(oid)
    if kept is not None and kept.curve == curve and kept.otpk == context.signed2["bpp_euicc_otpk"].native:
        return kept
    private = context.world.entropy.private_key(curve)
    key = OneTimeKey(curve=curve, otpk=point_of(private), scalar=scalar_of(private))
    context.euicc.one_time_keys[oid] = key
    return key
