"""DeviceInformation: each query by right, version, enrolment and what the device has."""

import pytest

from smdp.device.apple.facts import ALL_RIGHTS, DeviceSettings, Right
from smdp.device.apple.information import QUERIES, device_information, missing
from smdp.device.apple.versions import WINDOWS
from tests.device.apple.phones import ACTIVE, CARD, INSTALLED, ask, codes, enrolled, phone

GONE_WITH_26 = {
    "IMEI", "MEID", "ICCID", "PhoneNumber", "CurrentCarrierNetwork", "SubscriberCarrierNetwork",
    "CarrierSettingsVersion", "CurrentMCC", "CurrentMNC", "SubscriberMCC", "SubscriberMNC", "IsRoaming",
    "VoiceRoamingEnabled",
}  # fmt: skip
GONE_LONG_AGO = {"SIMCarrierNetwork", "SIMMCC", "SIMMNC"}
USER_ENROLLMENT = {
    "OrganizationInfo", "MDMOptions", "DeviceName", "OSVersion", "BuildVersion", "SupplementalBuildVersion",
    "ModelName", "Model", "ModelNumber", "ProductName", "DeviceCapacity", "AvailableDeviceCapacity", "BatteryLevel",
    "IsSupervised", "IsMultiUser", "IsDeviceLocatorServiceEnabled", "EASDeviceIdentifier",
    "DiagnosticSubmissionEnabled", "AppAnalyticsEnabled", "TimeZone", "CellularTechnology", "IsNetworkTethered",
}  # fmt: skip
ORGANIZED = DeviceSettings(organization_info={"OrganizationName": "Example"})


def answers(*queries, **facts):
    known = {"os": "18.5", "esims": (ACTIVE,), "settings": ORGANIZED}
    result = ask(phone(**known | facts), "DeviceInformation", Queries=list(queries or QUERIES))
    return result.body["QueryResponses"]


def test_the_table_of_windows_and_the_queries_name_the_same():
    assert set(WINDOWS["query"]) == set(QUERIES)


def test_ios_18_answers_all_but_what_went_long_ago():
    assert set(answers()) == set(QUERIES) - GONE_LONG_AGO


def test_ios_26_drops_the_top_level_cellular_keys():
    assert set(answers(os="26.1")) == set(QUERIES) - GONE_LONG_AGO - GONE_WITH_26
    assert answers("ICCID", os="26.1") == {}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_takes_its_right(name):
    right = QUERIES[name].right
    if right is None:
        assert name in answers(name, enrollment=enrolled(access_rights=1))
    else:
        assert name not in answers(name, enrollment=enrolled(access_rights=ALL_RIGHTS & ~right))
        granted = enrolled(access_rights=int(right))
        assert (name in answers(name, enrollment=granted)) == (name not in GONE_LONG_AGO)


@pytest.mark.parametrize("name", QUERIES)
def test_user_enrollment_may_ask_for_what_the_table_says(name):
    assert QUERIES[name].user_enrollment == (name in USER_ENROLLMENT)
    assert (name in answers(name, enrollment=enrolled(kind="user"))) == (name in USER_ENROLLMENT)


NETWORK = {
    "ICCID", "BluetoothMAC", "WiFiMAC", "CurrentCarrierNetwork", "SubscriberCarrierNetwork", "CarrierSettingsVersion",
    "PhoneNumber", "CurrentMCC", "CurrentMNC", "SubscriberMCC", "SubscriberMNC", "IsRoaming", "VoiceRoamingEnabled",
    "DataRoamingEnabled", "PersonalHotspotEnabled", "IsNetworkTethered", "ServiceSubscriptions", *GONE_LONG_AGO,
}  # fmt: skip
FREE = {"UDID", "OrganizationInfo", "MDMOptions", "AwaitingConfiguration"}


@pytest.mark.parametrize("name", QUERIES)
def test_the_rights_are_apples(name):
    if name in FREE:
        assert QUERIES[name].right is None
    elif name.startswith("iTunes"):
        assert QUERIES[name].right == Right.MANAGE_APPS == 4096
    else:
        assert QUERIES[name].right == (32 if name in NETWORK else 16)


def test_there_is_no_top_level_eid():
    assert answers("EID") == {}


def test_answers_come_in_the_order_of_the_queries_without_the_unknown():
    assert list(answers("UDID", "NoSuchThing", "OSVersion", "DeviceName")) == ["UDID", "OSVersion", "DeviceName"]


