"""Messages as JSON: the standard's names, readable values, nothing secret, and a word for what is malformed."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp import asn1, readable
from smdp.rsp.tlv import Malformed
from tests.explain.session import ADDRESS, ICCID, SECRETS, member, said
from tests.independent import encode
from tests.minted import EID


def request(function):
    return readable.body(json.loads(said().requests[function]))


def answer(function):
    return readable.body(json.loads(said().answers[function]))


def test_every_body_of_a_session():
    for function in said().requests:
        assert "malformed" not in json.dumps(request(function))
    for function in said().answers:
        assert "malformed" not in json.dumps(answer(function))
    assert request("initiateAuthentication")["smdpAddress"] == ADDRESS
    assert answer("authenticateClient")["header"]["functionExecutionStatus"] == {"status": "Executed-Success"}
    assert answer("authenticateClient")["transactionId"] == said().transaction_id


def test_values():
    ok = request("authenticateClient")["authenticateServerResponse"]["authenticateResponseOk"]
    info = ok["euiccSigned1"]["euiccInfo2"]
    assert info["svn"] == "2.5.0"
    assert info["uiccCapability"] == ["usimSupport", "isimSupport", "akaMilenage"]
    assert info["extCardResource"]["freeNonVolatileMemory"] == 300_000
    assert len(info["euiccCiPKIdListForSigning"][0]) == 40
    context = ok["euiccSigned1"]["ctxParams1"]["ctxParamsForCommonAuthentication"]
    assert context["matchingId"] == "A-1"
    assert len(bytes.fromhex(ok["euiccSignature1"])) == 64
    card = ok["euiccCertificate"]
    assert (card["serialNumber"], card["curve"]) == (EID, "P-256")
    assert card["authorityKeyIdentifier"] == ok["eumCertificate"]["subjectKeyIdentifier"]
    assert answer("authenticateClient")["smdpSigned2"]["ccRequiredFlag"] is False
    assert answer("authenticateClient")["profileMetadata"]["iccid"] == ICCID
    assert request("handleNotification")["pendingNotification"]["euiccSignPIR"]
    cancelled = request("cancelSession")["cancelSessionResponse"]["cancelSessionResponseOk"]
    assert cancelled["euiccCancelSessionSigned"]["reason"] == "1 (postponed)"


def test_a_notification_that_carries_its_own_certificates():
    told = readable.member("pendingNotification", said().messages["OtherSignedNotification"])
    assert told["tbsOtherNotification"]["profileManagementOperation"] == ["notificationEnable"]
    assert told["euiccCertificate"]["serialNumber"] == EID


def test_a_package_is_its_parts():
    told = answer("getBoundProfilePackage")["boundProfilePackage"]
    assert told["bytes"] == len(member(said().answers["getBoundProfilePackage"], "boundProfilePackage"))
    assert told["initialiseSecureChannelRequest"]["transactionId"] == said().transaction_id
    assert told["sequenceOf88"]["iccid"] == ICCID
    assert told["sequenceOf86"] == {
        "content": "the profile, encrypted",
        "tlvs": 3,
        "bytes": told["sequenceOf86"]["bytes"],
    }
    assert all(secret.hex().upper() not in json.dumps(told) for secret in SECRETS)


def test_a_package_with_a_part_that_is_malformed():
    package = encode("BF36", encode("BF23", b""), encode("A1", b"\x88\x05"))
    first, second = readable.package_parts(package)
    assert (first.segments, first.inside) == (0, None)
    assert "is missing" in first.problem
    assert "5 bytes" in second.problem
    told = readable.package(encode("BF36", encode("BF23", b""), encode("A0")))
    assert "is missing" in told["initialiseSecureChannelRequest"]["malformed"]
    with pytest.raises(Malformed):
        readable.package(encode("BF36", encode("A5", b"")))


@pytest.mark.parametrize(
    ("name", "native", "told"),
    [
        ("imei", "94104502237315F8", "490154203237518"),
        ("imei", "490154203237518F", "490154203237518"),
        ("imei", "5303490118644589", "3530941081465498"),
        ("imei", "ABCDEF0000000000", "ABCDEF0000000000 (not readable: an IMEI has decimal digits)"),
        ("mcc_mnc", "00F110", "001/01"),
        ("mcc_mnc", "130014", "310/410"),
        ("mcc_mnc", "00", "00 (not readable: a PLMN takes 3 bytes)"),
        ("svn", "020500", "2.5.0"),
        ("svn", "0205", b"\x02\x05"),
        ("hash_cc", "5A" * 32, "32 bytes, not shown"),
        ("ppk_enc", "5A" * 16, "16 bytes, not shown"),
        ("euicc_otpk", "04AB", b"\x04\xab"),
        ("ext_card_resource", "810101820300FFFF8501FF",
         {"installedApplications": 1, "freeNonVolatileMemory": 65535, "tag 85": 255}),
    ],
)  # fmt: skip
def test_octets(name, native, told):
    assert readable.leaf(name, bytes.fromhex(native)) == told


def test_octets_that_are_cut():
    assert readable.leaf("ext_card_resource", b"\x81\x05").startswith("8105 (not readable: ")


@pytest.mark.parametrize(
    ("name", "native", "told"),
    [
        ("reason", 3, "3 (pprNotAllowed)"),
        ("download_error_code", 99, "99 (not in the standard)"),
        ("profile_class", 2, "2 (operational)"),
        ("profile_class", 9, "9 (not in the standard)"),
        ("seq_number", 7, 7),
        ("cc_required_flag", True, True),
        ("rsp_capability", (1, 0, 0, 1), ["additionalProfile", "testProfileSupport"]),
        ("rsp_capability", (0, 0, 0, 0, 0, 1), ["bit 5"]),
        ("reset_options", (), []),
        ("matching_id", "A-1", "A-1"),
    ],
)
def test_other_values(name, native, told):
    assert readable.leaf(name, native) == told


def test_what_is_malformed_says_so_and_is_shown():
    told = readable.body({"euiccInfo1": "vyEA", "serverCertificate": "AAAA", "euiccChallenge": "%", "header": {"a": 1}})
    assert told["euiccInfo1"]["bytes"] == "BF2100"
    assert told["serverCertificate"]["bytes"] == "000000"
    assert told["euiccChallenge"]["text"] == "%"
    assert told["header"] == {"a": 1}


def test_what_nobody_knows_is_shown_as_it_is():
    told = readable.body({"x" * 300: "y" * 300, "n": 7, "euiccInfo1": None, "header": "none"})
    assert told["n"] == "7"
    assert (told["euiccInfo1"], told["header"]) == ("None", "none")
    assert told["x" * 200 + "… (300 characters)"] == "y" * 200 + "… (300 characters)"


@given(st.sampled_from(sorted(readable.MEMBERS)), st.binary(max_size=200))
def test_anything_at_all_can_be_shown(name, data):
    json.dumps(readable.body({name: b64encode(data).decode()}))


@given(st.data())
def test_messages_with_a_bit_flipped_can_be_shown(data):
    name = data.draw(
        st.sampled_from(["AuthenticateServerResponse", "PrepareDownloadResponse", "CancelSessionResponse"])
    )
    message = bytearray(said().messages[name])
    message[data.draw(st.integers(0, len(message) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    json.dumps(readable.member(name[0].lower() + name[1:], bytes(message)))


def test_no_hashed_code_and_no_key_is_shown():
    told = readable.value(asn1.decode(asn1.PrepareDownloadRequest, said().messages["PrepareDownloadRequest"]))
    assert told["hashCc"] == "32 bytes, not shown"
    assert all(secret.hex().upper() not in json.dumps(told) for secret in SECRETS)
