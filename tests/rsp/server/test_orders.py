"""AuthenticateClient, the order: which one is found, and each check of it provoked alone."""

import datetime as dt

import pytest

from smdp.rsp.codes import code
from smdp.rsp.server.orders import can_bind, find, in_words, why_ended
from smdp.rsp.server.session import Change, Policy, Requirements
from smdp.rsp.states import State, Trigger
from tests.euicc_stub import MEMORY
from tests.minted import EID, NOW
from tests.rsp.server.bench import ADDRESS, ICCID, Bench, closed, order, refused

OTHER_EID = "89049032123451234512345678901337"
AGO, AHEAD = NOW - dt.timedelta(days=1), NOW + dt.timedelta(days=1)
POLICY = Policy(hosts=frozenset({ADDRESS}))
IMEI = "359881234567890"
ENDED = [
    (State.DOWNLOADED, "already-downloaded"),
    (State.INSTALLED, "already-downloaded"),
    (State.ERROR, "failed"),
    (State.UNAVAILABLE, "revoked"),
    (State.AVAILABLE, "cancelled"),
]
HELD = [State.ALLOCATED, State.LINKED, State.CONFIRMED]


@pytest.fixture
def opened(bench) -> Bench:
    return bench.initiated()


def ask(opened, candidates, *, matching_id=None, imei=None, **info2):
    context = opened.euicc.context(matching_id=matching_id, imei=imei)
    message = opened.response(context=context, info2=opened.euicc.info2(**info2))
    return opened.authenticate(message, candidates)


def over(opened, *, matching_id=None, iccid=None):
    certificate = opened.euicc.certificate.der
    return closed(opened, eid=EID, euicc_certificate=certificate, matching_id=matching_id, iccid=iccid)


# --- what is found


def test_by_matching_id(opened):
    outcome = ask(opened, [order(matching_id="ABC-1")], matching_id="ABC-1")
    assert (outcome.session.iccid, outcome.session.matching_id) == (ICCID, "ABC-1")


@pytest.mark.parametrize("matching_id", [None, ""])
def test_an_empty_matching_id_is_none(opened, matching_id):
    outcome = ask(opened, [order(eid=EID)], matching_id=matching_id)
    assert (outcome.session.iccid, outcome.session.matching_id) == (ICCID, None)


def iccids(*states_and_more):
    """Orders numbered 1, 2, …; each a state, or a dictionary."""
    given = [{"state": each} if isinstance(each, State) else each for each in states_and_more]
    return [order(**({"iccid": str(number), "eid": EID} | each)) for number, each in enumerate(given, 1)]


@pytest.mark.parametrize(
    ("candidates", "found"),
    [
        ([], None),
        ([State.RELEASED, State.RELEASED], "1"),
        ([State.LINKED, State.RELEASED], "2"),
        ([State.DOWNLOADED, State.CONFIRMED, State.RELEASED], "3"),
        ([State.ERROR, State.ALLOCATED], "2"),
        ([{"state": State.RELEASED, "expires_at": AGO}, State.RELEASED], "2"),
        ([{"state": State.RELEASED, "expires_at": AGO}, State.LINKED], "2"),
        ([State.DOWNLOADED, {"state": State.ERROR, "expires_at": AGO}], "2"),
        ([State.INSTALLED, {"state": State.ERROR, "download_attempts": 11}], "2"),
        ([{"state": State.UNAVAILABLE, "expires_at": AGO}], None),
        ([{"state": State.AVAILABLE, "download_attempts": 11}], None),
        ([{"state": State.RELEASED, "eid": OTHER_EID}, State.LINKED], "2"),
        ([{"state": State.RELEASED, "eid": OTHER_EID}], "1"),
        ([{"state": State.RELEASED, "eid": None}, {"state": State.RELEASED}], "1"),
        ([{"state": State.DOWNLOADED, "reuse": "same-device"}], "1"),
        ([{"state": State.INSTALLED, "reuse": "same-device"}], None),
        ([{"state": State.INSTALLED, "reuse": "always"}], "1"),
        ([State.DOWNLOADED, State.INSTALLED, State.ERROR, State.UNAVAILABLE, State.AVAILABLE], None),
    ],
)
def test_the_order_to_go_on_with(candidates, found):
    """What can be handed out first, then what waits, then what ended for a reason with a code; the oldest of each."""
    candidates = iccids(*candidates)
    choice = find(candidates, EID, POLICY, NOW)
    assert (choice.order.iccid if choice.order else None) == found
    assert choice.ended == (candidates[0] if candidates and found is None else None)


