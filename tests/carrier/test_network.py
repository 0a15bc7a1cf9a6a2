"""The carrier's network: who is let in, who is turned away and why, and sequence numbers that only grow."""

from datetime import timedelta

import msgspec
import pytest

from smdp.carrier import faults, network
from smdp.carrier.errors import CarrierError
from smdp.carrier.network import Network
from smdp.carrier.rejections import REJECTIONS, Rejection
from smdp.model import Attachment, NetworkChallenge
from smdp.rsp.states import Trigger
from smdp.storage.queries import events
from smdp.upp import aka, read
from smdp.upp.milenage import xor
from tests.ue import Ue
from tests.upp.samples import EXAMPLE

EID = "89049032123451234512345678901235"


@pytest.fixture
def net(bench):
    return Network(bench.service)


async def line(bench, *, state=None, carrier="acme", **rule):
    """A profile whose plan has this rule, with its keys, and the UE that has them."""
    await bench.service.create_plan(carrier, {"name": "plan", "activation": {"on": "manual", **rule}})
    profile = await bench.issue(carrier=carrier, plan="plan", eid=EID)
    if state is not None:
        await bench.service.force_activation(carrier, profile.iccid, state, None)
    profile = await bench.service.profile(carrier, profile.iccid, secrets=True)
    return profile, Ue(profile)


async def attach(net, ue, carrier="acme"):
    challenge = await net.challenge(carrier, ue.imsi)
    if isinstance(challenge, Rejection):
        return challenge
    said = ue.answer(challenge)
    return await net.answer(carrier, ue.imsi, bytes.fromhex(said["rand"]), bytes.fromhex(said["res"]))


async def rejected(bench):
    """The newest network.rejected of acme."""
    return await bench.run(lambda scope: events.last(scope.connection, scope.name, types=("network.rejected",)))


# --- let in


async def test_an_active_line_is_let_in_and_told_where_it_is(bench, net):
    await bench.service.change_carrier("acme", {"network_name": "Acme TEST", "mcc": "310", "mnc": "150"})
    profile, ue = await line(bench, state="active")
    assert await attach(net, ue) == Attachment(network_name="Acme TEST", mcc="310", mnc="150", msisdn=profile.msisdn)
    assert (await bench.types(eid=EID))[-1] == "network.attached"


async def test_a_line_is_known_before_anybody_has_downloaded_its_profile(bench, net):
    profile, ue = await line(bench)
    reply = await attach(net, ue)
    assert (profile.state, reply.reason) == ("released", "line-inactive")


# --- turned away


@pytest.mark.parametrize(
    ("state", "reason", "cause"),
    [
        (None, "line-inactive", 15),
        ("pending", "line-pending", 15),
        ("failed", "activation-failed", 15),
        ("suspended", "suspended", 7),
        ("terminated", "terminated", 8),
    ],
)
async def test_a_line_that_is_not_active(bench, net, state, reason, cause):
    profile, ue = await line(bench, state=state)
    reply = await attach(net, ue)
    assert (reply.reason, reply.cause) == (reason, cause)
    event = await rejected(bench)
    assert (event.eid, event.iccid) == (EID, profile.iccid)
    assert event.data == {"reason": reason, "cause": cause, "because": reply.because, "fix": reply.fix}
    assert profile.iccid in reply.because
    assert "{" not in reply.because + reply.fix


async def test_a_line_waits_for_its_plans_rule(bench, net):
    profile, ue = await line(bench, on="installed", install_delay="1m")
    assert "when the SM-DP+ hears" in (await attach(net, ue)).because
    await bench.claim(profile.iccid, EID)
    await bench.trigger(profile.iccid, Trigger.INSTALLATION_SUCCEEDED)
    reply = await attach(net, ue)
    assert reply.reason == "line-pending"
    assert "2026-12-01 00:01:00 UTC" in reply.because


