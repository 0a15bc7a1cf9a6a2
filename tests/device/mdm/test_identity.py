"""Identities: PKCS #12 payloads, and the Mdm-Signature, which openssl verifies."""

import base64

import pytest
from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    NoEncryption,
    load_der_private_key,
    pkcs12,
)

from smdp.device.mdm.failure import MdmError
from smdp.device.mdm.identity import mdm_signature, private_key, read_pkcs12
from smdp.device.mdm.keys import RsaKeys
from tests.fake_mdm import payload
from tests.mdm_identities import DER, PEM, certificate, der, device_identity, pem_of, root, rsa_key
from tests.openssl import needs_openssl, openssl


def identity(content, **members):
    return read_pkcs12(payload("com.apple.security.pkcs12", "identity", PayloadContent=content, **members))


def failing(content, **members):
    with pytest.raises(MdmError) as error:
        identity(content, **members)
    return error.value


def pfx(kind="rsa", password=b"pass", **changes):
    key, holder = device_identity(kind)
    key, holder = changes.get("key", key), changes.get("holder", holder)
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"identity", key, holder, [root()], lock)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_an_identity_of_a_pkcs12(kind):
    key, holder = device_identity(kind)
    found = identity(pfx(kind), Password="pass")
    assert found.chain == [der(holder), der(root())]
    assert load_der_private_key(found.key, None).public_key() == key.public_key()
    assert "certificates" in repr(found)
    assert str(found.key) not in repr(found)


def test_an_identity_without_a_password():
    assert identity(pfx(password=None)).chain


@needs_openssl
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-legacy"],
        ["-legacy", "-keypbe", "PBE-SHA1-RC2-40", "-certpbe", "PBE-SHA1-RC2-40"],
        ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "SHA1"],
        ["-keypbe", "AES-128-CBC", "-certpbe", "AES-128-CBC"],
    ],
    ids=["today's", "legacy", "RC2", "3DES", "AES-128"],
)
def test_what_openssl_exports(tmp_path, arguments):
    key, holder = device_identity()
    (tmp_path / "in.pem").write_bytes(pem_of(key, holder))
    content = openssl("pkcs12", "-export", "-in", tmp_path / "in.pem", "-passout", "pass:pass", *arguments)
    assert identity(content, Password="pass").chain == [der(holder)]
    assert failing(content, Password="wrong").reason == "pkcs12-password"


@pytest.mark.parametrize("members", [{"Password": "wrong"}, {"Password": ""}, {}])
def test_a_password_that_does_not_open_it(members):
    error = failing(pfx(), **members)
    assert (error.reason, error.code, error.domain) == ("pkcs12-password", 9000, "MCCertificateErrorDomain")


@pytest.mark.parametrize("content", [b"", b"junk", b"\x30\x80" * 5000, b"\x30\x03\x02\x01\x03"])
def test_what_is_no_pkcs12(content):
    error = failing(content, Password="pass")
    assert (error.reason, error.code) == ("pkcs12-malformed", 9005)


def test_a_pkcs12_cut_short():
    assert failing(pfx()[:-20], Password="pass").reason == "pkcs12-malformed"


def mac_bomb(pfx):
    pfx["mac_data"]["iterations"] = 2**31 - 1


def certificate_bomb(pfx):
    _in_safe(pfx, 0, ["content", "encrypted_content_info", "content_encryption_algorithm"])


def key_bomb(pfx):
    _in_safe(pfx, 1, None)


def _in_safe(pfx, which, path):
    safe = pfx.authenticated_safe
    part = safe[which]
    if path:
        for name in path:
            part = part[name]
        part["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = 2**31 - 1
    else:
        bags = asn1_pkcs12.SafeContents.load(part["content"].native)
        algorithm = bags[0]["bag_value"]["encryption_algorithm"]
        algorithm["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = 2**31 - 1
        part["content"] = bags.dump(force=True)
    pfx["auth_safe"]["content"] = safe.dump(force=True)


@pytest.mark.parametrize("bomb", [mac_bomb, certificate_bomb, key_bomb])
def test_a_pkcs12_that_would_take_minutes(bomb):
    found = asn1_pkcs12.Pfx.load(pfx())
    bomb(found)
    error = failing(found.dump(force=True), Password="pass")
    assert error.reason == "pkcs12-malformed"
    assert "rounds" in error.because


def test_a_pkcs12_without_a_key():
    content = pkcs12.serialize_key_and_certificates(None, None, device_identity()[1], None, NoEncryption())
    assert (failing(content).reason, failing(content).code) == ("pkcs12-no-identity", 9006)


def test_a_payload_without_content():
    with pytest.raises(MdmError) as error:
        read_pkcs12(payload("com.apple.security.pkcs12", "identity"))
    assert error.value.code == 2002


@pytest.mark.parametrize("data", [b"", b"junk", "ed25519"])
def test_keys_that_are_of_no_use(data):
    if isinstance(data, str):
        from cryptography.hazmat.primitives.serialization import PrivateFormat

        data = ed25519.Ed25519PrivateKey.generate().private_bytes(DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(MdmError) as error:
        private_key(data)
    assert error.value.reason == "identity-unusable"


BODIES = [b"<plist>\n</plist>\n", b"a\r\nb\nc\r", b"", bytes(range(256))]


@needs_openssl
@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("body", BODIES, ids=["lf", "mixed", "empty", "binary"])
def test_openssl_verifies_the_signature(tmp_path, kind, body):
    key, holder = device_identity(kind)
    signature = base64.b64decode(mdm_signature(body, der(holder), key), validate=True)
    (tmp_path / "signature").write_bytes(signature)
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "root.pem").write_bytes(root().public_bytes(PEM))
    arguments = ["-inform", "DER", "-in", tmp_path / "signature", "-content", tmp_path / "body", "-binary"]
    said = openssl("cms", "-verify", *arguments, "-CAfile", tmp_path / "root.pem", "-purpose", "any")
    assert said == body


def test_the_signature_is_detached_and_short():
    key, holder = device_identity()
    body = b"x" * 10_000
    signature = base64.b64decode(mdm_signature(body, der(holder), key))
    assert body[:100] not in signature
    assert len(signature) < 2500


async def test_keys_are_given_away_once():
    keys = RsaKeys(prepared=[rsa_key(20), rsa_key(21)])
    taken = [await keys.take(), await keys.take()]
    assert taken == [rsa_key(20), rsa_key(21)]
    assert (await keys.take()).key_size == 2048
    await keys.close()


async def test_keys_are_made_ahead():
    keys = RsaKeys(ahead=2, prepared=[rsa_key(20)])
    await keys.take()
    await keys.fill()
    assert len(keys) == 2
    assert (await keys.take(1024)).key_size == 1024
    assert len(keys) == 2
    await keys.close()


def test_the_certificate_is_in_the_signature():
    key, holder = device_identity("ec")
    signature = base64.b64decode(mdm_signature(b"x", der(holder), key))
    assert holder.public_bytes(DER) in signature
    assert x509.load_der_x509_certificate(der(holder)) == holder
    assert certificate(key, "other") != holder
