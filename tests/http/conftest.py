"""The control API over loopback, as any language's client meets it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from smdp.carrier.service import Service
from smdp.clock import SystemClock
from smdp.http import carriers, context, events, health, problems, profiles, sessions, token
from smdp.storage import Database


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    database = await Database.open()
    service = Service(database, SystemClock())
    await service.start()
    yield service
    await service.close()
    await database.close()


@pytest.fixture
def application(service) -> web.Application:
    app = web.Application(
        client_max_size=problems.MAX_BODY, middlewares=[problems.middleware, token.middleware, context.middleware]
    )
    app[context.SERVICE] = service
    app[health.HEALTH] = health.Health(ready=True, about={"ca_fingerprint": "3F:9A"})
    app[health.CA] = "-----BEGIN CERTIFICATE-----\n"
    for module in (carriers, profiles, events, sessions, health):
        module.add_routes(app)
    return app


@pytest.fixture
async def api(application) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(application)) as client:
        yield client
