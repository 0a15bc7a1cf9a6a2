"""`smdp session`: RSP sessions, as the carrier saw them."""

from typing import Any

from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.model import Session

_DIGITS = 8


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
    """Show a session: its steps, and why it was refused if it was.

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
    """Print a session with its messages as one JSON document.

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
    for step in one.steps:
        output.say(f"  {output.mark(_went_well(one, step.name))} {step.name:<24} {step.ms:>8.1f} ms")
    if one.refusal is not None:
        output.say(output.wrapped(f"{one.refusal.check}: {one.refusal.because}"))
        output.say(f"Fix: {one.refusal.fix}")


def _went_well(one: Session, step: str) -> bool:
    """Say whether a step was answered: a refusal ends a session, so it is the last step's."""
    return one.refusal is None or step != one.steps[-1].name
