"""Control API: whole carriers: export, import, reset, snapshots; and what the helpdesk does with a profile."""

from aiohttp import web

from smdp.carrier import document
from smdp.carrier.errors import reject_unknown
from smdp.carrier.helpdesk import Helpdesk
from smdp.carrier.keeper import Keeper
from smdp.http.context import CARRIER, answer, name_of, page, query, read_json, read_object, written
from smdp.http.devices import settled
from smdp.http.problems import ProblemError
from smdp.http.staging import THEATRE

KEEPER = web.AppKey("keeper", Keeper)
"""Whole carriers."""
HELPDESK = web.AppKey("helpdesk", Helpdesk)

MAX_DOCUMENT = 64 * 1024**2
"""The longest document in bytes that is imported."""
_SNAPSHOTS = CARRIER + "/snapshots"
_SNAPSHOT = _SNAPSHOTS + "/{snapshot}"
_PROFILE = CARRIER + "/profiles/{iccid}"


def add_routes(app: web.Application) -> None:
    """Serve whole carriers in this application."""
    app.router.add_get(f"{CARRIER}/export", _export)
    app.router.add_post(f"{CARRIER}/import", _import)
    app.router.add_post(f"{CARRIER}/reset", _reset)
    app.router.add_get(_SNAPSHOTS, _list)
    app.router.add_get(_SNAPSHOT, _show)
    app.router.add_put(_SNAPSHOT, _take)
    app.router.add_delete(_SNAPSHOT, _delete)
    app.router.add_post(f"{_SNAPSHOT}/restore", _restore)
    app.router.add_post(f"{_PROFILE}/reissue", _reissue)
    app.router.add_post(f"{_PROFILE}/offer", _offer)


def _name(request: web.Request) -> str:
    return request.match_info["snapshot"]


async def _export(request: web.Request) -> web.Response:
    query(request)
    body = await request.app[KEEPER].export(name_of(request))
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


async def _import(request: web.Request) -> web.Response:
    """Make the carrier what a document says; `?replace=true` also where it holds something."""
    replace = query(request, "replace").get("replace", "false")
    if replace not in ("true", "false"):
        raise ProblemError(400, "query-invalid", f"replace={replace[:40]} is not known.", "There is replace=true.")
    wanted = document.read(await read_json(request, MAX_DOCUMENT))
    return written(await request.app[KEEPER].import_(name_of(request), wanted, replace=replace == "true"))


async def _reset(request: web.Request) -> web.Response:
    return written(await request.app[KEEPER].reset(name_of(request)))


# --- snapshots


async def _list(request: web.Request) -> web.Response:
    query(request)
    return answer(page(await request.app[KEEPER].snapshots(name_of(request))))


async def _show(request: web.Request) -> web.Response:
    query(request)
    return answer(await request.app[KEEPER].snapshot(name_of(request), _name(request)))


async def _take(request: web.Request) -> web.Response:
    return written(await request.app[KEEPER].take(name_of(request), _name(request)))


async def _delete(request: web.Request) -> web.Response:
    await request.app[KEEPER].delete_snapshot(name_of(request), _name(request))
    return web.Response(status=204)


async def _restore(request: web.Request) -> web.Response:
    return answer(await request.app[KEEPER].restore(name_of(request), _name(request)))


# --- the helpdesk


async def _reissue(request: web.Request) -> web.Response:
    """Issue another profile in the place of one, for the same device, or for the one that `eid` names."""
    body = await read_object(request, empty=True)
    reject_unknown(body, ("eid",), "reissue")
    eid = body.get("eid")
    if eid is not None and not isinstance(eid, str):
        raise ProblemError(422, "value-invalid", "eid is no text.", 'Send {"eid": "32 digits"}, or nothing.')
    iccid = request.match_info["iccid"]
    profile = await request.app[HELPDESK].reissue(name_of(request), iccid, eid)
    await settled(request)
    return answer(profile, 201)


async def _offer(request: web.Request) -> web.Response:
    """Tell the profile's device that it is ready to be installed; a device that is hosted here shows it."""
    return answer(await request.app[THEATRE].offer(name_of(request), request.match_info["iccid"]))
