"""Faults over HTTP: each armed, fired by a device's download, told in the timeline, and what the device then says."""

import time
from datetime import timedelta

import pytest

from smdp.carrier.fault_catalogue import CATALOGUE
from smdp.client import Client
from smdp.client.transport import Transport
from smdp.errors import ApiError
from smdp.server import Server
from smdp.settings import Settings
from tests.http.calls import answered
from tests.managed import ManagedDevice, small_mdm

INITIATE, AUTHENTICATE, PACKAGE = "initiateAuthentication", "authenticateClient", "getBoundProfilePackage"
NOTIFY, CANCEL = "handleNotification", "cancelSession"
OTHER = "89049032000000000000000000000046"

REFUSED = [
    ("bad-server-signature", INITIATE, {}, "invalidSignature(2)", "server-signature-wrong"),
    ("bad-server-signature", AUTHENTICATE, {}, "invalidSignature(2)", "smdp-signature-wrong"),
    ("wrong-transaction-id", INITIATE, {}, None, "transaction-id-mismatch"),
    ("wrong-transaction-id", AUTHENTICATE, {}, "invalidTransactionId(5)", "transaction-id-mismatch"),
    ("wrong-address", INITIATE, {"address": "esim.other.test"}, None, "server-address-mismatch"),
    ("expired-dpauth", INITIATE, {}, "invalidCertificate(1)", "certificate-expired"),
    ("wrong-ci", INITIATE, {}, "ciPkUnknown(7)", "ci-unknown"),
    ("bad-mac", PACKAGE, {}, "scp03tSecurityError(8)", "protected-tlv-forged"),
    ("bad-mac", PACKAGE, {"segment": 2}, "scp03tSecurityError(8)", "protected-tlv-forged"),
    ("bad-mac", PACKAGE, {"segment": 0}, "scp03tSecurityError(8)", "protected-tlv-forged"),
    ("bad-metadata", AUTHENTICATE, {"profile_name": "Ω" * 60}, None, "metadata-mismatch"),
    ("refuse", INITIATE, {"code": "8.8.1/3.8", "reason": "wrong-door"}, "8.8.1/3.8", "wrong-door"),
    ("refuse", AUTHENTICATE, {}, "8.1.1/3.8", "fault"),
    ("refuse", PACKAGE, {}, "8.1.1/3.8", "fault"),
    ("status", INITIATE, {"status": 429, "retry_after": 5}, None, "rate-limited"),
    ("status", AUTHENTICATE, {"status": 500}, None, "http-status"),
    ("status", PACKAGE, {}, None, "http-status"),
    ("reset", INITIATE, {}, None, "server-unreachable"),
    ("eof", AUTHENTICATE, {"bytes": 100}, None, "answer-cut"),
    ("eof", INITIATE, {"bytes": 0}, None, "answer-cut"),
    ("html-instead-of-json", INITIATE, {}, None, "answer-not-json"),
    ("tls-wrong-name", "tls", {}, None, "tls-untrusted"),
    ("tls-expired", "tls", {}, None, "tls-untrusted"),
    ("tls-self-signed", "tls", {}, None, "tls-untrusted"),
    ("tls-1.1", "tls", {}, None, "tls-failed"),
    ("rate-limit", INITIATE, {}, None, "rate-limited"),
    ("offline", "download", {}, None, "offline"),
    ("no-route-to-carrier", "download", {}, None, "server-unreachable"),
    ("install-error", "loadBoundProfilePackage", {}, "installFailedDueToPeProcessingError(12)", "install-error"),
    ("no-memory", "download", {}, "8.1/4.8", "no-memory"),
    (
        "iccid-already-exists",
        "loadBoundProfilePackage",
        {},
        "installFailedDueToIccidAlreadyExistsOnEuicc(9)",
        "iccid-already-exists",
    ),
]
INSTALLED = [
    ("lost-notification", NOTIFY, {}),
    ("duplicate-notification", NOTIFY, {}),
    ("latency", INITIATE, {"delay": "50ms"}),
    ("dribble", PACKAGE, {"bytes": 8192, "pause": "1ms"}),
    ("reset", PACKAGE, {}),
    ("eof", PACKAGE, {}),
    ("stall", PACKAGE, {"longest": "100ms"}),
    ("status", NOTIFY, {}),
    ("activation-fails", "activation", {"reason": "account-inactive"}),
    ("activation-never", "activation", {}),
    ("attach-rejected", "attach", {}),
]
MANAGED = [
    ("not-now", "mdmCommand", "NotNow", []),
    ("36001", "refreshCellularPlans", "Error", [36001]),
    ("36002", "refreshCellularPlans", "Error", [36002]),
    ("36003", "refreshCellularPlans", "Error", [36003]),
    ("ack-on-install", "refreshCellularPlans", "Acknowledged", []),
]


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier()


