"""Check-in messages, with exactly the keys that an iPhone sends for its rights and its kind of enrolment.

Each function sends one message over a `Channel` and reads the answer; all raise MdmError.
"""

import json
from typing import Any, NamedTuple

from smdp.device.mdm.channel import Channel
from smdp.device.mdm.enrollment import Enrollment, host_of
from smdp.device.mdm.failure import MdmError, mdm_failure
from smdp.device.mdm.plist import read_plist

_LOCK_AND_PASSCODE, _DEVICE_INFORMATION = 4, 16
_WHAT = "The answer to {}"


class Who(NamedTuple):
    """What a device says of itself at check-in; `imei` as Apple spaces it, `product` such as iPhone17,1."""

    udid: str
    serial: str
    imei: str | None
    os: str
    build: str
    product: str
    meid: str | None = None


class Given(NamedTuple):
    """The answer to ReturnToService: whether the eSIMs stay (iOS 26.4 and later), and how to come back."""

    preserve_data_plan: bool
    return_to_service: dict[str, Any] | None


def identified(enrollment: Enrollment, who: Who) -> dict[str, str]:
    """Name the device: its UDID, or the EnrollmentID that User Enrollment has instead."""
    if enrollment.kind == "user":
        return {"EnrollmentID": enrollment.enrollment_id or ""}
    return {"UDID": who.udid}


async def authenticate(channel: Channel, who: Who) -> None:
    """Ask to be enrolled; with right 16 the device says what it is."""
    enrollment = channel.enrollment
    message: dict[str, Any] = _message("Authenticate", enrollment, who)
    message["Topic"] = enrollment.topic
    if enrollment.allows(_DEVICE_INFORMATION):
        message |= {"OSVersion": who.os, "BuildVersion": who.build, "ProductName": who.product}
        if enrollment.kind != "user":
            hardware = {"SerialNumber": who.serial, "IMEI": who.imei, "MEID": who.meid}
            message |= {key: value for key, value in hardware.items() if value is not None}
    await channel.check_in(message)


async def token_update(channel: Channel, who: Who, *, awaiting_configuration: bool = False) -> None:
    """Tell the server how to push, though nothing is pushed here; `awaiting_configuration` counts in ADE only."""
    enrollment = channel.enrollment
    message: dict[str, Any] = _message("TokenUpdate", enrollment, who)
    message |= {"Topic": enrollment.topic, "Token": enrollment.token, "PushMagic": enrollment.push_magic}
    if enrollment.unlock_token is not None and enrollment.allows(_LOCK_AND_PASSCODE) and enrollment.kind != "user":
        message["UnlockToken"] = enrollment.unlock_token
    if enrollment.kind == "ade":
        message["AwaitingConfiguration"] = awaiting_configuration
    await channel.check_in(message)


async def check_out(channel: Channel, who: Who) -> None:
    """Say that the enrolment profile is gone; Apple's devices try it once."""
    await channel.check_in(_message("CheckOut", channel.enrollment, who) | {"Topic": channel.enrollment.topic})


async def set_bootstrap_token(channel: Channel, who: Who, token: bytes | None) -> None:
    """Give the server a bootstrap token to keep; None takes it back."""
    message: dict[str, Any] = _message("SetBootstrapToken", channel.enrollment, who)
    if token is not None:
        message["BootstrapToken"] = token
    await channel.check_in(message)


async def get_bootstrap_token(channel: Channel, who: Who) -> bytes | None:
    """Ask for the bootstrap token; None: the server has none."""
    body = await channel.check_in(_message("GetBootstrapToken", channel.enrollment, who))
    if not body.strip():
        return None
    token = read_plist(body, _WHAT.format("GetBootstrapToken")).get("BootstrapToken")
    if token is not None and not isinstance(token, bytes):
        raise _unusable(channel, "BootstrapToken is no data")
    return token or None


async def return_to_service(channel: Channel, who: Who) -> Given:
    """Ask how to return to service (iOS 26.0, supervised, ADE); an empty answer means: with nothing."""
    body = await channel.check_in(_message("ReturnToService", channel.enrollment, who))
    if not body.strip():
        return Given(preserve_data_plan=False, return_to_service=None)
    answer = read_plist(body, _WHAT.format("ReturnToService"))
    preserve, how = answer.get("PreserveDataPlan", False), answer.get("ReturnToService")
    if not isinstance(preserve, bool):
        raise _unusable(channel, "PreserveDataPlan is no boolean")
    if how is not None and not (isinstance(how, dict) and isinstance(how.get("Enabled"), bool)):
        raise _unusable(channel, "ReturnToService is no dictionary with the boolean Enabled")
    return Given(preserve, how)


async def declarative_management(
    channel: Channel, who: Who, endpoint: str, data: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Send a DeclarativeManagement message and return the JSON of the answer; empty is empty.

    `endpoint` is tokens, declaration-items, status, or declaration/<type>/<identifier>; only status has `data`.
    """
    message: dict[str, Any] = _message("DeclarativeManagement", channel.enrollment, who) | {"Endpoint": endpoint}
    if data is not None:
        message["Data"] = json.dumps(data, separators=(",", ":")).encode()
    body = await channel.check_in(message)
    if not body.strip():
        return {}
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise _unusable(channel, f"what DeclarativeManagement {endpoint[:100]} got is no JSON object")
    return answer


def _message(kind: str, enrollment: Enrollment, who: Who) -> dict[str, Any]:
    return {"MessageType": kind, **identified(enrollment, who)}


def _unusable(channel: Channel, problem: str) -> MdmError:
    return mdm_failure("answer-malformed", host=host_of(channel.enrollment.check_in_url), problem=problem)
