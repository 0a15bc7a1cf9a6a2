"""Whoever floods the server fills nothing up, and takes nothing from those whose package is out."""

import gc
import os
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from smdp.carrier import notifications, sessions
from smdp.carrier.download import Downloads
from smdp.carrier.issue import IssueOrder
from smdp.carrier.service import Service
from smdp.clock import VirtualClock
from smdp.http.app import security_of
from smdp.pki import tls
from smdp.server import Server
from smdp.settings import Settings
from smdp.storage import Database
from tests.e2e.phone import Inside, Phone, eid_of, glance, public_pki
from tests.hostile import ANYBODY, ES9, connect, request, send
from tests.independent import b64

KEEP, KEEP_OPEN, PRUNED_EVERY = 100, 300, 256
JOURNAL = 100_000
pytestmark = pytest.mark.usefixtures("log")


class Shop:
    """A carrier with small bounds."""

    def __init__(self, database, clock):
        self.database, self.clock = database, clock
        self.service = Service(database, clock, journal=JOURNAL)
        self.door = Inside(Downloads(self.service, security_of(public_pki())), "default.smdp.localhost")

    async def count(self, table):
        def counted(connection):
            return connection.execute(f"SELECT count(*) AS n FROM {table}").fetchone()["n"]  # noqa: S608 - our own names

        return await self.database.read(counted)

    async def hand_out(self, number):
        """Let a phone get its package, and say nothing yet."""
        order = (await self.service.issue("default", [IssueOrder(eid=eid_of(number))])).value[0]
        phone = Phone(eid_of(number), "default.smdp.localhost", curves=("P-256",), examine=glance)
        got = await phone.fetch(self.door)
        return phone, phone.install(got.members), order.iccid

    async def flood(self, count):
        """Open sessions that nobody continues."""
        body = Phone(eid_of(99), "default.smdp.localhost").initiate()
        for _ in range(count):
            answer = await self.door.ask("initiateAuthentication", body)
            assert answer.code is None
        return answer.members["transactionId"]


@pytest.fixture
async def shop(monkeypatch):
    monkeypatch.setattr(sessions, "KEEP", KEEP)
    monkeypatch.setattr(sessions, "KEEP_OPEN", KEEP_OPEN)
    monkeypatch.setattr(notifications, "KEEP", KEEP)
    database = await Database.open()
    shop = Shop(database, VirtualClock(frozen_at=datetime(2026, 12, 1, tzinfo=UTC)))
    await shop.service.start()
    yield shop
    await shop.service.close()
    await database.close()


async def test_sessions_that_nobody_continues(shop):
    """The oldest make room; the newest go on, and so does the one whose package is out, however old."""
    phone, told, iccid = await shop.hand_out(1)
    last = await shop.flood(1500)
    assert KEEP_OPEN <= await shop.count("sessions") <= KEEP_OPEN + PRUNED_EVERY
    assert await shop.count("messages") <= KEEP_OPEN + PRUNED_EVERY + 3
    assert (await shop.service.session("default", last)).outcome == "open"
    assert (await shop.service.session("default", phone.transaction_id)).outcome == "downloaded"
    await shop.door.ask("handleNotification", told)
    assert (await shop.service.profile("default", iccid)).state == "installed"
    assert (await shop.service.session("default", phone.transaction_id)).outcome == "installed"


async def test_sessions_that_expired_make_room_first(shop):
    phone, _, _ = await shop.hand_out(1)
    await shop.flood(200)
    shop.clock.advance(timedelta(minutes=31))
    await shop.flood(PRUNED_EVERY)
    assert await shop.count("sessions") <= PRUNED_EVERY + KEEP + 1
    found, _ = await shop.service.sessions("default", {"outcome": "expired"}, None, 1000)
    assert len(found) <= KEEP
    assert (await shop.service.session("default", phone.transaction_id)).outcome == "downloaded"


async def test_notifications_that_prove_nothing(shop):
    """They come from nobody, in any number and length, and the late result is taken all the same, and kept."""
    phone, told, iccid = await shop.hand_out(1)
    result = bytes.fromhex(phone.transaction_id)
    for number in range(1000):
        noise = b"\x30" + os.urandom(50) if number % 2 else phone.notification[:40] + result + os.urandom(20)
        await shop.door.ask("handleNotification", {"pendingNotification": b64(noise)})
    assert await shop.count("notifications") <= KEEP + PRUNED_EVERY
    await shop.door.ask("handleNotification", told)
    assert (await shop.service.profile("default", iccid)).state == "installed"
    for _ in range(600):
        await shop.door.ask("handleNotification", {"pendingNotification": b64(os.urandom(50))})
    kept = (await shop.service.raw_session("default", phone.transaction_id))["notifications"]
    assert [one["raw"] for one in kept if one["verified"]] == [phone.notification]


async def test_long_messages_are_not_kept_whole(shop):
    noise = os.urandom(190_000)
    await shop.door.ask("handleNotification", {"pendingNotification": b64(noise)})
    body = Phone(eid_of(99), "default.smdp.localhost").initiate() | {"x": "y" * 200_000}
    opened = (await shop.door.ask("initiateAuthentication", body)).members["transactionId"]
    (message,) = (await shop.service.raw_session("default", opened))["messages"]
    assert len(message["request"]) == sessions.KEEP_BYTES

    def longest(connection):
        return connection.execute("SELECT max(length(raw)) AS n FROM notifications").fetchone()["n"]

    assert await shop.database.read(longest) == sessions.KEEP_BYTES


async def test_the_journal_is_bounded_in_bytes(shop):
    """Refusals with long words in them, a thousand of them: the oldest events go, ids go on."""
    body = Phone(eid_of(99), "default.smdp.localhost").initiate() | {"smdpAddress": "x" * 255}
    for _ in range(1000):
        assert (await shop.door.ask("initiateAuthentication", body)).code == "8.8.1/3.8"

    def size(connection):
        kept = connection.execute("SELECT sum(length(data)) AS n, count(*) AS rows FROM events").fetchone()
        return kept["n"], kept["rows"]

    written, rows = await shop.database.read(size)
    assert JOURNAL // 2 < written + rows * 100 < JOURNAL * 1.2
    assert await shop.service.last_event("default") == 1001


def contexts():
    gc.collect()
    return sum(isinstance(one, ssl.SSLContext) for one in gc.get_objects())


def test_names_that_nobody_asked_for_twice():
    """A leaf is minted for each; no more than MAX_CONTEXTS are remembered."""
    with Server(Settings(port=0, control_port=0)) as server:
        before = contexts()
        for number in range(tls.MAX_CONTEXTS + 40):
            shake_hands(server.device_port, f"c{number}.smdp.localhost")
        for odd in ("x" * 63, "a" * 60 + "." + "b" * 60 + ".test", "1.2.3.4", "*.test", "xn--nxasmq6b", "_x.y", "A.B."):
            shake_hands(server.device_port, odd)
        assert contexts() - before <= tls.MAX_CONTEXTS + 2
        assert send(server.device_port, request(path=ES9 + "initiateAuthentication", body=b"{}"))[0].status == 200


def shake_hands(port, name):
    with connect(port, tls=False) as plain, ANYBODY.wrap_socket(plain, server_hostname=name) as wire:
        assert wire.version() in ("TLSv1.2", "TLSv1.3")
