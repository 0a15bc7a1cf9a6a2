"""The server: what it is made of, where it listens, how it starts and stops.

`Server` runs in a loop of its own thread (`with`) or in the caller's (`async with`); `run` is `smdp serve`.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from smdp import log
from smdp.client import AsyncClient, Client
from smdp.errors import StartError, UsageError
from smdp.http import banner, drain, fixtures, listen, scenarios
from smdp.http.app import Parts, assemble, control_app, device_app, empty_app, fill_control, fill_devices
from smdp.http.protocol import Runner
from smdp.http.staging import Theatre
from smdp.http.tls_faults import TlsFaults
from smdp.pki import handshake, tls
from smdp.pki import load as pki
from smdp.pki.authority import Authority
from smdp.rsp.ids import host_of
from smdp.settings import Settings

_TOKEN_BYTES = 18
_TURNS = 5
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Server:
    """A running carrier. Ports are picked where the settings say 0; in memory unless they name a database.

    `with Server() as server` starts it in a thread, `async with Server() as server` in this loop. Raises StartError and
    SettingsError with what is in the way.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings(port=0, control_port=0)
        self.parts: Parts
        self.device_port = self.control_port = 0
        self.plain_port: int | None = None
        self._stack = contextlib.AsyncExitStack()
        self._listening: list[socket.socket] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], None] = lambda: None

    # --- where it is

    @property
    def control_url(self) -> str:
        """Where the control API is."""
        host = self.settings.host[0]
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound
        return f"http://[{name}]:{self.control_port}" if ":" in name else f"http://{name}:{self.control_port}"

    def device_url(self, carrier: str) -> str:
        """Where devices find a carrier: what `eSIMServerURL` takes."""
        return f"https://{carrier}.{self.settings.domain}:{self.device_port}"

    def carrier(self, name: str) -> Client:
        """Return a client for a carrier, made by the first write to it; for other threads than the server's own.

        Raises UsageError on the loop that the server runs in, which a call would stop.
        """
        with contextlib.suppress(RuntimeError):
            if asyncio.get_running_loop() is self._loop:
                raise UsageError(
                    "The server runs in this loop, so a call that blocks would never be answered. "
                    "Use server.async_carrier here."
                )
        return Client(self.control_url, carrier=name, token=self.parts.token)

    def async_carrier(self, name: str) -> AsyncClient:
        """Return a client for a carrier whose verbs are awaited, on any loop."""
        return AsyncClient(self.control_url, carrier=name, token=self.parts.token)

    @property
    def ca(self) -> Authority:
        """What a client must trust, with verbs: `configure_trust(context)`, `cert_pem.write_to_path("ca.pem")`."""
        return Authority(self.parts.pki)

    @property
    def ca_pem(self) -> str:
        """What a client must trust to verify the server: one or more certificates."""
        return self.parts.ca_pem

    # --- life in this loop

    async def __aenter__(self) -> Self:
        """Open the database, bind the ports, start serving."""
        self._loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            settings = self.settings
            devices = _bound(stack, settings.host, settings.port, "devices")
            control = _bound(stack, settings.host, settings.control_port, "control API")
            self.device_port, self.control_port = _port(devices), _port(control)
            self._listening = [*devices, *control]
            trust = pki.resolve(settings.pki)
            self.parts = await stack.enter_async_context(assemble(settings, trust))
            self.parts.listening(self.device_port)
            self.parts.describe(self.device_port, self.control_port)
            self.parts.token = control_token(settings)
            faults = TlsFaults(self.parts.service, trust)
            stack.push_async_callback(faults.close)
            stack.push_async_callback(self.parts.couriers.close, drain.WEBHOOKS)
            await _serve(stack, control_app(self.parts), control)  # the first to serve is the last to stop
            await _serve(stack, device_app(self.parts), devices, self._tls(faults))
            if settings.plain_port is not None:
                plain = _bound(stack, settings.host, settings.plain_port, "devices, plain")
                self.plain_port = _port(plain)
                self._listening += plain
                await _serve(stack, device_app(self.parts), plain)
            await _begin(self.parts)
            self._stack = stack.pop_all()
        self.parts.health.ready = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Accept nobody, let running requests finish and webhooks be delivered, then close everything."""
        self.parts.health.ready = False
        await _stop_accepting(self._listening)
        await self._stack.aclose()
        await _hang_up({self.device_port, self.control_port, self.plain_port})

    async def drain(self) -> None:
        """Say at `/readyz` that the server stops, and wait a while for downloads that are under way."""
        await drain.downloads(self.parts)

    def _tls(self, faults: TlsFaults) -> ssl.SSLContext:
        names = ["localhost", self.settings.domain, f"*.{self.settings.domain}", "127.0.0.1", "::1"]
        if self.settings.address is not None:
            names.append(host_of(self.settings.address))
        context = tls.server_context(self.parts.pki, names, instead=faults.instead)
        handshake.watch(context, self.parts.handshakes.failed)
        return context

    # --- life in a thread

    def __enter__(self) -> Self:
        """Start in a thread of its own and return when it serves."""
        started = threading.Event()
        failure: list[BaseException] = []

        async def live() -> None:
            stop = asyncio.Event()
            self._stop = stop.set
            try:
                async with self:
                    started.set()
                    await stop.wait()
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever started us
                failure.append(error)
                started.set()

        self._thread = threading.Thread(target=asyncio.run, args=(live(),), name="smdp-server", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            self._thread.join()
            raise failure[0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and wait until nothing is left."""
        if self._loop is not None and self._thread is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop)
            self._thread.join()


