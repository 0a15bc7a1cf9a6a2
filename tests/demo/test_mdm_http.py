"""The enrolment profile and the calls for programs."""

import asyncio
import base64
import io
import plistlib

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from smdp.demo.mdm import SmallMdm
from smdp.demo.mdm.profiles import Enrolment
from smdp.explain import explain
from tests.demo.mdm_client import OTHER, UDID, Identity, Phone, openssl


def payloads(profile):
    return {one["PayloadType"].rpartition(".")[2]: one for one in plistlib.loads(profile)["PayloadContent"]}


# --- the enrolment profile


async def test_the_profile_by_scep(mdm, phone):
    status, body, headers = await phone.get("/enroll")
    assert (status, headers["Content-Type"]) == (200, "application/x-apple-aspen-config")
    found = payloads(body)
    wanted = {"IdentityCertificateUUID": found["scep"]["PayloadUUID"], "ServerURL": mdm.url + "/mdm",
              "CheckInURL": mdm.url + "/checkin", "SignMessage": True, "AccessRights": 8191}  # fmt: skip
    assert wanted.items() <= found["mdm"].items()
    assert found["mdm"]["Topic"].startswith("com.apple.mgmt.")
    assert found["scep"]["PayloadContent"]["URL"] == mdm.url + "/scep"
    assert found["scep"]["PayloadContent"]["Challenge"] == mdm.challenge
    assert x509.load_der_x509_certificate(found["root"]["PayloadContent"]) == mdm.authority.certificate
    assert mdm.enroll_url == mdm.url + "/enroll"
    assert explain(mdm.profile()).problems == []


async def test_the_profile_with_an_identity_in_it(mdm, phone):
    _, body, _ = await phone.get("/enroll?identity=pkcs12&sign_message=0&rights=32")
    found = payloads(body)
    assert (found["mdm"]["SignMessage"], found["mdm"]["AccessRights"]) == (False, 32)
    assert found["mdm"]["IdentityCertificateUUID"] == found["pkcs12"]["PayloadUUID"]
    key, certificate, _ = pkcs12.load_key_and_certificates(
        found["pkcs12"]["PayloadContent"], found["pkcs12"]["Password"].encode()
    )
    async with Phone(mdm, who=Identity(certificate, key)) as device:
        await device.enroll()
    assert explain(body).problems == []


async def test_a_signed_profile_and_one_for_user_enrolment(mdm, phone, tmp_path):
    _, body, _ = await phone.get("/enroll?signed=1&user=true")
    (tmp_path / "ca.pem").write_text(mdm.ca)
    plain = openssl("cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any",
                    "-CAfile", tmp_path / "ca.pem", data=body)  # fmt: skip
    found = payloads(plain)["mdm"]
    assert found["EnrollmentMode"] == "BYOD"
    assert "AccessRights" not in found
    assert "user@" in found["AssignedManagedAppleID"]
    assert plistlib.loads(mdm.profile(Enrolment(identity="pkcs12")))["PayloadType"] == "Configuration"


@pytest.mark.parametrize("query", ["identity=acme", "rights=0", "rights=8192", "rights=x", "signed=2", "colour=red"])
async def test_a_profile_that_there_is_not(phone, query):
    status, body, headers = await phone.get(f"/enroll?{query}")
    assert (status, headers["Content-Type"].split(";")[0]) == (400, "application/problem+json")
    assert b'"reason": "query-invalid"' in body


@pytest.mark.parametrize("name", [None, "mdm.acme.test", "10.1.2.3", "localhost", "other.test"])
async def test_tls_is_verified_by_the_ca_alone_for_every_name(name):
    async with SmallMdm(host="mdm.acme.test", names=("10.1.2.3",)) as mdm, Phone(mdm) as phone:
        assert mdm.url == f"https://mdm.acme.test:{mdm.port}"
        asked = phone.session.get(f"https://127.0.0.1:{mdm.port}/ca.pem", server_hostname=name)
        if name == "other.test":
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await asked
        else:
            async with asked as answer:
                assert await answer.text() == mdm.ca


