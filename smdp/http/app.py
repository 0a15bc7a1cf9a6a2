"""What a server is made of, and the two applications that show it: one to devices, one to tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from aiohttp import web

from smdp import log
from smdp.carrier.addresses import Addresses
from smdp.carrier.download import Downloads
from smdp.carrier.service import Service
from smdp.clock import SystemClock
from smdp.http import carriers, context, devices, es9plus, events, health, problems, profiles, sessions, token
from smdp.http.health import Health
from smdp.http.hosting import Hosted
from smdp.pki import make, names
from smdp.pki.model import Pki
from smdp.rsp.server.security import Security
from smdp.settings import Settings
from smdp.storage import Database


@dataclass(slots=True)
class Parts:
    """A server's parts: settings, trust, the carrier's service, the SM-DP+, the hosted devices."""

    settings: Settings
    pki: Pki
    service: Service
    downloads: Downloads
    hosted: Hosted
    health: Health = field(default_factory=Health)
    token: str | None = field(default=None, repr=False)

    def listening(self, device_port: int) -> None:
        """Tell everybody which port devices use, once it is bound."""
        self.service.addresses.port = device_port
        self.hosted.port = device_port

    def describe(self, device_port: int, control_port: int) -> None:
        """Fill in what `/api/v1` tells: where the server is, what a client has to trust, and for which names."""
        anchor = next(iter(self.pki.cis.values()))
        host = self.settings.address or f"localhost:{device_port}"
        self.health.about = {
            "addresses": {"devices": f"https://{host}", "control": f"http://localhost:{control_port}"},
            "ca_fingerprint": sha256(anchor.der).hexdigest().upper(),
            "permitted_names": names.permitted(anchor),
        }

    @property
    def ca_pem(self) -> str:
        """What a client must trust: the CIs, as PEM."""
        return b"".join(make.pem(anchor) for anchor in self.pki.anchors).decode()


def security_of(pki: Pki) -> Security:
    """Hand the protocol core what it needs of a PKI."""
    return Security(cis=pki.cis, identities=pki.identities)


@asynccontextmanager
async def assemble(settings: Settings, pki: Pki) -> AsyncIterator[Parts]:
    """Open the database and put the parts together; close them in the opposite order. Raises StorageError."""
    database = await Database.open(settings.database)
    addresses = Addresses(domain=settings.domain, address=settings.address)
    service = Service(database, SystemClock(), addresses=addresses, seed=settings.seed, journal=settings.journal)
    hosted = Hosted(service, pki, settings)
    try:
        await service.start()
        database.listen(log.events)  # from here on: that `default` exists is no news
        yield Parts(settings, pki, service, Downloads(service, security_of(pki)), hosted)
    finally:
        await hosted.close()
        await service.close()
        await database.close()


def device_app(parts: Parts) -> web.Application:
    """Make the application that devices talk to: ES9+."""
    app = web.Application(client_max_size=problems.MAX_BODY, middlewares=[problems.middleware])
    es9plus.add_routes(app, parts.downloads)
    return app


def control_app(parts: Parts) -> web.Application:
    """Make the application of the control API: carriers, profiles, events, hosted devices, health."""
    middlewares = [problems.middleware, token.middleware, context.middleware]
    app = web.Application(client_max_size=problems.MAX_BODY, middlewares=middlewares)
    if parts.token is not None:
        app[token.TOKEN] = parts.token
    app[context.SERVICE] = parts.service
    app[devices.HOSTED] = parts.hosted
    app[health.HEALTH] = parts.health
    app[health.CA] = parts.ca_pem
    for module in (carriers, profiles, events, sessions, devices, health):
        module.add_routes(app)
    return app
