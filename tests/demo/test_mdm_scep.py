"""SCEP (RFC 8894), with openssl as the judge of every CMS, and a foreign client (Debian's `scep`, written in Go)."""

import base64
import datetime as dt
import os
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from smdp.demo.mdm import cms
from smdp.demo.mdm import envelope as sealed_envelope
from smdp.demo.mdm.authority import Authority
from tests.demo.mdm_client import (
    Identity,
    Phone,
    attributes,
    certificate,
    certificates,
    envelope,
    identity,
    openssl,
    pki_message,
    request,
    rsa_key,
)

MESSAGE = "application/x-pki-message"


@pytest.fixture
def client():
    """A device with a new RSA key and a self-signed certificate for it, as SCEP wants."""
    return Identity(certificate(rsa_key()), rsa_key())


@pytest.fixture
async def ask(mdm):
    """POST a pkiMessage: the answer's status and body."""
    async with Phone(mdm) as phone:

        async def post(message):
            async with phone.session.post(mdm.url + "/scep?operation=PKIOperation", data=message) as answer:
                assert answer.status != 200 or answer.content_type == MESSAGE
                return answer.status, await answer.read()

        yield post


def verified(answer, mdm, tmp_path):
    """The content of a CertRep that openssl finds signed by the CA."""
    (tmp_path / "ca.pem").write_text(mdm.ca)
    words = ("cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-CAfile", tmp_path / "ca.pem")
    return openssl(*words, data=answer)


async def test_capabilities_and_the_certificate_of_the_ca(mdm, phone):
    status, body, headers = await phone.get("/scep?operation=GetCACaps")
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "text/plain")
    assert {"AES", "SHA-256", "POSTPKIOperation", "SCEPStandard"} <= set(body.decode().split())
    status, body, headers = await phone.get("/scep?operation=GetCACert")
    assert (status, headers["Content-Type"]) == (200, "application/x-x509-ca-cert")
    assert x509.load_der_x509_certificate(body) == x509.load_pem_x509_certificate(mdm.ca.encode())


async def test_an_identity_is_issued_for_a_challenge(mdm, ask, client, tmp_path):
    wanted = request(client.key, mdm.challenge, cn="the device")
    (tmp_path / "ca.pem").write_text(mdm.ca)
    enveloped = openssl(
        "cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", tmp_path / "ca.pem", data=wanted
    )
    status, answer = await ask(pki_message(enveloped, client))
    assert status == 200
    told = attributes(answer)
    assert told.pop("nonce") != b"n" * 16
    assert told == {"type": "3", "status": "0", "recipient": b"n" * 16, "transaction": "T-1"}
    content = verified(answer, mdm, tmp_path)
    pem = client.files(tmp_path)
    opened = openssl("cms", "-decrypt", "-inform", "DER", "-binary", "-inkey", pem, "-recip", pem, data=content)
    (issued,) = certificates(opened)
    assert issued.public_key() == client.key.public_key()
    assert issued.subject.rfc4514_string() == "CN=the device"
    assert issued.not_valid_before_utc < dt.datetime.now(dt.UTC)
    purposes = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    (tmp_path / "issued.pem").write_bytes(issued.public_bytes(Encoding.PEM))
    openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", tmp_path / "ca.pem", tmp_path / "issued.pem")
    async with Phone(mdm, who=Identity(issued, client.key)) as phone:
        await phone.enroll()


async def test_a_message_by_get(mdm, phone, client, tmp_path):
    message = pki_message(envelope(request(client.key, mdm.challenge), mdm.authority.certificate), client)
    query = {"operation": "PKIOperation", "message": base64.b64encode(message).decode()}
    status, answer, _ = await phone.get("/scep", params=query)
    assert (status, attributes(answer)["status"]) == (200, "0")
    verified(answer, mdm, tmp_path)


def _requests(mdm, client):
    """What a server refuses, with the failInfo of RFC 8894 §3.2.1.4.5."""
    ca = mdm.authority.certificate
    other = rsa.generate_private_key(65537, 2048)
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is to be refused
    good = request(client.key, mdm.challenge)
    spoilt = bytearray(good)
    spoilt[-1] ^= 1
    yield "wrong challenge", envelope(request(client.key, "guess"), ca), {}, "2"
    yield "no challenge", envelope(request(client.key), ca), {}, "2"
    yield "polling", envelope(good, ca), {"kind": "20"}, "2"
    yield "renewal", envelope(good, ca), {"kind": "17"}, "2"
    yield "to another CA", envelope(good, identity(None, key=other).certificate), {}, "1"
    yield "no envelope", b"x", {}, "1"
    yield "no request", envelope(b"x", ca), {}, "1"
    yield "request with a wrong signature", envelope(bytes(spoilt), ca), {}, "1"
    yield "another key", envelope(request(other, mdm.challenge), ca), {}, "1"
    yield "a small key", envelope(request(small, mdm.challenge), ca), {}, "0"
    yield "an EC key", envelope(request(ec.generate_private_key(ec.SECP256R1()), mdm.challenge), ca), {}, "0"


