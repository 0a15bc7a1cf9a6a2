"""The TLV gate: what the builder makes passes, anything else is Malformed and nothing worse, in linear time."""

import contextlib
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smdp.rsp import tlv as module
from smdp.rsp.tlv import (
    MAX_DEPTH,
    Item,
    Malformed,
    Opening,
    children,
    gate,
    head_at,
    header,
    item_at,
    items,
    only,
    opening,
    tlv,
)
from tests.independent import encode, split

KIB = 1024
PRIMITIVE = (0x04, 0x5A, 0x80, 0x9E, 0x5F37, 0x9F24, 0x5F8101)
CONSTRUCTED = (0x30, 0xA0, 0xBF38, 0xBF8F01, 0xFF818203)


def leaf():
    return st.builds(tlv, st.sampled_from(PRIMITIVE), st.binary(max_size=300))


def tree():
    """Whatever the builder can build."""
    return st.recursive(
        leaf(),
        lambda inner: st.builds(
            lambda tag, parts: tlv(tag, *parts), st.sampled_from(CONSTRUCTED), st.lists(inner, max_size=4)
        ),
        max_leaves=12,
    )


def nested(levels: int) -> bytes:
    data = b""
    for _ in range(levels):
        data = tlv(0x30, data)
    return data


# --- the builder


@pytest.mark.parametrize(
    ("size", "length"),
    [
        (0, "00"), (127, "7f"), (128, "8180"), (255, "81ff"), (256, "820100"), (65535, "82ffff"), (65536, "83010000"),
        (1 << 24, "8401000000"),
    ],
)  # fmt: skip
def test_lengths_are_as_short_as_can_be(size, length):
    assert header(0x80, size) == bytes.fromhex("80" + length)
    assert opening(header(0xBF38, size)) == Opening(0xBF38, size, 2 + len(length) // 2)


@given(st.sampled_from([0x04, 0xBF38]), st.lists(st.binary(max_size=200), max_size=3))
def test_the_builder_agrees_with_independent_code(tag, parts):
    assert tlv(tag, *parts) == encode(f"{tag:02X}", *parts)


@given(tree())
def test_what_is_built_passes(data):
    gate(data)
    item = item_at(data)
    gate(data, item.tag)
    assert item.raw == data
    assert only(data, item.tag) == item
    assert tlv(item.tag, item.value) == data


# --- the gate


@given(tree(), st.data())
def test_nothing_less_passes(data, draw):
    cut = draw.draw(st.integers(0, len(data) - 1))
    with pytest.raises(Malformed):
        gate(data[:cut])
    with pytest.raises(Malformed):
        item_at(data[:cut])


@given(tree(), st.binary(min_size=1, max_size=5))
def test_nothing_more_passes(data, more):
    with pytest.raises(Malformed, match=f"{len(more)} bytes trail behind"):
        gate(data + more)
    with pytest.raises(Malformed, match="trail behind"):
        only(data + more, item_at(data).tag)


@given(st.binary(max_size=80))
@example(b"\x1f\x80\x01\x00")
@example(b"\xbf\xff\xff\xff\xff\x00")
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"\x30\xff" + b"\xff" * 127)
def test_noise_is_malformed_and_nothing_worse(data):
    for function in (gate, item_at, opening, lambda noise: list(items(noise))):
        with contextlib.suppress(Malformed):
            function(data)


