"""Configuration profiles: a property list, alone or inside a CMS signature (.mobileconfig).

What is wrong with one is told with Apple's codes: 4000 when it cannot be parsed, 1000 and following about the profile,
2000 and following about one of its payloads.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from smdp.device.apple.facts import ConfigurationProfile
from smdp.device.mdm.cms import BadSignatureError, CmsError, chains_to, read_signed
from smdp.device.mdm.failure import MdmError, mdm_failure
from smdp.device.mdm.plist import read_plist

MAX_PAYLOADS = 256
_IPHONE = 1
_PLISTS = (b"<", b"bplist", b"\xef\xbb\xbf<", b"\xff\xfe", b"\xfe\xff")
_KINDS: dict[type, str] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    bytes: "data",
    dict: "dictionary",
    list: "array",
    datetime: "date",
}
_T = TypeVar("_T")


def read_profile(data: bytes, *, anchors: Sequence[bytes] = (), now: datetime | None = None) -> ConfigurationProfile:
    """Read a profile, plain or signed, and check what Apple's devices check before they install one.

    `anchors` are DER certificates that may vouch for a signer; `now` is what a RemovalDate is held against.
    Raises MdmError.
    """
    signed = None
    if not data.lstrip().startswith(_PLISTS):
        try:
            signed = read_signed(data)
        except BadSignatureError as error:
            raise mdm_failure("profile-signature", problem=error) from None
        except CmsError:
            raise mdm_failure("profile-unreadable") from None
    try:
        top = read_plist(signed.content if signed else data, "It")
    except MdmError as error:
        reason = "profile-unreadable" if error.reason == "plist-malformed" else "profile-malformed"
        raise mdm_failure(reason, problem=_clause(error.because)) from None
    profile = _profile(top)
    if profile.removal_date and profile.removal_date <= (now or datetime.now(UTC)):
        raise mdm_failure("profile-expired")
    if signed:
        profile.signed_by = _name(signed.signer)
        profile.signature = "verified" if chains_to(signed.signer, signed.certificates, anchors) else "not-verified"
        profile.signer_certificates = [signed.signer.public_bytes(Encoding.DER)]
    return profile


def require(payload: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    """Read a key that a payload must have. Raises MdmError 2002 or 2003."""
    value = optional(payload, key, kind)
    if value is None:
        raise mdm_failure("payload-field-missing", payload=_label(payload), key=key)
    return value


def optional(payload: Mapping[str, Any], key: str, kind: type[_T]) -> _T | None:
    """Read a key that a payload may have. Raises MdmError 2003."""
    value = payload.get(key)
    if value is None:
        return None
    if not _is(value, kind):
        raise mdm_failure("payload-field-type", payload=_label(payload), key=key, wanted=_KINDS[kind])
    found: _T = value
    return found


def _profile(top: Mapping[str, Any]) -> ConfigurationProfile:
    """Check the top level (Apple's TopLevel.yaml) and the payloads."""
    if top.get("IsEncrypted") or "EncryptedPayloadContent" in top:
        raise mdm_failure("profile-encrypted")
    kind = _needed(top, "PayloadType", str)
    if kind != "Configuration":
        raise mdm_failure("profile-malformed", problem=f"its PayloadType is {kind[:64]!r} instead of Configuration")
    target = _maybe(top, "TargetDeviceType", int)
    if target not in (None, 0, _IPHONE):
        raise mdm_failure("profile-target", found=target)
    payloads = _maybe(top, "PayloadContent", list) or []
    if len(payloads) > MAX_PAYLOADS:
        raise mdm_failure("profile-malformed", problem=f"it has more than {MAX_PAYLOADS} payloads")
    return ConfigurationProfile(
        identifier=_needed(top, "PayloadIdentifier", str),
        uuid=_needed(top, "PayloadUUID", str),
        version=_needed(top, "PayloadVersion", int),
        display_name=_maybe(top, "PayloadDisplayName", str),
        description=_maybe(top, "PayloadDescription", str),
        organization=_maybe(top, "PayloadOrganization", str),
        removal_disallowed=_maybe(top, "PayloadRemovalDisallowed", bool) or False,
        has_removal_passcode=_maybe(top, "HasRemovalPasscode", bool) or False,
        removal_date=_maybe(top, "RemovalDate", datetime),
        payloads=_payloads(payloads),
    )


def _payloads(payloads: list[Any]) -> list[dict[str, Any]]:
    """Check that each payload says what it is, and that no two have the same UUID."""
    seen = set[str]()
    for payload in payloads:
        if not isinstance(payload, dict):
            raise mdm_failure("profile-malformed", problem="an entry of PayloadContent is no dictionary")
        for key in ("PayloadType", "PayloadIdentifier", "PayloadUUID"):
            require(payload, key, str)
        require(payload, "PayloadVersion", int)
        uuid = payload["PayloadUUID"]
        if uuid in seen:
            raise mdm_failure("profile-uuids", uuid=uuid[:64])
        seen.add(uuid)
    return payloads


def _needed(top: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    value = _maybe(top, key, kind)
    if value is None:
        raise mdm_failure("profile-field-missing", key=key)
    return value


def _maybe(top: Mapping[str, Any], key: str, kind: type[_T]) -> _T | None:
    value = top.get(key)
    if value is None:
        return None
    if not _is(value, kind):
        raise mdm_failure("profile-field-type", key=key, wanted=_KINDS[kind])
    found: _T = value
    return found


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _label(payload: Mapping[str, Any]) -> str:
    """Name a payload by its type, or else by what it has."""
    return str(payload.get("PayloadType") or payload.get("PayloadIdentifier") or "without a PayloadType")[:100]


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _clause(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
