"""Personalising somebody's own package: everything of the subscriber changes, nothing else does."""

import pytest
from hypothesis import given

from smdp.rsp.tlv import items, tlv
from smdp.upp import Package, PackageError, PlanContent, Subscriber, build, lint, personalise, read
from tests.upp.samples import ALICE, BOB, EXAMPLE, change, drop, head, insert, member, plan_with_two

AKA, ISIM_AKA, ISIM, OPT_USIM, DOMAIN = 8, 13, 11, 6, 15


def contents(package: Package) -> tuple[object, ...]:
    """Gather what a package comes to, without where in its bytes it stands."""
    return (
        package.iccid,
        package.files,
        package.pins,
        package.puks,
        package.aka,
        package.security_domains,
        package.rfm,
    )


@given(plan_with_two())
def test_personalising_is_building_anew(drawn: tuple[PlanContent, Subscriber, Subscriber]) -> None:
    content, old, new = drawn
    package = read(personalise(build(old, content), new))
    wanted = read(build(new, content))
    if content.telecom and content.legacy_links:  # the label of a phone book entry depends on there being a number
        for one in (package, wanted):
            del one.files["7F10/6F3A"]
    assert contents(package) == contents(wanted)
    assert lint(package) == []


def test_the_same_subscriber_changes_no_byte() -> None:
    assert personalise(EXAMPLE, ALICE) == EXAMPLE


def test_the_own_number_in_the_phone_book_follows() -> None:
    package = read(personalise(EXAMPLE, BOB))
    record = package.files["7F10/6F3A"].records[0]
    assert record.startswith(b"smdp\xff")
    assert bytes.fromhex("07 91 44 02 17 38 78 05") in record
    nobody = Subscriber(**{name: getattr(BOB, name) for name in BOB.__struct_fields__ if name != "msisdn"})
    silent = read(personalise(EXAMPLE, nobody))
    assert silent.files["7F10/6F3A"].body == b"\xff" * 280
    assert silent.usim is not None
    assert silent.usim.msisdn is None


def test_other_entries_of_the_phone_book_stay() -> None:
    foreign = EXAMPLE.replace(
        bytes.fromhex("736D6470") + b"\xff" * 10 + bytes.fromhex("07915155100000F1"),
        bytes.fromhex("48656C70") + b"\xff" * 10 + bytes.fromhex("07915155109999F9"),
    )
    assert foreign != EXAMPLE
    before, after = read(foreign), read(personalise(foreign, BOB))
    assert before.files["7F10/6F3A"] == after.files["7F10/6F3A"]


def test_files_made_by_commands_are_personalised_too() -> None:
    mf = tlv(
        0xA1,
        head(1),
        tlv(
            0xA1,
            tlv(
                0x30,
                b"\x80\x00",
                tlv(0x62, bytes.fromhex("82 02 7821 83 02 3F00 8B 01 0E C6 02 010A")),
                tlv(0x62, bytes.fromhex("82 02 4121 83 02 2FE2 8B 01 0B 80 01 0A 88 01 10")),
                bytes.fromhex("81 02 9800  02 01 01  81 01 00"),
                tlv(0x62, bytes.fromhex("82 02 4121 83 02 2F05 8B 01 01 80 01 02")),
                bytes.fromhex("81 02 6465"),
            ),
        ),
    )
    package = read(personalise(insert(drop(EXAMPLE, 1), 1, mf), BOB))
    assert package.ef_iccid == BOB.iccid
    assert package.body("2F05") == b"de"


def test_a_realm_of_the_operators_own_stays() -> None:
    own = bytes.fromhex("83 09 80 07") + b"a@x.org"
    package = change(EXAMPLE, ISIM, member(0xA3, tlv(0xA3, bytes.fromhex("A1 03 80 01 09"), own)))
    isim = read(personalise(package, BOB)).isim
    assert isim is not None
    assert isim.impi == f"{BOB.imsi}@x.org"
    assert isim.domain == "x.org"


