"""Which files a template PE creates, by the OID of its template (TCA Interoperable Format, Annex A)."""

import re
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from smdp.upp.template_tables import TABLES

ARC = "2.23.143.1.2"
_ROW = (
    r"(?P<tag>[0-9A-F]{2,4}) (?P<name>\S+) (?P<fid>[0-9A-F]{4}|plan|\?)\S* "
    r"(?P<type>MF|ADF|DF|TR|LF|CY|BT)(?P<first>\d+|\?)?(?:x(?P<second>\d+|\?))?"
    r"(?: s(?P<sfi>[0-9A-F]{2}))?(?: a(?P<arr>\d+))?(?: =(?P<default>\S+))?(?: \[(?P<needs>\w+)\])?"
)
_BYTE_PATTERN = r"((?:[0-9A-F]{2})*)([0-9A-F]{2})\*([0-9A-F]*)"
_GROUP_PATTERN = r"()\(([0-9A-F]+)\)\*()"
_CREATED_BY_DEFAULT = frozenset({"mf", "usim", "isim", "csim"})


class Pattern(Struct, frozen=True):
    """The content of a fresh record: a beginning, a unit repeated over what is left, an end."""

    head: bytes = b""
    unit: bytes = b"\xff"
    tail: bytes = b""

    def expand(self, length: int) -> bytes:
        """Fill `length` bytes."""
        middle = max(length - len(self.head) - len(self.tail), 0)
        return (self.head + (self.unit * (middle // len(self.unit) + 1))[:middle] + self.tail)[:length]


BLANK = Pattern()


class Row(Struct, frozen=True):
    """One file of a template; size and length in bytes, None where the package must say."""

    name: str
    fid: str | None
    type: str
    size: int | None = None
    record_length: int = 0
    sfi: int | None = None
    arr: int | None = None
    default: Pattern = BLANK
    needs: str = ""


class Template(Struct, frozen=True):
    """One version of a template: its files by member tag, and since which package version it may be used."""

    oid: str
    name: str
    rows: dict[int, Row]
    since: tuple[int, int] = (2, 0)

    @property
    def created_by_default(self) -> bool:
        """Whether files come into being that the package doesn't name."""
        return self.name in _CREATED_BY_DEFAULT


class _Version(Struct, frozen=True):
    """How a template's version differs from the newest one: its last member, replaced files, and when it came."""

    name: str
    last: int = 0xFFFF
    replaced: dict[int, str] | None = None
    since: tuple[int, int] = (2, 0)


_OLD_5GS = {
    0xA5: "A5 5gs3gppnsc 4F03 LF1x57 s03 a5 =FF*",
    0xA6: "A6 5gsn3gppnsc 4F04 LF1x57 s04 a5 =FF*",
    0xAC: "AC routing-indicator 4F0A TR4 s0A a2 =F0FFFFFF",
}
VERSIONS = {
    "1": _Version("mf"),
    "2": _Version("cd"),
    "3": _Version("telecom", last=0xBF27),
    "3.2": _Version("telecom", since=(3, 1)),
    "4": _Version("usim"),
    "4.2": _Version("usim", replaced={0xA8: "A8 ust 6F38 TR17 s04 a2 [Mc]"}, since=(3, 1)),
    "5": _Version("opt-usim", last=0xBF4B),
    "5.2": _Version("opt-usim", last=0xBF56, since=(3, 1)),
    "5.3": _Version("opt-usim", since=(3, 3)),
    "6": _Version("phonebook"),
    "7": _Version("gsm-access"),
    "8": _Version("isim"),
    "9": _Version("opt-isim", last=0xAA),
    "9.2": _Version("opt-isim", since=(3, 1)),
    "10": _Version("csim"),
    "11": _Version("opt-csim"),
    "12": _Version("eap", since=(2, 2)),
    "13": _Version("df-5gs", last=0xAC, replaced=_OLD_5GS, since=(2, 3)),
    "13.2": _Version("df-5gs", last=0xAE, replaced=_OLD_5GS, since=(3, 1)),
    "13.3": _Version("df-5gs", last=0xAE, replaced={0xAC: _OLD_5GS[0xAC]}, since=(3, 1)),
    "13.4": _Version("df-5gs", since=(3, 3)),
    "14": _Version("df-saip", since=(2, 3)),
}
"""By the arcs behind 2.23.143.1.2."""


@cache
def template(oid: str) -> Template | None:
    """Find a template by its OID with dots; None if its files are not known."""
    version = VERSIONS.get(oid.removeprefix(ARC + ".")) if oid.startswith(ARC + ".") else None
    if version is None:
        return None
    rows = {tag: row for tag, row in _rows(version.name).items() if tag <= version.last}
    for line in (version.replaced or {}).values():
        tag, row = _parse(line)
        rows[tag] = row
    return Template(oid, version.name, rows, version.since)


@cache
def _rows(name: str) -> dict[int, Row]:
    if name == "phonebook":
        return _phonebook()
    return dict(_parse(line) for line in TABLES.get(name, "").split("\n") if line)


def _phonebook() -> dict[int, Row]:
    """Take DF.PHONEBOOK and its 17 files from telecom; only the tags differ."""
    shared = list(_rows("telecom").values())
    start = next(i for i, row in enumerate(shared) if row.name == "df-phonebook")
    rows = dict(enumerate(shared[start : start + 18], start=0xA2))
    return rows | {0xA2: replace(rows[0xA2], needs="M")}


def _parse(line: str) -> tuple[int, Row]:
    match = re.fullmatch(_ROW, line)
    if match is None:  # pragma: no cover - the tables are ours, and a test parses all of them
        raise ValueError(line)
    first, second = (_number(match[group]) for group in ("first", "second"))
    records = match["second"] is not None
    return int(match["tag"], 16), Row(
        name=match["name"],
        fid=match["fid"] if match["fid"][0] in "0123456789ABCDEF" else None,
        type=match["type"],
        size=(first * second if first and second else None) if records else first,
        record_length=second or 0,
        sfi=int(match["sfi"], 16) if match["sfi"] else None,
        arr=int(match["arr"]) if match["arr"] else None,
        default=_pattern(match["default"]),
        needs=match["needs"] or "",
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text != "?" else None


def _pattern(text: str | None) -> Pattern:
    if text is None:
        return BLANK
    match = re.fullmatch(_BYTE_PATTERN, text) or re.fullmatch(_GROUP_PATTERN, text)
    return Pattern(bytes.fromhex(text)) if match is None else Pattern(*map(bytes.fromhex, match.groups()))
