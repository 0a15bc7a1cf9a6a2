"""AuthenticateClient, the eUICC's proof: each check of the message provoked alone, on an order that is fine."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from msgspec import structs

from smdp.rsp.server.authenticate import Authenticated
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Change, Happening, Policy, Stage
from tests.euicc_stub import Euicc, refuses_server, stored_hash
from tests.independent import encode, parse, sign, verify
from tests.minted import CURVES, EID, NOW, Minted, issue, name, pki
from tests.rsp.server.bench import ADDRESS, ICCID, METADATA, Bench, closed, members, order, refused, security

EUM_NAME, EUICC_NAME = name(o="TESTS EUM", cn="EUM"), name(o="TESTS EUM", cn="eUICC", serial=EID)
PAST = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
NAMESAKE = Minted(ec.generate_private_key(CURVES["P-256"]), pki().eum.der)
"""Has the EUM's name and another key."""
RUBBISH = encode("30", encode("02", b"\x05"))


def euicc_under(eum) -> Euicc:
    """An eUICC with a good certificate of this EUM."""
    return Euicc(certificate=issue("euicc", eum, subject=EUICC_NAME), eum=eum)


def euicc_with(**wrong) -> Euicc:
    """An eUICC whose certificate has something wrong with it."""
    return Euicc(certificate=issue("euicc", **{"issuer": pki().eum, "subject": EUICC_NAME} | wrong))


@pytest.fixture
def opened(bench) -> Bench:
    return bench.initiated()


# --- the answer


def test_the_server_answers_with_metadata_and_its_second_signature(curve_bench):
    message = curve_bench.initiated().response()
    before = curve_bench.session
    outcome = curve_bench.authenticate(message)
    reply, mine = outcome.reply, curve_bench.euicc.pki
    assert list(reply) == ["transactionId", "profileMetadata", "smdpSigned2", "smdpSignature2", "smdpCertificate"]
    assert reply["transactionId"] == before.transaction_id
    assert reply["profileMetadata"] == METADATA
    assert reply["smdpSigned2"] == encode("30", encode("80", before.transaction_id), bytes.fromhex("010100"))
    assert reply["smdpCertificate"] == mine.dppb.der
    signature1 = parse(message)["A0"]["5F37"].raw
    verify(mine.dppb.key.public_key(), reply["smdpSignature2"], reply["smdpSigned2"], signature1)
    assert outcome.session == structs.replace(
        before,
        stage=Stage.AUTHENTICATED,
        eid=EID,
        iccid=ICCID,
        euicc_certificate=mine.euicc.der,
        smdp_signature2=reply["smdpSignature2"],
    )
    assert outcome.change == Change(iccid=ICCID, values={"metadata": METADATA, "download_attempts": 0})
    assert outcome.happenings == (Happening(type="profile.selected", iccid=ICCID),)


def test_a_confirmation_code_is_asked_for(opened):
    outcome = opened.authenticate(candidates=[order(confirmation_code_hash=stored_hash("1234"))])
    assert members(outcome.reply["smdpSigned2"])["01"] == b"\xff"
    assert outcome.session.cc_required


def test_a_retry_is_told_the_one_time_key_of_before(opened):
    outcome = opened.authenticate(candidates=[order(eid=EID, bound_otpk=b"\x04" + bytes(64))])
    assert members(outcome.reply["smdpSigned2"])["5F49"] == b"\x04" + bytes(64)


@pytest.mark.parametrize(("eid", "counted"), [(None, 4), (EID, 5)])
def test_attempts_are_counted_once_the_order_has_its_eid(opened, eid, counted):
    """Others' attempts must not end an order that nobody in particular waits for."""
    outcome = opened.authenticate(candidates=[order(eid=eid, download_attempts=4)])
    assert outcome.change.values["download_attempts"] == counted
    assert outcome.change.trigger is None


def test_the_address_may_differ_in_case_and_port(opened):
    assert opened.authenticate(opened.response(address="SMDP.example.com:8443")).refusal is None


def test_members_of_later_releases_are_skipped_and_signed_as_received(opened):
    euicc = opened.euicc
    message = opened.response(
        info2=euicc.info2(more=encode("8D", b"\x01") + encode("AE", encode("80", b"\x02"))),
        context=euicc.context(more=encode("83", b"\x01")),
    )
    assert opened.authenticate(message).refusal is None


