"""Who may use the control API: whoever brings the token, where one is set, and no page of another site."""

import hmac
from urllib.parse import urlsplit

from aiohttp import web

from smdp.http.problems import Handler, ProblemError

TOKEN = web.AppKey("token", str)
"""Not in the application: no token is asked for."""
_OPEN = ("/livez", "/readyz", "/ca.pem", "/crl/", "/gsma/rsp2/")
"""Beginnings of paths; ES9+ is among them where one application has both."""
_SCHEME = "bearer "


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse whoever lacks the token (401), and pages of other sites (403); health, CA and CRL are for everybody."""
    if request.path.startswith(_OPEN):
        return await handler(request)
    _check_origin(request)
    token = request.app.get(TOKEN)
    if token is None:
        return await handler(request)
    given = request.headers.get("Authorization", "")
    secret = given[len(_SCHEME) :].strip() if given.lower().startswith(_SCHEME) else ""
    if not hmac.compare_digest(secret.encode(errors="surrogateescape"), token.encode()):
        because = "The bearer token is missing." if not secret else "The bearer token is wrong."
        fix = "Send Authorization: Bearer TOKEN; commands take it from SMDP_CONTROL_TOKEN."
        raise ProblemError(401, "token-needed", because, fix)
    return await handler(request)


def _check_origin(request: web.Request) -> None:
    """Refuse what a page of another site has a browser send: it needs no answer to do harm, and no CORS to be sent."""
    origin = request.headers.get("Origin")
    if origin is None:
        return
    try:
        place = urlsplit(origin).netloc
    except ValueError:
        place = ""
    if place.lower() != request.host.lower():
        because = f"A page of {origin[:100]!r} may not use the control API of {request.host[:100]!r}."
        raise ProblemError(403, "other-origin", because, "Call it from a program, or from a page of the same host.")
