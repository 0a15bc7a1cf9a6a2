"""What each command makes of a phone: one function per command, after `commands.judge` had nothing against it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from smdp.device.apple import effects, erase, profiles
from smdp.device.apple.errors import item
from smdp.device.apple.facts import Phone
from smdp.device.apple.information import device_information
from smdp.device.apple.refresh import refresh
from smdp.device.apple.restrictions import restriction_list
from smdp.device.apple.result import ErrorItem, Result, acknowledged, failed
from smdp.device.apple.settings import change_settings


class Around(NamedTuple):
    """What a handler needs besides command and phone: the faults that meet it, and somebody who reads profiles."""

    faults: Collection[str]
    read: profiles.ReadProfile


Handler = Callable[[Mapping[str, Any], Phone, Around], Result]

_BLOCK_AND_FILE_LEVEL = 3


def _device_information(command: Mapping[str, Any], phone: Phone, _: Around) -> Result:
    queries = command["Queries"]
    if not all(isinstance(query, str) for query in queries):
        return failed(item(12008, "Queries holds something other than strings"))
    return acknowledged(QueryResponses=device_information(queries, phone))


def _security_info(_: Mapping[str, Any], phone: Phone, __: Around) -> Result:
    passcode = phone.passcode
    info: dict[str, Any] = {
        "HardwareEncryptionCaps": _BLOCK_AND_FILE_LEVEL,
        "PasscodeCompliant": passcode.compliant,
        "ManagementStatus": {"IsUserEnrollment": phone.user_enrolled},
    }
    if not phone.user_enrolled:
        info["PasscodePresent"] = passcode.present
        info["PasscodeCompliantWithProfiles"] = passcode.compliant_with_profiles
    return acknowledged(SecurityInfo=info)


def _profile_list(command: Mapping[str, Any], phone: Phone, _: Around) -> Result:
    managed_only = bool(command.get("ManagedOnly", False))
    return acknowledged(ProfileList=profiles.profile_list(phone, managed_only=managed_only))


def _restrictions(command: Mapping[str, Any], phone: Phone, _: Around) -> Result:
    return acknowledged(**restriction_list(phone, per_profile=bool(command.get("ProfileRestrictions", False))))


def _install_profile(command: Mapping[str, Any], phone: Phone, around: Around) -> Result:
    found = profiles.install(command["Payload"], phone, around.read)
    return failed(*found) if isinstance(found, list) else acknowledged(found)


def _remove_profile(command: Mapping[str, Any], phone: Phone, _: Around) -> Result:
    found = profiles.remove(command["Identifier"], phone)
    return failed(*found) if isinstance(found, list) else acknowledged(found)


def _device_lock(command: Mapping[str, Any], phone: Phone, _: Around) -> Result:
    message, number = command.get("Message"), command.get("PhoneNumber")
    if message is None and number is None:
        return acknowledged(effects.Lock())
    if phone.lost_mode:
        return acknowledged(effects.Lock(), MessageResult="DeviceInLostMode")
    if not phone.passcode.present:
        return acknowledged(effects.Lock(), MessageResult="NoPasscodeSet")
    return acknowledged(effects.Lock(message=message, phone_number=number), MessageResult="Success")


def _clear_passcode(command: Mapping[str, Any], phone: Phone, _: Around) -> Result:
    token = phone.enrollment.unlock_token if phone.enrollment is not None else None
    if token is None or command["UnlockToken"] != token:
        return failed(item(5013))
    return acknowledged(effects.ClearPasscode())


def _erase_device(command: Mapping[str, Any], phone: Phone, _: Around) -> Result:
    found = erase.by_command(command, phone)
    return failed(found) if isinstance(found, ErrorItem) else acknowledged(found)


def _restart(_: Mapping[str, Any], __: Phone, ___: Around) -> Result:
    return acknowledged(effects.Restart())


def _shut_down(_: Mapping[str, Any], __: Phone, ___: Around) -> Result:
    return acknowledged(effects.ShutDown())


def _device_configured(_: Mapping[str, Any], phone: Phone, __: Around) -> Result:
    waiting = phone.enrollment is not None and phone.enrollment.awaiting_configuration
    return acknowledged(effects.FinishSetup() if waiting else None)


def _declarative_management(command: Mapping[str, Any], _: Phone, __: Around) -> Result:
    return acknowledged(effects.Declarative(data=command.get("Data")))


def _settings(command: Mapping[str, Any], phone: Phone, _: Around) -> Result:
    return change_settings(command, phone)


def _refresh_cellular_plans(command: Mapping[str, Any], phone: Phone, around: Around) -> Result:
    return refresh(command["eSIMServerURL"], phone, around.faults)


HANDLERS: dict[str, Handler] = {
    "DeviceInformation": _device_information,
    "SecurityInfo": _security_info,
    "ProfileList": _profile_list,
    "Restrictions": _restrictions,
    "InstallProfile": _install_profile,
    "RemoveProfile": _remove_profile,
    "DeviceLock": _device_lock,
    "ClearPasscode": _clear_passcode,
    "EraseDevice": _erase_device,
    "RestartDevice": _restart,
    "ShutDownDevice": _shut_down,
    "Settings": _settings,
    "DeviceConfigured": _device_configured,
    "DeclarativeManagement": _declarative_management,
    "RefreshCellularPlans": _refresh_cellular_plans,
}
"""One handler for each command of the table."""
