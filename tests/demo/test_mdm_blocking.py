"""The small MDM in a thread, and as a process."""

import asyncio
import json
import re
import signal
import ssl
import subprocess
import sys
import threading
import urllib.request

import pytest

from smdp.demo.mdm import BlockingMdm, Enrolment, MdmError
from smdp.errors import StartError, TimedOut
from tests.demo.mdm_client import UDID, Phone, identity

URL = "https://acme.smdp.localhost:8443"


def test_every_verb_without_a_loop():
    woken = []
    with BlockingMdm(woken=woken.append) as mdm:
        assert mdm.enroll_url == mdm.url + "/enroll"
        assert mdm.ca.startswith("-----BEGIN CERTIFICATE-----")
        assert b"com.apple.security.pkcs12" in mdm.profile(Enrolment(identity="pkcs12"))

        async def enroll_and_answer_all():
            async with Phone(mdm, who=identity(mdm.mdm.authority)) as phone:
                await phone.enroll()
                enrolled.set()
                await asyncio.to_thread(queued.wait, 30)
                told = await phone.answer()
                while told is not None:
                    told = await phone.answer("Acknowledged", told["CommandUUID"])

        enrolled, queued = threading.Event(), threading.Event()
        device = threading.Thread(target=asyncio.run, args=(enroll_and_answer_all(),))
        device.start()
        assert mdm.enrolled(UDID, within=30).udid == UDID
        assert enrolled.wait(30)
        sent = [
            mdm.send_refresh(UDID, URL),
            mdm.query(UDID),
            mdm.install_profile(UDID, b"x"),
            mdm.erase(UDID, preserve_data_plan=True),
            mdm.enqueue(UDID, {"RequestType": "ProfileList"}),
        ]
        queued.set()
        assert all(mdm.result(UDID, uuid, within=30).ok for uuid in sent)
        device.join(30)
        assert [one.command_uuid for one in mdm.results(UDID)] == sent
        assert woken == [UDID] * 5
        assert list(mdm.devices) == [UDID]
        with pytest.raises(MdmError):
            mdm.result(UDID, "unknown")
        with pytest.raises(TimedOut):
            mdm.enrolled("nobody", within=0)
        with pytest.raises(StartError), BlockingMdm(port=mdm.mdm.port):
            pass


@pytest.fixture
def started():
    """`python -m smdp.demo.mdm` with these flags."""
    running = []

    def start(*words):
        command = [sys.executable, "-m", "smdp.demo.mdm", *words]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for one in running:
        if one.poll() is None:
            one.kill()
        one.communicate()


def test_as_a_process(started):
    process = started("--port", "0")
    printed = "".join(process.stdout.readline() for _ in range(3))
    url = re.search(r"enrol +(https://localhost:\d+)/enroll", printed)[1]
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE  # the CA comes from there, too
    with urllib.request.urlopen(f"{url}/ca.pem", context=trusting, timeout=30) as answer:  # noqa: S310 - https
        ca = answer.read().decode()
    context = ssl.create_default_context(cadata=ca)
    with urllib.request.urlopen(f"{url}/v1/devices", context=context, timeout=30) as answer:  # noqa: S310 - https
        assert json.load(answer) == {"items": []}
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert "--api-key" not in process.stderr.read()


def test_a_process_that_can_not_listen_says_why(started):
    with BlockingMdm() as mdm:
        process = started("--port", str(mdm.mdm.port))
        assert process.wait(30) == 1
        said = process.stderr.read()
    assert str(mdm.mdm.port) in said
    assert "Traceback" not in said
