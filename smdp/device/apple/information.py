"""DeviceInformation: each query with its right, its window of iOS versions, and whether User Enrollment may ask.

What the device, the rights or the version don't support is left out of the answer, without an error.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import Phone, Right
from smdp.device.apple.subscriptions import (
    Line,
    imei_of,
    lines,
    meid_of,
    roaming,
    service_subscriptions,
    spaced_iccid,
)
from smdp.device.apple.versions import MODEL_NUMBER, absence, build_of, exists, model_name

CAPACITY_GB, AVAILABLE_GB = 128.0, 96.5
_GSM_AND_CDMA = 3


class Query(NamedTuple):
    """A query: its value's plist type, the right it takes, whether User Enrollment may ask, and where the value is."""

    name: str
    type: str
    right: Right | None
    value: Callable[[Phone], Any]
    user_enrollment: bool = False
    evidence: Evidence = "documented"


def _line(pick: Callable[[Line], Any]) -> Callable[[Phone], Any]:
    """Take something of the first line, nothing if there is none."""

    def of_first(phone: Phone) -> Any:
        found = lines(phone) if phone.cellular else []
        return pick(found[0]) if found else None

    return of_first


def _attached(name: str) -> Callable[[Phone], Any]:
    return _line(lambda line: None if line.attached is None else getattr(line.attached, name))


def _home(name: str) -> Callable[[Phone], Any]:
    return _line(lambda line: getattr(line.home, name) or None)


def _digest(phone: Phone, what: str) -> str:
    return hashlib.sha256(f"{what}:{phone.udid}".encode()).hexdigest().upper()


def _mac(what: str) -> Callable[[Phone], str]:
    """Make up an address of the device's own, locally administered."""

    def of(phone: Phone) -> str:
        digits = "02" + _digest(phone, what)[:10].lower()
        return ":".join(digits[at : at + 2] for at in range(0, 12, 2))

    return of


def _if_cellular(value: Callable[[Phone], Any]) -> Callable[[Phone], Any]:
    return lambda phone: value(phone) if phone.cellular else None


def _constant(value: Any) -> Callable[[Phone], Any]:
    return lambda _: value


_DEVICE, _NETWORK = Right.DEVICE_INFORMATION, Right.NETWORK_INFORMATION

