"""Hosted devices and their MDM over REST: each verb as it is meant, and everything that is wrong with asking."""

import base64
import plistlib

import pytest

from smdp.client import Client
from smdp.demo.mdm import Enrolment
from smdp.server import Server
from smdp.settings import Settings
from tests.http.calls import refused
from tests.managed import ManagedDevice, no_answer, small_mdm, sparse

OTHER = "89049032123451234512345678901235"


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
    return ManagedDevice(carrier, mdm)


def written(data):
    return base64.b64encode(data).decode()


# --- enrolling


@pytest.mark.parametrize(
    "query", ["", "?signed=1", "?identity=pkcs12", "?identity=pkcs12&sign_message=0", "?sign_message=0&rights=8191"]
)
def test_enrolling_by_url(device, mdm, query):
    answer = device.call("enroll", {"url": mdm.enroll_url + query, "mdm_ca": mdm.ca})
    assert answer["enrollment"] == {
        "kind": "device",
        "server_url": f"{mdm.url}/mdm",
        "topic": "com.apple.mgmt.External.smdp-small-mdm",
        "access_rights": 8191,
        "organization": "Small MDM of smdp",
        "profile_identifier": "test.smdp.small-mdm",
        "awaiting_configuration": False,
    }
    assert device.show().enrollment == answer["enrollment"]
    assert mdm.enrolled(device.udid, 0).about["SerialNumber"] == answer["serial"]
    assert "ServiceSubscriptions" in device.send("DeviceInformation", Queries=["ServiceSubscriptions"]).answer[
        "QueryResponses"
    ]  # fmt: skip


@pytest.mark.parametrize("signed", [False, True])
def test_enrolling_with_a_file(device, carrier, mdm, signed):
    device.call("enroll", {"profile": written(mdm.profile(Enrolment(signed=signed)))})
    (event,) = carrier.events(type="mdm.enrolled")
    assert (event.eid, event.data["kind"], event.data["server"]) == (
        device.eid,
        "device",
        mdm.url.removeprefix("https://"),
    )
    assert bool(event.data["notes"]) is signed, "nobody vouches for the signer"


@pytest.mark.parametrize(("wanted", "ade", "kind"), [({}, True, "ade"), ({"user_enrollment": True}, False, "user")])
def test_the_kinds_of_enrolment(device, wanted, ade, kind):
    enrollment = device.enroll(ade=ade, **wanted)["enrollment"]
    assert (enrollment["kind"], enrollment["awaiting_configuration"]) == (kind, ade)
    assert device.poll()["problem"] is None


def test_a_device_has_one_mdm(device, mdm):
    device.enroll()
    problem = refused(device.enroll)
    assert (problem.status, problem.reason) == (409, "already-enrolled")
    assert mdm.url.removeprefix("https://") in problem.because


def test_an_offline_device_does_not_enrol(device, carrier):
    carrier.change_device(device.eid, online=False)
    problem = refused(device.enroll)
    assert (problem.status, problem.reason) == (409, "device-offline")
    assert device.show().enrollment is None


def test_an_mdm_that_is_not_trusted(device, mdm):
    problem = refused(device.call, "enroll", {"url": mdm.enroll_url})
    assert (problem.status, problem.reason) == (424, "tls-untrusted")
    assert "--mdm-ca" in problem.fix
    assert device.show().enrollment is None
    assert device.told() == []


def test_a_url_that_gives_no_profile(device, mdm):
    problem = refused(device.call, "enroll", {"url": f"{mdm.url}/nothing", "mdm_ca": mdm.ca})
    assert (problem.status, problem.reason) == (424, "http-status")


def test_the_mdm_is_away(carrier):
    with small_mdm() as mdm:
        device = ManagedDevice(carrier, mdm)
        url, ca, profile = mdm.enroll_url, mdm.ca, mdm.profile()
    for body in ({"url": url, "mdm_ca": ca}, {"profile": written(profile)}):
        problem = refused(device.call, "enroll", body)
        assert (problem.status, problem.reason) == (424, "mdm-unreachable")
    assert device.show().enrollment is None


def test_a_wrong_scep_challenge(device, mdm):
    profile = mdm.profile().replace(mdm.mdm.challenge.encode(), b"guess")
    problem = refused(device.call, "enroll", {"profile": written(profile)})
    assert (problem.status, problem.reason) == (424, "scep-refused")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "exactly one of url and profile"),
        ({"url": "https://x", "profile": "AAAA"}, "exactly one of url and profile"),
        ({"profile": "no base64!"}, "no base64"),
        ({"profile": "AAAA\n"}, "no base64"),
        ({"profile": "€"}, "no base64"),
        ({"profile": 5}, "profile"),
        ({"url": 5}, "url"),
        ({"url": "https://x", "ade": "yes"}, "ade"),
        ({"url": "https://x", "ca": "…"}, "no member 'ca'"),
        ([], "object"),
    ],
)
def test_requests_to_enrol_that_make_no_sense(device, body, sentence):
    problem = refused(device.call, "enroll", body)
    assert (problem.status in (400, 422), sentence in problem.because) == (True, True), problem


# --- leaving


