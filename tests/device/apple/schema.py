"""The messages that an iPhone sends, as a table written from apple-mdm.md §1 and §2, and a validator for it.

`validate_result` and `validate_check_in` list what is wrong with a message: keys missing, unknown or of a wrong type.
"""

from typing import Any, NamedTuple


class K(NamedTuple):
    """A key: its type; keys below a dictionary or of each entry of an array; `values` it is limited to."""

    name: str
    type: str
    required: bool = False
    below: "tuple[K, ...] | None" = None
    values: tuple[Any, ...] = ()


ANY = "*"
"""Stands for any further key."""

ERROR = (
    K("ErrorCode", "integer", True),
    K("ErrorDomain", "string", True),
    K("LocalizedDescription", "string", True),
    K("USEnglishDescription", "string"),
)
COMMON = (
    K("UDID", "string"),
    K("EnrollmentID", "string"),
    K("CommandUUID", "string"),
    K("Status", "string", True, values=("Idle", "Acknowledged", "Error", "CommandFormatError", "NotNow")),
    K("ErrorChain", "array", below=ERROR),
)
SUBSCRIPTION = (
    K("CarrierSettingsVersion", "string"),
    K("CurrentCarrierNetwork", "string"),
    K("CurrentMCC", "string"),
    K("CurrentMNC", "string"),
    K("ICCID", "string"),
    K("EID", "string"),
    K("IMEI", "string"),
    K("IsDataPreferred", "boolean"),
    K("IsRoaming", "boolean"),
    K("IsVoicePreferred", "boolean"),
    K("Label", "string"),
    K("LabelID", "string"),
    K("MEID", "string"),
    K("PhoneNumber", "string"),
    K("Slot", "string", values=("CTSubscriptionSlotOne", "CTSubscriptionSlotTwo")),
    K("SubscriberCarrierNetwork", "string"),
)
_STRINGS = (
    "UDID DeviceName OSVersion BuildVersion SupplementalBuildVersion ModelName Model ModelNumber ProductName "
    "SerialNumber EASDeviceIdentifier TimeZone ModemFirmwareVersion IMEI MEID ICCID BluetoothMAC WiFiMAC "
    "CurrentCarrierNetwork SubscriberCarrierNetwork CarrierSettingsVersion PhoneNumber CurrentMCC CurrentMNC "
    "SubscriberMCC SubscriberMNC SIMCarrierNetwork SIMMCC SIMMNC"
)
_BOOLEANS = (
    "AwaitingConfiguration iTunesStoreAccountIsActive IsSupervised IsMultiUser IsDeviceLocatorServiceEnabled "
    "IsActivationLockEnabled IsDoNotDisturbInEffect IsCloudBackupEnabled IsMDMLostModeEnabled "
    "DiagnosticSubmissionEnabled AppAnalyticsEnabled IsRoaming VoiceRoamingEnabled DataRoamingEnabled "
    "PersonalHotspotEnabled IsNetworkTethered"
)
QUERY_RESPONSES = (
    *(K(name, "string") for name in _STRINGS.split()),
    *(K(name, "boolean") for name in _BOOLEANS.split()),
    *(K(name, "real") for name in ("DeviceCapacity", "AvailableDeviceCapacity", "BatteryLevel")),
    K("CellularTechnology", "integer", values=(0, 1, 2, 3)),
    K("OrganizationInfo", "dictionary", below=(K(ANY, "string"),)),
    K("MDMOptions", "dictionary", below=(K("ActivationLockAllowedWhileSupervised", "boolean"),)),
    K("ServiceSubscriptions", "array", below=SUBSCRIPTION),
)
PROFILE_PAYLOAD = (
    K("PayloadType", "string", True),
    K("PayloadVersion", "integer", True),
    K("PayloadIdentifier", "string", True),
    K("PayloadUUID", "string"),
    K("PayloadDisplayName", "string"),
    K("PayloadDescription", "string"),
    K("PayloadOrganization", "string"),
)
PROFILE = (
    K("PayloadUUID", "string", True),
    K("PayloadIdentifier", "string", True),
    K("PayloadVersion", "integer"),
    K("PayloadDisplayName", "string"),
    K("PayloadOrganization", "string"),
    K("PayloadDescription", "string"),
    K("PayloadRemovalDisallowed", "boolean"),
    K("HasRemovalPasscode", "boolean"),
    K("IsEncrypted", "boolean"),
    K("SignerCertificates", "array", below=(K(ANY, "data"),)),
    K("IsManaged", "boolean"),
    K("Source", "string"),
    K("PayloadContent", "array", below=PROFILE_PAYLOAD),
)
_VALUE = (K(ANY, "dictionary", below=(K("value", "boolean", True),)),)
_NUMBER = (K(ANY, "dictionary", below=(K("value", "integer", True),)),)
_VALUES = (K(ANY, "dictionary", below=(K("values", "array", True),)),)
RESTRICTIONS = (
    K("restrictedBool", "dictionary", below=_VALUE),
    K("restrictedValue", "dictionary", below=_NUMBER),
    K("intersection", "dictionary", below=_VALUES),
    K("union", "dictionary", below=_VALUES),
)