async def test_a_revoked_profile_has_no_line(bench, net):
    profile, ue = await line(bench, on="attached")
    await bench.service.do("acme", profile.iccid, "revoke")
    assert (await attach(net, ue)).reason == "terminated"
    assert (await bench.service.profile("acme", profile.iccid)).activation.state == "inactive"


async def test_an_unknown_subscriber(bench, net):
    await line(bench)
    reply = await net.challenge("acme", "001019999999999")
    assert (reply.reason, reply.cause) == ("unknown-subscriber", 8)
    assert "001019999999999" in reply.because
    event = await rejected(bench)
    assert (event.eid, event.iccid) == (None, None)


async def test_another_carriers_imsi_is_unknown(bench, net):
    _, ue = await line(bench, state="active")
    await bench.service.change_carrier("other", {})
    foreign = await net.challenge("other", ue.imsi)
    invented = await net.challenge("other", "001019999999999")
    assert foreign.reason == "unknown-subscriber"
    assert foreign.because.replace(ue.imsi, "…") == invented.because.replace("001019999999999", "…")
    with pytest.raises(CarrierError, match="no carrier"):
        await net.challenge("nobody", ue.imsi)


async def test_another_key_is_not_the_line(bench, net):
    profile, ue = await line(bench, state="active")
    challenge = await net.challenge("acme", profile.imsi)
    reply = await net.answer("acme", profile.imsi, bytes.fromhex(challenge.rand), bytes(8))
    assert (reply.reason, reply.cause) == ("authentication-failed", 3)
    assert profile.credentials.ki not in reply.because + reply.fix
    assert isinstance(await attach(net, ue), Attachment), "the right one gets in all the same"


async def test_a_fault_rejects_with_a_cause(bench, net):
    profile, ue = await line(bench, state="active")
    await bench.run(lambda scope: faults.arm(scope, faults.read({"do": "attach-rejected", "with": {"cause": 22}})))
    reply = await attach(net, ue)
    assert (reply.reason, reply.cause) == ("attach-rejected", 22)
    assert (await bench.types())[-2:] == ["fault.fired", "network.rejected"]
    report = await bench.service.eid_report("acme", EID)
    assert report.reason is None, "the profile still waits for its download"
    await bench.claim(profile.iccid, EID)
    await bench.trigger(profile.iccid, Trigger.INSTALLATION_SUCCEEDED)
    assert (await bench.service.eid_report("acme", EID)).reason == "attach-rejected"
    assert isinstance(await attach(net, ue), Attachment)
    assert (await bench.service.eid_report("acme", EID)).reason == "already-downloaded"


def test_no_reason_is_without_a_test(request):
    text = request.path.read_text()
    assert [reason for reason in REJECTIONS if f'"{reason}"' not in text] == []


# --- challenges


async def test_a_challenge_is_answered_once(bench, net):
    _, ue = await line(bench, state="active")
    said = ue.answer(await net.challenge("acme", ue.imsi))
    rand, res = bytes.fromhex(said["rand"]), bytes.fromhex(said["res"])
    assert isinstance(await net.answer("acme", ue.imsi, rand, res), Attachment)
    before = await bench.types()
    with pytest.raises(CarrierError) as refused:
        await net.answer("acme", ue.imsi, rand, res)
    assert (refused.value.reason, refused.value.status) == ("challenge-unknown", 409)
    with pytest.raises(CarrierError, match="challenge"):
        await net.resynchronise("acme", ue.imsi, rand, bytes(14))
    assert await bench.types() == before


async def test_a_later_challenge_takes_the_place_of_an_earlier_one(bench, net):
    _, ue = await line(bench, state="active")
    first, second = await net.challenge("acme", ue.imsi), await net.challenge("acme", ue.imsi)
    said = ue.answer(first)
    with pytest.raises(CarrierError, match="another one came"):
        await net.answer("acme", ue.imsi, bytes.fromhex(said["rand"]), bytes.fromhex(said["res"]))
    said = ue.answer(second)
    reply = await net.answer("acme", ue.imsi, bytes.fromhex(said["rand"]), bytes.fromhex(said["res"]))
    assert isinstance(reply, Attachment)


