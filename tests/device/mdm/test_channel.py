"""The way to an MDM server: identity, signature, trust, and a table of hostile servers."""

import asyncio
import base64
import gzip
import json
import os
import plistlib
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from msgspec.structs import replace

from smdp.device.mdm.channel import Channel
from smdp.device.mdm.failure import MdmError
from smdp.device.mdm.identity import identity_of
from smdp.device.mdm.keys import new_key
from tests.device.mdm.test_plist import LAUGHS
from tests.mdm_identities import PEM, certificate, der, device_identity, ec_key, root, server_context
from tests.openssl import needs_openssl, openssl

IDLE = {"UDID": "x", "Status": "Idle"}


@pytest.fixture
async def channels():
    """Makes channels, and closes them."""
    made = []

    def make(enrollment, **arguments):
        made.append(Channel(enrollment, **({"within": 5} | arguments)))
        return made[-1]

    yield make
    for channel in made:
        await channel.close()


async def error_of(channel):
    with pytest.raises(MdmError) as error:
        await channel.connect(IDLE)
    assert "{" not in error.value.because + error.value.fix
    return error.value


async def answered(mdm, channel, reply):
    mdm.replies = [reply, reply]
    return await error_of(channel)


async def test_the_identity_is_shown_in_tls(mdm, enrollment, channels):
    assert await channels(enrollment).connect(IDLE) is None
    assert mdm.peers == [enrollment.chain[0]]
    assert mdm.headers[0]["Content-Type"] == "application/x-apple-aspen-mdm; charset=UTF-8"
    assert "Mdm-Signature" not in mdm.headers[0]


async def test_no_file_with_the_key_stays(enrollment, channels, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    await channels(enrollment).connect(IDLE)
    assert list(tmp_path.iterdir()) == []


@needs_openssl
@pytest.mark.parametrize("kind", ["rsa", "ec"])
async def test_messages_are_signed_over_the_bytes_on_the_wire(mdm, enrollment, channels, tmp_path, kind):
    key, holder = device_identity(kind)
    identity = identity_of(key, [holder])
    signing = replace(enrollment, sign_message=True, chain=identity.chain, key=identity.key)
    channel = channels(signing)
    await channel.connect(IDLE)
    await channel.check_in({"MessageType": "CheckOut"})
    (tmp_path / "root.pem").write_bytes(root().public_bytes(PEM))
    for body, headers in zip(mdm.bodies, mdm.headers, strict=True):
        (tmp_path / "body").write_bytes(body)
        signature = base64.b64decode(headers["Mdm-Signature"], validate=True)
        arguments = ["-inform", "DER", "-content", tmp_path / "body", "-binary", "-CAfile", tmp_path / "root.pem"]
        assert openssl("cms", "-verify", *arguments, "-purpose", "any", data=signature) == body


async def test_the_command_comes_back(mdm, enrollment, channels):
    mdm.queue = [{"CommandUUID": "1", "Command": {"RequestType": "DeviceInformation"}}]
    assert await channels(enrollment).connect(IDLE) == mdm.queue[0]


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/octet-stream"])
async def test_the_content_type_of_an_answer_does_not_matter(mdm, enrollment, channels, kind):
    mdm.replies = [web.Response(body=plistlib.dumps({"CommandUUID": "1"}), content_type=kind)]
    assert await channels(enrollment).connect(IDLE) == {"CommandUUID": "1"}


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n"])
async def test_an_empty_answer_is_no_command(mdm, enrollment, channels, body):
    mdm.replies = [web.Response(body=body)]
    assert await channels(enrollment).connect(IDLE) is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html><body>Login</body></html>", "plist-malformed"),
        (b'{"error": "x"}', "plist-malformed"),
        (b"\0" * 1000, "plist-malformed"),
        (LAUGHS, "plist-malformed"),
        (plistlib.dumps([1]), "plist-not-dict"),
        (b"x" * 10_000_000, "answer-too-large"),
    ],
    ids=["html", "json", "zeros", "entity bomb", "array", "10 MB"],
)
async def test_bodies_that_are_no_command(mdm, enrollment, channels, body, reason):
    assert (await answered(mdm, channels(enrollment), web.Response(body=body))).reason == reason


