import base64
import plistlib

import pytest

from smdp.explain import Unexplained, explain
from tests.explain.apple import MDM, SCEP, profile, signed, written
from tests.explain.test_messages import everything
from tests.explain.test_numbers import EID, line

RESULT = {"UDID": "00008020-000915083C80012E", "CommandUUID": "1", "Status": "Acknowledged"}


# --- profiles


@pytest.mark.parametrize("binary", [False, True])
def test_an_enrolment_profile(binary):
    told = explain(written(profile(SCEP, MDM), binary=binary))
    assert (told.kind, told.problems) == ("mobileconfig", [])
    assert line(told, "signed") == "no"
    assert line(told, "com.apple.mdm", "ServerURL") == "https://mdm.example.com/mdm"
    assert "network information" in line(told, "com.apple.mdm", "AccessRights")
    assert line(told, "com.apple.security.scep", "PayloadContent", "Challenge") == "7 characters, not shown"
    assert "hunter2" not in str(told)


def test_a_signed_profile_in_any_form():
    data = signed(written(profile(SCEP, MDM)))
    for form in (data, base64.b64encode(data).decode(), data.hex()):
        told = explain(form)
        assert (told.kind, told.problems) == ("mobileconfig", [])
        assert "MDM signer" in line(told, "signed")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"ServerURL": "http://mdm.example.com"}, "ServerURL is no https:// URL"),
        ({"ServerURL": ""}, "lacks ServerURL"),
        ({"Topic": "com.example"}, "Topic must begin"),
        ({"AccessRights": 0}, "AccessRights is 0"),
        ({"AccessRights": 8191 - 32}, "lacks 32"),
        ({"IdentityCertificateUUID": "ID-2"}, "IdentityCertificateUUID names no"),
    ],
)
def test_what_is_wrong_with_an_enrolment_profile(change, problem):
    assert problem in "".join(explain(written(profile(SCEP, MDM | change))).problems)


def test_cellular_payloads_and_restrictions():
    cellular = {
        "PayloadType": "com.apple.cellular",
        "AttachAPN": {"Name": "internet", "Password": "hunter2"},
        "APNs": [{"Name": "ims"}],
    }
    access = {"PayloadType": "com.apple.applicationaccess", "allowESIMModification": False, "allowCamera": False,
              "forcePreserveESIMOnErase": False}  # fmt: skip
    told = explain(written(profile(cellular, cellular, access)))
    assert told.problems == ["There are several Cellular or APN payloads: the device answers 4018."]
    assert line(told, "com.apple.cellular", "AttachAPN", "Name") == "internet"
    assert line(told, "com.apple.cellular", "APNs", "1", "Name") == "ims"
    assert "hunter2" not in str(told)
    names = [one.name for one in everything(told.lines)]
    assert "allowCamera" not in names
    assert line(told, "com.apple.applicationaccess", "allowESIMModification").startswith("False: the user can't")
    assert line(told, "com.apple.applicationaccess", "forcePreserveESIMOnErase") == "False: the default"


def test_an_encrypted_profile_and_one_that_is_odd():
    assert explain(written(profile(PayloadContent=b"x"))).problems
    odd = explain(written(profile("text", {"PayloadType": 7}, {})))
    assert [one.name for one in odd.lines[-2:]] == ["7", "no PayloadType"]


# --- results


def errors(*codes):
    chain = [{"ErrorCode": code, "ErrorDomain": "MCCellularErrorDomain", "LocalizedDescription": "…"} for code in codes]
    return RESULT | {"Status": "Error", "ErrorChain": chain}


@pytest.mark.parametrize(
    ("code", "means"),
    [(36001, "cellular software"), (36002, "hardware"), (36003, "busy"), (12021, "request type"), (12008, "malformed")],
)
def test_an_error_chain_says_what_it_means_and_what_to_do(code, means):
    told = explain(written(errors(code)))
    assert told.kind == "mdm-result"
    assert line(told, f"error {code}") == "MCCellularErrorDomain"
    assert means in line(told, f"error {code}", "means")
    assert len(told.fixes) == 1


