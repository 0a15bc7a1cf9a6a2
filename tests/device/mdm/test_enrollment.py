"""Enrolment profiles: what a com.apple.mdm payload may say, and what a device makes of it."""

import plistlib

import msgspec
import pytest

from smdp.device.mdm.enrollment import ALL_RIGHTS, Enrollment, check_replacement, read_anchors, read_enrollment
from smdp.device.mdm.failure import MdmError
from smdp.device.mdm.profiles import read_profile
from tests.fake_mdm import TOPIC, mdm_payload, payload, profile, root_payload
from tests.mdm_identities import PEM, certificate, der, ec_key, root

URL = "https://mdm.example.com:8443"
IDENTITY = payload("com.apple.security.scep", "identity", PayloadContent={"URL": "http://scep"})


def plan_of(*payloads, **arguments):
    return read_enrollment(read_profile(plistlib.dumps(profile(*payloads))), **arguments)


def plan(arguments=None, **members):
    return plan_of(mdm_payload(URL, **members), IDENTITY, **(arguments or {}))


def failing(*payloads, **arguments):
    with pytest.raises(MdmError) as error:
        plan_of(*payloads, **arguments)
    assert "{" not in error.value.because + error.value.fix
    return error.value


def test_what_is_read():
    found = plan(SignMessage=True, CheckOutWhenRemoved=True, ServerCapabilities=["com.apple.mdm.token"])
    enrollment = found.enrollment
    assert (enrollment.server_url, enrollment.check_in_url) == (f"{URL}/connect", f"{URL}/checkin")
    assert (enrollment.topic, enrollment.access_rights, enrollment.kind) == (TOPIC, 8191, "device")
    assert (enrollment.sign_message, enrollment.check_out_when_removed) == (True, True)
    assert enrollment.server_capabilities == ["com.apple.mdm.token"]
    assert (enrollment.profile_identifier, enrollment.organization) == ("com.example.mdm", "Example")
    assert found.identity["PayloadUUID"] == "identity"
    assert (enrollment.enrolled, found.notes) == (False, ())


def test_what_is_left_out_has_its_default():
    enrollment = plan(CheckInURL=None, AccessRights=None).enrollment
    assert enrollment.check_in_url == enrollment.server_url
    assert (enrollment.sign_message, enrollment.check_out_when_removed) == (False, False)
    assert enrollment.access_rights == ALL_RIGHTS


@pytest.mark.parametrize(
    ("members", "reason", "code"),
    [
        ({"Topic": None}, "payload-field-missing", 2002),
        ({"ServerURL": None}, "payload-field-missing", 2002),
        ({"IdentityCertificateUUID": None}, "payload-field-missing", 2002),
        ({"Topic": 3}, "payload-field-type", 2003),
        ({"SignMessage": "yes"}, "payload-field-type", 2003),
        ({"SignMessage": 1}, "payload-field-type", 2003),
        ({"AccessRights": True}, "payload-field-type", 2003),
        ({"ServerCapabilities": [3]}, "payload-field-type", 2003),
        ({"Topic": "com.example.push"}, "topic", 12022),
        ({"ServerURL": "http://mdm.example.com"}, "url-not-https", 12034),
        ({"CheckInURL": "http://mdm.example.com"}, "url-not-https", 12034),
        ({"ServerURL": "mdm.example.com"}, "url-malformed", 12030),
        ({"ServerURL": "https://"}, "url-malformed", 12030),
        ({"ServerURL": "https://a b/"}, "url-malformed", 12030),
        ({"ServerURL": "https://a:99999/"}, "url-malformed", 12030),
        ({"ServerURL": "https://[::1"}, "url-malformed", 12030),
        ({"AccessRights": 0}, "access-rights", 12000),
        ({"AccessRights": -1}, "access-rights", 12000),
        ({"AccessRights": 8192}, "access-rights", 12000),
        ({"AccessRights": 2}, "access-rights", 12000),
        ({"AccessRights": 128}, "access-rights", 12000),
        ({"IdentityCertificateUUID": "elsewhere"}, "identity-missing", 12016),
        ({"IdentityCertificateUUID": "mdm"}, "identity-missing", 12016),
        ({"EnrollmentMode": "CORP"}, "payload-field-value", 2004),
        ({"ServerURLPinningCertificateUUIDs": ["none"]}, "payload-field-value", 2004),
    ],
)
def test_what_is_wrong_with_the_payload(members, reason, code):
    error = failing(mdm_payload(URL, **members), IDENTITY)
    assert (error.reason, error.code) == (reason, code)


