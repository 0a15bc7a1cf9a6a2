"""What the handlers of the control API share: the service, reading requests, writing answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from smdp.carrier.errors import CarrierError, did_you_mean
from smdp.carrier.service import Service
from smdp.carrier.transactions import Written
from smdp.http.problems import MAX_BODY, Handler, ProblemError, read_body
from smdp.rsp.ids import is_eid, ungrouped
from smdp.storage import StorageError

SERVICE = web.AppKey("service", Service)
"""All carriers of the server."""

API = "/api/v1"
CARRIER = API + "/carriers/{carrier}"
PAGE, MAX_PAGE = 100, 1000
MAX_NUMBER = 2**62
_NUMBERS = frozenset({"eid", "iccid"})
"""Parameters of paths and queries that may come in groups of digits."""


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Read numbers in the path; turn what the carrier refuses into problems. Stands inside `problems.middleware`."""
    for name in _NUMBERS & request.match_info.keys():
        request.match_info[name] = ungrouped(request.match_info[name])
    try:
        return await handler(request)
    except CarrierError as error:
        raise ProblemError(error.status, error.reason, error.because, error.fix) from None
    except StorageError as error:
        fix = "Look at the server's log and at the database; smdp goes on by itself once that does."
        raise ProblemError(503, "database-failed", str(error), fix) from None


def name_of(request: web.Request) -> str:
    """Return the carrier that a path names."""
    return request.match_info["carrier"]


# --- reading


async def read_json(request: web.Request, limit: int = MAX_BODY) -> Any:
    """Read a body of JSON. Raises ProblemError (400) if it is none."""
    body = await read_body(request, limit)
    if not body.strip():
        raise ProblemError(400, "no-body", "The request has no body.", "Send JSON.")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, "not-json", f"The body is not JSON: {str(error)[:120]}.", "Send JSON.") from None


async def read_object(request: web.Request, *, empty: bool = False) -> dict[str, Any]:
    """Read a body that is a JSON object; with `empty`, no body is an empty one. Raises ProblemError (400)."""
    if empty and not request.body_exists:
        return {}
    value = await read_json(request)
    if not isinstance(value, dict):
        raise ProblemError(400, "not-an-object", "The body is JSON, but no object.", 'Send an object: {"name": …}.')
    return value


def query(request: web.Request, *known: str) -> Mapping[str, str]:
    """Return the query, without what is empty. Raises ProblemError for a parameter that is unknown, or given twice."""
    for name in request.query:
        if name not in known:
            because = f"There is no query parameter {name[:60]!r} here."
            raise ProblemError(400, "query-unknown", because, did_you_mean(name, known))
        if len(request.query.getall(name)) > 1:
            because = f"The query parameter {name} is given more than once."
            raise ProblemError(400, "query-invalid", because, "Give it once; several types have commas between them.")
        if not request.query[name].isprintable():
            raise ProblemError(400, "query-invalid", f"{name} has control characters in it.", "Leave them out.")
    found = {name: ungrouped(value) if name in _NUMBERS else value for name, value in request.query.items() if value}
    check_eid(found.get("eid"))
    return found


def check_eid(eid: str | None) -> None:
    """Refuse (422) an EID that nobody can have: looking for it would find nothing, and not say why."""
    if eid and not is_eid(eid):
        because = f"An EID has 32 decimal digits; {eid[:40]!r} has not."
        raise ProblemError(422, "eid-invalid", because, "Give all of it.")


def number(values: Mapping[str, str], name: str, default: int, most: int = MAX_NUMBER) -> int:
    """Read a number from a query. Raises ProblemError (400)."""
    text = values.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= most):  # noqa: PLR2004 - 64 bits
        raise ProblemError(400, "query-invalid", f"{name} is no number from 0 to {most}.", f"As in {name}={default}.")
    return int(text)


def limit_of(values: Mapping[str, str]) -> int:
    """Read how long a page may be."""
    return max(1, number(values, "limit", PAGE, MAX_PAGE))


# --- writing


def answer(value: Any, status: int = 200) -> web.Response:
    """Answer with JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def written(done: Written) -> web.Response:
    """Answer a write (200); with 201 if it made its carrier, and say so."""
    return created(done, done.value) if done.carrier_created else answer(done.value)


def created(written: Written, value: Any) -> web.Response:
    """Answer a write (201), and say so if it made its carrier."""
    if not written.carrier_created:
        return answer(value, 201)
    return answer({**msgspec.to_builtins(value), "carrier_created": True}, 201)


def page(items: Sequence[Any], cursor: int | str | None = None) -> dict[str, Any]:
    """Make a page of a list: `next` is the cursor to go on with, null at the end."""
    return {"items": items, "next": cursor}
