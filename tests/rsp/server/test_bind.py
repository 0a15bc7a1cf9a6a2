"""GetBoundProfilePackage: the package opens on the other side, and each check provoked alone."""

import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import structs

from smdp.rsp.bpp import KeySet
from smdp.rsp.server.bind import Prepared, gone
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Change, Happening, Package, Policy, Stage
from smdp.rsp.states import State, Trigger
from tests.euicc_stub import refuses_download, stored_hash
from tests.independent import encode, hash_cc, open_bpp, parse, point, sign
from tests.minted import CURVES, EID, NOW
from tests.rsp.server.bench import ADDRESS, ICCID, METADATA, UPP, Bench, closed, order, refused

AGO, AHEAD = NOW - dt.timedelta(seconds=1), NOW + dt.timedelta(days=1)
PPK = KeySet(b"\x11" * 16, b"\x22" * 16, b"\x33" * 16)
OTHER_EID = "89049032123451234512345678901337"
CODE = "1234"
CODED = order(confirmation_code_hash=stored_hash(CODE))


@pytest.fixture
def ready(bench) -> Bench:
    return bench.authenticated()


@pytest.fixture
def coded(bench) -> Bench:
    return bench.authenticated(CODED)


# --- the package


@pytest.mark.parametrize("ppk", [None, PPK], ids=["session keys", "random keys"])
def test_the_package_opens_on_the_other_side(curve_bench, ppk):
    before = curve_bench.authenticated().session
    outcome = curve_bench.bind(content=Package(upp=UPP, ppk=ppk))
    reply, euicc = outcome.reply, curve_bench.euicc
    assert list(reply) == ["transactionId", "boundProfilePackage"]
    assert reply["transactionId"] == before.transaction_id
    sealed = reply["boundProfilePackage"]
    opened = open_bpp(sealed, euicc.otsk, EID, signer=euicc.pki.dppb.key.public_key())
    assert (opened.metadata, opened.upp) == (METADATA, UPP)
    assert opened.transaction_id == before.transaction_id
    assert opened.replaced_keys is (ppk is not None)
    assert outcome.session == structs.replace(before, stage=Stage.BOUND, euicc_otpk=point(euicc.otsk))
    happening = Happening(type="profile.downloaded", iccid=ICCID, data={"bytes": len(sealed)})
    assert outcome.happenings == (happening,)
    assert outcome.change is None


def test_the_metadata_are_those_of_the_order_that_was_claimed(ready):
    other = METADATA.replace(b"Plan", b"Flat")
    opened = open_bpp(ready.bind(wanted=order(metadata=other)).reply["boundProfilePackage"], ready.euicc.otsk, EID)
    assert opened.metadata == other


def test_a_session_s_one_time_key_and_host_id_are_its_own(bench):
    first = bench.bound().reply["boundProfilePackage"]
    second = bench.bound().reply["boundProfilePackage"]
    assert open_bpp(first, bench.euicc.otsk, EID).smdp_otpk != open_bpp(second, bench.euicc.otsk, EID).smdp_otpk


@pytest.mark.parametrize("attempts", [0, 2])
def test_the_right_confirmation_code(coded, attempts):
    wanted = structs.replace(CODED, confirmation_code_attempts=attempts)
    assert coded.bind(coded.prepared(code=CODE), wanted=wanted).refusal is None


def test_a_code_that_nobody_asked_for_is_ignored(ready):
    assert ready.bind(ready.prepared(code="0000")).refusal is None


SAME_DEVICE = order(eid=EID, reuse="same-device")


# --- a lost answer


def test_the_same_one_time_key_may_ask_again(bench):
    bench.bound()
    judged = bench.verify_prepared(bench.prepared())
    assert isinstance(judged, Prepared)
    assert judged.again


def test_the_first_time_is_not_again(ready):
    assert ready.verify_prepared(ready.prepared()).again is False


# --- another one-time key


def fresh_key() -> bytes:
    return point(ec.generate_private_key(CURVES["P-256"]))


