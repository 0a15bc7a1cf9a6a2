"""What the members of carriers and plans change, over HTTP, while simulated devices download over TLS."""

import json
from datetime import timedelta

import pytest

from smdp.client import Client
from smdp.errors import ApiError
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import Outside, Phone, eid_of

EID = eid_of(80)


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


def refreshed(carrier, eid):
    return carrier.refresh(eid, carrier.esim_server_url)


# --- carriers


def test_order_hours_end_orders(carrier, eid):
    carrier.change_carrier(limits={"order_hours": 1})
    profile = carrier.issue(eid)
    assert profile.expires_at - profile.created_at == timedelta(hours=1)
    carrier.advance("61m")
    assert refreshed(carrier, eid).reason == "expired"
    assert carrier.profile(profile.iccid).state == "error"
    assert [event.iccid for event in carrier.events(type="profile.expired")] == [profile.iccid]


async def test_session_minutes_end_sessions(server, carrier):
    carrier.change_carrier(limits={"session_minutes": 5})
    carrier.issue(EID)
    async with Outside("") as http:
        door = http.at(f"{carrier.carrier}.smdp.localhost:{server.device_port}")
        phone = Phone(EID, door.address)
        started = (await door.ask("initiateAuthentication", phone.initiate())).members
        carrier.advance("6m")
        late = await door.ask("authenticateClient", phone.authenticate(started))
    assert late.code == "8.10.1/3.9"
    assert [session.outcome for session in carrier.sessions()] == ["expired"]


@pytest.mark.parametrize("code", ["8.1.1/3.8", "8.2.6/3.8", "8.2.5/4.3"])
def test_no_order_code_is_what_strangers_are_told(carrier, eid, code):
    carrier.change_carrier(no_order_code=code)
    outcome = refreshed(carrier, eid)
    assert (outcome.refused, outcome.reason) == (code, "nothing-ordered")


def test_where_discovery_is(server, carrier):
    assert carrier.show_carrier().sm_ds == f"smds.{carrier.carrier}.smdp.localhost:{server.device_port}"
    carrier.change_carrier(smds_hosts=["lpa.acme.test"])
    assert carrier.show_carrier().sm_ds == f"lpa.acme.test:{server.device_port}"


def test_mcc_and_mnc_begin_imsis(carrier):
    carrier.change_carrier(mcc="310", mnc="260")
    assert carrier.issue().imsi.startswith("310260")


def test_reuse_of_a_carrier_holds_for_its_plans_unless_they_say_otherwise(carrier, eid):
    carrier.change_carrier(reuse="always")
    carrier.create_plan("once", reuse="never")
    for plan, again in (("once", False), ("default", True)):
        iccid = carrier.issue(eid, plan=plan).iccid
        assert refreshed(carrier, eid).installed == iccid
        carrier.delete_esim(eid, iccid)
        assert refreshed(carrier, eid).ok is again, plan


# --- plans


def test_a_plan_says_what_a_device_shows_and_where_iccids_begin(carrier, eid):
    carrier.create_plan("gold", service_provider="Acme", profile_name="Gold", iccid_prefix="8944123")
    profile = carrier.issue(eid, plan="gold")
    assert profile.iccid.startswith("8944123")
    assert refreshed(carrier, eid).ok
    assert [(esim.iccid, esim.subscriber_network) for esim in carrier.device(eid).esims] == [(profile.iccid, "Acme")]


def test_policy_rules_keep_a_profile_from_being_disabled_and_deleted(carrier, eid):
    carrier.create_plan("kept", ppr=["ppr1", "ppr2"])
    iccid = carrier.issue(eid, plan="kept").iccid
    assert refreshed(carrier, eid).ok
    for change in (lambda: carrier.switch_esim(eid, iccid, "disable"), lambda: carrier.delete_esim(eid, iccid)):
        with pytest.raises(ApiError) as refused:
            change()
        assert refused.value.problem.status == 409
    assert carrier.device(eid).esims[0].state == "enabled"


