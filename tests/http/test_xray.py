"""`GET …/sessions/{id}`: what a session's messages say, and the server's checks beside their fields."""

import json
import re
from base64 import b64decode, b64encode
from contextlib import suppress

import aiohttp
import pytest

from smdp.client import Client
from smdp.errors import ApiError
from smdp.rsp import wire
from smdp.rsp.codes import CancelSessionReason
from smdp.rsp.server import authenticate, bind, cancel, initiate, notify, selection
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import CardRefusedError, Outside, Phone, eid_of

EID = eid_of(1)
STEPS = ["initiateAuthentication", "authenticateClient", "getBoundProfilePackage", "handleNotification"]
CODE = "4931"


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture
def acme(server):
    return Client(server.control_url).create_carrier()


@pytest.fixture
async def door(server, acme):
    async with Outside(f"{acme.carrier}.smdp.localhost:{server.device_port}") as http:
        yield http


@pytest.fixture
def phone(door):
    return Phone(EID, door.address)


def show(acme, phone):
    return acme.session(phone.transaction_id)


def ids(step, *, ok=True):
    return [check.id for check in step.checks if check.ok is ok]


def failed(step):
    """The one check that did not hold: the last of its step."""
    assert ids(step, ok=False) == [step.checks[-1].id]
    return step.checks[-1]


def paths(value, names=()):
    """The names that lead to every member."""
    yield names
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*names, name))


def has(request, field):
    """Say whether a field names a member, whatever stands between its parts."""
    wanted = field.split(".")
    for names in paths(request):
        rest = iter(names)
        if names and names[-1] == wanted[-1] and all(part in rest for part in wanted):
            return True
    return False


def spoil(body, member, old, new):
    """Change bytes inside a member."""
    data = b64decode(body[member])
    assert old in data
    return body | {member: b64encode(data.replace(old, new)).decode()}


# --- what went well


async def test_an_installed_session(acme, door, phone):
    order = acme.issue(EID)
    assert (await phone.download(door)).status == 204
    told = show(acme, phone)
    assert (told.outcome, told.eid, told.iccid, told.refusal) == ("installed", EID, order.iccid, None)
    assert [step.name for step in told.steps] == STEPS
    assert all(check.ok for step in told.steps for check in step.checks)
    assert [step.ms is None for step in told.steps] == [False, False, False, True]
    first, second, third, last = told.steps
    assert first.request["smdpAddress"] == door.address
    assert first.request["euiccInfo1"]["svn"] == "2.5.0"
    assert first.response["serverSigned1"]["transactionId"] == phone.transaction_id
    signed = second.request["authenticateServerResponse"]["authenticateResponseOk"]
    assert signed["euiccCertificate"]["serialNumber"] == EID
    assert b64decode(phone_certificate(phone)) == bytes.fromhex(signed["euiccCertificate"]["der"])
    assert "usimSupport" in signed["euiccSigned1"]["euiccInfo2"]["uiccCapability"]
    assert second.response["profileMetadata"]["iccid"] == order.iccid
    assert second.response["smdpSigned2"]["ccRequiredFlag"] is False
    package = third.response["boundProfilePackage"]
    assert package["sequenceOf88"]["iccid"] == order.iccid
    assert package["sequenceOf86"].keys() == {"content", "tlvs", "bytes"}
    result = last.request["pendingNotification"]["profileInstallationResultData"]
    assert result["finalResult"]["successResult"]["aid"].startswith("A0000005591010")
    assert (last.response, ids(last)[2:]) == (None, ["HN#1", "HN#2", "HN#3", "HN#4"])


def phone_certificate(phone):
    return b64encode(phone.card.credentials[0].certificate)


async def test_every_field_names_a_member_of_the_request(acme, door, phone):
    """But where there is none: the order, and an IMEI that this phone does not tell."""
    acme.issue(EID)
    await phone.download(door)
    nowhere = {
        (check.id, check.field)
        for step in show(acme, phone).steps
        for check in step.checks
        if not has(step.request, check.field)
    }
    absent = {"AC#14f": "ctxParams1.deviceInfo.imei"}
    assert nowhere == {*absent.items(), *((one, "order") for one in ("AC#15", "AC#16", "AC#17", "GB#5", "GB#9"))}