async def test_a_compressed_bomb_is_not_unpacked(mdm, enrollment, channels):
    body = gzip.compress(b"\0" * 10_000_000)
    reply = web.Response(body=body, headers={"Content-Encoding": "gzip"})
    assert (await answered(mdm, channels(enrollment), reply)).reason == "plist-malformed"
    assert mdm.headers[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_refused(mdm, enrollment, channels, status):
    reply = web.Response(status=status, headers={"Location": f"{mdm.url}/elsewhere"})
    error = await answered(mdm, channels(enrollment), reply)
    assert (error.reason, error.code, error.domain) == ("redirect", 12006, "MCMDMErrorDomain")
    assert len(mdm.heard) == 1


@pytest.mark.parametrize("status", [201, 204, 400, 403, 404, 410, 429, 500, 503])
async def test_other_statuses(mdm, enrollment, channels, status):
    error = await answered(mdm, channels(enrollment), web.Response(status=status))
    assert (error.reason, error.unenrols, error.transient) == ("http-status", False, True)
    assert str(status) in error.because


CODES = {
    "com.apple.unrecognized.device": ("unrecognized-device", True),
    "com.apple.softwareupdate.required": ("software-update-required", False),
    "com.apple.well-known.failed": ("refused-with-code", False),
    "com.apple.psso.required": ("refused-with-code", False),
}


@pytest.mark.parametrize("dump", [lambda v: json.dumps(v).encode(), plistlib.dumps], ids=["JSON", "plist"])
@pytest.mark.parametrize(("code", "expected"), CODES.items(), ids=list(CODES))
async def test_the_codes_of_a_403(mdm, enrollment, channels, dump, code, expected):
    body = dump({"code": code, "details": {"OSVersion": "27.0"}})
    error = await answered(mdm, channels(enrollment), web.Response(status=403, body=body))
    assert (error.reason, error.unenrols) == expected
    assert code in error.because


async def test_before_ios_17_a_403_is_a_403(mdm, enrollment, channels):
    reply = web.Response(status=403, body=b'{"code": "com.apple.unrecognized.device"}')
    assert (await answered(mdm, channels(enrollment, os="16.7.2"), reply)).reason == "http-status"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"code": 3}', b"<html>", LAUGHS, b'{"code":' + b"[" * 100_000], ids=range(7)
)
async def test_bodies_of_a_403_that_say_nothing(mdm, enrollment, channels, body):
    assert (await answered(mdm, channels(enrollment), web.Response(status=403, body=body))).reason == "http-status"


async def test_401_ends_the_enrolment(mdm, enrollment, channels):
    error = await answered(mdm, channels(enrollment), web.Response(status=401))
    assert (error.reason, error.unenrols, error.code) == ("unauthorized", True, 12020)


async def test_a_slow_loris(mdm, enrollment, channels):
    async def drip(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    error = await answered(mdm, channels(enrollment, within=0.3), drip)
    assert (error.reason, error.transient) == ("mdm-timeout", True)


async def test_an_answer_that_does_not_come(mdm, enrollment, channels):
    hold = asyncio.Event()

    async def stall(_):
        await hold.wait()

    error = await answered(mdm, channels(enrollment, within=0.2), stall)
    hold.set()
    assert error.reason == "mdm-timeout"


async def test_an_answer_that_breaks_off(mdm, enrollment, channels):
    async def cut(request):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        request.transport.close()
        return response

    assert (await answered(mdm, channels(enrollment), cut)).reason == "answer-cut"


@asynccontextmanager
async def listening(handler, tls=None):
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize(
    ("sent", "reasons"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", {"answer-malformed"}),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", {"answer-malformed"}),
        (b"HTTP/1.1 999999 OK\r\n\r\n", {"answer-malformed"}),
        (b"", {"hung-up"}),
    ],
    ids=["SSH", "long header", "status", "nothing"],
)
async def test_servers_that_speak_no_http(enrollment, channels, sent, reasons):
    async def speak(reader, writer):
        await reader.read(1)
        writer.write(sent)
        writer.close()

    async with listening(speak, server_context()) as url:
        assert (await error_of(channels(replace(enrollment, server_url=url)))).reason in reasons


