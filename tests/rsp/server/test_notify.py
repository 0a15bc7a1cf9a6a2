"""HandleNotification: what results and notices do, and each check provoked alone."""

import datetime as dt

import pytest
from msgspec import structs

from smdp.rsp.checks import Refusal
from smdp.rsp.codes import BppCommandId, ErrorReason
from smdp.rsp.server import notify
from smdp.rsp.server.notify import OtherSignedNotification, ProfileInstallationResult, Told
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Change, Stage
from smdp.rsp.states import Trigger
from smdp.rsp.tlv import Malformed
from tests.euicc_stub import Euicc, arcs, small, swapped
from tests.independent import encode, parse, sign
from tests.minted import CURVES, EID, NOW, issue, pki
from tests.rsp.server.bench import ICCID, Bench, refused, security
from tests.rsp.server.test_authenticate import EUM_NAME, PAST, RUBBISH, euicc_under, euicc_with

OTHER_ICCID = "8900101000000000027"
TEMPORARY = {
    ErrorReason.INSTALL_FAILED_DUE_TO_INSUFFICIENT_MEMORY_FOR_PROFILE,
    ErrorReason.INSTALL_FAILED_DUE_TO_INTERRUPTION,
}


@pytest.fixture
def bound(bench) -> Bench:
    return bench.bound()


def result(bench, iccid=ICCID, **changes):
    coded = None if iccid is None else swapped(iccid)
    return bench.euicc.result(bench.session.transaction_id, coded, **changes)


# --- the result of an installation


def test_success_installs(curve_bench):
    curve_bench.bound()
    outcome = curve_bench.notify(result(curve_bench))
    assert outcome.refusal is None
    assert outcome.session == structs.replace(curve_bench.session, stage=Stage.CLOSED)
    assert outcome.change == Change(iccid=ICCID, eid=EID, trigger=Trigger.INSTALLATION_SUCCEEDED)
    assert outcome.happenings == ()


@pytest.mark.parametrize("reason", ErrorReason)
@pytest.mark.parametrize("command", BppCommandId)
def test_failure_names_the_step_and_the_reason(bound, command, reason):
    outcome = bound.notify(result(bound, failure=(command, reason)))
    temporary = reason in TEMPORARY
    trigger = Trigger.INSTALLATION_INTERRUPTED if temporary else Trigger.INSTALLATION_FAILED
    assert outcome.change == Change(iccid=ICCID, eid=EID, trigger=trigger)
    assert outcome.session.stage is Stage.CLOSED
    (happening,) = outcome.happenings
    assert (happening.type, happening.iccid) == ("profile.failed", ICCID)
    assert happening.data == {
        "command": command.name.lower().replace("_", "-"),
        "error": reason.name.lower().replace("_", "-"),
        "bpp_command_id": command,
        "error_reason": reason,
    }


@pytest.mark.parametrize("failure", [(6, 16), (255, 0), (2**62, 2**62)])
def test_a_failure_without_a_name(bound, failure):
    outcome = bound.notify(result(bound, failure=failure))
    assert outcome.change.trigger is Trigger.INSTALLATION_FAILED
    data = {"command": "unknown", "error": "unknown", "bpp_command_id": failure[0], "error_reason": failure[1]}
    assert outcome.happenings[0].data == data


def test_a_late_result_is_as_good(bound):
    """The session is over and long past its time; the eUICC had no network until now."""
    bound.session = structs.replace(bound.session, stage=Stage.CLOSED)
    bound.now += dt.timedelta(days=400)
    assert bound.notify(result(bound)).change.trigger is Trigger.INSTALLATION_SUCCEEDED


def test_the_iccid_may_be_missing(bound):
    assert bound.notify(result(bound, iccid=None)).refusal is None


def test_what_a_result_says(bound):
    read = notify.read(result(bound, number=77, failure=(5, 12)))
    assert isinstance(read, ProfileInstallationResult)
    assert (read.transaction_id, read.seq_number, read.iccid) == (bound.session.transaction_id, 77, ICCID)
    assert (read.smdp_oid, read.command, read.reason) == ("2.999.10", 5, 12)


