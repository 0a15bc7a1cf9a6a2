"""The members of the standard's messages as lines: what `rsp.readable` reads of them, cut to what a line holds."""

from typing import Any

from smdp.explain import certificates
from smdp.explain.words import Line, clipped, shown
from smdp.rsp.asn1 import decode
from smdp.rsp.decoder import Alternative, Decoded, Items, Record
from smdp.rsp.readable import CERTIFICATES, Leaf, leaf, standard_name

_RESOURCES = {
    "installedApplications": ("installed applications", ""),
    "freeNonVolatileMemory": ("free non-volatile memory", " bytes"),
    "freeVolatileMemory": ("free volatile memory", " bytes"),
}


def told(value: Decoded, name: str = "") -> list[Line]:
    """Explain what is inside a decoded value; of something without members, the value itself."""
    if isinstance(value, Alternative):
        return [_line(value.name, value.chosen)]
    if isinstance(value, Record):
        return [_line(member, inner) for member, inner in value.members.items()]
    if isinstance(value, Items):
        return [_line(name, inner, str(place)) for place, inner in enumerate(value, 1)]
    return [_line(name, value)]


def _line(member: str, value: Decoded, label: str | None = None) -> Line:
    name = label or standard_name(member)
    if member in CERTIFICATES:
        return certificates.of_bytes(value.dump()).as_line(name)
    if isinstance(value, Record | Items | Alternative):
        return Line(name, "", told(value, member))
    return _leaf(name, member, leaf(member, value.native))


def _leaf(name: str, member: str, read: Leaf) -> Line:
    if isinstance(read, dict):
        return Line(name, "", [_resource(what, amount) for what, amount in read.items()])
    if isinstance(read, list):
        return Line(name, ", ".join(read) or "none")
    if isinstance(read, bool):
        return Line(name, "yes" if read else "no")
    if isinstance(read, bytes):
        return Line(name, shown(read) + (certificates.whose(read) if member.startswith("euicc_ci_pk_id") else ""))
    return Line(name, clipped(str(read)))


def _resource(what: str, amount: int) -> Line:
    name, unit = _RESOURCES.get(what, (what, " bytes"))
    return Line(name, f"{amount}{unit}")


def of(spec: Any, data: bytes) -> list[Line]:
    """Decode bytes as a type of `rsp.asn1` and explain its members. Raises Malformed."""
    return told(decode(spec, data))