def test_errors_behind_errors_and_codes_that_nobody_knows():
    told = explain(written(errors(36003, 36003, 77)))
    assert len(told.fixes) == 1
    assert [one.name for one in told.lines[-4:]] == ["error 36003", "error 36003", "error 77", "likely"]
    assert [one.name for one in told.lines[-1].inside] == ["·", "busy-then-success"]
    assert explain(written(RESULT | {"Status": "Error", "ErrorChain": "x"})).title.endswith("Error.")
    assert explain(written(RESULT | {"Status": "Error", "ErrorChain": ["x"]})).kind == "mdm-result"


def test_acknowledged_does_not_mean_installed():
    told = explain(written(RESULT))
    assert "before the download" in line(told, "means")
    assert "ServiceSubscriptions" in told.fixes[0]


@pytest.mark.parametrize("status", ["NotNow", "CommandFormatError"])
def test_other_statuses_say_what_to_do(status):
    assert explain(written(RESULT | {"Status": status})).fixes


def test_service_subscriptions_row_by_row():
    rows = [
        {"Slot": "CTSubscriptionSlotOne", "EID": EID, "IMEI": "35 309418 464558 9"},
        {"Slot": "CTSubscriptionSlotTwo", "EID": EID, "ICCID": "8901 0030 0000 0336 1196"},
        {"Slot": "CTSubscriptionSlotTwo", "ICCID": "8901", "CurrentMCC": "001", "CurrentMNC": "01"},
        {"Slot": "CTSubscriptionSlotTwo"},
        "odd",
    ]
    told = explain(written(RESULT | {"QueryResponses": {"ServiceSubscriptions": rows}}))
    verdicts = [one.value for one in told.lines[-2].inside]
    assert verdicts == [
        "sparse: an eSIM slot without a plan",
        "partial: a plan without service, its number not known yet",
        "complete: a plan that works, its number not known yet",
        "a slot without a SIM",
    ]
    assert told.fixes == [f"Why it has no service: smdp why {EID}"]


SPARSE = {"Slot": "CTSubscriptionSlotOne", "EID": EID, "IMEI": "35 309418 464558 9"}
PARTIAL = SPARSE | {"ICCID": "8901 0030 0000 0336 1196", "Label": "Primary"}
COMPLETE = PARTIAL | {"CurrentCarrierNetwork": "smdp TEST", "CurrentMCC": "001", "PhoneNumber": "+15550100001"}
PHYSICAL = {key: value for key, value in COMPLETE.items() if key != "EID"}


def likely(told, name="likely"):
    return [one.name for line in told.lines if line.name == name for one in line.inside]


@pytest.mark.parametrize(
    ("rows", "scenarios", "fixes"),
    [
        ([SPARSE], "already-used not-released-yet never-ordered eid-mistyped tls-not-trusted", ["Why it has no plan"]),
        ([PHYSICAL, SPARSE], "already-used not-released-yet never-ordered eid-mistyped", ["Why it has no plan"]),
        ([PARTIAL], "slow-carrier activation-fails account-inactive notification-lost", ["Why it has no service"]),
        ([SPARSE, PARTIAL], "slow-carrier activation-fails account-inactive", ["Why it has no service"]),
        ([COMPLETE, SPARSE], "", []),
        ([PHYSICAL], "", []),
        ([], "", []),
    ],
    ids=["sparse", "sparse beside a SIM", "partial", "sparse and partial", "complete", "a SIM", "nothing"],
)
def test_rows_name_the_likely_scenarios_and_the_next_command(rows, scenarios, fixes):
    told = explain(written(RESULT | {"QueryResponses": {"ServiceSubscriptions": rows}}))
    assert set(scenarios.split()) <= set(likely(told))
    assert bool(likely(told)) == bool(scenarios)
    assert [fix.split(":")[0] for fix in told.fixes] == fixes
    assert all(fix.endswith(f"smdp why {EID}") for fix in told.fixes)


