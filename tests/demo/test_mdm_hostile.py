"""Bytes that are almost right end in the refusals that are meant for them, whatever was changed."""

import base64
import contextlib
import datetime as dt
import random

import pytest

from smdp.demo.mdm import cms, envelope, scep
from smdp.demo.mdm.authority import Authority
from tests.demo import mdm_client
from tests.demo.mdm_client import CHECK_IN, UDID, Identity, certificate, identity, pki_message, request, rsa_key

EC_PUBLIC_KEY = bytes.fromhex("06072A8648CE3D0201")
VERSION_3 = bytes.fromhex("A003020102")


def mutations(data, number):
    """So many variants of some bytes, a few of them changed, left out or added; the same ones each time."""
    chance = random.Random(7)
    for _ in range(number):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 5))):
            place = chance.randrange(len(changed))
            if chance.random() < 0.7:
                changed[place] = chance.randrange(256)
            elif chance.random() < 0.5:
                del changed[place : place + chance.randrange(1, 9)]
            else:
                changed[place:place] = chance.randbytes(chance.randrange(1, 9))
        yield bytes(changed)


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def device():
    return Identity(certificate(rsa_key()), rsa_key())


def test_signatures(authority):
    signature = base64.b64decode(identity(authority).sign(b"x"))
    refused = 0
    for data in mutations(signature, 1000):
        try:
            signed = cms.verify(data, b"x")
            cms.check_identity(signed.certificate, authority.certificate, dt.datetime.now(dt.UTC))
        except cms.BadCms:
            refused += 1
    assert 800 < refused <= 1000


def test_pki_messages_envelopes_and_requests(authority, device):
    asked = request(device.key, "challenge")
    sealed = mdm_client.envelope(asked, authority.certificate)
    heard = []
    server = scep.Scep(authority, "challenge", heard.append)
    for data in mutations(pki_message(sealed, device), 200):
        with contextlib.suppress(scep.BadMessage):
            server.operation(data)
    for data in mutations(sealed, 300):
        with contextlib.suppress(envelope.BadEnvelope):
            envelope.open_(data, authority.certificate, authority.key)
    heard.clear()
    for data in mutations(asked, 60):
        server.operation(pki_message(mdm_client.envelope(data, authority.certificate), device))
    assert len(heard) == 60
    assert sum(what.startswith("refused") for what in heard) > 50


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(EC_PUBLIC_KEY, bytes.fromhex("06072A8648CE3D0277")), (VERSION_3, bytes.fromhex("A003020107"))],
    ids=["a key of an unknown kind", "a version that there is not"],
)
async def test_a_certificate_that_cryptography_does_not_know_is_answered_400(mdm, phone, right, wrong):
    body = b"<plist/>"
    signature = base64.b64decode(phone.identity.sign(body))
    assert right in signature
    header = {"Mdm-Signature": base64.b64encode(signature.replace(right, wrong)).decode()}
    assert await phone.send(None, kind=CHECK_IN, body=body, headers=header) == (
        400, b"it is no readable CMS SignedData\n",
    )  # fmt: skip
    assert UDID not in mdm.devices
