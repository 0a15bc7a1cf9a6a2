"""Every way it can stand between an EID and its plan, told in the words of reasons.py."""

import string
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.carrier import orders
from smdp.carrier.diagnose import distance
from smdp.carrier.errors import CarrierError
from smdp.carrier.reasons import STANDINGS
from smdp.rsp.ids import eid_check_digits_ok
from smdp.rsp.server.session import Change
from smdp.rsp.states import Trigger

EID = "89049032123451234512345678901235"


async def report(bench, eid=EID):
    found = await bench.service.eid_report("acme", eid)
    assert "{" not in found.because + (found.fix or "")
    return found


async def downloaded(bench, **order):
    profile = await bench.issue(eid=EID, **order)
    await bench.claim(profile.iccid, EID)
    return profile


async def installed(bench, **order):
    profile = await downloaded(bench, **order)
    await bench.trigger(profile.iccid, Trigger.INSTALLATION_SUCCEEDED)
    return profile


async def test_nothing_ordered(bench):
    await bench.issue()  # an order without EID is nobody's before somebody has it
    found = await report(bench)
    assert (found.reason, found.next, found.profiles, found.nearest) == ("nothing-ordered", None, [], None)
    assert found.fix == f"smdp profile issue {EID}"
    assert found.valid
    assert found.last_seen is None


async def test_the_nearest_eid_is_named_with_the_places_that_differ(bench):
    ordered = EID[:-2] + EID[-1] + EID[-2]
    profile = await bench.issue(eid=ordered)
    found = await report(bench)
    assert found.reason == "nothing-ordered"
    assert (found.nearest.eid, found.nearest.iccid, found.nearest.valid) == (ordered, profile.iccid, False)
    assert found.nearest.differs_at == [30, 31]


async def test_an_eid_with_wrong_check_digits_is_told_to_be_invalid(bench):
    await bench.issue(eid=EID)
    found = await report(bench, EID[:-2] + "53")
    assert (found.valid, found.nearest.valid, found.nearest.eid) == (False, True, EID)


async def test_a_far_eid_and_an_ended_order_are_not_near(bench):
    await bench.issue(eid="89049032" + "1" * 24)
    gone = await bench.issue(eid=EID[:-1] + "0")
    await bench.service.do("acme", gone.iccid, "revoke")
    assert (await report(bench)).nearest is None


async def test_ready(bench):
    profile = await bench.issue(eid=EID)
    found = await report(bench)
    assert (found.reason, found.next, found.fix) == (None, profile.iccid, None)
    assert [one.iccid for one in found.profiles] == [profile.iccid]


async def test_a_released_order_comes_before_a_held_one_and_what_is_over(bench):
    await installed(bench)
    held = await bench.issue(eid=EID, hold=True)
    assert (await report(bench)).reason == "on-hold"
    profile = await bench.issue(eid=EID)
    assert (await report(bench)).next == profile.iccid
    assert (await report(bench)).profiles[1].iccid == held.iccid


async def test_on_hold(bench):
    profile = await bench.issue(eid=EID, hold=True)
    found = await report(bench)
    assert (found.reason, found.next, found.fix) == ("on-hold", None, f"smdp profile release {profile.iccid}")


async def test_confirmation_code(bench):
    profile = await bench.issue(eid=EID, confirmation_code="1")
    found = await report(bench)
    assert (found.reason, found.next) == ("confirmation-code-missing", profile.iccid)


async def test_already_downloaded_says_when_and_by_which_session(bench):
    await downloaded(bench)
    found = await report(bench)
    assert found.reason == "already-downloaded"
    assert "2026-12-01 00:00:00 UTC by session ABABABAB…" in found.because
    assert "has not said" in found.because


async def test_installed_and_active(bench):
    await installed(bench)
    found = await report(bench)
    assert (found.reason, found.next) == ("already-downloaded", None)
    assert "its plan is active" in found.because


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"delay": "1h"}, "pending"),
        ({"on": "enabled"}, "inactive"),
        ({"fail": "account-inactive"}, "activation-failed"),
    ],
)
async def test_installed_but_not_active(bench, rule, reason):
    await bench.service.create_plan("acme", {"name": "plan", "activation": rule})
    await installed(bench, plan="plan")
    assert (await report(bench)).reason == reason


@pytest.mark.parametrize("state", ["suspended", "terminated"])
async def test_installed_and_stopped(bench, state):
    profile = await installed(bench)
    await bench.service.force_activation("acme", profile.iccid, state, None)
    assert (await report(bench)).reason == state


