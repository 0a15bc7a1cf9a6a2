"""`smdp demo` as a process, its claims checked by another one."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import msgspec
import pytest

from smdp import upp
from smdp.client import Client

WORDS = ["issued", "refreshed", "downloaded", "installed", "active", "refused"]


def test_the_demo_tells_the_main_job(process):
    result = process("demo")
    assert result.code == 0, result
    told = [line.split()[1] for line in result.out.splitlines() if line.strip().startswith("✓")]
    assert told == WORDS
    assert "8.1.1/3.8 already-downloaded" in result.out
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
        if database:
            check_rows(tmp_path / "demo.db", client.profile(facts["iccid"], credentials=True), facts)
        url = ["--url", facts["control_url"], "--carrier", facts["carrier"]]
        assert process("why", facts["eid"], *url).code == 0
        assert process("profile", "wait", facts["iccid"], "active", "--within", "1", *url).code == 0
        again = process("device", "refresh", facts["esim_server_url"], "--eid", facts["eid"], *url)
        assert again.code == 1
        assert "8.1.1/3.8 already-downloaded" in again.out
        story, errors = demo.communicate("")
        assert (story, demo.returncode) == ("", 0), errors


def check(client, facts):
    profile = client.profile(facts["iccid"], credentials=True)
    assert (profile.eid, profile.consumed_by) == (facts["eid"], facts["session"])
    assert (profile.consumed, profile.state, profile.activation.state) == (True, "installed", "active")
    assert profile.credentials.ki
    events = {event.type: event for event in client.events(iccid=facts["iccid"])}
    assert {name: events[name].id for name in facts["events"]} == facts["events"]
    session = client.session(facts["session"])
    assert (session.outcome, session.eid, session.iccid) == ("installed", facts["eid"], facts["iccid"])
    refused = client.session(facts["refused_session"])
    assert (refused.refusal.code, refused.refusal.reason) == (facts["refused"], facts["reason"])
    assert [esim.iccid for esim in client.device(facts["eid"]).esims] == [facts["iccid"]]


def check_rows(path, profile, facts):
    """Look past the API: the consumed row, the verified notification, the key in the package that the eUICC opened."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT iccid, eid, state, consumed_by, activation_state FROM profiles").fetchall()
        assert rows == [(facts["iccid"], facts["eid"], "installed", facts["session"], "active")]
        results = database.execute(
            "SELECT verified, iccid, transaction_id FROM notifications WHERE kind = 'profile-installation-result'"
        ).fetchall()
        assert results == [(1, facts["iccid"], facts["session"])]
        ((state,),) = database.execute("SELECT state FROM devices").fetchall()
    (held,) = msgspec.msgpack.decode(state)["euicc"]["profiles"]
    (aka,) = {(aka.key.hex(), aka.opc.hex()) for aka in upp.read(held["upp"]).aka}
    assert aka == (profile.credentials.ki.lower(), profile.credentials.opc.lower())


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
