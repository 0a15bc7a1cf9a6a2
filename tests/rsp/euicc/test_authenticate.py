"""GetEUICCChallenge and AuthenticateServer: each check is provoked alone, by input that is otherwise right."""

import os
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_der_x509_certificate

from smdp.rsp.codes import AuthenticateErrorCode as Error
from smdp.rsp.codes import StatusWord
from tests.card import new_card
from tests.fake_smdp import DEVICE_INFO, FakeSmdp
from tests.independent import encode, parse, sign, verify
from tests.minted import EID, issue, pki


def error_of(answer, smdp):
    """The card answers A1 with the session's transactionId and the code."""
    error = parse(answer.data)["A1"]
    assert error["80"].value == smdp.transaction_id
    return Error(error["02"].value[0])


def refused(card, check, code, smdp=None, **changes):
    smdp = smdp or FakeSmdp()
    answer = card.refuses(check, smdp.authenticate_server(card.challenge(), **changes))
    assert error_of(answer, smdp) is code
    return answer


def test_the_challenge_is_new_each_time(card):
    challenges = {card.challenge() for _ in range(5)}
    assert len(challenges) == 5
    assert {len(challenge) for challenge in challenges} == {16}


def test_the_answer_is_signed_and_repeats_what_came(card):
    smdp = FakeSmdp()
    request = smdp.authenticate_server(card.challenge(), matching_id=b"ABC-1")
    ok = parse(card.ask(request))["A0"]
    signed, signature, certificate, eum = ok.nodes
    verify(load_der_x509_certificate(certificate.raw).public_key(), signature.raw, signed.raw)
    assert (certificate.raw, eum.raw) == (pki().euicc.der, pki().eum.der)
    sent = parse(request)
    assert signed["80"].value == smdp.transaction_id
    assert signed["83"].raw == sent["30"]["83"].raw
    assert signed["84"].raw == sent["30"]["84"].raw
    assert signed["A0"].raw == encode("A0", encode("80", b"ABC-1"), DEVICE_INFO)
    assert signed["BF22"].raw == card.ask(encode("BF22"))


def test_an_sm_ds_is_met_too(card):
    card.authenticate(FakeSmdp(dpauth=pki().dsauth))
    assert card.euicc.session.step == "authenticated"


def test_a_foreign_member_of_serversigned1_stays_signed(card):
    smdp = FakeSmdp()
    signed = parse(smdp.server_signed1(card.challenge()))
    extended = encode("30", signed.value, encode("86", b"\x06\x40"))
    request = encode(
        "BF38",
        extended,
        sign(smdp.dpauth.key, extended),
        encode("04", smdp.pki.ci.ski),
        smdp.dpauth.der,
        encode("A0", DEVICE_INFO),
    )
    assert parse(card.ask(request))["A0"].nodes


@pytest.mark.parametrize("curve", ["P-256", "brainpoolP256r1"])
def test_both_curves_work(curve):
    card = new_card(pki("P-256"), pki("brainpoolP256r1"))
    card.authenticate(FakeSmdp(pki(curve)))
    assert card.euicc.session.ci == pki(curve).ci.ski


@pytest.mark.check("AS#1")
def test_a_server_without_a_challenge(card):
    smdp = FakeSmdp()
    answer = card.refuses("AS#1", smdp.authenticate_server(b""))
    assert error_of(answer, smdp) is Error.NO_SESSION_CONTEXT


@pytest.mark.check("AS#1")
def test_a_challenge_serves_once(card):
    smdp = FakeSmdp()
    request = smdp.authenticate_server(card.challenge())
    card.ask(request)
    card.refuses("AS#1", request)


@pytest.mark.check("AS#2")
def test_a_ci_for_which_the_card_has_no_key(card):
    refused(card, "AS#2", Error.CI_PK_UNKNOWN, ci=os.urandom(20))


