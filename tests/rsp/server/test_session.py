"""Whole sessions: byte for byte, again from a seed, and with hostile bytes at every step."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp import wire
from smdp.rsp.bpp import KeySet
from smdp.rsp.checks import Refusal
from smdp.rsp.crypto import Stream
from smdp.rsp.server import notify
from smdp.rsp.server.authenticate import Authenticated
from smdp.rsp.server.bind import Prepared
from smdp.rsp.server.session import Outcome, Package, Session, Stage
from smdp.rsp.states import Trigger
from smdp.rsp.tlv import Malformed
from tests.euicc_stub import Euicc, stored_hash, swapped
from tests.independent import open_bpp
from tests.minted import CURVES, EID, NOW
from tests.rsp.server.bench import ICCID, METADATA, UPP, Bench, order, security
from tests.rsp.test_decoder import CHANGES, places, put

PPK = KeySet(b"\x11" * 16, b"\x22" * 16, b"\x33" * 16)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("ppk", [None, PPK], ids=["session keys", "random keys"])
@pytest.mark.parametrize("code", [None, "1234"])
def test_from_the_first_message_to_the_installation(curve, ppk, code):
    """What comes out is what was ordered, byte for byte, as an independent eUICC reads it."""
    bench = Bench(euicc=Euicc(curve))
    wanted = order(matching_id="AB-1", confirmation_code_hash=stored_hash(code) if code else None)
    assert bench.initiate().refusal is None
    message = bench.response(context=bench.euicc.context(matching_id="AB-1"))
    assert bench.authenticate(message, [wanted]).refusal is None
    assert bench.reply["profileMetadata"] == METADATA
    outcome = bench.bind(bench.prepared(code=code), wanted=wanted, content=Package(upp=UPP, ppk=ppk))
    signer = bench.euicc.pki.dppb.key.public_key()
    opened = open_bpp(outcome.reply["boundProfilePackage"], bench.euicc.otsk, EID, signer=signer)
    assert (opened.metadata, opened.upp, opened.replaced_keys) == (METADATA, UPP, ppk is not None)
    outcome = bench.notify(bench.euicc.result(bench.session.transaction_id, swapped(ICCID)))
    assert outcome.change.trigger is Trigger.INSTALLATION_SUCCEEDED
    assert outcome.session.stage is Stage.CLOSED


def test_answers_are_json_that_an_lpa_can_read(bench):
    replies = [bench.initiated().reply, bench.authenticated().reply, bench.bound().reply]
    for reply in replies:
        written = json.loads(wire.answer(reply))
        assert written.pop("header") == {"functionExecutionStatus": {"status": "Executed-Success"}}
        assert written.keys() == reply.keys()
        assert all(isinstance(text, str) for text in written.values())


# --- the seed


def recorded(seed: bytes) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Go through a session; return what the eUICC said, and what the server answered."""
    bench = Bench(entropy=Stream(seed)).initiated()
    said, answered = [bench.response()], [bench.reply]
    bench.authenticate(said[0])
    said.append(bench.prepared())
    answered.append(bench.reply)
    bench.bind(said[1])
    return said, [*answered, bench.reply]


def test_the_same_seed_gives_the_same_bytes():
    said, answered = recorded(b"seed")
    again = Bench(entropy=Stream(b"seed")).initiated()
    replies = [again.reply]
    again.authenticate(said[0])
    replies.append(again.reply)
    again.bind(said[1])
    assert [*replies, again.reply] == answered


def test_another_seed_gives_others():
    _, first = recorded(b"seed")
    _, second = recorded(b"another")
    for one, other in zip(first, second, strict=True):
        assert one["transactionId"] != other["transactionId"]
    assert first[2]["boundProfilePackage"] != second[2]["boundProfilePackage"]


# --- another session's messages


def test_the_messages_of_one_session_are_nothing_to_another(bench):
    bench.initiated()
    response = bench.response()
    bench.authenticate(response)
    prepared, cancelled = bench.prepared(), bench.euicc.cancel(bench.session.transaction_id, 0)
    other = Bench(entropy=Stream(b"other")).authenticated()
    for judged in (other.verify_prepared(prepared), other.cancel(cancelled)):
        assert isinstance(judged, Outcome)
        assert judged.refusal is not None
    other.initiated()
    assert other.verify_client(response).refusal is not None


