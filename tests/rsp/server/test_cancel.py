"""CancelSession: what it does to the order, and each check provoked alone."""

import datetime as dt

import pytest
from msgspec import structs

from smdp.rsp.codes import CancelSessionReason
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Change, Happening, Stage
from smdp.rsp.states import Trigger
from tests.euicc_stub import refuses_cancel
from tests.independent import encode
from tests.minted import EID
from tests.rsp.server.bench import ICCID, Bench, refused

KEEP = {CancelSessionReason.POSTPONED: "postponed", CancelSessionReason.TIMEOUT: "timeout"}
END = {
    CancelSessionReason.END_USER_REJECTION: "end-user-rejection",
    CancelSessionReason.PPR_NOT_ALLOWED: "ppr-not-allowed",
    CancelSessionReason.METADATA_MISMATCH: "metadata-mismatch",
    CancelSessionReason.LOAD_BPP_EXECUTION_ERROR: "load-bpp-execution-error",
    CancelSessionReason.UNDEFINED_REASON: "undefined-reason",
    16: "16",
    -1: "-1",
    2**63 - 1: "9223372036854775807",
}


def cancellation(bench, reason=0, transaction_id=None, **changes):
    return bench.euicc.cancel(transaction_id or bench.session.transaction_id, reason, **changes)


@pytest.fixture(params=[Stage.AUTHENTICATED, Stage.BOUND])
def running(request, bench) -> Bench:
    """A session that may be cancelled: before and after the package went out."""
    return bench.authenticated() if request.param is Stage.AUTHENTICATED else bench.bound()


def test_the_constants_cover_every_reason():
    assert set(CancelSessionReason) <= {*KEEP, *END}


@pytest.mark.parametrize(
    ("reason", "slug", "trigger"),
    [
        *((reason, slug, Trigger.POSTPONED) for reason, slug in KEEP.items()),
        *((reason, slug, Trigger.REJECTED) for reason, slug in END.items()),
    ],
)
def test_the_reason_decides_about_the_order(running, reason, slug, trigger):
    outcome = running.cancel(cancellation(running, reason))
    assert outcome.refusal is None
    assert outcome.reply == {}
    assert outcome.session == structs.replace(running.session, stage=Stage.CLOSED)
    assert outcome.change == Change(iccid=ICCID, eid=EID, trigger=trigger)
    data = {"reason": slug, "keeps_order": trigger is Trigger.POSTPONED}
    assert outcome.happenings == (Happening(type="session.cancelled", iccid=ICCID, data=data),)


def test_on_each_curve(curve_bench):
    curve_bench.authenticated()
    assert curve_bench.cancel(cancellation(curve_bench)).refusal is None


# --- the session


@pytest.mark.check("CS#1")
@pytest.mark.parametrize("stage", [Stage.INITIATED, Stage.CLOSED])
def test_a_session_at_another_step(running, stage):
    """Before AuthenticateClient there is no key to verify with; after a refusal there is nothing to cancel."""
    message = cancellation(running)
    running.session = structs.replace(running.session, stage=stage)
    refused(running.cancel(message), "CS#1", "8.10.1/3.9", "transaction-unknown")


@pytest.mark.check("CS#1")
def test_a_session_that_is_too_old(running):
    running.now += dt.timedelta(minutes=31)
    refused(running.cancel(cancellation(running)), "CS#1", "8.10.1/3.9", "transaction-unknown")


@pytest.mark.check("CS#1")
def test_a_session_whose_certificates_are_gone(running):
    running.security = Security(cis=running.security.cis, identities={})
    refused(running.cancel(cancellation(running)), "CS#1", "8.10.1/3.9", "transaction-unknown")


def test_a_session_that_never_was(running):
    message = cancellation(running)
    running.session = None
    refused(running.cancel(message), "CS#1", "8.10.1/3.9", "transaction-unknown")


# --- the message


@pytest.mark.parametrize(
    "message", [b"", encode("BF41"), encode("BF41", encode("81")), encode("BF41", encode("81", bytes(9)))]
)
def test_what_is_no_cancel_session_response(running, message):
    refused(running.cancel(message), "ES9#2", "1.3.1/2.1", "member-malformed")


@pytest.mark.check("CS#2")
@pytest.mark.parametrize("error", [5, 127])
def test_the_euicc_did_not_cancel(running, error):
    because = refused(running.cancel(refuses_cancel(error)), "CS#2", "8.1/4.2", "euicc-refused-cancel")
    assert str(error) in because


@pytest.mark.check("CS#3")
@pytest.mark.parametrize("signed", [b"\x01", b"\xaa" * 16, b"\xaa" * 40])
def test_another_transaction_was_signed(running, signed):
    outcome = running.cancel(cancellation(running, transaction_id=signed))
    refused(outcome, "CS#3", "8.10.1/3.9", "transaction-mismatch")


@pytest.mark.check("CS#4")
@pytest.mark.parametrize("kind", ["stranger", "longer", "zeros", "empty"])
def test_a_signature_that_is_not_the_euiccs(running, kind):
    changes = {
        "stranger": {"signer": running.euicc.pki.eum.key},
        "longer": {"signature": encode("5F37", b"\x01" * 65)},
        "zeros": {"signature": encode("5F37", bytes(64))},
        "empty": {"signature": encode("5F37")},
    }
    outcome = running.cancel(cancellation(running, **changes[kind]))
    refused(outcome, "CS#4", "8.1/6.1", "euicc-signature-invalid")


@pytest.mark.check("CS#5")
@pytest.mark.parametrize("oid", ["2.999.11", "2.999.100", "2.999", "1.2.3"])
def test_the_session_of_another_server(running, oid):
    because = refused(running.cancel(cancellation(running, oid=oid)), "CS#5", "8.8/3.10", "smdp-oid-mismatch")
    assert "2.999.10" in because
