"""Reading packages: the example field by field, what foreign packages do differently, and hostile bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp.tlv import items, tlv
from smdp.upp import PackageError, build, lint, personalise, read
from smdp.upp.contents import Aka, File
from smdp.upp.template_tables import TABLES
from smdp.upp.templates import ARC, VERSIONS, Pattern, template
from tests.upp.samples import ALICE, EXAMPLE, change, drop, head, insert, member, swap_bytes

OID = bytes.fromhex("67810F0102")
USIM, OPT_USIM, ISIM, GENERIC, END = 5, 6, 11, 14, 18


def file_at(der: bytes, path: str) -> File:
    found = read(der).files.get(path)
    assert found is not None
    return found


def generic(*commands: bytes, identification: int = 40) -> bytes:
    return tlv(0xA1, head(identification), tlv(0xA1, tlv(0x30, *commands)))


def with_generic(*commands: bytes) -> bytes:
    return insert(EXAMPLE, GENERIC, generic(*commands))


def append(index: int, text: str) -> bytes:
    return change(EXAMPLE, index, lambda value: value + bytes.fromhex(text))


def body(index: int, text: str) -> bytes:
    return change(EXAMPLE, index, lambda _: head(index) + bytes.fromhex(text))


def fcp(text: str) -> bytes:
    return tlv(0x62, bytes.fromhex(text))


def at(path: str) -> bytes:
    return tlv(0x80, bytes.fromhex(path))


# --- the example


def test_the_example_field_by_field() -> None:
    package = read(EXAMPLE)
    assert (package.version, package.profile_type) == ((2, 3), "smdp operational")
    assert package.iccid == package.ef_iccid == "8900101000000000019"
    assert package.services == (0x81, 0x82, 0x84)
    assert [oid.removeprefix(ARC) for oid in package.templates] == [".1", ".3", ".4", ".5", ".7", ".8", ".13"]
    assert [(naa.kind, naa.path) for naa in package.naas] == [("usim", "7FD0"), ("isim", "7FB0")]
    usim, isim = package.usim, package.isim
    assert usim is not None
    assert isim is not None
    assert (usim.imsi, usim.plmn, usim.msisdn, usim.smsc) == (
        "001010000000001",
        "00101",
        "+15550100001",
        "+15550109999",
    )
    assert (usim.spn, usim.access_classes) == ("smdp TEST", {1})
    assert usim.services == {2, 10, 12, 19, 20, 21, 27, 28, 33, 34, 38, 42, 43, 71, 85, 122, 123, 124}
    assert (usim.user_plmns, usim.operator_plmns, usim.forbidden_plmns) == ((), (), ())
    assert usim.home_plmns == ("00101",) * 3
    assert usim.equivalent_plmns == ("00101",)
    assert (usim.ki, usim.opc) == (ALICE.ki, ALICE.opc)
    assert (isim.ki, isim.services) == (ALICE.ki, frozenset())
    assert isim.impus[2] == "tel:+15550100001"
    assert package.security_domains[0].aid.hex() == "a000000151000000"
    assert [(rfm.tars, rfm.security_level, rfm.adf) for rfm in package.rfm] == [
        ((bytes.fromhex("B00120"),), 0x16, None),
        ((bytes.fromhex("B00140"),), 0x16, usim.aid),
    ]
    assert package.findings == []


def test_the_file_system_of_the_example() -> None:
    package = read(EXAMPLE)
    assert len(package.files) == 59
    assert sum(file.size for file in package.files.values()) == 5738
    assert all(len(file.body) == file.size for file in package.files.values())
    assert package.body("7FD0/6F08").hex() == "07" + "ff" * 32
    sms = package.files["7FD0/6F3C"]
    assert (sms.size, len(sms.records), sms.records[9]) == (1760, 10, b"\x00" + b"\xff" * 175)
    assert package.body("7FD0/5F3B/4F20").hex() == "ff" * 8 + "07"
    assert package.body("7FD0/6F60") == bytes.fromhex("FFFFFF0000") * 8
    rules = package.files["2F06"].records
    assert rules[10].rstrip(b"\xff").hex().upper() == "8001019000800118A40683010A9501088001429700"
    assert (package.files["2FE2"].sfi, package.files["2FE2"].arr) == (2, ("2F06", 11))
    assert package.files["7FD0/6F07"].arr == ("6F06", 2)
    link = package.files["7F10/6F40"]
    assert (link.link, link.size) == ("7FD0/6F40", 0)
    assert package.file("7F10/6F40") == package.files["7FD0/6F40"]
    assert package.file("7F10/6FFF") is None


def test_every_table_is_read_and_every_default_fits() -> None:
    rows = 0
    for version in VERSIONS:
        known = template(f"{ARC}.{version}")
        assert known is not None
        for row in known.rows.values():
            rows += 1
            if row.size:
                length = row.record_length or row.size
                assert len(row.default.expand(length)) == length
                assert row.size % length == 0
    lines = sum(len(table.strip().splitlines()) for table in TABLES.values())
    assert (rows, lines) == (500, 215)
    assert template("2.23.143.1.2.99") is None
    assert template("1.2.3") is None


@pytest.mark.parametrize(
    ("version", "tag", "size"),
    [("13", 0xA5, 57), ("13.3", 0xA5, 124), ("4", 0xA8, 14), ("4.2", 0xA8, 17), ("6", 0xA7, 4)],
)
def test_versions_of_a_template_differ(version: str, tag: int, size: int) -> None:
    known = template(f"{ARC}.{version}")
    assert known is not None
    assert known.rows[tag].size == size


def test_a_pattern_has_a_beginning_a_middle_and_an_end() -> None:
    assert Pattern(b"\x01", b"\xaa\xbb", b"\x09").expand(7).hex() == "01aabbaabbaa09"[:12] + "09"
    assert Pattern(b"\x01\x02").expand(1) == b"\x01"


# --- what foreign packages do


def test_an_absent_member_of_a_default_template_is_created_and_a_suppressed_one_is_not() -> None:
    assert file_at(EXAMPLE, "7FD0/6FE3").body.hex() == "ff" * 15 + "000001"
    suppressed = change(EXAMPLE, USIM, lambda value: value + tlv(0xB8, b"\x80\x00"))
    assert "7FD0/6FE3" not in read(suppressed).files


def test_an_fcp_replaces_only_what_it_names() -> None:
    der = change(
        EXAMPLE, OPT_USIM, lambda value: value + bytes.fromhex("B9 10 A1 09 8B 03 6F0605 80 02 00C8 83 03 010203")
    )
    acl = file_at(der, "7FD0/6F57")
    assert (acl.size, acl.arr, acl.body) == (200, ("6F06", 5), b"\x01\x02\x03" + b"\xff" * 197)


def test_record_files_change_length_and_number_and_fill_patterns_count_per_record() -> None:
    extra = tlv(
        0xAB,
        tlv(0xA1, bytes.fromhex("82 04 42210003 80 01 0C A5 04 C1 02 00AA")),
        tlv(0x82, b"\x04"),
        tlv(0x83, b"\x77"),
    )
    sdn = file_at(change(EXAMPLE, OPT_USIM, lambda value: value + extra), "7FD0/6F49")
    assert (sdn.record_length, [record.hex() for record in sdn.records]) == (
        3,
        ["00aaaa", "0077aa", "00aaaa", "00aaaa"],
    )
    repeat = append(OPT_USIM, "A9 0B A1 09 80 01 05 A5 04 C2 02 1234")
    assert file_at(repeat, "7FD0/6F45").body.hex() == "1234123412"


def test_fills_skip_and_run_through_records() -> None:
    fills = bytes.fromhex("83 02 0102 82 01 03 83 01 09")
    spn = change(EXAMPLE, USIM, member(0xAD, tlv(0xAD, fills)))
    assert file_at(spn, "7FD0/6F46").body.hex() == "0102ffffff09" + "ff" * 11


def test_generic_file_management_makes_directories_files_and_links() -> None:
    der = with_generic(
        at(""),
        fcp("82 02 7821 83 02 7F66 8B 01 0E C6 02 010A"),
        at("7F66"),
        fcp("82 04 46210004 83 02 4F30 8B 01 05 80 01 08 88 00"),
        b"\x81\x02\x01\x02\x02\x01\x02\x81\x01\x09",
        fcp("82 02 4121 83 02 4F31 8B 03 2F0605 80 01 02"),
        fcp("82 02 7821 83 02 5F44 8B 01 0E C6 02 010A C7 04 7FD05F3B"),
    )
    package = read(der)
    assert package.findings == []
    cyclic = package.files["7F66/4F30"]
    assert (cyclic.type, cyclic.body.hex(), cyclic.sfi) == ("CY", "0102ffff09ffffff", None)
    assert package.files["7F66/4F31"].sfi == 0x11
    assert package.files["7F66"].type == "DF"
    through = package.file("7F66/5F44/4F20")
    assert through == package.files["7FD0/5F3B/4F20"]
    assert package.files["7F66/5F44"].links_directory


def test_a_ber_tlv_file_has_a_largest_size_and_holds_what_is_written() -> None:
    der = with_generic(at("7FD0"), fcp("82 02 7921 83 02 6FFC 8B 01 05 A5 04 86 02 0100"), b"\x81\x03\x80\x01\x05")
    found = file_at(der, "7FD0/6FFC")
    assert (found.type, found.size, found.body.hex()) == ("BT", 256, "800105")


def test_the_mf_may_be_made_by_commands() -> None:
    mf = generic(
        at(""),
        fcp("82 02 7821 83 02 3F00 8B 01 0E C6 02 010A"),
        fcp("82 02 4121 83 02 2FE2 8B 01 0B 80 01 0A 88 01 10"),
        b"\x81\x0a" + bytes.fromhex("980001010000000010F9"),
        identification=1,
    )
    package = read(insert(drop(EXAMPLE, 1), 1, mf))
    assert package.ef_iccid == ALICE.iccid
    assert [pin.context for pin in package.pins][:2] == ["3F00", "3F00"]


def test_a_directory_made_by_commands_is_entered_and_may_be_an_application() -> None:
    usim = generic(
        fcp("82 02 7821 83 02 7FF1 84 0B A0000000871002FF010203 8B 01 0E C6 03 01810A"),
        fcp("82 02 4121 83 02 6F07 8B 01 02 80 01 09 88 01 38"),
        b"\x81\x09" + bytes.fromhex("080910100000000020"),
        fcp("82 02 4121 83 02 6F78 8B 01 02 80 01 02"),
        b"\x81\x02\x00\x04",
        fcp("82 02 4121 83 02 6FAD 8B 01 02 80 01 04"),
        b"\x81\x04\x00\x00\x00\x02",
        identification=5,
    )
    der = insert(drop(EXAMPLE, USIM, OPT_USIM, 9, 10, GENERIC, 17), USIM, usim)
    package = read(der)
    assert [(naa.kind, naa.path) for naa in package.naas] == [("usim", "7FF1"), ("isim", "7FB0")]
    assert package.usim is not None
    assert (package.usim.imsi, package.usim.plmn, package.usim.ki) == ("001010000000002", "00101", ALICE.ki)
    assert package.pin(129, "7FF1") is not None
    assert file_at(personalise(der, ALICE), "7FF1/6F07").body.hex() == "080910100000000010"


def test_pins_may_be_another_directorys() -> None:
    shared = body(12, "A1 04 81 02 7FD0")
    package = read(shared)
    pin2 = package.pin(129, "7FB0")
    assert pin2 is not None
    assert pin2.context == "7FD0"
    assert lint(package) == []


def test_keys_may_be_another_applications() -> None:
    aid = bytes.fromhex("A0000000871002FFFFFFFF8907090000")
    mapped = change(EXAMPLE, 13, lambda _: head(13) + tlv(0xA1, tlv(0xA0, b"\x80\x01\x06", tlv(0x81, aid))))
    package = read(mapped)
    assert package.isim is not None
    assert (package.isim.ki, package.isim.opc) == (ALICE.ki, ALICE.opc)
    assert lint(package) == []


def aka(*parts: bytes) -> bytes:
    return change(EXAMPLE, 8, lambda _: head(8) + b"".join(parts))


def first_aka(der: bytes) -> Aka:
    return read(der).aka[0]


def test_other_algorithms_and_sequence_numbers() -> None:
    tuak = first_aka(
        aka(tlv(0xA1, tlv(0xA1, bytes.fromhex("800102 810101"), tlv(0x82, bytes(32)), tlv(0x83, bytes(32)))))
    )
    assert (tuak.algorithm, len(tuak.key), len(tuak.opc), tuak.keccak_iterations) == (2, 32, 32, 1)
    own = bytes.fromhex("800103 810102") + tlv(0x82, bytes(16)) + tlv(0x83, bytes(16)) + bytes.fromhex("870102")
    numbers = tlv(0xA5, *(tlv(0x04, n.to_bytes(6, "big")) for n in range(32)))
    test = first_aka(aka(tlv(0xA1, tlv(0xA1, own)), bytes.fromhex("83 06 000000000100"), numbers))
    assert (test.algorithm, test.keccak_iterations, test.sqn_delta, test.sqn_init) == (3, 2, 256, tuple(range(32)))


def test_several_usims_have_their_own_trees() -> None:
    second = change(EXAMPLE, USIM, lambda value: value.replace(bytes.fromhex("83027FD0"), bytes.fromhex("83027FD5")))
    usim = [item.raw for item in items(second)][USIM].replace(bytes.fromhex("810105"), bytes.fromhex("810150"), 1)
    package = read(insert(EXAMPLE, END, usim))
    assert [usim.naa.path for usim in package.usims] == ["7FD0", "7FD5"]
    assert package.usims[1].imsi == ALICE.imsi
    assert package.usims[1].aka is None


def test_a_template_without_table_is_read_from_its_fcps() -> None:
    root = bytes.fromhex("A2 0F A1 0D 83 02 7FC0 84 05 A000000343 C6 00")
    files = bytes.fromhex("A9 10 A1 0E 82 02 4121 83 02 6F22 8B 01 02 80 01 0A  AA 03 830100")
    csim = tlv(0xB9, head(50), tlv(0x81, OID + b"\x0a"), root, files)
    package = read(insert(EXAMPLE, END, csim))
    assert package.files["7FC0/6F22"].size == 10
    assert [str(finding) for finding in package.findings] == [
        "warning 6: element 50: member AA can't be read without the template's table"
    ]


def test_unknown_members_are_read_past() -> None:
    package = read(append(8, "9F40 01 00"))
    assert [(finding.warning, finding.text) for finding in package.findings] == [(True, "unknown member 9F40")]


def test_links_in_a_circle_end() -> None:
    der = with_generic(
        at("7F10"),
        fcp("82 02 4121 83 02 6F01 8B 01 05 C7 04 7F106F02"),
        fcp("82 02 4121 83 02 6F02 8B 01 05 C7 04 7F106F01"),
        fcp("82 02 7821 83 02 5F01 8B 01 0E C6 00 C7 06 7F105F015F02"),
    )
    package = read(der)
    assert package.file("7F10/6F01") is None
    assert package.file("7F10/5F01/4F00") is None


def test_telecom_has_directories_of_its_own() -> None:
    package = read(append(4, "AF 06 A1 04 C6 02 010A  B4 05 A1 03 88 01 68"))
    assert package.findings == []
    assert (package.files["7F10/5F3A/4F22"].size, package.files["7F10/5F3A/4F22"].sfi) == (4, 13)


# --- bytes that are no package


@pytest.mark.parametrize(
    ("der", "element", "text"),
    [
        (b"", "package", "empty"),
        (b"\x00", "package", "missing"),
        (EXAMPLE[:-1], "package", "wants 7 bytes"),
        (EXAMPLE + b"\x30", "package", "missing"),
        (bytes(1 << 18) + b"\x00", "package", "too many"),
        (EXAMPLE[104:], "mf", "header"),
        (EXAMPLE + EXAMPLE, "header", "second header"),
        (b"\xa0\x00", "header", "tag 80 is missing"),
        (EXAMPLE[:104] + b"\xaa\x00" * 1024, "end", "PEHeader"),
        (insert(EXAMPLE, 2, b"\xb4\x80\x00\x00"), "package", "indefinite"),
        (insert(EXAMPLE, 2, b"\xb4\x81\x02\x05\x00"), "package", "minimal"),
        (
            change(EXAMPLE, 3, lambda _: head(3) + bytes.fromhex("A1 02 A000".replace("A000", "3000"))),
            "pinCodes (3)",
            "A1",
        ),
        (
            change(EXAMPLE, 3, lambda _: head(3) + bytes.fromhex("A1 06 A0 04 30 02 8000")),
            "pinCodes (3)",
            "81 is missing",
        ),
        (change(EXAMPLE, 8, lambda _: head(8)), "akaParameter (8)", "A1 is missing"),
        (change(EXAMPLE, 8, lambda _: head(8) + bytes.fromhex("A1 00")), "akaParameter (8)", "mapping"),
        (change(EXAMPLE, 8, lambda value: value + bytes.fromhex("A5 00")), "akaParameter (8)", "0 entries"),
        (change(EXAMPLE, 15, lambda _: head(15) + bytes.fromhex("A1 00")), "securityDomain (15)", "three AIDs"),
        (change(EXAMPLE, 16, lambda _: head(16)), "rfm (16)", "AID"),
        (change(EXAMPLE, USIM, lambda _: head(5)), "usim", "template"),
        (
            insert(EXAMPLE, 1, tlv(0xB4, head(60), tlv(0x81, OID, b"\x05"), b"\xa2\x00")),
            "opt-usim (60)",
            "no application",
        ),
        (insert(EXAMPLE, 1, tlv(0xA2, head(60))), "pinCodes (60)", "no directory"),
        (with_generic(at("7F")), "genericFileManagement (40)", "not 1"),
        (with_generic(fcp("82 02 4121 83 02 6F01 80 04 7FFFFFFF")), "genericFileManagement (40)", "more than"),
        (with_generic(fcp("82 03 412100")), "genericFileManagement (40)", "2 or 4"),
        (with_generic(b"\x02\x09" + bytes(9)), "genericFileManagement (40)", "9 bytes"),
    ],
)
def test_what_can_not_be_read_is_named(der: bytes, element: str, text: str) -> None:
    with pytest.raises(PackageError, match=text) as caught:
        read(der)
    assert caught.value.element == element
    assert str(caught.value).startswith(f"{element}, byte {caught.value.offset}: ")


def test_many_big_files_are_too_many() -> None:
    big = b"".join(fcp(f"82 02 4121 83 02 6F{number:02X} 8B 01 05 80 02 FFFF") for number in range(40))
    with pytest.raises(PackageError, match="more than 1048576 bytes"):
        read(with_generic(at("7F10"), big))


def test_the_offset_points_into_the_element() -> None:
    with pytest.raises(PackageError) as caught:
        read(swap_bytes(EXAMPLE, "84 10 A0000000871002FFFFFFFF8907090000", "84 11 A0000000871002FFFFFFFF8907090000"))
    assert caught.value.element == "usim (5)"
    offset = read(EXAMPLE).elements[USIM].offset + caught.value.offset
    assert EXAMPLE[offset:].startswith(bytes.fromhex("0A A3 0B 83 09"))  # the AID swallowed C6, 03 is read, 0A lacks


@given(st.integers(0, len(EXAMPLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_answered_or_refused(position: int, mask: int) -> None:
    spoilt = bytearray(EXAMPLE)
    spoilt[position] ^= mask
    try:
        package = read(bytes(spoilt))
    except PackageError as error:
        assert error.offset >= 0  # noqa: PT017 - both outcomes are right
    else:
        assert all(finding.text for finding in lint(package))


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(PackageError):
        read(data)


@given(st.integers(0, len(EXAMPLE)), st.binary(max_size=40))
def test_random_bytes_behind_a_header_are_answered_or_refused(cut: int, data: bytes) -> None:
    try:
        package = read(EXAMPLE[:cut] + data)
    except PackageError as error:
        assert str(error)  # noqa: PT017 - both outcomes are right
    else:
        assert package.elements[0].name == "header"


@given(st.integers(104, len(EXAMPLE) - 1), st.integers(1, 255))
def test_personalising_something_spoilt_is_answered_or_refused(position: int, mask: int) -> None:
    spoilt = bytearray(build(ALICE))
    spoilt[position] ^= mask
    try:
        der = personalise(bytes(spoilt), ALICE)
    except PackageError as error:
        assert str(error)  # noqa: PT017 - both outcomes are right
    else:
        assert read(der).iccid == ALICE.iccid
