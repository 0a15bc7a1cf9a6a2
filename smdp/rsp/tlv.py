"""BER-TLV: the strict gate in front of every decode, and the builder behind every package (X.690 §8.1, DER lengths).

A signature is checked over received bytes, so there must be one way to write them: lengths are definite and minimal,
nothing trails. `rsp.decoder` reads with `head_at`, `gate` walks what has no schema, and everything sent is built with
`tlv`.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_DEPTH = 24
"""Deepest nesting of constructed values; an AuthenticateServerResponse with its certificates needs 13."""

_MAX_TAG_OCTETS = 3
"""Behind the first; SGP.22 uses one."""
_MAX_LENGTH_OCTETS = 4
_TAG_NUMBER_MASK = 0x1F
_CONSTRUCTED = 0x20
_LONG = 0x80


_SHORT_TAGS = tuple(bytes((octet,)) for octet in range(256))
"""Every octet as bytes: a profile package is built of three hundred tags and lengths."""


class Malformed(ValueError):  # noqa: N818 - the sentence "the input is malformed" reads better than MalformedError
    """The input is not what the standard's encoding allows; the text says what is wrong, and where."""


class Item(NamedTuple):
    """One TLV: its tag as an integer (0x30, 0xBF38), its value, and its complete bytes as received."""

    tag: int
    value: bytes
    raw: bytes


def header(tag: int, length: int) -> bytes:
    """Encode tag and DER-minimal length."""
    head = _SHORT_TAGS[tag] if tag < len(_SHORT_TAGS) else tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    if length < _LONG:
        return head + _SHORT_TAGS[length]
    octets = (length.bit_length() + 7) // 8
    return head + _SHORT_TAGS[_LONG | octets] + length.to_bytes(octets, "big")


def tlv(tag: int, *parts: bytes) -> bytes:
    """Build one TLV around the concatenated parts; the tag is written as in the standard, `tlv(0xBF38, …)`."""
    value = parts[0] if len(parts) == 1 else b"".join(parts)
    return header(tag, len(value)) + value


