"""Why an EID has, or has not got, its plan: what it would get now, what stands in the way, and what to do about it."""

from collections.abc import Collection
from datetime import datetime

from smdp.carrier import orders, profiles, visits
from smdp.carrier.alike import FAR, distance
from smdp.carrier.errors import CarrierError
from smdp.carrier.plans import find as find_plan
from smdp.carrier.reasons import Reason, explain
from smdp.carrier.scope import Scope
from smdp.carrier.visits import Visits
from smdp.model import EidReport, Nearest
from smdp.rsp.ids import eid_check_digits_ok, is_eid
from smdp.rsp.server.orders import can_bind, find, is_exhausted, is_expired
from smdp.rsp.server.session import Order, Policy
from smdp.storage import Row
from smdp.storage.connection import moment_or_none
from smdp.storage.queries import events as event_queries
from smdp.storage.queries import profiles as queries

_SESSION_DIGITS = 8
_WAITING = frozenset({"allocated", "linked", "confirmed"})


_NEXT = frozenset({"ready", "confirmation-code-missing"})
_REJECTED = frozenset({"attach-rejected", "authentication-failed"})
"""Why a device has no network although its plan is active; for all else the plan's state is the reason."""
_STARTS = {
    "installed": "when it is installed",
    "enabled": "when the device enables it",
    "attached": "when the device attaches to the network",
    "manual": "when an operator activates it: PUT …/profiles/{iccid}/activation",
}


def eid_report(scope: Scope, eid: str, cis: Collection[str] = ()) -> EidReport:
    """Say what an EID has, what a refresh would bring it now, and why. Raises CarrierError if it is no EID.

    `cis` are the key identifiers (hexadecimal) of the CIs under which the server has certificates.
    """
    if not is_eid(eid):
        because = f"An EID has 32 decimal digits; {eid[:40]!r} has not."
        raise CarrierError("eid-invalid", because, "Give all of it.")
    rows = queries.of_eid(scope.connection, scope.name, eid)
    seen = visits.of(scope, eid)
    report = EidReport(
        eid=eid,
        valid=eid_check_digits_ok(eid),
        profiles=[profiles.view(scope, row) for row in rows],
        last_seen=None if seen.last is None else seen.last.at,
    )
    standing, row = _verdict(scope, eid, rows)
    if row is None:
        report.nearest = nearest(scope, eid)
    elif standing in _NEXT:
        standing = _at_the_door(scope, row, seen, cis) or standing
        report.next = row["iccid"] if standing in _NEXT else None
    words = _words(scope, eid, row) | {"ci": f"{(seen.other_ci(cis) or '')[:8]}…"}
    report.reason, report.because, report.fix = explain(standing, words)
    if seen.failed and (row is None or standing in _NEXT):
        _tell_of_failures(report, seen)
    return report


def _at_the_door(scope: Scope, row: Row, seen: Visits, cis: Collection[str]) -> str | None:
    """Say what would keep this device, as it came last, from an order that waits for it."""
    if seen.other_ci(cis):
        return "no-certificate-for-ci"
    return "imei-mismatch" if seen.other_imei(orders.order_of(scope, row)) else None


def _tell_of_failures(report: EidReport, seen: Visits) -> None:
    """Add who failed at the door; where nothing else is in the way, that is what there is to do something about."""
    report.because = f"{report.because} {visits.in_words(seen.failed)}"
    if report.reason is None:
        report.reason, report.fix = seen.failed[0].data.get("reason"), seen.failed[0].data.get("fix")


def why_not(scope: Scope, eid: str | None, iccid: str | None, cis: Collection[str] = ()) -> Reason | None:
    """Say how it stands with an EID or a profile; None for neither."""
    if eid is not None:
        report = eid_report(scope, eid, cis)
        return Reason(report.reason, report.because, report.fix)
    row = None if iccid is None else queries.profile(scope.connection, scope.name, iccid)
    if row is None:
        return None
    return explain(_standing(scope, row, orders.order_of(scope, row)), _words(scope, row["eid"] or "EID", row))


