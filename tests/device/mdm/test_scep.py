"""The SCEP client against a server that openssl plays."""

import hashlib

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from smdp.device.mdm.failure import MdmError
from smdp.device.mdm.scep import enroll_scep
from smdp.device.mdm.scep_request import read_request
from smdp.device.mdm.web import Web
from tests.fake_mdm import payload
from tests.fake_scep import challenge_of, cipher_of, digest_of, tlv
from tests.mdm_identities import DER, PEM, certificate, der, key_usage, root, rsa_key
from tests.openssl import needs_openssl, openssl

pytestmark = needs_openssl


@pytest.fixture
async def web_client():
    found = Web(within=5)
    yield found
    await found.close()


@pytest.fixture
def enroll(scep, world, web_client):
    async def run(**members):
        content = scep.payload_content(**members)
        found = payload("com.apple.security.scep", "identity", PayloadContent=content)
        return await enroll_scep(found, web_client, keys=world.keys, wait=world.wait, entropy=world.entropy)

    return run


@pytest.fixture
def failing(enroll):
    async def run(**members):
        with pytest.raises(MdmError) as error:
            await enroll(**members)
        assert "{" not in error.value.because + error.value.fix
        return error.value

    return run


async def test_a_certificate_for_the_devices_key(scep, enroll):
    identity = await enroll()
    found = x509.load_der_x509_certificate(identity.chain[0])
    assert found.public_key() == load_der_private_key(identity.key, None).public_key()
    found.verify_directly_issued_by(scep.ca)
    assert scep.methods == [
        ("GET", "GetCACaps", "demo"),
        ("GET", "GetCACert", "demo"),
        ("POST", "PKIOperation", None),
    ]


async def test_what_is_asked_for(scep, enroll, tmp_path):
    names = {"dNSName": ["a.example.com", "b.example.com"], "rfc822Name": "x@example.com", "ntPrincipalName": "x@ad"}
    await enroll(SubjectAltName=names)
    [(kind, csr)] = scep.asked
    assert kind == "19"
    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() == "CN=device 1,O=Example"
    assert challenge_of(csr) == "s3cret"
    usage = csr.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.data_encipherment) == (True, True, False)
    alternative = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.DNSName) == ["a.example.com", "b.example.com"]
    assert alternative.get_values_for_type(x509.OtherName)[0].value == b"\x0c\x04x@ad"
    (tmp_path / "csr.der").write_bytes(csr.public_bytes(DER))
    shown = openssl("req", "-inform", "DER", "-in", tmp_path / "csr.der", "-noout", "-text", "-verify").decode()
    assert "challengePassword" in shown


@pytest.mark.parametrize(("given", "sign", "encrypt"), [(None, True, False), (1, True, False), (4, False, True)])
async def test_the_usage_of_the_key(scep, enroll, given, sign, encrypt):
    await enroll(**{"Key Usage": given})
    usage = scep.asked[0][1].extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment) == (sign, encrypt)


async def test_without_post_the_request_is_in_the_url(scep, enroll):
    scep.caps = "SHA-256\nAES"
    await enroll()
    assert scep.methods[-1][:2] == ("GET", "PKIOperation")


@pytest.mark.parametrize(
    ("caps", "digest", "cipher"),
    [
        ("SCEPStandard", "sha256", "aes-128-cbc"),
        ("POSTPKIOperation\r\nSHA-256\r\nAES\r\n", "sha256", "aes-128-cbc"),
        ("POSTPKIOperation\nSHA-512\nDES3", "sha512", "des-ede3-cbc"),
        ("POSTPKIOperation", "sha1", "des-ede3-cbc"),
    ],
)
async def test_the_server_says_which_algorithms(scep, enroll, caps, digest, cipher):
    scep.caps = caps
    await enroll()
    assert digest_of(scep.raw[0]) == digest
    assert cipher_of(scep.raw[0]) == cipher


