"""The paths of a download through HTTP: curves, protection, confirmation codes, operators, own packages."""

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from smdp import upp
from smdp.client import Client
from smdp.errors import ApiError
from smdp.rsp.crypto import CURVES
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import Outside, Phone, eid_of
from tests.independent import open_bpp
from tests.upp.samples import EXAMPLE

OWN = b64encode(EXAMPLE).decode()
CODE = "4931"


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0)) as server:
        yield server


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier()


# --- curves and protection, with an eUICC of our own that shows its one-time key


@pytest.mark.parametrize("protection", ["ppk", "session"])
@pytest.mark.parametrize("curve", ["P-256", "brainpoolP256r1"])
async def test_a_package_opens_with_the_tests_own_decoder(server, carrier, curve, protection):
    carrier.create_plan("p", protection=protection)
    eid = eid_of(5)
    order = carrier.issue(eid, plan="p")
    phone = Phone(eid, f"{carrier.carrier}.smdp.localhost:{server.device_port}", curves=(curve,))
    async with Outside(phone.address) as door:
        request = phone.prepare((await phone.meet(door)).members)
        scalar = int.from_bytes(phone.card.session.one_time_key.scalar, "big")
        got = await door.ask("getBoundProfilePackage", request)
        told = await door.ask("handleNotification", phone.install(got.members))
    key = ec.derive_private_key(scalar, CURVES[curve])
    opened = open_bpp(b64decode(got.members["boundProfilePackage"]), key, eid)
    assert opened.replaced_keys is (protection == "ppk")
    assert opened.upp == phone.installed
    assert upp.read(opened.upp).iccid == order.iccid
    assert told.status == 204
    assert carrier.profile(order.iccid).activation.state == "active"


# --- what a simulated device lives through


class Story:
    """A carrier, a simulated device, one order, and what happens to them; a step answers refusal and reason."""

    def __init__(self, carrier, order):
        self.carrier = carrier
        self.eid = carrier.create_device().eid
        self.profile = carrier.issue(self.eid, **order)

    def refresh(self):
        return told(self.carrier.refresh(self.eid, self.profile.esim_server_url))

    def download(self, code=None):
        return told(self.carrier.download(self.eid, self.profile.activation_code, confirmation_code=code))

    def right(self):
        return self.download(CODE)

    def wrong(self):
        return self.download("0000")

    def hold(self):
        return self.carrier.hold(self.profile.iccid).state

    def release(self):
        return self.carrier.release(self.profile.iccid).state

    def revoke(self):
        return self.carrier.revoke(self.profile.iccid)

    def expires(self):
        return self.carrier.wait("profile.expired", iccid=self.profile.iccid, after=0).type

    def delete_esim(self):
        return self.carrier.delete_esim(self.eid, self.profile.iccid)

    def end(self):
        now = self.carrier.profile(self.profile.iccid)
        return now.state, now.consumed, now.activation.state


def told(outcome):
    return "installed" if outcome.ok else (outcome.refused, outcome.reason)


ONCE = ("8.1.1/3.8", "already-downloaded")
STORIES = {
    "installed once": (
        {},
        [("refresh", "installed"), ("refresh", ONCE), ("download", ("8.2.6/3.8", "already-downloaded"))],
        ("installed", True, "active"),
    ),
    "with the activation code": ({}, [("download", "installed"), ("refresh", ONCE)], ("installed", True, "active")),
    "deleted on the device": (
        {},
        [("refresh", "installed"), ("delete_esim", None), ("refresh", ONCE)],
        ("installed", True, "active"),
    ),
    "confirmation code, right": (
        {"confirmation_code": CODE},
        [("right", "installed"), ("right", ("8.2.6/3.8", "already-downloaded"))],
        ("installed", True, "active"),
    ),
    "confirmation code, missing, then right": (
        {"confirmation_code": CODE},
        [("refresh", ("8.2.7/2.2", "confirmation-code-missing")), ("right", "installed")],
        ("installed", True, "active"),
    ),
    "confirmation code, twice wrong, then right": (
        {"confirmation_code": CODE},
        [("wrong", ("8.2.7/3.8", "confirmation-code-wrong"))] * 2 + [("right", "installed")],
        ("installed", True, "active"),
    ),
    "confirmation code, wrong three times": (
        {"confirmation_code": CODE},
        [
            ("wrong", ("8.2.7/3.8", "confirmation-code-wrong")),
            ("wrong", ("8.2.7/3.8", "confirmation-code-wrong")),
            ("wrong", ("8.2.7/6.4", "confirmation-code-attempts-exceeded")),
            ("right", ("8.2.6/3.8", "failed")),
        ],
        ("error", False, "inactive"),
    ),
    "issued on hold": (
        {"hold": True},
        [("refresh", ("8.2/1.2", "on-hold")), ("release", "released"), ("refresh", "installed")],
        ("installed", True, "active"),
    ),
    "held and released": (
        {},
        [
            ("hold", "confirmed"),
            ("refresh", ("8.2/1.2", "on-hold")),
            ("release", "released"),
            ("download", "installed"),
        ],
        ("installed", True, "active"),
    ),
    "revoked before": (
        {},
        [("revoke", None), ("refresh", ("8.1.1/3.8", "revoked")), ("download", ("8.2.6/3.8", "revoked"))],
        ("unavailable", False, "inactive"),
    ),
    "revoked afterwards": (
        {},
        [("refresh", "installed"), ("revoke", None), ("refresh", ONCE)],
        ("unavailable", True, "terminated"),
    ),
    "expired": (
        {"expires_at": "2020-01-01T00:00:00Z"},
        [("expires", "profile.expired"), ("refresh", ("8.8.5/4.10", "expired"))],
        ("error", False, "inactive"),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_simulated_device_lives_through(carrier, name):
    order, steps, end = STORIES[name]
    story = Story(carrier, order)
    assert [(step, getattr(story, step)()) for step, _ in steps] == steps
    assert story.end() == end


# --- somebody's own package


async def test_an_own_package_is_used_as_it_is_for_one_profile(server, carrier):
    carrier.create_plan("own", upp=OWN, personalise=False)
    order, package = carrier.issue(plan="own"), upp.read(EXAMPLE)
    assert (order.iccid, order.imsi) == (package.iccid, package.usim.imsi)
    with pytest.raises(ApiError) as refused:
        carrier.issue(plan="own")
    assert refused.value.problem.reason == "iccid-used"
    assert (await download(server, carrier, order)).installed == EXAMPLE
    check_credentials(carrier, order, package)


async def test_an_own_package_is_personalised_for_each_order(server, carrier):
    carrier.create_plan("own", upp=OWN, personalise=True)
    orders = carrier.issue_count(2, plan="own")
    installed = [(await download(server, carrier, order)).installed for order in orders]
    for order, data in zip(orders, installed, strict=True):
        package = upp.read(data)
        assert (package.iccid, package.usim.imsi) == (order.iccid, order.imsi)
        check_credentials(carrier, order, package)
    assert len({EXAMPLE, *installed}) == 3


async def download(server, carrier, order):
    phone = Phone(eid_of(6), f"{carrier.carrier}.smdp.localhost:{server.device_port}")
    async with Outside(phone.address) as door:
        assert (await phone.download(door, order.matching_id)).status == 204
    assert carrier.profile(order.iccid).state == "installed"
    return phone


def check_credentials(carrier, order, package):
    shown = carrier.profile(order.iccid, credentials=True).credentials
    assert (package.usim.ki.hex().upper(), package.usim.opc.hex().upper()) == (shown.ki, shown.opc)
