import pytest

from smdp.explain import Unexplained, explain

EID = "89049032123451234512345678901235"


def line(told, *names):
    """The value of a line, by the names that lead to it."""
    found = told.lines
    for name in names[:-1]:
        found = next(one.inside for one in found if one.name == name)
    return next(one.value for one in found if one.name == names[-1])


@pytest.mark.parametrize("text", [EID, "8904 9032 1234 5123 4512 3456 7890 1235", f" {EID}\n", "8904-9032-" + EID[8:]])
def test_an_eid_in_any_spelling(text):
    told = explain(text)
    assert (told.kind, told.problems) == ("eid", [])
    assert line(told, "EID") == "8904 9032 1234 5123 4512 3456 7890 1235"
    assert line(told, "EUM").startswith("89049032")
    assert line(told, "check digits") == "35 ✓"
    assert told.fixes == [f"What the carrier has for it: smdp why {EID}"]


def test_a_mistyped_eid_is_told_its_check_digits():
    told = explain(EID[:-1] + "6")
    assert line(told, "check digits") == "36 ✗, should be 35"
    assert told.problems == ["The check digits are wrong: a digit is mistyped, or they should be 35."]


def test_an_eid_that_the_test_pki_does_not_certify():
    told = explain("35" + "0" * 28 + "84")
    assert told.kind == "eid"
    assert told.problems


@pytest.mark.parametrize(
    ("digits", "check", "problems"),
    [
        ("8900101000000000019", "9 ✓", 0),
        ("8900101000000000018", "8 ✗, should be 9", 1),
        ("89001010000000000273", "3 ✓", 0),
        ("890010100000000001", "left out", 0),
        ("1200101000000000019", "9 ✗, should be 1", 2),
        ("8900 1010 0000 0000 019", "9 ✓", 0),
    ],
)
def test_an_iccid(digits, check, problems):
    told = explain(digits)
    assert (told.kind, line(told, "check digit"), len(told.problems)) == ("iccid", check, problems), told


def test_an_iccid_tells_its_issuer_and_its_bytes():
    told = explain("8900101000000000019")
    assert "smdp issues" in line(told, "issuer")
    assert line(told, "on the card").startswith("980001010000000010F9")
    assert "smdp issues" not in line(explain("8949020000000000010"), "issuer")


@pytest.mark.parametrize(
    ("digits", "kind"), [("353094184645586", "check digit"), ("3530941846455801", "software version")]
)
def test_an_imei(digits, kind):
    told = explain(digits)
    assert told.kind == "imei"
    assert line(told, "TAC") == "35309418 (model)"
    assert line(told, kind)


CODE = "LPA:1$smdp.example.com$04386-AGYFT-A74Y8-3F815"


def test_an_activation_code():
    told = explain(f"{CODE}$2.999.10$1")
    assert (told.kind, told.problems) == ("activation-code", [])
    assert [one.value for one in told.lines] == [
        "1", "smdp.example.com", "04386-AGYFT-A74Y8-3F815", "2.999.10", "the user is asked for one",
    ]  # fmt: skip
    assert told.fixes == [f"Let a device take it: smdp device download '{CODE}$2.999.10$1'"]


@pytest.mark.parametrize(
    ("code", "doubt"),
    [
        (CODE[4:], "LPA: is missing"),
        ("LPA:1$https://smdp.example.com$A-1", "is a URL"),
        ("LPA:1$smdp.example.com:8443$A-1", "has a port"),
        ("LPA:1$smdp$A-1", "no full host name"),
        ("LPA:1$acme.smdp.localhost$A-1", "test name"),
        ("LPA:1$$A-1", "names no SM-DP+ address"),
        ("LPA:1$smdp.example.com$a-1", "characters other than"),
        ("LPA:1$smdp.example.com", "quote the $"),
        ("LPA:2$smdp.example.com$A-1", "looks like"),
        ("LPA:" + "1" * 300, "255 characters"),
    ],
)
def test_what_is_odd_about_an_activation_code(code, doubt):
    assert doubt in "".join(explain(code).problems)


def test_a_code_without_matching_id_is_for_the_eid():
    assert "device's EID" in line(explain("LPA:1$smdp.example.com$"), "MatchingID")


def test_a_matching_id():
    assert explain("04386-AGYFT-A74Y8-3F815").kind == "matching-id"


@pytest.mark.parametrize("digits", ["123", "8904903212345123451234567890123", "1" * 40])
def test_a_number_of_another_length(digits):
    with pytest.raises(Unexplained, match=f"A number of {len(digits)} digits: an EID has 32"):
        explain(digits)