@pytest.fixture
def eid(carrier):
    eid = carrier.create_device().eid
    carrier.issue(eid)
    return eid


def refresh(carrier, eid):
    return carrier.refresh(eid, carrier.esim_server_url)


def fired(carrier):
    return carrier.events(type="fault.fired")


def test_no_fault_is_without_a_test():
    assert {case[0] for case in REFUSED + INSTALLED + MANAGED} == set(CATALOGUE)


@pytest.mark.parametrize(("name", "step", "parameters", "refused", "reason"), REFUSED)
def test_a_device_says_what_met_it_and_the_next_time_all_is_well(carrier, eid, name, step, parameters, refused, reason):
    armed = carrier.add_fault(name, step=step, **parameters)
    outcome = refresh(carrier, eid)
    assert (outcome.ok, outcome.refused, outcome.reason) == (False, refused, reason)
    assert outcome.because
    assert outcome.fix
    if name != "refuse" or not parameters:
        assert reason in CATALOGUE[name].device
        assert refused is None or refused in CATALOGUE[name].device
    event = fired(carrier)[0]
    assert (event.data["do"], event.data["step"], event.data["fault"]) == (name, step, armed.id)
    if outcome.session is not None and event.session is not None:
        assert event.session == outcome.session
    assert carrier.fault(armed.id).hits == 1
    again = carrier.create_device().eid
    carrier.issue(again)
    assert refresh(carrier, again).ok
    assert len(fired(carrier)) == 1


@pytest.mark.parametrize(("name", "step", "parameters"), INSTALLED)
def test_a_device_gets_its_plan_all_the_same(carrier, eid, name, step, parameters):
    carrier.add_fault(name, step=step, **parameters)
    assert refresh(carrier, eid).ok
    event = fired(carrier)[0]
    assert (event.data["do"], event.data["step"]) == (name, step)
    if step not in (INITIATE, "activation"):
        assert event.eid == eid


def test_the_session_of_a_spoiled_answer_tells_of_it(carrier, eid):
    carrier.add_fault("bad-mac", eid=eid, segment=4)
    session = refresh(carrier, eid).session
    told = [event.type for event in carrier.events(session=session)]
    assert told.count("fault.fired") == 1
    assert told.index("fault.fired") < told.index("profile.failed")
    assert carrier.events(session=session, type="profile.failed")[0].eid == eid


# --- those that meet a command of the device's MDM


@pytest.fixture(scope="module")
def mdm():
    with small_mdm() as running:
        yield running


@pytest.fixture
def device(carrier, mdm):
    device = ManagedDevice(carrier, mdm)
    device.enroll()
    carrier.issue(device.eid)
    return device