def test_another_one_time_key_gets_nothing_more(bench):
    before = bench.bound().session
    outcome = bench.bind(bench.prepared(otpk=fresh_key()))
    because = refused(outcome, "GB#1", "8.10.1/3.9", "transaction-unknown")
    assert because == "The session is bound, not at this step."
    assert bench.session == before


@pytest.mark.check("GB#4b")
def test_a_session_that_has_its_package_is_not_bound_anew(bench):
    bench.bound(SAME_DEVICE)
    outcome = bench.bind(bench.prepared(otpk=fresh_key()), wanted=SAME_DEVICE)
    refused(outcome, "GB#4b", "8.2/3.7", "rebinding-refused")
    assert outcome.session is None


@pytest.mark.check("GB#4b")
def test_a_new_session_with_another_key_is_refused(bench):
    kept = structs.replace(SAME_DEVICE, bound_otpk=fresh_key())
    bench.authenticated(kept)
    session = closed(bench)
    outcome = bench.bind(wanted=kept)
    refused(outcome, "GB#4b", "8.2/3.7", "rebinding-refused", session=session)


def test_the_key_of_before_may_come_back(bench):
    bench.authenticated(SAME_DEVICE)
    kept = structs.replace(SAME_DEVICE, bound_otpk=point(bench.euicc.otsk))
    assert bench.bind(wanted=kept).refusal is None


@pytest.mark.parametrize("reuse", ["same-device", "always"])
def test_a_carrier_that_allows_it_binds_anew(bench, reuse):
    bench.policy = structs.replace(bench.policy, rebind="allow" if reuse == "same-device" else "refuse")
    wanted, key = structs.replace(SAME_DEVICE, reuse=reuse), ec.generate_private_key(CURVES["P-256"])
    first = bench.bound(wanted).reply["boundProfilePackage"]
    outcome = bench.bind(bench.prepared(otpk=point(key)), wanted=wanted)
    second = outcome.reply["boundProfilePackage"]
    assert open_bpp(second, key, EID).upp == open_bpp(first, bench.euicc.otsk, EID).upp
    assert (outcome.session.stage, outcome.session.euicc_otpk) == (Stage.BOUND, point(key))


@pytest.mark.check("GB#9")
def test_who_lost_the_order_keeps_the_session_that_has_a_package(bench):
    """It was installed or revoked meanwhile: that is no news of the package that is on its way."""
    bench.policy = structs.replace(bench.policy, rebind="allow")
    bench.bound(SAME_DEVICE)
    outcome = bench.bind(bench.prepared(otpk=fresh_key()), wanted=SAME_DEVICE, claimed=False)
    refused(outcome, "GB#9", "8.2/3.7", "already-downloaded")
    assert outcome.session is None


# --- what does not close a session


@pytest.mark.check("GB#4")
def test_a_forgery_does_not_close_a_session_that_has_its_package(bench):
    bench.bound()
    judged = bench.verify_prepared(bench.prepared(signature=encode("5F37", bytes(64))))
    refused(judged, "GB#4", "8.1/6.1", "euicc-signature-invalid")


def test_rubbish_does_not_close_a_session_that_has_its_package(bench):
    bench.bound()
    refused(bench.verify_prepared(b"\xbf"), "ES9#2", "1.3.1/2.1", "member-malformed")


# --- the session


@pytest.mark.check("GB#1")
@pytest.mark.parametrize("stage", [Stage.INITIATED, Stage.CLOSED])
def test_a_session_at_another_step(ready, stage):
    message = ready.prepared()
    ready.session = structs.replace(ready.session, stage=stage)
    refused(ready.bind(message), "GB#1", "8.10.1/3.9", "transaction-unknown")


@pytest.mark.check("GB#1")
def test_a_session_that_is_too_old(ready):
    ready.now += dt.timedelta(minutes=30, seconds=1)
    because = refused(ready.bind(), "GB#1", "8.10.1/3.9", "transaction-unknown")
    assert because == "The session expired after 30 minutes."


