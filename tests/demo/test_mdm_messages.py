"""Check-ins, commands and NanoMDM's queue rules, over a socket."""

import asyncio
import io
import json
import plistlib

import pytest

from smdp.demo.mdm import MdmError, SmallMdm
from smdp.demo.mdm.queue import MAX_COMMANDS, MAX_RESULT_BYTES, MAX_RESULTS, QueueError
from smdp.errors import StartError, TimedOut
from tests.demo.mdm_client import CHECK_IN, OTHER, TOKEN, UDID, Phone, identity

URL = "https://acme.smdp.localhost:8443"


# --- check-in


async def test_enrolling(mdm, phone):
    told = {"OSVersion": "26.1", "SerialNumber": "X1", "IMEI": "35 309418 464558 9", "Topic": "com.apple.mgmt.x"}
    assert await phone.check_in("Authenticate", **told) == (200, b"")
    assert not mdm.devices[UDID].enrolled
    waiting = asyncio.create_task(mdm.enrolled(UDID, within=30))
    assert await phone.check_in("TokenUpdate", **TOKEN, UnlockToken=b"u", AwaitingConfiguration=True) == (200, b"")
    device = await waiting
    assert (device.about, device.token, device.unlock_token) == (told, TOKEN["Token"], b"u")
    assert (device.token_updates, device.awaiting_configuration) == (1, True)
    await phone.check_in("TokenUpdate", **TOKEN)
    assert device.token_updates == 2


async def test_waiting_for_a_device_that_does_not_enrol(mdm):
    with pytest.raises(TimedOut, match="did not enrol within 0 seconds"):
        await mdm.enrolled(UDID, within=0)


async def test_a_user_enrolment_names_an_enrolment_id(mdm, phone):
    message = {"MessageType": "Authenticate", "EnrollmentID": "E-1", "Topic": "com.apple.mgmt.x"}
    assert await phone.send(message, kind=CHECK_IN) == (200, b"")
    assert mdm.devices["E-1"].user_enrollment


async def test_the_content_type_tells_a_check_in_from_a_result(mdm, phone):
    message = {"MessageType": "Authenticate", "UDID": UDID}
    assert await phone.send(message, kind=CHECK_IN, path="/mdm") == (200, b"")
    assert (await phone.send(message, path="/mdm"))[1] == b"it lacks Status\n"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"MessageType": "Dance", "UDID": UDID}, "unknown MessageType 'Dance'"),
        ({"UDID": UDID}, "unknown MessageType 'None'"),
        ({"MessageType": "Authenticate"}, "neither UDID nor EnrollmentID"),
        ({"MessageType": "Authenticate", "UDID": "x" * 129}, "neither UDID nor EnrollmentID"),
        ({"MessageType": "TokenUpdate", "UDID": UDID}, "lacks Token or PushMagic"),
        ({"MessageType": "SetBootstrapToken", "UDID": UDID, "BootstrapToken": bytes(65537)}, "longer than 64 KiB"),
        ({"MessageType": "DeclarativeManagement", "UDID": UDID}, "lacks Endpoint"),
        ({"MessageType": "DeclarativeManagement", "UDID": UDID, "Endpoint": "status", "Data": b"x"}, "no JSON"),
        ({"MessageType": "DeclarativeManagement", "UDID": UDID, "Endpoint": "status", "Data": b"[]"}, "no JSON object"),
    ],
)
async def test_check_ins_that_make_no_sense_are_answered_400(enrolled, message, said):
    status, text = await enrolled.send(message, kind=CHECK_IN)
    assert status == 400
    assert said in text.decode()


@pytest.mark.parametrize("body", [b"", b"no plist", b"<plist><array/></plist>", b"<plist>" + b"<dict>" * 5000])
async def test_bodies_that_are_no_dictionary_are_answered_400(enrolled, body):
    status, text = await enrolled.send(None, body=body)
    assert status == 400
    assert "property list" in text.decode()


