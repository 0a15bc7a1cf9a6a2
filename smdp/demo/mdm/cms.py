"""CMS (RFC 5652): signatures of devices read and verified, and SCEP's answers signed. `cryptography` verifies no CMS.

Taken are RSA (PKCS #1 v1.5) and ECDSA with SHA-256, 384 or 512, exactly one signer, its certificate inside. SHA-1 is
taken in SCEP alone, where well-known clients know nothing else.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512,
}  # fmt: skip
_LEGACY: dict[str, type[hashes.HashAlgorithm]] = {**_HASHES, "sha1": hashes.SHA1}
_SET = b"\x31"
UNREADABLE = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
    UnsupportedAlgorithm, x509.InvalidVersion,
)  # fmt: skip
"""What asn1crypto and cryptography raise for bytes that are not what they should be."""


class BadCms(ValueError):  # noqa: N818 - says what is the matter
    """A CMS structure is unreadable, or its signature is wrong; the message says which."""


class Signed(NamedTuple):
    """A verified SignedData: the signer's certificate, the attributes it signed (by OID or name), what it signed."""

    certificate: x509.Certificate
    attributes: Mapping[str, Any]
    content: bytes


def verify(data: bytes, detached: bytes | None = None, *, legacy: bool = False) -> Signed:
    """Verify the signature of a SignedData in DER, over its content or over `detached`; `legacy` takes SHA-1 too.

    The certificate's chain is another question: `check_identity`. Raises BadCms.
    """
    try:
        return _verified(data, detached, _LEGACY if legacy else _HASHES)
    except BadCms:
        raise
    except UNREADABLE:
        raise BadCms("it is no readable CMS SignedData") from None


def _verified(data: bytes, detached: bytes | None, known: Mapping[str, type[hashes.HashAlgorithm]]) -> Signed:
    info = cms.ContentInfo.load(data, strict=True)
    if info["content_type"].native != "signed_data":
        raise BadCms("it is CMS, but no SignedData")
    signed = info["content"]
    if len(signed["signer_infos"]) != 1:
        raise BadCms(f"it has {len(signed['signer_infos'])} signers, not one")
    content = signed["encap_content_info"]["content"].native if detached is None else detached
    if not isinstance(content, bytes):
        raise BadCms("nothing is signed")
    signer = signed["signer_infos"][0]
    certificate = _certificate(signed["certificates"], signer["sid"])
    algorithm = signer["digest_algorithm"]["algorithm"].native
    if algorithm not in known:
        raise BadCms(f"the digest {algorithm} is none of {', '.join(known)}")
    attributes = {one["type"].native: one["values"] for one in signer["signed_attrs"]}
    if not attributes:
        raise BadCms("it has no signed attributes")
    if attributes["message_digest"][0].native != hashlib.new(algorithm, content).digest():
        raise BadCms("the digest is of other bytes")
    # What was signed is the attributes with the tag of a SET instead of [0] (RFC 5652 §5.4).
    _check(certificate, signer["signature"].native, _SET + signer["signed_attrs"].dump()[1:], known[algorithm]())
    _check_time(certificate, attributes)
    return Signed(certificate, attributes, content)


def _certificate(certificates: cms.CertificateSet, sid: cms.SignerIdentifier) -> x509.Certificate:
    """Find the signer's certificate among those that came along. Raises BadCms."""
    for one in certificates:
        found = one.chosen
        if not isinstance(found, asn1_x509.Certificate):
            continue
        if sid.name == "issuer_and_serial_number":
            serial = sid.chosen["serial_number"].native
            fits = found.serial_number == serial and found.issuer.dump() == sid.chosen["issuer"].dump()
        else:
            fits = found.key_identifier == sid.chosen.native
        if fits:
            return x509.load_der_x509_certificate(found.dump())
    raise BadCms("the signer's certificate is not in it")


def _check(certificate: x509.Certificate, signature: bytes, data: bytes, algorithm: hashes.HashAlgorithm) -> None:
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(algorithm))
        else:
            raise BadCms("the signer's key is neither RSA nor EC")
    except InvalidSignature:
        raise BadCms("the signature is wrong") from None


def _check_time(certificate: x509.Certificate, attributes: Mapping[str, Any]) -> None:
    if "signing_time" not in attributes:
        return
    at = attributes["signing_time"][0].native
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise BadCms("it was signed at a time when the certificate was not valid")


def check_identity(certificate: x509.Certificate, authority: x509.Certificate, now: dt.datetime) -> None:
    """Check that an authority issued a certificate for client authentication and it is valid. Raises BadCms.

    A certificate without an extended key usage may be used for anything.
    """
    try:
        certificate.verify_directly_issued_by(authority)
    except (*UNREADABLE, InvalidSignature):
        raise BadCms("the certificate was issued by another CA") from None
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise BadCms("the certificate is not valid now")
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except UNREADABLE:
        raise BadCms("the certificate's extensions are unreadable") from None
    if not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(purposes):
        raise BadCms("the certificate is not for client authentication")


def sign(
    content: bytes, certificate: x509.Certificate, key: rsa.RSAPrivateKey, attributes: Mapping[str, core.Asn1Value]
) -> bytes:
    """Make a SignedData (DER) over a content and further attributes, by OID: RSA, SHA-256, the certificate inside."""
    issued = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    signed = {
        "content_type": cms.ContentType("data"),
        "message_digest": core.OctetString(hashlib.sha256(content).digest()),
        "signing_time": cms.Time({"utc_time": core.UTCTime(dt.datetime.now(dt.UTC).replace(microsecond=0))}),
        **attributes,
    }
    sorted_set = cms.CMSAttributes([{"type": name, "values": [value]} for name, value in signed.items()])
    digest = algos.DigestAlgorithm({"algorithm": "sha256"})
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": {"issuer_and_serial_number": {"issuer": issued.issuer, "serial_number": issued.serial_number}},
            "digest_algorithm": digest,
            "signed_attrs": sorted_set,
            "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
            "signature": key.sign(sorted_set.dump(), padding.PKCS1v15(), hashes.SHA256()),
        }
    )
    body = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [digest],
            "encap_content_info": {"content_type": "data", "content": content},
            "certificates": [issued],
            "signer_infos": [signer],
        }
    )
    result: bytes = cms.ContentInfo({"content_type": "signed_data", "content": body}).dump()
    return result
