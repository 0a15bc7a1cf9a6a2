"""With a seed a session repeats byte for byte; after a restart, and in another process, nothing repeats."""

from base64 import b64decode
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from smdp.carrier.issue import read_order
from smdp.carrier.journal import Wanted
from smdp.rsp.crypto import Stream
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import Inside, Outside, Phone, eid_of
from tests.e2e.processes import ServerProcess
from tests.independent import parse

EID = eid_of(1)
ADDRESS = "acme.smdp.localhost"
"""Without a port, which differs between servers; hosted devices find their own server all the same."""
VARYING = {"created_at", "consumed_at", "since", "at", "wall", "opened_at", "ms"}


class Recorder:
    """A door that keeps what came through it."""

    def __init__(self, door):
        self.door, self.answers = door, []

    async def ask(self, function, body):
        answer = await self.door.ask(function, body)
        self.answers.append((function, body, answer))
        return answer


@asynccontextmanager
async def seeded(seed="7", database=None):
    settings = Settings(port=0, control_port=0, seed=seed, database=database, address=ADDRESS)
    async with Server(settings) as server:
        await server.parts.service.change_carrier("acme", {})
        yield server


async def issue(server, **order):
    return (await server.parts.service.issue("acme", [read_order(order)])).value[0]


async def whole_session(server):
    """Issue, download, install, notify; return all bytes that went to and fro, and what the carrier says of it."""
    profile = await issue(server, eid=EID)
    phone = Phone(EID, ADDRESS, entropy=Stream(b"phone"))
    door = Recorder(Inside(server.parts.downloads, ADDRESS))
    await phone.download(door)
    assert phone.installed is not None
    shown = await server.parts.service.profile("acme", profile.iccid, secrets=True)
    return door.answers, without_times(shown), phone


def without_times(value):
    """Leave out when it happened."""
    plain = msgspec.to_builtins(value)

    def strip(node):
        if isinstance(node, dict):
            return {name: strip(member) for name, member in node.items() if name not in VARYING}
        return [strip(member) for member in node] if isinstance(node, list) else node

    return strip(plain)


async def events(server):
    return without_times(await server.parts.service.events(Wanted("acme", 0), 1000))


async def test_a_whole_session_repeats():
    runs = []
    for _ in range(2):
        async with seeded() as server:
            answers, profile, phone = await whole_session(server)
            runs.append((answers, profile, phone.installed, await events(server)))
    assert runs[0] == runs[1]
    functions = [function for function, _, _ in runs[0][0]]
    assert functions[2:] == ["getBoundProfilePackage", "handleNotification"]
    assert len(functions) == 4


async def test_another_seed_is_another_session():
    async with seeded("7") as one, seeded("8") as two:
        (first, _, _), (second, _, _) = await whole_session(one), await whole_session(two)
    assert not (fresh_values(first) & fresh_values(second))


async def test_hosted_devices_repeat():
    runs = []
    for _ in range(2):
        async with seeded() as server, AsyncExitStack() as stack:
            hosted = server.parts.hosted
            device = await hosted.create({"carrier": "acme"})
            profile = await issue(server, eid=device.eid)
            awake = await stack.enter_async_context(hosted.awake(device.eid))
            outcome = await awake.refresh(profile.esim_server_url)
            assert outcome.ok, outcome
            raw = await server.parts.service.raw_session("acme", outcome.session)
            runs.append((device, outcome, without_times(raw), awake.dump(), await events(server)))
    assert runs[0] == runs[1]


async def test_carriers_without_a_name_repeat():
    names = []
    for _ in range(2):
        async with seeded() as server:
            names.append([(await server.parts.service.create_carrier(None, {})).name for _ in range(3)])
    assert names[0] == names[1]
    assert len(set(names[0])) == 3


async def test_other_carriers_have_other_streams():
    async with seeded() as server:
        answers = []
        for name in ("acme", "blue"):
            await server.parts.service.change_carrier(name, {})
            host = f"{name}.smdp.localhost"
            door = Recorder(Inside(server.parts.downloads, host))
            await door.ask("initiateAuthentication", Phone(EID, host, entropy=Stream(b"phone")).initiate())
            answers += door.answers
    assert not (fresh_values(answers[:1]) & fresh_values(answers[1:]))


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
async def test_nothing_repeats_after_a_restart(tmp_path, killed):
    seen = []
    async with Outside("") as http:
        for _ in range(3):
            with ServerProcess(tmp_path / "smdp.db", seed="7") as server:
                seen.append(await one_life(http, server))
                if killed:
                    server.kill()
    check_all_different(seen)


async def test_nothing_repeats_between_two_servers(tmp_path):
    database = tmp_path / "smdp.db"
    async with Outside("") as http:
        with ServerProcess(database, seed="7") as one, ServerProcess(database, seed="7") as two:
            seen = [await one_life(http, server) for server in (one, two, one, two)]
    check_all_different(seen)


async def one_life(http, server):
    """What a server has made up: of a session that is left open, of one that ends well, and of a hosted device."""
    client, door = server.client("acme"), Recorder(http.at(server.address("acme")))
    order = client.issue()
    await door.ask("initiateAuthentication", Phone(EID, door.door.address).initiate())
    await Phone(EID, door.door.address).download(door, order.matching_id)
    made = client.profile(order.iccid, credentials=True)
    device = client.create_device()
    values = {order.iccid, order.matching_id, order.imsi, made.credentials.ki, made.credentials.opc, device.eid}
    return values | fresh_values(door.answers)


def check_all_different(seen):
    every = [value for life in seen for value in life]
    assert len(every) == len(set(every))
    assert min(map(len, seen)) >= 6 + 2 * 2 + 1


def fresh_values(answers):
    """TransactionIds, server challenges and one-time keys in what was answered."""
    found = set()
    for function, _, answer in answers:
        if function == "initiateAuthentication":
            signed = parse(b64decode(answer.members["serverSigned1"]))
            found |= {answer.members["transactionId"], signed["84"].value}
        if function == "getBoundProfilePackage":
            found.add(parse(b64decode(answer.members["boundProfilePackage"]))["BF23"]["5F49"].value)
    return found
