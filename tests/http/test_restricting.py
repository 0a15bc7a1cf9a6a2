"""Restrictions that act: installed by the MDM, met by the holder of the device."""

import logging

import pytest

from smdp.client import Client
from smdp.server import Server
from smdp.settings import Settings
from tests.http.calls import refused
from tests.managed import ManagedDevice, configuration, small_mdm, sparse

ACCESS = "com.apple.applicationaccess"


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="warning")) as running:
        yield running


@pytest.fixture(scope="module")
def mdm():
    with small_mdm() as running:
        yield running


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier()


@pytest.fixture
def device(carrier, mdm):
    return enrolled(carrier, mdm)


def enrolled(carrier, mdm, **options):
    device = ManagedDevice(carrier, mdm, **options)
    device.enroll()
    return device


def install(carrier, device):
    carrier.issue(device.eid)
    device.refresh()
    device.until("activation.active")
    device.mark()


@pytest.mark.parametrize(
    ("key", "action", "country"),
    [
        ("allowESIMModification", "add-esim", "US"),
        ("allowESIMModification", "remove-esim", "US"),
        ("allowESIMModification", "transfer", "US"),
        ("allowESIMOutgoingTransfers", "transfer", "US"),
        ("allowCellularPlanModification", "plan-settings", "DE"),
        ("allowAppCellularDataModification", "app-data", "US"),
        ("allowEraseContentAndSettings", "erase", "US"),
    ],
)
def test_what_a_restriction_forbids(carrier, mdm, key, action, country):
    device = enrolled(carrier, mdm)
    carrier.change_device(device.eid, country=country)
    install(carrier, device)
    before = device.show()
    assert device.restrict(**{key: False}).ok
    assert device.show().restrictions == {key: False}
    to = {"to": ManagedDevice(carrier, mdm).eid} if action == "transfer" else {}
    tried = device.user(action, **to)
    assert (tried["allowed"], tried["said"]) == (False, f"blocked by {key} (profile restrictions)")
    assert tried["blocked_by"] == {
        "key": key,
        "profile": "com.example.restrictions",
        "profile_name": "restrictions",
    }
    assert (tried["outcome"], tried["erased"]) == (None, None)
    event = device.until("restriction.blocked")
    assert (event.data["action"], event.data["key"], event.data["profile"]) == (action, key, "restrictions")
    assert event.data["because"] == tried["because"]
    assert device.show().esims == before.esims
    assert device.send("RemoveProfile", Identifier="com.example.restrictions").ok
    assert device.user(action, **to)["allowed"]


def test_plan_settings_are_free_in_the_us(device):
    assert device.restrict(allowCellularPlanModification=False).ok
    assert device.user("plan-settings")["allowed"]


def test_an_unsupervised_device_takes_the_profile_and_ignores_it(carrier, mdm):
    device = enrolled(carrier, mdm, supervised=False)
    install(carrier, device)
    assert device.restrict(allowESIMModification=False, forcePreserveESIMOnErase=True).ok
    assert device.show().restrictions == {}
    (listed,) = [
        one
        for one in device.send("ProfileList").answer["ProfileList"]
        if one["PayloadIdentifier"] == "com.example.restrictions"
    ]
    assert listed["IsManaged"]
    assert device.user("erase")["erased"]["kept"] is False


@pytest.mark.parametrize("order", [(False, True), (True, False)])
def test_the_strictest_of_two_profiles_wins_whichever_came_first(device, order):
    for number, value in enumerate(order):
        assert device.restrict(f"com.example.{number}", allowESIMModification=value).ok
    strict = order.index(False)
    assert device.user("add-esim")["blocked_by"]["profile"] == f"com.example.{strict}"
    answer = device.send("RestrictionList", ProfileRestrictions=True).answer
    assert answer["GlobalRestrictions"]["restrictedBool"]["allowESIMModification"] == {"value": False}
    given = answer["ProfileRestrictions"]["com.example.1"]["restrictedBool"]["allowESIMModification"]
    assert given == {"value": order[1]}
    device.send("RemoveProfile", Identifier=f"com.example.{strict}")
    assert device.user("add-esim")["blocked_by"] is None


def test_the_smallest_number_of_wrong_passcodes_wins(device):
    for number, most in enumerate((8, 4, 9)):
        device.restrict(f"com.example.{number}", "com.apple.mobiledevice.passwordpolicy", maxFailedAttempts=most)
    assert device.show().restrictions == {"maxFailedAttempts": 4}
    assert device.user("wrong-passcode", times=3)["erased"] is None
    assert device.user("wrong-passcode")["erased"] is not None


def test_a_misspelt_key_is_ignored_with_a_hint_in_the_log(device, caplog):
    with caplog.at_level(logging.WARNING, "smdp.device"):
        assert device.restrict(AllowESIMModification=False).ok
    assert "AllowESIMModification is ignored: iOS knows allowESIMModification, and capitals matter." in caplog.text
    assert device.user("add-esim")["blocked_by"] is None
    assert device.show().restrictions == {}


def test_a_key_that_this_ios_does_not_know_yet(carrier, mdm, caplog):
    device = enrolled(carrier, mdm, os="17.1")
    with caplog.at_level(logging.WARNING, "smdp.device"):
        assert device.restrict(forcePreserveESIMOnErase=True, allowESIMOutgoingTransfers=False).ok
    assert "17.2" in caplog.text
    assert "18.0" in caplog.text
    install(carrier, device)
    assert not device.user("erase")["erased"]["kept"]


# --- adding and removing


