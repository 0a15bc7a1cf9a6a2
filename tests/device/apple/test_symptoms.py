"""The symptoms, against what there is to make them."""

from pathlib import Path

import pytest

import smdp
from smdp.carrier.fault_catalogue import CATALOGUE
from smdp.device.apple.commands import FAULTS
from smdp.device.apple.symptoms import SYMPTOMS, likely, signs_of
from tests.device.apple.phones import ACTIVE, CARD, INSTALLED, URL, ask, enrolled, phone

SCENARIOS = {path.stem for path in (Path(smdp.__file__).parent / "scenarios").glob("*.toml")}


def test_there_are_twenty_four_in_order_with_names_of_their_own():
    assert [symptom.number for symptom in SYMPTOMS] == list(range(1, 25))
    assert len({symptom.name for symptom in SYMPTOMS}) == 24


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda symptom: str(symptom.number))
def test_each_says_how_to_make_it_and_what_the_mdm_sees(symptom):
    assert symptom.scenarios or symptom.fault or symptom.knob
    assert set(symptom.scenarios) <= SCENARIOS
    assert all(cause.text.endswith(".") for cause in symptom.causes)
    assert symptom.fault is None or symptom.fault in {*FAULTS, *CATALOGUE}
    assert symptom.happens.endswith(".")
    assert symptom.mdm.endswith(".")


def subscriptions(**facts):
    return ask(phone(**facts), "DeviceInformation", Queries=["ServiceSubscriptions"])


def refresh(*faults, url=URL, **facts):
    return ask(phone(**facts), "RefreshCellularPlans", *faults, eSIMServerURL=url)


NO_PLAN = [2, 3, 4, 6, 7, 8, 11, 16, 17, 19, 22, 24]


@pytest.mark.parametrize(
    ("result", "numbers"),
    [
        (subscriptions(esims=(ACTIVE,)), [1, 18, 20]),
        (subscriptions(physical_sim=CARD, esims=(ACTIVE,)), [1, 18, 20]),
        (subscriptions(os="13.7", esims=(ACTIVE,)), [1, 18, 20]),
        (subscriptions(), NO_PLAN),
        (subscriptions(physical_sim=CARD), NO_PLAN),
        (subscriptions(esims=(INSTALLED,)), [9, 10, 18]),
        (refresh(), NO_PLAN),
        (refresh(url="smdp.example.com"), [5]),
        (refresh("not-now"), [12]),
        (refresh("36003"), [5, 13]),
        (refresh(cellular=False), [14]),
        (refresh("36001"), [15]),
        (refresh(enrollment=enrolled(kind="user")), [21]),
        (refresh(os="12.4"), [21]),
        (ask(phone(), "NoSuchCommand"), [21]),
        (ask(phone(), "DeviceInformation", Queries=["ICCID"]), [23]),
        (ask(phone(), "ProfileList"), []),
    ],
)
def test_an_answer_is_a_sign_of_symptoms(result, numbers):
    message = {"UDID": "U", "CommandUUID": "C", **result.answer()}
    assert [symptom.number for symptom in likely(message)] == numbers


@pytest.mark.parametrize(
    ("message", "signs"),
    [
        ({}, set()),
        ({"Status": "Idle"}, set()),
        ({"Status": "CommandFormatError"}, {"format-error"}),
        ({"Status": "Error"}, set()),
        ({"Status": "Error", "ErrorChain": [1, {}]}, {"error-None"}),
        ({"Status": "Acknowledged", "QueryResponses": {"ServiceSubscriptions": [1]}}, {"no-plan"}),
        ({"Status": "Acknowledged", "QueryResponses": {"ServiceSubscriptions": 1}}, {"no-key"}),
    ],
)
def test_messages_of_others_are_read_with_care(message, signs):
    assert signs_of(message) == signs


def test_all_have_a_sign_and_a_cause():
    assert [symptom.number for symptom in SYMPTOMS if not symptom.signs or not symptom.causes] == []
