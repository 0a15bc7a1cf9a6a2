"""The members of the standard's messages: their names as SGP.22 writes them, their values as people read them.

Keys and hashes of codes are never shown, only how long they are.
"""

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any

from smdp.explain import certificates
from smdp.explain.words import Line, clipped, hidden, shown
from smdp.rsp import codes, ids
from smdp.rsp.asn1 import decode
from smdp.rsp.decoder import Alternative, Decoded, Items, Record
from smdp.rsp.tlv import Malformed, bits_of, items

_NAMES = {
    "euicc_ci_pk_id_list_for_verification": "euiccCiPKIdListForVerification",
    "euicc_ci_pk_id_list_for_signing": "euiccCiPKIdListForSigning",
    "euicc_ci_pk_id_to_be_used": "euiccCiPKIdToBeUsed",
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
_RESOURCES = {0x81: "installed applications", 0x82: "free non-volatile memory", 0x83: "free volatile memory"}
_CERTIFICATES = frozenset({"server_certificate", "smdp_certificate", "euicc_certificate", "eum_certificate"})


def standard_name(name: str) -> str:
    """Write a member's name as the standard does: euicc_signed1 is euiccSigned1."""
    if name in _NAMES:
        return _NAMES[name]
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


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
    if member in _CERTIFICATES:
        return certificates.of_bytes(value.dump()).as_line(name)
    if isinstance(value, Record | Items | Alternative):
        return Line(name, "", told(value, member))
    if member == "ext_card_resource":
        return Line(name, "", list(_resources(value.native)))
    return Line(name, _value(member, value.native))


def _value(member: str, native: Any) -> str:
    if member in _SECRET:
        return hidden(native)
    if isinstance(native, tuple):
        known = _BITS.get(member, ())
        numbers = sorted(bits_of(native))
        return ", ".join(known[number] if number < len(known) else f"bit {number}" for number in numbers) or "none"
    if isinstance(native, bool):
        return "yes" if native else "no"
    if isinstance(native, int):
        return _number(member, native)
    if isinstance(native, bytes):
        return _octets(member, native)
    return clipped(str(native))


def _number(member: str, native: int) -> str:
    if member in _CODES:
        known = {int(code): code.name for code in _CODES[member]}
        return f"{native} ({_spoken(known[native])})" if native in known else f"{native} (not in the standard)"
    if member == "profile_class":
        return f"{native} ({_CLASSES.get(native, 'not in the standard')})"
    return str(native)


def _spoken(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(part.capitalize() for part in rest)


def _octets(member: str, native: bytes) -> str:
    if member in _VERSIONS and len(native) == 3:
        return ".".join(map(str, native))
    special: dict[str, Callable[[bytes], str]] = {"iccid": ids.iccid_of_bytes, "mcc_mnc": _plmn}
    if member in special:
        try:
            return special[member](native)
        except Malformed:
            return f"{shown(native)} (not readable)"
    identifier = member.startswith("euicc_ci_pk_id")
    return shown(native) + (certificates.whose(native) if identifier else "")


def _plmn(data: bytes) -> str:
    digits = data.hex()
    third = "" if digits[2] == "f" else digits[2]
    if len(data) != 3:
        raise Malformed("a PLMN takes 3 bytes")
    return f"{digits[1]}{digits[0]}{digits[3]}/{digits[5]}{digits[4]}{third}"


def _resources(data: bytes) -> Iterable[Line]:
    """Read extCardResource: what room the card has (TS 102 226 §8.2.1.7.2)."""
    try:
        for item in items(data):
            unit = "" if item.tag == 0x81 else " bytes"
            name = _RESOURCES.get(item.tag, f"tag {item.tag:X}")
            yield Line(name, f"{int.from_bytes(item.value, 'big')}{unit}")
    except Malformed as error:
        yield Line("problem", str(error))


def of(spec: Any, data: bytes) -> list[Line]:
    """Decode bytes as a type of `rsp.asn1` and explain its members. Raises Malformed."""
    return told(decode(spec, data))
