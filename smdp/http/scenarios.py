"""Control API: scenarios, and putting a carrier into one."""

import logging

from aiohttp import web

from smdp.carrier import scenarios
from smdp.carrier.addresses import DEFAULT
from smdp.carrier.errors import CarrierError, reject_unknown
from smdp.errors import StartError
from smdp.http.context import API, CARRIER, answer, name_of, page, query, read_object, written
from smdp.http.devices import HOSTED
from smdp.http.hosting import Hosted
from smdp.http.problems import ProblemError
from smdp.http.staging import THEATRE, Theatre

_SCENARIOS = API + "/scenarios"
_log = logging.getLogger("smdp")


def add_routes(app: web.Application) -> None:
    """Serve scenarios in this application."""
    app.router.add_get(_SCENARIOS, _list)
    app.router.add_get(_SCENARIOS + "/{scenario}", _show)
    app.router.add_post(CARRIER + "/scenarios/{scenario}/apply", _apply)


async def _list(request: web.Request) -> web.Response:
    query(request)
    return answer(page(scenarios.scenarios()))


async def _show(request: web.Request) -> web.Response:
    query(request)
    return answer(scenarios.scenario(request.match_info["scenario"]))


async def _apply(request: web.Request) -> web.Response:
    """Put the carrier into a scenario for an EID, and the device too if it is hosted here."""
    body = await read_object(request)
    reject_unknown(body, ("eid",), "request of this kind")
    eid = body.get("eid")
    if not isinstance(eid, str):
        raise ProblemError(422, "value-invalid", "The request lacks eid, or it is no text.", 'Send {"eid": "…"}.')
    done = await request.app[THEATRE].apply(name_of(request), request.match_info["scenario"], eid)
    if any(fault["do"].startswith("tls-") for fault in done.value.does.get("faults", [])):
        await request.app[HOSTED].reconnect()
    return written(done)


async def begin(theatre: Theatre, hosted: Hosted, name: str) -> None:
    """Have a device in the carrier `default`, in a scenario, before the server is ready.

    Where it has devices already, as after a restart with a database, all is left as it is. Raises StartError.
    """
    try:
        scenarios.find(name)
        if (await hosted.list(DEFAULT, 0, 1))[0]:
            _log.info("scenario %s: left as it is: there are devices already", name)
            return
        device = await hosted.create({"carrier": DEFAULT})
        await theatre.apply(DEFAULT, name, device.eid)
    except CarrierError as error:
        raise StartError(str(error)) from None
    _log.info("scenario %s: device …%s, smdp device list", name, device.eid[-4:])
