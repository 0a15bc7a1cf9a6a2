"""`smdp events`: the carrier's one timeline."""

from typing import Annotated

from cyclopts import Parameter

from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.errors import UsageError


def events(
    *,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"))] = False,
    eid: str | None = None,
    iccid: str | None = None,
    rsp_session: Annotated[str | None, Parameter(name="--session")] = None,
    type_: Annotated[str | None, Parameter(name="--type")] = None,
    after: int | None = None,
    json: Json = False,
) -> None:
    """Print what happened, oldest first; with --json one object per line, with the sentences that explain it.

    Args:
        follow: Go on with what happens, until Ctrl-C.
        eid: Only what concerns this EID.
        iccid: Only what concerns this profile.
        rsp_session: Only what concerns this RSP session; its whole id.
        type_: Only this type, such as profile.consumed, or several with commas between.
        after: Only what came after this event id.
    """
    if after is not None and after < 0:
        raise UsageError(f"--after is {after}, but event ids start at 1.")
    filters: dict[str, str | None] = {
        "eid": None if eid is None else session.eid(eid),
        "iccid": None if iccid is None else session.iccid(iccid),
        "session": rsp_session and rsp_session.upper(),
        "type": type_,
    }
    server = session.client()
    for event in (server.follow if follow else server.events)(after=after, **filters):
        if json:
            output.emit_line(event)
        else:
            output.say_now(str(event))
