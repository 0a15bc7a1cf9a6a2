"""The commands with a real server behind them: what a person does in the first ten minutes."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from smdp.client import Client
from smdp.errors import TimedOut
from smdp.server import Server
from smdp.settings import Settings

UNKNOWN = "89049032123451234512345678901235"


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture
def carrier(server, monkeypatch):
    """A fresh carrier, which the commands are about."""
    client = Client(server.control_url).create_carrier()
    monkeypatch.setenv("SMDP_URL", server.control_url)
    monkeypatch.setenv("SMDP_CARRIER", client.carrier)
    return client


@pytest.fixture
def eid(smdp, carrier):
    return smdp("device", "new").out.strip()


def test_the_first_ten_minutes(smdp, carrier, eid):
    assert smdp("why", eid).code == 1
    assert smdp("profile", "issue", eid).code == 0
    assert smdp("why", eid).code == 0
    url = json.loads(smdp("profile", "show", eid, "--json").out)["esim_server_url"]
    assert smdp("device", "refresh", url).code == 0
    assert smdp("profile", "wait", eid, "active", "--within", "30s").code == 0
    why = smdp("why", eid)
    assert why.code == 0
    assert [line.split()[:2] for line in why.out.splitlines()[1:6]] == [
        ["✓", name] for name in ("ordered", "released", "downloaded", "installed", "active")
    ]
    again = smdp("device", "refresh", url, "--eid", eid)
    assert again.code == 1
    assert "8.1.1/3.8 already-downloaded" in again.out
    assert max(len(line) for line in why.out.splitlines() if not line.startswith("Fix: ")) <= 80


def test_profiles_are_found_by_each_filter(smdp, carrier, eid):
    carrier.create_plan("gold")
    mine = carrier.issue(eid, plan="gold", matching_id="MINE-1")
    other = carrier.issue(hold=True)
    found = {
        ("--eid", eid): mine, ("--plan", "gold"): mine, ("--q", "INE-1"): mine, ("--q", mine.msisdn.lstrip("+")): mine,
        ("--state", "released"): mine, ("--state", "confirmed"): other, ("--plan", "default"): other,
    }  # fmt: skip
    for words, profile in found.items():
        listed = json.loads(smdp("profile", "list", *words, "--json").out)
        assert [one["iccid"] for one in listed] == [profile.iccid], words
    carrier.set_activation(other.iccid, "suspended")
    assert smdp("profile", "list", "--activation", "suspended").out.splitlines()[1].startswith(other.iccid)
    assert smdp("profile", "list", "--plan", "silver").err == "No profiles.\n"


def test_a_device_is_what_its_flags_say(process, carrier):
    usual = json.loads(process("device", "new", "--json").out)
    assert (usual["supervised"], usual["cellular"], usual["physical_sim"]) == (True, True, False)
    words = (
        "--unsupervised",
        "--no-cellular",
        "--physical-sim",
        "--os",
        "18.1",
        "--model",
        "iPad16,3",
        "--name",
        "Till",
    )
    other = json.loads(process("device", "new", *words, "--json").out)
    assert (other["supervised"], other["cellular"], other["physical_sim"]) == (False, False, True)
    assert (other["os"], other["model"], other["name"]) == ("18.1", "iPad16,3", "Till")
    shown = process("device", "show", other["eid"]).out
    assert "  supervised    no\n  cellular      no: it has no modem\n  physical SIM  yes\n" in shown
    carrier.issue(other["eid"])
    refused = process("device", "refresh", carrier.esim_server_url, "--eid", other["eid"], "--json")
    assert (refused.code, json.loads(refused.out)["reason"]) == (1, "no-cellular")
    assert carrier.change_device(other["eid"], cellular=True).cellular
    assert process("device", "refresh", carrier.esim_server_url, "--eid", other["eid"]).code == 0


def test_an_esim_is_disabled_enabled_and_deleted(smdp, carrier, eid):
    iccid = carrier.issue(eid).iccid
    assert carrier.refresh(eid, carrier.esim_server_url).ok
    assert "disabled" in smdp("device", "disable", eid, iccid).out
    again = smdp("device", "disable", eid, iccid)
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "enabled" in smdp("device", "enable", eid, iccid).out
    assert smdp("device", "delete", eid, iccid).out == f"{eid} has no eSIM\n"
    carrier.wait("profile.deleted", iccid=iccid, after=0, within=30)
    assert smdp("why", eid).code == 1
    gone = smdp("profile", "wait", iccid, "installed", "--within", "5s")
    assert gone.code == 1
    assert f"deleted on its device; smdp profile reissue {iccid}" in gone.err


def test_hold_release_revoke(smdp, carrier, eid):
    issued = json.loads(smdp("profile", "issue", eid, "--hold", "--json").out)
    refused = smdp("device", "refresh", issued["esim_server_url"], "--json")
    assert refused.code == 1
    assert json.loads(refused.out)["reason"] == "on-hold"
    assert smdp("profile", "release", eid).out == f"{issued['iccid']} is released\n"
    assert smdp("profile", "hold", eid).code == 0
    assert smdp("profile", "revoke", eid).code == 0
    waited = smdp("profile", "wait", issued["iccid"], "installed")
    assert waited.code == 1
    assert "issue another one" in waited.err
    assert smdp("profile", "hold", eid).code == 1


def test_an_activation_code_with_confirmation_code(smdp, carrier, eid):
    issued = json.loads(smdp("profile", "issue", "--confirmation-code", "4931", "--json").out)
    code = issued["activation_code"]
    assert smdp("device", "download", code).code == 1
    assert smdp("device", "download", code, "--confirmation-code", "4931").code == 0
    assert smdp("profile", "wait", issued["iccid"], "installed", "--within", "30").code == 0


def test_many(smdp, carrier, tmp_path):
    made = json.loads(smdp("device", "new", "--count", "3", "--json").out)
    (tmp_path / "eids.csv").write_text("\n".join(device["eid"] for device in made))
    assert smdp("profile", "issue", "--from", "eids.csv").code == 0
    result = smdp("device", "refresh", carrier.esim_server_url, "--all")
    assert result.code == 0
    assert result.out.count("✓ installed") == 3
    assert len(json.loads(smdp("profile", "issue", "--count", "520", "--json").out)) == 520
    assert len(json.loads(smdp("profile", "list", "--json").out)) == 523


def test_wait_ends_when_it_gets_impossible_or_the_time_is_over(smdp, carrier, eid):
    late = smdp("profile", "wait", eid, "active", "--within", "0.2s")
    assert late.code == 4
    assert f"smdp profile issue {eid}" in late.err
    results = []
    waiter = threading.Thread(target=lambda: results.append(impossible(carrier, eid)))
    waiter.start()
    while not results:
        carrier.refresh(eid, carrier.esim_server_url)
        waiter.join(0.2)
    waiter.join()
    assert "No profile is waiting" in results[0] or "nothing" in results[0].lower()


def impossible(carrier, eid):
    try:
        carrier.wait("activation.active", eid=eid, within=30)
    except TimedOut:
        return "timed out"
    except Exception as error:  # noqa: BLE001 - its text is the result
        return str(error)
    return "reached"


def test_events_are_listed_and_followed(smdp, carrier, eid):
    carrier.issue(eid)
    listed = smdp("events", "--eid", eid)
    assert "profile.issued" in listed.out
    command = [sys.executable, "-m", "smdp", "events", "-f", "--type", "profile.issued", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert json.loads(follower.stdout.readline())["eid"] == eid
        second = carrier.issue().iccid
        assert json.loads(follower.stdout.readline())["iccid"] == second
        follower.send_signal(signal.SIGINT)
        assert follower.communicate(timeout=20) == ("", "")
        assert follower.returncode == 130
    assert [event.type for event in carrier.events(type="profile.issued")] == ["profile.issued"] * 2


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["profile", "issue", "--plan", "defautl"], 1, "Did you mean default?"),
        (["profile", "issue", "--imei", "1"], 2, "IMEI"),
        (["profile", "issue", "--matching-id", "not ok"], 2, "MatchingID"),
        (["profile", "issue", "--expires", "0"], 2, "expires"),
        (["profile", "show", "8900101999999999999"], 1, "8900101999999999999"),
        (["profile", "list", "--state", "relesed"], 2, "relesed"),
        (["events", "--type", "profile.isued"], 2, "profile.issued"),
        (["device", "show", UNKNOWN], 1, "1235"),
        (["device", "new", "--eid", "1" * 32], 2, "89"),
        (["device", "download", "LPA:2$x"], 1, "LPA:1$"),
        (["device", "refresh", "https://"], 1, "https://"),
        (["why", "1" * 32, "--carrier", "nobody"], 1, "nobody"),
    ],
)
def test_what_the_server_refuses_is_a_sentence(smdp, carrier, eid, words, code, sentence):
    result = smdp(*words)
    assert sentence in result.out + result.err, result
    assert result.code == code, result
    assert "Traceback" not in result.err
    assert result.err.count("\n") <= 1


def test_ca_is_what_the_server_has(smdp, server, carrier):
    assert smdp("ca").out.strip() == server.ca_pem.strip()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_serve_serves_until_it_is_told_to_stop(process, ending):
    environment = os.environ | {"SMDP_PORT": "0", "SMDP_CONTROL_PORT": "0"}
    command = [sys.executable, "-m", "smdp", "serve"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as serving:
        try:
            control = next(line for line in serving.stderr if line.startswith("  control"))
            assert process("ready", "--wait", "20s", "--url", control.split()[1].removesuffix("/api/v1")).code == 0
            serving.send_signal(ending)
            assert serving.wait(timeout=20) == 0
            assert "Traceback" not in serving.stderr.read()
        finally:
            serving.kill()


def test_a_token_is_asked_for_and_found_in_the_state_folder(smdp, process, tmp_path, monkeypatch):
    settings = Settings(port=0, control_port=0, control_token="t0ken", log_level="error")
    with Server(settings) as guarded:
        monkeypatch.setenv("SMDP_URL", guarded.control_url)
        assert smdp("ready").code == 0
        refused = smdp("profile", "list")
        assert refused.code == 1
        assert "SMDP_CONTROL_TOKEN" in refused.err
        (tmp_path / "control-token").write_text("t0ken\n")
        assert smdp("profile", "issue").code == 1
        monkeypatch.setenv("SMDP_STATE", str(tmp_path))
        assert smdp("profile", "issue").code == 0
        monkeypatch.setenv("SMDP_CONTROL_TOKEN", "wrong")
        assert smdp("profile", "list").code == 1
