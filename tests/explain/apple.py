"""Property lists of Apple's MDM, and a signer for profiles."""

import datetime as dt
import plistlib
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tests.minted import name

SCEP = {
    "PayloadType": "com.apple.security.scep", "PayloadUUID": "ID-1", "PayloadVersion": 1,
    "PayloadContent": {"URL": "https://mdm.example.com/scep", "Challenge": "hunter2", "Keysize": 2048},
}  # fmt: skip
MDM = {
    "PayloadType": "com.apple.mdm", "PayloadUUID": "M-1", "IdentityCertificateUUID": "ID-1", "AccessRights": 8191,
    "Topic": "com.apple.mgmt.External.1", "ServerURL": "https://mdm.example.com/mdm", "SignMessage": True,
}  # fmt: skip


def profile(*payloads, **members):
    return {"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "com.example.enroll",
            "PayloadDisplayName": "Enrolment", "PayloadContent": list(payloads)} | members  # fmt: skip


def written(value, *, binary=False):
    return plistlib.dumps(value, fmt=plistlib.FMT_BINARY if binary else plistlib.FMT_XML)


@cache
def signer():
    """A certificate (DER) of an MDM server, and its key."""
    key = rsa.generate_private_key(65537, 2048)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(o="Example", cn="MDM signer"))
        .issuer_name(name(o="Example", cn="MDM signer"))
        .serial_number(1)
        .public_key(key.public_key())
        .not_valid_before(now)
        .not_valid_after(now.replace(year=2099))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.DER), (certificate, key)


def signed(data):
    certificate, key = signer()[1]
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities])
