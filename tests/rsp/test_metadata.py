"""StoreMetadata, member by member against sgp22 D.7."""

import pytest

from smdp.rsp import metadata
from smdp.rsp.asn1 import StoreMetadataRequest, decode
from smdp.rsp.metadata import Metadata, Owner
from smdp.rsp.tlv import bit_string
from tests.euicc_stub import swapped
from tests.independent import encode

ICCID = "8900101000000000019"
LEAST = encode("5A", swapped(ICCID)) + encode("91", b"TESTS") + encode("92", b"Plan")


def made(**members) -> bytes:
    names = {"iccid": ICCID, "service_provider_name": "TESTS", "profile_name": "Plan"}
    return metadata.encode(Metadata(**names | members))


@pytest.mark.parametrize(
    ("members", "coded"),
    [
        ({}, ""),
        ({"icon": b"\x89PNG"}, "930101 940489504E47"),
        ({"icon": b"\xff\xd8", "icon_type": "jpg"}, "930100 9402FFD8"),
        ({"icon": b""}, "930101 9400"),
        ({"icon_type": "jpg"}, ""),
        ({"profile_class": "test"}, "950100"),
        ({"profile_class": "provisioning"}, "950101"),
        ({"notification_address": "a.test"}, "B60E 300C 800204F0 8106 612E74657374"),
        ({"owner": Owner(mcc="001", mnc="01")}, "B705 800300F110"),
        ({"owner": Owner(mcc="310", mnc="260", gid1=b"\x01", gid2=b"\x02")}, "B70B 8003130062 810101 820102"),
        ({"owner": Owner(mcc="310", mnc="260", gid2=b"")}, "B707 8003130062 8200"),
        ({"ppr": frozenset({"ppr1"})}, "99020640"),
        ({"ppr": frozenset({"ppr2"})}, "99020520"),
        ({"ppr": frozenset({"update"})}, "99020780"),
        ({"ppr": frozenset({"ppr1", "ppr2", "update"})}, "990205E0"),
    ],
)
def test_each_member(members, coded):
    assert made(**members) == encode("BF25", LEAST, bytes.fromhex(coded))


def test_all_members_stand_in_the_standards_order():
    everything = made(
        icon=bytes(10),
        profile_class="test",
        notification_address="a.test",
        owner=Owner(mcc="001", mnc="01"),
        ppr=frozenset({"ppr1"}),
    )
    read = decode(StoreMetadataRequest, everything, 0xBF25)
    assert read["iccid"].native == swapped(ICCID)
    assert read["profile_class"].native == 0
    assert read["profile_policy_rules"].native == (0, 1)
    assert read["profile_owner"]["mcc_mnc"].native == bytes.fromhex("00F110")
    assert read["notification_configuration_info"].native == [
        {"profile_management_operation": (1, 1, 1, 1), "notification_address": "a.test"},
    ]


def test_a_missing_class_means_operational():
    assert decode(StoreMetadataRequest, made(), 0xBF25)["profile_class"].native == 2


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"service_provider_name": "ä" * 17}, "the service provider name has 34 bytes, 32 are allowed"),
        ({"profile_name": "€" * 22}, "the profile name has 66 bytes, 64 are allowed"),
        ({"icon": bytes(1025)}, "the icon has 1025 bytes, 1024 are allowed"),
    ],
)
def test_what_is_too_long(members, says):
    with pytest.raises(ValueError, match=says):
        made(**members)


def test_what_is_just_short_enough():
    longest = made(service_provider_name="ä" * 16, profile_name="x" * 64, icon=bytes(1024))
    assert decode(StoreMetadataRequest, longest, 0xBF25)["service_provider_name"].native == "ä" * 16


@pytest.mark.parametrize(
    ("bits", "value"),
    [
        ((), "00"),
        ((0,), "0780"),
        (range(4), "04F0"),
        ((7,), "0001"),
        (range(8), "00FF"),
        ((1,), "0640"),
        ((8,), "070080"),
    ],
)
def test_named_bits(bits, value):
    assert bit_string(0x99, bits).hex().upper() == "99" + f"{len(value) // 2:02X}" + value