async def test_refusals_are_signed_and_say_why(mdm, ask, client, tmp_path):
    for what, content, options, fail in _requests(mdm, client):
        status, answer = await ask(pki_message(content, client, **options))
        assert status == 200, what
        told = attributes(answer)
        assert (told["type"], told["status"], told["fail"], told["recipient"]) == ("3", "2", fail, b"n" * 16), what
        assert verified(answer, mdm, tmp_path) == b"", what


@pytest.mark.parametrize("number", [2, 5, 7])
async def test_messages_without_an_attribute_are_answered_400(ask, client, number):
    oid = f"2.16.840.1.113733.1.9.{number}"
    status, text = await ask(pki_message(b"x", client, leave_out=(oid,)))
    assert status == 400
    assert f"the attribute {oid} is missing" in text.decode()


async def test_messages_that_can_not_be_answered_are_400(mdm, phone, ask, client):
    assert await ask(pki_message(b"x", client, spoil=True)) == (400, b"the signature is wrong\n")
    assert (await ask(b"junk"))[0] == 400
    assert (await ask(pki_message(b"x", client, transaction="")))[0] == 400
    assert (await ask(bytes(64 * 1024 + 1))) == (400, b"the message is longer than 64 KiB\n")
    for query in ("?operation=Dance", "", "?operation=PKIOperation&message=%25"):
        assert (await phone.get("/scep" + query))[0] == 400


def test_a_private_key_is_in_no_representation(mdm):
    assert mdm.challenge not in repr(mdm)
    with pytest.raises(cms.BadCms):
        cms.verify(b"")


# --- envelopes


@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des3"])
def test_envelopes_by_openssl_are_opened(tmp_path, cipher):
    authority = Authority()
    sealed = sealed_by_openssl(tmp_path, authority, cipher)
    assert sealed_envelope.open_(sealed, authority.certificate, authority.key) == b"x" * 100


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("other", "for somebody else"),
        ("gcm", "no EnvelopedData"),
        ("cfb", "mode cfb|no EnvelopedData"),
        ("short", "no EnvelopedData"),
    ],
)
def test_envelopes_that_can_not_be_opened(tmp_path, spoil, said):
    authority, other = Authority(), Authority()
    cipher = {"gcm": "aes-128-gcm", "cfb": "aes-128-cfb"}.get(spoil, "aes-128-cbc")
    sealed = sealed_by_openssl(tmp_path, authority, cipher)
    to = other.certificate if spoil == "other" else authority.certificate
    with pytest.raises(sealed_envelope.BadEnvelope, match=said):
        sealed_envelope.open_(sealed[:-40] if spoil == "short" else sealed, to, authority.key)


def sealed_by_openssl(folder, authority, cipher):
    (folder / "ca.pem").write_bytes(authority.pem)
    return openssl("cms", "-encrypt", "-binary", f"-{cipher}", "-outform", "DER", folder / "ca.pem", data=b"x" * 100)


# --- foreign clients


async def test_a_foreign_client_gets_its_identity(mdm, tmp_path):
    tool = shutil.which("scepclient")
    if tool is None and "CI" not in os.environ:
        pytest.skip("needs scepclient (Debian: scep)")
    (tmp_path / "ca.pem").write_text(mdm.ca)
    done = await run(
        tool, "-server-url", f"{mdm.url}/scep", "-challenge", mdm.challenge, "-private-key", tmp_path / "key.pem",
        "-certificate", tmp_path / "device.pem", "-cn", "foreign", "-keySize", "2048",
        cwd=tmp_path, env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    pem = x509.load_pem_x509_certificate((tmp_path / "device.pem").read_bytes())
    assert "CN=foreign" in pem.subject.rfc4514_string()
    openssl("verify", "-CAfile", tmp_path / "ca.pem", tmp_path / "device.pem")


async def test_a_foreign_client_is_refused_without_the_challenge(mdm, tmp_path):
    tool = shutil.which("scepclient")
    if tool is None and "CI" not in os.environ:
        pytest.skip("needs scepclient (Debian: scep)")
    (tmp_path / "ca.pem").write_text(mdm.ca)
    done = await run(
        tool, "-server-url", f"{mdm.url}/scep", "-challenge", "guess", "-private-key", tmp_path / "key.pem",
        "-certificate", tmp_path / "device.pem",
        cwd=tmp_path, env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")},
    )  # fmt: skip
    assert done.returncode != 0
    assert "badRequest" in done.stdout + done.stderr
    assert not (tmp_path / "device.pem").exists()


async def run(*words, **options):
    """Run a program while the server goes on."""
    import asyncio

    return await asyncio.to_thread(
        subprocess.run, list(map(str, words)), capture_output=True, text=True, check=False, timeout=60, **options
    )
