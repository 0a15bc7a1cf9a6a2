"""Certificates with one thing wrong: a good one taken apart, changed, and signed again."""

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smdp.pki import keys, make, profiles
from smdp.rsp import certs
from smdp.rsp.certs import Certificate, Role
from smdp.rsp.crypto import CURVES
from smdp.rsp.server.security import Credential

EID = "89049032123451234512345678901235"
CURVE_NAMES = sorted(CURVES)
SOURCE = keys.Derived(b"the tests' own PKI")


def other_curve(curve: str) -> str:
    return next(name for name in CURVE_NAMES if name != curve)


def stranger(curve: str) -> ec.EllipticCurvePrivateKey:
    return keys.key(SOURCE, "stranger", curve)


def pki(curve: str) -> dict[str, Credential]:
    """The PKI of one curve, by role, with an eUICC."""
    made = make.make(SOURCE, eid_prefixes=("89", "35"))
    found = {kind: made[profiles.stem(kind, curve)] for kind in ("ci", "eum", "dpauth", "dppb", "dsauth")}
    return found | {"euicc": profiles.euicc(SOURCE, found["eum"], EID)}


def forge(
    good: Certificate,
    signer: ec.EllipticCurvePrivateKey,
    *,
    put: Iterable[tuple[x509.ExtensionType, bool]] = (),
    drop: Iterable[type[x509.ExtensionType]] = (),
    subject: x509.Name | None = None,
    key: ec.EllipticCurvePublicKey | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
) -> Certificate:
    """Sign a certificate again with extensions put or dropped, another subject, key or hash."""
    der = forge_der(good, signer, put=put, drop=drop, subject=subject, key=key, algorithm=algorithm)
    return certs.load(der)


def forge_der(good, signer, *, put=(), drop=(), subject=None, key=None, algorithm=None) -> bytes:
    old = x509.load_der_x509_certificate(good.der)
    changed = {type(value) for value, _ in put}
    extensions = [(e.value, e.critical) for e in old.extensions if type(e.value) not in {*changed, *drop}]
    builder = x509.CertificateBuilder(
        issuer_name=old.issuer,
        subject_name=subject or old.subject,
        public_key=key or old.public_key(),
        serial_number=old.serial_number,
        not_valid_before=old.not_valid_before_utc,
        not_valid_after=old.not_valid_after_utc,
    )
    for value, critical in [*extensions, *put]:
        builder = builder.add_extension(value, critical=critical)
    signed = builder.sign(signer, algorithm or hashes.SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(serialization.Encoding.DER)


def usage(*names: str) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    every += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in names for name in every})


def policies(*roles: Role | str) -> x509.CertificatePolicies:
    oids = [role if isinstance(role, str) else role.value[0] for role in roles]
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids])


def name(**attributes: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(getattr(x509.NameOID, key), value) for key, value in attributes.items()])


def unknown_extension() -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.77"), b"\x05\x00")
