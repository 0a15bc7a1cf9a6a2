"""A device that is stopped in the middle of a download goes on where it was, and is told what to do once."""

import asyncio

import pytest
from aiohttp import web

from smdp.clock import VirtualClock
from smdp.device.device import Device
from smdp.rsp.crypto import Stream
from tests.minted import NOW

PACKAGE = "getBoundProfilePackage"


@pytest.fixture
def begun_again(client):
    """Bring a device back from what was stored of it."""
    return lambda data: Device.load(data, client=client, clock=VirtualClock(frozen_at=NOW), entropy=Stream(b"again"))


@pytest.fixture
def stopped(device, server, saved):
    """Stop a device in the middle: when it asks for a function; what was stored of it then."""

    async def stopped(function):
        asked, hold = asyncio.Event(), asyncio.Event()

        async def stall(_):
            asked.set()
            await hold.wait()
            return web.Response(status=503)

        server.replies[function] = [stall]
        work = asyncio.create_task(device.refresh(server.url))
        await asked.wait()
        work.cancel()
        stored = saved[-1] if saved else device.dump()
        hold.set()
        with pytest.raises(asyncio.CancelledError):
            await work
        server.replies.clear()
        return stored

    return stopped


async def test_it_asks_for_the_same_package_with_the_same_bytes(server, stopped, begun_again):
    again = begun_again(await stopped(PACKAGE))
    assert again.unfinished
    outcome = await again.resume()
    assert outcome.ok, outcome
    first, second = server.said(PACKAGE)
    assert first == second
    assert len(server.said("initiateAuthentication")) == 1
    assert again.enabled == outcome.installed
    assert not again.unfinished
    assert await again.resume() is None


async def test_a_refresh_that_comes_first_goes_on_with_it_too(server, stopped, begun_again):
    again = begun_again(await stopped(PACKAGE))
    assert (await again.refresh(server.url)).ok
    assert len(server.said("initiateAuthentication")) == 1
    assert await again.resume() is None


async def test_a_session_that_is_over_is_begun_anew(server, stopped, begun_again):
    again = begun_again(await stopped(PACKAGE))
    server.replies[PACKAGE] = [web.Response(status=400)]
    assert (await again.resume()).ok
    assert len(server.said("initiateAuthentication")) == 2


async def test_what_is_installed_is_enabled_and_told(server, stopped, begun_again):
    again = begun_again(await stopped("handleNotification"))
    assert (again.enabled, [esim.state for esim in again.esims()]) == (None, ["disabled"])
    outcome = await again.resume()
    assert (outcome.ok, again.enabled) == (True, outcome.installed)
    assert len(server.said(PACKAGE)) == 1
    assert not again.euicc.notifications


async def test_what_was_accepted_is_done_once(device, server, begun_again):
    device.accept(server.url)
    assert device.busy
    again = begun_again(device.dump())
    outcomes = await asyncio.gather(again.resume(), again.resume())
    assert sorted(bool(outcome and outcome.ok) for outcome in outcomes) == [False, True]
    assert len(server.said("initiateAuthentication")) == 1
    assert not again.busy


async def test_without_a_network_it_waits(device, server):
    device.accept(server.url)
    device.state.online = False
    assert await device.resume() is None
    assert device.unfinished
    device.state.online = True
    assert (await device.resume()).ok


async def test_what_fails_is_over(device, server):
    server.replies["initiateAuthentication"] = [web.Response(status=404)]
    assert not (await device.refresh(server.url)).ok
    assert not device.unfinished


async def test_an_unfinished_download_comes_before_another_one(server, stopped, begun_again):
    again = begun_again(await stopped(PACKAGE))
    outcome = await again.download(f"LPA:1${server.address}$OTHER")
    assert len(server.said(PACKAGE)) == 3, "the lost one, the same again, and the new one"
    assert again.esims()
    assert outcome.reason != "busy"


def test_a_url_that_is_none_is_not_remembered(device):
    device.accept("nonsense")
    assert not device.unfinished
