"""The few ASN.1 shapes that profile elements are made of (TCA eUICC Profile Package: Interoperable Format, Annex A)."""

from smdp.rsp.tlv import tlv

DO_NOT_CREATE = 0x80
FILE_DESCRIPTOR = 0xA1
FILL_OFFSET = 0x82
FILL_CONTENT = 0x83
FCP_ORDER = (0x82, 0x83, 0x84, 0x8A, 0x8B, 0x80, 0xC6, 0x88, 0xA5, 0xC7)
"""The members of an Fcp in the order of their declaration, which is the order DER wants."""


def integer(value: int) -> bytes:
    """Code the content of a non-negative INTEGER: two's complement, so 129 takes two bytes."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def octets(value: int) -> bytes:
    """Code a number as the fewest bytes, without a sign: sizes in an Fcp."""
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")


def pe_header(identification: int) -> bytes:
    """Build the PEHeader of a mandated element."""
    return tlv(0xA0, b"\x80\x00", tlv(0x81, integer(identification)))


def fcp(members: dict[int, bytes], tag: int = FILE_DESCRIPTOR) -> bytes:
    """Build an Fcp from its members by tag, in the order of the declaration; 62 is its tag in GFM, A1 elsewhere."""
    return tlv(tag, *(tlv(member, members[member]) for member in FCP_ORDER if member in members))


def linear(length: int, count: int) -> dict[int, bytes]:
    """Give the Fcp members of a linear fixed file: descriptor with the record length, size."""
    return {0x82: b"\x42\x21" + length.to_bytes(2, "big"), 0x80: octets(length * count)}


def fill(content: bytes) -> bytes:
    """Build one fillFileContent."""
    return tlv(FILL_CONTENT, content)


def fill_records(length: int, records: tuple[bytes, ...]) -> bytes:
    """Build the fills that write each record from its start, skipping what is left of the one before."""
    parts: list[bytes] = []
    skip = 0
    for record in records:
        if skip:
            parts.append(tlv(FILL_OFFSET, integer(skip)))
        parts.append(fill(record))
        skip = length - len(record)
    return b"".join(parts)


def oid_text(content: bytes) -> str:
    """Write the content bytes of an OBJECT IDENTIFIER with dots; empty if they are not one."""
    if not content or content[-1] & 0x80:
        return ""
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
