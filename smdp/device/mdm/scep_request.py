"""What a SCEP payload asks a device to ask for: the payload read, and the certification request made of it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID

from smdp.device.mdm.enrollment import SCEP, host_of, web_url
from smdp.device.mdm.failure import MdmError, mdm_failure
from smdp.device.mdm.profiles import optional, require

_SIZES = 1024, 2048, 4096
_SIGN, _ENCRYPT = 1, 4
MAX_RETRIES = 100
MAX_DELAY = 3600
_SHORT = {
    "C": NameOID.COUNTRY_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}
_OID = re.compile(r"[0-2](\.[0-9]{1,10}){1,20}", re.ASCII)
_PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


class ScepRequest(NamedTuple):
    """A SCEP payload's PayloadContent, checked. `usage` is the sum of 1 (sign) and 4 (encrypt)."""

    url: str
    name: str | None
    subject: x509.Name
    challenge: str | None
    bits: int
    usage: int
    fingerprint: bytes | None
    retries: int
    retry_delay: float
    alternative: x509.SubjectAlternativeName | None

    def __repr__(self) -> str:
        """Keep the challenge out of logs."""
        return f"<ScepRequest to {self.host}>"

    @property
    def host(self) -> str:
        """The server's host and port."""
        return host_of(self.url)


def read_request(payload: Mapping[str, Any]) -> ScepRequest:
    """Read a com.apple.security.scep payload; without a Key Usage the key is to sign. Raises MdmError."""
    content = {"PayloadType": SCEP} | require(payload, "PayloadContent", dict)
    usage = optional(content, "Key Usage", int)
    if usage is not None and (usage & ~(_SIGN | _ENCRYPT) or not usage):
        raise mdm_failure("scep-key-usage", found=usage)
    kind = optional(content, "Key Type", str) or "RSA"
    if kind != "RSA":
        raise _impossible("Key Type", f"{kind[:32]!r} is not RSA")
    bits = optional(content, "Keysize", int) or 1024
    if bits not in _SIZES:
        raise _impossible("Keysize", f"{bits} is none of 1024, 2048 and 4096")
    retries, delay = optional(content, "Retries", int), optional(content, "RetryDelay", int)
    return ScepRequest(
        url=web_url(content, "URL", require(content, "URL", str), allow_http=True),
        name=optional(content, "Name", str),
        subject=_subject(optional(content, "Subject", list) or []),
        challenge=optional(content, "Challenge", str),
        bits=bits,
        usage=usage or _SIGN,
        fingerprint=optional(content, "CAFingerprint", bytes),
        retries=min(max(3 if retries is None else retries, 0), MAX_RETRIES),
        retry_delay=min(max(10 if delay is None else delay, 0), MAX_DELAY),
        alternative=_alternative(optional(content, "SubjectAltName", dict) or {}),
    )


def request_of(asked: ScepRequest, key: rsa.RSAPrivateKey) -> bytes:
    """Make the PKCS #10 request, DER, with the challenge as its challengePassword."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(asked.subject)
    if asked.challenge:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, asked.challenge.encode())
    builder = builder.add_extension(_key_usage(asked.usage), critical=True)
    if asked.alternative is not None:
        builder = builder.add_extension(asked.alternative, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def self_signed(asked: ScepRequest, key: rsa.RSAPrivateKey) -> x509.Certificate:
    """Make the certificate that signs the device's messages until it has one: its own, for a week (RFC 8894 §2.3)."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=asked.subject,
        subject_name=asked.subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(hours=1),
        not_valid_after=now + timedelta(days=7),
    )
    return builder.sign(key, hashes.SHA256())


def _impossible(key: str, problem: str) -> MdmError:
    return mdm_failure("payload-field-value", payload=SCEP, key=key, problem=problem)


def _subject(groups: list[Any]) -> x509.Name:
    """Read [[["CN", "x"]], [["O", "y"]]]: one array per RDN, of arrays of a short name or an OID and a value."""
    try:
        return x509.Name([_rdn(group) for group in groups])
    except (ValueError, TypeError, LookupError) as error:
        raise _impossible("Subject", str(error)[:200].rstrip(".") or "it is no array of arrays of pairs") from None


def _rdn(group: list[list[str]]) -> x509.RelativeDistinguishedName:
    attributes: list[x509.NameAttribute[str]] = []
    for kind, value in group:
        if kind not in _SHORT and not _OID.fullmatch(kind):
            raise ValueError(f"{kind[:32]!r} is neither an OID nor one of {', '.join(_SHORT)}")
        oid = _SHORT.get(kind) or x509.ObjectIdentifier(kind)
        attributes.append(x509.NameAttribute(oid, value))
    return x509.RelativeDistinguishedName(attributes)


def _alternative(names: Mapping[str, Any]) -> x509.SubjectAlternativeName | None:
    """Read SubjectAltName: each key a string or an array of them."""
    try:
        found: list[x509.GeneralName] = [
            *(x509.RFC822Name(value) for value in _values(names, "rfc822Name")),
            *(x509.DNSName(value) for value in _values(names, "dNSName")),
            *(x509.UniformResourceIdentifier(value) for value in _values(names, "uniformResourceIdentifier")),
            *(
                x509.OtherName(_PRINCIPAL_NAME, core.UTF8String(value).dump())
                for value in _values(names, "ntPrincipalName")
            ),
        ]
    except (ValueError, TypeError) as error:
        raise _impossible("SubjectAltName", str(error)[:200].rstrip(".")) from None
    return x509.SubjectAlternativeName(found) if found else None


def _values(names: Mapping[str, Any], key: str) -> list[str]:
    value = names.get(key, [])
    return value if isinstance(value, list) else [value]


def _key_usage(usage: int) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=bool(usage & _SIGN),
        content_commitment=False,
        key_encipherment=bool(usage & _ENCRYPT),
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