def test_the_mapping_to_another_application_and_shared_pins_stay() -> None:
    aid = bytes.fromhex("A0000000871002FFFFFFFF8907090000")
    package = change(EXAMPLE, ISIM_AKA, lambda _: head(13) + tlv(0xA1, tlv(0xA0, b"\x80\x01\x06", tlv(0x81, aid))))
    package = change(package, 12, lambda _: head(12) + bytes.fromhex("A1 04 81 02 7FD0"))
    result = read(personalise(package, BOB))
    assert result.isim is not None
    assert result.isim.ki == BOB.ki
    assert result.shared_pins == read(package).shared_pins


def test_the_test_algorithm_takes_the_key_only() -> None:
    own = bytes.fromhex("800103 810102") + tlv(0x82, bytes(16)) + tlv(0x83, bytes(16))
    package = change(drop(EXAMPLE, 11, 12, 13), AKA, lambda _: head(8) + tlv(0xA1, tlv(0xA1, own)))
    usim = read(personalise(package, BOB)).usim
    assert usim is not None
    assert (usim.ki, usim.opc) == (BOB.ki, bytes(16))


def test_other_keys_and_pins_stay() -> None:
    secure_channel = tlv(0x30, tlv(0x30, b"\x80\x01\x88", tlv(0x86, b"s" * 16)))
    extra = tlv(0x30, bytes.fromhex("950138 820101 830130"), secure_channel)
    adm2 = tlv(0x30, b"\x80\x01\x0b", tlv(0x81, b"22222222"), b"\x83\x01\x03")
    values = [item.value for item in items(EXAMPLE)]
    keys = next(item.value for item in items(values[DOMAIN]) if item.tag == 0xA2)
    pins = next(item.value for item in items(values[3]) if item.tag == 0xA1)
    package = change(EXAMPLE, DOMAIN, member(0xA2, tlv(0xA2, keys, extra)))
    package = change(package, 3, member(0xA1, tlv(0xA1, tlv(0xA0, next(iter(items(pins))).value, adm2))))
    result = read(personalise(package, BOB))
    assert [key.value for key in result.security_domains[0].keys] == [BOB.kic, BOB.kid, BOB.kik, b"s" * 16]
    kept = result.pin(11)
    assert kept is not None
    assert kept.value == b"22222222"


def tuak() -> bytes:
    own = bytes.fromhex("800102 810101") + tlv(0x82, bytes(16)) + tlv(0x83, bytes(32))
    return change(EXAMPLE, AKA, lambda _: head(8) + tlv(0xA1, tlv(0xA1, own)))


def triple_des() -> bytes:
    key = tlv(0x30, bytes.fromhex("950118 820101 830101"), tlv(0x30, tlv(0x30, b"\x80\x01\x80", tlv(0x86, bytes(24)))))
    return change(EXAMPLE, DOMAIN, member(0xA2, tlv(0xA2, key)))


def second_usim() -> bytes:
    usim = [item.raw for item in items(EXAMPLE)][5]
    return insert(EXAMPLE, 18, usim.replace(bytes.fromhex("83027FD0"), bytes.fromhex("83027FD5")))


@pytest.mark.parametrize(
    ("der", "text"),
    [
        (tuak(), "akaParameter \\(8\\).*algorithm 2"),
        (triple_des(), "securityDomain \\(15\\).*24 bytes"),
        (second_usim(), "2 USIMs"),
        (drop(EXAMPLE, *range(5, 11)), "0 USIMs"),
        (drop(EXAMPLE, AKA, 9, 10, *range(11, 14)), "no akaParameter"),
        (change(EXAMPLE, 1, member(0xA4, b"")), "no file 2FE2"),
        (change(EXAMPLE, 5, member(0xA3, b"")), "no file 7FD0/6F07"),
        (change(EXAMPLE, 5, member(0xA3, bytes.fromhex("A3 0A A1 03 80 01 03 83 03 080910"))), "3 bytes, 9 are needed"),
        (b"nonsense", "package"),
    ],
)
def test_what_can_not_be_personalised_is_said(der: bytes, text: str) -> None:
    with pytest.raises(PackageError, match=text) as caught:
        personalise(der, BOB)
    assert repr(BOB.ki) not in str(caught.value)
