"""ES9+ in its JSON binding over HTTP (SGP.22 §6.3, §6.5).

A function that was processed is answered with 200, also when it failed; a notification with 204. Only what is no such
request at all (not JSON, no body, too large, wrong path or method) gets a 4xx with a problem document.

LPAs put the path behind what they were given as an address, so an MDM's URL with a slash or a path at its end makes
`//gsma/…`, `/esim/gsma/…`. A carrier takes that as it is meant, unless its `strict_path` says not to.
"""

import logging
import re

from aiohttp import web

from smdp.carrier.calls import Answer
from smdp.carrier.download import Downloads
from smdp.http import wire_faults
from smdp.http.problems import ProblemError, read_body
from smdp.http.problems import response as problem_response
from smdp.rsp import wire
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import Code
from smdp.rsp.ids import host_of
from smdp.storage import StorageError

PATH = "/gsma/rsp2/es9plus/{function}"
ADMIN_PROTOCOL = "gsma/rsp/v2.5.0"
"""X-Admin-Protocol: the highest version of SGP.22 that this server speaks."""

REASON_HEADER = "X-Smdp-Reason"
"""Our slug for a refusal, beside the standard's code in the body; simulated devices read it, other LPAs ignore it."""

EXECUTION_ERROR = Code("8.8", "4.2")
"""The SM-DP+ could not do what it was asked to (SGP.22 §5.2.6): Execution Error."""

DOWNLOADS = web.AppKey("downloads", Downloads)

_SLASHES = re.compile("/{2,}")
_FAILED = "database-failed"
_NO_DATABASE = "The carrier's database does not answer."
_LATER = "Try again in a moment; the log of the server says what is wrong with it."
_log = logging.getLogger("smdp.http")

_HEADERS = {"X-Admin-Protocol": ADMIN_PROTOCOL, "Content-Type": "application/json"}
_NO_BODY = {"X-Admin-Protocol": ADMIN_PROTOCOL}


def add_routes(app: web.Application, downloads: Downloads) -> None:
    """Serve ES9+ in this application."""
    app[DOWNLOADS] = downloads
    for function in wire.FUNCTIONS:
        app.router.add_post(PATH.format(function=function), _handle, name=function)


def add_crooked_routes(app: web.Application) -> None:
    """Take what comes to no exact path as it is meant; everything else is not found."""
    app.router.add_route("*", "/{path:.*}", _elsewhere)


async def _elsewhere(request: web.Request) -> web.StreamResponse:
    """Answer what came to no exact path: as if it had, where the end of it is right and the carrier doesn't mind."""
    _, found, function = _SLASHES.sub("/", request.path).rstrip("/").rpartition(PATH.format(function=""))
    if not found or function not in wire.FUNCTIONS:
        raise web.HTTPNotFound
    if request.method != "POST":
        raise web.HTTPMethodNotAllowed(request.method, ["POST"])
    if await request.app[DOWNLOADS].strict_path(_host(request), function):
        because = (
            f"{request.path[:200]} is not exactly {PATH.format(function=function)}, and the carrier's path is strict."
        )
        fix = "Take path and slash off the end of the URL (eSIMServerURL), or set the carrier's strict_path to false."
        refusal = ProblemError(404, "path-not-exact", because, fix).problem
        return problem_response(refusal, {REASON_HEADER: refusal.reason})
    return await _answer(request, function)


async def _handle(request: web.Request) -> web.StreamResponse:
    return await _answer(request, request.match_info.route.name or "")


def _host(request: web.Request) -> str:
    """Return the name the client used; a Host header may hold bytes that are no text."""
    return host_of(request.host).encode(errors="replace").decode()


async def _answer(request: web.Request, function: str) -> web.StreamResponse:
    body = await read_body(request)
    fix = f"POST a JSON object, as {function} takes it."
    if not body.strip():
        raise ProblemError(400, "no-body", "The request has no body.", fix)
    try:
        document = wire.decode(body)
    except wire.NotJson as error:
        raise ProblemError(400, "not-json", f"The body {error}.", fix) from None
    try:
        answer = await request.app[DOWNLOADS].call(function, document, body, _host(request))
    except StorageError as error:
        _log.warning("%s could not be answered: %s", function, error)
        answer = _unanswered(function)
    response = _response(function, answer)
    return await wire_faults.send(request, response, answer.faults) if answer.faults else response


def _unanswered(function: str) -> Answer:
    """Answer a call while the database fails: nothing has changed, and the same call may succeed later.

    A notification is not acknowledged, so that the device sends it again.
    """
    if function == "handleNotification":
        raise ProblemError(503, _FAILED, _NO_DATABASE, _LATER)
    refusal = Refusal("database", EXECUTION_ERROR, _FAILED, _NO_DATABASE, _LATER)
    return Answer(wire.failure(refusal), refusal)


def _response(function: str, answer: Answer) -> web.Response:
    if function != "handleNotification":
        reason = {REASON_HEADER: answer.refusal.reason} if answer.refusal else {}
        return web.Response(body=answer.body, headers=_HEADERS | reason)
    if answer.refusal is not None:
        raise ProblemError(400, answer.refusal.reason, answer.refusal.because, answer.refusal.fix)
    return web.Response(status=204, headers=_NO_BODY)
