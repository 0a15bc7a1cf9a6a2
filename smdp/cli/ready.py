"""`smdp ready` as the help shows it, and where global flags come first."""

from smdp.cli import fast, session
from smdp.cli.output import Duration


def ready(*, wait: Duration | None = None) -> int:
    """Say by the exit code whether the server is ready to answer devices.

    Exit codes: 0 ready, 1 not yet, 3 nobody answers, 4 not within --wait.

    Args:
        wait: Wait so long for it, such as 30s.
    """
    return fast.ready(wait=wait, url=session.chosen_url())
