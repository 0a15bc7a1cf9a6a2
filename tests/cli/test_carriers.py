"""Carriers, snapshots, sessions and databases from the command line, as processes with a real server behind them."""

import json
import sqlite3

import psycopg
import pytest

from smdp.client import Client
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import eid_of

EID = eid_of(80)


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture
def carrier(server, monkeypatch):
    client = Client(server.control_url).create_carrier()
    monkeypatch.setenv("SMDP_URL", server.control_url)
    monkeypatch.setenv("SMDP_CARRIER", client.carrier)
    return client


def test_a_carrier_is_made_shown_taken_along_and_deleted(process, carrier, tmp_path):
    name = f"{carrier.carrier}-two"
    made = process("carrier", "new", name)
    assert (made.code, made.out) == (0, f"{name}\n")
    assert process("carrier", "new", name).err == (
        f"smdp: There is a carrier {name} already. Change it with PATCH, or choose another name.\n"
    )
    Client(carrier.url, carrier=name).issue(EID)
    listed = process("carrier", "list")
    assert f"{name}  https://{name}.smdp.localhost:" in listed.out
    assert "network          smdp TEST, 001-01, US" in process("carrier", "show", name).out
    file = tmp_path / "acme.json"
    file.write_text(process("carrier", "export", name).out)
    again = process("carrier", "import", file)
    assert again.code == 1
    assert "(replace=true, --replace)" in again.err
    replaced = process("carrier", "import", file, "--replace")
    assert (replaced.code, replaced.out) == (0, f"{name} has 1 profile and 0 devices of {file}\n")
    copied = process("carrier", "import", file, "--as", f"{name}-copy")
    assert copied.out.startswith(f"{name}-copy has 1 profile")
    assert process("carrier", "delete", name).out == f"{name} is deleted\n"
    gone = process("carrier", "show", name)
    assert gone.code == 1
    assert f"Did you mean {name}-copy?" in gone.err or "Did you mean" in gone.err


def test_what_is_wrong_in_a_file_is_one_sentence(smdp, carrier, tmp_path):
    cases = {
        "{": "is no valid JSON",
        "[]": "is no carrier document",
        '{"carrier": []}': "is no carrier document",
        '{"carrier": {"name": "wrong"}, "profiles": [{"eid": "1"}]}': "$.profiles[0]: An EID has 32 decimal digits",
    }
    for text, sentence in cases.items():
        file = tmp_path / "wrong.json"
        file.write_text(text)
        told = smdp("carrier", "import", file)
        assert told.code == 2
        assert sentence in told.err
        assert told.err.count("\n") == 1
    missing = smdp("carrier", "import", tmp_path / "missing.json")
    assert (missing.code, "No such file" in missing.err) == (2, True)


def test_a_snapshot_is_taken_restored_listed_and_deleted(process, carrier):
    carrier.issue(EID)
    assert process("snapshot", "take", "before").out == "before holds 1 profile and 0 devices\n"
    reset = process("reset")
    assert reset.out == f"{carrier.carrier} is empty; gone: 1 profile, 0 devices, 0 sessions\n"
    restored = process("snapshot", "restore", "before")
    assert restored.out.startswith(f"{carrier.carrier} is what it was at 20")
    assert len(carrier.profiles()) == 1
    assert "before" in process("snapshot", "list").out
    assert json.loads(process("snapshot", "list", "--json").out)[0]["profiles"] == 1
    assert process("snapshot", "delete", "before").out == "before is deleted\n"
    unknown = process("snapshot", "restore", "before")
    assert (unknown.code, unknown.err.count("\n")) == (1, 1)
    assert process("snapshot", "list").err == "No snapshots.\n"


