"""RefreshCellularPlans: each objection, the acknowledgement, the answer on install."""

import pytest

from smdp.device.apple.commands import FAULTS
from smdp.device.apple.effects import Refresh
from smdp.device.apple.refresh import CHECKS, after_install
from tests.device.apple.phones import ACTIVE, URL, ask, codes, enrolled, phone, restricting


def refresh(phone, *faults, url=URL):
    return ask(phone, "RefreshCellularPlans", *faults, eSIMServerURL=url)


@pytest.mark.parametrize(
    "url",
    [
        "https://smdp.example.com",
        "http://server.example.com",
        "https://acme.smdp.localhost:8443",
        "https://smdp.example.com/",
        "HTTPS://smdp.example.com/path?x=1",
        " https://smdp.example.com ",
    ],
)
def test_an_accepted_request_is_acknowledged_with_nothing_but_the_effect(url):
    result = refresh(phone(), url=url)
    assert (result.status, result.body, result.errors) == ("Acknowledged", {}, [])
    assert result.effect == Refresh(url=url.strip())


@pytest.mark.parametrize(
    "url",
    [
        "smdp.example.com",
        "",
        "ftp://smdp.example.com",
        "https://",
        "https:smdp.example.com",
        "https://[",
        "https://h:99999",
    ],
)
def test_12008_for_what_is_no_url_of_a_server(url):
    result = refresh(phone(), url=url)
    assert result.status == "Error"
    assert [(error.code, error.domain) for error in result.errors] == [(12008, "MCMDMErrorDomain")]
    assert "request.eSIMServerURL" in result.errors[0].text


def test_12008_for_an_endless_url():
    assert codes(refresh(phone(), url="https://smdp.example.com/" + "a" * 4000)) == [12008]


@pytest.mark.parametrize("facts", [{"cellular": False}, {"esim": False}, {"eid": ""}])
def test_36002_without_cellular_hardware_or_euicc(facts):
    result = refresh(phone(**facts))
    assert [(error.code, error.domain) for error in result.errors] == [(36002, "MCCellularErrorDomain")]


def test_36003_while_busy():
    result = refresh(phone(busy=True))
    assert [(error.code, error.domain) for error in result.errors] == [(36003, "MCCellularErrorDomain")]
    assert "later" in result.errors[0].text


@pytest.mark.parametrize("code", [36001, 36002, 36003])
def test_a_fault_makes_its_code(code):
    assert str(code) in FAULTS
    assert codes(refresh(phone(), str(code))) == [code]


def test_newer_systems_may_name_another_domain():
    result = refresh(phone(busy=True, cellular_error_domain="DMCCellularErrorDomain"))
    assert result.errors[0].domain == "DMCCellularErrorDomain"
    assert (
        refresh(phone(cellular_error_domain="DMCCellularErrorDomain"), url="x").errors[0].domain == "MCMDMErrorDomain"
    )


def test_objections_come_in_the_order_of_the_table():
    assert [check.name for check in CHECKS] == ["url", "cellular", "euicc", "stack", "failing", "busy"]
    worst = phone(cellular=False, esim=False, busy=True)
    assert codes(refresh(worst, "36001", "36003", url="x")) == [12008]
    assert codes(refresh(worst, "36001", "36003")) == [36002]
    assert codes(refresh(phone(esim=False, busy=True), "36001")) == [36002]
    assert codes(refresh(phone(busy=True), "36001", "36003")) == [36001]
    assert "busy" not in refresh(phone(busy=True), "36003").errors[0].text


def test_no_supervision_and_no_right_is_needed():
    assert refresh(phone(supervised=False, enrollment=enrolled(access_rights=1))).status == "Acknowledged"


def test_restrictions_do_not_stop_it():
    assert refresh(phone(profiles=(restricting(allowESIMModification=False),))).status == "Acknowledged"


def test_it_is_acknowledged_again_when_the_plan_is_there():
    assert refresh(phone(esims=(ACTIVE,))).effect == Refresh(url=URL)


def test_ack_on_install_leaves_the_answer_to_the_end():
    assert refresh(phone(), "ack-on-install").effect == Refresh(url=URL, on_install=True)
    assert after_install(phone(), installed=True).status == "Acknowledged"
    late = after_install(phone(cellular_error_domain="DMCCellularErrorDomain"), installed=False)
    assert [(error.code, error.domain) for error in late.errors] == [(36003, "DMCCellularErrorDomain")]


def test_not_now_is_a_fault_only():
    assert refresh(phone(locked=True, unlocked_since_boot=False)).status == "Acknowledged"
    assert refresh(phone(), "not-now").status == "NotNow"


@pytest.mark.parametrize("facts", [{"os": "12.4"}, {"enrollment": enrolled(kind="user")}])
def test_12021_before_ios_13_and_in_user_enrollment(facts):
    assert codes(refresh(phone(**facts))) == [12021]