@pytest.mark.check("HN#1")
def test_a_result_of_no_session(bound):
    message = result(bound)
    known = bound.session.transaction_id.hex().upper()
    bound.session = None
    because = refused(bound.notify(message), "HN#1", "8.10.1/3.9", "transaction-unknown")
    assert known in because


@pytest.mark.check("HN#1")
@pytest.mark.parametrize("stage", [Stage.AUTHENTICATED, Stage.CLOSED])
def test_a_result_of_a_session_that_got_no_package(bench, stage):
    bench.authenticated()
    bench.session = structs.replace(bench.session, stage=stage)
    refused(bench.notify(result(bench)), "HN#1", "8.10.1/3.9", "transaction-unknown")


@pytest.mark.check("HN#2")
@pytest.mark.parametrize("kind", ["stranger", "without its header", "zeros", "short"])
def test_a_result_that_the_euicc_did_not_sign(bound, kind):
    data = parse(result(bound))["BF27"]
    changes = {
        "stranger": {"signer": bound.euicc.pki.eum.key},
        "without its header": {"signature": sign(bound.euicc.key, data.value)},
        "zeros": {"signature": encode("5F37", bytes(64))},
        "short": {"signature": encode("5F37", bytes(63))},
    }
    outcome = bound.notify(result(bound, **changes[kind]))
    refused(outcome, "HN#2", "8.1/6.1", "euicc-signature-invalid")


@pytest.mark.check("HN#3")
@pytest.mark.parametrize("oid", ["2.999.11", "2.999", "0.0"])
def test_a_result_for_another_server(bound, oid):
    because = refused(bound.notify(result(bound, oid=oid)), "HN#3", "8.8/3.10", "smdp-oid-mismatch")
    assert oid in because


@pytest.mark.check("HN#3")
def test_a_result_for_a_server_that_has_other_certificates_now(bound):
    bound.security = Security(cis=bound.security.cis, identities={})
    refused(bound.notify(result(bound)), "HN#3", "8.8/3.10", "smdp-oid-mismatch")


@pytest.mark.check("HN#4")
def test_a_result_of_another_profile(bound):
    outcome = bound.notify(result(bound, iccid=OTHER_ICCID))
    refused(outcome, "HN#4", "8.2.1/3.10", "iccid-mismatch")


# --- a notice with its own certificates


def judge(message, euicc=None, now=NOW):
    other = notify.read(message)
    assert isinstance(other, OtherSignedNotification)
    return notify.verify_other(other, security(*map(pki, CURVES)), now)


def denied(judged, check, code, reason):
    assert isinstance(judged, Refusal)
    assert (judged.check, str(judged.code), judged.reason) == (check, code, reason)
    assert 0 < len(judged.message.encode()) <= 128
    assert judged.fix


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(
    ("events", "operations"),
    [
        ((0,), ("install",)),
        ((1,), ("enable",)),
        ((2,), ("disable",)),
        ((3,), ("delete",)),
        ((2, 3), ("disable", "delete")),
        ((), ()),
        ((1, 7, 12), ("enable",)),
    ],
)
def test_an_euiccs_word_on_its_profiles(curve, events, operations):
    told = judge(Euicc(curve).other(iccid=swapped(ICCID), number=300, events=events))
    assert told == Told(EID, ICCID, operations, 300)


def test_a_notice_without_iccid():
    assert judge(Euicc().other(iccid=None)).iccid is None


def notice(euicc=None, **changes):
    return judge((euicc or Euicc()).other(iccid=swapped(ICCID), **changes))


@pytest.mark.check("HN#5")
def test_a_notice_under_an_unknown_ci():
    stranger = euicc_under(issue("eum", issue("ci", None), subject=EUM_NAME))
    denied(notice(stranger), "HN#5", "8.11.1/3.9", "ci-unknown")


