"""The control API over real sockets: whatever is wrong with a request, its answer says what, why and what to do."""

import json

import pytest

from smdp.server import Server
from smdp.settings import Settings
from tests.hostile import connect, request, send

EID = "89049032123451234512345678901235"
NEAR = "89049032123451234512345678901253"
DEVICE = "89049032123451234512345678901250"
ICCID = "8900101000000000019"
ROOT = "/api/v1"
CARRIER = f"{ROOT}/carriers/acme"
pytestmark = pytest.mark.usefixtures("log")
PROFILES, PLANS, SESSIONS, EVENTS = (f"{CARRIER}/{noun}" for noun in ("profiles", "plans", "sessions", "events"))
PROFILE, WAIT, DEVICES = f"{PROFILES}/{ICCID}", f"{EVENTS}/wait", f"{ROOT}/devices"
HERE = f"{DEVICES}/{DEVICE}"
HUGE = 10**30
LONG = "x" * 100_000


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0)) as running:
        for path, body in ((PROFILES, {"eid": EID}), (DEVICES, {"eid": DEVICE, "carrier": "acme"})):
            assert ask(running, "POST", path, body).status == 201
        yield running


def ask(server, method, path, body=None, headers=b""):
    """Ask once; a body is bytes or what JSON can say."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    (reply,) = send(server.control_port, request(method, path, data, headers=headers), tls=False)
    return reply


def told(value):
    """Name a test by what it sends, not all of it."""
    return (value if isinstance(value, str) else repr(value)).replace(CARRIER, "").replace(ROOT, "")[:50]


def waiting(**more):
    return {"type": "activation.active", "within": 0} | more


NO_JSON = [
    b"", b"  ", b"{", b"{}{}", b"\xff", b"5", b"null", b'"x"', b"[" * 50_000, b'{"a":' * 9000, b'{"a":NaN}',
    b'{"name":"\\ud800"}', b'{"a":' + b"9" * 5000 + b"}",
]  # fmt: skip
TAKERS = [
    ("POST", PROFILES), ("PATCH", PROFILE), ("PUT", f"{PROFILE}/activation"), ("POST", PLANS),
    ("PATCH", f"{PLANS}/default"), ("PATCH", CARRIER), ("POST", WAIT), ("PATCH", HERE), ("POST", f"{HERE}/refresh"),
    ("POST", f"{HERE}/download"), ("POST", f"{CARRIER}/network/attach"),
]  # fmt: skip


@pytest.mark.parametrize("body", NO_JSON, ids=told)
@pytest.mark.parametrize(("method", "path"), TAKERS, ids=told)
def test_a_body_that_is_no_json(server, method, path, body):
    reply = ask(server, method, path, body)
    assert (reply.status, reply.reason in ("no-body", "not-json", "not-an-object")) == (400, True), reply


@pytest.mark.parametrize(("method", "path"), TAKERS, ids=told)
def test_a_body_that_is_too_large_or_compressed(server, method, path):
    assert ask(server, method, path, b" " * (256 * 1024 + 1)).reason == "too-large"
    reply = ask(server, method, path, {}, headers=b"Content-Encoding: gzip\r\n")
    assert (reply.status, reply.reason) == (415, "body-compressed")


@pytest.mark.parametrize(("method", "path"), TAKERS, ids=told)
def test_a_member_that_nobody_knows(server, method, path):
    reply = ask(server, method, path, {"bogus": 1} if path != PLANS else {"bogus": 1, "name": "gold"})
    assert (reply.status, reply.reason) == (422, "member-unknown")


ORDERS = {
    "eid-invalid": [{"eid": "12"}, {"eid": EID + "0"}, {"eid": "x" * 32}, {"eid": EID[:-1] + "\u0661"}, {"eid": LONG}],
    "count-invalid": [
        {"count": 0}, {"count": -1}, {"count": 10_001}, {"count": HUGE}, {"count": 2, "iccid": ICCID},
        [{"count": 9999}] * 2,
    ],
    "expires-invalid": [
        {"expires": "-1h"}, {"expires": "soon"}, {"expires": 0}, {"expires": -5}, {"expires": "9" * 12 + "w"},
        {"expires": HUGE}, {"expires_at": "2026-12-01T00:00:00"}, {"expires_at": "0001-01-01T00:00:00+23:00"},
        {"expires_at": "9999-12-31T23:59:59-23:00"}, {"expires_at": "1969-12-31T23:59:59Z"},
    ],
    "iccid-invalid": [{"iccid": "1"}, {"iccid": "x" * 19}, {"iccid": ""}, {"iccid": "9" * 21}],
    "imei-invalid": [{"imei": "1"}, {"imei": "x" * 15}],
    "matching-id-invalid": [{"matching_id": "a_b"}, {"matching_id": "A" * 65}, {"matching_id": "$"}],
    "confirmation-code-invalid": [{"confirmation_code": ""}, {"confirmation_code": "1" * 65},
                                  {"confirmation_code": "\n"}],
    "upp-invalid": [{"upp": ""}, {"upp": "zz"}, {"upp": "00"}, {"upp": "3080" * 5000}, {"upp": LONG}],
    "member-unknown": [{"edi": EID}, {"": 1}, {"\0": 1}, {LONG: 1}, {"credentials": {"x": "y"}}],
    "value-invalid": [
        *({name: value} for name in ("eid", "plan", "iccid", "upp", "msisdn") for value in (5, True, [], {})),
        {"plan": None}, {"count": "3"}, {"count": 1.5}, {"count": True}, {"count": None}, {"hold": "yes"},
        {"expires": 1.5}, {"expires_at": "2026-13-01T00:00:00Z"}, {"expires_at": 5}, {"credentials": []},
        {"imsi": "x"}, {"imsi": "9" * 40}, {"msisdn": "x"}, {"msisdn": "+" + "1" * 40},
        {"credentials": {"ki": "x" * 32}}, {"credentials": {"ki": 5}}, {"credentials": {"ki": ""}},
        {"credentials": {"pin1": "123456789"}}, {"credentials": {"pin1": "\u0661\u0662\u0663\u0664"}},
        {"credentials": {"kic": "00"}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "reason"), [(body, reason) for reason, bodies in ORDERS.items() for body in bodies], ids=told
)
def test_an_order_that_can_not_be(server, body, reason):
    reply = ask(server, "POST", PROFILES, body)
    assert (reply.status, reply.reason) == (422, reason)
    assert len(reply.body) < 3000
    assert "x" * 32 not in reply.json["detail"] or reason != "value-invalid", "a secret is shown"


TABLE = [
    # what there is already
    ("POST", PROFILES, {"iccid": ICCID}, 409, "iccid-used"),
    ("POST", PROFILES, [{"iccid": "8900101000000000027"}] * 2, 409, "iccid-used"),
    ("POST", PROFILES, [{"matching_id": "A"}] * 2, 409, "matching-id-used"),
    ("POST", PLANS, {"name": "default"}, 409, "plan-exists"),
    ("POST", f"{ROOT}/carriers", {"name": "acme"}, 409, "carrier-exists"),
    ("POST", DEVICES, {"eid": DEVICE}, 409, "device-exists"),
    ("DELETE", f"{PLANS}/default", None, 409, "plan-in-use"),
    ("DELETE", f"{ROOT}/carriers/default", None, 409, "carrier-needed"),
    # what there is not
    ("GET", f"{ROOT}/carriers/nothing", None, 404, "carrier-unknown"),
    ("DELETE", f"{ROOT}/carriers/nothing", None, 404, "carrier-unknown"),
    ("GET", f"{ROOT}/carriers/..%2f..%2fetc", None, 404, "carrier-unknown"),
    ("GET", f"{ROOT}/carriers/%00", None, 404, "carrier-unknown"),
    ("GET", f"{ROOT}/carriers/" + "a" * 5000, None, 404, "carrier-unknown"),
    *(("GET", f"{ROOT}/carriers/nothing/{noun}", None, 404, "carrier-unknown")
      for noun in ("plans", "profiles", "events", "sessions", "sessions/00", f"eids/{EID}", f"profiles/{ICCID}")),
    ("POST", f"{ROOT}/carriers/nothing/events/wait", waiting(), 404, "carrier-unknown"),
    ("GET", f"{DEVICES}?carrier=nothing", None, 404, "carrier-unknown"),
    ("GET", f"{PLANS}/gold", None, 404, "plan-unknown"),
    ("GET", f"{PLANS}/%2e%2e", None, 404, "plan-unknown"),
    ("PATCH", f"{PLANS}/gold", {}, 404, "plan-unknown"),
    ("DELETE", f"{PLANS}/gold", None, 404, "plan-unknown"),
    ("POST", PROFILES, {"plan": "gold"}, 404, "plan-unknown"),
    ("POST", PROFILES, {"plan": "../../etc/passwd"}, 404, "plan-unknown"),
    ("POST", PROFILES, {"plan": LONG}, 404, "plan-unknown"),
    *(("GET", f"{PROFILES}/{iccid}", None, 404, "profile-unknown") for iccid in ("x", "9" * 19, "..%2fx", "%00")),
    *((verb, f"{PROFILES}/00{more}", None, 404, "profile-unknown")
      for verb, more in (("DELETE", ""), ("POST", "/hold"), ("POST", "/release"), ("GET", "/activation"))),
    ("PATCH", f"{PROFILES}/00", {}, 404, "profile-unknown"),
    ("PUT", f"{PROFILES}/00/activation", {"state": "failed"}, 404, "profile-unknown"),
    *(("GET", f"{SESSIONS}/{name}", None, 404, "session-unknown") for name in ("x", "0" * 32, "%25", "00?as=raw")),
    ("GET", f"{DEVICES}/{'1' * 32}", None, 404, "device-unknown"),
    ("DELETE", f"{DEVICES}/{'1' * 32}", None, 404, "device-unknown"),
    ("POST", f"{DEVICES}/{'1' * 32}/refresh", {"url": "https://x"}, 404, "device-unknown"),
    # EIDs that nobody can have
    *(("GET", f"{CARRIER}/eids/{eid}", None, 422, "eid-invalid") for eid in ("12", "x" * 32, "%D9%A1" * 32)),
    *(("GET", f"{path}?eid=12", None, 422, "eid-invalid") for path in (PROFILES, SESSIONS, EVENTS)),
    ("POST", WAIT, waiting(eid="12"), 422, "eid-invalid"),
    ("PATCH", PROFILE, {"eid": "1"}, 422, "eid-invalid"),
    ("GET", f"{DEVICES}/12", None, 422, "eid-invalid"),
    ("POST", f"{DEVICES}/12/refresh", {"url": "https://x"}, 422, "eid-invalid"),
    # queries
    *(("GET", f"{path}?bogus=1", None, 400, "query-unknown")
      for path in (ROOT, CARRIER, PLANS, PROFILES, PROFILE, SESSIONS, EVENTS, DEVICES, HERE)),
    *(("GET", f"{path}?{query}", None, 400, "query-invalid")
      for path in (PROFILES, SESSIONS, DEVICES, EVENTS)
      for query in ("limit=x", "limit=-1", "limit=1001", "limit=99999999999999999999", "cursor=x", "cursor=-1")),
    ("GET", f"{PROFILES}?include=keys", None, 400, "query-invalid"),
    ("GET", f"{PROFILES}?q=%00", None, 400, "query-invalid"),
    ("GET", f"{SESSIONS}/{'0' * 32}?as=xml", None, 400, "query-invalid"),
    ("GET", f"{PROFILES}?state=nothing", None, 422, "filter-invalid"),
    ("GET", f"{PROFILES}?activation=nothing", None, 422, "filter-invalid"),
    ("GET", f"{SESSIONS}?outcome=nothing", None, 422, "filter-invalid"),
    ("GET", f"{EVENTS}?type=nothing", None, 422, "event-type-unknown"),
    ("GET", f"{EVENTS}?type=" + "activation.active," * 1000, None, 400, "not-http"),
    # carriers
    *(("POST", f"{ROOT}/carriers", {"name": name}, 422, "carrier-name-invalid")
      for name in ("A B", "", "smds", "-a", "../x", 5, [], LONG)),
    *(("PUT", f"{ROOT}/carriers/{name}", {}, 422, "carrier-name-invalid") for name in ("A%20B", "..", "%00", "smds")),
    *(("PATCH", CARRIER, body, 422, "value-invalid") for body in (
        {"mcc": "1"}, {"mnc": "x"}, {"country": "us"}, {"network_name": ""}, {"reuse": "x"}, {"reuse": LONG},
        {"limits": []}, {"limits": {"session_minutes": 0}}, {"limits": {"session_minutes": -1}},
        {"limits": {"session_minutes": HUGE}}, {"limits": {"order_hours": 1.5}}, {"no_order_code": "x"},
        {"address": "a/b"}, {"address": "a:99999"}, {"address": "a:0"}, {"hosts": "a"}, {"hosts": ["a"] * 101},
        {"operators": [{}]},
    )),
    *(("PATCH", CARRIER, {"hosts": [host]}, 422, "host-invalid") for host in ("a b", "", "http://x", "x" * 300)),
    ("PATCH", CARRIER, {"limits": {"x": 1}}, 422, "member-unknown"),
    ("PATCH", CARRIER, {"name": "beta"}, 422, "carrier-name-fixed"),
    # plans
    *(("POST", PLANS, {"name": name}, 422, "plan-name-invalid") for name in ("../x", "", 5, None, "x" * 65, LONG)),
    *(("PATCH", f"{PLANS}/default", body, 422, "value-invalid") for body in (
        {"iccid_prefix": "x"}, {"iccid_prefix": ""}, {"profile_name": ""}, {"profile_name": "x" * 65},
        {"service_provider": "\n"}, {"ppr": ["x"]}, {"icon": "zz"}, {"icon": ""}, {"protection": None},
        {"activation": []}, {"activation": {"on": "x"}}, *({"activation": {"delay": delay}} for delay in
        ("-1", "1e9", "", 5, None, "9" * 60, "P", "99999999w")),
    )),
    ("PATCH", f"{PLANS}/default", {"activation": {"x": 1}}, 422, "member-unknown"),
    ("PATCH", f"{PLANS}/default", {"upp": "00"}, 422, "upp-invalid"),
    ("PATCH", f"{PLANS}/default", {"name": "gold"}, 422, "plan-name-fixed"),
    # activation
    *(("PUT", f"{PROFILE}/activation", body, 422, "value-invalid") for body in (
        {}, {"state": "x"}, {"state": None}, {"state": "failed", "reason": LONG}, {"state": "failed", "reason": "\n"},
        {"state": "failed", "reason": ""}, {"state": "failed", "reason": 5},
    )),
    ("POST", f"{PROFILE}/explode", None, 404, "no-such-path"),
    # waits
    *(("POST", WAIT, body, 422, "value-invalid") for body in (
        {}, waiting(type=5), waiting(type=None), waiting(after=-1), waiting(after=10**19), waiting(after=HUGE),
        waiting(after="1"), waiting(within=None), waiting(iccid=5), waiting(unless=5),
    )),
    *(("POST", WAIT, waiting(within=within), 422, "within-invalid") for within in ("-1", -1, "11m", 1e300, "", "x")),
    *(("POST", WAIT, waiting(type=name), 422, "event-type-unknown") for name in ("x", ["x"], "", LONG)),
    ("POST", WAIT, waiting(unless="x"), 422, "event-type-unknown"),
    # devices
    *(("POST", DEVICES, body, 422, "device-invalid") for body in ({"eid": "12"}, {"imei": "x"}, {"imei": "1" * 16})),
    ("POST", DEVICES, {"eid": "1" * 32}, 422, "eid-not-permitted"),
    ("POST", DEVICES, {"carrier": "A B"}, 422, "carrier-name-invalid"),
    ("POST", DEVICES, {"": None}, 422, "member-unknown"),
    *(("POST", DEVICES, {name: value}, 422, "value-invalid")
      for name, value in (("os", 5), ("name", "x" * 201), ("name", "\n"), ("supervised", "x"), ("carrier", 5))),
    *(("PATCH", HERE, {name: value}, 422, "value-invalid")
      for name, value in (("name", None), ("online", None), ("os", 5), ("supervised", "no"), ("model", "\0"))),
    ("PATCH", HERE, {"eid": EID}, 422, "member-unknown"),
    *(("POST", f"{HERE}/refresh", body, 422, "value-invalid") for body in ({}, {"url": 5}, {"url": None})),
    ("POST", f"{HERE}/download", {"activation_code": "x", "confirmation_code": 5}, 422, "value-invalid"),
    *((verb, f"{HERE}/esims/{iccid}{more}", None, 409, "profile-not-found")
      for verb, more in (("POST", "/enable"), ("POST", "/disable"), ("DELETE", "")) for iccid in ("x", "9" * 19)),
    # paths
    *(("GET", path, None, 404, "no-such-path") for path in (
        "/nothing", "//", "/api/v2", f"{ROOT}/", "/../../etc/passwd", "/readyz/", f"{CARRIER}/nothing",
        "/gsma/rsp2/es9plus/initiateAuthentication", "/" + "x" * 5000,
    )),
    ("GET", f"{ROOT}/carriers/\xff", None, 400, "not-http"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "reason"), TABLE, ids=told)
def test_what_is_refused(server, method, path, body, status, reason):
    reply = ask(server, method, path, body)
    assert (reply.status, reply.reason) == (status, reason)
    assert len(reply.body) < 3000


MEANT = [
    ("GET", f"{ROOT}/carriers/acmee", None, "acme"),
    ("GET", f"{PLANS}/defualt", None, "default"),
    ("POST", PROFILES, {"plan": "defalt"}, "default"),
    ("POST", PROFILES, {"edi": EID}, "eid"),
    ("PATCH", CARRIER, {"host": []}, "hosts"),
    ("GET", f"{PROFILES}/{ICCID[:-2]}91", None, ICCID),
    ("GET", f"{DEVICES}/{DEVICE[:-2]}05", None, DEVICE),
    ("GET", f"{PROFILES}?stat=x", None, "state"),
    ("GET", f"{EVENTS}?type=activation.activ", None, "activation.active"),
]


@pytest.mark.parametrize(("method", "path", "body", "meant"), MEANT, ids=told)
def test_what_was_meant(server, method, path, body, meant):
    reply = ask(server, method, path, body)
    assert reply.reason
    assert f"Did you mean {meant}?" in reply.json["fix"]


def test_the_nearest_eid_is_part_of_the_report(server):
    report = ask(server, "GET", f"{CARRIER}/eids/{NEAR}").json
    assert (report["reason"], report["nearest"]["eid"]) == ("nothing-ordered", EID)


METHODS = [
    ("PUT", DEVICES, "GET,HEAD,POST"),
    ("DELETE", f"{ROOT}/carriers", "GET,HEAD,POST"),
    ("OPTIONS", ROOT, "GET,HEAD"),
    ("TRACE", ROOT, "GET,HEAD"),
    ("POST", "/livez", "GET,HEAD"),
    ("POST", CARRIER, "DELETE,GET,HEAD,PATCH,PUT"),
    ("GET", WAIT, "POST"),
    ("GET", f"{HERE}/refresh", "POST"),
    ("GET", f"{PROFILE}/hold", "POST"),
]


@pytest.mark.parametrize(("method", "path", "allowed"), METHODS, ids=told)
def test_a_wrong_method(server, method, path, allowed):
    reply = ask(server, method, path)
    assert (reply.status, reply.reason, reply.headers["allow"]) == (405, "method-not-allowed", allowed)


@pytest.mark.parametrize(
    "url",
    ["", "x" * 10_000, "file:///etc/passwd", "https://", "https://a b", "https://[::1", "https://127.0.0.1:99999",
     "https://127.0.0.1:1", "javascript:alert(1)", "https://\u0000/", "https://user:password@127.0.0.1:1/"],
    ids=told,
)  # fmt: skip
def test_a_refresh_that_leads_nowhere_is_an_outcome(server, url):
    reply = ask(server, "POST", f"{HERE}/refresh", {"url": url})
    assert reply.status == 200
    outcome = reply.json
    assert not outcome["ok"]
    assert outcome["reason"]
    assert outcome["because"].endswith(".")
    assert outcome["fix"]
    assert "password" not in outcome["because"]


@pytest.mark.parametrize(
    "code", ["", "x", "LPA:1$", "LPA:1$127.0.0.1:1$A", "LPA:1$" + LONG, "LPA:2$a$b", "\0"], ids=told
)
def test_a_download_that_leads_nowhere_is_an_outcome(server, code):
    outcome = ask(server, "POST", f"{HERE}/download", {"activation_code": code}).json
    assert (outcome["ok"], bool(outcome["reason"] and outcome["because"] and outcome["fix"])) == (False, True)


def test_listeners_that_hang_up(server):
    """A stream and a wait whose client is gone when the next event comes: nobody is told, and nothing is logged."""
    wait = json.dumps(waiting(type="profile.issued", within="5s")).encode()
    stream = request("GET", EVENTS, headers=b"Accept: text/event-stream\r\n")
    for data in (stream, request("POST", WAIT, wait)):
        with connect(server.control_port, tls=False) as wire:
            wire.sendall(data)
            if data is stream:
                assert b"text/event-stream" in wire.recv(65536)
    for _ in range(3):
        assert ask(server, "POST", PROFILES, {}).status == 201
    assert ask(server, "GET", f"{EVENTS}?limit=1").status == 200


@pytest.fixture(scope="module")
def guarded():
    with Server(Settings(port=0, control_port=0, control_token="s3cret-token")) as running:
        yield running


@pytest.mark.parametrize(
    "header",
    ["", "Basic s3cret-token", "Bearer", "Bearer ", "Bearer wrong", "Bearer s3cret-tokeN", "s3cret-token",
     "Bearer s3cret-token x", "Bearer \xe4", "Bearer " + "x" * 5000],
    ids=told,
)  # fmt: skip
def test_a_token_that_is_missing_or_wrong(guarded, header):
    line = f"Authorization: {header}\r\n".encode("latin-1") if header else b""
    for method, path in (("GET", ROOT), ("POST", PROFILES), ("GET", "/nothing"), ("PUT", ROOT), ("DELETE", HERE)):
        reply = ask(guarded, method, path, headers=line)
        assert (reply.status, reply.reason) == (401, "token-needed")
        assert reply.headers["www-authenticate"] == "Bearer"
        assert b"s3cret" not in reply.body


def test_the_right_token(guarded):
    assert ask(guarded, "GET", ROOT, headers=b"Authorization: bearer  s3cret-token\r\n").status == 200
    for path in ("/livez", "/readyz", "/ca.pem", "/crl/ci-p256.crl"):
        assert ask(guarded, "GET", path).status == 200


@pytest.mark.parametrize("path", ["/livez/../api/v1", "/livezapi", "/ca.pem/../api/v1/devices", "/crl/x"], ids=told)
def test_no_way_round_the_token(guarded, path):
    assert ask(guarded, "GET", path).status in (401, 404)
