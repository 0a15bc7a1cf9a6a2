"""Claims and changes: what the transition table allows, once, with what it sets off."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from smdp.carrier import orders
from smdp.carrier.errors import CarrierError
from smdp.carrier.issue import IssueOrder
from smdp.carrier.service import Service
from smdp.clock import SystemClock
from smdp.rsp.server.session import Change, Happening
from smdp.rsp.states import Trigger
from smdp.storage import Database

EIDS = ("89049032123451234512345678901235", "89049032000000000000000000000000")
EID, OTHER = EIDS


async def test_a_claim_consumes_links_and_tells(bench):
    profile = await bench.issue()
    assert await bench.claim(profile.iccid, EID, by="CD" * 16)
    after = await bench.service.profile("acme", profile.iccid)
    assert (after.state, after.eid, after.consumed, after.consumed_by) == ("downloaded", EID, True, "CD" * 16)
    assert after.consumed_at == bench.clock.now()
    assert not await bench.claim(profile.iccid, EID)
    assert not await bench.claim(profile.iccid, OTHER)
    assert await bench.types(iccid=profile.iccid) == ["profile.issued", "profile.consumed"]


async def test_a_profile_of_another_eid_cannot_be_claimed(bench):
    profile = await bench.issue(eid=EID)
    assert not await bench.claim(profile.iccid, OTHER)
    assert await bench.claim(profile.iccid, EID)


@pytest.mark.parametrize(("where", "value"), [("carrier", "same-device"), ("plan", "same-device"), ("plan", "always")])
async def test_with_reuse_the_same_device_gets_it_again_and_no_other(bench, where, value):
    profile = await bench.issue()
    if where == "carrier":
        await bench.service.change_carrier("acme", {"reuse": value})
    else:
        await bench.service.change_plan("acme", "default", {"reuse": value})
    assert await bench.claim(profile.iccid, EID)
    assert await bench.claim(profile.iccid, EID)
    assert not await bench.claim(profile.iccid, OTHER)
    assert not (await bench.service.profile("acme", profile.iccid)).consumed
    await bench.trigger(profile.iccid, Trigger.INSTALLATION_SUCCEEDED, by="EF")
    after = await bench.service.profile("acme", profile.iccid)
    assert (after.consumed, after.consumed_by) == ((True, "EF") if value == "same-device" else (False, None))
    assert await bench.claim(profile.iccid, EID) is (value == "always")


async def test_an_installation_tells_and_activates(bench):
    profile = await bench.issue()
    await bench.claim(profile.iccid, EID)
    told = await bench.trigger(profile.iccid, Trigger.INSTALLATION_SUCCEEDED)
    assert told == ["profile.installed", "activation.pending", "activation.active"]
    assert await bench.trigger(profile.iccid, Trigger.INSTALLATION_SUCCEEDED) is None


async def test_a_failed_installation_ends_the_order(bench):
    profile = await bench.issue()
    await bench.claim(profile.iccid, EID)
    assert await bench.trigger(profile.iccid, Trigger.INSTALLATION_FAILED) == ["profile.failed"]
    assert (await bench.service.profile("acme", profile.iccid)).state == "error"


async def test_a_change_without_a_transition_sets_columns(bench):
    profile = await bench.issue()
    change = Change(iccid=profile.iccid, values={"download_attempts": 4, "confirmation_code_attempts": 1})
    assert await bench.run(orders.apply, change) == ()
    after = await bench.service.profile("acme", profile.iccid)
    assert (after.attempts.download, after.attempts.confirmation_code) == (4, 1)


async def test_a_change_of_an_unknown_profile_is_none(bench):
    await bench.issue()
    assert await bench.run(orders.apply, Change(iccid="1", values={"runtime": "enabled"})) is None
    assert await bench.run(orders.apply, Change(iccid="1", trigger=Trigger.REVOKED)) is None
    assert await bench.run(orders.package, "1", None) is None
    assert await bench.run(orders.by_iccid, "1") is None


async def test_what_an_euicc_tells_is_believed_of_its_own_profiles_only(bench):
    profile = await bench.issue(eid=EID)
    assert await bench.run(orders.told, OTHER, profile.iccid, ("enable",)) is None
    assert await bench.run(orders.told, EID, "1", ("enable",)) is None
    told = await bench.run(orders.told, EID, profile.iccid, ("enable", "install"))
    assert [one.type for one in told] == ["profile.enabled"]
    assert await bench.run(orders.told, EID, profile.iccid, ("enable",)) == ()
    told = await bench.run(orders.told, EID, profile.iccid, ("disable", "delete"))
    assert [one.type for one in told] == ["profile.disabled", "profile.deleted"]
    assert (await bench.service.profile("acme", profile.iccid)).runtime == "deleted"


async def test_carriers_share_no_orders(bench):
    profile = await bench.issue(eid=EID, matching_id="CODE")
    await bench.issue(carrier="beta")
    assert await bench.run(orders.by_matching_id, "CODE", carrier="beta") == []
    assert await bench.run(orders.by_eid, EID, carrier="beta") == []
    assert await bench.run(orders.by_iccid, profile.iccid, carrier="beta") is None
    assert await bench.run(orders.told, EID, profile.iccid, ("enable",), carrier="beta") is None


def test_what_a_function_tells_is_not_told_twice():
    told = orders.merge((Happening(type="profile.failed", data={"error": "no-memory"}),), (
        Happening(type="profile.failed"), Happening(type="profile.consumed"),
    ))  # fmt: skip
    assert [(one.type, dict(one.data)) for one in told] == [
        ("profile.failed", {"error": "no-memory"}),
        ("profile.consumed", {}),
    ]


# --- what an operator does


async def test_hold_and_release(bench):
    profile = await bench.issue()
    assert (await bench.service.do("acme", profile.iccid, "hold")).state == "confirmed"
    assert (await bench.service.do("acme", profile.iccid, "hold")).state == "confirmed"
    assert not await bench.claim(profile.iccid, EID)
    assert (await bench.service.do("acme", profile.iccid, "release")).state == "released"
    assert (await bench.service.do("acme", profile.iccid, "release")).state == "released"
    assert await bench.types(iccid=profile.iccid) == ["profile.issued", "profile.held", "profile.released"]


async def test_what_was_handed_out_cannot_be_held_but_revoked(bench):
    profile = await bench.issue()
    await bench.claim(profile.iccid, EID)
    with pytest.raises(CarrierError) as caught:
        await bench.service.do("acme", profile.iccid, "hold")
    assert (caught.value.reason, caught.value.status) == ("state-forbids", 409)
    for _ in range(2):
        assert (await bench.service.do("acme", profile.iccid, "revoke")).state == "unavailable"
    with pytest.raises(CarrierError):
        await bench.service.do("acme", profile.iccid, "release")
    assert (await bench.types(iccid=profile.iccid))[-1] == "profile.revoked"


async def test_revoking_ends_the_line(bench):
    profile = await bench.issue()
    await bench.claim(profile.iccid, EID)
    await bench.trigger(profile.iccid, Trigger.INSTALLATION_SUCCEEDED)
    revoked = await bench.service.do("acme", profile.iccid, "revoke")
    assert (revoked.activation.state, revoked.activation.reason) == ("terminated", "revoked")


async def test_an_order_is_corrected_until_somebody_has_it(bench):
    profile = await bench.issue(eid=OTHER, confirmation_code="1")
    changed = await bench.service.change_profile(
        "acme", profile.iccid, {"eid": EID, "confirmation_code": None, "expires": "1h"}
    )
    assert (changed.eid, changed.confirmation_code_required, changed.warnings) == (EID, False, [])
    assert changed.expires_at is not None
    for body in ({"state": "released"}, {"eid": "1"}):
        with pytest.raises(CarrierError):
            await bench.service.change_profile("acme", profile.iccid, body)
    await bench.claim(profile.iccid, EID)
    with pytest.raises(CarrierError) as caught:
        await bench.service.change_profile("acme", profile.iccid, {"eid": OTHER})
    assert caught.value.reason == "state-forbids"


# --- exactly once, whatever comes


class OnceMachine(RuleBasedStateMachine):
    """Under `never`, a profile is handed out at most once, and what it says of itself agrees with what was done."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.handed_out: list[str] = []

    def wait(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    @initialize(linked=st.booleans())
    def issue(self, linked):
        self.database = self.wait(Database.open())
        self.service = Service(self.database, SystemClock())
        written = self.wait(self.service.issue("acme", [IssueOrder(eid=EID if linked else None)]))
        self.iccid, self.linked = written.value[0].iccid, linked
        self.carrier = self.wait(self.service.carrier("acme"))

    def scope(self, fn, *args, **more):
        return self.wait(self.database.write(lambda c: fn(self.service.scope(c, self.carrier), *args, **more)))

    @rule(eid=st.sampled_from(EIDS), session=st.integers(0, 3))
    def claim(self, eid, session):
        order = self.scope(orders.by_iccid, self.iccid)
        claimed = self.scope(orders.claim, order, eid=eid, by=f"{session}")
        if claimed is not None:
            assert not (self.linked and eid != EID)
            self.handed_out.append(eid)

    @precondition(lambda self: self.handed_out)
    @rule(trigger=st.sampled_from(sorted(Trigger)))
    def after(self, trigger):
        self.scope(orders.apply, Change(iccid=self.iccid, trigger=trigger), by="1")

    @precondition(lambda self: not self.handed_out)
    @rule(trigger=st.sampled_from([Trigger.HOLD, Trigger.RELEASE, Trigger.POSTPONED]))
    def before(self, trigger):
        self.scope(orders.apply, Change(iccid=self.iccid, trigger=trigger))

    def teardown(self):
        if hasattr(self, "service"):
            profile = self.wait(self.service.profile("acme", self.iccid))
            assert len(self.handed_out) <= 1
            assert profile.consumed is bool(self.handed_out)
            if self.handed_out:
                assert profile.eid == self.handed_out[0]
            self.wait(self.database.close())
        self.loop.close()


OnceMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
TestOnce = OnceMachine.TestCase
