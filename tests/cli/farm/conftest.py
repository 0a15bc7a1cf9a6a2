import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from smdp.client import Client
from smdp.demo.mdm import BlockingMdm
from smdp.server import Server
from smdp.settings import Settings

PATIENCE = 100


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="critical")) as running:
        yield running


@pytest.fixture
def carrier(server, monkeypatch):
    """A fresh carrier with the plan `fleet`, which the commands are about."""
    client = Client(server.control_url).create_carrier()
    client.create_plan("fleet")
    monkeypatch.setenv("SMDP_URL", server.control_url)
    monkeypatch.setenv("SMDP_CARRIER", client.carrier)
    return client


@pytest.fixture(scope="module")
def mdm():
    with BlockingMdm() as small:
        yield small


@pytest.fixture
def ca(mdm, tmp_path):
    (tmp_path / "ca.pem").write_text(mdm.ca)
    return str(tmp_path / "ca.pem")


def owed(devices, answered):
    """An administrator's rule: the enrolled devices that are to be sent RefreshCellularPlans, until they answer it."""
    for udid, device in devices.items():
        if any(one.request_type == "RefreshCellularPlans" for one in tuple(device.queue.results)):
            answered.add(udid)
        if device.enrolled and not len(device.queue) and udid not in answered:
            yield udid


@contextmanager
def sending_refresh(mdm, url, *, to_all=False):
    """Follow the rule for who enrols from now on; with `to_all` for those that are there, too."""
    done, answered = threading.Event(), set() if to_all else set(mdm.devices)

    def send():
        while not done.wait(0.05):
            for udid in owed(mdm.devices, answered):
                mdm.send_refresh(udid, url)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def farm(*words):
    """`smdp device run` as a process that may be killed."""
    command = [sys.executable, "-m", "smdp", "device", "run", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process):
    """Its exit code, and the report that it printed as JSON."""
    out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err, err
    return process.returncode, json.loads(out) if out else None, err
