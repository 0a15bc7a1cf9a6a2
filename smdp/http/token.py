"""The bearer token that the control API asks for, where one is set."""

import hmac

from aiohttp import web

from smdp.http.problems import Handler, ProblemError

TOKEN = web.AppKey("token", str)
"""Not in the application: no token is asked for."""
_OPEN = ("/livez", "/readyz", "/ca.pem", "/crl/")
_SCHEME = "bearer "


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse (401) whoever does not bring the token; health, CA and CRL routes are for everybody."""
    token = request.app.get(TOKEN)
    if token is None or request.path.startswith(_OPEN):
        return await handler(request)
    given = request.headers.get("Authorization", "")
    secret = given[len(_SCHEME) :].strip() if given.lower().startswith(_SCHEME) else ""
    if not hmac.compare_digest(secret.encode(errors="surrogateescape"), token.encode()):
        because = "The bearer token is missing." if not secret else "The bearer token is wrong."
        fix = "Send Authorization: Bearer TOKEN; commands take it from SMDP_CONTROL_TOKEN."
        raise ProblemError(401, "token-needed", because, fix)
    return await handler(request)
