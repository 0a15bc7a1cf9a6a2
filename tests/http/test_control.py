import asyncio
import json

import pytest

from smdp.http import context, health, token
from smdp.storage import StorageError

EID = "89049032123451234512345678901235"
ROOT = "/api/v1"
ACME = f"{ROOT}/carriers/acme"


async def call(api, method, path, body=None, status=200):
    async with api.request(method, path, **({} if body is None else {"json": body})) as response:
        text = await response.text()
        assert response.status == status, text
        assert response.content_type == ("application/json" if status < 400 else "application/problem+json")
        return json.loads(text)


async def problem(api, method, path, body=None, status=400, **more):
    async with api.request(method, path, **({"json": body} if body is not None else more)) as response:
        told = await response.json(content_type="application/problem+json")
        assert (response.status, told["status"]) == (status, status)
        assert told["because"]
        assert told["title"]
        return told


# --- health


async def test_health_and_trust(api, application):
    assert await call(api, "GET", "/livez") == {"status": "live"}
    assert await call(api, "GET", "/readyz") == {"status": "ready"}
    async with api.get("/ca.pem") as response:
        assert (await response.text()).startswith("-----BEGIN")
    application[health.HEALTH].ready = False
    assert (await problem(api, "GET", "/readyz", status=503))["reason"] == "not-ready"
    assert await call(api, "GET", "/livez") == {"status": "live"}


async def test_what_the_server_is(api):
    about = await call(api, "GET", ROOT)
    assert about["ca_fingerprint"] == "3F:9A"
    assert about["carriers"] == [{"name": "default", "esim_server_url": "https://localhost:8443"}]
    assert about["version"]


async def test_a_failing_database_is_a_problem_not_a_bug(api, service, monkeypatch):
    async def read(*_):
        raise StorageError("The database failed: the disk is full.")

    monkeypatch.setattr(service.database, "read", read)
    told = await problem(api, "GET", "/readyz", status=503)
    assert (told["reason"], told["because"]) == ("database-failed", "The database failed: the disk is full.")


# --- who may

OTHER_SITES = ("http://evil.example", "null", "http://[", "https://127.0.0.1", "http://127.0.0.1.evil.example")


@pytest.mark.parametrize("origin", OTHER_SITES)
async def test_a_page_of_another_site_changes_nothing(api, origin):
    """Browsers send such a request without asking first, and no server that others can't reach is safe from them."""
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    told = await problem(api, "POST", f"{ACME}/profiles", status=403, data="{}", headers=headers)
    assert told["reason"] == "other-origin"
    await problem(api, "GET", ACME, status=404)
    async with api.get("/livez", headers=headers) as response:
        assert response.status == 200
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_page_of_the_servers_own_may(api):
    own = str(api.make_url("/")).rstrip("/")
    async with api.post(f"{ACME}/profiles", data="{}", headers={"Origin": own}) as response:
        assert response.status == 201


# --- carriers and plans


async def test_a_carriers_life(api):
    made = await call(api, "POST", f"{ROOT}/carriers", {"name": "acme", "country": "DE"}, 201)
    assert (made["country"], made["esim_server_url"]) == ("DE", "https://acme.smdp.localhost:8443")
    assert made["sm_ds"] == "smds.acme.smdp.localhost:8443"
    assert (await call(api, "PATCH", ACME, {"mcc": "310"}))["country"] == "DE"
    assert (await call(api, "PUT", ACME, {"mcc": "310"}))["country"] == "US"
    assert (await call(api, "PUT", f"{ROOT}/carriers/beta", {}, 201))["carrier_created"]
    async with api.post(f"{ROOT}/carriers") as response:
        assert (response.status, len((await response.json())["name"])) == (201, 6)
    first = await call(api, "GET", f"{ROOT}/carriers?limit=2")
    rest = await call(api, "GET", f"{ROOT}/carriers?limit=2&cursor={first['next']}")
    assert [one["name"] for one in first["items"]] == ["acme", "beta"]
    assert rest["next"] is None
    async with api.delete(ACME) as response:
        assert response.status == 204
    assert "Did you mean" not in (await problem(api, "GET", f"{ROOT}/carriers/zzzz", status=404))["fix"]


