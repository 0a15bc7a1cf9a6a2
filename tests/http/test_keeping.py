"""Whole carriers over HTTP: exported, imported, reset, kept and restored, while devices download over TLS."""

import json

import pytest

from smdp import upp
from smdp.client import Client
from smdp.client.transport import Transport
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import Outside, Phone, eid_of
from tests.http.calls import refused

EID = eid_of(70)


@pytest.fixture(scope="module", params=["memory", "file", "postgres"])
def server(request, tmp_path_factory):
    if request.param == "postgres":
        database = request.getfixturevalue("postgres").schema()
    else:
        folder = tmp_path_factory.mktemp("keeping")
        database = None if request.param == "memory" else f"sqlite:///{folder}/smdp.db"
    with Server(Settings(port=0, control_port=0, log_level="error", database=database)) as running:
        yield running


@pytest.fixture
def carrier(server):
    return Client(server.control_url).create_carrier()


@pytest.fixture
def other(server):
    return Client(server.control_url).create_carrier()


def address(client):
    return client.esim_server_url.removeprefix("https://")


def types(client, **filters):
    return [event.type for event in client.events(**filters)]


def populated(client):
    """A carrier with one of each: a profile that waits, one that is held, one that works on a hosted device."""
    client.change_carrier(network_name="Acme TEST", mcc="310")
    client.create_plan("gold", profile_name="Gold", activation={"delay": "3m"})
    device = client.create_device(name="Ann's iPhone")
    client.issue(device.eid, plan="gold")
    assert client.refresh(device.eid, client.esim_server_url).ok
    client.issue(EID, matching_id="AB-CD", confirmation_code="4931", expires="48h")
    client.issue(hold=True, imei="353094184645589")
    return device.eid


def state_of(client):
    """What a carrier holds, but for what follows from its name and its place."""
    document = client.export()
    document["carrier"].pop("name")
    for device in document.get("devices", []):
        device.pop("carrier")
        device.pop("state")
    return document


# --- export and import


def test_a_carrier_goes_to_another_server_as_it_is(carrier, tmp_path):
    eid = populated(carrier)
    document = carrier.export()
    file = tmp_path / "acme.json"
    file.write_text(json.dumps(document))
    with Server(Settings(port=0, control_port=0, log_level="error")) as second:
        moved = Client(second.control_url, carrier="moved")
        assert moved.import_(file).network_name == "Acme TEST"
        assert state_of(moved) == state_of(carrier)
        assert [p.state for p in moved.profiles()] == ["installed", "released", "confirmed"]
        assert moved.profiles()[0].activation.state == "pending"
        assert types(moved) == ["carrier.created", "carrier.restored"]
        again = moved.refresh(eid, moved.esim_server_url)
        assert (again.reason, again.refused) == ("already-downloaded", "8.1.1/3.8")
        assert moved.device(eid).esims[0].state == "enabled"
        keys = [client.profile(p.iccid, credentials=True).credentials.ki for client in (carrier, moved)
                for p in client.profiles()[:1]]  # fmt: skip
        assert keys[0] == keys[1]
        assert moved.issue().iccid not in {p["iccid"] for p in document["profiles"]}


def test_a_carrier_that_holds_something_is_replaced_only_when_told_so(carrier):
    populated(carrier)
    document = carrier.export()
    problem = refused(carrier.import_, document)
    assert (problem.status, problem.reason) == (409, "carrier-not-empty")
    late = carrier.issue(eid_of(71))
    carrier.import_(document, replace=True)
    assert refused(carrier.profile, late.iccid).status == 404
    assert state_of(carrier) == {**state_of(carrier), "profiles": document["profiles"]}


