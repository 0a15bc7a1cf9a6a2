"""Settings of `smdp serve` as processes: each does outside what its row says."""

import http.client
import json
import re

import pytest

from smdp.client import Client
from smdp.errors import ApiError
from tests.e2e.processes import ServerProcess


def test_a_scenario_is_there_from_the_beginning():
    with ServerProcess(scenario="already-used") as server:
        carrier = server.client("default")
        (device,) = carrier.devices()
        assert carrier.refresh(device.eid, carrier.esim_server_url).reason == "already-downloaded"


def test_fixtures_are_there_from_the_beginning(tmp_path):
    (tmp_path / "acme.json").write_text(json.dumps({"carrier": {"name": "acme"}, "profiles": [{"count": 3}]}))
    with ServerProcess(fixtures=str(tmp_path / "acme.json")) as server:
        assert len(server.client("acme").profiles()) == 3


def test_a_domain_of_ones_own_leads_to_its_carriers():
    with ServerProcess(domain="phones.test") as server:
        carrier = server.client("default").create_carrier("acme")
        assert carrier.esim_server_url == f"https://acme.phones.test:{server.port}"
        eid = carrier.create_device().eid
        carrier.issue(eid)
        assert carrier.refresh(eid, carrier.esim_server_url).ok


def test_an_address_is_what_devices_are_told():
    with ServerProcess(address="esim.example.com:9443") as server:
        profile = server.client("default").issue()
        assert profile.esim_server_url == "https://esim.example.com:9443"
        assert profile.activation_code.startswith("LPA:1$esim.example.com:9443$")


def test_hosted_devices_find_another_server():
    with ServerProcess() as carriers, ServerProcess(resolve=f"127.0.0.1:{carriers.port}") as farm:
        carrier, phones = carriers.client("acme"), farm.client("default")
        eid = phones.create_device().eid
        carrier.issue(eid)
        assert phones.refresh(eid, carrier.esim_server_url).ok
        assert carrier.events(type="profile.installed", eid=eid)
        assert not phones.events(type="profile.installed")


def test_a_journal_keeps_so_much_and_no_more():
    with ServerProcess(journal="64KiB") as server:
        carrier = server.client("acme")
        for _ in range(4):
            carrier.issue_count(500)
        kept = carrier.events(type="profile.issued")
        assert 0 < len(kept) < 1500
        assert kept[-1].iccid == carrier.profiles()[-1].iccid


@pytest.mark.parametrize(("form", "first"), [("json", r'\{"at":'), ("console", r"\d\d:\d\d:\d\d ")])
def test_the_log_has_the_chosen_form_and_level(form, first):
    with ServerProcess(log_format=form, log_level="info") as server:
        server.client("acme").issue()
    told = [line for line in server.log if "profile.issued" in line]
    assert told, server.log
    assert re.match(first, told[0])
    with ServerProcess(log_format=form) as server:
        server.client("acme").issue()
    assert not [line for line in server.log if "profile.issued" in line]


def test_a_token_is_asked_for():
    with ServerProcess(control_token="t0ken-of-the-test") as server:
        with pytest.raises(ApiError) as refused:
            server.client("default").carriers()
        assert refused.value.problem.status == 401
        assert Client(server.url, token="t0ken-of-the-test").carriers()


def test_devices_come_without_tls_to_the_plain_port():
    with ServerProcess(plain_port="0", address="localhost:9443") as server:
        port = int(re.search(r"http://\S+:(\d+)", next(line for line in server.log if "plain" in line))[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/gsma/rsp2/es9plus/initiateAuthentication", b"{}")
        answer = connection.getresponse()
        assert json.loads(answer.read())["header"]["functionExecutionStatus"]["status"] == "Failed"
        connection.close()
