"""Reading files: what an Fcp changes about a template's row, and the fills that make the body."""

from itertools import pairwise
from operator import itemgetter

from msgspec import Struct, field

from smdp.upp.contents import File, Status
from smdp.upp.cursor import Cursor, Node
from smdp.upp.der import FCP_ORDER
from smdp.upp.templates import BLANK, Pattern, Row

DIRECTORIES = frozenset({"MF", "ADF", "DF"})
_TYPES = {0x01: "TR", 0x02: "LF", 0x06: "CY", 0x38: "DF", 0x39: "BT"}
MAX_PATH = 8
MAX_KEYS = 26
MAX_RECORDS = 254
_MF = "3F00"
_PLACES = {tag: place for place, tag in enumerate(FCP_ORDER)}


def path_of_bytes(data: bytes) -> str:
    """Write a path of two-byte FIDs: `7FD0/6F07`; the empty one is the MF's."""
    return "/".join(data[at : at + 2].hex().upper() for at in range(0, len(data), 2))


def join(directory: str, fid: str) -> str:
    """Name a file in a directory; paths leave the MF out."""
    return fid if directory in {"", _MF} else f"{directory}/{fid}"


class Draft(Struct):
    """A file while its Fcp and fills are read."""

    row: Row
    offset: int
    member: int
    fid: str | None = None
    type: str = ""
    size: int | None = None
    record_length: int = 0
    sfi: int | None = None
    arr: tuple[str | None, int] | None = None
    pins: bytes = b""
    aid: bytes = b""
    link: str | None = None
    pattern: Pattern = BLANK
    given: set[int] = field(default_factory=set)
    fills: list[tuple[int, bytes]] = []
    """Bytes to skip, and bytes to write there."""

    @classmethod
    def of(cls, row: Row, offset: int, member: int) -> "Draft":
        """Begin with what a template says."""
        return cls(
            row,
            offset,
            member,
            fid=row.fid,
            type=row.type,
            size=row.size,
            record_length=row.record_length,
            sfi=row.sfi,
            arr=None if row.arr is None else (None, row.arr),
            pattern=row.default,
        )


def overlay(cursor: Cursor, draft: Draft, fcp: list[Node]) -> None:  # noqa: C901, PLR0912 - a case per tag
    """Let the members of an Fcp replace the template's values, and note what a strict card refuses."""
    order = [_PLACES.get(node.tag, len(_PLACES)) for node in fcp]
    if any(after <= before for before, after in pairwise(order)):
        cursor.note(Status.INVALID_REQUEST_FORMAT, "the members of the Fcp are out of order", draft.offset)
    for _, node in sorted(zip(order, fcp, strict=True), key=itemgetter(0)):
        draft.given.add(node.tag)
        match node.tag:
            case 0x82:
                _descriptor(cursor, draft, cursor.of_length(node, 2, 4))
            case 0x83:
                draft.fid = cursor.of_length(node, 2).hex().upper()
            case 0x84:
                draft.aid = cursor.of_length(node, *range(5, 17))
            case 0x8B:
                rule = cursor.of_length(node, 1, 3)
                draft.arr = (rule[:-1].hex().upper() or None, rule[-1])
            case 0x80:
                draft.size = _size(cursor, node)
            case 0xC6:
                draft.pins = cursor.of_length(node, *range(MAX_KEYS + 1))
            case 0x88:
                short = cursor.of_length(node, 0, 1)
                draft.sfi = short[0] >> 3 if short else None
            case 0xA5:
                _proprietary(cursor, draft, node)
            case 0xC7:
                target = cursor.of_length(node, *range(0, MAX_PATH + 1, 2))
                draft.link = path_of_bytes(target) or None
            case 0x8A:
                if cursor.of_length(node, 1) == b"\x05":
                    cursor.default_encoded(node)
            case _:
                cursor.unknown(node)


def _descriptor(cursor: Cursor, draft: Draft, value: bytes) -> None:
    kind = _TYPES.get(value[0] & 0x3F)
    if kind is None:
        cursor.note(Status.BAD_VALUES, f"{value[0]:02X} is no kind of file", draft.offset)
        return
    if kind == "DF" and draft.type in DIRECTORIES:
        return
    if draft.type and kind != draft.type:  # no card minds: the generic test profile of TS.48 does it
        text = f"{draft.row.name} is {draft.type} in its template, not {kind}"
        cursor.note(Status.BAD_VALUES, text, draft.offset, warning=True)
    draft.type = kind
    length = int.from_bytes(value[2:], "big")
    if kind not in {"LF", "CY"}:
        return
    if not length:
        cursor.note(Status.BAD_VALUES, "the descriptor of a record file gives no record length", draft.offset)
    elif length != draft.record_length:
        if draft.size and draft.record_length:
            draft.size = draft.size // draft.record_length * length
        draft.record_length = length


