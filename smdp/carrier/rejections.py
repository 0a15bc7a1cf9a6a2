"""Why a network turns a device away, in one table: the slug, the EMM cause (TS 24.301 §9.9.3.9), why, what to do."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from smdp.carrier import orders
from smdp.carrier.scope import Scope
from smdp.storage import Row
from smdp.storage.connection import moment

ILLEGAL_UE, NO_EPS, NO_SERVICES, NO_SUITABLE_CELLS = 3, 7, 8, 15
_ISSUE = "Issue another one: smdp profile issue."
_STARTS = {
    "installed": "becomes active when the SM-DP+ hears that the profile is installed",
    "enabled": "becomes active when the device says that it has enabled the profile",
    "attached": "becomes active with the first attach",
    "manual": "waits for an operator: PUT …/profiles/{iccid}/activation",
}


class Rejection(Struct, frozen=True):
    """A device that is turned away: a stable slug, the EMM cause it is told, why, and what to do."""

    reason: str
    cause: int
    because: str
    fix: str


class _Kind(NamedTuple):
    cause: int
    because: str
    fix: str


REJECTIONS: dict[str, _Kind] = {
    "unknown-subscriber": _Kind(
        NO_SERVICES, "The carrier {carrier} has no line with the IMSI {imsi}.", "smdp profile list shows its lines."
    ),
    "authentication-failed": _Kind(
        ILLEGAL_UE,
        "The device is not the line {iccid}: {said}.",
        "Its Ki and OPc: GET …/profiles/{iccid}?include=credentials.",
    ),
    "attach-rejected": _Kind(
        11,
        "The network rejected the line {iccid} because a fault says so.",
        "It is meant to be so: smdp fault list shows the faults, smdp fault clear takes them away.",
    ),
    "line-inactive": _Kind(
        NO_SUITABLE_CELLS, "The line {iccid} is not active: its plan {starts}.", "smdp profile show {iccid}"
    ),
    "line-pending": _Kind(
        NO_SUITABLE_CELLS,
        "The line {iccid} is being activated{until}.",
        "Wait, or let time pass on the carrier's clock: smdp clock advance 3m",
    ),
    "activation-failed": _Kind(
        NO_SUITABLE_CELLS, "The line {iccid} could not be activated: {activation}.", "smdp profile show {iccid}"
    ),
    "suspended": _Kind(NO_EPS, "The line {iccid} is suspended.", "smdp profile show {iccid}"),
    "terminated": _Kind(NO_SERVICES, "The line {iccid} has ended for good.", _ISSUE),
}
"""Every reason. The causes are those a core network gives for the same: 3 illegal UE, 7 EPS services not allowed,
8 EPS and other services not allowed, 11 PLMN not allowed, 15 no suitable cells in this tracking area."""


def rejection(scope: Scope, row: Row | None, reason: str, words: Mapping[str, object]) -> Rejection:
    """Fill the sentences of a reason; `cause` among the words is another EMM cause than the table's."""
    kind = REJECTIONS[reason]
    filled = {"carrier": scope.name, **words} | ({} if row is None else _words(row))
    cause = words.get("cause", kind.cause)
    assert isinstance(cause, int)  # noqa: S101 - the fault's parameter is read as a number
    because = f"{kind.because.format_map(filled)[:-1]} (EMM cause {cause})."
    return Rejection(reason, cause, because, kind.fix.format_map(filled))


def _words(row: Row) -> dict[str, object]:
    due = row["activation_due_at"]
    until = (
        "" if due is None else f"; its next step is due at {moment(due):%Y-%m-%d %H:%M:%S} UTC, on the carrier's clock"
    )
    return {
        "iccid": row["iccid"],
        "activation": row["activation_reason"] or "no reason given",
        "starts": _STARTS[orders.plan_of(row).activation.on].format_map(row),
        "until": until,
    }