def test_a_line_is_reissued_and_offered(process, carrier):
    device = carrier.create_device()
    old = carrier.issue(device.eid, plan="default")
    offered = process("profile", "offer", device.eid)
    assert offered.out == f"{old.iccid} is offered to {device.eid}\n"
    assert carrier.device(device.eid).notices == ["Mobile Plan is Ready to be Installed"]
    new = json.loads(process("profile", "reissue", old.iccid, "--json").out)
    assert (new["msisdn"], new["eid"], new["state"]) == (old.msisdn, device.eid, "released")
    other = process("profile", "reissue", new["iccid"], "--eid", EID)
    assert other.out.startswith(f"{new['iccid']} is terminated\nissued ")
    assert carrier.profiles()[-1].eid == EID
    again = process("profile", "reissue", old.iccid)
    assert (again.code, "revoked or reissued before" in again.err) == (1, True)


def test_the_esims_of_a_device_are_reset(process, carrier):
    device = carrier.create_device()
    iccid = carrier.issue(device.eid).iccid
    assert carrier.refresh(device.eid, carrier.esim_server_url).ok
    assert process("device", "reset-esim", device.eid).out == f"{device.eid} has no eSIM\n"
    assert carrier.profile(iccid).runtime == "deleted"
    assert process("device", "reset-esim", device.eid).code == 0


def test_sessions_are_listed_shown_and_exported(process, carrier):
    device = carrier.create_device()
    assert process("session", "list").err == "No sessions.\n"
    carrier.refresh(device.eid, carrier.esim_server_url)
    carrier.issue(device.eid)
    carrier.refresh(device.eid, carrier.esim_server_url)
    good, bad = carrier.sessions()
    listed = process("session", "list").out.splitlines()
    assert listed[1].split()[0] == good.id[:8]
    assert listed[2].endswith("refused 8.1.1/3.8 nothing-ordered")
    assert json.loads(process("session", "list", "--outcome", "installed", "--json").out)[0]["id"] == good.id
    shown = process("session", "show", bad.id[:8]).out
    assert "\nAC#14b: No profile is waiting for this EID.\nFix: smdp profile issue" in shown
    assert "\n✓ initiateAuthentication" in shown
    assert "\n✗ authenticateClient" in shown
    assert shown.endswith("✗ AC#14b  euiccCertificate.serialNumber: No profile is waiting for this EID.\n")
    assert max(map(len, shown.splitlines())) <= 80
    shown = process("session", "show", good.id).out
    assert "✗" not in shown
    assert "\n✓ handleNotification\n" in shown
    assert "  ✓ AC#7    euiccCertificate: CERT.EUICC is an eUICC's certificate" in shown
    assert "\nThe profile is installed.\n" in shown
    decoded = json.loads(process("session", "show", good.id, "--json").out)
    assert decoded["steps"][1]["request"]["authenticateServerResponse"]["authenticateResponseOk"]
    raw = json.loads(process("session", "show", good.id, "--raw").out)
    assert [message["step"] for message in raw["messages"]][:2] == ["initiateAuthentication", "authenticateClient"]
    exported = json.loads(process("session", "export", good.id).out)
    assert exported["session"] == decoded
    assert [one["step"] for one in exported["messages"]] == [one["name"] for one in decoded["steps"]][:3]
    assert len(exported["notifications"]) == 1
    assert process("session", "show", "nonsense").code == 1


# --- databases


@pytest.fixture
def database(tmp_path):
    file = tmp_path / "smdp.db"
    with Server(Settings(port=0, control_port=0, log_level="error", database=f"sqlite:///{file}")) as running:
        Client(running.control_url, carrier="acme").issue(EID)
    return file


def test_a_database_is_checked_and_upgraded(process, database):
    checked = process("db", "check", database)
    assert checked.code == 0
    lines = dict(line.split(maxsplit=1) for line in checked.out.splitlines()[1:])
    assert (lines["profiles"], lines["carriers"], lines["named"]) == ("1", "2", "acme, default")
    told = json.loads(process("db", "check", f"sqlite:///{database}", "--json").out)
    assert told["current"] is True
    assert told["rows"]["profiles"] == 1
    assert process("db", "upgrade", env={"SMDP_DATABASE": f"sqlite:///{database}"}).out.endswith(" already\n")
    with_older(database)
    older = process("db", "check", database)
    assert "schema    3; smdp db upgrade, or the next start, brings it to" in older.out
    upgraded = process("db", "upgrade", database)
    assert f"{database} went from schema 3 to {told['newest']}" in upgraded.out
    assert json.loads(process("db", "check", database, "--json").out)["current"] is True


