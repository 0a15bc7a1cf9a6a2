"""Profiles that can't be enrolled with, MDM servers that answer nonsense: hosted devices end in an orderly state."""

import asyncio
import base64
import datetime as dt
import functools
import plistlib

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, pkcs12

from smdp.client import Client
from smdp.device.mdm.enroll import World
from smdp.errors import ApiError
from smdp.server import Server
from smdp.settings import Settings
from tests.fake_mdm import FakeMdm, command, mdm_payload, payload, profile, root_payload, serving
from tests.managed import program
from tests.mdm_identities import device_identity

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<plist version="1.0"><dict><key>CommandUUID</key><string>&c;</string></dict></plist>"""


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier()


def identity(kind="com.apple.security.pkcs12", password=None, **members):
    key, holder = device_identity()
    locked = NoEncryption() if password is None else BestAvailableEncryption(password)
    content = pkcs12.serialize_key_and_certificates(None, key, holder, None, locked)
    return payload(kind, "identity", PayloadContent=content, **members)


def enrolment(mdm, *more, ident=None, **members):
    """An enrolment profile as a dictionary."""
    return profile(mdm_payload(mdm.url, **members), ident or identity(), root_payload(), *more)


class Caller:
    """A device over REST, for tests that have a loop of their own."""

    def __init__(self, carrier, **options):
        self.carrier = carrier
        self.eid = carrier.create_device(**options).eid

    async def call(self, path, body, method="POST"):
        call = functools.partial(program(self.carrier).call, into=dict)
        return await asyncio.to_thread(call, method, f"/api/v1/devices/{self.eid}/{path}", body)

    async def refused(self, path, body):
        with pytest.raises(ApiError) as error:
            await self.call(path, body)
        return error.value.problem

    async def enroll(self, found, **more):
        data = found if isinstance(found, bytes) else plistlib.dumps(found)
        return await self.call("enroll", {"profile": base64.b64encode(data).decode(), **more})

    async def enrolment_problem(self, found, **more):
        with pytest.raises(ApiError) as error:
            await self.enroll(found, **more)
        assert self.carrier.device(self.eid).enrollment is None
        return error.value.problem

    async def poll(self):
        return await self.call("poll", {})

    def show(self):
        return self.carrier.device(self.eid)


@pytest.fixture
async def mdm():
    fake = FakeMdm()
    async with serving(fake.handle) as fake.port:
        yield fake


@pytest.fixture
async def enrolled(carrier, mdm):
    caller = Caller(carrier)
    await caller.enroll(enrolment(mdm))
    mdm.heard.clear()
    return caller


# --- profiles


YESTERDAY = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(days=1)
PROFILES = [
    ("profile-unreadable", lambda _: b"nonsense"),
    ("profile-unreadable", lambda _: b"\x30\x80nonsense"),
    ("profile-unreadable", lambda _: LAUGHS),
    ("profile-malformed", lambda _: plistlib.dumps([1])),
    ("profile-field-missing", lambda mdm: profile(mdm_payload(mdm.url), PayloadIdentifier=None)),
    ("profile-field-type", lambda mdm: enrolment(mdm) | {"PayloadIdentifier": 5}),
    ("profile-uuids", lambda mdm: enrolment(mdm, root_payload())),
    ("profile-expired", lambda mdm: enrolment(mdm) | {"RemovalDate": YESTERDAY}),
    ("profile-target", lambda mdm: enrolment(mdm) | {"TargetDeviceType": 5}),
    ("profile-encrypted", lambda _: profile(EncryptedPayloadContent=b"x", IsEncrypted=True, PayloadContent=None)),
    ("no-mdm-payload", lambda _: profile(root_payload())),
    ("several-mdm-payloads", lambda mdm: enrolment(mdm, mdm_payload(mdm.url) | {"PayloadUUID": "two"})),
    ("payload-field-missing", lambda mdm: enrolment(mdm, Topic=None)),
    ("payload-field-type", lambda mdm: enrolment(mdm, SignMessage="yes")),
    ("payload-field-value", lambda mdm: enrolment(mdm, EnrollmentMode="MINE")),
    ("topic", lambda mdm: enrolment(mdm, Topic="com.example")),
    ("url-not-https", lambda mdm: enrolment(mdm, ServerURL="http://localhost/mdm")),
    ("url-malformed", lambda mdm: enrolment(mdm, ServerURL="https://")),
    ("access-rights", lambda mdm: enrolment(mdm, AccessRights=0)),
    ("identity-missing", lambda mdm: enrolment(mdm, IdentityCertificateUUID="nobody")),
    ("identity-acme", lambda mdm: enrolment(mdm, ident=payload("com.apple.security.acme", "identity"))),
    ("pkcs12-password", lambda mdm: enrolment(mdm, ident=identity(password=b"secret", Password="guess"))),
    ("pkcs12-malformed", lambda mdm: enrolment(mdm, ident=identity() | {"PayloadContent": b"x"})),
    (
        "certificate-malformed",
        lambda mdm: enrolment(mdm, payload("com.apple.security.root", "bad", PayloadContent=b"x")),
    ),
]


@pytest.mark.parametrize(
    ("reason", "made"), PROFILES, ids=[f"{at} {reason}" for at, (reason, _) in enumerate(PROFILES)]
)
async def test_profiles_that_nobody_can_enrol_with(carrier, mdm, reason, made):
    problem = await Caller(carrier).enrolment_problem(made(mdm))
    assert (problem.status, problem.reason) == (422, reason)
    assert problem.because.endswith(".")
    assert problem.fix.endswith((".", "URL"))
    assert mdm.heard == []


async def test_what_is_given_as_trusted_must_be_certificates(carrier, mdm):
    problem = await Caller(carrier).enrolment_problem(enrolment(mdm), mdm_ca="-----BEGIN nonsense")
    assert (problem.status, problem.reason) == (422, "anchors-malformed")


async def test_http_is_taken_where_it_is_allowed(carrier):
    fake = FakeMdm()
    fake.scheme = "http"
    async with serving(fake.handle, tls=False) as fake.port:
        caller = Caller(carrier)
        assert (await caller.enrolment_problem(enrolment(fake))).reason == "url-not-https"
        shown = await caller.enroll(enrolment(fake), allow_http=True)
        assert shown["enrollment"]["server_url"].startswith("http://")
        assert (await caller.poll())["problem"] is None


# --- servers, while a device enrols


ANSWERS = [
    ("unauthorized", web.Response, {"status": 401}),
    ("unrecognized-device", web.Response, {"status": 403, "body": b'{"code": "com.apple.unrecognized.device"}'}),
    (
        "software-update-required",
        web.Response,
        {"status": 403, "body": plistlib.dumps({"code": "com.apple.softwareupdate.required"})},
    ),
    ("refused-with-code", web.Response, {"status": 403, "body": b'{"code": "com.apple.psso.required"}'}),
    ("http-status", web.Response, {"status": 500}),
    ("http-status", web.Response, {"status": 403, "body": b"<html>Forbidden</html>"}),
    ("redirect", web.Response, {"status": 302, "headers": {"Location": "/elsewhere"}}),
    ("answer-too-large", web.Response, {"body": b"x" * 10_000_000}),
]
COMMANDS = [
    ("plist-malformed", web.Response, {"body": b"<html>Log in</html>", "content_type": "text/html"}),
    ("plist-malformed", web.Response, {"body": LAUGHS}),
    ("plist-not-dict", web.Response, {"body": plistlib.dumps([1])}),
]
UNENROLS = ("unauthorized", "unrecognized-device")


@pytest.mark.parametrize(("reason", "reply", "members"), ANSWERS, ids=range(len(ANSWERS)))
async def test_a_check_in_that_is_refused_enrols_nobody(carrier, mdm, reason, reply, members):
    mdm.replies = [reply(**members)]
    caller = Caller(carrier)
    problem = await caller.enrolment_problem(enrolment(mdm))
    assert (problem.status, problem.reason) == (424, reason)
    mdm.replies = []
    assert (await caller.enroll(enrolment(mdm)))["enrollment"], "the next time it works"


async def test_a_token_update_that_is_refused_enrols_nobody(carrier, mdm):
    mdm.replies = [None, web.Response(status=500)]
    assert (await Caller(carrier).enrolment_problem(enrolment(mdm))).reason == "http-status"


# --- servers, while a device asks for commands


@pytest.mark.parametrize(("reason", "reply", "members"), [*ANSWERS, *COMMANDS], ids=range(len(ANSWERS + COMMANDS)))
async def test_an_answer_that_is_no_command(carrier, mdm, enrolled, reason, reply, members):
    mdm.replies = [reply(**members)]
    polled = await enrolled.poll()
    assert (polled["problem"]["reason"], polled["answered"]) == (reason, [])
    assert polled["enrolled"] is (reason not in UNENROLS)
    assert bool(enrolled.show().enrollment) is polled["enrolled"]
    (event,) = carrier.events(type="mdm.error")
    assert (event.data["reason"], event.data["unenrolled"]) == (reason, not polled["enrolled"])
    if polled["enrolled"]:
        assert (await enrolled.poll())["problem"] is None, "the next time it works"


async def test_401_takes_what_the_mdm_installed(carrier, mdm, enrolled):
    access = payload("com.apple.applicationaccess", "access", allowESIMModification=False)
    mdm.queue = [command("InstallProfile", Payload=plistlib.dumps(profile(access, PayloadIdentifier="com.example.x")))]
    await enrolled.poll()
    assert enrolled.show().restrictions == {"allowESIMModification": False}
    mdm.replies = [web.Response(status=401)]
    assert not (await enrolled.poll())["enrolled"]
    assert enrolled.show().restrictions == {}
    await enrolled.enroll(enrolment(mdm))
    assert (await enrolled.poll())["problem"] is None


async def test_before_ios_17_a_403_says_nothing(carrier, mdm):
    caller = Caller(carrier, os="16.7", model="iPhone14,5")
    await caller.enroll(enrolment(mdm))
    mdm.replies = [web.Response(status=403, body=b'{"code": "com.apple.unrecognized.device"}')]
    polled = await caller.poll()
    assert (polled["problem"]["reason"], polled["enrolled"]) == ("http-status", True)


async def test_a_slow_loris_and_an_answer_that_never_comes(carrier, mdm, enrolled, monkeypatch):
    monkeypatch.setattr("smdp.http.surroundings.World", functools.partial(World, within=0.3))

    async def drip(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    mdm.replies = [drip]
    polled = await enrolled.poll()
    assert (polled["problem"]["reason"], polled["enrolled"]) == ("mdm-timeout", True)
    assert (await enrolled.poll())["problem"] is None


async def test_a_server_that_hangs_up(carrier, mdm, enrolled):
    async def hang_up(request):
        request.transport.abort()
        return web.Response()

    mdm.replies = [hang_up, hang_up]
    polled = await enrolled.poll()
    assert (polled["problem"]["reason"], polled["enrolled"]) == ("hung-up", True)
    mdm.replies.clear()
    assert (await enrolled.poll())["problem"] is None


async def test_a_server_that_repeats_itself_for_ever(carrier, mdm, enrolled, monkeypatch):
    monkeypatch.setattr("smdp.device.mdm.loop.MAX_COMMANDS", 5)
    mdm.replies = [web.Response(body=plistlib.dumps(command("SecurityInfo", str(at)))) for at in range(20)]
    polled = await enrolled.poll()
    assert (polled["problem"]["reason"], len(polled["answered"])) == ("too-many-commands", 5)


@pytest.mark.parametrize(
    "given",
    [
        {"CommandUUID": "1"},
        {"CommandUUID": "1", "Command": "RefreshCellularPlans"},
        {"CommandUUID": "1", "Command": {"RequestType": 5}},
        {"Command": {"RequestType": "RefreshCellularPlans"}},
        {"CommandUUID": 5, "Command": {"RequestType": "RefreshCellularPlans"}},
        {"CommandUUID": "1", "Command": {"RequestType": "RefreshCellularPlans", "eSIMServerURL": 5}},
        {"CommandUUID": "1", "Command": {"RequestType": "InstallProfile", "Payload": "text"}},
        {"CommandUUID": "1", "Command": {"RequestType": "EraseDevice", "PreserveDataPlan": "yes"}},
        {"CommandUUID": "1", "Command": {"RequestType": "DeviceInformation", "Queries": "ICCID"}},
        {"CommandUUID": "1", "Command": {"RequestType": "x" * 10_000}},
    ],
    ids=range(10),
)
async def test_commands_that_make_no_sense_are_answered_with_an_error(carrier, mdm, enrolled, given):
    mdm.replies = [web.Response(body=plistlib.dumps(given))]
    polled = await enrolled.poll()
    assert [one["status"] for one in polled["answered"]] in (["Error"], ["CommandFormatError"])
    assert (polled["problem"], polled["enrolled"]) == (None, True)
    assert mdm.said("connect")[-1]["Status"] in ("Error", "CommandFormatError")
    told = carrier.events(type="mdm.error")[0].data
    assert max(len(str(value)) for value in told.values()) <= 200
