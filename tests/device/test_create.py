"""Making devices: numbers that pass their checks, certificates that chain, clear words for what cannot be."""

import pytest

from smdp.clock import VirtualClock
from smdp.device import new_device
from smdp.pki import load
from smdp.pki.errors import PkiError
from smdp.rsp import certs
from smdp.rsp.crypto import Stream, key_of, point_of
from smdp.rsp.ids import eid_check_digits_ok, luhn
from tests.minted import EID, NOW


def make(seed: bytes = b"seed", **identity):
    return new_device(
        load.public(), client=None, clock=VirtualClock(frozen_at=NOW), entropy=Stream(seed), **identity
    )  # fmt: skip


def test_its_numbers_are_right():
    shown = make().describe()
    digits = shown.imei.replace(" ", "")
    assert eid_check_digits_ok(shown.eid)
    assert shown.eid.startswith("89049032")
    assert digits[-1] == luhn(digits[:-1])
    assert [len(part) for part in shown.imei.split()] == [2, 6, 6, 1]
    chip, _, rest = shown.udid.partition("-")
    assert (len(chip), len(rest), rest) == (8, 16, rest.upper())


def test_two_devices_share_nothing_and_one_seed_repeats():
    one, two, again = make(b"1").describe(), make(b"2").describe(), make(b"1").describe()
    assert one == again
    for name in ("eid", "udid", "serial", "imei"):
        assert getattr(one, name) != getattr(two, name)


def test_its_certificates_are_its_own_and_chain():
    euicc = make(eid=EID).euicc
    assert [credential.curve for credential in euicc.credentials] == ["P-256", "brainpoolP256r1"]
    for credential in euicc.credentials:
        own, eum = certs.load(credential.certificate), certs.load(credential.eum_certificate)
        ci = certs.load(euicc.trusted[credential.ci])
        assert own.serial_number == EID
        assert certs.euicc_problem(own, eum) is None
        assert certs.eum_problem(eum, ci) is None
        assert point_of(key_of(credential.curve, credential.scalar)) == point_of(own.public_key)


def test_what_is_given_is_kept():
    shown = make(eid=EID, imei="353094184645589", name="Till 3", supervised=False, os="18.1").describe()
    assert (shown.eid, shown.imei, shown.name, shown.supervised, shown.os) == (
        EID,
        "35 309418 464558 9",
        "Till 3",
        False,
        "18.1",
    )


@pytest.mark.parametrize("eid", ["", "8904", "x" * 32, EID + "0"])
def test_an_eid_that_is_none(eid):
    with pytest.raises(ValueError, match="is no EID"):
        make(eid=eid)


@pytest.mark.parametrize("imei", ["1", "35309418464558x", "\uff13" * 15])
def test_an_imei_that_is_none(imei):
    with pytest.raises(ValueError, match="is no IMEI"):
        make(imei=imei)


def test_an_eid_that_the_eum_may_not_certify():
    with pytest.raises(PkiError):
        make(eid="11" + "0" * 30)
