"""The symptoms that an MDM meets, one test each: what it sees, what the carrier's timeline says, what `why` says.

Numbers and names are those of `smdp.device.apple.symptoms`. Each device is enrolled with the small MDM and gets its
command from there; nothing here looks at a device but through its MDM.
"""

import pytest

from smdp.client import Client
from smdp.device.apple.symptoms import SYMPTOMS
from smdp.server import Server
from smdp.settings import Settings
from tests.managed import ManagedDevice, no_answer, small_mdm, sparse

DOWNLOADED = ["profile.selected", "profile.downloaded", "profile.consumed"]
INSTALLED = [*DOWNLOADED, "profile.installed", "profile.enabled"]
WORKS = ("ICCID", "CurrentCarrierNetwork", "CurrentMCC", "CurrentMNC", "PhoneNumber")


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
def enrolled(carrier, mdm):
    """Make an enrolled device, in a scenario if one is named."""

    def enrolled(scenario=None, **options):
        device = ManagedDevice(carrier, mdm, **options)
        device.enroll()
        if scenario is not None:
            carrier.apply_scenario(scenario, device.eid)
        return device

    return enrolled


def comes_to_nothing(device, reason, url=None):
    """Refresh: the MDM reads Acknowledged, its row stays sparse; the timeline has both, and why there is no plan."""
    assert device.refresh(url).status == "Acknowledged"
    assert device.failed() == reason
    assert device.told("mdm") == ["mdm.command", "mdm.acknowledged"]
    assert sparse(device.row())


def plan_arrives(device):
    """Refresh: the row gains all that a working line has; returns it."""
    assert device.refresh().status == "Acknowledged"
    device.until("activation.active")
    row = device.row()
    assert set(WORKS) <= set(row)
    return row


def refused(device):
    """The reason and the code of the last session that the carrier refused to this device."""
    session = device.carrier.events(eid=device.eid, type="session.refused")[-1].data
    return session["reason"], session["code"]


@pytest.mark.symptom(1)
def test_all_is_well(carrier, enrolled):
    device = enrolled()
    profile = carrier.issue(device.eid)
    row = plan_arrives(device)
    assert row["ICCID"].replace(" ", "") == profile.iccid
    assert row["PhoneNumber"] == profile.msisdn
    assert device.told("mdm", "profile", "activation")[:7] == ["mdm.command", "mdm.acknowledged", *INSTALLED[:4],
                                                               "activation.pending"]  # fmt: skip
    report = device.why()
    assert (report.profiles[0].state, report.profiles[0].activation.state) == ("installed", "active")


@pytest.mark.symptom(2)
def test_the_profile_was_downloaded_before(carrier, enrolled):
    device = enrolled("already-used")
    comes_to_nothing(device, "already-downloaded")
    comes_to_nothing(device, "already-downloaded")
    assert refused(device) == ("already-downloaded", "8.1.1/3.8")
    assert device.why().profiles[0].consumed
    assert "smdp profile issue" in device.why().fix


@pytest.mark.symptom(3)
def test_the_carrier_has_not_released_it_and_later_it_works(carrier, enrolled):
    device = enrolled("not-released-yet")
    comes_to_nothing(device, "on-hold")
    assert refused(device) == ("on-hold", "8.2/1.2")
    assert device.why().reason == "on-hold"
    carrier.release(device.why().profiles[0].iccid)
    plan_arrives(device)


@pytest.mark.symptom(4)
def test_nothing_is_ordered_for_this_eid(carrier, enrolled):
    device = enrolled("eid-mistyped")
    comes_to_nothing(device, "nothing-ordered")
    assert refused(device) == ("nothing-ordered", "8.1.1/3.8")
    report = device.why()
    assert report.reason == "nothing-ordered"
    assert len(report.nearest.differs_at) == 2


@pytest.mark.symptom(5)
def test_the_url_has_no_scheme(carrier, enrolled):
    device = enrolled()
    profile = carrier.issue(device.eid)
    result = device.refresh(carrier.esim_server_url.removeprefix("https://"))
    assert (result.status, result.error_codes) == ("Error", [12008])
    assert "eSIMServerURL" in result.answer["ErrorChain"][0]["LocalizedDescription"]
    assert sparse(device.row())
    assert device.told()[:2] == ["mdm.command", "mdm.error"]
    assert carrier.sessions() == []
    assert device.why().next == profile.iccid, "the carrier would give it the plan"


