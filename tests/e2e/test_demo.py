"""What `smdp demo` claims, checked from outside by code that shares nothing with its device: another eUICC opens a
package of the same server with the tests' own decoder, and the key in it is the one that the control API shows."""

import http.client
import json
import subprocess
import sys
from base64 import b64decode
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from smdp import upp
from smdp.client import Client
from tests.e2e.phone import Outside, Phone, eid_of
from tests.independent import b64, open_bpp, parse


@pytest.fixture
def facts():
    """The demo as a process that stays, and what it told; it ends well when its stdin does."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-m", "smdp", "demo", "--json", "--stay"], text=True, **pipes) as demo:
        try:
            line = demo.stdout.readline()
            assert line, demo.stderr.read()
            yield json.loads(line)
        finally:
            _, errors = demo.communicate("", timeout=30)
    assert demo.returncode == 0, errors


async def test_the_demo_from_outside(facts):
    client = Client(facts["control_url"], carrier=facts["carrier"])
    check_what_was_told(client, facts)
    await check_a_package(client, urlsplit(facts["esim_server_url"]).netloc)


def check_what_was_told(client, facts):
    profile = client.profile(facts["iccid"])
    assert (profile.consumed, profile.consumed_by, profile.eid) == (True, facts["session"], facts["eid"])
    for session in (facts["session"], facts["reissued_session"]):
        raw = raw_session(client, session)
        assert [message["step"] for message in raw["messages"]][-1] == "getBoundProfilePackage"
        (told,) = raw["notifications"]
        assert (told["kind"], told["verified"]) == ("profile-installation-result", True)
        result = parse(b64decode(told["raw"]))["BF27"]
        assert result["80"].value.hex().upper() == session
        assert result["A2"].nodes[0].tag == "A0", "the eUICC signed a success"


async def check_a_package(client, address):
    eid = eid_of(77)
    order = client.issue(eid)
    phone = Phone(eid, address, curves=("P-256",))
    async with Outside(address) as door:
        met = await phone.meet(door)
        request = phone.prepare(met.members)
        scalar = int.from_bytes(phone.card.session.one_time_key.scalar, "big")
        got = await door.ask("getBoundProfilePackage", request)
    opened = open_bpp(b64decode(got.members["boundProfilePackage"]), ec.derive_private_key(scalar, ec.SECP256R1()), eid)
    package, shown = upp.read(opened.upp), client.profile(order.iccid, credentials=True)
    assert package.iccid == order.iccid
    assert package.usim.imsi == shown.imsi
    assert (package.usim.ki.hex().upper(), package.usim.opc.hex().upper()) == (
        shown.credentials.ki, shown.credentials.opc
    )  # fmt: skip
    assert raw_session(client, phone.transaction_id)["messages"][-1]["response"] == b64(got.body)


def raw_session(client, session):
    url = urlsplit(client.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    try:
        connection.request("GET", f"/api/v1/carriers/{client.carrier}/sessions/{session}?as=raw")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
