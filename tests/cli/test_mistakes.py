"""One sitting at a running server, in which everything goes wrong that a person can do wrong.

Each mistake is one clear sentence, the right exit code or status, and never a traceback.
"""

import json
import logging
import urllib.error
import urllib.request

import pytest

from smdp.client import Client
from smdp.server import Server
from smdp.settings import Settings

EID = "89049032123451234512345678901235"
OTHER = "89049032123451234512345678901253"
UNKNOWN = "8900101000000000027"
DEVICE = "89049032000000000000000000000102"
FILES = {"bad.json": "{", "list.json": "[]", "odd.json": '{"carrier": {"nme": "x"}}', "eids.csv": "eid\n123\n"}


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0)) as running:
        acme = Client(running.control_url, carrier="acme")
        acme.issue(EID)
        acme.create_device(eid=DEVICE)
        yield running


@pytest.fixture(autouse=True)
def own_log():
    """`smdp serve` sends the log to its stderr, which in this process ends with the test: put back what was there."""
    loggers = [logging.getLogger(name) for name in ("smdp", "aiohttp")]
    before = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    yield
    for one, handlers, level, propagate in before:
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)


@pytest.fixture
def at(server, monkeypatch, tmp_path):
    """The command line of somebody who has chosen this server and the carrier acme."""
    monkeypatch.setenv("SMDP_URL", server.control_url)
    monkeypatch.setenv("SMDP_CARRIER", "acme")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()