def _bound(stack: contextlib.AsyncExitStack, hosts: Sequence[str], port: int, what: str) -> list[socket.socket]:
    """Bind, and close what was bound when the server ends, or when the rest of its start fails."""
    sockets = listen.bind(hosts, port, what)
    for one in sockets:
        stack.callback(one.close)
    return sockets


def _port(sockets: Sequence[socket.socket]) -> int:
    port: int = sockets[0].getsockname()[1]
    return port


async def _serve(
    stack: contextlib.AsyncExitStack,
    app: web.Application,
    sockets: Sequence[socket.socket],
    context: ssl.SSLContext | None = None,
) -> None:
    runner = Runner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for listener in sockets:
        await web.SockSite(runner, listener, ssl_context=context).start()


def control_token(settings: Settings) -> str | None:
    """Return the token that the control API asks for: the one that is set, or a generated one where others get in.

    A generated token is kept in the state folder, if there is one. Raises StartError if it can't be written.
    """
    if settings.control_token is not None or settings.control_open or _LOOPBACK.issuperset(settings.host):
        return settings.control_token
    path = settings.token_file
    if path is None:
        return secrets.token_urlsafe(_TOKEN_BYTES)
    try:
        if path.is_file() and (kept := path.read_text("ascii").strip()):
            return kept
        path.parent.mkdir(parents=True, exist_ok=True)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(token + "\n")
    except (OSError, ValueError) as error:
        because = f"The control token can't be kept in {path}: {error}."
        raise StartError(f"{because} Make the folder writable, or set SMDP_CONTROL_TOKEN.") from None
    return token


async def _stop_accepting(sockets: Sequence[socket.socket]) -> None:
    """Accept no more, and let those that were accepted last arrive: asyncio loses one that it meets while closing."""
    for listener in sockets:
        asyncio.get_running_loop().remove_reader(listener)
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def _hang_up(ports: set[int | None]) -> None:
    """Abort the connections to these ports that are still there when everything else is closed.

    TLS waits for the client's part of a handshake, or of its end, and asyncio keeps such connections to itself until
    Python 3.13 (`Server.abort_clients`): without this they would outlive their loop. uvloop aborts its own.
    """
    transports = getattr(asyncio.get_running_loop(), "_transports", {})
    for _ in range(_TURNS):  # one that was accepted last appears late; and each end is told in the loop's next turns
        for transport in list(transports.values()):
            if (transport.get_extra_info("sockname") or (None, None))[1] in ports:
                transport.abort()
        await asyncio.sleep(0)


# --- as a part of somebody else's program


def create_app(settings: Settings | None = None) -> web.Application:
    """Make a plain aiohttp application: the control API and ES9+ at once, for whoever runs aiohttp already.

    It opens the database when it starts and closes it when it ends. Who serves it sees to TLS, and says with `address`
    where devices find it; without that it is `*.<domain>` and the settings' `port`. ES9+ is at its exact paths. Failed
    handshakes are not seen, and TLS faults don't fire: for those, use `Server`. Raises SettingsError and StartError.
    """
    chosen = settings or Settings()
    app = empty_app()

    async def live(app: web.Application) -> AsyncIterator[None]:
        async with assemble(chosen, pki.resolve(chosen.pki)) as parts:
            parts.listening(chosen.port)
            parts.describe(chosen.port, chosen.control_port)
            parts.token = control_token(chosen)
            fill_control(app, parts)
            fill_devices(app, parts)
            await _begin(parts)
            parts.health.ready = True
            yield
            parts.health.ready = False
            await parts.couriers.close(drain.WEBHOOKS)

    app.cleanup_ctx.append(live)
    return app


async def _begin(parts: Parts) -> None:
    """Load what the settings name, and start what runs by itself."""
    settings = parts.settings
    if settings.fixtures is not None:
        parts.health.doing = f"The fixtures {settings.fixtures} are being loaded."
        await fixtures.load(parts.keeper, settings.fixtures)
    if settings.scenario is not None:
        await scenarios.begin(Theatre(parts.service, parts.hosted), parts.hosted, settings.scenario)
    await parts.hosted.start()
    await parts.couriers.start()


# --- smdp serve


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; running requests finish first. Raises StartError and SettingsError."""
    log.set_up(settings.log_level, settings.log_format)
    for warning in settings.warnings:
        logging.getLogger("smdp").warning(warning)
    _runner()(_run(settings))


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Return what runs the loop: uvloop where it is installed (extra `speed`, a little less CPU), else asyncio."""
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return asyncio.run
    run: Callable[[Coroutine[Any, Any, None]], None] = uvloop.run
    return run


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Server(settings) as server:
        sys.stderr.write(banner.text(server.parts, server.device_port, server.control_port, server.plain_port) + "\n")
        sys.stderr.flush()
        await stop.wait()
        await _drained(server, stop)


async def _drained(server: Server, stop: asyncio.Event) -> None:
    """Wait for what is under way, unless a second signal says not to."""
    stop.clear()
    waits = [asyncio.create_task(server.drain()), asyncio.create_task(stop.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