def test_a_session_lives_as_long_as_the_policy_says(opened):
    opened.now += dt.timedelta(minutes=30)
    assert opened.authenticate().refusal is None


# --- the session


@pytest.mark.check("AC#1")
@pytest.mark.parametrize(
    ("stage", "says"), [(Stage.AUTHENTICATED, "authenticated"), (Stage.BOUND, "bound"), (Stage.CLOSED, "is over")]
)
def test_a_session_at_another_step(opened, stage, says):
    message = opened.response()
    opened.session = structs.replace(opened.session, stage=stage)
    because = refused(opened.authenticate(message), "AC#1", "8.10.1/3.9", "transaction-unknown")
    assert says in because


@pytest.mark.check("AC#1")
def test_a_session_that_is_too_old(opened):
    opened.policy = Policy(hosts=frozenset({ADDRESS}), session_minutes=5)
    opened.now += dt.timedelta(minutes=5, seconds=1)
    because = refused(opened.authenticate(), "AC#1", "8.10.1/3.9", "transaction-unknown")
    assert because == "The session expired after 5 minutes."


@pytest.mark.check("AC#1")
def test_a_session_whose_certificates_are_gone(opened):
    """The server was started again with another PKI."""
    opened.security = Security(cis=opened.security.cis, identities={})
    because = refused(opened.authenticate(), "AC#1", "8.10.1/3.9", "transaction-unknown")
    assert "no longer has" in because


def test_a_session_that_never_was(opened):
    message = opened.response()
    opened.session = None
    because = refused(opened.verify_client(message), "AC#1", "8.10.1/3.9", "transaction-unknown")
    assert because == "The session is unknown here."


# --- the message


@pytest.mark.parametrize(
    "message", [b"\x00", encode("BF38"), encode("BF38", encode("A2")), encode("BF21", encode("A0"))]
)
def test_what_is_no_authenticate_server_response(opened, message):
    outcome = opened.authenticate(message)
    refused(outcome, "ES9#2", "1.3.1/2.1", "member-malformed", session=closed(opened))


@pytest.mark.parametrize("matching_id", ["A\x00B", "A\nB", "\u202eAB", "A" * 256])
def test_a_matching_id_that_nobody_could_store_or_show(opened, matching_id):
    outcome = opened.authenticate(opened.response(context=opened.euicc.context(matching_id=matching_id)))
    refused(outcome, "ES9#2", "1.3.1/2.1", "member-malformed", session=closed(opened))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": b"\x02\x03"},
        {"svn": b"\x02\x05\x00\x00"},
        {"resources": encode("82", bytes(8) + b"\x01")},
        {"resources": b"\x82"},
        {"more": encode("8D", bytes(4096))},
    ],
)
def test_what_is_no_euicc_info2(opened, changes):
    outcome = opened.authenticate(opened.response(info2=opened.euicc.info2(**changes)))
    refused(outcome, "ES9#2", "1.3.1/2.1", "member-malformed", session=closed(opened))


@pytest.mark.check("AC#2")
@pytest.mark.parametrize("error", [1, 2, 6, 7, 127, 255])
def test_the_euicc_refused_the_server(opened, error):
    outcome = opened.authenticate(refuses_server(opened.session.transaction_id, error))
    because = refused(outcome, "AC#2", "8.1/4.2", "euicc-refused-server", session=closed(opened))
    assert str(error) in because


@pytest.mark.check("AC#3")
@pytest.mark.parametrize("signed", [b"", b"\x01", b"\xaa" * 16, b"\xaa" * 40])
def test_another_transaction_was_signed(opened, signed):
    outcome = opened.authenticate(opened.response(transaction_id=signed))
    refused(outcome, "AC#3", "8.10.1/3.9", "transaction-mismatch", session=closed(opened))


# --- the chain


@pytest.mark.check("AC#4")
def test_an_eum_under_an_unknown_ci(opened):
    ci = issue("ci", None)
    opened.euicc = euicc_under(issue("eum", ci, subject=EUM_NAME))
    because = refused(opened.authenticate(), "AC#4", "8.11.1/3.9", "ci-unknown", session=closed(opened))
    assert ci.ski.hex().upper() in because