RESULTS: dict[str, tuple[K, ...]] = {
    "": (),
    "DeviceInformation": (K("QueryResponses", "dictionary", True, below=QUERY_RESPONSES),),
    "SecurityInfo": (
        K(
            "SecurityInfo",
            "dictionary",
            True,
            below=(
                K("HardwareEncryptionCaps", "integer", values=(1, 2, 3)),
                K("PasscodePresent", "boolean"),
                K("PasscodeCompliant", "boolean"),
                K("PasscodeCompliantWithProfiles", "boolean"),
                K("ManagementStatus", "dictionary", below=(K("IsUserEnrollment", "boolean"),)),
            ),
        ),
    ),
    "ProfileList": (K("ProfileList", "array", True, below=PROFILE),),
    "Restrictions": (
        K("GlobalRestrictions", "dictionary", True, below=RESTRICTIONS),
        K("ProfileRestrictions", "dictionary", below=(K(ANY, "dictionary", below=RESTRICTIONS),)),
    ),
    "DeviceLock": (K("MessageResult", "string", values=("Success", "DeviceInLostMode", "NoPasscodeSet", "Unknown")),),
    "Settings": (
        K(
            "Settings",
            "array",
            below=(
                K("Status", "string", True, values=("Acknowledged", "Error")),
                K("ErrorChain", "array", below=ERROR),
                K("Identifier", "string"),
            ),
        ),
    ),
    "InstallProfile": (),
    "RemoveProfile": (),
    "ClearPasscode": (),
    "EraseDevice": (),
    "RestartDevice": (),
    "ShutDownDevice": (),
    "DeviceConfigured": (),
    "DeclarativeManagement": (),
    "RefreshCellularPlans": (),
}
"""The keys of each command's own in an acknowledged answer; the empty name is Idle."""
RESULTS["RestrictionList"] = RESULTS["Restrictions"]

_WHO = (K("MessageType", "string", True), K("UDID", "string"), K("EnrollmentID", "string"))
CHECK_INS: dict[str, tuple[K, ...]] = {
    "Authenticate": (
        *_WHO,
        K("Topic", "string", True),
        K("OSVersion", "string"),
        K("BuildVersion", "string"),
        K("ProductName", "string"),
        K("SerialNumber", "string"),
        K("IMEI", "string"),
        K("MEID", "string"),
    ),
    "TokenUpdate": (
        *_WHO,
        K("Topic", "string", True),
        K("Token", "data", True),
        K("PushMagic", "string", True),
        K("UnlockToken", "data"),
        K("AwaitingConfiguration", "boolean"),
    ),
    "CheckOut": (*_WHO, K("Topic", "string", True)),
    "SetBootstrapToken": (*_WHO, K("BootstrapToken", "data")),
    "GetBootstrapToken": _WHO,
    "DeclarativeManagement": (*_WHO, K("Endpoint", "string", True), K("Data", "data")),
    "GetToken": (*_WHO, K("TokenServiceType", "string", True)),
    "ReturnToService": _WHO,
}

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "real": (float,),
    "data": (bytes,),
    "array": (list,),
    "dictionary": (dict,),
}


def validate_result(message: dict[str, Any], request_type: str = "") -> list[str]:
    """List what is wrong with a message to the ServerURL: Idle without a type, else the answer to a command."""
    status = message.get("Status")
    own = RESULTS.get(request_type, ()) if status == "Acknowledged" else ()
    found = _keys(message, (*COMMON, *own), "")
    if not {"UDID", "EnrollmentID"} & set(message):
        found.append("neither UDID nor EnrollmentID")
    if status not in ("Idle", "CommandFormatError") and "CommandUUID" not in message:
        found.append("CommandUUID is missing")
    if status == "Error" and not message.get("ErrorChain"):
        found.append("ErrorChain is missing")
    if status in ("Acknowledged", "NotNow", "Idle") and "ErrorChain" in message:
        found.append(f"ErrorChain in {status}")
    return found


def validate_check_in(message: dict[str, Any]) -> list[str]:
    """List what is wrong with a message to the CheckInURL."""
    keys = CHECK_INS.get(message.get("MessageType", ""))
    if keys is None:
        return [f"MessageType {message.get('MessageType')!r} is unknown"]
    found = _keys(message, keys, "")
    return found if {"UDID", "EnrollmentID"} & set(message) else [*found, "neither UDID nor EnrollmentID"]


def _keys(found: dict[str, Any], keys: tuple[K, ...], above: str) -> list[str]:
    known = {key.name: key for key in keys}
    problems = [f"{above}{key.name} is missing" for key in keys if key.required and key.name not in found]
    for name, value in found.items():
        key = known.get(name) or known.get(ANY)
        problems += [f"{above}{name} is unknown"] if key is None else _value(value, key, f"{above}{name}")
    return problems


def _value(value: Any, key: K, where: str) -> list[str]:
    if type(value) not in _TYPES[key.type]:
        return [f"{where} is a {type(value).__name__}, no {key.type}"]
    if key.values and value not in key.values:
        return [f"{where} is {value!r}"]
    if key.below is None:
        return []
    if isinstance(value, dict):
        return _keys(value, key.below, f"{where}.")
    problems = []
    for at, entry in enumerate(value):
        if isinstance(entry, dict):
            problems += _keys(entry, key.below, f"{where}[{at}].")
        else:
            problems += _value(entry, key.below[0], f"{where}[{at}]")
    return problems
