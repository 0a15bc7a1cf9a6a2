"""How far the devices of a farm are: events and what the farm sees go in, a report comes out. Pure; one thread's."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from smdp.cli.farm.mix import ROLES
from smdp.model import Event, Profile

State = Literal["made", "enrolled", "asked", "installed", "active", "refused", "offline", "left"]
STATES: dict[State, str] = {
    "made": "there, and no more yet",
    "enrolled": "enrolled, waiting for the MDM",
    "asked": "asking the carrier",
    "installed": "installed, not active yet",
    "active": "have their plan",
    "refused": "got no plan",
    "offline": "offline",
    "left": "not enrolled any more",
}
"""Where a device stands, in the order of a good end; how the table says it."""
Goal = Literal["active", "enrolled"]

_REFRESH = "RefreshCellularPlans"


class Cause(Struct, kw_only=True, frozen=True):
    """Why a device has no plan, or does not reach its MDM: a slug or Apple's code, a sentence, and what to do."""

    reason: str
    because: str
    fix: str = ""


class Member(Struct, kw_only=True):
    """A device of the farm: where it stands, since when it was asked, how long it took, what came in between.

    `refusal` is why it has no plan; `trouble` what keeps it from its MDM right now.
    """

    eid: str
    number: int
    role: str | None = None
    state: State = "made"
    asked_at: datetime | None = None
    took: float | None = None
    refusal: Cause | None = None
    trouble: Cause | None = None

    def as_expected(self, goal: Goal) -> bool:
        """Say whether it stands where its role wants it."""
        if self.role is None:
            return self.state == "active" if goal == "active" else self.state not in ("made", "left")
        if self.role == "offline":
            return self.state == "offline"
        if goal != "active":
            return self.state not in ("made", "left", "active")
        reasons = ROLES[self.role].reasons
        return self.state == "refused" and self.refusal is not None and self.refusal.reason in reasons


class Latency(Struct, kw_only=True):
    """Seconds from the refresh to the active plan: percentiles (nearest rank) of so many devices."""

    count: int
    p50: float
    p95: float
    p99: float


class Failure(Struct, kw_only=True):
    """Devices that have no plan for one reason: how many, whether that is expected, and one of them explained."""

    reason: str
    count: int
    expected: bool
    eid: str
    because: str
    fix: str


class Report(Struct, kw_only=True):
    """How a farm stands: `ok` if all devices there are to be stand where the mix wants them."""

    ok: bool
    devices: int
    expected: int
    plan: str | None
    seconds: float
    states: dict[State, int]
    refresh_to_active: Latency | None
    failures: list[Failure]


class Board:
    """The devices by EID, and what they are to become."""

    def __init__(self, count: int, goal: Goal, plan: str | None = None) -> None:
        self._count, self._goal, self._plan = count, goal, plan
        self._members: dict[str, Member] = {}

    def add(self, member: Member) -> None:
        """Take a device in; before its first event."""
        self._members[member.eid] = member

    # --- what is seen

    def note(self, event: Event) -> None:
        """Take in an event of the carrier; those of other devices and types change nothing."""
        member = self._members.get(event.eid or "")
        change = _CHANGES.get(event.type)
        if member is not None and change is not None:
            change(member, event)

    def enrolled(self, eid: str) -> None:
        """Note that a device is enrolled."""
        _enrolled(self._members[eid])

    def asked(self, eid: str, moment: datetime) -> None:
        """Note that a device refreshes by itself."""
        _ask(self._members[eid], moment)

    def offline(self, eid: str) -> None:
        """Note that a device was taken offline."""
        self._members[eid].state = "offline"

    def left(self, eid: str, cause: Cause) -> None:
        """Note that a device is not enrolled any more, or not there any more."""
        _leave(self._members[eid], cause)

    def refused(self, eid: str, cause: Cause) -> None:
        """Note that a device got no plan."""
        _refuse(self._members[eid], cause)

    def trouble(self, eid: str, cause: Cause | None) -> None:
        """Note what keeps a device from its MDM, or that nothing does."""
        if (member := self._members.get(eid)) is not None:
            member.trouble = cause

    def verify(self, profiles: Sequence[Profile]) -> None:
        """Compare with what the carrier has: the timeline may be older than a restored snapshot, or cut."""
        plans: dict[str, list[Profile]] = {}
        for profile in profiles:
            if profile.eid in self._members and profile.state == "installed" and profile.runtime != "deleted":
                plans.setdefault(profile.eid, []).append(profile)
        for eid, member in self._members.items():
            own = plans.get(eid, [])
            works = any(profile.activation.state == "active" for profile in own)
            if len(own) > 1 and member.role is None:
                iccids = ", ".join(profile.iccid for profile in own)
                _refuse(member, Cause(reason="installed-twice", because=f"Two plans are on it: {iccids}."), always=True)
            elif works and member.role is None and member.state != "left":
                member.state, member.refusal = "active", None
            elif member.state == "active" and not works:
                member.state = "installed" if own else "enrolled"

    # --- how it stands

    def settled(self) -> bool:
        """Say whether all devices are there and stand where their roles want them."""
        return len(self._members) >= self._count and all(
            member.as_expected(self._goal) for member in self._members.values()
        )

    def report(self, seconds: float, *, final: bool = False) -> Report:
        """Sum up after so many seconds; the final report explains also what was merely not reached."""
        members = self._members.values()
        counts = Counter(member.state for member in members)
        return Report(
            ok=self.settled(),
            devices=len(members),
            expected=sum(member.as_expected(self._goal) for member in members),
            plan=self._plan,
            seconds=round(seconds, 3),
            states={state: counts[state] for state in STATES if counts[state]},
            refresh_to_active=latency([member.took for member in members if member.took is not None]),
            failures=self._failures(final=final),
        )

    def _failures(self, *, final: bool) -> list[Failure]:
        groups: dict[tuple[str, bool], tuple[Member, Cause, int]] = {}
        for member in self._members.values():
            expected = member.as_expected(self._goal)
            cause = member.refusal if expected else member.trouble or member.refusal
            if cause is None and final and not expected:
                cause = _unfinished(member)
            if cause is not None:
                key = cause.reason, expected
                first, its, count = groups.get(key, (member, cause, 0))
                groups[key] = first, its, count + 1
        found = [
            Failure(reason=reason, count=count, expected=wanted, eid=one.eid, because=cause.because, fix=cause.fix)
            for (reason, wanted), (one, cause, count) in groups.items()
        ]
        return sorted(found, key=lambda one: (one.expected, -one.count, one.reason))


