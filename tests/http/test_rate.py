"""`limits.per_second` of a carrier: how many calls of ES9+ pass, how others are answered, and where it is told."""

import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from smdp.carrier import rate
from smdp.carrier.rate import RateLimits
from smdp.client import Client
from smdp.errors import ApiError
from smdp.server import Server
from tests.http.calls import answered


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@pytest.fixture
def time(server, monkeypatch):
    """Monotonic time, which stands still until a test moves it."""
    time = [1000.0]
    monkeypatch.setattr(server.parts.downloads.rates, "now", lambda: time[0])
    return time


@pytest.fixture
def carrier(server, time):
    return Client(server.control_url).create_carrier()


def limit(carrier, per_second):
    carrier.change_carrier(limits={"per_second": per_second})


def statuses(carrier, calls):
    return [answered(carrier)[0] for _ in range(calls)]


def fired(carrier):
    return [event.data for event in carrier.events(type="fault.fired")]


def test_a_burst_passes_and_then_one_call_for_each_share_of_a_second(carrier, time):
    limit(carrier, 2)
    assert statuses(carrier, 4) == [200, 200, 429, 429]
    time[0] += 0.5
    assert statuses(carrier, 2) == [200, 429]
    time[0] += 3600
    assert statuses(carrier, 3) == [200, 200, 429]
    assert answered(carrier)[1]["Retry-After"] == "1"


def test_no_limit_and_other_carriers_are_not_met(carrier, server):
    other = Client(server.control_url).create_carrier()
    limit(other, 1)
    assert statuses(other, 2) == [200, 429]
    assert statuses(carrier, 5) == [200] * 5


def test_a_change_holds_from_the_next_call_on(carrier, time):
    limit(carrier, 1)
    assert statuses(carrier, 2) == [200, 429]
    limit(carrier, 100)
    time[0] += 0.025
    assert statuses(carrier, 3) == [200, 200, 429]
    limit(carrier, None)
    assert statuses(carrier, 3) == [200] * 3


def test_the_device_says_so_and_its_order_lasts(carrier, time):
    device = carrier.create_device()
    carrier.issue(device.eid)
    limit(carrier, 2)
    outcome = carrier.refresh(device.eid, carrier.esim_server_url)
    assert (outcome.ok, outcome.refused, outcome.reason) == (False, None, "rate-limited")
    assert "getBoundProfilePackage down: too many calls" in outcome.because
    assert outcome.fix == "Try again after 1 s, or let fewer devices come at a time."
    assert [step.name for step in outcome.steps if not step.ok] == ["getBoundProfilePackage", "cancelSession"]
    limit(carrier, 1000)
    time[0] += 1
    assert carrier.refresh(device.eid, carrier.esim_server_url).ok


def test_a_notification_waits_until_it_is_taken(carrier, time):
    device = carrier.create_device()
    order = carrier.issue(device.eid)
    limit(carrier, 3)
    assert carrier.refresh(device.eid, carrier.esim_server_url).ok
    assert carrier.profile(order.iccid).state == "downloaded"
    limit(carrier, None)
    assert carrier.wait("profile.installed", iccid=order.iccid, after=0, within=30)


def test_it_is_told_once_a_second_and_counted(carrier, time, server):
    limit(carrier, 1)
    statuses(carrier, 4)
    assert [one["count"] for one in fired(carrier)] == [1]
    time[0] += 1
    statuses(carrier, 2)
    told = fired(carrier)
    assert [one["count"] for one in told] == [1, 3]
    assert (told[0]["fault"], told[0]["do"], told[0]["step"]) == (rate.LIMIT, "rate-limit", "initiateAuthentication")
    assert told[0]["with"] == {"per_second": 1}
    with urllib.request.urlopen(f"{server.control_url}/metrics") as response:  # noqa: S310 - our own server
        families = text_string_to_metric_families(response.read().decode())
    counts = [one.value for family in families for one in family.samples if one.name == "smdp_faults_fired_total"]
    assert counts[0] >= 4


def test_why_says_it_until_the_device_came_through(carrier, time):
    device = carrier.create_device()
    carrier.issue(device.eid)
    limit(carrier, 1)
    carrier.refresh(device.eid, carrier.esim_server_url)
    report = carrier.why(device.eid)
    assert report.reason == "rate-limited"
    assert f"limits.per_second of the carrier {carrier.carrier} lets through, 1 (HTTP 429)." in report.because
    assert "raise the carrier's limits.per_second" in report.fix
    limit(carrier, None)
    assert carrier.refresh(device.eid, carrier.esim_server_url).ok
    assert carrier.why(device.eid).reason == "already-downloaded"


@pytest.mark.parametrize("value", [0, -1, 1_000_001, "many", 1.5])
def test_nonsense_is_refused(carrier, value):
    with pytest.raises(ApiError) as error:
        limit(carrier, value)
    assert (error.value.status, error.value.reason) == (422, "value-invalid")


def test_the_buckets_are_bounded_and_the_oldest_goes_first(monkeypatch):
    monkeypatch.setattr(rate, "_MOST_BUCKETS", 2)
    rates = RateLimits(lambda: 0.0)
    passed = [rates.take(name, 1) is None for name in ("a", "b", "a", "c", "a", "b")]
    assert passed == [True, True, False, True, False, True]