async def test_sentences_say_what_was_found(acme, door, phone):
    acme.issue(EID)
    await phone.download(door)
    texts = {check.id: check.text for step in show(acme, phone).steps for check in step.checks}
    ci = phone.card.credentials[0].ci.hex().upper()[:8]
    assert texts["IA#1"] == f"{door.address} is a name of this server."
    assert f"names {ci}… as its issuer" in texts["AC#4"]
    assert all("{" not in text and text.endswith(".") for text in texts.values())


async def test_what_did_not_apply_is_left_out(acme, door, phone):
    order = acme.issue(EID, confirmation_code=CODE)
    got = await phone.fetch(door, order.matching_id, CODE)
    assert got.code is None
    asked, fetched = show(acme, phone).steps[1:3]
    assert {"AC#14a", "AC#14c"} <= {*ids(asked)}
    assert not {"AC#14b", "AC#14d"} & {*ids(asked)}
    assert {"GB#6", "GB#7", "GB#8"} <= {*ids(fetched)}
    other = Phone(eid_of(2), door.address)
    acme.issue(other.eid)
    await other.fetch(door)
    asked, fetched = show(acme, other).steps[1:3]
    assert not {"AC#14a", "AC#14c"} & {*ids(asked)}
    assert not {"GB#6", "GB#7", "GB#8"} & {*ids(fetched)}


# --- what was refused


async def test_a_refused_initiate_opens_no_session(acme, door, phone):
    answer = await door.ask("initiateAuthentication", phone.initiate() | {"smdpAddress": "other.test"})
    assert answer.code == "8.8.1/3.8"
    assert acme.sessions() == []
    assert acme.events(type="session.refused")[0].data["check"] == "IA#1"


async def test_a_refused_authenticate(acme, door, phone):
    assert (await phone.meet(door)).code == "8.1.1/3.8"
    told = show(acme, phone)
    step = told.steps[-1]
    assert (failed(step).id, failed(step).field) == ("AC#14b", "euiccCertificate.serialNumber")
    assert failed(step).text == told.refusal.because
    assert ids(step)[-1] == "AC#11"
    assert step.response["header"]["functionExecutionStatus"]["statusCodeData"]["subjectCode"] == "8.1.1"


async def test_a_wrong_signature(acme, door, phone):
    acme.issue(EID)
    started = await door.ask("initiateAuthentication", phone.initiate())
    body = phone.authenticate(started.members)
    signed = show(acme, phone)
    assert [step.name for step in signed.steps] == STEPS[:1]
    data = bytearray(b64decode(body["authenticateServerResponse"]))
    data[data.index(b"\x5f\x37\x40") + 10] ^= 1
    await door.ask("authenticateClient", body | {"authenticateServerResponse": b64encode(data).decode()})
    assert failed(show(acme, phone).steps[-1]).id == "AC#9"


async def test_a_refused_bind(acme, door, phone):
    order = acme.issue(EID, confirmation_code=CODE)
    assert (await phone.fetch(door, order.matching_id, "0000")).code == "8.2.7/3.8"
    step = show(acme, phone).steps[-1]
    assert (step.name, failed(step).id, failed(step).field) == (STEPS[2], "GB#7", "euiccSigned2.hashCc")
    hidden = step.request["prepareDownloadResponse"]["downloadResponseOk"]["euiccSigned2"]["hashCc"]
    assert hidden == "32 bytes, not shown"


async def test_the_loser_of_a_race(acme, door, phone):
    order = acme.issue(matching_id="A-1", confirmation_code=CODE)
    other = Phone(eid_of(2), door.address)
    met = [await one.meet(door, order.matching_id) for one in (phone, other)]
    for one, answer in zip((phone, other), met, strict=True):
        await door.ask("getBoundProfilePackage", one.prepare(answer.members, CODE))
    assert show(acme, phone).outcome == "downloaded"
    step = show(acme, other).steps[-1]
    assert failed(step).id == "GB#9"
    assert not {"GB#6", "GB#7", "GB#8"} & {*ids(step)}, "the order was somebody else's: its code was not asked for"


