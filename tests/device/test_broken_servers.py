"""Whatever a server does at whatever step, the device comes to an end, says why and what to do, and can go on."""

import random
import ssl
from base64 import b64decode, b64encode

import pytest
from aiohttp import web

from smdp.device.es9plus import Es9Client
from tests.fake_es9 import OK
from tests.independent import encode
from tests.rsp.test_decoder import CHANGES, places, put

FLOW = ("initiateAuthentication", "authenticateClient", "getBoundProfilePackage")
MEMBERS = {
    "initiateAuthentication": ("serverSigned1", "serverSignature1", "euiccCiPKIdToBeUsed", "serverCertificate"),
    "authenticateClient": ("profileMetadata", "smdpSigned2", "smdpSignature2", "smdpCertificate"),
    "getBoundProfilePackage": ("boundProfilePackage",),
}


def says(**answer):
    return lambda: web.Response(**answer)


def executed(code, message="x", status="Failed"):
    data = {"subjectCode": code, "reasonCode": code, "message": message}
    return {"header": {"functionExecutionStatus": {"status": status, "statusCodeData": data}}}


async def cut(request):
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"header":')
    request.transport.close()
    return response


async def hang_up(request):
    request.transport.abort()
    return web.Response()


async def endless(request):
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


HTML = "<html><title>Welcome to nginx</title>{because} {fix}</html>"
BROKEN = {
    "HTML": says(text=HTML, content_type="text/html"),
    "an empty body": says(text=""),
    "no object": says(text="[]"),
    "deep JSON": says(text='{"a":' * 20_000),
    "deep lists": says(text="[" * 100_000),
    "a number without end": says(text='{"a":' + "9" * 100_000 + "}"),
    "no UTF-8": says(body=b'{"a":"\xff"}'),
    "a lone surrogate": says(text='{"header":"\\ud800"}'),
    "no members": lambda: dict(OK),
    "no header": dict,
    "an odd status": lambda: executed("8.1.1", status="Perhaps"),
    "an endless message": lambda: executed("8.1.1", "x" * 100_000),
    "odd codes": lambda: executed("\n{because}" * 50, "{fix}\x1b[31m"),
    "a redirect": says(status=302, headers={"Location": "https://127.0.0.1:1/"}),
    "a redirect to itself": says(status=307, headers={"Location": "/gsma/rsp2/es9plus/initiateAuthentication"}),
    "not found": says(status=404, text=HTML),
    "too busy": says(status=503, headers={"Retry-After": "99999999"}, text=HTML),
    "a lie about its coding": says(body=b"{}", headers={"Content-Encoding": "gzip"}),
    "cut": lambda: cut,
    "hung up": lambda: hang_up,
    "endless": lambda: endless,
}


def check(outcome):
    """An outcome that helps: what, why, what to do, and where it ended."""
    assert not outcome.ok
    assert outcome.installed is None
    assert outcome.reason
    assert outcome.because
    assert len(outcome.because) < 600
    assert not outcome.steps[-1].ok or outcome.steps[-1].name in ("cancelSession", "handleNotification")


async def check_honest(device, server):
    """The device is none the worse for it."""
    assert not device.busy
    server.replies.clear()
    server.changes.clear()
    outcome = await device.refresh(server.url)
    assert outcome.ok, outcome


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("function", FLOW)
async def test_a_broken_answer(device, server, function, kind):
    server.replies[function] = [BROKEN[kind]() for _ in range(3)]
    outcome = await device.refresh(server.url)
    check(outcome)
    assert outcome.fix or outcome.reason == "server-refused"
    await check_honest(device, server)


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_answer_to_a_notification_keeps_it(device, server, kind):
    """Only a 2xx acknowledges, whatever its body is; the others come again."""
    answer = BROKEN[kind]()
    unread = kind == "a lie about its coding"  # a body that can't be read acknowledges nothing
    acknowledged = not callable(answer) and not unread and (not isinstance(answer, web.Response) or answer.status < 300)
    server.replies["handleNotification"] = [BROKEN[kind]() for _ in range(10)]
    outcome = await device.refresh(server.url)
    assert outcome.ok, outcome
    assert bool(device.euicc.notifications) != acknowledged
    server.replies.clear()
    await device.flush_notifications()
    assert device.euicc.notifications == []


SPOILED = [(function, member) for function, members in MEMBERS.items() for member in members]


@pytest.mark.parametrize(("function", "member"), SPOILED)
@pytest.mark.parametrize("seed", range(3))
async def test_spoiled_members(device, server, function, member, seed):
    """Bytes that are no TLV, TLVs at wrong places, a package with one bit changed: refused, and said which."""
    chance = random.Random(f"{function} {member} {seed}")
    honest = getattr(server, f"on_{function}")

    def spoiled(body):
        answer = honest(body)
        data = b64decode(answer[member])
        return answer | {member: b64encode(spoil(data, chance)).decode()}

    setattr(server, f"on_{function}", spoiled)
    for _ in range(8):
        check(await device.refresh(server.url))
    setattr(server, f"on_{function}", honest)
    await check_honest(device, server)


ALLOWED = ("member behind",)
"""Ignored where a later version of the standard may have added it."""
KINDS = sorted(set(CHANGES) - set(ALLOWED))


def spoil(data, chance):
    """Make something else of a TLV."""
    if chance.random() < 0.5 and len(data) < 5000:
        changed = put(data, chance.choice(list(places(data))), CHANGES[chance.choice(KINDS)])
        return changed if changed != data else data[:-1]
    at = chance.randrange(len(data))
    return chance.choice(
        (data[:at], data + b"\0", bytes(100_000), encode("30", b"\x30\x80" * 3000), b"\x30\x80" * 3000,
         data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :])
    )  # fmt: skip


async def test_a_server_that_nobody_trusts_and_one_with_another_name(device, server):
    stranger = Es9Client(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    honest, device._lpa.client = device._lpa.client, stranger  # noqa: SLF001 - the same device, trusting nobody
    outcome = await device.refresh(server.url)
    await stranger.close()
    device._lpa.client = honest  # noqa: SLF001 - as above
    check(outcome)
    assert (outcome.reason, "smdp ca" in outcome.fix) == ("tls-untrusted", True)
    outcome = await device.refresh(f"https://localhost:{server.port}")
    check(outcome)
    assert outcome.reason == "tls-untrusted"
    assert "localhost" in outcome.because
    await check_honest(device, server)