@pytest.mark.parametrize(("state", "slug"), ENDED)
def test_why_an_order_ended(state, slug):
    words = why_ended(order(state=state), EID)
    assert words["ended"] == slug
    assert words["because"].endswith(".")
    assert f"smdp profile issue {EID}" in words["ended_fix"]


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({}, "The profile was already downloaded."),
        ({"consumed_at": NOW}, "The profile was already downloaded at 2026-11-22 09:00:00 UTC."),
        (
            {"consumed_at": NOW, "consumed_by": "7F3A91C0AA", "eid": EID},
            "The profile was already downloaded at 2026-11-22 09:00:00 UTC by session 7F3A91C0….",
        ),
        (
            {"consumed_at": NOW, "consumed_by": "7F3A91C0AA", "eid": OTHER_EID},
            "The profile was already downloaded at 2026-11-22 09:00:00 UTC.",
        ),
    ],
)
def test_a_consumed_order_tells_when_and_to_its_own_eid_by_which_session(changes, because):
    assert why_ended(order(state=State.DOWNLOADED, **changes), EID)["because"] == because


def test_a_consumed_order_that_failed_later_counts_as_downloaded():
    assert why_ended(order(state=State.ERROR, consumed_at=NOW), EID)["ended"] == "already-downloaded"


def test_times_in_words():
    assert in_words(NOW) == "2026-11-22 09:00:00 UTC"
    assert in_words(None) == ""


@pytest.mark.parametrize(("reuse", "again"), [("never", False), ("same-device", True), ("always", True)])
def test_what_may_be_handed_out_again(reuse, again):
    assert can_bind(order(state=State.RELEASED, reuse=reuse))
    assert can_bind(order(state=State.DOWNLOADED, reuse=reuse)) is again


# --- there is no order


@pytest.mark.check("AC#14a")
def test_an_unknown_matching_id(opened):
    outcome = ask(opened, [], matching_id="NOBODYS")
    expected = over(opened, matching_id="NOBODYS")
    because = refused(outcome, "AC#14a", "8.2.6/3.8", "matching-id-unknown", session=expected)
    assert "NOBODYS" in because


@pytest.mark.check("AC#14a")
@pytest.mark.parametrize("matching_id", ["lower-case", "Ä" * 255, "{ended}", "%s'\"--"])
def test_a_matching_id_that_cannot_be_one_is_just_as_unknown(opened, matching_id):
    outcome = ask(opened, [], matching_id=matching_id)
    assert outcome.refusal.check == "AC#14a"
    assert str(outcome.refusal.code) == "8.2.6/3.8"
    assert len(outcome.refusal.message.encode()) <= 128


@pytest.mark.check("AC#14b")
@pytest.mark.parametrize("matching_id", [None, ""])
def test_nothing_was_ordered_for_this_eid(opened, matching_id):
    outcome = ask(opened, [], matching_id=matching_id)
    refused(outcome, "AC#14b", "8.1.1/3.8", "nothing-ordered", session=over(opened))
    assert outcome.refusal.fix == f"smdp profile issue {EID}"


@pytest.mark.parametrize(
    ("candidates", "check"),
    [
        pytest.param([], "AC#14b", marks=pytest.mark.check("AC#14b")),
        pytest.param([order(state=State.INSTALLED, eid=EID)], "AC#14d", marks=pytest.mark.check("AC#14d")),
    ],
)
def test_the_carrier_chooses_the_code_for_no_order(opened, candidates, check):
    opened.policy = Policy(hosts=frozenset({ADDRESS}), no_order_code=code("8.2.6/3.8"))
    outcome = ask(opened, candidates)
    assert (outcome.refusal.check, str(outcome.refusal.code)) == (check, "8.2.6/3.8")


@pytest.mark.check("AC#14c")
@pytest.mark.parametrize(("state", "slug"), ENDED)
@pytest.mark.parametrize("eid", [None, EID, OTHER_EID])
def test_the_order_of_a_matching_id_has_ended(opened, state, slug, eid):
    """Whoever asks: a token is used up, and that is all that it tells."""
    outcome = ask(opened, [order(state=state, eid=eid, matching_id="ABC-1")], matching_id="ABC-1")
    refused(outcome, "AC#14c", "8.2.6/3.8", slug, session=over(opened, matching_id="ABC-1"))


@pytest.mark.check("AC#14d")
@pytest.mark.parametrize(("state", "slug"), ENDED)
def test_all_orders_of_an_eid_have_ended(opened, state, slug):
    outcome = ask(opened, [order(state=state, eid=EID), order(state=State.ERROR, eid=EID)])
    refused(outcome, "AC#14d", "8.1.1/3.8", slug, session=over(opened))


