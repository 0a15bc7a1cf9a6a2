"""`smdp device enroll … subscriptions`: what they print, with prepared answers; and the whole way, as processes."""

import json
import os
import plistlib
import signal
import subprocess
import sys

import pytest

from smdp.client import Client
from smdp.demo.mdm import BlockingMdm
from smdp.server import Server
from smdp.settings import Settings
from tests.control_stub import EID, ICCID, device, page, problem

DEVICE = f"/api/v1/devices/{EID}"
OTHER = "89049032123451234512345678901236"
ENROLLMENT = {"kind": "device", "server_url": "https://mdm.test/mdm", "topic": "com.apple.mgmt.x"}


def polled(*answered, **more):
    return {"answered": [{"command": name, "status": status} for name, status in answered]} | more


def attempt(**more):
    return {"action": "add-esim", "allowed": True, "said": "allowed", "because": "It may be."} | more


def test_enrolling_says_with_whom(smdp, stub):
    stub.on("POST", f"{DEVICE}/enroll", device(enrollment=ENROLLMENT))
    result = smdp("device", "enroll", EID, "https://mdm.test/enroll", "--allow-http", "--ade")
    assert result.out.splitlines() == [
        f"{EID} is enrolled with https://mdm.test/mdm",
        "  UDID   00008150-1",
        "  kind   device",
        "  topic  com.apple.mgmt.x",
    ]
    assert result.err.startswith(f"next: smdp device poll {EID}")
    assert stub.bodies("POST", f"{DEVICE}/enroll") == [
        {"url": "https://mdm.test/enroll", "allow_http": True, "ade": True}
    ]
    assert json.loads(smdp("device", "enroll", EID, "https://x.test", "--json").out)["enrollment"] == ENROLLMENT


def test_enrolling_with_files(smdp, stub, tmp_path):
    stub.on("POST", f"{DEVICE}/enroll", device(enrollment=ENROLLMENT))
    (tmp_path / "x.mobileconfig").write_bytes(b"abc")
    (tmp_path / "ca.pem").write_text("PEM")
    assert smdp("device", "enroll", EID, "x.mobileconfig", "--mdm-ca", "ca.pem").code == 0
    assert stub.bodies("POST", f"{DEVICE}/enroll") == [{"profile": "YWJj", "mdm_ca": "PEM"}]


def test_show_tells_of_the_mdm_and_what_it_restricts(smdp, stub):
    stub.on("GET", DEVICE, device(enrollment=ENROLLMENT, restrictions={"allowESIMModification": False}))
    shown = smdp("device", "show", EID).out
    assert "  enrolled      with https://mdm.test/mdm (device)\n" in shown
    assert "  restricted    allowESIMModification=false\n" in shown
    stub.on("DELETE", f"{DEVICE}/enroll", b"", status=204)
    assert smdp("device", "unenroll", EID).out == f"{EID} is not enrolled any more\n"
    assert json.loads(smdp("device", "unenroll", EID, "--json").out)["eid"] == EID


def test_a_poll_prints_each_command(smdp, stub):
    answers = polled(("ProfileList", "Acknowledged"), ("Gone", "Error"), ("X", "NotNow"), ("", "CommandFormatError"))
    stub.on("POST", f"{DEVICE}/poll", answers)
    result = smdp("device", "poll", EID)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "✓ ProfileList  Acknowledged",
        "✗ Gone  Error",
        "· X  NotNow",
        "✗ (unreadable)  CommandFormatError",
    ]
    stub.on("POST", f"{DEVICE}/poll", polled())
    assert smdp("device", "poll", EID).err == "No command waits.\n"


def test_a_poll_that_fails_says_why(smdp, stub):
    why = {"reason": "mdm-unreachable", "because": "Nobody answers at mdm.test.", "fix": "Start the server."}
    stub.on("POST", f"{DEVICE}/poll", polled(problem=why))
    result = smdp("device", "poll", EID)
    assert (result.code, result.out) == (1, "")
    assert result.err == "smdp: Nobody answers at mdm.test. Start the server.\n"
    assert json.loads(smdp("device", "poll", EID, "--json").out)["problem"] == why


