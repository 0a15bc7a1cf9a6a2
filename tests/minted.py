"""A test PKI minted with `cryptography` alone, one certificate at a time, so that any of them can be wrong."""

import datetime as dt
from functools import cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

EID = "89049032123451234512345678901235"
NOW = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)
SMDP_RID = "2.999.10"
CURVES = {"P-256": ec.SECP256R1(), "brainpoolP256r1": ec.BrainpoolP256R1()}
ROLES = {"ci": 0, "euicc": 1, "eum": 2, "dpauth": 4, "dppb": 5, "dsauth": 7}


class Minted(NamedTuple):
    key: ec.EllipticCurvePrivateKey
    der: bytes

    @property
    def ski(self) -> bytes:
        return x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()).digest

    @property
    def scalar(self) -> bytes:
        return self.key.private_numbers().private_value.to_bytes(32, "big")


def name(**attributes: str) -> x509.Name:
    oids = {"o": NameOID.ORGANIZATION_NAME, "cn": NameOID.COMMON_NAME, "serial": NameOID.SERIAL_NUMBER}
    return x509.Name([x509.NameAttribute(oids[key], value) for key, value in attributes.items()])


def usage(*, certificates: bool = False) -> x509.KeyUsage:
    flags = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=not certificates, key_cert_sign=certificates, crl_sign=certificates, **flags)


def issue(
    role: str,
    issuer: Minted | None,
    *,
    curve: ec.EllipticCurve | None = None,
    subject: x509.Name | None = None,
    rid: str | None = SMDP_RID,
    policy: int | None = None,
    not_after: dt.datetime | None = None,
    signer: ec.EllipticCurvePrivateKey | None = None,
    policies_critical: bool = True,
) -> Minted:
    """Mint a certificate as SGP.14 wants it, but for what is asked to be different."""
    key = ec.generate_private_key(curve or (issuer.key.curve if issuer else CURVES["P-256"]))
    is_ca = role in ("ci", "eum")
    builder = (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .issuer_name(x509.load_der_x509_certificate(issuer.der).subject if issuer else name(o="TESTS", cn="CI"))
        .subject_name(subject or name(o="TESTS", cn=role.upper() if issuer else "CI"))
        .public_key(key.public_key())
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(not_after or dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
        .add_extension(usage(certificates=is_ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    oid = x509.ObjectIdentifier(f"2.23.146.1.2.1.{ROLES[role] if policy is None else policy}")
    information = [x509.PolicyInformation(oid, None)]
    builder = builder.add_extension(x509.CertificatePolicies(information), critical=policies_critical)
    if issuer:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(issuer.ski, None, None), critical=False)
    if is_ca:
        length = 0 if role == "eum" else None
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
    if role == "eum":
        permitted = [x509.DirectoryName(name(o="TESTS EUM", serial="89"))]
        builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    if rid and role != "euicc":
        san = x509.SubjectAlternativeName([x509.RegisteredID(x509.ObjectIdentifier(rid))])
        builder = builder.add_extension(san, critical=False)
    signed = builder.sign(signer or (issuer.key if issuer else key), hashes.SHA256())
    return Minted(key, signed.public_bytes(Encoding.DER))


class Pki(NamedTuple):
    ci: Minted
    eum: Minted
    euicc: Minted
    dpauth: Minted
    dppb: Minted
    dsauth: Minted


def pki(curve: str = "P-256") -> Pki:
    """One CI with everything under it, made once."""
    return _pki(curve)


@cache
def _pki(curve: str) -> Pki:
    ci = issue("ci", None, curve=CURVES[curve])
    eum = issue("eum", ci, subject=name(o="TESTS EUM", cn="EUM"))
    euicc = issue("euicc", eum, subject=name(o="TESTS EUM", cn="eUICC", serial=EID))
    return Pki(ci, eum, euicc, issue("dpauth", ci), issue("dppb", ci), issue("dsauth", ci, rid="2.999.15"))
