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
    profiles, devices, sessions = (
        output.counted(getattr(removed, f"{what}s"), what) for what in ("profile", "device", "session")
    )
    output.say(f"{server.carrier} is empty; gone: {profiles}, {devices}, {sessions}")
