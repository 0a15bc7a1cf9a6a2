"""What cards refuse: the five known mistakes and every other rule, each provoked by one change to a good package."""

import pytest

from smdp.rsp.tlv import items, tlv
from smdp.upp import Finding, PackageError, Status, euicc_response, lint, nvm_estimate, read, requirements
from tests.upp.samples import EXAMPLE, change, drop, head, insert, member

HEADER, MF, PUKS, PINS, TELECOM, USIM, OPT_USIM, PIN2, AKA, GSM, DF_5GS, ISIM = range(12)
GENERIC, DOMAIN, RFM, RFM_USIM, END = range(14, 19)
PIN1_VALUE = "81 08 31323334FFFFFFFF"
OID = bytes.fromhex("67810F0102")


def built(index: int, *parts: bytes) -> bytes:
    return change(EXAMPLE, index, lambda _: head(index) + b"".join(parts))


def pins(index: int, *records: str) -> bytes:
    return built(index, tlv(0xA1, tlv(0xA0, *(tlv(0x30, bytes.fromhex(record)) for record in records))))


def puks(*records: str) -> bytes:
    return built(PUKS, tlv(0xA1, *(tlv(0x30, bytes.fromhex(record)) for record in records)))


def patched(index: int, old: str, new: str) -> bytes:
    """Exchange bytes in one element; the lengths around them must stay right."""

    def edit(value: bytes) -> bytes:
        assert value.count(bytes.fromhex(old)) == 1
        return value.replace(bytes.fromhex(old), bytes.fromhex(new))

    return change(EXAMPLE, index, edit)


def file(index: int, tag: int, text: str) -> bytes:
    """Give a template element another File."""
    return change(EXAMPLE, index, member(tag, tlv(tag, bytes.fromhex(text))))


def added(index: int, tag: int, text: str) -> bytes:
    return change(EXAMPLE, index, lambda value: value + tlv(tag, bytes.fromhex(text)))


def fcp(members: str) -> str:
    return tlv(0x62, bytes.fromhex(members)).hex()


def generic(*commands: str) -> bytes:
    parts = b"".join(map(bytes.fromhex, commands))
    return insert(EXAMPLE, GENERIC + 1, tlv(0xA1, head(40), tlv(0xA1, tlv(0x30, parts))))


def aka(algorithm: int, key: bytes, opc: bytes) -> bytes:
    own = tlv(0xA1, b"\x80\x01" + bytes((algorithm,)) + b"\x81\x01\x01", tlv(0x82, key), tlv(0x83, opc))
    return built(AKA, tlv(0xA1, own))


def moved(index: int, to: int) -> bytes:
    raws = [item.raw for item in items(EXAMPLE)]
    raws.insert(to, raws.pop(index))
    return b"".join(raws)


def in_header(tag: int, text: str) -> bytes:
    return change(EXAMPLE, HEADER, member(tag, tlv(tag, bytes.fromhex(text))))


def second_usim(path: str) -> bytes:
    raw = [item.raw for item in items(EXAMPLE)][USIM]
    raw = raw.replace(bytes.fromhex("83027FD0"), bytes.fromhex("8302" + path)).replace(b"\x81\x01\x05", b"\x81\x01\x32")
    return insert(EXAMPLE, GENERIC, raw)


def test_the_example_is_clean() -> None:
    assert lint(read(EXAMPLE)) == []