@pytest.mark.symptom(6)
@pytest.mark.parametrize(
    ("url", "fault", "reason"),
    [
        ("https://nowhere.invalid", None, "server-unreachable"),
        ("https://localhost:1", None, "server-unreachable"),
        (None, "html-instead-of-json", "answer-not-json"),
        (None, "status", "http-status"),
    ],
    ids=["no such name", "refused", "a page", "a status"],
)
def test_the_host_is_wrong(carrier, enrolled, url, fault, reason):
    device = enrolled()
    profile = carrier.issue(device.eid)
    if fault:
        carrier.add_fault(fault, **({"status": 404} if fault == "status" else {}))
    comes_to_nothing(device, reason, url)
    assert carrier.sessions() == []
    assert device.why().next == profile.iccid


@pytest.mark.symptom(7)
@pytest.mark.parametrize("tail", ["/", "/profiles", "/a/b/"])
def test_the_carrier_minds_what_is_behind_its_host(carrier, enrolled, tail):
    device = enrolled("trailing-slash")
    comes_to_nothing(device, "path-not-exact", carrier.esim_server_url + tail)
    assert carrier.sessions() == []
    assert device.why().next
    carrier.change_carrier(strict_path=False)
    assert device.refresh(carrier.esim_server_url + tail).ok
    device.until("activation.active")
    assert "ICCID" in device.row(), "most carriers don't mind"


@pytest.mark.symptom(8)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("tls-self-signed", "tls-untrusted"),
        ("tls-expired", "tls-untrusted"),
        ("tls-wrong-name", "tls-untrusted"),
        ("tls-1.1", "tls-failed"),
        ("wrong-ci", "ci-unknown"),
    ],
)
def test_the_device_does_not_trust_the_server(carrier, enrolled, fault, reason):
    device = enrolled()
    profile = carrier.issue(device.eid)
    carrier.add_fault(fault)
    comes_to_nothing(device, reason)
    assert carrier.events(type="fault.fired")[0].data["do"] == fault
    report = device.why()
    assert report.profiles[0].state == "released"
    assert report.next == profile.iccid


@pytest.mark.symptom(9)
def test_the_carrier_takes_four_minutes(carrier, enrolled):
    device = enrolled("slow-carrier")
    assert device.refresh().status == "Acknowledged"
    device.until("network.rejected")
    partial = device.row()
    assert "ICCID" in partial
    assert {"CurrentCarrierNetwork", "PhoneNumber"}.isdisjoint(partial)
    assert device.why().reason == "pending"
    carrier.advance("3m")
    assert "CurrentCarrierNetwork" not in device.row(), "Apple's three minutes are over, the carrier's are not"
    carrier.advance("1m")
    assert set(WORKS) <= set(device.row())
    assert device.told("activation") == ["activation.pending", "activation.active"]


@pytest.mark.symptom(10)
def test_the_network_rejects_the_line(carrier, enrolled):
    device = enrolled("activation-fails")
    assert device.refresh().status == "Acknowledged"
    device.until("network.rejected")
    row = device.row()
    assert "ICCID" in row
    assert {"CurrentMCC", "CurrentMNC"}.isdisjoint(row)
    assert "activation.failed" in device.told("activation")
    assert device.why().reason == "activation-failed"


@pytest.mark.symptom(11)
def test_the_device_is_offline(carrier, enrolled, mdm):
    device = enrolled()
    profile = carrier.issue(device.eid)
    carrier.change_device(device.eid, online=False)
    device.mark()
    command = mdm.send_refresh(device.udid, carrier.esim_server_url)
    with pytest.raises(Exception, match="no network"):
        device.poll()
    assert no_answer(device, command)
    assert (device.told(), device.why().next, device.why().last_seen) == ([], profile.iccid, None)
    carrier.change_device(device.eid, online=True)
    assert device.answer(command).ok
    device.until("activation.active")
    assert "ICCID" in device.row()


@pytest.mark.symptom(12)
def test_not_now_and_later_the_answer(carrier, enrolled, mdm):
    device = enrolled("not-now")
    device.mark()
    command = mdm.send_refresh(device.udid, carrier.esim_server_url)
    assert device.poll() == {
        "answered": [{"command": "RefreshCellularPlans", "status": "NotNow"}],
        "not_now": True, "ended": False, "enrolled": True, "problem": None,
    }  # fmt: skip
    assert mdm.results(device.udid)[-1].status == "NotNow"
    assert no_answer(device, command)
    assert device.told("mdm") == ["mdm.command", "mdm.not-now"]
    assert device.why().last_seen is None
    assert device.answer(command).ok
    device.until("activation.active")
    assert "ICCID" in device.row()