@pytest.mark.parametrize(("name", "step", "status", "codes"), MANAGED)
def test_a_command_meets_it_once(carrier, mdm, device, name, step, status, codes):
    armed = device.call("faults", {"do": name})
    assert armed["on"]["eid"] == device.eid
    device.mark()
    command = mdm.send_refresh(device.udid, carrier.esim_server_url)
    assert device.poll()["answered"] == [{"command": "RefreshCellularPlans", "status": status}]
    result = mdm.results(device.udid)[-1]
    assert (result.status, result.error_codes) == (status, codes)
    assert all(word in CATALOGUE[name].device for word in (status, *map(str, codes)))
    (event,) = fired(carrier)
    assert (event.eid, event.data["do"], event.data["step"]) == (device.eid, name, step)
    assert carrier.fault(armed["id"]).hits == 1
    if name == "not-now":
        device.answer(command)
    elif name != "ack-on-install":
        assert device.refresh().ok
    device.until("activation.active")
    assert "ICCID" in device.row()


def test_acknowledged_on_install_means_installed(carrier, mdm, device):
    device.call("faults", {"do": "ack-on-install"})
    device.mark()
    refresh, query = mdm.send_refresh(device.udid, carrier.esim_server_url), mdm.query(device.udid)
    assert [one["status"] for one in device.poll()["answered"]] == ["Acknowledged", "Acknowledged"]
    assert mdm.result(device.udid, refresh, 0.1).ok
    rows = mdm.result(device.udid, query, 0.1).answer["QueryResponses"]["ServiceSubscriptions"]
    assert any("ICCID" in row for row in rows), "in the same conversation"
    assert device.told("mdm", "profile").index("mdm.acknowledged") > device.told("mdm", "profile").index(
        "profile.installed"
    )


def test_acknowledged_on_install_is_an_error_where_nothing_is_installed(carrier, device):
    carrier.add_fault("ack-on-install", eid=device.eid)
    carrier.add_fault("offline", eid=device.eid)
    result = device.refresh()
    assert (result.status, result.error_codes) == ("Error", [36003])
    assert device.failed() == "offline"


def test_what_is_never_put_off_is_not_put_off(carrier, mdm, device):
    armed = carrier.add_fault("not-now", eid=device.eid, times=None)
    query, profiles = mdm.query(device.udid), mdm.enqueue(device.udid, {"RequestType": "ProfileList"})
    later = mdm.install_profile(device.udid, b"x")
    polled = device.poll()
    assert [one["status"] for one in polled["answered"]] == ["Acknowledged", "Acknowledged", "NotNow"]
    assert polled["not_now"]
    assert mdm.result(device.udid, query, 0.1).ok
    assert mdm.result(device.udid, profiles, 0.1).ok
    carrier.clear_faults(armed.id)
    assert device.answer(later).status == "Error"


# --- what some of them do beyond the refusal


def test_a_lost_notification_leaves_the_carrier_ignorant(carrier, eid):
    carrier.add_fault("lost-notification", times=None)
    assert refresh(carrier, eid).ok
    profile = carrier.profiles()[0]
    assert (profile.state, profile.runtime, profile.activation.state) == ("downloaded", None, "inactive")


def test_a_duplicated_notification_counts_once(carrier, eid):
    carrier.add_fault("duplicate-notification")
    outcome = refresh(carrier, eid)
    assert (outcome.steps[-1].name, outcome.steps[-1].ok) == (NOTIFY, False)
    assert carrier.profiles()[0].state == "installed"
    carrier.wait("profile.enabled", after=0, within=10)
    assert len(carrier.events(type="profile.installed")) == 1


def test_activation_fails_for_a_reason_or_stays_pending(carrier, eid):
    carrier.create_plan("slow", activation={"delay": "3m"})
    other = carrier.create_device().eid
    iccid = carrier.issue(other, plan="slow").iccid
    carrier.add_fault("activation-fails", eid=eid, reason="account-inactive")
    carrier.add_fault("activation-never", iccid=iccid)
    for device in (eid, other):
        assert refresh(carrier, device).ok
    failed = carrier.profiles(eid=eid)[0].activation
    assert (failed.state, failed.reason) == ("failed", "account-inactive")
    carrier.advance("1h")
    assert carrier.activation(iccid).state == "pending"
    assert [event.data["do"] for event in fired(carrier)] == ["activation-fails", "activation-never"]


