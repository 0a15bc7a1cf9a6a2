"""Check-in messages against a table of Apple's keys: what must be there, what may, by rights and kind of enrolment."""

import json
import plistlib

import pytest
from aiohttp import web

from smdp.device.mdm.channel import Channel
from smdp.device.mdm.checkin import (
    Given,
    authenticate,
    check_out,
    declarative_management,
    get_bootstrap_token,
    return_to_service,
    set_bootstrap_token,
    token_update,
)
from smdp.device.mdm.failure import MdmError
from tests.fake_mdm import TOPIC

INFORMATION = {"OSVersion": str, "BuildVersion": str, "ProductName": str}
HARDWARE = {"SerialNumber": str, "IMEI": str}
PUSH = {"Token": bytes, "PushMagic": str}

# (message, kind, rights) → exactly these keys besides MessageType and the name of the device
SCHEMA = {
    ("Authenticate", "device", 8191): {"Topic": str, **INFORMATION, **HARDWARE},
    ("Authenticate", "device", 16): {"Topic": str, **INFORMATION, **HARDWARE},
    ("Authenticate", "device", 8191 - 16): {"Topic": str},
    ("Authenticate", "ade", 8191): {"Topic": str, **INFORMATION, **HARDWARE},
    ("Authenticate", "user", 8191): {"Topic": str, **INFORMATION},
    ("TokenUpdate", "device", 8191): {"Topic": str, **PUSH, "UnlockToken": bytes},
    ("TokenUpdate", "device", 8191 - 4): {"Topic": str, **PUSH},
    ("TokenUpdate", "ade", 8191): {"Topic": str, **PUSH, "UnlockToken": bytes, "AwaitingConfiguration": bool},
    ("TokenUpdate", "user", 8191): {"Topic": str, **PUSH},
    ("CheckOut", "device", 1): {"Topic": str},
    ("CheckOut", "user", 8191): {"Topic": str},
    ("GetBootstrapToken", "ade", 8191): {},
    ("SetBootstrapToken", "ade", 8191): {"BootstrapToken": bytes},
    ("ReturnToService", "ade", 8191): {},
    ("DeclarativeManagement", "device", 1): {"Endpoint": str, "Data": bytes},
    ("DeclarativeManagement", "user", 1): {"Endpoint": str, "Data": bytes},
}
SENDERS = {
    "Authenticate": authenticate,
    "TokenUpdate": lambda channel, who: token_update(channel, who, awaiting_configuration=True),
    "CheckOut": check_out,
    "GetBootstrapToken": get_bootstrap_token,
    "SetBootstrapToken": lambda channel, who: set_bootstrap_token(channel, who, b"token"),
    "ReturnToService": return_to_service,
    "DeclarativeManagement": lambda channel, who: declarative_management(channel, who, "status", {"Errors": []}),
}


@pytest.fixture
async def channel(enrollment):
    found = Channel(enrollment, within=5)
    yield found
    await found.close()


@pytest.mark.parametrize(("case", "expected"), SCHEMA.items(), ids=lambda v: "-".join(map(str, v)))
async def test_messages_have_exactly_these_keys(mdm, channel, who, case, expected):
    kind, channel.enrollment.kind, channel.enrollment.access_rights = case
    channel.enrollment.enrollment_id = "ENROLLMENT"
    await SENDERS[kind](channel, who)
    [(path, message)] = mdm.heard
    assert path == "checkin"
    named = {"EnrollmentID": "ENROLLMENT"} if channel.enrollment.kind == "user" else {"UDID": who.udid}
    assert {key: message.pop(key) for key in ("MessageType", *named)} == {"MessageType": kind, **named}
    assert {key: type(value) for key, value in message.items()} == expected
    assert message.get("Topic", TOPIC) == TOPIC
    assert mdm.headers[0]["Content-Type"] == "application/x-apple-aspen-mdm-checkin"
    assert mdm.bodies[0].startswith(b"<?xml")


async def test_what_the_device_says_of_itself(mdm, channel, who):
    await authenticate(channel, who._replace(meid="35309418464558"))
    [message] = mdm.said("checkin")
    assert (message["OSVersion"], message["BuildVersion"], message["ProductName"]) == ("26.1", "23B85", "iPhone17,1")
    assert (message["IMEI"], message["MEID"]) == ("35 309418 464558 9", "35309418464558")


async def test_a_device_without_a_modem(mdm, channel, who):
    await authenticate(channel, who._replace(imei=None))
    assert "IMEI" not in mdm.said("checkin")[0]


async def test_bootstrap_tokens(mdm, channel, who):
    await set_bootstrap_token(channel, who, None)
    assert "BootstrapToken" not in mdm.said("checkin")[0]
    assert await get_bootstrap_token(channel, who) is None
    mdm.check_in_replies["GetBootstrapToken"] = plistlib.dumps({"BootstrapToken": b"token"})
    assert await get_bootstrap_token(channel, who) == b"token"
    mdm.check_in_replies["GetBootstrapToken"] = plistlib.dumps({})
    assert await get_bootstrap_token(channel, who) is None


async def test_return_to_service(mdm, channel, who):
    assert await return_to_service(channel, who) == Given(preserve_data_plan=False, return_to_service=None)
    how = {"Enabled": True, "MDMProfileData": b"\0"}
    mdm.check_in_replies["ReturnToService"] = plistlib.dumps({"PreserveDataPlan": True, "ReturnToService": how})
    assert await return_to_service(channel, who) == Given(preserve_data_plan=True, return_to_service=how)


async def test_declarations(mdm, channel, who):
    assert await declarative_management(channel, who, "tokens") == {}
    mdm.check_in_replies["DeclarativeManagement"] = b'{"SyncTokens": {"DeclarationsToken": "t"}}'
    assert await declarative_management(channel, who, "tokens") == {"SyncTokens": {"DeclarationsToken": "t"}}
    assert "Data" not in mdm.said("checkin")[1]
    await declarative_management(channel, who, "status", {"StatusItems": {}})
    assert json.loads(mdm.said("checkin")[2]["Data"]) == {"StatusItems": {}}


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("GetBootstrapToken", b"<html>", "plist-malformed"),
        ("GetBootstrapToken", plistlib.dumps({"BootstrapToken": "text"}), "answer-malformed"),
        ("ReturnToService", plistlib.dumps({"PreserveDataPlan": "yes"}), "answer-malformed"),
        ("ReturnToService", plistlib.dumps({"ReturnToService": {}}), "answer-malformed"),
        ("ReturnToService", plistlib.dumps({"ReturnToService": True}), "answer-malformed"),
        ("DeclarativeManagement", b"<plist/>", "answer-malformed"),
        ("DeclarativeManagement", b"[]", "answer-malformed"),
        ("DeclarativeManagement", b"[" * 100_000, "answer-malformed"),
    ],
)
async def test_answers_that_cannot_be_used(mdm, channel, who, kind, body, reason):
    mdm.check_in_replies[kind] = body
    with pytest.raises(MdmError) as error:
        await SENDERS[kind](channel, who)
    assert error.value.reason == reason
    assert "{" not in error.value.because


@pytest.mark.parametrize("kind", SENDERS)
async def test_answers_with_another_status(mdm, channel, who, kind):
    mdm.replies.append(web.Response(status=500))
    with pytest.raises(MdmError) as error:
        await SENDERS[kind](channel, who)
    assert error.value.reason == "http-status"
