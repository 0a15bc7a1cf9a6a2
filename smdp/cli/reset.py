"""`smdp reset`: an empty carrier, for the next test."""

from smdp.cli import output, session
from smdp.cli.output import Json


def reset(*, json: Json = False) -> None:
    """Empty the carrier: profiles, sessions, hosted devices, faults; the clock is real.

    Its settings, plans, snapshots and events stay.
    """
    server = session.client()
    removed = server.reset()
    if json:
        output.emit(removed)
        return
    counts = f"{removed.profiles} profiles, {removed.devices} devices and {removed.sessions} sessions are gone"
    output.say(f"{server.carrier} is empty: {counts}")
