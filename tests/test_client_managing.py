"""The MDM half of hosted devices, from Python: what the client sends, and a device that is enrolled for a block."""

import contextlib
import threading
from types import SimpleNamespace

import pytest

from smdp.client import Client, HostedDevice
from smdp.client.polling import Polling
from smdp.demo.mdm import BlockingMdm
from smdp.errors import ApiError, ServerUnreachable, TimedOut, UsageError
from smdp.model import Device, Polled, PolledCommand, Problem
from smdp.server import Server
from tests.control_stub import EID, ICCID, Stub, device, page, problem

DEVICE = f"/api/v1/devices/{EID}"
OTHER = "89049032123451234512345678901236"
PATIENCE = 60


@pytest.fixture
def stub():
    with contextlib.closing(Stub()) as server:
        yield server


@pytest.fixture
def client(stub):
    return Client(stub.url, timeout=5)


@pytest.fixture
def hosted(client):
    return HostedDevice(client, Device(eid=EID, udid="U", serial="S", imei="353094184645589"))


def test_enrolling_by_url_by_bytes_and_by_file(stub, hosted, tmp_path):
    stub.on("POST", f"{DEVICE}/enroll", device(enrollment={"kind": "device"}))
    (tmp_path / "ca.pem").write_text("PEM")
    (tmp_path / "x.mobileconfig").write_bytes(b"\x00plist")
    assert hosted.enroll("https://mdm.test/enroll", ca="PEM").enrollment == {"kind": "device"}
    hosted.enroll(b"\x00plist", allow_http=True)
    hosted.enroll(tmp_path / "x.mobileconfig", ca=tmp_path / "ca.pem", ade=True)
    assert stub.bodies("POST", f"{DEVICE}/enroll") == [
        {"url": "https://mdm.test/enroll", "mdm_ca": "PEM"},
        {"profile": "AHBsaXN0", "allow_http": True},
        {"profile": "AHBsaXN0", "mdm_ca": "PEM", "ade": True},
    ]


def test_what_enrols_nobody(client, tmp_path):
    for given in ({}, {"url": "https://x.test", "profile": b"x"}):
        with pytest.raises(UsageError, match="one of them"):
            client.enroll_device(EID, **given)
    with pytest.raises(UsageError, match=r"Cannot read .*nowhere: No such file"):
        client.enroll_device(EID, profile=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="Is a directory"):
        client.enroll_device(EID, profile=tmp_path)
    (tmp_path / "large").write_bytes(bytes(8 * 1024**2 + 1))
    with pytest.raises(UsageError, match="more than 8 MiB"):
        client.enroll_device(EID, profile=tmp_path / "large")


def test_every_other_verb(stub, hosted):
    stub.on("DELETE", f"{DEVICE}/enroll", b"", status=204)
    stub.on("POST", f"{DEVICE}/poll", {"answered": [{"command": "ProfileList", "status": "Acknowledged"}]})
    stub.on("POST", f"{DEVICE}/user", {"action": "transfer", "allowed": True, "said": "allowed"})
    stub.on("POST", f"{DEVICE}/erase", {"by": "dfu", "kept": True, "iccids": [ICCID]})
    stub.on("GET", f"{DEVICE}/service-subscriptions", page({"Slot": "CTSubscriptionSlotOne"}))
    stub.on("GET", f"{DEVICE}/notices", page("Hello"))
    hosted.unenroll()
    assert hosted.poll().answered == [PolledCommand(command="ProfileList", status="Acknowledged")]
    assert hosted.user("transfer", to=OTHER, iccid=None).said == "allowed"
    assert hosted.erase("dfu").kept
    assert hosted.service_subscriptions("18.1") == [{"Slot": "CTSubscriptionSlotOne"}]
    assert hosted.notices() == ["Hello"]
    assert stub.bodies("POST", f"{DEVICE}/poll") == [{}]
    assert stub.bodies("POST", f"{DEVICE}/user") == [{"action": "transfer", "to": OTHER}]
    assert stub.bodies("POST", f"{DEVICE}/erase") == [{"by": "dfu"}]
    assert stub.requests[-2][2] == "os=18.1"


# --- a device that polls while a block runs


@pytest.fixture(scope="module")
def carrier():
    with Server() as server:
        yield Client(server.control_url).create_carrier("acme")


@pytest.fixture(scope="module")
def mdm():
    with BlockingMdm() as small:
        yield small


