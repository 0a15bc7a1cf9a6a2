"""Enrolling as a whole: profile, identity, Authenticate, TokenUpdate; and what is left when it fails."""

import plistlib
import uuid

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12

from smdp.device.mdm.channel import Channel
from smdp.device.mdm.enroll import enroll, fetch_profile, leave
from smdp.device.mdm.enrollment import read_enrollment
from smdp.device.mdm.failure import MdmError
from smdp.device.mdm.loop import Result, poll
from smdp.device.mdm.profiles import read_profile
from tests.fake_mdm import FakeMdm, command, mdm_payload, payload, profile, root_payload, serving
from tests.mdm_identities import der, device_identity, root, server_context
from tests.openssl import needs_openssl


def pkcs12_payload():
    key, holder = device_identity()
    content = pkcs12.serialize_key_and_certificates(None, key, holder, None, NoEncryption())
    return payload("com.apple.security.pkcs12", "identity", PayloadContent=content)


def plan_for(mdm, identity=None, **members):
    data = plistlib.dumps(profile(mdm_payload(mdm.url, **members), identity or pkcs12_payload(), root_payload()))
    return read_enrollment(read_profile(data))


@needs_openssl
async def test_enrolling_with_scep(mdm, scep, world, who, told, tell):
    identity = payload("com.apple.security.scep", "identity", PayloadContent=scep.payload_content())
    plan = plan_for(mdm, identity)
    server_context().load_verify_locations(cadata=der(scep.ca))
    enrollment = await enroll(plan, who, world, tell=tell)
    assert enrollment.enrolled
    assert not plan.enrollment.enrolled
    x509.load_der_x509_certificate(enrollment.chain[0]).verify_directly_issued_by(scep.ca)
    assert [message["MessageType"] for message in mdm.said("checkin")] == ["Authenticate", "TokenUpdate"]
    assert mdm.peers == [enrollment.chain[0]] * 2
    [(kind, data)] = told
    assert (kind, data["kind"], data["notes"]) == ("mdm.enrolled", "device", [])


async def test_what_the_device_makes_up(mdm, world, who, tell):
    plan = plan_for(mdm)
    first = await enroll(plan, who, world, tell=tell)
    second = await enroll(plan, who, world, tell=tell)
    message = mdm.said("checkin")[1]
    assert (message["Token"], message["PushMagic"]) == (first.token, first.push_magic)
    assert message["UnlockToken"] == first.unlock_token
    assert len(first.token) == 32
    assert str(uuid.UUID(first.push_magic)).upper() == first.push_magic
    assert first.enrollment_id is None
    assert (first.token, first.push_magic) != (second.token, second.push_magic)
    assert first.undelivered is not second.undelivered


async def test_user_enrolment_has_an_id_of_its_own(mdm, world, who, tell):
    found = await enroll(plan_for(mdm, EnrollmentMode="BYOD"), who, world, tell=tell)
    assert found.enrollment_id
    messages = mdm.said("checkin")
    assert {message["EnrollmentID"] for message in messages} == {found.enrollment_id}
    assert not any(key in message for message in messages for key in ("UDID", "SerialNumber", "IMEI", "UnlockToken"))


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("reply", [web.Response(status=500), web.Response(status=401)], ids=["500", "401"])
async def test_a_server_that_refuses(mdm, world, who, told, tell, step, reply):
    mdm.replies = [None] * step + [web.Response(status=reply.status)]
    with pytest.raises(MdmError):
        await enroll(plan_for(mdm), who, world, tell=tell)
    assert len(mdm.heard) == step + 1
    assert told == []


async def test_over_http_where_that_is_allowed(world, who, tell):
    fake = FakeMdm()
    fake.scheme = "http"
    async with serving(fake.handle, tls=False) as fake.port:
        data = plistlib.dumps(profile(mdm_payload(fake.url, SignMessage=True), pkcs12_payload()))
        enrollment = await enroll(read_enrollment(read_profile(data), allow_http=True), who, world, tell=tell)
    assert enrollment.enrolled
    assert all("Mdm-Signature" in headers for headers in fake.headers)


async def test_from_profile_to_command_and_away_again(mdm, world, who, told, tell):
    enrollment = await enroll(plan_for(mdm, CheckOutWhenRemoved=True), who, world, tell=tell)
    channel = Channel(enrollment, within=5)
    mdm.queue = [command("RemoveProfile", "1", Identifier="com.example.mdm")]
    left = []

    async def answer(_):
        async def away():
            left.append(await leave(channel, who))

        return Result("Acknowledged", after=away)

    try:
        polled = await poll(channel, who, answer, tell)
    finally:
        await channel.close()
    assert (polled.left, left) == (True, [None])
    kinds = [message.get("MessageType") or message["Status"] for _, message in mdm.heard]
    assert kinds == ["Authenticate", "TokenUpdate", "Idle", "Acknowledged", "CheckOut"]
    assert not enrollment.enrolled


async def test_leaving_says_so_only_where_it_is_wanted(mdm, enrollment, who):
    channel = Channel(enrollment, within=5)
    try:
        assert await leave(channel, who) is None
        assert mdm.heard == []
    finally:
        await channel.close()


async def test_leaving_a_server_that_is_gone(mdm, enrollment, who):
    enrollment.check_out_when_removed = True
    mdm.replies = [web.Response(status=500)]
    channel = Channel(enrollment, within=5)
    try:
        assert (await leave(channel, who)).reason == "http-status"
        assert await leave(channel, who) is None
    finally:
        await channel.close()
    assert not enrollment.enrolled
    assert len(mdm.heard) == 1


async def test_a_profile_by_url(world):
    data = plistlib.dumps(profile())

    async def serve(request):
        return web.Response(body=data) if request.path == "/enroll" else web.Response(status=404)

    async with serving(serve) as port:
        url = f"https://127.0.0.1:{port}/enroll"
        assert await fetch_profile(url, world, anchors=(der(root()),)) == data
        for wrong, reason in (
            (url + "x", "http-status"),
            (f"http://127.0.0.1:{port}/", "url-not-https"),
            ("x", "url-malformed"),
        ):
            with pytest.raises(MdmError) as error:
                await fetch_profile(wrong, world, anchors=(der(root()),))
            assert error.value.reason == reason