def test_another_euiccs_signature_is_nothing_to_a_session(bench):
    bench.authenticated()
    stranger = Euicc("brainpoolP256r1")
    message = stranger.prepare(bench.session.transaction_id, bench.session.smdp_signature2)
    assert bench.verify_prepared(message).refusal is not None


# --- hostile bytes


OPENED = Bench().initiated()
READY = Bench().authenticated()
BOUND = Bench().bound()
SECURITY = security(*(Euicc(curve).pki for curve in CURVES))


def judge_client(message):
    return OPENED.verify_client(message)


def judge_prepared(message):
    return READY.verify_prepared(message)


def judge_bound(message):
    return BOUND.verify_prepared(message)


def judge_cancel(message):
    return READY.cancel(message)


def judge_notification(message):
    try:
        read = notify.read(message)
    except Malformed as error:
        return Outcome(refusal=notify.malformed(error))
    if isinstance(read, notify.ProfileInstallationResult):
        return notify.decide_result(read, BOUND.session, SECURITY)
    told = notify.verify_other(read, SECURITY, NOW)
    return Outcome(refusal=told) if isinstance(told, Refusal) else told


STEPS = {
    "authenticate": (judge_client, OPENED.response(context=OPENED.euicc.context(matching_id="AB-1", imei=bytes(8)))),
    "prepare": (judge_prepared, READY.prepared(code="1234")),
    "again": (judge_bound, BOUND.prepared()),
    "cancel": (judge_cancel, READY.euicc.cancel(READY.session.transaction_id, 1)),
    "installed": (judge_notification, BOUND.euicc.result(BOUND.session.transaction_id, swapped(ICCID))),
    "failed": (
        judge_notification,
        BOUND.euicc.result(BOUND.session.transaction_id, swapped(ICCID), failure=(5, 10)),
    ),
    "told": (judge_notification, BOUND.euicc.other(iccid=swapped(ICCID))),
}
ACCEPTED = (Authenticated, Prepared, notify.Told)


def survives(step: str, message: bytes) -> None:
    """Whatever was sent, the answer is one that can be written; a refusal fits an LPA's buffer."""
    judge, _ = STEPS[step]
    judged = judge(message)
    if isinstance(judged, ACCEPTED):
        return
    assert isinstance(judged, Outcome)
    if judged.refusal is not None:
        assert len(judged.refusal.message.encode()) <= 128
        json.loads(wire.failure(judged.refusal))
        assert judged.change is None


@pytest.mark.parametrize("step", STEPS)
def test_the_honest_message_is_accepted(step):
    judge, message = STEPS[step]
    judged = judge(message)
    assert isinstance(judged, ACCEPTED) or judged.refusal is None


@given(st.sampled_from(sorted(STEPS)), st.data())
def test_flipped_bits(step, draw):
    _, message = STEPS[step]
    spoiled = bytearray(message)
    start = 8  # behind the tags that say which alternative it is
    for _ in range(draw.draw(st.integers(1, 3))):
        spoiled[draw.draw(st.integers(start, len(spoiled) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    survives(step, bytes(spoiled))


@given(st.sampled_from(sorted(STEPS)), st.binary(max_size=200))
def test_noise(step, noise):
    survives(step, noise)


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("step", STEPS)
def test_one_wrong_tlv_at_every_place(step, kind):
    """Certificates too: each TLV inside them is spoiled in turn, and the lengths around it are right."""
    _, message = STEPS[step]
    for path in places(message):
        survives(step, put(message, path, CHANGES[kind]))


def test_a_certificate_with_a_broken_text_is_refused(bench):
    """The parser of certificates is lazy; what it says late must be a refusal, too."""
    bench.initiated()
    good = bench.euicc.certificate.der
    spoiled = good.replace(EID.encode(), b"\xff" * 32)
    assert spoiled != good
    outcome = bench.authenticate(bench.response(certificate=spoiled))
    assert str(outcome.refusal.code) == "8.1.3/6.1"


def test_the_certificate_of_another_card_does_not_help_a_thief(bench):
    """The chain is good and the EID another's: then the signature is not."""
    bench.initiated()
    thief = Euicc("P-256")
    key = bench.euicc.pki.eum.key
    outcome = bench.authenticate(bench.response(signer=key, certificate=thief.certificate.der))
    assert outcome.refusal is not None
    assert outcome.change is None


@pytest.mark.parametrize("bench", [OPENED, READY, BOUND], ids=["initiated", "authenticated", "bound"])
def test_a_session_is_a_row(bench):
    """Any process can serve the next step: what was written is what is read."""
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(bench.session), type=Session) == bench.session