def _verdict(scope: Scope, eid: str, rows: list[Row]) -> tuple[str, Row | None]:
    """Choose the profile to speak of, the one a download would be about, and how it stands."""
    by_iccid = {row["iccid"]: row for row in rows}
    candidates = [orders.order_of(scope, row) for row in rows]
    found = find(candidates, eid, _policy(scope), scope.now)
    order = found.order or _last(candidates)
    if order is None:
        return "nothing-ordered", None
    row = by_iccid[order.iccid]
    return _standing(scope, row, order), row


def _last(candidates: list[Order]) -> Order | None:
    """Of the orders that are over, speak of what the device has, else of the newest."""
    installed = [order for order in candidates if order.state == "installed"] or candidates
    return installed[-1] if installed else None


def _standing(scope: Scope, row: Row, order: Order) -> str:
    """Say how it stands with a profile: the first of these that holds."""
    waits = order.state == "released" or (order.state == "downloaded" and can_bind(order))
    answers = (
        ("cancelled", order.state == "available"),
        ("revoked", order.state == "unavailable"),
        (row["reason"] or "failed", order.state == "error"),
        ("expired", is_expired(order, scope.now)),
        ("attempts-exceeded", is_exhausted(order, _policy(scope))),
        ("on-hold", order.state in _WAITING),
        ("ready", waits and order.confirmation_code_hash is None),
        ("confirmation-code-missing", waits),
        ("deleted", row["runtime"] == "deleted"),
        ("downloaded", order.state == "downloaded"),
        ("activation-failed", row["activation_state"] == "failed"),
        ("starting", row["activation_state"] == "inactive" and row["activation_due_at"] is not None),
    )
    standing: str = next((standing for standing, holds in answers if holds), row["activation_state"])
    return _turned_away(scope, row) or standing if standing == "active" else standing


def _turned_away(scope: Scope, row: Row) -> str | None:
    """Say why the network rejected the device of an active plan, if that is the last it did with it."""
    types = ("network.attached", "network.rejected")
    last = event_queries.last(scope.connection, scope.name, types=types, eid=row["eid"], iccid=row["iccid"])
    reason = last and last.data.get("reason")
    return str(reason) if reason in _REJECTED else None


def _policy(scope: Scope) -> Policy:
    limits = scope.carrier.limits
    return Policy(
        hosts=frozenset(),
        download_attempts=limits.download_attempts,
        confirmation_code_attempts=limits.confirmation_code_attempts,
        session_minutes=limits.session_minutes,
    )


def _words(scope: Scope, eid: str, row: Row | None) -> dict[str, object]:
    words: dict[str, object] = {"eid": eid}
    if row is not None:
        by, due = row["consumed_by"], _when(moment_or_none(row["activation_due_at"]))
        words |= {
            "iccid": row["iccid"],
            "state": row["state"],
            "when": _when(moment_or_none(row["consumed_at"])),
            "by": f" by session {by[:_SESSION_DIGITS]}…" if by else "",
            "expires": _when(moment_or_none(row["expires_at"])),
            "attempts": row["download_attempts"],
            "confirmation_attempts": row["confirmation_code_attempts"],
            "activation": row["activation_reason"] or "no reason given",
            "starts": _STARTS[find_plan(scope.connection, scope.name, row["plan"]).activation.on].format_map(row),
            "due": due,
            "until": f", until {due} on the carrier's clock" if row["activation_due_at"] else "",
        }
    return words


def _when(time: datetime | None) -> str:
    return "an unknown time" if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"


# --- the nearest EID


def nearest(scope: Scope, eid: str) -> Nearest | None:
    """Find the waiting order whose EID is most like this one, with at most two mistakes between them."""
    best: tuple[int, Row] | None = None
    for row in queries.waiting_eids(scope.connection, scope.name):
        mistakes = distance(eid, row["eid"])
        if 0 < mistakes < (FAR if best is None else best[0]):
            best = mistakes, row
    if best is None:
        return None
    other, iccid = best[1]["eid"], best[1]["iccid"]
    places = [place for place, (one, two) in enumerate(zip(eid, other, strict=True)) if one != two]
    return Nearest(eid=other, differs_at=places, valid=eid_check_digits_ok(other), iccid=iccid)
