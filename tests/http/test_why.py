"""`GET …/eids/{eid}` and `smdp why`: every way it can stand, brought about by real devices on a real server."""

import asyncio
import contextlib
import socket
import ssl

import pytest

from smdp.cli import main
from smdp.client import Client
from smdp.errors import ApiError
from smdp.rsp.certs import LIVE_CIS
from smdp.server import Server
from tests.e2e.phone import Outside
from tests.euicc_stub import key_list
from tests.independent import b64, encode


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@pytest.fixture
def acme(server):
    return Client(server.control_url, carrier="default").create_carrier()


@pytest.fixture
def device(acme):
    return acme.create_device()


@pytest.fixture
def refresh(acme, device):
    return lambda: acme.refresh(device.eid, acme.esim_server_url)


def told(acme, device, reason):
    """Check the reason, and that sentence and advice are whole."""
    report = acme.why(device.eid)
    assert report.reason == reason, report
    assert report.because.endswith(".")
    assert "{" not in report.because + (report.fix or "")
    return report


def test_nothing_ordered_and_never_seen(acme, device):
    report = told(acme, device, "nothing-ordered")
    assert (report.next, report.last_seen, report.fix) == (None, None, f"smdp profile issue {device.eid}")


def test_nothing_ordered_and_seen(acme, device, refresh):
    assert refresh().reason == "nothing-ordered"
    assert told(acme, device, "nothing-ordered").last_seen is not None


def test_ready(acme, device):
    order = acme.issue(device.eid)
    assert told(acme, device, None).next == order.iccid


def test_held(acme, device, refresh):
    order = acme.issue(device.eid, hold=True)
    assert refresh().reason == "on-hold"
    assert told(acme, device, "on-hold").fix == f"smdp profile release {order.iccid}"


def test_the_nearest_eid_with_its_check_digits(acme, device):
    other = device.eid[:-2] + device.eid[-1] + device.eid[-2]
    if other == device.eid:  # one of 90: both check digits are equal
        other = device.eid[:-1] + str((int(device.eid[-1]) + 1) % 10)
    acme.issue(other)
    nearest = told(acme, device, "nothing-ordered").nearest
    assert (nearest.eid, nearest.valid) == (other, False)
    assert nearest.differs_at


def test_consumed_when_and_by_which_session(acme, device, refresh):
    acme.issue(device.eid)
    outcome = refresh()
    report = told(acme, device, "already-downloaded")
    assert f"by session {outcome.session[:8]}…; it is installed and its plan is active" in report.because
    assert refresh().reason == "already-downloaded"


def test_expired(acme, device):
    acme.issue(device.eid, expires="1h")
    acme.advance("2h")
    assert "expired at 20" in told(acme, device, "expired").because


def test_a_confirmation_code_is_needed(acme, device, refresh):
    order = acme.issue(device.eid, confirmation_code="2468")
    assert refresh().reason == "confirmation-code-missing"
    assert told(acme, device, "confirmation-code-missing").next == order.iccid


def test_wrong_confirmation_codes_to_the_limit(acme, device):
    acme.change_carrier(limits={"confirmation_code_attempts": 2})
    order = acme.issue(device.eid, confirmation_code="2468")
    for _ in range(2):
        assert not acme.download(device.eid, order.activation_code, confirmation_code="1").ok
    assert "was wrong 2 times" in told(acme, device, "confirmation-code-attempts-exceeded").because


def test_download_attempts_to_the_limit(acme, device):
    acme.change_carrier(limits={"download_attempts": 1})
    order = acme.issue(device.eid, confirmation_code="2468")
    for _ in range(2):
        acme.download(device.eid, order.activation_code, confirmation_code="1")
    assert "the order has ended" in told(acme, device, "attempts-exceeded").because


def test_another_imei_than_the_order_is_bound_to(acme, device, refresh):
    acme.issue(device.eid, imei="490154203237518")
    assert told(acme, device, None).next, "nobody knows the device's IMEI before it was here"
    assert refresh().reason == "imei-mismatch"
    report = told(acme, device, "imei-mismatch")
    assert report.next is None
    order = report.profiles[0].iccid
    acme.change_profile(order, imei=None)
    assert told(acme, device, None).next == order


def test_revoked(acme, device):
    acme.revoke(acme.issue(device.eid).iccid)
    told(acme, device, "revoked")