ERRORS = [
    # 1: the sign bit
    (pins(PIN2, "80 01 81 81 08 35363738FFFFFFFF 82 02 0081 83 01 03"), 3, 7, "81 without a leading 00|129 without"),
    (pins(PINS, f"80 01 01 {PIN1_VALUE} 82 01 01", "80 01 0A 81 08 3131323233333434 84 01 AA"), 3, 3, "170 without"),
    # 2: the PINs' context
    (drop(EXAMPLE, PIN2), 11, 5, "7FD0 counts on key 81"),
    (moved(PIN2, GSM), 11, 5, "7FD0 counts on key 81"),
    (puks("80 01 01 81 08 3132333435363738"), 11, 7, "PUK 81"),
    (patched(TELECOM, "C6 02 010A", "C6 02 010B"), 11, 4, "7F10 counts on key 0B"),
    (patched(TELECOM, "C6 02 010A", "C6 02 810A"), 11, 4, "7F10 counts on key 81"),
    (built(12, bytes.fromhex("A1 04 81 02 7F10")), 11, 12, "shares the PINs of 7F10"),
    (pins(PINS, f"80 01 01 {PIN1_VALUE}", f"80 01 01 {PIN1_VALUE}", f"80 01 0A {PIN1_VALUE}"), 3, 3, "given twice"),
    # 3: the shape of the DER
    (patched(MF, "83 02 2FE2 88 01 10", "88 01 10 83 02 2FE2"), 5, 1, "out of order"),
    (generic("80 02 7F10", fcp("82 02 4121 83 02 6F01 8B 01 05 80 01 02"), "83 02 0102"), 5, 40, "83 is no command"),
    (generic("80 02 7F10", fcp("82 02 4121 83 02 6F01 8B 01 05 80 01 02"), "82 01 01"), 5, 40, "82 is no command"),
    (change(EXAMPLE, USIM, lambda value: value + bytes.fromhex("B7 00 B7 00")), 5, 5, "given twice"),
    (change(EXAMPLE, USIM, member(0xA3, b"")), 5, 5, "imsi is missing"),
    # 4: promise and content
    (change(EXAMPLE, OPT_USIM, member(0x81, tlv(0x81, OID, b"\x05\x02"))), 9, 6, "newer than"),
    (change(EXAMPLE, OPT_USIM, member(0x81, tlv(0x81, OID, b"\x63"))), 9, 6, "not known"),
    (in_header(0xA6, "06 06 67810F010201"), 9, 4, "not in the header's list"),
    (in_header(0xA5, "8100 8200"), 10, None, "demand the service milenage"),
    (in_header(0xA5, "8100 8400"), 10, None, "demand the service isim"),
    (in_header(0xA5, "8100 8200 8400 9E00"), 10, None, "unknown service 9E"),
    (second_usim("7FD0"), 3, 50, "7FD0 is made twice"),
    (change(EXAMPLE, AKA, lambda value: head(7) + value[7:]), 5, 7, "two elements"),
    (in_header(0x83, "8900101000000000027F"), 3, None, "header says ICCID 8900101000000000027"),
    (in_header(0x83, "8900101000000000AB9F"), 3, None, "digits that are none"),
    (in_header(0x80, "04"), 31, None, "version 4.3"),
    (built(AKA, tlv(0xA1, tlv(0xA1, b"\x80\x01\x05\x81\x01\x01", tlv(0x82, bytes(16)), tlv(0x83, b"")))), 10, 8, "5"),
    (
        built(AKA, tlv(0xA1, tlv(0xA1, b"\x80\x01\x01\x81\x01\x01", tlv(0x82, bytes(32)), tlv(0x83, bytes(16))))),
        3,
        8,
        "32",
    ),
    # 5: files
    (file(USIM, 0xAD, "83 12" + "00" * 18), 3, 5, "does not fit into the 17 bytes of 7FD0/6F46"),
    (file(USIM, 0xB6, "A1 09 82 04 42210004 80 01 07 83 04 11F2FF00"), 3, 5, "no multiple"),
    (file(MF, 0xA5, "A1 06 82 04 42210020 83 01 61"), 6, 1, "2F00 has no size"),
    (file(USIM, 0xA3, ""), 3, 5, "imsi has no content"),
    (file(USIM, 0xA2, "A1 16 83 02 7FD0 84 10 A0000000871002FFFFFFFF8907090000"), 6, 5, "lacks C6"),
    (change(EXAMPLE, USIM, member(0xA4, b"")), 3, 5, "7FD0/6F07 has no EF.ARR 6F06"),
    (patched(GENERIC, "83 02 6F3A 8B 01 05", "83 02 6F3A 8B 01 0F"), 3, 14, "points to record 15"),
    (patched(TELECOM, "82 01 06 83 16", "82 01 00 83 16"), 3, 4, "don't begin where access rules do"),
    (patched(RFM_USIM, "A0000000871002FFFFFFFF8907090000", "A0000000871002FFFFFFFF8907090001"), 3, 17, "isn't there"),
    (patched(MF, "A0000000871004FFFFFFFF8907090000", "A0000000871004FFFFFFFF8907090001"), 3, 11, "EF.DIR"),
    (patched(GENERIC, "C7 04 7FD06F42", "C7 04 7FD06F99"), 3, 14, "link to 7FD0/6F99"),
    (patched(GENERIC, "80 02 7F10", "80 02 7F20"), 3, 14, "no directory 7F20"),
    (generic("81 01 00"), 3, 40, "before any file"),
    (generic(fcp("83 02 6F01 8B 01 05 80 01 02")), 6, 40, "no descriptor"),
    (generic(fcp("82 02 4121 8B 01 05 80 01 02")), 6, 40, "no file identifier"),
    (generic(fcp("82 02 4F21 83 02 6F01 8B 01 05 80 01 02")), 3, 40, "4F is no kind of file"),
    (added(OPT_USIM, 0xAB, "A1 07 82 02 4221 80 01 18"), 3, 6, "gives no record length"),
    (added(OPT_USIM, 0xA8, "A1 04 A5 02 C100"), 3, 6, "empty fill pattern"),
    # and the rest
    (drop(EXAMPLE, END), 5, None, "ends with its one end"),
    (moved(END, RFM), 5, None, "ends with its one end"),
    (moved(PUKS, MF), 5, None, "doesn't make the MF"),
    (insert(EXAMPLE, TELECOM, tlv(0xA3, head(60), tlv(0xA1))), 5, None, "more than one pukCodes"),
    (insert(EXAMPLE, TELECOM, tlv(0xAC, head(60))), 1, None, "AC is no profile element"),
    (drop(EXAMPLE, AKA), 3, 5, "usim has no akaParameter"),
    (insert(EXAMPLE, PUKS, [item.raw for item in items(EXAMPLE)][AKA]), 3, 8, "no application before it"),
    (built(13, tlv(0xA1, tlv(0xA0, b"\x80\x01\x06", tlv(0x81, bytes(16))))), 3, 13, "which isn't there"),
    (moved(DOMAIN, END - 1), 3, 16, "before its security domain"),
    (file(USIM, 0xA3, "83 09 FFFFFFFFFFFFFFFFFF"), 3, None, "EF.IMSI holds no IMSI"),
    (change(EXAMPLE, MF, member(0xA4, b"")), 3, None, "EF.ICCID nothing readable"),
]


