"""DER: any message of `rsp.asn1` by its tag, bound profile packages, profile packages, certificates, signed things."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from asn1crypto import core

from smdp.explain import certificates, fields
from smdp.explain.words import Explanation, Line, lines, shown
from smdp.rsp import asn1, bpp, certs
from smdp.rsp.readable import Part, package_parts
from smdp.rsp.tlv import Malformed, gate, item_at, items, opening

_SEQUENCE, _OCTET_STRING, _BPP, _UPP, _SIGNATURE = 0x30, 0x04, 0xBF36, 0xA0, 0x5F37
_UNTAGGED = (
    asn1.ServerSigned1,
    asn1.EuiccSigned1,
    asn1.SmdpSigned2,
    asn1.EuiccSigned2,
    asn1.EuiccCancelSessionSigned,
    asn1.OtherSignedNotification,
)
"""Types that travel under the tag of any SEQUENCE: told apart by which of them fits."""
_CONTEXT = 2


@cache
def _types() -> dict[int, list[Any]]:
    """Every type with a tag of its own, by that tag: a request and its response share one."""
    found: dict[int, list[Any]] = {}
    for spec in vars(asn1).values():
        if isinstance(spec, type) and issubclass(spec, core.Asn1Value) and (number := _number(spec)) is not None:
            found.setdefault(0xBF00 | number, []).append(spec)
    return found


def _number(spec: Any) -> int | None:
    """Return the number of a type's own tag, BF and this; None if it has none."""
    if issubclass(spec, core.Choice):
        tagged = spec.explicit
        if tagged and isinstance(tagged[0], tuple):  # asn1crypto rewrites it when it first makes one of the type
            tagged = tagged[0]
        return tagged[1] if tagged else None
    return spec.tag if spec.class_ == _CONTEXT else None


def explain(data: bytes) -> Explanation:
    """Explain DER or BER. Raises Malformed if it is none, or none that is known."""
    found = opening(data).tag
    if found == _BPP:
        return package(data)
    if found == _UPP:
        return profile_package(data)
    gate(data)
    if found in _types():
        return _message(found, data)
    if found == _SEQUENCE:
        return _sequence(data)
    if found == _SIGNATURE:
        size = len(item_at(data).value)
        return Explanation("signature", f"A signature of {size} bytes (r‖s, TR-03111).", _contents(data))
    if found == _OCTET_STRING:
        value = item_at(data).value
        title = f"An OCTET STRING, such as euiccCiPKIdToBeUsed{certificates.whose(value)}."
        return Explanation("octet-string", title, [Line("value", shown(value))])
    return Explanation("der", f"DER with the tag {found:X}, which no message of SGP.22 v2.5 has.", _contents(data))


def _message(tag: int, data: bytes) -> Explanation:
    problems = []
    for spec in _types()[tag]:
        try:
            inside = fields.of(spec, data)
        except Malformed as error:
            problems.append((spec.__name__, str(error)))
            continue
        summary = " ".join((spec.__doc__ or "").split()).partition("(")[2].partition(")")[0]
        told = Explanation("message", f"{spec.__name__}, tag {tag:X}{f' ({summary})' if summary else ''}.", inside)
        told.problems = list(_doubts(spec, data))
        return told
    names = " or ".join(name for name, _ in problems)
    told = Explanation("message", f"Something with the tag {tag:X} of {names}.", _contents(data))
    told.problems = [f"As {name}: {problem}." for name, problem in problems]
    return told


def _doubts(spec: Any, data: bytes) -> Iterator[str]:
    """Judge what can be judged offline: the eUICC's signature and certificate in an AuthenticateServerResponse."""
    if spec is not asn1.AuthenticateServerResponse:
        return
    found = asn1.decode(spec, data)
    if found.name != "authenticate_response_ok":
        return
    answer = found.chosen
    try:
        euicc = certs.load(answer["euicc_certificate"].dump())
        eum = certs.load(answer["eum_certificate"].dump())
    except Malformed as error:
        yield f"A certificate can't be read: {error}."
        return
    from smdp.rsp.crypto import verify

    if not verify(euicc.public_key, answer["euicc_signature1"].native, answer["euicc_signed1"].dump()):
        yield "euiccSignature1 was not made by the key of euiccCertificate."
    if problem := certs.euicc_problem(euicc, eum):
        yield f"euiccCertificate under eumCertificate: {problem}."


def _sequence(data: bytes) -> Explanation:
    """Explain a SEQUENCE: one of the types without a tag, a certificate, or something signed (CMS)."""
    for spec in _UNTAGGED:
        try:
            inside = fields.of(spec, data)
        except Malformed:
            continue
        return Explanation("message", f"{spec.__name__} (SGP.22).", inside)
    first = next(items(item_at(data).value), None)
    if first is not None and first.tag == _SEQUENCE:
        return certificates.of_bytes(data)
    return Explanation("der", "A SEQUENCE that is no message of SGP.22.", _contents(data))


def _contents(data: bytes) -> list[Line]:
    """List the tags of something unknown, two levels deep, without secrets' values."""
    return [Line(f"{item.tag:X}", f"{len(item.value)} bytes") for item in list(items(data))[:50]]


# --- packages


def package(data: bytes) -> Explanation:
    """Explain a BoundProfilePackage (BF36): its parts, how it is cut up, and the metadata, which is not encrypted."""
    body = item_at(data)
    if len(body.raw) != len(data):
        raise Malformed(f"{len(data) - len(body.raw)} bytes trail behind the package")
    parts = list(package_parts(data))
    told = Explanation("bound-profile-package", "A BoundProfilePackage, tag BF36 (SGP.22 §2.5.4).")
    told.lines = lines((("size", f"{len(data)} bytes"),))
    try:
        told.lines += lines((("segments", f"{sum(1 for _ in bpp.segments(data))} to load (SGP.22 §2.5.5)"),))
    except Malformed as error:
        told.problems.append(f"It can't be cut up: {error}.")
    told.lines += [_part(part) for part in parts]
    if not any(part.name == "secondSequenceOf87" for part in parts):
        told.lines.append(Line("keys", "no A2: the profile is protected by the session keys"))
    return told


def _part(part: Part) -> Line:
    if part.problem is not None:
        return Line(part.name, f"malformed: {part.problem}")
    if part.inside is not None:
        return Line(part.name, part.what, fields.told(part.inside))
    return Line(part.name, f"{part.what}: {part.segments} TLVs, {part.size} bytes")


def profile_package(data: bytes) -> Explanation:
    """Explain a profile package (UPP) without its secrets."""
    from smdp import upp

    told = Explanation("profile-package", "An unprotected profile package, UPP (TCA Interoperable Format).")
    try:
        found = upp.read(data)
    except upp.PackageError as error:
        told.problems.append(f"It can't be read: {error}.")
        return told
    usim = found.usim
    told.lines = lines(
        (
            ("size", f"{len(data)} bytes, {upp.nvm_estimate(found)} on a card"),
            ("version", ".".join(map(str, found.version))),
            ("profile type", found.profile_type),
            ("ICCID", found.iccid),
            ("IMSI", usim and usim.imsi),
            ("MSISDN", usim and usim.msisdn),
            ("operator name", usim and usim.spn),
            ("applications", ", ".join(naa.kind for naa in found.naas) or None),
            ("elements", ", ".join(element.name for element in found.elements)),
            ("files", len(found.files)),
            ("secrets", f"{len(found.aka)} of the network, {len(found.pins)} PINs, {len(found.puks)} PUKs: not shown"),
        )
    )
    told.problems = [str(finding) for finding in upp.lint(found)]
    return told