async def test_a_plans_life(api):
    plans = f"{ACME}/plans"
    made = await call(api, "POST", plans, {"name": "p", "profile_name": "P"}, 201)
    assert (made["carrier_created"], made["activation"]["on"]) == (True, "installed")
    assert "carrier_created" not in await call(api, "POST", plans, {"name": "q"}, 201)
    assert (await call(api, "PATCH", f"{plans}/p", {"reuse": "always"}))["profile_name"] == "P"
    assert (await call(api, "GET", f"{plans}/p"))["reuse"] == "always"
    assert [plan["name"] for plan in (await call(api, "GET", plans))["items"]] == ["default", "p", "q"]
    async with api.delete(f"{plans}/q") as response:
        assert response.status == 204
    assert (await problem(api, "DELETE", f"{plans}/q", status=404))["fix"] == "There is: default, p."


# --- profiles


async def test_one_profile_a_list_and_a_thousand(api):
    one = await call(api, "POST", f"{ACME}/profiles", {"eid": EID}, 201)
    assert (one["iccid"], one["carrier_created"]) == ("8900101000000000019", True)
    some = await call(api, "POST", f"{ACME}/profiles", [{"eid": EID}, {}], 201)
    assert [profile["eid"] for profile in some["items"]] == [EID, None]
    many = await call(api, "POST", f"{ACME}/profiles", {"count": 1000}, 201)
    assert len({profile["iccid"] for profile in many["items"]}) == 1000
    assert (await call(api, "POST", f"{ACME}/profiles", {"count": 1}, 201))["items"][0]["state"] == "released"
    assert (await call(api, "POST", f"{ACME}/profiles", [], 201))["items"] == []


async def test_profiles_are_listed_filtered_and_in_pages(api):
    await call(api, "POST", f"{ACME}/profiles", [{"eid": EID}, {"hold": True}, {"eid": EID}], 201)
    first = await call(api, "GET", f"{ACME}/profiles?limit=2")
    rest = await call(api, "GET", f"{ACME}/profiles?limit=2&cursor={first['next']}")
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    for query, count in {f"eid={EID}": 2, "state=confirmed": 1, "activation=active": 0, "q=0000027": 1}.items():
        assert len((await call(api, "GET", f"{ACME}/profiles?{query}"))["items"]) == count
    assert (await problem(api, "GET", f"{ACME}/profiles?state=relased", status=422))["fix"] == "Did you mean released?"
    assert (await problem(api, "GET", f"{ACME}/profiles?stat=x"))["fix"] == "Did you mean state?"
    for query in ("limit=x", "limit=1001", "cursor=-1", "cursor=9999999999999999999", "include=all"):
        assert (await problem(api, "GET", f"{ACME}/profiles?{query}"))["reason"] == "query-invalid"


async def test_secrets_are_shown_only_when_asked_for(api):
    profile = await call(api, "POST", f"{ACME}/profiles", {}, 201)
    path = f"{ACME}/profiles/{profile['iccid']}"
    assert profile["credentials"] is None
    assert (await call(api, "GET", path))["credentials"] is None
    shown = (await call(api, "GET", f"{path}?include=credentials"))["credentials"]
    assert len(shown["ki"]) == 32
    assert set(shown) == {"ki", "opc", "pin1", "pin2", "puk1", "puk2", "adm1", "kic", "kid", "kik"}
    assert (await call(api, "GET", f"{ACME}/profiles"))["items"][0]["credentials"] is None


