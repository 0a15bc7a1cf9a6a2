"""Orders as downloads see them: found, claimed once, changed as the transition table allows.

Every function runs in a transaction. What a change sets off (consumed, installed, activation) comes back as happenings,
for the caller to append with its own.
"""

from datetime import datetime
from typing import Any

from smdp.carrier import activation, content
from smdp.carrier.scope import Scope
from smdp.model import Carrier, Plan
from smdp.rsp.crypto import Entropy
from smdp.rsp.server.session import Change, Happening, Order, Package
from smdp.rsp.states import CONSUMED_BY_ENTERING, Reuse, State, Trigger, sources, transition
from smdp.storage import Row
from smdp.storage.connection import micros, moment_or_none
from smdp.storage.queries import carriers, profiles

_NONE: tuple[Happening, ...] = ()
_ENDED_BY = {
    Trigger.INELIGIBLE: "not-eligible",
    Trigger.EXHAUSTED: "attempts-exceeded",
    Trigger.REJECTED: "cancelled",
    Trigger.INSTALLATION_FAILED: "failed",
    Trigger.INSTALLATION_INTERRUPTED: "failed",
    Trigger.EXPIRED: "expired",
    Trigger.REVOKED: "revoked",
}
"""Why an order ended, by what ended it: slugs of `smdp.carrier.reasons`."""
_OPERATIONS = {"enable": "enabled", "disable": "disabled", "delete": "deleted"}


# --- found


def by_iccid(scope: Scope, iccid: str) -> Order | None:
    """Find an order by its ICCID."""
    row = profiles.profile(scope.connection, scope.name, iccid)
    return None if row is None else order_of(scope, row)


def by_eid(scope: Scope, eid: str) -> list[Order]:
    """Return the orders of an EID, ended ones too: what waits first, then oldest first."""
    return _orders(scope, profiles.of_eid(scope.connection, scope.name, eid))


def by_matching_id(scope: Scope, matching_id: str) -> list[Order]:
    """Return the orders of a MatchingID, as `by_eid`; none for an empty one."""
    return _orders(scope, profiles.of_matching_id(scope.connection, scope.name, matching_id))


def _orders(scope: Scope, rows: list[Row]) -> list[Order]:
    return [order_of(scope, row) for row in rows]


def order_of(scope: Scope, row: Row) -> Order:
    """Make an order from a profile's row, with the metadata it has or would get now."""
    plan = plan_of(row)
    frozen = row["metadata"]
    return Order(
        iccid=row["iccid"],
        state=State(row["state"]),
        reuse=reuse_of(scope.carrier, plan),
        eid=row["eid"],
        imei=row["imei"],
        matching_id=row["matching_id"],
        confirmation_code_hash=row["confirmation_code_hash"],
        download_attempts=row["download_attempts"],
        confirmation_code_attempts=row["confirmation_code_attempts"],
        expires_at=moment_or_none(row["expires_at"]),
        created_at=moment_or_none(row["created_at"]),
        consumed_at=moment_or_none(row["consumed_at"]),
        consumed_by=row["consumed_by"],
        metadata=frozen or content.metadata_of(scope.carrier, plan, row["iccid"], scope.address),
        ppr=frozenset(plan.ppr),
        requirements=content.requirements_of(scope.carrier, plan, row),
    )


def plan_of(row: Row) -> Plan:
    """Return the plan that was read with a profile."""
    return carriers.read_plan(row["plan_settings"])


def reuse_of(carrier: Carrier, plan: Plan) -> Reuse:
    """Return the reuse policy that holds: the plan's, else the carrier's, else never."""
    return plan.reuse or carrier.reuse or "never"


def package(scope: Scope, iccid: str, entropy: Entropy) -> Package | None:
    """Build the package of a profile, for binding."""
    row = profiles.profile(scope.connection, scope.name, iccid)
    return None if row is None else content.package_of(scope.carrier, plan_of(row), row, entropy)


# --- changed


def claim(scope: Scope, order: Order, *, eid: str, by: str) -> tuple[Order, tuple[Happening, ...]] | None:
    """Hand an order out to an EID; None for whoever came too late. `by` is the transactionId in hexadecimal.

    One conditional update, so that it happens once among any number of sessions, processes and servers (SGP.22 §5.6.2).
    """
    consumes = CONSUMED_BY_ENTERING[order.reuse] is State.DOWNLOADED
    row = profiles.claim(
        scope.connection,
        scope.name,
        order.iccid,
        eid=eid,
        sources=sources(Trigger.BIND, order.reuse),
        by=by,
        consumed_at=micros(scope.now) if consumes else None,
    )
    if row is None:
        return None
    consumed = Happening(type="profile.consumed", iccid=order.iccid, data={"eid": eid})
    return order_of(scope, row), (consumed,) if consumes and order.consumed_at is None else _NONE


