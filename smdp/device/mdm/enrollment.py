"""What an enrolment profile asks for, and what a device keeps of it (payload com.apple.mdm)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct, field

from smdp.device.apple.facts import ConfigurationProfile
from smdp.device.mdm.cms import CmsError, read_certificate
from smdp.device.mdm.failure import mdm_failure
from smdp.device.mdm.profiles import optional, require

MDM = "com.apple.mdm"
SCEP = "com.apple.security.scep"
PKCS12 = "com.apple.security.pkcs12"
ACME = "com.apple.security.acme"
ROOT, PEM, PKCS1 = "com.apple.security.root", "com.apple.security.pem", "com.apple.security.pkcs1"
ALL_RIGHTS = 8191
_IMPLIED = ((2, 1), (128, 64))
_FIXED = "topic", "server_url", "check_in_url", "assigned_managed_apple_id", "enrollment_mode"
_PAYLOAD_KEYS = "Topic", "ServerURL", "CheckInURL", "AssignedManagedAppleID", "EnrollmentMode"
MAX_UNDELIVERED = 16

Kind = Literal["device", "user", "ade"]


class Enrollment(Struct, kw_only=True):
    """An enrolment as a device keeps it, secrets included; it goes through msgpack as it is.

    `chain` is the identity's certificates as DER, its own first; `key` its private key as PKCS #8 DER. `anchors` are
    DER certificates that the device trusts for this server beside the system's. `token`, `push_magic` and
    `unlock_token` are what TokenUpdate told the server. `undelivered` holds results whose answer never came, by
    CommandUUID, at most `MAX_UNDELIVERED` (see `loop`).
    """

    server_url: str
    check_in_url: str
    topic: str
    access_rights: int = ALL_RIGHTS
    sign_message: bool = False
    check_out_when_removed: bool = False
    profile_identifier: str = ""
    profile_uuid: str = ""
    organization: str | None = None
    kind: Kind = "device"
    enrollment_id: str | None = None
    assigned_managed_apple_id: str | None = None
    enrollment_mode: str | None = None
    server_capabilities: list[str] = field(default_factory=list)
    chain: list[bytes] = field(default_factory=list)
    key: bytes = b""
    anchors: list[bytes] = field(default_factory=list)
    allow_http: bool = False
    push_magic: str = ""
    token: bytes = b""
    unlock_token: bytes | None = None
    enrolled: bool = False
    undelivered: dict[str, bytes] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Keep keys and tokens out of logs."""
        return f"<Enrollment {self.kind} at {host_of(self.server_url)}{'' if self.enrolled else ', not complete'}>"

    def allows(self, right: int) -> bool:
        """Whether the server has this access right (a bit of AccessRights)."""
        return bool(self.access_rights & right)


class Plan(NamedTuple):
    """What an enrolment profile asks for: the enrolment without its identity, and the payload that brings that.

    `notes` are sentences on what the profile says that a simulated device takes note of only.
    """

    enrollment: Enrollment
    identity: Mapping[str, Any]
    profile: ConfigurationProfile
    notes: tuple[str, ...] = ()


def read_enrollment(
    profile: ConfigurationProfile,
    *,
    allow_http: bool = False,
    ade: bool = False,
    anchors: Sequence[bytes] = (),
) -> Plan:
    """Read the com.apple.mdm payload of a profile, and all that it refers to.

    `ade` says that the profile came by Automated Device Enrollment; `anchors` (DER) are trusted besides those that the
    profile brings. Raises MdmError.
    """
    found = profile.payloads_of(MDM)
    if len(found) != 1:
        raise mdm_failure("several-mdm-payloads" if found else "no-mdm-payload")
    payload = found[0]
    topic = require(payload, "Topic", str)
    if not topic.startswith("com.apple.mgmt."):
        raise mdm_failure("topic", topic=repr(topic[:100]))
    server_url = web_url(payload, "ServerURL", require(payload, "ServerURL", str), allow_http=allow_http)
    check_in_url = optional(payload, "CheckInURL", str)
    enrollment = Enrollment(
        server_url=server_url,
        check_in_url=web_url(payload, "CheckInURL", check_in_url, allow_http=allow_http)
        if check_in_url
        else server_url,
        topic=topic,
        sign_message=optional(payload, "SignMessage", bool) or False,
        check_out_when_removed=optional(payload, "CheckOutWhenRemoved", bool) or False,
        profile_identifier=profile.identifier,
        profile_uuid=profile.uuid,
        organization=profile.organization,
        assigned_managed_apple_id=optional(payload, "AssignedManagedAppleID", str),
        enrollment_mode=optional(payload, "EnrollmentMode", str),
        server_capabilities=_strings(payload, "ServerCapabilities"),
        anchors=[*dict.fromkeys((*anchors, *trusted_by(profile)))],
        allow_http=allow_http,
    )
    enrollment.kind = _kind(payload, enrollment, ade=ade)
    enrollment.access_rights = _rights(payload, enrollment)
    return Plan(enrollment, _identity(profile, payload), profile, tuple(_notes(profile, payload)))


