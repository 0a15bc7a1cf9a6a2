"""`smdp profile`: issue eSIM profiles, look at them, wait for them, hold, release and revoke them."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from smdp.cli import orders, output, session
from smdp.cli.output import Duration, Json
from smdp.client import Client
from smdp.errors import NotReached, SmdpError, UsageError
from smdp.model import Profile

_HELD = ("allocated", "linked", "confirmed")
_ENDED = ("available", "error", "unavailable")


def issue_(
    eid: str | None = None,
    /,
    *,
    plan: str | None = None,
    count: Annotated[int | None, Parameter(show_default=False)] = None,
    from_: Annotated[Path | None, Parameter(name="--from")] = None,
    matching_id: str | None = None,
    imei: str | None = None,
    confirmation_code: str | None = None,
    expires: Duration | None = None,
    hold: bool = False,
    json: Json = False,
) -> None:
    """Issue a one-time profile: for an EID, or for whoever comes first with its activation code.

    The file of --from has an EID per line, or names its columns in the first:
    eid, plan, iccid, imei, matching_id, confirmation_code, expires.

    Args:
        eid: The device's EID, 32 digits.
        plan: The plan; a fresh carrier has the plan "default".
        count: Issue so many profiles without EID.
        from_: Issue a profile per line of this CSV file; - is stdin.
        matching_id: The code's MatchingID; made up if not given.
        imei: Only the device with this IMEI may have it.
        confirmation_code: The user has to enter this code.
        expires: Not after this time, such as 48h.
        hold: Do not let it be downloaded before it is released.
    """
    if (eid is not None) + (count is not None) + (from_ is not None) > 1:
        raise UsageError("Give an EID, --count or --from, only one of them.")
    if count is not None and count < 1:
        raise UsageError(f"--count is {count}, but it wants at least 1.")
    orders.check_duration("--expires", expires)
    order: dict[str, Any] = {
        "plan": plan, "matching_id": matching_id, "imei": imei, "confirmation_code": confirmation_code,
        "expires": expires, "hold": hold or None,
    }  # fmt: skip
    if from_ is not None:
        rows = orders.read(from_)
        _print_issued(orders.issue_rows(session.client(), rows, order), as_json=json)
    elif count is not None:
        _print_issued(orders.issue_count(session.client(), count, order), as_json=json)
    else:
        wanted = session.eid(eid) if eid is not None else None
        profile = session.client().issue(wanted, **order)
        if json:
            output.emit(profile)
        else:
            _print_one_issued(profile)


def list_(
    *,
    eid: str | None = None,
    state: str | None = None,
    activation: str | None = None,
    plan: str | None = None,
    q: str | None = None,
    json: Json = False,
) -> None:
    """List profiles, in the order in which they were issued.

    Args:
        eid: Only those of this EID.
        state: Only those in this state, such as released, downloaded, installed.
        activation: Only those whose plan is inactive, pending, active, failed, suspended or terminated.
        plan: Only those of this plan.
        q: Only those with this in their ICCID, EID, IMSI, number or MatchingID.
    """
    wanted = session.eid(eid) if eid is not None else None
    found = session.client().profiles(eid=wanted, state=state, activation=activation, plan=plan, q=q)
    if json:
        output.emit(found)
    elif found:
        rows = [(p.iccid, p.eid or "any", state_of(p), p.plan) for p in found]
        output.table(("ICCID", "EID", "STATE", "PLAN"), rows)
    else:
        output.talk("No profiles.")


def show_(name: str, /, *, credentials: bool = False, json: Json = False) -> None:
    """Show a profile, with what devices, MDM servers and LPAs need to fetch it, if they still can.

    Args:
        name: An ICCID or an EID.
        credentials: Show its keys, PINs and PUKs too (they are for your own HSS).
    """
    server = session.client()
    found = session.profiles(server, name)
    if credentials:
        found = [server.profile(profile.iccid, credentials=True) for profile in found]
    if json:
        output.emit(found[0] if len(found) == 1 else found)
        return
    for number, profile in enumerate(found):
        if number:
            output.say()
        _print_profile(profile)


def wait_(name: str, goal: Literal["installed", "active"], /, *, within: Duration = "3m", json: Json = False) -> None:
    """Wait until a profile is installed, or its plan active; says so at once if it already is.

    Exit codes: 0 reached, 1 refused or failed, 4 timed out.

    Args:
        name: An ICCID or an EID.
        goal: What to wait for.
        within: How long, of real time: 90s, 3m.
    """
    orders.check_duration("--within", within)
    which = session.filters(name)
    server = session.client()
    # The newest event first, then the state: what happens in between is found by the wait.
    after = max((event.id for event in server.events(**which)), default=0)
    profile = _newest(server, which)
    if profile is not None:
        _fail_if_impossible(profile, goal)
    if profile is None or not _reached(profile, goal):
        event_type = "profile.installed" if goal == "installed" else "activation.active"
        server.wait(event_type, after=after, within=within, eid=which.get("eid"), iccid=which.get("iccid"))
        profile = _newest(server, which)
    if json:
        output.emit(profile)
    else:
        output.say(f"{profile.iccid if profile else name} is {goal}")


def hold_(name: str, /, *, json: Json = False) -> None:
    """Keep a released profile back.

    Args:
        name: An ICCID or an EID.
    """
    server = session.client()
    _print_changed(server.hold(session.one_profile(server, name, ("released",)).iccid), as_json=json)


def release_(name: str, /, *, json: Json = False) -> None:
    """Let a profile be downloaded that was held back.

    Args:
        name: An ICCID or an EID.
    """
    server = session.client()
    _print_changed(server.release(session.one_profile(server, name, _HELD).iccid), as_json=json)


def revoke_(name: str, /, *, json: Json = False) -> None:
    """End a profile's order: nobody gets it any more.

    Args:
        name: An ICCID or an EID.
    """
    server = session.client()
    profile = session.one_profile(server, name, (*_HELD, "released"))
    server.revoke(profile.iccid)
    _print_changed(server.profile(profile.iccid), as_json=json)


def reissue_(name: str, /, *, eid: str | None = None, json: Json = False) -> None:
    """Issue a profile in the place of another one: new ICCID, same plan and number.

    The old profile is of no use any more, and its line is terminated.

    Args:
        name: An ICCID or an EID.
        eid: The device that the new profile is for, if it is another one.
    """
    server = session.client()
    wanted = session.eid(eid) if eid is not None else None
    old = session.one_profile(server, name, (*_HELD, "released", "downloaded", "installed", "error"))
    new = server.reissue(old.iccid, eid=wanted)
    if json:
        output.emit(new)
        return
    output.say(f"{old.iccid} is terminated")
    _print_one_issued(new)


def offer_(name: str, /, *, json: Json = False) -> None:
    """Tell a profile's device that its plan is ready to be installed.

    Args:
        name: An ICCID or an EID.
    """
    server = session.client()
    profile = server.offer(session.one_profile(server, name, ("released",)).iccid)
    if json:
        output.emit(profile)
    else:
        output.say(f"{profile.iccid} is offered to {profile.eid}")


# --- waiting


def _newest(server: Client, which: dict[str, str]) -> Profile | None:
    if "iccid" in which:
        return server.profile(which["iccid"])
    return max(server.profiles(eid=which["eid"]), key=lambda profile: profile.created_at, default=None)


def _reached(profile: Profile, goal: str) -> bool:
    return profile.state == "installed" if goal == "installed" else profile.activation.state == "active"


def _fail_if_impossible(profile: Profile, goal: str) -> None:
    if profile.state in _ENDED:
        raise NotReached(f"{profile.iccid} will not be {goal}: it is {profile.state}; issue another one.")
    if profile.runtime == "deleted":
        fix = f"smdp profile reissue {profile.iccid} gives it another one."
        raise NotReached(f"{profile.iccid} will not be {goal} again: it was deleted on its device; {fix}")
    if goal == "active" and profile.activation.state in ("failed", "suspended", "terminated"):
        reason = f" ({profile.activation.reason})" if profile.activation.reason else ""
        raise NotReached(f"{profile.iccid} is not active: its activation is {profile.activation.state}{reason}.")


# --- printing


def state_of(profile: Profile) -> str:
    """Say in two words where a profile stands."""
    if profile.runtime == "deleted":
        return "deleted"
    return profile.state if profile.activation.state == "inactive" else f"{profile.state} {profile.activation.state}"


def _print_changed(profile: Profile, *, as_json: bool) -> None:
    if as_json:
        output.emit(profile)
    else:
        held = "on hold: " if profile.state in _HELD else ""
        output.say(f"{profile.iccid} is {held}{profile.state}")


def _print_issued(issued: list[Profile], *, as_json: bool) -> None:
    if as_json:
        output.emit(issued)
        return
    rows = [(p.iccid, p.eid or "any", p.matching_id) for p in issued]
    output.table(("ICCID", "EID", "MATCHING ID"), rows)
    _warn(issued)


def _print_one_issued(profile: Profile) -> None:
    whom = f"EID {profile.eid}" if profile.eid else "whoever comes first"
    output.say(f"issued {profile.iccid} for {whom}")
    output.facts(
        [
            ("plan", profile.plan),
            ("state", profile.state),
            ("refresh URL", profile.esim_server_url),
            ("activation code", profile.activation_code),
        ]
    )
    _warn([profile])
    if profile.eid:
        output.talk(f"next: smdp profile wait {profile.eid} active")


def _warn(profiles: list[Profile]) -> None:
    for profile in profiles:
        for warning in profile.warnings:
            output.talk(f"{profile.iccid}: {warning}")


def _print_profile(profile: Profile) -> None:
    output.say(f"{profile.iccid}  {state_of(profile)}")
    reason = f" ({profile.activation.reason})" if profile.activation.reason else ""
    output.facts(
        [
            ("EID", profile.eid or "any"),
            ("IMEI", profile.imei),
            ("plan", profile.plan),
            ("number", profile.msisdn),
            ("IMSI", profile.imsi),
            ("issued", output.when(profile.created_at)),
            ("expires", output.when(profile.expires_at) if profile.expires_at else None),
            ("consumed", output.consumed(profile)),
            ("activation", f"{profile.activation.state}{reason} since {output.when(profile.activation.since)}"),
            ("confirm code", "asked for" if profile.confirmation_code_required else None),
        ]
    )
    _warn([profile])
    if profile.credentials is not None:
        secrets = {name: getattr(profile.credentials, name) for name in profile.credentials.__struct_fields__}
        output.facts([(name.upper(), value) for name, value in secrets.items()])
    if not profile.consumed and profile.state not in _ENDED:
        _print_ways(profile)


def _print_ways(profile: Profile) -> None:
    """Say how devices, MDM servers and LPAs fetch a profile that can still be had."""
    code = profile.activation_code
    confirm = " -c CODE" if profile.confirmation_code_required else ""
    output.say()
    output.say("MDM   RefreshCellularPlans with eSIMServerURL")
    output.say(f"      {profile.esim_server_url}")
    output.say(f"lpac profile download -a '{code}'{confirm}")
    output.say(f"QR    {code}")
    _print_qr(code)


def _print_qr(code: str) -> None:
    import segno

    try:
        segno.make(code, micro=False).terminal(compact=True, border=2)
    except ValueError as error:
        raise SmdpError(f"The activation code does not fit into a QR code: {error}.") from None
