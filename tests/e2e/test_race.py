"""64 eUICCs, one order, two servers on one file or one PostgreSQL database: one gets it."""

import asyncio

import pytest

from tests.e2e.phone import CardRefusedError, Outside, Phone, eid_of, glance
from tests.e2e.processes import two_servers
from tests.euicc_stub import swapped

PHONES = 64


async def test_of_64_euiccs_at_two_servers_one_gets_the_order(database):
    with two_servers(database) as servers:
        clients = [server.client("acme") for server in servers]
        order = clients[0].issue()
        phones = [
            Phone(eid_of(number), servers[number % 2].address("acme"), examine=glance) for number in range(PHONES)
        ]
        async with Outside("") as http:
            doors = [http.at(phone.address) for phone in phones]
            winner, package = await race(phones, doors, order)
            check_losers_cannot_open(package, [phone for phone in phones if phone is not winner])
            assert (await http.at(winner.address).ask("handleNotification", winner.told())).status == 204
            await check_later_sessions(http, winner, phones[0] if winner is not phones[0] else phones[1], order)
        for client in clients:
            check_row(client.profile(order.iccid), winner)
        check_events(*(client.events() for client in clients), winner, order)


async def race(phones, doors, order):
    """Let all authenticate, and only then all ask at once; return who won, and the package."""
    met = await asyncio.gather(
        *(phone.meet(door, order.matching_id) for phone, door in zip(phones, doors, strict=True))
    )
    requests = [phone.prepare(one.members) for phone, one in zip(phones, met, strict=True)]
    answers = await asyncio.gather(
        *(door.ask("getBoundProfilePackage", body) for door, body in zip(doors, requests, strict=True))
    )
    refused = [(answer.code, answer.reason) for answer in answers if answer.code is not None]
    assert refused == [("8.2/3.7", "already-downloaded")] * (PHONES - 1)
    ((winner, answer),) = [(p, a) for p, a in zip(phones, answers, strict=True) if a.code is None]
    winner.install(answer.members)
    assert winner.card.profiles[-1].iccid == swapped(order.iccid)
    return winner, answer.members["boundProfilePackage"]


def check_losers_cannot_open(package, losers):
    for phone in losers[:4]:
        with pytest.raises(CardRefusedError, match="transaction-id-mismatch"):
            phone.install({"boundProfilePackage": package})
        assert phone.installed is None


async def check_later_sessions(http, winner, loser, order):
    for phone in (winner, loser):
        door = http.at(phone.address)
        with_id = await Phone(phone.eid, phone.address).meet(door, order.matching_id)
        assert (with_id.code, with_id.reason) == ("8.2.6/3.8", "already-downloaded")
        without = await Phone(phone.eid, phone.address).meet(door)
        reason = "already-downloaded" if phone is winner else "nothing-ordered"
        assert (without.code, without.reason) == ("8.1.1/3.8", reason)


def check_row(profile, winner):
    assert (profile.eid, profile.state, profile.consumed) == (winner.eid, "installed", True)
    assert profile.consumed_by == winner.transaction_id
    assert profile.activation.state == "active"


def check_events(one, two, winner, order):
    assert one == two
    assert [event.id for event in one] == list(range(1, len(one) + 1))
    for kind in ("profile.downloaded", "profile.consumed", "profile.installed", "activation.active"):
        told = [(event.iccid, event.eid, event.session) for event in one if event.type == kind]
        assert told == [(order.iccid, winner.eid, winner.transaction_id)], kind
    selected = [event.session for event in one if event.type == "profile.selected"]
    assert len(set(selected)) == len(selected) == PHONES
