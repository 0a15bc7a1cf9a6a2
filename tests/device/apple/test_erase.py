"""Does the eSIM survive: every row of the table, and how a device returns to service."""

import msgspec
import pytest

from smdp.device.apple.effects import Erase
from smdp.device.apple.erase import ROWS, by_check_in, check_in_problem, decide
from smdp.device.apple.facts import PhysicalSim
from smdp.device.apple.result import ErrorItem
from tests.device.apple.phones import ACTIVE, CARD, INSTALLED, ask, codes, enrolled, phone, restricting

FORCED = restricting(forcePreserveESIMOnErase=True)
NOT_OFFERED = restricting("com.example.no", allowEraseContentAndSettings=False)
ADE = enrolled(kind="ade")
KEPT = {
    ("command", True, False): True,
    ("command", True, True): True,
    ("command", False, False): False,
    ("command", False, True): False,
    ("settings", True, False): True,
    ("settings", True, True): True,
    ("settings", False, False): False,
    ("settings", False, True): True,
    ("wrong-passcode", False, False): False,
    ("wrong-passcode", False, True): True,
    ("find-my", False, False): False,
    ("find-my", False, True): False,
    ("recovery", False, False): True,
    ("recovery", False, True): True,
    ("configurator", False, False): True,
    ("configurator", False, True): True,
    ("dfu", False, False): True,
    ("dfu", False, True): True,
    ("return-to-service", True, False): True,
    ("return-to-service", True, True): True,
    ("return-to-service", False, False): False,
    ("return-to-service", False, True): False,
}
INFERRED = {("command", False, True), ("return-to-service", False, True)}


def erase(phone, **keys):
    return ask(phone, "EraseDevice", **keys)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.trigger}-{row.preserve}-{row.forced}")
def test_every_row_through_the_one_function(row):
    key = row.trigger, row.preserve, row.forced
    device = phone(os="26.4", profiles=(FORCED,) if row.forced else ())
    found = decide(row.trigger, device, preserve=row.preserve)
    assert (found.kept, found.offered, found.trigger) == (KEPT[key], True, row.trigger)
    assert found.evidence == ("inferred" if key in INFERRED else "documented")
    assert found.because == row.because
    assert ("order the plan again" in found.then) == (not found.kept)


def test_the_table_has_each_case_once():
    assert sorted(KEPT) == sorted((row.trigger, row.preserve, row.forced) for row in ROWS)


@pytest.mark.parametrize("trigger", ["find-my", "wrong-passcode"])
def test_a_wish_to_keep_it_means_nothing_where_nobody_is_asked(trigger):
    assert decide(trigger, phone(), preserve=True) == decide(trigger, phone())


@pytest.mark.parametrize(("facts", "kept"), [({}, True), ({"supervised": False}, False), ({"os": "17.1"}, False)])
def test_the_restriction_takes_supervision_and_ios_17_2(facts, kept):
    assert decide("settings", phone(profiles=(FORCED,), **facts)).kept == kept


def test_the_user_is_not_offered_what_is_forbidden():
    found = decide("settings", phone(profiles=(NOT_OFFERED,)))
    assert (found.offered, found.kept) == (False, True)
    assert found.blocked_by.key == "allowEraseContentAndSettings"
    assert "blocked by allowEraseContentAndSettings (profile Fleet)" in found.because


@pytest.mark.parametrize("trigger", sorted({row.trigger for row in ROWS} - {"settings"}))
def test_the_other_ways_are_not_forbidden(trigger):
    assert decide(trigger, phone(profiles=(NOT_OFFERED,))).offered


def test_the_command_removes_the_plan_by_default():
    assert erase(phone()).effect == Erase(erasure=decide("command", phone()))
    assert not erase(phone(), PreserveDataPlan=False).effect.erasure.kept
    assert erase(phone(), PreserveDataPlan=True).effect.erasure.kept


def test_proximity_setup():
    assert erase(phone(), DisallowProximitySetup=True, PreserveDataPlan=True).effect.disallow_proximity_setup
    assert not erase(phone()).effect.disallow_proximity_setup


@pytest.mark.parametrize(("os", "chain"), [("13.7", [12008]), ("14.0", [])])
def test_12008_before_ios_14_for_proximity_setup_with_another_option(os, chain):
    assert codes(erase(phone(os=os), DisallowProximitySetup=True, PreserveDataPlan=True)) == chain
    assert codes(erase(phone(os=os), DisallowProximitySetup=True)) == []


# --- returning to service

WIFI = {"Enabled": True, "WiFiProfileData": b"wifi"}


def comeback(options, **facts):
    result = erase(phone(**{"enrollment": ADE} | facts), ReturnToService=options)
    return result.effect.return_to_service


