"""Messages as people read them: the standard's names for members, and values as text, numbers, lists and objects.

Everything here reads what was sent or received; nothing is judged. Keys and hashed codes are never shown, only their
length; of a profile package, which is encrypted, only its parts. A value is JSON: an OCTET STRING is hexadecimal in
capital letters, a version text (`2.5.0`), a BIT STRING the list of its bits' names, an ICCID or IMEI its digits.
"""

import binascii
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple

from smdp.rsp import asn1, bpp, certs, codes, ids
from smdp.rsp.decoder import Alternative, Decoded, Items, Record
from smdp.rsp.tlv import Item, Malformed, bits_of, item_at, items, only

Leaf = str | int | bool | bytes | list[str] | dict[str, int]
"""What a member without members is: bytes where nothing better is known of them."""

_NAMES = {
    "euicc_ci_pk_id_list_for_verification": "euiccCiPKIdListForVerification",
    "euicc_ci_pk_id_list_for_signing": "euiccCiPKIdListForSigning",
    "euicc_ci_pk_id_to_be_used": "euiccCiPKIdToBeUsed",
    "euicc_sign_pir": "euiccSignPIR",
    "ts102241_version": "ts102241Version",
}
_SECRET = frozenset({"hash_cc", "initial_mac_chaining_value", "ppk_enc", "ppk_cmac"})
_CODES: dict[str, type[IntEnum]] = {
    "authenticate_error_code": codes.AuthenticateErrorCode,
    "download_error_code": codes.DownloadErrorCode,
    "cancel_session_response_error": codes.CancelSessionErrorCode,
    "bpp_command_id": codes.BppCommandId,
    "error_reason": codes.ErrorReason,
    "reason": codes.CancelSessionReason,
}
_EVENTS = ("notificationInstall", "notificationEnable", "notificationDisable", "notificationDelete")
_RULES = ("pprUpdateControl", "ppr1 (may not be disabled)", "ppr2 (may not be deleted)")
_UICC = (
    "contactlessSupport usimSupport isimSupport csimSupport akaMilenage akaCave akaTuak128 akaTuak256 rfu1 rfu2 "
    "gbaAuthenUsim gbaAuthenISim mbmsAuthenUsim eapClient javacard multos multipleUsimSupport multipleIsimSupport "
    "multipleCsimSupport berTlvFileSupport dfLinkSupport catTp getIdentity profile-a-x25519 profile-b-p256 "
    "suciCalculatorApi dns-resolution scp11ac scp11c-authorization-mechanism s16mode eaka"
).split()
_RSP = ("additionalProfile", "crlSupport", "rpmSupport", "testProfileSupport")
_BITS = {
    "profile_management_operation": _EVENTS,
    "profile_policy_rules": _RULES,
    "forbidden_profile_policy_rules": _RULES,
    "uicc_capability": _UICC,
    "rsp_capability": _RSP,
}
_VERSIONS = frozenset(
    "svn profile_version pp_version ts102241_version globalplatform_version euicc_firmware_ver "
    "gsm_supported_release utran_supported_release eutran_epc_supported_release contactless_supported_release "
    "rsp_crl_supported_version nr_epc_supported_release nr5gc_supported_release eutran5gc_supported_release "
    "cdma2000onex_supported_release cdma2000hrpd_supported_release cdma2000ehrpd_supported_release".split()
)
_CLASSES = {0: "test", 1: "provisioning", 2: "operational"}
_RESOURCES = {0x81: "installedApplications", 0x82: "freeNonVolatileMemory", 0x83: "freeVolatileMemory"}
CERTIFICATES: Final = frozenset({"server_certificate", "smdp_certificate", "euicc_certificate", "eum_certificate"})
"""The members that hold a certificate."""
_MAX_TEXT = 200
_IMEI_DIGITS = 15
_MAC_BYTES = 8


def standard_name(name: str) -> str:
    """Write a member's name as the standard does: euicc_signed1 is euiccSigned1."""
    if name in _NAMES:
        return _NAMES[name]
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


# --- values


def leaf(member: str, native: Any) -> Leaf:
    """Read the value of a member (by its name in `rsp.asn1`) that has no members itself."""
    if member in _SECRET:
        return f"{len(native)} bytes, not shown"
    if isinstance(native, tuple):
        known = _BITS.get(member, ())
        return [known[bit] if bit < len(known) else f"bit {bit}" for bit in sorted(bits_of(native))]
    if isinstance(native, int) and not isinstance(native, bool):
        return _number(member, native)
    if isinstance(native, bytes):
        return _octets(member, native)
    return native if isinstance(native, bool) else str(native)


