"""`smdp session`: RSP sessions, as the carrier saw them."""

from typing import Any

from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.model import Session, Step

_DIGITS = 8
_INDENT = 12
_ERROR = ("pendingNotification", "profileInstallationResultData", "finalResult", "errorResult")
_VERDICTS = {
    "open": "The session is open: its next step has not come.",
    "downloaded": "The package went out; what the device made of it has not come.",
    "installed": "The profile is installed.",
    "refused": "The session was refused.",
    "cancelled": "The session was cancelled.",
    "expired": "The session took too long: its next step never came.",
}


def list_(*, eid: str | None = None, iccid: str | None = None, outcome: str | None = None, json: Json = False) -> None:
    """List the RSP sessions, newest first.

    Args:
        eid: Only those of this EID.
        iccid: Only those about this profile.
        outcome: Only those that are open, downloaded, installed, failed, refused, cancelled or expired.
    """
    which = {
        "eid": session.eid(eid) if eid is not None else None,
        "iccid": session.iccid(iccid) if iccid is not None else None,
        "outcome": outcome,
    }
    found = session.client().sessions(**which)
    if json:
        output.emit(found)
    elif found:
        rows = [
            (one.id[:_DIGITS], output.when(one.opened_at), one.eid or "not known yet", _ending(one)) for one in found
        ]
        output.table(("SESSION", "OPENED", "EID", "OUTCOME"), rows)
    else:
        output.talk("No sessions.")


def show_(name: str, /, *, raw: bool = False, json: Json = False) -> None:
    """Show a session: how it went and why, and what the server checked at each step.

    Args:
        name: The session's id, or the first digits of it, as the log shows them.
        raw: Its messages as they were, in base64, as JSON.
    """
    server = session.client()
    if raw:
        output.emit(server.raw_session(name))
        return
    found = server.session(name)
    if json:
        output.emit(found)
    else:
        _print(found)


def export_(name: str, /) -> None:
    """Print a session as one JSON document: decoded, with the checks, and the messages as they were.

    Args:
        name: The session's id, or the first digits of it.
    """
    server = session.client()
    found = server.session(name)
    raw = server.raw_session(found.id)
    document: dict[str, Any] = {"session": found, **{part: raw[part] for part in ("messages", "notifications")}}
    output.emit(document)


def _ending(one: Session) -> str:
    return f"{one.outcome} {one.refusal.code} {one.refusal.reason}" if one.refusal else one.outcome


def _print(one: Session) -> None:
    output.say(f"{one.id}  {_ending(one)}")
    output.facts([("EID", one.eid), ("ICCID", one.iccid), ("opened", output.when(one.opened_at))])
    output.say(output.wrapped(_verdict(one)))
    if one.refusal is not None:
        output.say(f"Fix: {output.wrapped(one.refusal.fix, len('Fix: '))}")
    for step in one.steps:
        output.say()
        took = "" if step.ms is None else f"{step.ms:.1f} ms"
        output.say(f"{output.mark(_went_well(step))} {step.name:<24} {took:>10}".rstrip())
        for check in step.checks:
            text = output.wrapped(f"{check.field}: {check.text}", _INDENT)
            output.say(f"  {output.mark(check.ok)} {check.id:<7} {text}")


def _verdict(one: Session) -> str:
    """Say in a sentence how a session went."""
    if one.refusal is not None:
        return f"{one.refusal.check}: {one.refusal.because}"
    if one.outcome == "failed":
        return f"The device could not install the profile{_error(one.steps)}."
    return _VERDICTS[one.outcome]


def _error(steps: list[Step]) -> str:
    """Find what the eUICC said went wrong, in the installation's result."""
    for step in reversed(steps):
        found: Any = step.request
        for member in _ERROR:
            found = found.get(member) if isinstance(found, dict) else None
        if isinstance(found, dict):
            return f": {found.get('errorReason')} at {found.get('bppCommandId')}"
    return ""


def _went_well(step: Step) -> bool | None:
    """Say whether a step was answered; of some notifications it isn't known any more."""
    return all(check.ok for check in step.checks) if step.checks else None