async def test_a_long_body_is_answered_413(enrolled):
    body = io.BytesIO(b"x" * (1024 * 1024 + 1))
    assert (await enrolled.send(None, body=body, headers={"Mdm-Signature": "x"}))[0] == 413


async def test_a_check_out_ends_it(mdm, enrolled):
    mdm.query(UDID)
    assert await enrolled.check_in("CheckOut") == (200, b"")
    assert not mdm.devices[UDID].enrolled
    assert await enrolled.answer() is None
    mdm.query(UDID)
    assert await enrolled.answer() is None


async def test_a_bootstrap_token_is_kept_given_and_removed(enrolled):
    assert await enrolled.check_in("GetBootstrapToken") == (200, b"")
    assert await enrolled.check_in("SetBootstrapToken", BootstrapToken=b"secret") == (200, b"")
    assert plistlib.loads((await enrolled.check_in("GetBootstrapToken"))[1]) == {"BootstrapToken": b"secret"}
    assert await enrolled.check_in("SetBootstrapToken") == (200, b"")
    assert await enrolled.check_in("GetBootstrapToken") == (200, b"")


async def test_return_to_service_is_answered_as_set(mdm, enrolled):
    assert plistlib.loads((await enrolled.check_in("ReturnToService"))[1]) == {"ReturnToService": {"Enabled": True}}
    mdm.desk.return_to_service = {"PreserveDataPlan": True, "ReturnToService": {"Enabled": True}}
    assert plistlib.loads((await enrolled.check_in("ReturnToService"))[1])["PreserveDataPlan"] is True


async def test_declarative_management():
    wanted = {"Type": "com.apple.configuration.management.test", "Identifier": "D-1", "Payload": {"Echo": "x"}}
    async with SmallMdm(declarations=[wanted]) as mdm, Phone(mdm, who=identity(mdm.authority)) as phone:
        await phone.enroll()

        async def ask(endpoint, **members):
            return await phone.check_in("DeclarativeManagement", Endpoint=endpoint, **members)

        tokens = json.loads((await ask("tokens"))[1])["SyncTokens"]
        items = json.loads((await ask("declaration-items"))[1])
        assert tokens["DeclarationsToken"] == items["DeclarationsToken"]
        (listed,) = items["Declarations"]["Configurations"]
        one = json.loads((await ask("declaration/configuration/D-1"))[1])
        assert one == {**wanted, "ServerToken": listed["ServerToken"]}
        assert (await ask("declaration/asset/D-1"))[0] == 404
        assert (await ask("nonsense"))[0] == 404
        assert await ask("status", Data=b'{"StatusItems": {}}') == (200, b"")
        assert mdm.devices[UDID].status_report == {"StatusItems": {}}


def test_a_declaration_of_no_kind_is_refused():
    with pytest.raises(ValueError, match="no type of a declaration"):
        SmallMdm(declarations=[{"Type": "com.apple", "Identifier": "D-1"}])


# --- commands


async def test_a_command_goes_out_and_its_result_comes_back(mdm, enrolled):
    uuid = mdm.send_refresh(UDID, URL)
    sent = await enrolled.answer()
    assert sent == {"CommandUUID": uuid, "Command": {"RequestType": "RefreshCellularPlans", "eSIMServerURL": URL}}
    waiting = asyncio.create_task(mdm.result(UDID, uuid, within=30))
    await asyncio.sleep(0)
    assert await enrolled.answer("Acknowledged", uuid) is None
    result = await waiting
    assert (result.ok, result.request_type, result.command_uuid) == (True, "RefreshCellularPlans", uuid)
    assert plistlib.loads(result.raw) == result.answer
    assert await mdm.result(UDID, uuid) is result
    assert mdm.results(UDID) == [result]


