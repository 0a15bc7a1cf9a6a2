"""ServiceSubscriptions: two rows, what is in them, how numbers are written."""

import msgspec
import pytest

from smdp.device.apple.facts import Attachment
from smdp.device.apple.subscriptions import ROW_KEYS, service_subscriptions, spaced_iccid, spaced_imei
from tests.device.apple.phones import ACTIVE, CARD, EID, INSTALLED, phone

SECOND = msgspec.structs.replace(ACTIVE, iccid="8900101000000000027", label_id="LABEL-2")


def rows(**facts):
    return service_subscriptions(phone(**facts))


def test_a_slot_without_a_plan_is_a_row_of_slot_eid_and_imei():
    assert rows(tray=False) == [
        {"EID": EID, "IMEI": "35 309418 464558 9", "Slot": "CTSubscriptionSlotOne"},
        {"EID": EID, "IMEI": "35 309418 464559 7", "Slot": "CTSubscriptionSlotTwo"},
    ]


def test_an_empty_tray_has_no_eid():
    assert rows()[0] == {"IMEI": "35 309418 464558 9", "Slot": "CTSubscriptionSlotOne"}
    assert rows()[1] == {"EID": EID, "IMEI": "35 309418 464559 7", "Slot": "CTSubscriptionSlotTwo"}


def test_an_active_plan_fills_all_sixteen_keys_in_apples_order():
    assert rows(esims=(ACTIVE,))[1] == {
        "CarrierSettingsVersion": "62.0",
        "CurrentCarrierNetwork": "smdp TEST",
        "CurrentMCC": "001",
        "CurrentMNC": "01",
        "ICCID": "8900 1010 0000 0000 019",
        "EID": EID,
        "IMEI": "35 309418 464559 7",
        "IsDataPreferred": True,
        "IsRoaming": False,
        "IsVoicePreferred": True,
        "Label": "Primary",
        "LabelID": "LABEL",
        "MEID": "35309418464559",
        "PhoneNumber": "+15550100001",
        "Slot": "CTSubscriptionSlotTwo",
        "SubscriberCarrierNetwork": "smdp TEST",
    }
    assert list(rows(esims=(ACTIVE,))[1]) == [key.name for key in ROW_KEYS]


@pytest.mark.parametrize("key", ROW_KEYS, ids=lambda key: key.name)
def test_every_key_of_the_table_comes_with_an_active_plan_and_only_some_without(key):
    assert key.name in rows(esims=(ACTIVE,))[1]
    assert (key.name in rows(tray=False)[1]) == (key.name in ("EID", "IMEI", "Slot"))


def test_an_installed_plan_that_is_not_attached_has_an_iccid_and_no_network():
    row = rows(esims=(INSTALLED,))[1]
    assert row["ICCID"]
    assert row["SubscriberCarrierNetwork"] == "smdp TEST"
    assert not {"CurrentCarrierNetwork", "CurrentMCC", "CurrentMNC", "IsRoaming", "PhoneNumber"} & set(row)


def test_the_number_is_missing_until_the_network_tells_it_and_empty_if_it_tells_none():
    silent = Attachment(network_name="smdp TEST", mcc="001", mnc="01")
    assert "PhoneNumber" not in rows(esims=(msgspec.structs.replace(INSTALLED, attached=silent),))[1]
    none = msgspec.structs.replace(silent, msisdn="")
    assert rows(esims=(msgspec.structs.replace(INSTALLED, attached=none),))[1]["PhoneNumber"] == ""


def test_another_network_than_its_own_is_roaming():
    abroad = Attachment(network_name="Elsewhere", mcc="262", mnc="01")
    row = rows(esims=(msgspec.structs.replace(INSTALLED, attached=abroad),))[1]
    assert row["IsRoaming"] is True
    assert row["CurrentCarrierNetwork"] == "Elsewhere"
    assert row["SubscriberCarrierNetwork"] == "smdp TEST"


def test_a_line_whose_home_is_unknown_does_not_roam():
    unknown = msgspec.structs.replace(ACTIVE, subscriber_mcc="", subscriber_mnc="")
    assert rows(esims=(unknown,))[1]["IsRoaming"] is False


