"""What a card refuses about a package as a whole, and what a phone would stumble over (TCA Interoperable Format)."""

from collections import Counter
from collections.abc import Callable, Iterator

from smdp.rsp.tlv import Malformed, items
from smdp.upp.contents import Aka, Algorithm, File, Finding, Status
from smdp.upp.package import Package
from smdp.upp.services import SERVICES, TAGS
from smdp.upp.templates import template

_GENERIC, _END, _NON_STANDARD, _PUK_CODES, _CDMA, _EAP = 0xA1, 0xAA, 0xA9, 0xA3, 0xA5, 0xBB
_MAKES_MF = frozenset({0xB0, _GENERIC})
_MF = "3F00"
_FIRST_LOCAL_KEY = 0x81
_MAJOR_VERSIONS = frozenset({2, 3})
_LABELS = {0x61}
_CORE_SERVICES = frozenset(
    TAGS[name] for name in ("usim", "isim", "csim", "milenage", "tuak128", "tuak256", "usim-test-algorithm")
)
_SUCI_BY_CARD = 125
_SERVICE_FILES = {
    2: "6F3B",
    3: "6F4B",
    4: "6F49",
    10: "6F3C 6F43",
    11: "6F47",
    12: "6F42",
    15: "6F45",
    17: "6F3E",
    18: "6F3F",
    19: "6F46",
    20: "6F60",
    21: "6F40",
    27: "5F3B/4F20 5F3B/4F52",
    34: "6F56",
    35: "6F57",
    42: "6F61",
    43: "6F62",
    45: "6FC5",
    46: "6FC6 6FC5",
    47: "6FC7 6FC9",
    48: "6FCA",
    49: "6FCB",
    51: "6FCD 6F46",
    71: "6FD9",
    73: "6FDB",
    74: "6FDC",
    85: "6FE3 6FE4",
    96: "6FE8",
    106: "6FF3 6FF4",
    107: "6FF3 6FF4",
    115: "6FF8",
    117: "6FF9",
    118: "6FFA",
    120: "6FFC",
    122: "5FC0/4F01 5FC0/4F02 5FC0/4F03 5FC0/4F04",
    123: "5FC0/4F05",
    124: "5FC0/4F0A",
    125: "5FD0/4F01",
    126: "5FC0/4F06",
    129: "5FC0/4F08",
    130: "5FC0/4F09",
    132: "5FC0/4F0B",
    135: "5FC0/4F0C",
}
"""Which files a bit of EF.UST promises."""


def lint(package: Package) -> list[Finding]:
    """Check a package: what the reader noted, then order, identity, PINs, applications, files and services.

    A finding that is no warning is one for which a card ends the installation with its status.
    """
    return [*package.findings, *(finding for rule in RULES for finding in rule(package))]


def _about(package: Package, index: int, status: Status, text: str, *, warning: bool = False) -> Finding:
    return Finding(status, text, package.elements[index].identification, warning=warning)


def order(package: Package) -> Iterator[Finding]:
    """Header first, then what makes the MF, end last; identifications and pukCodes once."""
    body = [element for element in package.elements[1:] if element.tag != _NON_STANDARD]
    if not body or body[0].tag not in _MAKES_MF:
        yield Finding(Status.INVALID_REQUEST_FORMAT, "the element behind the header doesn't make the MF")
    ends = [element for element in package.elements if element.tag == _END]
    if len(ends) != 1 or package.elements[-1].tag != _END:
        yield Finding(Status.INVALID_REQUEST_FORMAT, "a package ends with its one end element")
    seen: set[int] = set()
    for element in package.elements:
        if element.identification is not None and element.identification in seen:
            text = f"two elements have the identification {element.identification}"
            yield Finding(Status.INVALID_REQUEST_FORMAT, text, element.identification)
        seen.add(-1 if element.identification is None else element.identification)
    if sum(element.tag == _PUK_CODES for element in package.elements) > 1:
        yield Finding(Status.INVALID_REQUEST_FORMAT, "there is more than one pukCodes")


def identity(package: Package) -> Iterator[Finding]:
    """The same ICCID in header and EF.ICCID; an IMSI; a version that cards know."""
    if package.version[0] not in _MAJOR_VERSIONS:
        text = f"version {package.version[0]}.{package.version[1]} is neither 2 nor 3"
        yield Finding(Status.UNSUPPORTED_PROFILE_VERSION, text)
    if package.ef_iccid != package.iccid:
        there = package.ef_iccid or "nothing readable"
        yield Finding(Status.BAD_VALUES, f"the header says ICCID {package.iccid}, EF.ICCID {there}")
    for usim in package.usims:
        if usim.imsi is None:
            yield Finding(Status.BAD_VALUES, "EF.IMSI holds no IMSI")
        elif int(usim.imsi[-1]) not in usim.access_classes:
            yield Finding(Status.BAD_VALUES, "EF.ACC has not the class of the IMSI's last digit", warning=True)


