"""CMS as profiles and SCEP use it (RFC 5652): signed data read and made, data enveloped for one RSA key.

`cryptography` neither verifies CMS nor adds attributes of one's own to a signature, so structures are asn1crypto's and
the arithmetic is cryptography's. Whatever cannot be read is `CmsError`, a sentence without its full stop.
"""

import contextlib
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeVar

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding

MAX_CMS = 1024 * 1024
"""Longest structure in bytes that is read."""
MAX_CERTIFICATES = 32
Digest = Literal["sha1", "sha256", "sha512"]
CipherName = Literal["aes128", "3des"]
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - SCEP servers of yesterday sign with it, and tests have those too
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_NONSENSE = ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, UnsupportedAlgorithm
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"


class CmsError(Exception):
    """What is wrong with a structure."""


class BadSignatureError(CmsError):
    """The structure can be read, but the signature does not hold."""


class Signed(NamedTuple):
    """A signature that holds: what it is over, who made it, all certificates with it, and the signed attributes.

    `attributes` is OID in dotted decimals → the first value as DER.
    """

    content: bytes
    signer: x509.Certificate
    certificates: tuple[x509.Certificate, ...]
    attributes: Mapping[str, bytes]


def read_signed(data: bytes, known: Sequence[x509.Certificate] = ()) -> Signed:
    """Read SignedData with one signer and its content inside, and verify it; no chain is followed here.

    `known` are certificates that the signer may have besides those that come along. Raises CmsError.
    """
    signed = _load(data, "signed_data")
    try:
        certificates = _certificates(signed)
        signers = signed["signer_infos"]
        if len(signers) != 1:
            raise BadSignatureError(f"it has {len(signers)} signers instead of one")
        content = _content(signed["encap_content_info"]["content"])
        signer = _signer(signers[0], (*certificates, *known))
        attributes = _verify(signers[0], signer, content)
    except _NONSENSE:
        raise CmsError("its structure cannot be read") from None
    return Signed(content, signer, certificates, attributes)


def read_certificate(data: bytes) -> x509.Certificate:
    """Read a certificate of DER to its end; cryptography itself reads most of it when it is asked. Raises CmsError."""
    try:
        found = x509.load_der_x509_certificate(data)
        _ = found.public_key(), found.subject, found.issuer, found.not_valid_before_utc, found.not_valid_after_utc
    except (*_NONSENSE, x509.InvalidVersion):
        raise CmsError("a certificate in it cannot be read") from None
    return found


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """The extension of a kind; None if there is none that can be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return None


def read_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Read one certificate (DER), or those in a SignedData that signs nothing (PKCS #7). Raises CmsError."""
    with contextlib.suppress(CmsError):
        return (read_certificate(data),)
    try:
        return _certificates(_load(data, "signed_data"))
    except _NONSENSE:
        raise CmsError("its certificates cannot be read") from None


def sign(
    content: bytes, certificate: x509.Certificate, key: rsa.RSAPrivateKey, digest: Digest, attributes: Mapping[str, Any]
) -> bytes:
    """Make SignedData over `content`, which goes inside, with further signed attributes (OID → asn1crypto value)."""
    own = {
        _CONTENT_TYPE: cms.ContentType("data"),
        _MESSAGE_DIGEST: core.OctetString(hashlib.new(digest, content).digest()),
        _SIGNING_TIME: cms.Time({"utc_time": core.UTCTime(datetime.now(UTC))}),
    }
    described = cms.CMSAttributes(
        [cms.CMSAttribute({"type": oid, "values": [value]}) for oid, value in (own | dict(attributes)).items()]
    )
    holder = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier({"issuer_and_serial_number": _issuer_and_serial(holder)}),
        "digest_algorithm": algos.DigestAlgorithm({"algorithm": digest}),
        "signed_attrs": described,
        "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "rsassa_pkcs1v15"}),
        "signature": key.sign(described.dump(), rsa_padding.PKCS1v15(), _DIGESTS[digest]),
    }
    signed = {
        "version": "v1",
        "digest_algorithms": [algos.DigestAlgorithm({"algorithm": digest})],
        "encap_content_info": {"content_type": "data", "content": content},
        "certificates": [holder],
        "signer_infos": [signer],
    }
    return _dump("signed_data", cms.SignedData(signed))


def envelop(content: bytes, recipient: x509.Certificate, cipher: CipherName) -> bytes:
    """Encrypt for the RSA key of a certificate, AES-128-CBC or 3DES-CBC (RFC 8894 §3.5.2)."""
    key, vector = os.urandom(16 if cipher == "aes128" else 24), os.urandom(16 if cipher == "aes128" else 8)
    algorithm = algorithms.AES128(key) if cipher == "aes128" else TripleDES(key)
    padder = padding.PKCS7(len(vector) * 8).padder()
    encryptor = Cipher(algorithm, modes.CBC(vector)).encryptor()
    padded = padder.update(content) + padder.finalize()
    public = recipient.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise CmsError("the recipient's key is no RSA key")
    info = {
        "version": "v0",
        "rid": {"issuer_and_serial_number": _issuer_and_serial(asn1_x509.Certificate.load(_der(recipient)))},
        "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
        "encrypted_key": public.encrypt(key, rsa_padding.PKCS1v15()),
    }
    enveloped = {
        "version": "v0",
        "recipient_infos": [cms.RecipientInfo("ktri", cms.KeyTransRecipientInfo(info))],
        "encrypted_content_info": {
            "content_type": "data",
            "content_encryption_algorithm": {
                "algorithm": "aes128_cbc" if cipher == "aes128" else "tripledes_3key",
                "parameters": vector,
            },
            "encrypted_content": encryptor.update(padded) + encryptor.finalize(),
        },
    }
    return _dump("enveloped_data", cms.EnvelopedData(enveloped))


