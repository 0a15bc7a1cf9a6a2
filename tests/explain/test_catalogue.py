import time

import pytest

from smdp.explain import Unexplained, explain
from smdp.explain.catalogue import checks
from tests.explain.test_numbers import line


@pytest.mark.parametrize("text", ["8.1.1/3.8", "8.1.1 / 3.8", "8.1.1, 3.8"])
def test_a_status_code_tells_who_answers_it_and_why(text):
    told = explain(text)
    assert told.title == "8.1.1/3.8: EID, Refused (SGP.22 §5.2.6)."
    slugs = {(one.name, one.value) for one in told.lines}
    assert {("AC#14b", "nothing-ordered"), ("AC#14d", "already-downloaded"), ("AC#14f", "imei-mismatch")} <= slugs
    assert line(told, "AC#14b", "fix") == "smdp profile issue EID"


def test_a_status_code_that_smdp_never_answers():
    told = explain("8.11/4.8")
    assert told.lines == []
    assert told.fixes == ["No check of smdp answers it; another server may."]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("8.1.1/3.88", "there is no reason code 3.88; did you mean 3.8 (Refused)?"),
        ("8.1.9/3.8", "there is no subject code 8.1.9; did you mean 8."),
        ("AC#99", "There is no check AC#99; did you mean AC#9"),
        ("already-downloadd", "did you mean already-downloaded?"),
    ],
)
def test_an_unknown_one_is_told_the_nearest(text, told):
    with pytest.raises(Unexplained) as error:
        explain(text)
    assert told in str(error.value)


def test_every_check_explains_itself():
    for check in checks():
        told = explain(check.id)
        assert told.kind == "check"
        for slug, why, fix in [
            (one.value, line(told, "reason", "why"), line(told, "reason", "fix")) for one in told.lines[2:]
        ]:
            assert slug
            assert why
            assert fix
        assert "{" not in str(told), check.id
    assert explain("ac#14D").title == explain("AC#14d").title == "AC#14d: a check of SGP.22 §3.1.2."


def test_a_reason_tells_everybody_who_gives_it():
    told = explain("already-downloaded")
    assert {"AC#14d (8.1.1/3.8)", "the carrier, of an EID"} <= {one.name for one in told.lines}
    assert "{" not in str(told)
    assert explain("tls-untrusted").lines[0].name == "a device"
    assert explain("on-hold").lines


@pytest.mark.parametrize("code", [36001, 36002, 36003, 12021, 12008])
def test_apples_codes(code):
    told = explain(str(code))
    assert told.kind == "apple-error"
    assert told.fixes


def test_an_unknown_apple_code():
    with pytest.raises(Unexplained, match="12345 is no error code"):
        explain("12345")


def test_it_is_instant():
    explain("8.1.1/3.8")
    begin = time.perf_counter()
    for text in ("8.1.1/3.8", "AC#14d", "already-downloaded", "36003"):
        explain(text)
    assert time.perf_counter() - begin < 0.5