@pytest.mark.check("GB#1")
def test_a_session_whose_certificates_are_gone(ready):
    ready.security = Security(cis=ready.security.cis, identities={})
    refused(ready.bind(), "GB#1", "8.10.1/3.9", "transaction-unknown")


def test_a_session_that_never_was(ready):
    message = ready.prepared()
    ready.session = None
    refused(ready.verify_prepared(message), "GB#1", "8.10.1/3.9", "transaction-unknown")


# --- the message


@pytest.mark.parametrize("message", [b"", encode("BF21"), encode("BF21", encode("A0", encode("30"))), encode("BF38")])
def test_what_is_no_prepare_download_response(ready, message):
    outcome = ready.verify_prepared(message)
    refused(outcome, "ES9#2", "1.3.1/2.1", "member-malformed", session=closed(ready))


@pytest.mark.check("GB#2")
@pytest.mark.parametrize("error", [1, 3, 127])
def test_the_euicc_refused_the_download(ready, error):
    outcome = ready.bind(refuses_download(ready.session.transaction_id, error))
    because = refused(outcome, "GB#2", "8.1/4.2", "euicc-refused-download", session=closed(ready))
    assert str(error) in because


@pytest.mark.check("GB#3")
@pytest.mark.parametrize("signed", [b"", b"\xaa" * 16, b"\xaa" * 40])
def test_another_transaction_was_signed(ready, signed):
    outcome = ready.bind(ready.prepared(transaction_id=signed))
    refused(outcome, "GB#3", "8.10.1/3.9", "transaction-mismatch", session=closed(ready))


@pytest.mark.check("GB#4")
@pytest.mark.parametrize(
    "forge",
    [
        lambda bench, signed: sign(bench.euicc.pki.eum.key, signed, bench.session.smdp_signature2),
        lambda bench, signed: sign(bench.euicc.key, signed),
        lambda bench, signed: sign(bench.euicc.key, bench.session.smdp_signature2, signed),
        lambda bench, signed: sign(bench.euicc.key, signed, parse(bench.session.smdp_signature2).value),
        lambda _bench, _signed: encode("5F37", bytes(64)),
        lambda _bench, _signed: encode("5F37", b"\xff" * 65),
        lambda _bench, _signed: encode("5F37"),
    ],
    ids=["stranger", "without signature", "other order", "without its header", "zeros", "65 bytes", "empty"],
)
def test_a_signature_that_is_not_the_euiccs(ready, forge):
    signed = parse(ready.prepared())["A0"]["30"].raw
    outcome = ready.bind(ready.prepared(signature=forge(ready, signed)))
    refused(outcome, "GB#4", "8.1/6.1", "euicc-signature-invalid", session=closed(ready))


P256_POINT = point(ec.derive_private_key(7, CURVES["P-256"]))


@pytest.mark.check("GB#4a")
@pytest.mark.parametrize(
    "otpk",
    [
        b"",
        b"\x00",
        b"\x04" + bytes(64),
        P256_POINT[:-1] + bytes([P256_POINT[-1] ^ 1]),
        point(ec.derive_private_key(7, CURVES["brainpoolP256r1"])),
        b"\x02" + P256_POINT[1:33],
        b"\x06" + P256_POINT[1:],
        P256_POINT + b"\x00",
        b"\x04" + b"\xff" * 64,
        bytes(5000),
    ],
    ids=["empty", "infinity", "zeros", "off", "other curve", "compressed", "hybrid", "66 bytes", "not reduced", "long"],
)
def test_a_one_time_key_that_is_no_point(ready, otpk):
    outcome = ready.bind(ready.prepared(otpk=otpk))
    because = refused(outcome, "GB#4a", "8.1/6.1", "euicc-otpk-invalid", session=closed(ready))
    assert "P-256" in because


# --- the order as it stands


@pytest.mark.check("GB#5")
def test_the_order_expired_while_the_session_ran(ready):
    outcome = ready.bind(wanted=order(expires_at=AGO))
    because = refused(outcome, "GB#5", "8.8.5/4.10", "expired", session=closed(ready))
    assert "2026-11-22 08:59:59 UTC" in because


