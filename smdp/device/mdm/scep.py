"""A SCEP client as Apple's devices have it (RFC 8894): GetCACaps, GetCACert, PKCSReq, CertPoll while it is pending."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from smdp.device.mdm.cms import (
    CipherName,
    CmsError,
    Digest,
    envelop,
    extension,
    hash_of,
    issued,
    open_envelope,
    read_certificates,
    read_signed,
    sign,
)
from smdp.device.mdm.failure import mdm_failure
from smdp.device.mdm.identity import Identity, identity_of
from smdp.device.mdm.keys import RsaKeys
from smdp.device.mdm.scep_request import ScepRequest, read_request, request_of, self_signed
from smdp.device.mdm.web import Answered, Web
from smdp.rsp.crypto import Entropy

Wait = Callable[[float], Awaitable[None]]
"""Lets this many seconds pass."""
_ATTRIBUTE = "2.16.840.1.113733.1.9."
_MESSAGE_TYPE, _PKI_STATUS, _FAIL_INFO = _ATTRIBUTE + "2", _ATTRIBUTE + "3", _ATTRIBUTE + "4"
_SENDER_NONCE, _RECIPIENT_NONCE, _TRANSACTION_ID = _ATTRIBUTE + "5", _ATTRIBUTE + "6", _ATTRIBUTE + "7"
_PKCS_REQ, _CERT_POLL, _CERT_REP = "19", "20", "3"
_SUCCESS, _FAILURE, _PENDING = "0", "2", "3"
_FAIL_TEXTS = {
    "0": "badAlg, it does not know the algorithm",
    "1": "badMessageCheck, the request's integrity check failed",
    "2": "badRequest, the transaction is not permitted (often a wrong challenge)",
    "3": "badTime, the signing time is too far from its own",
    "4": "badCertId, no certificate fits",
}
_OK = 200
_MAX_LINES = 64


class _Ca(NamedTuple):
    """What a SCEP server can do and who it is; `recipient` is whom requests are encrypted for."""

    caps: frozenset[str]
    certificates: tuple[x509.Certificate, ...]
    recipient: x509.Certificate

    @property
    def digest(self) -> Digest:
        if self.caps & {"sha-256", "scepstandard"}:
            return "sha256"
        return "sha512" if "sha-512" in self.caps else "sha1"

    @property
    def cipher(self) -> CipherName:
        return "aes128" if self.caps & {"aes", "scepstandard"} else "3des"

    @property
    def takes_post(self) -> bool:
        return bool(self.caps & {"postpkioperation", "scepstandard"})


class _Sender(NamedTuple):
    """Whom the messages of one enrolment come from."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    transaction: str


async def enroll_scep(payload: Mapping[str, Any], web: Web, *, keys: RsaKeys, wait: Wait, entropy: Entropy) -> Identity:
    """Get the identity that a com.apple.security.scep payload describes.

    A pending request is asked for again `Retries` times, at once first and then `RetryDelay` seconds apart.
    Raises MdmError.
    """
    asked = read_request(payload)
    ca = await _know(web, asked)
    key = await keys.take(asked.bits)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    sender = _Sender(key, self_signed(asked, key), hashlib.sha256(public).hexdigest().upper())
    content, kind = request_of(asked, key), _PKCS_REQ
    for tried in range(asked.retries + 1):
        if tried > 1:
            await wait(asked.retry_delay)
        reply = await _exchange(web, asked, ca, sender, (kind, content), entropy)
        if reply is not None:
            return _issued(reply, ca, key)
        content, kind = _issuer_and_subject(ca, sender.certificate), _CERT_POLL
    raise mdm_failure("scep-pending", tries=asked.retries + 1)


async def _know(web: Web, asked: ScepRequest) -> _Ca:
    """Ask what the server can do and for its certificates (RFC 8894 §3.5.1, §4.2)."""
    answer = await web.request("GET", _operation(asked, "GetCACaps", asked.name))
    lines = answer.body.decode("ascii", "replace").split("\n")[:_MAX_LINES] if answer.status == _OK else ()
    caps = frozenset(line.strip().lower() for line in lines)
    answer = await web.request("GET", _operation(asked, "GetCACert", asked.name))
    _check_status(answer, asked)
    try:
        certificates = read_certificates(answer.body)
    except CmsError:
        certificates = ()
    if not certificates:
        raise mdm_failure("scep-ca")
    _check_fingerprint(asked.fingerprint, certificates)
    recipient = min((one for one in certificates if _has_rsa(one)), key=_unfit, default=None)
    if recipient is None:
        raise mdm_failure("scep-no-rsa")
    return _Ca(caps, certificates, recipient)


def _check_fingerprint(wanted: bytes | None, certificates: tuple[x509.Certificate, ...]) -> None:
    """Hold CAFingerprint against the certificates; its length says which hash it is."""
    if wanted is None:
        return
    found = (hash_of(one.public_bytes(Encoding.DER), len(wanted)) for one in certificates)
    if not any(one is not None and hmac.compare_digest(one, wanted) for one in found):
        raise mdm_failure("scep-fingerprint")


