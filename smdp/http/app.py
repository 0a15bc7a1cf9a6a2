"""What a server is made of, and the two applications that show it: one to devices, one to tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from aiohttp import web

from smdp import log
from smdp.carrier.addresses import Addresses
from smdp.carrier.download import Downloads
from smdp.carrier.fault_desk import FaultDesk
from smdp.carrier.helpdesk import Helpdesk
from smdp.carrier.hooks import Hook
from smdp.carrier.keeper import Keeper
from smdp.carrier.network import Network
from smdp.carrier.service import Service
from smdp.carrier.webhooks import Webhooks
from smdp.clock import SystemClock
from smdp.http import (
    carriers,
    clock,
    context,
    crls,
    devices,
    es9plus,
    events,
    faults,
    health,
    keeping,
    managing,
    metrics,
    network,
    openapi,
    problems,
    profiles,
    scenarios,
    sessions,
    staging,
    token,
    webhooks,
)
from smdp.http.couriers import Couriers
from smdp.http.handshakes import Handshakes
from smdp.http.health import Health
from smdp.http.hosting import Hosted
from smdp.pki import make, names
from smdp.pki.forge import reissued
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
    webhooks: Webhooks
    couriers: Couriers
    handshakes: Handshakes
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
    def keeper(self) -> Keeper:
        """What exports, imports, resets and restores whole carriers."""
        return Keeper(self.service, self.hosted.bringer.bring)

    @property
    def ca_pem(self) -> str:
        """What a client must trust: the CIs, as PEM."""
        return b"".join(make.pem(anchor) for anchor in self.pki.anchors).decode()


def security_of(pki: Pki) -> Security:
    """Hand the protocol core what it needs of a PKI."""
    return Security(cis=pki.cis, identities=pki.identities, revoked=pki.revoked)


def default_webhook(settings: Settings) -> Hook | None:
    """Return the webhook of every carrier that has none of its own."""
    if settings.webhook_url is None:
        return None
    return Hook(id="default", url=settings.webhook_url, secret=settings.webhook_secret)


@asynccontextmanager
async def assemble(settings: Settings, pki: Pki) -> AsyncIterator[Parts]:
    """Open the database and put the parts together; close them in the opposite order. Raises StorageError."""
    database = await Database.open(settings.database)
    addresses = Addresses(domain=settings.domain, address=settings.address)
    service = Service(database, SystemClock(), addresses=addresses, seed=settings.seed, journal=settings.journal)
    service.cis = frozenset(ci.hex().upper() for ci in pki.identities)
    hosted = Hosted(service, pki, settings)
    hooks = Webhooks(service, default_webhook(settings))
    couriers = Couriers(hooks)
    handshakes = Handshakes(service, names.permitted(next(iter(pki.cis.values()))))
    try:
        await service.start()
        database.listen(log.events)  # from here on: that `default` exists is no news
        downloads = Downloads(service, security_of(pki), partial(reissued, pki))
        yield Parts(settings, pki, service, downloads, hosted, hooks, couriers, handshakes)
    finally:
        await hosted.close()
        await handshakes.close()
        await couriers.close()
        await service.close()
        await database.close()


def device_app(parts: Parts) -> web.Application:
    """Make the application that devices talk to: ES9+."""
    app = web.Application(client_max_size=problems.MAX_BODY, middlewares=[problems.middleware])
    fill_devices(app, parts)
    es9plus.add_crooked_routes(app)
    return app


def fill_devices(app: web.Application, parts: Parts) -> None:
    """Have an application answer ES9+."""
    es9plus.add_routes(app, parts.downloads)


def control_app(parts: Parts) -> web.Application:
    """Make the application of the control API: carriers, profiles, events, hosted devices, health."""
    app = empty_app()
    fill_control(app, parts)
    return app


def empty_app() -> web.Application:
    """Make an application that refuses as the control API does, and has nothing in it yet."""
    middlewares = [problems.middleware, token.middleware, context.middleware]
    return web.Application(client_max_size=problems.MAX_BODY, middlewares=middlewares)


def fill_control(app: web.Application, parts: Parts) -> None:
    """Have an application answer the control API."""
    if parts.token is not None:
        app[token.TOKEN] = parts.token
    app[context.SERVICE] = parts.service
    app[staging.THEATRE] = staging.Theatre(parts.service, parts.hosted)
    app[faults.PKI] = parts.pki
    app[faults.DESK] = FaultDesk(parts.service)
    app[devices.HOSTED] = parts.hosted
    app[keeping.KEEPER] = parts.keeper
    app[keeping.HELPDESK] = Helpdesk(parts.service)
    app[network.NETWORK] = Network(parts.service)
    app[webhooks.WEBHOOKS] = parts.webhooks
    app[webhooks.COURIERS] = parts.couriers
    app[health.HEALTH] = parts.health
    app[health.CA] = parts.ca_pem
    app[crls.CRLS] = crls.Crls(parts.pki)
    for module in (
        carriers,
        keeping,
        clock,
        faults,
        scenarios,
        profiles,
        network,
        events,
        sessions,
        devices,
        managing,
        webhooks,
        health,
        crls,
        metrics,
        openapi,
    ):
        module.add_routes(app)
