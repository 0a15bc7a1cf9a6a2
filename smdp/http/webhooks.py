"""Control API: whom a carrier's events are told."""

from typing import Any

from aiohttp import web

from smdp.carrier.hooks import read
from smdp.carrier.webhooks import Webhooks
from smdp.http.context import CARRIER, SERVICE, answer, name_of, page, query, read_json
from smdp.http.couriers import Couriers
from smdp.http.problems import ProblemError

WEBHOOKS = web.AppKey("webhooks", Webhooks)
COURIERS = web.AppKey("couriers", Couriers)

_PATH = CARRIER + "/webhooks"


def add_routes(app: web.Application) -> None:
    """Serve webhooks in this application."""
    app.router.add_get(_PATH, _show)
    app.router.add_put(_PATH, _put)


async def _show(request: web.Request) -> web.Response:
    """Answer with a carrier's webhooks, without their secrets."""
    query(request)
    return answer(page(await request.app[WEBHOOKS].show(name_of(request))))


async def _put(request: web.Request) -> web.Response:
    """Replace a carrier's webhooks by a list, or by what GET answered."""
    query(request)
    given: Any = await read_json(request)
    if isinstance(given, dict) and given.keys() <= {"items", "next", "carrier_created"}:
        given = given.get("items")
    if not isinstance(given, list):
        raise ProblemError(422, "value-invalid", "The webhooks are no list.", 'Send [{"url": "https://…"}], or [].')
    wanted, carrier = read(given), name_of(request)
    created = (await request.app[SERVICE].change_carrier(carrier, {})).carrier_created
    found = page(await request.app[WEBHOOKS].put(carrier, wanted))
    await request.app[COURIERS].reload(carrier)
    return answer({**found, "carrier_created": True} if created else found, 201 if created else 200)
