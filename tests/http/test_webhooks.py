"""Webhooks: each event told once, in order for each profile, through receivers that fail, hang and go away."""

import asyncio
import hmac
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from smdp.carrier.hooks import Hook
from smdp.carrier.service import Service
from smdp.carrier.webhooks import Webhooks
from smdp.client import Client
from smdp.clock import SystemClock
from smdp.http import carriers, context, events, problems, profiles, webhooks
from smdp.http.couriers import Couriers, signature
from smdp.server import Server
from smdp.storage import Database
from tests.http.receiver import receiver

EID = "89049032123451234512345678901235"
OTHER = "89049032123451234512345678901334"
ACME = "/api/v1/carriers/acme"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Retries come after 20 ms."""
    monkeypatch.setattr("smdp.carrier.webhooks._FIRST_RETRY", timedelta(milliseconds=20))


class World:
    """A server's control API with its couriers, on a database that may outlive it."""

    def __init__(self, url=None, default=None):
        self.url, self.default = url, default

    async def __aenter__(self):
        self.database = await Database.open(self.url)
        self.service = Service(self.database, SystemClock())
        self.hooks = Webhooks(self.service, self.default)
        self.couriers = Couriers(self.hooks)
        await self.service.start()
        app = web.Application(middlewares=[problems.middleware, context.middleware])
        app[context.SERVICE] = self.service
        app[webhooks.WEBHOOKS], app[webhooks.COURIERS] = self.hooks, self.couriers
        for module in (carriers, profiles, events, webhooks):
            module.add_routes(app)
        self.api = TestClient(TestServer(app))
        await self.api.start_server()
        await self.couriers.start()
        return self

    async def __aexit__(self, *_):
        await self.couriers.close()
        await self.api.close()
        await self.service.close()
        await self.database.close()

    async def call(self, method, path, body=None, status=200):
        async with self.api.request(method, path, **({} if body is None else {"json": body})) as response:
            told = None if response.status == 204 else await response.json(content_type=None)
            assert response.status == status, told
            return told

    async def put(self, *hooks, status=201):
        return (await self.call("PUT", f"{ACME}/webhooks", list(hooks), status))["items"]

    async def issue(self, **order):
        return await self.call("POST", f"{ACME}/profiles", order, 201)

    async def log(self, kind):
        return (await self.call("GET", f"{ACME}/events?type={kind}&limit=1000"))["items"]

    async def logged(self, kind, count):
        """Wait until so many deliveries are noted."""
        async with asyncio.timeout(20):
            while len(found := await self.log(kind)) < count:  # noqa: ASYNC110 - asked over HTTP, as a test would
                await asyncio.sleep(0.005)
        return found


@pytest.fixture
async def world():
    async with World() as one:
        yield one


async def test_an_event_is_posted_signed_and_logged(world):
    async with receiver() as there:
        await world.put({"url": there.url, "secret": "s3cret"})
        profile = await world.issue(eid=EID)
        await there.until(lambda: there.taken)
        body, headers = there.attempts[0], there.headers[0]
        assert (body["delivery"], body["attempt"]) == ("acme-w1-2", 1)
        assert (body["event"]["type"], body["event"]["iccid"]) == ("profile.issued", profile["iccid"])
        assert body["event"] == (await world.log("profile.issued"))[0]
        expected = hmac.new(b"s3cret", there.bodies[0], "sha256").hexdigest()
        assert headers["X-Smdp-Signature"] == f"sha256={expected}" == signature("s3cret", there.bodies[0])
        assert headers["Content-Type"] == "application/json"
        delivered = (await world.logged("webhook.delivered", 1))[0]
        told = delivered["data"]
        assert {name: told[name] for name in ("hook", "delivery", "event", "attempt", "status")} == {
            "hook": "w1", "delivery": "acme-w1-2", "event": 2, "attempt": 1, "status": 200,
        }  # fmt: skip
        assert told["ms"] > 0
        assert len(there.attempts) == 1, "the log of deliveries is not delivered"


async def test_without_a_secret_nothing_is_signed(world):
    async with receiver() as there:
        await world.put({"url": there.url})
        await world.issue()
        await there.until(lambda: there.taken)
        assert "X-Smdp-Signature" not in there.headers[0]