async def _exchange(
    web: Web, asked: ScepRequest, ca: _Ca, sender: _Sender, message: tuple[str, bytes], entropy: Entropy
) -> bytes | None:
    """Send a PKCSReq or CertPoll; return what a success brings (degenerate PKCS #7), None while it is pending."""
    kind, content = message
    nonce = entropy.take(16)
    attributes = {
        _MESSAGE_TYPE: core.PrintableString(kind),
        _TRANSACTION_ID: core.PrintableString(sender.transaction),
        _SENDER_NONCE: core.OctetString(nonce),
    }
    enveloped = envelop(content, ca.recipient, ca.cipher)
    signed = sign(enveloped, sender.certificate, sender.key, ca.digest, attributes)
    if ca.takes_post:
        headers = {"Content-Type": "application/x-pki-message"}
        answer = await web.request("POST", _operation(asked, "PKIOperation"), body=signed, headers=headers)
    else:
        answer = await web.request("GET", _operation(asked, "PKIOperation", b64encode(signed).decode()))
    _check_status(answer, asked)
    try:
        return _read_reply(answer.body, ca, sender, nonce)
    except CmsError as error:
        raise mdm_failure("scep-answer", problem=error) from None


def _read_reply(body: bytes, ca: _Ca, sender: _Sender, nonce: bytes) -> bytes | None:
    """Check a CertRep: who signed it, that it answers this request, and what it says (RFC 8894 §3.3.2)."""
    reply = read_signed(body, ca.certificates)
    if reply.signer not in ca.certificates and not any(issued(reply.signer, one) for one in ca.certificates):
        raise CmsError("somebody else than the CA signed it")
    if _text(reply.attributes, _MESSAGE_TYPE) != _CERT_REP:
        raise CmsError("it is no CertRep")
    if _text(reply.attributes, _TRANSACTION_ID) != sender.transaction:
        raise CmsError("it is about another transaction")
    if _octets(reply.attributes, _RECIPIENT_NONCE) != nonce:
        raise CmsError("it does not repeat the request's nonce")
    status = _text(reply.attributes, _PKI_STATUS)
    if status == _FAILURE:
        info = _text(reply.attributes, _FAIL_INFO)
        raise mdm_failure("scep-refused", problem=_FAIL_TEXTS.get(info, f"failInfo {info[:20]!r}"))
    if status == _PENDING:
        return None
    if status != _SUCCESS:
        raise CmsError(f"its pkiStatus is {status[:20]!r}")
    return open_envelope(reply.content, sender.key)


def _issued(reply: bytes, ca: _Ca, key: rsa.RSAPrivateKey) -> Identity:
    """Find the certificate for the key, and the chain that the CA's certificates make with it."""
    try:
        certificates = read_certificates(reply)
    except CmsError as error:
        raise mdm_failure("scep-answer", problem=error) from None
    own = next((one for one in certificates if one.public_key() == key.public_key()), None)
    if own is None:
        raise mdm_failure("scep-certificate")
    chain = [own]
    pool = [one for one in (*certificates, *ca.certificates) if one.subject != one.issuer]
    while issuer := next((one for one in pool if one not in chain and issued(chain[-1], one)), None):
        chain.append(issuer)
    return identity_of(key, chain)


def _issuer_and_subject(ca: _Ca, requested: x509.Certificate) -> bytes:
    """Build what CertPoll asks for: who should have issued to whom (RFC 8894 §3.3.3)."""
    authority = next((one for one in ca.certificates if _is_ca(one)), ca.recipient)
    names = authority.subject.public_bytes() + requested.subject.public_bytes()
    dumped: bytes = core.Sequence(contents=names).dump()
    return dumped


def _operation(asked: ScepRequest, operation: str, message: str | None = None) -> str:
    joint = "&" if "?" in asked.url else "?"
    return f"{asked.url}{joint}operation={operation}" + (f"&message={quote(message, safe='')}" if message else "")


def _check_status(answer: Answered, asked: ScepRequest) -> None:
    if answer.status != _OK:
        raise mdm_failure("http-status", host=asked.host, status=answer.status)


def _has_rsa(certificate: x509.Certificate) -> bool:
    return isinstance(certificate.public_key(), rsa.RSAPublicKey)


def _is_ca(certificate: x509.Certificate) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _unfit(certificate: x509.Certificate) -> tuple[bool, bool]:
    """Order certificates by how fit they are to be encrypted for: those that may, RAs before the CA."""
    usage = extension(certificate, x509.KeyUsage)
    return usage is not None and not usage.key_encipherment, _is_ca(certificate)


def _text(attributes: Mapping[str, bytes], oid: str) -> str:
    try:
        value = asn1_x509.DirectoryString.load(attributes[oid]).native
    except (ValueError, TypeError, KeyError):
        return ""
    return value if isinstance(value, str) else ""


def _octets(attributes: Mapping[str, bytes], oid: str) -> bytes:
    try:
        value = core.OctetString.load(attributes[oid]).native
    except (ValueError, TypeError, KeyError):
        return b""
    return value if isinstance(value, bytes) else b""
