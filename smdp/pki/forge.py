"""Certificates that are wrong on purpose: for faults, which want them wrong in one thing and right in all others."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from smdp.pki import keys, profiles
from smdp.pki.errors import PkiError
from smdp.pki.model import Pki
from smdp.pki.profiles import Validity
from smdp.rsp import certs
from smdp.rsp.certs import Certificate
from smdp.rsp.crypto import PrivateKey, point_of


def ci_key(pki: Pki, ci: bytes) -> PrivateKey | None:
    """Return the key of a CI (its key identifier, 20 bytes), where it is at hand: it signs TLS too, or is public."""
    certificate = pki.cis[ci]
    public = keys.key(keys.Derived(keys.PUBLIC_SECRET), profiles.stem("ci", certificate.curve), certificate.curve)
    wanted = point_of(certificate.public_key)
    return next((key for key in (pki.tls_issuer.key, public) if point_of(key) == wanted), None)


def reissued(pki: Pki, certificate: Certificate, ci: bytes, validity: Validity) -> Certificate:
    """Make the same certificate with another validity. Raises PkiError where the CI's key is not at hand."""
    key = ci_key(pki, ci)
    if key is None:
        raise PkiError(pki.name, "the key of its CI is not in it", "Use the public PKI for this.")
    original = x509.load_der_x509_certificate(certificate.der)
    begin, end = (moment.replace(tzinfo=None, microsecond=0) for moment in validity)
    builder = x509.CertificateBuilder(
        issuer_name=original.issuer,
        subject_name=original.subject,
        public_key=certificate.public_key,
        serial_number=original.serial_number,
        not_valid_before=begin,
        not_valid_after=end,
        extensions=list(original.extensions),
    )
    signed = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return certs.load(signed.public_bytes(serialization.Encoding.DER))


def self_signed(names: Sequence[str], key: PrivateKey, validity: Validity) -> Certificate:
    """Make a TLS certificate that nobody but itself vouches for."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    begin, end = (moment.replace(tzinfo=None, microsecond=0) for moment in validity)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=end,
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    return certs.load(signed.public_bytes(serialization.Encoding.DER))
