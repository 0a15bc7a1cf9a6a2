"""Configuration profiles: plain, signed, and all that can be wrong with one."""

import datetime as dt
import plistlib

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs7

from smdp.device.apple.facts import ConfigurationProfile
from smdp.device.mdm.failure import MdmError
from smdp.device.mdm.profiles import read_profile
from tests.fake_mdm import payload, profile
from tests.mdm_identities import DER, certificate, der, device_identity, ec_key, pem_of, root, rsa_key
from tests.openssl import needs_openssl, openssl

PLAIN = plistlib.dumps(profile(payload("com.example.x", "u1", Secret=b"\0")))


def signed(data, key, *certificates, options=(pkcs7.PKCS7Options.Binary,)):
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(certificates[0], key, hashes.SHA256())
    for other in certificates[1:]:
        builder = builder.add_certificate(other)
    return builder.sign(DER, options)


def failing(data, **arguments):
    with pytest.raises(MdmError) as error:
        read_profile(data, **arguments)
    assert "{" not in error.value.because + error.value.fix
    return error.value


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_a_plain_profile(form):
    data = plistlib.dumps(profile(payload("com.example.x", "u1"), PayloadRemovalDisallowed=True), fmt=form)
    found = read_profile(data)
    assert (found.identifier, found.version, found.display_name) == ("com.example.mdm", 1, "Example MDM")
    assert (found.organization, found.removal_disallowed) == ("Example", True)
    assert (found.signed_by, found.signature) == (None, "none")
    assert found.payload("u1") == found.payloads_of("com.example.x")[0]
    assert found.payload("U1") is None


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_signed_profile(kind):
    key, holder = device_identity(kind)
    found = read_profile(signed(PLAIN, key, holder), anchors=[der(root())])
    assert (found.signed_by, found.signature) == ("device", "verified")
    assert found.signer_certificates == [der(holder)]
    assert read_profile(signed(PLAIN, key, holder)).signature == "not-verified"
    assert found.payloads == read_profile(PLAIN).payloads


def test_a_chain_with_an_intermediate():
    between = certificate(rsa_key(12), "between", root(), ec_key(), ca=True)
    leaf = certificate(rsa_key(13), "leaf", between, rsa_key(12))
    assert read_profile(signed(PLAIN, rsa_key(13), leaf, between), anchors=[der(root())]).signature == "verified"
    assert read_profile(signed(PLAIN, rsa_key(13), leaf), anchors=[der(root())]).signature == "not-verified"


def test_an_expired_signer_is_not_verified():
    old = certificate(rsa_key(13), "old", root(), ec_key(), days=(-3, -1))
    assert read_profile(signed(PLAIN, rsa_key(13), old), anchors=[der(root())]).signature == "not-verified"


@needs_openssl
@pytest.mark.parametrize(
    "arguments", [[], ["-stream"], ["-keyid"], ["-noattr"], ["-md", "sha1"], ["-keyopt", "rsa_padding_mode:pss"]]
)
def test_profiles_signed_by_openssl(tmp_path, arguments):
    key, holder = device_identity()
    path = tmp_path / "signer.pem"
    path.write_bytes(pem_of(key, holder))
    base = ["-sign", "-nodetach", "-binary", "-outform", "DER", "-signer", path]
    if "-keyopt" in arguments:
        base = [*base, "-md", "sha256"]
    data = openssl("cms", *base, *arguments, data=PLAIN)
    assert read_profile(data).signed_by == "device"


def test_a_signature_over_something_else():
    key, holder = device_identity()
    data = signed(PLAIN, key, holder)
    at = data.index(b"Example MDM")
    error = failing(data[:at] + b"Exbmple" + data[at + 7 :])
    assert (error.reason, error.code, error.domain) == ("profile-signature", 1004, "MCProfileErrorDomain")


def test_a_signature_by_another_key():
    _, holder = device_identity()
    assert "signature is wrong" in failing(signed(PLAIN, rsa_key(12), holder)).because


def test_a_signature_without_its_certificate():
    key, holder = device_identity()
    options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCerts]
    assert failing(signed(PLAIN, key, holder, options=options)).reason == "profile-signature"


def test_a_signature_by_two():
    key, holder = device_identity()
    other = certificate(rsa_key(12), "other")
    builder = pkcs7.PKCS7SignatureBuilder().set_data(PLAIN).add_signer(holder, key, hashes.SHA256())
    data = builder.add_signer(other, rsa_key(12), hashes.SHA256()).sign(DER, [])
    assert "2 signers" in failing(data).because


def test_a_detached_signature():
    key, holder = device_identity()
    options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.DetachedSignature]
    assert failing(signed(PLAIN, key, holder, options=options)).code in (1004, 4000)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"<html>", b"\x30\x80" * 5000, b"\x30\x03\x02\x01\x00", b"\0" * 100, b"<plist"]
)
def test_what_is_no_profile(data):
    error = failing(data)
    assert (error.reason, error.code, error.domain) == ("profile-unreadable", 4000, "MCInstallationErrorDomain")


def test_a_signed_nothing():
    key, holder = device_identity()
    assert failing(signed(b"hello", key, holder)).code == 4000


def test_an_encrypted_profile():
    for members in ({"IsEncrypted": True}, {"EncryptedPayloadContent": b"\0"}):
        error = failing(plistlib.dumps(profile(**members)))
        assert (error.reason, error.code) == ("profile-encrypted", 1006)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"PayloadType": "Other"}, 1000),
        ({"PayloadType": None}, 1002),
        ({"PayloadIdentifier": None}, 1002),
        ({"PayloadUUID": None}, 1002),
        ({"PayloadVersion": None}, 1002),
        ({"PayloadVersion": "1"}, 1003),
        ({"PayloadVersion": True}, 1003),
        ({"PayloadIdentifier": 3}, 1003),
        ({"PayloadContent": {}}, 1003),
        ({"PayloadRemovalDisallowed": 1}, 1003),
        ({"RemovalDate": "soon"}, 1003),
        ({"TargetDeviceType": 2}, 1010),
        ({"RemovalDate": dt.datetime(2020, 1, 1)}, 4006),  # noqa: DTZ001 - property lists write no zone
        ({"PayloadContent": [3]}, 1000),
        ({"PayloadContent": [{}]}, 2002),
        ({"PayloadContent": [payload("x", "u") | {"PayloadVersion": "1"}]}, 2003),
        ({"PayloadContent": [payload("x", "u") | {"PayloadUUID": 3}]}, 2003),
        ({"PayloadContent": [payload("x", "u"), payload("y", "u")]}, 1007),
        ({"PayloadContent": [payload("x", str(n)) for n in range(257)]}, 1000),
    ],
)
def test_what_is_wrong_with_a_profile(members, code):
    assert failing(plistlib.dumps(profile(**members))).code == code


def test_lists_that_are_no_dictionary_are_malformed():
    assert failing(plistlib.dumps([1])).code == 1000


def test_a_profile_survives_msgpack():
    later = dt.datetime(2090, 1, 1, tzinfo=dt.UTC)
    data = plistlib.dumps(profile(payload("x", "u", Data=b"\0", When=dt.datetime(2030, 1, 1)), RemovalDate=later))  # noqa: DTZ001 - as above
    found = read_profile(data)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=ConfigurationProfile) == found
