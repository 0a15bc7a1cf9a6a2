import json
import os
import pty
import subprocess
import sys
import threading

import pytest

from smdp.cli.app import TREE
from tests.control_stub import CARRIER, EID, ICCID, NOW, device, event, page, profile

REPORT = f"{CARRIER}/eids/{EID}"
NEAREST = {"eid": EID[:30] + "53", "differs_at": [30, 31], "valid": False, "iccid": ICCID}
REFUSED = {
    "ok": False, "refused": "8.1.1/3.8", "reason": "already-downloaded", "because": "It is used.", "fix": "Issue one.",
}  # fmt: skip


def report(*profiles, **changes):
    return {"eid": EID, "valid": True, "profiles": list(profiles), "because": "So it is.", "fix": None} | changes


def installed(**activation):
    return profile(
        state="installed", runtime="enabled", consumed=True, consumed_at=NOW, consumed_by="7F3A91C0",
        activation={"state": "active", "reason": None, "since": NOW} | activation,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "marks", "code"),
    [
        (report(), {"✗": ["ordered"]}, 1),
        (report(profile(state="confirmed")), {"✓": ["ordered"], "✗": ["released"]}, 1),
        (report(profile(), next=ICCID), {"✓": ["ordered", "released"], "·": ["downloaded", "installed", "active"]}, 0),
        (
            report(profile(state="downloaded", consumed=True, consumed_at=NOW, consumed_by="7F3A91C0")),
            {"✓": ["ordered", "released", "downloaded"], "·": ["installed", "active"]},
            1,
        ),
        (
            report(profile(state="error", consumed=True, consumed_at=NOW, consumed_by="7F3A91C0")),
            {"✓": ["ordered", "released", "downloaded"], "✗": ["installed"]},
            1,
        ),
        (report(profile(), reason="expired"), {"✓": ["ordered", "released"], "✗": ["downloaded"]}, 1),
        (report(profile(state="unavailable")), {"✓": ["ordered"], "✗": ["released"]}, 1),
        (report(profile(state="available")), {"✓": ["ordered"], "✗": ["released"]}, 1),
        (
            report(installed(state="terminated") | {"runtime": "deleted"}),
            {"✓": ["ordered", "released", "downloaded"], "✗": ["installed", "active"]},
            1,
        ),
        (
            report(
                profile(iccid="1" * 19, state="unavailable"), installed(), profile(iccid="2" * 19, state="unavailable")
            ),
            {"✓": ["ordered", "released", "downloaded", "installed", "active"], "✗": []},
            0,
        ),
        (report(installed()), {"✓": ["ordered", "released", "downloaded", "installed", "active"]}, 0),
        (
            report(installed(state="failed", reason="account-inactive")),
            {"✓": ["ordered", "released", "downloaded", "installed"], "✗": ["active"]},
            1,
        ),
    ],
)
def test_why_marks_what_is_so_and_what_is_not(smdp, stub, answer, marks, code):
    stub.on("GET", REPORT, answer)
    result = smdp("why", EID)
    assert result.code == code
    found = [line.split()[:2] for line in result.out.splitlines() if line.strip()[:1] in {"✓", "✗", "·"}]
    assert {mark: [name for m, name in found if m == mark] for mark in marks} == marks
    assert "So it is." in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_why_points_at_the_digits_that_differ(smdp, stub):
    stub.on("GET", REPORT, report(nearest=NEAREST, fix="smdp profile issue", last_seen=NOW))
    lines = smdp("why", EID).out.splitlines()
    place = next(number for number, line in enumerate(lines) if NEAREST["eid"] in line)
    assert lines[place + 1].index("^") == lines[place].index(NEAREST["eid"]) + 30
    assert lines[place + 1].count("^") == 2
    assert "Fix: smdp profile issue" in lines
    assert "Last seen: 2026-12-01 00:00:00 UTC" in lines


def test_why_as_json_is_the_report(smdp, stub):
    stub.on("GET", REPORT, report(nearest=NEAREST))
    assert json.loads(smdp("why", EID, "--json").out)["nearest"] == NEAREST


