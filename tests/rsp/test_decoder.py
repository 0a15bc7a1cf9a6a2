"""The decoder: every message type against asn1crypto where both agree, and hostile bytes of every kind."""

import contextlib
from collections.abc import Iterator

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp import asn1, decoder
from smdp.rsp.decoder import ABSENT, decode
from smdp.rsp.tlv import Malformed, tlv
from tests import fake_smdp
from tests.euicc_stub import Euicc, refuses_cancel, refuses_download, refuses_server, swapped
from tests.independent import encode, parse, split

TRANSACTION = b"\xaa" * 16
SIGNATURE = encode("5F37", bytes(64))
ICCID = swapped("8900101000000000019")
EUICC = Euicc()

MESSAGES: dict[str, tuple[type, bytes]] = {
    "EUICCInfo1": (asn1.EUICCInfo1, EUICC.info1()),
    "EUICCInfo2": (asn1.EUICCInfo2, EUICC.info2(forbidden=(1, 2))),
    "AuthenticateServerResponse": (
        asn1.AuthenticateServerResponse,
        EUICC.authenticate(
            TRANSACTION, "a.test", b"\x01" * 16, context=EUICC.context(matching_id="AB-1", imei=bytes(8))
        ),
    ),
    "its error": (asn1.AuthenticateServerResponse, refuses_server(TRANSACTION, 127)),
    "PrepareDownloadResponse": (
        asn1.PrepareDownloadResponse,
        EUICC.prepare(TRANSACTION, SIGNATURE, code="1234"),
    ),
    "without code": (asn1.PrepareDownloadResponse, EUICC.prepare(TRANSACTION, SIGNATURE)),
    "its error too": (asn1.PrepareDownloadResponse, refuses_download(TRANSACTION, 5)),
    "ProfileInstallationResult": (asn1.ProfileInstallationResult, EUICC.result(TRANSACTION, ICCID)),
    "failed": (asn1.ProfileInstallationResult, EUICC.result(TRANSACTION, None, failure=(5, 12))),
    "OtherSignedNotification": (asn1.OtherSignedNotification, EUICC.other(iccid=ICCID, events=(1, 2))),
    "CancelSessionResponse": (asn1.CancelSessionResponse, EUICC.cancel(TRANSACTION, 3)),
    "its error as well": (asn1.CancelSessionResponse, refuses_cancel(5)),
    "StoreMetadataRequest": (
        asn1.StoreMetadataRequest,
        fake_smdp.metadata(fake_smdp.notified(), fake_smdp.OWNER, fake_smdp.rules(0x40, 6), profile_class=1),
    ),
    "with defaults": (asn1.StoreMetadataRequest, fake_smdp.metadata()),
    "EnableProfileRequest": (
        asn1.EnableProfileRequest,
        encode("BF31", encode("A0", encode("5A", ICCID)), encode("81", b"\xff")),
    ),
    "DeleteProfileRequest": (asn1.DeleteProfileRequest, encode("BF33", encode("4F", bytes(16)))),
    "SmdpSigned2": (asn1.SmdpSigned2, encode("30", encode("80", TRANSACTION), encode("01", b"\x00"))),
}


@pytest.fixture(params=MESSAGES)
def message(request) -> tuple[type, bytes]:
    return MESSAGES[request.param]


def assert_same(ours, theirs):
    """Compare with asn1crypto's value, member by member; certificates are bytes to us and members to it."""
    while isinstance(theirs, core.Choice):
        assert ours.name == theirs.name
        ours, theirs = ours.chosen, theirs.chosen
    if isinstance(theirs, asn1.CertificateBytes):
        assert ours.dump() == theirs.dump()
    elif isinstance(theirs, core.Sequence):
        for name, *_ in theirs._fields:
            assert_same(ours[name], theirs[name])
    elif isinstance(theirs, core.SequenceOf):
        assert len(ours) == len(theirs)
        for our, their in zip(ours, theirs, strict=True):
            assert_same(our, their)
    else:
        assert ours.native == theirs.native