async def test_deleted_on_the_device(bench):
    profile = await installed(bench)
    await bench.run(orders.told, EID, profile.iccid, ("delete",))
    assert (await report(bench)).reason == "deleted"


async def test_expired_before_and_after_the_timer(bench):
    await bench.issue(eid=EID, expires="1h")
    bench.clock.advance(timedelta(hours=1))
    assert (await report(bench)).reason == "expired"
    bench.service.clock_moved()
    await bench.service.wait(orders_expired(), (), timedelta(seconds=20))
    assert (await report(bench)).reason == "expired"


def orders_expired():
    from smdp.carrier.journal import Wanted

    return Wanted("acme", 0, ("profile.expired",))


@pytest.mark.parametrize(
    ("trigger", "values", "reason"),
    [
        (Trigger.EXHAUSTED, {"download_attempts": 11}, "attempts-exceeded"),
        (Trigger.EXHAUSTED, {"confirmation_code_attempts": 3}, "confirmation-code-attempts-exceeded"),
        (Trigger.INELIGIBLE, {}, "not-eligible"),
        (Trigger.REJECTED, {}, "cancelled"),
        (Trigger.REVOKED, {}, "revoked"),
        (Trigger.INSTALLATION_FAILED, {}, "failed"),
    ],
)
async def test_ended(bench, trigger, values, reason):
    profile = await bench.issue(eid=EID)
    await bench.trigger(profile.iccid, trigger, **values)
    found = await report(bench)
    assert (found.reason, found.next) == (reason, None)
    assert profile.iccid in found.because


async def test_a_postponed_download_under_same_device_is_ready_again(bench):
    await bench.service.change_plan("default", "default", {})
    profile = await bench.issue(eid=EID)
    await bench.service.change_plan("acme", "default", {"reuse": "same-device"})
    await bench.claim(profile.iccid, EID)
    assert (await report(bench)).next == profile.iccid


async def test_last_seen_is_the_last_step_of_a_session(bench):
    from smdp.carrier import journal
    from smdp.rsp.server.session import Happening

    await bench.issue(eid=EID)
    bench.clock.advance(timedelta(minutes=5))
    await bench.run(journal.append, [Happening(type="session.step")], eid=EID)
    assert (await report(bench)).last_seen == bench.clock.now()


async def test_another_carriers_orders_are_not_told(bench):
    await bench.issue()
    await bench.issue(carrier="beta", eid=EID)
    found = await report(bench)
    assert (found.reason, found.profiles, found.nearest) == ("nothing-ordered", [], None)


async def test_what_is_no_eid_is_refused(bench):
    await bench.issue()
    for text in ("", "1" * 31, "x" * 32, "\u0661" * 32):
        with pytest.raises(CarrierError, match="32 decimal digits"):
            await report(bench, text)


def test_every_sentence_uses_known_words():
    known = {
        "eid",
        "iccid",
        "state",
        "when",
        "by",
        "expires",
        "attempts",
        "confirmation_attempts",
        "activation",
        "starts",
        "due",
        "until",
        "ci",
    }
    for standing in STANDINGS.values():
        texts = standing.because + (standing.fix or "")
        assert {name for _, name, _, _ in string.Formatter().parse(texts) if name} <= known
        assert standing.because.endswith(".")


async def test_a_change_of_nothing_is_none(bench):
    await bench.issue()
    assert await bench.run(orders.apply, Change(iccid="1")) is None


# --- how far two EIDs are from each other


@pytest.mark.parametrize(
    ("other", "mistakes"),
    [
        (EID, 0),
        (EID[:-1] + "0", 1),
        (EID[:10] + EID[11] + EID[10] + EID[12:], 1),
        (EID[:10] + EID[11:] + "7", 2),
        ("0" + EID[1:-1] + "0", 32),
        ("", 32),
    ],
)
def test_distance(other, mistakes):
    assert distance(EID, other) == mistakes
    assert distance(other, EID) == mistakes


@given(st.from_regex(r"[0-9]{32}", fullmatch=True), st.integers(0, 31), st.integers(0, 9))
def test_one_wrong_digit_is_at_most_one_mistake_and_breaks_the_check_digits(eid, place, digit):
    changed = eid[:place] + str(digit) + eid[place + 1 :]
    assert distance(eid, changed) == (eid != changed)
    if eid_check_digits_ok(eid) and eid != changed:
        assert not eid_check_digits_ok(changed)
