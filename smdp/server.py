"""The server: what it is made of, where it listens, how it starts and stops.

`Server` runs in a loop of its own thread (`with`) or in the caller's (`async with`); `run` is `smdp serve`.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from smdp import log
from smdp.errors import StartError
from smdp.http import listen
from smdp.http.app import Parts, assemble, control_app, device_app
from smdp.pki import load as pki
from smdp.pki import tls
from smdp.settings import Settings

_SHUTDOWN_SECONDS = 5.0
_KEEPALIVE_SECONDS = 75.0


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
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], None] = lambda: None

    # --- where it is

    @property
    def control_url(self) -> str:
        """Where the control API is."""
        return f"http://127.0.0.1:{self.control_port}"

    def device_url(self, carrier: str) -> str:
        """Where devices find a carrier: what `eSIMServerURL` takes."""
        return f"https://{carrier}.{self.settings.domain}:{self.device_port}"

    @property
    def ca_pem(self) -> str:
        """What a client must trust to verify the server: one or more certificates."""
        return "".join(self.parts.anchors_pem)

    # --- life in this loop

    async def __aenter__(self) -> Self:
        """Open the database, bind the ports, start serving."""
        async with contextlib.AsyncExitStack() as stack:
            settings = self.settings
            self.parts = await stack.enter_async_context(assemble(settings, pki.resolve(settings.pki)))
            sockets = [listen.bind(settings.host, settings.port, "devices")]
            stack.callback(_close, sockets)
            sockets.append(listen.bind(settings.host, settings.control_port, "control API"))
            self.device_port, self.control_port = (group[0].getsockname()[1] for group in sockets)
            self.parts.listening(self.device_port)
            context = self._tls()
            await _serve(stack, device_app(self.parts), sockets[0], context)
            await _serve(stack, control_app(self.parts), sockets[1])
            if settings.plain_port is not None:
                sockets.append(listen.bind(settings.host, settings.plain_port, "devices, plain"))
                self.plain_port = sockets[2][0].getsockname()[1]
                await _serve(stack, device_app(self.parts), sockets[2])
            self._stack = stack.pop_all()
        self.parts.ready = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let running requests finish, then close everything."""
        self.parts.ready = False
        await self._stack.aclose()

    def _tls(self) -> ssl.SSLContext:
        names = ["localhost", self.settings.domain, f"*.{self.settings.domain}", "127.0.0.1", "::1"]
        if self.settings.address is not None:
            names.append(self.settings.address.rpartition(":")[0] or self.settings.address)
        return tls.server_context(self.parts.pki, names)

    # --- life in a thread

    def __enter__(self) -> Self:
        """Start in a thread of its own and return when it serves."""
        started = threading.Event()
        failure: list[BaseException] = []

        async def live() -> None:
            stop = asyncio.Event()
            self._loop = asyncio.get_running_loop()
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


async def _serve(
    stack: contextlib.AsyncExitStack,
    app: web.Application,
    sockets: list[object],
    context: ssl.SSLContext | None = None,
) -> None:
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, keepalive_timeout=_KEEPALIVE_SECONDS
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for listener in sockets:
        await web.SockSite(runner, listener, ssl_context=context).start()