@pytest.mark.check("AC#5")
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"signer": ec.generate_private_key(CURVES["P-256"])}, "signature"),
        ({"policy": 1}, "policies do not say EUM"),
        ({"policies_critical": False}, "policies are not critical"),
        ({"curve": CURVES["brainpoolP256r1"]}, "curve"),
    ],
    ids=["signature", "policy", "criticality", "curve"],
)
def test_an_eum_certificate_that_is_not_valid(opened, wrong, says):
    opened.euicc = euicc_under(issue("eum", pki().ci, **{"subject": EUM_NAME} | wrong))
    outcome = opened.authenticate()
    because = refused(outcome, "AC#5", "8.1.2/6.1", "eum-certificate-invalid", session=closed(opened))
    assert says in because


@pytest.mark.check("AC#5")
@pytest.mark.parametrize(
    "rubbish", [RUBBISH, encode("30"), encode("30", bytes(9000))], ids=["rubbish", "empty", "huge"]
)
def test_an_eum_certificate_that_is_none(opened, rubbish):
    outcome = opened.authenticate(opened.response(eum=rubbish))
    refused(outcome, "AC#5", "8.1.2/6.1", "eum-certificate-invalid", session=closed(opened))


@pytest.mark.check("AC#6")
def test_an_eum_certificate_that_expired(opened):
    opened.euicc = euicc_under(issue("eum", pki().ci, subject=EUM_NAME, not_after=PAST))
    outcome = opened.authenticate()
    refused(outcome, "AC#6", "8.1.2/6.3", "eum-certificate-expired", session=closed(opened))


@pytest.mark.check("AC#6")
def test_certificates_of_the_future(bench):
    bench.now = dt.datetime(2019, 12, 31, tzinfo=dt.UTC)
    outcome = bench.initiated().authenticate()
    refused(outcome, "AC#6", "8.1.2/6.3", "eum-certificate-expired", session=closed(bench))


@pytest.mark.check("AC#7")
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"signer": ec.generate_private_key(CURVES["P-256"])}, "signature"),
        ({"policy": 2}, "policies do not say eUICC"),
        ({"policies_critical": False}, "policies are not critical"),
        ({"issuer": NAMESAKE, "signer": pki().eum.key}, "authority key identifier"),
        ({"curve": CURVES["brainpoolP256r1"]}, "curve"),
        ({"subject": name(o="TESTS EUM", cn="eUICC", serial="35" + EID[2:])}, "EID"),
        ({"subject": name(o="TESTS EUM", cn="eUICC", serial=EID[:-1])}, "EID of 32 digits"),
        ({"subject": name(o="TESTS EUM", cn="eUICC", serial=EID[:-1] + "X")}, "EID of 32 digits"),
        ({"subject": name(o="TESTS EUM", cn="eUICC")}, "EID of 32 digits"),
        ({"subject": name(o="Others", cn="eUICC", serial=EID)}, "organization"),
    ],
    ids=["signature", "policy", "criticality", "aki", "curve", "prefix", "short", "letter", "none", "organization"],
)
def test_an_euicc_certificate_that_is_not_valid(opened, wrong, says):
    opened.euicc = euicc_with(**wrong)
    outcome = opened.authenticate()
    because = refused(outcome, "AC#7", "8.1.3/6.1", "euicc-certificate-invalid", session=closed(opened))
    assert says in because


@pytest.mark.check("AC#7")
@pytest.mark.parametrize("rubbish", [RUBBISH, encode("30"), pki().eum.der], ids=["rubbish", "empty", "the EUM's"])
def test_an_euicc_certificate_that_is_none(opened, rubbish):
    outcome = opened.authenticate(opened.response(certificate=rubbish))
    refused(outcome, "AC#7", "8.1.3/6.1", "euicc-certificate-invalid", session=closed(opened))


@pytest.mark.check("AC#8")
def test_an_euicc_certificate_that_expired(opened):
    opened.euicc = euicc_with(not_after=PAST)
    outcome = opened.authenticate()
    refused(outcome, "AC#8", "8.1.3/6.3", "euicc-certificate-expired", session=closed(opened))


# --- what the CI revoked


def revoking(opened, issuer, certificate) -> Security:
    """The server's security once this CI has revoked that certificate."""
    number = x509.load_der_x509_certificate(certificate.der).serial_number
    return Security(opened.security.cis, opened.security.identities, frozenset({(issuer.ski, number)}))