@pytest.mark.parametrize(
    ("on", "at_once", "enabled_again"),
    [
        ("installed", "active", "active"), ("enabled", "active", "active"), ("manual", "inactive", "inactive"),
        ("attached", "active", "active"),
    ],
)  # fmt: skip
def test_what_starts_an_activation(carrier, eid, on, at_once, enabled_again):
    carrier.create_plan("gold", activation={"on": on})
    iccid = carrier.issue(eid, plan="gold").iccid
    assert refreshed(carrier, eid).ok
    assert carrier.profile(iccid).activation.state == at_once
    carrier.switch_esim(eid, iccid, "disable")
    carrier.switch_esim(eid, iccid, "enable")
    assert carrier.profile(iccid).activation.state == enabled_again


def test_delays_run_on_the_carriers_clock_and_a_plan_can_fail(carrier, eid):
    carrier.freeze()
    carrier.create_plan("gold", activation={"install_delay": "2m", "delay": "1m", "fail": "account-inactive"})
    iccid = carrier.issue(eid, plan="gold").iccid
    assert refreshed(carrier, eid).ok
    for step, state in (("119s", "inactive"), ("1s", "pending"), ("59s", "pending"), ("1s", "failed")):
        carrier.advance(step)
        assert carrier.profile(iccid).activation.state == state, step
    assert carrier.profile(iccid).activation.reason == "account-inactive"


@pytest.mark.parametrize("state", ["pending", "active", "failed", "suspended", "terminated"])
def test_a_forced_activation_is_an_event_with_its_reason(carrier, state):
    iccid = carrier.issue(EID).iccid
    forced = carrier.set_activation(iccid, state, "as a test wants")
    assert (forced.state, forced.reason) == (state, "as a test wants")
    (told,) = carrier.events(type=f"activation.{state}", iccid=iccid)
    assert told.data["reason"] == "as a test wants"
    assert carrier.profile(iccid).activation == forced


# --- paths

CROOKED = [
    "//gsma/rsp2/es9plus/{}",
    "/gsma/rsp2//es9plus/{}",
    "/gsma/rsp2/es9plus/{}/",
    "/esim//gsma/rsp2/es9plus/{}//",
]


@pytest.mark.parametrize("path", CROOKED)
@pytest.mark.parametrize("strict", [False, True])
async def test_crooked_paths_are_taken_as_meant_unless_the_carrier_is_strict(server, carrier, path, strict):
    carrier.change_carrier(strict_path=strict)
    carrier.issue(EID)
    async with Outside(f"{carrier.carrier}.smdp.localhost:{server.device_port}") as door:
        phone = Phone(EID, door.address)
        reply = await door.ask("initiateAuthentication", phone.initiate(), path=path)
        if strict:
            assert (reply.status, reply.reason) == (404, "path-not-exact")
            assert "eSIMServerURL" in json.loads(reply.body)["fix"]
            return
        met = await door.ask("authenticateClient", phone.authenticate(reply.members), path=path)
        got = await door.ask("getBoundProfilePackage", phone.prepare(met.members), path=path)
        assert (await door.ask("handleNotification", phone.install(got.members), path=path)).status == 204
    assert [profile.state for profile in carrier.profiles()] == ["installed"]


async def test_strict_carriers_take_exact_paths(server, carrier):
    carrier.change_carrier(strict_path=True)
    order = carrier.issue(EID)
    async with Outside(f"{carrier.carrier}.smdp.localhost:{server.device_port}") as door:
        assert (await Phone(EID, door.address).download(door)).status == 204
    assert carrier.profile(order.iccid).state == "installed"


@pytest.mark.parametrize("end", ["/", "/esim", "/esim/", "/e sim/%2F/?q#f"])
def test_a_device_is_told_a_url_with_a_path(carrier, eid, end):
    carrier.change_carrier(strict_path=True)
    order = carrier.issue(eid)
    url = carrier.esim_server_url + end
    refused = carrier.refresh(eid, url)
    assert (refused.ok, refused.reason) == (False, "path-not-exact")
    assert "eSIMServerURL" in refused.fix
    assert carrier.profile(order.iccid).state == "released"
    carrier.change_carrier(strict_path=False)
    assert carrier.refresh(eid, url).installed == order.iccid