@pytest.mark.check("AC#14e")
@pytest.mark.parametrize("state", [State.RELEASED, *HELD])
def test_the_order_is_anothers(opened, state):
    outcome = ask(opened, [order(eid=OTHER_EID, state=state, matching_id="ABC-1")], matching_id="ABC-1")
    expected = over(opened, matching_id="ABC-1", iccid=ICCID)
    because = refused(outcome, "AC#14e", "8.1.1/3.8", "other-eid", session=expected)
    assert OTHER_EID not in because
    assert ICCID not in because


@pytest.mark.check("AC#14f")
@pytest.mark.parametrize("imei", [None, b"", bytes.fromhex("5308214365870900"), bytes.fromhex("35988123")])
def test_the_order_is_for_another_device(opened, imei):
    outcome = ask(opened, [order(imei=IMEI)], imei=imei)
    refused(outcome, "AC#14f", "8.1.1/3.8", "imei-mismatch", session=over(opened, iccid=ICCID))


@pytest.mark.parametrize("imei", ["5389183254769800", "3598812345678900", "53891832547698F0"])
def test_the_device_that_the_order_is_for(opened, imei):
    """With nibbles swapped or in reading order, with and without the check digit."""
    assert ask(opened, [order(imei=IMEI)], imei=bytes.fromhex(imei)).refusal is None


# --- the order cannot be downloaded now


@pytest.mark.check("AC#15")
@pytest.mark.parametrize("state", HELD)
@pytest.mark.parametrize("eid", [None, EID])
def test_the_order_is_not_released(opened, state, eid):
    outcome = ask(opened, [order(state=state, eid=eid)])
    because = refused(outcome, "AC#15", "8.2/1.2", "on-hold", session=over(opened, iccid=ICCID))
    assert state in because
    assert outcome.refusal.fix == f"smdp profile release {ICCID}"


@pytest.mark.check("AC#16")
@pytest.mark.parametrize("state", [State.RELEASED, State.ERROR, *HELD])
@pytest.mark.parametrize("expires_at", [AGO, NOW])
def test_the_order_has_expired(opened, state, expires_at):
    outcome = ask(opened, [order(state=state, expires_at=expires_at)])
    because = refused(outcome, "AC#16", "8.8.5/4.10", "expired", session=over(opened, iccid=ICCID))
    assert in_words(expires_at) in because


def test_an_order_that_expires_later(opened):
    assert ask(opened, [order(expires_at=AHEAD)]).refusal is None


@pytest.mark.check("AC#17")
@pytest.mark.parametrize(
    ("state", "reuse"),
    [(State.RELEASED, "never"), (State.RELEASED, "same-device"), (State.DOWNLOADED, "same-device")],
)
def test_one_attempt_too_many_ends_the_order(opened, state, reuse):
    outcome = ask(opened, [order(state=state, reuse=reuse, eid=EID, download_attempts=10)])
    change = Change(iccid=ICCID, trigger=Trigger.EXHAUSTED, values={"download_attempts": 11})
    expected = over(opened, iccid=ICCID)
    because = refused(outcome, "AC#17", "8.8.5/6.4", "attempts-exceeded", session=expected, change=change)
    assert "10" in because


@pytest.mark.check("AC#17")
def test_an_order_that_ended_so_says_so_again_and_stays_ended(opened):
    outcome = ask(opened, [order(state=State.ERROR, eid=EID, download_attempts=11)])
    change = Change(iccid=ICCID, values={"download_attempts": 12})
    refused(outcome, "AC#17", "8.8.5/6.4", "attempts-exceeded", session=over(opened, iccid=ICCID), change=change)


@pytest.mark.parametrize(("eid", "attempts"), [(EID, 9), (None, 10)])
def test_the_last_attempt_that_is_allowed(opened, eid, attempts):
    assert ask(opened, [order(eid=eid, download_attempts=attempts)]).refusal is None


@pytest.mark.parametrize("state", [State.RELEASED, State.DOWNLOADED, State.INSTALLED])
def test_a_profile_for_every_day_is_not_used_up_by_downloads(opened, state):
    wanted = order(eid=EID, state=state, reuse="always", download_attempts=1000)
    assert ask(opened, [wanted]).change == Change(
        iccid=ICCID, values={"metadata": wanted.metadata, "download_attempts": 1001}
    )


# --- this eUICC can't take the profile