def test_leaving_tells_the_mdm_and_takes_its_profiles_away(device, mdm):
    device.enroll()
    device.restrict(allowESIMModification=False)
    carrier = device.carrier
    carrier.unenroll_device(device.eid)
    assert not mdm.devices[device.udid].enrolled
    assert (device.show().enrollment, device.show().restrictions) == (None, {})
    problem = refused(device.call, "poll", {})
    assert (problem.status, problem.reason) == (409, "not-enrolled")
    device.enroll()
    assert device.poll()["problem"] is None


def leave(device):
    device.carrier.unenroll_device(device.eid)


def test_leaving_an_mdm_that_is_away(carrier):
    with small_mdm() as mdm:
        device = ManagedDevice(carrier, mdm)
        device.enroll()
    leave(device)
    assert device.show().enrollment is None
    assert device.told("mdm")[-1] == "mdm.error"


def test_leaving_without_a_network(carrier, device, mdm):
    device.enroll()
    carrier.change_device(device.eid, online=False)
    leave(device)
    assert device.show().enrollment is None
    assert mdm.devices[device.udid].enrolled, "nobody could tell it"


def test_leaving_what_is_not_there(device):
    problem = refused(leave, device)
    assert (problem.status, problem.reason) == (409, "not-enrolled")
    assert "Enrol it" in problem.fix


# --- polling


def test_nothing_to_do(device):
    device.enroll()
    assert device.poll() == {"answered": [], "not_now": False, "ended": False, "enrolled": True, "problem": None}


def test_many_commands_are_answered_in_one_go(device, mdm):
    device.enroll()
    kinds = ["DeviceInformation", "SecurityInfo", "ProfileList", "RestrictionList", "NoSuchCommand"]
    for kind in kinds:
        mdm.enqueue(device.udid, {"RequestType": kind, "Queries": ["UDID"]})
    statuses = [(one["command"], one["status"]) for one in device.poll()["answered"]]
    assert statuses == [(kind, "Error" if kind == "NoSuchCommand" else "Acknowledged") for kind in kinds]
    assert device.told("mdm")[-2:] == ["mdm.command", "mdm.error"]


def test_what_ends_a_poll(device, mdm):
    device.enroll()
    mdm.enqueue(device.udid, {"RequestType": "RestartDevice"})
    later = mdm.query(device.udid, ["UDID"])
    polled = device.poll()
    assert ([one["command"] for one in polled["answered"]], polled["ended"]) == (["RestartDevice"], True)
    assert no_answer(device, later)
    assert device.poll()["answered"][0]["command"] == "DeviceInformation"


def test_a_device_that_is_shut_down_has_no_network(device, mdm):
    device.enroll()
    assert device.send("ShutDownDevice").ok
    assert not device.show().online
    problem = refused(device.poll)
    assert (problem.status, problem.reason) == (409, "device-offline")


def test_erasing_ends_the_enrolment(device, mdm):
    device.enroll()
    mdm.erase(device.udid)
    polled = device.poll()
    assert (polled["ended"], polled["enrolled"]) == (True, False)


def test_removing_the_enrolment_profile_by_command_checks_out(device, mdm):
    device.enroll()
    identifier = device.show().enrollment["profile_identifier"]
    assert device.answer(mdm.enqueue(device.udid, {"RequestType": "RemoveProfile", "Identifier": identifier})).ok
    assert not mdm.devices[device.udid].enrolled
    assert device.show().enrollment is None


def test_other_commands_change_the_device(device):
    device.enroll()
    settings = [{"Item": "DeviceName", "DeviceName": "Fleet 7"}, {"Item": "DataRoaming", "Enabled": True}]
    assert device.send("Settings", Settings=settings).ok
    assert device.show().name == "Fleet 7"
    assert device.send("DeviceInformation", Queries=["DataRoamingEnabled"]).answer["QueryResponses"] == {
        "DataRoamingEnabled": True
    }
    assert device.send("DeviceLock", Message="Found it?", PhoneNumber="+15550100").ok
    assert device.show().notices[-1] == "Found it? +15550100"
    assert device.send("DeclarativeManagement").ok


def test_an_mdm_that_is_away_is_no_error_of_ours_and_loses_nothing(carrier):
    with small_mdm() as mdm:
        device = ManagedDevice(carrier, mdm)
        device.enroll()
        command = mdm.query(device.udid, ["UDID"])
    polled = device.poll()
    assert (polled["problem"]["reason"], polled["enrolled"]) == ("mdm-unreachable", True)
    assert "Start the server" in polled["problem"]["fix"]
    assert [event.data["reason"] for event in carrier.events(type="mdm.error")] == ["mdm-unreachable"]
    with mdm:
        assert device.answer(command).ok


@pytest.mark.parametrize("path", ["enroll", "poll", "user", "erase"])
def test_nobody_home(carrier, mdm, path):
    body = {"enroll": {"url": "https://x"}, "poll": {}, "user": {"action": "app-data"}, "erase": {"by": "dfu"}}[path]
    device = ManagedDevice(carrier, mdm)
    carrier.delete_device(device.eid)
    problem = refused(device.call, path, body)
    assert (problem.status, problem.reason) == (404, "device-unknown")