async def test_a_cancelled_session(acme, door, phone):
    acme.issue(EID)
    await phone.meet(door)
    await door.ask("cancelSession", phone.cancel(CancelSessionReason.POSTPONED))
    told = show(acme, phone)
    assert (told.outcome, told.steps[-1].name) == ("cancelled", "cancelSession")
    signed = told.steps[-1].request["cancelSessionResponse"]["cancelSessionResponseOk"]["euiccCancelSessionSigned"]
    assert signed["reason"] == "1 (postponed)"
    assert [one for one in ids(told.steps[-1]) if one.startswith("CS#")] == [f"CS#{n}" for n in range(1, 6)]


async def test_a_refused_cancel_is_kept_beside_the_one_that_counts(acme, door, phone):
    acme.issue(EID)
    await phone.meet(door)
    body = phone.cancel(CancelSessionReason.POSTPONED)
    wrong = spoil(body, "cancelSessionResponse", b"\x82\x01\x01", b"\x82\x01\x00")
    for _ in range(6):
        assert (await door.ask("cancelSession", wrong)).code == "8.1/6.1"
    assert show(acme, phone).outcome == "open"
    assert (await door.ask("cancelSession", body)).code is None
    told = show(acme, phone)
    assert [step.name for step in told.steps] == [*STEPS[:2], *["cancelSession"] * 5], "four refused ones are kept"
    assert [failed(step).id for step in told.steps[2:-1]] == ["CS#4"] * 4
    assert all(check.ok for check in told.steps[-1].checks)
    assert failed(told.steps[2]).text.startswith("euiccCancelSessionSignature is not the eUICC's signature")
    raw = acme.raw_session(phone.transaction_id)["messages"]
    assert [one["step"] for one in raw] == [step.name for step in told.steps]
    await door.ask("cancelSession", wrong)
    assert len(show(acme, phone).steps) == 7, "after its end nothing is a step"


async def test_a_call_out_of_turn(acme, door, phone):
    """It comes in its place, though the carrier's clock stands still."""
    acme.issue(EID)
    acme.freeze()
    started = await door.ask("initiateAuthentication", phone.initiate())
    body = {"transactionId": started.members["transactionId"], "prepareDownloadResponse": "vyEA"}
    await door.ask("getBoundProfilePackage", body)
    await door.ask("authenticateClient", phone.authenticate(started.members))
    told = show(acme, phone)
    assert [step.name for step in told.steps] == [STEPS[0], STEPS[2], STEPS[1]]
    assert failed(told.steps[1]).id == "GB#1"
    assert told.steps[1].request["prepareDownloadResponse"]["malformed"]
    assert all(check.ok for check in told.steps[2].checks)


@pytest.mark.parametrize(
    ("change", "check", "before"),
    [
        ({"prepareDownloadResponse": None}, "ES9#1", ["ES9#1", "ES9#2"]),
        ({"prepareDownloadResponse": "?"}, "ES9#2", ["ES9#1", "ES9#2", "ES9#1"]),
        ({"prepareDownloadResponse": 7}, "ES9#2", ["ES9#1", "ES9#2", "ES9#1"]),
    ],
)
async def test_a_body_that_lacks_something(acme, door, phone, change, check, before):
    acme.issue(EID)
    good = phone.prepare((await phone.meet(door)).members)
    await door.ask("getBoundProfilePackage", {name: told for name, told in (good | change).items() if told is not None})
    assert (await door.ask("getBoundProfilePackage", good)).code is None
    lacking, whole = show(acme, phone).steps[-2:]
    assert (failed(lacking).id, failed(lacking).field, ids(lacking)) == (check, "prepareDownloadResponse", before)
    assert lacking.response["header"]["functionExecutionStatus"]["status"] == "Failed"
    assert all(check.ok for check in whole.checks)


