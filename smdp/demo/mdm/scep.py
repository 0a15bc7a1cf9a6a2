"""A small SCEP server (RFC 8894): GetCACaps, GetCACert and PKIOperation with PKCSReq, answered at once.

Keys are RSA. There is no renewal and no polling, as nothing ever waits for an administrator. Each message is at most
64 KiB.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from asn1crypto import core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import AttributeOID

from smdp.demo.mdm import cms, envelope
from smdp.demo.mdm.authority import Authority, same_key

MAX_BYTES = 64 * 1024
"""The longest pkiMessage that is read."""

CAPS = "AES\nPOSTPKIOperation\nSCEPStandard\nSHA-256\nSHA-512\n"
"""What GetCACaps answers (§3.5.2)."""

_PREFIX = "2.16.840.1.113733.1.9."
_MESSAGE_TYPE, _PKI_STATUS, _FAIL_INFO = _PREFIX + "2", _PREFIX + "3", _PREFIX + "4"
_SENDER_NONCE, _RECIPIENT_NONCE, _TRANSACTION_ID = _PREFIX + "5", _PREFIX + "6", _PREFIX + "7"
_CERT_REP, _PKCS_REQ = "3", "19"
_SUCCESS, _FAILURE = "0", "2"
_NONCE_BYTES = 16
_MAX_TRANSACTION_ID = 255
_MIN_RSA_BITS = 2048


class BadMessage(ValueError):  # noqa: N818 - says what is the matter
    """A pkiMessage that can't even be answered with a failure; the message says why."""


class FailInfo(StrEnum):
    """Why a request is refused (§3.2.1.4.5)."""

    BAD_ALG = "0"
    BAD_MESSAGE_CHECK = "1"
    BAD_REQUEST = "2"


class _Refused(Exception):  # noqa: N818 - an outcome, answered in a CertRep
    def __init__(self, info: FailInfo, why: str) -> None:
        super().__init__(why)
        self.info = info


class _Request(NamedTuple):
    """A pkiMessage: who signed it, what it wants, what its answer has to repeat."""

    signer: x509.Certificate
    kind: str
    transaction_id: str
    nonce: bytes
    content: bytes


class Scep:
    """The SCEP half of a CA. `challenge` is the password that requests must name; `noted` hears of each outcome."""

    def __init__(self, authority: Authority, challenge: str, noted: Callable[[str], object] = lambda _: None) -> None:
        self._authority = authority
        self._challenge = challenge
        self._noted = noted

    def ca_certificate(self) -> bytes:
        """Answer GetCACert: the CA's certificate in DER (application/x-x509-ca-cert)."""
        return self._authority.der

    def operation(self, message: bytes) -> bytes:
        """Answer a PKIOperation: pkiMessage (DER) to CertRep (DER). Raises BadMessage."""
        request = _read(message)
        try:
            certificate = self._issue(request)
        except _Refused as refusal:
            self._noted(f"refused: {refusal}")
            return self._answer(request, _FAILURE, fail=refusal.info)
        self._noted(f"issued {certificate.subject.rfc4514_string()}")
        found = pkcs7.serialize_certificates([certificate], Encoding.DER)
        return self._answer(request, _SUCCESS, envelope.close(found, request.signer))

    def _issue(self, request: _Request) -> x509.Certificate:
        """Check a request and issue what it asks for. Raises _Refused."""
        if request.kind != _PKCS_REQ:
            raise _Refused(FailInfo.BAD_REQUEST, f"messageType {request.kind[:8]} is not served, only PKCSReq (19)")
        csr = self._open(request.content)
        given = _challenge_of(csr)
        if given is None or not hmac.compare_digest(given, self._challenge.encode()):
            raise _Refused(
                FailInfo.BAD_REQUEST, "the challenge password is wrong" if given else "there is no challenge"
            )
        key, signer = csr.public_key(), request.signer.public_key()
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _MIN_RSA_BITS:
            raise _Refused(FailInfo.BAD_ALG, f"the key is no RSA key of {_MIN_RSA_BITS} bits or more")
        if not isinstance(signer, rsa.RSAPublicKey) or not same_key(key, signer):
            raise _Refused(
                FailInfo.BAD_MESSAGE_CHECK, "the message is signed with another key than it asks a certificate for"
            )
        return self._authority.issue(csr.subject, key)

    def _open(self, sealed: bytes) -> x509.CertificateSigningRequest:
        """Decrypt the PKCS #10 request in an EnvelopedData, and check its own signature. Raises _Refused."""
        try:
            data = envelope.open_(sealed, self._authority.certificate, self._authority.key)
        except envelope.BadEnvelope as error:
            raise _Refused(FailInfo.BAD_MESSAGE_CHECK, f"the envelope can't be opened: {error}") from None
        try:
            csr = x509.load_der_x509_csr(data)
            sound = csr.is_signature_valid
        except (*cms.UNREADABLE, InvalidSignature):
            csr, sound = None, False
        if csr is None or not sound:
            raise _Refused(FailInfo.BAD_MESSAGE_CHECK, "the request is no PKCS #10 with a valid signature")
        return csr

    def _answer(self, request: _Request, status: str, content: bytes = b"", *, fail: FailInfo | None = None) -> bytes:
        attributes: dict[str, core.Asn1Value] = {
            _MESSAGE_TYPE: core.PrintableString(_CERT_REP),
            _PKI_STATUS: core.PrintableString(status),
            _TRANSACTION_ID: core.PrintableString(request.transaction_id),
            _SENDER_NONCE: core.OctetString(secrets.token_bytes(_NONCE_BYTES)),
            _RECIPIENT_NONCE: core.OctetString(request.nonce),
        }
        if fail is not None:
            attributes[_FAIL_INFO] = core.PrintableString(str(fail))
        return cms.sign(content, self._authority.certificate, self._authority.key, attributes)


def message_of_query(text: str) -> bytes:
    """Read the `message` of a PKIOperation by GET: base64, its + read as a space by HTTP. Raises BadMessage."""
    try:
        return base64.b64decode(text.replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError):
        raise BadMessage("the message is no base64") from None


def _read(message: bytes) -> _Request:
    """Verify a pkiMessage and read its attributes. Raises BadMessage."""
    try:
        signed = cms.verify(message, legacy=True)
    except cms.BadCms as error:
        raise BadMessage(str(error)) from None
    found = {}
    for oid, what in ((_MESSAGE_TYPE, str), (_TRANSACTION_ID, str), (_SENDER_NONCE, bytes)):
        try:
            found[oid] = signed.attributes[oid][0].native
        except cms.UNREADABLE:
            raise BadMessage(f"the attribute {oid} is missing or unreadable") from None
        if not isinstance(found[oid], what) or not 0 < len(found[oid]) <= _MAX_TRANSACTION_ID:
            raise BadMessage(f"the attribute {oid} has a wrong type or length")
    return _Request(
        signed.certificate, found[_MESSAGE_TYPE], found[_TRANSACTION_ID], found[_SENDER_NONCE], signed.content
    )


def _challenge_of(csr: x509.CertificateSigningRequest) -> bytes | None:
    try:
        return csr.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value
    except (x509.AttributeNotFound, *cms.UNREADABLE):
        return None