def open_envelope(data: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """Decrypt EnvelopedData that is for this key: AES, 3DES or DES in CBC mode. Raises CmsError."""
    enveloped = _load(data, "enveloped_data")
    try:
        wrapped = enveloped["recipient_infos"][0].chosen["encrypted_key"].native
        inner = enveloped["encrypted_content_info"]
        algorithm = inner["content_encryption_algorithm"]
        vector = algorithm.encryption_iv
        secret = key.decrypt(wrapped, rsa_padding.PKCS1v15())
        cipher = _ciphers(algorithm.encryption_cipher)(secret)
        decryptor = Cipher(cipher, modes.CBC(vector)).decryptor()
        padded = decryptor.update(_content(inner["encrypted_content"])) + decryptor.finalize()
        unpadder = padding.PKCS7(len(vector) * 8).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except _NONSENSE:
        raise CmsError("its envelope does not open with the device's key") from None


def hash_of(data: bytes, length: int) -> bytes | None:
    """Hash with the algorithm whose digest has this many bytes: MD5, SHA-1, SHA-256 or SHA-512; None for others."""
    name = {16: "md5", 20: "sha1", 32: "sha256", 64: "sha512"}.get(length)
    return hashlib.new(name, data, usedforsecurity=False).digest() if name else None


def chains_to(certificate: x509.Certificate, between: Iterable[x509.Certificate], anchors: Iterable[bytes]) -> bool:
    """Whether signatures lead from a certificate to one of these (DER), within eight steps and its validity."""
    trusted = [read_certificate(anchor) for anchor in anchors]
    pool = [*trusted, *between]
    now = datetime.now(UTC)
    for _ in range(8):
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return False
        if certificate in trusted:
            return True
        issuer = next((other for other in pool if other != certificate and issued(certificate, other)), None)
        if issuer is None:
            return False
        certificate = issuer
    return False


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether a certificate bears the name and the signature of another."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _load(data: bytes, kind: str) -> Any:
    if len(data) > MAX_CMS:
        raise CmsError(f"it exceeds {MAX_CMS} bytes")
    try:
        info = cms.ContentInfo.load(data)
        if info["content_type"].native != kind:
            raise CmsError(f"it is no CMS {kind}")
        return info["content"]
    except _NONSENSE:
        raise CmsError(f"it is no CMS {kind}") from None


def _certificates(signed: Any) -> tuple[x509.Certificate, ...]:
    choices = list(signed["certificates"])[:MAX_CERTIFICATES] if signed["certificates"] else []
    return tuple(read_certificate(one.chosen.dump()) for one in choices if one.name == "certificate")


def _content(value: Any) -> bytes:
    """Read an OCTET STRING, also one that comes in pieces; of PKCS #7's ANY, what is in it."""
    if isinstance(value, core.Any):
        value = value.parse(core.OctetString)
    content = value.native
    return content if isinstance(content, bytes) else b""


def _signer(info: Any, certificates: Iterable[x509.Certificate]) -> x509.Certificate:
    wanted = info["sid"]
    for certificate in certificates:
        own = asn1_x509.Certificate.load(_der(certificate))
        if wanted.name == "subject_key_identifier":
            if own.key_identifier == wanted.chosen.native:
                return certificate
        elif wanted.chosen["serial_number"].native == own.serial_number and wanted.chosen["issuer"] == own.issuer:
            return certificate
    raise BadSignatureError("the signer's certificate does not come with it")


def _verify(info: Any, signer: x509.Certificate, content: bytes) -> dict[str, bytes]:
    """Check a signature, and return the attributes that it covers."""
    digest = info["digest_algorithm"]["algorithm"].native
    signed, attributes = content, dict[str, bytes]()
    if info["signed_attrs"]:
        described = info["signed_attrs"]
        for one in described:
            attributes.setdefault(one["type"].dotted, one["values"][0].dump())
        # It is hashed as a SET OF, though it travels under [0] (RFC 5652 §5.4).
        signed = b"\x31" + described.dump()[1:]
        found = core.OctetString.load(attributes.get(_MESSAGE_DIGEST, b"\x04\x00")).native
        if digest not in _DIGESTS or not hmac.compare_digest(found, hashlib.new(digest, content).digest()):
            raise BadSignatureError("the content is not what was signed")
    _check(info, signer, signed, digest)
    return attributes


def _check(info: Any, signer: x509.Certificate, signed: bytes, digest: str) -> None:
    key, signature, algorithm = signer.public_key(), info["signature"].native, _DIGESTS[digest]
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            pss = info["signature_algorithm"]["algorithm"].native == "rsassa_pss"
            scheme = rsa_padding.PSS(rsa_padding.MGF1(algorithm), rsa_padding.PSS.AUTO) if pss else None
            key.verify(signature, signed, scheme or rsa_padding.PKCS1v15(), algorithm)
        else:
            raise BadSignatureError("the signer's key is neither RSA nor EC")
    except InvalidSignature:
        raise BadSignatureError("the signature is wrong") from None


def _ciphers(name: str) -> Callable[[bytes], Any]:
    # Three times the same key makes single DES of triple DES; Go's SCEP servers answer with DES where they were
    # not told otherwise.
    return {
        "aes": algorithms.AES,
        "tripledes": TripleDES,
        "des": lambda key: TripleDES(key * 3),
    }[name]


def _issuer_and_serial(holder: Any) -> Any:
    return cms.IssuerAndSerialNumber({"issuer": holder.issuer, "serial_number": holder.serial_number})


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _dump(kind: str, content: Any) -> bytes:
    dumped: bytes = cms.ContentInfo({"content_type": kind, "content": content}).dump()
    return dumped
