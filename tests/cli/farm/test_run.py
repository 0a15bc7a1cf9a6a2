"""`smdp device run` with a real server and the small MDM."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import threading

import pytest

from smdp.cli.farm.run import Farm, Wanted
from smdp.demo.mdm import SmallMdm
from tests.cli.farm.conftest import PATIENCE, ended, farm, owed, sending_refresh
from tests.e2e.processes import ServerProcess

MIX = "used=5%,held=5%,unordered=1,no-cellular=1,activation-fails=1,offline=1"
REASONS = {"already-downloaded", "on-hold", "nothing-ordered", "36002", "network-rejected"}


def check_once(carrier, count):
    """Each device has one profile, which was installed once."""
    profiles = carrier.profiles()
    assert len(profiles) == len({profile.eid for profile in profiles}) == count
    installed = [event.iccid for event in carrier.events(type="profile.installed")]
    assert sorted(installed) == sorted(profile.iccid for profile in profiles)
    assert {profile.activation.state for profile in profiles} == {"active"}


def test_twenty_devices_of_all_kinds_twice(carrier, mdm, ca):
    words = ("--count", 20, "--enroll", mdm.enroll_url, "--mdm-ca", ca, "--plan", "fleet", "--mix", MIX)
    with sending_refresh(mdm, carrier.esim_server_url):
        with farm(*words, "--every", "200ms", "--ramp", "100/s", "--for", "90s", "--json") as process:
            code, report, err = ended(process)
        assert (code, report["ok"], report["devices"], report["expected"]) == (0, True, 20, 20), (report, err)
        assert report["states"] == {"active": 14, "refused": 5, "offline": 1}
        assert report["refresh_to_active"]["count"] == 14
        assert 0 < report["refresh_to_active"]["p50"] <= report["refresh_to_active"]["p99"]
        assert {one["reason"] for one in report["failures"]} == REASONS
        assert all(one["expected"] and one["because"] and len(one["eid"]) == 32 for one in report["failures"])
        before = carrier.profiles()
        with farm(*words, "--every", "200ms", "--for", "90s", "--json") as process:
            code, again, err = ended(process)
    assert (code, again["states"], again["devices"]) == (0, report["states"], 20), (again, err)
    assert [(one.iccid, one.state) for one in carrier.profiles()] == [(one.iccid, one.state) for one in before]
    names = sorted(device.name for device in carrier.devices())
    assert [name[:9] for name in names] == [f"farm-{number:04d}" for number in range(1, 21)]


def test_killed_in_the_middle_it_goes_on_where_it_was(carrier, mdm, ca):
    words = ("--count", 12, "--enroll", mdm.enroll_url, "--mdm-ca", ca, "--plan", "fleet", "--every", "200ms")
    with sending_refresh(mdm, carrier.esim_server_url):
        with farm(*words) as process:
            after = 0
            for _ in range(3):
                after = carrier.wait("activation.active", after=after, within=PATIENCE).id
            process.kill()
            process.wait(PATIENCE)
        with farm(*words, "--for", "90s", "--json") as process:
            code, report, err = ended(process)
    assert (code, report["states"]) == (0, {"active": 12}), (report, err)
    check_once(carrier, 12)


def test_without_mdm_devices_refresh_by_themselves(carrier, process):
    result = process("device", "run", "--count", "3", "--plan", "fleet", "--name", "till", "--mix", "unordered=1")
    assert result.code == 0, result
    lines = result.out.splitlines()
    assert re.fullmatch(r"✓ 3 devices, plan fleet, \d+ s: 3 as expected", lines[0])
    assert lines[1:3] == ["  active   2", "  refused  1"]
    assert re.fullmatch(r"refresh → active: p50 [\d.]+ s  p95 [\d.]+ s  p99 [\d.]+ s  \(2 plans\)", lines[3])
    assert lines[4] == "✓ nothing-ordered: 1 device, as expected"
    assert max(len(line) for line in lines if not line.startswith("  fix ")) <= 80
    again = process("device", "run", "--count", "3", "--plan", "fleet", "--name", "till", "--mix", "unordered=1")
    assert again.code == 0, again
    assert len(carrier.devices()) == 3
    check_once(carrier, 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_goes_on_until_it_is_told(carrier, mdm, ca, number):
    with farm("--count", 2, "--enroll", mdm.enroll_url, "--mdm-ca", ca, "--every", "100ms", "--json") as process:
        for _ in range(2):
            carrier.wait("mdm.enrolled", within=PATIENCE)
        udid = carrier.devices()[0].udid
        assert mdm.result(udid, mdm.query(udid), within=PATIENCE).ok
        process.send_signal(number)
        code, report, err = ended(process)
    assert (code, report["states"], report["plan"]) == (0, {"enrolled": 2}, None), err
    assert "Ending" in err


def test_devices_without_their_plan_in_time_are_no_success(carrier, mdm, ca, process):
    words = ["--enroll", mdm.enroll_url, "--mdm-ca", ca, "--plan", "fleet", "--for", "2s"]
    result = process("device", "run", *words)
    assert result.code == 1, result
    assert re.match(
        r"✗ 1 device, plan fleet, \d+ s: 0 as expected\n  enrolled  1\nrefresh → active: none yet", result.out
    )
    result = process("device", "run", *words, "--until", "enrolled")
    assert result.code == 0, result


def test_a_failure_is_said_when_it_happens_and_at_the_end(carrier, mdm, process):
    result = process("device", "run", "--enroll", mdm.enroll_url, "--for", "2s")
    assert result.code == 1, result
    assert "smdp: tls-untrusted: The device does not trust the TLS certificate" in result.err
    assert "✗ tls-untrusted: 1 device\n" in result.out
    assert result.err.count("tls-untrusted") == 1


def test_what_no_device_could_get_over_ends_it_at_once(carrier, mdm, process, tmp_path):
    (tmp_path / "x.mobileconfig").write_bytes(b"nonsense")
    for words, code, sentence in (
        (["--plan", "flet"], 1, "Did you mean fleet?"),
        (["--count", "50", "--enroll", "x.mobileconfig"], 2, "neither a property list nor a CMS-signed one"),
    ):
        result = process("device", "run", *words)
        assert result.code == code, result
        assert sentence in result.err
        assert "Traceback" not in result.err
        assert result.err.splitlines()[-1].startswith("smdp: ")
        assert not result.out
    assert len(carrier.devices()) < 50


def test_on_a_terminal_there_is_a_table(carrier, server):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "smdp", "device", "run", "--count", "2", "--plan", "fleet", "--mix", "unordered=1"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "40"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment) as process:
        os.close(theirs)
        drawn = b""
        try:
            while chunk := os.read(ours, 65536):
                drawn += chunk
        except OSError:
            pass  # the other end is closed: Linux says EIO
        os.close(ours)
        out = process.stdout.read()
    assert process.returncode == 0, out
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn.decode())
    assert "have their plan" in text
    assert "refresh → active: p50" in text
    assert "nothing-ordered" in text
    assert out.startswith("✓ 2 devices")


# --- in this process: what comes and goes around it


def running(client, wanted, show=lambda _: None):
    """A farm in a thread: what it returned, and what stops it."""
    stop, reports = threading.Event(), []
    thread = threading.Thread(target=lambda: reports.append(Farm(client, wanted).run(stop, show)))
    thread.start()
    return thread, stop, reports


def wanted(mdm, count=4, **more):
    enrolment = {"url": mdm.enroll_url, "mdm_ca": mdm.ca, "allow_http": False}
    more = {"prefix": "farm", "mix": {}, "plan": "fleet", "until": "active", "every": 0.2, "seconds": 90.0} | more
    return Wanted(count=count, enrolment=enrolment, **more)


async def follow_rule(mdm, url):
    answered = set()
    while True:
        for udid in owed(mdm.devices, answered):
            mdm.send_refresh(udid, url)
        await asyncio.sleep(0.05)


async def test_an_mdm_that_comes_late_and_goes_for_a_while(carrier):
    mdm = SmallMdm()
    async with mdm:
        pass  # it keeps the port that it was given
    thread, _, reports = running(carrier, wanted(mdm))
    rule = asyncio.create_task(follow_rule(mdm, carrier.esim_server_url))
    async with mdm:
        await asyncio.to_thread(carrier.wait, "activation.active", after=0, within=PATIENCE)
    async with mdm:
        await asyncio.to_thread(thread.join, PATIENCE)
    rule.cancel()
    assert not thread.is_alive()
    assert reports[0].states == {"active": 4}, reports[0].failures
    check_once(carrier, 4)


def test_devices_that_are_taken_away(carrier, mdm):
    gone = threading.Event()

    def show(report):
        if report.states.get("left") == 2:
            gone.set()

    thread, stop, reports = running(carrier, wanted(mdm, 3, plan=None, until=None), show)
    carrier.last_event = 0
    for _ in range(3):
        carrier.wait("mdm.enrolled", within=PATIENCE)
    deleted, erased, kept = carrier.devices()
    carrier.delete_device(deleted.eid)
    assert mdm.result(erased.udid, mdm.erase(erased.udid), within=PATIENCE).ok
    assert gone.wait(PATIENCE)
    assert mdm.result(kept.udid, mdm.query(kept.udid), within=PATIENCE).ok
    stop.set()
    thread.join(PATIENCE)
    (report,) = reports
    assert (report.ok, report.states) == (False, {"enrolled": 1, "left": 2})
    assert {one.reason for one in report.failures} <= {"device-unknown", "erased", "unenrolled", "not-enrolled"}


def test_a_server_that_is_killed_and_comes_back(mdm, tmp_path):
    count, database = 8, tmp_path / "smdp.db"
    with ServerProcess(database) as server:
        carrier = server.client("acme")
        carrier.create_plan("fleet")
        url = f"https://{server.address('acme')}"
        thread, _, reports = running(carrier, wanted(mdm, count))
        carrier.wait("mdm.enrolled", after=0, within=PATIENCE)
        server.kill()
        ports = {"port": str(server.port), "control_port": server.url.rpartition(":")[2]}
        with ServerProcess(database, **ports), sending_refresh(mdm, url, to_all=True):
            thread.join(PATIENCE)
            assert not thread.is_alive()
            assert reports[0].states == {"active": count}, reports[0].failures
            check_once(carrier, count)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_thousand_devices(carrier, mdm, ca):
    words = ("--count", 1000, "--enroll", mdm.enroll_url, "--mdm-ca", ca, "--plan", "fleet", "--every", "10s")
    words += ("--ramp", "50/s", "--for", "13m", "--json")
    with sending_refresh(mdm, carrier.esim_server_url), farm(*words) as process:
        out, err = process.communicate(timeout=850)
    assert process.returncode == 0, (out, err)
    assert '"active": 1000' in out
    assert '"failures": []' in out
    check_once(carrier, 1000)
