"""Scenarios over HTTP: each applied to a device, and asserted as its own file says."""

from dataclasses import replace

import pytest

from smdp.carrier.scenarios import mistyped, recipes
from smdp.client import Client
from smdp.client.transport import Transport
from smdp.errors import ApiError, NotReached, StartError
from smdp.server import Server
from smdp.settings import Settings

OTHER = "89049032123451234512345678901235"


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier()


@pytest.fixture
def eid(carrier):
    return carrier.create_device().eid


@pytest.fixture
def refresh(carrier, eid):
    return lambda: carrier.refresh(eid, carrier.esim_server_url)


@pytest.mark.parametrize("name", recipes())
def test_a_refresh_ends_as_the_scenario_says_and_twice_applied_too(carrier, eid, refresh, name):
    applied = carrier.apply_scenario(name, eid)
    assert applied == carrier.scenario(name)
    outcome = refresh()
    assert (outcome.ok, outcome.reason) == (applied.reason is None, applied.reason)
    other = carrier.create_device().eid
    assert carrier.apply_scenario(name, other).name == name


def test_not_released_yet(carrier, eid, refresh):
    carrier.apply_scenario("not-released-yet", eid)
    refresh()
    carrier.release(carrier.profiles(eid=eid)[0].iccid)
    assert carrier.activation(refresh().installed).state == "active"


def test_already_used(carrier, eid):
    carrier.apply_scenario("already-used", eid)
    profile = carrier.profiles(eid=eid)[0]
    assert (profile.state, profile.consumed) == ("installed", True)
    assert carrier.why(eid).reason == "already-downloaded"


def test_eid_mistyped(carrier, eid):
    carrier.apply_scenario("eid-mistyped", eid)
    nearest = carrier.why(eid).nearest
    assert (nearest.eid, nearest.valid) == (mistyped(eid), False)
    assert len(nearest.differs_at) == 2


def test_two_plans(carrier, eid, refresh):
    carrier.apply_scenario("two-plans", eid)
    assert len({refresh().installed, refresh().installed} - {None}) == 2
    assert refresh().reason == "already-downloaded"


def test_slow_carrier(carrier, eid, refresh):
    carrier.apply_scenario("slow-carrier", eid)
    iccid = refresh().installed
    assert carrier.activation(iccid).state == "pending"
    carrier.advance("4m")
    assert carrier.activation(iccid).state == "active"


@pytest.mark.parametrize(
    ("name", "reason"), [("activation-fails", "network-rejected"), ("account-inactive", "account-inactive")]
)
def test_a_plan_that_never_works(carrier, eid, refresh, name, reason):
    carrier.apply_scenario(name, eid)
    iccid = refresh().installed
    assert carrier.activation(iccid).reason == reason
    with pytest.raises(NotReached, match=reason):
        carrier.wait("activation.active", after=0, eid=eid)
    carrier.set_activation(iccid, "active")
    assert carrier.why(eid).profiles[0].activation.state == "active"


def test_notification_lost(carrier, eid, refresh):
    carrier.apply_scenario("notification-lost", eid)
    profile = carrier.profile(refresh().installed)
    assert (profile.state, profile.activation.state) == ("downloaded", "inactive")


def test_confirmation_code(carrier, eid, refresh):
    carrier.apply_scenario("confirmation-code", eid)
    refresh()
    code = carrier.profiles(eid=eid)[0].activation_code
    assert carrier.download(eid, code, confirmation_code="4931").ok


def test_order_expired(carrier, eid):
    carrier.apply_scenario("order-expired", eid)
    (expired,) = carrier.events(type="profile.expired")
    (moved,) = carrier.events(type="clock.moved")
    assert (moved.at - expired.at).total_seconds() == pytest.approx(3600, abs=5)


def test_download_interrupted(carrier, eid, refresh):
    carrier.apply_scenario("download-interrupted", eid)
    refresh()
    assert refresh().reason == "already-downloaded"


