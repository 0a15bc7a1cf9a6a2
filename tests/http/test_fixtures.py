"""Fixtures: carriers from files, before the server is ready."""

import asyncio
import json

import pytest

from smdp.client import Client
from smdp.client.transport import Transport
from smdp.errors import ApiError, StartError
from smdp.http import fixtures as module
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import eid_of
from tests.e2e.processes import ServerProcess

EID = eid_of(95)
ACME = f"""
version = 1
[carrier]
name = "acme"
mcc = "310"
[[plans]]
name = "gold"
activation = {{ delay = "3m" }}
[[profiles]]
eid = "{EID}"
plan = "gold"
expires_at = 2999-01-01T00:00:00Z
[[devices]]
name = "Ann's iPhone"
[clock]
now = 2026-12-01T00:00:00Z
frozen = true
"""


def settings(path, **more):
    return Settings(port=0, control_port=0, log_level="error", fixtures=path, **more)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "fixtures"
    folder.mkdir()
    (folder / "acme.toml").write_text(ACME)
    (folder / "base.json").write_text(json.dumps({"profiles": [{"eid": EID, "hold": True}]}))
    (folder / "README.md").write_text("not a fixture")
    return folder


def test_a_folder_of_fixtures_is_there_when_the_server_is_ready(folder):
    with Server(settings(folder)) as server:
        acme, default = (Client(server.control_url, carrier=name) for name in ("acme", "default"))
        assert acme.ready()
        assert acme.show_carrier().mcc == "310"
        assert [(p.plan, p.eid) for p in acme.profiles()] == [("gold", EID)]
        assert [device.name for device in acme.devices()] == ["Ann's iPhone"]
        assert acme.clock().now.isoformat() == "2026-12-01T00:00:00+00:00"
        assert [p.state for p in default.profiles()] == ["confirmed"]


def test_a_restart_brings_no_used_profile_back(folder, tmp_path):
    database = f"sqlite:///{tmp_path}/smdp.db"
    with Server(settings(folder, database=database)) as server:
        acme = Client(server.control_url, carrier="acme")
        acme.revoke(acme.profiles()[0].iccid)
    (folder / "late.json").write_text(json.dumps({"carrier": {"name": "late"}, "profiles": [{}]}))
    with Server(settings(folder, database=database)) as server:
        assert [p.state for p in Client(server.control_url, carrier="acme").profiles()] == ["unavailable"]
        assert len(Client(server.control_url, carrier="late").profiles()) == 1


def test_the_settings_name_them(folder):
    with ServerProcess(fixtures=str(folder / "acme.toml"), log_level="info") as server:
        assert len(server.client("acme").profiles()) == 1
        assert "fixture acme.toml: carrier acme, 1 profiles, 1 devices" in "".join(server.log)


WRONG = {
    "fixture.toml": ("[carrier", "is no valid TOML"),
    "fixture.json": ("{", "is no valid JSON"),
    "unknown.json": ('{"profile": []}', "$: A carrier document has no member 'profile'. Did you mean profiles?"),
    "late.json": ('{"profiles": [{"plan": "gold"}]}', "$.profiles[0].plan: The carrier default has no plan 'gold'."),
    "named.json": ('{"carrier": {"name": "A B"}}', "$.carrier.name: 'A B' can't be a carrier's name"),
    "latin.json": (b'"\xff"', "is no valid JSON"),
    "fixture.yaml": ("", "neither a folder nor a .json or .toml file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_in_one_stops_the_start_with_its_place(tmp_path, name):
    text, sentence = WRONG[name]
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StartError) as error, Server(settings(file)):
        pass
    assert sentence in str(error.value)
    assert str(file) in str(error.value)


def test_a_missing_one_stops_the_start(tmp_path):
    with pytest.raises(StartError, match="can't be read: No such file"), Server(settings(tmp_path / "none.json")):
        pass


async def test_until_they_are_loaded_the_server_is_not_ready_and_says_why(folder, monkeypatch):
    loading, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(keeper, path):
        loading.set()
        await go_on.wait()
        await load(keeper, path)

    load = module.load
    monkeypatch.setattr(module, "load", slowly)
    server = Server(settings(folder))
    starting = asyncio.create_task(server.__aenter__())
    await loading.wait()
    client = Client(server.control_url)
    problem = await asyncio.to_thread(readiness, client)
    assert (problem.status, problem.reason) == (503, "not-ready")
    assert problem.because == f"The fixtures {folder} are being loaded."
    go_on.set()
    await starting
    assert await asyncio.to_thread(client.ready)
    await server.__aexit__(None, None, None)


def readiness(client):
    with pytest.raises(ApiError) as error:
        Transport(client.url, None, 10).fetch("GET", "/readyz")
    return error.value.problem
