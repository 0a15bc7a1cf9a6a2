"""StoreMetadata, BF25: what a profile says of itself before it is installed (SGP.22 §5.5.3)."""

from typing import Literal

from msgspec import Struct

from smdp.rsp.ids import iccid_to_bytes, plmn_to_bytes
from smdp.rsp.tlv import bit_string, tlv

ProfileClass = Literal["test", "provisioning", "operational"]
IconType = Literal["jpg", "png"]

PROFILE_CLASSES: tuple[ProfileClass, ...] = ("test", "provisioning", "operational")
ICON_TYPES: tuple[IconType, ...] = ("jpg", "png")
MAX_SERVICE_PROVIDER_NAME, MAX_PROFILE_NAME, MAX_ICON = 32, 64, 1024
"""Limits in bytes."""

ALL_EVENTS = (0, 1, 2, 3)
"""NotificationEvent install, enable, disable and delete."""
_PPR_BITS = {"update": 0, "ppr1": 1, "ppr2": 2}


class Owner(Struct, kw_only=True, frozen=True):
    """Who owns the profile: MCC of three digits, MNC of two or three, group identifiers as in EF.GID1 and EF.GID2."""

    mcc: str
    mnc: str
    gid1: bytes | None = None
    gid2: bytes | None = None


class Metadata(Struct, kw_only=True, frozen=True):
    """The members of BF25. Names in UTF-8 of at most 32 and 64 bytes, an icon of at most 1024 bytes, 64 × 64 pixels."""

    iccid: str
    service_provider_name: str
    profile_name: str
    profile_class: ProfileClass = "operational"
    icon: bytes | None = None
    icon_type: IconType = "png"
    notification_address: str | None = None
    owner: Owner | None = None
    ppr: frozenset[str] = frozenset()


def encode(metadata: Metadata) -> bytes:
    """Build the complete BF25. Raises ValueError if a name or the icon is too long."""
    name, provider = metadata.profile_name.encode(), metadata.service_provider_name.encode()
    for what, value, limit in (
        ("service provider name", provider, MAX_SERVICE_PROVIDER_NAME),
        ("profile name", name, MAX_PROFILE_NAME),
        ("icon", metadata.icon or b"", MAX_ICON),
    ):
        if len(value) > limit:
            raise ValueError(f"the {what} has {len(value)} bytes, {limit} are allowed")
    parts = [tlv(0x5A, iccid_to_bytes(metadata.iccid)), tlv(0x91, provider), tlv(0x92, name)]
    if metadata.icon is not None:
        parts += [tlv(0x93, bytes((ICON_TYPES.index(metadata.icon_type),))), tlv(0x94, metadata.icon)]
    if metadata.profile_class != "operational":
        parts.append(tlv(0x95, bytes((PROFILE_CLASSES.index(metadata.profile_class),))))
    if metadata.notification_address is not None:
        address = tlv(0x81, metadata.notification_address.encode())
        parts.append(tlv(0xB6, tlv(0x30, bit_string(0x80, ALL_EVENTS), address)))
    if metadata.owner is not None:
        parts.append(_owner(metadata.owner))
    if metadata.ppr:
        parts.append(bit_string(0x99, (_PPR_BITS[rule] for rule in metadata.ppr)))
    return tlv(0xBF25, *parts)


def _owner(owner: Owner) -> bytes:
    parts = [tlv(0x80, plmn_to_bytes(owner.mcc, owner.mnc))]
    if owner.gid1 is not None:
        parts.append(tlv(0x81, owner.gid1))
    if owner.gid2 is not None:
        parts.append(tlv(0x82, owner.gid2))
    return tlv(0xB7, *parts)