COMMANDS = [
    # wrong numbers
    (1, f"profile show {OTHER}", "has no profile for this EID; issue one: smdp profile issue"),
    (1, f"profile show {UNKNOWN}", "Did you mean 8900101000000000019?"),
    (2, "profile show 123", "neither an ICCID (18 to 20 digits) nor an EID (32 digits)"),
    (2, "profile issue 123", "an EID has 32 decimal digits, this has 3"),
    (2, f"profile issue {EID} --imei 12", "'12' is no IMEI. Give 15 digits"),
    (2, "profile issue --from eids.csv", "eids.csv:2: '123' is no EID"),
    (2, "why 12", "this has 2"),
    (2, "events --eid 12", "'12' is no EID"),
    (2, "events --iccid 12", "'12' is no ICCID"),
    (2, "fault add bad-mac --eid 12", "'12' is no EID"),
    (2, "scenario apply already-used --eid 12", "'12' is no EID"),
    (1, f"device show {OTHER}", "hosts no device with the EID"),
    (1, f"device new --eid {DEVICE}", "There is a device with the EID"),
    (1, f"device reset-esim {OTHER}", "hosts no device with the EID"),
    # wrong carriers, plans and other names
    (1, "--carrier acm profile list", "There is no carrier 'acm'. Did you mean acme?"),
    (1, f"--carrier acm why {EID}", "Did you mean acme?"),
    (1, "--carrier nope carrier show", "There is no carrier 'nope'."),
    (1, "--carrier nope snapshot restore before", "There is no carrier 'nope'."),
    (2, "carrier new Acme_Corp", "Use lower-case letters, digits and dashes"),
    (1, "carrier new acme", "There is a carrier acme already."),
    (1, f"profile issue {EID} --plan glod", "has no plan 'glod'. There is: default."),
    (2, f"profile issue {EID} --matching-id x.y", "can't be a MatchingID"),
    (1, "session show AB", "has no session 'AB'"),
    (1, "snapshot restore s1", "has no snapshot 's1'"),
    (2, "snapshot take a/b", "can't be a snapshot's name"),
    # typos
    (2, "profile isue", 'Did you mean "issue"?'),
    (2, "clock sett 1", 'Did you mean "set"?'),
    (2, "fault add bad-mc", "There is no fault 'bad-mc'. Did you mean bad-mac?"),
    (2, "fault add bad-mac --step getBoundProfilePackge", "Did you mean getBoundProfilePackage?"),
    (1, "fault clear f99", "has no fault 'f99'"),
    (1, "scenario apply alredy-used", "Did you mean already-used?"),
    (2, "events --type profile.isued", "Did you mean profile.issued?"),
    (2, "events -f --type x", "No event has the type 'x'."),
    (1, "explain 8.1.1/9.9", "there is no reason code 9.9"),
    (2, "openapi --version 2.0", "3.0"),
    (2, "serve --prt 1", "Did you mean --port?"),
    # durations and moments
    (2, "clock advance -3m", "'-3m' is no duration: write 30, 90s, 3m, 48h, 2d or PT3M."),
    (2, "clock advance soon", "'soon' is no duration"),
    (2, "clock set tomorrow", "no moment with a time zone"),
    (2, "clock set 2026-12-01T00:00", "with Z or an offset"),
    (2, f"profile issue {EID} --expires -48h", "'-48h' is no duration"),
    (4, f"profile wait {OTHER} installed --within 20ms", "No profile is waiting for this EID."),
    # numbers out of bounds
    (2, "fault add bad-mac --times -1", "at least 1"),
    (2, "fault add status --with status=999", "not a number from 400 to 599"),
    (2, "events --after -1", "event ids start at 1"),
    (2, "profile issue --count 0", "at least 1"),
    (2, "serve --port 99999", "wants a port number"),
    # files
    (2, "carrier import nowhere.json", "Cannot read nowhere.json: No such file or directory."),
    (2, "carrier import folder", "Is a directory"),
    (2, "carrier import bad.json", "bad.json is no valid JSON"),
    (2, "carrier import list.json", "is no carrier document"),
    (2, "carrier import odd.json --replace", "nme"),
    (1, "pki show nowhere", "this is no folder"),
    (1, "db check sqlite:///nowhere/x.db", "There is no database nowhere/x.db."),
    (1, "serve --port 0 --control-port 0 --database sqlite:///nowhere/x.db", "there is no folder nowhere"),
    (1, "serve --port 0 --control-port 0 --fixtures nowhere.json", "nowhere.json can't be read"),
    (1, "serve --port 0 --control-port 0 --fixtures bad.json", "bad.json is no valid JSON"),
    (1, "serve --port 0 --control-port 0 --scenario alredy-used", "Did you mean already-used?"),
    (2, "serve --config nowhere.toml", "Cannot read the settings file nowhere.toml"),
    # settings
    (2, "serve --webhook-url hooks.example.com", "http://… or https://…"),
    (2, "serve --webhook-secret x", "SMDP_WEBHOOK_URL"),
    (2, "serve --plain-port 1", "needs address"),
    (2, "--url localhost:8080 profile list", "it wants http://host:port"),
    # nobody there, or somebody else
    (3, "--url http://127.0.0.1:1 profile list", "start one with: smdp serve"),
    (3, "--url http://127.0.0.1:1 ready", "start one with: smdp serve"),
]


@pytest.mark.parametrize(("code", "words", "sentence"), COMMANDS, ids=lambda value: str(value)[:60])
def test_on_the_command_line(at, smdp, code, words, sentence):
    result = smdp(*words.split())
    assert result.code == code, result
    assert result.err.startswith("smdp: "), result
    assert result.err.count("\n") == 1, result
    assert sentence in result.err, result
    assert "Traceback" not in result.err
    assert not result.out


def test_the_device_port_is_not_the_control_port(at, process, server):
    """As a process of its own: the server of this one logs the handshake that fails."""
    result = process("--url", f"http://127.0.0.1:{server.device_port}", "profile", "list")
    assert (result.code, result.err.count("\n")) == (3, 1), result


@pytest.mark.parametrize(
    ("code", "words", "sentence"),
    [COMMANDS[0], COMMANDS[4], COMMANDS[-2]],
    ids=lambda value: str(value)[:60],
)
def test_as_processes_they_say_the_same(at, process, code, words, sentence):
    result = process(*words.split())
    assert (result.code, result.err.count("\n")) == (code, 1), result
    assert sentence in result.err


