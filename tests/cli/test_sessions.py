"""`smdp session show`: the ladder, at 80 columns, for every way a session can end."""

import pytest

from tests.control_stub import CARRIER, EID, ICCID, NOW

ID = "7F3A91C0" * 4
FIX = "Use the device it was ordered for, or issue the profile without an IMEI, and then try the download once more."


def step(name, *checks, ms=3.14, **members):
    keys = ("id", "field", "ok", "clause", "text")
    told = [dict(zip(keys, check, strict=True)) for check in checks]
    return {"name": name, "at": NOW, "ms": ms, "checks": told} | members


def session(outcome, *steps, refusal=None):
    return {"id": ID, "carrier": "default", "eid": EID, "iccid": ICCID, "outcome": outcome, "opened_at": NOW,
            "refusal": refusal, "steps": list(steps)}  # fmt: skip


GOOD = ("IA#1", "smdpAddress", True, "SGP.22 §5.6.1", "localhost is a name of this server.")
BAD = ("AC#14f", "ctxParams1.deviceInfo.imei", False, "SGP.22 §3.1.2", "The order is bound to another IMEI than this.")
REFUSAL = {"check": "AC#14f", "code": "8.1.1/3.8", "reason": "imei-mismatch", "because": BAD[-1], "fix": FIX}


@pytest.fixture
def shown(smdp, stub):
    def run(told):
        stub.on("GET", f"{CARRIER}/sessions/{ID}", told)
        done = smdp("session", "show", ID)
        assert (done.code, done.err) == (0, "")
        assert max(map(len, done.out.splitlines())) <= 80
        return done.out

    return run


def test_the_ladder_of_a_refused_session(shown):
    told = session("refused", step("initiateAuthentication", GOOD), step("authenticateClient", BAD), refusal=REFUSAL)
    assert (
        shown(told)
        == f"""\
{ID}  refused 8.1.1/3.8 imei-mismatch
  EID     {EID}
  ICCID   {ICCID}
  opened  2026-12-01 00:00:00 UTC
AC#14f: The order is bound to another IMEI than this.
Fix: Use the device it was ordered for, or issue the profile without an IMEI,
     and then try the download once more.

✓ initiateAuthentication       3.1 ms
  ✓ IA#1    smdpAddress: localhost is a name of this server.

✗ authenticateClient           3.1 ms
  ✗ AC#14f  ctxParams1.deviceInfo.imei: The order is bound to another IMEI than
            this.
"""
    )


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("open", "The session is open: its next step has not come."),
        ("downloaded", "The package went out; what the device made of it has not come."),
        ("installed", "The profile is installed."),
        ("refused", "The session was refused."),
        ("cancelled", "The session was cancelled."),
        ("expired", "The session took too long: its next step never came."),
        ("failed", "The device could not install the profile."),
    ],
)
def test_a_sentence_for_every_outcome(shown, outcome, sentence):
    assert shown(session(outcome)).splitlines()[4:] == [sentence]


def test_an_installation_that_failed_says_why(shown):
    error = {"errorResult": {"bppCommandId": "5 (loadProfileElements)", "errorReason": "10 (noRoom)"}}
    request = {"pendingNotification": {"profileInstallationResultData": {"finalResult": error}}}
    out = shown(session("failed", step("handleNotification", ms=None, request=request)))
    assert "could not install the profile: 10 (noRoom) at 5\n(loadProfileElements).\n" in out
    assert out.endswith("\n· handleNotification\n"), "nothing is known of its checks"
