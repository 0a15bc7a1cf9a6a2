"""Configuration profiles: what iOS has against installing or removing one, the set afterwards, and ProfileList."""

from collections.abc import Callable, Mapping
from typing import Any

from smdp.device.apple.effects import InstallProfile, RemoveProfile, Unenroll
from smdp.device.apple.errors import item
from smdp.device.apple.facts import ConfigurationProfile, Phone
from smdp.device.apple.keys import is_a
from smdp.device.apple.restrictions import PASSCODE_POLICY
from smdp.device.apple.result import ErrorItem
from smdp.device.apple.versions import at_least

ReadProfile = Callable[[bytes], ConfigurationProfile | ErrorItem]
"""Reads a profile, plain or signed, or says what is wrong with its form, its signature, or its MDM payload."""

MAX_PROFILES = 100
"""How many profiles a device holds."""
CELLULAR, APN, MDM = "com.apple.cellular", "com.apple.apn.managed", "com.apple.mdm"
_UNREADABLE = 4000
_FEWEST_ATTEMPTS, _MOST_ATTEMPTS = 2, 11
_PAYLOAD_KEYS = (
    "PayloadType",
    "PayloadVersion",
    "PayloadIdentifier",
    "PayloadUUID",
    "PayloadDisplayName",
    "PayloadDescription",
    "PayloadOrganization",
)


def install(data: bytes, phone: Phone, read: ReadProfile) -> InstallProfile | list[ErrorItem]:
    """Decide on InstallProfile: read the profile and hold it against what is there; else the ErrorChain."""
    profile = read(data)
    if isinstance(profile, ErrorItem):
        return [profile] if profile.code == _UNREADABLE else [item(4001, "of the command"), profile]
    profile.managed = True
    others = tuple(known for known in phone.profiles if known.identifier != profile.identifier)
    before = phone.profile(profile.identifier)
    problem = _replacing(before, phone) or _cellular(profile, others) or _passcode(profile) or _mdm(profile, phone)
    if problem is not None:
        return [item(4001, f"“{profile.name}”"), problem]
    if len(others) >= MAX_PROFILES:
        return [item(4001, f"“{profile.name}”, which would be the {MAX_PROFILES + 1}th,")]
    return InstallProfile(profile=profile, profiles=(*others, profile), replaced=before is not None)


def remove(identifier: str, phone: Phone) -> RemoveProfile | Unenroll | list[ErrorItem]:
    """Decide on RemoveProfile; removing the enrolment profile ends the enrolment. Else the ErrorChain."""
    profile = phone.profile(identifier)
    enrollment = phone.enrollment
    if enrollment is not None and identifier == enrollment.profile_identifier:
        return Unenroll(profiles=after_unenrolment(phone))
    if profile is None:
        return [item(12075, identifier[:200])]
    if not profile.managed and not phone.supervised:
        return [item(12013, identifier)]
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
        "HasRemovalPasscode": profile.has_removal_passcode,
        "IsEncrypted": False,
        "PayloadContent": [_payload_row(payload, phone) for payload in profile.payloads],
    }
    texts = {
        "PayloadDisplayName": profile.display_name,
        "PayloadOrganization": profile.organization,
        "PayloadDescription": profile.description,
    }
    row |= {key: text for key, text in texts.items() if text}
    if profile.signer_certificates:
        row["SignerCertificates"] = list(profile.signer_certificates)
    if not phone.supervised:
        row["IsManaged"] = profile.managed
    if profile.declarative and at_least(phone.os, "18.0"):
        row["Source"] = "Declarative Device Management"
    return row


def _payload_row(payload: Mapping[str, Any], phone: Phone) -> dict[str, Any]:
    keys = [key for key in _PAYLOAD_KEYS if key != "PayloadUUID" or at_least(phone.os, "17.0")]
    return {key: payload[key] for key in keys if key in payload}


# --- what iOS has against a profile


def _replacing(before: ConfigurationProfile | None, phone: Phone) -> ErrorItem | None:
    """An MDM may replace a profile of somebody else's on a supervised device only."""
    if before is None or before.managed or phone.supervised:
        return None
    return item(12013, before.identifier)


def _cellular(profile: ConfigurationProfile, others: tuple[ConfigurationProfile, ...]) -> ErrorItem | None:
    mine = profile.payloads_of(CELLULAR, APN)
    if len(mine) > 1:
        return item(4018)
    other = next((known for known in others if known.payloads_of(CELLULAR, APN)), None)
    return item(36000, f"“{other.name}”") if mine and other is not None else None


def _passcode(profile: ConfigurationProfile) -> ErrorItem | None:
    for payload in profile.payloads_of(PASSCODE_POLICY):
        attempts = payload.get("maxFailedAttempts", _MOST_ATTEMPTS)
        if not is_a(attempts, int):
            return item(2003, "maxFailedAttempts is no integer")
        if not _FEWEST_ATTEMPTS <= attempts <= _MOST_ATTEMPTS:
            return item(2004, f"maxFailedAttempts is {attempts}, not {_FEWEST_ATTEMPTS} to {_MOST_ATTEMPTS}")
    return None


def _mdm(profile: ConfigurationProfile, phone: Phone) -> ErrorItem | None:
    """An MDM payload may only come in place of the one that is there."""
    enrollment = phone.enrollment
    another = enrollment is not None and profile.identifier != enrollment.profile_identifier
    return item(12001) if another and profile.payloads_of(MDM) else None
