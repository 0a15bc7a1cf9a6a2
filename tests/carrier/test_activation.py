import asyncio
from datetime import timedelta

import pytest

from smdp.carrier.errors import CarrierError
from smdp.carrier.journal import Wanted
from smdp.carrier.service import Service
from smdp.clock import SystemClock, VirtualClock
from smdp.rsp.states import Trigger
from smdp.storage import Database, StorageError

EID = "89049032123451234512345678901235"
SOON = timedelta(seconds=20)
_TURNS = 20


async def installed(bench, **rule):
    await bench.service.create_plan("acme", {"name": "plan", "activation": rule})
    profile = await bench.issue(plan="plan", eid=EID)
    await bench.claim(profile.iccid, EID)
    await bench.trigger(profile.iccid, Trigger.INSTALLATION_SUCCEEDED)
    return profile.iccid


async def state(bench, iccid):
    return (await bench.service.profile("acme", iccid)).activation.state


async def happens(bench, kind):
    return await bench.service.journal.next(Wanted("acme", 0, (kind,)), SOON)


async def move(bench, **by):
    """Let time pass, and the timer look at its clock and do what is due; it takes a few turns of the loop."""
    bench.clock.advance(timedelta(**by))
    bench.service.clock_moved()
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def test_delays_run_on_the_carriers_clock(bench):
    iccid = await installed(bench, install_delay="1m", delay="3m")
    assert await state(bench, iccid) == "inactive"
    await move(bench, seconds=60)
    assert (await happens(bench, "activation.pending")).at == bench.clock.now()
    assert await state(bench, iccid) == "pending"
    await move(bench, seconds=179)
    assert await state(bench, iccid) == "pending"
    await move(bench, seconds=1)
    assert (await happens(bench, "activation.active")).at == bench.clock.now()
    assert (await bench.service.profile("acme", iccid)).activation.since == bench.clock.now()


async def test_a_rule_may_let_it_fail(bench):
    iccid = await installed(bench, fail="plan-not-provisioned")
    profile = await bench.service.profile("acme", iccid)
    assert (profile.activation.state, profile.activation.reason) == ("failed", "plan-not-provisioned")
    event = await happens(bench, "activation.failed")
    assert event.data == {"reason": "plan-not-provisioned"}


async def test_it_may_wait_until_the_profile_is_enabled(bench):
    from smdp.carrier import orders

    iccid = await installed(bench, on="enabled")
    assert await state(bench, iccid) == "inactive"
    told = await bench.run(orders.told, EID, iccid, ("enable",))
    assert [one.type for one in told] == ["profile.enabled", "activation.pending", "activation.active"]


@pytest.mark.parametrize("on", ["manual", "attached"])
async def test_it_may_wait_for_somebody(bench, on):
    iccid = await installed(bench, on=on)
    await move(bench, days=1)
    assert await state(bench, iccid) == "inactive"
    await bench.service.force_activation("acme", iccid, "pending", None)
    await move(bench, days=1)
    assert await state(bench, iccid) == "pending"
    await bench.service.force_activation("acme", iccid, "active", None)
    assert await state(bench, iccid) == "active"


async def test_a_forced_state_stands_against_what_was_due(bench):
    iccid = await installed(bench, delay="1m")
    assert await state(bench, iccid) == "pending"
    await bench.service.force_activation("acme", iccid, "pending", "by hand")
    await move(bench, minutes=2)
    assert await state(bench, iccid) == "pending"
    assert "activation.active" not in await bench.types()


async def test_a_state_that_is_forced_again_is_no_news(bench):
    iccid = await installed(bench, delay="1m")
    await bench.service.force_activation("acme", iccid, "failed", "account-inactive")
    before = await bench.types()
    await bench.service.force_activation("acme", iccid, "failed", "account-inactive")
    assert await bench.types() == before
    profile = await bench.service.profile("acme", iccid)
    assert (profile.activation.state, profile.activation.reason) == ("failed", "account-inactive")


async def test_what_is_due_comes_to_pass_where_nobody_forced_anything(bench):
    iccid = await installed(bench, delay="1m")
    await move(bench, minutes=2)
    assert await state(bench, iccid) == "active"


async def test_a_terminated_line_stays_so(bench):
    iccid = await installed(bench)
    await bench.service.force_activation("acme", iccid, "terminated", None)
    with pytest.raises(CarrierError) as caught:
        await bench.service.force_activation("acme", iccid, "active", None)
    assert caught.value.reason == "activation-terminated"
    with pytest.raises(CarrierError):
        await bench.service.force_activation("acme", iccid, "terminated", "x" * 201)


async def test_orders_expire_by_the_timer(bench):
    profile = await bench.issue(expires="1h")
    other = await bench.issue(expires="2h")
    await move(bench, hours=1)
    assert (await happens(bench, "profile.expired")).iccid == profile.iccid
    assert not await bench.claim(profile.iccid, EID)
    assert await bench.claim(other.iccid, EID)


async def test_what_fell_due_while_nobody_ran_is_done_at_the_start(tmp_path):
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    clock = VirtualClock()
    database = await Database.open(url)
    service = Service(database, clock)
    from smdp.carrier.issue import IssueOrder

    await service.issue("acme", [IssueOrder(expires="1h")])
    await service.close()
    await database.close()

    clock.advance(timedelta(hours=2))
    database = await Database.open(url)
    service = Service(database, clock)
    await service.start()
    assert await service.journal.next(Wanted("acme", 0, ("profile.expired",)), SOON) is not None
    await service.close()
    await database.close()


async def test_the_timer_sleeps_by_the_real_clock_until_something_is_due():
    database = await Database.open()
    service = Service(database, SystemClock())
    from smdp.carrier.issue import IssueOrder

    await service.start()
    await service.issue("acme", [IssueOrder(expires="50ms")])
    event = await service.journal.next(Wanted("acme", 0, ("profile.expired",)), SOON)
    assert event.type == "profile.expired"
    await service.close()
    await database.close()


async def test_the_timer_outlives_a_database_that_fails_once(bench, monkeypatch, caplog):
    monkeypatch.setattr("smdp.carrier.timer._RETRY_SECONDS", 0.01)
    real, failures, healed = bench.service.database.read, [RuntimeError("bug"), StorageError("locked")], asyncio.Event()

    async def read(fn, *args):
        if failures:
            raise failures.pop()
        healed.set()
        return await real(fn, *args)

    profile = await bench.issue(expires="1h")
    monkeypatch.setattr(bench.service.database, "read", read)
    await move(bench, hours=1)
    async with asyncio.timeout(20):
        await healed.wait()
    monkeypatch.undo()
    assert (await happens(bench, "profile.expired")).iccid == profile.iccid
    assert [record.getMessage() for record in caplog.records] == ["due work has to wait: locked", "bug in due work"]