def test_a_document_by_hand_says_little(carrier):
    eid = carrier.create_device().eid
    carrier.reset()
    carrier.import_({
        "carrier": {"country": "DE"},
        "plans": [{"name": "gold", "reuse": "same-device"}],
        "profiles": [
            {"eid": EID},
            {"eid": EID, "plan": "gold", "state": "installed"},
            {"eid": EID, "state": "downloaded"},
            {"count": 3, "hold": True},
            {"eid": EID, "state": "installed", "activation": {"state": "failed", "reason": "account-inactive"}},
        ],
        "devices": [{"name": "Bo's iPhone"}, {"eid": eid}],
    })  # fmt: skip
    found = carrier.profiles()
    assert [p.state for p in found] == ["released", "installed", "downloaded", *["confirmed"] * 3, "installed"]
    assert [p.consumed for p in found] == [False, True, True, False, False, False, True]
    assert [p.activation.state for p in found] == ["inactive", "active", "inactive", *["inactive"] * 3, "failed"]
    assert found[-1].activation.reason == "account-inactive"
    assert [plan.name for plan in carrier.plans()] == ["gold", "default"]
    assert [device.name for device in carrier.devices()] == ["Bo's iPhone", "iPhone"]
    assert types(carrier).count("profile.issued") == 7
    assert carrier.refresh(eid, carrier.esim_server_url).reason == "nothing-ordered"


def test_a_document_sets_the_clock(carrier):
    profile = {"eid": EID, "state": "installed", "activation": {"state": "pending", "due_at": "2026-12-01T00:03:00Z"}}
    carrier.import_({"clock": {"now": "2026-12-01T00:00:00Z", "frozen": True}, "profiles": [profile]})
    assert carrier.clock().frozen
    assert carrier.events(type="carrier.restored")[0].at.year == 2026
    assert carrier.profiles()[0].activation.state == "pending"
    carrier.advance("3m")
    assert carrier.profiles()[0].activation.state == "active"