def test_the_whole_flow_in_a_block(carrier, mdm):
    phone = carrier.host_device()
    profile = carrier.issue(phone.eid)
    with phone.enrolled(mdm.profile(), ca=mdm.ca) as same:
        assert same is phone
        sent = mdm.send_refresh(phone.udid, carrier.esim_server_url)
        assert mdm.result(phone.udid, sent, within=PATIENCE).ok
        carrier.wait("activation.active", eid=phone.eid, after=0, within=PATIENCE)
        assert phone.show().enrollment["server_url"].startswith(mdm.url)
    assert carrier.profile(profile.iccid).consumed
    assert phone.service_subscriptions()[1]["ICCID"].replace(" ", "") == profile.iccid
    assert phone.show().enrollment is None
    assert not mdm.devices[phone.udid].enrolled
    assert "smdp-polling" not in {thread.name for thread in threading.enumerate()}


def test_an_error_in_the_block_un_enrols_too(carrier, mdm):
    phone = carrier.host_device()
    with pytest.raises(ZeroDivisionError), phone.enrolled(mdm.enroll_url, ca=mdm.ca):
        raise ZeroDivisionError
    assert phone.show().enrollment is None


def test_an_erased_and_a_deleted_device_are_not_un_enrolled_again(carrier, mdm):
    erased, deleted = carrier.host_device(), carrier.host_device()
    with erased.enrolled(mdm.profile(), ca=mdm.ca):
        mdm.erase(erased.udid)
        carrier.wait("erase.removed", eid=erased.eid, after=0, within=PATIENCE)
    with deleted.enrolled(mdm.profile(), ca=mdm.ca):
        carrier.delete_device(deleted.eid)


def test_a_device_that_was_offline_goes_on(carrier, mdm):
    phone = carrier.host_device()
    with phone.enrolled(mdm.profile(), ca=mdm.ca, every="50ms"):
        phone.change(online=False)
        with pytest.raises(ApiError) as offline:  # after the poll that may have been under way
            phone.poll()
        assert offline.value.reason == "device-offline"
        sent = mdm.query(phone.udid)
        with pytest.raises(TimedOut):
            mdm.result(phone.udid, sent, within=0.3)
        phone.change(online=True)
        assert mdm.result(phone.udid, sent, within=PATIENCE).ok


def test_what_does_not_enrol_is_raised_before_the_block(carrier):
    phone = carrier.host_device()
    with pytest.raises(ApiError) as refused, phone.enrolled(b"nonsense"):
        pytest.fail("it is not enrolled")
    assert refused.value.reason == "profile-unreadable"


def refusal(status, reason):
    return ApiError(Problem(title="No", status=status, reason=reason, because="So it is.", fix=""))


def test_polls_go_on_when_nobody_answers_and_end_with_what_is_refused():
    answers = iter([ServerUnreachable("away"), refusal(409, "device-offline"), Polled(), refusal(401, "token-wrong")])
    ended = threading.Event()

    def poll():
        answer = next(answers)
        if isinstance(answer, ApiError) and answer.status == 401:
            ended.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ApiError, match="So it is"), Polling(poll, 0.001):
        assert ended.wait(PATIENCE)
    assert next(answers, None) is None


def test_an_error_of_the_block_comes_before_that_of_the_polls():
    ended = threading.Event()

    def poll():
        ended.set()
        raise refusal(401, "token-wrong")

    with pytest.raises(ZeroDivisionError), Polling(poll, 0.001):
        _ = 1 / (0 if ended.wait(PATIENCE) else 1)


def test_less_is_asked_while_nothing_comes(monkeypatch):
    pauses, enough = [], threading.Event()

    class Stop(threading.Event):
        def wait(self, pause):
            pauses.append(pause)
            if len(pauses) == 8:
                self.set()
                enough.set()

    def poll():
        return Polled(answered=[PolledCommand(command="x", status="y")] if len(pauses) == 6 else [])

    monkeypatch.setattr("smdp.client.polling.threading", SimpleNamespace(Event=Stop, Thread=threading.Thread))
    with Polling(poll):
        assert enough.wait(PATIENCE)
    assert pauses == [0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 0.1, 0.2]


def test_a_refusal_is_told_as_the_server_says_it(stub, client):
    stub.on("POST", f"{DEVICE}/poll", problem(409, "not-enrolled", "The device is not enrolled.", "Enrol it first."))
    with pytest.raises(ApiError, match=r"The device is not enrolled\. Enrol it first\."):
        client.poll_device(EID)