def test_a_poll_takes_nothing(device):
    assert refused(device.call, "poll", {"every": 5}).status == 422


# --- the holder, and erasing


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"action": "add-esm"}, "'add-esm'"),
        ({}, "action"),
        ({"action": "wrong-passcode", "times": 0}, "times is 0"),
        ({"action": "wrong-passcode", "times": 101}, "times is 101"),
        ({"action": "wrong-passcode", "times": "many"}, "times"),
        ({"action": "transfer"}, "`to`"),
        ({"action": "app-data", "to": OTHER}, "`to`"),
        ({"action": "transfer", "to": "8904"}, "32 decimal digits"),
        ({"action": "erase", "activation_code": "LPA:1$x$y"}, "adding an eSIM"),
        ({"action": "erase", "keep": 1}, "keep"),
        ({"action": "erase", "often": True}, "no member 'often'"),
    ],
)
def test_what_nobody_can_try(device, body, sentence):
    problem = refused(device.call, "user", body)
    assert (problem.status, sentence in problem.because) == (422, True), problem


@pytest.mark.parametrize("action", ["add-esim", "app-data", "plan-settings"])
def test_a_device_without_a_modem_has_nothing_to_try(carrier, mdm, action):
    tried = ManagedDevice(carrier, mdm, cellular=False).user(action)
    assert (tried["allowed"], tried["said"]) == (False, "The device has no cellular hardware.")


@pytest.mark.parametrize(("body", "sentence"), [({"by": "find-me"}, "'find-me'"), ({}, "by"), ({"by": "command"}, "")])
def test_ways_to_erase_that_are_none(device, body, sentence):
    problem = refused(device.call, "erase", body)
    assert (problem.status, sentence in problem.because) == (422, True), problem


def test_find_my_needs_a_network(device, carrier):
    carrier.change_device(device.eid, online=False)
    problem = refused(device.erase, "find-my")
    assert (problem.status, problem.reason) == (409, "device-offline")
    assert device.erase("recovery")["kept"]


# --- what a device shows


def test_service_subscriptions_for_a_device_client_of_ones_own(carrier, device):
    profile = carrier.issue(device.eid)
    assert carrier.refresh(device.eid, carrier.esim_server_url).ok
    rows = device.call("service-subscriptions", method="GET")["items"]
    assert [row.get("ICCID", "").replace(" ", "") for row in rows] == ["", profile.iccid]
    fetched = carrier.service_subscriptions_plist(device.eid)
    assert plistlib.loads(fetched) == rows
    assert "EID" in rows[1]
    old = device.call("service-subscriptions?os=13.7", method="GET")["items"]
    assert "EID" not in old[1], "it came with iOS 14"


def test_the_rows_are_those_that_the_mdm_gets(carrier, device):
    device.enroll()
    assert sparse(device.row())
    assert device.rows() == device.call("service-subscriptions", method="GET")["items"]


@pytest.mark.parametrize("query", ["os=x", "os=1", "as=xml", "like=plist"])
def test_queries_that_make_no_sense(device, query):
    assert refused(device.call, f"service-subscriptions?{query}", method="GET").status in (400, 422)


def test_notices_are_kept_in_order(carrier, device):
    assert device.call("notices", method="GET") == {"items": [], "next": None}
    profile = carrier.issue(device.eid)
    carrier.offer(profile.iccid)
    carrier.hold(profile.iccid)
    device.enroll()
    device.refresh()
    assert device.failed() == "on-hold"
    assert device.call("notices", method="GET")["items"] == [
        "Mobile Plan is Ready to be Installed",
        "Cellular Plan Cannot Be Added",
    ]


# --- what survives


def test_an_enrolment_survives_a_snapshot(carrier, device, mdm):
    device.enroll()
    carrier.take_snapshot("before")
    mdm.erase(device.udid)
    device.poll()
    assert device.show().enrollment is None
    carrier.restore_snapshot("before")
    assert device.show().enrollment is not None
    assert device.poll()["problem"] is None


def test_two_polls_at_once_answer_a_command_once(device, mdm):
    from concurrent.futures import ThreadPoolExecutor

    device.enroll()
    for _ in range(5):
        mdm.query(device.udid, ["UDID"])
    with ThreadPoolExecutor(4) as pool:
        polled = [future.result() for future in [pool.submit(device.poll) for _ in range(4)]]
    assert sum(len(one["answered"]) for one in polled) == 5
    assert all(one["problem"] is None for one in polled)


def test_a_device_is_enrolled_in_the_kind_that_was_chosen(carrier, mdm):
    by_ade = ManagedDevice(carrier, mdm, enrollment_kind="ade")
    assert by_ade.enroll()["enrollment"]["kind"] == "ade"
    own = ManagedDevice(carrier, mdm, enrollment_kind="user")
    problem = refused(own.enroll)
    assert (problem.status, problem.reason) == (409, "not-user-enrollment")
    assert own.show().enrollment is None
    assert own.enroll(user_enrollment=True)["enrollment"]["kind"] == "user"
    assert [one.udid for one in mdm.devices.values() if one.udid == own.show().udid] == []
