"""The command loop: what is said in which order, and that nothing a server does leaves it half done."""

import asyncio
import plistlib

import pytest
from aiohttp import web

from smdp.device.apple.result import ErrorItem
from smdp.device.mdm.channel import Channel
from smdp.device.mdm.enrollment import MAX_UNDELIVERED
from smdp.device.mdm.failure import mdm_failure
from smdp.device.mdm.loop import MAX_COMMANDS, Result, poll
from tests.fake_mdm import command

ACKNOWLEDGED = Result("Acknowledged")


@pytest.fixture
async def channel(enrollment):
    found = Channel(enrollment, within=5)
    yield found
    await found.close()


@pytest.fixture
def asked():
    return []


@pytest.fixture
def ask(channel, who, tell, asked):
    """Poll with results by RequestType; others are acknowledged."""

    async def run(results=None, on=channel):
        async def answer(found):
            asked.append(found.request_type)
            result = (results or {}).get(found.request_type, ACKNOWLEDGED)
            if isinstance(result, Exception):
                raise result
            return result

        return await poll(on, who, answer, tell)

    return run


def statuses(mdm):
    return [(message["Status"], message.get("CommandUUID")) for message in mdm.said("connect")]


async def test_nothing_to_do(mdm, ask, who):
    assert (await ask()).answered == []
    assert mdm.heard == [("connect", {"UDID": who.udid, "Status": "Idle"})]


async def test_commands_one_after_the_other(mdm, ask, asked, told):
    mdm.queue = [command("SecurityInfo", "1"), command("DeviceInformation", "2", Queries=["UDID"])]
    polled = await ask({"DeviceInformation": Result("Acknowledged", {"QueryResponses": {"UDID": "x"}})})
    assert polled.answered == [("SecurityInfo", "Acknowledged"), ("DeviceInformation", "Acknowledged")]
    assert statuses(mdm) == [("Idle", None), ("Acknowledged", "1"), ("Acknowledged", "2")]
    assert mdm.said("connect")[2]["QueryResponses"] == {"UDID": "x"}
    assert asked == ["SecurityInfo", "DeviceInformation"]
    assert [kind for kind, _ in told] == ["mdm.command", "mdm.acknowledged"] * 2
    assert told[0][1] == {"command": "SecurityInfo", "command_uuid": "1"}


async def test_the_answer_sees_the_whole_command(mdm, channel, who, tell):
    mdm.queue = [command("RefreshCellularPlans", "1", eSIMServerURL="https://x")]
    seen = []

    async def answer(found):
        seen.append(found)
        return ACKNOWLEDGED

    await poll(channel, who, answer, tell)
    request = {"RequestType": "RefreshCellularPlans", "eSIMServerURL": "https://x"}
    assert seen == [("1", "RefreshCellularPlans", request)]


async def test_errors_are_a_chain(mdm, ask, told):
    mdm.queue = [command("RefreshCellularPlans", "1")]
    chain = [ErrorItem(36003, "MCCellularErrorDomain", "busy", "busy"), ErrorItem(1, "NSPOSIXErrorDomain", "no")]
    polled = await ask({"RefreshCellularPlans": Result("Error", errors=chain)})
    assert polled.error is None
    message = mdm.said("connect")[1]
    assert (message["Status"], message["CommandUUID"]) == ("Error", "1")
    assert message["ErrorChain"] == [
        {
            "ErrorCode": 36003,
            "ErrorDomain": "MCCellularErrorDomain",
            "LocalizedDescription": "busy",
            "USEnglishDescription": "busy",
        },
        {"ErrorCode": 1, "ErrorDomain": "NSPOSIXErrorDomain", "LocalizedDescription": "no"},
    ]
    kind, data = told[1]
    assert (kind, data["code"], data["text"]) == ("mdm.error", 36003, "busy")


async def test_an_mdm_error_of_the_answer_is_an_error_of_the_command(mdm, ask):
    mdm.queue = [command("InstallProfile", "1")]
    await ask({"InstallProfile": mdm_failure("profile-encrypted")})
    message = mdm.said("connect")[1]
    assert (message["Status"], message["ErrorChain"][0]["ErrorCode"]) == ("Error", 1006)
    assert message["ErrorChain"][0]["ErrorDomain"] == "MCProfileErrorDomain"


async def test_user_enrolment_names_the_enrolment(mdm, ask, channel):
    channel.enrollment.kind, channel.enrollment.enrollment_id = "user", "E"
    mdm.queue = [command("SecurityInfo", "1")]
    await ask()
    assert [message["EnrollmentID"] for message in mdm.said("connect")] == ["E", "E"]
    assert not any("UDID" in message for message in mdm.said("connect"))


