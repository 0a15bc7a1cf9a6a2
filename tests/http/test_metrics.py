"""`/metrics` as Prometheus reads it: what happened, from the timeline, on a real server."""

import asyncio
import subprocess
import sys

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from smdp.carrier import journal
from smdp.http import metrics
from smdp.rsp.server.session import Happening
from smdp.server import Server
from smdp.settings import Settings
from tests.http.receiver import receiver


@pytest.fixture
async def server():
    async with Server() as running:
        yield running


async def scrape(server):
    """Return every sample as (name, labels without order) → value."""
    async with aiohttp.ClientSession() as http, http.get(f"{server.control_url}/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        text = await response.text()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def tell(server, *happenings, carrier="default"):
    service = server.parts.service
    found = await service.carrier(carrier)
    await service.database.write(lambda c: journal.append(service.scope(c, found), happenings))


async def device(server, carrier):
    return (await server.parts.hosted.create({"carrier": carrier})).eid


async def refresh(server, eid, carrier):
    async with aiohttp.ClientSession() as http:
        url = f"{server.control_url}/api/v1/devices/{eid}/refresh"
        async with http.post(url, json={"url": server.device_url(carrier)}) as response:
            assert response.status == 200
            return await response.json()


async def test_a_download_and_a_refusal_are_counted(server):
    from smdp.carrier.issue import IssueOrder

    eid = await device(server, "acme")
    await server.parts.service.issue("acme", [IssueOrder(eid=eid)])
    assert (await refresh(server, eid, "acme"))["ok"]
    assert (await refresh(server, eid, "acme"))["reason"] == "already-downloaded"
    found = await scrape(server)
    refused = ("code", "8.1.1/3.8"), ("outcome", "refused"), ("reason", "already-downloaded")
    assert found["smdp_sessions_total", *refused] == 1
    assert found["smdp_sessions_total", ("code", ""), ("outcome", "installed"), ("reason", "")] == 1
    assert found["smdp_profiles", ("activation", "active"), ("state", "installed")] == 1
    assert found["smdp_events_total", ("type", "profile.consumed")] == 1
    assert found["smdp_events_total", ("type", "session.opened")] == 2
    for step, count in (("initiateAuthentication", 2), ("authenticateClient", 1), ("getBoundProfilePackage", 1)):
        assert found["smdp_step_seconds_count", ("step", step)] == count
        assert 0 < found["smdp_step_seconds_sum", ("step", step)] < 5
        assert found["smdp_step_seconds_bucket", ("le", "+Inf"), ("step", step)] == count
    assert found["smdp_carriers",] == 2
    assert found["smdp_info", ("version", "0.1.0")] == 1


async def test_every_scrape_counts_what_is_new_once(server):
    for expected in (1, 2, 3):
        await tell(server, Happening(type="fault.fired", data={"do": "bad-mac"}))
        for _ in range(2):
            assert (await scrape(server))["smdp_faults_fired_total", ("fault", "bad-mac")] == expected
    results = await asyncio.gather(*(scrape(server) for _ in range(8)))
    assert {one["smdp_faults_fired_total", ("fault", "bad-mac")] for one in results} == {3}


async def test_histogram_buckets(server):
    steps = [Happening(type="session.step", data={"step": "x", "ms": ms}) for ms in (0.5, 1, 3, 60_000)]
    await tell(server, *steps)
    found = await scrape(server)
    below = {
        bound: found["smdp_step_seconds_bucket", ("le", bound), ("step", "x")] for bound in ("0.001", "0.005", "10.0")
    }
    assert below == {"0.001": 2, "0.005": 3, "10.0": 3}
    assert found["smdp_step_seconds_count", ("step", "x")] == 4
    assert found["smdp_step_seconds_sum", ("step", "x")] == pytest.approx(60.0045)


async def test_handshakes_webhooks_waiters_and_waiting_devices(server):
    await tell(server, Happening(type="tls.failed", data={"reason": "tls-not-trusted", "count": 7}))
    async with receiver() as gone:
        url = gone.url
    async with aiohttp.ClientSession() as http:
        acme = f"{server.control_url}/api/v1/carriers/acme"
        await (await http.put(f"{acme}/webhooks", json=[{"url": url, "types": ["profile.issued"]}])).read()
        await (await http.post(f"{acme}/profiles", json={"count": 3})).read()
        waiting = asyncio.create_task(http.post(f"{acme}/events/wait", json={"type": "profile.deleted"}))
        while not server.parts.service.journal.waiting:  # noqa: ASYNC110 - there is no event for "somebody waits"
            await asyncio.sleep(0.001)
        found = await scrape(server)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert found["smdp_tls_failures_total", ("reason", "tls-not-trusted")] == 7
    assert found["smdp_webhook_queue",] == 3
    assert found["smdp_waiters",] == 1
    assert found["smdp_devices_with_notifications",] == 0


async def test_labels_that_a_client_chooses_are_bounded(server, monkeypatch):
    monkeypatch.setattr(metrics, "_MAX_SERIES", 3)
    refused = [Happening(type="session.refused", data={"code": str(number)}) for number in range(10)]
    steps = [Happening(type="session.step", data={"step": str(number), "ms": 1}) for number in range(10)]
    await tell(server, *refused, *steps)
    found = await scrape(server)
    assert found["smdp_sessions_total", ("code", "other"), ("outcome", "other"), ("reason", "other")] == 7
    assert sum(name[0] == "smdp_step_seconds_count" for name in found) == 3


async def test_a_refused_notification_is_no_session(server):
    await tell(server, Happening(type="session.refused", data={"step": "handleNotification", "code": "8.1/4.2"}))
    assert not [name for name in await scrape(server) if name[0] == "smdp_sessions_total"]


async def test_a_long_journal_and_a_deleted_carrier(server):
    await tell(server, *(Happening(type="user.notice") for _ in range(2500)))
    await server.parts.service.create_carrier("beta", {})
    found = await scrape(server)
    assert (found["smdp_events_total", ("type", "user.notice")], found["smdp_carriers",]) == (2500, 2)
    await server.parts.service.delete_carrier("beta")
    assert (await scrape(server))["smdp_carriers",] == 1


async def test_a_token_is_asked_for():
    settings = Settings(port=0, control_port=0, control_token="s3cret")
    async with Server(settings) as server, aiohttp.ClientSession() as http:
        async with http.get(f"{server.control_url}/metrics") as response:
            assert response.status == 401
        headers = {"Authorization": "Bearer s3cret"}
        async with http.get(f"{server.control_url}/metrics", headers=headers) as response:
            assert response.status == 200


async def test_two_servers_in_one_process_have_their_own(server):
    async with Server() as other:
        await tell(other, Happening(type="user.notice"))
        assert ("smdp_events_total", ("type", "user.notice")) in await scrape(other)
        assert ("smdp_events_total", ("type", "user.notice")) not in await scrape(server)


def test_a_server_that_nobody_scrapes_does_not_load_it():
    code = "import sys, smdp.server; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
