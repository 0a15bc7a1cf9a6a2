"""Put a subscriber into somebody's own profile package (any TCA Interoperable Format package that is understood)."""

import re
from collections.abc import Callable

from msgspec import Struct

from smdp.rsp.ids import iccid_to_bytes
from smdp.rsp.tlv import items, tlv
from smdp.upp import codings
from smdp.upp.applications import Isim, Usim, decoded
from smdp.upp.contents import Algorithm, Element, File, PackageError
from smdp.upp.der import FCP_ORDER, FILE_DESCRIPTOR, FILL_CONTENT, FILL_OFFSET, fill, fill_records, linear, octets
from smdp.upp.ims import identities
from smdp.upp.package import Package
from smdp.upp.reader import read
from smdp.upp.subscriber import Subscriber

_GENERIC, _PINS, _PUKS, _AKA, _SECURITY_DOMAIN = 0xA1, 0xA2, 0xA3, 0xA4, 0xA6
_NEW_FILE, _CHANGE_DIRECTORY, _GENERIC_FILLS = 0x62, 0x80, frozenset({0x02, 0x81})
_SCP80_VERSIONS = range(1, 16)
_3GPP_REALM = r"ims\.mnc\d{3}\.mcc\d{3}\.3gppnetwork\.org"


class _Content(Struct, frozen=True):
    """What a file is to hold: its fills as File items, and the members of its Fcp that change with the size."""

    records: tuple[bytes, ...]
    record_length: int = 0
    fcp: dict[int, bytes] = {}


def personalise(der: bytes, subscriber: Subscriber) -> bytes:
    """Put a subscriber's ICCID, IMSI, number, keys, PINs, PUKs and ADM1 into a package, wherever it keeps them.

    Replaced are: ICCID (header, EF.ICCID), EF.IMSI, EF.ACC, EF.MSISDN if there is one, an entry of EF.ADN that held
    the old number, EF.IMPI, EF.IMPU and EF.DOMAIN of an ISIM, K and OPc (K alone of the test algorithm), PIN1, PIN2,
    ADM1, PUK1, PUK2, and the SCP80 keys of the first security domain. All else stays byte for byte. Raises
    PackageError where the package can't be read, has not exactly one USIM, or has no place for the subscriber's keys.
    """
    package = read(der)
    usim = _only_usim(package)
    edits = _Edits(package)
    edits.put("2FE2", iccid_to_bytes(subscriber.iccid))
    edits.put(f"{usim.naa.path}/6F07", codings.imsi_to_bytes(subscriber.imsi))
    edits.put(f"{usim.naa.path}/6F78", codings.access_class(subscriber.imsi))
    _number(edits, usim, subscriber)
    for isim in package.isims:
        _isim(edits, isim, usim, subscriber)
    return b"".join(edits.apply(element, subscriber) for element in package.elements)


def _only_usim(package: Package) -> Usim:
    usims = package.usims
    if len(usims) != 1:
        raise PackageError("package", 0, f"it has {len(usims)} USIMs; a subscriber is for exactly one")
    aka = usims[0].aka
    if aka is None:
        raise PackageError("package", 0, "its USIM has no akaParameter to take the subscriber's key")
    return usims[0]


def _number(edits: "_Edits", usim: Usim, subscriber: Subscriber) -> None:
    own = usim.file("6F40")
    if own is not None and own.record_length >= codings.NUMBER_BYTES and own.body:
        record = codings.number_record(subscriber.msisdn, own.record_length)
        edits.put(own.path, record + own.body[own.record_length :])
    book, old = edits.package.file("7F10/6F3A"), usim.msisdn
    if book is None or old is None or book.record_length < codings.NUMBER_BYTES:
        return
    records = tuple(_entry(record, old, subscriber.msisdn) for record in book.records)
    if records != book.records:
        edits.put(book.path, b"".join(records))


def _entry(record: bytes, old: str, new: str | None) -> bytes:
    """Exchange the number in a phone book entry if it is the old one."""
    if decoded(codings.bytes_to_number, record) != old:
        return record
    if new is None:
        return b"\xff" * len(record)
    alpha = len(record) - codings.NUMBER_BYTES
    return record[:alpha] + codings.number_record(new, codings.NUMBER_BYTES)