@pytest.mark.parametrize("name", ["device-offline", "no-route-to-carrier", "tls-not-trusted"])
def test_nobody_gets_through(carrier, eid, refresh, name):
    carrier.apply_scenario(name, eid)
    assert not refresh().ok
    assert carrier.sessions() == []
    carrier.clear_faults()
    assert refresh().ok


def test_conformance(carrier, eid, refresh):
    carrier.apply_scenario("conformance", eid)
    carrier.add_fault("eof", step="getBoundProfilePackage", times=3)
    assert refresh().reason == "answer-cut"
    assert refresh().ok


def test_all_or_nothing(carrier, eid, monkeypatch):
    broken = {**recipes(), "broken": recipes()["two-plans"].__class__(
        title="", happens="", mdm="", check="", profiles=[{"eid": "{eid}"}], faults=[{"do": "no-such"}]
    )}  # fmt: skip
    monkeypatch.setattr("smdp.carrier.scenarios.recipes", lambda: broken)
    with pytest.raises(ApiError, match="no fault 'no-such'"):
        carrier.apply_scenario("broken", eid)
    assert carrier.profiles() == []


def test_what_is_no_scenario(carrier, eid):
    for act in (carrier.scenario, lambda name: carrier.apply_scenario(name, eid)):
        with pytest.raises(ApiError, match="Did you mean two-plans") as refused:
            act("two-plan")
        assert refused.value.status == 404
    send = Transport(carrier.url, None, 10).call
    path = f"/api/v1/carriers/{carrier.carrier}/scenarios/two-plans/apply"
    for body, sentence in (
        ({}, "lacks eid"),
        ({"eid": 5}, "lacks eid"),
        ({"eid": "89"}, "32 decimal"),
        ({"ied": ""}, "eid"),
    ):
        with pytest.raises(ApiError, match=sentence) as refused:
            send("POST", path, body, into=dict)
        assert refused.value.status == 422
    assert carrier.profiles() == []


def test_an_eid_of_equal_digits_is_mistyped_too():
    assert mistyped("0" * 32) == "1" + "0" * 31
    assert mistyped("89049032000000000000000000000046") == "89049030200000000000000000000046"


def test_a_server_begins_in_a_scenario_once(tmp_path):
    settings = Settings(
        port=0,
        control_port=0,
        log_level="error",
        database=f"sqlite:///{tmp_path}/smdp.db",
        scenario="no-such-thing",
    )
    with pytest.raises(StartError, match="no scenario 'no-such-thing'"), Server(settings):
        pass
    settings = replace(settings, scenario="already-used")
    for _ in range(2):
        with Server(settings) as server:
            client = Client(server.control_url)
            (device,) = client.devices()
            assert client.refresh(device.eid, server.device_url("default")).reason == "already-downloaded"


# --- scenarios in which something happens to the device


def test_user_restricted(carrier, eid, refresh):
    carrier.apply_scenario("user-restricted", eid)
    device = carrier.device(eid)
    assert device.restrictions == {"allowESIMModification": False}
    assert device.notices == ["Mobile Plan is Ready to be Installed"]
    assert [event.type for event in carrier.events()][-2:] == ["profile.offered", "user.notice"]
    assert refresh().ok


def test_wiped_keeping_plan(carrier, eid):
    carrier.apply_scenario("wiped-keeping-plan", eid)
    (profile,) = carrier.profiles(eid=eid)
    assert (profile.state, profile.runtime, profile.activation.state) == ("installed", "enabled", "active")
    assert [esim.iccid for esim in carrier.device(eid).esims] == [profile.iccid]
    (erased,) = carrier.events(type="erase.kept")
    assert (erased.eid, erased.data["iccids"]) == (eid, [profile.iccid])