def _number(member: str, native: int) -> str | int:
    if member in _CODES:
        known = {int(code): code.name for code in _CODES[member]}
        return f"{native} ({_spoken(known[native])})" if native in known else f"{native} (not in the standard)"
    if member == "profile_class":
        return f"{native} ({_CLASSES.get(native, 'not in the standard')})"
    return native


def _spoken(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(part.capitalize() for part in rest)


def _octets(member: str, native: bytes) -> Leaf:
    if member in _VERSIONS and len(native) == 3:
        return ".".join(map(str, native))
    special: dict[str, Callable[[bytes], Leaf]] = {
        "iccid": ids.iccid_of_bytes,
        "mcc_mnc": _plmn,
        "imei": _imei,
        "ext_card_resource": _resources,
    }
    if member not in special:
        return native
    try:
        return special[member](native)
    except Malformed as error:
        return f"{native.hex().upper()} (not readable: {error})"


def _plmn(data: bytes) -> str:
    if len(data) != 3:
        raise Malformed("a PLMN takes 3 bytes")
    digits = data.hex()
    third = "" if digits[2] == "f" else digits[2]
    return f"{digits[1]}{digits[0]}{digits[3]}/{digits[5]}{digits[4]}{third}"


def _imei(data: bytes) -> str:
    """Read an IMEI, coded with swapped nibbles or in reading order: the one whose check digit is right."""
    swapped = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in data).replace("f", "")
    plain = data.hex().replace("f", "")
    for digits in (swapped, plain):
        if _checked(digits):
            return digits
    if not swapped.isdecimal():
        raise Malformed("an IMEI has decimal digits")
    return swapped


def _checked(imei: str) -> bool:
    digits = imei[:_IMEI_DIGITS]
    return len(digits) == _IMEI_DIGITS and digits.isdecimal() and ids.luhn(digits[:-1]) == digits[-1]


def _resources(data: bytes) -> dict[str, int]:
    """Read extCardResource: what room the card has, in bytes (TS 102 226 §8.2.1.7.2)."""
    return {_RESOURCES.get(item.tag, f"tag {item.tag:X}"): int.from_bytes(item.value, "big") for item in items(data)}


def value(decoded: Decoded, member: str = "") -> Any:
    """Write a decoded value as JSON, its members by the standard's names."""
    if isinstance(decoded, Alternative):
        return {standard_name(decoded.name): value(decoded.chosen, decoded.name)}
    if isinstance(decoded, Record) and member not in CERTIFICATES:
        return {standard_name(name): value(inner, name) for name, inner in decoded.members.items()}
    if isinstance(decoded, Items):
        return [value(inner, member) for inner in decoded]
    if member in CERTIFICATES:
        return certificate(decoded.dump())
    read = leaf(member, decoded.native)
    return read.hex().upper() if isinstance(read, bytes) else read


def certificate(der: bytes) -> dict[str, Any]:
    """Summarise a certificate beside its DER: of an eUICC's, `serialNumber` is the EID."""
    try:
        own = certs.load(der)
    except Malformed as error:
        return _malformed(der, error)
    found = {
        "subject": own.common_name,
        "organization": own.organization,
        "serialNumber": own.serial_number,
        "subjectKeyIdentifier": own.ski and own.ski.hex().upper(),
        "authorityKeyIdentifier": own.aki and own.aki.hex().upper(),
        "curve": own.curve,
        "notBefore": f"{own.not_before:%Y-%m-%dT%H:%M:%SZ}",
        "notAfter": f"{own.not_after:%Y-%m-%dT%H:%M:%SZ}",
        "der": der.hex().upper(),
    }
    return {name: text for name, text in found.items() if text is not None}


def _malformed(data: bytes, error: ValueError) -> dict[str, Any]:
    return {"malformed": str(error), "bytes": data.hex().upper()}


# --- packages


class Part(NamedTuple):
    """A part of a BoundProfilePackage: what can be read of it, how many TLVs it has and of how many bytes.

    `inside` is decoded where the part is not encrypted; `problem` says why it could not be.
    """

    name: str
    what: str
    segments: int
    size: int
    inside: Decoded | None = None
    problem: str | None = None


