"""Declarative management: what is fetched, and that only status items of Apple's are reported."""

import json

import pytest
from aiohttp import web

from smdp.device.mdm.channel import Channel
from smdp.device.mdm.declarations import ACTIVATION, STATUS_ITEMS, SUBSCRIPTIONS, synchronize
from smdp.device.mdm.failure import MdmError

WANTED = ["device.operating-system.version", "device.identifier.udid", "device.cellular.esim", "passcode.is-present"]
DECLARATIONS = {
    "declaration/activation/a%2F1": {"Type": ACTIVATION, "Payload": {"StandardConfigurations": ["c1", "c2"]}},
    "declaration/configuration/c1": {
        "Type": SUBSCRIPTIONS,
        "Payload": {"StatusItems": [{"Name": name} for name in WANTED]},
    },
    "declaration/configuration/c2": {"Type": "com.apple.configuration.passcode.settings", "Payload": {}},
}
MANIFEST = {
    "Activations": [{"Identifier": "a/1", "ServerToken": "t1"}],
    "Configurations": [{"Identifier": "c1", "ServerToken": "t2"}, {"Identifier": "c2", "ServerToken": "t3"}],
    "Assets": [],
    "Management": [],
}


@pytest.fixture
async def channel(enrollment):
    found = Channel(enrollment, within=5)
    yield found
    await found.close()


@pytest.fixture
def answers(mdm):
    """What the server says, by endpoint."""
    said = {
        "tokens": {"SyncTokens": {"DeclarationsToken": "T", "Timestamp": "2026-11-22T09:05:00Z"}},
        "declaration-items": {"Declarations": MANIFEST, "DeclarationsToken": "T"},
        **DECLARATIONS,
    }

    async def answer(_):
        found = said.get(mdm.said("checkin")[-1]["Endpoint"])
        return web.json_response(found) if found is not None else web.Response()

    mdm.replies = [answer] * 20
    return said


def report(mdm):
    return json.loads(mdm.said("checkin")[-1]["Data"])


async def test_a_synchronisation(mdm, channel, who, answers):
    found = await synchronize(channel, who)
    assert found == ("T", 3, tuple(WANTED))
    endpoints = [message["Endpoint"] for message in mdm.said("checkin")]
    assert endpoints == ["tokens", "declaration-items", *DECLARATIONS, "status"]


async def test_what_is_reported(mdm, channel, who, answers):
    await synchronize(channel, who, {"passcode.is-present": True})
    said = report(mdm)
    assert said["StatusItems"]["device"] == {
        "operating-system": {"version": "26.1"},
        "identifier": {"udid": who.udid},
    }
    assert said["StatusItems"]["passcode"] == {"is-present": True}
    assert said["Errors"] == [{"StatusItem": "device.cellular.esim"}]
    declared = said["StatusItems"]["management"]["declarations"]
    states = [(one["identifier"], one["active"], one["valid"]) for kind in declared.values() for one in kind]
    assert states == [("a/1", True, "valid"), ("c1", True, "valid"), ("c2", False, "unknown")]
    assert set(declared) == {"activations", "assets", "configurations", "management"}


async def test_nothing_about_esim_is_claimed(mdm, channel, who, answers):
    await synchronize(channel, who)
    payloads = report(mdm)["StatusItems"]["management"]["client-capabilities"]["supported-payloads"]
    assert set(payloads["status-items"]) <= set(STATUS_ITEMS)
    assert not any(word in name for name in STATUS_ITEMS for word in ("esim", "cellular", "sim", "iccid"))


async def test_user_enrolment_does_not_say_which_device_it_is(mdm, channel, who, answers):
    channel.enrollment.kind, channel.enrollment.enrollment_id = "user", "E"
    await synchronize(channel, who)
    assert "identifier" not in report(mdm)["StatusItems"]["device"]
    assert {"StatusItem": "device.identifier.udid"} in report(mdm)["Errors"]


async def test_a_configuration_that_no_activation_names_is_not_followed(mdm, channel, who, answers):
    answers["declaration/activation/a%2F1"] = {"Type": ACTIVATION, "Payload": {"StandardConfigurations": []}}
    assert (await synchronize(channel, who)).subscribed == ()


async def test_facts_that_are_no_status_item(channel, who):
    with pytest.raises(ValueError, match="esim"):
        await synchronize(channel, who, {"device.esim": 1})


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("tokens", {}),
        ("tokens", {"SyncTokens": "T"}),
        ("tokens", {"SyncTokens": {"DeclarationsToken": 3}}),
        ("declaration-items", {}),
        ("declaration-items", {"Declarations": []}),
        ("declaration-items", {"Declarations": {"Activations": "x"}}),
        ("declaration-items", {"Declarations": {"Activations": [3]}}),
        ("declaration-items", {"Declarations": {"Assets": [{"Identifier": "x"}]}}),
        ("declaration-items", {"Declarations": {"Assets": [{"Identifier": "x", "ServerToken": "t"}] * 201}}),
    ],
)
async def test_answers_that_cannot_be_used(channel, who, answers, endpoint, said):
    answers[endpoint] = said
    with pytest.raises(MdmError) as error:
        await synchronize(channel, who)
    assert error.value.reason == "answer-malformed"


@pytest.mark.parametrize(
    "content",
    [{}, {"Type": 3}, {"Type": SUBSCRIPTIONS}, {"Type": SUBSCRIPTIONS, "Payload": {"StatusItems": [3, {"Name": 3}]}}],
)
async def test_declarations_that_say_nothing(mdm, channel, who, answers, content):
    answers["declaration/configuration/c1"] = content
    assert (await synchronize(channel, who)).subscribed == ()
    assert report(mdm)["Errors"] == []
