"""Whatever happens to bytes on their way, what reads them ends with a value or with an MdmError."""

import contextlib
import plistlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs7, pkcs12
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smdp.device.mdm.cms import CmsError, chains_to, envelop, open_envelope, read_certificates, read_signed
from smdp.device.mdm.enrollment import read_anchors, read_enrollment
from smdp.device.mdm.failure import MdmError
from smdp.device.mdm.identity import read_pkcs12
from smdp.device.mdm.plist import read_plist, write_plist
from smdp.device.mdm.profiles import read_profile
from smdp.device.mdm.scep_request import read_request
from tests.fake_mdm import mdm_payload, payload, profile, root_payload
from tests.mdm_identities import DER, PEM, device_identity, rsa_key

KEY, HOLDER = device_identity()
SCEP = {"URL": "http://127.0.0.1/scep", "Subject": [[["CN", "x"]]], "Key Usage": 5, "Retries": 1}
TOP = profile(
    mdm_payload("https://mdm.example.com"),
    payload("com.apple.security.scep", "identity", PayloadContent=SCEP),
    root_payload(),
)


def signed(data):
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(HOLDER, KEY, hashes.SHA256())
    return builder.sign(DER, [pkcs7.PKCS7Options.Binary])


XML, BINARY = plistlib.dumps(TOP), plistlib.dumps(TOP, fmt=plistlib.FMT_BINARY)
SIGNED = signed(XML)
ENVELOPE = envelop(b"content", HOLDER, "3des")
PFX = pkcs12.serialize_key_and_certificates(None, KEY, HOLDER, None, BestAvailableEncryption(b"p"))
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def mutated(draw, *originals):
    """One of these with some bytes changed, taken away or doubled; or bytes that never were anything."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["change", "cut", "double", "insert"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + draw(st.integers(1, 40))]
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
            case _:
                data[at:at] = draw(st.binary(max_size=8))
    return bytes(data)


@QUIET
@given(mutated(XML, BINARY))
def test_property_lists(data):
    with contextlib.suppress(MdmError):
        assert read_plist(write_plist(read_plist(data)))


@QUIET
@given(mutated(XML, BINARY, SIGNED))
def test_profiles_and_enrolments(data):
    with contextlib.suppress(MdmError):
        assert read_enrollment(read_profile(data)).enrollment.topic.startswith("com.apple.mgmt.")


@QUIET
@given(mutated(SIGNED))
def test_a_signature_that_still_holds_is_over_the_same(data):
    with contextlib.suppress(CmsError):
        assert read_signed(data).content == XML


@QUIET
@given(mutated(SIGNED, ENVELOPE, HOLDER.public_bytes(DER)))
def test_certificates_and_envelopes(data):
    with contextlib.suppress(CmsError):
        read_certificates(data)
    with contextlib.suppress(CmsError):
        open_envelope(data, KEY)


@QUIET
@given(mutated(HOLDER.public_bytes(DER), HOLDER.public_bytes(PEM)))
def test_anchors(data):
    with contextlib.suppress(MdmError):
        assert chains_to(HOLDER, (), read_anchors(data)) in (True, False)


def test_a_certificate_of_an_impossible_version():
    data = HOLDER.public_bytes(DER).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01")
    with pytest.raises(CmsError):
        read_certificates(data)
    with pytest.raises(MdmError) as error:
        read_anchors(data)
    assert error.value.code == 9005


@settings(QUIET, max_examples=40)
@given(mutated(PFX))
def test_pkcs12(data):
    with contextlib.suppress(MdmError):
        read_pkcs12(payload("com.apple.security.pkcs12", "i", PayloadContent=data, Password="p"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@QUIET
@given(st.sampled_from([*SCEP, "Keysize", "SubjectAltName", "CAFingerprint", "Challenge", "Name"]), VALUES)
def test_scep_payloads(key, value):
    content = {**SCEP, key: value}
    with contextlib.suppress(MdmError):
        read_request(payload("com.apple.security.scep", "i", PayloadContent=content))


@QUIET
@given(st.sampled_from([*mdm_payload(""), "EnrollmentMode", "SignMessage", "ServerCapabilities"]), VALUES)
def test_mdm_payloads(key, value):
    found = mdm_payload("https://mdm.example.com", **{key: value})
    top = {**TOP, "PayloadContent": [found, *TOP["PayloadContent"][1:]]}
    try:
        data = write_plist(top)
    except (TypeError, OverflowError):
        return
    with contextlib.suppress(MdmError):
        read_enrollment(read_profile(data))


def test_an_envelope_opens_for_its_key_only():
    assert open_envelope(ENVELOPE, KEY) == b"content"
    with pytest.raises(CmsError):
        open_envelope(ENVELOPE, rsa_key(12))
