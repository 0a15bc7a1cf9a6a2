"""Building a package: the example byte for byte, and every value of any subscriber and plan in its place."""

import hashlib
import json

import pytest
from hypothesis import given

from smdp.rsp.tlv import gate, items
from smdp.upp import PlanContent, Subscriber, build, lint, read
from smdp.upp.codings import adm_to_bytes, pin_to_bytes
from tests.upp.samples import ALICE, EXAMPLE, PLANS, SUBSCRIBERS, VECTORS


def test_the_example_comes_out_byte_for_byte() -> None:
    assert build(ALICE) == EXAMPLE
    assert hashlib.sha256(EXAMPLE).hexdigest() == json.loads((VECTORS / "upp-example.json").read_text())["sha256"]


@given(SUBSCRIBERS, PLANS)
def test_a_built_package_reads_back_and_has_no_findings(subscriber: Subscriber, content: PlanContent) -> None:
    der = build(subscriber, content)
    for item in items(der):
        gate(item.raw)
    package = read(der)
    assert lint(package) == []
    assert package.iccid == package.ef_iccid == subscriber.iccid
    usim = package.usim
    assert usim is not None
    assert (usim.imsi, usim.msisdn, usim.smsc) == (subscriber.imsi, subscriber.msisdn, content.smsc)
    assert usim.access_classes == {int(subscriber.imsi[-1])}
    assert usim.spn == content.spn
    assert usim.plmn == subscriber.imsi[: 3 + len(content.mnc)]
    assert usim.home_plmns == (content.mcc + content.mnc,) * 3
    assert usim.equivalent_plmns == (content.mcc + content.mnc,)
    assert (usim.gid1, usim.gid2) == (content.gid1, content.gid2)
    assert (usim.ki, usim.opc, usim.aid) == (subscriber.ki, subscriber.opc, content.usim_aid)
    assert ({17} & usim.services == {17}) == bool(content.gid1)


@given(SUBSCRIBERS, PLANS)
def test_codes_and_keys_are_in_their_directories(subscriber: Subscriber, content: PlanContent) -> None:
    package = read(build(subscriber, content))
    applications = ["7FD0", "7FB0"] if content.isim else ["7FD0"]
    codes = {(pin.context, pin.reference): pin.value for pin in package.pins}
    assert codes == {
        ("3F00", 1): pin_to_bytes(subscriber.pin1),
        ("3F00", 10): adm_to_bytes(subscriber.adm1),
        **{(path, 129): pin_to_bytes(subscriber.pin2) for path in applications},
    }
    assert [(puk.reference, puk.value) for puk in package.puks] == [
        (1, subscriber.puk1.encode()),
        (129, subscriber.puk2.encode()),
    ]
    keys = {(key.version, key.identifier): key.value for key in package.security_domains[0].keys}
    assert keys == {(1, 1): subscriber.kic, (1, 2): subscriber.kid, (1, 3): subscriber.kik}
    assert [aka.naa for aka in package.aka] == applications
    pin1 = package.pin(1)
    assert pin1 is not None
    assert pin1.attributes & 1 == content.pin1_enabled


@given(SUBSCRIBERS, PLANS)
def test_an_isim_carries_the_derived_identities(subscriber: Subscriber, content: PlanContent) -> None:
    package = read(build(subscriber, content))
    if not content.isim:
        assert package.isim is None
        return
    isim = package.isim
    assert isim is not None
    realm = f"ims.mnc{int(content.mnc):03d}.mcc{content.mcc}.3gppnetwork.org"
    assert (isim.impi, isim.domain) == (f"{subscriber.imsi}@{realm}", realm)
    numbers = (f"sip:{subscriber.msisdn}@{realm}", f"tel:{subscriber.msisdn}") if subscriber.msisdn else ()
    assert isim.impus == (f"sip:{subscriber.imsi}@{realm}", *numbers)
    assert (isim.ki, isim.opc) == (subscriber.ki, subscriber.opc)


@pytest.mark.parametrize(
    ("content", "absent", "services"),
    [
        (PlanContent(telecom=False), {"7F10"}, set()),
        (PlanContent(gsm_access=False), {"7FD0/5F3B"}, {27, 38}),
        (PlanContent(df_5gs=False), {"7FD0/5FC0"}, {122, 123, 124}),
        (PlanContent(isim=False), {"7FB0"}, set()),
        (PlanContent(legacy_links=False), {"7F10/6F3A", "7F10/6F40"}, set()),
    ],
)
def test_a_part_left_out_takes_its_promises_along(content: PlanContent, absent: set[str], services: set[int]) -> None:
    whole, package = read(EXAMPLE), read(build(ALICE, content))
    assert not absent & package.files.keys()
    assert absent <= whole.files.keys()
    assert whole.usim is not None
    assert package.usim is not None
    assert whole.usim.services - package.usim.services == services
    used = {element.template for element in package.elements if element.template}
    assert set(package.templates) == used


def test_no_remote_file_management_without_rfm() -> None:
    package = read(build(ALICE, PlanContent(rfm=False)))
    assert package.rfm == []
    assert len(package.security_domains) == 1


def test_a_name_that_is_not_in_the_gsm_alphabet_is_ucs2_and_cut_to_fit() -> None:
    package = read(build(ALICE, PlanContent(spn="ключ к сети")))
    assert package.usim is not None
    assert package.usim.spn == "ключ к "
    assert package.files["7FD0/6F46"].body[1] == 0x80


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("iccid", "890010100000000001"),
        ("iccid", "8900101000000000019x"),
        ("imsi", "12345"),
        ("imsi", "\N{ARABIC-INDIC DIGIT ONE}" * 15),
        ("msisdn", "call me"),
        ("msisdn", "+1234567890123456"),
        ("pin1", "123"),
        ("pin2", "123456789"),
        ("puk1", "1234567"),
        ("puk2", "1234567a"),
        ("adm1", "secret"),
        ("adm1", "0102030405060708ff"),
        ("ki", b"short"),
        ("opc", b""),
        ("kik", b"x" * 24),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not(field: str, value: object) -> None:
    fields = {name: getattr(ALICE, name) for name in ALICE.__struct_fields__}
    with pytest.raises(ValueError, match=f"^{field} must be") as caught:
        Subscriber(**{**fields, field: value})
    assert str(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mcc", "01"),
        ("mnc", "1"),
        ("smsc", "centre"),
        ("language", "EN"),
        ("usim_aid", b"1234"),
        ("isim_aid", b"x" * 17),
        ("gid1", b"x" * 21),
        ("profile_type", ""),
        ("profile_type", "x" * 101),
    ],
)
def test_a_wrong_plan_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be"):
        PlanContent(**{field: value})


def test_no_repr_shows_a_secret() -> None:
    package = read(EXAMPLE)
    shown = " ".join(map(repr, (ALICE, package, *package.pins, *package.puks, *package.aka, package.usim)))
    shown += " ".join(map(repr, (*package.security_domains, *package.files.values(), *package.elements)))
    for name in ALICE.hidden:
        value = getattr(ALICE, name)
        assert name + "=" not in shown.lower()
        assert (value if isinstance(value, str) else value.hex()) not in shown
        assert repr(value) not in shown
