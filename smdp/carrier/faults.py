"""Faults of a carrier: armed, listed, taken away, and fired where one meets what is going on.

Whoever has none armed pays nothing: how many are armed comes with the carrier's own row. How often a fault has fired is
counted in the database alone, so that processes share its times.
"""

from collections.abc import Collection
from typing import Any

import msgspec

from smdp.carrier import journal
from smdp.carrier.errors import CONFLICT, UNKNOWN, CarrierError, did_you_mean, reject_unknown, reject_value
from smdp.carrier.fault_catalogue import CATALOGUE, INITIATE, Kind, kind_of, read_parameters
from smdp.carrier.scope import Scope
from smdp.model import Fault, FaultOn
from smdp.rsp.ids import is_eid, is_iccid, ungrouped
from smdp.rsp.server.session import Happening
from smdp.storage.queries import control as queries

MOST = 1000
"""How many faults a carrier has at most, those that have fired included."""
_MOST_TIMES = 1_000_000_000


class FaultOrder(msgspec.Struct, kw_only=True):
    """What `POST …/faults` takes: a name of the catalogue, its parameters, whom it meets, how often (null: always)."""

    do: str
    with_: dict[str, Any] = msgspec.field(name="with", default_factory=dict)
    on: FaultOn = msgspec.field(default_factory=FaultOn)
    times: int | None = 1


class Who(msgspec.Struct, frozen=True):
    """Whom something happens to, as far as it is known: EID, ICCID, and the session's transactionId in hexadecimal."""

    eid: str | None = None
    iccid: str | None = None
    session: str | None = None


# --- armed


def read(body: dict[str, Any]) -> Fault:
    """Read a fault that somebody wants. Raises CarrierError."""
    reject_unknown(body, ("do", "with", "on", "times"), "fault")
    if isinstance(body.get("on"), dict):
        reject_unknown(body["on"], FaultOn.__struct_fields__, "fault's on")
    try:
        order = msgspec.convert(body, FaultOrder)
    except msgspec.ValidationError as error:
        reject_value(error, "fault")
    on = order.on
    on.eid, on.iccid = (number and ungrouped(number) for number in (on.eid, on.iccid))
    kind = kind_of(order.do)
    _check_on(order.do, kind, order.on)
    if order.times is not None and not 1 <= order.times <= _MOST_TIMES:
        because = f"times is {order.times}, not a positive number."
        raise CarrierError("value-invalid", because, "Leave it out for once, or give null for always.")
    return Fault(id="", do=order.do, with_=read_parameters(order.do, order.with_), on=order.on, times=order.times)


def _check_on(name: str, kind: Kind, on: FaultOn) -> None:
    if on.step is not None and on.step not in kind.steps:
        because = f"{name} meets nothing at the step {on.step[:60]!r}."
        raise CarrierError("fault-step-unknown", because, did_you_mean(on.step, kind.steps))
    if on.eid is not None and not is_eid(on.eid):
        because = f"An EID has 32 decimal digits; {on.eid[:40]!r} has not."
        raise CarrierError("eid-invalid", because, "Give all of it.")
    if on.iccid is not None and not is_iccid(on.iccid):
        because = f"An ICCID has 18 to 20 decimal digits; {on.iccid[:40]!r} has not."
        raise CarrierError("value-invalid", because, "Give all of it.")
    limited = on.eid is not None or on.iccid is not None
    nobody = not kind.eid or (step_of(kind, on) == INITIATE and kind.before)
    if limited and nobody:
        because = f"{name} comes before anybody knows which device it is, so it can't be limited to one."
        raise CarrierError("fault-meets-nobody", because, "Leave out eid and iccid, or choose a later step.")


def step_of(kind: Kind, on: FaultOn) -> str | None:
    """Return the step that a fault meets, None for any of its kind."""
    return on.step or (None if kind.anywhere else kind.steps[0])