def test_a_rejected_attach_leaves_the_plan_without_network_until_the_esim_is_switched(carrier, eid):
    carrier.add_fault("attach-rejected", eid=eid, cause=22)
    assert refresh(carrier, eid).ok
    (esim,) = carrier.device(eid).esims
    assert (esim.network, esim.mcc, esim.msisdn, esim.rejected) == ("", None, None, "attach-rejected")
    assert carrier.activation(esim.iccid).state == "active"
    rejected = carrier.events(type="network.rejected")[0]
    assert (rejected.eid, rejected.iccid, rejected.data["cause"]) == (eid, esim.iccid, 22)
    report = carrier.why(eid)
    assert (report.reason, "switch the eSIM off and on" in report.fix) == ("attach-rejected", True)
    carrier.switch_esim(eid, esim.iccid, "disable")
    (esim,) = carrier.switch_esim(eid, esim.iccid, "enable").esims
    assert (esim.network, esim.rejected) == ("smdp TEST", None)
    assert carrier.why(eid).reason == "already-downloaded"


def test_a_full_euicc_has_room_again_behind_the_fault(carrier, eid):
    carrier.add_fault("no-memory", eid=eid)
    refresh(carrier, eid)
    iccid = carrier.issue(eid).iccid
    assert refresh(carrier, eid).installed == iccid


@pytest.mark.parametrize(("command", "error"), [("storeMetadata2", "installFailedDueToInterruption"), (2, 15)])
def test_any_command_can_fail_for_any_reason(carrier, eid, command, error):
    carrier.add_fault("install-error", command=command, error=error)
    outcome = refresh(carrier, eid)
    codes = {"storeMetadata2": "installFailedDueToInterruption(11)", 2: "pprNotAllowed(15)"}
    assert outcome.refused == codes[command]
    assert carrier.wait("profile.failed" if command == 2 else "session.closed", after=0, unless=[]).eid == eid


def test_a_rate_limit_lets_some_through_and_says_when_to_come_again(carrier, eid):
    carrier.add_fault("rate-limit", times=None, calls=2, period="10m")
    outcome = refresh(carrier, eid)
    assert (outcome.reason, [step.name for step in outcome.steps if step.ok][-1]) == ("rate-limited", "prepareDownload")
    status, headers = answered(carrier)
    assert (status, headers["Retry-After"]) == (429, "600")


def test_a_status_comes_with_retry_after(carrier):
    carrier.add_fault("status", status=503, retry_after=7)
    status, headers = answered(carrier)
    assert (status, headers["Retry-After"]) == (503, "7")


def test_latency_is_real_time(carrier, eid):
    carrier.freeze()
    carrier.add_fault("latency", step=INITIATE, delay="300ms")
    began = time.monotonic()
    assert refresh(carrier, eid).ok
    assert time.monotonic() - began >= 0.3


def test_a_stalled_answer_ends_when_the_client_leaves(carrier):
    carrier.add_fault("stall", longest="10m")
    with pytest.raises(TimeoutError):
        answered(carrier, timeout=0.3)
    assert fired(carrier)[0].data["do"] == "stall"


# --- whom they meet, and how often


def test_a_fault_meets_whom_it_is_for(carrier, eid):
    other = carrier.create_device().eid
    iccid = carrier.issue(other).iccid
    carrier.add_fault("refuse", step=AUTHENTICATE, eid=other, reason="not-you")
    assert refresh(carrier, eid).ok
    assert refresh(carrier, other).reason == "not-you"
    carrier.add_fault("refuse", step=PACKAGE, iccid=iccid, reason="not-this")
    third = carrier.create_device().eid
    carrier.issue(third)
    assert refresh(carrier, third).ok
    assert refresh(carrier, other).reason == "not-this"