WRONG = {
    "no object": ([], "$", "not-an-object"),
    "an unknown part": ({"profile": []}, "$", "member-unknown"),
    "another version": ({"version": 2}, "$.version", "version-unknown"),
    "a version that is none": ({"version": True}, "$.version", "version-unknown"),
    "no list": ({"profiles": {}}, "$.profiles", "not-a-list"),
    "an unknown setting": ({"carrier": {"contry": "DE"}}, "$.carrier", "member-unknown"),
    "a wrong setting": ({"carrier": {"mcc": "1"}}, "$.carrier", "value-invalid"),
    "a name that is no text": ({"carrier": {"name": 1}}, "$.carrier.name", "value-invalid"),
    "a plan without a name": ({"plans": [{}]}, "$.plans[0]", "plan-name-invalid"),
    "a plan twice": ({"plans": [{"name": "a"}, {"name": "a"}]}, "$.plans[1]", "plan-exists"),
    "a profile that is none": ({"profiles": [1]}, "$.profiles[0]", "not-an-object"),
    "an unknown member": ({"profiles": [{"eid": EID}, {"eids": EID}]}, "$.profiles[1]", "member-unknown"),
    "a mistyped EID": ({"profiles": [{"eid": EID[1:]}]}, "$.profiles[0]", "eid-invalid"),
    "a state that is none": ({"profiles": [{"state": "gone"}]}, "$.profiles[0].state", "value-invalid"),
    "a state within": ({"profiles": [{"activation": {"state": "on"}}]}, "$.profiles[0].activation.state", "value-inv"),
    "somebody's, nobody's": ({"profiles": [{"state": "installed"}]}, "$.profiles[0]", "eid-missing"),
    "several of one": ({"profiles": [{"count": 2, "eid": EID}]}, "$.profiles[0]", "count-invalid"),
    "no such plan": ({"profiles": [{"plan": "gold"}]}, "$.profiles[0].plan", "plan-unknown"),
    "an ICCID twice": ({"profiles": [{"iccid": "8900101000000000019"}] * 2}, "$.profiles[0…]", "iccid-used"),
    "no time zone": ({"profiles": [{"created_at": "2026-12-01T00:00:00"}]}, "$.profiles[0]", "value-invalid"),
    "a time long ago": ({"profiles": [{"consumed_at": "1910-12-01T00:00:00Z"}]}, "$.profiles[0]", "value-invalid"),
    "a due time long ago": (
        {"profiles": [{"activation": {"due_at": "1910-12-01T00:00:00Z"}}]}, "$.profiles[0]", "value-invalid",
    ),
    "a hash that is none": ({"profiles": [{"confirmation_code_hash": "AAAA"}]}, "$.profiles[0]", "value-invalid"),
    "no attempts": ({"profiles": [{"attempts": {"download": -1}}]}, "$.profiles[0]", "value-invalid"),
    "keys that are none": ({"profiles": [{"credentials": {"ki": "x"}}]}, "$.profiles[0…]", "value-invalid"),
    "a device's name": ({"devices": [{}, {"name": 1}]}, "$.devices[1]", "value-invalid"),
    "a device's member": ({"devices": [{"colour": "red"}]}, "$.devices[0]", "member-unknown"),
    "a device's EID": ({"devices": [{"eid": "1"}]}, "$.devices[0]", "device-invalid"),
    "a device's state": ({"devices": [{"state": "AAAA"}]}, "$.devices[0]", "state-invalid"),
    "a device's state in no base64": ({"devices": [{"state": "?"}]}, "$.devices[0]", "state-invalid"),
    "a device twice": ({"devices": [{"eid": EID}, {"eid": EID}]}, "$.devices[1].eid", "device-exists"),
    "a session that is none": (
        {"sessions": [{"id": "AB", "opened_at": "2026-12-01T00:00:00Z", "content": "AAAA"}]},
        "$.sessions[0].content", "session-invalid",
    ),
    "a fault": ({"faults": [{"do": "latency"}, {"do": "latncy"}]}, "$.faults[1]", "fault-unknown"),
    "two clocks": ({"clock": {"now": "2026-12-01T00:00:00Z", "offset": 1}}, "$.clock", "value-invalid"),
    "a clock far away": ({"clock": {"offset": 1e300}}, "$.clock", "value-invalid"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_a_document_is_told_with_its_place_and_nothing_happens(server, case):
    document, path, reason = WRONG[case]
    nobody = Client(server.control_url, carrier="nobody")
    problem = refused(nobody.import_, document)
    assert problem.because.startswith(f"{path}: "), problem.because
    assert problem.reason.startswith(reason)
    assert problem.status in (409, 422) or problem.reason == "plan-unknown"
    assert "nobody" not in {one.name for one in nobody.carriers()}


def test_an_import_that_fails_late_leaves_all_as_it_was(carrier, other):
    eid = populated(carrier)
    before = state_of(carrier)
    foreign = other.create_device().eid
    problem = refused(carrier.import_, {"carrier": {"mcc": "262"}, "devices": [{"eid": foreign}]}, replace=True)
    assert (problem.status, problem.reason) == (409, "device-exists")
    assert other.carrier in problem.because
    assert state_of(carrier) == before
    assert carrier.device(eid).esims


def test_a_document_is_longer_than_other_bodies(carrier):
    carrier.import_({"profiles": [{"eid": eid_of(number), "msisdn": f"+1555{number:07}"} for number in range(4000)]})
    assert len(carrier.export()["profiles"]) == 4000


# --- reset and delete


async def test_a_reset_ends_what_runs_and_the_timeline_goes_on(carrier):
    eid = populated(carrier)
    last = carrier.events()[-1].id
    phone = Phone(EID, address(carrier))
    async with Outside(address(carrier)) as door:
        met = await phone.meet(door, "AB-CD")
        removed = carrier.reset()
        assert (removed.profiles, removed.devices, removed.sessions) == (3, 1, 2)
        answer = await door.ask("getBoundProfilePackage", phone.prepare(met.members, "4931"))
        assert answer.code == "8.10.1/3.9"
    assert (carrier.profiles(), carrier.devices(), carrier.sessions()) == ([], [], [])
    assert refused(carrier.device, eid).status == 404
    assert [plan.name for plan in carrier.plans()] == ["default", "gold"]
    told = carrier.events(after=last)
    assert [event.id for event in told] == list(range(last + 1, last + 1 + len(told)))
    assert [event.type for event in told][-2:] == ["session.cancelled", "carrier.reset"]
    assert told[-2].session == phone.transaction_id
    assert carrier.issue().iccid == "8900101" + carrier.profiles()[0].iccid[7:]
    assert types(carrier, after=told[-1].id) == ["profile.issued"]


async def test_deleting_a_carrier_ends_its_sessions_and_tells_who_listens(server, carrier):
    order = carrier.issue(EID)
    url, last = address(carrier), carrier.events()[-1].id
    device = carrier.create_device()
    phone = Phone(EID, url)
    async with Outside(url) as door:
        met = await phone.meet(door)
        carrier.delete_carrier()
        answer = await door.ask("getBoundProfilePackage", phone.prepare(met.members))
        assert answer.code == "8.10.1/3.9"
        started = await door.ask("initiateAuthentication", phone.initiate())
        assert started.code == "8.8.1/3.8"
    assert refused(carrier.profile, order.iccid).reason == "carrier-unknown"
    assert refused(carrier.device, device.eid).reason == "device-unknown"
    again = carrier.on(carrier.carrier)
    again.create_plan("fresh")
    told = [event.type for event in again.events(after=last)]
    assert told == ["session.cancelled", "carrier.deleted", "carrier.created"]
    assert again.events(after=last)[-1].id > last
    assert again.profiles() == []


# --- carriers that nobody named before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "reset", None),
        ("PUT", "snapshots/before", None),
        ("POST", "import", {}),
        ("POST", "scenarios/never-ordered/apply", {"eid": EID}),
        ("POST", "faults", {"do": "latency"}),
        ("PUT", "webhooks", []),
        ("PUT", "clock", {"frozen": True}),
    ],
)
def test_the_first_write_makes_its_carrier_and_says_so(server, carrier, method, path, body):
    fresh = f"{carrier.carrier}-{path.split('/')[0]}"
    transport = Transport(server.control_url, None, 30.0)
    url = f"/api/v1/carriers/{fresh}/{path}"
    assert transport.call(method, url, body, into=dict)["carrier_created"] is True
    assert "carrier_created" not in transport.call(method, url, body, into=dict)
    assert carrier.on(fresh).events()[0].type == "carrier.created"
    assert carrier.on(fresh).plans()[0].name == "default"