_ALL = (
    Query("UDID", "string", None, lambda phone: phone.udid),
    Query("OrganizationInfo", "dictionary", None, lambda phone: phone.settings.organization_info or None, True),
    Query("MDMOptions", "dictionary", None, lambda phone: phone.settings.mdm_options, True),
    Query(
        "AwaitingConfiguration",
        "boolean",
        None,
        lambda phone: phone.enrollment is not None and phone.enrollment.awaiting_configuration,
    ),
    Query("iTunesStoreAccountIsActive", "boolean", Right.MANAGE_APPS, _constant(False)),
    Query("DeviceName", "string", _DEVICE, lambda phone: phone.name, True),
    Query("OSVersion", "string", _DEVICE, lambda phone: phone.os, True),
    Query("BuildVersion", "string", _DEVICE, lambda phone: phone.build or build_of(phone.os), True),
    Query("SupplementalBuildVersion", "string", _DEVICE, lambda phone: phone.build or build_of(phone.os), True),
    Query("ModelName", "string", _DEVICE, lambda phone: model_name(phone.model), True),
    Query("Model", "string", _DEVICE, _constant(MODEL_NUMBER.partition("/")[0]), True, "inferred"),
    Query("ModelNumber", "string", _DEVICE, _constant(MODEL_NUMBER), True),
    Query("ProductName", "string", _DEVICE, lambda phone: phone.model, True),
    Query("SerialNumber", "string", _DEVICE, lambda phone: phone.serial),
    Query("DeviceCapacity", "real", _DEVICE, _constant(CAPACITY_GB), True),
    Query("AvailableDeviceCapacity", "real", _DEVICE, _constant(AVAILABLE_GB), True),
    Query("BatteryLevel", "real", _DEVICE, lambda phone: phone.battery, True),
    Query("IsSupervised", "boolean", _DEVICE, lambda phone: phone.supervised, True),
    Query("IsMultiUser", "boolean", _DEVICE, _constant(False), True),
    Query("IsDeviceLocatorServiceEnabled", "boolean", _DEVICE, _constant(False), True),
    Query("IsActivationLockEnabled", "boolean", _DEVICE, _constant(False)),
    Query("IsDoNotDisturbInEffect", "boolean", _DEVICE, _constant(False)),
    Query("EASDeviceIdentifier", "string", _DEVICE, lambda phone: _digest(phone, "eas")[:26], True),
    Query("IsCloudBackupEnabled", "boolean", _DEVICE, _constant(False)),
    Query("IsMDMLostModeEnabled", "boolean", _DEVICE, lambda phone: phone.lost_mode),
    Query("DiagnosticSubmissionEnabled", "boolean", _DEVICE, _constant(False), True),
    Query("AppAnalyticsEnabled", "boolean", _DEVICE, _constant(False), True),
    Query("TimeZone", "string", _DEVICE, lambda phone: phone.settings.time_zone, True),
    Query("ModemFirmwareVersion", "string", _DEVICE, _if_cellular(_constant("2.10.01"))),
    Query("CellularTechnology", "integer", _DEVICE, lambda phone: _GSM_AND_CDMA if phone.cellular else 0, True),
    Query("IMEI", "string", _DEVICE, _if_cellular(lambda phone: imei_of(phone, 0))),
    Query("MEID", "string", _DEVICE, _if_cellular(lambda phone: meid_of(phone, 0))),
    Query("ICCID", "string", _NETWORK, _line(lambda line: spaced_iccid(line.iccid))),
    Query("BluetoothMAC", "string", _NETWORK, _mac("bluetooth")),
    Query("WiFiMAC", "string", _NETWORK, _mac("wifi")),
    Query("CurrentCarrierNetwork", "string", _NETWORK, _attached("network_name")),
    Query("SubscriberCarrierNetwork", "string", _NETWORK, _home("network_name")),
    Query("CarrierSettingsVersion", "string", _NETWORK, _line(lambda line: line.settings_version)),
    Query("PhoneNumber", "string", _NETWORK, _attached("msisdn")),
    Query("CurrentMCC", "string", _NETWORK, _attached("mcc")),
    Query("CurrentMNC", "string", _NETWORK, _attached("mnc")),
    Query("SubscriberMCC", "string", _NETWORK, _home("mcc")),
    Query("SubscriberMNC", "string", _NETWORK, _home("mnc")),
    Query("IsRoaming", "boolean", _NETWORK, _line(roaming)),
    Query("VoiceRoamingEnabled", "boolean", _NETWORK, _if_cellular(lambda phone: phone.settings.voice_roaming)),
    Query("SIMCarrierNetwork", "string", _NETWORK, _home("network_name")),
    Query("SIMMCC", "string", _NETWORK, _home("mcc")),
    Query("SIMMNC", "string", _NETWORK, _home("mnc")),
    Query("DataRoamingEnabled", "boolean", _NETWORK, _if_cellular(lambda phone: phone.settings.data_roaming)),
    Query("PersonalHotspotEnabled", "boolean", _NETWORK, _if_cellular(lambda phone: phone.settings.personal_hotspot)),
    Query("IsNetworkTethered", "boolean", _NETWORK, lambda phone: phone.tethered, True),
    Query("ServiceSubscriptions", "array", _NETWORK, _if_cellular(service_subscriptions)),
)

QUERIES: dict[str, Query] = {query.name: query for query in _ALL}
"""Every query by its name. What the device knows no better is a constant: no iCloud, no Find My, 128 GB."""


def device_information(queries: Iterable[str], phone: Phone) -> dict[str, Any]:
    """Answer queries, in their order; those that get no answer are left out."""
    return {name: value for name in queries if (value := _answer(name, phone)) is not None}


def missing(name: str, phone: Phone) -> str:
    """Say in a sentence why a query gets no answer; nothing if it gets one."""
    query = QUERIES.get(name)
    if query is None:
        return f"{name} is no query that the simulated device knows."
    if gone := absence("query", name, phone.os):
        return gone
    if phone.user_enrolled and not query.user_enrollment:
        return f"User Enrollment does not tell {name}."
    if query.right is not None and not phone.has(query.right):
        return f"{name} takes the right {int(query.right)}, which the MDM payload does not grant."
    return "" if query.value(phone) is not None else f"The device has no {name} at present."


def _answer(name: str, phone: Phone) -> Any:
    query = QUERIES.get(name)
    if query is None or not exists("query", name, phone.os) or (phone.user_enrolled and not query.user_enrollment):
        return None
    return query.value(phone) if query.right is None or phone.has(query.right) else None
