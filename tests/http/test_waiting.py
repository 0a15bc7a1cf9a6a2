"""Waits and streams over HTTP: nothing lost, nothing twice, whenever they begin and however often they break off."""

import asyncio
import json

import pytest

from smdp.http import context
from smdp.storage import StorageError

EID = "89049032123451234512345678901235"
OTHER = "89049032123451234512345678901334"
ACME = "/api/v1/carriers/acme"


async def issue(api, **order):
    async with api.post(f"{ACME}/profiles", json=order) as response:
        assert response.status == 201
        return await response.json()


async def wait(api, **body):
    async with api.post(f"{ACME}/events/wait", json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def somebody_waits(api, number=1):
    while api.app[context.SERVICE].journal.waiting < number:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)


async def test_an_event_just_before_the_wait_counts_if_after_says_so(api):
    last = (await issue(api, eid=EID)) and 2
    waited = await wait(api, type="profile.issued", after=last - 1, within="20ms")
    assert (waited["reached"], waited["event"]["id"]) == (True, last)
    waited = await wait(api, type="profile.issued", within="20ms")
    assert (waited["reached"], waited["timed_out"]) == (False, True)


async def test_fifty_waiters_each_get_their_own(api):
    await issue(api)
    eids = [f"8904903212345123451234567890{number:04}" for number in range(50)]
    waits = [asyncio.create_task(wait(api, type="profile.issued", eid=eid)) for eid in eids]
    await somebody_waits(api, 50)
    await issue(api, eid=OTHER)
    for eid in reversed(eids):
        await issue(api, eid=eid)
    waited = await asyncio.gather(*waits)
    assert [one["event"]["eid"] for one in waited] == eids
    assert not api.app[context.SERVICE].journal.waiting


async def test_fifty_waiters_for_one_event(api):
    await issue(api)
    waits = [asyncio.create_task(wait(api, type=["profile.held", "profile.issued"], eid=EID)) for _ in range(50)]
    await somebody_waits(api, 50)
    await issue(api, eid=EID)
    assert {one["event"]["id"] for one in await asyncio.gather(*waits)} == {3}


async def test_what_comes_first_decides_what_is_wanted_or_what_makes_it_impossible(api):
    iccid = (await issue(api, eid=EID, hold=True))["iccid"]
    for verb in ("release", "hold"):
        async with api.post(f"{ACME}/profiles/{iccid}/{verb}") as response:
            assert response.status == 200
    waited = await wait(api, type="profile.held", unless="profile.released", after=2, within="20ms")
    assert (waited["reached"], waited["last"]["type"]) == (False, "profile.released")
    assert waited["because"] == "profile.released came first: no reason given."
    waited = await wait(api, type="profile.held", unless="profile.released", after=3, within="20ms")
    assert (waited["reached"], waited["event"]["id"]) == (True, 4)
    waited = await wait(api, type="profile.released", unless="profile.released", after=2, within="20ms")
    assert waited["reached"], "what is waited for is never what makes it impossible"


async def test_a_wait_that_is_broken_off_leaves_nobody_waiting(api):
    await issue(api)
    waiting = asyncio.create_task(wait(api, type="profile.deleted"))
    await somebody_waits(api)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    while api.app[context.SERVICE].journal.waiting:  # noqa: ASYNC110 - the server notices when it does
        await asyncio.sleep(0.005)


async def test_a_wait_ends_when_its_carrier_is_deleted(api):
    await issue(api)
    body = {"type": "activation.active", "eid": EID, "within": "10m"}
    waits = [asyncio.create_task(api.post(f"{ACME}/events/wait", json=body)) for _ in range(3)]
    last = asyncio.create_task(wait(api, type="carrier.deleted", within="10m"))
    await somebody_waits(api, 4)
    async with api.delete(ACME) as response:
        assert response.status == 204
    for response in await asyncio.wait_for(asyncio.gather(*waits), 20):
        told = await response.json(content_type=None)
        assert (response.status, told["reason"]) == (404, "carrier-unknown")
    assert (await last)["reached"], "who waits for just that is told of it"