def test_a_write_about_something_that_has_to_be_there_makes_no_carrier(carrier):
    nobody = carrier.on("nobody-at-all")
    for write in (
        lambda: nobody.restore_snapshot("before"),
        lambda: nobody.delete_snapshot("before"),
        lambda: nobody.release("8900101000000000019"),
        nobody.delete_carrier,
    ):
        problem = refused(write)
        assert (problem.status, problem.reason) == (404, "carrier-unknown")
    assert "nobody-at-all" not in {one.name for one in carrier.carriers()}


def test_a_snapshot_that_is_refused_makes_no_carrier(carrier):
    nobody = carrier.on("nobody-at-all")
    assert refused(nobody.take_snapshot, "a b").reason == "snapshot-name-invalid"
    assert refused(carrier.on("No_Name").reset).reason == "carrier-name-invalid"
    assert "nobody-at-all" not in {one.name for one in carrier.carriers()}


# --- snapshots


async def test_a_restore_brings_back_profiles_and_devices_and_ends_newer_sessions(carrier):
    eid = populated(carrier)
    before = state_of(carrier)
    taken = carrier.take_snapshot("before")
    assert (taken.profiles, taken.devices, taken.event) == (3, 1, carrier.events()[-1].id)
    phone = Phone(EID, address(carrier))
    iccid = carrier.profiles(eid=eid)[0].iccid
    async with Outside(address(carrier)) as door:
        assert (await phone.download(door, "AB-CD", "4931")).status == 204
        assert carrier.profiles(eid=EID)[0].state == "installed"
        late = Phone(eid_of(72), address(carrier))
        started = await door.ask("initiateAuthentication", late.initiate())
        carrier.reset_esim(eid)
        carrier.delete_device(eid)
        carrier.change_carrier(mcc="262")
        carrier.revoke(carrier.profiles()[2].iccid)
        last = carrier.events()[-1].id
        assert carrier.restore_snapshot("before").mcc == "310"
        answer = await door.ask("authenticateClient", late.authenticate(started.members))
        assert answer.code == "8.10.1/3.9"
        assert state_of(carrier) == before
        assert carrier.device(eid).esims[0].iccid == iccid
        repeated = await door.ask("handleNotification", phone.told())
        assert repeated.status == 204
        assert carrier.profiles(eid=EID)[0].state == "released", "a result of the state that went changes nothing"
        assert (await Phone(EID, address(carrier)).download(door, "AB-CD", "4931")).status == 204
    assert carrier.profiles(eid=EID)[0].state == "installed"
    told = carrier.events(after=last)
    assert [event.type for event in told][:2] == ["session.cancelled", "carrier.restored"]
    assert told[1].data["snapshot"] == "before"
    assert [event.id for event in told] == list(range(last + 1, last + 1 + len(told)))


