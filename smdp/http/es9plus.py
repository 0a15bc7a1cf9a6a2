"""ES9+ in its JSON binding over HTTP (SGP.22 §6.3, §6.5).

A function that was processed is answered with 200, also when it failed; a notification with 204. Only what is no such
request at all (not JSON, no body, too large, wrong path or method) gets a 4xx with a problem document.
"""

from aiohttp import web

from smdp.carrier.calls import Answer
from smdp.carrier.download import Downloads
from smdp.http import wire_faults
from smdp.http.problems import ProblemError, read_body
from smdp.rsp import wire
from smdp.rsp.ids import host_of

PATH = "/gsma/rsp2/es9plus/{function}"
_BELOW = "/{below:.*}" + PATH
"""Where devices ask that were given a URL with a path or a slash at its end."""
ADMIN_PROTOCOL = "gsma/rsp/v2.5.0"
"""X-Admin-Protocol: the highest version of SGP.22 that this server speaks."""

REASON_HEADER = "X-Smdp-Reason"
"""Our slug for a refusal, beside the standard's code in the body; simulated devices read it, other LPAs ignore it."""

DOWNLOADS = web.AppKey("downloads", Downloads)

_HEADERS = {"X-Admin-Protocol": ADMIN_PROTOCOL, "Content-Type": "application/json"}
_NO_BODY = {"X-Admin-Protocol": ADMIN_PROTOCOL}


def add_routes(app: web.Application, downloads: Downloads) -> None:
    """Serve ES9+ in this application."""
    app[DOWNLOADS] = downloads
    for function in wire.FUNCTIONS:
        app.router.add_post(PATH.format(function=function), _handle, name=function)
    app.router.add_post(_BELOW.replace("{function}", f"{{function:{'|'.join(wire.FUNCTIONS)}}}"), _handle_below)


async def _handle_below(request: web.Request) -> web.StreamResponse:
    """Serve a function below a path, unless the carrier minds (`strict_path`)."""
    if request.app[DOWNLOADS].minds_paths(_host(request)):
        because = f"This carrier's server has nothing below {request.path[:80]!r}: its functions are at its root."
        fix = "Take path and trailing slash off the eSIM server's URL."
        raise ProblemError(404, "path-unknown", because, fix)
    return await _serve(request, request.match_info["function"])


async def _handle(request: web.Request) -> web.StreamResponse:
    return await _serve(request, request.match_info.route.name or "")


def _host(request: web.Request) -> str:
    return host_of(request.host).encode(errors="replace").decode()  # a Host header may hold bytes that are no text


async def _serve(request: web.Request, function: str) -> web.StreamResponse:
    body = await read_body(request)
    fix = f"POST a JSON object, as {function} takes it."
    if not body.strip():
        raise ProblemError(400, "no-body", "The request has no body.", fix)
    try:
        document = wire.decode(body)
    except wire.NotJson as error:
        raise ProblemError(400, "not-json", f"The body {error}.", fix) from None
    answer = await request.app[DOWNLOADS].call(function, document, body, _host(request))
    response = _response(function, answer)
    return await wire_faults.send(request, response, answer.faults) if answer.faults else response


def _response(function: str, answer: Answer) -> web.Response:
    if function != "handleNotification":
        reason = {REASON_HEADER: answer.refusal.reason} if answer.refusal else {}
        return web.Response(body=answer.body, headers=_HEADERS | reason)
    if answer.refusal is not None:
        raise ProblemError(400, answer.refusal.reason, answer.refusal.because, answer.refusal.fix)
    return web.Response(status=204, headers=_NO_BODY)