def check_replacement(old: Enrollment, new: Enrollment) -> None:
    """Refuse an update of the enrolment profile that changes what must stay, or adds a right. Raises MdmError 12012."""
    for name, key in zip(_FIXED, _PAYLOAD_KEYS, strict=True):
        if getattr(old, name) != getattr(new, name):
            raise mdm_failure("replacement", key=key)
    if new.access_rights & ~old.access_rights:
        raise mdm_failure("replacement", key="AccessRights")
    per_user = "com.apple.mdm.per-user-connections"
    if (per_user in old.server_capabilities) != (per_user in new.server_capabilities):
        raise mdm_failure("replacement", key="ServerCapabilities")


def trusted_by(profile: ConfigurationProfile) -> list[bytes]:
    """The certificates (DER) that a profile makes the device know; OpenSSL takes those as roots that sign themselves.

    Raises MdmError 9005.
    """
    payloads = profile.payloads_of(ROOT, PEM, PKCS1)
    return [one for payload in payloads for one in read_anchors(require(payload, "PayloadContent", bytes), payload)]


def read_anchors(content: bytes, payload: Mapping[str, Any] | None = None) -> list[bytes]:
    """Read certificates of PEM, or one of DER, into DER. Raises MdmError 9005, naming the payload if there is one."""
    try:
        if content.lstrip().startswith(b"-----"):
            read = x509.load_pem_x509_certificates(content)
        else:
            read = [x509.load_der_x509_certificate(content)]
        return [read_certificate(one.public_bytes(Encoding.DER)).public_bytes(Encoding.DER) for one in read]
    except (ValueError, x509.InvalidVersion, CmsError):
        if payload is None:
            raise mdm_failure("anchors-malformed") from None
        raise mdm_failure("certificate-malformed", payload=payload["PayloadType"]) from None


def web_url(payload: Mapping[str, Any], key: str, url: str, *, allow_http: bool) -> str:
    """Check a URL that a payload gives: https, or http where that is allowed, and a host. Raises MdmError."""
    shown = repr(url[:200])
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable, parts = False, urlsplit("")
    if usable and parts.scheme not in (("https", "http") if allow_http else ("https",)):
        raise mdm_failure("url-not-https", key=f"{key} of {payload['PayloadType']}", url=shown)
    if not usable or any(character.isspace() for character in url):
        raise mdm_failure("url-malformed", key=f"{key} of {payload['PayloadType']}", url=shown)
    return url


def host_of(url: str) -> str:
    """Name the host and port of a URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2][:260]
    except ValueError:
        return ""


def _kind(payload: Mapping[str, Any], enrollment: Enrollment, *, ade: bool) -> Kind:
    """Tell User Enrollment, Automated Device Enrollment and the plain sort apart."""
    mode = enrollment.enrollment_mode
    if mode not in (None, "BYOD", "ADDE"):
        problem = f"{mode[:64]!r} is neither BYOD nor ADDE"
        raise mdm_failure("payload-field-value", payload=MDM, key="EnrollmentMode", problem=problem)
    if mode == "BYOD" or optional(payload, "ManagedAppleID", str) is not None:
        return "user"
    return "ade" if ade else "device"


def _rights(payload: Mapping[str, Any], enrollment: Enrollment) -> int:
    """Read AccessRights; an account-driven enrolment has none to speak of, and they are not looked at.

    Without the key the server has all rights (inferred: Apple's schema has it optional, and names no default).
    """
    rights = optional(payload, "AccessRights", int)
    if enrollment.kind == "user" or enrollment.assigned_managed_apple_id or rights is None:
        return ALL_RIGHTS
    problem = None
    if not 0 < rights <= ALL_RIGHTS:
        problem = f"it must be a sum of the rights 1 to 4096, so at least 1 and at most {ALL_RIGHTS}"
    for right, implied in _IMPLIED:
        if rights & right and not rights & implied:
            problem = f"{right} needs {implied} as well"
    if problem:
        raise mdm_failure("access-rights", rights=rights, problem=problem)
    return rights


def _identity(profile: ConfigurationProfile, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    uuid = require(payload, "IdentityCertificateUUID", str)
    identity = profile.payload(uuid)
    if identity is not None and identity["PayloadType"] == ACME:
        raise mdm_failure("identity-acme")
    if identity is None or identity["PayloadType"] not in (SCEP, PKCS12):
        raise mdm_failure("identity-missing", uuid=repr(uuid[:64]))
    return identity


def _notes(profile: ConfigurationProfile, payload: Mapping[str, Any]) -> list[str]:
    notes = list[str]()
    for key in ("ServerURLPinningCertificateUUIDs", "CheckInURLPinningCertificateUUIDs"):
        for uuid in _strings(payload, key):
            if profile.payload(uuid) is None:
                problem = f"{uuid[:64]!r} is no payload of the profile"
                raise mdm_failure("payload-field-value", payload=MDM, key=key, problem=problem)
        if payload.get(key):
            notes.append(f"{key} is noted; the simulated device checks the server's chain, but pins nothing.")
    if optional(payload, "PinningRevocationCheckRequired", bool):
        notes.append("PinningRevocationCheckRequired is noted; the simulated device checks no revocation.")
    if profile.signature == "not-verified":
        notes.append(f"The profile is signed by {profile.signed_by}, for whom no anchor vouches.")
    return notes


def _strings(payload: Mapping[str, Any], key: str) -> list[str]:
    values = optional(payload, key, list) or []
    if not all(isinstance(value, str) for value in values):
        raise mdm_failure("payload-field-type", payload=MDM, key=key, wanted="array of strings")
    return values
