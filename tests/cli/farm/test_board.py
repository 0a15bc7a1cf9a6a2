from datetime import UTC, datetime, timedelta

import pytest

from smdp.cli.farm.board import EVENT_TYPES, Board, Cause, Member, latency
from smdp.model import Activation, Event, Profile

EID = "89049032123451234512345678901235"
OTHER = "89049032123451234512345678901236"
START = datetime(2026, 12, 1, tzinfo=UTC)
WHY = {"reason": "rate-limited", "because": "Too many.", "fix": "Wait."}


def board(goal="active", **member):
    made = Board(1, goal, "fleet")
    made.add(Member(eid=EID, number=1, **member))
    return made


def event(kind, second=0.0, eid=EID, **data):
    moment = START + timedelta(seconds=second)
    return Event(id=1, at=moment, wall=moment, type=kind, carrier="acme", eid=eid, data=data)


def refresh(second=0.0):
    return event("mdm.command", second, command="RefreshCellularPlans", command_uuid="1")


def state(made):
    (found,) = made.report(0).states
    return found


def profile(state="installed", activation="active", iccid="8900101000000000019", **more):
    return Profile(
        iccid=iccid,
        eid=EID,
        state=state,
        activation=Activation(state=activation, since=START),
        created_at=START,
        **more,
    )


def test_the_way_to_a_plan_and_how_long_it_took():
    made = board()
    steps = [
        (event("mdm.enrolled"), "enrolled"),
        (event("mdm.command", command="DeviceInformation"), "enrolled"),
        (refresh(1), "asked"),
        (event("profile.installed", 2), "installed"),
        (event("activation.active", 3.5), "active"),
    ]
    for one, expected in steps:
        assert not made.settled()
        made.note(one)
        assert state(made) == expected
    report = made.report(9)
    assert (report.ok, report.devices, report.expected, report.plan, report.failures) == (True, 1, 1, "fleet", [])
    assert (report.refresh_to_active.count, report.refresh_to_active.p50, report.seconds) == (1, 2.5, 9)


def test_what_is_about_others_changes_nothing():
    made = board()
    made.note(event("activation.active", eid=OTHER))
    made.note(event("activation.active", eid=None))
    made.note(event("carrier.created"))
    assert state(made) == "made"


@pytest.mark.parametrize(
    ("kind", "data", "reason", "because", "fix"),
    [
        ("session.refused", WHY, "rate-limited", "Too many.", "Wait."),
        ("user.notice", {"text": "Cannot Be Added"} | WHY, "rate-limited", "Too many.", "Wait."),
        ("profile.failed", {"reason": "no-memory"}, "no-memory", "profile.failed: no-memory.", ""),
        (
            "mdm.error",
            {"command": "RefreshCellularPlans", "code": 36003, "text": "Busy."},
            "36003",
            "Busy.",
            "smdp explain 36003",
        ),
        (
            "activation.failed",
            {"reason": "account-inactive"},
            "account-inactive",
            "The carrier could not activate the plan: account-inactive.",
            f"smdp why {EID}",
        ),
    ],
)
def test_why_there_is_no_plan(kind, data, reason, because, fix):
    made = board()
    made.note(refresh())
    made.note(event(kind, **data))
    assert state(made) == "refused"
    (failure,) = made.report(0).failures
    assert (failure.reason, failure.because, failure.fix) == (reason, because, fix)
    assert (failure.count, failure.expected, failure.eid) == (1, False, EID)


def test_what_is_refused_once_may_work_the_next_time():
    made = board()
    made.note(refresh())
    made.note(event("session.refused", **WHY))
    made.note(refresh(60))
    made.note(event("activation.active", 61))
    report = made.report(0)
    assert (report.ok, report.failures, report.refresh_to_active.p99) == (True, [], 1)


@pytest.mark.parametrize("plan", ["profile.installed", "activation.active"])
def test_a_second_refresh_takes_no_plan_away(plan):
    made = board()
    made.note(event(plan))
    before = state(made)
    made.note(refresh())
    made.note(event("session.refused", reason="already-downloaded"))
    made.note(event("user.notice", text="Hello"))
    assert state(made) == before


def test_an_activation_may_fail_later():
    made = board()
    made.note(event("activation.active"))
    made.note(event("activation.failed", reason="network-rejected"))
    assert state(made) == "refused"


@pytest.mark.parametrize("kind", ["erase.kept", "erase.removed"])
def test_an_erased_device_has_left_until_it_enrols_again(kind):
    made = board()
    made.note(event("activation.active"))
    made.note(event(kind, because="The MDM said so."))
    assert state(made) == "left"
    assert made.report(0).failures[0].reason == "erased"
    made.note(event("mdm.enrolled"))
    assert state(made) == "enrolled"