async def test_only_the_wanted_types_and_only_from_now_on(world):
    await world.issue(eid=EID, hold=True)
    async with receiver() as there:
        await world.put({"url": there.url, "types": ["profile.released"]}, status=200)
        iccid = (await world.issue(eid=OTHER, hold=True))["iccid"]
        await world.call("POST", f"{ACME}/profiles/{iccid}/release")
        await there.until(lambda: there.taken)
        await world.logged("webhook.delivered", 1)
        assert [body["event"]["type"] for body in there.attempts] == ["profile.released"]


async def test_several_hooks_each_get_all(world):
    async with receiver() as one, receiver() as two:
        await world.put({"url": one.url}, {"url": two.url, "types": ["profile.issued"]})
        for _ in range(5):
            await world.issue()
        for there in (one, two):
            await there.until(lambda there=there: len(there.taken) == 5)
            assert len(set(there.ids)) == 5
        assert len(await world.logged("webhook.delivered", 10)) == 10


async def test_500_twice_then_200_is_delivered_once_in_order(world):
    async with receiver() as there:
        there.answer = lambda body: 500 if body["attempt"] < 3 and body["event"]["type"] == "profile.issued" else 200
        await world.put({"url": there.url, "types": ["profile.issued", "profile.held", "profile.released"]})
        iccid = (await world.issue(eid=EID))["iccid"]
        await world.call("POST", f"{ACME}/profiles/{iccid}/hold")
        await world.call("POST", f"{ACME}/profiles/{iccid}/release")
        await there.until(lambda: len(there.taken) == 3)
        kinds = [(body["event"]["type"], body["attempt"]) for body in there.attempts]
        assert kinds == [
            ("profile.issued", 1), ("profile.issued", 2), ("profile.issued", 3), ("profile.held", 1),
            ("profile.released", 1),
        ]  # fmt: skip
        assert len({body["delivery"] for body in there.attempts[:3]}) == 1
        failed = await world.log("webhook.failed")
        assert [(one["data"]["attempt"], one["data"]["status"]) for one in failed] == [(1, 500), (2, 500)]
        assert failed[0]["data"]["because"] == "The receiver answered 500."
        assert failed[1]["data"]["retry_in"] == 0.04


async def test_one_profile_that_fails_does_not_hold_up_the_others(world):
    async with receiver() as there:
        there.answer = lambda body: 500 if body["event"]["eid"] == EID and len(there.taken) < 20 else 200
        await world.put({"url": there.url, "types": ["profile.issued"]})
        await world.issue(eid=EID)
        for _ in range(20):
            await world.issue()
        await there.until(lambda: len(there.taken) == 21)
        assert there.taken[-1]["event"]["eid"] == EID


async def test_a_receiver_that_hangs_is_given_its_time_and_asked_again(world, monkeypatch):
    monkeypatch.setattr("smdp.http.couriers.TIMEOUT", timedelta(milliseconds=100))
    async with receiver() as there, receiver() as other:
        hung = asyncio.Event()
        there.answer = lambda body: hung.wait() if body["attempt"] == 1 else 200
        await world.put({"url": there.url}, {"url": other.url})
        for _ in range(3):
            await world.issue(eid=EID)
        await other.until(lambda: len(set(other.ids)) == 3)
        await there.until(lambda: len(set(there.ids)) == 3)
        hung.set()
        failed = await world.log("webhook.failed")
        assert {one["data"]["status"] for one in failed} == {None}
        assert "did not answer within" in failed[0]["data"]["because"]
        assert set(there.ids) == set(other.ids)


async def test_a_receiver_that_is_away_is_probed_not_flooded(world):
    async with receiver() as gone:
        url = gone.url
    await world.put({"url": url, "types": ["profile.issued"]})
    await world.issue(count=200)
    failed = await world.logged("webhook.failed", 10)
    assert failed[0]["data"]["because"].startswith("Nobody answers at http://127.0.0.1:")
    assert len(failed) < 40
    port = int(url.rpartition(":")[2].partition("/")[0])
    async with receiver(port) as there:
        await there.until(lambda: len(set(there.ids)) == 200, 40)
    assert (await world.logged("webhook.delivered", 200))[-1]


