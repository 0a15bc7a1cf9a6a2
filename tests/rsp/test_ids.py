"""Identifiers: check digits, codings, activation codes, addresses. Values of sgp22 E.6 and E.7 and C.6."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp import ids
from smdp.rsp.ids import ActivationCode
from smdp.rsp.tlv import Malformed

EID = "89049032123451234512345678901235"
DIGITS = st.text(string.digits, min_size=30, max_size=30)
ICCIDS = st.text(string.digits, min_size=18, max_size=20)
MATCHING_IDS = st.text(string.digits + string.ascii_uppercase + "-", max_size=64)
HOSTS = st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){0,3}", fullmatch=True)


# --- EID


@pytest.mark.parametrize(
    ("eid", "ok"),
    [(EID, True), (EID[:-2] + "34", False), ("89049032123451234512345678901333", False), (EID[::-1], False)],
)
def test_eid_check_digits(eid, ok):
    assert ids.eid_check_digits_ok(eid) is ok


def test_the_check_digits_of_a_printed_example():
    assert ids.eid_check_digits(EID[:30]) == "35"


@given(DIGITS)
def test_computed_eid_check_digits_hold(first_thirty):
    assert ids.eid_check_digits_ok(first_thirty + ids.eid_check_digits(first_thirty))


@given(DIGITS, st.integers(0, 31), st.integers(1, 9))
def test_one_wrong_digit_of_an_eid_is_noticed(first_thirty, place, more):
    eid = first_thirty + ids.eid_check_digits(first_thirty)
    wrong = eid[:place] + str((int(eid[place]) + more) % 10) + eid[place + 1 :]
    assert not ids.eid_check_digits_ok(wrong)


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        (EID, True), ("0" * 32, True), (EID[:-1], False), (EID + "0", False), ("", False), (EID + "\n", False),
        ("٣" * 32, False), (EID[:-1] + "F", False), (" " + EID, False),
    ],
)  # fmt: skip
def test_the_form_of_an_eid(text, ok):
    assert ids.is_eid(text) is ok


def test_an_eid_is_coded_in_reading_order():
    assert ids.eid_to_bytes(EID) == bytes.fromhex(EID)


# --- ICCID


@pytest.mark.parametrize(
    ("digits", "check"), [("8900012345678901234", "1"), ("7992739871", "3"), ("0", "0"), ("18", "2"), ("", "0")]
)
def test_luhn(digits, check):
    assert ids.luhn(digits) == check


@given(st.text(string.digits, min_size=17, max_size=19), st.data())
def test_luhn_notices_one_wrong_digit(digits, data):
    place, more = data.draw(st.integers(0, len(digits) - 1)), data.draw(st.integers(1, 9))
    wrong = digits[:place] + str((int(digits[place]) + more) % 10) + digits[place + 1 :]
    assert ids.luhn(wrong) != ids.luhn(digits)


@pytest.mark.parametrize(
    ("iccid", "coded"),
    [
        ("89000123456789012341", "98001032547698103214"),
        ("8900012345678901234", "980010325476981032F4"),
        ("890001234567890123", "980010325476981032FF"),
    ],
)
def test_iccids_in_bytes(iccid, coded):
    assert ids.iccid_to_bytes(iccid) == bytes.fromhex(coded)
    assert ids.iccid_of_bytes(bytes.fromhex(coded)) == iccid


@given(ICCIDS)
def test_iccids_survive_their_coding(iccid):
    assert ids.is_iccid(iccid)
    assert ids.iccid_of_bytes(ids.iccid_to_bytes(iccid)) == iccid


@pytest.mark.parametrize("text", ["", "8" * 17, "8" * 21, "8900012345678901234F", "89000123456789012 4"])
def test_what_is_no_iccid(text):
    assert not ids.is_iccid(text)


@pytest.mark.parametrize(
    ("coded", "says"),
    [
        ("98" * 9, "takes 10 bytes"), ("", "takes 10 bytes"), ("98" * 11, "takes 10 bytes"), ("9A" * 10, "is not BCD"),
        ("9F" + "98" * 9, "is not BCD"), ("F9" + "98" * 9, "is not BCD"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_iccid(coded, says):
    with pytest.raises(Malformed, match=says):
        ids.iccid_of_bytes(bytes.fromhex(coded))


def test_padding_alone_is_no_digits():
    assert ids.unswap(b"\xff\xff") == ""


@given(st.text(string.digits, max_size=20))
def test_swapped_digits_survive(digits):
    assert ids.unswap(ids.swap(digits, 10)) == digits


# --- PLMN and IMEI


@pytest.mark.parametrize(
    ("mcc", "mnc", "coded"),
    [("001", "01", "00F110"), ("310", "260", "130062"), ("262", "02", "62F220"), ("234", "015", "325410")],
)
def test_plmn(mcc, mnc, coded):
    assert ids.plmn_to_bytes(mcc, mnc) == bytes.fromhex(coded)


@pytest.mark.parametrize(
    ("text", "ok"),
    [("35988123456789", True), ("359881234567890", True), ("3598812345678901", True), ("3598812", False)],
)
def test_the_form_of_an_imei(text, ok):
    assert ids.is_imei(text) is ok


@pytest.mark.parametrize(
    ("coded", "same"),
    [
        ("53891832547698F0", True), ("3598812345678900", True), ("53891832547698", True), ("5389183254769899", True),
        ("53891832547698F000", True), ("53891832547690F0", False), ("", False), ("53", False), ("00" * 8, False),
    ],
)  # fmt: skip
def test_imei_from_a_device(coded, same):
    """The first 14 digits count: the check digit may be there, another, or filled up."""
    assert ids.imei_is("359881234567890", bytes.fromhex(coded)) is same


@pytest.mark.parametrize(
    ("coded", "digits"),
    [
        ("530349810001105F", "353094180010015"),  # swapped nibbles
        ("353094180010015F", "353094180010015"),  # in reading order
        ("5303498100011F", "3530941800101"),  # no check digit to go by: swapped
        ("ABCD", "abcd"), ("", ""), ("FF", "ff"),
    ],
)  # fmt: skip
def test_an_imei_is_written_as_people_know_it(coded, digits):
    assert ids.imei_of_bytes(bytes.fromhex(coded)) == digits


# --- MatchingID and activation code


@pytest.mark.parametrize(
    ("text", "ok"),
    [("", True), ("04386-AGYFT-A74Y8-3F815", True), ("a", False), ("A_B", False), ("A" * 64, True), ("A" * 65, False)],
)
def test_the_form_of_a_matching_id(text, ok):
    assert ids.is_matching_id(text) is ok


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("LPA:1$smdp.example.com$AB-1", ActivationCode("smdp.example.com", "AB-1")),
        ("1$smdp.example.com$", ActivationCode("smdp.example.com", "")),
        ("lpa:1$a.test:8443$X$2.999.10", ActivationCode("a.test:8443", "X", "2.999.10")),
        ("LPA:1$a.test$X$$1", ActivationCode("a.test", "X", None, confirmation_code_required=True)),
        ("LPA:1$a.test$X$2.999.10$1", ActivationCode("a.test", "X", "2.999.10", confirmation_code_required=True)),
        ("LPA:1$a.test$X$$", ActivationCode("a.test", "X")),
        ("  LPA:1$a.test$X$$1$00 \n", ActivationCode("a.test", "X", None, confirmation_code_required=True)),
    ],
)
def test_activation_codes(text, code):
    assert ids.parse_activation_code(text) == code


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "looks like"), ("LPA:", "looks like"), ("LPA:1$a.test", "looks like"), ("LPA:2$a.test$X", "looks like"),
        ("LPA:1$a$b$$1$2$3", "looks like"), ("LPA:1$$X", "names no SM-DP"), ("LPA:1$a.test$x", "characters other"),
        ("LPA:1$a.test$X$oid", "no object identifier"), ("LPA:1$a.test$X$3.1", "no object identifier"),
        ("LPA:1$a.test$X$1.02", "no object identifier"), ("LPA:1$" + "a" * 255 + "$X", "at most 255"),
        ("smdp.example.com", "looks like"),
    ],
)  # fmt: skip
def test_what_is_no_activation_code(text, says):
    with pytest.raises(Malformed, match=says):
        ids.parse_activation_code(text)


@given(st.builds(ActivationCode, HOSTS, MATCHING_IDS, st.sampled_from([None, "2.999.10", "1.3.6.1"]), st.booleans()))
def test_activation_codes_survive_their_text(code):
    assert ids.parse_activation_code(str(code)) == code


@given(st.text(max_size=300))
def test_any_text_is_an_activation_code_or_malformed(text):
    try:
        code = ids.parse_activation_code(text)
    except Malformed:
        return
    assert ids.is_matching_id(code.matching_id)


# --- addresses


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("smdp.example.com", "smdp.example.com"),
        ("SMDP.Example.com:8443", "smdp.example.com"),
        ("https://smdp.example.com/gsma/rsp2", "smdp.example.com"),
        ("http://smdp.example.com:80/", "smdp.example.com"),
        (" smdp.example.com ", "smdp.example.com"),
        ("192.0.2.1:8443", "192.0.2.1"),
        ("[2001:DB8::1]:8443", "2001:db8::1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("smdp:", "smdp:"),
        (":443", ""),
        ("a:b", "a:b"),
        ("", ""),
        ("[", ""),
    ],
)
def test_the_host_of_an_address(address, host):
    assert ids.host_of(address) == host


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("35 309418 464558 9", "353094184645589"),
        ("35-309418-464558-9", "353094184645589"),
        ("8904 9032 1234 5123 4512 3456 7890 1235", "89049032123451234512345678901235"),
        (" 8901\u00a01010\t00 ", "8901101000"),
        ("353094184645589", "353094184645589"),
    ],
)
def test_grouped_numbers(written, number):
    assert ids.ungrouped(written) == number


@pytest.mark.parametrize(
    "text", ["", " ", "-", "-35", "35-", "35 3O9418", "35,309418", "\uff13\uff15 30", "smdp why", "1.5"]
)
def test_what_is_no_number_in_groups_stays(text):
    assert ids.ungrouped(text) == text


def test_a_long_text_takes_no_long_time():
    text = "1 " * 100_000 + "x"
    assert ids.ungrouped(text) == text