@pytest.mark.symptom(13)
def test_the_cellular_stack_is_busy_and_the_retry_works(carrier, enrolled):
    device = enrolled("busy-then-success")
    result = device.refresh()
    assert (result.status, result.error_codes) == ("Error", [36003])
    assert sparse(device.row())
    assert [event.data["code"] for event in carrier.events(type="mdm.error")] == [36003]
    assert carrier.sessions() == []
    assert device.why().last_seen is None, "the carrier never heard of it"
    plan_arrives(device)


@pytest.mark.symptom(14)
@pytest.mark.parametrize("how", ["a device without", "the scenario"])
def test_there_is_no_cellular_hardware(carrier, enrolled, how):
    device = enrolled(cellular=False) if how == "a device without" else enrolled("no-cellular-hardware")
    result = device.refresh()
    assert (result.status, result.error_codes) == ("Error", [36002])
    answer = device.send("DeviceInformation", Queries=["ServiceSubscriptions"]).answer["QueryResponses"]
    assert ("ServiceSubscriptions" in answer) == (how == "the scenario"), "no modem, no rows"
    assert (carrier.sessions(), device.why().last_seen) == ([], None)


@pytest.mark.symptom(15)
def test_the_cellular_software_does_not_answer(carrier, enrolled):
    device = enrolled("no-cellular-stack")
    for _ in range(2):
        result = device.refresh()
        assert (result.status, result.error_codes) == ("Error", [36001])
    assert device.told("mdm") == ["mdm.command", "mdm.error"]
    assert sparse(device.row())
    assert (carrier.sessions(), device.why().last_seen) == ([], None)


@pytest.mark.symptom(16)
def test_the_download_breaks_off(carrier, enrolled):
    device = enrolled("download-interrupted")
    comes_to_nothing(device, "answer-cut")
    assert set(DOWNLOADED) <= set(device.told("profile"))
    assert device.why().reason == "already-downloaded"
    comes_to_nothing(device, "already-downloaded")
    luckier = enrolled()
    carrier.issue(luckier.eid)
    carrier.add_fault("eof", step="getBoundProfilePackage", eid=luckier.eid)
    plan_arrives(luckier)
    assert luckier.told("fault", "session").count("fault.fired") == 1, "asked for again, it came again"


@pytest.mark.symptom(17)
@pytest.mark.parametrize("fault", ["no-memory", "install-error"])
def test_the_euicc_gives_up(carrier, enrolled, fault):
    device = enrolled()
    profile = carrier.issue(device.eid)
    carrier.add_fault(fault, eid=device.eid)
    comes_to_nothing(device, fault)
    assert "profile.failed" in device.told("profile")
    assert device.why().profiles[0].state == "error"
    carrier.reissue(profile.iccid)
    plan_arrives(device)


@pytest.mark.symptom(18)
@pytest.mark.parametrize("starts", ["installed", "manual"])
def test_the_notification_is_lost(carrier, enrolled, starts):
    device = enrolled()
    carrier.create_plan("plan", activation={"on": starts})
    profile = carrier.issue(device.eid, plan="plan")
    carrier.add_fault("lost-notification", eid=device.eid)
    assert device.refresh().status == "Acknowledged"
    device.until("network.rejected")
    assert "ICCID" in device.row()
    assert "profile.installed" not in device.told("profile")
    assert device.why().profiles[0].state == "downloaded", "the carrier does not know that it is installed"
    carrier.set_activation(profile.iccid, "active")
    assert set(WORKS) <= set(device.row()), "and still the line works"


@pytest.mark.symptom(19)
def test_the_carriers_queue_is_full_for_some(carrier, enrolled):
    devices = [enrolled() for _ in range(3)]
    for device in devices:
        carrier.issue(device.eid)
    carrier.add_fault("rate-limit", times=1)
    ends = []
    for device in devices:
        assert device.refresh().status == "Acknowledged"
        ends.append(device.until("user.notice", "activation.active"))
    assert [event.type for event in ends] == ["user.notice", "activation.active", "activation.active"]
    assert ends[0].data["reason"] == "rate-limited"
    assert [sparse(device.row()) for device in devices] == [True, False, False]
    assert devices[0].why().next, "it is still waiting"
    plan_arrives(devices[0])


