"""smdp inside another program: what interfaces.md §7 shows, and that nothing of it stays behind."""

import asyncio
import socket
import ssl
import threading
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

import smdp
from smdp.errors import StartError, UsageError
from smdp.pki import export
from smdp.settings import Settings
from tests.e2e.phone import PATH

EID = "89049032123451234512345678901235"


@pytest.fixture(scope="module")
def server():
    with smdp.Server() as running:
        yield running


# --- the examples


def test_a_carrier_and_a_device_in_a_few_lines():
    with smdp.Server() as server:
        carrier = server.carrier("acme")
        device = smdp.Device(trust=server.ca)
        profile = carrier.issue(device.eid)
        outcome = device.refresh(carrier.esim_server_url)
        assert outcome.installed == profile.iccid, outcome
        assert carrier.wait("activation.active", eid=device.eid, after=0, within=30)
        assert [(esim.iccid, esim.state) for esim in device.esims] == [(profile.iccid, "enabled")]
        assert device.disable(profile.iccid).ok
        assert carrier.profile(profile.iccid).runtime == "disabled"
        assert device.delete(profile.iccid).ok
        assert device.esims == []


async def test_a_server_in_this_loop():
    async with smdp.Server(Settings(port=0, control_port=0)) as server:
        acme = server.async_carrier("acme")
        device = await acme.host_device()
        order = await acme.issue(device.eid)
        assert (await device.refresh()).installed == order.iccid
        with pytest.raises(UsageError, match="Use server"):
            server.carrier("acme")


async def test_a_plain_application(tmp_path):
    app = smdp.create_app(Settings(database=f"sqlite:///{tmp_path / 'smdp.db'}"))
    assert type(app) is aiohttp.web.Application
    async with TestServer(app) as running:
        acme = smdp.AsyncClient(str(running.make_url("/")), carrier="acme")
        assert await acme.ready()
        assert (await acme.issue(EID)).state == "released"
        async with aiohttp.ClientSession() as session:
            async with session.post(running.make_url(PATH + "initiateAuthentication"), json={}) as answer:
                told = await answer.json()
            async with session.get(running.make_url("/nowhere")) as other:
                assert (other.status, (await other.json())["reason"]) == (404, "no-such-path")
        assert told["header"]["functionExecutionStatus"]["status"] == "Failed"


async def test_an_application_asks_for_its_token_but_not_on_es9plus():
    app = smdp.create_app(Settings(control_token="s3cret"))
    async with TestServer(app) as running, aiohttp.ClientSession() as session:
        async with session.get(running.make_url("/api/v1")) as refused:
            assert refused.status == 401
        async with session.post(running.make_url(PATH + "initiateAuthentication"), json={}) as answer:
            assert answer.status == 200


def test_an_application_that_can_not_start(tmp_path):
    app = smdp.create_app(Settings(pki=str(tmp_path / "nowhere")))

    async def start():
        async with TestServer(app):
            pass

    with pytest.raises(StartError, match="this is no folder"):
        asyncio.run(start())


def test_a_client_by_its_url(server):
    client = smdp.Client(server.control_url, carrier="by-url")
    assert client.issue(EID).eid == EID


# --- trust


def test_a_context_learns_whom_to_trust(server):
    context = ssl.create_default_context()
    server.ca.configure_trust(context)
    with (
        socket.create_connection(("127.0.0.1", server.device_port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="acme.smdp.localhost") as wrapped,
    ):
        assert wrapped.version() in ("TLSv1.2", "TLSv1.3")


def test_pem_is_written_appended_and_taken_away(server, tmp_path):
    pem, path = server.ca.cert_pem, tmp_path / "ca.pem"
    assert pem.bytes().decode() == server.ca_pem
    pem.write_to_path(path)
    pem.write_to_path(str(path), append=True)
    assert path.read_bytes() == pem.bytes() * 2
    pem.write_to_path(path)
    assert path.read_bytes() == pem.bytes()
    with pem.tempfile() as name:
        ssl.create_default_context(cafile=name)
    assert not Path(name).exists()


def test_a_device_trusts_what_it_is_told(tmp_path):
    export.new(tmp_path / "lab")
    with smdp.Server(Settings(port=0, control_port=0, pki=str(tmp_path / "lab"))) as server:
        carrier = server.carrier("acme")
        stranger, own = smdp.Device(), smdp.Device(trust=server.ca, eid=EID, os="18.1")
        assert (own.eid, own.show().os) == (EID, "18.1")
        for device in (stranger, own):
            carrier.issue(device.eid)
        assert stranger.refresh(carrier.esim_server_url).reason == "tls-untrusted"
        assert own.refresh(carrier.esim_server_url).ok


@pytest.mark.parametrize(("wrong", "says"), [({"eid": "123"}, "is no EID"), ({"imei": "12"}, "is no IMEI")])
def test_numbers_that_no_device_has(wrong, says):
    with pytest.raises(UsageError, match=says):
        smdp.Device(**wrong)


async def test_a_device_does_not_stop_a_loop(server):
    device = smdp.Device(trust=server.ca)
    with pytest.raises(UsageError, match="to_thread"):
        device.refresh(server.device_url("acme"))
    outcome = await asyncio.to_thread(device.refresh, server.device_url("default"))
    assert outcome.reason == "nothing-ordered"


# --- neighbours, and what stays


def test_two_servers_do_not_meet():
    with smdp.Server() as one, smdp.Server() as two:
        assert {one.control_port, one.device_port}.isdisjoint({two.control_port, two.device_port})
        one.carrier("acme").issue(EID)
        assert [carrier.name for carrier in two.carrier("acme").carriers()] == ["default"]


def left():
    """What could stay: threads, and open files and sockets."""
    return {thread.name for thread in threading.enumerate()}, len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_nothing_stays_behind_an_exception(tmp_path):
    def fail():
        with smdp.Server(Settings(port=0, control_port=0, database=f"sqlite:///{tmp_path / 'smdp.db'}")) as server:
            carrier, device = server.carrier("acme"), smdp.Device(trust=server.ca)
            carrier.issue(device.eid)
            device.refresh(carrier.esim_server_url)
            raise KeyError("of the embedding program")

    with pytest.raises(KeyError):  # the first time loads modules, and makes what is made once
        fail()
    before = left()
    with pytest.raises(KeyError):
        fail()
    threads, files = left()
    assert threads <= before[0], "those of tests before may end meanwhile"
    assert files <= before[1]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_nothing_stays_behind_a_start_that_fails(server, tmp_path):
    before = left()
    (tmp_path / "odd.json").write_text("{")
    for settings in (
        Settings(port=server.device_port, control_port=0),
        Settings(port=0, control_port=server.control_port),
        Settings(port=0, control_port=0, fixtures=tmp_path / "odd.json"),
    ):
        with pytest.raises(smdp.errors.SmdpError), smdp.Server(settings):
            pass
    threads, files = left()
    assert threads <= before[0], "those of tests before may end meanwhile"
    assert files <= before[1]