def test_the_top_level_keys_speak_of_the_first_line():
    with_card = answers("ICCID", "IMEI", "PhoneNumber", "CurrentMCC", physical_sim=CARD)
    assert with_card == {
        "ICCID": "8901 1703 2781 0136 4837",
        "IMEI": "35 309418 464558 9",
        "PhoneNumber": "+15550199999",
        "CurrentMCC": "310",
    }
    assert answers("ICCID", "SubscriberCarrierNetwork", "SubscriberMNC") == {
        "ICCID": "8900 1010 0000 0000 019",
        "SubscriberCarrierNetwork": "smdp TEST",
        "SubscriberMNC": "01",
    }


def test_without_a_line_there_is_nothing_to_tell_of_it():
    found = answers(esims=())
    assert not {"ICCID", "PhoneNumber", "CurrentMCC", "SubscriberMCC", "IsRoaming", "CarrierSettingsVersion"} & set(
        found
    )
    assert "IMEI" in found
    assert "CurrentCarrierNetwork" not in answers(esims=(INSTALLED,))


def test_a_device_without_cellular_tells_nothing_cellular():
    found = answers(cellular=False)
    cellular = {"IMEI", "MEID", "ICCID", "ServiceSubscriptions", "ModemFirmwareVersion", "DataRoamingEnabled"}
    assert not cellular & set(found)
    assert found["CellularTechnology"] == 0


def test_values_are_the_phones():
    found = answers(
        name="Ada's iPhone",
        tethered=True,
        lost_mode=True,
        supervised=False,
        enrollment=enrolled(awaiting_configuration=True),
        settings=DeviceSettings(data_roaming=True, personal_hotspot=True, time_zone="Europe/Berlin"),
    )
    assert found["DeviceName"] == "Ada's iPhone"
    assert found["OSVersion"] == "18.5"
    assert found["BuildVersion"] == "22F76"
    assert found["ProductName"] == "iPhone17,1"
    assert found["ModelName"] == "iPhone"
    assert (found["ModelNumber"], found["Model"]) == ("MK1A3LL/A", "MK1A3LL")
    assert found["IsNetworkTethered"] is found["IsMDMLostModeEnabled"] is found["AwaitingConfiguration"] is True
    assert found["IsSupervised"] is False
    assert (found["DataRoamingEnabled"], found["PersonalHotspotEnabled"]) == (True, True)
    assert found["VoiceRoamingEnabled"] is False
    assert found["TimeZone"] == "Europe/Berlin"
    assert "OrganizationInfo" not in found


def test_a_build_of_the_devices_own_is_told():
    assert answers("BuildVersion", build="22F999")["BuildVersion"] == "22F999"


def test_made_up_addresses_are_the_devices_own_and_local():
    found, other = answers("WiFiMAC", "BluetoothMAC"), answers("WiFiMAC", udid="00008150-0000000000000001")
    assert found["WiFiMAC"] != found["BluetoothMAC"]
    assert found["WiFiMAC"] != other["WiFiMAC"]
    assert found["WiFiMAC"].startswith("02:")
    assert len(found["WiFiMAC"]) == 17


def test_a_phone_without_an_mdm_tells_what_takes_no_right():
    assert set(device_information(QUERIES, phone(enrollment=None))) == {"UDID", "MDMOptions", "AwaitingConfiguration"}


@pytest.mark.parametrize(
    ("name", "facts", "sentence"),
    [
        ("UDID", {}, ""),
        ("EID", {}, "EID is no query"),
        ("ICCID", {"os": "26.1"}, "The query ICCID went with iOS 26.0; this device runs iOS 26.1."),
        ("ICCID", {"os": "18.5", "enrollment": enrolled(kind="user")}, "User Enrollment does not tell ICCID."),
        ("ICCID", {"os": "18.5", "enrollment": enrolled(access_rights=16)}, "ICCID takes the right 32"),
        ("ICCID", {"os": "18.5"}, "The device has no ICCID at present."),
    ],
)
def test_a_missing_answer_is_explained(name, facts, sentence):
    found = missing(name, phone(**facts))
    assert found.startswith(sentence)
    assert bool(found) == bool(sentence)


def test_queries_that_are_no_strings_are_malformed():
    assert codes(ask(phone(), "DeviceInformation", Queries=["UDID", 1])) == [12008]