@pytest.mark.parametrize(("der", "status", "identification", "text"), ERRORS)
def test_a_card_refuses(der: bytes, status: int, identification: int | None, text: str) -> None:
    found = [finding for finding in lint(read(der)) if not finding.warning]
    matching = [
        finding
        for finding in found
        if (finding.status, finding.identification) == (status, identification)
        and any(part in finding.text for part in text.split("|"))
    ]
    assert matching, list(map(str, found))


WARNINGS = [
    (added(OPT_USIM, 0xBB, "A1 09 82 04 4221002A 80 01 D2"), "ici is CY in its template, not LF"),
    (change(EXAMPLE, TELECOM, member(0xA3, b"")), "7F10/6F3A has no EF.ARR 6F06"),
    (puks("80 01 01 81 08 3132333435363738 82 02 00AA", "80 02 0081 81 08 3837363534333231"), "what is the default"),
    (pins(PINS, f"80 01 01 {PIN1_VALUE} 83 01 07", f"80 01 0A {PIN1_VALUE}"), "what is the default"),
    (added(USIM, 0xAF, "A1 03 8A 01 05"), "what is the default"),
    (added(USIM, 0xAF, "A1 04 80 02 0006"), "begins with 00"),
    (added(DF_5GS, 0xA8, ""), "uac-aic has no content"),
    (added(TELECOM, 0xB4, ""), "psc has no short file identifier"),
    (added(USIM, 0xBF6F, ""), "member BF6F can't be read"),
    (added(USIM, 0xAF, "04 00"), "unknown member 4"),
    (in_header(0xA5, "8100 8200 8400 8500"), "service tuak128, which nothing uses"),
    (
        in_header(0xA6, "".join(f"06 06 67810F0102{n:02X}" for n in (1, 2, 3, 4, 5, 7, 8, 13))),
        "1.2.2, which nothing uses",
    ),
    (drop(EXAMPLE, 13), "isim has no akaParameter"),
    (drop(EXAMPLE, DOMAIN, RFM, RFM_USIM), "no security domain"),
    (file(USIM, 0xB2, "83 02 0001"), "EF.ACC"),
    (drop(EXAMPLE, GSM), "service 27, but 5F3B/4F20, 5F3B/4F52"),
    (
        generic("80 02 7FD0", fcp("82 02 7921 83 02 6FFC 8B 01 05 A5 04 86 02 0100")),
        "ber-tlv",
    ),
    (
        generic("80 02 7F10", fcp("82 02 7821 83 02 5F44 8B 01 0E C6 00 C7 04 7FD05F3B")),
        "dfLink",
    ),
    (change(EXAMPLE, DOMAIN, lambda value: value + b"\xa5\x00"), "cat-tp"),
    (insert(EXAMPLE, GENERIC, tlv(0xA5, head(60), tlv(0x81, bytes(8)))), "cave"),
]