def test_wiped_without_preserve_and_the_plan_comes_back(carrier, eid, refresh):
    carrier.apply_scenario("wiped-without-preserve", eid)
    (profile,) = carrier.profiles(eid=eid)
    assert (profile.state, profile.runtime, carrier.device(eid).esims) == ("installed", "deleted", [])
    (erased,) = carrier.events(type="erase.removed")
    assert (erased.data["by"], erased.data["iccids"]) == ("command", [profile.iccid])
    again = carrier.reissue(profile.iccid)
    assert again.msisdn == profile.msisdn
    assert refresh().installed == again.iccid


def test_retired_device(carrier, eid):
    carrier.apply_scenario("retired-device", eid)
    (profile,) = carrier.profiles(eid=eid)
    assert (profile.runtime, profile.activation.state, profile.activation.reason) == (
        "deleted",
        "terminated",
        "retired",
    )
    assert carrier.device(eid).esims == []


def test_transferred(carrier, eid):
    carrier.apply_scenario("transferred", eid)
    (other,) = [device for device in carrier.devices() if device.eid != eid]
    old, new = carrier.profiles(eid=eid)[0], carrier.profiles(eid=other.eid)[0]
    assert (old.msisdn, old.activation.state, new.activation.state) == (new.msisdn, "terminated", "active")
    assert (carrier.device(eid).esims, [esim.iccid for esim in other.esims]) == ([], [new.iccid])


def test_queue_limit(carrier, eid, refresh):
    carrier.apply_scenario("queue-limit", eid)
    assert not refresh().ok
    assert refresh().ok


def test_euicc_full(carrier, eid, refresh):
    carrier.apply_scenario("euicc-full", eid)
    assert not refresh().ok
    carrier.reissue(carrier.profiles(eid=eid)[0].iccid)
    assert refresh().ok


def test_trailing_slash(carrier, eid, refresh):
    carrier.apply_scenario("trailing-slash", eid)
    assert carrier.refresh(eid, carrier.esim_server_url + "/").reason == "path-not-exact"
    assert refresh().ok


def test_a_device_of_somebody_elses_is_left_to_them(carrier, eid):
    applied = carrier.apply_scenario("user-restricted", OTHER)
    assert applied.left == (
        "This server hosts no device with this EID. Left to do on yours: "
        "install a profile with allowESIMModification false, then show the carrier's offer."
    )
    assert carrier.profiles(eid=OTHER)[0].state == "released"
    assert carrier.apply_scenario("already-used", OTHER).left == ""
    wiped = carrier.apply_scenario("wiped-keeping-plan", OTHER).left
    assert "download the plan, then send EraseDevice with PreserveDataPlan" in wiped


def test_a_device_that_can_not_take_part_leaves_the_carrier_as_it_was(server, carrier, eid):
    carrier.change_device(eid, online=False)
    elsewhere = Client(server.control_url).create_carrier().create_device().eid
    for one, reason in ((eid, "device-offline"), (elsewhere, "device-elsewhere")):
        with pytest.raises(ApiError) as refused:
            carrier.apply_scenario("wiped-keeping-plan", one)
        assert (refused.value.status, refused.value.problem.reason) == (409, reason)
    assert carrier.profiles() == []


def test_a_device_whose_half_fails_says_so(carrier, eid):
    carrier.add_fault("no-memory", eid=eid)
    with pytest.raises(ApiError, match="The carrier's half of the scenario is done") as refused:
        carrier.apply_scenario("wiped-keeping-plan", eid)
    assert (refused.value.status, refused.value.problem.reason) == (409, "no-memory")


def test_a_server_begins_with_a_device_that_was_wiped():
    settings = Settings(port=0, control_port=0, log_level="error", scenario="wiped-keeping-plan")
    with Server(settings) as server:
        (device,) = Client(server.control_url).devices()
        assert [esim.state for esim in device.esims] == ["enabled"]


@pytest.mark.smdp(scenario="wiped-without-preserve")
def test_the_marker_does_the_devices_half_too(smdp_carrier, smdp_device):
    assert smdp_device.esims == []
    assert smdp_device.refresh().reason == "already-downloaded"
    assert smdp_carrier.events(type="erase.removed", eid=smdp_device.eid)