def test_times_are_counted_and_the_first_armed_comes_first(carrier, eid):
    first = carrier.add_fault("refuse", reason="first", times=2)
    second = carrier.add_fault("refuse", reason="second", times=None)
    assert [refresh(carrier, eid).reason for _ in range(4)] == ["first", "first", "second", "second"]
    assert [(fault.id, fault.times, fault.hits) for fault in carrier.faults()] == [
        (first.id, 2, 2),
        (second.id, None, 2),
    ]
    carrier.clear_faults(second.id)
    assert refresh(carrier, eid).ok
    carrier.clear_faults()
    assert carrier.faults() == []


def test_two_faults_of_the_wire_and_of_the_protocol_meet_one_answer(carrier, eid):
    carrier.add_fault("latency", step=INITIATE, delay="1ms")
    carrier.add_fault("wrong-address")
    assert refresh(carrier, eid).reason == "server-address-mismatch"
    assert [event.data["do"] for event in fired(carrier)] == ["latency", "wrong-address"]


def test_a_refusal_by_a_fault_is_the_sessions_own(carrier, eid):
    carrier.add_fault("refuse", step=AUTHENTICATE, code="8.2.6/3.8", reason="because-i-can", because="No.")
    outcome = refresh(carrier, eid)
    assert outcome.because == "No."
    assert "smdp fault clear" in outcome.fix
    refusal = carrier.session(outcome.session).refusal
    assert (refusal.check, refusal.code, refusal.reason) == ("fault", "8.2.6/3.8", "because-i-can")


def test_carriers_do_not_share_faults(server, carrier, eid):
    other = Client(server.control_url).create_carrier()
    for name in ("refuse", "tls-expired", "offline"):
        other.add_fault(name, times=None)
    assert refresh(carrier, eid).ok
    assert [fault.hits for fault in other.faults()] == [0, 0, 0]


def test_a_devices_own_faults(carrier, eid):
    path = f"/api/v1/devices/{eid}/faults"
    transport = Transport(carrier.url, None, 10)
    armed = transport.call("POST", path, {"do": "offline", "on": {"eid": OTHER}}, into=dict)
    carrier.add_fault("offline", eid=OTHER)
    assert armed["on"]["eid"] == eid
    assert [one["id"] for one in transport.call("GET", path, into=dict)["items"]] == [armed["id"]]
    assert refresh(carrier, eid).reason == "offline"
    transport.fetch("DELETE", path)
    assert [fault.on.eid for fault in carrier.faults()] == [OTHER]
    assert refresh(carrier, eid).ok


def test_another_process_fires_them_too_and_counts_with_us(tmp_path):
    settings = Settings(port=0, control_port=0, log_level="error", database=f"sqlite:///{tmp_path}/smdp.db")
    with Server(settings) as first, Server(settings) as second:
        here, there = Client(first.control_url), Client(second.control_url)
        eid = here.create_device().eid
        here.issue(eid)
        assert here.refresh(eid, first.device_url("default")).ok
        here.add_fault("refuse", times=2)
        reasons = [here.refresh(eid, one.device_url("default")).reason for one in (second, first, second)]
        assert reasons == ["fault", "fault", "already-downloaded"]
        assert there.faults()[0].hits == 2


def test_spent_faults_make_room(server, carrier, eid, monkeypatch):
    monkeypatch.setattr("smdp.carrier.faults.MOST", 2)
    carrier.add_fault("offline")
    carrier.add_fault("refuse", times=None)
    with pytest.raises(ApiError, match="at most 2 faults"):
        carrier.add_fault("refuse")
    assert refresh(carrier, eid).reason == "offline"
    carrier.add_fault("wrong-ci")
    assert [fault.do for fault in carrier.faults()] == ["refuse", "wrong-ci"]


def test_a_deleted_carrier_takes_its_faults_with_it(server, carrier, eid):
    carrier.add_fault("refuse", times=None)
    name = carrier.carrier
    carrier.delete_carrier()
    fresh = Client(server.control_url).create_carrier(name)
    assert fresh.faults() == []
    eid = fresh.create_device().eid
    fresh.issue(eid)
    assert refresh(fresh, eid).ok