def with_older(file):
    """Make a file what the schema before snapshots was."""
    connection = sqlite3.connect(file)
    for newer in ("TABLE snapshots", "TABLE authentications", "INDEX profiles_by_imsi"):
        connection.execute(f"DROP {newer}")
    connection.execute("UPDATE meta SET value = '3' WHERE key = 'schema'")
    connection.commit()
    connection.close()


def test_a_database_that_is_none_of_ours_is_told_in_a_sentence(smdp, database, tmp_path):
    foreign = tmp_path / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE things (id)")
    connection.close()
    text = tmp_path / "text.db"
    text.write_text("no database at all, and longer than a header is: " * 9)
    empty = tmp_path / "empty.db"
    empty.touch()
    broken = tmp_path / "broken.db"
    whole = database.read_bytes()
    broken.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    newer = tmp_path / "newer.db"
    newer.write_bytes(whole)
    connection = sqlite3.connect(newer)
    connection.execute("UPDATE meta SET value = '999' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    cases = {
        foreign: "another program's", text: "no SQLite database", empty: "it is empty", broken: "damaged",
        newer: "written by a newer smdp (schema 999", tmp_path / "missing.db": "There is no database",
    }  # fmt: skip
    for verb in ("check", "upgrade"):
        for file, sentence in cases.items():
            told = smdp("db", verb, file)
            assert (told.code, told.err.count("\n")) == (1, 1)
            assert sentence in told.err
        assert "Which database?" in smdp("db", verb).err
        assert "in memory" in smdp("db", verb, "sqlite://:memory:").err


# --- databases on a PostgreSQL server


def test_a_postgresql_database_is_checked_and_upgraded(process, postgres):
    url = postgres.schema()
    place = postgres.url()
    empty = process("db", "check", url)
    assert (empty.code, "it is empty" in empty.err) == (1, True)
    with Server(Settings(port=0, control_port=0, log_level="error", database=url)) as running:
        Client(running.control_url, carrier="acme").issue(EID)
    checked = process("db", "check", url)
    assert checked.out.startswith(f"{place} is whole\n")
    lines = dict(line.split(maxsplit=1) for line in checked.out.splitlines()[1:])
    assert (lines["profiles"], lines["carriers"], lines["named"]) == ("1", "2", "acme, default")
    assert process("db", "upgrade", env={"SMDP_DATABASE": url}).out.endswith(" already\n")
    with psycopg.connect(url) as connection:
        for newer in ("TABLE snapshots", "TABLE authentications", "INDEX profiles_by_imsi"):
            connection.execute(f"DROP {newer}")
        connection.execute("UPDATE meta SET value = '3' WHERE key = 'schema'")
    assert json.loads(process("db", "check", url, "--json").out)["current"] is False
    upgraded = process("db", "upgrade", url)
    told = json.loads(process("db", "check", url, "--json").out)
    assert upgraded.out == f"{place} went from schema 3 to {told['newest']}\n"
    assert (told["current"], told["database"], told["rows"]["profiles"]) == (True, place, 1)


def test_a_postgresql_database_that_is_none_of_ours_is_told_in_a_sentence(smdp, postgres):
    foreign = postgres.schema()
    with psycopg.connect(foreign) as connection:
        connection.execute("CREATE TABLE things (id BIGINT)")
    for verb in ("check", "upgrade"):
        for url, sentence in (
            (foreign, "another program has tables"),
            (postgres.schema(), "it is empty"),
            ("postgresql://user:hunter2@127.0.0.1:1/smdp", "postgresql://user@127.0.0.1:1/smdp cannot be used: nobody"),
        ):
            told = smdp("db", verb, url)
            assert (told.code, told.err.count("\n")) == (1, 1)
            assert sentence in told.err
            assert "hunter2" not in told.err
