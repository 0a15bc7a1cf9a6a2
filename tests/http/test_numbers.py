"""EID, ICCID and IMEI as people and devices write them, in groups of digits: taken everywhere, stored as digits."""

import pytest

from smdp.client import Client
from smdp.client.transport import Transport
from smdp.errors import ApiError
from smdp.server import Server

EID = "89049032123451234512345678901235"
GROUPED = " ".join(EID[at : at + 4] for at in range(0, 32, 4))
IMEI = "35 309418 464558 9"


def in_groups(number):
    return "-".join(number[at : at + 5] for at in range(0, len(number), 5))


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier()


@pytest.fixture
def send(server, carrier):
    transport = Transport(server.control_url, None, 30.0)
    root = f"/api/v1/carriers/{carrier.carrier}"
    return lambda method, path, body=None, **query: transport.call(method, root + path, body, into=dict, query=query)


def test_an_order_stores_digits(carrier):
    order = carrier.issue(GROUPED, imei=IMEI, iccid=in_groups("8900101000000000019"))
    assert (order.eid, order.imei, order.iccid) == (EID, "353094184645589", "8900101000000000019")
    changed = carrier.change_profile(in_groups(order.iccid), imei="35-309418-464559-7")
    assert changed.imei == "353094184645597"


def test_paths_and_queries(carrier, send):
    iccid = carrier.issue(EID).iccid
    assert carrier.profile(in_groups(iccid)).iccid == iccid
    assert carrier.why(GROUPED).eid == EID
    assert carrier.hold(in_groups(iccid)).state == "confirmed"
    assert [one["iccid"] for one in send("GET", "/profiles", eid=GROUPED)["items"]] == [iccid]
    assert send("GET", "/events", iccid=in_groups(iccid))["items"]
    assert send("GET", "/sessions", eid=GROUPED)["items"] == []


def test_bodies(carrier, send):
    iccid = carrier.issue(EID).iccid
    asked = {"type": "profile.issued", "eid": GROUPED, "iccid": in_groups(iccid), "after": 0, "within": "0s"}
    assert send("POST", "/events/wait", asked)["reached"]
    fault = send("POST", "/faults", {"do": "refuse", "on": {"eid": GROUPED, "iccid": in_groups(iccid),
                                                           "step": "getBoundProfilePackage"}})  # fmt: skip
    assert (fault["on"]["eid"], fault["on"]["iccid"]) == (EID, iccid)
    assert send("POST", f"/profiles/{iccid}/reissue", {"eid": GROUPED})["eid"] == EID
    assert send("POST", "/scenarios/not-released-yet/apply", {"eid": GROUPED})["name"] == "not-released-yet"
    assert {one.eid for one in carrier.profiles()} == {EID}
    carrier.import_({"profiles": [{"eid": GROUPED, "imei": IMEI}]}, replace=True)
    assert [(one.eid, one.imei) for one in carrier.profiles()] == [(EID, "353094184645589")]


def test_a_device(carrier):
    eid = carrier.create_device().eid
    carrier.delete_device(in_groups(eid))
    device = carrier.create_device(eid=in_groups(eid), imei="353094184645589")
    assert (device.eid, device.imei) == (eid, IMEI)
    iccid = carrier.issue(eid).iccid
    assert carrier.refresh(in_groups(eid), carrier.esim_server_url).ok
    assert carrier.switch_esim(in_groups(eid), in_groups(iccid), "disable").esims[0].state == "disabled"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"eid": GROUPED[:-1]}, "eid-invalid"),
        ({"eid": GROUPED.replace("8904", "89O4")}, "eid-invalid"),
        ({"eid": GROUPED.replace(" ", ".")}, "eid-invalid"),
        ({"imei": "35 309418 46"}, "imei-invalid"),
        ({"imei": "35,309418,464558,9"}, "imei-invalid"),
        ({"imei": " - "}, "imei-invalid"),
        ({"iccid": "8900 1010"}, "iccid-invalid"),
    ],
)
def test_nonsense_stays_nonsense(carrier, send, body, reason):
    with pytest.raises(ApiError) as error:
        send("POST", "/profiles", body)
    assert (error.value.status, error.value.reason) == (422, reason)
    assert carrier.profiles() == []
