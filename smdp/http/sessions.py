"""Control API: RSP sessions, as the carrier saw them."""

from typing import get_args

from aiohttp import web

from smdp.carrier.errors import did_you_mean
from smdp.http.context import CARRIER, SERVICE, answer, limit_of, name_of, number, page, query
from smdp.http.problems import ProblemError
from smdp.model import SessionOutcome

_SESSIONS = CARRIER + "/sessions"
_FILTERS = ("eid", "iccid", "outcome")


def add_routes(app: web.Application) -> None:
    """Serve sessions in this application."""
    app.router.add_get(_SESSIONS, _list)
    app.router.add_get(_SESSIONS + "/{session}", _show)


async def _list(request: web.Request) -> web.Response:
    values = query(request, "cursor", "limit", *_FILTERS)
    filters = {name: values[name] for name in _FILTERS if name in values}
    if (outcome := values.get("outcome")) and outcome not in get_args(SessionOutcome):
        because = f"No session has the outcome {outcome[:40]!r}."
        raise ProblemError(422, "filter-invalid", because, did_you_mean(outcome, get_args(SessionOutcome)))
    before = number(values, "cursor", 0) or None
    found, cursor = await request.app[SERVICE].sessions(name_of(request), filters, before, limit_of(values))
    return answer(page(found, cursor))


async def _show(request: web.Request) -> web.Response:
    """Answer with a session; `?as=raw` with its messages as they were, in base64."""
    values = query(request, "as")
    carrier, identifier = name_of(request), request.match_info["session"]
    if values.get("as", "decoded") not in ("decoded", "raw"):
        raise ProblemError(400, "query-invalid", "There is no such form of a session.", "There is as=raw.")
    if values.get("as") == "raw":
        return answer(await request.app[SERVICE].raw_session(carrier, identifier))
    return answer(await request.app[SERVICE].session(carrier, identifier))