def _tag(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Read the tag at an offset: (tag, byte after it)."""
    if start >= end:
        raise Malformed(f"a tag is missing at byte {start}")
    tag = data[start]
    at = start + 1
    if tag & _TAG_NUMBER_MASK != _TAG_NUMBER_MASK:
        return tag, at
    if at < end and (data[at] == _LONG or data[at] < _TAG_NUMBER_MASK):
        raise Malformed(f"the tag at byte {start} is not coded minimally")
    while at < end and at - start <= _MAX_TAG_OCTETS:
        tag = tag << 8 | data[at]
        at += 1
        if not tag & _LONG:
            return tag, at
    raise Malformed(f"the tag at byte {start} does not end")


def _open(data: bytes, start: int, end: int) -> tuple[int, int, int]:
    """Read tag and length at an offset: (tag, first byte of the value, length), whether or not the value is there."""
    tag, at = _tag(data, start, end)
    if at >= end:
        raise Malformed(f"the length of tag {tag:X} at byte {start} is missing")
    length = data[at]
    at += 1
    if not length & _LONG:
        return tag, at, length
    octets = length & 0x7F
    if octets == 0:
        raise Malformed(f"tag {tag:X} at byte {start} has an indefinite length")
    if octets > _MAX_LENGTH_OCTETS:
        raise Malformed(f"the length of tag {tag:X} at byte {start} takes {octets} bytes")
    if at + octets > end:
        raise Malformed(f"the length of tag {tag:X} at byte {start} is cut off")
    length = int.from_bytes(data[at : at + octets], "big")
    at += octets
    if length < _LONG or length.bit_length() <= 8 * (octets - 1):
        raise Malformed(f"the length of tag {tag:X} at byte {start} is not coded minimally")
    return tag, at, length


def head_at(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read tag and length at an offset: (tag, first byte of the value, byte after the value). Raises Malformed."""
    if at + 1 < end:  # most are one byte of each
        tag, length = data[at], data[at + 1]
        if length < _LONG and tag & _TAG_NUMBER_MASK != _TAG_NUMBER_MASK and at + 2 + length <= end:
            return tag, at + 2, at + 2 + length
    tag, value, length = _open(data, at, end)
    if length > end - value:
        raise Malformed(f"tag {tag:X} at byte {at} wants {length} bytes, {end - value} are left")
    return tag, value, value + length


class Opening(NamedTuple):
    """Tag and length of a TLV whose value need not be there yet; `size` is how many bytes they take."""

    tag: int
    length: int
    size: int


def opening(data: bytes, at: int = 0) -> Opening:
    """Read only the tag and length at an offset, as in the segments of a package. Raises Malformed."""
    tag, value, length = _open(data, at, len(data))
    return Opening(tag, length, value - at)


def item_at(data: bytes, at: int = 0) -> Item:
    """Read the complete TLV at an offset, whatever follows it. Raises Malformed."""
    tag, value, end = head_at(data, at, len(data))
    return Item(tag, data[value:end], data[at:end])


def gate(data: bytes, tag: int | None = None) -> None:
    """Walk one complete TLV and everything inside: minimal definite lengths, bounded depth, nothing behind it.

    `tag` is the tag it must have (0xBF38). Raises Malformed. X.690 §10.1; SGP.22 §5.7 for the tags.
    """
    if tag is not None:
        prefix = tag.to_bytes((tag.bit_length() + 7) // 8, "big")
        if not data.startswith(prefix):
            raise Malformed(f"expected tag {tag:X}, got {data[: len(prefix)].hex().upper() or 'nothing'}")
    _, at, end = head_at(data, 0, len(data))
    if end != len(data):
        raise Malformed(f"{len(data) - end} bytes trail behind the value")
    if not data[0] & _CONSTRUCTED:
        return
    stack = [end]
    while stack:
        if at == stack[-1]:
            stack.pop()
            continue
        start = at
        _, at, end = head_at(data, at, stack[-1])
        if data[start] & _CONSTRUCTED:
            if len(stack) >= MAX_DEPTH:
                raise Malformed(f"more than {MAX_DEPTH} levels are nested at byte {start}")
            stack.append(end)
        else:
            at = end


def items(data: bytes) -> Iterator[Item]:
    """Iterate over the TLVs of a concatenation, one level deep. Raises Malformed."""
    at, end = 0, len(data)
    while at < end:
        start = at
        tag, value, at = head_at(data, at, end)
        yield Item(tag, data[value:at], data[start:at])


def only(data: bytes, tag: int) -> Item:
    """Read the one TLV that `data` consists of, which must have this tag. Raises Malformed."""
    found, value, end = head_at(data, 0, len(data))
    if found != tag:
        raise Malformed(f"expected tag {tag:X}, got {found:X}")
    if end != len(data):
        raise Malformed(f"{len(data) - end} bytes trail behind tag {tag:X}")
    return Item(found, data[value:end], data)


def children(data: bytes, tag: int) -> dict[int, Item]:
    """Open the one TLV with this tag and index what is directly inside by tag (the first of each). Raises Malformed."""
    found: dict[int, Item] = {}
    for item in items(only(data, tag).value):
        found.setdefault(item.tag, item)
    return found


# --- named bit lists


def bit_string(tag: int, bits: Iterable[int]) -> bytes:
    """Encode a named bit list as a BIT STRING: trailing zero bits are left out (X.690 §11.2.2)."""
    numbers = frozenset(bits)
    length = max(numbers, default=-1) + 1
    octets = (length + 7) // 8
    value = sum(1 << (8 * octets - 1 - bit) for bit in numbers)
    return tlv(tag, bytes((8 * octets - length,)), value.to_bytes(octets, "big"))


def bits_of(native: Iterable[int] | None) -> frozenset[int]:
    """Name the bits that are set in a decoded BIT STRING; none for an absent one."""
    return frozenset(number for number, bit in enumerate(native or ()) if bit)