def test_valid_messages_read_as_asn1crypto_reads_them(message):
    spec, data = message
    assert_same(decode(spec, data), spec.load(data, strict=True))


def test_what_is_read_keeps_its_bytes(message):
    """A CHOICE is read without the tag around it."""
    spec, data = message
    read = decode(spec, data, int.from_bytes(bytes.fromhex(parse(data).tag), "big"))
    assert read.dump() == (parse(data).value if read.name else data)


# --- whatever arrives is read or malformed


def reads(spec, data) -> None:
    with contextlib.suppress(Malformed):
        decode(spec, data)


MESSAGE = st.sampled_from(sorted(MESSAGES))


@given(MESSAGE, st.data())
def test_any_truncation_is_malformed(name, draw):
    spec, data = MESSAGES[name]
    with pytest.raises(Malformed):
        decode(spec, data[: draw.draw(st.integers(0, len(data) - 1))])


@given(MESSAGE, st.binary(min_size=1, max_size=4))
def test_any_trailing_byte_is_malformed(name, more):
    spec, data = MESSAGES[name]
    with pytest.raises(Malformed, match="trail"):
        decode(spec, data + more)


@given(MESSAGE, st.data())
def test_flipped_bits_are_read_or_malformed(name, draw):
    spec, data = MESSAGES[name]
    spoiled = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 3))):
        spoiled[draw.draw(st.integers(0, len(data) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    reads(spec, bytes(spoiled))


@given(MESSAGE, st.binary(max_size=100))
def test_noise_is_read_or_malformed(name, noise):
    spec, data = MESSAGES[name]
    reads(spec, noise)
    reads(spec, data[:2] + noise)


Path = tuple[int, ...]


def places(data: bytes, path: Path = ()) -> Iterator[Path]:
    """Where each TLV of a message is, by the numbers of its ancestors."""
    for number, node in enumerate(split(data)):
        yield (*path, number)
        if int(node.tag[:2], 16) & 0x20:
            yield from places(node.value, (*path, number))


def put(data: bytes, path: Path, change) -> bytes:
    """Replace one TLV and correct the lengths around it, so that only this one is wrong."""
    nodes = split(data)
    chosen = nodes[path[0]]
    inner = change(chosen) if len(path) == 1 else encode(chosen.tag, put(chosen.value, path[1:], change))
    return b"".join(node.raw for node in nodes[: path[0]]) + inner + b"".join(node.raw for node in nodes[path[0] + 1 :])


PLACES = {name: list(places(data)) for name, (_, data) in MESSAGES.items()}
CHANGES = {
    "gone": lambda _node: b"",
    "empty": lambda node: encode(node.tag),
    "twice": lambda node: node.raw * 2,
    "many": lambda node: node.raw * 300,
    "long": lambda node: encode(node.tag, b"\x7f" * 300),
    "one byte": lambda node: encode(node.tag, b"\xff"),
    "other tag": lambda node: encode("9E", node.value),
    "constructed": lambda node: bytes([node.raw[0] ^ 0x20]) + node.raw[1:],
    "wrapped": lambda node: encode(node.tag, node.raw),
    "indefinite": lambda node: bytes.fromhex(node.tag) + b"\x80" + node.value + b"\x00\x00",
    "lying": lambda node: bytes.fromhex(node.tag) + b"\x84\x7f\xff\xff\xff" + node.value,
    "member behind": lambda node: node.raw + encode("9E", b"\x01"),
    "rubbish behind": lambda node: node.raw + b"\x9e",
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("name", MESSAGES)
def test_one_wrong_tlv_is_read_or_malformed(name, kind):
    spec, data = MESSAGES[name]
    for path in PLACES[name]:
        reads(spec, put(data, path, CHANGES[kind]))


def spoiled(name: str, tags: str, kind: str) -> tuple[type, bytes]:
    """One message with one TLV changed, named by the tags that lead to it."""
    spec, data = MESSAGES[name]
    path, inside = [], data
    for tag in tags.split():
        nodes = split(inside)
        number = next(number for number, node in enumerate(nodes) if node.tag == tag)
        path.append(number)
        inside = nodes[number].value
    return spec, put(data, tuple(path), CHANGES[kind])


@pytest.mark.parametrize(
    ("name", "tags", "kind", "says"),
    [
        ("EUICCInfo1", "BF20 82", "gone", "svn is missing where tag A9 is"),
        ("EUICCInfo1", "BF20 AA", "gone", "euicc_ci_pk_id_list_for_signing is missing"),
        ("EUICCInfo1", "BF20 82", "twice", "is missing where tag 82 is"),
        ("EUICCInfo1", "BF20 AA", "twice", "tag AA comes twice or out of order"),
        ("EUICCInfo1", "BF20 A9 04", "many", "more than 256 elements"),
        ("EUICCInfo1", "BF20 A9 04", "other tag", "tag 9E is no element of this list"),
        ("EUICCInfo2", "BF22 85", "empty", "a BitString takes 1 to 64 bytes, not 0"),
        ("EUICCInfo2", "BF22 85", "long", "a BitString takes 1 to 64 bytes, not 300"),
        ("EUICCInfo2", "BF22 85", "one byte", "can't leave 255 bits of 0 bytes unused"),
        ("EUICCInfo2", "BF22 0C", "one byte", "a text is not UTF-8"),
        ("EUICCInfo2", "BF22 99", "twice", "pp_version is missing where tag 99 is"),
        ("AuthenticateServerResponse", "BF38 A0", "twice", "tag BF38 holds more than its one value"),
        ("AuthenticateServerResponse", "BF38 A0", "other tag", "tag 9E is none of the alternatives in BF38"),
        ("AuthenticateServerResponse", "BF38", "other tag", "expected tag BF38, got 9E"),
        ("AuthenticateServerResponse", "BF38 A0", "gone", "a tag is missing"),
        ("AuthenticateServerResponse", "BF38 A0 30", "indefinite", "indefinite length"),
        ("its error", "BF38 A1 02", "empty", "a Integer takes 1 to 8 bytes, not 0"),
        ("its error", "BF38 A1 02", "long", "a Integer takes 1 to 8 bytes, not 300"),
        ("ProfileInstallationResult", "BF37 BF27 06", "empty", "a ObjectIdentifier takes 1 to 64 bytes"),
        ("ProfileInstallationResult", "BF37 BF27 06", "one byte", "an object identifier is cut off"),
        ("ProfileInstallationResult", "BF37 BF27 06", "long", "a ObjectIdentifier takes 1 to 64 bytes"),
        ("ProfileInstallationResult", "BF37 BF27 A2 A0", "member behind", "tag A2 holds more than its one value"),
        ("EUICCInfo1", "BF20 AA", "rubbish behind", "the length of tag 9E at byte"),
        ("SmdpSigned2", "30 01", "empty", "a Boolean takes 1 to 1 bytes, not 0"),
        ("SmdpSigned2", "30 80", "constructed", "transaction_id is missing where tag A0 is"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(name, tags, kind, says):
    spec, data = spoiled(name, tags, kind)
    with pytest.raises(Malformed, match=says):
        decode(spec, data)


@pytest.mark.parametrize(
    ("name", "tags"),
    [("EUICCInfo1", "BF20 AA"), ("AuthenticateServerResponse", "BF38 A0 30 A0 A1"), ("failed", "BF37 5F37")],
)
def test_members_that_the_schema_does_not_know_are_skipped(name, tags):
    spec, data = spoiled(name, tags, "member behind")
    assert decode(spec, data).native == decode(*MESSAGES[name]).native
    assert decode(spec, data).dump() in data


# --- values


@pytest.mark.parametrize(
    ("content", "bits"), [("00", ()), ("0780", (1,)), ("0640", (0, 1)), ("00FF", (1,) * 8), ("04F0", (1, 1, 1, 1))]
)
def test_bit_strings(content, bits):
    assert decode(core.BitString, encode("03", bytes.fromhex(content))).native == bits


@pytest.mark.parametrize("content", ["01", "07", "08FF", "0F0000", "FF00"])
def test_bits_that_are_not_there(content):
    with pytest.raises(Malformed, match="unused"):
        decode(core.BitString, encode("03", bytes.fromhex(content)))


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers(number):
    assert decode(core.Integer, core.Integer(number).dump()).native == number


@given(st.sampled_from(["0", "1", "2"]), st.integers(0, 39), st.lists(st.integers(0, 2**32), max_size=6))
def test_object_identifiers(first, second, rest):
    dotted = ".".join(map(str, (first, second, *rest)))
    assert decode(core.ObjectIdentifier, core.ObjectIdentifier(dotted).dump()).native == dotted


def test_object_identifiers_below_2_have_a_long_second_arc():
    assert decode(core.ObjectIdentifier, bytes.fromhex("0603883701")).native == "2.999.1"


@given(st.text(max_size=50))
def test_texts(text):
    assert decode(core.UTF8String, encode("0C", text.encode())).native == text


def test_booleans_and_null():
    assert decode(core.Boolean, b"\x01\x01\x00").native is False
    assert decode(core.Boolean, b"\x01\x01\x01").native is True
    assert decode(core.Null, b"\x05\x00").native is None
    with pytest.raises(Malformed):
        decode(core.Null, b"\x05\x01\x00")


# --- what is read


def test_a_record_has_its_members_and_absent_ones():
    read = decode(asn1.EUICCInfo2, EUICC.info2())
    assert read["svn"].native == bytes((2, 5, 0))
    assert not read["certification_data_object"]
    assert read["certification_data_object"].native is None
    assert read["certification_data_object"]["platform_label"].dump() == b""
    assert read["svn"]
    with pytest.raises(KeyError):
        read["no such member"]


def test_lists_are_gone_through():
    read = decode(asn1.EUICCInfo1, EUICC.info1())["euicc_ci_pk_id_list_for_signing"]
    assert len(read) == 1
    assert [one.native for one in read] == [EUICC.pki.ci.ski] == read.native


def test_a_choice_has_a_name_and_anything_else_none():
    read = decode(asn1.AuthenticateServerResponse, refuses_server(TRANSACTION, 7))
    assert (read.name, read.chosen["authenticate_error_code"].native) == ("authenticate_response_error", 7)
    assert read.native == {"transaction_id": TRANSACTION, "authenticate_error_code": 7}
    assert ABSENT.name == ""
    assert ABSENT.chosen is ABSENT
    assert ABSENT["anything"] is ABSENT


def test_defaults_are_there_without_bytes():
    read = decode(asn1.StoreMetadataRequest, fake_smdp.metadata())
    assert read["profile_class"].native == 2
    assert read["profile_class"].dump() == b""


@pytest.mark.parametrize("tag", [0xBF38, 0x30])
def test_another_tag_than_asked_for(tag):
    with pytest.raises(Malformed, match="expected tag"):
        decode(asn1.EUICCInfo1, EUICC.info1(), tag)


def test_the_schema_is_compiled_once():
    assert decoder._reader(asn1.EUICCInfo1) is decoder._reader(asn1.EUICCInfo1)  # noqa: SLF001 - the cache is the point


def test_a_quarter_mebibyte_of_members_is_read():
    data = tlv(0xBF20, parse(EUICC.info1()).value, tlv(0x9E) * (128 * 1024))
    assert decode(asn1.EUICCInfo1, data).native == decode(asn1.EUICCInfo1, EUICC.info1()).native