async def test_what_an_operator_does_to_a_profile(api):
    profile = await call(api, "POST", f"{ACME}/profiles", {"eid": EID}, 201)
    path = f"{ACME}/profiles/{profile['iccid']}"
    assert (await call(api, "POST", f"{path}/hold"))["state"] == "confirmed"
    assert (await call(api, "GET", f"{ACME}/eids/{EID}"))["reason"] == "on-hold"
    assert (await call(api, "POST", f"{path}/release"))["state"] == "released"
    assert (await call(api, "GET", f"{ACME}/eids/{EID}"))["next"] == profile["iccid"]
    assert (await call(api, "PATCH", path, {"eid": None}))["eid"] is None
    assert (await call(api, "GET", f"{path}/activation"))["state"] == "inactive"
    failed = await call(api, "PUT", f"{path}/activation", {"state": "failed", "reason": "account-inactive"})
    assert (failed["state"], failed["reason"]) == ("failed", "account-inactive")
    for body in ({}, {"state": "x"}, {"state": "active", "reason": 5}, {"sate": "active"}):
        await problem(api, "PUT", f"{path}/activation", body, status=422)
    assert (await call(api, "DELETE", path))["state"] == "unavailable"
    assert (await problem(api, "POST", f"{path}/release", status=409))["reason"] == "state-forbids"
    assert (await problem(api, "GET", f"{ACME}/profiles/1", status=404))["reason"] == "profile-unknown"


# --- sessions


async def test_sessions_that_are_not_there(api):
    await call(api, "POST", f"{ACME}/profiles", {}, 201)
    assert await call(api, "GET", f"{ACME}/sessions") == {"items": [], "next": None}
    assert (await problem(api, "GET", f"{ACME}/sessions/AB", status=404))["reason"] == "session-unknown"
    assert (await problem(api, "GET", f"{ACME}/sessions/AB?as=raw", status=404))["reason"] == "session-unknown"
    assert (await problem(api, "GET", f"{ACME}/sessions/AB?as=xml"))["reason"] == "query-invalid"


# --- events


async def test_events_are_listed_in_pages(api):
    await call(api, "POST", f"{ACME}/profiles", {"count": 3, "eid": EID}, 201)
    first = await call(api, "GET", f"{ACME}/events?limit=3")
    rest = await call(api, "GET", f"{ACME}/events?limit=3&cursor={first['next']}")
    assert [event["id"] for event in first["items"] + rest["items"]] == [1, 2, 3, 4]
    assert rest["next"] is None
    only = await call(api, "GET", f"{ACME}/events?after=2&type=profile.issued,profile.held&eid={EID}")
    assert [event["id"] for event in only["items"]] == [3, 4]
    assert (await problem(api, "GET", f"{ACME}/events?type=profile.isued", status=422))["fix"] == (
        "Did you mean profile.issued?"
    )


async def test_a_wait_ends_with_the_event_and_counts_from_now(api):
    await call(api, "POST", f"{ACME}/profiles", {}, 201)
    waiting = asyncio.create_task(call(api, "POST", f"{ACME}/events/wait", {"type": "profile.issued"}))
    while not api.app[context.SERVICE].journal.waiting:  # noqa: ASYNC110 - there is no event for "somebody waits"
        await asyncio.sleep(0)
    await call(api, "POST", f"{ACME}/profiles", {"eid": EID}, 201)
    waited = await waiting
    assert (waited["reached"], waited["event"]["eid"]) == (True, EID)
    assert not api.app[context.SERVICE].journal.waiting


async def test_a_wait_that_times_out_says_why(api):
    await call(api, "POST", f"{ACME}/profiles", {"eid": EID}, 201)
    body = {"type": ["activation.active"], "eid": EID, "within": "20ms", "unless": []}
    waited = await call(api, "POST", f"{ACME}/events/wait", body)
    assert (waited["reached"], waited["timed_out"], waited["last"]["type"]) == (False, True, "profile.issued")
    assert "waits for this EID" in waited["because"]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"type": 5}, {"type": "nothing"},
        *({"type": "user.notice", **more} for more in (
            {"within": "soon"}, {"unless": "x"}, {"within": "11m"}, {"aftr": 1}, {"within": -1},
        )),
    ],
    ids=str,
)  # fmt: skip
async def test_a_wrong_wait_is_refused_at_once(api, body):
    await call(api, "POST", f"{ACME}/profiles", {}, 201)
    assert (await problem(api, "POST", f"{ACME}/events/wait", body, status=422))["fix"]


