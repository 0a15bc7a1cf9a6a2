"""A session under the X-ray: each step decoded, with the server's checks beside the fields they looked at.

Made of what is stored anyway, when somebody asks. A function's checks are one ordered list, evaluated until the first
that does not hold: so those before it held, and those behind it were never looked at. A check that had nothing to look
at (`Check.when`) is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from smdp.model import CheckResult, RefusalText, Step
from smdp.rsp import readable, wire
from smdp.rsp.checks import Check, Refusal
from smdp.rsp.server import authenticate, bind, cancel, initiate, notify, selection
from smdp.rsp.server.session import Session, Stage
from smdp.storage import Row
from smdp.storage.connection import moment

NOTIFY = "handleNotification"
_CHECKS: Mapping[str, tuple[Check[Any], ...]] = {
    "initiateAuthentication": initiate.CHECKS,
    "authenticateClient": (*authenticate.CHECKS, *selection.CHECKS),
    "getBoundProfilePackage": bind.CHECKS,
    "cancelSession": cancel.CHECKS,
    NOTIFY: notify.RESULT_CHECKS,
}
_LEADS_TO = {
    "initiateAuthentication": Stage.INITIATED,
    "authenticateClient": Stage.AUTHENTICATED,
    "getBoundProfilePackage": Stage.BOUND,
}
_SHOWN_DIGITS = 8
_ORDER = "order"


class Seen(NamedTuple):
    """What is known of a session: its row, and why it was refused."""

    session: Session
    refusal: RefusalText | None


class Told(NamedTuple):
    """A notification's row, and what the event of its refusal said, if that is still there."""

    row: Row
    refusal: Mapping[str, Any] | None = None


class _Verdict(NamedTuple):
    """The check that did not hold, if one did not, its sentence, and the member of the body that it stopped at."""

    check: str | None = None
    because: str = ""
    member: str | None = None


def attempt(function: str, stage: Stage, number: int) -> str:
    """Name a refused call beside the one that counts: `cancelSession/bound/1`, so that its place is known."""
    return f"{function}/{stage}/{number}"


def function_of(message: Row) -> str:
    """Return which function a stored message called."""
    name: str = message["step"]
    return name.partition("/")[0]


def in_order(messages: Sequence[Row]) -> list[Row]:
    """Put a session's messages in the order they came, whatever its carrier's clock did meanwhile."""
    beside = sorted((one for one in messages if "/" in one["step"]), key=lambda one: (one["at"], one["step"]))
    found: list[Row] = []
    for message in messages:
        if "/" not in message["step"]:
            stage = _LEADS_TO.get(message["step"])
            found += [message, *(one for one in beside if one["step"].split("/")[1] == stage)]
    return found


def steps(seen: Seen, messages: Sequence[Row], notifications: Sequence[Told]) -> list[Step]:
    """Decode a session's messages, in their order, and its notifications."""
    return [*(_step(seen, one) for one in messages), *map(_notification, notifications)]


def _step(seen: Seen, message: Row) -> Step:
    function, request, response = function_of(message), _body(message["request"]), _body(message["response"])
    verdict = _Verdict(message["refusal"], _because(seen, message, response), _lacking(function, message))
    return Step(
        name=function,
        at=moment(message["at"]),
        ms=message["ms"],
        request=request,
        response=response,
        checks=_checks(function, verdict, _facts(seen.session, request, verdict)),
    )


def _notification(told: Told) -> Step:
    row, refusal = told
    request = {"pendingNotification": readable.member("pendingNotification", row["raw"])}
    step = Step(name=NOTIFY, at=moment(row["at"]), request=request)
    if refusal is not None:
        step.checks = _checks(NOTIFY, _Verdict(refusal["check"], refusal["because"]), {})
    elif row["verified"]:
        step.checks = _checks(NOTIFY, _Verdict(), {})
    return step