def _isim(edits: "_Edits", isim: Isim, usim: Usim, subscriber: Subscriber) -> None:
    """Derive the ISIM's identities anew; a realm of the operator's own stays."""
    realm = (isim.impi or "").partition("@")[2] or isim.domain or ""
    if not realm or re.fullmatch(_3GPP_REALM, realm):
        realm = codings.home_realm(subscriber.imsi[:3], subscriber.imsi[3 : 3 + usim.mnc_length])
    own = identities(subscriber.imsi, subscriber.msisdn, realm)
    path, length = isim.naa.path, max(map(len, own.impus))
    edits.write(f"{path}/6F02", _Content((own.impi,), fcp={0x80: octets(len(own.impi))}))
    edits.write(f"{path}/6F03", _Content((own.domain,), fcp={0x80: octets(len(own.domain))}))
    edits.write(f"{path}/6F04", _Content(own.impus, length, linear(length, len(own.impus))))


class _Edits:
    """New contents of files by the place where the package makes them, and how elements are rewritten with them."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self._contents: dict[int, dict[int, _Content]] = {}

    def put(self, path: str, body: bytes) -> None:
        """Let a file hold this, in the size it has. Raises PackageError if it has no room or isn't there."""
        file = self._file(path)
        if file.size < len(body):
            element = self.package.elements[file.element]
            raise PackageError(str(element), 0, f"{path} has {file.size} bytes, {len(body)} are needed")
        self.write(path, _Content((body,)))

    def write(self, path: str, content: _Content) -> None:
        """Let a file have this content and size. Raises PackageError if it isn't there."""
        file = self._file(path)
        self._contents.setdefault(file.element, {})[file.member] = content

    def _file(self, path: str) -> File:
        file = self.package.file(path)
        if file is None:
            raise PackageError("package", 0, f"it has no file {path}")
        return file

    def apply(self, element: Element, subscriber: Subscriber) -> bytes:
        """Rewrite an element; one without anything of the subscriber is returned as it was."""
        value = next(iter(items(element.raw))).value
        if element.index == 0:
            reading_order = bytes.fromhex(subscriber.iccid.ljust(20, "F"))
            return tlv(element.tag, _substitute(value, {0x83: reading_order}))
        if element.tag in _CREDENTIALS:
            return tlv(element.tag, _CREDENTIALS[element.tag](self, element, value, subscriber))
        contents = self._contents.get(element.index)
        if not contents:
            return element.raw
        if element.tag == _GENERIC:
            return tlv(element.tag, _rewrite_generic(value, contents))
        return tlv(element.tag, _rewrite_template(element, value, contents))

    def pins(self, _: Element, value: bytes, subscriber: Subscriber) -> bytes:
        """Rewrite pinCodes, unless they are another directory's."""
        values = {
            1: codings.pin_to_bytes(subscriber.pin1),
            129: codings.pin_to_bytes(subscriber.pin2),
            10: codings.adm_to_bytes(subscriber.adm1),
        }
        return _within(value, 0xA1, lambda choice: _within(choice, 0xA0, lambda pins: _codes(pins, values)))

    def puks(self, _: Element, value: bytes, subscriber: Subscriber) -> bytes:
        """Rewrite pukCodes."""
        values = {1: codings.pin_to_bytes(subscriber.puk1), 129: codings.pin_to_bytes(subscriber.puk2)}
        return _within(value, 0xA1, lambda puks: _codes(puks, values))

    def aka(self, element: Element, value: bytes, subscriber: Subscriber) -> bytes:
        """Rewrite akaParameter, unless it refers to another application's."""
        aka = next(aka for aka in self.package.aka if aka.element == element.index)
        if aka.mapping is not None:
            return value
        keys = {0x82: subscriber.ki, 0x83: subscriber.opc}
        if aka.algorithm == Algorithm.TEST:
            del keys[0x83]
        elif aka.algorithm != Algorithm.MILENAGE:
            raise PackageError(str(element), 0, f"algorithm {aka.algorithm} takes other keys than Milenage's K and OPc")
        return _within(value, 0xA1, lambda choice: _within(choice, 0xA1, lambda own: _substitute(own, keys)))

    def domain(self, element: Element, value: bytes, subscriber: Subscriber) -> bytes:
        """Rewrite the SCP80 keys of the first security domain."""
        if element.index != self.package.security_domains[0].element:
            return value
        keys = {1: subscriber.kic, 2: subscriber.kid, 3: subscriber.kik}
        return _within(
            value, 0xA2, lambda key_list: b"".join(_key(element, item.value, keys) for item in items(key_list))
        )


_CREDENTIALS: dict[int, Callable[[_Edits, Element, bytes, Subscriber], bytes]] = {
    _PINS: _Edits.pins,
    _PUKS: _Edits.puks,
    _AKA: _Edits.aka,
    _SECURITY_DOMAIN: _Edits.domain,
}


