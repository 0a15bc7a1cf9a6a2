"""What the eUICC says of itself: EUICCInfo1 and 2, EID, configured addresses, rules (SGP.22 §5.7.3–5.7.8, §5.7.20)."""

from smdp.rsp import asn1
from smdp.rsp.checks import Check
from smdp.rsp.codes import SetDefaultDpAddressResult
from smdp.rsp.euicc.commands import Answer, World, code_of, refused, result
from smdp.rsp.euicc.metadata import OPERATIONAL, PPR1, read_metadata
from smdp.rsp.euicc.state import AllowedOperator, Euicc
from smdp.rsp.ids import eid_to_bytes
from smdp.rsp.tlv import bit_string, gate, tlv

_TS102241 = b"\x09\x02\x00"
_GLOBALPLATFORM = b"\x02\x03\x00"
_PP_VERSION = b"\x01\x00\x00"
_SAS_NUMBER = b"SMDP-TEST-0001"
_FREE_RAM = 0x4000
_MAX_ADDRESS = 255
_EID_TAG = 0x5A


def _ci_lists(euicc: Euicc) -> bytes:
    verification = tlv(0xA9, *(tlv(0x04, ski) for ski in euicc.trusted))
    return verification + tlv(0xAA, *(tlv(0x04, credential.ci) for credential in euicc.credentials))


def euicc_info1(euicc: Euicc) -> bytes:
    """Build EUICCInfo1, BF20."""
    return tlv(0xBF20, tlv(0x82, euicc.svn), _ci_lists(euicc))


def euicc_info2(euicc: Euicc) -> bytes:
    """Build EUICCInfo2, BF22; PPR1 is forbidden once an operational profile is installed (SGP.22 §2.9.2.1)."""
    memory = max(euicc.free_memory, 0).to_bytes(4, "big")
    resources = tlv(0x81, bytes((len(euicc.profiles),))) + tlv(0x82, memory) + tlv(0x83, _FREE_RAM.to_bytes(2, "big"))
    forbidden = [PPR1] if has_operational(euicc) else []
    return tlv(
        0xBF22,
        tlv(0x81, euicc.profile_version),
        tlv(0x82, euicc.svn),
        tlv(0x83, euicc.firmware),
        tlv(0x84, resources),
        bit_string(0x85, euicc.uicc_capability),
        tlv(0x86, _TS102241),
        tlv(0x87, _GLOBALPLATFORM),
        bit_string(0x88, euicc.rsp_capability),
        _ci_lists(euicc),
        bit_string(0x99, forbidden),
        tlv(0x04, _PP_VERSION),
        tlv(0x0C, _SAS_NUMBER),
    )


def has_operational(euicc: Euicc) -> bool:
    """Say whether an operational profile is installed."""
    return any(read_metadata(profile.metadata).profile_class == OPERATIONAL for profile in euicc.profiles)


def get_euicc_info1(euicc: Euicc, request: bytes, _: World) -> Answer:
    """GetEUICCInfo, BF20 (SGP.22 §5.7.8)."""
    gate(request, 0xBF20)
    return Answer(euicc_info1(euicc))


def get_euicc_info2(euicc: Euicc, request: bytes, _: World) -> Answer:
    """GetEUICCInfo, BF22 (SGP.22 §5.7.8)."""
    gate(request, 0xBF22)
    return Answer(euicc_info2(euicc))


def get_eid(euicc: Euicc, request: bytes, _: World) -> Answer:
    """GetEID, BF3E: the EID is the only data object there is (SGP.22 §5.7.20)."""
    wanted = asn1.decode(asn1.GetEuiccDataRequest, request, 0xBF3E)["tag_list"].native
    return Answer(tlv(0xBF3E, tlv(_EID_TAG, eid_to_bytes(euicc.eid)) if _EID_TAG in wanted else b""))


def get_euicc_configured_addresses(euicc: Euicc, request: bytes, _: World) -> Answer:
    """GetEuiccConfiguredAddresses, BF3C: default SM-DP+ (if set) and root SM-DS (SGP.22 §5.7.3)."""
    gate(request, 0xBF3C)
    default = tlv(0x80, euicc.default_dp_address.encode()) if euicc.default_dp_address else b""
    return Answer(tlv(0xBF3C, default, tlv(0x81, euicc.root_ds_address.encode())))


class _NewAddress:
    def __init__(self, address: str) -> None:
        self.address = address

    def details(self) -> dict[str, object]:
        return {"length": len(self.address.encode())}


CHECKS: tuple[Check[_NewAddress], ...] = (
    Check(
        id="SD#1",
        clause="SGP.22 §5.7.4",
        field="defaultDpAddress",
        code=SetDefaultDpAddressResult.UNDEFINED_ERROR,
        reason="address-too-long",
        why="A default SM-DP+ address of {length} bytes does not fit into the eUICC.",
        fix="Give a host name of at most 255 bytes.",
        holds=lambda new: len(new.address.encode()) <= _MAX_ADDRESS,
    ),
)


def set_default_dp_address(euicc: Euicc, request: bytes, _: World) -> Answer:
    """SetDefaultDpAddress, BF3F; an empty address clears it (SGP.22 §5.7.4)."""
    new = _NewAddress(asn1.decode(asn1.SetDefaultDpAddressRequest, request, 0xBF3F)["default_dp_address"].native)
    if refusal := refused(CHECKS, new):
        return result(0xBF3F, code_of(refusal), refusal)
    euicc.default_dp_address = new.address
    return result(0xBF3F, SetDefaultDpAddressResult.OK)


def get_rat(euicc: Euicc, request: bytes, _: World) -> Answer:
    """GetRAT, BF43 (SGP.22 §5.7.22)."""
    gate(request, 0xBF43)
    entries = (
        tlv(
            0x30,
            bit_string(0x80, entry.ppr_ids),
            tlv(0xA1, *map(_operator, entry.allowed_operators)),
            bit_string(0x82, (0,) if entry.consent_required else ()),
        )
        for entry in euicc.rules
    )
    return Answer(tlv(0xBF43, tlv(0xA0, *entries)))


def _operator(operator: AllowedOperator) -> bytes:
    gid1 = b"" if operator.gid1 is None else tlv(0x81, operator.gid1)
    gid2 = b"" if operator.gid2 is None else tlv(0x82, operator.gid2)
    return tlv(0x30, tlv(0x80, operator.mcc_mnc), gid1, gid2)
