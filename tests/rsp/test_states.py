"""The transition table, cell by cell against sgp22 C.2 and the decisions of the architecture."""

from itertools import product

import pytest

from smdp.rsp.states import CONSUMED_BY_ENTERING, State, Trigger, sources, transition

AVAILABLE, ALLOCATED, LINKED, CONFIRMED = State.AVAILABLE, State.ALLOCATED, State.LINKED, State.CONFIRMED
RELEASED, DOWNLOADED, INSTALLED = State.RELEASED, State.DOWNLOADED, State.INSTALLED
ERROR, UNAVAILABLE = State.ERROR, State.UNAVAILABLE
POLICIES = ("never", "same-device", "always")

EVERYWHERE = {
    (Trigger.RELEASE, ALLOCATED): RELEASED,
    (Trigger.RELEASE, LINKED): RELEASED,
    (Trigger.RELEASE, CONFIRMED): RELEASED,
    (Trigger.HOLD, RELEASED): CONFIRMED,
    (Trigger.BIND, RELEASED): DOWNLOADED,
    (Trigger.INELIGIBLE, RELEASED): ERROR,
    (Trigger.EXHAUSTED, RELEASED): ERROR,
    (Trigger.EXHAUSTED, DOWNLOADED): ERROR,
    (Trigger.POSTPONED, RELEASED): RELEASED,
    (Trigger.REJECTED, RELEASED): ERROR,
    (Trigger.REJECTED, DOWNLOADED): ERROR,
    (Trigger.INSTALLATION_SUCCEEDED, DOWNLOADED): INSTALLED,
    (Trigger.INSTALLATION_SUCCEEDED, RELEASED): INSTALLED,
    (Trigger.EXPIRED, ALLOCATED): ERROR,
    (Trigger.EXPIRED, LINKED): ERROR,
    (Trigger.EXPIRED, CONFIRMED): ERROR,
    (Trigger.EXPIRED, RELEASED): ERROR,
    **{(Trigger.REVOKED, state): UNAVAILABLE for state in State if state is not UNAVAILABLE},
}
NEVER = {
    (Trigger.POSTPONED, DOWNLOADED): DOWNLOADED,
    (Trigger.INSTALLATION_FAILED, DOWNLOADED): ERROR,
    (Trigger.INSTALLATION_FAILED, RELEASED): ERROR,
    (Trigger.INSTALLATION_INTERRUPTED, DOWNLOADED): ERROR,
    (Trigger.INSTALLATION_INTERRUPTED, RELEASED): ERROR,
}
RETRY = {
    (Trigger.BIND, DOWNLOADED): DOWNLOADED,
    (Trigger.POSTPONED, DOWNLOADED): RELEASED,
    (Trigger.INSTALLATION_INTERRUPTED, DOWNLOADED): DOWNLOADED,
    (Trigger.INSTALLATION_INTERRUPTED, RELEASED): RELEASED,
}
SAME_DEVICE = RETRY | {
    (Trigger.INSTALLATION_FAILED, DOWNLOADED): ERROR,
    (Trigger.INSTALLATION_FAILED, RELEASED): ERROR,
}
ALWAYS = RETRY | {
    (Trigger.BIND, INSTALLED): DOWNLOADED,
    (Trigger.INSTALLATION_FAILED, DOWNLOADED): RELEASED,
    (Trigger.INSTALLATION_FAILED, RELEASED): RELEASED,
}
TABLE = {"never": EVERYWHERE | NEVER, "same-device": EVERYWHERE | SAME_DEVICE, "always": EVERYWHERE | ALWAYS}


@pytest.mark.parametrize("reuse", POLICIES)
def test_every_cell_of_the_table(reuse):
    made = {
        (trigger, state): transition(state, trigger, reuse)
        for trigger, state in product(Trigger, State)
        if transition(state, trigger, reuse) is not None
    }
    assert made == TABLE[reuse]


@pytest.mark.parametrize(("reuse", "trigger"), [*product(POLICIES, Trigger)])
def test_the_sources_of_a_trigger(reuse, trigger):
    assert set(sources(trigger, reuse)) == {state for one, state in TABLE[reuse] if one is trigger}


@pytest.mark.parametrize("reuse", POLICIES)
def test_every_state_but_the_first_ones_is_entered_somewhere(reuse):
    """Ordering enters Available, Allocated and Linked; that is ES2+'s and no trigger's."""
    assert set(TABLE[reuse].values()) == set(State) - {AVAILABLE, ALLOCATED, LINKED}


@pytest.mark.parametrize("reuse", POLICIES)
def test_unavailable_is_the_end(reuse):
    assert not any(state is UNAVAILABLE for _, state in TABLE[reuse])


def reachable(start: State, reuse: str) -> set[State]:
    seen, todo = set(), [start]
    while todo:
        state = todo.pop()
        found = {transition(state, trigger, reuse) for trigger in Trigger} - {None} - seen
        seen |= found
        todo += found
    return seen


def test_what_was_handed_out_is_never_handed_out_again():
    """Under `never` no way leads from Downloaded back to Released or to another hand-out."""
    assert reachable(DOWNLOADED, "never") == {DOWNLOADED, INSTALLED, ERROR, UNAVAILABLE}
    assert sources(Trigger.BIND, "never") == (RELEASED,)


def test_what_is_installed_is_handed_out_again_under_always_only():
    assert reachable(INSTALLED, "same-device") == {UNAVAILABLE}
    assert DOWNLOADED in reachable(INSTALLED, "always")


def test_what_consumes_a_profile():
    assert CONSUMED_BY_ENTERING == {"never": DOWNLOADED, "same-device": INSTALLED, "always": None}


@pytest.mark.parametrize("reuse", POLICIES)
def test_an_order_that_ended_does_not_come_back(reuse):
    assert reachable(ERROR, reuse) == {UNAVAILABLE}
