"""Two servers on one PostgreSQL database: what one does, the other knows; and what they do while it is away."""

import queue
import threading
import time
from contextlib import closing, contextmanager

import psycopg
import pytest

from smdp.client import Client
from smdp.errors import ApiError, SmdpError
from tests.e2e.phone import Outside, Phone, eid_of
from tests.e2e.processes import ServerProcess, two_servers
from tests.postgres import PASSWORD as SECRET

EID = eid_of(1)


@pytest.fixture
def replicas(postgres):
    with two_servers(postgres.schema()) as servers:
        yield servers


@contextmanager
def following(client, **filters):
    """The events that a client is streamed, as they come."""
    told = queue.SimpleQueue()

    def follow():
        try:
            for event in client.follow(**filters):
                told.put(event)
        except SmdpError:  # the server is gone
            pass

    threading.Thread(target=follow, daemon=True).start()
    yield told


def test_a_wait_at_one_server_ends_with_what_happens_at_the_other(replicas):
    one, two = (server.client("acme") for server in replicas)
    one.create_carrier("acme")
    found = []
    last = two.events()[-1].id
    waiter = threading.Thread(
        target=lambda: found.append(two.wait("activation.active", eid=EID, after=last, within=30)), daemon=True
    )
    waiter.start()
    wait_until(lambda: waiters(replicas[1]) == 1)
    order = one.issue(EID)
    device = one.create_device(eid=EID)
    assert one.refresh(device.eid, one.esim_server_url).ok
    waiter.join(30)
    assert [event.iccid for event in found] == [order.iccid]
    assert one.events() == two.events()


def waiters(server):
    """How many requests wait at a server, as its metrics say it."""
    import urllib.request

    with urllib.request.urlopen(f"{server.url}/metrics") as answer:  # noqa: S310 - loopback
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("smdp_waiters "))


def wait_until(holds, seconds=20):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_stream_at_one_server_brings_what_happens_at_the_other_in_order(replicas):
    one, two = (server.client("acme") for server in replicas)
    one.create_carrier("acme")
    with following(two) as told:
        for number in range(10):
            (one if number % 2 else two).issue(eid_of(number))
        last = one.events()[-1].id
        ids = [told.get(timeout=20).id for _ in range(last)]
    assert ids == list(range(1, last + 1))


async def test_any_server_takes_any_step(replicas):
    phone = Phone(EID)
    async with Outside("") as http:
        doors = [http.at(server.address("acme")) for server in replicas]
        replicas[0].client("acme").change_carrier(hosts=["acme.test"])
        order = replicas[1].client("acme").issue(EID)
        phone.address = "acme.test"
        started = await doors[0].ask("initiateAuthentication", phone.initiate())
        met = await doors[1].ask("authenticateClient", phone.authenticate(started.members))
        body = phone.prepare(met.members)
        got = [await doors[number].ask("getBoundProfilePackage", body) for number in (0, 1)]
        assert got[0] == got[1]
        assert (await doors[1].ask("handleNotification", phone.install(got[0].members))).status == 204
        assert replicas[0].client("acme").profile(order.iccid).state == "installed"


def test_a_clock_that_one_server_moves_is_the_others_too(replicas):
    one, two = (server.client("acme") for server in replicas)
    one.create_carrier("acme")
    one.set_clock("2026-12-01T00:00Z")
    one.freeze()
    two.create_plan("slow", activation={"delay": "2h"})
    two.issue(EID, plan="slow")
    device = two.create_device(eid=EID)
    assert two.refresh(device.eid, two.esim_server_url).ok
    one.advance("3h")
    assert two.clock().now == one.clock().now
    assert [event.type for event in two.events(type="activation.active")] == ["activation.active"]


def test_what_one_server_keeps_the_other_restores(replicas):
    one, two = (server.client("acme") for server in replicas)
    order = one.issue(EID)
    one.take_snapshot("before")
    two.create_device(eid=EID)
    assert two.refresh(EID, two.esim_server_url).ok
    before = [event.id for event in one.events()]
    two.restore_snapshot("before")
    assert one.profile(order.iccid).state == "released"
    after = [event.id for event in two.events()]
    assert after == sorted(set(after))
    assert after[-1] > before[-1]


# --- a database that goes away


async def test_without_its_database_it_says_so_and_goes_on_when_that_is_back(stoppable):
    phone = Phone(EID)
    with ServerProcess(stoppable.database("guarded")) as server:
        client = server.client("acme")
        order = client.issue(EID)
        async with Outside("") as http:
            door = http.at(server.address("acme"))
            with following(client) as told:
                assert told.get(timeout=20).id == 1
                started = await door.ask("initiateAuthentication", phone.initiate())
                stoppable.stop(at_once=True)
                body = phone.authenticate(started.members)
                answer = await door.ask("authenticateClient", body)
                assert (answer.status, answer.code, answer.reason) == (200, "8.8/4.2", "database-failed")
                for call in (client.events, lambda: client.issue(EID)):
                    with pytest.raises(ApiError) as refused:
                        call()
                    assert (refused.value.status, refused.value.reason) == (503, "database-failed")
                assert not Client(server.url).ready()
                stoppable.start()
                wait_until(Client(server.url).ready)
                met = await door.ask("authenticateClient", body)
                got = await door.ask("getBoundProfilePackage", phone.prepare(met.members))
                notification = phone.install(got.members)
                stoppable.stop()
                assert (await door.ask("handleNotification", notification)).status == 503
                stoppable.start()
                wait_until(Client(server.url).ready)
                assert (await door.ask("handleNotification", notification)).status == 204
                ids = [told.get(timeout=20).id]
                while ids[-1] < client.events()[-1].id:
                    ids.append(told.get(timeout=20).id)
                assert ids == list(range(2, ids[-1] + 1))
        assert client.profile(order.iccid).state == "installed"
        wait_until(lambda: "answers again" in server.log[-1])
    log = "".join(server.log)
    assert SECRET not in log
    assert log.count("is away") == log.count("answers again")


def test_it_stops_though_its_database_is_gone(stoppable):
    with ServerProcess(stoppable.database("guarded")) as server:
        server.client("acme").issue(EID)
        stoppable.stop()
        server.stop()
    assert SECRET not in "".join(server.log)


def test_a_restart_finds_everything(stoppable):
    url = stoppable.database("guarded")
    with ServerProcess(url) as server:
        order = server.client("acme").issue(EID)
        server.stop()
    stoppable.stop()
    stoppable.start()
    with ServerProcess(url) as server:
        client = server.client("acme")
        assert client.profile(order.iccid).state == "released"
        client.issue(EID)
        ids = [event.id for event in client.events()]
        assert ids == list(range(1, len(ids) + 1))
    with closing(psycopg.connect(url)) as connection:
        left = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'smdp' AND datname = current_database()"
        ).fetchone()
    assert left == (0,)
