"""ES9+ over real sockets: anything but a valid request has a clear answer, and the server goes on serving."""

import json
import time

import pytest

from smdp.http import problems
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import Phone, eid_of
from tests.hostile import ES9, NAME, call, connect, replies, request, send
from tests.independent import b64

FUNCTIONS = (
    "initiateAuthentication",
    "authenticateClient",
    "getBoundProfilePackage",
    "cancelSession",
    "handleNotification",
)
MISSING, MALFORMED, UNKNOWN = "1.3.1/2.2", "1.3.1/2.1", "8.10.1/3.9"
HONEST = request(body=b"{}")


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0)) as running:
        assert send(running.control_port, request("PUT", "/api/v1/carriers/acme"), tls=False)[0].status == 201
        yield running


@pytest.fixture(autouse=True)
def serves(server, log):
    """Whatever a test does, after it the server serves, and the log has no traceback."""
    yield
    assert send(server.device_port, HONEST)[0].code == MISSING


def only(server, data):
    """Send one request, and return its one answer."""
    (reply,) = send(server.device_port, data)
    assert b"Traceback" not in reply.body
    return reply


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", path: str = ES9 + "initiateAuthentication") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end
    return request(path=path, headers=b"Transfer-Encoding: chunked\r\n", length=False) + body


# --- what is no request: 4xx and a problem document

