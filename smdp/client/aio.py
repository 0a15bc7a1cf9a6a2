"""The control API on an event loop, with aiohttp: `AsyncClient("http://127.0.0.1:8080", carrier="acme")`."""

import asyncio
import http.client
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp

from smdp.client.api import Client, Verbs
from smdp.client.hosted import LEFT_BEFORE, DeviceVerbs
from smdp.client.polling import CONFLICT, FIRST_PAUSE, GONE, LAST_PAUSE
from smdp.client.steps import Request, Steps, Unexpected, decode, verb
from smdp.client.watching import RECONNECT_SECONDS
from smdp.client.wire import LARGEST_EVENT, SILENCE_SECONDS, STREAM, Wire
from smdp.client.words import Duration, duration
from smdp.errors import ApiError, ServerUnreachable, SmdpError
from smdp.model import Event

T = TypeVar("T")

_OK = 200


class AsyncTransport(Wire):
    """Talks to one control API; a connection per call, so that loops may share it. Nothing is sent twice."""

    async def run(self, doing: Steps[T]) -> T:
        """Send what the steps ask for, one request after the other, and return what comes of it."""
        try:
            request = next(doing)
            while True:
                try:
                    data = await self._send(request)
                except SmdpError as error:
                    request = doing.throw(error)
                else:
                    request = doing.send(data)
        except StopIteration as done:
            value: T = done.value
            return value
        except Unexpected as error:
            raise self.foreign(str(error)) from None

    async def stream(self, path: str, query: Mapping[str, Any] | None = None) -> AsyncIterator[bytes]:
        """Yield the data of server-sent events, one line of JSON each, until the server ends the stream."""
        request = Request("GET", path, query=query)
        try:
            async with self._open(request, aiohttp.ClientTimeout(sock_read=SILENCE_SECONDS), STREAM) as response:
                if response.status != _OK:
                    self.check(response.status, await self._read(response))
                if response.content_type != STREAM["Accept"]:
                    raise self.foreign("sends no event stream")
                while line := await response.content.readline():
                    if line.startswith(b"data:"):
                        yield line[5:].strip()
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.SocketTimeoutError, ValueError):
            return  # cut, silent, or a line above the limit
        except (aiohttp.ClientError, OSError) as error:
            raise self.unreachable(_plain(error), SILENCE_SECONDS) from None

    async def _send(self, request: Request) -> bytes:
        timeout = request.timeout or self.timeout
        try:
            async with self._open(request, aiohttp.ClientTimeout(total=timeout)) as response:
                return self.check(response.status, await self._read(response))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self.unreachable(_plain(error), timeout) from None

    @asynccontextmanager
    async def _open(
        self, request: Request, limits: aiohttp.ClientTimeout, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request on a connection of its own: nothing is left open between calls, and no loop is remembered."""
        body, message = self.message(request, headers)
        port = "" if self.port is None else f":{self.port}"
        place = f"[{self.host}]" if ":" in self.host else self.host
        url = f"http{'s' * self.tls}://{place}{port}{self.target(request)}"
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(
            connector=connector, timeout=limits, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=LARGEST_EVENT
        ) as session:
            session._retry_connection = False  # noqa: SLF001 - aiohttp has no other way to keep it from trying again
            async with session.request(
                request.method, url, data=body, headers=message, allow_redirects=False
            ) as response:
                yield response

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            self.check_size(data)
        return bytes(data)


def _plain(error: Exception) -> Exception:
    """Return what the standard library would have raised: there is one sentence for each."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return error.certificate_error
        case aiohttp.ClientConnectorError():  # resolver and TLS too
            return error.os_error
        case aiohttp.ServerDisconnectedError():
            return http.client.RemoteDisconnected("")
        case aiohttp.ClientOSError() | ssl.SSLError() | TimeoutError():
            return error
        case aiohttp.ClientError() | ValueError():
            return http.client.HTTPException()
    return error


class AsyncClient(Verbs):
    """A carrier of a running server, over the control API: what `Client` does, to be awaited.

    `await client.issue(eid)`, `await client.esim_server_url`, `async for event in client.follow()`. It may be used on
    any loop, and needs no closing. Raises what `Client` raises.
    """

    wire: AsyncTransport
    _wire = AsyncTransport

    @classmethod
    def of(cls, client: Client) -> Self:
        """Return the awaitable client for the same carrier of the same server."""
        wire = client.wire
        return cls(wire.url, carrier=client.carrier, token=wire.token, timeout=wire.timeout)

    async def arun(self, steps: Callable[[], Steps[T]]) -> T:
        """Do what a verb consists of."""
        return await self.wire.run(steps())

    async def follow(self, *, after: int | None = None, **filters: str | int | None) -> AsyncIterator[Event]:
        """Yield the events after an id (all by default) as they happen; reconnects where the server cuts."""
        while True:
            async for data in self.wire.stream(self._path("events"), {"after": after, **filters}):
                event = decode(data, Event)
                after = event.id
                yield event
            await asyncio.sleep(RECONNECT_SECONDS)

    @verb
    def create_carrier(self, /, name: str | None = None, **settings: Any) -> "Steps[AsyncClient]":
        """Make a fresh carrier, with a generated name if none is given, and return a client for it."""
        return self.on((yield from self._create(name, settings)).name)

    @verb
    def host_device(self, /, **options: Any) -> "Steps[AsyncHostedDevice]":
        """Make a simulated device as `create_device` does, and return it as an object with verbs."""
        return AsyncHostedDevice(self, (yield from Verbs.create_device.steps(self, **options)))


class AsyncHostedDevice(DeviceVerbs):
    """A device of a server, as `HostedDevice`; its verbs are awaited, and so is `esims`."""

    _client: AsyncClient

    async def arun(self, steps: Callable[[], Steps[T]]) -> T:
        """Do what a verb consists of."""
        return await self._client.arun(steps)

    @asynccontextmanager
    async def enrolled(
        self,
        profile: bytes | Path | str,
        *,
        ca: str | Path | None = None,
        allow_http: bool = False,
        ade: bool = False,
        every: Duration | None = None,
    ) -> AsyncIterator[Self]:
        """Be enrolled, and answer the MDM's commands while the block runs, as `HostedDevice.enrolled` does.

        The device polls in a task of this loop.
        """
        await self.enroll(profile, ca=ca, allow_http=allow_http, ade=ade)
        polling = asyncio.create_task(self._keep_polling(None if every is None else duration(every).total_seconds()))
        try:
            yield self
            if polling.done():
                polling.result()
        finally:
            polling.cancel()
            await asyncio.wait([polling])
            try:
                await self.unenroll()
            except ApiError as error:
                if error.reason not in LEFT_BEFORE:
                    raise

    async def _keep_polling(self, every: float | None) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                answered = bool((await self.poll()).answered)
            except ServerUnreachable:
                answered = False
            except ApiError as refused:
                if refused.status == GONE:
                    return
                if refused.status != CONFLICT:
                    raise
                answered = False
            pause = FIRST_PAUSE if answered else min(2 * pause, LAST_PAUSE)
            await asyncio.sleep(pause if every is None else every)
