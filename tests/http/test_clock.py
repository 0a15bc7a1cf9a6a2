"""A carrier's clock over HTTP: what falls due on the way happens before the call answers, in order, at its own time."""

from datetime import UTC, datetime, timedelta

import pytest

from smdp.client import Client
from smdp.client.transport import Transport
from smdp.errors import ApiError
from smdp.server import Server
from smdp.settings import Settings

EID = "89049032000000000000000000000046"
START = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(scope="module", params=["memory", "postgres"])
def server(request):
    database = request.getfixturevalue("postgres").schema() if request.param == "postgres" else None
    with Server(Settings(port=0, control_port=0, log_level="error", database=database)) as running:
        yield running


@pytest.fixture
def carrier(server):
    client = Client(server.control_url).create_carrier()
    client.set_clock("2026-12-01T00:00Z")
    client.freeze()
    client.set_clock(START)
    return client


def slow_plan(client, **rule):
    client.create_plan("slow", activation={"install_delay": "1m", "delay": "2m", **rule})


def installed(client, **order):
    """Have a device with the plan `slow` on it."""
    eid = client.create_device().eid
    iccid = client.issue(eid, plan="slow", **order).iccid
    assert client.refresh(eid, client.esim_server_url).ok
    return iccid


def send(client, method, path, body):
    """Send what no method of the client sends."""
    url = f"/api/v1/carriers/{client.carrier}/{path}"
    return Transport(client.url, None, 10).call(method, url, body, into=dict)


def times(client, *types):
    return [(event.type, event.at - START) for event in client.events(type=",".join(types))]


def test_it_is_shown_set_frozen_and_real_again(carrier):
    shown = carrier.clock()
    assert (shown.now, shown.frozen) == (START, True)
    assert shown.offset == pytest.approx((START - shown.wall).total_seconds(), abs=5)
    assert carrier.clock().now == START
    running = carrier.freeze(frozen=False)
    assert not running.frozen
    assert carrier.clock().now > START
    real = carrier.real_clock()
    assert (real.offset, real.frozen) == (0, False)
    assert abs(real.now - real.wall) < timedelta(seconds=1)
    moves = [event.data["how"] for event in carrier.events(type="clock.moved")]
    assert moves == ["set", "freeze", "set", "run", "real"]


def test_set_and_frozen_at_once_it_stands_at_that_very_moment(server):
    carrier = Client(server.control_url, carrier="exactly")
    send(carrier, "PUT", "clock", {"now": START.isoformat(), "frozen": True})
    assert carrier.clock().now == START


def test_advance_makes_an_activation_happen_before_it_answers(carrier):
    slow_plan(carrier)
    iccid = installed(carrier)
    assert carrier.activation(iccid).state == "inactive"
    assert carrier.advance("3m").now == START + timedelta(minutes=3)
    assert carrier.activation(iccid).state == "active"
    assert carrier.activation(iccid).since == START + timedelta(minutes=3)
    assert times(carrier, "activation.pending", "activation.active", "clock.moved")[-3:] == [
        ("activation.pending", timedelta(minutes=1)),
        ("activation.active", timedelta(minutes=3)),
        ("clock.moved", timedelta(minutes=3)),
    ]


def test_what_is_due_happens_in_order_each_at_its_time(carrier):
    slow_plan(carrier)
    expiring = carrier.issue(EID, expires="90s").iccid
    installed(carrier)
    carrier.advance("30s")
    installed(carrier)
    carrier.advance("10m")
    assert [(name, at.total_seconds()) for name, at in times(carrier, "activation.pending", "activation.active",
                                                             "profile.expired")] == [
        ("activation.pending", 60), ("profile.expired", 90), ("activation.pending", 90), ("activation.active", 180),
        ("activation.active", 210),
    ]  # fmt: skip
    assert carrier.profile(expiring).state in ("error", "unavailable")


def test_a_frozen_clock_waits_and_a_set_one_catches_up(carrier):
    slow_plan(carrier)
    iccid = installed(carrier)
    assert carrier.set_clock(START + timedelta(minutes=1)).frozen
    assert carrier.activation(iccid).state == "pending"
    carrier.set_clock("2027-01-01T00:00Z")
    assert carrier.activation(iccid).since == START + timedelta(minutes=3)


