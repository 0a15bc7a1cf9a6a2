"""The log: every type of event makes a line with its name, and no line says what is secret."""

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from smdp import log
from smdp.carrier.event_types import TYPES
from smdp.client import Client
from smdp.model import Event
from smdp.server import Server
from smdp.settings import Settings

EID = "89049032123451234512345678901235"
ICCID = "8900101000000000019"
SESSION = "AB" * 16
SECRETS = {
    "imei": "490154203237518", "matching_id": "04386-AGYFT-A74Y8-3F815", "confirmation_code": "24682468",
    "secret": "s3cret", "token": "t0ken", "ki": "0F" * 16, "opc": "F0" * 16, "pin1": "7431", "puk1": "87654321",
}  # fmt: skip


@pytest.fixture
def lines():
    """Capture the log as JSON, and put back what was there."""
    loggers = [logging.getLogger(name) for name in ("smdp", "aiohttp")]
    before = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    stream = io.StringIO()
    log.set_up("info", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for one, handlers, level, propagate in before:
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)


def event(kind, **data):
    now = datetime.now(UTC)
    return Event(id=1, at=now, wall=now, type=kind, carrier="acme", eid=EID, iccid=ICCID, session=SESSION, data=data)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_one_line_without_secrets(lines, kind):
    log.events([event(kind, because=f"The EID {EID} is held.", ms=1.5, nested={"ki": SECRETS["ki"]}, **SECRETS)])
    (line,) = lines()
    assert (line["event"], line["carrier"], line["eid"], line["iccid"]) == (kind, "acme", "…1235", "…019")
    assert (line["session"], line["ms"], line["because"]) == ("ABABABAB", 1.5, "The EID …1235 is held.")
    text = json.dumps(line)
    assert not [name for name, secret in SECRETS.items() if secret in text]
    assert EID not in text


def test_a_member_takes_no_name_of_the_line_itself(lines):
    log.events([event("webhook.delivered", event=418, level="x", at="y")])
    (line,) = lines()
    assert (line["event"], line["level"]) == ("webhook.delivered", "info")
    assert (line["event_"], line["level_"], line["at_"]) == (418, "x", "y")


def test_what_failed_is_a_warning(lines):
    log.events([event("session.refused"), event("tls.failed"), event("webhook.failed"), event("session.step")])
    assert [line["level"] for line in lines()] == ["warning", "warning", "warning", "info"]


def test_a_whole_day_of_a_carrier_tells_no_secret(lines):
    """Orders, downloads, refusals, a webhook that nobody answers, as a running server logs them."""
    settings = Settings(port=0, control_port=0, webhook_url="http://127.0.0.1:9/h00k", webhook_secret="s3cret")
    with Server(settings) as server:
        acme = Client(server.control_url, carrier="acme")
        device = acme.create_device()
        imei = device.imei.replace(" ", "")
        orders = [acme.issue(device.eid), acme.issue(device.eid, confirmation_code="24682468", imei=imei)]
        assert acme.refresh(device.eid, acme.esim_server_url).ok
        acme.download(device.eid, orders[1].activation_code, confirmation_code="11111111")
        acme.download(device.eid, orders[1].activation_code, confirmation_code="24682468")
        assert not acme.refresh(device.eid, acme.esim_server_url).ok
        acme.wait("webhook.failed", after=0)
        secrets = [device.eid, imei, "s3cret", "24682468", "11111111", "h00k"]
        for order in orders:
            credentials = acme.profile(order.iccid, credentials=True).credentials
            secrets += [getattr(credentials, name) for name in ("ki", "opc", "adm1", "kic", "kid", "kik", "puk1")]
            secrets += [order.iccid, order.matching_id]
    told = lines()
    kinds = {line["event"] for line in told}
    assert {"profile.issued", "eid.seen", "profile.consumed", "session.refused", "webhook.failed"} <= kinds
    text = json.dumps(told, ensure_ascii=False)
    assert [secret for secret in secrets if secret and secret in text] == []
