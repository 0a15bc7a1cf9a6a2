"""`smdp scenario`, against a running server."""

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


def test_scenarios_are_listed_and_shown_at_80_columns(smdp, carrier):
    names = [line.split()[0] for line in smdp("scenario", "list").out.splitlines()[1:]]
    assert names == [one["name"] for one in json.loads(smdp("scenario", "list", "--json").out)]
    for name in names:
        text = smdp("scenario", "show", name).out
        assert "assert" in text
        assert max(map(len, text.splitlines())) <= 82


def test_one_is_applied_to_the_only_device(smdp, carrier):
    none = smdp("scenario", "apply", "already-used")
    assert (none.code, "no simulated device" in none.err) == (1, True)
    eid = carrier.create_device().eid
    assert "handed out once" in " ".join(smdp("scenario", "apply", "already-used").out.split())
    assert "already-downloaded" in smdp("device", "refresh", carrier.esim_server_url).out
    carrier.create_device()
    several = smdp("scenario", "apply", "already-used")
    assert (several.code, "say which with --eid" in several.err) == (2, True)
    assert json.loads(smdp("scenario", "apply", "two-plans", "--eid", eid, "--json").out)["name"] == "two-plans"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("show", "already-usd"), 1, "Did you mean already-used"),
        (("apply", "already-usd", "--eid", "8" * 32), 1, "Did you mean already-used"),
        (("apply", "already-used", "--eid", "8904"), 2, "is no EID"),
    ],
)
def test_what_is_refused(smdp, carrier, words, code, sentence):
    refused = smdp("scenario", *words)
    assert (refused.code, sentence in refused.err) == (code, True), refused


def test_what_is_left_to_do_on_a_device_of_your_own_is_told(smdp, carrier):
    told = smdp("scenario", "apply", "wiped-without-preserve", "--eid", "89049032123451234512345678901235").out
    assert "Left to do on yours: download the plan, then send EraseDevice without" in " ".join(told.split())
