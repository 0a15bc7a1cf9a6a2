"""A device and a server that share no code but the standard: what goes over the wire, and what comes of it."""

import asyncio
from base64 import b64decode

import pytest
from aiohttp import web

from smdp.clock import VirtualClock
from smdp.device.addresses import address_of
from smdp.device.device import Device
from smdp.device.examine import sim_of
from smdp.device.failure import DownloadError
from smdp.rsp.crypto import Stream
from tests.fake_smdp import ICCID, OWNER, metadata, notified, rules
from tests.independent import b64, encode, hash_cc, parse
from tests.minted import EID, NOW, issue, pki

REFUSED = {
    "header": {
        "functionExecutionStatus": {
            "status": "Failed",
            "statusCodeData": {"subjectCode": "8.1.1", "reasonCode": "3.8", "message": "It was downloaded already."},
        }
    }
}
FLOW = ["initiateAuthentication", "authenticateClient", "getBoundProfilePackage"]


async def cut_off(request):
    """Break off the answer in the middle of its body."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    request.transport.close()
    return response


# --- as it should be


async def test_a_refresh_installs_and_enables(device, server):
    outcome = await device.refresh(server.url)
    assert outcome.ok, outcome
    assert (outcome.installed, outcome.session) == (ICCID, server.smdp.transaction_id.hex().upper())
    assert server.functions == [*FLOW, *["handleNotification"] * 3]
    assert server.events == ["result", "0780", "0640"]
    (esim,) = device.describe().esims
    assert (esim.iccid, esim.state, esim.label, esim.subscriber_network) == (ICCID, "enabled", "Primary", "TESTS")
    assert (esim.subscriber_mcc, esim.subscriber_mnc) == ("001", "01")
    assert (esim.network, esim.mcc, esim.msisdn, esim.rejected) == ("", None, None, None), "there is no network here"
    assert device.euicc.notifications == []
    assert [step.name for step in outcome.steps if step.ok] == [step.name for step in outcome.steps]


async def test_a_refresh_sends_no_matching_id_and_the_device_info(device, server):
    await device.refresh(server.url)
    (body,) = server.said("authenticateClient")
    context = parse(b64decode(body["authenticateServerResponse"]))["A0"]["30"]["A0"]
    assert [node.tag for node in context.nodes] == ["A1"]
    assert context["A1"]["80"].value == bytes.fromhex("53034981")
    assert context["A1"]["82"].value == bytes.fromhex("530349816454859F")


async def test_the_headers_are_those_of_an_lpa(device, server):
    assert (await device.refresh(server.url)).ok
    assert len(server.headers) == len(FLOW) + 3
    for headers in server.headers:
        assert headers["User-Agent"] == "gsma-rsp-lpad"
        assert headers["X-Admin-Protocol"].startswith("gsma/rsp/v2.")
        assert headers["Content-Type"] == "application/json"


async def test_an_activation_code_carries_its_token(device, server):
    outcome = await device.download(f"LPA:1${server.address}$ABC-123$2.999.10")
    assert outcome.ok, outcome
    (body,) = server.said("authenticateClient")
    assert parse(b64decode(body["authenticateServerResponse"]))["A0"]["30"]["A0"]["80"].value == b"ABC-123"
    assert server.said("initiateAuthentication")[0]["smdpAddress"] == server.address


@pytest.mark.parametrize(("code", "sent"), [("1234", True), (None, False)])
async def test_a_confirmation_code_is_hashed_with_the_transaction(device, server, code, sent):
    server.confirmation_code = True
    await device.download(f"1${server.address}$T", code)
    signed = parse(b64decode(server.said("getBoundProfilePackage")[0]["prepareDownloadResponse"]))["A0"]["30"]
    hashes = [node.value for node in signed.nodes if node.tag == "04"]
    assert hashes == ([hash_cc("1234", server.smdp.transaction_id)] if sent else [])


async def test_enabling_a_second_profile_disables_the_first(device, server):
    await device.refresh(server.url)
    (profile,) = device.euicc.profiles
    profile.iccid = bytes.fromhex("980001010000000020F7")
    assert (await device.refresh(server.url)).ok
    assert [esim.state for esim in device.describe().esims] == ["disabled", "enabled"]


# --- refusals of the server


@pytest.mark.parametrize("function", FLOW)
async def test_a_refusal_is_reported_with_code_and_message(device, server, function):
    server.replies[function] = [REFUSED]
    outcome = await device.refresh(server.url)
    assert (outcome.ok, outcome.refused, outcome.because) == (False, "8.1.1/3.8", "It was downloaded already.")
    assert outcome.reason == "server-refused"
    assert device.eid in outcome.fix
    failed = next(step for step in outcome.steps if not step.ok)
    assert (failed.name, failed.text) == (function, "It was downloaded already.")
    assert device.euicc.profiles == []


async def test_our_server_may_tell_its_slug(device, server):
    headers = {"X-Smdp-Reason": "already-downloaded"}
    server.replies["authenticateClient"] = [web.json_response(REFUSED, headers=headers)]
    outcome = await device.refresh(server.url)
    assert outcome.reason == "already-downloaded"
    assert "refused 8.1.1/3.8 (already-downloaded)" in str(outcome)


async def test_after_a_refusal_the_session_is_cancelled(device, server):
    server.replies["getBoundProfilePackage"] = [REFUSED]
    await device.refresh(server.url)
    assert server.cancelled == [0]
    assert device.euicc.session is None


async def test_a_cancellation_that_fails_changes_nothing(device, server):
    server.replies |= {"authenticateClient": [REFUSED], "cancelSession": [web.Response(status=500)]}
    outcome = await device.refresh(server.url)
    assert outcome.refused == "8.1.1/3.8"
    assert (outcome.steps[-1].name, outcome.steps[-1].ok) == ("cancelSession", False)


async def test_before_the_card_knows_the_transaction_nothing_is_cancelled(device, server):
    server.replies["initiateAuthentication"] = [REFUSED]
    await device.refresh(server.url)
    assert server.functions == ["initiateAuthentication"]


# --- what the eUICC and the LPA refuse


async def test_the_euiccs_refusal_names_the_standards_error(device, server):
    server.changes["initiateAuthentication"] = {"serverSignature1": b64(encode("5F37", bytes(64)))}
    outcome = await device.refresh(server.url)
    assert (outcome.refused, outcome.reason) == ("invalidSignature(2)", "server-signature-wrong")
    assert server.functions == ["initiateAuthentication"]


async def test_a_package_that_the_card_refuses_is_told_and_not_cancelled(device, server):
    server.changes["package"] = {"eid": "89049032123451234512345678901336"}
    outcome = await device.refresh(server.url)
    assert (outcome.refused, outcome.reason) == ("scp03tSecurityError(8)", "protected-tlv-forged")
    assert server.functions == [*FLOW, "handleNotification"]
    assert server.events == ["result"]


async def test_a_package_that_is_no_profile(device, server):
    server.upp = b"\xa0\x03garbage"
    outcome = await device.refresh(server.url)
    assert outcome.refused == "installFailedDueToPeProcessingError(12)"


async def test_metadata_that_changed_on_the_way(device, server):
    server.changes["package"] = {"profile": metadata()}
    outcome = await device.refresh(server.url)
    assert outcome.reason == "metadata-mismatch"
    assert server.cancelled == [4]


@pytest.mark.parametrize("package", ["A000", "30", "BF2300"])
async def test_a_package_that_cannot_be_cut(device, server, package):
    package = b64(encode("BF36", bytes.fromhex(package)))
    body = {"boundProfilePackage": package, "header": {"functionExecutionStatus": {"status": "Executed-Success"}}}
    server.replies["getBoundProfilePackage"] = [body]
    outcome = await device.refresh(server.url)
    assert outcome.reason == "package-malformed"
    assert server.cancelled == [5]


async def test_policy_rules_that_are_not_allowed(device, server):
    device.euicc.rules = ()
    server.profile = metadata(notified(), OWNER, rules(0x20, 5))
    outcome = await device.refresh(server.url)
    assert outcome.reason == "ppr-not-allowed"
    assert server.cancelled == [3]


async def test_a_server_with_another_oid(device, server):
    outcome = await device.download(f"1${server.address}$T$2.999.12")
    assert outcome.reason == "smdp-oid-mismatch"
    assert "2.999.10" in outcome.because
    assert server.functions == ["initiateAuthentication"]


async def test_a_server_that_signs_another_address(device, server):
    honest = server.on_initiateAuthentication
    server.on_initiateAuthentication = lambda body: honest(body | {"smdpAddress": "other.example.com"})
    outcome = await device.refresh(server.url)
    assert outcome.reason == "server-address-mismatch"


async def test_a_server_that_answers_with_another_transaction(device, server):
    server.changes["initiateAuthentication"] = {"transactionId": "00"}
    assert (await device.refresh(server.url)).reason == "transaction-id-mismatch"


@pytest.mark.parametrize(
    ("function", "member"),
    [
        ("initiateAuthentication", "serverSigned1"),
        ("initiateAuthentication", "serverCertificate"),
        ("initiateAuthentication", "euiccCiPKIdToBeUsed"),
        ("authenticateClient", "profileMetadata"),
        ("authenticateClient", "smdpSigned2"),
        ("authenticateClient", "smdpSignature2"),
    ],
)
async def test_a_member_that_is_not_what_it_should_be(device, server, function, member):
    server.changes[function] = {member: "MAA="}
    outcome = await device.refresh(server.url)
    assert not outcome.ok
    assert outcome.reason in ("answer-malformed", "metadata-unreadable")


async def test_a_certificate_that_the_card_refuses(device, server):
    server.changes["authenticateClient"] = {"smdpCertificate": b64(issue("dppb", pki().ci, rid="2.999.12").der)}
    outcome = await device.refresh(server.url)
    assert (outcome.refused, outcome.reason) == ("invalidCertificate(1)", "dppb-of-another-owner")
    assert server.cancelled == [0]


# --- answers that get lost


async def test_a_lost_package_is_asked_for_again_with_the_same_bytes(device, server):
    server.replies["getBoundProfilePackage"] = [cut_off, cut_off]
    outcome = await device.refresh(server.url)
    assert outcome.ok, outcome
    first, second, third = server.said("getBoundProfilePackage")
    assert first == second == third


async def test_a_package_that_stays_lost_ends_the_session_without_rejecting_it(device, server):
    server.replies["getBoundProfilePackage"] = [cut_off] * 3
    outcome = await device.refresh(server.url)
    assert outcome.reason == "answer-cut"
    assert len(server.said("getBoundProfilePackage")) == 3
    assert server.cancelled == [2]


async def test_the_one_time_key_survives_for_a_retry(device, server):
    server.replies["getBoundProfilePackage"] = [REFUSED]
    await device.refresh(server.url)
    first = server.smdp.euicc_otpk
    assert [key.otpk for key in device.euicc.one_time_keys.values()] == [first]


# --- notifications


async def test_notifications_wait_for_their_server(device, server):
    server.replies["handleNotification"] = [web.Response(status=503)]
    outcome = await device.refresh(server.url)
    assert outcome.ok
    assert "3 wait" in outcome.steps[-1].text
    assert server.events == ["result"]
    sent = await device.flush_notifications()
    assert (sent.sent, sent.waiting) == (3, 0)
    assert server.events == ["result", "result", "0780", "0640"]


async def test_notifications_survive_a_restart(device, server, saved, client):
    server.replies["handleNotification"] = [web.Response(status=503)]
    await device.refresh(server.url)
    again = Device.load(saved[-1], client=client, clock=VirtualClock(frozen_at=NOW), entropy=Stream(b"again"))
    assert (await again.flush_notifications()).sent == 3
    assert (await again.flush_notifications()).sent == 0
    assert again.describe() == device.describe()


async def test_one_silent_server_does_not_hold_up_the_others(device, server):
    server.profile = metadata(encode("B6", *(address(a) for a in ("gone.smdp.localhost:1", server.address))))
    outcome = await device.refresh(server.url)
    assert server.events == ["result", "0780", "0640"]
    assert [entry.address for entry in device.euicc.notifications] == ["gone.smdp.localhost:1"] * 2
    assert "2 wait" in outcome.steps[-1].text


def address(where: str) -> bytes:
    return encode("30", encode("80", b"\x04\xf0"), encode("81", where.encode()))


async def test_the_device_is_saved_before_the_server_hears_of_the_installation(device, server, saved):
    async def look(request):
        seen.append(Device.load(saved[-1], client=None, clock=None, entropy=None).euicc)
        return web.Response(status=204)

    seen = []
    server.replies["handleNotification"] = [look]
    await device.refresh(server.url)
    assert len(seen[0].profiles) == 1
    assert seen[0].notifications[0].seq == 1


# --- enable, disable, delete


async def test_profiles_are_disabled_and_deleted_and_the_server_hears_of_it(device, server):
    await device.refresh(server.url)
    assert (await device.disable(ICCID)).ok
    assert (await device.enable(ICCID)).ok
    assert (await device.delete(ICCID)).ok
    assert server.events[-4:] == ["0520", "0640", "0520", "0410"]
    assert device.describe().esims == []


async def test_a_locked_profile_cannot_be_deleted(device, server):
    server.profile = metadata(notified(), OWNER, rules(0x40, 6))
    await device.refresh(server.url)
    outcome = await device.delete(ICCID)
    assert (outcome.ok, outcome.reason) == (False, "profile-locked")
    assert len(device.describe().esims) == 1


def test_a_package_that_cannot_be_read_has_no_usim():
    assert sim_of(b"\xa0") is None


@pytest.mark.parametrize("iccid", ["8900101000000000027", "no digits"])
async def test_a_profile_that_is_not_there(device, iccid):
    for change in (device.enable, device.disable, device.delete):
        outcome = await change(iccid)
        assert (outcome.ok, outcome.reason) == (False, "profile-not-found")


# --- the device itself


async def test_one_download_at_a_time(device, server):
    arrived, release = asyncio.Event(), asyncio.Event()

    async def wait(_):
        arrived.set()
        await release.wait()
        return web.json_response(REFUSED)

    server.replies["initiateAuthentication"] = [wait]
    first = asyncio.create_task(device.refresh(server.url))
    await arrived.wait()
    assert device.busy
    assert (await device.refresh(server.url)).reason == "busy"
    release.set()
    assert (await first).reason == "server-refused"


async def test_an_offline_device_asks_nobody(device, server):
    device.state.online = False
    assert (await device.refresh(server.url)).reason == "offline"
    assert (await device.flush_notifications()).sent == 0
    assert server.calls == []


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://smdp.example.com", "smdp.example.com"),
        ("http://smdp.example.com", "smdp.example.com"),
        ("https://smdp.example.com/", "smdp.example.com"),
        ("https://user@smdp.example.com/path?query#fragment", "smdp.example.com"),
        ("https://Acme.smdp.localhost:8443", "acme.smdp.localhost:8443"),
        ("https://smdp.example.com:443/", "smdp.example.com"),
        ("https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_the_address_is_host_and_port_of_a_url(url, address):
    assert address_of(url) == address


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("smdp.example.com", "url-scheme"),
        ("ftp://smdp.example.com", "url-scheme"),
        ("", "url-scheme"),
        ("https://", "url-malformed"),
        ("https://host:port", "url-malformed"),
        ("https://[::1", "url-malformed"),
    ],
)
async def test_urls_that_ios_does_not_take(device, url, reason):
    with pytest.raises(DownloadError) as error:
        address_of(url)
    assert error.value.reason == reason
    assert (await device.refresh(url)).reason == reason


@pytest.mark.parametrize("code", ["", "hello", "LPA:1$$T", "LPA:1$smdp.example.com$lower"])
async def test_activation_codes_that_are_none(device, code):
    outcome = await device.download(code)
    assert outcome.reason == "activation-code-malformed"
    assert outcome.because.endswith(".")


def test_notices_are_bounded(device):
    for number in range(60):
        device.notice(str(number))
    assert device.describe().notices == [str(number) for number in range(10, 60)]


def test_a_device_shows_no_secrets(device):
    assert "scalar" not in repr(device.state)
    assert repr(device.state) == f"<State of …{EID[-4:]}>"
    assert repr(device) == f"<Device …{EID[-4:]} iPhone17,1 26.1>"


async def test_notifications_under_way_do_not_refuse_a_download(device, server):
    """The download waits for its turn."""
    async with device._changing():  # noqa: SLF001 - what a flush holds
        refreshing = asyncio.create_task(device.refresh(server.url))
        await asyncio.sleep(0)
        assert device.busy
        assert not refreshing.done()
    assert (await refreshing).reason != "busy"
