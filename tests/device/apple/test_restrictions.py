"""Merging restrictions: the strictest wins, on supervised devices, by the right profile."""

import pytest

from smdp.device.apple.restrictions import (
    NUMBERS,
    RESTRICTIONS,
    as_json,
    blocked,
    effective,
    hints,
    max_failed_attempts,
    restriction_list,
)
from smdp.device.apple.versions import WINDOWS
from tests.device.apple.phones import ask, enrolled, passcode_policy, phone, profile, restricting

STRICT = {key: not restriction.default for key, restriction in RESTRICTIONS.items()}


def restricted(*profiles, **facts):
    return phone(**{"country": "DE", "profiles": profiles} | facts)


def test_the_tables_name_the_same_keys():
    assert set(RESTRICTIONS) == set(WINDOWS["restriction"])


@pytest.mark.parametrize("key", RESTRICTIONS)
def test_a_restriction_acts_on_a_supervised_device(key):
    block = blocked(restricted(restricting(**{key: STRICT[key]})), key)
    assert str(block) == f"{key} (profile Fleet)"
    assert block.profile == "com.example.fleet"


@pytest.mark.parametrize("key", RESTRICTIONS)
def test_the_default_value_restricts_nothing(key):
    assert blocked(restricted(restricting(**{key: RESTRICTIONS[key].default})), key) is None
    assert blocked(restricted(), key) is None


@pytest.mark.parametrize("key", RESTRICTIONS)
@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"supervised": False}, "takes a supervised device"),
        ({"enrollment": enrolled(kind="user")}, "User Enrollment does not restrict it"),
    ],
)
def test_a_restriction_is_ignored_elsewhere(key, facts, why):
    device = restricted(restricting(**{key: STRICT[key]}), **facts)
    assert blocked(device, key) is None
    assert [why in hint for hint in effective(device).hints] == [True]
    assert as_json(device) == {}


@pytest.mark.parametrize(
    ("key", "before", "since"),
    [
        ("allowESIMModification", "12.0", "12.1"),
        ("forcePreserveESIMOnErase", "17.1", "17.2"),
        ("allowESIMOutgoingTransfers", "17.7", "18.0"),
    ],
)
def test_a_restriction_acts_from_its_ios_on(key, before, since):
    one = restricting(**{key: STRICT[key]})
    assert blocked(restricted(one, os=before), key) is None
    assert f"came with iOS {since}" in hints(one, phone(os=before))[0]
    assert blocked(restricted(one, os=since), key)


@pytest.mark.parametrize("key", RESTRICTIONS)
@pytest.mark.parametrize("order", [1, -1])
def test_the_strictest_wins_whatever_the_order(key, order):
    lax = restricting("com.example.lax", **{key: RESTRICTIONS[key].default})
    strict = restricting("com.example.strict", **{key: STRICT[key]})
    device = restricted(*(lax, strict)[::order])
    assert blocked(device, key).profile == "com.example.strict"
    assert as_json(device) == {key: STRICT[key]}


def test_of_two_that_forbid_the_first_is_named():
    one, two = (restricting(f"com.example.{name}", allowESIMModification=False) for name in ("one", "two"))
    assert blocked(restricted(one, two), "allowESIMModification").profile == "com.example.one"


def test_plans_may_be_modified_in_the_us():
    one = restricting(allowCellularPlanModification=False)
    assert blocked(restricted(one), "allowCellularPlanModification")
    assert blocked(restricted(one, country="US"), "allowCellularPlanModification") is None


@pytest.mark.parametrize("key", ["AllowESIMModification", "allowEsimModification", "ALLOWESIMMODIFICATION"])
def test_a_misspelt_key_is_ignored_with_a_hint(key):
    one = restricting(**{key: False})
    assert blocked(restricted(one), "allowESIMModification") is None
    assert hints(one, phone()) == [f"Fleet: {key} is ignored: iOS knows allowESIMModification, and capitals matter."]


@pytest.mark.parametrize("value", ["false", 0, []])
def test_a_value_that_is_no_boolean_is_ignored_with_a_hint(value):
    one = restricting(allowESIMModification=value)
    assert blocked(restricted(one), "allowESIMModification") is None
    assert "not a boolean" in hints(one, phone())[0]


def test_a_good_profile_has_no_hints():
    assert hints(restricting(allowESIMModification=False, allowCamera=False), phone()) == []


def test_keys_of_others_are_merged_too():
    one = restricting(allowCamera=True, forceEncryptedBackup=False, safariForceFraudWarning=True)
    two = restricting("com.example.two", allowCamera=False, forceEncryptedBackup=True, safariForceFraudWarning=False)
    merged = {"allowCamera": False, "forceEncryptedBackup": True, "safariForceFraudWarning": True}
    assert as_json(restricted(one, two)) == as_json(restricted(two, one)) == merged


@pytest.mark.parametrize(("key", "stricter"), NUMBERS.items())
def test_of_numbers_the_stricter_wins(key, stricter):
    found = effective(restricted(passcode_policy(**{key: 4}), passcode_policy(**{key: 7}))).numbers
    assert found[key][0] == stricter(4, 7)


def test_a_passcode_policy_that_does_not_say_allows_eleven_attempts():
    assert max_failed_attempts(phone(profiles=(passcode_policy(),)))[0] == 11
    assert max_failed_attempts(phone()) is None


def test_a_passcode_policy_acts_without_supervision():
    assert max_failed_attempts(phone(supervised=False, profiles=(passcode_policy(maxFailedAttempts=5),)))[0] == 5


def test_restriction_list_tells_what_is_enforced():
    device = restricted(
        restricting(allowESIMModification=False, forcePreserveESIMOnErase=True, AllowCamera="no"),
        passcode_policy(maxFailedAttempts=6, forcePIN=True),
        profile(identifier="com.example.other"),
    )
    assert restriction_list(device, per_profile=True) == {
        "GlobalRestrictions": {
            "restrictedBool": {
                "allowESIMModification": {"value": False},
                "forcePreserveESIMOnErase": {"value": True},
                "forcePIN": {"value": True},
            },
            "restrictedValue": {"maxFailedAttempts": {"value": 6}},
            "intersection": {},
            "union": {},
        },
        "ProfileRestrictions": {
            "com.example.fleet": {
                "restrictedBool": {
                    "allowESIMModification": {"value": False},
                    "forcePreserveESIMOnErase": {"value": True},
                },
                "restrictedValue": {},
                "intersection": {},
                "union": {},
            },
            "com.example.passcode": {
                "restrictedBool": {"forcePIN": {"value": True}},
                "restrictedValue": {"maxFailedAttempts": {"value": 6}},
                "intersection": {},
                "union": {},
            },
        },
    }


def test_the_command_answers_the_same():
    device = restricted(restricting(allowESIMModification=False))
    assert ask(device, "Restrictions").body == restriction_list(device)