async def test_a_package_that_was_on_its_way_may_still_tell_after_a_restore(carrier):
    carrier.issue(EID)
    phone = Phone(EID, address(carrier))
    async with Outside(address(carrier)) as door:
        got = await phone.fetch(door)
        carrier.take_snapshot("handed-out")
        told = phone.install(got.members)
        assert (await door.ask("handleNotification", told)).status == 204
        assert carrier.profiles()[0].state == "installed"
        carrier.restore_snapshot("handed-out")
        assert carrier.profiles()[0].state == "downloaded"
        assert (await door.ask("handleNotification", told)).status == 204
        assert carrier.profiles()[0].activation.state == "active"


def test_what_waits_on_a_device_is_sent_after_a_restore(server, carrier):
    device = carrier.create_device()
    iccid = carrier.issue(device.eid).iccid
    assert carrier.refresh(device.eid, carrier.esim_server_url).ok
    carrier.change_device(device.eid, online=False)
    carrier.switch_esim(device.eid, iccid, "disable")
    carrier.take_snapshot("offline")
    carrier.reset()
    last = carrier.events()[-1].id
    carrier.restore_snapshot("offline")
    assert carrier.profile(iccid).runtime == "enabled"
    carrier.change_device(device.eid, online=True)
    event = carrier.wait("profile.disabled", iccid=iccid, after=last, within=20)
    assert event.eid == device.eid


def test_snapshots_are_listed_replaced_and_forgotten(carrier):
    carrier.issue(EID)
    first = carrier.take_snapshot("one")
    carrier.take_snapshot("two")
    carrier.issue(EID)
    again = carrier.take_snapshot("one")
    assert (first.profiles, again.profiles) == (1, 2)
    assert [one.name for one in carrier.snapshots()] == ["two", "one"]
    assert carrier.snapshot("one") == again
    problem = refused(carrier.restore_snapshot, "tow")
    assert (problem.status, problem.reason, problem.fix) == (404, "snapshot-unknown", "Did you mean two?")
    carrier.delete_snapshot("two")
    assert refused(carrier.delete_snapshot, "two").status == 404
    assert refused(carrier.take_snapshot, "a b").reason == "snapshot-name-invalid"
    carrier.restore_snapshot("one")
    assert len(carrier.profiles()) == 2


def test_a_carrier_keeps_so_many_snapshots(carrier, monkeypatch):
    monkeypatch.setattr("smdp.carrier.keeper.MAX_SNAPSHOTS", 2)
    for name in ("one", "two", "two"):
        carrier.take_snapshot(name)
    assert refused(carrier.take_snapshot, "three").reason == "too-many-snapshots"
    carrier.delete_snapshot("one")
    carrier.take_snapshot("three")


def test_a_restore_that_cannot_be_done_changes_nothing(carrier, other):
    carrier.change_carrier(hosts=[f"{carrier.carrier}.esim.test"])
    carrier.issue(EID)
    carrier.take_snapshot("with-host")
    carrier.change_carrier(hosts=[])
    other.change_carrier(hosts=[f"{carrier.carrier}.esim.test"])
    last = carrier.events()[-1].id
    problem = refused(carrier.restore_snapshot, "with-host")
    assert (problem.status, problem.reason) == (409, "host-taken")
    assert len(carrier.profiles()) == 1
    assert carrier.events(after=last) == []


