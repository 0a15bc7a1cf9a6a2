"""Read any profile package back into what it makes of a card (TCA Interoperable Format)."""

from collections.abc import Callable

from smdp.rsp.tlv import Malformed, items
from smdp.upp.application_reader import read_application, read_rfm, read_security_domain
from smdp.upp.contents import Element, PackageError, Status
from smdp.upp.credentials_reader import read_aka, read_pins, read_puks
from smdp.upp.cursor import Cursor, Node
from smdp.upp.der import oid_text
from smdp.upp.generic_reader import read_generic
from smdp.upp.package import Package
from smdp.upp.template_reader import read_template

MAX_PACKAGE = 1 << 18
"""Longest package that is read, in bytes."""
MAX_ELEMENTS = 1024

NAMES = {
    0xA0: "header",
    0xA1: "genericFileManagement",
    0xA2: "pinCodes",
    0xA3: "pukCodes",
    0xA4: "akaParameter",
    0xA5: "cdmaParameter",
    0xA6: "securityDomain",
    0xA7: "rfm",
    0xA8: "application",
    0xA9: "nonStandard",
    0xAA: "end",
    0xB0: "mf",
    0xB1: "cd",
    0xB2: "telecom",
    0xB3: "usim",
    0xB4: "opt-usim",
    0xB5: "isim",
    0xB6: "opt-isim",
    0xB7: "phonebook",
    0xB8: "gsm-access",
    0xB9: "csim",
    0xBA: "opt-csim",
    0xBB: "eap",
    0xBC: "df-5gs",
    0xBD: "df-saip",
    0xBE: "df-snpn",
    0xBF1F: "df-5gprose",
    0xBF20: "iot",
    0xBF21: "opt-iot",
}
_FIRST_TEMPLATE = 0xB0
_READERS: dict[int, Callable[[Cursor, list[Node]], None]] = {
    0xA1: read_generic,
    0xA2: read_pins,
    0xA3: read_puks,
    0xA4: read_aka,
    0xA6: read_security_domain,
    0xA7: read_rfm,
    0xA8: read_application,
}


def read(der: bytes) -> Package:
    """Read a package.

    Takes the DER of all elements, at most 256 KiB. What a card would refuse but can be read past is in `findings` of
    the answer. Raises PackageError, which names the element and the offset in it, where reading can't go on.
    """
    if len(der) > MAX_PACKAGE:
        raise PackageError("package", 0, f"{len(der)} bytes are too many, at most {MAX_PACKAGE} are read")
    cursor: Cursor | None = None
    offset = 0
    try:
        for index, item in enumerate(items(der)):
            element = Element(index, item.tag, NAMES.get(item.tag, f"{item.tag:X}"), offset, raw=item.raw)
            inner = len(item.raw) - len(item.value)
            if cursor is None:
                cursor = _begin(element, item.value, inner)
            else:
                _read_element(cursor, element, item.value, inner)
            offset += len(item.raw)
    except PackageError:
        raise
    except Malformed as error:
        raise PackageError("package", offset, str(error)) from None
    if cursor is None:
        raise PackageError("package", 0, "it is empty")
    return cursor.package


def _begin(element: Element, value: bytes, inner: int) -> Cursor:
    """Read the header, which must be the first element."""
    package = Package((0, 0), None, "", (), ())
    cursor = Cursor(package, element)
    if element.tag != 0xA0:
        raise cursor.error(0, "a package begins with its header, tag A0")
    known = {0x80, 0x81, 0x82, 0x83, 0x84, 0xA5, 0xA6, 0x87, 0xA8, 0xA9}
    members = cursor.index(cursor.nodes(value, inner), known, required={0x80, 0x81, 0x83, 0xA5, 0xA6})
    package.version = (cursor.integer(members[0x80]), cursor.integer(members[0x81]))
    if 0x82 in members:
        package.profile_type = members[0x82].value.decode("utf-8", "replace")
    iccid = cursor.of_length(members[0x83], 10).hex().rstrip("f")
    if not iccid.isdecimal():
        cursor.note(Status.BAD_VALUES, "the ICCID in the header has digits that are none", members[0x83].offset)
    package.iccid = iccid
    package.services = tuple(node.tag for node in cursor.inside(members[0xA5]))
    package.templates = tuple(oid_text(node.value) for node in cursor.inside(members[0xA6]))
    package.elements.append(element)
    return cursor


def _read_element(cursor: Cursor, element: Element, value: bytes, inner: int) -> None:
    if element.index >= MAX_ELEMENTS:
        raise PackageError("package", element.offset, f"it has more than {MAX_ELEMENTS} elements")
    cursor.element = element
    if element.tag not in NAMES:
        cursor.note(Status.PE_NOT_SUPPORTED, f"tag {element.tag:X} is no profile element")
        cursor.package.elements.append(element)
        return
    if element.tag == 0xA0:
        raise cursor.error(0, "there is a second header")
    nodes = cursor.nodes(value, inner)
    if not nodes or nodes[0].tag != 0xA0:
        raise cursor.error(0, "an element begins with its PEHeader, tag A0")
    head = cursor.members(nodes.pop(0), {0x80, 0x81}, required={0x81})
    oid = None
    if element.tag >= _FIRST_TEMPLATE:
        if not nodes or nodes[0].tag != 0x81:
            raise cursor.error(0, "a template element names its template, tag 81")
        oid = oid_text(nodes.pop(0).value)
    identification = cursor.integer(head[0x81])
    cursor.element = Element(
        element.index, element.tag, element.name, element.offset, identification, 0x80 in head, oid, element.raw
    )
    cursor.package.elements.append(cursor.element)
    reader = read_template if element.tag >= _FIRST_TEMPLATE else _READERS.get(element.tag)
    if reader is not None:
        reader(cursor, nodes)