def templates(package: Package) -> Iterator[Finding]:
    """Templates no newer than the header's version, and all of them in its list."""
    used: set[str] = set()
    for element in package.elements:
        if element.template is None:
            continue
        used.add(element.template)
        known = template(element.template)
        if known is not None and known.since > package.version:
            text = f"template {element.template} is newer than the package's version"
            yield _about(package, element.index, Status.TEMPLATE_NOT_SUPPORTED, text)
        if element.mandated and element.template not in package.templates:
            text = f"template {element.template} is not in the header's list"
            yield _about(package, element.index, Status.TEMPLATE_NOT_SUPPORTED, text)
    for oid in sorted(set(package.templates) - used):
        text = f"the header lists template {oid}, which nothing uses"
        yield Finding(Status.TEMPLATE_NOT_SUPPORTED, text, warning=True)


def _needed_services(package: Package) -> set[int]:
    """Find the services that the content is made of."""
    kinds = Counter(naa.kind for naa in package.naas)
    names = {kind for kind in kinds if kind in TAGS}
    names |= {f"multiple-{kind}" for kind, count in kinds.items() if count > 1 and kind in TAGS}
    names |= {name for aka in package.aka if (name := _algorithm(aka))}
    tags = {element.tag for element in package.elements}
    features = {
        "cave": _CDMA in tags,
        "eap": _EAP in tags,
        "ber-tlv": any(file.type == "BT" for file in package.files.values()),
        "dfLink": any(file.links_directory for file in package.files.values()),
        "cat-tp": any(domain.cat_tp for domain in package.security_domains),
        "get-identity": any(_SUCI_BY_CARD in usim.services for usim in package.usims),
    }
    names |= {name for name, used in features.items() if used}
    return {TAGS[name] for name in names}


def _algorithm(aka: Aka) -> str | None:
    match aka.algorithm:
        case Algorithm.MILENAGE:
            return "milenage"
        case Algorithm.TUAK:
            return "tuak256" if len(aka.key) == 32 else "tuak128"
        case Algorithm.TEST:
            return "usim-test-algorithm"
    return None


def services(package: Package) -> Iterator[Finding]:
    """The header demands what the content needs."""
    needed, listed = _needed_services(package), set(package.services)
    for tag in sorted(needed - listed):
        text = f"the header doesn't demand the service {SERVICES[tag].name}, which the content needs"
        yield Finding(Status.FEATURE_NOT_SUPPORTED, text, warning=tag not in _CORE_SERVICES)
    for tag in sorted(listed):
        if tag not in SERVICES:
            yield Finding(Status.FEATURE_NOT_SUPPORTED, f"the header demands an unknown service {tag:X}")
        elif tag in _CORE_SERVICES - needed:
            text = f"the header demands the service {SERVICES[tag].name}, which nothing uses"
            yield Finding(Status.FEATURE_NOT_SUPPORTED, text, warning=True)


def _is_generic(package: Package, file: File) -> bool:
    """Say whether genericFileManagement makes a file: cards look less closely there, and TS.48 relies on it."""
    return package.elements[file.element].tag == _GENERIC


def pins(package: Package) -> Iterator[Finding]:
    """Every key that counts in a directory exists, and every PUK that a PIN names."""
    codes = Counter((pin.context, pin.reference) for pin in package.pins)
    contexts = {context for context, _ in codes}
    shared = {entry.context: entry.path for entry in package.shared_pins}
    for file in package.files.values():
        for key in file.pins:
            places = [_MF] if key < _FIRST_LOCAL_KEY else _upwards(file.path)
            if not any((shared.get(place, place), key) in codes for place in places):
                text = f"{file.path} counts on key {key:02X}, which has no value"
                tolerated = key >= _FIRST_LOCAL_KEY and _is_generic(package, file)
                yield _about(package, file.element, Status.PIN_CODE_MISSING, text, warning=tolerated)
    for entry in package.shared_pins:
        if entry.path not in contexts:
            text = f"{entry.context} shares the PINs of {entry.path}, which has none"
            yield _about(package, entry.element, Status.PIN_CODE_MISSING, text)
    puks = {puk.reference for puk in package.puks}
    for pin in package.pins:
        if pin.puk is not None and pin.puk not in puks:
            text = f"key {pin.reference:02X} names PUK {pin.puk:02X}, which has no value"
            yield _about(package, pin.element, Status.PIN_CODE_MISSING, text)
        if codes[pin.context, pin.reference] > 1:
            text = f"key {pin.reference:02X} of {pin.context} is given twice"
            yield _about(package, pin.element, Status.BAD_VALUES, text)


