"""Configuration profiles: what iOS has against one, the set after installing or removing it, and ProfileList."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from smdp.device.apple.effects import InstallProfile, RemoveProfile, Unenroll
from smdp.device.apple.errors import item
from smdp.device.apple.facts import ConfigurationProfile, Enrollment, Phone
from smdp.device.apple.plists import read_plist, unwrap
from smdp.device.apple.restrictions import PASSCODE_POLICY
from smdp.device.apple.result import ErrorItem
from smdp.device.apple.versions import at_least

MAX_PROFILE_BYTES = 1 << 20
"""The largest profile that the device reads."""
MAX_PROFILES = 100
"""How many profiles it holds."""
CELLULAR, APN, MDM = "com.apple.cellular", "com.apple.apn.managed", "com.apple.mdm"
_REMOVAL_PASSWORD = "com.apple.profileRemovalPassword"  # noqa: S105  # a payload's type
_FEWEST_ATTEMPTS, _MOST_ATTEMPTS = 2, 11


class Field(NamedTuple):
    """A key of a profile or payload: its type, whether it must be there."""

    key: str
    type: type
    required: bool = False


PROFILE_FIELDS = (
    Field("PayloadType", str, True),
    Field("PayloadVersion", int, True),
    Field("PayloadIdentifier", str, True),
    Field("PayloadUUID", str, True),
    Field("PayloadContent", list),
    Field("PayloadDisplayName", str),
    Field("PayloadOrganization", str),
    Field("PayloadDescription", str),
    Field("PayloadRemovalDisallowed", bool),
    Field("IsEncrypted", bool),
)
PAYLOAD_FIELDS = (
    Field("PayloadType", str, True),
    Field("PayloadVersion", int, True),
    Field("PayloadIdentifier", str, True),
    Field("PayloadUUID", str, True),
    Field("PayloadDisplayName", str),
    Field("PayloadOrganization", str),
    Field("PayloadDescription", str),
)
_PLIST_TYPES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "dictionary", bytes: "data"}


class ProfileError(Exception):
    """A profile that can't be installed or removed, with its ErrorChain."""

    def __init__(self, *errors: ErrorItem) -> None:
        super().__init__(errors[-1].text)
        self.errors = errors


def read_profile(data: bytes, *, managed: bool = True) -> ConfigurationProfile:
    """Read a profile: a property list, plain or signed. Raises ProfileError."""
    signed = unwrap(data)
    content, signers = signed if signed is not None else (data, ())
    found = read_plist(content) if len(data) <= MAX_PROFILE_BYTES else None
    if found is None:
        why = f"it has more than {MAX_PROFILE_BYTES} bytes" if len(data) > MAX_PROFILE_BYTES else "it is no plist"
        raise ProfileError(item(4000), item(1000, why))
    _check_profile(found)
    return ConfigurationProfile(
        identifier=found["PayloadIdentifier"],
        uuid=found["PayloadUUID"],
        display_name=found.get("PayloadDisplayName", ""),
        organization=found.get("PayloadOrganization", ""),
        description=found.get("PayloadDescription", ""),
        version=found["PayloadVersion"],
        removal_disallowed=found.get("PayloadRemovalDisallowed", False),
        removal_passcode=any(one["PayloadType"] == _REMOVAL_PASSWORD for one in found.get("PayloadContent", ())),
        managed=managed,
        signers=signers,
        payloads=tuple(found.get("PayloadContent", ())),
    )


def install(data: bytes, phone: Phone) -> InstallProfile:
    """Decide on InstallProfile: read the profile, hold it against what is there. Raises ProfileError."""
    profile = read_profile(data)
    others = tuple(known for known in phone.profiles if known.identifier != profile.identifier)
    before = phone.profile(profile.identifier)
    if before is not None and not before.managed and not phone.supervised:
        raise ProfileError(_not_installed(profile), item(12013, profile.identifier))
    _check_cellular(profile, others)
    _check_passcode(profile)
    _check_mdm(profile, phone.enrollment)
    if len(others) >= MAX_PROFILES:
        raise ProfileError(item(4001, f"“{profile.name}”, the {MAX_PROFILES + 1}th,"))
    return InstallProfile(profile=profile, profiles=(*others, profile), replaced=before is not None)


def remove(identifier: str, phone: Phone) -> RemoveProfile | Unenroll:
    """Decide on RemoveProfile; removing the enrolment profile ends the enrolment. Raises ProfileError."""
    profile = phone.profile(identifier)
    enrollment = phone.enrollment
    if enrollment is not None and identifier == enrollment.profile_identifier:
        return Unenroll(profiles=after_unenrolment(phone))
    if profile is None:
        raise ProfileError(item(12075, identifier))
    if not profile.managed and not phone.supervised:
        raise ProfileError(item(12013, identifier))
    return RemoveProfile(profile=profile, profiles=tuple(known for known in phone.profiles if known is not profile))


def after_unenrolment(phone: Phone) -> tuple[ConfigurationProfile, ...]:
    """Name the profiles that stay when the device leaves its MDM: those that the MDM didn't install."""
    enrolled_by = phone.enrollment.profile_identifier if phone.enrollment is not None else ""
    return tuple(known for known in phone.profiles if not known.managed and known.identifier != enrolled_by)


def profile_list(phone: Phone, *, managed_only: bool = False) -> list[dict[str, Any]]:
    """Make the rows of ProfileList; User Enrollment sees its own profiles only."""
    shown = [known for known in phone.profiles if known.managed or not (managed_only or phone.user_enrolled)]
    return [_row(known, phone) for known in shown]


