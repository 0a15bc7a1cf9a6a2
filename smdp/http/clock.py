"""Control API: a carrier's clock."""

from datetime import timedelta

import msgspec
from aiohttp import web

from smdp.carrier.clocks import ClockChange
from smdp.carrier.errors import CarrierError, reject_unknown, reject_value
from smdp.carrier.transactions import Written
from smdp.durations import parse_duration
from smdp.http.context import CARRIER, SERVICE, answer, name_of, query, read_object, written
from smdp.http.devices import settled

_CLOCK = CARRIER + "/clock"


class AdvanceBody(msgspec.Struct, kw_only=True):
    """What `POST …/clock/advance` takes: a duration."""

    by: str | float


def add_routes(app: web.Application) -> None:
    """Serve clocks in this application."""
    app.router.add_get(_CLOCK, _show)
    app.router.add_put(_CLOCK, _set)
    app.router.add_post(f"{_CLOCK}/advance", _advance)


async def _show(request: web.Request) -> web.Response:
    query(request)
    return answer(await request.app[SERVICE].show_clock(name_of(request)))


async def _set(request: web.Request) -> web.Response:
    body = await read_object(request)
    reject_unknown(body, ClockChange.__struct_fields__, "clock")
    try:
        change = msgspec.convert(body, ClockChange)
    except msgspec.ValidationError as error:
        reject_value(error, "clock")
    return await _written(request, await request.app[SERVICE].set_clock(name_of(request), change))


async def _advance(request: web.Request) -> web.Response:
    """Let time pass, and answer when all that fell due meanwhile has happened."""
    body = await read_object(request)
    reject_unknown(body, AdvanceBody.__struct_fields__, "request of this kind")
    try:
        asked = msgspec.convert(body, AdvanceBody)
    except msgspec.ValidationError as error:
        reject_value(error, "request")
    return await _written(request, await request.app[SERVICE].advance_clock(name_of(request), _by(asked.by)))


def _by(value: str | float) -> timedelta:
    try:
        return parse_duration(value if isinstance(value, str) else f"{value:f}")
    except ValueError as error:
        fix = "Give how much time passes, as in 3m or 48h; PUT the clock to go back."
        raise CarrierError("value-invalid", f"by: {error}", fix) from None


async def _written(request: web.Request, done: Written) -> web.Response:
    """Answer when hosted devices have tried the network whose lines changed on the way."""
    await settled(request)
    return written(done)
