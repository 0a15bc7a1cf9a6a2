"""Whether the server lives and is ready, what it is, and what a client has to trust. These routes ask for no token."""

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from aiohttp import web

from smdp.http.context import API, SERVICE, answer, query
from smdp.http.problems import ProblemError
from smdp.storage.queries.carriers import carrier_names


@dataclass(slots=True)
class Health:
    """What the health routes tell; `about` holds what `/api/v1` tells of the server beside version and carriers.

    `doing` says what the server does while it is not ready.
    """

    ready: bool = False
    doing: str = "The server is starting or stopping."
    about: dict[str, Any] = field(default_factory=dict)


HEALTH = web.AppKey("health", Health)
CA = web.AppKey("ca", str)
"""The certificates that a device's TLS and eUICC have to trust, as PEM."""


def add_routes(app: web.Application) -> None:
    """Serve health, `/ca.pem` and `/api/v1` in this application."""
    app.router.add_get("/livez", _live)
    app.router.add_get("/readyz", _ready)
    app.router.add_get("/ca.pem", _ca)
    app.router.add_get(API, _about)


async def _live(_: web.Request) -> web.Response:
    return answer({"status": "live"})


async def _ready(request: web.Request) -> web.Response:
    """Answer 200 once devices are served and the database answers."""
    if not request.app[HEALTH].ready:
        raise ProblemError(503, "not-ready", request.app[HEALTH].doing, "Ask again in a moment.")
    await request.app[SERVICE].database.read(carrier_names)
    return answer({"status": "ready"})


async def _ca(request: web.Request) -> web.Response:
    return web.Response(text=request.app[CA], content_type="application/x-pem-file")


async def _about(request: web.Request) -> web.Response:
    query(request)
    service = request.app[SERVICE]
    found, _ = await service.carriers("", 1000)
    return answer(
        {
            "version": version("smdp"),
            "domain": service.addresses.domain,
            **request.app[HEALTH].about,
            "carriers": [{"name": carrier.name, "esim_server_url": carrier.esim_server_url} for carrier in found],
        }
    )