@pytest.mark.parametrize("status", [301, 307, 404, 410])
async def test_anything_but_success_is_a_failure(world, status):
    async with receiver() as there:
        there.answer = lambda body: status if body["attempt"] == 1 else 204
        await world.put({"url": there.url})
        await world.issue()
        await there.until(lambda: there.taken)
        assert len(there.attempts) == 2, "no redirect is followed"
        assert (await world.log("webhook.failed"))[0]["data"]["status"] == status


async def test_what_nobody_takes_for_a_day_is_given_up(world, monkeypatch):
    monkeypatch.setattr("smdp.carrier.webhooks.GIVE_UP_AFTER", timedelta(milliseconds=50))
    async with receiver() as there:
        there.answer = lambda body: 500 if body["event"]["type"] == "profile.issued" else 200
        await world.put({"url": there.url, "types": ["profile.issued", "profile.held"]})
        iccid = (await world.issue())["iccid"]
        await world.call("POST", f"{ACME}/profiles/{iccid}/hold")
        await there.until(lambda: there.taken)
        last = (await world.log("webhook.failed"))[-1]["data"]
        assert last["given_up"]
        assert "retry_in" not in last


async def test_a_dead_receiver_does_not_fill_the_journal(world):
    async with receiver() as there:
        there.answer = lambda body: 500 if body["attempt"] < 32 else 200
        await world.put({"url": there.url, "types": ["profile.issued"]})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("smdp.carrier.webhooks._LAST_RETRY", timedelta(milliseconds=1))
            await world.issue()
            await there.until(lambda: there.taken)
        failed = await world.log("webhook.failed")
        assert [one["data"]["attempt"] for one in failed] == [1, 2, 3, 4, 5, 10, 20, 30]


async def test_events_that_the_journal_forgot_are_told_to_be_lost(world):
    async with receiver() as there:
        await world.put({"url": there.url, "types": ["profile.issued"]})
        await world.couriers.close()
        await world.issue(count=3)
        await world.database.write(lambda c: c.execute("DELETE FROM events WHERE carrier = 'acme' AND id < 4"))
        world.couriers = Couriers(world.hooks)
        await world.couriers.start()
        await there.until(lambda: there.taken)
        lost = (await world.logged("webhook.failed", 1))[0]["data"]
        assert lost["because"].startswith("The journal forgot 2 events before http://127.0.0.1:")
        assert there.ids == [4]


# --- restarts