@pytest.mark.check("HN#6")
@pytest.mark.parametrize("wrong", [{"policy": 1}, {"policies_critical": False}])
def test_a_notice_under_an_eum_that_is_not_valid(wrong):
    eum = issue("eum", pki().ci, subject=EUM_NAME, **wrong)
    denied(notice(euicc_under(eum)), "HN#6", "8.1.2/6.1", "eum-certificate-invalid")


@pytest.mark.check("HN#6")
def test_a_notice_under_rubbish():
    denied(notice(eum=RUBBISH), "HN#6", "8.1.2/6.1", "eum-certificate-invalid")


@pytest.mark.check("HN#7")
def test_a_notice_under_an_eum_that_expired():
    eum = issue("eum", pki().ci, subject=EUM_NAME, not_after=PAST)
    denied(notice(euicc_under(eum)), "HN#7", "8.1.2/6.3", "eum-certificate-expired")


@pytest.mark.check("HN#8")
def test_a_notice_of_an_euicc_that_is_not_valid():
    denied(notice(euicc_with(policy=2)), "HN#8", "8.1.3/6.1", "euicc-certificate-invalid")
    denied(notice(certificate=RUBBISH), "HN#8", "8.1.3/6.1", "euicc-certificate-invalid")


@pytest.mark.check("HN#9")
def test_a_notice_of_an_euicc_that_expired():
    denied(notice(euicc_with(not_after=PAST)), "HN#9", "8.1.3/6.3", "euicc-certificate-expired")


@pytest.mark.check("HN#10")
@pytest.mark.parametrize("changes", [{"signer": pki().eum.key}, {"signature": encode("5F37", bytes(64))}])
def test_a_notice_that_the_euicc_did_not_sign(changes):
    denied(notice(**changes), "HN#10", "8.1/6.1", "euicc-signature-invalid")


# --- what is no notification


OID = arcs("2.999.10")


def bf27(*, transaction=b"\x01" * 16, iccid=bytes(10), oid=OID, final=None, number=b"\x01"):
    final = final or encode("A0", encode("4F", b"\x01"), encode("04"))
    about = encode("BF2F", encode("80", number), encode("81", b"\x07\x80"), encode("0C", b"x"), encode("5A", iccid))
    return encode("BF27", encode("80", transaction), about, encode("06", oid), encode("A2", final))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xbf",
        b"\xbf\x37",
        encode("BF37"),
        encode("31"),
        encode("30"),
        encode("BF2F"),
        encode("BF37", bf27()),
        encode("BF37", bf27(), encode("5F37", bytes(64))) + b"\x00",
        encode("BF37", bf27(iccid=b"\x98" * 9), encode("5F37", bytes(64))),
        encode("BF37", bf27(iccid=b"\xab" * 10), encode("5F37", bytes(64))),
        encode("BF37", bf27(oid=b""), encode("5F37", bytes(64))),
        encode("BF37", bf27(oid=b"\xff" * 1000 + b"\x01"), encode("5F37", bytes(64))),
        encode("BF37", bf27(number=b"\x7f" * 2000), encode("5F37", bytes(64))),
        encode("BF37", bf27(number=b""), encode("5F37", bytes(64))),
        encode("BF37", bf27(final=encode("A1", encode("80"), encode("81", b"\x01"))), encode("5F37", bytes(64))),
        encode("BF37", bf27(final=encode("A3")), encode("5F37", bytes(64))),
    ],
    ids=lambda data: f"{len(data)}-{data[:4].hex()}",
)
def test_what_is_no_notification(message):
    with pytest.raises(Malformed) as caught:
        notify.read(message)
    refusal = notify.malformed(caught.value)
    assert (refusal.check, str(refusal.code), refusal.field) == ("ES9#2", "1.3.1/2.1", "pendingNotification")
    assert len(refusal.message.encode()) <= 128


def test_small_numbers_are_coded_as_the_standard_does():
    assert small(127) == b"\x7f"
    assert small(128) == b"\x00\x80"
    assert arcs("2.999.10") == bytes.fromhex("88370A")
