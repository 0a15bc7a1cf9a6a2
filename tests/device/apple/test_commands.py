"""Every command: what it takes, what it answers, when it is put off; every code that answers have."""

import pytest

from smdp.device.apple import answer, judge
from smdp.device.apple.commands import ALIASES, COMMANDS, OBJECTIONS, kind_of, put_off
from smdp.device.apple.effects import (
    ENDS_POLL,
    ClearPasscode,
    Declarative,
    Erase,
    FinishSetup,
    Lock,
    Refresh,
    Restart,
    ShutDown,
)
from smdp.device.apple.errors import ERRORS, item
from smdp.device.apple.facts import ALL_RIGHTS, Passcode, Right
from smdp.device.apple.handlers import HANDLERS
from smdp.device.apple.versions import WINDOWS
from tests.device.apple.phones import (
    TOKEN,
    URL,
    ask,
    codes,
    enrolled,
    mobileconfig,
    passcode_policy,
    phone,
    profile,
    read,
    restricting,
)

ADE = enrolled(kind="ade")
GOOD = {
    "DeviceInformation": {"Queries": ["UDID"]},
    "InstallProfile": {"Payload": mobileconfig(profile())},
    "RemoveProfile": {"Identifier": "com.example.there"},
    "ClearPasscode": {"UnlockToken": TOKEN},
    "Settings": {"Settings": []},
    "RefreshCellularPlans": {"eSIMServerURL": URL},
}
WRONG = {str: 1, bool: 1, list: "x", dict: [], bytes: "x"}


def usual(**facts):
    return phone(**{"enrollment": ADE, "profiles": (profile(identifier="com.example.there"),)} | facts)


def send(name, phone, *faults, **keys):
    return ask(phone, name, *faults, **GOOD.get(name, {}) | keys)


# --- the table


def test_every_command_has_a_handler_and_a_window():
    assert set(COMMANDS) == set(HANDLERS) == set(WINDOWS["command"])


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_a_good_command_is_acknowledged(name):
    assert judge({"RequestType": name, **GOOD.get(name, {})}, usual()) is None
    assert send(name, usual()).status == "Acknowledged"


@pytest.mark.parametrize("name", COMMANDS)
def test_12007_without_the_right(name):
    right = COMMANDS[name].right
    without = usual(enrollment=enrolled(kind="ade", access_rights=ALL_RIGHTS & ~(right or 1) & ~Right.INSTALL_PROFILES))
    if right is None:
        assert send(name, without).status == "Acknowledged"
    else:
        result = send(name, without)
        assert (result.status, codes(result)) == ("Error", [12007])
        assert result.errors[0].domain == "MCMDMErrorDomain"
        assert send(name, usual(enrollment=enrolled(kind="ade", access_rights=int(right)))).status == "Acknowledged"


def test_rights_are_apples():
    rights = {name: command.right for name, command in COMMANDS.items()}
    assert rights["EraseDevice"] == 8
    assert rights["DeviceLock"] == rights["RestartDevice"] == rights["ShutDownDevice"] == rights["ClearPasscode"] == 4
    assert (rights["InstallProfile"], rights["RemoveProfile"], rights["ProfileList"]) == (2, 2, 1)
    assert (rights["SecurityInfo"], rights["Restrictions"], rights["Settings"]) == (1024, 512, 2048)
    assert rights["RefreshCellularPlans"] is rights["DeviceInformation"] is rights["DeclarativeManagement"] is None


def test_the_right_to_install_profiles_implies_the_one_to_inspect_them():
    assert send("ProfileList", usual(enrollment=enrolled(access_rights=2))).status == "Acknowledged"


@pytest.mark.parametrize("name", COMMANDS)
def test_12021_for_supervised_devices_only(name):
    result = send(name, usual(supervised=False, enrollment=ADE))
    only = name in ("RestartDevice", "ShutDownDevice", "DeviceConfigured")
    assert COMMANDS[name].supervised == only
    assert codes(result) == ([12021] if only else [])


@pytest.mark.parametrize("name", COMMANDS)
def test_12021_in_user_enrollment(name):
    forbidden = {
        "RefreshCellularPlans", "EraseDevice", "RestartDevice", "ShutDownDevice", "ClearPasscode", "Restrictions",
        "DeviceConfigured",
    }  # fmt: skip
    result = send(name, usual(enrollment=enrolled(kind="user")))
    assert COMMANDS[name].user_enrollment == (name not in forbidden)
    assert codes(result) == ([12021] if name in forbidden else [])


@pytest.mark.parametrize("name", COMMANDS)
def test_12078_in_lost_mode(name):
    result = send(name, usual(lost_mode=True))
    refused = name in ("RefreshCellularPlans", "ClearPasscode", "Settings", "DeviceConfigured")
    assert codes(result) == ([12078] if refused else [])


