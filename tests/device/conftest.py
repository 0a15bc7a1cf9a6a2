"""A device, and an SM-DP+ on loopback for it."""

import asyncio
import datetime as dt
import ipaddress
import ssl

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smdp.clock import VirtualClock
from smdp.device.device import Device, State
from smdp.device.es9plus import Es9Client
from smdp.rsp.crypto import Stream
from tests.card import new_card
from tests.fake_es9 import Server, trusting
from tests.minted import EID, NOW, name


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """A self-signed certificate for the names under .smdp.localhost: (server context, what clients trust)."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("*.smdp.localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(cn="tests"))
        .issuer_name(name(cn="tests"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, pem.decode()


@pytest.fixture
async def server(tls):
    fake = Server()
    app = web.Application()
    app.router.add_post("/gsma/rsp2/es9plus/{function}", fake.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls[0])
    await site.start()
    fake.port = runner.addresses[0][1]
    yield fake
    await runner.cleanup()


@pytest.fixture
async def client(tls):
    found = Es9Client(trusting(tls[1]), within=5)
    yield found
    await found.close()


@pytest.fixture
def saved():
    """How often a device was saved, and what it looked like then."""
    return []


@pytest.fixture
def device(client, saved):
    async def save(device):
        saved.append(device.dump())
        await asyncio.sleep(0)

    state = State(
        eid=EID,
        udid="00008150-0011223344556677",
        serial="F2LXK0A1Q1",
        imei="35 309418 464558 9",
        os="26.1",
        model="iPhone17,1",
        name="iPhone",
        supervised=True,
        euicc=new_card().euicc,
    )
    return Device(state, client=client, clock=VirtualClock(frozen_at=NOW), entropy=Stream(b"device"), save=save)