async def test_events_are_streamed(api):
    await call(api, "POST", f"{ACME}/profiles", {"eid": EID}, 201)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "1"}
    async with api.get(f"{ACME}/events", headers=headers) as response:
        assert response.content_type == "text/event-stream"
        lines = [await response.content.readline() for _ in range(4)]
        assert lines[:2] == [b"id: 2\n", b"event: profile.issued\n"]
        assert json.loads(lines[2].removeprefix(b"data: "))["eid"] == EID
        await call(api, "POST", f"{ACME}/profiles/8900101000000000019/hold")
        lines = [await response.content.readline() for _ in range(4)]
        assert lines[:2] == [b"id: 3\n", b"event: profile.held\n"]


async def test_a_stream_shows_that_it_lives(api, monkeypatch):
    from datetime import timedelta

    monkeypatch.setattr("smdp.http.events._HEARTBEAT", timedelta(milliseconds=10))
    async with api.get(f"{ROOT}/carriers/default/events?after=9", headers={"Accept": "text/event-stream"}) as response:
        assert await response.content.readline() == b": alive\n"


async def test_a_stream_of_nothing_is_a_problem(api):
    headers = {"Accept": "text/event-stream"}
    assert (await problem(api, "GET", f"{ACME}/events", status=404, headers=headers))["reason"] == "carrier-unknown"
    assert (await problem(api, "GET", f"{ROOT}/carriers/default/events?type=x", status=422, headers=headers))["fix"]


# --- what is no such request


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/livez"), ("DELETE", f"{ROOT}/carriers"), ("POST", ACME), ("PUT", f"{ACME}/profiles"),
        ("POST", f"{ACME}/profiles/1"), ("GET", f"{ACME}/events/wait"), ("DELETE", f"{ACME}/sessions/1"),
    ],
)  # fmt: skip
async def test_a_wrong_method(api, method, path):
    assert (await problem(api, method, path, status=405))["reason"] == "method-not-allowed"


async def test_a_wrong_path(api):
    for path in ("/nothing", "/api/v2", f"{ACME}/nothing", "/api/v1/carriers/a%2Fb"):
        await problem(api, "GET", path, status=404)


@pytest.mark.parametrize(
    "data", [b"", b"  ", b"{", b"[" * 100_000, b"\xff\xfe", b'"text"', b"5", b"[5]", b"null", b'{"eid": NaN}']
)
async def test_a_body_that_is_none(api, data):
    assert (await problem(api, "POST", f"{ACME}/profiles", data=data))["because"]
    assert (await problem(api, "GET", ACME, status=404))["reason"] == "carrier-unknown"


async def test_a_body_that_is_too_long(api):
    told = await problem(api, "POST", f"{ACME}/profiles", status=413, data=b" " * (256 * 1024 + 1))
    assert told["reason"] == "too-large"


async def test_any_content_type_will_do(api):
    async with api.post(f"{ACME}/profiles", data=b'{"eid": null}', headers={"Content-Type": "text/plain"}) as response:
        assert response.status == 201


# --- the token


async def test_a_token_is_asked_for_where_one_is_set(application, aiohttp_client):
    application[token.TOKEN] = "s3cret"
    api = await aiohttp_client(application)
    assert (await problem(api, "GET", ROOT, status=401))["reason"] == "token-needed"
    for given in ("Bearer wrong", "Basic s3cret", "Bearer ", "s3cret", "Bearer ü"):
        await problem(api, "GET", f"{ACME}/profiles", status=401, headers={"Authorization": given})
    async with api.get(ROOT, headers={"Authorization": "bearer s3cret"}) as response:
        assert response.status == 200
    assert await call(api, "GET", "/livez") == {"status": "live"}
    async with api.get("/ca.pem") as response:
        assert response.status == 200