@pytest.mark.parametrize(
    ("rule", "reason", "words"),
    [
        ({"install_delay": "1m"}, "pending", "begins to activate its plan at 20"),
        ({"delay": "3m"}, "pending", "is being activated, until 20"),
        ({"fail": "account-inactive"}, "activation-failed", "could not be activated: account-inactive"),
        ({"on": "manual"}, "inactive", "becomes active when an operator activates it"),
    ],
)
def test_installed_but_not_active(acme, device, refresh, rule, reason, words):
    acme.create_plan("slow", activation=rule)
    acme.issue(device.eid, plan="slow")
    assert refresh().ok
    assert words in told(acme, device, reason).because


@pytest.mark.parametrize("state", ["suspended", "terminated"])
def test_stopped_by_an_operator(acme, device, refresh, state):
    acme.issue(device.eid)
    acme.set_activation(refresh().installed, state)
    told(acme, device, state)


def test_pending_by_hand_has_no_time(acme, device, refresh):
    acme.issue(device.eid)
    acme.set_activation(refresh().installed, "pending")
    assert told(acme, device, "pending").because.endswith("and its plan is being activated.")


def test_deleted_on_the_device(acme, device, refresh):
    acme.issue(device.eid)
    acme.delete_esim(device.eid, refresh().installed)
    told(acme, device, "deleted")


# --- who never got so far as to say who it was


def test_tls_refused(acme, device, server):
    order = acme.issue(device.eid)
    host = acme.esim_server_url.removeprefix("https://").rpartition(":")[0]
    place = "127.0.0.1", server.device_port
    with socket.create_connection(place, 10) as sock, contextlib.suppress(ssl.SSLError):
        ssl.create_default_context().wrap_socket(sock, server_hostname=host)
    acme.wait("tls.failed", after=0, within=20)
    report = told(acme, device, "tls-not-trusted")
    assert report.next == order.iccid
    assert "Somebody failed before saying who it was: a TLS handshake at 20" in report.because
    assert "A real iPhone accepts live GSMA certificates only" in report.fix
    acme.refresh(device.eid, acme.esim_server_url)
    told(acme, device, "already-downloaded")


def test_tls_refused_where_nothing_is_ordered_does_not_hide_that(acme, device, server):
    host = acme.esim_server_url.removeprefix("https://").rpartition(":")[0]
    place = "127.0.0.1", server.device_port
    with socket.create_connection(place, 10) as sock, contextlib.suppress(ssl.SSLError):
        ssl.create_default_context().wrap_socket(sock, server_hostname=host)
    acme.wait("tls.failed", after=0, within=20)
    report = told(acme, device, "nothing-ordered")
    assert "a TLS handshake at" in report.because
    assert report.fix.startswith("smdp profile issue")


def test_an_euicc_that_trusts_live_certificates_only(acme, device, server):
    """A real iPhone that was made to trust our TLS would fail here: its eUICC knows the GSMA's live CIs alone."""
    acme.issue(device.eid)
    live = sorted(LIVE_CIS)
    info = encode("BF20", encode("82", b"\2\2\2"), key_list("A9", live), key_list("AA", live))
    address = acme.esim_server_url.removeprefix("https://")
    body = {"euiccChallenge": b64(bytes(16)), "euiccInfo1": b64(info), "smdpAddress": address}

    async def ask():
        async with Outside(address) as door:
            return await door.ask("initiateAuthentication", body)

    answer = asyncio.run(ask())
    assert answer.code == "8.8.2/3.1"
    report = told(acme, device, "ci-not-trusted")
    assert "(a live GSMA CI)" in report.because
    assert "Real devices accept live GSMA certificates only" in report.fix


def test_a_ci_that_the_server_has_no_longer(acme, device, server, refresh):
    refresh()
    acme.issue(device.eid)
    ours = server.parts.service.cis
    try:
        server.parts.service.cis = frozenset({"00" * 20})
        report = told(acme, device, "no-certificate-for-ci")
        assert report.next is None
    finally:
        server.parts.service.cis = ours
    told(acme, device, None)


def test_what_is_no_eid(acme):
    with pytest.raises(ApiError) as refused:
        acme.why("1" * 31)
    assert (refused.value.status, refused.value.reason) == (422, "eid-invalid")


def test_smdp_why_prints_it_in_80_columns(acme, device, server, capfd):
    acme.issue(device.eid, hold=True)
    with pytest.raises(SystemExit) as ended:
        main(["--url", server.control_url, "--carrier", acme.carrier, "why", device.eid])
    out = capfd.readouterr().out
    assert ended.value.code == 1
    assert "Fix: smdp profile release" in out
    assert max(map(len, out.splitlines())) <= 80
