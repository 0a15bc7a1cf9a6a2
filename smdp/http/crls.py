"""The CRLs of the PKI's CIs, where their certificates say they are: `/crl/…`. These routes ask for no token."""

from datetime import UTC, datetime

from aiohttp import web

from smdp.http.problems import ProblemError
from smdp.pki import revocation
from smdp.pki.model import Pki

MEDIA_TYPE = "application/pkix-crl"
_CACHED_SECONDS = 3600
"""How long clients may keep a list: it is signed anew each hour."""


class Crls:
    """Signs each CI's list once an hour."""

    def __init__(self, pki: Pki) -> None:
        self._pki = pki
        self._names = revocation.file_names(pki)
        self._signed: dict[bytes, tuple[datetime, bytes]] = {}

    def get(self, name: str, now: datetime) -> bytes:
        """Return the list with this file name (DER). Raises ProblemError where there is none, or no key to sign it."""
        ski = self._names.get(name.lower())
        if ski is None:
            because = f"No CI of this server publishes a CRL called {name[:80]!r}."
            raise ProblemError(404, "crl-unknown", because, f"There are: {', '.join(self._names)}.")
        hour = now.replace(minute=0, second=0, microsecond=0)
        kept = self._signed.get(ski)
        if kept is not None and kept[0] == hour:
            return kept[1]
        der = revocation.current(self._pki, ski, now)
        if der is None:
            because = f"The key of CI {ski.hex().upper()} is not in the server's PKI, so its CRL can't be signed here."
            fix = "Put the CI's key, or a CRL that it signed, into the folder of --pki, and start the server again."
            raise ProblemError(404, "crl-unsigned", because, fix)
        self._signed[ski] = hour, der
        return der


CRLS = web.AppKey("crls", Crls)


def add_routes(app: web.Application) -> None:
    """Serve `/crl/…` in this application."""
    app.router.add_get("/crl/{crl}", _get)


async def _get(request: web.Request) -> web.Response:
    der = request.app[CRLS].get(request.match_info["crl"], datetime.now(UTC))
    headers = {"Cache-Control": f"public, max-age={_CACHED_SECONDS}"}
    return web.Response(body=der, content_type=MEDIA_TYPE, headers=headers)