@pytest.mark.check("AC#8a")
def test_a_revoked_eum(opened):
    own = opened.euicc.pki
    opened.security = revoking(opened, own.ci, own.eum)
    outcome = opened.authenticate()
    refused(outcome, "AC#8a", "8.1.2/6.1", "eum-certificate-revoked", session=closed(opened))


def test_what_others_revoked_is_not_ours(opened):
    own, other = opened.euicc.pki, pki("brainpoolP256r1")
    for issuer, certificate in ((other.ci, own.eum), (own.ci, own.dpauth)):
        opened.security = revoking(opened, issuer, certificate)
        assert opened.security.revoked
        again = Bench(security=opened.security).initiated()
        assert again.authenticate().refusal is None


# --- what was signed


def der_of(signature: bytes) -> bytes:
    value = parse(signature).value
    return encode("5F37", encode_dss_signature(int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")))


@pytest.mark.check("AC#9")
@pytest.mark.parametrize(
    "forge",
    [
        lambda _euicc, signed: sign(ec.generate_private_key(CURVES["P-256"]), signed),
        lambda _euicc, signed: sign(ec.generate_private_key(CURVES["brainpoolP256r1"]), signed),
        lambda euicc, signed: sign(euicc.key, signed + b"\x00"),
        lambda euicc, signed: sign(euicc.key, parse(signed).value),
        lambda euicc, signed: der_of(sign(euicc.key, signed)),
        lambda euicc, signed: sign(euicc.key, signed)[:-1].replace(b"\x5f\x37\x40", b"\x5f\x37\x3f", 1),
        lambda _euicc, _signed: encode("5F37"),
        lambda _euicc, _signed: encode("5F37", bytes(64)),
        lambda _euicc, _signed: encode("5F37", bytes(32), b"\x01" * 32),
        lambda _euicc, _signed: encode("5F37", b"\x01" * 32, bytes(32)),
        lambda _euicc, _signed: encode("5F37", b"\xff" * 64),
        lambda _euicc, _signed: encode("5F37", bytes(4000)),
    ],
    ids=[
        "stranger", "other curve", "longer", "without header", "DER", "63 bytes", "empty", "zeros", "r is zero",
        "s is zero", "beyond the order", "long",
    ],
)  # fmt: skip
def test_a_signature_that_is_not_the_euiccs(opened, forge):
    signed = parse(opened.response())["A0"]["30"].raw
    outcome = opened.authenticate(opened.response(signature=forge(opened.euicc, signed)))
    refused(outcome, "AC#9", "8.1/6.1", "euicc-signature-invalid", session=closed(opened))


@pytest.mark.check("AC#10")
@pytest.mark.parametrize(
    "wrong",
    [
        {"challenge": b"\x00" * 16},
        {"challenge": b""},
        {"address": "other.example.com"},
        {"address": ""},
        {"address": "smdp.example.com\x00"},
    ],
)
def test_another_challenge_or_address_was_answered(opened, wrong):
    outcome = opened.authenticate(opened.response(**wrong))
    refused(outcome, "AC#10", "8.1/6.1", "challenge-mismatch", session=closed(opened))


@pytest.mark.check("AC#11")
def test_the_version_changed_between_the_infos(opened):
    outcome = opened.authenticate(opened.response(info2=opened.euicc.info2(svn=bytes((2, 2, 0)))))
    refused(outcome, "AC#11", "8.1/6.1", "svn-changed", session=closed(opened))


def test_verification_yields_the_eid_of_the_certificate(opened):
    judged = opened.verify_client(opened.response())
    assert isinstance(judged, Authenticated)
    assert judged.eid == EID


def test_an_euicc_of_one_curve_meets_a_server_of_the_other():
    """The eUICC signs under one CI and trusts another: both chains are looked up apart."""
    euicc = Euicc("brainpoolP256r1")
    p256 = pki("P-256")
    bench = Bench(euicc=euicc, security=security(p256, pki("brainpoolP256r1")), now=NOW)
    assert bench.initiate(info1=euicc.info1(verification=[p256.ci.ski])).refusal is None
    outcome = bench.authenticate()
    assert outcome.reply["smdpCertificate"] == p256.dppb.der