# --- NotNow


async def test_not_now_as_the_last_word_means_to_ask_again(mdm, ask, told):
    mdm.queue = [command("InstallProfile", "1")]
    polled = await ask({"InstallProfile": Result("NotNow")})
    assert polled.not_now
    assert statuses(mdm) == [("Idle", None), ("NotNow", "1")]
    assert told[1][0] == "mdm.not-now"


async def test_after_not_now_it_goes_on(mdm, ask):
    mdm.queue = [command("InstallProfile", "1"), command("DeviceInformation", "2")]
    polled = await ask({"InstallProfile": Result("NotNow")})
    assert statuses(mdm) == [("Idle", None), ("NotNow", "1"), ("Acknowledged", "2"), ("NotNow", "1")]
    assert polled.not_now


async def test_not_now_and_then_something_else_waits_for_a_push(mdm, ask):
    mdm.queue = [command("InstallProfile", "1"), command("DeviceInformation", "2")]
    mdm.replies = [None, None, web.Response()]
    polled = await ask({"InstallProfile": Result("NotNow")})
    assert statuses(mdm)[-1] == ("Acknowledged", "2")
    assert not polled.not_now


async def test_a_command_put_off_is_carried_out_the_next_time(mdm, ask, asked):
    mdm.queue = [command("InstallProfile", "1")]
    await ask({"InstallProfile": Result("NotNow")})
    await ask()
    assert asked == ["InstallProfile"] * 2
    assert statuses(mdm)[-1] == ("Acknowledged", "1")


async def test_a_server_that_insists_is_left_alone(mdm, ask):
    async def insist(_):
        return web.Response(body=plistlib.dumps(command("InstallProfile", "1")))

    mdm.replies = [insist] * 10
    polled = await ask({"InstallProfile": Result("NotNow")})
    assert statuses(mdm) == [("Idle", None), ("NotNow", "1"), ("NotNow", "1")]
    assert (polled.not_now, polled.error) == (True, None)


# --- commands that are none


@pytest.mark.parametrize(
    "given",
    [
        {"CommandUUID": "1"},
        {"CommandUUID": "1", "Command": "RefreshCellularPlans"},
        {"CommandUUID": "1", "Command": {}},
        {"CommandUUID": "1", "Command": {"RequestType": 3}},
    ],
)
async def test_commands_without_a_request_type(mdm, ask, asked, given):
    mdm.queue = [given, command("SecurityInfo", "2")]
    polled = await ask()
    assert statuses(mdm) == [("Idle", None), ("CommandFormatError", "1"), ("Acknowledged", "2")]
    assert asked == ["SecurityInfo"]
    assert polled.answered[0] == ("", "CommandFormatError")


@pytest.mark.parametrize("given", [{}, {"Command": {"RequestType": "X"}}, {"CommandUUID": 3, "Command": {}}])
async def test_commands_without_a_uuid_end_the_poll(mdm, ask, asked, given):
    mdm.replies = [web.Response(body=plistlib.dumps(given)) for _ in range(10)]
    polled = await ask()
    assert statuses(mdm) == [("Idle", None), ("CommandFormatError", None)]
    assert (asked, polled.error) == ([], None)


async def test_a_server_without_end(mdm, ask, asked, monkeypatch):
    monkeypatch.setattr("smdp.device.mdm.loop.MAX_COMMANDS", 20)
    sent = iter(range(100))

    async def more(_):
        return web.Response(body=plistlib.dumps(command("SecurityInfo", str(next(sent)))))

    mdm.replies = [more] * 100
    polled = await ask()
    assert polled.error.reason == "too-many-commands"
    assert len(asked) == 20
    assert MAX_COMMANDS == 1000


# --- what goes wrong on the way


async def test_a_result_that_did_not_arrive_is_sent_again_and_not_carried_out_again(mdm, ask, asked, told, channel):
    mdm.queue = [command("RefreshCellularPlans", "1")]
    mdm.replies = [None, web.Response(status=500), None, None]
    polled = await ask()
    assert polled.error.reason == "http-status"
    lost = mdm.bodies[1]
    assert channel.enrollment.undelivered == {"1": lost}
    polled = await ask()
    assert polled.answered == [("RefreshCellularPlans", "again")]
    assert asked == ["RefreshCellularPlans"]
    assert mdm.bodies[3] == lost
    assert channel.enrollment.undelivered == {}
    assert ("mdm.command", {"command": "RefreshCellularPlans", "command_uuid": "1", "again": True}) in told