NEEDS = {
    "AC#18a": Requirements(memory=MEMORY + 1),
    "AC#18b": Requirements(profile_version=(2, 4)),
    "AC#18c": Requirements(uicc_capabilities=frozenset({1, 22, 25})),
}


def ineligible(attempts=1, trigger=Trigger.INELIGIBLE):
    return Change(iccid=ICCID, trigger=trigger, values={"download_attempts": attempts})


@pytest.mark.check("AC#18a")
@pytest.mark.parametrize(
    ("needed", "info2", "says"),
    [
        (MEMORY + 1, {}, f"needs {MEMORY + 1} bytes, the eUICC has {MEMORY} bytes left"),
        (1, {"memory": 0}, "has 0 bytes left"),
        (0, {"rsp": ()}, "takes no further profile"),
        (0, {"rsp": (1, 2), "memory": None}, "an unknown number of bytes left"),
    ],
)
def test_no_room_for_the_profile(opened, needed, info2, says):
    wanted = order(eid=EID, requirements=Requirements(memory=needed))
    outcome = ask(opened, [wanted], **info2)
    expected = over(opened, iccid=ICCID)
    because = refused(outcome, "AC#18a", "8.1/4.8", "no-memory", session=expected, change=ineligible())
    assert says in because


@pytest.mark.check("AC#18b")
@pytest.mark.parametrize("version", [b"\x02\x03\xff", b"\x01\x09\x09", b"\x00\x00\x00"])
def test_a_package_of_a_later_version(opened, version):
    outcome = ask(opened, [order(eid=EID, requirements=NEEDS["AC#18b"])], version=version)
    expected = over(opened, iccid=ICCID)
    because = refused(
        outcome, "AC#18b", "8.2.5/4.3", "profile-version-unsupported", session=expected, change=ineligible()
    )
    assert "version 2.4" in because


@pytest.mark.check("AC#18c")
@pytest.mark.parametrize(("has", "missing"), [((1, 2, 4), "22, 25"), ((1, 22), "25"), ((), "1, 22, 25")])
def test_a_capability_that_the_euicc_lacks(opened, has, missing):
    outcome = ask(opened, [order(eid=EID, requirements=NEEDS["AC#18c"])], capabilities=has)
    expected = over(opened, iccid=ICCID)
    because = refused(outcome, "AC#18c", "8.2.5/4.3", "capability-missing", session=expected, change=ineligible())
    assert because.endswith(f"capabilities {missing}.")


@pytest.mark.check("AC#18d")
@pytest.mark.parametrize(
    ("rules", "forbidden", "says"),
    [({"ppr1"}, (1,), "ppr1"), ({"ppr2"}, (2,), "ppr2"), ({"ppr1", "ppr2", "update"}, (0, 1, 2), "ppr1, ppr2")],
)
def test_a_rule_that_the_euicc_forbids(opened, rules, forbidden, says):
    outcome = ask(opened, [order(eid=EID, ppr=frozenset(rules))], forbidden=forbidden)
    expected = over(opened, iccid=ICCID)
    because = refused(outcome, "AC#18d", "8.2.5/4.3", "ppr-forbidden", session=expected, change=ineligible())
    assert f"has {says}," in because


@pytest.mark.check("AC#18a")
@pytest.mark.parametrize(
    ("changes", "attempts", "trigger"),
    [
        ({"eid": None}, 0, Trigger.INELIGIBLE),
        ({"eid": EID, "state": State.DOWNLOADED, "reuse": "same-device"}, 1, None),
    ],
)
def test_a_retry_that_does_not_fit_keeps_the_order_downloaded(opened, changes, attempts, trigger):
    """The standard ends the order from Released only."""
    outcome = ask(opened, [order(requirements=NEEDS["AC#18a"], **changes)])
    expected, change = over(opened, iccid=ICCID), ineligible(attempts, trigger)
    refused(outcome, "AC#18a", "8.1/4.8", "no-memory", session=expected, change=change)


def test_an_euicc_that_has_just_enough(opened):
    needs = Requirements(profile_version=(2, 3), uicc_capabilities=frozenset({1, 2, 4}), memory=MEMORY)
    wanted = order(requirements=needs, ppr=frozenset({"ppr1", "update"}))
    assert ask(opened, [wanted], forbidden=(2,)).refusal is None
    assert wanted.requirements.memory == MEMORY


def test_an_euicc_that_does_not_tell_its_memory(opened):
    assert ask(opened, [order(requirements=NEEDS["AC#18a"])], memory=None).refusal is None
