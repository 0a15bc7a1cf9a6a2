"""PrepareDownload and CancelSession: each check alone, and what survives for a retry."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from smdp.rsp.codes import CancelSessionErrorCode, StatusWord
from smdp.rsp.codes import DownloadErrorCode as Error
from tests.card import new_card
from tests.fake_smdp import FakeSmdp
from tests.independent import cut, encode, parse, verify
from tests.minted import SMDP_RID, issue, pki

OID_CONTENTS = bytes.fromhex("88370A")


def refused(card, check, code, smdp=None, **changes):
    smdp = card.authenticate(smdp or FakeSmdp())
    answer = card.refuses(check, smdp.prepare_download(**changes))
    error = parse(answer.data)["A1"]
    assert error["80"].value == changes.get("transaction_id", smdp.transaction_id)
    assert Error(error["02"].value[0]) is code
    return answer


def test_the_answer_is_signed_over_both(card):
    smdp = card.authenticate(FakeSmdp())
    signed, signature = parse(card.ask(smdp.prepare_download(hash_cc=b"\x07" * 32)))["A0"].nodes
    verify(pki().euicc.key.public_key(), signature.raw, signed.raw, smdp.smdp_signature2)
    assert signed["80"].value == smdp.transaction_id
    assert signed["04"].value == b"\x07" * 32
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), signed["5F49"].value)


def test_the_card_leaves_a_missing_confirmation_code_to_the_server(card):
    smdp = card.authenticate(FakeSmdp())
    smdp.smdp_signed2 = lambda *_: FakeSmdp.smdp_signed2(smdp, cc=True)
    signed = parse(card.ask(smdp.prepare_download()))["A0"]["30"]
    assert [node.tag for node in signed.nodes] == ["80", "5F49"]


def test_each_download_has_its_own_key(card):
    assert card.prepare().euicc_otpk != card.prepare().euicc_otpk


def test_a_retry_uses_the_key_that_the_server_names(card):
    first = card.prepare()
    second = card.prepare(otpk=first.euicc_otpk)
    assert second.euicc_otpk == first.euicc_otpk


def test_a_key_of_another_server_or_nobody_is_not_used_again(card):
    first = card.prepare()
    other = pki()._replace(
        dpauth=issue("dpauth", pki().ci, rid="2.999.12"), dppb=issue("dppb", pki().ci, rid="2.999.12")
    )
    assert card.prepare(FakeSmdp(other), otpk=first.euicc_otpk).euicc_otpk != first.euicc_otpk
    assert card.prepare(otpk=b"\x04" + bytes(64)).euicc_otpk != first.euicc_otpk


def test_the_key_is_erased_when_it_has_done_its_work(card):
    first = card.install()
    assert card.euicc.one_time_keys == {}
    assert card.prepare(otpk=first.euicc_otpk).euicc_otpk != first.euicc_otpk


@pytest.mark.check("PD#1")
def test_no_server_is_authenticated(card):
    card.challenge()
    answer = card.refuses("PD#1", FakeSmdp().prepare_download())
    assert Error(parse(answer.data)["A1"]["02"].value[0]) is Error.NO_SESSION_CONTEXT


@pytest.mark.check("PD#1")
def test_a_download_is_prepared_once(card):
    smdp = card.prepare()
    card.refuses("PD#1", smdp.prepare_download())


@pytest.mark.check("PD#2")
def test_an_sm_ds_has_no_profiles(card):
    twin = issue("dsauth", pki().ci, rid=SMDP_RID)
    refused(card, "PD#2", Error.NO_SESSION_CONTEXT, FakeSmdp(dpauth=twin))


@pytest.mark.check("PD#3")
def test_another_transaction(card):
    refused(card, "PD#3", Error.INVALID_TRANSACTION_ID, transaction_id=b"\x09" * 16)


@pytest.mark.check("PD#4")
def test_a_certificate_that_cannot_be_read(card):
    refused(card, "PD#4", Error.INVALID_CERTIFICATE, certificate=encode("30"))


@pytest.mark.check("PD#5")
def test_a_certificate_on_another_curve():
    card = new_card(pki("P-256"), pki("brainpoolP256r1"))
    other = issue("dppb", pki().ci, curve=ec.BrainpoolP256R1())
    refused(card, "PD#5", Error.UNSUPPORTED_CURVE, FakeSmdp(dppb=other))


@pytest.mark.check("PD#6")
def test_a_certificate_of_another_ci(card):
    ci = issue("ci", None)
    card.euicc.trusted[ci.ski] = ci.der
    refused(card, "PD#6", Error.INVALID_CERTIFICATE, FakeSmdp(dppb=issue("dppb", ci)))


@pytest.mark.check("PD#7")
def test_a_certificate_that_its_ci_did_not_sign(card):
    forged = issue("dppb", pki().ci, signer=ec.generate_private_key(ec.SECP256R1()))
    refused(card, "PD#7", Error.INVALID_CERTIFICATE, FakeSmdp(dppb=forged))


@pytest.mark.check("PD#8")
def test_a_certificate_for_something_else(card):
    refused(card, "PD#8", Error.INVALID_CERTIFICATE, FakeSmdp(dppb=pki().dpauth))


@pytest.mark.check("PD#9")
def test_a_certificate_of_another_owner(card):
    answer = refused(card, "PD#9", Error.INVALID_CERTIFICATE, FakeSmdp(dppb=issue("dppb", pki().ci, rid="2.999.12")))
    assert "2.999.12" in answer.refusal.because


@pytest.mark.check("PD#10")
def test_a_certificate_whose_policies_are_not_critical(card):
    loose = issue("dppb", pki().ci, policies_critical=False)
    refused(card, "PD#10", Error.INVALID_CERTIFICATE, FakeSmdp(dppb=loose))


@pytest.mark.check("PD#11")
def test_an_expired_certificate(card):
    expired = issue("dppb", pki().ci, not_after=datetime(2026, 1, 1, tzinfo=UTC))
    refused(card, "PD#11", Error.INVALID_CERTIFICATE, FakeSmdp(dppb=expired))


@pytest.mark.check("PD#12")
def test_a_signature_that_leaves_out_the_cards(card):
    smdp = card.authenticate(FakeSmdp())
    smdp.euicc_signature1 = b""
    answer = card.refuses("PD#12", smdp.prepare_download())
    assert Error(parse(answer.data)["A1"]["02"].value[0]) is Error.INVALID_SIGNATURE


def test_a_refusal_leaves_the_session_as_it_was(card):
    smdp = card.authenticate(FakeSmdp())
    card.refuses("PD#12", smdp.prepare_download(signature=encode("5F37", bytes(64))))
    card.ask(smdp.prepare_download())


# --- CancelSession


@pytest.mark.parametrize("reason", [0, 1, 2, 3, 4, 5, 127])
def test_a_cancelled_session_is_signed_for_and_over(card, reason):
    smdp = card.authenticate(FakeSmdp())
    signed, signature = parse(card.ask(smdp.cancel_session(reason)))["A0"].nodes
    verify(pki().euicc.key.public_key(), signature.raw, signed.raw)
    assert [node.raw for node in signed.nodes] == [
        encode("80", smdp.transaction_id),
        encode("81", OID_CONTENTS),
        encode("82", bytes([reason])),
    ]
    assert card.euicc.session is None


def test_a_half_loaded_package_can_be_cancelled(card):
    smdp = card.prepare()
    card.ask(cut(smdp.package())[0])
    assert parse(card.ask(smdp.cancel_session()))["A0"].nodes


@pytest.mark.check("EC#1")
def test_cancelling_without_a_session(card):
    smdp = FakeSmdp(transaction_id=b"")
    answer = card.refuses("EC#1", smdp.cancel_session())
    assert answer.data == bytes.fromhex("BF4103810105")
    assert CancelSessionErrorCode.INVALID_TRANSACTION_ID == 5


@pytest.mark.check("EC#1")
def test_cancelling_before_a_server_is_authenticated(card):
    card.challenge()
    card.refuses("EC#1", FakeSmdp(transaction_id=b"").cancel_session())


@pytest.mark.check("EC#2")
def test_cancelling_another_transaction(card):
    card.authenticate(FakeSmdp())
    answer = card.refuses("EC#2", FakeSmdp().cancel_session())
    assert answer.data == bytes.fromhex("BF4103810105")
    assert card.euicc.session is not None


@pytest.mark.check("EC#3")
def test_cancelling_for_no_known_reason(card):
    smdp = card.authenticate(FakeSmdp())
    answer = card.refuses("EC#3", smdp.cancel_session(99))
    assert answer.data == bytes.fromhex("BF410381017F")


def test_after_a_cancel_nothing_goes_on(card):
    smdp = card.prepare()
    card.ask(smdp.cancel_session())
    assert card.load(smdp.package()).status is StatusWord.CONDITIONS_OF_USE_NOT_SATISFIED