@given(st.binary(min_size=2, max_size=80))
def test_what_passes_is_canonical(data):
    """Built again from its parts it is the same: no second encoding of anything gets through."""
    try:
        gate(data)
    except Malformed:
        return
    item = item_at(data)
    assert tlv(item.tag, item.value) == data


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("", "a tag is missing"),
        ("30", "the length of tag 30 at byte 0 is missing"),
        ("BF", "the tag at byte 0 does not end"),
        ("BF38", "the length of tag BF38"),
        ("BF8182", "the tag at byte 0 does not end"),
        ("BF8182838400", "the tag at byte 0 does not end"),
        ("BF8001", "not coded minimally"),
        ("BF1E00", "not coded minimally"),
        ("5F0000", "not coded minimally"),
        ("3080040100", "indefinite length"),
        ("0000", None),
        ("308500000000010000", "takes 5 bytes"),
        ("30FF", "takes 127 bytes"),
        ("308201", "is cut off"),
        ("3081", "is cut off"),
        ("30810100", "not coded minimally"),
        ("30817F" + "00" * 127, "not coded minimally"),
        ("30820080" + "00" * 128, "not coded minimally"),
        ("3083000100" + "00" * 256, "not coded minimally"),
        ("300204", "wants 2 bytes, 1 are left"),
        ("3002048101", "trail behind"),
        ("3003048101", "not coded minimally"),
        ("300304050000", "trail behind"),
        ("30030405", "wants 3 bytes, 2 are left"),
        ("3004300404000000", "trail behind"),
        ("30043004040000", "trail behind"),
        ("300430040400", "wants 4 bytes, 2 are left"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(data, says):
    if says is None:
        gate(bytes.fromhex(data))
        return
    with pytest.raises(Malformed, match=says):
        gate(bytes.fromhex(data))


@pytest.mark.parametrize("tag", [0x5F37, 0xBF38, 0x5F8101, 0xBF8F8F01])
def test_tags_of_two_to_four_bytes(tag):
    gate(tlv(tag, tlv(0x04, b"\x01")), tag)
    assert only(tlv(tag, b"\x04\x00"), tag).value == b"\x04\x00"


@pytest.mark.parametrize(("data", "found"), [(b"", "nothing"), (b"\x30", "30"), (b"\xbf\x39\x00", "BF39")])
def test_another_tag_than_expected(data, found):
    with pytest.raises(Malformed, match=f"expected tag BF38, got {found}"):
        gate(data, 0xBF38)


def test_depth_is_bounded():
    gate(nested(MAX_DEPTH))
    for levels in (MAX_DEPTH + 1, MAX_DEPTH + 2, 40_000):
        with pytest.raises(Malformed, match="levels"):
            gate(nested(levels))


@pytest.mark.parametrize(
    "data",
    [
        tlv(0x30, tlv(0x04) * (128 * KIB)),
        tlv(0x30, nested(MAX_DEPTH - 1) * (KIB * 256 // len(nested(MAX_DEPTH - 1)))),
        tlv(0x30, tlv(0x30, tlv(0xBF38) * 10) * 8000),
        tlv(0x04, bytes(256 * KIB)),
    ],
    ids=["many", "deep", "both", "one"],
)
def test_a_quarter_mebibyte_takes_time_in_proportion(data):
    """Against the same thing at an eighth of its size: quadratic behaviour would take 64 times as long, not 8."""
    value = only(data, data[0]).value
    part = tlv(data[0], value[: len(value) // 8])
    gate_time(part)
    small, large = gate_time(part), gate_time(data)
    assert large < 25 * small + 0.005


def gate_time(data: bytes) -> float:
    best = 9.0
    for _ in range(3):
        began = time.thread_time()
        with contextlib.suppress(Malformed):
            gate(data)
        best = min(best, time.thread_time() - began)
    return best


# --- readers


def test_items_of_a_concatenation():
    data = tlv(0x80, b"\x01") + tlv(0xBF38, b"\x04\x00") + tlv(0x5F37)
    assert list(items(data)) == [
        Item(0x80, b"\x01", b"\x80\x01\x01"),
        Item(0xBF38, b"\x04\x00", b"\xbf\x38\x02\x04\x00"),
        Item(0x5F37, b"", b"\x5f\x37\x00"),
    ]
    assert [item.raw for item in items(data)] == [node.raw for node in split(data)]
    with pytest.raises(Malformed):
        list(items(data + b"\x80"))


def test_an_item_at_an_offset_and_its_opening():
    data = b"\xff" + tlv(0xBF36, bytes(300)) + b"\xff"
    assert item_at(data, 1) == Item(0xBF36, bytes(300), data[1:-1])
    assert opening(data, 1) == Opening(0xBF36, 300, 5)
    assert opening(data[:6], 1) == Opening(0xBF36, 300, 5)
    assert head_at(data, 1, len(data)) == (0xBF36, 6, 306)
    with pytest.raises(Malformed):
        item_at(data[:-2], 1)


def test_the_one_with_a_tag():
    with pytest.raises(Malformed, match="expected tag 30, got 31"):
        only(b"\x31\x00", 0x30)


def test_children_by_tag_are_the_first_of_each():
    data = tlv(0x30, tlv(0x80, b"\x01"), tlv(0x81), tlv(0x80, b"\x02"))
    assert {tag: item.value for tag, item in children(data, 0x30).items()} == {0x80: b"\x01", 0x81: b""}


def test_malformed_is_a_value_error():
    assert issubclass(Malformed, ValueError)
    assert module.MAX_DEPTH >= 13