async def test_a_server_that_does_not_know_getcacaps(scep, enroll):
    scep.caps = None
    await enroll()
    assert scep.methods[-1][:2] == ("GET", "PKIOperation")
    assert digest_of(scep.raw[0]) == "sha1"


@pytest.mark.parametrize(
    "cipher", [["-aes256"], ["-des3"], ["-des", "-provider", "legacy", "-provider", "default"]], ids=lambda c: c[0]
)
async def test_answers_in_other_ciphers(scep, enroll, cipher):
    scep.cipher = cipher
    assert (await enroll()).chain


async def test_an_ra_answers_for_the_ca(scep, enroll):
    key = rsa_key(11)
    usage = key_usage(sign=True, encrypt=True)
    scep.ra = (certificate(key, "SCEP RA", scep.ca, scep.key, usage=usage), key)
    identity = await enroll()
    x509.load_der_x509_certificate(identity.chain[0]).verify_directly_issued_by(scep.ca)


async def test_two_ras_one_to_encrypt_for_and_one_that_signs(scep, enroll):
    encrypts, signs = rsa_key(11), rsa_key(12)
    scep.ra = (certificate(encrypts, "RA e", scep.ca, scep.key, usage=key_usage(encrypt=True)), encrypts)
    scep.signer = (certificate(signs, "RA s", scep.ca, scep.key, usage=key_usage(sign=True)), signs)
    assert (await enroll()).chain


async def test_pending_is_asked_again_at_once_and_then_with_a_delay(scep, enroll, waited):
    scep.pending = 3
    await enroll(Retries=3, RetryDelay=7)
    assert [kind for kind, _ in scep.asked] == ["19", "20", "20", "20"]
    assert waited == [7, 7]
    issuer = scep.ca.subject.public_bytes()
    assert scep.asked[1][1] == tlv(0x30, issuer, scep.asked[0][1].subject.public_bytes())


async def test_an_answer_that_leaves_the_cas_certificate_out(scep, enroll):
    scep.embeds = False
    assert (await enroll()).chain


async def test_an_answer_of_an_unknown_signer(scep, failing):
    scep.embeds, scep.signer = False, (certificate(rsa_key(12), "Eve"), rsa_key(12))
    assert "does not come with it" in (await failing()).because


async def test_pending_for_too_long(scep, failing, waited):
    scep.pending = 9
    error = await failing(Retries=1)
    assert (error.reason, error.code, error.domain, error.transient) == (
        "scep-pending",
        22013,
        "MCSCEPErrorDomain",
        True,
    )
    assert waited == []


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
async def test_the_fingerprint_may_be_any_hash(scep, enroll, name):
    assert (await enroll(CAFingerprint=hashlib.new(name, der(scep.ca)).digest())).chain


@pytest.mark.parametrize("fingerprint", [bytes(16), bytes(20), bytes(32), b"", b"short"])
async def test_another_fingerprint(scep, failing, fingerprint):
    error = await failing(CAFingerprint=fingerprint)
    assert (error.reason, error.code) == ("scep-fingerprint", 22002)
    assert scep.asked == []


@pytest.mark.parametrize(
    ("info", "words"), [("0", "badAlg"), ("1", "badMessageCheck"), ("2", "badRequest"), ("3", "badTime"), ("9", "'9'")]
)
async def test_the_server_says_why_it_refuses(scep, failing, info, words):
    scep.status, scep.fail_info = "2", info
    error = await failing()
    assert (error.reason, error.code) == ("scep-refused", 22013)
    assert words in error.because


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({2: tlv(0x13, b"19")}, "no CertRep"),
        ({2: None}, "no CertRep"),
        ({6: tlv(0x04, bytes(16))}, "nonce"),
        ({6: None}, "nonce"),
        ({7: tlv(0x13, b"X")}, "another transaction"),
        ({3: tlv(0x13, b"7")}, "pkiStatus"),
        ({3: tlv(0x02, b"\0")}, "pkiStatus"),
    ],
)
async def test_answers_that_do_not_fit(scep, failing, overrides, words):
    scep.overrides = overrides
    error = await failing()
    assert (error.reason, error.code) == ("scep-answer", 22013)
    assert words in error.because


