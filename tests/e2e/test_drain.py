"""SIGTERM: `/readyz` says so, downloads finish, waits and streams end whole, webhooks are delivered, exit 0."""

import asyncio
import socket
import time

import aiohttp
import pytest

from smdp.client import Client
from smdp.errors import ApiError
from tests.e2e.phone import Outside, Phone, eid_of
from tests.e2e.processes import ServerProcess
from tests.http.receiver import receiver

EID = eid_of(1)


async def ended(server):
    """Wait for the process's end and return its exit code."""
    return await asyncio.to_thread(server._process.wait, 20)  # noqa: SLF001 - this test is about how it ends


async def test_a_download_that_is_under_way_finishes_while_readyz_says_no():
    phone = Phone(EID)
    with ServerProcess() as server:
        order = server.client("acme").issue(EID)
        async with Outside(server.address("acme")) as door:
            met = await phone.meet(door)
            server.terminate()
            async with aiohttp.ClientSession() as http:
                told = await not_ready(http, server)
            assert (told["reason"], told["because"]) == ("not-ready", "The server is stopping.")
        async with Outside(server.address("acme")) as door:  # the next step, on a new connection
            got = await door.ask("getBoundProfilePackage", phone.prepare(met.members))
            assert got.code is None
            assert (await door.ask("handleNotification", phone.install(got.members))).status == 204
            assert server.client("acme").profile(order.iccid).state == "installed"
        assert await ended(server) == 0


async def not_ready(http, server):
    """Ask until the server is not ready, and return the problem it answers with."""
    async with asyncio.timeout(5):
        while True:
            async with http.get(f"{server.url}/readyz") as response:
                if response.status == 503:
                    return await response.json(content_type=None)
            await asyncio.sleep(0.01)


async def test_a_session_that_nobody_goes_on_with_is_not_waited_for_long():
    phone = Phone(EID)
    with ServerProcess() as server:
        server.client("acme").issue(EID)
        async with Outside(server.address("acme")) as door:
            await phone.meet(door)
        began = time.monotonic()
        server.terminate()
        assert await ended(server) == 0
        assert 1 < time.monotonic() - began < 5


async def test_a_second_signal_waits_for_nobody():
    phone = Phone(EID)
    with ServerProcess() as server:
        server.client("acme").issue(EID)
        async with Outside(server.address("acme")) as door:
            await phone.meet(door)
        began = time.monotonic()
        server.terminate()
        async with aiohttp.ClientSession() as http:
            await not_ready(http, server)
        server.terminate()
        assert await ended(server) == 0
        assert time.monotonic() - began < 1.5


async def test_an_idle_server_stops_at_once():
    with ServerProcess() as server:
        server.client("acme").issue(EID)
        began = time.monotonic()
        server.terminate()
        assert await ended(server) == 0
        assert time.monotonic() - began < 1.5


async def test_waits_and_streams_end_whole():
    with ServerProcess() as server:
        client = server.client("acme")
        client.issue(EID)
        waiting = asyncio.create_task(asyncio.to_thread(client.wait, "profile.deleted", within=60))
        async with aiohttp.ClientSession() as http:
            url = f"{server.url}/api/v1/carriers/acme/events"
            async with http.get(url, headers={"Accept": "text/event-stream"}) as stream:
                assert (await stream.content.readline()).startswith(b"id: 1")
                await asyncio.sleep(0.05)  # the wait may be on its way; it is answered orderly all the same
                server.terminate()
                text = await stream.read()  # raises if the answer were cut off
        assert text.count(b"data:") == 2
        with pytest.raises(ApiError) as refused:
            await waiting
        assert (refused.value.status, refused.value.reason) == (503, "server-stopping")
        assert await ended(server) == 0


async def test_a_stream_whose_client_does_not_read_keeps_nobody():
    with ServerProcess() as server:
        client = server.client("acme")
        for _ in range(2):  # 6 MB of events: more than sockets hold
            client.issue_many([{}] * 10_000)
        host, _, port = server.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.sendall(b"GET /api/v1/carriers/acme/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
            assert stuck.recv(15) == b"HTTP/1.1 200 OK"
            began = time.monotonic()
            server.terminate()
            assert await ended(server) == 0
            assert time.monotonic() - began < 8, "the time that handlers are given, twice"


async def test_webhooks_that_are_due_are_delivered_before_the_end():
    async with receiver() as there:
        there.answer = lambda _: slowly()
        with ServerProcess(webhook_url=there.url, webhook_secret="s3cret") as server:
            await asyncio.to_thread(server.client("acme").issue_many, [{"eid": EID}] * 20)
            server.terminate()
            assert await ended(server) == 0
        kinds = [body["event"]["type"] for body in there.taken]
        assert (kinds.count("carrier.created"), kinds.count("profile.issued")) == (1, 20)
        assert {"X-Smdp-Signature"} <= set(there.headers[0])
        ids = [body["event"]["id"] for body in there.taken if body["event"]["eid"]]
        assert sorted(ids) == list(range(2, 22))


async def hung(until):
    """Answer nothing while it matters, and then no success."""
    await until.wait()
    return 500


async def slowly():
    await asyncio.sleep(0.05)
    return 200


async def test_a_receiver_that_hangs_does_not_keep_the_server_and_gets_all_after_the_restart(tmp_path):
    database = tmp_path / "smdp.db"
    hang = asyncio.Event()
    async with receiver() as there:
        there.answer = lambda _: 200 if hang.is_set() else hung(hang)
        with ServerProcess(database, webhook_url=there.url) as server:
            await asyncio.to_thread(server.client("acme").issue, EID)
            await there.until(lambda: there.attempts)
            began = time.monotonic()
            server.terminate()
            assert await ended(server) == 0
            assert time.monotonic() - began < 10
        hang.set()
        with ServerProcess(database, webhook_url=there.url) as server:
            await there.until(lambda: len(there.taken) == 2)
            assert {body["event"]["type"] for body in there.taken} == {"carrier.created", "profile.issued"}


@pytest.mark.full  # a lease lasts 15 s
async def test_killed_with_deliveries_on_their_way(tmp_path):
    """What was on its way at the time of a kill is sent again; what came after it in its profile still comes after."""
    database = tmp_path / "smdp.db"
    held = asyncio.Event()
    async with receiver() as there:
        there.answer = lambda _: 200 if held.is_set() else hung(held)
        with ServerProcess(database, webhook_url=there.url) as server:
            client = server.client("acme")
            order = await asyncio.to_thread(client.issue, EID)
            await asyncio.to_thread(client.hold, order.iccid)
            await there.until(lambda: there.attempts)
            server.kill()
        held.set()
        with ServerProcess(database, webhook_url=there.url) as server:
            await asyncio.to_thread(Client(server.url, carrier="acme").release, order.iccid)
            await there.until(lambda: len({body["event"]["id"] for body in there.taken}) == 4, 30)
        kinds = [body["event"]["type"] for body in there.taken if body["event"]["iccid"]]
        assert kinds == ["profile.issued", "profile.held", "profile.released"]
