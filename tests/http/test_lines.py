"""What happens to a customer's line: reissued, offered, bound to a phone, activated late or not at all."""

import pytest

from smdp.client import Client
from smdp.errors import NotReached
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import eid_of
from tests.http.calls import refused

EID = eid_of(100)
NOTICE = "Mobile Plan is Ready to be Installed"


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture
def carrier(server):
    client = Client(server.control_url).create_carrier()
    client.set_clock("2026-12-01T00:00Z")
    client.freeze()
    return client


def types(client, after=0):
    return [event.type for event in client.events(after=after)]


def installed(client, plan="default", **order):
    """Have a device with a profile of a plan on it."""
    device = client.create_device()
    profile = client.issue(device.eid, plan=plan, **order)
    assert client.refresh(device.eid, client.esim_server_url).ok
    return client.profile(profile.iccid)


# --- reissue


def test_a_profile_is_reissued_with_its_number(carrier):
    carrier.create_plan("gold")
    old = installed(carrier, "gold")
    last = carrier.events()[-1].id
    new = carrier.reissue(old.iccid)
    assert (new.eid, new.plan, new.msisdn, new.state) == (old.eid, "gold", old.msisdn, "released")
    assert not {new.iccid, new.imsi, new.matching_id} & {old.iccid, old.imsi, old.matching_id}
    ended = carrier.profile(old.iccid)
    assert (ended.state, ended.activation.state, ended.activation.reason) == ("unavailable", "terminated", "reissued")
    assert types(carrier, last) == ["profile.revoked", "activation.terminated", "profile.issued", "network.rejected"]
    assert carrier.events(after=last)[-2].data["replaces"] == old.iccid
    assert carrier.refresh(old.eid, carrier.esim_server_url).installed == new.iccid
    assert carrier.profile(new.iccid).activation.state == "active"


def test_a_line_that_never_worked_is_terminated_too(carrier):
    old = carrier.issue(EID, confirmation_code="4931", imei="353094184645589")
    new = carrier.reissue(old.iccid)
    assert carrier.profile(old.iccid).activation.state == "terminated"
    assert (new.confirmation_code_required, new.imei) == (True, "353094184645589")


def test_a_line_moves_to_the_next_device(carrier):
    old = installed(carrier, imei=None)
    new = carrier.reissue(old.iccid, eid=EID)
    assert (new.eid, new.imei, new.msisdn) == (EID, None, old.msisdn)
    assert carrier.why(old.eid).reason != "ready"
    assert carrier.why(EID).next == new.iccid


def test_what_cannot_be_reissued_says_why(carrier):
    old = carrier.issue(EID)
    carrier.reissue(old.iccid)
    again = refused(carrier.reissue, old.iccid)
    assert (again.status, again.reason) == (409, "state-forbids")
    assert refused(carrier.reissue, "8900101000000009999").status == 404
    fresh = carrier.profiles()[-1]
    assert refused(carrier.reissue, fresh.iccid, eid="12").reason == "eid-invalid"
    assert carrier.profile(fresh.iccid).state == "released"


# --- offer


def test_a_hosted_device_shows_what_is_offered(carrier):
    device = carrier.create_device()
    profile = carrier.issue(device.eid)
    last = carrier.events()[-1].id
    assert carrier.offer(profile.iccid).state == "released"
    assert carrier.device(device.eid).notices == [NOTICE]
    assert types(carrier, last) == ["profile.offered", "user.notice"]
    assert {event.data["text"] for event in carrier.events(after=last)} == {NOTICE}


def test_a_device_elsewhere_or_offline_is_offered_it_all_the_same(carrier):
    profile = carrier.issue(EID)
    last = carrier.events()[-1].id
    carrier.offer(profile.iccid)
    device = carrier.create_device(online=False)
    carrier.offer(carrier.issue(device.eid).iccid)
    assert carrier.device(device.eid).notices == []
    assert [kind for kind in types(carrier, last) if kind != "profile.issued"] == ["profile.offered"] * 2


def test_only_what_somebody_can_download_is_offered(carrier):
    nobody = refused(carrier.offer, carrier.issue().iccid)
    assert (nobody.status, nobody.reason) == (409, "eid-missing")
    held = refused(carrier.offer, carrier.issue(EID, hold=True).iccid)
    assert (held.reason, held.fix) == ("state-forbids", "Release it: smdp profile release.")
    assert refused(carrier.offer, installed(carrier).iccid).fix == "Issue another one."


# --- IMEI, delays, reasons


def test_an_order_that_is_bound_to_a_phone_is_for_that_phone(carrier):
    right, wrong = carrier.create_device(imei="353094184645589"), carrier.create_device()
    imei = "".join(right.imei.split())
    for device in (wrong, right):
        carrier.issue(device.eid, imei=imei)
    outcome = carrier.refresh(wrong.eid, carrier.esim_server_url)
    assert (outcome.ok, outcome.reason) == (False, "imei-mismatch")
    assert carrier.refresh(right.eid, carrier.esim_server_url).ok


def test_the_delays_of_a_plan_run_on_the_carriers_clock(carrier):
    carrier.create_plan("slow", activation={"install_delay": "2m", "delay": "1m"})
    profile = installed(carrier, "slow")
    seen = [profile.activation.state]
    for step in ("119s", "1s", "59s", "1s"):
        carrier.advance(step)
        seen.append(carrier.activation(profile.iccid).state)
    assert seen == ["inactive", "inactive", "pending", "pending", "active"]
    moments = [carrier.events(type=f"activation.{state}")[0].at for state in ("pending", "active")]
    assert (moments[1] - moments[0]).total_seconds() == 60


@pytest.mark.parametrize("reason", ["account-inactive", "plan-not-provisioned", "network-rejected", "no stamps left"])
def test_an_activation_fails_for_a_reason(carrier, smdp_process, reason):
    carrier.create_plan("broken", activation={"fail": reason})
    profile = installed(carrier, "broken")
    assert (profile.activation.state, profile.activation.reason) == ("failed", reason)
    assert carrier.events(type="activation.failed")[0].data["reason"] == reason
    with pytest.raises(NotReached):
        carrier.wait("activation.active", eid=profile.eid, after=0, within="10s")
    told = smdp_process("profile", "wait", profile.iccid, "active")
    assert (told.returncode, f"({reason})" in told.stderr) == (1, True)
    assert reason in smdp_process("profile", "show", profile.iccid).stdout


@pytest.fixture
def smdp_process(carrier):
    """Run a command about the carrier as a process of its own."""
    import os
    import subprocess
    import sys

    environment = os.environ | {"SMDP_URL": carrier.url, "SMDP_CARRIER": carrier.carrier}

    def run(*words):
        command = [sys.executable, "-m", "smdp", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)

    return run


def test_an_activation_is_forced_with_a_reason(carrier):
    profile = installed(carrier)
    for state, reason in (("suspended", "bill unpaid"), ("active", None), ("terminated", "number ported")):
        told = carrier.set_activation(profile.iccid, state, reason)
        assert (told.state, told.reason) == (state, reason)
    again = refused(carrier.set_activation, profile.iccid, "active")
    assert (again.status, again.reason) == (409, "activation-terminated")