async def test_an_answer_somebody_else_signed(scep, failing):
    scep.signer = (certificate(rsa_key(12), "Eve"), rsa_key(12))
    assert "somebody else" in (await failing()).because


async def test_an_answer_with_a_wrong_signature(scep, failing):
    scep.signer = (scep.ca, rsa_key(12))
    assert "signature is wrong" in (await failing()).because


async def test_an_answer_whose_content_was_exchanged(scep, failing):
    scep.wrong_digest = True
    assert "not what was signed" in (await failing()).because


async def test_a_certificate_for_another_key(scep, failing):
    scep.issue_for = rsa_key(12)
    error = await failing()
    assert (error.reason, error.code) == ("scep-certificate", 22007)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\x30\x80" * 5000, b"\x30\x03\x02\x01\x00"])
async def test_getcacert_answers_that_are_no_certificate(scep, failing, body):
    scep.ca_answer = web.Response(body=body)
    error = await failing()
    assert (error.reason, error.code) == ("scep-ca", 22002)


async def test_a_ca_without_an_rsa_key(scep, failing):
    scep.ca_answer = web.Response(body=der(root()))
    assert (await failing()).code == 22003


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_getcacert_with_another_status(scep, failing, status):
    scep.ca_answer = web.Response(status=status)
    error = await failing()
    assert (error.reason, error.transient) == ("http-status", True)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\x30\x80" * 5000, b"\0" * 100_000])
async def test_pki_answers_that_are_no_cms(scep, failing, body):
    scep.reply = lambda _: body
    assert (await failing()).reason == "scep-answer"


async def test_an_envelope_for_somebody_else(scep, failing, tmp_path):
    (tmp_path / "other.pem").write_bytes(certificate(rsa_key(12), "other").public_bytes(PEM))
    envelope = openssl("cms", "-encrypt", "-binary", "-aes128", "-outform", "DER", tmp_path / "other.pem", data=b"x")
    scep.reply = lambda message: scep.signed(envelope, message, "0")
    assert "does not open" in (await failing()).because


@pytest.mark.parametrize(
    ("members", "reason", "code"),
    [
        ({"URL": None}, "payload-field-missing", 2002),
        ({"URL": 3}, "payload-field-type", 2003),
        ({"URL": "ftp://x"}, "url-not-https", 12034),
        ({"URL": "http://"}, "url-malformed", 12030),
        ({"Keysize": 512}, "payload-field-value", 2004),
        ({"Key Type": "EC"}, "payload-field-value", 2004),
        ({"Key Usage": 2}, "scep-key-usage", 22000),
        ({"Key Usage": 0}, "scep-key-usage", 22000),
        ({"Subject": "CN=x"}, "payload-field-type", 2003),
        ({"Subject": [["CN", "x"]]}, "payload-field-value", 2004),
        ({"Subject": [[["XY", "x"]]]}, "payload-field-value", 2004),
        ({"Subject": [[["C", "Germany"]]]}, "payload-field-value", 2004),
        ({"Subject": [3]}, "payload-field-value", 2004),
        ({"SubjectAltName": {"dNSName": 3}}, "payload-field-value", 2004),
        ({"Challenge": 3}, "payload-field-type", 2003),
        ({"CAFingerprint": "00"}, "payload-field-type", 2003),
        ({"Retries": "3"}, "payload-field-type", 2003),
    ],
)
async def test_payloads_that_cannot_be_followed(failing, members, reason, code):
    error = await failing(**members)
    assert (error.reason, error.code) == (reason, code)


async def test_the_challenge_is_not_shown(scep):
    found = read_request(payload("com.apple.security.scep", "i", PayloadContent=scep.payload_content()))
    assert "s3cret" not in repr(found)
