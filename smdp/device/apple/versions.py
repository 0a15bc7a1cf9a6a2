"""Which iOS has what: versions and how they compare, one table of windows, build numbers, models.

Windows are those of Apple's public schema up to iOS 27.0; `removed` is the first version that lacks the thing.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from smdp.device.apple.evidence import Evidence

Kind = Literal["command", "command key", "query", "subscription key", "restriction", "check-in", "check-in key", "item"]
"""What a window is about."""

OLDEST = "12.0"
"""The oldest iOS to simulate: the first with ServiceSubscriptions; eSIM came with 12.1."""
NEWEST_MAJOR = 27
_LAST_OLD_MAJOR, _FIRST_NEW_MAJOR = 18, 26
_OS = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,2}))?(?:\.([0-9]{1,2}))?", re.ASCII)


class Window(NamedTuple):
    """From which iOS to before which something exists, and where it was announced to go."""

    introduced: str
    deprecated: str | None = None
    removed: str | None = None
    evidence: Evidence = "documented"

    def covers(self, os: str) -> bool:
        """Say whether this iOS has it."""
        return at_least(os, self.introduced) and not (self.removed is not None and at_least(os, self.removed))


@lru_cache(maxsize=256)
def parse_os(os: str) -> tuple[int, int, int]:
    """Read a version such as 17, 17.2 or 17.2.1 as three numbers. Raises ValueError."""
    found = _OS.fullmatch(os)
    if found is None:
        raise ValueError(f"{os[:32]!r} is no iOS version: write it as 26.1")
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch


def at_least(os: str, least: str) -> bool:
    """Say whether `os` is `least` or newer."""
    return parse_os(os) >= parse_os(least)


_KEPT_TO_26 = Window("4.0", "16.0", "26.0")
_SINCE_5_TO_26 = Window("5.0", "16.0", "26.0")
_SINCE_4_2_6_TO_26 = Window("4.2.6", "16.0", "26.0")
_ALWAYS = Window("4.0")

WINDOWS: dict[Kind, dict[str, Window]] = {
    "command": {
        "DeviceInformation": _ALWAYS,
        "SecurityInfo": _ALWAYS,
        "ProfileList": _ALWAYS,
        "Restrictions": _ALWAYS,
        "InstallProfile": _ALWAYS,
        "RemoveProfile": _ALWAYS,
        "DeviceLock": _ALWAYS,
        "ClearPasscode": _ALWAYS,
        "EraseDevice": _ALWAYS,
        "Settings": Window("5.0"),
        "DeviceConfigured": Window("9.0"),
        "RestartDevice": Window("10.3"),
        "ShutDownDevice": Window("10.3"),
        "RefreshCellularPlans": Window("13.0"),
        "DeclarativeManagement": Window("15.0"),
    },
    "command key": {
        "EraseDevice.PreserveDataPlan": Window("11.0"),
        "EraseDevice.DisallowProximitySetup": Window("11.3"),
        "EraseDevice.ReturnToService": Window("17.0"),
        "EraseDevice.ReturnToService.BootstrapToken": Window("26.0"),
        "EraseDevice.ReturnToService.ShouldRetryEnrollment": Window("27.0"),
        "ProfileList.ManagedOnly": Window("13.0"),
    },
    "query": {
        "UDID": _ALWAYS,
        "OrganizationInfo": Window("7.0"),
        "MDMOptions": Window("7.0"),
        "AwaitingConfiguration": Window("9.0"),
        "iTunesStoreAccountIsActive": Window("7.0"),
        "DeviceName": _ALWAYS,
        "OSVersion": _ALWAYS,
        "BuildVersion": _ALWAYS,
        "SupplementalBuildVersion": Window("16.1"),
        "ModelName": _ALWAYS,
        "Model": _ALWAYS,
        "ModelNumber": Window("16.4"),
        "ProductName": _ALWAYS,
        "SerialNumber": _ALWAYS,
        "DeviceCapacity": _ALWAYS,
        "AvailableDeviceCapacity": _ALWAYS,
        "BatteryLevel": Window("5.0"),
        "IsSupervised": Window("6.0"),
        "IsMultiUser": Window("9.3"),
        "IsDeviceLocatorServiceEnabled": Window("7.0"),
        "IsActivationLockEnabled": Window("7.0", "16.0"),
        "IsDoNotDisturbInEffect": Window("7.0"),
        "EASDeviceIdentifier": Window("7.0"),
        "IsCloudBackupEnabled": Window("7.1"),
        "IsMDMLostModeEnabled": Window("9.3"),
        "DiagnosticSubmissionEnabled": Window("9.3"),
        "AppAnalyticsEnabled": Window("9.3"),
        "TimeZone": Window("14.0"),
        "ModemFirmwareVersion": _ALWAYS,
        "CellularTechnology": Window("4.2.6"),
        "IMEI": _KEPT_TO_26,
        "MEID": _KEPT_TO_26,
        "ICCID": _KEPT_TO_26,
        "BluetoothMAC": _ALWAYS,
        "WiFiMAC": _ALWAYS,
        "CurrentCarrierNetwork": _KEPT_TO_26,
        "SubscriberCarrierNetwork": _SINCE_5_TO_26,
        "CarrierSettingsVersion": _KEPT_TO_26,
        "PhoneNumber": _KEPT_TO_26,
        "CurrentMCC": _KEPT_TO_26,
        "CurrentMNC": _KEPT_TO_26,
        "SubscriberMCC": _SINCE_4_2_6_TO_26,
        "SubscriberMNC": _SINCE_4_2_6_TO_26,
        "IsRoaming": Window("4.2", "16.0", "26.0"),
        "VoiceRoamingEnabled": _SINCE_5_TO_26,
        "SIMCarrierNetwork": Window("4.0", None, "5.0"),
        "SIMMCC": Window("4.0", None, "4.2.6"),
        "SIMMNC": Window("4.0", None, "4.2.6"),
        "DataRoamingEnabled": Window("5.0"),
        "PersonalHotspotEnabled": Window("7.0"),
        "IsNetworkTethered": Window("10.3"),
        "ServiceSubscriptions": Window("12.0"),
    },
    "subscription key": {
        "EID": Window("14.0"),
        "SubscriberCarrierNetwork": Window("16.0"),
    },
    "restriction": {
        "allowAppCellularDataModification": Window("7.0"),
        "allowEraseContentAndSettings": Window("8.0"),
        "allowCellularPlanModification": Window("11.0"),
        "allowProximitySetupToNewDevice": Window("11.0"),
        "allowESIMModification": Window("12.1"),
        "forcePreserveESIMOnErase": Window("17.2"),
        "allowESIMOutgoingTransfers": Window("18.0"),
    },
    "check-in": {
        "Authenticate": _ALWAYS,
        "TokenUpdate": _ALWAYS,
        "CheckOut": Window("5.0"),
        "DeclarativeManagement": Window("15.0"),
        "GetToken": Window("17.0"),
        "ReturnToService": Window("26.0"),
        "SetBootstrapToken": Window("26.0"),
        "GetBootstrapToken": Window("26.0"),
    },
    "check-in key": {
        "ReturnToService.PreserveDataPlan": Window("26.4"),
        "ReturnToService.ReturnToService.BootstrapToken": Window("26.0"),
        "ReturnToService.ReturnToService.ShouldRetryEnrollment": Window("27.0"),
    },
    "item": {
        "DataRoaming": Window("5.0"),
        "VoiceRoaming": Window("5.0", "16.0"),
        "PersonalHotspot": Window("7.0"),
        "DeviceName": Window("5.0"),
        "OrganizationInfo": Window("5.0"),
        "MDMOptions": Window("7.0"),
        "TimeZone": Window("14.0"),
    },
}
"""Everything whose presence depends on the version, by kind and name; what is not listed is not simulated."""


def exists(kind: Kind, name: str, os: str) -> bool:
    """Say whether this iOS has it; a name that the table lacks exists in none."""
    window = WINDOWS[kind].get(name)
    return window is not None and window.covers(os)


def absence(kind: Kind, name: str, os: str) -> str:
    """Say in a sentence why this iOS lacks it; nothing if it has it."""
    window = WINDOWS[kind].get(name)
    if window is None:
        return f"{name} is no {kind} that the simulated device knows."
    if not at_least(os, window.introduced):
        return f"The {kind} {name} came with iOS {window.introduced}; this device runs iOS {os}."
    if window.removed is not None and at_least(os, window.removed):
        return f"The {kind} {name} went with iOS {window.removed}; this device runs iOS {os}."
    return ""


BUILDS: dict[str, str] = {
    "12.0": "16A366",
    "13.0": "17A577",
    "14.0": "18A373",
    "15.0": "19A346",
    "16.0": "20A362",
    "17.0": "21A329",
    "17.2": "21C62",
    "17.4": "21E219",
    "17.5": "21F79",
    "17.6": "21G80",
    "18.0": "22A3354",
    "18.1": "22B83",
    "18.2": "22C152",
    "18.5": "22F76",
    "18.6": "22G86",
    "26.0": "23A341",
    "26.1": "23B85",
}
"""Builds that Apple released; of the others `build_of` makes one up in the same form."""
_MADE_UP = 900


def build_of(os: str) -> str:
    """Name the build of a version: Apple's where the table has it, else one in its form, made up: 22B901 for 18.1.1."""
    major, minor, patch = parse_os(os)
    known = None if patch else BUILDS.get(f"{major}.{minor}")
    if known is not None:
        return known
    train = major - 3 if major >= _FIRST_NEW_MAJOR else major + 4
    return f"{train}{chr(ord('A') + minor % 26)}{_MADE_UP + patch}"