def test_the_timer_follows_a_clock_that_runs(carrier):
    slow_plan(carrier, install_delay="1h", delay="0s")
    installed(carrier)
    carrier.freeze(frozen=False)
    carrier.advance(timedelta(minutes=59, seconds=59, milliseconds=500))
    reached = carrier.wait("activation.active", after=0, within=10)
    assert reached.at - START >= timedelta(hours=1)
    assert reached.wall < START + timedelta(days=36500)


def test_backwards_nothing_is_undone_and_all_times_go_along(carrier):
    slow_plan(carrier)
    iccid = installed(carrier)
    carrier.advance("1h")
    carrier.set_clock("2020-01-01T00:00Z")
    assert carrier.activation(iccid).state == "active"
    assert carrier.issue(EID).created_at == datetime(2020, 1, 1, tzinfo=UTC)


def test_orders_and_sessions_go_by_it(carrier):
    device = carrier.create_device()
    carrier.issue(device.eid, expires="1h")
    carrier.advance("61m")
    outcome = carrier.refresh(device.eid, carrier.esim_server_url)
    assert (outcome.ok, outcome.reason) == (False, "expired")
    session = carrier.sessions()[0]
    assert session.opened_at == START + timedelta(minutes=61)
    assert [step.name for step in session.steps] == ["initiateAuthentication", "authenticateClient"]


def test_certificates_of_rsp_are_judged_by_it_and_tls_is_not(carrier):
    device = carrier.create_device()
    carrier.issue(device.eid)
    carrier.set_clock("1999-12-31T00:00Z")
    outcome = carrier.refresh(device.eid, carrier.esim_server_url)
    assert (outcome.refused, outcome.reason) == ("invalidCertificate(1)", "certificate-expired")
    carrier.set_clock(START)
    assert carrier.refresh(device.eid, carrier.esim_server_url).ok


def test_the_last_moment_of_all(carrier):
    slow_plan(carrier)
    carrier.set_clock("9999-12-31T23:59:59Z")
    iccid = installed(carrier, expires="48h")
    assert carrier.clock().now.year == 9999
    assert carrier.profile(iccid).state == "installed"
    with pytest.raises(ApiError, match="year 9999"):
        carrier.advance("1h")


def test_each_carrier_has_its_own(server, carrier):
    other = Client(server.control_url).create_carrier()
    carrier.advance("48h")
    assert abs(other.clock().now - other.clock().wall) < timedelta(seconds=1)
    assert other.events(type="clock.moved") == []


def test_a_restart_and_another_process_follow(tmp_path):
    settings = Settings(port=0, control_port=0, log_level="error", database=f"sqlite:///{tmp_path}/smdp.db")
    with Server(settings) as first, Server(settings) as second:
        Client(first.control_url).set_clock(START)
        Client(first.control_url).freeze()
        frozen = Client(second.control_url).clock()
        assert frozen.frozen
        assert Client(second.control_url).issue().created_at == frozen.now
    with Server(settings) as third:
        assert Client(third.control_url).clock().now == frozen.now


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "Nothing is said"),
        ({"now": "tomorrow"}, "'tomorrow' is no moment"),
        ({"now": "2026-12-01"}, "time zone"),
        ({"now": "1969-12-31T23:59Z"}, "before 1970"),
        ({"now": "9999-12-31T23:59:59-10:00"}, "year 9999"),
        ({"now": 5}, "Expected str"),
        ({"frozen": "yes"}, "Expected bool"),
        ({"real": True, "frozen": True}, "alone"),
        ({"nwo": "2026-12-01T00:00Z"}, "Did you mean now"),
    ],
)
def test_what_no_clock_takes(carrier, change, sentence):
    with pytest.raises(ApiError, match=sentence) as refused:
        send(carrier, "PUT", "clock", change)
    assert refused.value.status == 422
    assert carrier.clock().now == START


@pytest.mark.parametrize("by", ["-3m", "soon", "", None, [], "101y"])
def test_what_does_not_pass(carrier, by):
    with pytest.raises(ApiError, match=r"by|duration|request") as refused:
        send(carrier, "POST", "clock/advance", {"by": by})
    assert (refused.value.status, refused.value.reason) == (422, "value-invalid")


def test_an_unknown_carrier_is_made_by_a_write_only(server):
    nobody = Client(server.control_url, carrier="nobody-yet")
    with pytest.raises(ApiError, match="no carrier") as refused:
        nobody.clock()
    assert refused.value.status == 404
    assert nobody.advance("1h").offset == pytest.approx(3600)
    nobody.delete_carrier()