def test_a_device_returns_to_service_over_wi_fi():
    found = comeback(WIFI | {"MDMProfileData": b"mdm"})
    assert (found.works, found.wifi_profile, found.mdm_profile) == (True, b"wifi", b"mdm")


@pytest.mark.parametrize("options", [{"Enabled": False}, {"Enabled": False, "WiFiProfileData": b"x"}])
def test_disabled_it_is_no_return(options):
    assert comeback(options) is None


@pytest.mark.parametrize("options", [WIFI, {"Enabled": 1}, "junk"])
def test_ios_16_ignores_it(options):
    assert comeback(options, os="16.7") is None


@pytest.mark.parametrize(
    ("facts", "chain"),
    [
        ({"enrollment": enrolled(kind="device")}, [12008]),
        ({"enrollment": ADE, "supervised": False}, [12008]),
        ({"enrollment": ADE}, []),
    ],
)
def test_12008_without_a_profile_where_ade_does_not_bring_one(facts, chain):
    assert codes(erase(phone(**facts), ReturnToService=WIFI)) == chain
    assert codes(erase(phone(**facts), ReturnToService=WIFI | {"MDMProfileData": b"mdm"})) == []


@pytest.mark.parametrize(
    "options",
    [{}, {"Enabled": 1}, WIFI | {"WiFiProfileData": "x"}, WIFI | {"MDMProfileData": 1}, WIFI | {"BootstrapToken": "x"}],
)
def test_12008_for_malformed_options(options):
    assert codes(erase(phone(enrollment=ADE), ReturnToService=options)) == [12008]


@pytest.mark.parametrize(("os", "token", "retry"), [("18.0", None, False), ("26.0", b"t", False), ("27.0", b"t", True)])
def test_options_come_with_their_ios(os, token, retry):
    found = comeback(WIFI | {"BootstrapToken": b"t", "ShouldRetryEnrollment": True}, os=os)
    assert (found.bootstrap_token, found.should_retry_enrollment) == (token, retry)


@pytest.mark.parametrize(
    ("os", "facts", "preserve", "works"),
    [
        ("26.1", {}, False, False),
        ("26.1", {"tethered": True}, False, True),
        ("26.1", {"esims": (ACTIVE,)}, True, False),
        ("27.0", {"esims": (ACTIVE,)}, True, True),
        ("27.0", {"esims": (ACTIVE,)}, False, False),
        ("27.0", {"esims": (INSTALLED,)}, True, False),
        ("27.0", {"physical_sim": CARD}, False, True),
    ],
)
def test_without_wi_fi_it_takes_a_tether_or_from_ios_27_a_plan_that_was_kept(os, facts, preserve, works):
    result = erase(phone(os=os, enrollment=ADE, **facts), PreserveDataPlan=preserve, ReturnToService={"Enabled": True})
    found = result.effect.return_to_service
    assert found.works == works
    assert found.because.startswith("It enrols again") == works
    assert found.evidence == ("documented" if works else "inferred")


def test_the_check_in_erases():
    device = phone(os="26.4", enrollment=ADE)
    found = by_check_in(device, preserve=True, options=WIFI)
    assert isinstance(found, Erase)
    assert found.erasure == decide("return-to-service", device, preserve=True)
    assert found.erasure.kept
    assert found.return_to_service.wifi_profile == b"wifi"


def test_an_empty_answer_to_the_check_in_erases_and_nothing_more():
    found = by_check_in(phone(os="26.0", enrollment=ADE), preserve=False, options=None)
    assert (found.erasure.kept, found.return_to_service) == (False, None)


@pytest.mark.parametrize(("os", "kept"), [("26.0", False), ("26.3", False), ("26.4", True)])
def test_the_check_in_can_keep_the_plan_from_ios_26_4_on(os, kept):
    assert by_check_in(phone(os=os, enrollment=ADE), preserve=True, options=None).erasure.kept == kept


@pytest.mark.parametrize(
    "facts",
    [
        {"os": "18.5", "enrollment": ADE},
        {"enrollment": ADE, "supervised": False},
        {"enrollment": enrolled(kind="device")},
        {"enrollment": None},
    ],
)
def test_who_does_not_send_the_check_in(facts):
    device = phone(**facts)
    assert check_in_problem(device)
    found = by_check_in(device, preserve=False, options=None)
    assert isinstance(found, ErrorItem)
    assert found.code == 12008


def test_12008_for_malformed_options_of_the_check_in():
    found = by_check_in(phone(os="26.4", enrollment=ADE), preserve=False, options={"WiFiProfileData": b"x"})
    assert found.code == 12008
    assert "ReturnToService.Enabled is missing" in found.text


def test_a_card_is_no_esim():
    other = msgspec.structs.replace(CARD, carrier="Another")
    assert isinstance(other, PhysicalSim)
    assert decide("command", phone(physical_sim=other)) == decide("command", phone())
