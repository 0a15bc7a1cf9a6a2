"""The awaitable client: what the blocking one does, verb for verb, on a loop, against a server and against none."""

import asyncio
import contextlib
import inspect
import socket
import subprocess
import sys
import threading

import pytest

import smdp
from smdp.client import AsyncClient, AsyncHostedDevice, Client, HostedDevice
from smdp.client.steps import fact, verb
from smdp.errors import ApiError, NotReached, ServerUnreachable, TimedOut, UsageError
from tests.control_stub import CARRIER, EID, ICCID, Stub, event, page, problem, profile
from tests.test_client import raw_server


@pytest.fixture
def stub():
    with contextlib.closing(Stub()) as server:
        yield server


@pytest.fixture
def client(stub):
    return AsyncClient(stub.url, timeout=5)


@pytest.fixture(scope="module")
def server():
    with smdp.Server() as running:
        yield running


@pytest.fixture
async def acme(server):
    made = await AsyncClient(server.control_url).create_carrier()
    yield made
    await made.delete_carrier()


# --- the same verbs


def public(kind):
    names = [name for name in dir(kind) if not name.startswith("_") and name not in ("run", "arun", "of", "wire")]
    return {name: inspect.getattr_static(kind, name) for name in names}


@pytest.mark.parametrize(("blocking", "awaited"), [(Client, AsyncClient), (HostedDevice, AsyncHostedDevice)])
def test_both_have_the_same_verbs_with_the_same_words(blocking, awaited):
    one, two = public(blocking), public(awaited)
    assert one.keys() == two.keys()
    assert {"issue", "wait", "follow"} < one.keys() or {"refresh", "esims"} < one.keys()
    for name in one:
        assert type(one[name]) is type(two[name]), name
        if isinstance(one[name], verb | fact):
            ours, theirs = inspect.signature(one[name].steps), inspect.signature(two[name].steps)
            assert list(ours.parameters.values())[1:] == list(theirs.parameters.values())[1:], name
            assert one[name].__doc__, name


def test_every_verb_is_made_of_steps():
    """A method that sends by itself would be said twice: follow streams, enrolled goes on, on and url send nothing."""
    for kind in (Client, AsyncClient, HostedDevice, AsyncHostedDevice):
        others = {name for name, value in public(kind).items() if not isinstance(value, verb | fact)}
        assert others <= {"enrolled", "follow", "on", "url"}


def test_aiohttp_comes_with_the_first_use():
    code = (
        "import sys, smdp.client as c; print('aiohttp' in sys.modules); c.AsyncClient; print('aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_verb_shows_its_words():
    issue = AsyncClient("http://h").issue
    assert str(inspect.signature(issue)).startswith("(eid: str | None = None, **order: Any)")
    assert issue.__doc__.startswith("Issue one profile")


# --- what is sent and read


async def test_a_body_and_a_profile(stub, client):
    stub.on("POST", f"{CARRIER}/profiles", profile(), status=201)
    issued = await client.issue(EID, plan="gold", expires="48h", imei=None)
    assert (issued.iccid, issued.eid) == (ICCID, EID)
    assert stub.bodies("POST", f"{CARRIER}/profiles") == [{"eid": EID, "plan": "gold", "expires": "2d"}]


async def test_a_list_of_pages(stub, client):
    def answer(query, _):
        return page(profile(iccid="2" * 19)) if "cursor=x" in query else page(profile(), following="x")

    stub.on("GET", f"{CARRIER}/profiles", answer)
    assert [one.iccid for one in await client.profiles(state="released", eid=None)] == [ICCID, "2" * 19]
    assert stub.requests[0][2] == "state=released"


async def test_a_name_stays_one_segment(stub, client):
    stub.on("GET", f"{CARRIER}/plans/a%2Fb%3F", problem(404, "plan-unknown", "No."))
    with pytest.raises(ApiError) as refused:
        await client.plan("a/b?")
    assert refused.value.reason == "plan-unknown"
    with pytest.raises(UsageError, match="names nothing"):
        await client.plan("..")


async def test_a_refusal_and_health(stub, client):
    stub.on("GET", "/livez", {"status": "live"})
    stub.on("GET", "/readyz", problem(503, "not-ready", "Not yet."))
    assert (await client.live(), await client.ready()) == (True, False)


async def test_the_token_is_sent_and_not_shown(stub):
    stub.on("GET", "/api/v1", {})
    client = AsyncClient(stub.url, token="s3cret")
    await client.about()
    assert stub.headers[0]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(client)
    assert client.on("acme").wire.token == AsyncClient.of(Client(stub.url, token="s3cret")).wire.token == "s3cret"


async def test_waiting(stub, client):
    stub.on("POST", f"{CARRIER}/events/wait", {"reached": True, "event": event(id=9)})
    assert (await client.wait("profile.issued", within="1s")).id == client.last_event == 9
    stub.on("POST", f"{CARRIER}/events/wait", {"reached": False, "timed_out": True})
    with pytest.raises(TimedOut, match=r"No profile.issued within"):
        await client.wait("profile.issued")
    stub.on("POST", f"{CARRIER}/events/wait", {"reached": False, "because": "It failed."})
    with pytest.raises(NotReached, match="It failed"):
        await client.wait("profile.issued")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "hangs up"),
        (b"SSH-2.0-x\r\n\r\n", "does not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<htm>", "sends what smdp does not"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n<htm>", "does not answer in HTTP"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n<htm>", "answers 404 Not Found"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "answers 302"),
    ],
)
async def test_what_is_no_control_api_is_said(answer, sentence):
    with raw_server(answer) as url, pytest.raises(ServerUnreachable, match=sentence):
        await AsyncClient(url, timeout=5).carriers()


