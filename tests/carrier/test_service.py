"""The seed, and sessions as the control API tells them."""

from datetime import UTC, datetime, timedelta

import pytest

from smdp.carrier import sessions
from smdp.carrier.errors import CarrierError
from smdp.carrier.issue import IssueOrder
from smdp.carrier.service import Service
from smdp.clock import VirtualClock
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import Code
from smdp.rsp.server.session import Session, Stage
from smdp.storage import Database
from smdp.storage.queries import sessions as queries

START = datetime(2026, 12, 1, tzinfo=UTC)


async def issued(url, seed, carrier="acme"):
    database = await Database.open(url)
    service = Service(database, VirtualClock(frozen_at=START), seed=seed)
    written = await service.issue(carrier, [IssueOrder()])
    profile = await service.profile(carrier, written.value[0].iccid, secrets=True)
    drawn = await database.write(lambda c: service.entropy(c, carrier).take(16))
    await database.close()
    return profile, drawn


async def test_with_a_seed_everything_repeats():
    assert await issued(None, "7") == await issued(None, "7")


@pytest.mark.parametrize(("seed", "carrier"), [("8", "acme"), (None, "acme"), ("7", "beta")])
async def test_another_seed_or_carrier_draws_otherwise(seed, carrier):
    one, other = await issued(None, "7"), await issued(None, seed, carrier)
    assert one[1] != other[1]
    assert one[0].matching_id != other[0].matching_id
    assert one[0].credentials.ki != other[0].credentials.ki


async def test_after_a_restart_nothing_repeats(tmp_path):
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    runs = [await issued(url, "7") for _ in range(3)]
    assert len({drawn for _, drawn in runs}) == 3
    assert len({profile.matching_id for profile, _ in runs}) == 3
    assert len({profile.iccid for profile, _ in runs}) == 3


def session(number=1, **more):
    return Session(
        transaction_id=bytes((number,)) * 16, stage=Stage.INITIATED, opened_at=START, server_address="localhost",
        euicc_challenge=bytes(16), server_challenge=bytes(16), svn=bytes(3), signing_ci=bytes(20), server_ci=bytes(20),
        **more,
    )  # fmt: skip


async def test_a_session_comes_back_as_it_was(bench):
    await bench.issue()
    one = session(eid="1" * 32, matching_id="", euicc_certificate=b"0", cc_required=True)
    await bench.run(sessions.insert, one)
    assert await bench.run(lambda scope: sessions.find(scope.connection, "acme", one.transaction_id)) == one
    assert await bench.run(lambda scope: sessions.find(scope.connection, "default", one.transaction_id)) is None


async def test_a_refused_session_is_told_with_its_reason_and_steps(bench):
    await bench.issue()
    one = session()
    await bench.run(sessions.insert, one)
    refusal = Refusal("AC#14b", Code("8.1.1", "3.8"), "nothing-ordered", "No profile.", "Issue one.")
    closed = session(eid="1" * 32)
    assert await bench.run(sessions.swap, Stage.INITIATED, closed, outcome="refused", refusal=refusal)
    assert not await bench.run(sessions.swap, Stage.AUTHENTICATED, closed)
    await bench.run(
        lambda scope: queries.insert_message(
            scope.connection,
            "acme",
            "01" * 16,
            "authenticateClient",
            request=b"q",
            digest=b"",
            response=b"a",
            at=5,
            ms=1.5,
        )
    )
    told = await bench.service.session("acme", ("01" * 16).lower())
    assert (told.id, told.outcome, told.eid) == ("01" * 16, "refused", "1" * 32)
    assert (told.refusal.check, told.refusal.code, told.refusal.reason) == ("AC#14b", "8.1.1/3.8", "nothing-ordered")
    assert [(step.name, step.ms) for step in told.steps] == [("authenticateClient", 1.5)]
    raw = await bench.service.raw_session("acme", "01" * 16)
    assert [(one["step"], one["request"], one["response"]) for one in raw["messages"]] == [
        ("authenticateClient", b"q", b"a")
    ]
    for carrier, identifier in (("acme", "FF"), ("default", "01" * 16), ("acme", "")):
        for look in (bench.service.session, bench.service.raw_session):
            with pytest.raises(CarrierError, match="has no session"):
                await look(carrier, identifier)
    assert (await bench.service.session("acme", "01010101")).id == "01" * 16, "as the log names it"


async def test_sessions_are_listed_in_pages_and_expire_by_the_clock(bench):
    await bench.issue()
    for number in range(1, 6):
        await bench.run(sessions.insert, session(number))
    first, cursor = await bench.service.sessions("acme", {}, None, 3)
    rest, end = await bench.service.sessions("acme", {}, cursor, 3)
    assert [one.id[:2] for one in first + rest] == ["05", "04", "03", "02", "01"]
    assert end is None
    assert {one.outcome for one in first} == {"open"}
    bench.clock.advance(timedelta(minutes=31))
    found, _ = await bench.service.sessions("acme", {"outcome": "expired"}, None, 10)
    assert {one.outcome for one in found} == {"expired"}
    assert len(found) == 5


async def test_sessions_are_bounded(bench, monkeypatch):
    monkeypatch.setattr("smdp.carrier.sessions.KEEP", 3)
    monkeypatch.setattr("smdp.carrier.sessions._PRUNE_EVERY", 10)
    await bench.issue()
    await bench.service.change_carrier("acme", {"limits": {"session_minutes": 1}})
    bench.clock.advance(timedelta(hours=1))
    for number in range(1, 11):
        await bench.run(sessions.insert, session(number))
    found, _ = await bench.service.sessions("acme", {}, None, 100)
    assert len(found) == 3