async def test_every_verb_makes_its_command(mdm, enrolled):
    mdm.query(UDID, ["OSVersion"])
    mdm.erase(UDID, preserve_data_plan=True, return_to_service={"Enabled": True})
    mdm.erase(UDID)
    mdm.install_profile(UDID, b"profile")
    mdm.enqueue(UDID, {"CommandUUID": "mine", "Command": {"RequestType": "ProfileList"}})
    sent = []
    told = await enrolled.answer()
    while told is not None:
        sent.append(told["Command"])
        told = await enrolled.answer("Acknowledged", told["CommandUUID"])
    assert sent == [
        {"RequestType": "DeviceInformation", "Queries": ["OSVersion"]},
        {"RequestType": "EraseDevice", "PreserveDataPlan": True, "ReturnToService": {"Enabled": True}},
        {"RequestType": "EraseDevice", "PreserveDataPlan": False},
        {"RequestType": "InstallProfile", "Payload": b"profile"},
        {"RequestType": "ProfileList"},
    ]


async def test_an_unanswered_command_is_sent_again(mdm, enrolled):
    uuid = mdm.query(UDID)
    assert [(await enrolled.answer())["CommandUUID"] for _ in range(2)] == [uuid, uuid]


async def test_after_not_now_that_reply_skips_the_command_and_the_next_idle_gets_it_again(mdm, enrolled):
    first, second = mdm.query(UDID), mdm.query(UDID)
    assert (await enrolled.answer())["CommandUUID"] == first
    assert (await enrolled.answer("NotNow", first))["CommandUUID"] == second
    assert await enrolled.answer("NotNow", second) is None
    assert (await enrolled.answer())["CommandUUID"] == first
    assert (await enrolled.answer("NotNow", first)) is None


async def test_the_answer_to_another_command_gets_a_not_now_command_again(mdm, enrolled):
    first, second = mdm.query(UDID), mdm.query(UDID)
    assert (await enrolled.answer("NotNow", first))["CommandUUID"] == second
    assert (await enrolled.answer("Acknowledged", second))["CommandUUID"] == first
    assert [one.status for one in mdm.results(UDID)] == ["NotNow", "Acknowledged"]


async def test_errors_are_final(mdm, enrolled):
    chain = [{"ErrorCode": 36003, "ErrorDomain": "MCCellularErrorDomain"}, "odd", {"ErrorCode": "x"}]
    uuid, other = mdm.send_refresh(UDID, URL), mdm.send_refresh(UDID, "x")
    assert (await enrolled.answer("Error", uuid, ErrorChain=chain))["CommandUUID"] == other
    assert await enrolled.answer("CommandFormatError", other) is None
    result = await mdm.result(UDID, uuid)
    assert (result.ok, result.status, result.error_codes) == (False, "Error", [36003])
    assert (await mdm.result(UDID, other)).error_codes == []


async def test_a_result_that_nobody_asked_for_and_one_that_is_repeated_change_nothing(mdm, enrolled):
    assert await enrolled.answer("Acknowledged", "never-sent") is None
    uuid = mdm.query(UDID)
    for _ in range(2):
        assert await enrolled.answer("Acknowledged", uuid) is None
    assert len(mdm.results(UDID)) == 1


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({}, 400),
        ({"Status": ""}, 400),
        ({"Status": "Acknowledged"}, 500),
        ({"Status": "Maybe", "CommandUUID": "1"}, 500),
    ],
)
async def test_results_that_lack_something(enrolled, members, status):
    assert (await enrolled.send({"UDID": UDID, **members}))[0] == status


async def test_a_command_uuid_is_used_once_even_after_its_answer(mdm, enrolled):
    command = {"CommandUUID": "C-1", "Command": {"RequestType": "ProfileList"}}
    mdm.enqueue(UDID, command)
    with pytest.raises(QueueError, match="command already exists: C-1"):
        mdm.enqueue(UDID, command)
    await enrolled.answer("Acknowledged", "C-1")
    with pytest.raises(QueueError, match="command already exists: C-1"):
        mdm.enqueue(UDID, command)


@pytest.mark.parametrize(
    "command",
    [{}, {"Command": "x"}, {"Command": {}}, {"RequestType": 7}, {"CommandUUID": "", "Command": {"RequestType": "x"}},
     {"RequestType": "x", "Nothing": None}],
)  # fmt: skip
def test_commands_that_make_no_sense_are_refused(mdm, command):
    with pytest.raises(QueueError):
        mdm.enqueue(UDID, command)


