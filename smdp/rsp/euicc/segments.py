"""How a BoundProfilePackage arrives: TLV by TLV over many commands, in a fixed order of sections (SGP.22 §2.5.5).

    BF36 { BF23, A0 { 87 … }, A1 { 88 … }, [A2 { 87 … }], A3 { 86 … } }

`follow` says where a segment leads without changing anything, so that its structure can be judged before its content.
"""

from typing import NamedTuple

from smdp.rsp.codes import BppCommandId
from smdp.rsp.tlv import Item, Malformed, item_at, opening

BPP, INITIALISE, CONFIGURE, METADATA, KEYS, ELEMENTS = 0xBF36, 0xBF23, 0xA0, 0xA1, 0xA2, 0xA3
MAX_PACKAGE = 0x40000
"""Longest package that is taken: 256 KiB, as on the wire."""
_NEXT = {
    BPP: (INITIALISE,),
    INITIALISE: (CONFIGURE,),
    CONFIGURE: (METADATA,),
    METADATA: (KEYS, ELEMENTS),
    KEYS: (ELEMENTS,),
    ELEMENTS: (),
}
_CONTENT = {CONFIGURE: 0x87, METADATA: 0x88, KEYS: 0x87, ELEMENTS: 0x86}
TAGS = frozenset((BPP, *_CONTENT, *_CONTENT.values()))
"""The tags that a segment may begin with."""
_COMMAND_IDS = {
    CONFIGURE: BppCommandId.CONFIGURE_ISDP,
    METADATA: BppCommandId.STORE_METADATA,
    KEYS: BppCommandId.REPLACE_SESSION_KEYS,
    ELEMENTS: BppCommandId.LOAD_PROFILE_ELEMENTS,
}


class Place(NamedTuple):
    """Where the reader stands: the section, what is left of it, and what is left of the package, in bytes."""

    section: int
    section_left: int
    left: int


class Piece(NamedTuple):
    """One TLV of a section; `last` says that the section ends with it."""

    section: int
    item: Item
    last: bool


def command_id(section: int) -> BppCommandId:
    """Name the step of the installation that a section belongs to (SGP.22 §5.7.6)."""
    return _COMMAND_IDS.get(section, BppCommandId.INITIALISE_SECURE_CHANNEL)


def start(segment: bytes) -> Place:
    """Read the header of BF36 that a package begins with; its bytes are then still part of the segment."""
    head = opening(segment)
    if head.length > MAX_PACKAGE:
        raise Malformed(f"a package of {head.length} bytes is larger than {MAX_PACKAGE}")
    return Place(BPP, 0, head.length)


def follow(place: Place, segment: bytes) -> tuple[Place, list[Piece]]:
    """Read one segment from a place on: where that leads, and the pieces on the way. Raises Malformed."""
    pieces: list[Piece] = []
    at = opening(segment).size if segment.startswith(b"\xbf\x36") else 0
    while at < len(segment):
        if place.section_left:
            place, item = _content(place, segment, at)
            pieces.append(Piece(place.section, item, place.section_left == 0))
            at += len(item.raw)
        elif opening(segment, at).tag == INITIALISE:
            item = item_at(segment, at)
            place = _enter(place, INITIALISE, 0, len(item.raw))
            pieces.append(Piece(INITIALISE, item, last=True))
            at += len(item.raw)
        else:
            head = opening(segment, at)
            place = _enter(place, head.tag, head.length, head.size)
            at += head.size
    if not place.left and place.section != ELEMENTS:
        raise Malformed(f"the package ends behind {place.section:X}")
    return place, pieces


def _enter(place: Place, section: int, length: int, taken: int) -> Place:
    """Step into the next section, whose header (or all of it) takes `taken` bytes."""
    if section not in _NEXT[place.section]:
        raise Malformed(f"{section:X} does not follow {place.section:X}")
    if section != INITIALISE and not length:
        raise Malformed(f"section {section:X} is empty")
    left = place.left - taken
    if left < length or (section == ELEMENTS and left != length):
        raise Malformed(f"section {section:X} of {length} bytes does not fit into the {left} that are left")
    return Place(section, length, left)


def _content(place: Place, segment: bytes, at: int) -> tuple[Place, Item]:
    """Read one TLV inside a section."""
    item = item_at(segment, at)
    if item.tag != _CONTENT[place.section]:
        raise Malformed(f"section {place.section:X} has no member {item.tag:X}")
    size = len(item.raw)
    if size > place.section_left:
        raise Malformed(f"a TLV of {size} bytes exceeds the {place.section_left} left of section {place.section:X}")
    return Place(place.section, place.section_left - size, place.left - size), item