@pytest.mark.parametrize(
    ("name", "os", "known"),
    [
        ("RefreshCellularPlans", "12.4", False),
        ("RefreshCellularPlans", "13.0", True),
        ("DeclarativeManagement", "14.8", False),
        ("DeclarativeManagement", "15.0", True),
        ("ShutDownDevice", "12.0", True),
    ],
)
def test_12021_before_its_ios(name, os, known):
    assert codes(send(name, usual(os=os))) == ([] if known else [12021])


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, command in COMMANDS.items() for key in command.keys], ids=str
)
def test_12008_for_a_key_that_is_missing_or_of_a_wrong_type(name, key):
    good = GOOD.get(name, {})
    wrong = ask(usual(), name, **good | {key.name: WRONG[key.type]})
    assert (wrong.status, codes(wrong)) == ("Error", [12008])
    assert f"{key.name} is no " in wrong.errors[0].text
    without = ask(usual(), name, **{other: value for other, value in good.items() if other != key.name})
    assert codes(without) == ([12008] if key.required else [])


@pytest.mark.parametrize("name", COMMANDS)
def test_keys_that_nobody_knows_are_ignored(name):
    assert send(name, usual(), NoSuchKey=1).status == "Acknowledged"


# --- what is no command


@pytest.mark.parametrize("command", [None, "RefreshCellularPlans", [], {}, {"RequestType": 1}])
def test_command_format_error_for_what_has_no_request_type(command):
    result = answer(command, usual(), read=read)
    assert (result.status, codes(result), result.effect) == ("CommandFormatError", [12008], None)
    assert judge(command, usual()) == result


def test_12021_for_an_unknown_request_type():
    result = ask(usual(), "RefreshMobilePlans")
    assert (result.status, codes(result)) == ("Error", [12021])
    assert "“RefreshMobilePlans”" in result.errors[0].text
    assert len(ask(usual(), "x" * 5000).errors[0].text) < 200
    assert kind_of({}) is None


def test_12081_without_the_tether_that_it_wants():
    assert codes(send("DeviceInformation", usual(), RequestRequiresNetworkTether=True)) == [12081]
    assert codes(send("DeviceInformation", usual(tethered=True), RequestRequiresNetworkTether=True)) == []
    assert codes(send("DeviceInformation", usual(), RequestRequiresNetworkTether=False)) == []
    assert codes(send("DeviceInformation", usual(), RequestRequiresNetworkTether="yes")) == [12008]


def test_objections_are_raised_in_the_order_of_the_table():
    assert [objection.name for objection in OBJECTIONS] == [
        "os", "user-enrollment", "lost-mode", "right", "supervision"
    ]  # fmt: skip
    lost = usual(lost_mode=True, supervised=False, enrollment=enrolled(access_rights=1))
    assert codes(ask(lost, "DeviceConfigured")) == [12078]
    assert codes(ask(usual(supervised=False, enrollment=enrolled(access_rights=1)), "RestartDevice")) == [12007]
    assert codes(ask(usual(enrollment=enrolled(access_rights=1)), "InstallProfile")) == [12007]
    assert codes(ask(usual(), "InstallProfile", RequestRequiresNetworkTether=True)) == [12081]


# --- NotNow