def arm(scope: Scope, fault: Fault) -> Fault:
    """Arm a fault; where there are too many, those that have fired their times go first. Raises CarrierError."""
    if queries.count_faults(scope.connection, scope.name) >= MOST:
        spent = [queries.number_of(one.id) for one in queries.faults(scope.connection, scope.name)
                 if one.times is not None and one.hits >= one.times]  # fmt: skip
        if not spent:
            because = f"A carrier has at most {MOST} faults."
            raise CarrierError("too-many-faults", because, "Clear some: smdp fault clear.", CONFLICT)
        queries.delete_faults(scope.connection, scope.name, spent)
    return queries.insert_fault(scope.connection, scope.name, fault)


def shown(scope: Scope) -> list[Fault]:
    """List the carrier's faults, those that have fired their times included."""
    return queries.faults(scope.connection, scope.name)


def find(scope: Scope, identifier: str) -> Fault:
    """Return a fault. Raises CarrierError (404)."""
    found = shown(scope)
    for fault in found:
        if fault.id == identifier:
            return fault
    because = f"The carrier {scope.name} has no fault {identifier[:40]!r}."
    raise CarrierError("fault-unknown", because, did_you_mean(identifier, [one.id for one in found]), UNKNOWN)


def disarm(scope: Scope, identifier: str) -> None:
    """Take a fault away. Raises CarrierError (404)."""
    queries.delete_faults(scope.connection, scope.name, [queries.number_of(find(scope, identifier).id)])


def clear(scope: Scope, eid: str | None = None) -> None:
    """Take all faults away, or those that are about an EID."""
    about = [queries.number_of(one.id) for one in shown(scope) if one.on.eid == eid]
    queries.delete_faults(scope.connection, scope.name, None if eid is None else about)


# --- fired


def meeting(scope: Scope, step: str, who: Who, *, layers: Collection[str], before: bool = False) -> list[Fault]:
    """Return the armed faults that meet this step of this device, in the order of their arming.

    `before` asks for those that come in front of what the carrier would do; behind the first of them comes no other.
    """
    found = []
    for fault in queries.faults(scope.connection, scope.name, armed=True):
        kind = CATALOGUE[fault.do]
        fits = kind.layer in layers and kind.before is before and step in kind.steps
        if fits and step_of(kind, fault.on) in (None, step) and _is_about(fault.on, who):
            found.append(fault)
    return found


def _is_about(on: FaultOn, who: Who) -> bool:
    return on.eid in (None, who.eid) and on.iccid in (None, who.iccid)


def fire(
    scope: Scope,
    step: str,
    who: Who,
    *,
    layers: Collection[str],
    before: bool = False,
    spared: Collection[str] = (),
) -> tuple[list[Fault], list[Happening]]:
    """Fire the faults that meet this step of this device, save those `spared`; return them, and what to tell."""
    fired: list[Fault] = []
    for fault in meeting(scope, step, who, layers=layers, before=before) if scope.faults else ():
        if fault.id in spared or (hit := queries.hit(scope.connection, scope.name, fault)) is None:
            continue
        fired.append(hit)
        if before:
            break
    return fired, [_happening(fault, step, who) for fault in fired]


def fire_told(
    scope: Scope,
    step: str,
    who: Who,
    *,
    layers: Collection[str],
    before: bool = False,
    spared: Collection[str] = (),
) -> list[Fault]:
    """Fire as `fire` does, and tell."""
    fired, happenings = fire(scope, step, who, layers=layers, before=before, spared=spared)
    journal.append(scope, happenings, session=who.session, eid=who.eid)
    return fired


def _happening(fault: Fault, step: str, who: Who) -> Happening:
    data = {"eid": who.eid, "fault": fault.id, "do": fault.do, "with": fault.with_, "step": step, "hits": fault.hits}
    if who.session is not None:
        data["session"] = who.session
    return Happening(type="fault.fired", iccid=who.iccid, data=data)
