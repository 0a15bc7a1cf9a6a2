"""Control API: faults of a carrier, of a device at home in it, and the catalogue of those there are."""

from typing import Any

from aiohttp import web

from smdp.carrier import faults
from smdp.carrier.errors import CONFLICT, CarrierError
from smdp.carrier.fault_catalogue import catalogue
from smdp.carrier.fault_desk import FaultDesk
from smdp.http.context import API, CARRIER, answer, created, name_of, page, query, read_object
from smdp.http.devices import HOSTED
from smdp.model import Fault
from smdp.pki.forge import ci_key
from smdp.pki.model import Pki

DESK = web.AppKey("faults", FaultDesk)
PKI = web.AppKey("pki", Pki)

_FAULTS = CARRIER + "/faults"
_FAULT = _FAULTS + "/{fault}"
_DEVICE = API + "/devices/{eid}/faults"


def add_routes(app: web.Application) -> None:
    """Serve faults in this application."""
    app.router.add_get(f"{API}/faults/catalogue", _catalogue)
    app.router.add_get(_FAULTS, _list)
    app.router.add_post(_FAULTS, _arm)
    app.router.add_delete(_FAULTS, _clear)
    app.router.add_get(_FAULT, _show)
    app.router.add_delete(_FAULT, _disarm)
    app.router.add_get(_DEVICE, _list_of_device)
    app.router.add_post(_DEVICE, _arm_device)
    app.router.add_delete(_DEVICE, _clear_device)


async def _catalogue(request: web.Request) -> web.Response:
    query(request)
    return answer(page(catalogue()))


async def _list(request: web.Request) -> web.Response:
    query(request)
    return answer(page(await request.app[DESK].faults(name_of(request))))


async def _show(request: web.Request) -> web.Response:
    query(request)
    return answer(await request.app[DESK].fault(name_of(request), request.match_info["fault"]))


async def _arm(request: web.Request) -> web.Response:
    fault = _read(request, await read_object(request))
    written = await request.app[DESK].arm(name_of(request), fault)
    if fault.do.startswith("tls-"):
        await request.app[HOSTED].reconnect()
    return created(written, written.value)


async def _clear(request: web.Request) -> web.Response:
    query(request)
    await request.app[DESK].clear(name_of(request))
    return web.Response(status=204)


async def _disarm(request: web.Request) -> web.Response:
    query(request)
    await request.app[DESK].disarm(name_of(request), request.match_info["fault"])
    return web.Response(status=204)


def _read(request: web.Request, body: dict[str, Any]) -> Fault:
    fault = faults.read(body)
    pki = request.app[PKI]
    if fault.do == "expired-dpauth" and not any(ci_key(pki, ci) for ci in pki.identities):
        because = "An expired CERT.DPauth needs the CI's key, and this PKI has none."
        raise CarrierError("fault-impossible", because, "Serve with the public PKI for this.", CONFLICT)
    return fault


# --- of a device: the faults of its home carrier that are about it


async def _list_of_device(request: web.Request) -> web.Response:
    query(request)
    device = await request.app[HOSTED].show(request.match_info["eid"])
    found = await request.app[DESK].faults(device.carrier)
    return answer(page([fault for fault in found if fault.on.eid == device.eid]))


async def _arm_device(request: web.Request) -> web.Response:
    device = await request.app[HOSTED].show(request.match_info["eid"])
    body = await read_object(request)
    if isinstance(on := body.get("on", {}), dict):
        body["on"] = {**on, "eid": device.eid}
    written = await request.app[DESK].arm(device.carrier, _read(request, body))
    return answer(written.value, 201)


async def _clear_device(request: web.Request) -> web.Response:
    query(request)
    device = await request.app[HOSTED].show(request.match_info["eid"])
    await request.app[DESK].clear(device.carrier, device.eid)
    return web.Response(status=204)
