"""The services a header may demand, and the capability bits of an eUICC that answer to them (SGP.22 annex, TCA 2.3)."""

from typing import NamedTuple


class Service(NamedTuple):
    """A service: its name, and its bit in uiccCapability of EUICCInfo2."""

    name: str
    capability: int


SERVICES = {
    0x80: Service("contactless", 0),
    0x81: Service("usim", 1),
    0x82: Service("isim", 2),
    0x83: Service("csim", 3),
    0x84: Service("milenage", 4),
    0x85: Service("tuak128", 6),
    0x86: Service("cave", 5),
    0x87: Service("gba-usim", 10),
    0x88: Service("gba-isim", 11),
    0x89: Service("mbms", 12),
    0x8A: Service("eap", 13),
    0x8B: Service("javacard", 14),
    0x8C: Service("multos", 15),
    0x8D: Service("multiple-usim", 16),
    0x8E: Service("multiple-isim", 17),
    0x8F: Service("multiple-csim", 18),
    0x90: Service("tuak256", 7),
    0x91: Service("usim-test-algorithm", 8),
    0x92: Service("ber-tlv", 19),
    0x93: Service("dfLink", 20),
    0x94: Service("cat-tp", 21),
    0x95: Service("get-identity", 22),
    0x96: Service("profile-a-x25519", 23),
    0x97: Service("profile-b-p256", 24),
    0x98: Service("suciCalculatorApi", 25),
    0x99: Service("dns-resolution", 26),
    0x9A: Service("scp11ac", 27),
    0x9B: Service("scp11c-auth", 28),
    0x9C: Service("s16mode", 29),
    0x9D: Service("eaka", 30),
}
"""By the tag in eUICC-Mandatory-services."""
TAGS = {service.name: tag for tag, service in SERVICES.items()}