def test_the_clock_goes_back_with_the_rest(carrier):
    carrier.set_clock("2026-12-01T00:00Z")
    carrier.freeze()
    carrier.take_snapshot("december")
    carrier.advance("48h")
    carrier.restore_snapshot("december")
    assert carrier.clock().now.day == 1
    carrier.reset()
    assert not carrier.clock().frozen
    assert abs(carrier.clock().offset) < 1


# --- one carrier is not another


async def test_whole_carriers_leave_the_others_alone(carrier, other):
    populated(carrier)
    eid = other.create_device().eid
    order = other.issue(EID)
    before = state_of(other)
    last = other.events()[-1].id
    carrier.take_snapshot("mine")
    assert refused(other.restore_snapshot, "mine").reason == "snapshot-unknown"
    assert order.iccid not in json.dumps(carrier.export())
    phone = Phone(EID, address(other))
    async with Outside(address(other)) as door:
        met = await phone.meet(door)
        carrier.reset()
        carrier.restore_snapshot("mine")
        carrier.import_({}, replace=True)
        carrier.delete_carrier()
        got = await door.ask("getBoundProfilePackage", phone.prepare(met.members))
        assert got.code is None
    assert other.device(eid).eid == eid
    assert state_of(other)["profiles"][0]["iccid"] == before["profiles"][0]["iccid"]
    assert not [kind for kind in types(other, after=last) if kind.startswith(("carrier.", "session.cancelled"))]


# --- what is odd comes back as it was


def test_every_kind_of_profile_comes_back(carrier):
    own = upp.build(
        upp.Subscriber(iccid="8988211000000000013", imsi="262011234567890", msisdn=None, pin1="0000", pin2="0000",
                       puk1="00000000", puk2="00000000", adm1="00000000",
                       **dict.fromkeys(("ki", "opc", "kic", "kid", "kik"), bytes(16))),
        upp.PlanContent(mcc="262", mnc="01", spn="Own", profile_type="Own"),
    )  # fmt: skip
    carrier.create_plan("as-it-is", upp=own.hex(), personalise=False)
    carrier.create_plan("test", profile_class="test")
    carrier.issue(plan="as-it-is")
    carrier.issue(plan="test", matching_id="")
    carrier.issue(upp=own.hex())
    ended = carrier.issue(EID, matching_id="AB-CD")
    carrier.revoke(ended.iccid)
    carrier.issue(EID, matching_id="AB-CD")
    failing = carrier.issue(EID)
    carrier.set_activation(failing.iccid, "suspended", "bill unpaid")
    before = state_of(carrier)
    assert len(before["profiles"]) == 6
    for _ in range(2):
        carrier.take_snapshot("odd")
        carrier.restore_snapshot("odd")
    assert state_of(carrier) == before
    carrier.import_(carrier.export(), replace=True)
    assert state_of(carrier) == before


def test_armed_faults_come_back_with_the_times_they_have_left(carrier):
    device = carrier.create_device()
    carrier.import_({"faults": [{"do": "refuse", "times": 3}]}, replace=True)
    carrier.refresh(carrier.create_device().eid, carrier.esim_server_url)
    assert carrier.export()["faults"][0]["times"] == 2
    carrier.take_snapshot("armed")
    carrier.reset()
    assert "faults" not in carrier.export()
    carrier.restore_snapshot("armed")
    assert carrier.export()["faults"][0]["times"] == 2
    assert refused(carrier.device, device.eid).status == 404


def test_documents_and_snapshots_are_bounded(carrier, monkeypatch):
    monkeypatch.setattr("smdp.carrier.document.MAX_ENTRIES", 2)
    assert refused(carrier.import_, {"profiles": [{}] * 3}).reason == "too-many-entries"
    monkeypatch.setattr("smdp.http.keeping.MAX_DOCUMENT", 1000)
    assert refused(carrier.import_, {"profiles": [{"msisdn": "1" * 1000}]}).status == 413
    monkeypatch.setattr("smdp.carrier.keeper.MAX_BYTES", 10)
    assert refused(carrier.take_snapshot, "large").reason == "too-many-snapshots"
    monkeypatch.setattr("smdp.http.bringing.MAX_DEVICES", 0)
    assert refused(carrier.import_, {"devices": [{}]}).reason == "too-many-devices"