_PARTS = {
    0xBF23: ("initialiseSecureChannelRequest", "who made it, for which session"),
    0xA0: ("firstSequenceOf87", "configureISDP, encrypted"),
    0xA1: ("sequenceOf88", "metadata, readable"),
    0xA2: ("secondSequenceOf87", "profile protection keys, encrypted"),
    0xA3: ("sequenceOf86", "the profile, encrypted"),
}


def package_parts(data: bytes) -> Iterator[Part]:
    """Read the parts of a BoundProfilePackage, BF36 (SGP.22 §2.5.4). Raises Malformed if it is none."""
    return map(_part, list(items(only(data, 0xBF36).value)))


def _part(part: Item) -> Part:
    name, what = _PARTS.get(part.tag, (f"tag {part.tag:X}", "unknown, encrypted"))
    try:
        if part.tag == 0xBF23:
            inside = asn1.decode(asn1.InitialiseSecureChannelRequest, part.raw)
            return Part(name, what, 1, len(part.raw), inside)
        found = list(items(part.value))
        size = sum(len(segment.raw) for segment in found)
        if part.tag != 0xA1:
            return Part(name, what, len(found), size)
        metadata = b"".join(segment.value[:-_MAC_BYTES] for segment in found)
        return Part(name, what, len(found), size, asn1.decode(asn1.StoreMetadataRequest, metadata))
    except Malformed as error:
        return Part(name, what, 0, len(part.raw), problem=str(error))


def package(data: bytes) -> dict[str, Any]:
    """Summarise a BoundProfilePackage by its parts: how many TLVs of how many bytes, and the metadata."""
    told: dict[str, Any] = {"bytes": len(data), "segments": sum(1 for _ in bpp.segments(data))}
    for part in package_parts(data):
        one: dict[str, Any] = {"content": part.what, "tlvs": part.segments, "bytes": part.size}
        if part.inside is not None:
            one |= value(part.inside)
        if part.problem is not None:
            one["malformed"] = part.problem
        told[part.name] = one
    return told


# --- the members of an ES9+ body (SGP.22 §6.5.2)


def _as(spec: Any, tag: int | None = None) -> Callable[[bytes], Any]:
    return lambda data: value(asn1.decode(spec, data, tag))


def _bare(data: bytes) -> str:
    return data.hex().upper()


def _wrapped(data: bytes) -> str:
    """Read what is wrapped as one TLV: a signature (5F37), a key identifier (04)."""
    return item_at(data).value.hex().upper()


def _notification(data: bytes) -> Any:
    result = data.startswith(b"\xbf\x37")
    return value(asn1.decode(asn1.ProfileInstallationResult if result else asn1.OtherSignedNotification, data))


MEMBERS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "euiccChallenge": _bare,
    "euiccInfo1": _as(asn1.EUICCInfo1),
    "serverSigned1": _as(asn1.ServerSigned1),
    "serverSignature1": _wrapped,
    "euiccCiPKIdToBeUsed": _wrapped,
    "serverCertificate": certificate,
    "authenticateServerResponse": _as(asn1.AuthenticateServerResponse),
    "profileMetadata": _as(asn1.StoreMetadataRequest),
    "smdpSigned2": _as(asn1.SmdpSigned2),
    "smdpSignature2": _wrapped,
    "smdpCertificate": certificate,
    "prepareDownloadResponse": _as(asn1.PrepareDownloadResponse),
    "boundProfilePackage": package,
    "cancelSessionResponse": _as(asn1.CancelSessionResponse),
    "pendingNotification": _notification,
}
"""How the members of ES9+ bodies are read that are base64; the others are text."""


def body(document: Mapping[str, Any]) -> dict[str, Any]:
    """Write an ES9+ body, decoded from JSON, with what is in its members; a malformed one says what is wrong."""
    return {_clipped(name): _member(name, told) for name, told in document.items()}


def _member(name: str, told: Any) -> Any:
    if name == "header" and isinstance(told, dict):
        return told
    if name not in MEMBERS or not isinstance(told, str):
        return _clipped(told) if isinstance(told, str) else _clipped(repr(told))
    try:
        data = binascii.a2b_base64("".join(told.split()), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        return {"malformed": str(error), "text": _clipped(told)}
    return member(name, data)


def member(name: str, data: bytes) -> Any:
    """Read the bytes of one of MEMBERS; malformed ones say what is wrong."""
    try:
        return MEMBERS[name](data)
    except Malformed as error:
        return _malformed(data, error)


def _clipped(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… ({len(text)} characters)"
