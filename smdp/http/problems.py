"""RFC 9457 problem documents: what HTTP itself answers when a request can't be served, with a reason and a way out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from aiohttp import web

from smdp.model import Problem

MAX_BODY = 256 * 1024
"""The longest request body in bytes."""
BODY_SECONDS = 20.0
"""How long a client may take to send a body."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger("smdp.http")


class ProblemError(Exception):
    """A request that can't be served; carries the problem document that is answered."""

    def __init__(self, status: int, reason: str, because: str, fix: str) -> None:
        super().__init__(because)
        self.problem = Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            reason=reason,
            because=because,
            fix=fix,
            detail=f"{because} {fix}".strip(),
        )


def response(problem: Problem, headers: dict[str, str] | None = None) -> web.Response:
    """Answer with a problem document."""
    body = msgspec.json.encode(problem)
    return web.Response(body=body, status=problem.status, content_type="application/problem+json", headers=headers)


async def read_body(request: web.Request) -> bytes:
    """Read a request's body. Raises ProblemError if it is too large (413) or too slow (408)."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise ProblemError(408, "too-slow", "The body did not arrive in time.", "Send it in one go.") from None
    except web.HTTPRequestEntityTooLarge:
        because = f"The body is longer than {MAX_BODY // 1024} KiB."
        raise ProblemError(413, "too-large", because, "Send less; no request of this API needs more.") from None


_HTTP = {
    404: ("no-such-path", "There is nothing at {path}.", "The paths are listed in the documentation, docs/index.md."),
    405: ("method-not-allowed", "{path} does not take {method}.", "Use one of: {allowed}."),
}


def _of_http(request: web.Request, error: web.HTTPException) -> web.Response:
    """Turn aiohttp's own refusals into problem documents."""
    reason, because, fix = _HTTP.get(error.status, ("bad-request", error.reason, ""))
    allowed = error.headers.get("Allow", "")
    words = {"path": request.path[:200], "method": request.method[:20], "allowed": allowed}
    texts = (text.format_map(words) for text in (because, fix))
    problem = ProblemError(error.status, reason, *texts).problem
    return response(problem, {"Allow": allowed} if allowed else None)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every refusal as a problem document, and a bug as a 500 that says so and is logged."""
    try:
        return await handler(request)
    except ProblemError as error:
        return response(error.problem)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        return _of_http(request, error)
    except Exception:  # noqa: BLE001 - the last resort, so that no client ever sees a traceback
        _log.exception("bug in %s %s", request.method, request.path)
        because, fix = "smdp met a bug of its own.", "Look at the log for the traceback, and report it."
        return response(ProblemError(500, "bug", because, fix).problem)