def test_a_wrong_token_and_none(smdp, monkeypatch):
    with Server(Settings(port=0, control_port=0, control_token="right")) as server:
        monkeypatch.setenv("SMDP_URL", server.control_url)
        for token, sentence in (("", "The bearer token is missing."), ("wrong", "The bearer token is wrong.")):
            monkeypatch.setenv("SMDP_CONTROL_TOKEN", token)
            result = smdp("profile", "list")
            assert (result.code, result.err.count("\n")) == (1, 1), result
            assert sentence in result.err


# --- the same over HTTP

ACME = "/api/v1/carriers/acme"
REQUESTS = [
    (404, "GET", "/api/v1/carriers/acm", None, "carrier-unknown", "Did you mean acme?"),
    (404, "GET", f"{ACME}/profiles/{UNKNOWN}", None, "profile-unknown", "Did you mean 8900101000000000019?"),
    (422, "GET", f"{ACME}/eids/12", None, "eid-invalid", "Give all of it"),
    (422, "POST", f"{ACME}/profiles", {"eid": "12"}, "eid-invalid", ""),
    (422, "POST", f"{ACME}/profiles", {"edi": EID}, "member-unknown", "Did you mean eid?"),
    (422, "POST", f"{ACME}/profiles", {"expires": "-1h"}, "", "48h"),
    (400, "POST", f"{ACME}/profiles", b"{", "not-json", "Send JSON."),
    (400, "POST", f"{ACME}/profiles", b"", "no-body", "Send JSON."),
    (400, "GET", f"{ACME}/profiles?stat=released", None, "query-unknown", "Did you mean state?"),
    (422, "GET", f"{ACME}/profiles?state=relesed", None, "filter-invalid", "Did you mean released?"),
    (422, "GET", f"{ACME}/events?type=profile.isued", None, "event-type-unknown", "Did you mean profile.issued?"),
    (422, "POST", f"{ACME}/events/wait", {"type": "x"}, "event-type-unknown", ""),
    (422, "POST", f"{ACME}/events/wait", {"type": "tls.failed", "within": "11m"}, "within-invalid", "Wait again"),
    (422, "POST", f"{ACME}/events/wait", {"type": "tls.failed", "within": -1}, "within-invalid", "As in 30s"),
    (422, "PUT", f"{ACME}/webhooks", [{"url": "x"}], "value-invalid", "https://receiver.example.com"),
    (422, "PUT", f"{ACME}/webhooks", [{"url": "http://x", "types": ["x"]}], "event-type-unknown", ""),
    (422, "POST", f"{ACME}/faults", {"do": "bad-mc"}, "fault-unknown", "Did you mean bad-mac?"),
    (422, "POST", f"{ACME}/clock/advance", {"by": "-3m"}, "", ""),
    (404, "POST", f"{ACME}/snapshots/none/restore", None, "snapshot-unknown", ""),
    (400, "GET", f"{ACME}/events?type=eid.seen&type=tls.failed", None, "query-invalid", "commas between"),
    (404, "GET", f"{ACME}/sessions/AB", None, "session-unknown", ""),
    (404, "GET", "/api/v1/devices/" + OTHER, None, "device-unknown", ""),
    (405, "DELETE", f"{ACME}/events", None, "method-not-allowed", "GET"),
    (404, "GET", "/api/v1/carrier", None, "no-such-path", ""),
]


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "reason", "fix"), REQUESTS, ids=lambda value: str(value)[:40]
)
def test_over_http(server, status, method, path, body, reason, fix):
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.control_url + path, data=data, method=method)  # noqa: S310 - our server
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)  # noqa: S310 - as above
    with refused.value as answer:
        assert answer.code == status
        assert answer.headers.get_content_type() == "application/problem+json"
        problem = json.loads(answer.read())
    assert reason in problem["reason"], problem
    assert problem["because"].endswith((".", "?")), problem
    assert fix in problem["fix"], problem
    assert "Traceback" not in json.dumps(problem)
