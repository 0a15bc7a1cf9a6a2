"""HTTP itself: what aiohttp would answer in plain text, and log as a traceback, becomes a problem document.

That is what no handler ever sees: bytes that are no HTTP, chunks that don't add up, an Expect that nobody can meet.
"""

import logging
from typing import Any, Self, cast

from aiohttp import web
from aiohttp.http_exceptions import InvalidURLError
from aiohttp.web_protocol import RequestPayloadError

from smdp.http import problems

_log = logging.getLogger("smdp.http")
_SHUTDOWN_SECONDS = 5.0
_KEEPALIVE_SECONDS = 75.0
_BAD_REQUEST = 400
_GONE = RequestPayloadError, ConnectionError, web.PayloadAccessError


class _Connection(web.RequestHandler):
    """One connection."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer with a problem document, and close: nobody knows where the next request would begin."""
        if request.writer.output_size > 0:
            raise ConnectionResetError("an answer is on its way already")
        if status == _BAD_REQUEST:
            what = "its path is no path" if isinstance(exc, InvalidURLError) else _first_line(message)
            _log.info("no HTTP from %s: %s", request.remote, what)
            answer = problems.response(problems.not_http(what))
        else:
            _log.error("bug in HTTP", exc_info=exc)
            answer = problems.response(problems.bug())
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log bugs; that a client broke off in the middle of its body is none."""
        if not isinstance(kwargs.get("exc_info"), _GONE):
            super().log_exception(*args, **kwargs)


def _first_line(message: str | None) -> str:
    """Return what aiohttp says is wrong, without the bytes it quotes: they may hold a token."""
    return (message or "it can't be read").strip().partition("\n")[0].partition(":")[0].rstrip(".")[:100]


class _Server(web.Server):
    """Makes connections of our kind; aiohttp has no other way to choose one."""

    @classmethod
    def like(cls, server: web.Server) -> Self:
        """Take over what an application made."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            try:
                return await server.request_handler(request)
            except web.HTTPException as error:  # raised before the middlewares: 417
                return problems.of_http(cast("web.Request", request), error)

        return cls(handle, request_factory=server.request_factory, loop=server._loop, **server._kwargs)  # noqa: SLF001 - what aiohttp keeps to itself of what it was given

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on sockets, with time-outs, without access log.

    Bodies stay as they were sent: what is compressed is refused, so nothing can blow up.
    """

    __slots__ = ()

    def __init__(self, app: web.Application) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            keepalive_timeout=_KEEPALIVE_SECONDS,
        )

    async def _make_server(self) -> web.Server:
        return _Server.like(await super()._make_server())