class Model(NamedTuple):
    """A model: what people call it, and its first iOS."""

    marketing: str
    oldest: str


MODELS: dict[str, Model] = {
    "iPhone11,2": Model("iPhone XS", "12.0"),
    "iPhone12,1": Model("iPhone 11", "13.0"),
    "iPhone13,2": Model("iPhone 12", "14.1"),
    "iPhone14,5": Model("iPhone 13", "15.0"),
    "iPhone14,7": Model("iPhone 14", "16.0"),
    "iPhone15,2": Model("iPhone 14 Pro", "16.0"),
    "iPhone15,4": Model("iPhone 15", "17.0"),
    "iPhone16,1": Model("iPhone 15 Pro", "17.0"),
    "iPhone17,1": Model("iPhone 16 Pro", "18.0"),
    "iPhone17,3": Model("iPhone 16", "18.0"),
    "iPhone18,1": Model("iPhone 17 Pro", "26.0"),
    "iPhone18,4": Model("iPhone Air", "26.0"),
    "iPad13,19": Model("iPad (10th generation)", "16.1"),
}
"""Some models by product name. Any other product name will do too."""
MODEL_NUMBER = "MK1A3LL/A"
"""The part number that every simulated device tells: the one of Apple's example, whatever the model."""


def model_name(model: str) -> str:
    """Give the family as the query ModelName does: iPhone17,1 is an iPhone."""
    return model.rstrip("0123456789,") or "iPhone"


def os_problem(os: str, model: str | None = None) -> str | None:
    """Say in a sentence why there is no such device: a version that never was, is too old, or older than the model."""
    try:
        major, _, _ = parse_os(os)
    except ValueError as error:
        return f"{error}."
    if not at_least(os, OLDEST):
        return f"iOS {os} is too old: ServiceSubscriptions came with iOS 12.0, eSIM with 12.1."
    if _LAST_OLD_MAJOR < major < _FIRST_NEW_MAJOR:
        return f"There is no iOS {os}: after iOS 18 came iOS 26."
    if major > NEWEST_MAJOR:
        return f"iOS {os} is unknown: facts are known up to iOS {NEWEST_MAJOR}."
    known = MODELS.get(model) if model is not None else None
    if known is not None and not at_least(os, known.oldest):
        return f"{model} ({known.marketing}) came with iOS {known.oldest} and never ran iOS {os}."
    return None