async def test_enrolling_anew_drops_what_waits_and_says_so(mdm, enrolled):
    uuid = mdm.query(UDID)
    waiting = asyncio.create_task(mdm.result(UDID, uuid, within=30))
    await asyncio.sleep(0)
    await enrolled.enroll()
    with pytest.raises(MdmError, match="enrolled anew"):
        await waiting
    assert await enrolled.answer() is None
    with pytest.raises(MdmError, match="no command"):
        await mdm.result(UDID, uuid)


async def test_a_result_that_does_not_come(mdm, enrolled):
    uuid = mdm.query(UDID)
    with pytest.raises(TimedOut, match="did not answer"):
        await mdm.result(UDID, uuid, within=0)
    waiting = asyncio.create_task(mdm.result(UDID, uuid, within=30))  # the time-out of one ends no other's wait
    await asyncio.sleep(0)
    await enrolled.answer("Acknowledged", uuid)
    assert (await waiting).ok
    with pytest.raises(MdmError, match="No device"):
        await mdm.result(OTHER, uuid)
    assert mdm.results(OTHER) == []


# --- woken, bounds, restart


async def test_whoever_is_to_wake_a_device_is_told(mdm, enrolled):
    woken, asleep = [], asyncio.Event()

    async def wake(udid):
        woken.append(udid)
        asleep.set()
        raise RuntimeError("no push today")

    mdm.woken = wake
    mdm.query(UDID)
    await asyncio.wait_for(asleep.wait(), 30)
    mdm.woken = woken.append
    mdm.query(UDID)
    assert woken == [UDID, UDID]


def test_the_queue_is_bounded(mdm):
    for _ in range(MAX_COMMANDS):
        mdm.query(UDID)
    with pytest.raises(QueueError, match="1000 commands wait"):
        mdm.query(UDID)
    for _ in range(8):
        mdm.install_profile(OTHER, bytes(700 * 1024))
    with pytest.raises(QueueError, match="more than 8 MiB"):
        mdm.install_profile(OTHER, bytes(1024 * 1024))


async def test_devices_are_bounded():
    async with SmallMdm(max_devices=1) as mdm, Phone(mdm, who=identity(mdm.authority)) as phone:
        await phone.enroll()
        async with Phone(mdm, OTHER, identity(mdm.authority)) as other:
            assert await other.check_in("Authenticate") == (500, b"there are 1 devices already\n")
        with pytest.raises(QueueError, match="1 devices already"):
            mdm.query(OTHER)


def test_results_are_bounded_by_number_and_bytes():
    from datetime import UTC, datetime

    from smdp.demo.mdm.queue import Queue, Result

    queue = Queue()

    def answer(number, raw):
        queue.add(str(number), {"CommandUUID": str(number), "Command": {"RequestType": "x"}})
        queue.answered(Result(UDID, str(number), "x", "Acknowledged", datetime.now(UTC), {}, raw))

    for number in range(MAX_RESULTS + 50):
        answer(number, b"")
    assert len(queue.results) == MAX_RESULTS
    answer("big", bytes(MAX_RESULT_BYTES + 1))
    assert [one.command_uuid for one in queue.results] == ["big"]
    for number in range(3000, 5400):
        answer(number, b"")
    queue.add("5", {"CommandUUID": "5", "Command": {"RequestType": "x"}})  # forgotten long ago


async def test_a_restart_keeps_devices_and_queues(mdm):
    own = SmallMdm()
    async with own, Phone(own, who=identity(own.authority)) as phone:
        await phone.enroll()
        port, uuid = own.port, own.query(UDID)
        who = phone.identity
    async with own, Phone(own, who=who) as phone:
        assert own.port == port
        assert (await phone.answer())["CommandUUID"] == uuid


async def test_a_port_that_is_taken(mdm):
    with pytest.raises(StartError, match=str(mdm.port)):
        async with SmallMdm(port=mdm.port):
            pass
