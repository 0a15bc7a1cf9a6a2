"""Configuration profiles (.mobileconfig), plain or signed: their payloads, and what is odd about them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from asn1crypto import cms

from smdp.explain.words import Explanation, Line, clipped, hidden, lines
from smdp.rsp.tlv import Malformed

_MAX_PAYLOADS = 50
_MAX_ITEMS = 20
_MDM, _CELLULAR, _APN = "com.apple.mdm", "com.apple.cellular", "com.apple.apn.managed"
_IDENTITIES = ("com.apple.security.scep", "com.apple.security.pkcs12", "com.apple.security.acme")
_RIGHTS = {
    1: "inspect profiles", 2: "install profiles", 4: "lock", 8: "erase", 16: "device information",
    32: "network information", 64: "inspect provisioning", 128: "install provisioning", 256: "applications",
    512: "restrictions", 1024: "security", 2048: "settings", 4096: "manage apps",
}  # fmt: skip
_RESTRICTIONS = {
    "allowESIMModification": (False, "the user can't add or remove eSIMs; MDM still can"),
    "allowESIMOutgoingTransfers": (False, "no eSIM goes to another device"),
    "forcePreserveESIMOnErase": (True, "an erase keeps the eSIMs, unless Find My does it"),
    "allowCellularPlanModification": (False, "the plan's settings are locked"),
    "allowAppCellularDataModification": (False, "the switches of cellular data per app are locked"),
    "allowEraseContentAndSettings": (False, "the user can't erase the device"),
}
_SECRETS = frozenset({"Challenge", "Password", "ProxyPassword", "PayloadContent"})


def unwrapped(data: bytes) -> tuple[bytes, list[str]]:
    """Take the content out of a signed profile (CMS), with the names of its signers' certificates. Raises Malformed."""
    try:
        signed = cms.ContentInfo.load(data)["content"]
        content = signed["encap_content_info"]["content"].native
        certificates = signed["certificates"].native and signed["certificates"]
        names = [one.chosen.subject.human_friendly for one in certificates or ()]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Malformed("it is no readable CMS") from None
    if not isinstance(content, bytes):
        raise Malformed("it is signed (CMS), but has nothing in it")
    return content, [clipped(name) for name in names[:_MAX_ITEMS]]


def explain(found: Mapping[str, Any], signers: list[str] | None = None) -> Explanation:
    """Explain a profile that was read; `signers` are the names in its signature, None if it has none."""
    told = Explanation("mobileconfig", "A configuration profile.")
    told.lines = lines(
        (
            ("name", found.get("PayloadDisplayName")),
            ("identifier", found.get("PayloadIdentifier")),
            ("organization", found.get("PayloadOrganization")),
            ("signed", "no" if signers is None else f"by one of: {'; '.join(signers) or 'nobody named'}"),
        )
    )
    content = found.get("PayloadContent")
    if not isinstance(content, list):
        told.problems.append("Its PayloadContent is no list, or it is encrypted.")
        return told
    payloads = [payload for payload in content[:_MAX_PAYLOADS] if isinstance(payload, dict)]
    for payload in payloads:
        told.lines.append(_payload(payload))
        if payload.get("PayloadType") == _MDM:
            told.problems.extend(_mdm_problems(payload, payloads))
    told.problems.extend(_cellular_problems(payloads))
    return told


def _payload(payload: Mapping[str, Any]) -> Line:
    kind = clipped(str(payload.get("PayloadType", "no PayloadType")))
    if kind == "com.apple.applicationaccess":
        return Line(kind, "restrictions (on supervised devices)", list(_restrictions(payload)))
    title = clipped(str(payload.get("PayloadDisplayName", "")))
    return Line(kind, title, list(_members(payload)))


def _members(payload: Mapping[str, Any], depth: int = 0) -> Iterator[Line]:
    for name, value in list(payload.items())[:_MAX_ITEMS]:
        if name.startswith("Payload") and name != "PayloadContent":
            continue
        if name == "AccessRights" and isinstance(value, int):
            yield Line(name, f"{value}: {_rights(value)}")
        elif isinstance(value, bytes) or (name in _SECRETS and isinstance(value, str)):
            yield Line(name, hidden(value))
        elif isinstance(value, dict) and depth < 3:
            yield Line(name, "", list(_members(value, depth + 1)))
        elif isinstance(value, list) and depth < 3 and value and isinstance(value[0], dict):
            inner = [one for one in value[:_MAX_ITEMS] if isinstance(one, dict)]
            yield Line(
                name, "", [Line(str(place), "", list(_members(one, depth + 1))) for place, one in enumerate(inner, 1)]
            )
        elif isinstance(value, dict | list):
            yield Line(name, f"{len(value)} entries")
        else:
            yield Line(name, clipped(str(value)))


def _rights(rights: int) -> str:
    return ", ".join(text for bit, text in _RIGHTS.items() if rights & bit) or "none"


def _restrictions(payload: Mapping[str, Any]) -> Iterator[Line]:
    """List the restrictions that are about eSIMs, and what each does as it is set."""
    for name, (restricts, text) in _RESTRICTIONS.items():
        if isinstance(payload.get(name), bool):
            yield Line(
                name, f"{payload[name]}: {text}" if payload[name] is restricts else f"{payload[name]}: the default"
            )


def _mdm_problems(payload: Mapping[str, Any], payloads: list[dict[str, Any]]) -> Iterator[str]:
    for name in ("ServerURL", "CheckInURL"):
        url = payload.get(name)
        if url is not None and not str(url).lower().startswith("https://"):
            yield f"{name} is no https:// URL; iPhones take no other."
    if not payload.get("ServerURL"):
        yield "com.apple.mdm lacks ServerURL."
    if not str(payload.get("Topic", "")).startswith("com.apple.mgmt."):
        yield "Topic must begin with com.apple.mgmt."
    rights = payload.get("AccessRights")
    if rights == 0:
        yield "AccessRights is 0, which devices refuse."
    elif isinstance(rights, int) and not rights & 32:
        yield "AccessRights lacks 32 (network information): ServiceSubscriptions, so the plan, is never shown."
    identities = {one.get("PayloadUUID") for one in payloads if one.get("PayloadType") in _IDENTITIES}
    if payload.get("IdentityCertificateUUID") not in identities:
        yield "IdentityCertificateUUID names no SCEP, ACME or PKCS #12 payload of this profile."


def _cellular_problems(payloads: list[dict[str, Any]]) -> Iterator[str]:
    counts = Counter(str(payload.get("PayloadType")) for payload in payloads)
    if counts[_CELLULAR] > 1 or (counts[_CELLULAR] and counts[_APN]):
        yield "There are several Cellular or APN payloads: the device answers 4018."