@pytest.mark.symptom(20)
def test_a_command_that_is_sent_twice_changes_nothing(carrier, enrolled, mdm):
    device = enrolled()
    profile = carrier.issue(device.eid)
    before = plan_arrives(device)
    assert device.refresh().status == "Acknowledged"
    assert device.failed() == "already-downloaded"
    assert device.row() == before
    assert [one.iccid for one in device.why().profiles] == [profile.iccid]
    assert len(carrier.events(type="profile.downloaded", eid=device.eid)) == 1


@pytest.mark.symptom(21)
@pytest.mark.parametrize(
    ("options", "wanted", "kind", "status", "codes"),
    [
        ({"os": "12.4", "model": "iPhone11,8"}, {}, "RefreshCellularPlans", "Error", [12021]),
        ({}, {"user_enrollment": True}, "RefreshCellularPlans", "Error", [12021]),
        ({}, {}, "NoSuchCommand", "Error", [12021]),
        ({}, {}, "", "CommandFormatError", []),
    ],
    ids=["iOS 12", "User Enrollment", "no such command", "no command at all"],
)
def test_the_device_does_not_know_the_command(carrier, mdm, options, wanted, kind, status, codes):
    device = ManagedDevice(carrier, mdm, **options)
    device.enroll(**wanted)
    carrier.issue(device.eid)
    device.mark()
    command = {"RequestType": kind, "eSIMServerURL": carrier.esim_server_url} if kind else {"RequestType": "X"}
    uuid = mdm.enqueue(device.udid, command)
    if not kind:
        waiting = mdm.mdm.devices[device.udid].queue._waiting  # noqa: SLF001 - what the small MDM refuses to queue
        waiting[uuid].body = b"<plist><dict><key>CommandUUID</key><string>%s</string></dict></plist>" % uuid.encode()
    result = device.answer(uuid)
    assert (result.status, result.error_codes) == (status, codes)
    assert device.told("mdm")[-1] == "mdm.error"
    assert (carrier.sessions(), device.why().last_seen) == ([], None)


@pytest.mark.symptom(22)
def test_wiped_without_preserving_the_plan(carrier, enrolled, mdm):
    device = enrolled()
    profile = carrier.issue(device.eid)
    plan_arrives(device)
    device.mark()
    assert device.answer(mdm.erase(device.udid)).status == "Acknowledged"
    removed = device.until("erase.removed")
    assert (removed.data["by"], removed.data["iccids"]) == ("command", [profile.iccid])
    assert device.why().profiles[0].runtime == "deleted"
    device.enroll()
    comes_to_nothing(device, "already-downloaded")
    again = carrier.reissue(profile.iccid)
    assert plan_arrives(device)["PhoneNumber"] == again.msisdn == profile.msisdn


@pytest.mark.symptom(23)
def test_ios_26_has_no_top_level_keys(carrier, enrolled):
    queries = ["ICCID", "IMEI", "PhoneNumber", "CurrentCarrierNetwork", "SubscriberMCC", "DeviceName"]
    told = {}
    for os in ("18.1", "26.1"):
        device = enrolled(os=os)
        carrier.issue(device.eid)
        plan_arrives(device)
        told[os] = set(device.send("DeviceInformation", Queries=queries).answer["QueryResponses"])
        assert device.told("mdm")[-2:] == ["mdm.command", "mdm.acknowledged"]
        assert device.why().profiles[0].activation.state == "active"
    assert told == {"18.1": set(queries), "26.1": {"DeviceName"}}


@pytest.mark.symptom(24)
def test_the_carrier_wants_a_confirmation_code(carrier, enrolled):
    device = enrolled("confirmation-code")
    comes_to_nothing(device, "confirmation-code-missing")
    assert refused(device) == ("confirmation-code-missing", "8.2.7/2.2")
    report = device.why()
    assert report.reason == "confirmation-code-missing"
    outcome = carrier.download(device.eid, report.profiles[0].activation_code, confirmation_code="4931")
    assert outcome.ok
    assert "ICCID" in device.row()


def test_every_symptom_has_its_test():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    marks = [mark for test in tests for mark in getattr(test, "pytestmark", ()) if mark.name == "symptom"]
    assert sorted(mark.args[0] for mark in marks) == [symptom.number for symptom in SYMPTOMS] == list(range(1, 25))
