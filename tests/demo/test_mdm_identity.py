"""Who a message is from: each row of what a real MDM server checks (NanoMDM's answers), by signature and by TLS."""

import base64
import datetime as dt

import aiohttp
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from smdp.demo.mdm import cms
from smdp.demo.mdm.authority import Authority
from tests.demo.mdm_client import CHECK_IN, OTHER, TOKEN, UDID, Identity, Phone, identity, openssl, rsa_key

AUTHENTICATE = {"MessageType": "Authenticate", "UDID": UDID, "Topic": "com.apple.mgmt.x"}
IDLE = {"UDID": UDID, "Status": "Idle"}


@pytest.mark.parametrize("digest", [hashes.SHA256, hashes.SHA384, hashes.SHA512])
@pytest.mark.parametrize("kind", ["rsa", "ec", "no purpose"])
async def test_identities_of_the_ca_are_taken(mdm, kind, digest):
    options = {"rsa": {"key": rsa_key()}, "no purpose": {"purpose": None}}.get(kind, {})
    async with Phone(mdm, who=identity(mdm.authority, **options)) as phone:
        body = b"<plist><dict/></plist>"
        header = {"Mdm-Signature": phone.identity.sign(body, digest())}
        assert (await phone.send(None, body=body, headers=header))[1] == b"it has neither UDID nor EnrollmentID\n"
        await phone.enroll()
        assert mdm.devices[UDID].enrolled


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"issuer": Authority}, "issued by another CA"),
        ({"issuer": None}, "issued by another CA"),
        ({"purpose": ExtendedKeyUsageOID.SERVER_AUTH}, "not for client authentication"),
        ({"begin": -30, "end": -1}, "signed at a time"),
        ({"begin": 1, "end": 30}, "signed at a time"),
    ],
    ids=["foreign", "self-signed", "serverAuth", "expired", "not yet"],
)
async def test_other_identities_are_refused_with_400(mdm, options, said):
    options = dict(options)
    issuer = options.pop("issuer", mdm.authority)
    who = identity(issuer() if issuer is Authority else issuer, **options)
    async with Phone(mdm, who=who) as phone:
        status, text = await phone.send(AUTHENTICATE, kind=CHECK_IN)
    assert status == 400
    assert said in text.decode()


def test_an_expired_certificate_is_refused_by_the_clock_too(mdm):
    who = identity(mdm.authority, begin=-30, end=-1)
    with pytest.raises(cms.BadCms, match="not valid now"):
        cms.check_identity(who.certificate, mdm.authority.certificate, dt.datetime.now(dt.UTC))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "neither an Mdm-Signature nor a client certificate"),
        ("%%%", "no base64"),
        (base64.b64encode(b"junk").decode(), "no readable CMS"),
        (base64.b64encode(b"\x30\x80" * 500).decode(), "no readable CMS"),
        ("", "no readable CMS"),
    ],
    ids=["none", "no base64", "junk", "nested", "empty"],
)
async def test_no_signature_and_junk_are_refused_with_400(mdm, phone, header, said):
    status, text = await phone.send(AUTHENTICATE, headers={} if header is None else {"Mdm-Signature": header})
    assert status == 400
    assert said in text.decode()


async def test_a_signature_over_other_bytes_is_refused_with_400(mdm, phone):
    header = {"Mdm-Signature": phone.identity.sign(b"other bytes")}
    assert await phone.send(AUTHENTICATE, headers=header) == (400, b"the digest is of other bytes\n")


async def test_a_signature_by_another_key_is_refused_with_400(mdm, phone):
    phone.identity.key = ec.generate_private_key(ec.SECP256R1())
    assert await phone.send(AUTHENTICATE, kind=CHECK_IN) == (400, b"the signature is wrong\n")


async def test_a_signature_by_openssl_is_taken(mdm, phone, tmp_path):
    pem = phone.identity.files(tmp_path)
    body = b"<plist><dict><key>UDID</key><string>1</string></dict></plist>"
    (tmp_path / "body").write_bytes(body)
    der = openssl("cms", "-sign", "-binary", "-signer", pem, "-inkey", pem, "-outform", "DER", "-md", "sha256",
                  "-in", tmp_path / "body")  # fmt: skip
    assert await phone.send(None, body=body, headers={"Mdm-Signature": base64.b64encode(der).decode()}) == (
        400, b"it lacks Status\n",
    )  # fmt: skip
    assert cms.verify(der, body).certificate == phone.identity.certificate


