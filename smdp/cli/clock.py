"""`smdp clock`: a carrier's clock."""

from datetime import timedelta

from smdp.cli import output, session
from smdp.cli.output import Duration, Json
from smdp.durations import format_duration, parse_duration
from smdp.errors import UsageError
from smdp.model import Clock


def show_(*, json: Json = False) -> None:
    """Show what the carrier's clock says, and how far from the real time that is."""
    _show(session.client().clock(), as_json=json)


def set_(moment: str, /, *, json: Json = False) -> None:
    """Make it another moment; what falls due on the way has happened when this returns.

    Args:
        moment: In ISO 8601 with its time zone, such as 2026-12-01T00:00Z.
    """
    _show(session.client().set_clock(moment), as_json=json)


def advance_(by: Duration, /, *, json: Json = False) -> None:
    """Let time pass at once; what falls due on the way has happened when this returns.

    Args:
        by: How much, such as 3m or 48h.
    """
    try:
        wanted = parse_duration(by)
    except ValueError as error:
        raise UsageError(str(error)) from None
    _show(session.client().advance(wanted), as_json=json)


def freeze_(*, json: Json = False) -> None:
    """Stop the clock where it stands; advance and set still move it."""
    _show(session.client().freeze(), as_json=json)


def real_(*, json: Json = False) -> None:
    """Go by the real time again."""
    _show(session.client().real_clock(), as_json=json)


def _show(clock: Clock, *, as_json: bool) -> None:
    if as_json:
        output.emit(clock)
        return
    away = timedelta(seconds=abs(round(clock.offset)))
    direction = "ahead" if clock.offset > 0 else "behind"
    how = "frozen" if clock.frozen else f"{format_duration(away)} {direction}" if away else "the real time"
    output.say(f"{output.when(clock.now)}, {how}")
