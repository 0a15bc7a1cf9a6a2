"""Codings of elementary files: vectors of the specification, and there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp.tlv import Malformed
from smdp.upp import codings
from tests.upp.samples import digits


def test_the_codings_of_the_specification() -> None:
    assert codings.imsi_to_bytes("001010000000001").hex() == "080910100000000010"
    assert codings.imsi_to_bytes("001010123456789").hex() == "080910101032547698"
    assert codings.access_class("001010000000001") == b"\x00\x02"
    assert codings.spn_to_bytes("smdp TEST").hex().upper() == "02736D64702054455354FFFFFFFFFFFFFF"
    assert codings.dialled_number("+15550100001").hex().upper() == "07915155100000F1FFFFFFFF"
    assert codings.smsc_record("+15550109999").hex().upper() == (
        "FFFFFFFFFFFFFFFFFFFFFDFFFFFFFFFFFFFFFFFFFFFFFF07915155109099F9FFFFFFFFFFFFFF"
    )
    assert codings.service_table({2, 10, 12, 122}, 17).hex() == "020a" + "00" * 13 + "0200"
    assert codings.home_realm("001", "01") == "ims.mnc001.mcc001.3gppnetwork.org"


@given(digits(6, 15))
def test_imsi_there_and_back(imsi: str) -> None:
    assert codings.bytes_to_imsi(codings.imsi_to_bytes(imsi)) == imsi


@given(digits(1, 15), st.sampled_from(["+", ""]), st.integers(14, 60))
def test_number_there_and_back(number: str, plus: str, length: int) -> None:
    text = plus + number
    record = codings.number_record(text, length, "Me")
    assert len(record) == length
    assert codings.bytes_to_number(record) == text


@given(st.text(max_size=30))
def test_text_never_overflows_its_field(text: str) -> None:
    coded = codings.alphabet(text, 16)
    assert len(coded) <= 16
    assert codings.text_of_bytes(codings.pad(coded, 16)) is not None


@given(st.text(codings.GSM_ALPHABET.replace("\x1b", ""), max_size=16))
def test_gsm_text_there_and_back(text: str) -> None:
    assert codings.text_of_bytes(codings.pad(codings.alphabet(text, 16), 16)) == text


@given(st.frozensets(st.integers(1, 136)))
def test_services_there_and_back(services: frozenset[int]) -> None:
    assert codings.services_of_bytes(codings.service_table(services, 17)) == services


@given(st.binary(max_size=64))
def test_decoders_answer_or_say_malformed(data: bytes) -> None:
    decoders = (
        codings.bytes_to_imsi,
        codings.bytes_to_number,
        codings.bytes_to_smsc,
        codings.bytes_to_spn,
        codings.uri_of_bytes,
        codings.plmn_list,
        codings.services_of_bytes,
        codings.text_of_bytes,
    )
    for decode in decoders:
        try:
            decode(data)
        except Malformed as error:
            assert str(error)  # noqa: PT017 - both outcomes are right


def test_blank_files_hold_nothing() -> None:
    blank = b"\xff" * 40
    assert codings.bytes_to_imsi(blank) is None
    assert codings.bytes_to_number(blank) is None
    assert codings.bytes_to_smsc(blank) is None
    assert codings.bytes_to_spn(blank) is None
    assert codings.uri_of_bytes(blank) is None
    assert codings.plmn_list(blank) == ()


@pytest.mark.parametrize("text", ["", "+", "12-34", "+1234567890123456"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no telephone number"):
        codings.dialled_number(text)
