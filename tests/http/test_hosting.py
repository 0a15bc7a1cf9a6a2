"""Hosted devices whose carrier is replaced while they are busy: what is stored is what counts."""

import pytest

from smdp.carrier.errors import CarrierError
from smdp.server import Server
from smdp.settings import Settings


@pytest.fixture(params=["memory", "file"])
async def server(request, tmp_path):
    database = None if request.param == "memory" else f"sqlite:///{tmp_path}/smdp.db"
    async with Server(Settings(port=0, control_port=0, log_level="error", database=database)) as running:
        yield running


async def made(server):
    return (await server.parts.hosted.create({"carrier": "acme"})).eid


async def test_a_device_that_was_reset_meanwhile_stores_nothing(server):
    hosted, keeper = server.parts.hosted, server.parts.keeper
    eid = await made(server)
    async with hosted.awake(eid) as device:
        await keeper.reset("acme")
        device.notice("from the state that is gone")
        with pytest.raises(CarrierError) as error:
            await device.save(device)
    assert (error.value.reason, error.value.status) == ("device-replaced", 409)
    with pytest.raises(CarrierError, match="hosts no device"):
        await hosted.show(eid)


async def test_a_device_that_was_restored_meanwhile_is_what_it_was(server):
    hosted, keeper = server.parts.hosted, server.parts.keeper
    eid = await made(server)
    await keeper.take("acme", "before")
    async with hosted.awake(eid) as old:
        await keeper.restore("acme", "before")
        old.notice("from the state that is gone")
        async with hosted.awake(eid) as new:
            assert new is not old
            new.notice("from the state that is restored")
            await new.save(new)
        with pytest.raises(CarrierError, match="restored while it worked"):
            await old.save(old)
    assert (await hosted.show(eid)).notices == ["from the state that is restored"]


async def test_a_device_that_is_made_again_is_another_one(server):
    hosted = server.parts.hosted
    eid = await made(server)
    async with hosted.awake(eid) as old:
        await hosted.delete(eid)
        with pytest.raises(CarrierError, match="deleted"):
            await old.save(old)


async def test_what_another_process_stored_meanwhile_is_not_overwritten_by_an_attach(server):
    from smdp.storage.queries import devices

    hosted, database = server.parts.hosted, server.parts.service.database
    eid = await made(server)
    save = hosted.coverage._save  # noqa: SLF001 - what an attach that nobody asked for is stored with
    async with hosted.awake(eid) as device:
        device.notice("mine")
        await save(device)
        assert (await hosted.show(eid)).notices == ["mine"]
        stored = await database.read(devices.device, eid)
        await database.write(
            devices.update, device.describe(), stored.state + b"\xc0", number=stored.number, waiting=False
        )
        device.notice("too late")
        await save(device)
    assert (await database.read(devices.device, eid)).state == stored.state + b"\xc0"
