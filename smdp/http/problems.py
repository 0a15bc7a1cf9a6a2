"""RFC 9457 problem documents: what HTTP itself answers when a request can't be served, with a reason and a way out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError

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


def not_http(what: str) -> Problem:
    """Say that a request is no HTTP: `what` is wrong with it."""
    because = f"The request is no valid HTTP: {what}."
    return ProblemError(400, "not-http", because, "Send HTTP/1.1, with a body as long as its headers say.").problem


def bug() -> Problem:
    """Say that something went wrong that should not have, without what it was: that is in the log."""
    fix = "Look at the log for the traceback, and report it."
    return ProblemError(500, "bug", "smdp met a bug of its own.", fix).problem


async def read_body(request: web.Request, limit: int = MAX_BODY) -> bytes:
    """Read a request's body. Raises ProblemError: too large (413), too slow (408), compressed (415), cut off (400)."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise ProblemError(415, "body-compressed", "The body is compressed.", "Send it without Content-Encoding.")
    bounded = request if limit == MAX_BODY else request.clone(client_max_size=limit)
    try:
        if request.content.is_eof():  # all of it came with the head: nothing to wait for
            return await bounded.read()
        async with asyncio.timeout(BODY_SECONDS):
            return await bounded.read()
    except TimeoutError:
        raise ProblemError(408, "too-slow", "The body did not arrive in time.", "Send it in one go.") from None
    except web.HTTPRequestEntityTooLarge:
        because = f"The body is longer than {limit // 1024} KiB."
        raise ProblemError(413, "too-large", because, "Send less; no request of this kind needs more.") from None
    except (RequestPayloadError, ConnectionError):
        because = "The body ends before it should, or its chunks don't add up."
        raise ProblemError(400, "body-broken", because, "Send all of it, as long as the headers say.") from None


_HTTP = {
    404: ("no-such-path", "There is nothing at {path}.", "The paths are listed in the documentation, docs/api.md."),
    405: ("method-not-allowed", "{path} does not take {method}.", "Use one of: {allowed}."),
    417: ("expectation-failed", "The server does not know what Expect asks for.", "Leave out Expect."),
}
_OTHER = ("bad-request", "HTTP says: {phrase}.", "Send HTTP/1.1, as the documentation shows it.")


def of_http(request: web.Request, error: web.HTTPException) -> web.Response:
    """Turn aiohttp's own refusals into problem documents."""
    reason, because, fix = _HTTP.get(error.status, _OTHER)
    allowed = error.headers.get("Allow", "")
    words = {"path": request.path[:200], "method": request.method[:20], "allowed": allowed, "phrase": error.reason}
    texts = (text.format_map(words) for text in (because, fix))
    problem = ProblemError(error.status, reason, *texts).problem
    return response(problem, {"Allow": allowed} if allowed else None)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every refusal as a problem document, and a bug as a 500 that says so and is logged."""
    try:
        return await handler(request)
    except ProblemError as error:
        unauthorized = error.problem.status == HTTPStatus.UNAUTHORIZED
        return response(error.problem, {"WWW-Authenticate": "Bearer"} if unauthorized else None)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        return of_http(request, error)
    except Exception:  # noqa: BLE001 - the last resort, so that no client ever sees a traceback
        _log.exception("bug in %s %s", request.method, request.path)
        return response(bug())
