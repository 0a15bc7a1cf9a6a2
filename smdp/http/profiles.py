"""Control API: profiles, their activation, and what an EID has."""

from functools import partial

import msgspec
from aiohttp import web

from smdp.carrier.errors import reject_unknown, reject_value
from smdp.carrier.issue import read_order
from smdp.carrier.profiles import FILTERS, Verb
from smdp.http.context import (
    CARRIER,
    SERVICE,
    answer,
    created,
    limit_of,
    name_of,
    number,
    page,
    query,
    read_json,
    read_object,
)
from smdp.http.devices import settled
from smdp.http.problems import ProblemError
from smdp.model import ActivationState

_PROFILES = CARRIER + "/profiles"
_PROFILE = _PROFILES + "/{iccid}"
_ACTIVATION = _PROFILE + "/activation"


class ActivationBody(msgspec.Struct, kw_only=True):
    """What `PUT …/activation` takes."""

    state: ActivationState
    reason: str | None = None


def add_routes(app: web.Application) -> None:
    """Serve profiles, activations and EIDs in this application."""
    app.router.add_get(_PROFILES, _list)
    app.router.add_post(_PROFILES, _issue)
    app.router.add_get(_PROFILE, _show)
    app.router.add_patch(_PROFILE, _change)
    app.router.add_delete(_PROFILE, partial(_do, "revoke"))
    app.router.add_post(f"{_PROFILE}/release", partial(_do, "release"))
    app.router.add_post(f"{_PROFILE}/hold", partial(_do, "hold"))
    app.router.add_get(_ACTIVATION, _show_activation)
    app.router.add_put(_ACTIVATION, _force_activation)
    app.router.add_get(CARRIER + "/eids/{eid}", _eid)


def _iccid(request: web.Request) -> str:
    return request.match_info["iccid"]


def _with_secrets(value: str | None) -> bool:
    if value not in (None, "credentials"):
        because = f"include={value[:40]} is not known."
        raise ProblemError(400, "query-invalid", because, "There is include=credentials.")
    return value is not None


async def _list(request: web.Request) -> web.Response:
    values = query(request, "cursor", "limit", "include", *FILTERS)
    filters = {name: values[name] for name in FILTERS if name in values}
    found, cursor = await request.app[SERVICE].profiles(
        name_of(request),
        filters,
        number(values, "cursor", 0),
        limit_of(values),
        secrets=_with_secrets(values.get("include")),
    )
    return answer(page(found, cursor))


async def _issue(request: web.Request) -> web.Response:
    """Issue one profile (an object), several (a list), or many alike (an object with count)."""
    body = await read_json(request)
    bodies = body if isinstance(body, list) else [body]
    for place, order in enumerate(bodies):
        if not isinstance(order, dict):
            because = "The body is neither an object nor a list of them."
            raise ProblemError(400, "not-an-object", because, f'Item {place} must be like {{"eid": …}}.')
    written = await request.app[SERVICE].issue(name_of(request), [read_order(order) for order in bodies])
    several = isinstance(body, list) or "count" in body
    return created(written, page(written.value) if several else written.value[0])


async def _show(request: web.Request) -> web.Response:
    values = query(request, "include")
    secrets = _with_secrets(values.get("include"))
    return answer(await request.app[SERVICE].profile(name_of(request), _iccid(request), secrets=secrets))


async def _change(request: web.Request) -> web.Response:
    settings = await read_object(request)
    return answer(await request.app[SERVICE].change_profile(name_of(request), _iccid(request), settings))


async def _do(verb: Verb, request: web.Request) -> web.Response:
    profile = await request.app[SERVICE].do(name_of(request), _iccid(request), verb)
    await settled(request)
    return answer(profile)


async def _show_activation(request: web.Request) -> web.Response:
    query(request)
    profile = await request.app[SERVICE].profile(name_of(request), _iccid(request))
    return answer(profile.activation)


async def _force_activation(request: web.Request) -> web.Response:
    body = await read_object(request)
    reject_unknown(body, ActivationBody.__struct_fields__, "profile's activation")
    try:
        wanted = msgspec.convert(body, ActivationBody)
    except msgspec.ValidationError as error:
        reject_value(error, "profile's activation")
    service = request.app[SERVICE]
    forced = await service.force_activation(name_of(request), _iccid(request), wanted.state, wanted.reason)
    await settled(request)
    return answer(forced)


async def _eid(request: web.Request) -> web.Response:
    query(request)
    return answer(await request.app[SERVICE].eid_report(name_of(request), request.match_info["eid"]))