def test_http_where_it_is_allowed():
    found = plan({"allow_http": True}, ServerURL="http://127.0.0.1:9000/mdm")
    assert (found.enrollment.server_url, found.enrollment.allow_http) == ("http://127.0.0.1:9000/mdm", True)
    assert failing(mdm_payload(URL, ServerURL="ftp://a"), IDENTITY, allow_http=True).reason == "url-not-https"


def test_one_mdm_payload_and_no_other():
    assert failing(IDENTITY).code == 12011
    other = mdm_payload(URL) | {"PayloadUUID": "mdm2"}
    assert failing(mdm_payload(URL), other, IDENTITY).code == 12001


def test_acme_is_refused():
    error = failing(mdm_payload(URL), payload("com.apple.security.acme", "identity"))
    assert (error.reason, error.code) == ("identity-acme", 12016)
    assert "ACME" in error.because


@pytest.mark.parametrize("rights", [1, 3, 64 + 128, 4, 8191])
def test_rights_that_imply_others(rights):
    assert plan(AccessRights=rights).enrollment.access_rights == rights


def test_kinds_of_enrolment():
    assert plan({"ade": True}).enrollment.kind == "ade"
    account = {"AssignedManagedAppleID": "a@example.com"}
    user = plan(EnrollmentMode="BYOD", AccessRights=0, **account).enrollment
    assert (user.kind, user.access_rights) == ("user", ALL_RIGHTS)
    assert plan(EnrollmentMode="ADDE", AccessRights=0, **account).enrollment.kind == "device"
    assert plan(ManagedAppleID="a@example.com").enrollment.kind == "user"


def test_certificates_that_the_device_trusts():
    other = certificate(ec_key(3), "other", ca=True)
    third = certificate(ec_key(4), "third", ca=True)
    pem = payload("com.apple.security.pem", "pem", PayloadContent=other.public_bytes(PEM))
    pkcs1 = payload("com.apple.security.pkcs1", "pkcs1", PayloadContent=der(third))
    found = plan_of(mdm_payload(URL), IDENTITY, root_payload(), pem, pkcs1, anchors=[der(third)])
    assert found.enrollment.anchors == [der(third), der(root()), der(other)]


@pytest.mark.parametrize("content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"])
def test_certificates_that_are_none(content):
    broken = payload("com.apple.security.root", "root", PayloadContent=content)
    assert failing(mdm_payload(URL), IDENTITY, broken).code == 9005


def test_anchors_of_a_file():
    pem = root().public_bytes(PEM)
    assert read_anchors(pem + pem) == [der(root())] * 2
    assert read_anchors(der(root())) == [der(root())]
    with pytest.raises(MdmError) as error:
        read_anchors(b"junk")
    assert error.value.reason == "anchors-malformed"


def test_pinning_is_noted():
    members = {"ServerURLPinningCertificateUUIDs": ["root"], "PinningRevocationCheckRequired": True}
    found = plan_of(mdm_payload(URL, **members), IDENTITY, root_payload())
    assert [note.split()[0] for note in found.notes] == list(members)


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({"Topic": "com.apple.mgmt.other"}, "Topic"),
        ({"ServerURL": "https://other.example.com"}, "ServerURL"),
        ({"CheckInURL": "https://other.example.com"}, "CheckInURL"),
        ({"EnrollmentMode": "ADDE"}, "EnrollmentMode"),
        ({"AssignedManagedAppleID": "a@example.com"}, "AssignedManagedAppleID"),
        ({"AccessRights": 19}, "AccessRights"),
        ({"ServerCapabilities": ["com.apple.mdm.per-user-connections"]}, "ServerCapabilities"),
    ],
)
def test_updates_that_change_what_must_stay(members, key):
    old = plan(AccessRights=17).enrollment
    with pytest.raises(MdmError) as error:
        check_replacement(old, plan(**({"AccessRights": 17} | members)).enrollment)
    assert (error.value.reason, error.value.code) == ("replacement", 12012)
    assert f"changes {key}," in error.value.because


def test_updates_that_are_fine():
    old = plan(AccessRights=19).enrollment
    check_replacement(old, plan(AccessRights=1, SignMessage=True).enrollment)


def test_an_enrolment_survives_msgpack_and_shows_no_secret(enrollment):
    enrollment.undelivered = {"u": b"<plist/>"}
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(enrollment), type=Enrollment)
    assert again == enrollment
    assert repr(again) == f"<Enrollment device at {enrollment.server_url.split('/')[2]}>"
