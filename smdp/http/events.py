"""Control API: the timeline, listed, streamed and waited for."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import msgspec
from aiohttp import web

from smdp.carrier.errors import CarrierError, reject_unknown, reject_value
from smdp.carrier.journal import UNLESS, Wanted, check_types
from smdp.durations import parse_duration
from smdp.http.context import (
    CARRIER,
    MAX_NUMBER,
    SERVICE,
    answer,
    check_eid,
    limit_of,
    name_of,
    number,
    page,
    query,
    read_object,
)
from smdp.model import Event
from smdp.rsp.ids import ungrouped

_EVENTS = CARRIER + "/events"
_FILTERS = ("eid", "iccid", "session", "type")
_HEARTBEAT = timedelta(seconds=15)
_WITHIN = "30s"
_LAST_SECONDS = 1.0
"""How long a stream's client may take for the rest of it once the server stops."""
_STREAMS = web.AppKey("streams", set[asyncio.Transport])


class WaitBody(msgspec.Struct, kw_only=True):
    """What `POST …/events/wait` takes."""

    type: str | list[str]
    eid: str | None = None
    iccid: str | None = None
    session: str | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)] | None = None
    within: str | float = _WITHIN
    unless: str | list[str] | None = None


def add_routes(app: web.Application) -> None:
    """Serve events in this application."""
    app[_STREAMS] = set()
    app.on_shutdown.append(_stop)
    app.router.add_get(_EVENTS, _list)
    app.router.add_post(f"{_EVENTS}/wait", _wait)


async def _list(request: web.Request) -> web.StreamResponse:
    values = query(request, "after", "cursor", "limit", *_FILTERS)
    after = number(values, "after", 0)
    wanted = Wanted(
        carrier=name_of(request),
        after=after,
        types=tuple(values["type"].split(",")) if "type" in values else (),
        eid=values.get("eid"),
        iccid=values.get("iccid"),
        session=values.get("session"),
    )
    if "text/event-stream" in request.headers.get("Accept", ""):
        return await _stream(request, msgspec.structs.replace(wanted, after=_last_seen(request, after)))
    limit = limit_of(values)
    wanted = msgspec.structs.replace(wanted, after=number(values, "cursor", after))
    found = await request.app[SERVICE].events(wanted, limit)
    return answer(page(found, found[-1].id if len(found) == limit else None))


def _last_seen(request: web.Request, after: int) -> int:
    """Read which event a client had last; what can be no event's id counts as absent."""
    last = request.headers.get("Last-Event-ID", "")
    known = last.isascii() and last.isdecimal() and len(last) <= len(str(MAX_NUMBER)) and int(last) <= MAX_NUMBER
    return int(last) if known else after


async def _stream(request: web.Request, wanted: Wanted) -> web.StreamResponse:
    """Send events as they happen (server-sent events), with a sign of life now and then."""
    service = request.app[SERVICE]
    await service.events(wanted, 1)  # refuses what is unknown, while a problem can still be answered
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError), _open(request):  # whoever leaves has seen enough
        async for events in service.journal.follow(wanted, _HEARTBEAT):
            await response.write(b"".join(map(_written, events)) or b": alive\n\n")
    return response


@contextlib.contextmanager
def _open(request: web.Request) -> Iterator[None]:
    """Have the server know of a stream: its client may have stopped reading, and would keep it from stopping."""
    streams, transport = request.app[_STREAMS], request.transport
    if transport is None:
        raise ConnectionResetError
    streams.add(transport)
    try:
        yield
    finally:
        streams.discard(transport)


def _written(event: Event) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.id, event.type.encode(), msgspec.json.encode(event))


async def _wait(request: web.Request) -> web.Response:
    body = await read_object(request)
    reject_unknown(body, WaitBody.__struct_fields__, "wait")
    try:
        asked = msgspec.convert(body, WaitBody)
    except msgspec.ValidationError as error:
        reject_value(error, "wait")
    asked.eid, asked.iccid = (number and ungrouped(number) for number in (asked.eid, asked.iccid))
    check_eid(asked.eid)
    types = _listed(asked.type)
    unless = [name for name in (UNLESS if asked.unless is None else _listed(asked.unless)) if name not in types]
    check_types((*types, *unless))
    service, carrier = request.app[SERVICE], name_of(request)
    after = await service.last_event(carrier) if asked.after is None else asked.after
    wanted = Wanted(carrier, after, tuple(types), asked.eid, asked.iccid, asked.session)
    return answer(await service.wait(wanted, unless, _within(asked.within)))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(dict.fromkeys(value))


def _within(value: str | float) -> timedelta:
    try:
        return parse_duration(value if isinstance(value, str) else f"{value:f}")
    except ValueError as error:
        raise CarrierError("within-invalid", f"within: {error}", "As in 30s, 3m, PT3M.") from None


async def _stop(app: web.Application) -> None:
    """End the streams and waits, which would go on for long; cut off the streams whose clients don't read."""
    app[SERVICE].journal.stop()

    def cut_off() -> None:
        for transport in app[_STREAMS]:
            transport.abort()

    asyncio.get_running_loop().call_later(_LAST_SECONDS, cut_off)