@pytest.mark.check("AS#3")
@pytest.mark.parametrize(
    "certificate",
    [encode("30"), encode("30", encode("30")), issue("dpauth", None, curve=ec.SECP384R1()).der],
    ids=["empty", "hollow", "P-384"],
)
def test_a_certificate_that_cannot_be_read(card, certificate):
    refused(card, "AS#3", Error.INVALID_CERTIFICATE, certificate=certificate)


@pytest.mark.check("AS#4")
def test_a_curve_that_the_card_lacks():
    card = new_card(pki("P-256"), pki("brainpoolP256r1"))
    card.euicc.curves = ("P-256",)
    refused(card, "AS#4", Error.UNSUPPORTED_CURVE, FakeSmdp(pki("brainpoolP256r1")))


@pytest.mark.check("AS#5")
def test_a_ci_that_the_card_does_not_trust(card):
    stranger = issue("dpauth", issue("ci", None))
    refused(card, "AS#5", Error.INVALID_CERTIFICATE, FakeSmdp(dpauth=stranger))


@pytest.mark.check("AS#6")
def test_a_certificate_that_its_ci_did_not_sign(card):
    forged = issue("dpauth", pki().ci, signer=ec.generate_private_key(ec.SECP256R1()))
    refused(card, "AS#6", Error.INVALID_CERTIFICATE, FakeSmdp(dpauth=forged))


@pytest.mark.check("AS#7")
@pytest.mark.parametrize("policy", [1, 3, 5])
def test_a_certificate_for_something_else(card, policy):
    other = issue("dpauth", pki().ci, policy=policy)
    refused(card, "AS#7", Error.INVALID_CERTIFICATE, FakeSmdp(dpauth=other))


@pytest.mark.check("AS#8")
def test_a_certificate_without_an_oid(card):
    nameless = issue("dpauth", pki().ci, rid=None)
    refused(card, "AS#8", Error.INVALID_OID, FakeSmdp(dpauth=nameless))


@pytest.mark.check("AS#9")
def test_a_certificate_whose_policies_are_not_critical(card):
    loose = issue("dpauth", pki().ci, policies_critical=False)
    refused(card, "AS#9", Error.INVALID_CERTIFICATE, FakeSmdp(dpauth=loose))


@pytest.mark.check("AS#10")
def test_an_expired_certificate(card):
    expired = issue("dpauth", pki().ci, not_after=datetime(2026, 1, 1, tzinfo=UTC))
    answer = refused(card, "AS#10", Error.INVALID_CERTIFICATE, FakeSmdp(dpauth=expired))
    assert "2026-01-01" in answer.refusal.because


@pytest.mark.check("AS#11")
@pytest.mark.parametrize("signature", [b"\x01" * 64, b"\x01" * 70, b""], ids=["wrong", "long", "empty"])
def test_a_wrong_server_signature(card, signature):
    refused(card, "AS#11", Error.INVALID_SIGNATURE, signature=encode("5F37", signature))


@pytest.mark.check("AS#12")
def test_the_challenge_of_an_older_session(card):
    smdp = FakeSmdp()
    old = card.challenge()
    card.challenge()
    answer = card.refuses("AS#12", smdp.authenticate_server(old))
    assert error_of(answer, smdp) is Error.EUICC_CHALLENGE_MISMATCH


def test_a_refused_server_changes_nothing(card):
    challenge = card.challenge()
    card.refuses("AS#11", FakeSmdp().authenticate_server(challenge, signature=encode("5F37", bytes(64))))
    smdp = FakeSmdp()
    card.ask(smdp.authenticate_server(challenge))
    assert card.euicc.session.transaction_id == smdp.transaction_id


@pytest.mark.parametrize("length", [0, 17])
def test_a_transaction_id_of_a_wrong_length(card, length):
    smdp = FakeSmdp(transaction_id=bytes(length))
    answer = card.send(smdp.authenticate_server(card.challenge()))
    assert answer.status is StatusWord.INCORRECT_DATA
    assert answer.data == b""


def test_the_eid_is_told(card):
    assert card.ask(bytes.fromhex("BF3E035C015A")) == encode("BF3E", encode("5A", bytes.fromhex(EID)))