TOO_LONG = b'{"a":"' + b"x" * problems.MAX_BODY + b'"}'
NOT_JSON = {
    "empty": b"",
    "spaces": b" \r\n",
    "words": b"hello",
    "a list": b"[]",
    "a number": b"5",
    "a text": b'"{}"',
    "null": b"null",
    "two documents": b"{}{}",
    "cut off": b'{"euiccChallenge": "AAAA',
    "nested objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "nested lists": b"[" * 100_000,
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "a lone surrogate": b'{"smdpAddress":"\\ud800"}',
    "100,000 digits": b'{"a":' + b"9" * 100_000 + b"}",
    "no UTF-8": b'{"a":"\xff"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a NUL": b"{}\x00",
    "a control character": b'{"a":"\x01"}',
    "DER": bytes.fromhex("bf3803020100"),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_a_body_that_is_no_json_object(server, function, body):
    reply = only(server, request(path=ES9 + function, body=body))
    assert (reply.status, reply.reason) == (400, "not-json" if body.strip() else "no-body")


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "data",
    [
        lambda path: request(path=path, body=TOO_LONG),
        lambda path: chunked(*[TOO_LONG[at : at + 8192] for at in range(0, len(TOO_LONG), 8192)], path=path),
        lambda path: chunked(TOO_LONG, path=path),
    ],
    ids=["Content-Length", "chunked", "one chunk"],
)
def test_a_body_that_is_too_large(server, function, data):
    reply = only(server, data(ES9 + function))
    assert (reply.status, reply.reason) == (413, "too-large")


def test_the_longest_body(server):
    body = b'{"euiccChallenge":"'
    body += b"A" * (problems.MAX_BODY - len(body) - 2) + b'"}'
    assert only(server, request(body=body)).code == MALFORMED
    assert only(server, request(body=body + b" ")).reason == "too-large"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_a_wrong_method(server, method):
    reply = only(server, request(method, body=b""))
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    if method != "HEAD":
        assert reply.reason == "method-not-allowed"


PATHS = [
    "/", "//", "/gsma", ES9, ES9 + "initiateauthentication", ES9 + "initiateAuthentication/x", ES9 + "%2e%2e/x",
    ES9 + "authenticate%00Client", "/%zz%ff", "/../../etc/passwd", "/gsma/rsp2/asn1", "http://elsewhere/x",
    ES9 + "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_a_wrong_path(server, path):
    reply = only(server, request(path=path, body=b"{}"))
    assert (reply.status, reply.reason) == (404, "no-such-path")
    assert len(reply.body) < 1500


def test_the_control_api_is_not_on_the_device_port(server):
    assert only(server, request("GET", "/api/v1")).reason == "no-such-path"


NO_HTTP = {
    "nothing of HTTP": b"hello\r\n\r\n",
    "TLS inside TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no path": b"POST\r\n\r\n",
    "a path that is none": request(path="*"),
    "a path of bytes": request(path=ES9 + "\xff"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown method": request("FETCH"),
    "a method in lower case": request("post"),
    "a path without end": request(path="/" + "x" * 9000),
    "a header without end": request(headers=b"X-Long: " + b"x" * 9000 + b"\r\n"),
    "5,000 headers": request(headers=b"".join(b"X-%d: y\r\n" % number for number in range(5000))),
    "a NUL in a header": request(headers=b"X: a\x00b\r\n"),
    "a bare CR in a header": request(headers=b"X: a\rb\r\n"),
    "a space in a header's name": request(headers=b"X y: z\r\n"),
    "a folded header": request(headers=b"X: a\r\n b\r\n c: d\r\n : e\r\n"),
    "no Host": b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    "two Hosts": request(headers=b"Host: elsewhere\r\n"),
    "a negative length": request(headers=b"Content-Length: -5\r\n", length=False),
    "a length of words": request(headers=b"Content-Length: two\r\n", length=False),
    "two lengths": request(headers=b"Content-Length: 3\r\n", body=b"{}"),
    "a length and chunks": request(headers=b"Transfer-Encoding: chunked\r\n", body=b"{}"),
    "a chunk of words": chunked(end=b"zz\r\n{}\r\n"),
    "a chunk without end": chunked(end=b"f" * 40 + b"\r\n"),
}


@pytest.mark.parametrize("data", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http(server, log, data):
    found = send(server.device_port, data)
    assert found
    assert found[-1].status in (400, 404, 405, 408, 505)  # which, differs between releases of aiohttp
    if found[-1].status == 400:
        assert found[-1].reason in ("not-http", "body-broken", "not-json", "no-body")
    assert not [text for text in log.texts if "xxxxx" in text or "elsewhere" in text]


def test_chunks_that_stop_adding_up(server):
    found = send(server.device_port, chunked(b'{"a":', end=b"zz\r\n1}\r\n0\r\n\r\n"))
    assert found[0].status == 400
    assert found[0].reason in ("body-broken", "not-http")


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd", b"nonsense", b"gzip, gzip"])
def test_a_compressed_body(server, coding):
    """Nothing is decompressed: 256 KiB stay 256 KiB."""
    bomb = bytes.fromhex("1f8b0800000000000003")
    for body in (bomb, b"{}"):
        reply = only(server, request(headers=b"Content-Encoding: " + coding + b"\r\n", body=body))
        assert (reply.status, reply.reason) == (415, "body-compressed")


def test_an_expectation(server):
    assert only(server, request(headers=b"Expect: 100-continue\r\n", body=b"{}")).code == MISSING
    reply = only(server, request(headers=b"Expect: the-inquisition\r\n", body=b"{}"))
    assert (reply.status, reply.reason) == (417, "expectation-failed")


def test_a_slow_body(server, monkeypatch):
    monkeypatch.setattr(problems, "BODY_SECONDS", 0.2)
    with connect(server.device_port) as wire:
        began = time.monotonic()
        wire.sendall(request(body=b"{}")[:-1])
        reply = next(replies(wire.recv(65536)))
        assert time.monotonic() - began < PATIENT
    assert (reply.status, reply.reason) == (408, "too-slow")


PATIENT = 5


def test_clients_that_hang_up(server):
    """In the handshake, in the headers, in the body, before the answer: no traceback, whoever goes."""
    whole = request(body=b"{}" + b" " * 5000)
    for tls in (False, True):
        for length in (0, 1, 50, len(whole) - 1, len(whole)):
            with connect(server.device_port, tls=tls) as wire:
                wire.sendall(whole[:length])
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 100, b"\x80\x2e\x01\x03\x01"):
        with connect(server.device_port, tls=False) as wire:
            wire.sendall(junk)


# --- what is odd, and all right


TYPES = [b"", b"Content-Type: text/html\r\n", b"Content-Type: application/json;charset=UTF-8\r\n"]
TYPES += [b"Content-Type: multipart/form-data\r\n", b"Content-Type: ;;;\xff\r\n", b"Content-Type: x; charset=none\r\n"]
ODD = {f"{line!r}": line for line in TYPES} | {
    "no X-Admin-Protocol but nonsense": b"X-Admin-Protocol: \xfe\xff\r\n",
    "Latin-1": b"X: \xe4\xff\r\n",
    "an upgrade": b"Upgrade: websocket\r\n",
    "a hundred headers": b"".join(b"X-%d: y\r\n" % number for number in range(100)),
    "a cookie": b"Cookie: =;=;;a=\x7f\r\n".replace(b"\x7f", b""),
    "ranges": b"Range: bytes=0-0,-1\r\n",
}


@pytest.mark.parametrize("headers", ODD.values(), ids=ODD)
def test_odd_headers_change_nothing(server, headers):
    assert only(server, request(body=b"{}", headers=headers)).code == MISSING


@pytest.mark.parametrize("host", [b"", b"a b[:", b"[::1", b"\xff\xfe", b":", b"x" * 5000, b"1.2.3.4:99999", b"a:b:c"])
def test_odd_hosts_lead_to_the_default_carrier(server, host):
    data = request(body=b"{}").replace(NAME.encode(), host)
    assert only(server, data).code == MISSING


def test_an_odd_host_of_a_whole_request(server):
    """A host that is no text at all is looked up like any other name, and nobody's."""
    body = json.dumps({"transactionId": "00" * 16, "cancelSessionResponse": "vyEA"}).encode()
    data = request(path=ES9 + "cancelSession", body=body).replace(NAME.encode(), b"\xff\xfe")
    assert only(server, data).code == UNKNOWN


def test_http_1_0(server):
    reply = only(server, request(body=b"{}", version="1.0", close=False))
    assert reply.code == MISSING


def test_requests_in_a_row_are_answered_in_their_order(server):
    honest, wrong = request(body=b"{}", close=False), request(body=b"[]", close=False)
    found = send(server.device_port, honest + wrong + honest + request("GET", close=False) + HONEST)
    assert [reply.status for reply in found] == [200, 400, 200, 405, 200]


def test_nothing_is_believed_to_be_a_request_inside_a_body(server):
    smuggled = HONEST
    found = send(server.device_port, request(body=smuggled, close=False) + HONEST)
    assert [reply.status for reply in found] == [400, 200]


def test_a_chunked_body(server):
    assert only(server, chunked(b"{", b"}")).code == MISSING


# --- JSON that is no valid request: 200 and a status code

CHALLENGE = b64(bytes(16))


@pytest.mark.parametrize("value", [None, 5, 1.5, True, [], {}, [CHALLENGE], {"a": CHALLENGE}], ids=str)
@pytest.mark.parametrize("function", FUNCTIONS[:4])
def test_members_of_other_kinds(server, function, value):
    names = ("euiccChallenge", "euiccInfo1", "smdpAddress", "transactionId", "authenticateServerResponse",
             "prepareDownloadResponse", "cancelSessionResponse")  # fmt: skip
    members = dict.fromkeys(names, value)
    assert only(server, call(function, members)).code == (MISSING if value is None else MALFORMED)


@pytest.mark.parametrize(
    "value", ["", "*", "AAA", "AAAA=", "AA=A", "AAAA\u00e9", "=", "====", "A" * 200_000, "AAAA AAAA", "-_-_", "\u0000"]
)
@pytest.mark.parametrize("member", ["euiccChallenge", "euiccInfo1"])
def test_base64_that_is_none_or_holds_nothing_of_use(server, member, value):
    members = {"euiccChallenge": CHALLENGE, "euiccInfo1": CHALLENGE, "smdpAddress": NAME, member: value}
    assert only(server, call("initiateAuthentication", members)).code in (MALFORMED, MISSING)


@pytest.mark.parametrize(
    "address", ["", " ", "\n", "x" * 256, "\u202e", "elsewhere.example.com", "http://x/", "\u00e4"]
)
def test_an_address_that_is_not_ours(server, address):
    members = Phone(eid_of(1)).initiate() | {"smdpAddress": address}
    assert only(server, call("initiateAuthentication", members)).code in ("8.8.1/3.8", MALFORMED)


@pytest.mark.parametrize(
    "identifier", ["", "0", "0g", "00" * 17, "00" * 40, "0x00", "AB,CD", " ", "\u0661\u0662", "-1", "00" * 100_000]
)
@pytest.mark.parametrize("function", FUNCTIONS[1:4])
def test_a_transaction_id_that_is_none(server, function, identifier):
    member = {"authenticateClient": "authenticateServerResponse", "getBoundProfilePackage": "prepareDownloadResponse"}
    members = {"transactionId": identifier, member.get(function, "cancelSessionResponse"): CHALLENGE}
    assert only(server, call(function, members)).code == MALFORMED


@pytest.mark.parametrize("identifier", ["00", "AB" * 16, "ab" * 16])
@pytest.mark.parametrize("function", FUNCTIONS[1:4])
def test_a_transaction_id_that_nobody_has(server, function, identifier):
    member = {"authenticateClient": "authenticateServerResponse", "getBoundProfilePackage": "prepareDownloadResponse"}
    for data in (b"", b"\0", bytes(1000)):
        members = {"transactionId": identifier, member.get(function, "cancelSessionResponse"): b64(data)}
        assert only(server, call(function, members)).code == UNKNOWN


def test_the_last_of_two_members_of_one_name_counts(server):
    body = json.dumps(Phone(eid_of(1)).initiate())[:-1] + ', "euiccChallenge": 5}'
    assert only(server, request(body=body.encode())).code == MALFORMED


def test_what_lpas_do_is_accepted(server):
    """Line breaks in base64, members that nobody knows, a transactionId in lower case, a header of ES2+."""
    phone = Phone(eid_of(2), NAME)
    members = phone.initiate() | {"lpaRspCapability": "AAAA", "header": {"functionRequesterIdentifier": "x"}}
    members["euiccInfo1"] = "\r\n".join(members["euiccInfo1"][at : at + 10] for at in range(0, 200, 10))
    started = only(server, call("initiateAuthentication", members)).json
    assert started["transactionId"] == started["transactionId"].upper()
    members = phone.authenticate(started)
    members["transactionId"] = members["transactionId"].lower()
    assert only(server, call("authenticateClient", members)).code == "8.1.1/3.8"


# --- handleNotification


NOTIFICATIONS = {
    "": b"",
    "a byte": b"\x00",
    "an empty BF37": bytes.fromhex("bf3700"),
    "an empty SEQUENCE": bytes.fromhex("3000"),
    "a length that lies": bytes.fromhex("bf3784ffffffff"),
    "an indefinite length": bytes.fromhex("3080"),
    "deep": bytes.fromhex("3080") * 5000,
    "long": bytes(190_000),
}


@pytest.mark.parametrize("data", NOTIFICATIONS.values(), ids=NOTIFICATIONS)
def test_any_notification_is_acknowledged(server, data):
    for _ in range(2):
        reply = only(server, call("handleNotification", {"pendingNotification": b64(data)}))
        assert (reply.status, reply.body) == (204, b"")


def test_a_notification_for_a_carrier_that_is_gone(server):
    """Acknowledged too: whoever keeps it would send it for ever."""
    data = call("handleNotification", {"pendingNotification": "AAAA"}).replace(b"acme.", b"gone.")
    assert only(server, data).status == 204


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "member-missing"), ({"pendingNotification": None}, "member-missing"),
        ({"pendingNotification": 5}, "member-malformed"), ({"pendingNotification": "*"}, "member-malformed"),
        ({"pendingNotification": ["AAAA"]}, "member-malformed"),
    ],
    ids=str,
)  # fmt: skip
def test_a_notification_that_is_none(server, members, reason):
    """There is no body to put a status code into, so HTTP says it."""
    reply = only(server, call("handleNotification", members))
    assert (reply.status, reply.reason) == (400, reason)
