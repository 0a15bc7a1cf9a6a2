"""`rebind` of a carrier: an eUICC that may have its package again (`same-device`) comes with another one-time key."""

import copy

import pytest

from smdp.client import Client
from smdp.rsp.codes import CancelSessionReason
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import Outside, Phone, eid_of

EID = eid_of(86)


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier(reuse="same-device")


@pytest.fixture
async def door(server, carrier):
    async with Outside(f"{carrier.carrier}.smdp.localhost:{server.device_port}") as outside:
        yield outside


def with_another_key(phone):
    """The same eUICC in the same session, but it has lost its one-time key."""
    other = copy.copy(phone)
    other.card = copy.deepcopy(phone.card)
    other.card.session.step = "authenticated"
    other.card.one_time_keys.clear()
    return other


async def fetched(door, phone):
    """Go up to the package; return AuthenticateClient's answer and the package."""
    met = await phone.meet(door)
    got = await door.ask("getBoundProfilePackage", phone.prepare(met.members))
    assert got.code is None, got
    return met, got


async def new_session(door, phone):
    """Let the same eUICC, with its memory, begin anew."""
    other = Phone(phone.eid, door.address)
    other.card = phone.card
    return other, await other.meet(door)


@pytest.mark.parametrize("same_session", [True, False])
async def test_another_key_is_refused_and_changes_nothing(carrier, door, same_session):
    order = carrier.issue(EID)
    phone = Phone(EID, door.address)
    met, first = await fetched(door, phone)
    before = carrier.profile(order.iccid)
    if same_session:
        other = with_another_key(phone)
    else:
        other, met = await new_session(door, Phone(EID, door.address))
    refused = await door.ask("getBoundProfilePackage", other.prepare(met.members))
    assert (refused.code, refused.reason) == ("8.2/3.7", "rebinding-refused")
    after = carrier.profile(order.iccid)
    assert (after.state, after.eid, after.consumed) == (before.state, before.eid, False) == ("downloaded", EID, False)
    notified = await door.ask("handleNotification", phone.install(first.members))
    assert notified.status == 204
    assert carrier.profile(order.iccid).state == "installed"
    outcomes = [session.outcome for session in carrier.sessions()]
    assert outcomes == (["installed"] if same_session else ["refused", "installed"])


async def test_a_new_session_with_the_key_of_before_gets_its_package(carrier, door):
    order = carrier.issue(EID)
    phone = Phone(EID, door.address)
    await fetched(door, phone)
    again, met = await new_session(door, phone)
    got = await door.ask("getBoundProfilePackage", again.prepare(met.members))
    assert (await door.ask("handleNotification", again.install(got.members))).status == 204
    assert carrier.profile(order.iccid).state == "installed"


async def test_so_does_one_after_a_download_that_was_postponed(carrier, door):
    order = carrier.issue(EID)
    phone = Phone(EID, door.address)
    await fetched(door, phone)
    await door.ask("cancelSession", phone.cancel(CancelSessionReason.POSTPONED))
    assert carrier.profile(order.iccid).state == "released"
    forgetful, met = await new_session(door, Phone(EID, door.address))
    refused = await door.ask("getBoundProfilePackage", forgetful.prepare(met.members))
    assert refused.reason == "rebinding-refused"
    again, met = await new_session(door, phone)
    got = await door.ask("getBoundProfilePackage", again.prepare(met.members))
    assert got.code is None
    assert carrier.profile(order.iccid).state == "downloaded"


@pytest.mark.parametrize("same_session", [True, False])
@pytest.mark.parametrize("protection", ["ppk", "session"])
async def test_a_carrier_may_bind_anew(carrier, door, same_session, protection):
    carrier.change_carrier(rebind="allow")
    carrier.change_plan("default", protection=protection)
    order = carrier.issue(EID)
    phone = Phone(EID, door.address)
    met, first = await fetched(door, phone)
    if same_session:
        other = with_another_key(phone)
    else:
        other, met = await new_session(door, Phone(EID, door.address))
    body = other.prepare(met.members)
    second = await door.ask("getBoundProfilePackage", body)
    assert second.members["boundProfilePackage"] != first.members["boundProfilePackage"]
    assert await door.ask("getBoundProfilePackage", body) == second, "a lost answer, asked for again"
    assert (await door.ask("handleNotification", other.install(second.members))).status == 204
    assert carrier.profile(order.iccid).state == "installed"
    late = await door.ask("getBoundProfilePackage", body)
    assert late.code == "8.10.1/3.9", "the session has ended"
    assert carrier.profile(order.iccid).state == "installed"


async def test_another_device_gets_neither(carrier, door):
    carrier.change_carrier(rebind="allow")
    order = carrier.issue()
    phone, thief = Phone(EID, door.address), Phone(eid_of(87), door.address)
    met = await thief.meet(door, order.matching_id)
    assert (await phone.fetch(door, order.matching_id)).code is None
    refused = await door.ask("getBoundProfilePackage", thief.prepare(met.members))
    assert (refused.code, refused.reason) == ("8.2/3.7", "already-downloaded")
