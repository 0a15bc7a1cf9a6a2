"""Control API: the devices that this server hosts."""

from aiohttp import web

from smdp.carrier.errors import CONFLICT, reject_unknown
from smdp.http.context import API, answer, limit_of, number, page, query, read_object
from smdp.http.hosting import Hosted
from smdp.http.problems import ProblemError
from smdp.model import Outcome

HOSTED = web.AppKey("hosted", Hosted)

_DEVICES = API + "/devices"
_DEVICE = _DEVICES + "/{eid}"
_ESIM = _DEVICE + "/esims/{iccid}"


def add_routes(app: web.Application) -> None:
    """Serve the hosted devices in this application."""
    app.router.add_get(_DEVICES, _list)
    app.router.add_post(_DEVICES, _create)
    app.router.add_get(_DEVICE, _show)
    app.router.add_patch(_DEVICE, _change)
    app.router.add_delete(_DEVICE, _delete)
    app.router.add_post(_DEVICE + "/refresh", _refresh)
    app.router.add_post(_DEVICE + "/download", _download)
    app.router.add_post(_DEVICE + "/reset-esim", _reset_esim)
    app.router.add_post(_ESIM + "/enable", _enable)
    app.router.add_post(_ESIM + "/disable", _disable)
    app.router.add_delete(_ESIM, _delete_esim)


async def settled(request: web.Request) -> None:
    """Wait until the hosted devices have tried the network whose lines have changed by now."""
    hosted = request.app.get(HOSTED)
    if hosted is not None:
        await hosted.coverage.settled()


def _eid(request: web.Request) -> str:
    return request.match_info["eid"]


async def _list(request: web.Request) -> web.Response:
    values = query(request, "carrier", "cursor", "limit")
    after, limit = number(values, "cursor", 0), limit_of(values)
    found, cursor = await request.app[HOSTED].list(values.get("carrier"), after, limit)
    return answer(page(found, cursor))


async def _create(request: web.Request) -> web.Response:
    options = await read_object(request, empty=True)
    return answer(await request.app[HOSTED].create(options), 201)


async def _show(request: web.Request) -> web.Response:
    query(request)
    return answer(await request.app[HOSTED].show(_eid(request)))


async def _change(request: web.Request) -> web.Response:
    return answer(await request.app[HOSTED].change(_eid(request), await read_object(request)))


async def _delete(request: web.Request) -> web.Response:
    await request.app[HOSTED].delete(_eid(request))
    return web.Response(status=204)


async def _text(request: web.Request, *members: str) -> list[str | None]:
    """Read a body of texts; the first is needed. Raises ProblemError (422)."""
    body = await read_object(request)
    reject_unknown(body, members, "request of this kind")
    values = [body.get(name) for name in members]
    if not isinstance(values[0], str) or not all(value is None or isinstance(value, str) for value in values):
        because = f"The request lacks {members[0]}, or a member is no text."
        raise ProblemError(422, "value-invalid", because, f'Send {{"{members[0]}": "…"}}.')
    return values


async def _refresh(request: web.Request) -> web.Response:
    """Do what RefreshCellularPlans makes a device do, and answer when it is over."""
    url = (await _text(request, "url"))[0]
    async with request.app[HOSTED].awake(_eid(request)) as device:
        outcome = await device.refresh(url or "")
    return answer(await request.app[HOSTED].explained(outcome, url or ""))


async def _download(request: web.Request) -> web.Response:
    """Download with an activation code, and answer when it is over."""
    code, confirmation_code = await _text(request, "activation_code", "confirmation_code")
    async with request.app[HOSTED].awake(_eid(request)) as device:
        outcome = await device.download(code or "", confirmation_code)
    address = (code or "").split("$")[1:2]
    return answer(await request.app[HOSTED].explained(outcome, "".join(address)))


async def _enable(request: web.Request) -> web.Response:
    async with request.app[HOSTED].awake(_eid(request)) as device:
        _done(await device.enable(request.match_info["iccid"]))
        return answer(device.describe())


async def _disable(request: web.Request) -> web.Response:
    async with request.app[HOSTED].awake(_eid(request)) as device:
        _done(await device.disable(request.match_info["iccid"]))
        return answer(device.describe())


async def _reset_esim(request: web.Request) -> web.Response:
    """Delete all eSIMs of a device, and its default address."""
    async with request.app[HOSTED].awake(_eid(request)) as device:
        _done(await device.reset_esim())
        return answer(device.describe())


async def _delete_esim(request: web.Request) -> web.Response:
    async with request.app[HOSTED].awake(_eid(request)) as device:
        _done(await device.delete(request.match_info["iccid"]))
    return web.Response(status=204)


def _done(outcome: Outcome) -> None:
    """Turn what the eUICC refused into a problem."""
    if not outcome.ok:
        raise ProblemError(CONFLICT, outcome.reason or "refused", outcome.because, outcome.fix or "")