async def test_a_message_that_is_not_well_formed(acme, door, phone):
    acme.issue(EID)
    await phone.meet(door)
    body = {"transactionId": phone.transaction_id, "prepareDownloadResponse": "vyEA"}
    await door.ask("getBoundProfilePackage", body)
    step = show(acme, phone).steps[-1]
    assert (failed(step).id, ids(step)[-1]) == ("ES9#2", "GB#1")
    assert step.request["prepareDownloadResponse"].keys() == {"malformed", "bytes"}


async def test_a_body_that_lacks_everything_is_no_step(acme, door):
    assert (await door.ask("authenticateClient", {})).code == "1.3.1/2.2"
    assert (await door.ask("authenticateClient", {"transactionId": "00" * 16})).code == "1.3.1/2.2"
    assert acme.sessions() == []


async def test_a_result_that_failed(acme, door, phone):
    acme.issue(EID)
    got = await phone.fetch(door)
    package = b64decode(got.members["boundProfilePackage"])
    broken = package[:-1] + bytes((package[-1] ^ 1,))
    with suppress(CardRefusedError):
        phone.install({"boundProfilePackage": b64encode(broken).decode()})
    await door.ask("handleNotification", phone.told())
    told = show(acme, phone)
    assert told.outcome == "failed"
    result = told.steps[-1].request["pendingNotification"]["profileInstallationResultData"]["finalResult"]
    assert "loadProfileElements" in result["errorResult"]["bppCommandId"]


async def test_a_result_that_is_not_the_cards(acme, door, phone):
    acme.issue(EID)
    got = await phone.fetch(door)
    good = phone.install(got.members)
    forged = good | {"pendingNotification": b64encode(phone.notification[:-1] + b"\0").decode()}
    await door.ask("handleNotification", forged)
    await door.ask("handleNotification", good)
    wrong, right = show(acme, phone).steps[-2:]
    assert (failed(wrong).id, failed(wrong).field) == ("HN#2", "euiccSignPIR")
    assert ids(right)[-1] == "HN#4"


async def test_a_fault_is_no_check(acme, door, phone):
    acme.issue(EID)
    acme.add_fault("refuse", step="authenticateClient", code="8.1/4.8", reason="meant", because="It is meant.")
    await phone.meet(door)
    step = show(acme, phone).steps[-1]
    assert [(check.id, check.ok, check.text) for check in step.checks] == [("fault", False, "It is meant.")]


async def test_a_session_that_was_imported_has_what_came_since(server, acme, door, phone):
    acme.issue(EID)
    good = phone.prepare((await phone.meet(door)).members)
    got = await door.ask("getBoundProfilePackage", good)
    document = acme.export()
    other = Client(server.control_url).create_carrier()
    other.import_(document, replace=True)
    away = door.at(f"{other.carrier}.smdp.localhost:{server.device_port}")
    assert show(other, phone).steps == []
    assert (await away.ask("getBoundProfilePackage", good)).code == "8.10.1/3.9", "it is over, but for its result"
    await away.ask("handleNotification", phone.install(got.members))
    told = show(other, phone)
    assert (told.outcome, [step.name for step in told.steps]) == ("installed", STEPS[3:])


# --- all of them


async def test_every_check_of_a_function_is_seen_in_some_session(acme, door, phone):
    """Or is one of those that belong to no session: notifications that carry their own certificates."""
    codes = [{}, {"confirmation_code": CODE}]
    seen = set()
    for number, options in enumerate(codes):
        one = Phone(eid_of(10 + number), door.address)
        order = acme.issue(one.eid, **options)
        await one.download(door, order.matching_id if options else "", options.get("confirmation_code"))
        seen |= {check.id for step in show(acme, one).steps for check in step.checks}
    acme.issue(EID)
    await phone.meet(door)
    await door.ask("cancelSession", phone.cancel(CancelSessionReason.POSTPONED))
    seen |= {check.id for step in show(acme, phone).steps for check in step.checks}
    functions = (wire, initiate, authenticate, selection, bind, cancel)
    every = [check.id for module in functions for check in module.CHECKS] + [one.id for one in notify.RESULT_CHECKS]
    assert seen == set(every)


