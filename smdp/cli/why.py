"""`smdp why`: the answer that a carrier's support would give."""

from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.model import EidReport, Profile

_HELD = ("allocated", "linked", "confirmed")
_ENDED = ("available", "error", "unavailable")
Line = tuple[bool | None, str, str]


def why(eid: str, /, *, json: Json = False) -> int:
    """Say why a device has, or has not got, its plan: ordered? released? downloaded? installed? active?

    Exit codes: 0 it has a working plan or would get one now, 1 it would not.

    Args:
        eid: The device's EID, 32 digits.
    """
    report = session.client().why(session.eid(eid))
    if json:
        output.emit(report)
    else:
        _print(report)
    return 0 if report.next or any(_works(profile) for profile in report.profiles) else 1


def _print(report: EidReport) -> None:
    profile = _about(report)
    output.say(f"EID {report.eid}" + ("" if report.valid else "  (its check digits are wrong)"))
    for ok, name, text in _lines(profile, report) if profile else [_not_ordered(report)]:
        output.say(f"  {output.mark(ok)} {name:<11} {text}".rstrip())
    if len(report.profiles) > 1:
        output.say(f"    and {len(report.profiles) - 1} more: smdp profile list --eid {report.eid}")
    output.say()
    if report.because:
        output.say(output.wrapped(report.because))
    if report.nearest is not None:
        output.say("Nearest EID with an order:")
        output.say(f"  {report.nearest.eid}  ICCID {report.nearest.iccid}")
        output.say(
            "  " + "".join("^" if place in report.nearest.differs_at else " " for place in range(len(report.eid)))
        )
    if report.fix:
        output.say(f"Fix: {report.fix}")
    output.say(f"Last seen: {output.when(report.last_seen)}")


def _works(profile: Profile) -> bool:
    return profile.state == "installed" and profile.runtime != "deleted" and profile.activation.state == "active"


def _about(report: EidReport) -> Profile | None:
    """Choose the profile to tell about: the one it would get now, else what it has, else the newest."""
    for profile in report.profiles:
        if profile.iccid == report.next:
            return profile
    installed = [profile for profile in report.profiles if profile.state == "installed"]
    return max(installed or report.profiles, key=lambda profile: profile.created_at, default=None)


def _not_ordered(report: EidReport) -> Line:
    return False, "ordered", "a profile without EID is waiting" if report.next else "nothing for this EID"


def _lines(profile: Profile, report: EidReport) -> list[Line]:
    """Answer the five questions in the order in which they come true; what waits for another is neither yes nor no."""
    ordered: Line = (True, "ordered", f"{profile.iccid}, plan {profile.plan}, {output.when(profile.created_at)}")
    if profile.state in _ENDED and not profile.consumed:
        return [ordered, (False, "released", f"the order has ended: {profile.state}")]
    held = profile.state in _HELD
    released: Line = (not held, "released", f"on hold: {profile.state}" if held else "")
    return [ordered, released, _downloaded(profile, report), _installed(profile), _active(profile)]


def _downloaded(profile: Profile, report: EidReport) -> Line:
    if profile.consumed or profile.state in ("downloaded", "installed"):
        return True, "downloaded", output.consumed(profile) if profile.consumed else ""
    blocked = profile.state == "released" and report.next != profile.iccid
    return (False, "downloaded", report.reason or "") if blocked else (None, "downloaded", "")


def _installed(profile: Profile) -> Line:
    if profile.state in _ENDED:
        return False, "installed", f"the order has ended: {profile.state}"
    if profile.state != "installed":
        return None, "installed", ""
    runtime = f"; now {profile.runtime}" if profile.runtime else ""
    return profile.runtime != "deleted", "installed", f"reported by the device{runtime}"


def _active(profile: Profile) -> Line:
    activation = profile.activation
    if activation.state == "inactive":
        return None, "active", ""
    reason = f": {activation.reason}" if activation.reason else ""
    mark = {"active": True, "pending": None}.get(activation.state, False)
    return mark, "active", f"{activation.state}{reason}, since {output.when(activation.since)}"