async def test_silence_ends():
    with raw_server(None) as url, pytest.raises(ServerUnreachable, match=r"did not answer within 0\.2 s"):
        await AsyncClient(url, timeout=0.2).carriers()


async def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServerUnreachable, match="Nobody answers"):
        await AsyncClient(f"http://127.0.0.1:{port}").carriers()


async def test_an_endless_answer_is_cut(monkeypatch):
    monkeypatch.setattr("smdp.client.wire.LARGEST_ANSWER", 1000)
    with (
        raw_server(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000) as url,
        pytest.raises(ServerUnreachable, match="sends more than"),
    ):
        await AsyncClient(url, timeout=5).carriers()


async def test_no_tls_there():
    with (
        raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url,
        pytest.raises(ServerUnreachable, match="No trusted TLS"),
    ):
        await AsyncClient(url.replace("http", "https"), timeout=5).carriers()


@pytest.mark.parametrize("call", ["delete_carrier", "reset", "carriers"])
async def test_nothing_is_sent_twice(call):
    """A server that hangs up is asked once more by nobody: what was asked may have been done."""
    with raw_server(b"") as url, pytest.raises(ServerUnreachable, match="hangs up"):
        await getattr(AsyncClient(url, timeout=5), call)()


# --- against a server


async def test_the_whole_way(acme):
    device = await acme.host_device(os="18.1")
    order = await acme.issue(device.eid)
    outcome = await device.refresh()
    assert outcome.installed == order.iccid
    assert (await acme.wait("activation.active", eid=device.eid, after=0)).iccid == order.iccid
    assert [esim.iccid for esim in await device.esims] == [order.iccid]
    assert (await acme.why(device.eid)).reason == "already-downloaded"
    assert (await acme.esim_server_url).startswith(f"https://{acme.carrier}.")
    assert repr(device) == f"AsyncHostedDevice(eid={device.eid!r})"


async def test_many_at_once(acme):
    devices = await asyncio.gather(*(acme.host_device() for _ in range(5)))
    await acme.issue_many([{"eid": device.eid} for device in devices])
    outcomes = await asyncio.gather(*(device.refresh() for device in devices))
    assert len({outcome.installed for outcome in outcomes}) == 5


async def test_following(acme):
    order = await acme.issue(EID)
    async for told in acme.follow(after=0, type="profile.issued"):
        assert told.iccid == order.iccid
        break
    else:
        pytest.fail("the stream ended")


async def test_following_a_carrier_that_is_not_there(server):
    with pytest.raises(ApiError, match="no carrier"):
        await anext(AsyncClient(server.control_url, carrier="nobody").follow())


def test_one_client_on_two_loops(server):
    client = AsyncClient(server.control_url)
    names = [asyncio.run(client.about())["version"] for _ in range(2)]
    assert len(set(names)) == 1
    assert threading.active_count() < 50