# --- what is always so


async def test_a_list_has_times_and_no_bodies(acme, door, phone):
    acme.issue(EID)
    await phone.download(door)
    (one,) = acme.sessions()
    assert [(step.name, step.request, step.checks) for step in one.steps] == [(name, None, []) for name in STEPS[:3]]


async def test_other_carriers_do_not_see_it(server, acme, door, phone):
    await phone.meet(door)
    other = Client(server.control_url).create_carrier()
    for ask in (other.session, other.raw_session):
        with pytest.raises(ApiError, match="has no session"):
            ask(phone.transaction_id)


async def test_an_unknown_session_with_the_near_one(acme, door, phone):
    await phone.meet(door)
    with pytest.raises(ApiError) as caught:
        acme.session(phone.transaction_id[:6])
    assert f"Did you mean {phone.transaction_id}?" in str(caught.value)


async def test_a_body_longer_than_what_is_kept(acme, door, phone):
    long = phone.initiate() | {"x": "y" * 20_000}
    phone.transaction_id = (await door.ask("initiateAuthentication", long)).members["transactionId"]
    (step,) = show(acme, phone).steps
    assert step.request == {"malformed": "the first 16384 bytes are kept, and what there is is not JSON"}
    assert ids(step)[-1] == "IA#4"


async def test_when_the_events_are_forgotten(phone):
    """A notification that proved nothing is then shown without the check; all else is there."""
    with Server(Settings(port=0, control_port=0, log_level="error", journal=100_000)) as small:
        acme = Client(small.control_url).create_carrier()
        async with Outside(f"{acme.carrier}.smdp.localhost:{small.device_port}") as door:
            phone.address = door.address
            acme.issue(EID)
            got = await phone.fetch(door)
            good = phone.install(got.members)
            forged = good | {"pendingNotification": b64encode(phone.notification[:-1] + b"\0").decode()}
            await door.ask("handleNotification", forged)
            assert failed(show(acme, phone).steps[-1]).id == "HN#2"
            noise = phone.initiate() | {"smdpAddress": "x" * 255}
            for _ in range(1000):
                await door.ask("initiateAuthentication", noise)
                if not acme.events(session=phone.transaction_id):
                    break
            assert acme.events(session=phone.transaction_id) == []
            told = show(acme, phone)
    assert told.steps[-1].checks == []
    assert [len(step.checks) > 8 for step in told.steps] == [True, True, True, False]


async def test_no_secret_of_the_profile_is_in_any_form(server, acme, door, phone):
    order = acme.issue(EID, confirmation_code=CODE)
    await phone.fetch(door, order.matching_id, "0000")
    wrong = phone.transaction_id
    await phone.download(door, order.matching_id, CODE)
    credentials = acme.profile(order.iccid, credentials=True).credentials
    secrets = [told for told in (getattr(credentials, name) for name in credentials.__struct_fields__) if told]
    secrets = [told for told in secrets if isinstance(told, str) and len(told) >= 8]
    assert len(secrets) >= 7
    base = f"{server.control_url}/api/v1/carriers/{acme.carrier}/sessions"
    for path in ("", f"/{wrong}", f"/{wrong}?as=raw", f"/{phone.transaction_id}", f"/{phone.transaction_id}?as=raw"):
        async with aiohttp.ClientSession() as http, http.get(base + path) as answer:
            text = await answer.text()
        decoded = [text, *(b64decode(one).hex() for one in bodies(json.loads(text)))]
        for secret in secrets:
            assert not any(secret.lower() in one.lower() for one in decoded)
    decoded = json.dumps(acme.session(phone.transaction_id).steps[2].request)
    assert not re.search(r'"hashCc": "[0-9A-F]{64}"', decoded)


def bodies(told):
    """Everything in base64 that a raw session has."""
    messages, notifications = told.get("messages", ()), told.get("notifications", ())
    return [one[part] for one in messages for part in ("request", "response")] + [one["raw"] for one in notifications]