def test_device_new(smdp, stub):
    stub.on("POST", "/api/v1/devices", device(), status=201)
    result = smdp("device", "new", "--os", "26.1", "--name", "Ann's")
    assert (result.code, result.out) == (0, f"{EID}\n")
    assert result.err == f"next: smdp profile issue {EID}\n"
    assert len(json.loads(smdp("device", "new", "--count", "2", "--json").out)) == 2
    assert json.loads(smdp("device", "new", "--json").out)["eid"] == EID
    assert stub.bodies("POST", "/api/v1/devices")[0] == {"carrier": "default", "os": "26.1", "name": "Ann's"}


def test_device_list_and_show(smdp, stub):
    esim = {"iccid": ICCID, "state": "enabled", "network": "smdp TEST", "msisdn": "+15550100001"}
    stub.on("GET", "/api/v1/devices", page(device(esims=[esim])))
    stub.on("GET", f"/api/v1/devices/{EID}", device(esims=[esim], notices=["Plan added"]))
    listed = smdp("--carrier", "acme", "device", "list")
    assert listed.out.splitlines()[1].split() == [EID, "iPhone17,1", "26.1", "enabled", "Stub"]
    assert stub.requests[0][2] == "carrier=acme"
    shown = smdp("device", "show", EID)
    assert f"eSIM {ICCID}  enabled  smdp TEST  +15550100001" in shown.out
    assert "notice: Plan added" in shown.out


def test_a_refresh_tells_how_it_ended_by_its_exit_code(smdp, stub):
    stub.on("GET", "/api/v1/devices", page(device()))
    stub.on("POST", f"/api/v1/devices/{EID}/refresh", {"ok": True, "installed": ICCID})
    result = smdp("device", "refresh", "https://x.test")
    assert (result.code, result.out) == (0, f"{EID}  ✓ installed {ICCID}\n")
    stub.on("POST", f"/api/v1/devices/{EID}/refresh", REFUSED)
    result = smdp("device", "refresh", "https://x.test", "--all")
    assert result.code == 1
    assert result.out.splitlines() == [
        f"{EID}  ✗ refused",
        "  code     8.1.1/3.8 already-downloaded",
        "  because  It is used.",
        "  fix      Issue one.",
    ]
    result = smdp("device", "refresh", "https://x.test", "--json", "--eid", EID)
    assert result.code == 1
    assert json.loads(result.out)["reason"] == "already-downloaded"


def test_a_download_sends_the_codes(smdp, stub):
    stub.on("POST", f"/api/v1/devices/{EID}/download", {"ok": True, "installed": ICCID})
    assert smdp("device", "download", "LPA:1$x$Y", "--eid", EID, "--confirmation-code", "12").code == 0
    assert stub.bodies("POST", f"/api/v1/devices/{EID}/download") == [
        {"activation_code": "LPA:1$x$Y", "confirmation_code": "12"}
    ]


def test_esims_are_enabled_disabled_and_deleted(smdp, stub):
    path = f"/api/v1/devices/{EID}/esims/{ICCID}"
    stub.on("POST", f"{path}/enable", device(esims=[{"iccid": ICCID, "state": "enabled"}]))
    stub.on("POST", f"{path}/disable", device(esims=[{"iccid": ICCID, "state": "disabled"}]))
    stub.on("DELETE", path, b"", status=204)
    stub.on("GET", f"/api/v1/devices/{EID}", device())
    assert smdp("device", "enable", EID, ICCID).out == f"{EID}\n  {ICCID}  enabled\n"
    assert smdp("device", "disable", EID, ICCID).out == f"{EID}\n  {ICCID}  disabled\n"
    assert smdp("device", "delete", EID, ICCID).out == f"{EID} has no eSIM\n"


def test_events_are_lines(smdp, stub):
    stub.on("GET", f"{CARRIER}/events", page(event(iccid=ICCID, data={"plan": "gold"})))
    assert smdp("events", "--eid", EID).out == "00:00:00 profile.issued       eid=…1235 iccid=…0019 plan=gold\n"
    assert json.loads(smdp("events", "--json", "--type", "profile.issued", "--after", "3").out)["id"] == 7
    assert [query for _, _, query, _ in stub.requests] == [f"eid={EID}", "after=3&type=profile.issued"]