def latency(seconds: Sequence[float]) -> Latency | None:
    """Return the percentiles of some times; None of none."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    ranks = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 0.99))
    p50, p95, p99 = (round(value, 3) for value in ranks)
    return Latency(count=len(ordered), p50=p50, p95=p95, p99=p99)


def _unfinished(member: Member) -> Cause:
    """Say what a device still waited for at the end."""
    because, fix = {
        "made": ("It was not enrolled yet.", "Give it more time (--for), or see whether the MDM answers."),
        "enrolled": ("Its MDM sent no RefreshCellularPlans.", "Send it, with the carrier's eSIMServerURL."),
        "asked": ("It was to ask the carrier, and nothing came of that.", f"smdp why {member.eid}, or send it again."),
        "installed": ("Its plan is installed, and not active.", f"smdp why {member.eid}"),
        "active": ("It has a plan, though the mix wants it to have none.", f"smdp events --eid {member.eid}"),
    }.get(member.state, (f"It ended {member.state}.", f"smdp events --eid {member.eid}"))
    return Cause(reason=f"ended-{member.state}", because=because, fix=fix)


# --- what an event changes


def _enrolled(member: Member, _event: Event | None = None) -> None:
    if member.state in ("made", "left"):
        member.state = "enrolled"
        member.trouble = None


def _leave(member: Member, cause: Cause) -> None:
    member.state, member.trouble = "left", cause


def _refuse(member: Member, cause: Cause, *, always: bool = False) -> None:
    """Take in why there is no plan; a device that has one keeps it, whatever a further refresh is told."""
    if always or member.state not in ("installed", "active", "left", "offline"):
        member.state, member.refusal = "refused", cause


def _ask(member: Member, moment: datetime) -> None:
    if member.state not in ("asked", "installed", "active"):
        member.state, member.asked_at, member.refusal = "asked", moment, None


def _command(member: Member, event: Event) -> None:
    if event.data.get("command") == _REFRESH:
        _ask(member, event.wall)


def _error(member: Member, event: Event) -> None:
    if event.data.get("command") == _REFRESH:
        code, text = event.data.get("code"), event.data.get("text")
        fix = f"smdp explain {code}" if code else ""
        _refuse(
            member, Cause(reason=str(code or "mdm-error"), because=str(text or "The device answered Error."), fix=fix)
        )


def _refused(member: Member, event: Event) -> None:
    if reason := event.data.get("reason"):
        because = event.data.get("because") or event.data.get("text") or f"{event.type}: {reason}."
        _refuse(member, Cause(reason=reason, because=because, fix=event.data.get("fix") or ""))


def _failed(member: Member, event: Event) -> None:
    reason = str(event.data.get("reason") or "activation-failed")
    because = event.data.get("because") or f"The carrier could not activate the plan: {reason}."
    _refuse(member, Cause(reason=reason, because=because, fix=f"smdp why {member.eid}"), always=True)


def _installed(member: Member, _event: Event) -> None:
    if member.state not in ("active", "left"):
        member.state = "installed"


def _active(member: Member, event: Event) -> None:
    member.state, member.refusal = "active", None
    if member.asked_at is not None:
        member.took = (event.wall - member.asked_at).total_seconds()
        member.asked_at = None


def _erased(member: Member, event: Event) -> None:
    because = f"The device was erased: {event.data.get('because') or 'its plan is gone.'}"
    _leave(member, Cause(reason="erased", because=because, fix="Run the farm again; it enrols the device anew."))


_CHANGES: dict[str, Callable[[Member, Event], None]] = {
    "mdm.enrolled": _enrolled,
    "mdm.command": _command,
    "mdm.error": _error,
    "session.refused": _refused,
    "user.notice": _refused,
    "profile.installed": _installed,
    "profile.failed": _refused,
    "activation.active": _active,
    "activation.failed": _failed,
    "erase.removed": _erased,
    "erase.kept": _erased,
}
EVENT_TYPES = tuple(_CHANGES)
"""The types of events that say something about a device here."""