def test_a_card_is_in_slot_one_without_eid_and_preferred():
    card, esim = rows(physical_sim=CARD, esims=(ACTIVE,))
    assert card["Slot"] == "CTSubscriptionSlotOne"
    assert "EID" not in card
    assert (card["Label"], esim["Label"]) == ("Primary", "Secondary")
    assert (card["IsDataPreferred"], card["IsVoicePreferred"]) == (True, True)
    assert (esim["IsDataPreferred"], esim["IsVoicePreferred"]) == (False, False)
    assert card["ICCID"] == "8901 1703 2781 0136 4837"
    assert (card["CurrentCarrierNetwork"], card["PhoneNumber"]) == ("Other", "+15550199999")


def test_preferences_follow_the_users_choice():
    card, esim = rows(physical_sim=CARD, esims=(ACTIVE,), data_iccid=ACTIVE.iccid)
    assert (card["IsDataPreferred"], card["IsVoicePreferred"]) == (False, True)
    assert (esim["IsDataPreferred"], esim["IsVoicePreferred"]) == (True, False)


def test_a_preference_for_an_esim_that_is_gone_leaves_the_first():
    card, esim = rows(physical_sim=CARD, esims=(ACTIVE,), data_iccid="8900101000000000999")
    assert (card["IsDataPreferred"], esim["IsDataPreferred"]) == (True, False)


def test_two_esims_take_both_slots():
    one, two = rows(esims=(ACTIVE, SECOND))
    assert (two["LabelID"], two["Label"]) == ("LABEL", "Primary")
    assert (one["LabelID"], one["Label"], one["EID"]) == ("LABEL-2", "Secondary", EID)
    one, two = rows(esims=(ACTIVE, SECOND), tray=False)
    assert (one["LabelID"], two["LabelID"]) == ("LABEL", "LABEL-2")


def test_no_more_than_two_lines_are_in_use():
    card, esim = rows(physical_sim=CARD, esims=(ACTIVE, SECOND))
    assert (card["Label"], esim["LabelID"]) == ("Primary", "LABEL")


def test_a_disabled_esim_is_not_told():
    disabled = msgspec.structs.replace(INSTALLED, enabled=False)
    assert "ICCID" not in rows(esims=(disabled,))[1]
    assert rows(esims=(disabled, SECOND))[1]["LabelID"] == "LABEL-2"


def test_a_label_of_the_users_own_stays():
    assert rows(esims=(msgspec.structs.replace(ACTIVE, label="Work"),))[1]["Label"] == "Work"
    assert rows(physical_sim=CARD, esims=(msgspec.structs.replace(ACTIVE, label="Primary"),))[1]["Label"] == "Secondary"


def test_the_label_id_of_a_line_never_changes():
    unnamed = msgspec.structs.replace(ACTIVE, label_id="")
    assert rows(esims=(unnamed,))[1]["LabelID"] == rows(tray=False, esims=(unnamed,), os="17.0")[0]["LabelID"]
    assert (
        rows(esims=(unnamed,))[1]["LabelID"]
        != rows(esims=(msgspec.structs.replace(SECOND, label_id=""),))[1]["LabelID"]
    )


@pytest.mark.parametrize(
    ("os", "eid", "subscriber"), [("13.7", False, False), ("14.0", True, False), ("16.0", True, True)]
)
def test_keys_come_with_their_ios(os, eid, subscriber):
    row = rows(os=os, esims=(ACTIVE,))[1]
    assert ("EID" in row) == eid
    assert ("SubscriberCarrierNetwork" in row) == subscriber


def test_a_device_without_cellular_has_no_rows():
    assert rows(cellular=False) == []


def test_a_device_without_euicc_has_no_eid():
    assert all("EID" not in row for row in rows(esim=False, tray=False))


def test_the_given_meid_is_slot_ones():
    assert rows(tray=False, meid="A0000000000001", esims=(ACTIVE,))[0]["MEID"] == "A0000000000001"
    assert rows(meid="A0000000000001", esims=(ACTIVE,))[1]["MEID"] == "35309418464559"


def test_one_imei_serves_both_slots_if_there_is_no_second():
    assert rows(imei2="")[1]["IMEI"] == "35 309418 464558 9"


@pytest.mark.parametrize(
    ("iccid", "spaced"),
    [
        ("89010030000003361196", "8901 0030 0000 0336 1196"),
        ("8901260570718002130", "8901 2605 7071 8002 130"),
        ("8901 2605 7071 8002 130", "8901 2605 7071 8002 130"),
    ],
)
def test_iccids_are_written_in_fours(iccid, spaced):
    assert spaced_iccid(iccid) == spaced


@pytest.mark.parametrize("imei", ["353094184645589", "35 309418 464558 9"])
def test_imeis_are_written_as_apple_does(imei):
    assert spaced_imei(imei) == "35 309418 464558 9"