def test_events_can_be_followed_into_a_pipe_that_closes(stub):
    def stream(query, _body):
        number = int(query.rpartition("=")[2] or 0) + 1
        return f"data: {json.dumps(event(id=number))}\n\n".encode()

    stub.on("GET", f"{CARRIER}/events", stream, kind="text/event-stream")
    command = [sys.executable, "-m", "smdp", "events", "-f", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert [json.loads(follower.stdout.readline())["id"] for _ in range(2)] == [1, 2]
        follower.stdout.close()
        assert follower.stderr.read() == ""
        assert follower.wait(timeout=20) == 141


PEM = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"


def test_ca_as_pem_and_der(smdp, stub, process):
    stub.on("GET", "/ca.pem", (PEM + PEM).encode(), kind="application/x-pem-file")
    assert smdp("ca").out == PEM + PEM
    assert process("ca", "--as", "der").out == "\x01\x02\x03"


def test_ready(smdp, stub):
    assert smdp("ready").code == 1
    stub.on("GET", "/readyz", {"ready": True})
    assert smdp("ready").code == 0
    assert smdp("--url", stub.url, "ready").code == 0


def test_ready_waits_and_gives_up(smdp, stub):
    stub.on("GET", "/readyz", {}, status=503)
    result = smdp("ready", "--wait=0.2")
    assert result.code == 4
    assert result.err == f"smdp: {stub.url} was not ready within 0.2s: it answers 503.\n"
    asked = threading.Event()

    def become_ready(_query, _body):
        if asked.is_set():
            stub.on("GET", "/readyz", {})
        asked.set()
        return {}

    stub.on("GET", "/readyz", become_ready, status=503)
    assert smdp("ready", "--wait", "30s").code == 0


@pytest.mark.parametrize("words", [["ready"], ["version"]])
def test_health_checks_load_the_standard_library_only(stub, words):
    stub.on("GET", "/readyz", {})
    code = (
        "import sys; sys.path.insert(0, ''); from smdp.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit as end: assert not end.code, end.code\n"
        "own = {n for n in sys.modules if n.partition('.')[0] not in sys.stdlib_module_names}; print(*own)"
    )
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-S", "-c", code]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()} <= {"smdp", "__main__"}


def test_version(smdp):
    assert smdp("version").out == smdp("--version").out
    assert smdp("version").out.startswith("smdp 0.")


NOUNS = ["", *TREE]
LEAVES = [f"{noun} {verb}" for noun, (_, _, verbs) in TREE.items() for verb in verbs]
READERS = [
    "profile list", "profile show", "profile wait", "device list", "device show", "carrier list", "carrier show",
    "device poll", "device user", "device erase", "device notices", "device subscriptions", "device run",
    "scenario list", "scenario show", "fault list", "fault catalogue", "clock show", "session list", "session show",
    "snapshot list", "events", "why", "explain", "pki show", "db check",
]  # fmt: skip
"""What prints words unless it is asked for JSON; carrier export, session export and openapi print JSON always."""


@pytest.mark.parametrize("command", READERS)
def test_every_reader_prints_json_if_asked(smdp, command):
    assert "--json " in smdp(*command.split(), "--help").out


@pytest.mark.parametrize("command", NOUNS + LEAVES)
def test_help_fits_80_columns_and_describes_everything(smdp, command):
    result = smdp(*command.split(), "--help")
    assert result.code == 0
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"Usage: smdp {command}".rstrip())
    described = [line for line in lines if line.startswith("│") and not line[1:3].isspace()]
    assert described or command == "version"
    assert [line for line in described if len(line.strip("│* ").split("  ")) < 2] == []


def test_a_noun_alone_prints_its_help(smdp):
    assert smdp("profile").out == smdp("profile", "--help").out
    assert smdp().out == smdp("--help").out


def test_colours_are_for_terminals_that_want_them(stub):
    stub.on("GET", REPORT, report(installed()))
    shown = {}
    for name, value in (("NO_COLOR", ""), ("NO_COLOR", "1"), ("TERM", "dumb")):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", name: value}
        command = [sys.executable, "-m", "smdp", "why", EID]
        subprocess.run(command, stdout=theirs, check=True, env=environment)
        os.close(theirs)
        shown[name, value] = os.read(ours, 65536)
        os.close(ours)
    assert b"\033[32m" in shown["NO_COLOR", ""]
    assert b"\033" not in shown["NO_COLOR", "1"]
    assert b"\033" not in shown["TERM", "dumb"]