def _upwards(path: str) -> list[str]:
    """Name a directory and those above it, the MF last."""
    parts = [] if path == _MF else path.split("/")
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)] + [_MF]


def applications(package: Package) -> Iterator[Finding]:
    """AIDs agree in ADFs, EF.DIR, RFM and AKA; each application can authenticate; management follows its domain."""
    aids = {naa.aid for naa in package.naas}
    listed = set(_directory(package))
    keyed = {aka.naa for aka in package.aka}
    for naa in package.naas:
        index = package.files[naa.path].element
        if naa.aid not in listed:
            text = f"EF.DIR doesn't list the {naa.kind} {naa.aid.hex().upper()}"
            yield _about(package, index, Status.BAD_VALUES, text)
        if naa.kind != "csim" and naa.path not in keyed:
            text = f"the {naa.kind} has no akaParameter"
            yield _about(package, index, Status.BAD_VALUES, text, warning=naa.kind != "usim")
    for aka in package.aka:
        if aka.mapping is not None and aka.mapping not in aids:
            text = f"the keys are those of {aka.mapping.hex().upper()}, which isn't there"
            yield _about(package, aka.element, Status.BAD_VALUES, text)
    first = min((domain.element for domain in package.security_domains), default=None)
    if first is None:
        yield Finding(Status.BAD_VALUES, "there is no security domain of the operator (MNO-SD)", warning=True)
    for rfm in package.rfm:
        if rfm.adf is not None and rfm.adf not in aids:
            text = f"remote management of {rfm.adf.hex().upper()}, which isn't there"
            yield _about(package, rfm.element, Status.BAD_VALUES, text)
        if first is None or rfm.element < first:
            text = "remote management comes before its security domain"
            yield _about(package, rfm.element, Status.BAD_VALUES, text)


def _directory(package: Package) -> Iterator[bytes]:
    """Read the AIDs in EF.DIR."""
    found = package.file("2F00")
    for record in found.records if found is not None and found.record_length else ():
        try:
            entries = [item for item in items(record.rstrip(b"\xff")) if item.tag in _LABELS]
            yield from (item.value for entry in entries for item in items(entry.value) if item.tag == 0x4F)
        except Malformed:
            continue


def access_rules(package: Package) -> Iterator[Finding]:
    """Every file's access rule exists and can be read."""
    counts: dict[str, int] = {}
    for file in package.files.values():
        if file.arr is None:
            continue
        rules, number = _rules(package, file), file.arr[1]
        if rules is None:
            text = f"{file.path} has no EF.ARR {file.arr[0]} for its access rule"
            yield _about(package, file.element, Status.BAD_VALUES, text, warning=_is_generic(package, file))
            continue
        if rules.path not in counts:
            counts[rules.path] = len(rules.records)
            if not all(map(_is_rule, rules.records)):
                text = f"the records of {rules.path} don't begin where access rules do"
                yield _about(package, rules.element, Status.BAD_VALUES, text)
        if not 1 <= number <= counts[rules.path]:
            text = f"{file.path} points to record {number} of {rules.path}, which has {counts[rules.path]}"
            yield _about(package, file.element, Status.BAD_VALUES, text)


def _rules(package: Package, file: File) -> File | None:
    """Find the EF.ARR that a file's reference means: 2F06 in the MF, another in the next directory that has it."""
    name = file.arr[0] if file.arr else ""
    places = [_MF] if name == "2F06" else _upwards(file.path)
    found = (package.file(f"{place}/{name}" if place != _MF else name) for place in places)
    return next((rules for rules in found if rules is not None and rules.record_length), None)


def _is_rule(record: bytes) -> bool:
    """Say whether a record is empty, or begins with an access mode and ends with a condition."""
    rule = record.rstrip(b"\xff")
    if not rule:
        return True
    try:
        tags = [item.tag for item in items(rule)]
    except Malformed:
        return False
    return 0x80 <= tags[0] <= 0x8F and not 0x80 <= tags[-1] <= 0x8F


def service_table(package: Package) -> Iterator[Finding]:
    """Every service that EF.UST promises has its files; a card accepts it without, a phone fails."""
    for usim in package.usims:
        promised = usim.services
        for service, fids in _SERVICE_FILES.items():
            missing = [fid for fid in fids.split() if service in promised and usim.file(fid) is None]
            if missing:
                text = f"EF.UST promises service {service}, but {', '.join(missing)} isn't there"
                index = package.files[usim.naa.path].element
                yield _about(package, index, Status.BAD_VALUES, text, warning=True)


RULES: tuple[Callable[[Package], Iterator[Finding]], ...] = (
    order,
    identity,
    templates,
    services,
    pins,
    applications,
    access_rules,
    service_table,
)
"""The rules, in the order in which they are applied."""
