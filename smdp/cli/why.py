"""`smdp why`: the answer that a carrier's support would give."""

from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.model import EidReport, Profile

_BEFORE_RELEASE = ("available", "allocated", "linked", "confirmed")
_SEP = "  "
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
    return 0 if report.next or any(profile.activation.state == "active" for profile in report.profiles) else 1


def _print(report: EidReport) -> None:
    profile = _about(report)
    output.say(f"EID {report.eid}" + ("" if report.valid else "  (its check digits are wrong)"))
    for ok, name, text in _lines(profile) if profile else [_not_ordered(report)]:
        output.say(f"  {output.mark(ok)} {name:<11} {text}".rstrip())
    others = len(report.profiles) - 1
    if others > 0:
        output.say(f"    and {others} other profile{'s' * (others > 1)}: smdp profile list --eid {report.eid}")
    output.say()
    if report.because:
        output.say(report.because)
    if report.nearest is not None:
        output.say("Nearest EID with an order:")
        output.say(f"  {report.nearest.eid}  ICCID {report.nearest.iccid}")
        output.say(
            "  " + "".join("^" if place in report.nearest.differs_at else " " for place in range(len(report.eid)))
        )
    if report.fix:
        output.say(f"Fix: {report.fix}")
    output.say(f"Last seen: {output.when(report.last_seen)}")


def _about(report: EidReport) -> Profile | None:
    """Choose the profile to tell about: the one it would get now, else the newest."""
    for profile in report.profiles:
        if profile.iccid == report.next:
            return profile
    return max(report.profiles, key=lambda profile: profile.created_at, default=None)


def _not_ordered(report: EidReport) -> Line:
    return False, "ordered", "a profile without EID is waiting" if report.next else "nothing for this EID"


def _lines(profile: Profile) -> list[Line]:
    """Answer the five questions in the order in which they come true; what waits for another is neither yes nor no."""
    handed_out = profile.consumed or profile.state in ("downloaded", "installed")
    installed = profile.state == "installed"
    activation = profile.activation
    deleted = ", deleted since" if profile.runtime == "deleted" else f", {profile.runtime}" if profile.runtime else ""
    ordered: Line = (True, "ordered", f"{profile.iccid}, plan {profile.plan}, {output.when(profile.created_at)}")
    if profile.state in ("error", "unavailable") and not handed_out:
        return [ordered, (False, "released", f"the order has ended: {profile.state}")]
    held = profile.state in _BEFORE_RELEASE
    lines: list[Line] = [ordered, (not held, "released", f"on hold ({profile.state})" if held else "")]
    downloaded = f"{output.when(profile.consumed_at)} by {profile.consumed_by}" if profile.consumed else ""
    lines.append((handed_out or None, "downloaded", downloaded))
    if profile.state == "error":
        lines.append((False, "installed", "the device reported an error"))
    else:
        lines.append((installed or None, "installed", f"reported by the device{deleted}" if installed else ""))
    active = {"active": True, "inactive": None, "pending": None}.get(activation.state, False)
    reason = f": {activation.reason}" if activation.reason else ""
    since = f", since {output.when(activation.since)}" if activation.state != "inactive" else ""
    lines.append((active, "active", "" if activation.state == "inactive" else f"{activation.state}{reason}{since}"))
    return lines