NEVER = {"DeviceInformation", "ProfileList", "DeviceLock", "EraseDevice", "ClearPasscode", "Restrictions"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_fault_not_now_spares_those_that_are_never_put_off(name):
    assert COMMANDS[name].never_not_now == (name in NEVER)
    assert send(name, usual(), "not-now").status == ("Acknowledged" if name in NEVER else "NotNow")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_locked_screen_puts_two_commands_off(name):
    put = name in ("InstallProfile", "SecurityInfo")
    assert send(name, usual(locked=True)).status == ("NotNow" if put else "Acknowledged")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("locked", [True, False])
def test_before_the_first_unlock_four_commands_are_put_off(name, locked):
    put = name in ("InstallProfile", "SecurityInfo", "DeclarativeManagement", "RemoveProfile")
    assert send(name, usual(locked=locked, unlocked_since_boot=False)).status == ("NotNow" if put else "Acknowledged")


def test_device_configured_is_put_off_without_a_cloud_configuration():
    assert send("DeviceConfigured", usual(enrollment=enrolled(kind="device"))).status == "NotNow"
    assert put_off(COMMANDS["DeviceConfigured"], usual(enrollment=None))
    assert send("DeviceConfigured", usual()).status == "Acknowledged"


def test_not_now_has_nothing_else():
    result = send("SecurityInfo", usual(locked=True))
    assert result.answer() == {"Status": "NotNow"}
    assert result.effect is None


# --- answers and effects


def test_security_info():
    assert send("SecurityInfo", usual(passcode=Passcode(present=False, compliant=False))).body["SecurityInfo"] == {
        "HardwareEncryptionCaps": 3,
        "PasscodePresent": False,
        "PasscodeCompliant": False,
        "PasscodeCompliantWithProfiles": True,
        "ManagementStatus": {"IsUserEnrollment": False},
    }


def test_security_info_of_user_enrollment_keeps_the_passcode_to_itself():
    info = send("SecurityInfo", usual(enrollment=enrolled(kind="user"))).body["SecurityInfo"]
    assert set(info) == {"HardwareEncryptionCaps", "PasscodeCompliant", "ManagementStatus"}
    assert info["ManagementStatus"] == {"IsUserEnrollment": True}


@pytest.mark.parametrize(
    ("facts", "keys", "body", "effect"),
    [
        ({}, {}, {}, Lock()),
        ({}, {"Message": "Found?"}, {"MessageResult": "Success"}, Lock(message="Found?")),
        (
            {},
            {"Message": "Found?", "PhoneNumber": "+1555"},
            {"MessageResult": "Success"},
            Lock(message="Found?", phone_number="+1555"),
        ),
        ({"passcode": Passcode(present=False)}, {"Message": "x"}, {"MessageResult": "NoPasscodeSet"}, Lock()),
        ({"lost_mode": True}, {"PhoneNumber": "1"}, {"MessageResult": "DeviceInLostMode"}, Lock()),
    ],
)
def test_device_lock(facts, keys, body, effect):
    result = send("DeviceLock", usual(**facts), **keys)
    assert (result.body, result.effect) == (body, effect)


@pytest.mark.parametrize(
    ("name", "effect", "ends"),
    [
        ("RestartDevice", Restart(), True),
        ("ShutDownDevice", ShutDown(), True),
        ("ClearPasscode", ClearPasscode(), False),
        ("DeclarativeManagement", Declarative(), False),
        ("RefreshCellularPlans", Refresh(url=URL), False),
    ],
)
def test_effects(name, effect, ends):
    found = send(name, usual()).effect
    assert found == effect
    assert isinstance(found, ENDS_POLL) == ends


def test_declarative_management_carries_its_tokens():
    assert send("DeclarativeManagement", usual(), Data=b"{}").effect == Declarative(data=b"{}")


def test_erase_ends_the_conversation():
    result = send("EraseDevice", usual())
    assert isinstance(result.effect, Erase)
    assert isinstance(result.effect, ENDS_POLL)


def test_5013_for_another_devices_unlock_token():
    result = send("ClearPasscode", usual(), UnlockToken=b"other")
    assert [(error.code, error.domain) for error in result.errors] == [(5013, "MCPasscodeErrorDomain")]
    assert codes(send("ClearPasscode", usual(enrollment=enrolled(unlock_token=None)))) == [5013]


def test_device_configured_lets_a_waiting_setup_go_on():
    assert send("DeviceConfigured", usual()).effect is None
    waiting = usual(enrollment=enrolled(kind="ade", awaiting_configuration=True))
    assert send("DeviceConfigured", waiting).effect == FinishSetup()


@pytest.mark.parametrize("name", ["Restrictions", "RestrictionList"])
def test_restrictions_may_be_told_for_each_profile(name):
    with_both = usual(profiles=(restricting(allowESIMModification=False), passcode_policy(maxFailedAttempts=6)))
    assert set(send(name, with_both).body) == {"GlobalRestrictions"}
    body = send(name, with_both, ProfileRestrictions=True).body
    assert set(body["ProfileRestrictions"]) == {"com.example.fleet", "com.example.passcode"}


# --- the codes

PROVOKED = {
    2003, 2004, 4001, 4018, 5013, 12001, 12007, 12008, 12013, 12021, 12075, 12078, 12081, 36000, 36001, 36002, 36003
}  # fmt: skip


def test_the_tests_of_this_folder_provoke_every_code_of_the_table():
    assert set(ERRORS) == PROVOKED


@pytest.mark.parametrize("code", ERRORS)
def test_code_and_domain_belong_together(code):
    domains = {2: "Payload", 4: "Installation", 5: "Passcode", 12: "MDM", 36: "Cellular"}
    error = item(code, "problem")
    assert error.domain == f"MC{domains[code // 1000]}ErrorDomain"
    assert error.text.endswith(".")
    assert error.plist() == {
        "ErrorCode": code,
        "ErrorDomain": error.domain,
        "LocalizedDescription": error.text,
        "USEnglishDescription": error.text,
    }


def test_an_error_without_english_text_has_no_key_for_it():
    assert "USEnglishDescription" not in item(12021, "x")._replace(us_english=None).plist()