def test_polling_again_and_again_ends_with_the_enrolment(smdp, stub):
    answers = [
        problem(409, "device-offline", "The device is offline.", "Take it online."),
        polled(),
        polled(("ProfileList", "Acknowledged")),
        polled(("EraseDevice", "Acknowledged"), enrolled=False),
    ]

    stub.on("POST", f"{DEVICE}/poll", lambda _query, _body: answers.pop(0))
    result = smdp("device", "poll", EID, "--every", "1ms", "--json")
    assert result.code == 1
    assert [[one["command"] for one in json.loads(line)["answered"]] for line in result.out.splitlines()] == [
        ["ProfileList"],
        ["EraseDevice"],
    ]
    assert result.err == ("smdp: The device is offline. Take it online.\nsmdp: The device is not enrolled any more.\n")


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["add-esim"], {"action": "add-esim"}),
        (["remove-esim", "--iccid", ICCID], {"action": "remove-esim", "iccid": ICCID}),
        (["transfer", OTHER], {"action": "transfer", "to": OTHER}),
        (["wrong-passcode", "--times", "11"], {"action": "wrong-passcode", "times": 11}),
        (["erase"], {"action": "erase", "keep": False}),
        (["erase", "--remove"], {"action": "erase", "keep": False}),
        (["erase", "--keep"], {"action": "erase", "keep": True}),
    ],
)
def test_what_a_holder_tries(smdp, stub, words, body):
    stub.on("POST", f"{DEVICE}/user", attempt())
    result = smdp("device", "user", EID, *words)
    assert (result.code, result.out) == (0, "✓ allowed\n  because     It may be.\n")
    assert stub.bodies("POST", f"{DEVICE}/user") == [body]


def test_what_a_holder_may_not(smdp, stub):
    block = {"key": "allowESIMModification", "profile": "x", "profile_name": "Fleet"}
    said = "blocked by allowESIMModification (profile Fleet)"
    stub.on(
        "POST", f"{DEVICE}/user", attempt(allowed=False, said=said, blocked_by=block, notice="Mobile Plan is Ready")
    )
    result = smdp("device", "user", EID, "add-esim")
    assert (result.code, result.out.splitlines()[0]) == (1, f"✗ {said}")
    assert "  on screen   Mobile Plan is Ready\n" in result.out
    assert json.loads(smdp("device", "user", EID, "add-esim", "--json").out)["blocked_by"] == block


def test_what_came_of_an_attempt(smdp, stub):
    erased = {"by": "wrong-passcode", "kept": False, "iccids": [ICCID], "because": "Too many.", "then": "Order again."}
    stub.on("POST", f"{DEVICE}/user", attempt(erased=erased, delay_seconds=60, evidence="inferred"))
    result = smdp("device", "user", EID, "wrong-passcode")
    assert result.code == 0
    assert result.out.splitlines()[2:] == [
        "  locked for  60 s",
        "  evidence    inferred",
        "  erased      eSIMs removed: Too many.",
    ]
    outcome = {"ok": False, "refused": "8.1.1/3.8", "reason": "nothing-ordered", "because": "No profile."}
    stub.on("POST", f"{DEVICE}/user", attempt(outcome=outcome))
    result = smdp("device", "user", EID, "add-esim")
    assert result.code == 1
    assert "outcome     refused 8.1.1/3.8 (nothing-ordered): No profile." in result.out


def test_an_erasure_tells_what_becomes_of_the_esims(smdp, stub):
    erased = {"by": "dfu", "kept": True, "iccids": [ICCID], "because": "DFU leaves eSIMs.", "then": "It works on."}
    stub.on("POST", f"{DEVICE}/erase", erased | {"evidence": "inferred"})
    result = smdp("device", "erase", EID, "--by", "dfu")
    assert result.out.splitlines() == [
        "eSIMs kept (inferred): DFU leaves eSIMs.",
        f"  eSIMs  {ICCID}",
        "  then   It works on.",
    ]
    assert json.loads(smdp("device", "erase", EID, "--by", "dfu", "--json").out)["kept"] is True


def test_notices(smdp, stub):
    stub.on("GET", f"{DEVICE}/notices", page("One", "Two"))
    assert smdp("device", "notices", EID).out == "One\nTwo\n"
    assert json.loads(smdp("device", "notices", EID, "--json").out) == ["One", "Two"]
    stub.on("GET", f"{DEVICE}/notices", page())
    assert smdp("device", "notices", EID).err == "Nothing was shown.\n"