def test_an_order_that_expires_later(ready):
    assert ready.bind(wanted=order(expires_at=AHEAD)).refusal is None


@pytest.mark.check("GB#6")
def test_no_confirmation_code_was_given(coded):
    outcome = coded.bind(wanted=CODED)
    refused(outcome, "GB#6", "8.2.7/2.2", "confirmation-code-missing", session=closed(coded))


def wrong_hashes(bench):
    transaction_id = bench.session.transaction_id
    return {
        "wrong code": hash_cc("1235", transaction_id),
        "another session's": hash_cc(CODE, b"\x01" * 16),
        "not tied to a session": stored_hash(CODE),
        "the code itself": CODE.encode(),
        "nothing": b"",
        "cut": hash_cc(CODE, transaction_id)[:-1],
    }


@pytest.mark.check("GB#7")
@pytest.mark.parametrize(
    "kind", ["wrong code", "another session's", "not tied to a session", "the code itself", "nothing", "cut"]
)
@pytest.mark.parametrize(("attempts", "left"), [(0, "2 attempts left"), (1, "1 attempt left")])
def test_a_wrong_confirmation_code_costs_an_attempt(coded, kind, attempts, left):
    wanted = structs.replace(CODED, confirmation_code_attempts=attempts)
    outcome = coded.bind(coded.prepared(hashed=wrong_hashes(coded)[kind]), wanted=wanted)
    change = Change(iccid=ICCID, values={"confirmation_code_attempts": attempts + 1})
    because = refused(outcome, "GB#7", "8.2.7/3.8", "confirmation-code-wrong", session=closed(coded), change=change)
    assert left in because


@pytest.mark.check("GB#8")
@pytest.mark.parametrize(("attempts", "limit"), [(2, 3), (3, 3), (0, 1), (0, 0)])
def test_the_last_wrong_confirmation_code_ends_the_order(coded, attempts, limit):
    coded.policy = Policy(hosts=frozenset({ADDRESS}), confirmation_code_attempts=limit)
    wanted = structs.replace(CODED, confirmation_code_attempts=attempts)
    outcome = coded.bind(coded.prepared(code="0000"), wanted=wanted)
    values = {"confirmation_code_attempts": attempts + 1}
    change = Change(iccid=ICCID, trigger=Trigger.EXHAUSTED, values=values)
    refused(outcome, "GB#8", "8.2.7/6.4", "confirmation-code-attempts-exceeded", session=closed(coded), change=change)


# --- the claim


@pytest.mark.check("GB#9")
@pytest.mark.parametrize("state", [State.RELEASED, State.DOWNLOADED, State.CONFIRMED])
def test_the_loser_of_the_race_gets_nothing(ready, state):
    outcome = ready.bind(wanted=order(state=state), claimed=False)
    because = refused(outcome, "GB#9", "8.2/3.7", "already-downloaded", session=closed(ready))
    assert because.startswith(f"The profile {ICCID} is {state}:")


@pytest.mark.check("GB#9")
@pytest.mark.parametrize("attempts", [0, 2, 3])
@pytest.mark.parametrize(
    "lost",
    [{"eid": OTHER_EID, "state": State.DOWNLOADED}, {"eid": OTHER_EID}, {"state": State.ERROR}],
    ids=["downloaded by another", "linked to another", "ended"],
)
def test_a_wrong_code_for_a_lost_order_costs_its_owner_nothing(coded, attempts, lost):
    """Else whoever lost the race could use up the winner's attempts, and end the winner's order."""
    wanted = structs.replace(CODED, confirmation_code_attempts=attempts, **lost)
    for hashed in (None, b"wrong"):
        outcome = coded.bind(coded.prepared(hashed=hashed), wanted=wanted, claimed=False)
        refused(outcome, "GB#9", "8.2/3.7", "already-downloaded", session=closed(coded))


def test_a_session_whose_order_is_gone(ready):
    because = refused(gone(ready.session), "GB#1", "8.10.1/3.9", "transaction-unknown", session=closed(ready))
    assert because == "The session has lost its order."