# --- for programs


async def enqueue(phone, udid, body, method="put"):
    async with phone.session.request(method, f"{phone.mdm.url}/v1/enqueue/{udid}", data=io.BytesIO(body)) as answer:
        return answer.status, await answer.json(content_type=None)


@pytest.mark.parametrize("method", ["put", "post"])
async def test_a_program_queues_a_command_and_waits_for_the_answer(mdm, enrolled, method):
    body = plistlib.dumps({"CommandUUID": "C-1", "Command": {"RequestType": "DeviceInformation", "Queries": ["x"]}})
    assert await enqueue(enrolled, UDID, body, method) == (
        200, {"command_uuid": "C-1", "request_type": "DeviceInformation", "status": {UDID: {}}},
    )  # fmt: skip
    status, waiting, _ = await enrolled.get(f"/v1/results/{UDID}/C-1")
    assert (status, waiting) == (202, b'{"command_uuid": "C-1", "waiting": true}')
    asked = asyncio.create_task(enrolled.get(f"/v1/results/{UDID}/C-1?within=20"))
    answers = {"QueryResponses": {"ServiceSubscriptions": [{"Slot": "one"}]}, "Blob": b"x"}
    await enrolled.answer("Acknowledged", "C-1", **answers)
    status, body, _ = await asked
    assert status == 200
    async with enrolled.session.get(f"{mdm.url}/v1/results/{UDID}") as answer:
        listed = await answer.json()
    (one,) = listed["items"]
    assert (one["status"], one["error_codes"], listed["waiting"]) == ("Acknowledged", [], 0)
    assert one["answer"]["QueryResponses"] == answers["QueryResponses"]
    assert one["answer"]["Blob"] == "eA=="
    assert plistlib.loads(base64.b64decode(one["raw"])) == mdm.results(UDID)[0].answer


async def test_queueing_a_command_uuid_twice_is_answered_as_nanomdm_does(phone):
    body = plistlib.dumps({"CommandUUID": "C-1", "Command": {"RequestType": "ProfileList"}})
    assert (await enqueue(phone, OTHER, body))[0] == 200
    assert await enqueue(phone, OTHER, body) == (500, {"command_error": "command already exists: C-1"})


async def test_what_is_no_command(phone):
    assert (await enqueue(phone, UDID, plistlib.dumps({"a": 1})))[0] == 500
    async with phone.session.put(f"{phone.mdm.url}/v1/enqueue/{UDID}", data=b"x") as answer:
        assert (answer.status, await answer.text()) == (400, "the body is no property list\n")


async def test_the_devices(mdm, enrolled):
    async with enrolled.session.get(f"{mdm.url}/v1/devices") as answer:
        (one,) = (await answer.json())["items"]
    assert (one["udid"], one["enrolled"], one["OSVersion"], one["waiting"]) == (UDID, True, "26.1", 0)


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        (f"/v1/results/{OTHER}", 404, "device-unknown"),
        (f"/v1/results/{OTHER}/C-1", 404, "device-unknown"),
        (f"/v1/results/{UDID}/C-1", 404, "command-unknown"),
        (f"/v1/results/{UDID}/C-1?within=soon", 400, "within-invalid"),
    ],
)
async def test_what_a_program_asks_wrongly(enrolled, path, status, reason):
    code, body, headers = await enrolled.get(path)
    assert (code, headers["Content-Type"].split(";")[0]) == (status, "application/problem+json")
    assert reason in body.decode()


async def test_an_api_key_is_asked_of_programs_and_not_of_devices():
    async with SmallMdm(api_key="key") as mdm, Phone(mdm) as phone:
        assert (await phone.get("/v1/devices"))[0] == 401
        for user, status in ((b"nanomdm:guess", 401), (b"other:key", 401), (b"nanomdm:key", 200)):
            headers = {"Authorization": "Basic " + base64.b64encode(user).decode()}
            assert (await phone.get("/v1/devices", headers=headers))[0] == status
        assert (await phone.get("/enroll"))[0] == 200
