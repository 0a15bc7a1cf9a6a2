"""`smdp clock`, against a running server."""

import json
from datetime import timedelta

import pytest

from smdp.client import Client
from smdp.server import Server
from smdp.settings import Settings


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


def test_a_clock_is_shown_moved_and_made_real_again(smdp, carrier):
    assert smdp("clock", "show").out.endswith("UTC, the real time\n")
    assert smdp("clock", "advance", "48h").out.endswith("UTC, 2d ahead\n")
    assert smdp("clock", "set", "2026-12-01T00:00Z").out.startswith("2026-12-01 00:00:0")
    assert smdp("clock", "freeze").out.endswith("UTC, frozen\n")
    frozen = json.loads(smdp("clock", "show", "--json").out)
    assert frozen["frozen"]
    assert json.loads(smdp("clock", "advance", "PT3M", "--json").out)["now"] > frozen["now"]
    assert smdp("clock", "real").out.endswith("UTC, the real time\n")
    assert carrier.clock().offset == 0


def test_a_process_makes_an_activation_happen(process, carrier, server):
    carrier.create_plan("slow", activation={"delay": "3m"})
    eid = carrier.create_device().eid
    iccid = carrier.issue(eid, plan="slow").iccid
    assert carrier.refresh(eid, carrier.esim_server_url).ok
    before = carrier.clock().now
    done = process("--url", server.control_url, "--carrier", carrier.carrier, "clock", "advance", "3m")
    assert done.code == 0
    assert carrier.activation(iccid).state == "active"
    assert carrier.clock().now - before >= timedelta(minutes=3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("advance", "-3m"), "'-3m' is no duration"),
        (("advance", "soon"), "'soon' is no duration"),
        (("set", "tomorrow"), "'tomorrow' is no moment with a time zone"),
        (("set", "2026-12-01"), "2026-12-01T00:00Z"),
        (("freez",), "Did you mean"),
    ],
)
def test_what_is_refused(smdp, carrier, words, sentence):
    refused = smdp("clock", *words)
    assert refused.code == 2
    assert sentence in refused.err
    assert "Traceback" not in refused.err
