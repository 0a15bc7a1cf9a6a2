"""Every way to erase a device, each through its own verb, and what becomes of eSIM, line and plan."""

import pytest

from smdp.client import Client
from smdp.demo.mdm import Enrolment
from smdp.device.apple.erase import ROWS
from smdp.server import Server
from smdp.settings import Settings
from tests.http.calls import refused
from tests.managed import ManagedDevice, small_mdm, sparse

POLICY = "com.apple.mobiledevice.passwordpolicy"


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture(scope="module")
def mdm():
    with small_mdm() as running:
        yield running


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier()


@pytest.fixture
def with_plan(carrier, mdm):
    """Make an enrolled device whose plan works."""

    def with_plan(*, ade=False, **options):
        device = ManagedDevice(carrier, mdm, **options)
        device.enroll(ade=ade)
        carrier.issue(device.eid)
        device.refresh()
        device.until("activation.active")
        device.mark()
        return device

    return with_plan


def erase(device, trigger, *, preserve):
    """Erase a device in one of the ways; what the answer says of it, None where only the MDM was answered."""
    if trigger == "command":
        assert device.answer(device.mdm.erase(device.udid, preserve_data_plan=preserve)).ok
        return None
    if trigger == "settings":
        return device.user("erase", keep=preserve)["erased"]
    if trigger == "wrong-passcode":
        assert device.restrict("com.example.policy", POLICY, maxFailedAttempts=3).ok
        return device.user("wrong-passcode", times=3)["erased"]
    desk = device.mdm.mdm.desk
    desk.return_to_service = {"PreserveDataPlan": preserve, "ReturnToService": {"Enabled": False}}
    return device.erase(trigger)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.trigger} {row.preserve} {row.forced}")
def test_each_row_of_the_table(carrier, with_plan, row):
    device = with_plan(ade=row.trigger == "return-to-service", os="26.4")
    (esim,) = device.show().esims
    if row.forced:
        assert device.restrict(forcePreserveESIMOnErase=True).ok
    done = erase(device, row.trigger, preserve=row.preserve)
    event = device.until("erase.kept" if row.kept else "erase.removed")
    said = {"by": row.trigger, "because": row.because, "evidence": row.evidence, "iccids": [esim.iccid]}
    assert event.data == said
    if done is not None:
        assert {name: done[name] for name in said} == said
        assert (done["kept"], done["enrolled"]) == (row.kept, False)
        assert ("smdp profile reissue" in done["then"]) is not row.kept
    shown = device.show()
    assert (shown.enrollment, shown.restrictions) == (None, {})
    assert [one.iccid for one in shown.esims] == ([esim.iccid] if row.kept else [])
    check_line(carrier, device, esim.iccid, kept=row.kept)


def check_line(carrier, device, iccid, *, kept):
    """At the carrier the profile is used up either way; a line that was kept works, a plan that was not is reissued."""
    profile = carrier.profile(iccid)
    assert (profile.state, profile.runtime, profile.activation.state) == (
        "installed",
        "enabled" if kept else "deleted",
        "active",
    )
    assert ("profile.deleted" in device.told("profile")) is not kept
    device.enroll()
    assert sparse(device.row()) is not kept
    device.refresh()
    assert device.failed() == "already-downloaded"
    if not kept:
        again = carrier.reissue(iccid)
        device.refresh()
        device.until("activation.active")
        assert device.row()["PhoneNumber"] == again.msisdn == profile.msisdn


def test_every_row_that_is_inferred_says_so():
    assert {(row.trigger, row.forced) for row in ROWS if row.evidence == "inferred"} == {
        ("command", True),
        ("return-to-service", True),
    }


def test_settings_do_not_offer_it_where_it_is_forbidden(with_plan):
    device = with_plan()
    device.restrict(allowEraseContentAndSettings=False)
    tried = device.user("erase", keep=True)
    assert (tried["allowed"], tried["erased"], tried["outcome"]) == (False, None, None)
    assert tried["said"] == "blocked by allowEraseContentAndSettings (profile restrictions)"
    assert device.show().enrollment is not None
    assert "ICCID" in device.row()


# --- wrong passcodes


def test_wrong_passcodes_up_to_the_maximum(with_plan):
    device = with_plan()
    device.restrict("com.example.policy", POLICY, maxFailedAttempts=6)
    tried = [device.user("wrong-passcode") for _ in range(6)]
    assert [one["delay_seconds"] for one in tried] == [0, 0, 0, 0, 60, 0]
    assert [bool(one["erased"]) for one in tried] == [False] * 5 + [True]
    assert device.show().enrollment is None


def test_without_a_policy_nothing_is_erased_and_the_wait_grows(with_plan):
    device = with_plan()
    tried = device.user("wrong-passcode", times=100)
    assert (tried["allowed"], tried["erased"], tried["delay_seconds"]) == (True, None, 3600)
    assert device.show().enrollment is not None


