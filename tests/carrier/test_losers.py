"""Whoever lost the race for an order has a session still; nothing that it does may touch the winner's profile."""

import pytest

from smdp.carrier import orders
from smdp.carrier.scope import Scope
from smdp.rsp.server.session import Change
from smdp.rsp.states import State, Trigger

WINNER, LOSER = "89049032123451234512345678901235", "89049032123451234512345678901332"


@pytest.mark.parametrize("trigger", [Trigger.REJECTED, Trigger.INSTALLATION_FAILED, Trigger.INSTALLATION_SUCCEEDED])
async def test_a_losers_change_does_nothing_and_the_winners_works(bench, trigger):
    profile = await bench.issue()
    assert await bench.claim(profile.iccid, WINNER)

    def apply(scope: Scope, eid: str) -> bool:
        return orders.apply(scope, Change(iccid=profile.iccid, eid=eid, trigger=trigger)) is not None

    async def state() -> State:
        return (await bench.run(orders.by_iccid, profile.iccid)).state

    assert not await bench.run(apply, LOSER)
    assert await state() is State.DOWNLOADED
    assert await bench.run(apply, WINNER)
    assert await state() is not State.DOWNLOADED