def _body(stored: bytes) -> dict[str, Any]:
    """Decode a body. What is longer than what is kept of a message is no JSON any more."""
    try:
        return readable.body(wire.decode(stored))
    except wire.NotJson as error:
        return {"malformed": f"the first {len(stored)} bytes are kept, and what there is {error}"}


def _because(seen: Seen, message: Row, response: Mapping[str, Any]) -> str:
    """Find the sentence of a refusal: the session's, else the one that the LPA was told, which may be cut."""
    if message["refusal"] is None:
        return ""
    if seen.refusal is not None and "/" not in message["step"]:
        return seen.refusal.because
    try:
        told: str = response["header"]["functionExecutionStatus"]["statusCodeData"]["message"]
    except KeyError:
        return ""
    return told


def _lacking(function: str, message: Row) -> str | None:
    """Name the member that a refused body lacks or has malformed; none if the refusal came later."""
    if message["refusal"] is None:
        return None
    try:
        request = wire.read(function, wire.decode(message["request"]))
    except wire.NotJson:
        return None
    return request.field if isinstance(request, Refusal) else None


def _facts(session: Session, request: Mapping[str, Any], verdict: _Verdict) -> dict[str, str]:
    """Tell what fills the sentences, and what `Check.when` asks for: an empty text is a no."""
    response = request.get("authenticateServerResponse")
    accepted = response.get("authenticateResponseOk", {}) if isinstance(response, dict) else {}
    asked = session.cc_required and verdict.check != bind.CLAIMED.id  # somebody else's order asks nothing of this one
    return {
        "address": session.server_address,
        "svn": ".".join(map(str, session.svn)),
        "signing_ci": _short(session.signing_ci.hex().upper()),
        "server_ci": _short(session.server_ci.hex().upper()),
        "issuer": _short(accepted.get("eumCertificate", {}).get("authorityKeyIdentifier", "")),
        "matching_id": session.matching_id or "",
        "no_matching_id": "" if session.matching_id else "none",
        "code_required": "yes" if asked else "",
    }


def _short(identifier: str) -> str:
    return f"{identifier[:_SHOWN_DIGITS]}…" if identifier else ""


def _checks(function: str, verdict: _Verdict, facts: Mapping[str, str]) -> list[CheckResult]:
    """List a function's checks as they went, up to the one that did not hold."""
    found: list[CheckResult] = []
    listed = _listed(function, of_body=verdict.member is not None)
    places = [place for place, (check, member) in enumerate(listed) if _is(verdict, check, member)]
    if verdict.check is not None and not places:  # a fault: nothing of the message was looked at
        return [CheckResult(id=verdict.check, field=_ORDER, ok=False, clause="", text=verdict.because)]
    for place, (check, member) in enumerate(listed):
        ok = place not in places[-1:]
        if ok and check.when and not facts.get(check.when):
            continue
        words = {**facts, "member": member}
        text = check.passed.format_map(words) if ok else verdict.because
        field = check.field.format_map(words) or _ORDER
        found.append(CheckResult(id=check.id, field=field, ok=ok, clause=check.clause, text=text))
        if not ok:
            break
    return found


def _is(verdict: _Verdict, check: Check[Any], member: str) -> bool:
    return check.id == verdict.check and verdict.member in (None, member)


def _listed(function: str, *, of_body: bool) -> list[tuple[Check[Any], str]]:
    """List a function's checks in the order in which they are made, each with the member of the body it is about.

    The body comes first, member by member; whether the eUICC's message is well formed is seen after the transactionId.
    """
    checks, members = _CHECKS[function], wire.MEMBERS[function]
    body = [(check, member) for member in members for check in wire.CHECKS]
    if of_body:
        return body
    if members[0] != "transactionId":
        return body + [(check, members[-1]) for check in checks]
    return [*body[:-1], (checks[0], members[0]), body[-1], *((check, members[-1]) for check in checks[1:])]