def _size(cursor: Cursor, node: Node) -> int:
    value = cursor.of_length(node, 1, 2, 3, 4)
    if value[0] == 0 and len(value) > 1:
        cursor.note(Status.INVALID_REQUEST_FORMAT, "the size begins with 00", node.offset, warning=True)
    return int.from_bytes(value, "big")


def _proprietary(cursor: Cursor, draft: Draft, node: Node) -> None:
    for item in cursor.inside(node):
        match item.tag:
            case 0xC1 if item.value:
                draft.pattern = Pattern(item.value[:-1], item.value[-1:])
                draft.given.add(item.tag)
            case 0xC2 if item.value:
                draft.pattern = Pattern(unit=item.value)
                draft.given.add(item.tag)
            case 0x86:
                draft.size = _size(cursor, item)
                draft.given.add(0x80)
            case 0xC0 | 0x84:
                pass
            case 0xC1 | 0xC2:
                cursor.note(Status.BAD_VALUES, "an empty fill pattern", item.offset)
            case _:
                cursor.unknown(item)


def finish(cursor: Cursor, draft: Draft, directory: str) -> File | None:
    """Make the file of a draft and put it into the tree; None if it has no name to be put under."""
    if draft.fid is None:
        cursor.note(Status.INVALID_PARAMETER, f"{draft.row.name or 'a file'} has no file identifier", draft.offset)
        return None
    path = _MF if draft.type == "MF" or draft.fid == _MF else join(directory, draft.fid)
    kind = _kind(draft, path)
    is_link = draft.link is not None
    size = 0 if kind in DIRECTORIES or is_link else _measure(cursor, draft, path)
    file = File(
        path=path,
        name=draft.row.name,
        type=kind,
        element=cursor.element.index,
        member=draft.member,
        size=size,
        record_length=draft.record_length,
        body=b"" if kind in DIRECTORIES or is_link else _body(cursor, draft, path, size),
        sfi=draft.sfi,
        arr=None if draft.arr is None else (draft.arr[0] or _rules_of(path, kind), draft.arr[1]),
        pins=draft.pins,
        aid=draft.aid,
        link=draft.link,
        links_directory=is_link and kind in DIRECTORIES,
    )
    cursor.add(file, draft.offset)
    return file


def _kind(draft: Draft, path: str) -> str:
    """Tell what sort of directory a DF is."""
    if draft.type != "DF":
        return draft.type
    return "MF" if path == _MF else "ADF" if draft.aid else "DF"


def _rules_of(path: str, kind: str) -> str:
    """Name the EF.ARR that a one-byte reference means: 2F06 for the MF, what lies in it, and ADFs; else 6F06."""
    return "2F06" if "/" not in path or kind == "ADF" else "6F06"


def _measure(cursor: Cursor, draft: Draft, path: str) -> int:
    """Find the size of an EF in bytes; of one that gives none, the extent of what is written."""
    written = sum(skip + len(content) for skip, content in draft.fills)
    size = draft.size
    if size is None:
        if draft.type != "BT":
            cursor.note(Status.INVALID_PARAMETER, f"{path} has no size", draft.offset)
        size = written
    if draft.type in {"LF", "CY"} and (not draft.record_length or size % draft.record_length):
        text = f"{path}: {size} bytes are no multiple of the record length {draft.record_length}"
        cursor.note(Status.BAD_VALUES, text, draft.offset)
    elif draft.type in {"LF", "CY"} and size > MAX_RECORDS * draft.record_length:
        text = f"{path} has {size // draft.record_length} records, more than {MAX_RECORDS}"
        cursor.note(Status.BAD_VALUES, text, draft.offset)
        size = MAX_RECORDS * draft.record_length
    cursor.reserve(size, draft.offset)
    return size


def _body(cursor: Cursor, draft: Draft, path: str, size: int) -> bytes:
    if draft.type == "BT":
        return b"".join(content for _, content in draft.fills)[:size]
    length = draft.record_length if draft.type in {"LF", "CY"} else 0
    fresh = draft.pattern.expand(length) * (size // length + 1) if length else draft.pattern.expand(size)
    body, at = bytearray(fresh[:size]), 0
    for skip, content in draft.fills:
        at += skip
        end = at + len(content)
        if end > size:
            text = f"content up to byte {end} does not fit into the {size} bytes of {path}"
            cursor.note(Status.BAD_VALUES, text, draft.offset)
            content = content[: max(size - at, 0)]  # noqa: PLW2901 - what fits is kept
        body[at : at + len(content)] = content
        at = end
    return bytes(body)