def test_trouble_with_the_mdm_comes_and_goes():
    made = board()
    made.enrolled(EID)
    made.trouble(EID, Cause(reason="mdm-unreachable", because="Nobody answers."))
    assert (state(made), made.report(0).failures[0].reason) == ("enrolled", "mdm-unreachable")
    made.trouble(EID, None)
    assert made.report(0).failures == []
    made.trouble(OTHER, None)
    made.trouble(EID, Cause(reason="mdm-unreachable", because="Nobody answers."))
    made.note(event("activation.active"))
    assert made.report(0).failures == []


ROLES = [
    ("used", {"reason": "already-downloaded"}),
    ("unordered", {"reason": "nothing-ordered"}),
    ("held", {"reason": "on-hold"}),
    ("activation-fails", {"reason": "network-rejected"}),
    ("no-cellular", {"reason": "no-cellular"}),
]


@pytest.mark.parametrize(("role", "data"), ROLES)
def test_a_role_wants_its_own_refusal(role, data):
    made = board(role=role)
    made.note(refresh())
    assert not made.settled()
    made.note(event("session.refused", reason="checksum"))
    assert not made.settled()
    made.note(event("session.refused", **data))
    assert made.settled()
    (failure,) = made.report(0).failures
    assert failure.expected
    made.note(event("activation.active"))
    assert not made.settled()


def test_offline_wants_offline():
    made = board(role="offline")
    made.enrolled(EID)
    assert not made.settled()
    made.offline(EID)
    made.note(event("session.refused", **WHY))
    assert made.settled()


@pytest.mark.parametrize("role", [None, "used"])
def test_who_is_to_be_enrolled_only(role):
    made = board("enrolled", role=role)
    assert not made.settled()
    made.enrolled(EID)
    assert made.settled()
    made.left(EID, Cause(reason="unenrolled", because="Out."))
    assert not made.settled()


def test_devices_that_are_missing_are_not_settled():
    made = Board(2, "enrolled")
    made.add(Member(eid=EID, number=1, state="enrolled"))
    assert not made.settled()
    assert not made.report(0).ok


def test_the_carrier_has_the_last_word():
    made = board()
    made.enrolled(EID)
    made.verify([profile(activation="pending"), profile(state="released")])
    assert state(made) == "enrolled"
    made.verify([profile()])
    assert state(made) == "active"
    made.verify([profile(runtime="deleted")])
    assert state(made) == "enrolled"
    made.verify([profile()])
    made.verify([profile(activation="terminated")])
    assert state(made) == "installed"


def test_two_plans_on_one_device_are_one_too_many():
    made = board()
    made.verify([profile(), profile(iccid="8900101000000000027")])
    (failure,) = made.report(0).failures
    assert (failure.reason, failure.expected, made.settled()) == ("installed-twice", False, False)
    assert "8900101000000000019, 8900101000000000027" in failure.because


def test_failures_are_grouped_those_that_nobody_wants_first():
    made = Board(4, "active")
    for number, (role, reason) in enumerate(
        [("used", "already-downloaded"), (None, "rate-limited"), (None, "rate-limited"), (None, "already-downloaded")]
    ):
        eid = EID[:-1] + str(number)
        made.add(Member(eid=eid, number=number, role=role))
        made.note(event("session.refused", eid=eid, reason=reason))
    found = [(one.reason, one.count, one.expected) for one in made.report(0).failures]
    assert found == [("rate-limited", 2, False), ("already-downloaded", 1, False), ("already-downloaded", 1, True)]


@pytest.mark.parametrize("stopped", ["made", "enrolled", "asked", "installed", "offline"])
def test_in_the_end_what_was_not_reached_is_explained(stopped):
    made = board(state=stopped)
    assert made.report(1).failures == []
    (failure,) = made.report(1, final=True).failures
    assert (failure.reason, failure.expected) == (f"ended-{stopped}", False)
    assert failure.because.endswith(".")
    assert failure.fix


def test_a_plan_that_the_mix_does_not_want_is_explained():
    (failure,) = board(state="active", role="held").report(1, final=True).failures
    assert failure.reason == "ended-active"
    assert board(state="active").report(1, final=True).failures == []


def test_percentiles_are_of_the_nearest_rank():
    assert latency([]) is None
    found = latency([float(number) for number in range(200, 0, -1)])
    assert (found.count, found.p50, found.p95, found.p99) == (200, 100, 190, 198)
    assert latency([0.25]).p99 == 0.25


def test_the_types_are_those_that_events_have():
    from smdp.carrier.event_types import EVENT_TYPES as ALL

    assert set(EVENT_TYPES) <= ALL
