"""A webhook's receiver on loopback that answers as a test wants."""

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer


class Receiver:
    """Notes each delivery it took, and each attempt; `answer` chooses the status, or a coroutine to wait for."""

    def __init__(self) -> None:
        self.attempts: list[dict] = []
        self.taken: list[dict] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict] = []
        self.answer: Callable = lambda _: 200
        self.url = ""
        self._came = asyncio.Event()

    @property
    def ids(self) -> list[int]:
        """The ids of the events that were taken, in the order they came."""
        return [body["event"]["id"] for body in self.taken]

    async def handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body = json.loads(raw)
        self.bodies.append(raw)
        self.headers.append(dict(request.headers))
        self.attempts.append(body)
        self._came.set()
        status = self.answer(body)
        if not isinstance(status, int):
            status = await status
        if status < 300:
            self.taken.append(body)
        self._came.set()
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def receiver(port: int | None = None):
    """Run a receiver."""
    one = Receiver()
    app = web.Application()
    app.router.add_post("/hook", one.handle)
    server = TestServer(app, port=port)
    await server.start_server()
    one.url = str(server.make_url("/hook"))
    try:
        yield one
    finally:
        await server.close()
