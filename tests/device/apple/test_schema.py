"""The validator finds what is wrong with a message."""

import pytest

from tests.device.apple.schema import CHECK_INS, RESULTS, validate_check_in, validate_result

IDLE = {"UDID": "U", "Status": "Idle"}
ERROR = {"ErrorCode": 12021, "ErrorDomain": "MCMDMErrorDomain", "LocalizedDescription": "no"}


@pytest.mark.parametrize(
    ("message", "request_type", "problem"),
    [
        ({"Status": "Idle"}, "", "neither UDID nor EnrollmentID"),
        (IDLE | {"Status": "Done"}, "", "Status is 'Done'"),
        ({"UDID": "U", "Status": "Acknowledged"}, "RestartDevice", "CommandUUID is missing"),
        ({"UDID": "U", "CommandUUID": "C", "Status": "Error"}, "RestartDevice", "ErrorChain is missing"),
        (IDLE | {"ErrorChain": [ERROR]}, "", "ErrorChain in Idle"),
        (IDLE | {"ErrorChain": [{}]}, "", "ErrorChain[0].ErrorCode is missing"),
        (IDLE | {"UDID": 1}, "", "UDID is a int, no string"),
        (IDLE | {"Extra": 1}, "", "Extra is unknown"),
        (
            {"UDID": "U", "CommandUUID": "C", "Status": "Acknowledged", "QueryResponses": {"BatteryLevel": 1}},
            "DeviceInformation",
            "QueryResponses.BatteryLevel is a int, no real",
        ),
        (
            {"UDID": "U", "CommandUUID": "C", "Status": "Acknowledged", "QueryResponses": {"IsRoaming": 0}},
            "DeviceInformation",
            "QueryResponses.IsRoaming is a int, no boolean",
        ),
    ],
)
def test_it_finds_what_is_wrong_with_a_result(message, request_type, problem):
    assert problem in validate_result(message, request_type)


def test_it_finds_nothing_wrong_with_idle_and_an_error():
    assert validate_result(IDLE) == []
    assert validate_result({"UDID": "U", "CommandUUID": "C", "Status": "Error", "ErrorChain": [ERROR]}, "X") == []


@pytest.mark.parametrize("kind", CHECK_INS)
def test_every_check_in_message_says_what_it_lacks(kind):
    lacking = {key.name for key in CHECK_INS[kind] if key.required} - {"MessageType"}
    problems = validate_check_in({"MessageType": kind, "UDID": "U"})
    assert problems == [f"{name} is missing" for name in order(kind) if name in lacking]
    assert validate_check_in({"MessageType": kind, "UDID": 1})


def order(kind):
    return [key.name for key in CHECK_INS[kind]]


def test_an_unknown_message_type_is_a_problem():
    assert validate_check_in({"MessageType": "Hello"}) == ["MessageType 'Hello' is unknown"]


def test_every_command_has_a_schema():
    from smdp.device.apple.commands import ALIASES, COMMANDS

    assert set(RESULTS) == {"", *COMMANDS, *ALIASES}