# --- what is refused


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"do": "bad-mack"}, "Did you mean bad-mac"),
        ({"do": 5}, "Expected str"),
        ({}, "do"),
        ({"do": "bad-mac", "wiht": {}}, "Did you mean with"),
        ({"do": "bad-mac", "with": {"segmnt": 1}}, "Did you mean segment"),
        ({"do": "bad-mac", "with": {"segment": -1}}, "a number from 0"),
        ({"do": "bad-mac", "with": {"segment": True}}, "a number from 0"),
        ({"do": "refuse", "with": {"code": "9.9/9"}}, "a pair of status codes"),
        ({"do": "refuse", "with": {"reason": ""}}, "printable"),
        ({"do": "status", "with": {"status": 200}}, "a number from 400 to 599"),
        ({"do": "latency", "with": {"delay": "-1s"}}, "a duration"),
        ({"do": "latency", "with": {"delay": "1h"}}, "at most 10m"),
        ({"do": "install-error", "with": {"error": "no-such"}}, "1 incorrectInputValues"),
        ({"do": "install-error", "with": {"command": 6}}, "0 initialiseSecureChannel"),
        ({"do": "bad-mac", "on": {"step": INITIATE}}, "getBoundProfilePackage"),
        ({"do": "bad-mac", "on": {"stepp": PACKAGE}}, "Did you mean step"),
        ({"do": "bad-mac", "on": {"eid": "8904"}}, "32 decimal digits"),
        ({"do": "bad-mac", "on": {"iccid": "89"}}, "18 to 20"),
        ({"do": "bad-mac", "times": 0}, "positive"),
        ({"do": "bad-mac", "times": "often"}, "Expected int"),
        ({"do": "refuse", "on": {"eid": OTHER}}, "before anybody knows"),
        ({"do": "tls-expired", "on": {"eid": OTHER}}, "before anybody knows"),
        ({"do": "rate-limit", "on": {"iccid": "8900101000000000019"}}, "before anybody knows"),
    ],
)
def test_what_is_no_fault(carrier, body, sentence):
    with pytest.raises(ApiError, match=sentence) as refused:
        Transport(carrier.url, None, 10).call("POST", f"/api/v1/carriers/{carrier.carrier}/faults", body, into=dict)
    assert refused.value.status == 422
    assert carrier.faults() == []


def test_an_unknown_fault_is_not_there(carrier):
    armed = carrier.add_fault("wrong-ci")
    for act in (carrier.fault, carrier.clear_faults):
        with pytest.raises(ApiError, match=f"Did you mean {armed.id}") as refused:
            act(armed.id + "0")
        assert refused.value.status == 404


def test_an_expired_certificate_needs_the_cis_key(server, carrier, monkeypatch):
    monkeypatch.setattr("smdp.http.faults.ci_key", lambda *_: None)
    with pytest.raises(ApiError, match="public PKI") as refused:
        carrier.add_fault("expired-dpauth")
    assert refused.value.status == 409


def test_the_catalogue_says_what_each_takes(carrier):
    kinds = {kind.name: kind for kind in carrier.fault_catalogue()}
    assert set(kinds) == set(CATALOGUE)
    assert [(one.name, one.default) for one in kinds["bad-mac"].parameters] == [("segment", 1)]
    assert kinds["status"].anywhere
    assert not kinds["tls-expired"].eid


def test_expiry_goes_by_the_carriers_clock(carrier, eid):
    carrier.set_clock("2031-05-05T00:00Z")
    carrier.add_fault("expired-dpauth")
    outcome = refresh(carrier, eid)
    assert outcome.reason == "certificate-expired"
    assert "2031-05-04" in outcome.because
    assert carrier.clock().offset > timedelta(days=365).total_seconds()
