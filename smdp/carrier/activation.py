"""Whether a plan works on the carrier's network: inactive → pending → active or failed, by the plan's rule.

What starts it gets a due time; the timer takes the steps that are due. Each step is a conditional update, so it is
taken once, also by two processes. Every function runs in a transaction.
"""

from typing import Literal

from smdp.carrier import faults, plans
from smdp.carrier.errors import CONFLICT, CarrierError
from smdp.carrier.fault_catalogue import ACTIVATION
from smdp.carrier.faults import Who
from smdp.carrier.scope import Scope
from smdp.model import Activation, ActivationState, Plan
from smdp.rsp.server.session import Happening
from smdp.storage import Row
from smdp.storage.connection import micros, moment
from smdp.storage.queries import carriers, profiles

Start = Literal["installed", "enabled", "attached", "manual"]

FAILURES = ("account-inactive", "plan-not-provisioned", "network-rejected")
"""The usual reasons of a failed activation; free text is allowed too."""
_MAX_REASON = 200


def activation_of(row: Row) -> Activation:
    """Read a profile's activation."""
    since = moment(row["activation_since"])
    return Activation(state=row["activation_state"], reason=row["activation_reason"], since=since)


def start(scope: Scope, row: Row, plan: Plan, by: Start) -> tuple[Happening, ...]:
    """Start the activation if it is inactive, and this is what the plan's rule waits for."""
    if plan.activation.on != by or row["activation_state"] != "inactive":
        return ()
    if not plans.install_delay(plan) and not plans.delay(plan):
        return _at_once(scope, row, plan)
    due = micros(scope.later(plans.install_delay(plan)))
    values = {"activation_due_at": due}
    if profiles.move_activation(scope.connection, scope.name, row["iccid"], ("inactive",), values) is None:
        return ()
    scope.wake()
    return step(scope, row, plan)


def _at_once(scope: Scope, row: Row, plan: Plan) -> tuple[Happening, ...]:
    """Take both steps together where the plan delays neither: nothing is left for the timer."""
    final, told = _final(scope, row, plan)
    values = final | {"activation_since": micros(scope.now)}
    changed = profiles.move_activation(scope.connection, scope.name, row["iccid"], ("inactive",), values)
    if changed is None:
        return ()
    pending = Happening(type="activation.pending", iccid=row["iccid"], data={"eid": row["eid"]})
    return (pending, *told) if changed["activation_state"] == "pending" else (pending, *told, _happening(changed))


def _final(scope: Scope, row: Row, plan: Plan) -> tuple[dict[str, object], list[Happening]]:
    """Say what becomes of an activation: what the plan's rule says, unless a fault has it otherwise."""
    fail = plan.activation.fail
    fired, told = faults.fire(scope, ACTIVATION, Who(row["eid"], row["iccid"]), layers=("carrier",))
    for fault in fired:
        if fault.do == "activation-never":
            return {"activation_state": "pending", "activation_due_at": None}, told
        fail = fault.with_["reason"]
    state = "active" if fail is None else "failed"
    return {"activation_state": state, "activation_reason": fail, "activation_due_at": None}, told


def step(scope: Scope, row: Row, plan: Plan) -> tuple[Happening, ...]:
    """Take the steps of an activation that are due: to pending, then to active or failed."""
    happenings: list[Happening] = []
    now = micros(scope.now)
    pending = {
        "activation_state": "pending",
        "activation_since": now,
        "activation_due_at": micros(scope.later(plans.delay(plan))),
    }
    moved = profiles.move_activation(scope.connection, scope.name, row["iccid"], ("inactive",), pending, due_by=now)
    if moved is not None:
        happenings.append(_happening(moved))
        row = moved
    if row["activation_state"] != "pending" or row["activation_due_at"] is None or row["activation_due_at"] > now:
        return tuple(happenings)
    final, told = _final(scope, row, plan)
    happenings += told
    values = final if final["activation_state"] == "pending" else final | {"activation_since": now}
    moved = profiles.move_activation(scope.connection, scope.name, row["iccid"], ("pending",), values, due_by=now)
    if moved is not None and moved["activation_state"] != "pending":
        happenings.append(_happening(moved))
    return tuple(happenings)


def due(scope: Scope) -> tuple[Happening, ...]:
    """Take all steps of the carrier that are due."""
    happenings: tuple[Happening, ...] = ()
    for row in profiles.due_activations(scope.connection, scope.name, micros(scope.now)):
        happenings += step(scope, row, carriers.read_plan(row["plan_settings"]))
    return happenings


def force(scope: Scope, row: Row, state: ActivationState, reason: str | None) -> tuple[Happening, ...]:
    """Set the state of an activation by hand; nothing is due any more. Raises CarrierError."""
    if reason is not None and not (reason.isprintable() and 1 <= len(reason) <= _MAX_REASON):
        because = f"The reason must be 1 to {_MAX_REASON} printable characters."
        raise CarrierError("value-invalid", because, f"Such as {', '.join(FAILURES)}.")
    if row["activation_state"] == "terminated" and state != "terminated":
        because = f"The line of {row['iccid']} is terminated for good."
        raise CarrierError("activation-terminated", because, "Issue another profile.", CONFLICT)
    values = {
        "activation_state": state,
        "activation_reason": reason,
        "activation_since": micros(scope.now),
        "activation_due_at": None,
    }
    changed = profiles.change(scope.connection, scope.name, row["iccid"], values)
    same = (row["activation_state"], row["activation_reason"]) == (state, reason)
    return () if changed is None or same else (_happening(changed),)


def end(scope: Scope, row: Row) -> tuple[Happening, ...]:
    """Terminate the line of a revoked profile, if it was more than inactive."""
    if row["activation_state"] in ("inactive", "terminated"):
        profiles.change(scope.connection, scope.name, row["iccid"], {"activation_due_at": None})
        return ()
    return force(scope, row, "terminated", "revoked")


def _happening(row: Row) -> Happening:
    data = {"eid": row["eid"]} | ({"reason": row["activation_reason"]} if row["activation_reason"] else {})
    return Happening(type=f"activation.{row['activation_state']}", iccid=row["iccid"], data=data)