def _substitute(data: bytes, values: dict[int, bytes]) -> bytes:
    """Exchange the values of some members."""
    return b"".join(tlv(item.tag, values[item.tag]) if item.tag in values else item.raw for item in items(data))


def _within(data: bytes, tag: int, rewrite: Callable[[bytes], bytes]) -> bytes:
    """Rewrite the value of the members with one tag."""
    return b"".join(tlv(tag, rewrite(item.value)) if item.tag == tag else item.raw for item in items(data))


def _codes(data: bytes, values: dict[int, bytes]) -> bytes:
    """Exchange PINs or PUKs by their references."""
    parts = []
    for item in items(data):
        reference = next(int.from_bytes(member.value, "big") for member in items(item.value) if member.tag == 0x80)
        known = values.get(reference)
        parts.append(item.raw if known is None else tlv(item.tag, _substitute(item.value, {0x81: known})))
    return b"".join(parts)


def _key(element: Element, data: bytes, keys: dict[int, bytes]) -> bytes:
    """Exchange the value of a key object if it is one of SCP80's."""
    members = {item.tag: item.value for item in items(data)}
    identifier, version = members[0x82][0], members[0x83][0]
    new = keys.get(identifier)
    if new is None or version not in _SCP80_VERSIONS:
        return tlv(0x30, data)

    def component(value: bytes) -> bytes:
        old = next(item.value for item in items(value) if item.tag == 0x86)
        if len(old) != len(new):
            text = f"key {identifier} of version {version} has {len(old)} bytes, the subscriber's {len(new)}"
            raise PackageError(str(element), 0, text)
        return _substitute(value, {0x86: new})

    return tlv(0x30, _within(data, 0x30, lambda components: _within(components, 0x30, component)))


# --- files


def _rewrite_template(element: Element, value: bytes, contents: dict[int, _Content]) -> bytes:
    parts, missing = [], set(contents)
    for item in items(value):
        missing.discard(item.tag)
        content = contents.get(item.tag)
        parts.append(item.raw if content is None else tlv(item.tag, _rewrite_file(item.value, content)))
    for tag in sorted(missing):
        raise PackageError(str(element), 0, f"member {tag:X} is missing")
    return b"".join(parts)


def _rewrite_file(value: bytes, content: _Content) -> bytes:
    """Exchange the fills of a File, and what its size needs in the Fcp, which comes first."""
    kept = [item for item in items(value) if item.tag not in {FILL_OFFSET, FILL_CONTENT}]
    fcp = next((item.value for item in kept if item.tag == FILE_DESCRIPTOR), b"")
    if content.fcp:
        fcp = _rewrite_fcp(fcp, content.fcp)
    others = b"".join(item.raw for item in kept if item.tag != FILE_DESCRIPTOR)
    fills = fill_records(content.record_length, content.records) if content.record_length else fill(content.records[0])
    return (tlv(FILE_DESCRIPTOR, fcp) if fcp else b"") + others + fills


def _rewrite_fcp(value: bytes, changes: dict[int, bytes]) -> bytes:
    members = {item.tag: item.value for item in items(value)} | changes
    ordered = [tag for tag in FCP_ORDER if tag in members] + [tag for tag in members if tag not in FCP_ORDER]
    return b"".join(tlv(tag, members[tag]) for tag in ordered)


def _rewrite_generic(value: bytes, contents: dict[int, _Content]) -> bytes:
    state = _Commands(contents)
    return _within(value, 0xA1, lambda lists: _within(lists, 0x30, state.rewrite))


class _Commands:
    """Where the rewriting of a genericFileManagement element stands; commands are numbered through all its lists."""

    def __init__(self, contents: dict[int, _Content]) -> None:
        self._contents = contents
        self._number = -1
        self._replaced = False

    def rewrite(self, commands: bytes) -> bytes:
        """Rewrite one list of commands."""
        return b"".join(self._command(item.tag, item.value, item.raw) for item in items(commands))

    def _command(self, tag: int, value: bytes, raw: bytes) -> bytes:
        self._number += 1
        if tag in {_NEW_FILE, _CHANGE_DIRECTORY}:
            self._replaced = False
        if self._replaced and tag in _GENERIC_FILLS:
            return b""
        content = self._contents.get(self._number)
        if content is None:
            return raw
        self._replaced = True
        length = content.record_length or len(content.records[0])
        body = b"".join(codings.pad(record, length) for record in content.records)
        return tlv(tag, _rewrite_fcp(value, content.fcp)) + tlv(0x81, body)
