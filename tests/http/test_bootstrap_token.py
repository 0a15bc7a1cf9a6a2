"""A bootstrap token is left with the MDM by devices that need one to return to service with their apps."""

import pytest

from smdp.client import Client
from smdp.demo.mdm import BlockingMdm
from smdp.server import Server
from smdp.settings import Settings


@pytest.fixture(scope="module")
def mdm():
    with BlockingMdm() as mdm:
        yield mdm


@pytest.fixture(scope="module")
def client():
    with Server(Settings(port=0, control_port=0, log_level="error")) as server:
        yield Client(server.control_url)


@pytest.mark.parametrize(
    ("os", "supervised", "left"), [("26.1", True, True), ("26.1", False, False), ("18.1", True, False)]
)
def test_a_bootstrap_token(client, mdm, os, supervised, left):
    device = client.host_device(os=os, supervised=supervised)
    device.enroll(mdm.enroll_url, ca=mdm.ca)
    token = mdm.devices[device.udid].bootstrap_token
    assert (token is not None) is left
    assert token is None or len(token) == 32
