"""Which host leads to which carrier, rule by rule, and the address that a carrier tells: over TLS, as for devices."""

from base64 import b64decode

import pytest

from smdp.client import Client
from smdp.errors import ApiError
from smdp.rsp.euicc.metadata import read_metadata
from smdp.rsp.tlv import children
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import Outside, Phone, eid_of

EID = eid_of(90)


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture
def acme(server):
    """A carrier with two names of its own, one of them such as another carrier would have by its label."""
    client = Client(server.control_url, carrier="acme")
    client.change_carrier(hosts=["esim.acme.test", "beta.smdp.localhost"])
    Client(server.control_url, carrier="beta").change_carrier(country="DE")
    yield client
    for name in ("acme", "beta"):
        client.on(name).delete_carrier()


LEADS = {
    "esim.acme.test": "acme",
    "ESIM.Acme.Test": "acme",
    "acme.smdp.localhost": "acme",
    "beta.smdp.localhost": "acme",  # a carrier's hosts come before the label
    "default.smdp.localhost": "default",
    "localhost": "default",
    "127.0.0.1": "default",
    "www.example.com": "default",
    "acme.example.com": "default",
    "smdp.localhost": "default",
    "gamma.smdp.localhost": None,
    "a.acme.smdp.localhost": "default",  # its first label is not all that stands before the domain
    "smds.gamma.smdp.localhost": None,
}


@pytest.mark.parametrize("host", LEADS)
async def test_a_host_leads_to_a_carrier(server, acme, host):
    last = {name: acme.on(name).events()[-1].id for name in ("acme", "beta", "default")}
    port = server.device_port
    async with Outside(f"{host}:{port}") as door:
        answer = await door.ask("initiateAuthentication", Phone(EID, f"{host}:{port}").initiate())
    opened = [name for name in last if acme.on(name).events(after=last[name], type="session.opened")]
    assert opened == ([LEADS[host]] if LEADS[host] else [])
    assert answer.code == (None if LEADS[host] else "8.8.1/3.8")


async def test_the_name_of_a_carriers_discovery_server_leads_to_it(server, acme):
    last = acme.events()[-1].id
    async with Outside(f"smds.acme.smdp.localhost:{server.device_port}") as door:
        await door.ask("initiateAuthentication", Phone(EID, f"acme.smdp.localhost:{server.device_port}").initiate())
    assert acme.events(after=last, type="session.opened")


def test_a_host_that_another_carrier_has_is_refused_and_comes_free_with_it(server, acme):
    beta = acme.on("beta")
    with pytest.raises(ApiError) as error:
        beta.change_carrier(hosts=["esim.acme.test"])
    assert (error.value.problem.status, error.value.problem.reason) == (409, "host-taken")
    acme.change_carrier(hosts=[])
    assert beta.change_carrier(hosts=["Esim.Acme.Test."]).hosts == ["esim.acme.test"]


async def test_an_address_is_changed_while_running(server, acme):
    """New codes and metadata carry it at once; what a device has met stays as it was."""
    first, second = acme.issue(EID), acme.issue(eid_of(91))
    old = f"acme.smdp.localhost:{server.device_port}"
    async with Outside(old) as door:
        met = await Phone(EID, old).meet(door)
        assert notifies(met) == old
        new = f"mapped.acme.test:{server.device_port}"
        assert acme.change_carrier(address=new).esim_server_url == f"https://{new}"
        assert acme.profile(second.iccid).activation_code == f"LPA:1${new}${second.matching_id}"
        assert acme.issue().esim_server_url == f"https://{new}"
        acme.change_carrier(hosts=["mapped.acme.test"])
        there = door.at(new)
        assert notifies(await Phone(eid_of(91), new).meet(there)) == new
        assert notifies(await Phone(EID, new).meet(there)) == old, "frozen by the first AuthenticateClient"
        acme.change_carrier(address=None)
    assert acme.profile(first.iccid).activation_code == f"LPA:1${old}${first.matching_id}"


def notifies(answer):
    """Where the metadata of an AuthenticateClient's answer has notifications sent."""
    metadata = b64decode(answer.members["profileMetadata"])
    assert children(metadata, 0xBF25)
    (address,) = set(read_metadata(metadata).addresses(0))
    return address
