"""Clients whose TLS fails leave one event that says what to do, on a real server."""

import asyncio
import contextlib
import socket
import ssl
import warnings

import pytest

from smdp.carrier import tls_failures
from smdp.carrier.journal import Wanted
from smdp.carrier.service import Service
from smdp.clock import SystemClock
from smdp.http import handshakes
from smdp.server import Server
from smdp.storage import Database


@pytest.fixture
async def server():
    async with Server() as running:
        await running.parts.service.create_carrier("acme", {})
        yield running


async def failures(server, carrier="acme", count=1):
    """Wait for so many failures of a carrier."""
    wanted = Wanted(carrier, 0, ("tls.failed",))
    async with asyncio.timeout(20):
        while len(found := await server.parts.service.journal.read(wanted, 100)) < count:  # noqa: ASYNC110 - as a test does
            await asyncio.sleep(0.005)
    return [event.data for event in found]


async def connect(server, talk, *words):
    """Let a client talk in a thread; what it meets is not what is tested."""

    def client():
        place = "127.0.0.1", server.device_port
        with socket.create_connection(place, 10) as sock, contextlib.suppress(OSError):
            talk(sock, *words)

    await asyncio.to_thread(client)


def distrusting(sock, host="acme.smdp.localhost", newest=ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context()
    context.maximum_version = newest
    context.wrap_socket(sock, server_hostname=host)


def old(sock):
    context = careless()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.wrap_socket(sock, server_hostname="acme.smdp.localhost")


def plain(sock):
    sock.sendall(b"POST /gsma/rsp2/es9plus/initiateAuthentication HTTP/1.1\r\nHost: acme.smdp.localhost\r\n\r\n")
    sock.recv(100)


def junk(sock):
    sock.sendall(b"\0" * 100)
    sock.recv(100)


def no_common_cipher(sock):
    context = careless()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    context.wrap_socket(sock, server_hostname="acme.smdp.localhost")


def hang_up(sock):
    """Leave after the server's first flight, as some TLS libraries do that don't like the certificate."""
    out = ssl.MemoryBIO()
    tls = careless().wrap_bio(ssl.MemoryBIO(), out, server_hostname="acme.smdp.localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    sock.sendall(out.read())
    sock.recv(1000)


def careless():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_a_client_that_distrusts_the_ca(server, newest):
    await connect(server, distrusting, "acme.smdp.localhost", newest)
    told = (await failures(server))[0]
    assert (told["name"], told["alert"], told["reason"]) == ("acme.smdp.localhost", "unknown ca", "tls-not-trusted")
    assert told["because"] == "The client does not trust the server's certificate for acme.smdp.localhost."
    assert "A real iPhone accepts live GSMA certificates only" in told["fix"]
    assert "smdp ca" in told["fix"]
    assert told["count"] == 1


@pytest.mark.parametrize(
    ("talk", "carrier", "reason"),
    [
        (hang_up, "acme", "tls-not-trusted"),
        (no_common_cipher, "acme", "tls-no-common-cipher"),
        (old, "default", "tls-too-old"),
        (plain, "default", "plain-http"),
        (junk, "default", "not-tls"),
    ],
)
async def test_other_handshakes_that_fail(server, talk, carrier, reason):
    await connect(server, talk)
    told = (await failures(server, carrier))[0]
    assert told["reason"] == reason
    assert told["fix"].endswith(".")


async def test_a_name_that_the_ci_may_not_certify(server):
    def trusting(sock):
        context = ssl.create_default_context(cadata=server.ca_pem)
        context.wrap_socket(sock, server_hostname="esim.acme.org")

    await connect(server, trusting)
    told = (await failures(server, "default"))[0]
    assert (told["name"], told["reason"]) == ("esim.acme.org", "tls-name-not-permitted")
    assert "--permit" in told["fix"]


async def test_a_client_that_names_nothing_belongs_to_the_default_carrier(server):
    await connect(server, distrusting, "127.0.0.1")
    told = (await failures(server, "default"))[0]
    assert "name" not in told
    assert "certificate for an address" in told["because"]


async def test_handshakes_that_succeed_and_connections_that_say_nothing_leave_no_event(server):
    def trusting(sock):
        context = ssl.create_default_context(cadata=server.ca_pem)
        context.wrap_socket(sock, server_hostname="acme.smdp.localhost").close()

    for _ in range(3):
        await connect(server, trusting)
        await connect(server, lambda _: None)
    await connect(server, distrusting)  # so that there is something to wait for
    assert len(await failures(server)) == 1
    assert not await server.parts.service.journal.read(Wanted("default", 0, ("tls.failed",)), 10)


async def test_alike_failures_are_counted(server, monkeypatch):
    for _ in range(4):
        await connect(server, distrusting)
    watcher = server.parts.handshakes
    async with asyncio.timeout(20):
        while [count for _, count in watcher._told.values()] != [3]:  # noqa: ASYNC110, SLF001 - noted a moment later
            await asyncio.sleep(0.005)
    monkeypatch.setattr(handshakes, "_AGAIN_SECONDS", 0.0)
    await connect(server, distrusting)
    assert [told["count"] for told in await failures(server, count=2)] == [1, 4]


async def test_floods_of_names_are_told_in_part():
    database = await Database.open()
    service = Service(database, SystemClock())
    await service.start()
    watcher = handshakes.Handshakes(service)
    for number in range(1000):
        watcher.failed(f"n{number}.test", "TLSV1_ALERT_UNKNOWN_CA")
    await asyncio.sleep(0)
    await watcher.close()
    told = await service.journal.read(Wanted("default", 0, ("tls.failed",)), 1000)
    assert len(told) == handshakes._MAX_WAITING  # noqa: SLF001 - the bound is what is tested
    assert len(watcher._told) == handshakes._MAX_KNOWN  # noqa: SLF001 - as above
    await service.close()
    await database.close()


@pytest.mark.parametrize(
    ("openssl", "reason", "alert"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", "tls-not-trusted", "unknown ca"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "tls-not-trusted", "bad certificate"),
        ("SSLV3_ALERT_CERTIFICATE_UNKNOWN", "tls-not-trusted", "certificate unknown"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "tls-certificate-expired", "certificate expired"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "tls-too-old", "protocol version"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "tls-no-common-cipher", "handshake failure"),
        ("NO_SHARED_CIPHER", "tls-no-common-cipher", None),
        ("NO_SUITABLE_SIGNATURE_ALGORITHM", "tls-no-common-cipher", None),
        ("TLSV1_ALERT_USER_CANCELLED", "tls-failed", "user cancelled"),
        ("TLSV1_ALERT_INTERNAL_ERROR", "tls-broken-off", "internal error"),
        ("WRONG_VERSION_NUMBER", "not-tls", None),
        ("SOMETHING_NEW", "tls-failed", None),
    ],
)
def test_each_reason_of_openssl_has_a_sentence(openssl, reason, alert):
    failure = tls_failures.explain("a.test", openssl)
    assert (failure.reason, failure.alert) == (reason, alert)
    assert failure.because.endswith(".")
    assert "{" not in failure.because + failure.fix