async def test_what_a_process_leaves_is_delivered_by_another(tmp_path, monkeypatch):
    """Two worlds on one file stand for two processes; the one without couriers has ended before they looked."""
    monkeypatch.setattr("smdp.http.couriers._LOOK_SECONDS", 0.01)
    monkeypatch.setattr("smdp.http.couriers._LEFT_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    async with receiver() as there, World(url) as alive, World(url) as ended:
        await alive.put({"url": there.url, "types": ["profile.issued", "profile.held"]})
        await ended.couriers.close()
        iccid = (await ended.issue())["iccid"]
        await ended.call("POST", f"{ACME}/profiles/{iccid}/hold")
        await there.until(lambda: len(there.taken) == 2)
        assert [body["event"]["type"] for body in there.taken] == ["profile.issued", "profile.held"]


async def test_ids_that_leap_with_the_machine_are_no_loss(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    async with receiver() as there:
        async with World(url) as world:
            await world.put({"url": there.url})
            await world.issue()
            await world.logged("webhook.delivered", 1)
        monkeypatch.setattr("smdp.storage.boot.current", lambda: "another")
        async with World(url) as world:
            await world.issue()
            await world.logged("webhook.delivered", 2)
            assert await world.log("webhook.failed") == []
        assert there.ids[1] > 10_000


@pytest.mark.parametrize("grace", [timedelta(0), timedelta(seconds=5)])
async def test_a_receiver_that_is_down_over_a_restart_gets_all_in_order(tmp_path, grace):
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    async with receiver() as gone:
        target = gone.url
    async with World(url) as world:
        await world.put({"url": target, "types": ["profile.issued", "profile.held", "profile.released"]})
        iccids = [(await world.issue(eid=EID))["iccid"] for _ in range(3)]
        await world.logged("webhook.failed", 1)
        await world.couriers.close(grace)
        for iccid in iccids:
            await world.call("POST", f"{ACME}/profiles/{iccid}/hold")  # while nobody delivers
    async with World(url) as world, receiver(int(target.rpartition(":")[2].partition("/")[0])) as there:
        for iccid in iccids:
            await world.call("POST", f"{ACME}/profiles/{iccid}/release")
        await there.until(lambda: len(set(there.ids)) == 9, 30)
        for iccid in iccids:
            kinds = [body["event"]["type"] for body in there.taken if body["event"]["iccid"] == iccid]
            assert kinds == ["profile.issued", "profile.held", "profile.released"]
        items = (await world.call("GET", f"{ACME}/webhooks"))["items"]
        await world.logged("webhook.delivered", 9)
        assert items[0]["id"] == "w1"


async def test_closing_flushes_what_is_due(tmp_path):
    async with receiver() as there, World(f"sqlite:///{tmp_path / 'smdp.db'}") as world:
        await world.put({"url": there.url, "types": ["profile.issued"]})
        await world.issue(count=100, eid=EID)
        await world.couriers.close(timedelta(seconds=20))
        assert there.ids == list(range(2, 102))


async def test_closing_does_not_wait_for_a_receiver_that_hangs(tmp_path):
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    hang = asyncio.Event()
    async with receiver() as there:
        there.answer = lambda _: hang.wait() if not hang.is_set() else 200
        async with World(url) as world:
            await world.put({"url": there.url, "types": ["profile.issued"]})
            await world.issue(eid=EID)
            await there.until(lambda: there.attempts)
            async with asyncio.timeout(5):
                await world.couriers.close(timedelta(milliseconds=50))
        hang.set()
        there.attempts.clear()
        async with World(url):
            await there.until(lambda: there.taken)
            assert there.attempts[0]["attempt"] == 1, "what was broken off does not count"


async def test_what_is_lost_in_memory_is_said(world, caplog):
    await world.put({"url": "http://127.0.0.1:9/hook", "types": ["profile.issued"]})
    await world.issue(count=3)
    await world.logged("webhook.failed", 1)
    await world.couriers.close()
    assert "3 events that webhooks did not take are lost: the database is in memory" in caplog.text


@pytest.mark.parametrize("kind", ["file", "postgres"])
async def test_two_servers_on_one_database_deliver_once(kind, request, tmp_path, monkeypatch):
    monkeypatch.setattr("smdp.http.couriers._LOOK_SECONDS", 0.01)
    url = request.getfixturevalue("postgres").schema() if kind == "postgres" else f"sqlite:///{tmp_path / 'smdp.db'}"
    async with receiver() as there, World(url) as one, World(url) as two:
        await one.put({"url": there.url, "types": ["profile.issued"]})
        async with asyncio.timeout(20):
            while not two.couriers._hooks:  # noqa: ASYNC110, SLF001 - what a process knows of another's hooks
                await asyncio.sleep(0.005)
        for _ in range(10):
            await one.issue(eid=EID)
            await two.issue(eid=OTHER)
        await one.logged("webhook.delivered", 20)
        assert sorted(there.ids) == sorted(set(there.ids))
        assert len(there.ids) == 20


# --- the default of the settings


async def test_the_default_holds_for_every_carrier_without_hooks_of_its_own(tmp_path):
    async with receiver() as there, receiver() as own:
        hook = Hook(id="default", url=there.url, types=("profile.issued", "carrier.created"), secret="s")
        async with World(default=hook) as world:
            await world.call("POST", "/api/v1/carriers/beta/profiles", {}, 201)
            await there.until(lambda: len(there.taken) == 2)
            assert {body["event"]["carrier"] for body in there.taken} == {"beta"}
            await world.issue()
            await there.until(lambda: len(there.taken) == 4)
            shown = (await world.call("GET", f"{ACME}/webhooks"))["items"]
            assert [(one["id"], one["signed"]) for one in shown] == [("default", True)]
            await world.put({"url": own.url, "types": ["profile.issued"]}, status=200)
            await world.issue()
            await own.until(lambda: own.taken)
            assert len(there.taken) == 4
            await world.put(status=200)
            await world.issue()
            await there.until(lambda: len(there.taken) == 5)


async def test_the_default_tells_nothing_of_before_it_was_set(tmp_path):
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    async with World(url) as world:
        await world.issue(eid=EID)
    async with receiver() as there:
        hook = Hook(id="default", url=there.url)
        async with World(url, default=hook) as world:
            await world.issue(eid=OTHER)
            await there.until(lambda: there.taken)
            assert there.ids == [3]
            await world.couriers.close(timedelta(seconds=5))
            await world.issue(eid=EID)
        async with World(url, default=hook):
            await there.until(lambda: len(there.taken) == 2)


# --- what may be put


async def test_secrets_are_never_shown_and_survive_a_round_trip(world):
    async with receiver() as there:
        await world.put({"url": there.url, "secret": "s3cret"}, {"url": there.url + "?two", "types": ["tls.failed"]})
        shown = await world.call("GET", f"{ACME}/webhooks")
        assert shown["items"] == [
            {"id": "w1", "url": there.url, "types": [], "signed": True, "pending": 0},
            {"id": "w2", "url": there.url + "?two", "types": ["tls.failed"], "signed": False, "pending": 0},
        ]
        assert await world.call("PUT", f"{ACME}/webhooks", shown) == shown
        shown["items"].reverse()
        assert await world.call("PUT", f"{ACME}/webhooks", shown) == shown
        await world.issue()
        await there.until(lambda: there.taken)
        assert there.headers[0]["X-Smdp-Signature"] == signature("s3cret", there.bodies[0])
        unsigned = await world.put({"id": "w1", "url": there.url, "secret": None}, status=200)
        assert [one["signed"] for one in unsigned] == [False]
        assert "s3cret" not in repr(Hook(id="w1", url="http://x", secret="s3cret"))
        assert await world.put(status=200) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422), ("x", 422), ({"url": "http://x"}, 422), ([5], 422), ([{}], 422), ([{"url": 5}], 422),
        ([{"url": "x"}], 422), ([{"url": "ftp://x"}], 422), ([{"url": "http://"}], 422), ([{"url": "http://x:0"}], 422),
        ([{"url": "http://x:99999"}], 422), ([{"url": "http://a:b@x"}], 422), ([{"url": "http://x y"}], 422),
        ([{"url": "http://x/" + "y" * 2000}], 422), ([{"url": "http://x", "types": ["profile.isued"]}], 422),
        ([{"url": "http://x", "types": ["webhook.failed"]}], 422), ([{"url": "http://x", "types": "x"}], 422),
        ([{"url": "http://x", "secret": ""}], 422), ([{"url": "http://x", "secret": "a\nb"}], 422),
        ([{"url": "http://x", "secret": "x" * 257}], 422), ([{"url": "http://x", "secrt": "x"}], 422),
        ([{"url": f"http://x/{number}"} for number in range(11)], 422), ({"items": 5}, 422),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
async def test_what_is_no_webhook_is_refused_and_makes_no_carrier(world, body, status):
    told = await world.call("PUT", "/api/v1/carriers/fresh/webhooks", body, status)
    assert told["because"]
    assert told["fix"]
    assert (await world.call("GET", "/api/v1/carriers/fresh/webhooks", status=404))["reason"] == "carrier-unknown"


async def test_a_hook_that_is_taken_away_gets_nothing_more(world):
    async with receiver() as there, receiver() as other:
        there.answer = lambda _: 500
        await world.put({"url": there.url})
        await world.issue()
        await world.logged("webhook.failed", 1)
        await world.put({"url": other.url}, status=200)
        tried = len(there.attempts)
        await world.issue()
        await other.until(lambda: other.taken)
        await world.logged("webhook.delivered", 1)
        assert len(there.attempts) == tried
        assert (await world.call("GET", f"{ACME}/webhooks"))["items"][0]["pending"] == 0


def types_of(there):
    """The types of the events that were taken, once each: what was on its way when its carrier went comes twice."""
    return list({body["delivery"]: body["event"]["type"] for body in there.taken}.values())


async def left(world):
    """Name what webhooks and deliveries there are."""
    tables = ("webhooks", "deliveries")
    return [
        row["carrier"]
        for table in tables
        for row in await world.database.read(lambda c, t=table: c.execute(f"SELECT carrier FROM {t}").fetchall())  # noqa: S608 - ours
    ]


async def gone(world):
    """Wait until nothing is left to deliver for anybody."""
    async with asyncio.timeout(20):
        while await left(world):  # noqa: ASYNC110 - what is stored is what counts
            await asyncio.sleep(0.005)


async def test_a_deleted_carrier_tells_that_it_was_and_starts_anew(world):
    async with receiver() as there:
        await world.put({"url": there.url})
        await world.issue()
        await world.call("DELETE", ACME, status=204)
        await world.issue()
        await there.until(lambda: "carrier.deleted" in types_of(there))
        await gone(world)
        assert set(types_of(there)) == {"profile.issued", "carrier.deleted"}
        assert {body["delivery"] for body in there.taken} == {"acme-w1-2", "acme-w1-3"}
        assert (await world.call("GET", f"{ACME}/webhooks"))["items"] == []
        assert await world.log("webhook.delivered") == []


async def test_a_hook_hears_of_the_deletion_only_if_it_wants_to(world):
    async with receiver() as there, receiver() as other:
        hooks = {"url": there.url, "types": ["carrier.deleted"]}, {"url": other.url, "types": ["profile.issued"]}
        await world.put(*hooks)
        await world.issue()
        await other.until(lambda: other.taken)
        await world.call("DELETE", ACME, status=204)
        await there.until(lambda: there.taken)
        await gone(world)
        assert (types_of(there), types_of(other)) == (["carrier.deleted"], ["profile.issued"])


async def test_a_receiver_that_fails_hears_of_the_deletion_when_it_is_back(tmp_path):
    url = f"sqlite:///{tmp_path}/smdp.db"
    async with receiver() as there:
        there.answer = lambda _: 500
        async with World(url) as world:
            await world.put({"url": there.url})
            await world.issue()
            await there.until(lambda: there.attempts)
            await world.call("DELETE", ACME, status=204)
        there.answer = lambda _: 200
        async with World(url) as world:
            await there.until(lambda: "carrier.deleted" in types_of(there))
            await gone(world)
        assert set(types_of(there)) == {"profile.issued", "carrier.deleted"}


async def test_the_hook_of_the_settings_hears_of_the_deletion_too():
    async with receiver() as there:
        async with World(default=Hook(id="default", url=there.url)) as world:
            await world.issue()
            await world.call("DELETE", ACME, status=204)
            await there.until(lambda: "carrier.deleted" in types_of(there))
            await world.issue()
            await there.until(lambda: len(types_of(there)) == 5)
        expected = ["carrier.created", "profile.issued", "carrier.deleted", "carrier.created", "profile.issued"]
        assert sorted(types_of(there)) == sorted(expected)


async def test_deleted_carriers_are_remembered_up_to_a_bound(monkeypatch):
    monkeypatch.setattr("smdp.carrier.webhooks._MAX_PARTED", 2)
    async with receiver() as there, World() as world:
        there.answer = lambda _: 500
        for _ in range(4):
            await world.put({"url": there.url})
            await world.call("DELETE", ACME, status=204)
        assert len({name for name in await left(world) if name.startswith("acme~")}) == 2


async def test_with_no_hook_a_commit_looks_no_further(world):
    woken = []
    world.couriers._wake = lambda *event: woken.append(event)  # noqa: SLF001 - what a commit costs is what is tested
    await world.issue()
    assert not woken
    await world.put({"url": "http://127.0.0.1:9"}, status=200)
    await world.issue()
    assert ("acme", 3) in woken


def test_the_client_sets_and_shows_them():
    with Server() as server:
        acme = Client(server.control_url, carrier="acme")
        made = acme.set_webhooks({"url": "http://127.0.0.1:9/hook", "types": ["profile.issued"], "secret": "s3cret"})
        assert [(one.id, one.url, one.signed) for one in made] == [("w1", "http://127.0.0.1:9/hook", True)]
        assert acme.set_webhooks(*acme.webhooks()) == made == acme.webhooks()
        assert acme.set_webhooks() == []
