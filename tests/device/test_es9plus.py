"""The ES9+ client: whatever a server or the way to it does, there is a reason, in time and within bounds."""

import asyncio
import json
import ssl
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from smdp.device.es9plus import Es9Client
from smdp.device.failure import Es9Error
from smdp.rsp.codes import CancelSessionReason
from tests.fake_es9 import trusting

EXECUTED = {"header": {"functionExecutionStatus": {"status": "Executed-Success"}}}
TRUST_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def package(client, address):
    return await client.get_bound_profile_package(address, "00", b"")


async def reason_of(client, address):
    with pytest.raises(Es9Error) as error:
        await package(client, address)
    assert "{" not in error.value.because + error.value.fix
    return error.value


async def answered(server, client, reply):
    server.on_getBoundProfilePackage = lambda _: {}
    server.replies["getBoundProfilePackage"] = [reply]
    return (await reason_of(client, server.address)).reason


@pytest.mark.parametrize("status", [201, 302, 400, 404, 500, 503])
async def test_other_statuses(server, client, status):
    reply = web.Response(status=status, text="<html>", headers={"Location": server.url})
    expected = "answer-not-json" if status == 201 else "http-status"
    assert await answered(server, client, reply) == expected


@pytest.mark.parametrize(
    ("after", "when"),
    [("7", "after 7 s"), ("Wed, 21 Oct 2026 07:28:00 GMT", "later"), (None, "later"), ("9" * 20, "later")],
)
async def test_too_many_calls(server, client, after, when):
    headers = {} if after is None else {"Retry-After": after}
    server.on_getBoundProfilePackage = lambda _: {}
    server.replies["getBoundProfilePackage"] = [web.Response(status=429, headers=headers)]
    error = await reason_of(client, server.address)
    assert (error.reason, error.transient, error.cancel) == ("rate-limited", False, CancelSessionReason.TIMEOUT)
    assert error.fix.startswith(f"Try again {when}, ")


@pytest.mark.parametrize("body", ["", "<html>", "[]", "3", '"text"', "{", "[" * 100_000])
async def test_bodies_that_are_no_json_object(server, client, body):
    assert await answered(server, client, web.Response(text=body)) == "answer-not-json"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"header": []},
        {"header": {"functionExecutionStatus": {}}},
        {"header": {"functionExecutionStatus": "Failed"}},
    ],
)
async def test_answers_without_a_status(server, client, body):
    assert await answered(server, client, body) == "answer-member-missing"


async def test_answers_without_the_package(server, client):
    assert await answered(server, client, EXECUTED) == "answer-member-missing"


@pytest.mark.parametrize("value", [3, ["MAA="], "***", "MAA", "MAA=="])
async def test_packages_that_are_no_base64(server, client, value):
    reply = EXECUTED | {"boundProfilePackage": value}
    assert await answered(server, client, reply) == "answer-member-malformed"


async def test_line_breaks_in_base64_are_accepted(server, client):
    server.on_getBoundProfilePackage = lambda _: {"boundProfilePackage": "MA\r\nA="}
    assert await package(client, server.address) == b"\x30\x00"


@pytest.mark.parametrize("data", [{}, None, {"subjectCode": 8, "message": ["x"]}])
async def test_refusals_without_a_code(server, client, data):
    status = {"status": "Failed", "statusCodeData": data}
    server.on_getBoundProfilePackage = lambda _: {}
    server.replies["getBoundProfilePackage"] = [{"header": {"functionExecutionStatus": status}}]
    error = await reason_of(client, server.address)
    assert (error.reason, error.code) == ("server-refused", None)


async def test_a_slug_that_is_none_is_not_believed(server, client):
    refused = {"header": {"functionExecutionStatus": {"status": "Failed"}}}
    reply = web.json_response(refused, headers={"X-Smdp-Reason": "<script>"})
    assert await answered(server, client, reply) == "server-refused"


async def test_an_answer_without_end(server, tls):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 4096)

    client = Es9Client(trusting(tls[1]), max_answer=50_000)
    try:
        assert await answered(server, client, endless) == "answer-too-large"
    finally:
        await client.close()


async def test_an_answer_that_does_not_come(server, tls):
    hold = asyncio.Event()

    async def stall(_):
        await hold.wait()

    client = Es9Client(trusting(tls[1]), within=0.2)
    try:
        assert await answered(server, client, stall) == "server-timeout"
    finally:
        hold.set()
        await client.close()


async def test_an_answer_that_breaks_off(server, client):
    async def cut(request):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        request.transport.close()
        return response

    assert await answered(server, client, cut) == "answer-cut"


async def test_nobody_listens(client, unused_tcp_port):
    error = await reason_of(client, f"127.0.0.1:{unused_tcp_port}")
    assert error.reason == "server-unreachable"
    assert error.transient


@asynccontextmanager
async def listening(handler):
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_server_without_tls(client):
    async def hello(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with listening(hello) as address:
        assert (await reason_of(client, address)).reason in ("tls-failed", "server-unreachable")


async def test_a_server_that_hangs_up(client):
    async def hang_up(_, writer):
        writer.close()

    async with listening(hang_up) as address:
        assert (await reason_of(client, address)).reason == "server-unreachable"


async def test_a_certificate_that_the_device_does_not_trust(server):
    client = Es9Client(TRUST_NOBODY)
    try:
        error = await reason_of(client, server.address)
    finally:
        await client.close()
    assert error.reason == "tls-untrusted"
    assert "certificate" in error.because


async def test_a_certificate_for_another_name(server, tls):
    client = Es9Client(trusting(tls[1]), resolve=lambda *_: ("127.0.0.1", server.port))
    try:
        assert (await reason_of(client, "smdp.example.com")).reason == "tls-untrusted"
    finally:
        await client.close()


async def test_other_names_are_the_systems_business(server, client):
    assert (await reason_of(client, f"localhost:{server.port}")).reason == "tls-untrusted"


async def test_the_hook_says_where_names_lead(server, tls):
    asked = []

    def resolve(host, port):
        asked.append((host, port))
        return "127.0.0.1", server.port

    client = Es9Client(trusting(tls[1]), resolve=resolve)
    server.on_getBoundProfilePackage = lambda _: {"boundProfilePackage": "MAA="}
    try:
        assert await package(client, "beta.smdp.localhost") == b"\x30\x00"
    finally:
        await client.close()
    assert asked == [("beta.smdp.localhost", 443)]


@pytest.mark.parametrize(
    "address",
    ["", "a b", "host/path", "host:port", "user@host", "host:8443:1", "https://host", "h" * 300, "[::1", "ä.de"],
)
async def test_addresses_that_are_none(client, address):
    assert (await reason_of(client, address)).reason == "address-malformed"


async def test_an_impossible_port(client):
    assert (await reason_of(client, "127.0.0.1:99999")).reason == "address-malformed"


async def test_any_2xx_acknowledges_a_notification(server, client):
    server.replies["handleNotification"] = [web.Response(status=200, text="thanks"), web.Response(status=204)]
    await client.handle_notification(server.address, b"\x30\x00")
    await client.handle_notification(server.address, b"\x30\x00")
    assert [json.dumps(body) for body in server.said("handleNotification")] == ['{"pendingNotification": "MAA="}'] * 2
