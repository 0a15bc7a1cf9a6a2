import pytest

from smdp.demo.mdm import SmallMdm
from tests.demo.mdm_client import Phone, identity


@pytest.fixture
async def mdm():
    async with SmallMdm() as server:
        yield server


@pytest.fixture
async def phone(mdm):
    """A device with an identity of the MDM's CA, not enrolled yet."""
    async with Phone(mdm, who=identity(mdm.authority)) as device:
        yield device


@pytest.fixture
async def enrolled(phone):
    await phone.enroll()
    return phone
