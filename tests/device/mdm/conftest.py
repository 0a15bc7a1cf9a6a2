"""An MDM server, a SCEP server, and what enrolling needs of the world."""

import pytest

from smdp.device.mdm.checkin import Who
from smdp.device.mdm.enroll import World
from smdp.device.mdm.enrollment import Enrollment
from smdp.device.mdm.identity import identity_of
from smdp.device.mdm.keys import RsaKeys
from smdp.rsp.crypto import Stream
from tests.fake_mdm import TOPIC, FakeMdm, serving
from tests.fake_scep import FakeScep
from tests.mdm_identities import der, device_identity, root, rsa_key

WHO = Who(
    udid="00008150-000915083C80012E",
    serial="C02TESTDEV",
    imei="35 309418 464558 9",
    os="26.1",
    build="23B85",
    product="iPhone17,1",
)


@pytest.fixture
def who():
    return WHO


@pytest.fixture
async def mdm():
    fake = FakeMdm()
    async with serving(fake.handle) as fake.port:
        yield fake


@pytest.fixture
async def scep(tmp_path):
    fake = FakeScep(tmp_path)
    async with serving(fake.handle, tls=False) as fake.port:
        yield fake


@pytest.fixture
def waited():
    return []


@pytest.fixture
def world(waited):
    async def wait(seconds):
        waited.append(seconds)

    return World(RsaKeys(prepared=[rsa_key(20), rsa_key(21)]), wait, Stream(bytes(32)), within=5)


@pytest.fixture
def told():
    return []


@pytest.fixture
def tell(told):
    async def listen(kind, data):
        told.append((kind, data))

    return listen


@pytest.fixture
def enrollment(mdm):
    """An enrolment that is complete, at the fake MDM."""
    key, certificate = device_identity()
    identity = identity_of(key, [certificate])
    return Enrollment(
        server_url=f"{mdm.url}/connect",
        check_in_url=f"{mdm.url}/checkin",
        topic=TOPIC,
        chain=identity.chain,
        key=identity.key,
        anchors=[der(root())],
        token=bytes(32),
        push_magic="MAGIC",
        unlock_token=b"unlock",
        enrolled=True,
    )