def _row(profile: ConfigurationProfile, phone: Phone) -> dict[str, Any]:
    row: dict[str, Any] = {
        "PayloadUUID": profile.uuid,
        "PayloadIdentifier": profile.identifier,
        "PayloadVersion": profile.version,
        "PayloadRemovalDisallowed": profile.removal_disallowed,
        "HasRemovalPasscode": profile.removal_passcode,
        "IsEncrypted": profile.encrypted,
    }
    texts = {
        "PayloadDisplayName": profile.display_name,
        "PayloadOrganization": profile.organization,
        "PayloadDescription": profile.description,
    }
    row |= {key: text for key, text in texts.items() if text}
    if profile.signers:
        row["SignerCertificates"] = list(profile.signers)
    if not phone.supervised:
        row["IsManaged"] = profile.managed
    if profile.declarative and at_least(phone.os, "18.0"):
        row["Source"] = "Declarative Device Management"
    if not profile.encrypted:
        row["PayloadContent"] = [_payload_row(payload, phone) for payload in profile.payloads]
    return row


def _payload_row(payload: Mapping[str, Any], phone: Phone) -> dict[str, Any]:
    keys = [field.key for field in PAYLOAD_FIELDS if field.key != "PayloadUUID" or at_least(phone.os, "17.0")]
    return {key: payload[key] for key in keys if key in payload}


# --- what iOS has against a profile


def _not_installed(profile: ConfigurationProfile) -> ErrorItem:
    return item(4001, f"“{profile.name}”")


def _check_profile(found: dict[str, Any]) -> None:
    name = f"“{found.get('PayloadDisplayName') or found.get('PayloadIdentifier') or '?'}”"
    outer = item(4001, name)
    _check_fields(found, PROFILE_FIELDS, outer, (1002, 1003))
    if found["PayloadType"] != "Configuration":
        raise ProfileError(outer, item(1010, f"PayloadType is {found['PayloadType']!r}, not Configuration"))
    if found["PayloadVersion"] != 1:
        raise ProfileError(outer, item(1001, str(found["PayloadVersion"])))
    if found.get("IsEncrypted", False) or "EncryptedPayloadContent" in found:
        raise ProfileError(outer, item(1006, "simulated devices read no EncryptedPayloadContent"))
    seen: set[str] = set()
    for payload in found.get("PayloadContent", ()):
        if not isinstance(payload, dict):
            raise ProfileError(outer, item(1003, "PayloadContent holds something other than dictionaries"))
        _check_fields(payload, PAYLOAD_FIELDS, outer, (2002, 2003))
        if payload["PayloadUUID"] in seen:
            raise ProfileError(outer, item(1007, payload["PayloadUUID"]))
        seen.add(payload["PayloadUUID"])


def _check_fields(
    found: Mapping[str, Any], fields: tuple[Field, ...], outer: ErrorItem, codes: tuple[int, int]
) -> None:
    lacking, mistyped = codes
    for field in fields:
        value = found.get(field.key)
        if value is None:
            if field.required:
                raise ProfileError(outer, item(lacking, field.key))
        elif not is_a(value, field.type):
            raise ProfileError(outer, item(mistyped, f"{field.key} is no {_PLIST_TYPES[field.type]}"))


def is_a(value: object, wanted: type) -> bool:
    """Say whether a value of a property list has a type; a boolean is no integer there."""
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))


def _check_cellular(profile: ConfigurationProfile, others: tuple[ConfigurationProfile, ...]) -> None:
    mine = profile.of(CELLULAR, APN)
    if len(mine) > 1:
        raise ProfileError(_not_installed(profile), item(4018))
    other = next((known for known in others if known.of(CELLULAR, APN)), None)
    if mine and other is not None:
        raise ProfileError(_not_installed(profile), item(36000, f"“{other.name}”"))


def _check_passcode(profile: ConfigurationProfile) -> None:
    for payload in profile.of(PASSCODE_POLICY):
        attempts = payload.get("maxFailedAttempts", _MOST_ATTEMPTS)
        if not is_a(attempts, int):
            raise ProfileError(_not_installed(profile), item(2003, "maxFailedAttempts is no integer"))
        if not _FEWEST_ATTEMPTS <= attempts <= _MOST_ATTEMPTS:
            raise ProfileError(
                _not_installed(profile),
                item(2004, f"maxFailedAttempts is {attempts}, not {_FEWEST_ATTEMPTS} to {_MOST_ATTEMPTS}"),
            )


def _check_mdm(profile: ConfigurationProfile, enrollment: Enrollment | None) -> None:
    """An MDM payload may only renew the one that is there: same topic and server, no right more."""
    payloads = profile.of(MDM)
    if not payloads or enrollment is None:
        return
    if profile.identifier != enrollment.profile_identifier or len(payloads) > 1:
        raise ProfileError(_not_installed(profile), item(12001))
    new = payloads[0]
    for key, old in (("Topic", enrollment.topic), ("ServerURL", enrollment.server_url)):
        if new.get(key) != old:
            raise ProfileError(_not_installed(profile), item(12012, f"{key} changed"))
    rights = new.get("AccessRights", enrollment.access_rights)
    if not is_a(rights, int):
        raise ProfileError(_not_installed(profile), item(2003, "AccessRights is no integer"))
    if rights & ~enrollment.access_rights:
        raise ProfileError(_not_installed(profile), item(12012, "AccessRights grew"))
