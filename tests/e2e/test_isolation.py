"""Carriers share nothing: what is one carrier's is, at another one, what never was."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from smdp.client import Client
from smdp.errors import ApiError
from smdp.rsp.codes import CancelSessionReason
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import Outside, Phone, eid_of, glance
from tests.http.receiver import receiver

EID, NEVER_EID = eid_of(1), eid_of(2)
NEVER_ICCID, NEVER_SESSION = "8900101999999999997", "00112233445566778899AABBCCDDEEFF"
NEVER_MATCHING_ID = "AAAAA-AAAAA-AAAAA-AAAAA"
UNKNOWN = "8.10.1/3.9"


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0)) as server:
        yield server


@pytest.fixture
def carriers(server):
    client = Client(server.control_url)
    return client.create_carrier(), client.create_carrier()


@pytest.fixture
async def doors(server, carriers):
    async with Outside("") as http:
        yield tuple(http.at(f"{one.carrier}.smdp.localhost:{server.device_port}") for one in carriers)


def everything(client):
    """All that a carrier would tell."""
    return (
        client.show_carrier(),
        [client.profile(profile.iccid, credentials=True) for profile in client.profiles()],
        client.sessions(),
        client.events(),
        client.plans(),
        client.devices(),
        client.faults(),
        client.snapshots(),
        client.webhooks(),
        (client.clock().offset, client.clock().frozen),
    )


# --- on the device side


async def test_a_session_of_one_carrier_is_unknown_at_the_other(carriers, doors):
    (home, _), (at_home, away) = carriers, doors
    order = home.issue(EID)
    phone = Phone(EID, at_home.address)

    async def at_home_but_first_away(function, body):
        before = everything(home)
        foreign = await away.ask(function, body)
        invented = await away.ask(function, body | {"transactionId": NEVER_SESSION})
        assert foreign == invented
        assert foreign.code == UNKNOWN
        assert everything(home) == before
        return (await at_home.ask(function, body)).members

    started = (await at_home.ask("initiateAuthentication", phone.initiate())).members
    met = await at_home_but_first_away("authenticateClient", phone.authenticate(started))
    got = await at_home_but_first_away("getBoundProfilePackage", phone.prepare(met))
    for body in (phone.install(got), phone.switch(0xBF31)):
        before = everything(home)
        assert (await away.ask("handleNotification", body)).status == 204
        assert everything(home) == before
        await at_home.ask("handleNotification", body)
    profile = home.profile(order.iccid)
    assert (profile.state, profile.runtime) == ("installed", "enabled"), "what the other ignored was good at home"


async def test_a_session_is_not_cancelled_at_another_carrier(carriers, doors):
    (home, _), (at_home, away) = carriers, doors
    home.issue(EID)
    phone = Phone(EID, at_home.address)
    await phone.meet(at_home)
    body, before = phone.cancel(CancelSessionReason.END_USER_REJECTION), everything(home)
    foreign = await away.ask("cancelSession", body)
    assert foreign == await away.ask("cancelSession", body | {"transactionId": NEVER_SESSION})
    assert foreign.code == UNKNOWN
    assert everything(home) == before
    assert (await at_home.ask("cancelSession", body)).code is None


async def test_an_order_of_one_carrier_is_none_at_the_other(carriers, doors):
    (home, _), (at_home, away) = carriers, doors
    order = home.issue(EID)
    before = everything(home)
    named = await Phone(EID, away.address).meet(away, order.matching_id)
    invented = await Phone(NEVER_EID, away.address).meet(away, NEVER_MATCHING_ID)
    assert named.body.replace(order.matching_id.encode(), NEVER_MATCHING_ID.encode()) == invented.body
    assert named.code == "8.2.6/3.8"
    unnamed = await Phone(EID, away.address).meet(away)
    assert unnamed == await Phone(NEVER_EID, away.address).meet(away)
    assert (unnamed.code, unnamed.reason) == ("8.1.1/3.8", "nothing-ordered")
    assert everything(home) == before
    assert (await Phone(EID, at_home.address).download(at_home)).status == 204


async def test_the_same_numbers_at_both_are_two_profiles(carriers, doors):
    (home, other), (at_home, away) = carriers, doors
    numbers = {"iccid": "8900101000000099993", "matching_id": "SAME-ONE", "imsi": "001010000099999"}
    orders = [one.issue(EID, **numbers) for one in carriers]
    assert orders[0].activation_code != orders[1].activation_code
    before = everything(other)
    phone = Phone(EID, at_home.address, examine=glance)
    await phone.download(at_home, "SAME-ONE")
    assert home.profile(numbers["iccid"]).state == "installed"
    assert everything(other) == before
    second = Phone(EID, away.address, examine=glance)
    await second.download(away, "SAME-ONE")
    assert other.profile(numbers["iccid"]).consumed_by == second.transaction_id
    assert phone.installed != second.installed, "each has keys of its own"


async def test_a_device_at_home_here_is_a_stranger_there(carriers, doors):
    home, other = carriers
    device = home.create_device()
    home.issue(device.eid)
    before = home.events(), home.profiles()
    assert other.devices() == []
    outcome = other.refresh(device.eid, other.esim_server_url)
    assert (outcome.refused, outcome.reason) == ("8.1.1/3.8", "nothing-ordered")
    assert (home.events(), home.profiles()) == before
    assert home.refresh(device.eid, home.esim_server_url).ok


# --- on the control API

FOREIGN = {
    "profile": ("GET", "profiles/{iccid}", None),
    "its credentials": ("GET", "profiles/{iccid}?include=credentials", None),
    "hold": ("POST", "profiles/{iccid}/hold", None),
    "release": ("POST", "profiles/{iccid}/release", None),
    "revoke": ("DELETE", "profiles/{iccid}", None),
    "change": ("PATCH", "profiles/{iccid}", {"expires": "1h"}),
    "activation": ("GET", "profiles/{iccid}/activation", None),
    "force activation": ("PUT", "profiles/{iccid}/activation", {"state": "failed", "reason": "x"}),
    "profiles of an EID": ("GET", "profiles?eid={eid}", None),
    "profiles by a part of a number": ("GET", "profiles?q={iccid}", None),
    "EID": ("GET", "eids/{eid}", None),
    "line": ("POST", "network/attach", {"imsi": "{imsi}"}),
    "session": ("GET", "sessions/{session}", None),
    "raw session": ("GET", "sessions/{session}?as=raw", None),
    "sessions of an EID": ("GET", "sessions?eid={eid}", None),
    "sessions of a profile": ("GET", "sessions?iccid={iccid}", None),
    "events of an EID": ("GET", "events?eid={eid}", None),
    "events of a profile": ("GET", "events?iccid={iccid}", None),
    "events of a session": ("GET", "events?session={session}", None),
    "events behind a cursor": ("GET", "events?after={cursor}", None),
    "reissue": ("POST", "profiles/{iccid}/reissue", {}),
    "offer": ("POST", "profiles/{iccid}/offer", None),
    "plan": ("GET", "plans/{plan}", None),
    "change of a plan": ("PATCH", "plans/{plan}", {"profile_name": "Theirs"}),
    "deletion of a plan": ("DELETE", "plans/{plan}", None),
    "an order of a plan": ("POST", "profiles", {"plan": "{plan}"}),
    "profiles of a plan": ("GET", "profiles?plan={plan}", None),
    "snapshot": ("GET", "snapshots/{snapshot}", None),
    "restore": ("POST", "snapshots/{snapshot}/restore", None),
    "deletion of a snapshot": ("DELETE", "snapshots/{snapshot}", None),
    "waiting": ("POST", "events/wait", {"type": "profile.installed", "iccid": "{iccid}", "after": 0, "within": 0}),
    "waiting for an EID": ("POST", "events/wait", {"type": "profile.issued", "eid": "{eid}", "after": 0, "within": 0}),
}


@pytest.mark.parametrize("what", FOREIGN)
async def test_what_is_one_carriers_never_was_at_the_other(carriers, doors, what):
    home, other = carriers
    home.create_plan("gold-at-home")
    order = home.issue(EID, plan="gold-at-home")
    phone = Phone(EID, doors[0].address, examine=glance)
    await phone.download(doors[0])
    home.take_snapshot("kept-at-home")
    cursor = str(len(home.events()))
    real = {"iccid": order.iccid, "eid": EID, "session": phone.transaction_id, "cursor": cursor}
    real |= {"plan": "gold-at-home", "snapshot": "kept-at-home", "imsi": order.imsi}
    never = {"iccid": NEVER_ICCID, "eid": NEVER_EID, "session": NEVER_SESSION, "cursor": "999"}
    never |= {"plan": "never-a-plan", "snapshot": "never-kept", "imsi": "001019999999999"}
    before = everything(home)
    answers = [anonymous(ask(other, *FOREIGN[what], words), words) for words in (real, never)]
    assert answers[0] == answers[1]
    assert everything(home) == before
    mine = [anonymous(ask(home, *FOREIGN[what], real), real)]
    assert mine != answers[:1] or what == "events behind a cursor", "at home it is something"


def ask(client, method, path, body, words):
    """Send a request as it is; return status and body."""
    url = urlsplit(client.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    content = (
        None
        if body is None
        else json.dumps(
            {name: value.format(**words) if isinstance(value, str) else value for name, value in body.items()}
        )
    )
    path = f"/api/v1/carriers/{client.carrier}/{path.format(**words)}"
    try:
        connection.request(method, path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def anonymous(answer, words):
    """Take the identifiers that were asked for out of an answer."""
    status, text = answer
    for name, value in words.items():
        if name != "cursor":
            text = text.replace(value, f"<{name}>")
    return status, text


def test_the_nearest_eid_is_looked_for_at_home_only(carriers):
    home, other = carriers
    home.issue(EID)
    mistyped = EID[:-3] + EID[-2] + EID[-3] + EID[-1]
    assert mistyped != EID
    assert home.why(mistyped).nearest.eid == EID
    assert other.why(mistyped).nearest is None


# --- what a test does to one of them


async def test_a_clock_is_its_carriers_own(carriers, doors):
    home, other = carriers
    other.change_plan("default", activation={"delay": "3m"})
    order = other.issue(EID)
    await Phone(EID, doors[1].address, examine=glance).download(doors[1])
    before = everything(other)
    home.advance("48h")
    home.freeze()
    assert everything(other) == before
    assert other.profile(order.iccid).activation.state == "pending", "48 hours of another carrier are none of its own"
    other.advance("3m")
    assert other.profile(order.iccid).activation.state == "active"
    assert home.clock().frozen


async def test_a_fault_meets_devices_of_its_carrier_only(carriers, doors):
    home, other = carriers
    fault = home.add_fault("refuse", step="authenticateClient", times=None, code="8.1.1/3.8")
    other.issue(EID)
    assert (await Phone(EID, doors[1].address, examine=glance).download(doors[1])).status == 204
    assert home.fault(fault.id).hits == 0
    assert (await Phone(EID, doors[0].address).meet(doors[0])).code == "8.1.1/3.8"
    assert home.fault(fault.id).hits == 1
    for refused in (other.fault, other.clear_faults):
        with pytest.raises(ApiError, match=f"has no fault '{fault.id}'"):
            refused(fault.id)
    other.clear_faults()
    assert [one.id for one in home.faults()] == [fault.id]


def test_snapshots_of_one_name_are_each_their_carriers(carriers):
    home, other = carriers
    home.issue(EID)
    for one in carriers:
        one.take_snapshot("before")
    order = other.issue(EID)
    before = everything(other)
    home.issue(EID)
    home.restore_snapshot("before")
    assert everything(other) == before
    home.delete_snapshot("before")
    other.restore_snapshot("before")
    assert other.profiles() == []
    assert order.iccid not in {profile.iccid for profile in other.profiles()}
    assert len(home.profiles()) == 1


def test_what_empties_or_changes_one_leaves_the_other(carriers):
    home, other = carriers
    order = other.issue(EID)
    device = other.create_device()
    before = everything(other)
    home.import_(other.export() | {"devices": []}, replace=True)
    home.apply_scenario("already-used", EID)
    home.reset()
    assert everything(other) == before
    assert (other.profile(order.iccid).eid, other.device(device.eid).carrier) == (EID, other.carrier)


async def test_a_webhook_is_told_its_carriers_events_only(carriers):
    home, other = carriers
    async with receiver() as there:
        home.set_webhooks({"url": there.url, "types": ["profile.issued"]})
        other.issue(EID)
        mine = home.issue(EID)
        await there.until(lambda: there.taken)
        home.issue(NEVER_EID)
        await there.until(lambda: len(there.taken) == 2)
        assert {body["event"]["carrier"] for body in there.attempts} == {home.carrier}
        assert there.attempts[0]["event"]["iccid"] == mine.iccid
        assert other.webhooks() == []
        home.set_webhooks()


async def test_a_stream_and_a_wait_hear_their_carrier_only(carriers):
    home, other = carriers
    started = home.events()[-1].id
    other.issue(EID)
    mine = home.issue(EID)
    found = home.wait("profile.issued", eid=EID, after=started, within=30)
    assert (found.carrier, found.iccid) == (home.carrier, mine.iccid)
    heard = home.follow(after=started)
    first = next(heard)
    heard.close()
    assert (first.carrier, first.iccid) == (home.carrier, mine.iccid)


def test_deleting_one_leaves_the_other(carriers):
    home, other = carriers
    home.issue(EID)
    before = everything(home)
    other.issue(EID)
    other.delete_carrier()
    assert everything(home) == before
