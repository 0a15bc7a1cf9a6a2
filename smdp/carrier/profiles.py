"""Profiles as the control API tells them, and what an operator does to them. Every function runs in a transaction."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import msgspec

from smdp.carrier import activation, content, journal, orders
from smdp.carrier.alike import closest
from smdp.carrier.errors import CONFLICT, UNKNOWN, CarrierError, did_you_mean, reject_unknown
from smdp.carrier.issue import expires_at, read_order, warnings
from smdp.carrier.scope import Scope
from smdp.model import ActivationState, Attempts, Profile
from smdp.model import State as StateName
from smdp.rsp.bpp import hash_confirmation_code
from smdp.rsp.ids import ActivationCode, is_iccid
from smdp.rsp.server.session import Change, Happening
from smdp.rsp.states import State, Trigger, transition
from smdp.storage import Row
from smdp.storage.connection import micros, micros_or_none, moment, moment_or_none
from smdp.storage.queries import profiles as queries

Verb = Literal["release", "hold", "revoke"]

_CHANGEABLE = ("eid", "imei", "expires", "expires_at", "confirmation_code")
FILTERS = ("eid", "state", "activation", "plan", "q")
_TRIGGERS = {"release": Trigger.RELEASE, "hold": Trigger.HOLD, "revoke": Trigger.REVOKED}
_DONE = {"release": ("released", "downloaded", "installed"), "hold": ("confirmed", "linked", "allocated")}
"""States in which there is nothing left to do: asking twice is no error."""
_LOOKED_AT = 10_000
"""How many ICCIDs are looked through for the one that was meant."""
_WARNINGS = msgspec.json.Decoder(list[str])


def view(scope: Scope, row: Row, *, secrets: bool = False) -> Profile:
    """Write a profile's row as the control API tells it."""
    required = row["confirmation_code_hash"] is not None
    code = ActivationCode(scope.address, row["matching_id"], None, required)
    return Profile(
        iccid=row["iccid"],
        eid=row["eid"],
        imei=row["imei"],
        plan=row["plan"],
        imsi=row["imsi"],
        msisdn=row["msisdn"],
        state=row["state"],
        runtime=row["runtime"],
        consumed=row["consumed_at"] is not None,
        consumed_at=moment_or_none(row["consumed_at"]),
        consumed_by=row["consumed_by"],
        activation=activation.activation_of(row),
        matching_id=row["matching_id"],
        confirmation_code_required=required,
        esim_server_url=f"https://{scope.address}",
        activation_code=str(code),
        attempts=Attempts(download=row["download_attempts"], confirmation_code=row["confirmation_code_attempts"]),
        expires_at=moment_or_none(row["expires_at"]),
        created_at=moment(row["created_at"]),
        warnings=_WARNINGS.decode(row["warnings"]),
        credentials=content.credentials(row) if secrets else None,
    )


def find(scope: Scope, iccid: str) -> Row:
    """Return a profile's row. Raises CarrierError (404)."""
    row = queries.profile(scope.connection, scope.name, iccid)
    if row is None:
        because = f"The carrier {scope.name} has no profile {iccid[:40]!r}."
        near = closest(iccid, queries.iccids(scope.connection, scope.name, _LOOKED_AT)) if is_iccid(iccid) else None
        hint = f"Did you mean {near}?" if near else "smdp profile list shows what there is."
        raise CarrierError("profile-unknown", because, hint, UNKNOWN)
    return row


def check_filters(filters: Mapping[str, str]) -> None:
    """Refuse a filter's value that no profile can have."""
    for name, known in (("state", get_args(StateName)), ("activation", get_args(ActivationState))):
        if name in filters and filters[name] not in known:
            because = f"No profile has the {name} {filters[name][:40]!r}."
            raise CarrierError("filter-invalid", because, did_you_mean(filters[name], known))


def page(scope: Scope, filters: Mapping[str, str], after: int, limit: int) -> tuple[list[Row], int | None]:
    """List profiles in the order of their creation, with the number to go on behind; None at the end."""
    check_filters(filters)
    rows = queries.profiles(scope.connection, scope.name, filters, after, limit + 1)
    return rows[:limit], rows[limit - 1]["number"] if len(rows) > limit else None


def do(scope: Scope, iccid: str, verb: Verb) -> Row:
    """Release, hold or revoke a profile; asking twice is no error. Raises CarrierError where its state forbids it."""
    row = find(scope, iccid)
    happenings = orders.apply(scope, Change(iccid=iccid, trigger=_TRIGGERS[verb]))
    if happenings is None and row["state"] not in _DONE.get(verb, ("unavailable",)):
        because = f"The profile {iccid} is {row['state']}, so there is nothing to {verb}."
        raise CarrierError("state-forbids", because, "Issue another one: smdp profile issue.", CONFLICT)
    journal.append(scope, happenings or ())
    return find(scope, iccid)


def change(scope: Scope, iccid: str, settings: Mapping[str, Any]) -> Row:
    """Correct an order that nobody got yet: eid, imei, expires, expires_at, confirmation_code. Raises CarrierError."""
    reject_unknown(settings, _CHANGEABLE, "profile that is changed")
    row = find(scope, iccid)
    if transition(State(row["state"]), Trigger.EXPIRED, "never") is None:
        because = f"The profile {iccid} is {row['state']}, so its order can't be changed any more."
        raise CarrierError("state-forbids", because, "Issue another one: smdp profile issue.", CONFLICT)
    order = read_order(settings)
    values: dict[str, Any] = {name: getattr(order, name) for name in ("eid", "imei") if name in settings}
    if "expires" in settings or "expires_at" in settings:
        values["expires_at"] = micros_or_none(expires_at(scope, order))
        scope.wake()
    if "confirmation_code" in settings:
        code = order.confirmation_code
        values["confirmation_code_hash"] = None if code is None else hash_confirmation_code(code)
    if "eid" in settings:
        values["warnings"] = msgspec.json.encode(warnings(order)).decode()
    queries.change(scope.connection, scope.name, iccid, values)
    return find(scope, iccid)


def force_activation(scope: Scope, iccid: str, state: ActivationState, reason: str | None) -> Row:
    """Set the state of a profile's activation by hand. Raises CarrierError."""
    happenings = activation.force(scope, find(scope, iccid), state, reason)
    journal.append(scope, happenings)
    return find(scope, iccid)


def expire(scope: Scope) -> tuple[Happening, ...]:
    """End the orders that have outlived their time on the carrier's clock."""
    happenings: tuple[Happening, ...] = ()
    for iccid in queries.expired(scope.connection, scope.name, micros(scope.now)):
        happenings += orders.apply(scope, Change(iccid=iccid, trigger=Trigger.EXPIRED)) or ()
    return happenings


_DUE: tuple[Callable[[Scope], tuple[Happening, ...]], ...] = (expire, activation.due)


def do_due(scope: Scope) -> bool:
    """Do all that is due for a carrier by its clock; says whether there was anything."""
    happenings = [one for work in _DUE for one in work(scope)]
    journal.append(scope, happenings)
    return bool(happenings)
