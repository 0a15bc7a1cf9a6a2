"""Keys and certificates for tests of MDM: made once, for RSA 2048 takes a while."""

import datetime as dt
import functools
import ipaddress
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.minted import name

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


@functools.cache
def rsa_key(which=0):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def ec_key(which=0):
    return ec.generate_private_key(ec.SECP256R1())


def certificate(key, cn, issuer=None, issuer_key=None, *, ca=False, names=(), usage=None, days=(-1, 30)):
    """Make a certificate; `issuer` None makes it sign itself."""
    now = dt.datetime.now(dt.UTC)
    subject = name(cn=cn)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    signer = issuer_key or key
    aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(aki, critical=False)
    if ca or usage:
        builder = builder.add_extension(usage or key_usage(sign=True, certs=True), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


def key_usage(*, sign=False, encrypt=False, certs=False):
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=encrypt,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certs,
        crl_sign=certs,
        encipher_only=False,
        decipher_only=False,
    )


def der(found):
    return found.public_bytes(DER)


def pem_of(key, *certificates):
    secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return b"".join(one.public_bytes(PEM) for one in certificates) + secret


@functools.cache
def root():
    """The CA of the server's TLS certificate and of the devices' identities."""
    return certificate(ec_key(), "MDM test root", ca=True)


@functools.cache
def device_identity(kind="rsa"):
    key = rsa_key() if kind == "rsa" else ec_key(1)
    return key, certificate(key, "device", root(), ec_key())


@functools.cache
def server_context():
    """TLS for 127.0.0.1 and *.smdp.localhost, which asks for client certificates of the root, but takes none too."""
    key = ec_key(2)
    names = [x509.DNSName("*.smdp.localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    found = certificate(key, "mdm", root(), ec_key(), names=names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_bytes(pem_of(key, found))
        context.load_cert_chain(path)
    context.load_verify_locations(cadata=der(root()))
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