def test_acknowledged_without_a_plan_names_what_may_be_the_matter():
    named = likely(explain(written(RESULT)), "no plan?")
    assert {"already-used", "not-released-yet", "never-ordered", "no-route-to-carrier", "confirmation-code",
            "wiped-without-preserve", "queue-limit", "download-interrupted"} <= set(named)  # fmt: skip
    assert "slow-carrier" not in named


@pytest.mark.parametrize(
    ("code", "said"),
    [(36001, "software does not answer"), (36002, "no eUICC"), (36003, "busy"), (12008, "no string"), (12021, "User")],
)
def test_an_error_code_names_what_may_be_the_matter(code, said):
    assert said in str(next(line for line in explain(written(errors(code))).lines if line.name == "likely").inside)


def test_a_code_without_a_symptom_of_the_flow_names_none():
    assert likely(explain(written(errors(12007)))) == []


def test_the_other_statuses_name_what_may_be_the_matter():
    for status, said in (("NotNow", "locked"), ("CommandFormatError", "wrong type")):
        assert said in str(explain(written(RESULT | {"Status": status})))


def test_an_answer_without_service_subscriptions_says_what_ios_26_dropped():
    told = explain(written(RESULT | {"QueryResponses": {"ModemFirmwareVersion": "1.0"}}))
    assert line(told, "ModemFirmwareVersion") == "1.0"
    assert "Since iOS 26" in str(told)
    assert "smdp mdm-command query --udid UDID" in told.fixes[0]


# --- commands and check-ins


def command(**members):
    return written({"CommandUUID": "1", "Command": members})


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://acme.smdp.localhost:8443", None),
        ("acme.smdp.localhost", "no https://"),
        ("ftp://acme", "no https://"),
        ("https://acme.test/", "trailing slash"),
        (7, "lacks eSIMServerURL"),
    ],
)
def test_the_refresh_command(url, problem):
    told = explain(command(RequestType="RefreshCellularPlans", eSIMServerURL=url))
    assert told.title == "An MDM command: RefreshCellularPlans."
    assert (problem in told.problems[0]) if problem else (told.problems == [])


def test_an_erase_that_loses_the_plan():
    assert explain(command(RequestType="EraseDevice")).problems
    assert explain(command(RequestType="EraseDevice", PreserveDataPlan=True)).problems == []
    assert explain(written({"Command": {"RequestType": "ProfileList"}})).problems
    assert "5 bytes, not shown" in str(explain(command(RequestType="InstallProfile", Payload=b"12345")))


def test_a_check_in_and_a_plist_of_something_else():
    told = explain(
        written({"MessageType": "TokenUpdate", "UDID": "1", "Topic": "com.apple.mgmt.x", "Token": b"secret"})
    )
    assert told.kind == "mdm-check-in"
    assert "secret" not in str(told)
    assert explain(written({"a": 1})).kind == "plist"


# --- hostile


BOMB = """<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<plist version="1.0"><dict><key>Status</key><string>&b;</string></dict></plist>"""


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        "<?xml version='1.0'?><plist><dict>",
        "<plist><array/></plist>",
        "<plist><dict><key>a</key></dict></plist>",
        "<?xml" + "<dict>" * 50_000,
        "<plist>" + "<array>" * 100_000,
        b"bplist00" + b"\xff" * 100,
        b"bplist00",
        signed(b"no plist"),
        signed(written(profile()))[:100],
        b"\x30\x82\xff\xff" + bytes.fromhex("06092A864886F70D010702"),
    ],
    ids=range(11),
)
def test_hostile_property_lists_are_refused(data):
    with pytest.raises(Unexplained):
        explain(data)


def test_control_characters_and_long_texts_do_not_reach_the_terminal():
    told = explain(plistlib.dumps(RESULT | {"CommandUUID": "\x9b31m" + "x" * 5000}))
    assert all(letter.isprintable() or letter == "\n" for letter in str(told))
    assert max(map(len, str(told).splitlines())) < 300