def test_a_signature_with_sha1_or_with_two_signers_is_refused(tmp_path):
    authority = Authority()
    who = identity(authority, key=rsa_key())
    pem = who.files(tmp_path)
    (tmp_path / "body").write_bytes(b"x")
    words = ["cms", "-sign", "-binary", "-outform", "DER", "-in", tmp_path / "body", "-signer", pem, "-inkey", pem]
    with pytest.raises(cms.BadCms, match="sha1"):
        cms.verify(openssl(*words, "-md", "sha1"), b"x")
    other = identity(authority)
    (tmp_path / "two").mkdir()
    second = other.files(tmp_path / "two")
    with pytest.raises(cms.BadCms, match="2 signers"):
        cms.verify(openssl(*words, "-signer", second, "-inkey", second), b"x")
    with pytest.raises(cms.BadCms, match="not in it"):
        cms.verify(openssl(*words, "-nocerts"), b"x")
    with pytest.raises(cms.BadCms, match="no signed attributes"):
        cms.verify(openssl(*words, "-noattr"), b"x")
    assert cms.verify(openssl(*words, "-nodetach")).content == b"x"


def test_a_signer_named_by_its_key_is_found(tmp_path):
    who = Identity(*Authority().identity("device"))
    pem = who.files(tmp_path)
    words = ["cms", "-sign", "-binary", "-keyid", "-outform", "DER", "-signer", pem, "-inkey", pem]
    assert cms.verify(openssl(*words, data=b"x"), b"x").certificate == who.certificate
    with pytest.raises(cms.BadCms, match="nothing is signed"):
        cms.verify(openssl(*words, data=b"x"))
    enveloped = openssl("cms", "-encrypt", "-aes-128-cbc", "-outform", "DER", *_recipient(tmp_path), data=b"x")
    with pytest.raises(cms.BadCms, match="no SignedData"):
        cms.verify(enveloped)


def _recipient(folder):
    path = folder / "recipient.pem"
    path.write_bytes(Authority().pem)
    return [path]


# --- in TLS


async def test_a_client_certificate_in_tls_serves_as_well(mdm, tmp_path):
    async with Phone(mdm, who=identity(mdm.authority), tls_from=tmp_path) as phone:
        await phone.enroll()
        assert await phone.answer() is None


@pytest.mark.parametrize(
    "options", [{"issuer": Authority}, {"purpose": ExtendedKeyUsageOID.SERVER_AUTH}, {"begin": -30, "end": -1}],
    ids=["foreign", "serverAuth", "expired"],
)  # fmt: skip
async def test_tls_itself_refuses_other_client_certificates(mdm, tmp_path, options):
    options = dict(options)
    issuer = options.pop("issuer", None)
    who = identity(issuer() if issuer else mdm.authority, **options)
    async with Phone(mdm, who=who, tls_from=tmp_path) as phone:
        with pytest.raises(aiohttp.ClientError):
            await phone.enroll()
    assert mdm.devices == {}


# --- certificate and UDID


async def test_a_certificate_serves_one_device(mdm, enrolled):
    enrolled.udid = OTHER
    assert await enrolled.check_in("Authenticate") == (500, b"cert re-use not permitted\n")


async def test_a_certificate_of_another_device_is_not_associated(mdm, enrolled):
    async with Phone(mdm, OTHER, identity(mdm.authority)) as other:
        await other.enroll()
        other.udid = UDID
        assert await other.send(IDLE) == (500, b"enrollment not associated with cert\n")
        assert await other.check_in("TokenUpdate", **TOKEN) == (500, b"enrollment not associated with cert\n")


@pytest.mark.parametrize("kind", ["TokenUpdate", "CheckOut", "GetBootstrapToken", "Idle"])
async def test_a_device_that_never_authenticated_is_not_associated(mdm, phone, kind):
    said = await phone.send(IDLE) if kind == "Idle" else await phone.check_in(kind, **TOKEN)
    assert said == (500, b"enrollment not associated with cert\n")


async def test_authenticating_again_with_the_same_certificate_is_fine(mdm, enrolled):
    await enrolled.enroll()
    assert await enrolled.answer() is None


async def test_a_new_certificate_binds_with_the_next_authenticate(mdm, enrolled):
    before, enrolled.identity = enrolled.identity, identity(mdm.authority)
    assert (await enrolled.send(IDLE))[0] == 500
    await enrolled.enroll()
    assert await enrolled.answer() is None
    enrolled.identity = before
    assert await enrolled.send(IDLE) == (500, b"enrollment not associated with cert\n")
