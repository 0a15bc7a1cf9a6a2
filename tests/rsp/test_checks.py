"""Checks, refusals and codes: what every list must hold, and how sentences are filled."""

import re
from enum import IntEnum
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp import codes
from smdp.rsp.checks import MESSAGE_BYTES, Check, Refusal, first_violated, refuse
from smdp.rsp.codes import REASONS, SUBJECTS, Code
from smdp.rsp.tlv import Malformed

MODULES = (
    "wire",
    "server.initiate",
    "server.authenticate",
    "server.selection",
    "server.bind",
    "server.cancel",
    "server.notify",
)
CHECKS = [check for name in MODULES for check in import_module(f"smdp.rsp.{name}").CHECKS]
NOT_ALLOWED = Code("8.2", "1.2")


def check(identifier="X#1", holds=lambda _: False, **words):
    texts = {"field": "member", "reason": "slug", "why": "Because.", "fix": "Do it."}
    return Check(id=identifier, clause="SGP.22 §1", code=NOT_ALLOWED, holds=holds, **texts | words)


# --- the lists of the server


def test_every_check_of_the_digest_is_there_once():
    expected = [
        "ES9#1", "ES9#2", *(f"IA#{n}" for n in range(1, 5)), *(f"AC#{n}" for n in range(1, 9)), "AC#8a",
        *(f"AC#{n}" for n in range(9, 12)),
        *(f"AC#14{letter}" for letter in "abcdef"), "AC#15", "AC#16", "AC#17", *(f"AC#18{letter}" for letter in "abcd"),
        "GB#1", "GB#2", "GB#3", "GB#4", "GB#4a", "GB#4b", *(f"GB#{n}" for n in range(5, 10)),
        *(f"CS#{n}" for n in range(1, 6)), *(f"HN#{n}" for n in range(1, 11)),
    ]  # fmt: skip
    assert [one.id for one in CHECKS] == expected


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.id)
def test_every_check_explains_itself(one):
    assert codes.code(str(one.code)) == one.code
    assert re.fullmatch(r"[a-z0-9-]+|\{ended\}", one.reason)
    assert re.match(r"SGP\.22 §\d", one.clause)
    assert one.why
    assert one.fix


FACTS = {"address", "svn", "signing_ci", "server_ci", "issuer"}
"""What the X-ray knows of a session, to fill the sentences of checks that held."""


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.id)
def test_every_check_says_what_it_means_that_it_holds(one):
    assert one.passed.endswith(".")
    assert set(re.findall(r"\{(.*?)\}", one.passed)) <= FACTS
    assert one.when in {"", "issuer", "matching_id", "no_matching_id", "code_required"}


# --- violated checks


def test_the_first_that_does_not_hold_is_told():
    first, second, third = check("X#1", lambda c: c > 0), check("X#2", lambda c: c > 1), check("X#3", lambda c: c > 1)
    assert first_violated([first, second, third], 2) is None
    assert first_violated([first, second, third], 1) is second
    assert first_violated([third, second, first], 0) is third
    assert first_violated([], 0) is None


def malformed(_):
    raise Malformed("rubbish")


def broken(_):
    raise ZeroDivisionError


def test_malformed_data_does_not_hold_and_a_bug_is_no_refusal():
    violated = check(holds=malformed)
    assert first_violated([violated], None) is violated
    with pytest.raises(ZeroDivisionError):
        first_violated([check(holds=broken)], None)


def test_braces_are_filled_once_from_the_details():
    words = {"what": "{fix} is {what}", "number": 7, "ended": "gone"}
    refusal = refuse(check(why="{what} {number}", fix="Use {number}.", reason="{ended}", field="{number}"), words)
    assert refusal == Refusal("X#1", NOT_ALLOWED, "gone", "{fix} is {what} 7", "Use 7.", "7", "SGP.22 §1")


def test_the_same_refusal_under_another_code():
    refusal = refuse(check(), {})
    assert refusal.with_code(Code("8.1.1", "3.8")) == Refusal(
        "X#1", Code("8.1.1", "3.8"), "slug", "Because.", "Do it.", "member", "SGP.22 §1"
    )
    assert refusal.code == NOT_ALLOWED


@given(st.text(max_size=200))
def test_messages_fit_what_lpas_show(text):
    refusal = Refusal("X#1", NOT_ALLOWED, "slug", text, "")
    whole = text.encode()
    assert text.startswith(refusal.message)
    shown = refusal.message.encode()
    assert len(shown) <= MESSAGE_BYTES
    assert len(shown) > MESSAGE_BYTES - 4 or shown == whole


# --- codes


@pytest.mark.parametrize("pair", ["8.1.1/3.8", "8.8.5/4.10", "1.3.1/2.2", "8.10.1/3.9"])
def test_codes_survive_their_text(pair):
    assert str(codes.code(pair)) == pair


@pytest.mark.parametrize(
    "pair", ["", "8.1.1", "8.1.1/", "/3.8", "8.1.1/3.80", "8.1.2.3/3.8", "8.1.1/3.8/1", "8.1.1 3.8"]
)
def test_what_is_no_code(pair):
    with pytest.raises(ValueError, match="is not a status code"):
        codes.code(pair)


def test_codes_are_strings_of_numbers():
    """3.1 and 3.10 are two reasons."""
    assert all(re.fullmatch(r"\d+(\.\d+)*", key) for key in {*SUBJECTS, *REASONS})
    assert REASONS["3.1"] != REASONS["3.10"]


def test_every_result_of_the_card_knows_success_or_undefined_error():
    enumerations = [one for one in vars(codes).values() if isinstance(one, type) and issubclass(one, IntEnum)]
    named = {one.__name__: set(one.__members__) for one in enumerations if one is not IntEnum}
    without = {name for name, members in named.items() if not {"OK", "UNDEFINED_ERROR"} & members}
    assert without == {"BppCommandId", "ErrorReason", "CancelSessionReason"}
