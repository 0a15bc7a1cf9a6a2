"""Many devices at once: each gets its own commands, and each of its answers arrives."""

import asyncio

import pytest

from smdp.demo.mdm import SmallMdm
from tests.demo.mdm_client import Phone, identity

AT_A_TIME = 50


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.full)])
async def test_many_devices(count):
    async with SmallMdm() as mdm:
        turn = asyncio.Semaphore(AT_A_TIME)

        async def live(udid):
            async with turn, Phone(mdm, udid, identity(mdm.authority)) as phone:
                await phone.enroll()
                sent = [mdm.send_refresh(udid, f"https://{udid}.test"), mdm.query(udid)]
                told = await phone.answer()
                assert told["Command"]["eSIMServerURL"] == f"https://{udid}.test"
                told = await phone.answer("Acknowledged", told["CommandUUID"])
                assert await phone.answer("Acknowledged", told["CommandUUID"], QueryResponses={"UDID": udid}) is None
                return [await mdm.result(udid, uuid) for uuid in sent]

        udids = [f"U-{number}" for number in range(count)]
        for udid, (refreshed, queried) in zip(udids, await asyncio.gather(*map(live, udids)), strict=True):
            assert refreshed.ok
            assert queried.answer["QueryResponses"] == {"UDID": udid}
        assert len(mdm.devices) == count
        assert sum(len(one.queue) for one in mdm.devices.values()) == 0