def test_an_offer_is_shown_and_blocked_and_taken_once_it_is_allowed(carrier, device):
    profile = carrier.issue(device.eid)
    device.restrict(allowESIMModification=False)
    carrier.offer(profile.iccid)
    assert device.call("notices", method="GET")["items"] == ["Mobile Plan is Ready to be Installed"]
    tried = device.user("add-esim")
    assert (tried["allowed"], tried["notice"]) == (False, "Mobile Plan is Ready to be Installed")
    assert sparse(device.row())
    device.send("RemoveProfile", Identifier="com.example.restrictions")
    tried = device.user("add-esim")
    assert (tried["allowed"], tried["outcome"]["installed"]) == (True, profile.iccid)


def test_without_a_plan_there_is_nothing_to_add_or_remove(device):
    tried = device.user("add-esim")
    assert (tried["allowed"], tried["outcome"]["reason"]) == (True, "nothing-ordered")
    assert "Cellular Plan Cannot Be Added" in device.show().notices
    for action, more in (("remove-esim", {}), ("transfer", {"to": "89049032123451234512345678901235"})):
        tried = device.user(action, **more)
        assert (tried["allowed"], tried["because"]) == (False, "The device has no eSIM.")


def test_adding_with_an_activation_code(carrier, device):
    profile = carrier.issue(matching_id="FIELD-1")
    tried = device.user("add-esim", activation_code=profile.activation_code)
    assert (tried["allowed"], tried["outcome"]["installed"]) == (True, profile.iccid)
    assert tried["outcome"]["ok"]


def test_an_activation_code_that_is_none_installs_nothing(device):
    tried = device.user("add-esim", activation_code="LPA:2$nonsense")
    assert (tried["allowed"], tried["outcome"]["reason"]) == (True, "activation-code-malformed")


def test_removing_an_esim_tells_the_carrier(carrier, device):
    install(carrier, device)
    (esim,) = device.show().esims
    assert device.user("remove-esim", iccid=esim.iccid)["outcome"]["ok"]
    assert device.show().esims == []
    assert carrier.profile(esim.iccid).runtime == "deleted"
    tried = device.user("remove-esim", iccid="8900101000000000019")
    assert tried["because"].startswith("The device has no eSIM 8900101000000000019")


# --- moving a line


def test_a_transfer_moves_the_line(carrier, mdm, device):
    install(carrier, device)
    other = enrolled(carrier, mdm)
    old = carrier.profiles(eid=device.eid)[0]
    tried = device.user("transfer", to=other.eid)
    assert (tried["allowed"], tried["evidence"]) == (True, "inferred")
    new = carrier.profile(tried["outcome"]["installed"])
    assert (new.eid, new.msisdn, new.activation.state) == (other.eid, old.msisdn, "active")
    old = carrier.profile(old.iccid)
    assert (old.state, old.activation.state, old.activation.reason) == ("unavailable", "terminated", "reissued")
    assert sparse(device.row())
    assert other.row()["PhoneNumber"] == new.msisdn


@pytest.mark.parametrize("to", ["itself", "nobody", "elsewhere"])
def test_a_line_that_can_not_move_stays_where_it_is(server, carrier, mdm, device, to):
    install(carrier, device)
    eid, status, reason = {
        "itself": (device.eid, 422, "value-invalid"),
        "nobody": ("89049032123451234512345678901235", 404, "device-unknown"),
        "elsewhere": (Client(server.control_url).create_carrier().create_device(cellular=False).eid, 0, "no-cellular"),
    }[to]
    if status:
        problem = refused(device.user, "transfer", to=eid)
        assert (problem.status, problem.reason) == (status, reason)
    else:
        tried = device.user("transfer", to=eid)
        assert (tried["outcome"]["ok"], tried["outcome"]["reason"]) == (False, reason)
    assert "CurrentCarrierNetwork" in device.row()
    assert carrier.profiles(eid=device.eid)[0].activation.state == "active"


def test_an_offline_device_can_not_take_over_a_line(carrier, mdm, device):
    install(carrier, device)
    other = enrolled(carrier, mdm)
    carrier.change_device(other.eid, online=False)
    tried = device.user("transfer", to=other.eid)
    assert (tried["outcome"]["ok"], tried["outcome"]["reason"]) == (False, "offline")
    assert "CurrentCarrierNetwork" in device.row()


def test_a_line_whose_next_device_does_not_get_through_waits_for_it(carrier, mdm, device):
    install(carrier, device)
    other = enrolled(carrier, mdm)
    carrier.add_fault("no-route-to-carrier", eid=other.eid)
    tried = device.user("transfer", to=other.eid)["outcome"]
    (moved,) = carrier.profiles(eid=other.eid)
    assert (tried["ok"], tried["reason"]) == (False, "server-unreachable")
    assert tried["fix"].endswith(f"It waits for {other.eid} as {moved.iccid}.")
    assert "CurrentCarrierNetwork" not in device.row()
    other.refresh()
    other.until("activation.active")
    assert other.row()["PhoneNumber"] == moved.msisdn


def test_a_profile_may_be_replaced_and_is_asked_for_once(device):
    assert device.restrict(allowESIMModification=False).ok
    assert device.restrict(allowESIMModification=True).ok
    assert device.user("add-esim")["blocked_by"] is None
    identifiers = [one["PayloadIdentifier"] for one in device.send("ProfileList").answer["ProfileList"]]
    assert identifiers.count("com.example.restrictions") == 1


def test_a_profile_that_is_none_is_refused_with_apples_code(device, mdm):
    for payload, code in ((b"nonsense", 4000), (configuration("x", ACCESS)[:-30], 4000)):
        result = device.answer(mdm.install_profile(device.udid, payload))
        assert (result.status, result.error_codes[0]) == ("Error", code)
    assert device.show().restrictions == {}
