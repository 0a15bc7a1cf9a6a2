import asyncio
import contextlib
from datetime import timedelta

import pytest

from smdp.carrier import journal
from smdp.carrier.errors import CarrierError
from smdp.carrier.journal import UNLESS, Journal, Wanted
from smdp.carrier.service import Service
from smdp.clock import SystemClock
from smdp.rsp.server.session import Happening
from smdp.storage import Database

EID = "89049032123451234512345678901235"
LONG, SHORT = timedelta(seconds=20), timedelta(milliseconds=20)


def tell(scope, kind, **data):
    return journal.append(scope, [Happening(type=kind, data=data)], eid=EID)


async def test_a_wait_finds_what_happened_before_it_looked(bench):
    await bench.issue(eid=EID)
    event = await bench.service.journal.next(Wanted("acme", 0, ("profile.issued",), eid=EID), SHORT)
    assert event.type == "profile.issued"


async def test_a_wait_ends_with_the_commit(bench):
    await bench.issue()
    waiting = asyncio.create_task(bench.service.journal.next(Wanted("acme", 2, ("user.notice",)), LONG))
    await asyncio.sleep(0)
    assert not waiting.done()
    await bench.run(tell, "user.notice", text="hello")
    assert (await waiting).data == {"text": "hello"}


async def test_a_wait_ends_with_its_time(bench):
    assert await bench.service.journal.next(Wanted("default", 1), SHORT) is None


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("beta", 0),
        Wanted("acme", 3),
        Wanted("acme", 0, ("profile.deleted",)),
        Wanted("acme", 0, eid="1" * 32),
        Wanted("acme", 0, iccid="1"),
        Wanted("acme", 0, session="1"),
    ],
)
async def test_what_is_not_meant_ends_no_wait(bench, wanted):
    await bench.issue()
    waiting = asyncio.create_task(bench.service.journal.next(wanted, SHORT))
    await asyncio.sleep(0)
    await bench.run(tell, "user.notice")
    assert await waiting is None


async def test_an_event_keeps_its_eid_and_session_in_columns(bench):
    await bench.issue()
    happening = Happening(type="user.notice", data={"eid": "2" * 32, "session": "CD", "text": "x"})
    stored = (await bench.run(journal.append, [happening], session="AB", eid=EID))[0]
    assert (stored.eid, stored.session, stored.data) == ("2" * 32, "CD", {"text": "x"})


async def test_following_yields_batches_then_a_sign_of_life(bench):
    for _ in range(3):
        await bench.issue()
    following = bench.service.journal.follow(Wanted("acme", 1), SHORT)
    assert [event.id for event in await anext(following)] == [2, 3, 4]
    assert await anext(following) == []
    await bench.run(tell, "user.notice")
    assert [event.id for event in await anext(following)] == [5]
    await following.aclose()


async def test_another_process_is_noticed_without_its_word(tmp_path):
    """Two databases on one file stand for two processes: neither hears the other's commits."""
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    async with contextlib.AsyncExitStack() as stack:
        here, there = [await _service(stack, url) for _ in range(2)]
        waiting = asyncio.create_task(here.journal.next(Wanted("acme", 0, ("profile.issued",)), LONG))
        await asyncio.sleep(0)
        from smdp.carrier.issue import IssueOrder

        await there.issue("acme", [IssueOrder(eid=EID)])
        assert (await waiting).eid == EID
        for _ in range(100):  # nobody waits any more, so nobody watches
            if here.journal._watch is None:  # noqa: SLF001 - the cost of waiting is what is tested
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the file is still watched")


async def _service(stack, url):
    database = await Database.open(url)
    stack.push_async_callback(database.close)
    service = Service(database, SystemClock())
    stack.push_async_callback(service.close)
    return service


async def test_waiters_are_bounded(bench, monkeypatch):
    monkeypatch.setattr("smdp.carrier.journal._MAX_WAITERS", 1)
    waiting = asyncio.create_task(bench.service.journal.next(Wanted("default", 9), LONG))
    await asyncio.sleep(0)
    with pytest.raises(CarrierError) as caught:
        await bench.service.journal.next(Wanted("default", 9), SHORT)
    assert caught.value.status == 503
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await bench.service.journal.next(Wanted("default", 9), SHORT) is None


async def test_closing_a_journal_that_nobody_used(bench):
    await Journal(bench.service.database).close()


# --- wait, with what makes it impossible


async def wait(bench, *types, unless=UNLESS, within=SHORT, **filters):
    return await bench.service.wait(Wanted("acme", 0, types, **filters), unless, within)


async def test_reached(bench):
    await bench.issue(eid=EID)
    waited = await wait(bench, "profile.issued", eid=EID)
    assert (waited.reached, waited.event.type, waited.timed_out) == (True, "profile.issued", False)


async def test_made_impossible_tells_what_came_and_why(bench):
    await bench.issue(eid=EID)
    await bench.run(tell, "session.refused", reason="on-hold", because="It is held.", fix="Release it.")
    waited = await wait(bench, "activation.active", eid=EID, within=LONG)
    assert (waited.reached, waited.timed_out, waited.last.type) == (False, False, "session.refused")
    assert (waited.reason, waited.because, waited.fix) == ("on-hold", "It is held.", "Release it.")


async def test_timed_out_tells_how_it_stands(bench):
    profile = await bench.issue(eid=EID, hold=True)
    for filters in ({"eid": EID}, {"iccid": profile.iccid}):
        waited = await wait(bench, "activation.active", **filters)
        assert (waited.reached, waited.timed_out, waited.reason) == (False, True, "on-hold")
        assert waited.last.type == "profile.issued"
        assert waited.fix == f"smdp profile release {profile.iccid}"
    waited = await wait(bench, "activation.active")
    assert waited.because == "No activation.active came within 0.02s."


async def test_a_type_that_no_event_has_is_refused_at_once(bench):
    await bench.issue()
    with pytest.raises(CarrierError) as caught:
        await wait(bench, "activation.actve", within=LONG)
    assert caught.value.fix == "Did you mean activation.active?"
    with pytest.raises(CarrierError):
        await wait(bench, "activation.active", unless=["nothing"], within=LONG)
    with pytest.raises(CarrierError, match="longest wait"):
        await wait(bench, "activation.active", within=timedelta(minutes=11))
    with pytest.raises(CarrierError, match="no carrier"):
        await bench.service.wait(Wanted("acm", 0), (), SHORT)