async def test_a_wait_in_an_unknown_carrier_is_refused_at_once(api):
    async with api.post(f"{ACME}/events/wait", json={"type": "profile.issued", "after": 0}) as response:
        assert response.status == 404


# --- streams


class Stream:
    """A client of server-sent events, as browsers are: it reconnects with the id of the last event it has."""

    def __init__(self, api, **query):
        self.api, self.query, self.ids, self.last = api, query, [], None

    async def read(self, count):
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(self.last)} if self.last else {})
        async with self.api.get(f"{ACME}/events", params=self.query, headers=headers) as response:
            assert response.status == 200
            while count:
                line = await response.content.readline()
                assert line, "the stream ended"
                if line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    self.ids.append(event["id"])
                    self.last = event["id"]
                    count -= 1


async def test_a_stream_that_reconnects_loses_nothing_and_repeats_nothing(api):
    await issue(api)
    stream = Stream(api)
    for count in (1, 7, 3, 250, 1, 40):  # more than a batch at once, less than there is, while more comes
        await issue(api, count=count)
        reading = asyncio.create_task(stream.read(count))
        await issue(api, count=2)
        await reading
        await stream.read(1)
    await stream.read(2 + 302 + 12 - len(stream.ids))
    assert stream.ids == list(range(1, len(stream.ids) + 1))


async def test_a_stream_with_filters_goes_on_where_it_was(api):
    stream = Stream(api, eid=EID, type="profile.issued", after=1)
    for _ in range(3):
        await issue(api, eid=EID)
        await issue(api, eid=OTHER)
        await stream.read(1)
    assert stream.ids == [2, 4, 6]


@pytest.mark.parametrize("last", ["", "x", "-1", "9" * 30, "9" * 19, str(2**63), "1.5"])
async def test_a_last_event_id_that_is_none_counts_as_absent(api, last):
    await issue(api)
    stream = Stream(api)
    stream.last = last
    await stream.read(2)
    assert stream.ids == [1, 2]


async def test_a_stream_ends_whole_when_the_database_fails(api, service, monkeypatch):
    await issue(api)

    async def read(*_):
        raise StorageError("The database failed: the disk is full.")

    async with api.get(f"{ACME}/events", headers={"Accept": "text/event-stream"}) as stream:
        await somebody_waits(api)
        monkeypatch.setattr(service.journal, "read", read)
        service.journal.stop()
        text = await stream.read()
    assert text.count(b"data:") == 2
    assert b"HTTP/1.1" not in text, "no second answer inside the first"


# --- the end, and the bound


async def test_waits_and_streams_end_in_order_when_the_server_stops(application, aiohttp_client):
    api = await aiohttp_client(application)
    await issue(api)
    async with api.get(f"{ACME}/events", headers={"Accept": "text/event-stream"}) as stream:
        waiting = asyncio.create_task(api.post(f"{ACME}/events/wait", json={"type": "profile.deleted"}))
        await somebody_waits(api, 2)
        application[context.SERVICE].journal.stop()
        assert (await stream.read()).count(b"data:") == 2, "the stream ends whole"
        response = await waiting
        told = await response.json(content_type="application/problem+json")
        assert (response.status, told["reason"]) == (503, "server-stopping")
    waited = await wait(api, type="profile.issued", after=0)
    assert waited["reached"], "what happened already is still told"


async def test_a_journal_is_bounded_and_ids_go_on(application, service, aiohttp_client):
    service._journal_bytes = 20_000  # noqa: SLF001 - SMDP_JOURNAL, without a server around it
    api = await aiohttp_client(application)
    for _ in range(20):
        await issue(api, count=20)
    async with api.get(f"{ACME}/events", params={"limit": 1000}) as response:
        kept = [event["id"] for event in (await response.json())["items"]]
    assert kept == list(range(kept[0], 402))
    assert 50 < len(kept) < 150
    stream = Stream(api)
    await stream.read(len(kept))
    assert stream.ids == kept
