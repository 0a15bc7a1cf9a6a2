"""Real handshakes on loopback, always with VERIFY_X509_STRICT."""

import asyncio
import datetime as dt
import ssl
from contextlib import asynccontextmanager

import pytest
from cryptography import x509

from smdp.pki import keys, load, make, profiles, tls
from smdp.pki.errors import PkiError
from smdp.pki.folder import Folder
from smdp.pki.handshake import HUNG_UP, watch
from smdp.rsp import certs
from smdp.rsp.certs import Role
from smdp.rsp.crypto import point_of
from smdp.rsp.server.security import Credential
from tests.pki.forge import pki as one_curve

TRUST = {
    "both": lambda pki: pki.anchors,
    "P-256 only": lambda pki: (pki.ci("P-256"),),
    "brainpool only": lambda pki: (pki.ci("brainpoolP256r1"),),
}


@pytest.fixture
def public():
    return load.public()


@asynccontextmanager
async def serving(context, address="127.0.0.1"):
    """Answer each connection with one line; yield the port."""

    async def answer(_reader, writer):
        peer = writer.get_extra_info("peercert") or {}
        writer.write(repr(dict(pair for rdn in peer.get("subject", ()) for pair in rdn)).encode() + b"\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, address, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def handshake(port, context, name, address="127.0.0.1"):
    """Connect and return the TLS object and what the server said."""
    reader, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
    try:
        said = await reader.readline()
        return writer.get_extra_info("ssl_object"), said.decode().strip()
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def shown(connection):
    return certs.load(connection.getpeercert(binary_form=True))


@pytest.mark.parametrize("trust", TRUST)
@pytest.mark.parametrize("name", ["localhost", "acme.smdp.localhost", "smdp.acme.test", "smdp"])
async def test_each_name_gets_its_own_certificate(public, trust, name):
    client = tls.client_context(TRUST[trust](public))
    assert client.verify_flags & ssl.VERIFY_X509_STRICT
    async with serving(tls.server_context(public, ["localhost"])) as port:
        connection, _ = await handshake(port, client, name)
        assert shown(connection).dns_names == (name,)
        assert shown(connection).rid == "2.999.10"
        assert shown(connection).has_role(Role.DPTLS)


@pytest.mark.parametrize("trust", TRUST)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_ip_address_works_without_sni(public, trust, address):
    client = tls.client_context(TRUST[trust](public))
    async with serving(tls.server_context(public, ["127.0.0.1", "::1"]), address) as port:
        connection, _ = await handshake(port, client, address, address)
        assert shown(connection).dns_names == ()
        assert "." not in (shown(connection).common_name or ".")


async def test_without_sni_the_default_names_are_shown(public):
    names = ["LocalHost", "host.internal", "localhost.", "127.0.0.1", "[::1]", "*.smdp.localhost"]
    async with serving(tls.server_context(public, names)) as port:
        connection, _ = await handshake(port, tls.client_context(public.anchors), "127.0.0.1")
        assert shown(connection).dns_names == ("localhost", "host.internal", "*.smdp.localhost")


@pytest.mark.parametrize("trust", TRUST)
@pytest.mark.parametrize("name", ["www.apple.com", "localhost.evil.org", "com"])
async def test_names_outside_the_constraints_are_not_believed(public, trust, name):
    async with serving(tls.server_context(public, ["localhost"])) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            await handshake(port, tls.client_context(TRUST[trust](public)), name)


async def test_addresses_outside_the_constraints_are_not_believed(public):
    async with serving(tls.server_context(public, ["8.8.8.8"])) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            await handshake(port, tls.client_context(public.anchors), "8.8.8.8")


async def test_a_private_pki_may_permit_more():
    made = make.make(keys.Derived(b"permissive"), permit=["corp.example.org", "carrier.invalid-tld", "192.0.2.0/24"])
    private = load.assemble("private", folder(made))
    async with serving(tls.server_context(private, ["192.0.2.7"])) as port:
        client = tls.client_context(private.anchors)
        await handshake(port, client, "esim.carrier.invalid-tld")
        await handshake(port, client, "192.0.2.7")


def folder(credentials):
    found = Folder()
    for name, credential in credentials.items():
        found.add(name, credential.certificate.der)
        found.keys[point_of(credential.key)] = (name, credential.key)
    return found


async def test_a_brainpool_ci_alone_signs_tls_on_p256():
    made = one_curve("brainpoolP256r1")
    pki = load.assemble("brainpool", folder(made))
    assert pki.anchors == (made["ci"].certificate,)
    async with serving(tls.server_context(pki, ["localhost"])) as port:
        connection, _ = await handshake(port, tls.client_context(pki.anchors), "localhost")
        assert shown(connection).curve == "P-256"


async def test_without_a_ci_key_our_own_root_signs():
    made = one_curve("brainpoolP256r1")
    found = folder(made)
    del found.keys[point_of(made["ci"].key)]
    pki = load.assemble("keyless", found)
    async with serving(tls.server_context(pki, ["localhost"])) as port:
        await handshake(port, tls.client_context(pki.anchors), "localhost")
        with pytest.raises(ssl.SSLCertVerificationError):
            await handshake(port, tls.client_context(pki.cis.values()), "localhost")
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            await handshake(port, tls.client_context(pki.anchors), "www.apple.com")


async def test_a_given_certificate_is_shown_for_its_names():
    made = one_curve("P-256")
    key = keys.key(keys.Derived(b"tls"), "leaf", "P-256")
    leaf = profiles.tls(made["ci"], key.public_key(), ["a.test", "*.b.test"], profiles.ALWAYS, 99)
    found = folder(made | {"tls": Credential(leaf, key)})
    pki = load.assemble("given", found)
    async with serving(tls.server_context(pki, ["localhost"])) as port:
        client = tls.client_context(pki.anchors)
        for name, own in (("a.test", True), ("A.TEST", True), ("x.b.test", True), ("c.test", False), ("b.test", False)):
            connection, _ = await handshake(port, client, name)
            assert (shown(connection) == leaf) == own


async def test_handshakes_that_fail_are_heard_of_with_the_name_and_the_reason(public):
    heard = []
    context = tls.server_context(public, ["127.0.0.1"])
    watch(context, lambda *told: heard.append(told))
    async with serving(context) as port:
        client = tls.client_context(public.anchors)
        await handshake(port, client, "a.test")
        await handshake(port, client, "127.0.0.1")
        with pytest.raises(ssl.SSLCertVerificationError):
            await handshake(port, tls.client_context([one_curve("P-256")["ci"].certificate]), "b.test")
        async with asyncio.timeout(10):
            while not heard:  # noqa: ASYNC110 - the server notices in its own time
                await asyncio.sleep(0.01)
    assert heard == [("b.test", HUNG_UP)], "asyncio's clients hang up without their alert"


async def test_an_impossible_name_gets_the_default_certificate(public):
    context = tls.server_context(public, ["localhost"])
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    async with serving(context) as port:
        for name in ("under score.test", "-dash.test"):
            connection, _ = await handshake(port, careless, name)
            assert shown(connection).dns_names == ("localhost",)


async def test_es2_wants_the_operators_certificate(public):
    context = tls.server_context(public, ["localhost"], client_certificates=True)
    async with serving(context) as port:
        _, said = await handshake(port, tls.client_context(public.anchors, public.operator), "localhost")
        assert "'commonName': 'test.operator.com'" in said
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await handshake(port, tls12(tls.client_context(public.anchors)), "localhost")
        stranger = load.assemble("other", folder(make.make(keys.Derived(b"other")))).operator
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await handshake(port, tls12(tls.client_context(public.anchors, stranger)), "localhost")


def tls12(context):
    """Limit a client to TLS 1.2, where a refused client certificate shows in the handshake and not after it."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"])
async def test_tls_1_2_speaks_the_suites_of_lpas(public, suite):
    client = tls12(tls.client_context(public.anchors))
    client.set_ciphers(suite)
    async with serving(tls.server_context(public, ["localhost"])) as port:
        connection, _ = await handshake(port, client, "localhost")
        assert connection.cipher()[0] == suite
        assert connection.version() == "TLSv1.2"


def test_older_tls_is_not_spoken(public):
    assert tls.server_context(public, ["localhost"]).minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_minted_certificate_lives_on_real_time(public):
    now = dt.datetime.now(dt.UTC)
    minted = tls.mint(public, ["localhost"])
    assert now - dt.timedelta(days=1, minutes=1) <= minted.certificate.not_before <= now - dt.timedelta(hours=23)
    assert minted.certificate.not_after - minted.certificate.not_before == dt.timedelta(days=398)
    assert minted.chain == public.tls_chain
    assert point_of(minted.key) == point_of(minted.certificate.public_key)
    assert certs.signed_by(minted.certificate, public.ci("P-256"))
    assert tls.mint(public, ["localhost"]).certificate != minted.certificate


def test_a_minted_certificate_follows_the_profile(public):
    minted = x509.load_der_x509_certificate(tls.mint(public, ["a.test", "10.0.0.1"]).certificate.der)
    extensions = {e.oid.dotted_string: e for e in minted.extensions}
    assert {oid for oid, e in extensions.items() if e.critical} == {"2.5.29.15", "2.5.29.37"}
    assert minted.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == "a.test"
    assert {usage.dotted_string for usage in extensions["2.5.29.37"].value} == {
        "1.3.6.1.5.5.7.3.1",
        "1.3.6.1.5.5.7.3.2",
    }


def test_a_long_name_is_no_common_name(public):
    name = f"{'a' * 63}.test"
    minted = tls.mint(public, [name])
    assert minted.certificate.dns_names == (name,)
    assert minted.certificate.common_name == "smdp TEST TLS"


@pytest.mark.parametrize("name", ["", "a b", "-a", "a..b", "a/b", "*.*.test", "x" * 64])
def test_only_names_are_minted_for(public, name):
    with pytest.raises(PkiError, match="neither a host name nor an IP address"):
        tls.server_context(public, ["localhost", name])


def test_no_key_shows_in_a_repr(public):
    secret = str(public.tls_issuer.key.private_numbers().private_value)
    for thing in (public, public.tls_issuer, tls.mint(public, ["localhost"]), folder({"x": public.tls_issuer})):
        assert secret not in repr(thing)
        assert "PRIVATE" not in repr(thing)


def test_elsewhere_than_on_linux_the_key_file_is_gone_at_once(public, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert tls.client_context(public.anchors, public.operator).verify_mode == ssl.CERT_REQUIRED
    assert list(tmp_path.iterdir()) == []
