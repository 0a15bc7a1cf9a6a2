"""`smdp demo` as a process, its claims checked by another one."""

import json
import os
import sqlite3
import ssl
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import closing

import msgspec
import pytest

from smdp import upp
from smdp.client import Client

WORDS = [
    "enrolled", "asked",
    "ordered", "commanded", "downloaded", "consumed", "installed", "active", "attached", "asked",
    "commanded", "refused", "unharmed",
    "erased", "enrolled", "kept",
    "erased", "enrolled", "commanded", "refused",
    "reissued", "commanded", "active",
]  # fmt: skip


def test_the_demo_tells_the_whole_loop(process):
    result = process("demo")
    assert result.code == 0, result
    told = [line.split()[1] for line in result.out.splitlines() if line.strip().startswith("✓")]
    assert told == WORDS
    assert "8.1.1/3.8, already-downloaded" in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    assert result.err == ""


@pytest.mark.parametrize("database", [None, "sqlite:///demo.db"])
def test_its_claims_hold_when_looked_at_from_outside(process, tmp_path, database):
    command = [sys.executable, "-m", "smdp", "demo", "--json", "--stay"]
    environment = os.environ | ({"SMDP_DATABASE": database} if database else {})
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, env=environment, text=True, **pipes) as demo:
        line = demo.stdout.readline()
        assert line, demo.stderr.read()
        facts = json.loads(line)
        client = Client(facts["control_url"], carrier=facts["carrier"])
        check(client, facts)
        check_mdm(facts)
        if database:
            check_rows(tmp_path / "demo.db", client, facts)
        url = ["--url", facts["control_url"], "--carrier", facts["carrier"]]
        assert process("why", facts["eid"], *url).code == 0
        assert process("profile", "wait", facts["reissued"], "active", "--within", "1", *url).code == 0
        again = process("device", "refresh", facts["esim_server_url"], "--eid", facts["eid"], *url)
        assert again.code == 1
        assert "8.1.1/3.8 already-downloaded" in again.out
        story, errors = demo.communicate("")
        assert (story, demo.returncode) == ("", 0), errors


def check(client, facts):
    first, second = (client.profile(facts[name]) for name in ("iccid", "reissued"))
    assert (first.eid, first.consumed_by) == (facts["eid"], facts["session"])
    assert (first.consumed, first.runtime, first.activation.state) == (True, "deleted", "terminated")
    assert (second.eid, second.consumed_by) == (facts["eid"], facts["reissued_session"])
    assert (second.consumed, second.state, second.activation.state) == (True, "installed", "active")
    assert first.msisdn == second.msisdn == facts["msisdn"]
    events = {event.type: event for event in client.events(iccid=facts["iccid"])}
    assert {name: events[name].id for name in facts["events"]} == facts["events"]
    session = client.session(facts["session"])
    assert (session.outcome, session.eid, session.iccid) == ("installed", facts["eid"], facts["iccid"])
    refused = client.session(facts["refused_session"])
    assert (refused.refusal.code, refused.refusal.reason) == (facts["refused"], facts["reason"])
    assert [esim.iccid for esim in client.device(facts["eid"]).esims] == [facts["reissued"]]
    assert facts["finally_"] in client.service_subscriptions(facts["eid"])


def check_mdm(facts):
    """Ask the MDM itself: each command it sent was acknowledged, whatever came of it."""
    trust = ssl.create_default_context(cadata=facts["mdm_ca"])
    url = f"{facts['mdm_url']}/v1/results/{facts['udid']}"
    with urllib.request.urlopen(url, context=trust, timeout=30) as answer:  # noqa: S310 - https
        results = json.loads(answer.read())["items"]
    heard = Counter((one["request_type"], one["status"]) for one in results)
    assert heard == {
        ("RefreshCellularPlans", "Acknowledged"): 4,
        ("EraseDevice", "Acknowledged"): 2,
        ("DeviceInformation", "Acknowledged"): 6,
    }


def check_rows(path, client, facts):
    """Look past the API: consumed rows, verified notifications, the key in the package that the eUICC opened."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT iccid, eid, consumed_by, activation_state FROM profiles ORDER BY iccid"
        ).fetchall()
        sessions = [(facts["iccid"], facts["session"]), (facts["reissued"], facts["reissued_session"])]
        assert rows == [
            (iccid, facts["eid"], session, state)
            for (iccid, session), state in zip(sessions, ("terminated", "active"), strict=True)
        ]
        results = database.execute(
            "SELECT iccid, transaction_id FROM notifications WHERE verified AND kind = 'profile-installation-result'"
        ).fetchall()
        assert sorted(results) == sessions
        ((state,),) = database.execute("SELECT state FROM devices").fetchall()
    (held,) = msgspec.msgpack.decode(state)["euicc"]["profiles"]
    (aka,) = {(aka.key.hex(), aka.opc.hex()) for aka in upp.read(held["upp"]).aka}
    credentials = client.profile(facts["reissued"], credentials=True).credentials
    assert aka == (credentials.ki.lower(), credentials.opc.lower())


def test_the_demo_can_be_told_again_on_a_database_that_is_kept(process):
    for _ in range(2):
        result = process("demo", env={"SMDP_DATABASE": "sqlite:///kept.db"})
        assert result.code == 0, result


def test_a_port_in_use_is_said(process, stub):
    port = stub.url.rpartition(":")[2]
    result = process("demo", env={"SMDP_CONTROL_PORT": port})
    assert result.code == 1
    assert result.err.startswith("smdp: ")
    assert result.err.count("\n") == 1
    assert port in result.err
