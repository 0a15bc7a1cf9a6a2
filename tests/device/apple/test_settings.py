"""Settings: each item with a result of its own."""

import pytest

from smdp.device.apple.effects import ChangeSettings
from smdp.device.apple.facts import ALL_RIGHTS, Right
from smdp.device.apple.settings import ITEMS
from smdp.device.apple.versions import WINDOWS
from tests.device.apple.phones import ask, codes, enrolled, phone

GOOD = {
    "DataRoaming": {"Enabled": True},
    "VoiceRoaming": {"Enabled": True},
    "PersonalHotspot": {"Enabled": True},
    "DeviceName": {"DeviceName": "Lobby"},
    "OrganizationInfo": {"OrganizationInfo": {"OrganizationName": "Example"}},
    "MDMOptions": {"MDMOptions": {"ActivationLockAllowedWhileSupervised": True}},
    "TimeZone": {"TimeZone": "Europe/Berlin"},
}


def change(*items, **facts):
    return ask(phone(**facts), "Settings", Settings=list(items))


def own_codes(result):
    return [[error["ErrorCode"] for error in one.get("ErrorChain", [])] for one in result.body["Settings"]]


def test_the_tables_name_the_same_items():
    assert set(ITEMS) == set(WINDOWS["item"]) == set(GOOD)


@pytest.mark.parametrize(
    ("item", "changes"),
    [
        ({"Item": "DataRoaming", "Enabled": True}, {"data_roaming": True, "voice_roaming": True}),
        ({"Item": "DataRoaming", "Enabled": False}, {"data_roaming": False}),
        ({"Item": "VoiceRoaming", "Enabled": True}, {"voice_roaming": True}),
        ({"Item": "VoiceRoaming", "Enabled": False}, {"voice_roaming": False, "data_roaming": False}),
        ({"Item": "PersonalHotspot", "Enabled": True}, {"personal_hotspot": True}),
        ({"Item": "DeviceName", "DeviceName": "Lobby"}, {"name": "Lobby"}),
        (
            {"Item": "OrganizationInfo", "OrganizationInfo": {"OrganizationName": "Example", "Other": 1}},
            {"organization_info": {"OrganizationName": "Example"}},
        ),
        ({"Item": "OrganizationInfo"}, {"organization_info": {}}),
        ({"Item": "MDMOptions", "MDMOptions": {}}, {"mdm_options": {}}),
        ({"Item": "TimeZone", "TimeZone": "Europe/Berlin"}, {"time_zone": "Europe/Berlin"}),
    ],
)
def test_an_item_changes_its_settings(item, changes):
    result = change(item)
    assert result.effect == ChangeSettings(changes=changes)
    assert result.body == {"Settings": [{"Status": "Acknowledged"}]}


def test_what_can_be_changed_is_and_the_rest_gets_its_error_in_its_place():
    result = change({"Item": "Wallpaper"}, {"Item": "DataRoaming", "Enabled": False}, {"Item": "DeviceName"})
    assert result.status == "Acknowledged"
    assert [one["Status"] for one in result.body["Settings"]] == ["Error", "Acknowledged", "Error"]
    assert own_codes(result) == [[12021], [], [12008]]
    assert result.effect == ChangeSettings(changes={"data_roaming": False})


def test_nothing_changed_is_no_effect():
    assert change({"Item": "Wallpaper"}).effect is None


@pytest.mark.parametrize("name", GOOD)
def test_rights_supervision_and_user_enrollment(name):
    item = {"Item": name} | GOOD[name]
    kind = ITEMS[name]
    without = enrolled(access_rights=ALL_RIGHTS & ~Right.NETWORK_INFORMATION)
    assert own_codes(change(item, enrollment=without)) == ([[12007]] if kind.right else [[]])
    assert own_codes(change(item, supervised=False)) == ([[12021]] if kind.supervised else [[]])
    user = enrolled(kind="user")
    assert own_codes(change(item, enrollment=user)) == ([[]] if name == "OrganizationInfo" else [[12021]])


@pytest.mark.parametrize("name", GOOD)
def test_12008_for_a_value_of_a_wrong_type(name):
    assert own_codes(change({"Item": name, ITEMS[name].key.name: 7})) == [[12008]]


def test_the_time_zone_came_with_ios_14():
    assert own_codes(change({"Item": "TimeZone", "TimeZone": "Europe/Berlin"}, os="13.7")) == [[12021]]


@pytest.mark.parametrize("items", [["DataRoaming"], [{}], [{"Item": 1}]])
def test_12008_for_what_are_no_items(items):
    assert codes(change(*items)) == [12008]


@pytest.mark.parametrize(
    "item",
    [
        {"Item": "OrganizationInfo", "OrganizationInfo": {}},
        {"Item": "OrganizationInfo", "OrganizationInfo": {"OrganizationName": 1}},
        {"Item": "OrganizationInfo", "OrganizationInfo": {"OrganizationName": "x" * 1001}},
        {"Item": "MDMOptions", "MDMOptions": {"ActivationLockAllowedWhileSupervised": 1}},
        {"Item": "DeviceName", "DeviceName": "x" * 1001},
    ],
)
def test_12008_for_what_is_inside(item):
    assert own_codes(change(item)) == [[12008]]
