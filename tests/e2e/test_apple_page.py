"""What Apple's deployment page says of eSIMs, a test for each statement; docs/recipes/apple-page.md names them."""

import re

import pytest

from smdp.client import Client
from smdp.server import Server
from smdp.settings import Settings
from tests.managed import ManagedDevice, small_mdm, sparse


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
def device(carrier, mdm):
    device = ManagedDevice(carrier, mdm)
    device.enroll()
    return device


@pytest.fixture
def with_plan(carrier, device):
    """The device, with its plan on it and working."""
    carrier.issue(device.eid)
    device.refresh()
    device.until("activation.active")
    device.mark()
    return device


# --- the refresh


def test_the_mdm_reads_the_eid_that_the_carrier_needs(device):
    assert device.row()["EID"] == device.eid


def test_a_refresh_installs_the_plan_that_the_carrier_has_for_the_eid(carrier, device):
    profile = carrier.issue(device.eid)
    assert device.refresh().status == "Acknowledged"
    device.until("activation.active")
    assert device.row()["ICCID"].replace(" ", "") == profile.iccid
    assert carrier.profile(profile.iccid).consumed


def test_it_needs_no_supervision_and_no_access_right(carrier, mdm):
    device = ManagedDevice(carrier, mdm, supervised=False)
    device.enroll(access_rights=1)
    carrier.issue(device.eid)
    assert device.refresh().status == "Acknowledged"
    device.until("activation.active")


def test_install_and_activation_take_up_to_three_minutes(carrier, device):
    carrier.create_plan("apple", activation={"install_delay": "1m", "delay": "2m"})
    carrier.issue(device.eid, plan="apple")
    device.refresh()
    device.until("network.rejected")
    carrier.advance("179s")
    assert "CurrentCarrierNetwork" not in device.row()
    carrier.advance("1s")
    assert "CurrentCarrierNetwork" in device.row()


# --- if it does not work


def test_check_that_the_carrier_knows_the_eid(carrier, device):
    device.refresh()
    assert device.failed() == "nothing-ordered"
    assert device.why().fix == f"smdp profile issue {device.eid}"


def test_check_that_the_profile_was_not_used_before(carrier, device):
    carrier.apply_scenario("already-used", device.eid)
    device.refresh()
    assert device.failed() == "already-downloaded"
    assert device.why().profiles[0].consumed


def test_check_that_the_device_has_a_network_that_leads_to_the_carrier(carrier, device):
    profile = carrier.issue(device.eid)
    for fault, reason in (("offline", "offline"), ("no-route-to-carrier", "server-unreachable")):
        carrier.add_fault(fault, eid=device.eid)
        device.refresh()
        assert device.failed() == reason
    assert device.why().next == profile.iccid


def test_check_that_the_plan_is_activated(carrier, device):
    carrier.apply_scenario("account-inactive", device.eid)
    device.refresh()
    device.until("network.rejected")
    report = device.why()
    assert (report.reason, report.profiles[0].activation.reason) == ("activation-failed", "account-inactive")
    carrier.set_activation(report.profiles[0].iccid, "active")
    assert "CurrentCarrierNetwork" in device.row()


# --- restrictions


def test_allow_esim_modification_leaves_the_user_a_notice_and_the_mdm_its_way(carrier, device):
    profile = carrier.issue(device.eid)
    assert device.restrict(allowESIMModification=False).ok
    carrier.offer(profile.iccid)
    tried = device.user("add-esim")
    assert (tried["allowed"], tried["said"]) == (False, "blocked by allowESIMModification (profile restrictions)")
    assert tried["notice"] == "Mobile Plan is Ready to be Installed"
    assert sparse(device.row())
    assert device.refresh().ok
    device.until("activation.active")
    assert "ICCID" in device.row()
    assert not device.user("remove-esim")["allowed"]


def test_allow_esim_outgoing_transfers_keeps_the_line_on_the_device(carrier, with_plan, mdm):
    other = ManagedDevice(carrier, mdm)
    assert with_plan.restrict(allowESIMOutgoingTransfers=False).ok
    tried = with_plan.user("transfer", to=other.eid)
    assert (tried["allowed"], tried["blocked_by"]["key"]) == (False, "allowESIMOutgoingTransfers")
    assert "ICCID" in with_plan.row()
    assert other.show().esims == []


def test_force_preserve_esim_on_erase_keeps_the_plan(with_plan):
    assert with_plan.restrict(forcePreserveESIMOnErase=True).ok
    assert with_plan.user("erase", keep=False)["erased"]["kept"]
    with_plan.enroll()
    assert "ICCID" in with_plan.row()


def test_force_preserve_esim_on_erase_does_not_when_find_my_erases(with_plan):
    assert with_plan.restrict(forcePreserveESIMOnErase=True).ok
    assert not with_plan.erase("find-my")["kept"]
    with_plan.enroll()
    assert sparse(with_plan.row())


# --- resetting a device


def test_an_erase_that_preserves_the_plan(with_plan, mdm):
    before = with_plan.row()
    assert with_plan.answer(mdm.erase(with_plan.udid, preserve_data_plan=True)).ok
    with_plan.until("erase.kept")
    with_plan.enroll()
    assert with_plan.row() == before


def test_an_erase_that_does_not_preserve_the_plan(carrier, with_plan, mdm):
    assert with_plan.answer(mdm.erase(with_plan.udid)).ok
    removed = with_plan.until("erase.removed")
    with_plan.enroll()
    assert sparse(with_plan.row())
    again = carrier.reissue(removed.data["iccids"][0])
    with_plan.refresh()
    with_plan.until("activation.active")
    assert with_plan.row()["PhoneNumber"] == again.msisdn


@pytest.mark.parametrize(("keep", "kept"), [(True, True), (False, False)])
def test_the_user_is_asked_when_erasing_in_settings(with_plan, keep, kept):
    assert with_plan.user("erase", keep=keep)["erased"]["kept"] is kept
    assert bool(with_plan.show().esims) is kept


@pytest.mark.parametrize("by", ["recovery", "configurator", "dfu"])
def test_a_restore_leaves_the_plan(with_plan, by):
    assert with_plan.erase(by)["kept"]
    assert [esim.state for esim in with_plan.show().esims] == ["enabled"]


# --- the page


def test_the_page_names_every_test_and_no_other(root, request):
    named = re.findall(r"`(test_\w+)`", (root / "docs" / "recipes" / "apple-page.md").read_text("utf-8"))
    tests = [name for name in vars(request.module) if name.startswith("test_") and not name.startswith("test_the_page")]
    assert named == tests
