"""What lets the operator reach into the profile over the air: MNO-SD and remote file management (ETSI TS 102 226)."""

from smdp.rsp.tlv import tlv
from smdp.upp.parts import Part
from smdp.upp.subscriber import PlanContent, Subscriber

SECURITY_LEVEL = b"\x16"
"""Cryptographic checksum, ciphering, and a counter that must be higher (TS 102 225 §5.1.1)."""

_INSTANCE = tlv(
    0xA1,
    tlv(0x4F, bytes.fromhex("A0000001515350")),
    tlv(0x4F, bytes.fromhex("A000000151535041")),
    tlv(0x4F, bytes.fromhex("A000000151000000")),
    tlv(0x82, bytes.fromhex("82DC00")),  # privileges
    tlv(0x83, b"\x0f"),  # personalised
    tlv(0xC9, bytes.fromhex("810280008201F08301F08701F0")),  # SCP80; takes extradition and deletion
    tlv(0xEA, tlv(0x80, bytes.fromhex("010000000002") + b"\x01" + SECURITY_LEVEL + bytes.fromhex("03B2010000"))),
)
_KEY_VERSION = 1
_AES = 0x88
_USAGES = (0x18, 0x14, 0x48)  # KIc, KID, KIK
_FULL_ACCESS = b"\x00"


def security_domain(_: PlanContent, head: bytes) -> Part:
    """Build the MNO-SD with the three keys of SCP80, version 1."""

    def build(subscriber: Subscriber) -> bytes:
        keys = (subscriber.kic, subscriber.kid, subscriber.kik)
        key_list = [_key(number, usage, key) for number, (usage, key) in enumerate(zip(_USAGES, keys, strict=True), 1)]
        return tlv(0xA6, head, _INSTANCE, tlv(0xA2, *key_list))

    return build


def _key(number: int, usage: int, key: bytes) -> bytes:
    component = tlv(0x30, tlv(0x80, bytes((_AES,))), tlv(0x86, key))
    head = tlv(0x95, bytes((usage,))) + tlv(0x82, bytes((number,))) + tlv(0x83, bytes((_KEY_VERSION,)))
    return tlv(0x30, head, tlv(0x30, component))


def rfm_uicc(_: PlanContent, head: bytes) -> Part:
    """Build remote management of the files under the MF."""
    return _rfm(head, "A00000055910100001", "B00120")


def rfm_usim(content: PlanContent, head: bytes) -> Part:
    """Build remote management of the files under ADF.USIM."""
    domains = tlv(0x81, _FULL_ACCESS) + tlv(0x82, _FULL_ACCESS)
    return _rfm(head, "A00000055910100002", "B00140", tlv(0x30, tlv(0x80, content.usim_aid), domains))


def _rfm(head: bytes, aid: str, tar: str, adf: bytes = b"") -> bytes:
    return tlv(
        0xA7,
        head,
        tlv(0x4F, bytes.fromhex(aid)),
        tlv(0xA0, tlv(0x04, bytes.fromhex(tar))),
        tlv(0x81, SECURITY_LEVEL),
        tlv(0x04, _FULL_ACCESS),
        tlv(0x04, _FULL_ACCESS),
        adf,
    )
