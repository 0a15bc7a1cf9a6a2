"""`kill -9`, cut connections, the same call again and eight times at once: nothing is lost, nothing goes out twice."""

import asyncio
import sqlite3
from contextlib import closing

import psycopg
import pytest

from tests.e2e.phone import Outside, Phone, eid_of
from tests.e2e.processes import ServerProcess, two_servers

EID = eid_of(1)


async def test_killed_after_the_package_went_out(database):
    phone = Phone(EID)
    async with Outside("") as http:
        with ServerProcess(database) as server:
            order = server.client("acme").issue(EID)
            got = await phone.fetch(http.at(server.address("acme")))
            server.kill()
        with ServerProcess(database) as server:
            client = server.client("acme")
            check_consumed(client.profile(order.iccid), "downloaded", phone)
            assert client.session(phone.transaction_id).outcome == "downloaded"
            refused = await Phone(EID).meet(http.at(server.address("acme")))
            assert (refused.code, refused.reason) == ("8.1.1/3.8", "already-downloaded")
            before = client.events()
            told = await http.at(server.address("acme")).ask("handleNotification", phone.install(got.members))
            assert told.status == 204
            check_consumed(client.profile(order.iccid), "installed", phone)
            assert client.activation(order.iccid).state == "active"
            assert client.session(phone.transaction_id).outcome == "installed"
            check_events(client, before)


def check_consumed(profile, state, phone):
    assert (profile.state, profile.eid, profile.consumed) == (state, phone.eid, True)
    assert profile.consumed_by == phone.transaction_id


def check_events(client, before):
    """The late notification tells what it did, once; ids go on where they were before the end."""
    events = client.events()
    assert events[: len(before)] == before
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    told = [event.type for event in events[len(before) :]]
    assert told == ["profile.installed", "activation.pending", "activation.active", "session.closed"]


async def test_killed_while_an_activation_is_pending(database):
    phone = Phone(EID)
    async with Outside("") as http:
        with ServerProcess(database) as server:
            client = server.client("acme")
            client.create_plan("slow", activation={"delay": "2h"})
            order = client.issue(EID, plan="slow")
            await phone.download(http.at(server.address("acme")))
            assert client.activation(order.iccid).state == "pending"
            server.kill()
        let_pass(database, hours=3)
        with ServerProcess(database) as server:
            client = server.client("acme")
            client.wait("activation.active", iccid=order.iccid, after=0)
            assert client.activation(order.iccid).state == "active"
            assert [event.type for event in client.events() if event.type.startswith("activation")] == [
                "activation.pending",
                "activation.active",
            ]


def let_pass(database, hours):
    """Move what a stopped server has planned into the past, as if it had been away so long."""
    connect = psycopg.connect if isinstance(database, str) else sqlite3.connect
    with closing(connect(database)) as connection, connection:
        moved = connection.execute(
            f"UPDATE profiles SET activation_due_at = activation_due_at - {hours * 3600 * 10**6} "  # noqa: S608 - a number
            "WHERE activation_due_at IS NOT NULL"
        )
        assert moved.rowcount == 1


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("taken", [0, 100, 2500], ids=["nothing", "half the head", "half the body"])
async def test_the_answer_is_cut_and_asked_for_again(database, taken, restarted):
    phone = Phone(EID)
    async with Outside("") as http:
        with ServerProcess(database) as server:
            client, door = server.client("acme"), http.at(server.address("acme"))
            order = client.issue(EID)
            request = phone.prepare((await phone.meet(door)).members)
            piece = await door.ask_and_hang_up("getBoundProfilePackage", request, taken)
            client.wait("profile.downloaded", iccid=order.iccid, after=0)
            if restarted:
                server.kill()
            else:
                await check_repeat(client, door, phone, request, piece, order)
        if restarted:
            with ServerProcess(database) as server:
                door = http.at(server.address("acme"))
                await check_repeat(server.client("acme"), door, phone, request, piece, order)


async def check_repeat(client, door, phone, request, piece, order):
    """The repeat brings the bytes that were on their way, and they install."""
    events = client.events()
    one, two = [await door.ask("getBoundProfilePackage", request) for _ in range(2)]
    assert one == two
    came = piece.partition(b"\r\n\r\n")[2]
    assert one.body.startswith(came)
    assert len(came) < len(one.body)
    assert bool(came) is (len(piece) > 1000), "the cut was where it was meant to be"
    assert client.events() == events
    assert client.profile(order.iccid).attempts.download == 1
    assert (await door.ask("handleNotification", phone.install(one.members))).status == 204
    check_consumed(client.profile(order.iccid), "installed", phone)


async def test_authenticate_client_again_with_the_same_bytes(database):
    phone = Phone(EID)
    async with Outside("") as http:
        with ServerProcess(database) as server:
            client, door = server.client("acme"), http.at(server.address("acme"))
            order = client.issue(EID)
            started = await door.ask("initiateAuthentication", phone.initiate())
            request = phone.authenticate(started.members)
            answers = [await door.ask("authenticateClient", request) for _ in range(2)]
            server.kill()
        with ServerProcess(database) as server:
            client, door = server.client("acme"), http.at(server.address("acme"))
            answers.append(await door.ask("authenticateClient", request))
            assert len({answer.body for answer in answers}) == 1
            assert client.profile(order.iccid).attempts.download == 1
            assert [event.type for event in client.events()].count("profile.selected") == 1
            got = await door.ask("getBoundProfilePackage", phone.prepare(answers[-1].members))
            again = await door.ask("authenticateClient", request)
            assert again == answers[0], "also once the package went out"
            await door.ask("handleNotification", phone.install(got.members))
            check_consumed(client.profile(order.iccid), "installed", phone)


async def test_eight_of_the_same_call_at_once_at_two_servers(database):
    phone = Phone(EID)
    async with Outside("") as http:
        with two_servers(database) as servers:
            client = servers[0].client("acme")
            doors = [http.at(servers[number % 2].address("acme")) for number in range(8)]
            order = client.issue(EID)
            started = await doors[0].ask("initiateAuthentication", phone.initiate())
            met = await at_once(doors, "authenticateClient", phone.authenticate(started.members))
            got = await at_once(doors, "getBoundProfilePackage", phone.prepare(met.members))
            await at_once(doors, "handleNotification", phone.install(got.members))
            assert client.profile(order.iccid).attempts.download == 1
            check_consumed(client.profile(order.iccid), "installed", phone)
            told = [event.type for event in client.events()]
            for kind in ("selected", "downloaded", "consumed", "installed"):
                assert told.count(f"profile.{kind}") == 1
            assert "session.refused" not in told


async def at_once(doors, function, body):
    """Send the same to all at once; return the one answer that all of them give."""
    answers = await asyncio.gather(*(door.ask(function, body) for door in doors))
    assert len(set(answers)) == 1
    return answers[0]