@pytest.mark.parametrize(("der", "text"), WARNINGS)
def test_a_phone_stumbles(der: bytes, text: str) -> None:
    found = lint(read(der))
    assert any(finding.warning and text in finding.text for finding in found), list(map(str, found))


def test_the_habits_of_the_generic_test_profile_are_no_errors() -> None:
    own_gsm = generic(
        "80 00",
        fcp("82 02 7821 83 02 7F66 8B 03 2F0601 C6 04 81010A0A"),
        "80 02 7F66",
        fcp("82 04 42210002 83 02 4F09 8B 03 6F0607 80 01 14 88 01 08 A5 03 C2 01 00"),
        "81 02 0001 02 01 00 81 02 0002",
    )
    found = lint(read(own_gsm))
    assert found
    assert all(finding.warning for finding in found)


def test_a_pin_choice_without_its_explicit_tag_can_not_be_read() -> None:
    record = tlv(0x30, bytes.fromhex(f"80 01 01 {PIN1_VALUE}"))
    for implicit in (tlv(0xA0, record), tlv(0xA1, record)):
        with pytest.raises(PackageError, match=r"pinCodes \(3\).*A1"):
            read(built(PINS, implicit))


# --- estimates


def test_the_memory_of_the_example() -> None:
    assert nvm_estimate(read(EXAMPLE)) == (5738 + 59 * 48 + 6 * 32 + 3 * 64 + 2 * 512 + 2048 + 2 * 512) * 5 // 4


def test_a_load_block_counts() -> None:
    block = tlv(0xA1, tlv(0x4F, bytes(5)), b"\xc8\x02\x01\x00", tlv(0xC4, bytes(1000)))
    application = tlv(0xA8, head(60), block, b"\xa2\x00")
    more = nvm_estimate(read(insert(EXAMPLE, RFM, application))) - nvm_estimate(read(EXAMPLE))
    assert more == (1200 + 256) * 5 // 4


def test_each_demanded_service_needs_its_bit() -> None:
    assert requirements(read(EXAMPLE)) == ((2, 3), {1, 2, 4})
    assert requirements(read(in_header(0xA5, "8100 8500 9000 9100 9D00"))).capabilities == {1, 6, 7, 8, 30}


# --- the card's answer


@pytest.mark.parametrize(
    ("finding", "aborted", "answer"),
    [
        (None, True, "30 07 A0 05 30 03 80 01 00"),
        (Finding(9, "", 10), True, "30 0C A0 08 30 06 80 01 09 81 01 0A 81 00"),
        (Finding(4, ""), True, "30 09 A0 05 30 03 80 01 04 81 00"),
        (Finding(0x6A80, "", 5), False, "30 0B A0 09 30 07 80 02 6A80 81 01 05"),
        (
            Finding(3, "bad EF.IMSI", 5, offset=200),
            True,
            "30 1D A0 0C 30 0A 80 01 03 81 01 05 83 02 00C8 81 00 82 0B 6261642045462E494D5349",
        ),
    ],
)
def test_the_answer_of_a_card(finding: Finding | None, aborted: bool, answer: str) -> None:  # noqa: FBT001 - a case
    assert euicc_response(finding, aborted=aborted) == bytes.fromhex(answer)


def test_a_long_text_is_cut_to_the_64_characters_allowed() -> None:
    answer = euicc_response(Finding(Status.BAD_VALUES, "x" * 100))
    assert answer.endswith(b"\x82\x40" + b"x" * 64)


def test_a_finding_says_itself_in_a_line() -> None:
    assert str(Finding(Status.BAD_VALUES, "wrong", 5)) == "error 3: element 5: wrong"
    assert str(Finding(Status.BAD_VALUES, "odd", warning=True)) == "warning 3: odd"