async def test_a_result_that_arrived_is_forgotten(mdm, ask, asked):
    for _ in range(2):
        mdm.queue = [command("RefreshCellularPlans", "1")]
        await ask()
    assert asked == ["RefreshCellularPlans"] * 2


async def test_a_result_that_got_nonsense_for_an_answer_has_arrived(mdm, ask, channel):
    mdm.queue = [command("SecurityInfo", "1")]
    mdm.replies = [None, web.Response(body=b"<html>")]
    assert (await ask()).error.reason == "plist-malformed"
    assert channel.enrollment.undelivered == {}


async def test_not_now_is_not_kept(mdm, ask, channel):
    mdm.queue = [command("SecurityInfo", "1")]
    mdm.replies = [None, web.Response(status=500)]
    await ask({"SecurityInfo": Result("NotNow")})
    assert channel.enrollment.undelivered == {}


async def test_few_results_are_kept(mdm, ask, channel):
    for number in range(MAX_UNDELIVERED + 5):
        mdm.queue = [command("SecurityInfo", str(number))]
        mdm.replies = [None, web.Response(status=500)]
        await ask()
    assert list(channel.enrollment.undelivered) == [str(number) for number in range(5, MAX_UNDELIVERED + 5)]


@pytest.mark.parametrize(
    ("status", "body"), [(401, b""), (403, b'{"code": "com.apple.unrecognized.device"}')], ids=["401", "403"]
)
@pytest.mark.parametrize("when", [0, 1])
async def test_a_server_that_ends_the_enrolment(mdm, ask, channel, told, status, body, when):
    mdm.queue = [command("SecurityInfo", "1")]
    mdm.replies = [None] * when + [web.Response(status=status, body=body)]
    polled = await ask()
    assert polled.error.unenrols
    assert not channel.enrollment.enrolled
    assert channel.enrollment.undelivered == {}
    assert told[-1][0] == "mdm.error"
    assert told[-1][1]["unenrolled"] is True
    assert (await ask()).error.reason == "not-enrolled"
    assert len(mdm.heard) == when + 1


async def test_a_device_that_is_not_enrolled_asks_nobody(mdm, ask, channel):
    channel.enrollment.enrolled = False
    assert (await ask()).error.reason == "not-enrolled"
    assert mdm.heard == []


@pytest.mark.parametrize("status", [200, 500])
async def test_what_is_to_be_done_after_the_answer(mdm, ask, asked, channel, status):
    order = []

    async def erase():
        order.append(len(mdm.heard))

    mdm.queue = [command("EraseDevice", "1"), command("SecurityInfo", "2")]
    mdm.replies = [None, None if status == 200 else web.Response(status=status)]
    polled = await ask({"EraseDevice": Result("Acknowledged", after=erase)})
    assert polled.left
    assert order == [2]
    assert channel.enrollment.undelivered == {}
    assert asked == ["EraseDevice"]
    assert len(mdm.heard) == 2


async def cancelled(mdm, run):
    """Cancel a poll while its result is on the way."""
    reached, hold = asyncio.Event(), asyncio.Event()

    async def stall(_):
        reached.set()
        await hold.wait()

    mdm.replies = [None, stall]
    task = asyncio.create_task(run)
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hold.set()


async def test_a_poll_that_is_cancelled_does_nothing_twice(mdm, ask, asked, channel):
    mdm.queue = [command("RefreshCellularPlans", "1")]
    await cancelled(mdm, ask())
    assert channel.enrollment.enrolled
    assert list(channel.enrollment.undelivered) == ["1"]
    assert (await ask()).answered == [("RefreshCellularPlans", "again")]
    assert asked == ["RefreshCellularPlans"]


async def test_a_poll_that_is_cancelled_leaves_what_comes_afterwards_for_the_next_time(mdm, ask, asked):
    erased = []

    async def erase():
        erased.append(len(mdm.heard))

    mdm.queue = [command("EraseDevice", "1")]
    results = {"EraseDevice": Result("Acknowledged", after=erase)}
    await cancelled(mdm, ask(results))
    assert erased == []
    await ask(results)
    assert len(erased) == 1
    assert asked == ["EraseDevice"] * 2


async def test_two_polls_wait_for_each_other(mdm, ask, asked):
    mdm.queue = [command("SecurityInfo", "1"), command("DeviceInformation", "2")]
    first, second = await asyncio.gather(ask(), ask())
    assert asked == ["SecurityInfo", "DeviceInformation"]
    assert (len(first.answered), len(second.answered)) == (2, 0)
    assert statuses(mdm)[-1] == ("Idle", None)
