"""Restrictions: what installed profiles forbid once they are merged, and which of them forbids it.

The strictest wins: of a key that allows, false; of a key that forces, true; of numbers, the table's side. Keys for
supervised devices count on those only, and in User Enrollment not at all; that is known of the table's keys, all other
booleans are merged as they come.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from smdp.device.apple.effects import Blocking
from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import ConfigurationProfile, Phone
from smdp.device.apple.versions import absence

APPLICATION_ACCESS = "com.apple.applicationaccess"
PASSCODE_POLICY = "com.apple.mobiledevice.passwordpolicy"


class Restriction(NamedTuple):
    """A key of com.apple.applicationaccess: what holds without it, and what it does otherwise."""

    key: str
    default: bool
    effect: str
    evidence: Evidence = "documented"


_ALL = (
    Restriction("allowESIMModification", True, "The user can't add or remove eSIMs; the MDM still can."),
    Restriction("allowESIMOutgoingTransfers", True, "No eSIM moves to another device (eSIM Quick Transfer)."),
    Restriction("forcePreserveESIMOnErase", False, "eSIMs stay when the device is erased, save by Find My."),
    Restriction(
        "allowCellularPlanModification",
        True,
        "The settings of cellular plans are locked, at some carriers; not in the US.",
    ),
    Restriction("allowAppCellularDataModification", True, "Which apps may use cellular data is locked."),
    Restriction("allowEraseContentAndSettings", True, "Erase All Content and Settings is not offered."),
    Restriction("allowProximitySetupToNewDevice", True, "A new device nearby can't be set up from this one."),
)
RESTRICTIONS: dict[str, Restriction] = {restriction.key: restriction for restriction in _ALL}
"""The keys that act here; all of them count on supervised devices only and never in User Enrollment."""

NUMBERS: dict[str, Callable[[int, int], int]] = {
    "maxFailedAttempts": min,
    "maxInactivity": min,
    "maxGracePeriod": min,
    "maxPINAgeInDays": min,
    "minLength": max,
    "minComplexChars": max,
    "pinHistory": max,
}
"""Numbers of passcode policies, and which of two is the stricter."""
_FOLDED = {key.casefold(): key for key in RESTRICTIONS}


class Effective(NamedTuple):
    """What holds: keys with their value and the profile that set it, numbers alike, and what was ignored and why."""

    booleans: dict[str, tuple[bool, ConfigurationProfile]]
    numbers: dict[str, tuple[int, ConfigurationProfile]]
    hints: list[str]


def effective(phone: Phone) -> Effective:
    """Merge what the installed profiles restrict on this phone."""
    return _merge(phone, phone.profiles)


def blocked(phone: Phone, key: str) -> Blocking | None:
    """Say whether a restriction of the table acts, and by which profile."""
    value, profile = effective(phone).booleans.get(key, (None, None))
    if profile is None or value == RESTRICTIONS[key].default:
        return None
    if key == "allowCellularPlanModification" and phone.country == "US":
        return None
    return Blocking(key=key, profile=profile.identifier, profile_name=profile.name)


def max_failed_attempts(phone: Phone) -> tuple[int, ConfigurationProfile] | None:
    """Say after how many wrong passcodes the phone erases itself, and by which profile; None if never.

    A passcode policy that doesn't say means 11.
    """
    return effective(phone).numbers.get("maxFailedAttempts")


def restriction_list(phone: Phone, *, per_profile: bool = False) -> dict[str, Any]:
    """Answer Restrictions: what holds in all, and what each profile asks for, by its identifier, if that is wanted.

    Only what profiles restrict is told, not Apple's defaults (inferred).
    """
    answer: dict[str, Any] = {"GlobalRestrictions": _plist(effective(phone))}
    if per_profile:
        answer["ProfileRestrictions"] = {
            profile.identifier: _plist(_merge(phone, (profile,)))
            for profile in phone.profiles
            if profile.payloads_of(APPLICATION_ACCESS, PASSCODE_POLICY)
        }
    return answer


def as_json(phone: Phone) -> dict[str, bool | int]:
    """List what holds by key, as the control API shows it."""
    found = effective(phone)
    return {key: value for key, (value, _) in (found.booleans | found.numbers).items()}


def hints(profile: ConfigurationProfile, phone: Phone) -> list[str]:
    """Say which keys of a profile this phone ignores, and why: misspelt, of a wrong type, not for this device."""
    return _merge(phone, (profile,)).hints


def _merge(phone: Phone, profiles: tuple[ConfigurationProfile, ...]) -> Effective:
    found = Effective({}, {}, [])
    for profile in profiles:
        for payload in profile.payloads_of(APPLICATION_ACCESS):
            for key, value in payload.items():
                _take_key(found, phone, profile, key, value)
        for payload in profile.payloads_of(PASSCODE_POLICY):
            _take_policy(found, profile, payload)
    return found


def _take_key(found: Effective, phone: Phone, profile: ConfigurationProfile, key: str, value: object) -> None:
    if key.startswith("Payload"):
        return
    if problem := _ignored(phone, key, value):
        found.hints.append(f"{profile.name}: {problem}")
    elif isinstance(value, bool):
        _strictest(found, profile, key, value=value)


def _ignored(phone: Phone, key: str, value: object) -> str:
    """Say why this phone does not take a key; nothing if it does, or if the key is none of the table's."""
    right = _FOLDED.get(key.casefold())
    if right is None:
        return ""
    if key != right:
        return f"{key} is ignored: iOS knows {right}, and capitals matter."
    if not isinstance(value, bool):
        return f"{key} is ignored: it is a {type(value).__name__}, not a boolean."
    if phone.user_enrolled:
        return f"{key} is ignored: User Enrollment does not restrict it."
    if not phone.supervised:
        return f"{key} is ignored: it takes a supervised device."
    return absence("restriction", key, phone.os)


def _take_policy(found: Effective, profile: ConfigurationProfile, payload: dict[str, Any]) -> None:
    numbers = {"maxFailedAttempts": 11} | payload
    for key, value in numbers.items():
        stricter = NUMBERS.get(key)
        if isinstance(value, bool) and key.startswith(("allow", "force", "require")):
            _strictest(found, profile, key, value=value)
        elif stricter is not None and isinstance(value, int) and not isinstance(value, bool):
            before = found.numbers.get(key)
            if before is None or stricter(before[0], value) != before[0]:
                found.numbers[key] = value, profile


def _strictest(found: Effective, profile: ConfigurationProfile, key: str, *, value: bool) -> None:
    strict = key.startswith(("force", "require")) or "Force" in key
    before = found.booleans.get(key)
    if before is None or (before[0] != strict and value == strict):
        found.booleans[key] = value, profile


def _plist(found: Effective) -> dict[str, Any]:
    return {
        "restrictedBool": {key: {"value": value} for key, (value, _) in found.booleans.items()},
        "restrictedValue": {key: {"value": value} for key, (value, _) in found.numbers.items()},
        "intersection": {},
        "union": {},
    }
