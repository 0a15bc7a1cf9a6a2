"""`smdp fault`, against a running server."""

import json

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


def test_a_fault_is_armed_fires_and_is_cleared(smdp, carrier):
    eid = carrier.create_device().eid
    carrier.issue(eid)
    armed = smdp("fault", "add", "bad-mac", "--eid", eid, "--with", "segment=2", "--times", "2")
    assert armed.out.endswith(f"  bad-mac EID …{eid[-4:]}, 2 times\n")
    assert smdp("device", "refresh", carrier.esim_server_url).code == 1
    listed = smdp("fault", "list").out.splitlines()
    assert listed[1].split()[1:] == ["bad-mac", "EID", f"…{eid[-4:]}", "segment=2", "1", "of", "2", "times"]
    assert json.loads(smdp("fault", "list", "--json").out)[0]["hits"] == 1
    identifier = listed[1].split()[0]
    assert smdp("fault", "clear", identifier).err == f"{identifier} cleared\n"
    assert smdp("fault", "list").err.startswith("No faults")
    assert "fault.fired" in smdp("events", "--eid", eid).out


def test_always_and_everything_cleared(smdp, carrier):
    assert json.loads(smdp("fault", "add", "tls-expired", "--always", "--json").out)["times"] is None
    assert smdp("fault", "add", "status", "--step", "cancelSession").out.endswith("status cancelSession, once\n")
    assert smdp("fault", "clear").code == 0
    assert carrier.faults() == []


def test_the_catalogue_reads_well_at_80_columns(smdp, carrier):
    text = smdp("fault", "catalogue").out
    assert "bad-mac  (protocol: getBoundProfilePackage)" in text
    assert "  --with segment=…  which of them, 1 the first, 0 the last [1]" in text
    assert len(json.loads(smdp("fault", "catalogue", "--json").out)) == text.count("  device: ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("add", "bad-mack"), "Did you mean bad-mac"),
        (("add", "bad-mac", "--with", "segment"), "--with is 'segment', but it wants name=value"),
        (("add", "bad-mac", "--with", "segmnt=2"), "Did you mean segment"),
        (("add", "bad-mac", "--with", "segment=two"), "a number from 0"),
        (("add", "bad-mac", "--step", "initiateAuthentication"), "meets nothing at the step"),
        (("add", "bad-mac", "--eid", "8904"), "is no EID"),
        (("add", "bad-mac", "--times", "0"), "--times is 0"),
        (("ad", "bad-mac"), "Did you mean"),
    ],
)
def test_what_is_refused(smdp, carrier, words, sentence):
    refused = smdp("fault", *words)
    assert refused.code == 2
    assert sentence in refused.err
    assert "Traceback" not in refused.err


def test_an_unknown_fault_is_not_cleared(smdp, carrier):
    refused = smdp("fault", "clear", "f99999")
    assert (refused.code, "has no fault 'f99999'" in refused.err) == (1, True)