async def test_a_challenge_does_not_live_long(bench, net, monkeypatch):
    _, ue = await line(bench, state="active")
    monkeypatch.setattr(network, "CHALLENGE_SECONDS", -60)
    with pytest.raises(CarrierError, match="is older"):
        await attach(net, ue)


# --- sequence numbers


async def test_they_only_grow_even_by_a_restore(bench, net):
    from smdp.carrier.keeper import Keeper

    keeper = Keeper(bench.service, lambda *_: [])
    _, ue = await line(bench, state="active")
    seen = [ue.sqn(await net.challenge("acme", ue.imsi)) for _ in range(2)]
    await keeper.take("acme", "before")
    seen += [ue.sqn(await net.challenge("acme", ue.imsi)) for _ in range(40)]
    await keeper.restore("acme", "before")
    seen.append(ue.sqn(await net.challenge("acme", ue.imsi)))
    await keeper.reset("acme")
    await keeper.restore("acme", "before")
    seen.append(ue.sqn(await net.challenge("acme", ue.imsi)))
    assert seen == sorted(set(seen))
    assert [number >> 5 for number in seen] == list(range(1, len(seen) + 1))


async def test_a_deleted_carrier_takes_them_with_it(bench, net):
    _, ue = await line(bench, state="active")
    await attach(net, ue)
    await bench.service.delete_carrier("acme")
    count = "SELECT count(*) AS number FROM authentications"
    assert (await bench.service.database.read(lambda c: c.execute(count).fetchone()))["number"] == 0


async def test_a_usim_that_is_ahead_is_followed(bench, net):
    _, ue = await line(bench, state="active")
    ue.sequence = (0,) * 7 + (5000,) + (0,) * 24
    said = ue.answer(await net.challenge("acme", ue.imsi))
    while "auts" not in said:  # other entries of its array are free
        said = ue.answer(await net.challenge("acme", ue.imsi))
    again = await net.resynchronise("acme", ue.imsi, bytes.fromhex(said["rand"]), bytes.fromhex(said["auts"]))
    assert isinstance(again, NetworkChallenge)
    assert ue.sqn(again) >> 5 == 5001
    said = ue.answer(again)
    reply = await net.answer("acme", ue.imsi, bytes.fromhex(said["rand"]), bytes.fromhex(said["res"]))
    assert isinstance(reply, Attachment)


async def test_an_auts_of_another_key_changes_nothing(bench, net):
    _, ue = await line(bench, state="active")
    challenge = await net.challenge("acme", ue.imsi)
    reply = await net.resynchronise("acme", ue.imsi, bytes.fromhex(challenge.rand), bytes(14))
    assert reply.reason == "authentication-failed"
    assert ue.sqn(await net.challenge("acme", ue.imsi)) >> 5 == 2


async def test_they_end_some_day(bench, net):
    _, ue = await line(bench, state="active")
    challenge = await net.challenge("acme", ue.imsi)
    rand = bytes.fromhex(challenge.rand)
    last = aka.sqn((1 << 43) - 1, 31)
    auts = xor(last, ue.functions.f5star(rand)) + ue.functions.f1star(rand, last, aka.AMF_RESYNC)
    reply = await net.resynchronise("acme", ue.imsi, rand, auts)
    assert (reply.reason, "used up" in reply.because) == ("authentication-failed", True)
    assert (await net.challenge("acme", ue.imsi)).reason == "authentication-failed"


async def test_with_a_seed_challenges_repeat_and_none_is_given_twice():
    from smdp.carrier.issue import IssueOrder
    from smdp.carrier.service import Service
    from smdp.clock import SystemClock
    from smdp.storage import Database

    async def rands():
        database = await Database.open()
        service = Service(database, SystemClock(), seed="7")
        profile = (await service.issue("acme", [IssueOrder()])).value[0]
        found = [(await Network(service).challenge("acme", profile.imsi)).rand for _ in range(3)]
        await service.close()
        await database.close()
        return found

    first = await rands()
    assert first == await rands()
    assert len(set(first)) == 3


