"""Profile metadata, BF25, as an eUICC and an LPA read it (SGP.22 §5.5.3)."""

from typing import NamedTuple

from smdp.rsp import asn1
from smdp.rsp.euicc.state import AllowedOperator, AuthorisationRule
from smdp.rsp.ids import iccid_of_bytes
from smdp.rsp.tlv import Malformed, bits_of

INSTALL, ENABLE, DISABLE, DELETE = 0, 1, 2, 3
"""The bits of NotificationEvent (SGP.22 §5.5.3)."""
PPR1, PPR2 = 1, 2
"""The bits of PprIds: the profile may not be disabled; the profile may not be deleted (SGP.22 §2.8)."""
TEST, PROVISIONING, OPERATIONAL = 0, 1, 2
"""The profile classes."""
_LIMITS = {"service_provider_name": 32, "profile_name": 64, "icon": 1024}
_ANY_DIGIT = 0xE


class Owner(NamedTuple):
    """The operator a profile belongs to: MCC/MNC (3 bytes), and the group identifiers if there are any."""

    mcc_mnc: bytes
    gid1: bytes | None
    gid2: bytes | None


class Metadata(NamedTuple):
    """What BF25 says; `notifications` holds the events of each address in their order."""

    iccid: bytes
    service_provider_name: str
    profile_name: str
    icon_type: int | None
    profile_class: int
    notifications: tuple[tuple[frozenset[int], str], ...]
    owner: Owner | None
    policy_rules: frozenset[int]

    @property
    def iccid_digits(self) -> str:
        """The ICCID as people write it."""
        return iccid_of_bytes(self.iccid)

    def addresses(self, event: int) -> tuple[str, ...]:
        """Say whom to notify of an event (a bit of NotificationEvent)."""
        return tuple(address for events, address in self.notifications if event in events)


def read_metadata(data: bytes) -> Metadata:
    """Read a complete BF25. Raises Malformed, also for what is longer than the standard allows."""
    request = asn1.decode(asn1.StoreMetadataRequest, data, 0xBF25)
    native = request.native
    for name, limit in _LIMITS.items():
        if len(native[name] or "") > limit:
            raise Malformed(f"{name} is longer than {limit}")
    if native["icon"] is not None and native["icon_type"] is None:
        raise Malformed("the icon has no icon_type")
    iccid_of_bytes(native["iccid"])
    owner = native["profile_owner"]
    return Metadata(
        iccid=native["iccid"],
        service_provider_name=native["service_provider_name"],
        profile_name=native["profile_name"],
        icon_type=native["icon_type"],
        profile_class=native["profile_class"],
        notifications=tuple(
            (bits_of(entry["profile_management_operation"]), entry["notification_address"])
            for entry in native["notification_configuration_info"] or ()
        ),
        owner=None if owner is None else Owner(owner["mcc_mnc"], owner["gid1"], owner["gid2"]),
        policy_rules=bits_of(native["profile_policy_rules"]) - {0},
    )


def allowed_by(rules: tuple[AuthorisationRule, ...], metadata: Metadata) -> bool:
    """Say whether the Rules Authorisation Table allows each policy rule to this owner (SGP.22 §2.9.2)."""
    return all(
        any(rule in entry.ppr_ids and _covers(entry, metadata.owner) for entry in rules)
        for rule in metadata.policy_rules
    )


def _covers(entry: AuthorisationRule, owner: Owner | None) -> bool:
    return owner is not None and any(_matches(operator, owner) for operator in entry.allowed_operators)


def _matches(operator: AllowedOperator, owner: Owner) -> bool:
    return (
        all(
            want in (_ANY_DIGIT, got)
            for want, got in zip(_nibbles(operator.mcc_mnc), _nibbles(owner.mcc_mnc), strict=False)
        )
        and operator.gid1 in (None, owner.gid1)
        and operator.gid2 in (None, owner.gid2)
    )


def _nibbles(data: bytes) -> list[int]:
    return [nibble for octet in data for nibble in (octet >> 4, octet & 15)]
