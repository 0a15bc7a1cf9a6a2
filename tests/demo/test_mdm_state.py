"""The small MDM is killed and started again: nobody enrols anew, and nothing that was queued is lost."""

import re
import subprocess
import sys

import pytest

from smdp.client import Client
from smdp.demo.mdm import SmallMdm
from smdp.demo.mdm.journal import Journal, Record
from smdp.errors import StartError
from smdp.server import Server
from smdp.settings import Settings
from tests.demo.mdm_client import Phone, identity

SECONDS = 30


class Process:
    """`python -m smdp.demo.mdm --state FILE`."""

    def __init__(self, state, port="0"):
        words = [sys.executable, "-m", "smdp.demo.mdm", "--port", port, "--state", str(state)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = [self.process.stdout.readline() for _ in range(3)]
        self.port = re.search(r"enrol +https://localhost:(\d+)/", "".join(lines))[1]

    def kill(self):
        self.process.kill()
        self.process.wait(SECONDS)
        self.process.stdout.close()


def test_killed_between_enrolment_and_command(tmp_path):
    """A device that enrolled with the first process answers the second, with the identity that it has."""
    state = tmp_path / "mdm.state"
    with Server(Settings(port=0, control_port=0, log_level="error")) as server:
        acme = Client(server.control_url).create_carrier()
        device = acme.host_device()
        first = Process(state)
        try:
            device.enroll(f"https://localhost:{first.port}/enroll", ca=ca_of(first.port))
            queued = enqueue(first.port, device.udid, acme.esim_server_url)
        finally:
            first.kill()
        assert device.poll().problem.reason == "mdm-unreachable"
        profile = acme.issue(device.eid)
        second = Process(state, first.port)
        try:
            polled = device.poll()
            assert [(one.command, one.status) for one in polled.answered] == [("RefreshCellularPlans", "Acknowledged")]
            acme.wait("activation.active", eid=device.eid, after=0, within=SECONDS)
            assert [esim.iccid for esim in device.esims] == [profile.iccid]
            assert result(second.port, device.udid, queued) == "Acknowledged"
            assert device.poll().answered == []
        finally:
            second.kill()
        third = Process(state, first.port)
        try:
            assert result(third.port, device.udid, queued) == "Acknowledged"
            assert device.poll().answered == [], "an answered command is not sent again"
        finally:
            third.kill()


def curl(*words):
    done = subprocess.run(["curl", "-sfk", *words], capture_output=True, check=True, timeout=SECONDS)
    return done.stdout.decode()


def ca_of(port):
    return curl(f"https://localhost:{port}/ca.pem")


def enqueue(port, udid, url):
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>CommandUUID</key><string>C-1</string>'
        "<key>Command</key><dict><key>RequestType</key><string>RefreshCellularPlans</string>"
        f"<key>eSIMServerURL</key><string>{url}</string></dict></dict></plist>"
    )
    curl("-X", "PUT", "--data-binary", body, f"https://localhost:{port}/v1/enqueue/{udid}")
    return "C-1"


def result(port, udid, uuid):
    return re.search(r'"status": ?"(\w+)"', curl(f"https://localhost:{port}/v1/results/{udid}/{uuid}"))[1]


async def test_a_record_that_was_cut_off_is_dropped(tmp_path):
    state = tmp_path / "mdm.state"
    async with SmallMdm(state=state) as mdm, Phone(mdm, who=identity(mdm.authority)) as phone:
        await phone.enroll()
        mdm.query(phone.udid)
        mdm.query(phone.udid)
    whole = state.read_bytes()
    for cut in (1, 5, 50):
        state.write_bytes(whole[:-cut])
        again = SmallMdm(state=state)
        assert again.ca == mdm.ca
        assert again.challenge == mdm.challenge
        assert again.devices[phone.udid].enrolled
        assert len(again.devices[phone.udid].queue) == 1


@pytest.mark.parametrize("held", [b"\0\0\0\x05hello", Record("begin", b"no key", b"challenge\0no certificate")])
def test_a_file_of_something_else_is_told(tmp_path, held):
    state = tmp_path / "mdm.state"
    if isinstance(held, Record):
        Journal(state).write(held)
    else:
        state.write_bytes(held)
    with pytest.raises(StartError, match="delete it"):
        SmallMdm(state=state)


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(StartError, match="can't keep its state"):
        SmallMdm(state=tmp_path / "nowhere" / "mdm.state")


def test_the_file_is_its_owners_alone(tmp_path):
    state = tmp_path / "mdm.state"
    SmallMdm(state=state)
    assert state.stat().st_mode & 0o777 == 0o600
