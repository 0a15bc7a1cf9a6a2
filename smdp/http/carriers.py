"""Control API: carriers and their plans."""

from typing import Any

from aiohttp import web

from smdp.http.context import (
    API,
    CARRIER,
    SERVICE,
    answer,
    created,
    limit_of,
    name_of,
    page,
    query,
    read_object,
    written,
)
from smdp.http.problems import ProblemError

_PLANS = CARRIER + "/plans"
_PLAN = _PLANS + "/{plan}"


def add_routes(app: web.Application) -> None:
    """Serve carriers and plans in this application."""
    app.router.add_get(f"{API}/carriers", _list)
    app.router.add_post(f"{API}/carriers", _create)
    app.router.add_get(CARRIER, _show)
    app.router.add_put(CARRIER, _put)
    app.router.add_patch(CARRIER, _change)
    app.router.add_delete(CARRIER, _delete)
    app.router.add_get(_PLANS, _list_plans)
    app.router.add_post(_PLANS, _create_plan)
    app.router.add_get(_PLAN, _show_plan)
    app.router.add_patch(_PLAN, _change_plan)
    app.router.add_delete(_PLAN, _delete_plan)


async def _list(request: web.Request) -> web.Response:
    values = query(request, "cursor", "limit")
    found, cursor = await request.app[SERVICE].carriers(values.get("cursor", ""), limit_of(values))
    return answer(page(found, cursor))


async def _create(request: web.Request) -> web.Response:
    settings = await read_object(request, empty=True)
    name = settings.pop("name", None)
    if name is not None and not isinstance(name, str):
        raise ProblemError(422, "carrier-name-invalid", "A carrier's name is a text.", "Leave it out to have one made.")
    return answer(await request.app[SERVICE].create_carrier(name, settings), 201)


async def _show(request: web.Request) -> web.Response:
    query(request)
    return answer(await request.app[SERVICE].carrier(name_of(request)))


async def _put(request: web.Request) -> web.Response:
    return await _write(request, whole=True)


async def _change(request: web.Request) -> web.Response:
    return await _write(request, whole=False)


async def _write(request: web.Request, *, whole: bool) -> web.Response:
    settings: dict[str, Any] = await read_object(request, empty=whole)
    return written(await request.app[SERVICE].change_carrier(name_of(request), settings, whole=whole))


async def _delete(request: web.Request) -> web.Response:
    await request.app[SERVICE].delete_carrier(name_of(request))
    return web.Response(status=204)


async def _list_plans(request: web.Request) -> web.Response:
    query(request)
    return answer(page(await request.app[SERVICE].plans(name_of(request))))


async def _create_plan(request: web.Request) -> web.Response:
    settings = await read_object(request)
    made = await request.app[SERVICE].create_plan(name_of(request), settings)
    return created(made, made.value)


async def _show_plan(request: web.Request) -> web.Response:
    query(request)
    return answer(await request.app[SERVICE].plan(name_of(request), request.match_info["plan"]))


async def _change_plan(request: web.Request) -> web.Response:
    settings = await read_object(request)
    return answer(await request.app[SERVICE].change_plan(name_of(request), request.match_info["plan"], settings))


async def _delete_plan(request: web.Request) -> web.Response:
    await request.app[SERVICE].delete_plan(name_of(request), request.match_info["plan"])
    return web.Response(status=204)