# --- what starts with the first attach


async def test_the_first_attach_starts_the_activation(bench, net):
    profile, ue = await line(bench, on="attached")
    assert isinstance(await attach(net, ue), Attachment)
    assert (await bench.types())[-3:] == ["activation.pending", "activation.active", "network.attached"]
    await attach(net, ue)
    assert (await bench.types()).count("activation.active") == 1
    assert (await bench.service.profile("acme", profile.iccid)).activation.state == "active"


async def test_until_then_the_report_says_what_it_waits_for(bench):
    profile, _ = await line(bench, on="attached")
    await bench.claim(profile.iccid, EID)
    await bench.trigger(profile.iccid, Trigger.INSTALLATION_SUCCEEDED)
    report = await bench.service.eid_report("acme", EID)
    assert (report.reason, "when the device attaches" in report.because) == ("inactive", True)


async def test_the_rules_delays_hold_for_it_too(bench, net):
    _, ue = await line(bench, on="attached", install_delay="1m", delay="2m")
    assert (await attach(net, ue)).reason == "line-pending"
    await bench.service.advance_clock("acme", timedelta(minutes=1))
    assert (await attach(net, ue)).reason == "line-pending"
    await bench.service.advance_clock("acme", timedelta(minutes=2))
    assert isinstance(await attach(net, ue), Attachment)


async def test_it_may_fail(bench, net):
    _, ue = await line(bench, on="attached", fail="account-inactive")
    reply = await attach(net, ue)
    assert reply.reason == "activation-failed"
    assert "account-inactive" in reply.because


async def test_an_attempt_that_fails_authentication_starts_nothing(bench, net):
    profile, _ = await line(bench, on="attached")
    challenge = await net.challenge("acme", profile.imsi)
    await net.answer("acme", profile.imsi, bytes.fromhex(challenge.rand), bytes(8))
    assert (await bench.service.profile("acme", profile.iccid)).activation.state == "inactive"


# --- packages of the user's own


async def test_a_package_that_is_used_as_it_is_brings_its_key(bench, net):
    await bench.service.create_plan("acme", {"name": "own", "upp": EXAMPLE.hex(), "personalise": False})
    profile = await bench.issue(plan="own", eid=EID)
    await bench.service.force_activation("acme", profile.iccid, "active", None)
    usim = read(EXAMPLE).usim
    challenge = await net.challenge("acme", usim.imsi)
    rand, autn = bytes.fromhex(challenge.rand), bytes.fromhex(challenge.autn)
    said = aka.authenticate(aka.functions(usim.aka), rand, autn, usim.aka.sqn_init)
    assert isinstance(await net.answer("acme", usim.imsi, rand, said.res), Attachment)


async def test_a_key_that_this_network_cannot_use(bench, net, monkeypatch):
    profile, _ = await line(bench, state="active")
    monkeypatch.setattr(network, "functions_of", lambda _: None)
    reply = await net.challenge("acme", profile.imsi)
    assert (reply.reason, "no key" in reply.because) == ("authentication-failed", True)


def test_the_functions_are_those_of_the_package(monkeypatch):
    from smdp.upp.contents import Aka

    row = {"plan_settings": msgspec.json.encode({"name": "p", "personalise": False}), "upp": b"package"}
    brought = Aka("7FD0", 1, algorithm=3, key=bytes(16))
    monkeypatch.setattr(network, "_brought", lambda _: brought)
    assert type(network.functions_of(row)).__name__ == "TestAlgorithm"
    brought = Aka("7FD0", 1, algorithm=2, key=bytes(16), opc=bytes(32))
    assert network.functions_of(row) is None
    brought = None
    assert network.functions_of(row) is None
