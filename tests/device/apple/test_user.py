"""What the holder of a device tries: allowed, or blocked by which key of which profile."""

import pytest

from smdp.device.apple.effects import AddEsim, Erase, FailPasscode, RemoveEsim, Transfer
from smdp.device.apple.facts import Passcode
from smdp.device.apple.user import DELAYS, MAX_TIMES, NOTICES, READY, RULES, Options, attempt, delay_after
from tests.device.apple.phones import ACTIVE, ICCID, passcode_policy, phone, restricting

KEYS = {
    "add-esim": ["allowESIMModification"],
    "remove-esim": ["allowESIMModification"],
    "transfer": ["allowESIMOutgoingTransfers", "allowESIMModification"],
    "app-data": ["allowAppCellularDataModification"],
    "plan-settings": ["allowCellularPlanModification"],
    "erase": ["allowEraseContentAndSettings"],
}
ALL = [(action, key) for action, keys in KEYS.items() for key in keys]


def held(*profiles, **facts):
    return phone(**{"esims": (ACTIVE,), "country": "DE", "profiles": profiles} | facts)


def test_the_rules_are_those():
    assert {action: list(rule.keys) for action, rule in RULES.items()} == KEYS


@pytest.mark.parametrize("action", KEYS)
def test_an_attempt_is_allowed_where_nothing_forbids_it(action):
    found = attempt(action, held())
    assert (found.allowed, found.blocked_by, str(found)) == (True, None, "allowed")
    assert found.because.endswith(".")


@pytest.mark.parametrize(("action", "key"), ALL)
def test_an_attempt_is_blocked_by_its_key(action, key):
    found = attempt(action, held(restricting(**{key: False})))
    assert (found.allowed, found.effect) == (False, None)
    assert str(found) == f"blocked by {key} (profile Fleet)"
    assert key in found.because


@pytest.mark.parametrize(("action", "key"), ALL)
def test_it_is_allowed_without_supervision_all_the_same(action, key):
    assert attempt(action, held(restricting(**{key: False}), supervised=False)).allowed


def test_plan_settings_are_not_blocked_in_the_us():
    one = restricting(allowCellularPlanModification=False)
    assert attempt("plan-settings", held(one, country="US")).allowed


@pytest.mark.parametrize(
    ("action", "options", "effect"),
    [
        ("add-esim", Options(), AddEsim()),
        ("remove-esim", Options(), RemoveEsim(iccid=ICCID)),
        ("remove-esim", Options(iccid=ICCID), RemoveEsim(iccid=ICCID)),
        ("transfer", Options(), Transfer(iccid=ICCID)),
        ("app-data", Options(), None),
        ("plan-settings", Options(), None),
    ],
)
def test_effects(action, options, effect):
    assert attempt(action, held(), options).effect == effect


def test_an_offered_plan_shows_and_can_not_be_installed_where_that_is_forbidden():
    blocked = attempt("add-esim", held(restricting(allowESIMModification=False)), Options(offered=True))
    assert (blocked.notice, blocked.allowed, blocked.effect) == (READY, False, None)
    allowed = attempt("add-esim", held(), Options(offered=True))
    assert (allowed.notice, allowed.effect) == ("Mobile Plan is Ready to be Installed", AddEsim())
    assert attempt("add-esim", held()).notice == ""
    assert NOTICES["ready"].text == READY


@pytest.mark.parametrize("action", ["remove-esim", "transfer"])
def test_without_the_esim_there_is_nothing_to_do(action):
    found = attempt(action, held(esims=()))
    assert (found.allowed, str(found)) == (False, "The device has no eSIM.")
    assert attempt(action, held(), Options(iccid="8900101000000000999")).because.endswith("8900101000000000999.")


@pytest.mark.parametrize("action", sorted(set(KEYS) - {"erase"}))
def test_without_cellular_hardware_there_is_nothing_to_do(action):
    assert str(attempt(action, held(cellular=False))) == "The device has no cellular hardware."
    assert attempt("erase", held(cellular=False)).allowed


def test_transfers_came_with_ios_16():
    assert str(attempt("transfer", held(os="15.7"))).startswith("That came with iOS 16.0")
    assert attempt("transfer", held(os="16.0")).allowed


@pytest.mark.parametrize("keep", [True, False])
def test_the_user_is_asked_whether_the_esim_stays(keep):
    effect = attempt("erase", held(), Options(keep=keep)).effect
    assert isinstance(effect, Erase)
    assert (effect.erasure.trigger, effect.erasure.kept) == ("settings", keep)


# --- wrong passcodes


def mistype(times=1, failed=0, *profiles, present=True, **facts):
    passcode = Passcode(present=present, failed_attempts=failed)
    return attempt("wrong-passcode", held(*profiles, passcode=passcode, **facts), Options(times=times))


@pytest.mark.parametrize(
    ("failures", "delay"), [(1, 0), (4, 0), (5, 60), (6, 300), (7, 900), (8, 900), (9, 3600), (10, 3600), (50, 3600)]
)
def test_the_device_waits_after_the_fourth(failures, delay):
    assert delay_after(failures) == delay
    found = mistype(failed=failures - 1)
    assert (found.delay_seconds, found.effect) == (delay, FailPasscode(failed_attempts=failures))
    assert found.evidence == "inferred"


def test_delays_never_get_shorter():
    assert list(DELAYS.values()) == sorted(DELAYS.values())


def test_without_a_policy_nothing_is_ever_erased():
    assert isinstance(mistype(times=MAX_TIMES).effect, FailPasscode)


@pytest.mark.parametrize("most", [2, 6, 11])
def test_at_the_policys_maximum_the_device_erases_itself(most):
    policy = passcode_policy(maxFailedAttempts=most)
    assert isinstance(mistype(most - 1, 0, policy).effect, FailPasscode)
    found = mistype(1, most - 1, policy)
    assert isinstance(found.effect, Erase)
    assert (found.effect.erasure.trigger, found.effect.erasure.kept) == ("wrong-passcode", False)
    assert f"{most} wrong passcodes" in found.because


def test_the_strictest_policy_counts_and_eleven_if_none_says():
    assert isinstance(
        mistype(5, 0, passcode_policy(maxFailedAttempts=9), passcode_policy(maxFailedAttempts=5)).effect, Erase
    )
    assert isinstance(mistype(10, 0, passcode_policy()).effect, FailPasscode)
    assert isinstance(mistype(11, 0, passcode_policy()).effect, Erase)


def test_the_esim_survives_wrong_passcodes_if_that_is_forced():
    policy, forced = passcode_policy(maxFailedAttempts=4), restricting(forcePreserveESIMOnErase=True)
    assert mistype(4, 0, policy, forced).effect.erasure.kept
    assert not mistype(4, 0, policy, forced, supervised=False).effect.erasure.kept


def test_no_passcode_can_not_be_wrong():
    found = mistype(present=False)
    assert (found.allowed, str(found), found.effect) == (False, "The device has no passcode.", None)


@pytest.mark.parametrize("times", [0, -1, MAX_TIMES + 1])
def test_an_impossible_number_of_tries_is_refused(times):
    with pytest.raises(ValueError, match="1 to 100 may be tried at once"):
        mistype(times)