async def test_a_server_without_tls(enrollment, channels):
    async def speak(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with listening(speak) as url:
        error = await error_of(channels(replace(enrollment, server_url=url)))
    assert error.reason in ("tls-failed", "hung-up")


async def test_nobody_listens(enrollment, channels, unused_tcp_port):
    error = await error_of(channels(replace(enrollment, server_url=f"https://127.0.0.1:{unused_tcp_port}/")))
    assert (error.reason, error.transient) == ("mdm-unreachable", True)


async def test_a_server_that_the_device_does_not_trust(mdm, enrollment, channels):
    error = await error_of(channels(replace(enrollment, anchors=[])))
    assert (error.reason, error.code) == ("tls-untrusted", 23002)
    assert mdm.heard == []


async def test_the_systems_roots_are_asked_where_the_anchors_do_not_suffice(
    mdm, enrollment, channels, tmp_path, monkeypatch
):
    (tmp_path / "system.pem").write_bytes(root().public_bytes(PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    other = certificate(ec_key(3), "other", ca=True)
    assert await channels(replace(enrollment, anchors=[der(other)])).connect(IDLE) is None
    assert len(mdm.heard) == 1


async def test_a_certificate_for_another_name(mdm, enrollment, channels):
    other = replace(enrollment, server_url=f"https://mdm.example.com:{mdm.port}/")
    channel = channels(other, resolve=lambda *_: ("127.0.0.1", mdm.port))
    assert (await error_of(channel)).reason == "tls-untrusted"


async def test_names_under_smdp_localhost_lead_to_where_the_hook_says(mdm, enrollment, channels):
    asked = []

    def resolve(host, port):
        asked.append((host, port))
        return "127.0.0.1", mdm.port

    other = replace(enrollment, server_url="https://mdm.smdp.localhost/connect")
    assert await channels(other, resolve=resolve).connect(IDLE) is None
    assert asked == [("mdm.smdp.localhost", 443)]


async def test_a_server_that_takes_no_such_identity(mdm, enrollment, channels):
    identity = identity_of(ec_key(3), [certificate(ec_key(3), "stranger")])
    found = replace(enrollment, chain=identity.chain, key=identity.key)
    error = await error_of(channels(found))
    assert error.reason in ("hung-up", "tls-failed")  # a reset may overtake the alert
    assert mdm.heard == []


@pytest.mark.parametrize("changes", [{"key": b"junk"}, {"key": b""}, {"chain": [b"junk"]}, {"key": "other"}])
async def test_an_identity_of_no_use(enrollment, channels, changes):
    if changes.get("key") == "other":
        changes = {"key": identity_of(ec_key(3), []).key}
    error = await error_of(channels(replace(enrollment, **changes)))
    assert error.reason == "identity-unusable"


async def test_an_identity_with_a_short_key(enrollment, channels):
    key = new_key(1024)
    identity = identity_of(key, [certificate(key, "short", root(), ec_key())])
    error = await error_of(channels(replace(enrollment, chain=identity.chain, key=identity.key)))
    assert error.reason == "identity-unusable"
    assert "2048" in error.fix


async def test_the_connection_is_kept(mdm, enrollment, channels):
    channel = channels(enrollment)
    ports = set()

    async def note(request):
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response()

    mdm.replies = [note, note, note]
    for _ in range(3):
        await channel.connect(IDLE)
    assert len(ports) == 1


async def test_a_channel_that_was_closed_can_be_used_again(mdm, enrollment, channels):
    channel = channels(enrollment)
    for _ in range(2):
        await channel.connect(IDLE)
        await channel.close()
    assert mdm.peers == [enrollment.chain[0]] * 2


async def test_a_kept_connection_that_the_server_closed_is_opened_again(mdm, enrollment, channels):
    async def hang_up_afterwards(request):
        response = web.Response()
        await response.prepare(request)
        await response.write_eof()
        request.transport.close()
        return response

    channel = channels(enrollment)
    mdm.replies = [hang_up_afterwards]
    assert [await channel.connect(IDLE), await channel.connect(IDLE)] == [None, None]


async def test_the_key_is_nowhere_in_what_goes_wrong(mdm, enrollment, channels):
    error = await answered(mdm, channels(enrollment), web.Response(status=500))
    assert enrollment.key.hex()[:32] not in repr(error) + repr(enrollment)
    assert os.fspath("/proc") not in error.because