def test_subscriptions_in_words_and_as_json(smdp, stub):
    rows = [{"Slot": "CTSubscriptionSlotOne", "EID": EID, "IsRoaming": False}]
    stub.on("GET", f"{DEVICE}/service-subscriptions", page(*rows))
    assert smdp("device", "subscriptions", EID).out.splitlines() == [
        "CTSubscriptionSlotOne",
        f"  EID        {EID}",
        "  IsRoaming  false",
    ]
    assert json.loads(smdp("device", "subscriptions", EID, "--json").out) == rows
    assert json.loads(smdp("device", "subscriptions", EID, "--as", "json", "--os", "18.1").out) == rows
    assert stub.requests[-1][2] == "os=18.1"
    stub.on("GET", f"{DEVICE}/service-subscriptions", page())
    assert smdp("device", "subscriptions", EID).err == "The device tells of no slot: it has no modem.\n"


# --- with a real server and the small MDM


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture(scope="module")
def mdm():
    with BlockingMdm() as small:
        yield small


@pytest.fixture
def carrier(server, monkeypatch):
    client = Client(server.control_url).create_carrier()
    monkeypatch.setenv("SMDP_URL", server.control_url)
    monkeypatch.setenv("SMDP_CARRIER", client.carrier)
    return client


def test_from_enrolment_to_the_wipe(process, carrier, mdm, tmp_path):
    (tmp_path / "fleet.mobileconfig").write_bytes(mdm.profile())
    (tmp_path / "ca.pem").write_text(mdm.ca)
    made = json.loads(process("device", "new", "--json").out)
    eid, udid = made["eid"], made["udid"]
    iccid = carrier.issue(eid).iccid
    fix = "Enrol it: smdp device enroll EID FILE|URL."
    assert process("device", "poll", eid).err == f"smdp: The device is not enrolled. {fix}\n"
    assert process("device", "enroll", eid, "fleet.mobileconfig", "--mdm-ca", "ca.pem").code == 0
    again = process("device", "enroll", eid, mdm.enroll_url, "--mdm-ca", "ca.pem")
    assert (again.code, again.err.count("\n")) == (1, 1)
    mdm.send_refresh(udid, carrier.esim_server_url)
    assert process("device", "poll", eid).out == "✓ RefreshCellularPlans  Acknowledged\n"
    assert process("profile", "wait", eid, "active", "--within", "60s").code == 0
    rows = plistlib.loads(process("device", "subscriptions", eid, "--as", "plist").out.encode())
    assert rows[1]["ICCID"].replace(" ", "") == iccid
    restrictions = {
        "PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "fleet", "PayloadUUID": "U-1",
        "PayloadDisplayName": "Fleet", "PayloadContent": [{
            "PayloadType": "com.apple.applicationaccess", "PayloadVersion": 1, "PayloadIdentifier": "fleet.access",
            "PayloadUUID": "U-2", "allowESIMModification": False,
        }],
    }  # fmt: skip
    mdm.install_profile(udid, plistlib.dumps(restrictions))
    assert process("device", "poll", eid).out == "✓ InstallProfile  Acknowledged\n"
    blocked = process("device", "user", eid, "remove-esim")
    assert blocked.code == 1
    assert blocked.out.startswith("✗ blocked by allowESIMModification (profile Fleet)\n")
    assert "restricted    allowESIMModification=false" in process("device", "show", eid).out
    mdm.erase(udid)
    assert process("device", "poll", eid).out == "✓ EraseDevice  Acknowledged\n"
    assert json.loads(process("device", "show", eid, "--json").out)["esims"] == []
    assert process("why", eid).code == 1


def test_ctrl_c_ends_a_poll_that_goes_on(carrier, mdm, tmp_path):
    phone = carrier.host_device()
    phone.enroll(mdm.profile(), ca=mdm.ca)
    command = [sys.executable, "-m", "smdp", "device", "poll", phone.eid, "--every", "50ms"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as polling:
        sent = mdm.query(phone.udid)
        assert mdm.result(phone.udid, sent, within=60).ok
        assert polling.stdout.readline() == "✓ DeviceInformation  Acknowledged\n"
        polling.send_signal(signal.SIGINT)
        assert polling.wait(60) == 0


def test_an_mdm_that_is_not_trusted(process, carrier, mdm):
    eid = carrier.create_device().eid
    refused = process("device", "enroll", eid, mdm.enroll_url)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "--mdm-ca" in refused.err
