"""The identity of an enrolment: from a PKCS #12 payload, and as the Mdm-Signature of messages."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    pkcs7,
    pkcs12,
)

from smdp.device.mdm.failure import mdm_failure
from smdp.device.mdm.profiles import optional, require

MAX_ITERATIONS = 1_000_000
"""Most rounds of a key derivation that are gone through; they take half a second."""
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_OPTIONS = pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities
_NONSENSE = ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError


class Identity(NamedTuple):
    """A certificate chain (DER, the device's own first) and its private key (PKCS #8 DER)."""

    chain: list[bytes]
    key: bytes

    def __repr__(self) -> str:
        """Keep the key out of logs."""
        return f"<Identity with {len(self.chain)} certificates>"


def read_pkcs12(payload: Mapping[str, Any]) -> Identity:
    """Read a com.apple.security.pkcs12 payload: PayloadContent and Password. Raises MdmError 9000, 9005, 9006."""
    content = require(payload, "PayloadContent", bytes)
    password = optional(payload, "Password", str)
    _check_bounds(content)
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(content, (password or "").encode() or None)
    except UnsupportedAlgorithm as error:
        raise mdm_failure("pkcs12-malformed", problem=str(error).rstrip(".")) from None
    except (ValueError, x509.InvalidVersion) as error:
        if "password" in str(error).lower():
            raise mdm_failure("pkcs12-password") from None
        raise mdm_failure("pkcs12-malformed", problem=str(error)[:200].rstrip(".")) from None
    if certificate is None or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise mdm_failure("pkcs12-no-identity")
    return identity_of(key, [certificate, *others])


def identity_of(key: PrivateKey, certificates: list[x509.Certificate]) -> Identity:
    """Put a key and its certificates down as bytes."""
    return Identity(
        [certificate.public_bytes(Encoding.DER) for certificate in certificates],
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    )


def private_key(data: bytes) -> PrivateKey:
    """Read a private key of PKCS #8 DER, RSA or EC. Raises MdmError 23000.

    It was checked when it was made or came; looking for its primes again takes 70 ms, at every start of every device.
    """
    try:
        key = load_der_private_key(data, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise mdm_failure("identity-unusable", problem="its key is neither RSA nor EC")
    return key


def mdm_signature(body: bytes, certificate: bytes, key: PrivateKey) -> str:
    """Make the Mdm-Signature of a body: base64 of a detached CMS signature with the certificate (DER) in it.

    The body is signed as the bytes it is (Binary), for property lists end lines as they like.
    """
    builder = pkcs7.PKCS7SignatureBuilder().set_data(body)
    signed = builder.add_signer(x509.load_der_x509_certificate(certificate), key, hashes.SHA256())
    return b64encode(signed.sign(Encoding.DER, _OPTIONS)).decode()


def _check_bounds(content: bytes) -> None:
    """Refuse what is no PKCS #12, or would derive a key for minutes, as far as that shows before it is opened."""
    try:
        pfx = asn1_pkcs12.Pfx.load(content)
        rounds = [int(pfx["mac_data"]["iterations"].native or 0)] if pfx["mac_data"] else []
        for part in pfx.authenticated_safe:
            rounds += _rounds(part)
    except _NONSENSE:
        raise mdm_failure("pkcs12-malformed", problem="it is no PFX") from None
    if max(rounds, default=0) > MAX_ITERATIONS:
        raise mdm_failure("pkcs12-malformed", problem=f"it asks for more than {MAX_ITERATIONS} rounds of derivation")


def _rounds(part: Any) -> list[int]:
    """How many rounds a part asks for: as a whole, or each key in it."""
    if part["content_type"].native == "encrypted_data":
        return [int(part["content"]["encrypted_content_info"]["content_encryption_algorithm"].kdf_iterations)]
    bags = asn1_pkcs12.SafeContents.load(part["content"].native)
    locked = [bag["bag_value"] for bag in bags if bag["bag_id"].native == "pkcs8_shrouded_key_bag"]
    return [int(bag["encryption_algorithm"].kdf_iterations) for bag in locked]
