"""The small MDM's certificate authority: one RSA key that signs TLS leaves and identities, and opens SCEP envelopes.

RSA because SCEP encrypts to the CA (RFC 8894 §2.5); the TLS leaf and the identities made here are P-256. Everything is
valid from a day ago, as a device's clock may be behind.
"""

import datetime as dt
import ipaddress
import secrets
import ssl
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from smdp.pki.tls import private_file

_DAY = dt.timedelta(days=1)
_CA_LIFE = dt.timedelta(days=3650)
_LEAF_LIFE = dt.timedelta(days=397)
_RSA_BITS = 2048
_RSA_EXPONENT = 65537
_SERIAL_BITS = 120

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
"""The keys that an identity may have."""


class Identity(NamedTuple):
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def name(common: str) -> x509.Name:
    """Make a distinguished name."""
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "smdp TEST"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


class Authority:
    """Keys and certificates of one small MDM: made when it is made, or those of before (PKCS #8 and X.509 DER)."""

    def __init__(self, kept: tuple[bytes, bytes] | None = None) -> None:
        if kept is None:
            self.key = rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
            self.certificate = self._root()
        else:
            self.key, self.certificate = _kept(*kept)
        self.pem = self.certificate.public_bytes(Encoding.PEM)
        self.der = self.certificate.public_bytes(Encoding.DER)

    @property
    def key_der(self) -> bytes:
        """The private key, PKCS #8."""
        return self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def _root(self) -> x509.Certificate:
        subject = name("small MDM CA")
        return (
            _builder(subject, subject, self.key.public_key(), _CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage("key_cert_sign", "crl_sign", "digital_signature", "key_encipherment"), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def issue(self, subject: x509.Name, key: PublicKey) -> x509.Certificate:
        """Sign an identity: a certificate for a device, for client authentication and signatures."""
        usage = (
            ("digital_signature", "key_encipherment") if isinstance(key, rsa.RSAPublicKey) else ("digital_signature",)
        )
        return self._leaf(subject, key, ExtendedKeyUsageOID.CLIENT_AUTH, usage).sign(self.key, hashes.SHA256())

    def identity(self, common: str) -> Identity:
        """Make an identity with a new P-256 key, as for a PKCS #12 payload."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Identity(self.issue(name(common), key.public_key()), key)

    def tls_context(self, hosts: Sequence[str]) -> ssl.SSLContext:
        """Make the server's context: a leaf for these hosts; a client may show an identity of this CA, and need not."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            self._leaf(name(hosts[0]), key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH, ("digital_signature",))
            .add_extension(x509.SubjectAlternativeName(list(_alternatives(hosts))), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with private_file(leaf.public_bytes(Encoding.PEM) + pem_of(key)) as path:
            context.load_cert_chain(path)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self.pem.decode())
        return context

    def _leaf(
        self, subject: x509.Name, key: PublicKey, purpose: x509.ObjectIdentifier, usage: Iterable[str]
    ) -> x509.CertificateBuilder:
        return (
            _builder(subject, self.certificate.subject, key, _LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(*usage), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )


def _kept(key: bytes, certificate: bytes) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """Read what `key_der` and `der` gave. Raises ValueError."""
    found = load_der_private_key(key, None)
    if not isinstance(found, rsa.RSAPrivateKey):
        raise ValueError("the key of the CA is no RSA key")  # noqa: TRY004 - a value of bytes that somebody kept
    return found, x509.load_der_x509_certificate(certificate)


def bundle(identity: Identity, password: str) -> bytes:
    """Pack an identity as PKCS #12."""
    return pkcs12.serialize_key_and_certificates(
        b"identity", identity.key, identity.certificate, None, BestAvailableEncryption(password.encode())
    )


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def same_key(one: PublicKey, other: PublicKey) -> bool:
    """Tell whether two public keys are the same."""
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return one.public_bytes(*form) == other.public_bytes(*form)


def _builder(subject: x509.Name, issuer: x509.Name, key: PublicKey, life: dt.timedelta) -> x509.CertificateBuilder:
    begin = dt.datetime.now(dt.UTC).replace(microsecond=0) - _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(secrets.randbits(_SERIAL_BITS) + 1)
        .not_valid_before(begin)
        .not_valid_after(begin + life)
    )


def _usage(*wanted: str) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{one: one in wanted for one in every})


def _alternatives(hosts: Iterable[str]) -> Iterator[x509.GeneralName]:
    for host in hosts:
        try:
            yield x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            yield x509.DNSName(host)