def apply(
    scope: Scope, change: Change, *, by: str | None = None, reason: str | None = None
) -> tuple[Happening, ...] | None:
    """Do what an outcome asks for; return what it set off, None if state or owner do not allow it any more.

    `by` is the session's transactionId in hexadecimal; `reason` a slug that says more than the trigger does.
    """
    values = {name: _stored(value) for name, value in change.values.items()}
    if change.trigger is None:
        changed = profiles.change(scope.connection, scope.name, change.iccid, values, owner=change.eid)
        return None if changed is None else _NONE
    row = profiles.profile(scope.connection, scope.name, change.iccid)
    if row is None or (change.eid is not None and row["eid"] not in (None, change.eid)):
        return None
    return _move(scope, row, change.trigger, values, by=by, reason=reason)


def _move(
    scope: Scope,
    row: Row,
    trigger: Trigger,
    values: dict[str, Any],
    *,
    by: str | None,
    reason: str | None,
) -> tuple[Happening, ...] | None:
    before = State(row["state"])
    plan = plan_of(row)
    reuse = reuse_of(scope.carrier, plan)
    after = transition(before, trigger, reuse)
    if after is None:
        return None
    consumed = after is CONSUMED_BY_ENTERING[reuse] and row["consumed_at"] is None
    if consumed:
        values |= {"consumed_at": micros(scope.now), "consumed_by": by}
    if after in (State.ERROR, State.UNAVAILABLE):
        values["reason"] = reason or _why_ended(trigger, values)
    changed = profiles.move(scope.connection, scope.name, row["iccid"], {before: after}, values)
    if changed is None:
        return None
    happenings = [*_entered(changed, before, after, trigger)]
    if consumed:
        happenings.append(_happening("profile.consumed", changed))
    if after is State.INSTALLED and before is not State.INSTALLED:
        happenings += activation.start(scope, changed, plan, "installed")
    if after is State.UNAVAILABLE:
        happenings += activation.end(scope, changed)
    return tuple(happenings)


def _why_ended(trigger: Trigger, values: dict[str, Any]) -> str:
    by_code = trigger is Trigger.EXHAUSTED and "confirmation_code_attempts" in values
    return "confirmation-code-attempts-exceeded" if by_code else _ENDED_BY[trigger]


_ENTERED = {
    Trigger.RELEASE: "profile.released",
    Trigger.HOLD: "profile.held",
    Trigger.INSTALLATION_SUCCEEDED: "profile.installed",
    Trigger.EXPIRED: "profile.expired",
    Trigger.REVOKED: "profile.revoked",
}


def _entered(row: Row, before: State, after: State, trigger: Trigger) -> tuple[Happening, ...]:
    """Tell of a new state, and of a failed attempt that left the state as it was."""
    if trigger in _ENTERED:
        return (_happening(_ENTERED[trigger], row),)
    if after is State.ERROR:
        return (_happening("profile.failed", row, reason=row["reason"]),)
    if before is not after:
        return (_happening("profile.released", row),)
    return _NONE


def told(scope: Scope, eid: str, iccid: str, operations: tuple[str, ...]) -> tuple[Happening, ...] | None:
    """Note what an eUICC says was done to a profile of its own; None if it is none of this carrier's and this EID's.

    `operations` are enable, disable and delete, as in NotificationEvent (SGP.22 §5.6.4).
    """
    row = profiles.profile(scope.connection, scope.name, iccid)
    if row is None or row["eid"] != eid:
        return None
    happenings: tuple[Happening, ...] = _NONE
    for operation in operations:
        if operation in _OPERATIONS:
            happenings += _runtime(scope, row, _OPERATIONS[operation])
    return happenings


def _runtime(scope: Scope, row: Row, runtime: str) -> tuple[Happening, ...]:
    """Note a runtime state, and start the activation that waited for the profile to be enabled."""
    changed = profiles.change(scope.connection, scope.name, row["iccid"], {"runtime": runtime})
    if changed is None or row["runtime"] == runtime:
        return _NONE
    happenings: tuple[Happening, ...] = (_happening(f"profile.{runtime}", changed),)
    if runtime == "enabled":
        happenings += activation.start(scope, changed, plan_of(row), "enabled")
    return happenings


def _happening(kind: str, row: Row, **data: Any) -> Happening:
    return Happening(type=kind, iccid=row["iccid"], data={"eid": row["eid"], **data})


def merge(outcome: tuple[Happening, ...], applied: tuple[Happening, ...]) -> tuple[Happening, ...]:
    """Put what a protocol function tells before what its change set off, each thing once: the function knows more."""
    types = {one.type for one in outcome}
    return (*outcome, *(one for one in applied if one.type not in types))


def _stored(value: object) -> object:
    return micros(value) if isinstance(value, datetime) else value
