"""The enrolment profile: com.apple.mdm, the CA, and an identity by SCEP or as PKCS #12."""

import plistlib
import secrets
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from smdp.demo.mdm.authority import Authority, bundle

ALL_RIGHTS = 8191
TOPIC = "com.apple.mgmt.External.smdp-small-mdm"
"""The push topic; nobody pushes."""

CONTENT_TYPE = "application/x-apple-aspen-config"

_ORGANIZATION = "Small MDM of smdp"
_IDENTIFIER = "test.smdp.small-mdm"
_KEY_BITS = 2048
_SIGN_AND_ENCRYPT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Which enrolment profile is wanted.

    `identity`: by SCEP, or in the profile as PKCS #12 (one for one device). `sign_message`: Mdm-Signature on every
    message; without it the device has its certificate in TLS alone. `access_rights`: a sum of Apple's bits, 1 to 8191.
    `user_enrollment`: devices name an EnrollmentID, no UDID. `signed`: the profile is signed by the CA.
    """

    identity: Literal["scep", "pkcs12"] = "scep"
    sign_message: bool = True
    access_rights: int = ALL_RIGHTS
    user_enrollment: bool = False
    signed: bool = False


def write(wanted: Enrolment, url: str, authority: Authority, challenge: str) -> bytes:
    """Write an enrolment profile (.mobileconfig) for a server at `url`."""
    identity = _scep(url, challenge) if wanted.identity == "scep" else _pkcs12(authority)
    root = _payload("com.apple.security.root", "CA of the small MDM") | {
        "PayloadContent": authority.der,
        "PayloadCertificateFileName": "small-mdm-ca.cer",
    }
    mdm = _mdm(wanted, url, identity["PayloadUUID"])
    profile = _payload("Configuration", "Enrolment in the small MDM") | {
        "PayloadIdentifier": _IDENTIFIER,
        "PayloadOrganization": _ORGANIZATION,
        "PayloadContent": [root, identity, mdm],
    }
    data = plistlib.dumps(profile)
    return sign(data, authority) if wanted.signed else data


def sign(profile: bytes, authority: Authority) -> bytes:
    """Sign a profile as Apple's tools do: CMS SignedData (DER) around it."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(profile)
    return builder.add_signer(authority.certificate, authority.key, hashes.SHA256()).sign(
        Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    )


def _payload(kind: str, title: str) -> dict[str, Any]:
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{_IDENTIFIER}.{kind.rpartition('.')[2]}",
        "PayloadUUID": str(uuid.uuid4()).upper(),
        "PayloadDisplayName": title,
    }


def _scep(url: str, challenge: str) -> dict[str, Any]:
    return _payload("com.apple.security.scep", "Identity") | {
        "PayloadContent": {
            "URL": f"{url}/scep",
            "Name": "small-mdm",
            "Subject": [[["O", _ORGANIZATION]], [["CN", "device"]]],
            "Challenge": challenge,
            "Keysize": _KEY_BITS,
            "Key Type": "RSA",
            "Key Usage": _SIGN_AND_ENCRYPT,
            "Retries": 3,
            "RetryDelay": 10,
        }
    }


def _pkcs12(authority: Authority) -> dict[str, Any]:
    password = secrets.token_urlsafe(12)
    identity = authority.identity(f"device {secrets.token_hex(4)}")
    return _payload("com.apple.security.pkcs12", "Identity") | {
        "PayloadContent": bundle(identity, password),
        "Password": password,
        "PayloadCertificateFileName": "identity.p12",
    }


def _mdm(wanted: Enrolment, url: str, identity: str) -> dict[str, Any]:
    found = _payload("com.apple.mdm", "MDM") | {
        "IdentityCertificateUUID": identity,
        "Topic": TOPIC,
        "ServerURL": f"{url}/mdm",
        "CheckInURL": f"{url}/checkin",
        "SignMessage": wanted.sign_message,
        "CheckOutWhenRemoved": True,
        "ServerCapabilities": ["com.apple.mdm.bootstraptoken"],
    }
    if wanted.user_enrollment:
        return found | {"EnrollmentMode": "BYOD", "AssignedManagedAppleID": "user@example.com"}
    return found | {"AccessRights": wanted.access_rights}
