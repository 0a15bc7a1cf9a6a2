"""The network over HTTP: somebody's own phone attaches by AKA, and hosted devices do by themselves."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from smdp.client import Client
from smdp.client.transport import Transport
from smdp.errors import ApiError
from smdp.model import Attachment
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import eid_of
from tests.ue import Ue

NOBODY = "001019999999999"
SECONDS = 20


@pytest.fixture(scope="module", params=["memory", "file"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    database = None if request.param == "memory" else f"sqlite:///{folder}/smdp.db"
    with Server(Settings(port=0, control_port=0, log_level="error", database=database)) as running:
        yield running


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier()


def ue_of(carrier, profile):
    return Ue(carrier.profile(profile.iccid, credentials=True))


def line(carrier, **rule):
    carrier.create_plan("plan", activation=rule)
    profile = carrier.issue(eid_of(55), plan="plan")
    return profile, ue_of(carrier, profile)


def refused(call, *args, **more):
    with pytest.raises(ApiError) as error:
        call(*args, **more)
    return error.value.problem


# --- somebody's own phone


def test_a_phone_attaches_once_its_line_is_active(carrier):
    profile, ue = line(carrier, on="attached", delay="3m")
    problem = refused(ue.attach, carrier)
    assert (problem.status, problem.reason) == (403, "line-pending")
    assert "EMM cause 15" in problem.because
    carrier.advance("3m")
    assert ue.attach(carrier) == Attachment(network_name="smdp TEST", mcc="001", mnc="01", msisdn=profile.msisdn)
    types = [event.type for event in carrier.events(iccid=profile.iccid)]
    assert types[1:] == ["activation.pending", "network.rejected", "activation.active", "network.attached"]


def test_a_phone_whose_usim_is_ahead_resynchronises(carrier):
    profile, ue = line(carrier, on="attached")
    ue.sequence = (99,) * 32
    assert ue.attach(carrier).msisdn == profile.msisdn
    assert max(ue.sequence) == 100


@pytest.mark.parametrize(
    ("state", "reason"), [("failed", "activation-failed"), ("suspended", "suspended"), ("terminated", "terminated")]
)
def test_a_line_that_stopped_working(carrier, state, reason):
    profile, ue = line(carrier, on="attached")
    ue.attach(carrier)
    carrier.set_activation(profile.iccid, state)
    problem = refused(ue.attach, carrier)
    assert (problem.status, problem.reason) == (403, reason)


def test_nobodys_imsi(carrier):
    problem = refused(carrier.attach, NOBODY)
    assert (problem.status, problem.reason) == (403, "unknown-subscriber")
    assert problem.fix


def test_another_key(carrier):
    _, ue = line(carrier, on="attached")
    challenge = carrier.attach(ue.imsi)
    problem = refused(carrier.authenticate, ue.imsi, challenge.rand, "00" * 8)
    assert (problem.status, problem.reason) == (403, "authentication-failed")
    problem = refused(carrier.authenticate, ue.imsi, challenge.rand, "00" * 8)
    assert (problem.status, problem.reason) == (409, "challenge-unknown")


RAND = "00" * 16
BAD = [
    {}, {"imsi": ""}, {"imsi": "12345"}, {"imsi": "1" * 16}, {"imsi": "x" * 15}, {"imsi": "\u0661" * 15},
    {"imsi": 1010000000001}, {"imsi": None}, {"imsi": [NOBODY]}, {"imsi": NOBODY + "\n"},
    {"imsi": NOBODY, "rand": RAND}, {"imsi": NOBODY, "res": "00" * 8}, {"imsi": NOBODY, "auts": "00" * 14},
    {"imsi": NOBODY, "rand": RAND, "res": "00" * 8, "auts": "00" * 14},
    *({"imsi": NOBODY, "rand": rand, "res": "00" * 8}
      for rand in ("", "00", RAND + "0", RAND + "00", "zz" * 16, "0 " * 16, "\u0660" * 32, 5, "x" * 100_000)),
    *({"imsi": NOBODY, "rand": RAND, "res": res} for res in ("", "00" * 3, "00" * 17, "0" * 9, "gg" * 8, 5, [])),
    *({"imsi": NOBODY, "rand": RAND, "auts": auts} for auts in ("", "00" * 13, "00" * 15, "x" * 28, True)),
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=lambda body: repr(body)[:50])
def test_what_is_no_attach(carrier, body):
    path = f"/api/v1/carriers/{carrier.carrier}/network/attach"
    problem = refused(Transport(carrier.url, None, 10).call, "POST", path, body, into=dict)
    assert (problem.status, problem.reason) == (422, "value-invalid")
    assert len(problem.because) < 300
    assert carrier.events(type="network.rejected") == []


def test_an_unknown_member_and_an_unknown_carrier(carrier):
    path = "/api/v1/carriers/{}/network/attach"
    transport = Transport(carrier.url, None, 10)
    problem = refused(transport.call, "POST", path.format(carrier.carrier), {"imsi": NOBODY, "ras": RAND}, into=dict)
    assert (problem.status, problem.reason) == (422, "member-unknown")
    assert (
        refused(transport.call, "POST", path.format("nobody"), {"imsi": NOBODY}, into=dict).reason == "carrier-unknown"
    )


# --- hosted devices


def test_a_hosted_device_attaches_when_its_line_becomes_active(carrier):
    carrier.change_carrier(network_name="Acme TEST", mcc="310", mnc="150")
    carrier.create_plan("slow", service_provider="Acme", activation={"install_delay": "1m", "delay": "2m"})
    eid = carrier.create_device().eid
    profile = carrier.issue(eid, plan="slow")
    assert carrier.refresh(eid, carrier.esim_server_url).ok
    (esim,) = carrier.device(eid).esims
    assert (esim.state, esim.rejected) == ("enabled", "line-pending")
    assert (esim.network, esim.mcc, esim.mnc, esim.msisdn) == ("", None, None, None)
    assert (esim.subscriber_network, esim.subscriber_mcc, esim.subscriber_mnc) == ("Acme", "310", "150")
    carrier.advance("1m")
    assert carrier.device(eid).esims == [esim]
    carrier.advance("2m")
    (esim,) = carrier.device(eid).esims
    assert (esim.network, esim.mcc, esim.mnc) == ("Acme TEST", "310", "150")
    assert (esim.msisdn, esim.rejected) == (profile.msisdn, None)
    assert [event.type for event in carrier.events(type="network.attached,network.rejected")] == [
        "network.rejected", "network.attached"
    ]  # fmt: skip


def test_it_attaches_by_the_first_attach_too_and_once(carrier):
    for name, on in (("one", "installed"), ("two", "enabled"), ("three", "attached")):
        carrier.create_plan(name, activation={"on": on})
        eid = carrier.create_device().eid
        profile = carrier.issue(eid, plan=name)
        assert carrier.refresh(eid, carrier.esim_server_url).ok
        assert carrier.device(eid).esims[0].msisdn == profile.msisdn
        told = carrier.events(iccid=profile.iccid, type="network.attached,network.rejected")
        assert [event.type for event in told] == ["network.attached"]


@pytest.mark.parametrize(
    ("state", "reason"), [("failed", "activation-failed"), ("suspended", "suspended"), ("terminated", "terminated")]
)
def test_it_loses_its_network_with_its_line(carrier, state, reason):
    eid = carrier.create_device().eid
    profile = carrier.issue(eid)
    carrier.refresh(eid, carrier.esim_server_url)
    carrier.set_activation(profile.iccid, state)
    (esim,) = carrier.device(eid).esims
    assert (esim.network, esim.msisdn, esim.rejected) == ("", None, reason)
    if state != "terminated":
        carrier.set_activation(profile.iccid, "active")
        assert carrier.device(eid).esims[0].network == "smdp TEST"


def test_an_esim_that_is_off_has_no_network_and_only_the_enabled_one_attaches(carrier):
    eid = carrier.create_device().eid
    first = carrier.issue(eid)
    carrier.refresh(eid, carrier.esim_server_url)
    carrier.create_plan("manual", activation={"on": "manual"})
    second = carrier.issue(eid, plan="manual")
    carrier.refresh(eid, carrier.esim_server_url)
    esims = {esim.iccid: esim for esim in carrier.device(eid).esims}
    assert (esims[first.iccid].state, esims[first.iccid].network) == ("disabled", "")
    assert (esims[second.iccid].rejected, esims[second.iccid].label) == ("line-inactive", "Secondary")
    carrier.set_activation(first.iccid, "suspended")
    assert [event.iccid for event in carrier.events(type="network.rejected")] == [second.iccid]
    carrier.set_activation(first.iccid, "active")
    esims = {esim.iccid: esim for esim in carrier.switch_esim(eid, first.iccid, "enable").esims}
    assert (esims[first.iccid].network, esims[second.iccid].rejected) == ("smdp TEST", None)
    carrier.delete_esim(eid, second.iccid)
    (esim,) = carrier.device(eid).esims
    assert (esim.label, esim.network) == ("Primary", "smdp TEST")


def test_a_device_that_was_away_attaches_when_it_is_back(carrier):
    carrier.create_plan("manual", activation={"on": "manual"})
    eid = carrier.create_device().eid
    profile = carrier.issue(eid, plan="manual")
    carrier.refresh(eid, carrier.esim_server_url)
    transport = Transport(carrier.url, None, 10)
    transport.call("PATCH", f"/api/v1/devices/{eid}", {"online": False}, into=dict)
    carrier.set_activation(profile.iccid, "active")
    assert carrier.device(eid).esims[0].network == ""
    transport.call("PATCH", f"/api/v1/devices/{eid}", {"online": True}, into=dict)
    assert carrier.device(eid).esims[0].network == "smdp TEST"


def test_an_esim_of_another_carrier_of_this_server_is_on_that_ones_network(server, carrier):
    other = Client(server.control_url).create_carrier()
    other.change_carrier(network_name="Other TEST")
    eid = carrier.create_device().eid
    other.issue(eid)
    carrier.refresh(eid, other.esim_server_url)
    assert carrier.device(eid).esims[0].network == "Other TEST"
    assert carrier.events(type="network.attached") == []


def test_a_network_that_does_not_have_the_usims_key_is_not_believed(carrier):
    profile, eid = installed(carrier)
    document = carrier.export()
    document["profiles"][0]["credentials"]["ki"] = "00" * 16
    carrier.import_(document, replace=True)
    carrier.switch_esim(eid, profile.iccid, "disable")
    (esim,) = carrier.switch_esim(eid, profile.iccid, "enable").esims
    assert (esim.network, esim.rejected) == ("", "network-not-genuine")


def test_on_another_server_the_usim_is_ahead_and_resynchronises(carrier):
    profile, eid = installed(carrier)
    for to in ("disable", "enable") * 3:
        carrier.switch_esim(eid, profile.iccid, to)
    document = carrier.export()
    with Server(Settings(port=0, control_port=0, log_level="error")) as second:
        moved = Client(second.control_url, carrier="moved")
        moved.import_(document)
        assert moved.device(eid).esims[0].network == "smdp TEST"
        moved.switch_esim(eid, profile.iccid, "disable")
        assert moved.switch_esim(eid, profile.iccid, "enable").esims[0].network == "smdp TEST"


def test_a_restore_brings_the_attached_device_back_and_it_attaches_anew(carrier):
    profile, eid = installed(carrier)
    carrier.take_snapshot("attached")
    carrier.set_activation(profile.iccid, "suspended")
    assert carrier.device(eid).esims[0].rejected == "suspended"
    carrier.restore_snapshot("attached")
    assert carrier.device(eid).esims[0].network == "smdp TEST"
    carrier.switch_esim(eid, profile.iccid, "disable")
    assert carrier.switch_esim(eid, profile.iccid, "enable").esims[0].network == "smdp TEST"


def installed(carrier):
    eid = carrier.create_device().eid
    profile = carrier.issue(eid)
    assert carrier.refresh(eid, carrier.esim_server_url).ok
    assert carrier.device(eid).esims[0].network == "smdp TEST"
    return profile, eid


def test_a_device_that_did_not_get_to_attach_does_so_after_the_next_start(tmp_path):
    settings = Settings(port=0, control_port=0, log_level="error", database=f"sqlite:///{tmp_path}/smdp.db")
    with Server(settings) as first:
        carrier = Client(first.control_url).create_carrier("acme")
        carrier.add_fault("attach-rejected")
        eid = carrier.create_device().eid
        carrier.issue(eid)
        carrier.refresh(eid, carrier.esim_server_url)
        assert carrier.device(eid).esims[0].rejected == "attach-rejected"
    with Server(settings) as second:
        carrier = Client(second.control_url, carrier="acme")
        carrier.wait("network.attached", after=0, within=SECONDS)
        assert carrier.device(eid).esims[0].network == "smdp TEST"


def test_a_network_that_fails_spoils_no_download(carrier, monkeypatch, caplog):
    async def broken(*_):
        raise RuntimeError("no air")

    monkeypatch.setattr("smdp.http.air.Cell.challenge", broken)
    eid = carrier.create_device().eid
    profile = carrier.issue(eid)
    outcome = carrier.refresh(eid, carrier.esim_server_url)
    assert (outcome.ok, outcome.installed) == (True, profile.iccid)
    assert carrier.device(eid).esims[0].network == ""
    assert "bug on the air" in caplog.text


def test_rejections_are_counted(server, carrier):
    refused(carrier.attach, NOBODY)
    text = Transport(carrier.url, None, 10).fetch("GET", "/metrics").decode()
    samples = {
        (sample.name, sample.labels.get("reason")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["smdp_attach_rejections_total", "unknown-subscriber"] >= 1