def test_clearing_the_passcode_takes_it_away(with_plan, mdm):
    device = with_plan()
    token = mdm.devices[device.udid].unlock_token
    assert device.send("ClearPasscode", UnlockToken=token).ok
    tried = device.user("wrong-passcode")
    assert (tried["allowed"], tried["because"]) == (False, "The device has no passcode.")


# --- returning to service


def back(mdm, **options):
    return {"Enabled": True, "WiFiProfileData": b"<plist/>", "MDMProfileData": mdm.profile(Enrolment())} | options


@pytest.mark.parametrize("preserve", [True, False])
def test_a_device_that_is_erased_comes_back_by_itself(with_plan, mdm, preserve):
    device = with_plan()
    device.restrict(allowESIMModification=False)
    command = mdm.erase(device.udid, preserve_data_plan=preserve, return_to_service=back(mdm))
    assert device.answer(command).ok
    assert device.until("mdm.enrolled").data["kind"] == "device"
    assert device.show().enrollment["kind"] == "device"
    assert sparse(device.row()) is not preserve
    assert device.show().restrictions == {}


def test_a_device_of_ade_needs_no_profile_to_come_back(with_plan, mdm):
    device = with_plan(ade=True)
    command = mdm.erase(device.udid, return_to_service={"Enabled": True, "WiFiProfileData": b"<plist/>"})
    assert device.answer(command).ok
    assert device.until("mdm.enrolled").data["kind"] == "ade"
    assert device.show().enrollment["awaiting_configuration"]
    assert mdm.devices[device.udid].awaiting_configuration
    assert device.send("DeviceConfigured").ok
    assert not device.show().enrollment["awaiting_configuration"]


def test_a_device_without_a_network_waits(with_plan, mdm):
    device = with_plan(ade=True)
    command = mdm.erase(device.udid, preserve_data_plan=True, return_to_service={"Enabled": True})
    assert device.answer(command).ok
    device.until("erase.kept")
    assert device.show().enrollment is None, "before iOS 27 a plan that was kept is no network to enrol by"


def test_a_device_whose_profile_to_come_back_with_is_no_good_says_so(with_plan, mdm):
    device = with_plan()
    command = mdm.erase(device.udid, return_to_service=back(mdm, MDMProfileData=b"nonsense"))
    assert device.answer(command).ok
    assert device.until("mdm.error").data["reason"] == "profile-unreadable"
    assert (device.show().enrollment, device.show().esims) == (None, [])


@pytest.mark.parametrize("preserve", [True, False])
def test_the_check_in_of_a_return_to_service(with_plan, mdm, preserve):
    device = with_plan(ade=True, os="26.4")
    answer = {"Enabled": True, "WiFiProfileData": b"<plist/>"}
    mdm.mdm.desk.return_to_service = {"PreserveDataPlan": preserve, "ReturnToService": answer}
    done = device.erase("return-to-service")
    assert (done["kept"], done["enrolled"]) == (preserve, True)
    assert sparse(device.row()) is not preserve


def test_before_ios_26_4_the_check_in_keeps_nothing(with_plan, mdm):
    device = with_plan(ade=True, os="26.1")
    mdm.mdm.desk.return_to_service = {"PreserveDataPlan": True, "ReturnToService": {"Enabled": False}}
    assert not device.erase("return-to-service")["kept"]


@pytest.mark.parametrize(
    ("options", "ade", "because"),
    [
        ({"os": "18.1"}, True, "came with iOS 26.0"),
        ({"os": "26.4"}, False, "Automated Device Enrollment"),
        ({"os": "26.4", "supervised": False}, True, "supervised"),
    ],
)
def test_who_sends_no_such_check_in(with_plan, options, ade, because):
    device = with_plan(ade=ade, **options)
    problem = refused(device.erase, "return-to-service")
    assert (problem.status, problem.reason) == (409, "no-return-to-service")
    assert because in problem.because
    assert problem.because[0].isupper()
    assert device.show().enrollment is not None


def test_a_return_to_service_that_the_mdm_answers_badly_erases_nothing(with_plan, mdm):
    device = with_plan(ade=True, os="26.4")
    mdm.mdm.desk.return_to_service = {"ReturnToService": {"Enabled": "yes"}}
    problem = refused(device.erase, "return-to-service")
    assert (problem.status, problem.reason) in {(424, "answer-malformed"), (409, "no-return-to-service")}
    assert device.show().enrollment is not None
    assert device.told("erase") == []


def test_a_return_to_service_without_an_mdm_to_ask_erases_nothing(carrier):
    with small_mdm() as mdm:
        device = ManagedDevice(carrier, mdm, os="26.4")
        device.enroll(ade=True)
    problem = refused(device.erase, "return-to-service")
    assert (problem.status, problem.reason) == (424, "mdm-unreachable")
    assert device.show().enrollment is not None
